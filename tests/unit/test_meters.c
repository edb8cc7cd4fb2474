// SPDX-License-Identifier: Apache-2.0
/* Token buckets by a clock that the test moves: rates, bursts, bands, and what a GSO packet costs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "packet/packet.h"
#include "switchd/datapath/meters.h"

static uint64_t clock_ns;
static struct meters m;

static uint64_t now_ns(void)
{
	return clock_ns;
}

static int setup(void **state)
{
	(void)state;
	clock_ns = 123456789;
	meters_new(&m, 16, now_ns);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	meters_free(&m);
	return 0;
}

static struct packet frame(uint32_t len)
{
	return (struct packet){.len = len, .l4_ofs = PACKET_OFS_NONE};
}

/* Frames of @len bytes, one each @gap_ns. Return: how many passed. */
static unsigned int send(uint32_t id, unsigned int n, uint32_t len, uint64_t gap_ns)
{
	struct packet p = frame(len);
	unsigned int passed = 0;

	while (n--) {
		passed += meters_charge(&m, id, &p) == DROP_NONE;
		clock_ns += gap_ns;
	}
	return passed;
}

static void one_band(uint32_t id, bool packets, uint64_t rate, uint64_t burst)
{
	struct dp_meter meter = {.n_bands = 1, .bands = {{packets, rate, burst}}};

	assert_int_equal(meters_set(&m, id, &meter), 0);
}

/* Twice the rate is offered for ten seconds; what passes is the burst and ten seconds' worth, to a packet. */
static void test_rates(void **state)
{
	static const struct {
		bool packets;
		uint64_t rate, burst;
		uint32_t len;
	} cases[] = {
		{false, 1000, 12000, 64},
		{false, 10000000, 8000000, 1514},
		{false, 100000000, 8000000, 1514},
		{false, 1000000000, 8000000, 1514},
		{false, 100000000000, 8000000, 1514},
		{true, 1, 1, 64},
		{true, 1000, 100, 64},
		{true, 1000000, 1000000, 1514},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t cost = cases[i].packets ? 1 : cases[i].len * 8ull;
		unsigned int n = 200000;
		uint64_t gap_ns = cost * 1000000000 / cases[i].rate / 2;
		uint64_t expected;
		unsigned int passed;

		one_band((uint32_t)i, cases[i].packets, cases[i].rate, cases[i].burst);
		passed = send((uint32_t)i, n, cases[i].len, gap_ns);
		expected =
			MIN((cases[i].burst + (uint64_t)((double)gap_ns * n / 1e9 * (double)cases[i].rate)) / cost, n);
		/* Gaps and costs that are rounded down make a difference at the highest rates. */
		assert_in_range(passed, expected - 2 - expected / 100, expected + 2 + expected / 10000);
	}
}

static void test_burst(void **state)
{
	(void)state;
	one_band(0, false, 1000000, 10 * 8 * 1000);
	assert_int_equal(send(0, 100, 1000, 0), 10); /* full at first */
	clock_ns += 8 * 1000000;		     /* one frame of 1000 bytes at 1 Mbit/s */
	assert_int_equal(send(0, 100, 1000, 0), 1);
	clock_ns += 3600ull * 1000000000; /* no more than the depth gathers */
	assert_int_equal(send(0, 100, 1000, 0), 10);
	assert_int_equal(send(0, 10, 1000, 1000), 0);
}

/* A frame larger than the bucket never passes; a huge burst and the lowest rate do not overflow. */
static void test_extremes(void **state)
{
	(void)state;
	one_band(0, false, 1000000, 100);
	clock_ns += 1000000000;
	assert_int_equal(send(0, 10, 1000, 1000000000), 0);
	one_band(1, false, 1000, 4294967295ull * 1000);
	assert_true(send(1, 1000000, 1500, 0) == 1000000);
	one_band(2, false, 4294967295ull * 1000, 4294967295ull * 1000);
	assert_int_equal(send(2, 1000, 65000, 1), 1000);
	clock_ns = UINT64_MAX / 64 - 1000; /* units wrap here */
	one_band(3, true, 1000000, 10);
	assert_int_equal(send(3, 1000, 100, 2000), 1000);
	assert_int_equal(send(3, 1000, 100, 0), 10);
}

static struct packet gso(uint8_t *bytes, uint32_t payload)
{
	/* Ethernet, IPv4, TCP with 12 bytes of options. */
	struct packet p = {.data = bytes,
			   .len = 66 + payload,
			   .l4_ofs = 34,
			   .l4_proto = 6,
			   .gso_type = PACKET_GSO_TCPV4,
			   .gso_size = 1448};

	bytes[34 + 12] = 8 << 4;
	return p;
}

static void test_gso(void **state)
{
	static uint8_t bytes[66 + 45 * 1448];
	struct packet p = gso(bytes, 45 * 1448);
	struct dp_meter_stats stats;

	(void)state;
	one_band(0, false, 1000000000, 1000000000);
	assert_int_equal(meters_charge(&m, 0, &p), DROP_NONE);
	assert_int_equal(meters_stats(&m, 0, &stats), 0);
	assert_int_equal(stats.n_packets, 45);
	assert_int_equal(stats.n_bytes, 45 * 1514);
	p.len -= 1; /* the last segment is shorter */
	meters_charge(&m, 0, &p);
	meters_stats(&m, 0, &stats);
	assert_int_equal(stats.n_bytes, 2 * 45 * 1514 - 1);
	assert_int_equal(stats.n_packets, 90);
	/* A cut header: what it says of itself must not be read, and lengths not trusted. */
	p.len = 60;
	p.gso_size = 1;
	p.l4_ofs = PACKET_OFS_NONE;
	p.hdr_len = 65535;
	meters_charge(&m, 0, &p);
	meters_stats(&m, 0, &stats);
	assert_int_equal(stats.n_bytes, 2 * 45 * 1514 - 1 + 60 * 1);
}

/* A bucket smaller than a GSO packet lets it pass when full, and owes it then: the rate holds, and TCP lives. */
static void test_gso_debt(void **state)
{
	static uint8_t bytes[66 + 45 * 1448];
	struct packet p = gso(bytes, 45 * 1448);
	unsigned int passed = 0;

	(void)state;
	one_band(0, false, 10000000, 100000);
	for (int i = 0; i < 100000; i++) {
		passed += meters_charge(&m, 0, &p) == DROP_NONE;
		clock_ns += 100000;
	}
	/* 10 s of 10 Mbit/s, in packets of 45 frames of 1514 bytes. */
	assert_in_range(passed, 100000000 / (45 * 1514 * 8) - 1, 100000000 / (45 * 1514 * 8) + 2);
}

static void test_bands(void **state)
{
	struct dp_meter meter = {
		.reason = DROP_POLICER, .n_bands = 3, .bands = {{true, 200, 20}, {true, 100, 10}, {true, 300, 30}}};
	struct dp_meter_stats stats;
	struct packet p = frame(100);

	(void)state;
	assert_int_equal(meters_set(&m, 5, &meter), 0);
	assert_int_equal(send(5, 40, 100, 0), 10);
	assert_int_equal(meters_charge(&m, 5, &p), DROP_POLICER);
	meters_stats(&m, 5, &stats);
	assert_int_equal(stats.n_packets, 41);
	/* Each drop counts for the highest rate that was exceeded: 11 to 20 the lowest band's, 21 to 30 the middle's, the rest the highest's. */
	assert_int_equal(stats.bands[1].n_packets, 10);
	assert_int_equal(stats.bands[0].n_packets, 10);
	assert_int_equal(stats.bands[2].n_packets, 11);
	assert_int_equal(stats.bands[2].n_bytes, 1100);
}

static void test_set_and_del(void **state)
{
	struct dp_meter meter = {.n_bands = 1, .bands = {{true, 100, 10}}}, bad = meter;
	struct dp_meter_stats stats;
	struct packet p = frame(100);

	(void)state;
	assert_int_equal(meters_charge(&m, 3, &p), DROP_NONE); /* no such meter */
	assert_int_equal(meters_charge(&m, 16, &p), DROP_NONE);
	assert_int_equal(meters_stats(&m, 3, &stats), -ENOENT);
	assert_int_equal(meters_del(&m, 3), -ENOENT);
	assert_int_equal(meters_del(&m, 16), -ENOENT);
	assert_int_equal(meters_set(&m, 16, &meter), -ENOSPC);
	bad.bands[0].rate = 0;
	assert_int_equal(meters_set(&m, 3, &bad), -EINVAL);
	bad.n_bands = 0;
	assert_int_equal(meters_set(&m, 3, &bad), -EINVAL);
	bad.n_bands = DP_MAX_BANDS + 1;
	assert_int_equal(meters_set(&m, 3, &bad), -EINVAL);

	assert_int_equal(meters_set(&m, 3, &meter), 0);
	assert_int_equal(send(3, 20, 100, 0), 10);
	assert_int_equal(meters_set(&m, 3, &meter), 0); /* the same: goes on as it was */
	assert_int_equal(send(3, 20, 100, 0), 0);
	meters_stats(&m, 3, &stats);
	assert_int_equal(stats.n_packets, 40);
	meter.bands[0].burst = 5;
	assert_int_equal(meters_set(&m, 3, &meter), 0); /* another: begins anew */
	assert_int_equal(send(3, 20, 100, 0), 5);
	meters_stats(&m, 3, &stats);
	assert_int_equal(stats.n_packets, 20);
	assert_int_equal(meters_del(&m, 3), 0);
	assert_int_equal(send(3, 20, 100, 0), 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_burst, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gso, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gso_debt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_and_del, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
