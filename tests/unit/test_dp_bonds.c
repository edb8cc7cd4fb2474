// SPDX-License-Identifier: Apache-2.0
/* The table by which datapaths send to bonds, and the hash that chooses a bucket of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "switchd/datapath/bonds.h"
#include "switchd/datapath/datapath.h"

static struct bonds bonds;

static int setup(void **state)
{
	(void)state;
	bonds_new(&bonds);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bonds_free(&bonds);
	return 0;
}

static struct dp_bond all_to(uint32_t port)
{
	struct dp_bond bond = {0};

	for (int i = 0; i < DP_BOND_BUCKETS; i++)
		bond.ports[i] = port;
	return bond;
}

static struct pkt_key tcp_key(uint16_t src, uint16_t dst)
{
	return (struct pkt_key){
		.eth_dst = {2, 0, 0, 0, 0, 2},
		.eth_src = {2, 0, 0, 0, 0, 1},
		.eth_type = BE16_C(0x0800),
		.nw_src = BE32_C(0x0a000001),
		.nw_dst = BE32_C(0x0a000002),
		.nw_proto = 6,
		.tp_src = cpu_to_be16(src),
		.tp_dst = cpu_to_be16(dst),
	};
}

static void a_table_is_followed_at_once(void **state)
{
	const uint32_t arg = dp_lb_output_arg(7, 5);
	struct dp_bond bond = all_to(1);
	uint64_t bytes[DP_BOND_BUCKETS];

	(void)state;
	assert_int_equal(bonds_choose(&bonds, arg, NULL, 100), DP_BOND_NO_PORT);
	assert_int_equal(bonds_set(&bonds, 7, &bond), 0);
	assert_int_equal(bonds_choose(&bonds, arg, NULL, 100), 1);
	bond.ports[5] = 2;
	assert_int_equal(bonds_set(&bonds, 7, &bond), 0);
	assert_int_equal(bonds_choose(&bonds, arg, NULL, 60), 2);
	assert_int_equal(bonds_choose(&bonds, dp_lb_output_arg(7, 6), NULL, 1), 1);
	assert_int_equal(bonds_stats(&bonds, 7, bytes), 0);
	assert_int_equal(bytes[5], 160);
	assert_int_equal(bytes[6], 1);
	bond.ports[5] = DP_BOND_NO_PORT;
	assert_int_equal(bonds_set(&bonds, 7, &bond), 0);
	assert_int_equal(bonds_choose(&bonds, arg, NULL, 60), DP_BOND_NO_PORT);
	assert_int_equal(bonds_del(&bonds, 7), 0);
	assert_int_equal(bonds_choose(&bonds, dp_lb_output_arg(7, 6), NULL, 1), DP_BOND_NO_PORT);
	assert_int_equal(bonds_stats(&bonds, 7, bytes), -ENOENT);
}

static void ids_have_a_range(void **state)
{
	struct dp_bond bond = all_to(1);

	(void)state;
	assert_int_equal(bonds_set(&bonds, 0, &bond), -ENOSPC);
	assert_int_equal(bonds_set(&bonds, DP_MAX_BONDS, &bond), -ENOSPC);
	assert_int_equal(bonds_set(&bonds, DP_MAX_BONDS - 1, &bond), 0);
	assert_int_equal(bonds_del(&bonds, 0), -ENOENT);
	assert_int_equal(bonds_del(&bonds, 1), -ENOENT);
}

/* Both directions of a connection have one bucket, and so have all of its packets. */
static void a_connection_has_one_bucket(void **state)
{
	(void)state;
	for (uint16_t port = 1; port < 1000; port++) {
		struct pkt_key there = tcp_key(port, 80), back = tcp_key(80, port);

		memcpy(back.eth_src, there.eth_dst, 6);
		memcpy(back.eth_dst, there.eth_src, 6);
		back.nw_src = there.nw_dst;
		back.nw_dst = there.nw_src;
		back.in_port = 9;
		back.nw_ttl = 3;
		back.nw_tos = 0xb8;
		back.tcp_flags = BE16_C(0x10);
		assert_int_equal(dp_bond_hash(&there, 5), dp_bond_hash(&back, 5));
	}
}

static void fragments_stay_together(void **state)
{
	struct pkt_key first = tcp_key(1000, 80), later = tcp_key(0, 0);

	(void)state;
	first.nw_frag = FLOW_NW_FRAG_ANY;
	later.nw_frag = FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER;
	assert_int_equal(dp_bond_hash(&first, 0), dp_bond_hash(&later, 0));
}

/* Some ten thousand connections over 256 buckets: none has twice its share and none half. */
static void connections_spread(void **state)
{
	unsigned int n[DP_BOND_BUCKETS] = {0}, n_moved = 0;

	(void)state;
	for (uint16_t port = 0; port < 51200; port++) {
		struct pkt_key key = tcp_key(port, 443);

		n[dp_bond_hash(&key, 0)]++;
		n_moved += dp_bond_hash(&key, 0) != dp_bond_hash(&key, 1);
	}
	for (int i = 0; i < DP_BOND_BUCKETS; i++)
		assert_in_range(n[i], 100, 400);
	/* and another basis spreads them otherwise */
	assert_true(n_moved > 50000);
}

/* What two hosts with different addresses say is spread, too, with IPv4, IPv6 and neither. */
static void addresses_spread(void **state)
{
	bool seen[3][DP_BOND_BUCKETS] = {{false}};

	(void)state;
	for (uint32_t i = 0; i < 4096; i++) {
		struct pkt_key v4 = tcp_key(1, 2), v6 = v4, l2 = {.eth_type = BE16_C(0x1234)};

		v4.nw_src = cpu_to_be32(0x0a000000 + i);
		v6.eth_type = BE16_C(0x86dd);
		v6.nw_src = v6.nw_dst = 0;
		memcpy(v6.ipv6_src + 12, &i, sizeof i);
		memcpy(l2.eth_src + 2, &i, sizeof i);
		seen[0][dp_bond_hash(&v4, 0)] = seen[1][dp_bond_hash(&v6, 0)] = seen[2][dp_bond_hash(&l2, 0)] = true;
	}
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < DP_BOND_BUCKETS; i++)
			assert_true(seen[k][i]);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_table_is_followed_at_once), TEST(ids_have_a_range),   TEST(a_connection_has_one_bucket),
		TEST(fragments_stay_together),	   TEST(connections_spread), TEST(addresses_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
