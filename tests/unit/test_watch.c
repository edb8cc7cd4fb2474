// SPDX-License-Identifier: Apache-2.0
/* The ring of captured packets: in order, whole, bounded; packets beyond the budget are counted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <urcu.h>

#include "base/util.h"
#include "os/pcap_filter.h"
#include "switchd/datapath/watch.h"

#define PLENTY UINT32_MAX

static uint8_t bytes[WATCH_MAX_LEN + 100];

struct seen {
	size_t n, n_bytes;
	uint64_t last_flow;
	bool in_order, intact;
};

static void see(void *aux, const struct sight *s)
{
	struct seen *seen = aux;

	seen->in_order = seen->in_order && s->flow_id > seen->last_flow;
	seen->last_flow = s->flow_id;
	for (size_t i = 0; i < s->n_bytes; i++)
		seen->intact = seen->intact && s->bytes[i] == (uint8_t)s->flow_id;
	seen->n++;
	seen->n_bytes += s->n_bytes;
}

static struct seen read_all(void)
{
	struct seen seen = {.in_order = true, .intact = true};

	watch_read(see, &seen);
	return seen;
}

static void put(uint64_t flow_id, uint32_t len)
{
	memset(bytes, (int)(uint8_t)flow_id, MIN(len, sizeof bytes));
	watch_put(&(struct sight){.flow_id = flow_id, .len = len}, bytes);
}

/* Many times around, with sizes that end everywhere. */
static void test_around(void **state)
{
	uint64_t id = 0;

	(void)state;
	for (int round = 0; round < 400; round++) {
		size_t n = 1 + (size_t)round % 40, n_bytes = 0;
		struct seen seen;

		for (size_t i = 0; i < n; i++) {
			uint32_t len = (uint32_t)((id * 7919) % 65000);

			put(++id, len);
			n_bytes += len;
		}
		seen = read_all();
		assert_int_equal(seen.n, n);
		assert_int_equal(seen.n_bytes, n_bytes);
		assert_true(seen.in_order);
		assert_true(seen.intact);
	}
}

/* The first that is still being filled holds up those behind it; one that was nothing is not seen. */
static void test_commit(void **state)
{
	struct sight *first = watch_reserve(10), *second = watch_reserve(20);

	(void)state;
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(second->len, 20);
	watch_commit(second, true);
	assert_int_equal(read_all().n, 0);
	watch_commit(first, false);
	assert_int_equal(read_all().n, 1);
}

static void test_full(void **state)
{
	struct watch_counts before, after;
	size_t n;

	(void)state;
	watch_get_counts(&before);
	for (uint64_t i = 1; i <= 1000; i++)
		put(i, 60000);
	watch_get_counts(&after);
	n = read_all().n;
	assert_in_range(n, 60, 70);
	assert_int_equal(after.n_lost - before.n_lost, 1000 - n);
	put(1, 10);
	assert_int_equal(read_all().n, 1);
}

static void test_cut(void **state)
{
	struct seen seen;

	(void)state;
	watch_set_len(100);
	put(1, 5000);
	seen = read_all();
	assert_int_equal(seen.n_bytes, 100);
	watch_set_len(UINT32_MAX);
	put(1, WATCH_MAX_LEN + 50);
	assert_int_equal(read_all().n_bytes, WATCH_MAX_LEN);
}

static void test_budget(void **state)
{
	struct watch_counts before, after;
	uint64_t n_put = 0;
	size_t n = 0;

	(void)state;
	watch_get_counts(&before);
	watch_set_budget(4 * WATCH_COST(100));
	/* The window that is under way may have been spent already. */
	while (!n) {
		put(++n_put, 100);
		n = read_all().n;
	}
	for (int i = 0; i < 100000; i++)
		put(++n_put, 100);
	n += read_all().n;
	watch_get_counts(&after);
	watch_set_budget(PLENTY);
	/* Four in each window, however many the loop took. */
	assert_true(n >= 4 && n < n_put);
	assert_int_equal(after.n_unwatched - before.n_unwatched, n_put - n);
}

/* A frame passes when one of the filters of its port wants it, or when the port has none; the others are counted. */
static void test_filters(void **state)
{
	static const uint8_t frame[100] = {[12] = 0x08};
	struct pcap_filter small, ip;
	struct watch_counts before, after;
	struct errtext err;

	(void)state;
	assert_int_equal(pcap_filter_compile(&small, "less 60", &err), 0);
	assert_int_equal(pcap_filter_compile(&ip, "ip", &err), 0);
	watch_set_filter(3, &small);
	watch_set_filter(15, &ip);
	watch_get_counts(&before);
	assert_true(watch_wants(WATCH_IN, frame, 100));
	assert_true(watch_wants(WATCH_IN | WATCH_FILTER(3), frame, 60));
	assert_false(watch_wants(WATCH_IN | WATCH_FILTER(3), frame, 100));
	assert_true(watch_wants(WATCH_IN | WATCH_FILTER(3) | WATCH_FILTER(15), frame, 100));
	assert_false(watch_wants(WATCH_IN | WATCH_FILTER(7), frame, 100));
	watch_get_counts(&after);
	assert_int_equal(after.n_unmatched - before.n_unmatched, 2);
	/* What may take no time is not looked at. */
	watch_set_ns(0);
	assert_false(watch_wants(WATCH_IN | WATCH_FILTER(15), frame, 100));
	watch_set_ns(UINT32_MAX);
	watch_get_counts(&after);
	assert_int_equal(after.n_unwatched - before.n_unwatched, 1);
	watch_set_filter(3, NULL);
	watch_set_filter(15, NULL);
	pcap_filter_fini(&small);
	pcap_filter_fini(&ip);
}

static atomic_bool stop;

static void *writer(void *aux)
{
	uint8_t mark = (uint8_t)(uintptr_t)aux;
	uint8_t own[2000];

	memset(own, mark, sizeof own);
	for (uint32_t i = 0; !atomic_load(&stop); i++)
		watch_put(&(struct sight){.flow_id = mark, .len = i % sizeof own}, own);
	return NULL;
}

/* Several write, one reads: every packet is whole. */
static void test_threads(void **state)
{
	struct seen seen = {.intact = true};
	pthread_t threads[3];

	(void)state;
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writer, (void *)(i + 1)), 0);
	while (seen.n < 200000)
		watch_read(see, &seen);
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	watch_read(see, &seen);
	assert_true(seen.intact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_around),	cmocka_unit_test(test_commit), cmocka_unit_test(test_full),
		cmocka_unit_test(test_cut),	cmocka_unit_test(test_budget), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_filters),
	};

	int failed;

	if (watch_start())
		return 1;
	rcu_register_thread();
	watch_set_budget(PLENTY);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
