// SPDX-License-Identifier: Apache-2.0
/* Events: numbered without gaps, the last ones kept, and nobody floods the others. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/events.h"

static struct event got[EVENTS_KEPT + 10];

static size_t read_after(uint64_t after)
{
	return events_read(after, got, ARRAY_SIZE(got), clock_now_ms());
}

static void test_order(void **state)
{
	uint64_t first = events_last();

	(void)state;
	event_post(EVENT_PORT_UP, "br0", "p1", "port %s has a link", "p1");
	event_post(EVENT_MAC_MOVED, "br0", NULL, "a\nb \xff");
	assert_int_equal(read_after(first), 2);
	assert_int_equal(got[0].seq, first + 1);
	assert_string_equal(got[0].text, "port p1 has a link");
	assert_string_equal(got[0].bridge, "br0");
	assert_string_equal(event_kind_name(got[0].kind), "port-up");
	assert_int_equal(got[1].seq, first + 2);
	assert_string_equal(got[1].port, "");
	assert_null(strchr(got[1].text, '\n'));
	assert_null(strchr(got[1].text, '\xff'));
	assert_true(got[1].wall_ms >= got[0].wall_ms);
	assert_int_equal(read_after(first + 1), 1);
	assert_int_equal(read_after(first + 2), 0);
	assert_int_equal(events_read(first, got, 1, 0), 1);
	assert_int_equal(got[0].seq, first + 1);
}

/* Many of one kind on one port: five are told, and then how many were not; other ports are told all the while. */
static void test_flood(void **state)
{
	uint64_t first = events_last();

	(void)state;
	for (int i = 0; i < 1000; i++)
		event_post(EVENT_MAC_MOVED, "br0", "p9", "move %d", i);
	event_post(EVENT_MAC_MOVED, "br0", "p8", "another port");
	event_post(EVENT_PORT_DOWN, "br0", "p9", "another kind");
	assert_int_equal(read_after(first), EVENTS_BURST + 2);
	assert_string_equal(got[EVENTS_BURST].text, "another port");
	assert_true(events_held_back());
	clock_warp(EVENTS_WINDOW_MS);
	assert_int_equal(read_after(first), EVENTS_BURST + 3);
	assert_string_equal(got[EVENTS_BURST + 2].text, "995 more mac-moved events on port p9 within 10 s");
	assert_int_equal(got[EVENTS_BURST + 2].kind, EVENT_MAC_MOVED);
	assert_false(events_held_back());
	event_post(EVENT_MAC_MOVED, "br0", "p9", "again");
	assert_int_equal(read_after(first), EVENTS_BURST + 4);
}

static atomic_uint n_told;

static void told(void)
{
	atomic_fetch_add(&n_told, 1);
}

static void *poster(void *aux)
{
	char port[16];

	for (int i = 0; i < 500; i++) {
		snprintf(port, sizeof port, "%s%d", (const char *)aux, i);
		event_post(EVENT_OTHER, "br0", port, "event of %s", port);
	}
	return NULL;
}

/* More than are kept, from several threads: the newest stay, in order. */
static void test_ring(void **state)
{
	static char names[][2] = {"a", "b", "c", "d"};
	pthread_t threads[ARRAY_SIZE(names)];
	uint64_t first = events_last();
	size_t n;

	(void)state;
	events_set_listener(told);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, poster, names[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		pthread_join(threads[i], NULL);
	events_set_listener(NULL);
	assert_int_equal(n_told, 2000);
	assert_int_equal(events_last(), first + 2000);
	n = read_after(first);
	assert_int_equal(n, EVENTS_KEPT);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(got[i].seq, first + 2000 - EVENTS_KEPT + 1 + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_ring),
	};

	clock_stop();
	log_set_level(NULL, LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
