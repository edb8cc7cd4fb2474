// SPDX-License-Identifier: Apache-2.0
/* The shaper and the line it stands in, by a clock that the test moves: rates, shares, priorities, full queues, stages in a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "switchd/datapath/egress.h"
#include "switchd/datapath/shaper.h"

enum { LEN = 1250, MS = 1000000 }; /* 10,000 bits a frame */
#define MBIT 1000000ull

static struct egress line;
static uint64_t now_ns;
static unsigned int n_sent[16], n_lost;
static uint32_t order[64];
static unsigned int n_order;

static void on_send(void *aux, struct egress_packet *list)
{
	(void)aux;
	while (list) {
		struct egress_packet *next = list->next;
		uint32_t queue = list->packet.skb_priority ? (list->packet.skb_priority & 0xffff) - 1 : 0;

		n_sent[queue]++;
		if (n_order < ARRAY_SIZE(order))
			order[n_order++] = queue;
		egress_packet_free(list);
		list = next;
	}
}

static void on_wake(void *aux, uint64_t due_ns)
{
	(void)aux;
	assert_true(due_ns != EGRESS_NEVER);
}

static void on_lost(void *aux, const struct egress_packet *p)
{
	(void)aux;
	(void)p;
	n_lost++;
}

static const struct egress_driver driver = {on_send, on_wake, on_lost};

static int setup(void **state)
{
	(void)state;
	now_ns = 5000ull * MS;
	memset(n_sent, 0, sizeof n_sent);
	n_lost = n_order = 0;
	egress_init(&line, &driver, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	egress_fini(&line);
	return 0;
}

static bool put(uint32_t queue)
{
	static uint8_t bytes[LEN];
	struct packet p = {.data = bytes, .len = LEN, .l4_ofs = PACKET_OFS_NONE, .skb_priority = 0x10000 | (queue + 1)};

	return egress_put(&line, &p, now_ns) == DROP_NONE;
}

/* Keeps the queues full for so many milliseconds. */
static void offer(const uint32_t *queues, size_t n, unsigned int ms)
{
	while (ms--) {
		for (size_t i = 0; i < n; i++)
			while (put(queues[i]))
				;
		now_ns += MS;
		egress_run(&line, now_ns);
	}
}

static void shape(uint64_t max_rate, const struct shaper_queue_config *queues, size_t n)
{
	egress_set(&line, EGRESS_SHAPER, shaper_new(max_rate, queues, n), now_ns);
}

/* A millisecond or two of burst more is all right. */
static void assert_rate(unsigned int n, uint64_t rate, unsigned int ms)
{
	double expected = (double)rate * ms / 1000 / (LEN * 8);

	assert_in_range(n, (unsigned int)(expected * 0.99),
			(unsigned int)(expected * 1.01) + 3 + (unsigned int)(rate / 200 / 10000));
}

static void test_port_rate(void **state)
{
	static const uint64_t rates[] = {1 * MBIT, 10 * MBIT, 100 * MBIT, 1000 * MBIT};
	const uint32_t zero = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		const struct shaper_queue_config q = {0, 12000, rates[i], 0, 0};

		shape(rates[i], &q, 1);
		n_sent[0] = 0;
		offer(&zero, 1, 2000);
		assert_rate(n_sent[0], rates[i], 2000);
		n_sent[0] = 0;
		egress_set(&line, EGRESS_SHAPER, NULL, now_ns); /* what was left goes at once */
		assert_true(n_sent[0] > 20);
		assert_false(egress_is_active(&line));
	}
}

static void test_max_and_min(void **state)
{
	const struct shaper_queue_config q[] = {
		{0, 1 * MBIT, 100 * MBIT, 0, 0},
		{1, 20 * MBIT, 100 * MBIT, 0, 7}, /* comes last, but is sure of its min */
		{2, 1 * MBIT, 30 * MBIT, 0, 0},	  /* never more than that */
	};
	const uint32_t all[] = {0, 1, 2}, two = 2;

	(void)state;
	shape(100 * MBIT, q, ARRAY_SIZE(q));
	offer(&two, 1, 2000);
	assert_rate(n_sent[2], 30 * MBIT, 2000);
	memset(n_sent, 0, sizeof n_sent);
	offer(all, 3, 2000);
	assert_rate(n_sent[1], 20 * MBIT, 2000);
	assert_rate(n_sent[2], 30 * MBIT, 2000);
	assert_rate(n_sent[0], 50 * MBIT, 2000);
}

static void test_shares(void **state)
{
	const struct shaper_queue_config q[] = {
		{0, 10 * MBIT, 100 * MBIT, 0, 3},
		{1, 30 * MBIT, 100 * MBIT, 0, 3},
	};
	const uint32_t all[] = {0, 1};

	(void)state;
	shape(100 * MBIT, q, ARRAY_SIZE(q));
	offer(all, 2, 2000);
	/* What is left over is shared as the mins are. */
	assert_in_range(n_sent[0], 4850, 5250);
	assert_in_range(n_sent[1], 14750, 15250);
}

static void test_priority(void **state)
{
	const struct shaper_queue_config q[] = {
		{0, 12000, 10 * MBIT, 0, 5},
		{1, 12000, 10 * MBIT, 0, 0},
	};
	unsigned int i;

	(void)state;
	shape(10 * MBIT, q, ARRAY_SIZE(q));
	for (i = 0; i < 20; i++)
		assert_true(put(0));
	for (i = 0; i < 20; i++)
		assert_true(put(1));
	egress_run(&line, now_ns); /* the first of each is below its min */
	for (i = 0; i < 60; i++)
		egress_run(&line, now_ns += MS);
	assert_int_equal(n_order, 40);
	/* But for those the important ones went first. */
	for (i = 4; i < 20; i++)
		assert_int_equal(order[i], 1);
	for (i = 24; i < 40; i++)
		assert_int_equal(order[i], 0);
}

static void test_unknown_queue_and_limit(void **state)
{
	const struct shaper_queue_config q = {0, 12000, 1 * MBIT, 0, 0};
	struct shaper_queue_stats stats;
	struct egress_stage *shaper = shaper_new(1 * MBIT, &q, 1);
	unsigned int n = 0;

	(void)state;
	egress_set(&line, EGRESS_SHAPER, shaper, now_ns);
	while (put(9)) /* there is none: queue 0 */
		n++;
	assert_in_range(n, 100, 300); /* 256 KiB */
	assert_int_equal(egress_put(&line,
				    &(struct packet){.l4_ofs = PACKET_OFS_NONE, .len = LEN, .data = (uint8_t[LEN]){0}},
				    now_ns),
			 DROP_TX_QUEUE_FULL);
	shaper_stats(shaper, 0, &stats);
	assert_int_equal(stats.n_dropped, 2);
	assert_int_equal(stats.n_packets, 0);
	egress_run(&line, now_ns + 10000ull * MS);
	shaper_stats(shaper, 0, &stats);
	assert_true(stats.n_packets > 0 && stats.n_bytes == stats.n_packets * LEN);
}

/* ---- a stage of the test's own: everything 10 ms later ---- */

struct delay {
	struct egress_stage stage;
	struct egress_packet *head, **tail;
	unsigned int n, limit;
};

static enum drop_reason delay_put(struct egress_stage *stage, struct egress_packet *p, uint64_t now)
{
	struct delay *d = container_of(stage, struct delay, stage);

	if (d->n == d->limit)
		return DROP_TX_QUEUE_FULL;
	d->n++;
	p->due_ns = now + 10 * MS;
	p->next = NULL;
	*d->tail = p;
	d->tail = &p->next;
	return DROP_NONE;
}

static struct egress_packet *delay_get(struct egress_stage *stage, uint64_t now)
{
	struct delay *d = container_of(stage, struct delay, stage);
	struct egress_packet *p = d->head;

	if (!p || p->due_ns > now)
		return NULL;
	d->head = p->next;
	if (!d->head)
		d->tail = &d->head;
	d->n--;
	return p;
}

static uint64_t delay_due(const struct egress_stage *stage)
{
	const struct delay *d = container_of(stage, struct delay, stage);

	return d->head ? d->head->due_ns : EGRESS_NEVER;
}

static void delay_free(struct egress_stage *stage)
{
	free(container_of(stage, struct delay, stage));
}

static const struct egress_stage_ops delay_ops = {"delay", delay_put, delay_get, delay_due, delay_free};

static struct egress_stage *delay_new(unsigned int limit)
{
	struct delay *d = xzalloc(sizeof *d);

	d->stage.ops = &delay_ops;
	d->tail = &d->head;
	d->limit = limit;
	return &d->stage;
}

static void test_stages_in_a_row(void **state)
{
	const struct shaper_queue_config q = {0, 12000, 10 * MBIT, 0, 0};

	(void)state;
	egress_set(&line, EGRESS_LINK, delay_new(5), now_ns);
	assert_true(egress_is_active(&line));
	shape(10 * MBIT, &q, 1); /* one frame each millisecond, after two */
	for (int i = 0; i < 10; i++)
		assert_true(put(0));
	egress_run(&line, now_ns += 1000); /* some are in the second stage now */
	assert_int_equal(n_sent[0], 0);
	assert_true(egress_run(&line, now_ns + 9 * MS) <= now_ns + 10 * MS);
	assert_int_equal(n_sent[0], 0);
	egress_run(&line, now_ns + 30 * MS);
	assert_true(n_sent[0] >= 2);
	/* The shaper goes, and what it held meets a second stage that is full. */
	egress_set(&line, EGRESS_SHAPER, NULL, now_ns + 31 * MS);
	for (int i = 0; i < 20; i++)
		put(0);
	assert_int_equal(egress_run(&line, now_ns + 100 * MS), EGRESS_NEVER);
	egress_set(&line, EGRESS_LINK, NULL, now_ns);
	assert_false(egress_is_active(&line));
	assert_int_equal(n_sent[0] + n_lost, 10 + 5);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_port_rate),
		TEST(test_max_and_min),
		TEST(test_shares),
		TEST(test_priority),
		TEST(test_unknown_queue_and_limit),
		TEST(test_stages_in_a_row),
	};

	return cmocka_run_group_tests_name("shaper", tests, NULL, NULL);
}
