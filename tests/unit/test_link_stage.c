// SPDX-License-Identifier: Apache-2.0
/* Link emulation by a clock that the test moves: delay, rate, order, loss, doubles, and that a seed repeats it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "switchd/datapath/link_stage.h"

enum { LEN = 1250, MS = 1000000, N = 10000 }; /* 10,000 bits a frame */
#define PERCENT(X) ((uint32_t)((X)*42949672.96))

static struct egress_stage *stage;
static uint64_t now_ns;

static void make(const struct link_settings *settings)
{
	stage = link_stage_new(settings);
	now_ns = 5000ull * MS;
}

static void end(void)
{
	struct egress_packet *p;

	while ((p = stage->ops->get(stage, EGRESS_ALL)))
		egress_packet_free(p);
	assert_true(stage->ops->due_ns(stage) == EGRESS_NEVER);
	stage->ops->free(stage);
}

/* Packets are told apart by their mark. */
static enum drop_reason put(uint32_t mark)
{
	static uint8_t bytes[LEN];
	struct packet p = {.data = bytes, .len = LEN, .l4_ofs = PACKET_OFS_NONE, .pkt_mark = mark};
	struct egress_packet *copy = egress_packet_copy(&p);
	enum drop_reason reason = stage->ops->put(stage, copy, now_ns);

	if (reason)
		egress_packet_free(copy);
	return reason;
}

/* The mark of the next packet whose time has come; -1: none. */
static int64_t get(void)
{
	struct egress_packet *p = stage->ops->get(stage, now_ns);
	int64_t mark = p ? (int64_t)p->packet.pkt_mark : -1;

	if (p)
		egress_packet_free(p);
	return mark;
}

static void test_delay(void **state VSW_UNUSED)
{
	make(&(struct link_settings){.delay_ns = 20 * MS});
	assert_int_equal(put(1), 0);
	assert_true(stage->ops->due_ns(stage) == now_ns + 20 * MS);
	now_ns += 20 * MS - 1;
	assert_int_equal(get(), -1);
	assert_int_equal(put(2), 0);
	now_ns += 1;
	assert_int_equal(get(), 1);
	assert_int_equal(get(), -1);
	end();
}

static void test_jitter_keeps_the_order(void **state VSW_UNUSED)
{
	uint64_t earliest = UINT64_MAX, latest = 0;
	int64_t next = 0;

	make(&(struct link_settings){.delay_ns = 20 * MS, .jitter_ns = 5 * MS, .seed = 7});
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t due;

		/* alone on its way: nobody in front holds it up */
		assert_int_equal(put(i), 0);
		due = stage->ops->due_ns(stage) - now_ns;
		earliest = MIN(earliest, due);
		latest = MAX(latest, due);
		now_ns += 30 * MS;
		assert_int_equal(get(), i);
	}
	assert_in_range(earliest, 15 * MS, 15 * MS + MS / 10);
	assert_in_range(latest, 25 * MS - MS / 10, 25 * MS);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(put(i), 0);
		now_ns += MS / 100;
	}
	for (now_ns += 30 * MS; next < 1000; next++)
		assert_int_equal(get(), next);
	end();
}

static void test_rate(void **state VSW_UNUSED)
{
	unsigned int n = 0;

	make(&(struct link_settings){.rate_bps = 50000000});
	for (unsigned int ms = 0; ms < 1000; ms++) {
		while (!put(0))
			;
		now_ns += MS;
		while (get() >= 0)
			n++;
	}
	assert_int_equal(n, 5000);
	assert_int_equal(put(0), 0);
	end();
}

static unsigned int count_lost(uint32_t seed)
{
	unsigned int n = 0;

	make(&(struct link_settings){.loss = PERCENT(10), .seed = seed});
	for (unsigned int i = 0; i < N; i++)
		n += put(i) == DROP_LINK_LOSS;
	end();
	return n;
}

static void test_loss(void **state VSW_UNUSED)
{
	assert_in_range(count_lost(1), N / 10 - 150, N / 10 + 150);
	assert_int_equal(count_lost(1), count_lost(1));
	make(&(struct link_settings){.loss = UINT32_MAX});
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(put(i), DROP_LINK_LOSS);
	end();
}

static void test_doubles(void **state VSW_UNUSED)
{
	unsigned int n = 0;

	make(&(struct link_settings){.duplicate = PERCENT(10)});
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(put(i), 0);
	while (get() >= 0)
		n++;
	assert_in_range(n, N + N / 10 - 150, N + N / 10 + 150);
	end();
}

static void test_some_overtake(void **state VSW_UNUSED)
{
	unsigned int n_early = 0, n = 0;

	make(&(struct link_settings){.delay_ns = 20 * MS, .reorder = PERCENT(25)});
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(put(i), 0);
	while (get() >= 0)
		n_early++;
	assert_in_range(n_early, N / 4 - 250, N / 4 + 250);
	now_ns += 20 * MS;
	while (get() >= 0)
		n++;
	assert_int_equal(n_early + n, N);
	end();
}

/* Frames that differ from what was put in, and in how many bits. */
static void test_damage(void **state VSW_UNUSED)
{
	unsigned int n = 0, n_bits = 0;
	struct link_stats stats;
	struct egress_packet *p;

	make(&(struct link_settings){.corrupt = PERCENT(10)});
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(put(i), 0);
	while ((p = stage->ops->get(stage, now_ns))) {
		unsigned int bits = 0;

		for (uint32_t i = 0; i < p->packet.len; i++)
			bits += (unsigned int)__builtin_popcount(p->packet.data[i]);
		n += bits != 0;
		n_bits += bits;
		egress_packet_free(p);
	}
	assert_in_range(n, N / 10 - 150, N / 10 + 150);
	assert_int_equal(n_bits, n);
	link_stage_stats(stage, &stats);
	assert_int_equal(stats.n_packets, N);
	assert_int_equal(stats.n_corrupted, n);
	assert_int_equal(stats.n_queued, 0);
	end();
}

/* A TCP segment of 64 KiB, that a device would cut: one of its frames is wrong, by one bit, and its checksum tells. */
static void test_damage_in_gso(void **state VSW_UNUSED)
{
	static uint8_t bytes[PACKET_HEADROOM + 54 + 14480];
	struct pkt_key key = {.eth_type = BE16_C(0x0800),
			      .nw_proto = 6,
			      .nw_ttl = 64,
			      .nw_src = BE32_C(0x0a000001),
			      .nw_dst = BE32_C(0x0a000002)};
	unsigned int n = 0, n_new = 0, n_wrong = 0;
	struct egress_packet *e;
	struct packet p;

	packet_init(&p, bytes, sizeof bytes, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key, 14480), 0);
	p.gso_type = PACKET_GSO_TCPV4;
	p.gso_size = 1448;
	p.hdr_len = 54;
	make(&(struct link_settings){.corrupt = UINT32_MAX, .seed = 4});
	assert_int_equal(stage->ops->put(stage, egress_packet_copy(&p), now_ns), 0);
	while ((e = stage->ops->get(stage, now_ns))) {
		n++;
		n_new += e->is_new;
		assert_false(packet_is_gso(&e->packet));
		assert_false(e->packet.flags & PACKET_F_CSUM_PARTIAL);
		for (uint32_t i = 54; i < e->packet.len; i++)
			n_wrong += e->packet.data[i] != 0;
		egress_packet_free(e);
	}
	assert_int_equal(n, 10);
	assert_int_equal(n_new, 9);
	assert_int_equal(n_wrong, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay),	cmocka_unit_test(test_jitter_keeps_the_order),
		cmocka_unit_test(test_rate),	cmocka_unit_test(test_loss),
		cmocka_unit_test(test_doubles), cmocka_unit_test(test_some_overtake),
		cmocka_unit_test(test_damage),	cmocka_unit_test(test_damage_in_gso),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
