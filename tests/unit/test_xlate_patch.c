// SPDX-License-Identifier: Apache-2.0
/* Patch ports: the packet begins anew in the peer bridge, and what happens there stays there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"

static struct bridge *br0, *br1;

static void make_two_bridges(void)
{
	struct port *left, *right;

	fixture_init();
	br0 = fixture_bridge("br0");
	br1 = fixture_bridge("br1");
	fixture_port(br0, "p1", 1);
	fixture_port(br0, "p2", 2);
	left = fixture_port(br0, "left", 10);
	fixture_port(br1, "q1", 1);
	right = fixture_port(br1, "right", 20);
	fixture_patch(left, right);
}

static void check(const char *flow, const char *actions)
{
	fixture_xlate(br0, flow, false, 0);
	assert_string_equal(fixture_actions(), actions);
}

static void test_begins_anew(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "actions=load:5->NXM_NX_REG0[],set_field:7->metadata,resubmit(,1)");
	fixture_flow(br0, "table=1,metadata=7,actions=output:10,output:2");
	fixture_flow(br1, "in_port=20,reg0=0,metadata=0,actions=output:1");
	check("in_port=1", "101,2");
	fixture_fini();
}

/* Rewrites in the peer are taken back for what follows; exit and loops there do not end the list here. */
static void test_stays_there(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "ip,actions=output:10,output:2");
	fixture_flow(br0, "arp,actions=output:10,output:2");
	fixture_flow(br1, "ip,actions=mod_nw_src:9.9.9.9,output:1,exit");
	fixture_flow(br1, "arp,actions=output:1,resubmit(,0)");
	check("in_port=1,ip,nw_proto=6,nw_src=1.1.1.1", "set(ipv4(src=9.9.9.9)),101,set(ipv4(src=1.1.1.1)),2");
	fixture_xlate(br0, "in_port=1,arp", false, 0);
	assert_true(strstr(fixture_actions(), ",2") != NULL);
	fixture_fini();
}

static void test_action_set_is_its_own(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "actions=write_actions(output:2),goto_table:1");
	fixture_flow(br0, "table=1,actions=output:10");
	fixture_flow(br1, "actions=write_actions(output:1)");
	check("in_port=1", "101,2");
	fixture_fini();
}

/* What would be cut on the other side is not known here. */
static void test_is_not_truncated(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "actions=output(port=10,max_len=64),output:2");
	fixture_flow(br1, "actions=output:1");
	check("in_port=1", "2");
	fixture_fini();
}

/* Nothing is output to where it came from, so two bridges that send everything through do not play ping-pong for ever. */
static void test_loops_end(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "actions=in_port,output:10");
	fixture_flow(br1, "actions=in_port");
	fixture_xlate(br0, "in_port=1", false, 0);
	assert_int_equal(fixture.out.drop, DROP_NONE);
	assert_memory_equal(fixture_actions(), "1", 1);
	fixture_fini();
}

static void test_counts(void **state VSW_UNUSED)
{
	struct iface *left, *right;

	make_two_bridges();
	left = bridge_iface_by_ofp(br0, 10);
	right = bridge_iface_by_ofp(br1, 20);
	fixture_flow(br0, "actions=output:10");
	fixture_flow(br1, "actions=output:1");
	check("in_port=1", "101");
	xlate_credit(fixture.credits, fixture.out.n_credits, 3, 300, 1);
	assert_int_equal(left->counted.tx_packets, 3);
	assert_int_equal(left->counted.tx_bytes, 300);
	assert_int_equal(left->counted.rx_packets, 0);
	assert_int_equal(right->counted.rx_packets, 3);
	fixture_fini();
}

static void test_peer_that_does_not_receive(void **state VSW_UNUSED)
{
	make_two_bridges();
	fixture_flow(br0, "actions=output:10");
	fixture_flow(br1, "actions=output:1");
	bridge_iface_by_ofp(br1, 20)->config = OFPPC_NO_RECV;
	check("in_port=1", "drop");
	assert_int_equal(fixture.out.drop, DROP_PORT_NO_RECV);
	bridge_iface_by_ofp(br0, 10)->peer = NULL;
	check("in_port=1", "drop");
	assert_int_equal(fixture.out.drop, DROP_NO_PORT);
	fixture_fini();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_anew),
		cmocka_unit_test(test_stays_there),
		cmocka_unit_test(test_action_set_is_its_own),
		cmocka_unit_test(test_is_not_truncated),
		cmocka_unit_test(test_loops_end),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_peer_that_does_not_receive),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
