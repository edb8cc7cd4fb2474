// SPDX-License-Identifier: Apache-2.0
/* The text of a trace, word for word as Open vSwitch 3.1 prints it, and the tree it is made from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"
#include "switchd/trace.h"

static struct bridge *br0, *br1;

static int setup(void **state VSW_UNUSED)
{
	struct port *left, *right;

	fixture_init();
	br0 = fixture_bridge("br0");
	br1 = fixture_bridge("br1");
	fixture_port(br0, "p1", 1);
	fixture_port(br0, "p2", 2);
	fixture_port(br0, "p3", 3);
	left = fixture_port(br0, "pa", 10);
	fixture_port(br1, "br1", OFPP_LOCAL);
	fixture_port(br1, "q1", 1);
	right = fixture_port(br1, "pb", 20);
	fixture_patch(left, right);
	return 0;
}

static int teardown(void **state VSW_UNUSED)
{
	fixture_fini();
	return 0;
}

static json_t *trace(const char *flow, const struct trace_options *options)
{
	struct errtext err = {0};
	json_t *result;

	if (trace_run(br0, flow, NULL, 0, options, &result, &err))
		fail_msg("%s: %s", flow, err.text);
	return result;
}

static void check_text(const char *flow, bool names, const char *expected)
{
	json_t *result = trace(flow, &(struct trace_options){.names = names});

	assert_string_equal(json_string_value(json_object_get(result, "text")), expected);
	json_decref(result);
}

static void test_no_match(void **state VSW_UNUSED)
{
	check_text("in_port=1,dl_type=0x1234", false,
		   "Flow: in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,dl_type=0x1234\n"
		   "\n"
		   "bridge(\"br0\")\n"
		   "-------------\n"
		   " 0. No match.\n"
		   "    drop\n"
		   "\n"
		   "Final flow: unchanged\n"
		   "Megaflow: recirc_id=0,eth,in_port=1,dl_type=0x1234\n"
		   "Dropped: no-rule: no rule of the table matched (bridge br0, table 0)\n"
		   "Datapath actions: drop\n");
}

/* Tables at the end of a list stay at the left, others go in; a bridge behind a patch port has a heading of its own. */
static void test_nesting(void **state VSW_UNUSED)
{
	fixture_flow(br0, "table=0,in_port=1,tcp,tcp_dst=80,priority=100,cookie=0x5 actions=mod_nw_src:10.0.0.1,"
			  "load:0x7->NXM_NX_REG0[],resubmit(,1),resubmit(,2)");
	fixture_flow(br0, "table=1,priority=5 actions=output:2,resubmit(,4),resubmit(,3)");
	fixture_flow(br0, "table=3 actions=output:10,exit");
	fixture_flow(br0, "table=2 actions=output:3");
	fixture_flow(br1, "ip actions=clone(mod_nw_src:7.7.7.7,output:1),output:LOCAL,output:in_port");
	check_text(
		"in_port=1,tcp,nw_src=1.2.3.4,tcp_dst=80,nw_ttl=64", false,
		"Flow: tcp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=1.2.3.4,"
		"nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=0,tp_dst=80,tcp_flags=0\n"
		"\n"
		"bridge(\"br0\")\n"
		"-------------\n"
		" 0. tcp,in_port=1,tp_dst=80, priority 100, cookie 0x5\n"
		"    mod_nw_src:10.0.0.1\n"
		"    load:0x7->NXM_NX_REG0[]\n"
		"    resubmit(,1)\n"
		" 1. priority 5\n"
		"    output:2\n"
		"    resubmit(,4)\n"
		"     4. No match.\n"
		"            drop\n"
		"    resubmit(,3)\n"
		" 3. priority 32768\n"
		"    output:10\n"
		"\n"
		"    bridge(\"br1\")\n"
		"    -------------\n"
		"         0. ip, priority 32768\n"
		"            clone(mod_nw_src:7.7.7.7,output:1)\n"
		"            mod_nw_src:7.7.7.7\n"
		"            output:1\n"
		"            LOCAL\n"
		"            IN_PORT\n"
		"\n"
		"        bridge(\"br0\")\n"
		"        -------------\n"
		"         0. No match.\n"
		"            drop\n"
		"    exit\n"
		"\n"
		"Final flow: tcp,reg0=0x7,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,"
		"nw_src=10.0.0.1,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=0,tp_dst=80,tcp_flags=0\n"
		"Megaflow: recirc_id=0,eth,tcp,in_port=1,nw_src=1.2.3.4,nw_frag=no,tp_dst=80\n"
		"Datapath actions: set(ipv4(src=10.0.0.1)),2,set(ipv4(src=7.7.7.7)),101,set(ipv4(src=10.0.0.1)),199\n");
}

static void test_action_set_and_stack(void **state VSW_UNUSED)
{
	fixture_flow(
		br0,
		"arp actions=push:NXM_OF_ARP_OP[],pop:NXM_NX_REG0[0..15],pop:NXM_NX_REG1[],write_actions(output:p3)");
	check_text(
		"in_port=p1,arp,arp_op=1", true,
		"Flow: "
		"arp,in_port=p1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,arp_spa=0.0.0.0,"
		"arp_tpa=0.0.0.0,arp_op=1,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00\n"
		"\n"
		"bridge(\"br0\")\n"
		"-------------\n"
		" 0. arp, priority 32768\n"
		"    push:NXM_OF_ARP_OP[]\n"
		"    pop:NXM_NX_REG0[0..15]\n"
		"     -> NXM_NX_REG0[0..15] is now 0x1\n"
		"    pop:NXM_NX_REG1[]\n"
		"     >>>> stack underflow <<<<\n"
		"    write_actions(output:p3)\n"
		"     -> action set is: output:p3\n"
		"--. Executing action set:\n"
		"    output:p3\n"
		"\n"
		"Final flow: arp,reg0=0x1,in_port=p1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,"
		"arp_spa=0.0.0.0,arp_tpa=0.0.0.0,arp_op=1,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00\n"
		"Megaflow: recirc_id=0,eth,arp,in_port=p1,arp_op=1\n"
		"Datapath actions: p3\n");
}

static void test_json(void **state VSW_UNUSED)
{
	json_t *result, *bridge, *table, *steps;

	fixture_flow(br0, "priority=7,cookie=0x9 actions=output:2,output:77");
	result = trace("in_port=1", &(struct trace_options){0});
	bridge = json_array_get(json_object_get(result, "steps"), 0);
	assert_string_equal(json_string_value(json_object_get(bridge, "name")), "br0");
	table = json_array_get(json_object_get(bridge, "steps"), 0);
	assert_int_equal(json_integer_value(json_object_get(table, "priority")), 7);
	assert_string_equal(json_string_value(json_object_get(table, "cookie")), "0x9");
	assert_string_equal(json_string_value(json_object_get(table, "match")), "");
	steps = json_object_get(table, "steps");
	assert_int_equal(json_array_size(steps), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(steps, 2), "type")), "warning");
	assert_null(json_object_get(result, "drop_reason"));
	json_decref(result);
	fixture_del_flows(br0);
	result = trace("in_port=1", &(struct trace_options){0});
	assert_string_equal(json_string_value(json_object_get(result, "drop_reason")), "no-rule");
	json_decref(result);
}

static void test_packet(void **state VSW_UNUSED)
{
	static const uint8_t arp[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0,  1, 0x08, 0x06,
				      0,    1,	  0x08, 0,    6,    4,	  0, 1, 0, 0, 0,  0, 0,	   1,
				      10,   0,	  0,	1,    0,    0,	  0, 0, 0, 0, 10, 0, 0,	   2};
	struct errtext err = {0};
	json_t *result;

	fixture_flow(br0, "in_port=2,arp,arp_op=1,arp_tpa=10.0.0.2,reg0=5 actions=output:3");
	assert_int_equal(trace_run(br0, "in_port=2,reg0=5", arp, sizeof arp, &(struct trace_options){0}, &result, &err),
			 0);
	assert_string_equal(json_string_value(json_object_get(result, "datapath_actions")), "3");
	json_decref(result);
	assert_int_equal(trace_run(br0, "in_port=2", arp, 13, &(struct trace_options){0}, &result, &err), -EINVAL);
	assert_true(strstr(err.text, "13 bytes") != NULL);
	assert_int_equal(trace_run(br0, "in_port=nowhere", NULL, 0, &(struct trace_options){0}, &result, &err),
			 -EINVAL);
	result = trace("in_port=2,tcp,tcp_dst=80,nw_src=10.0.0.1", &(struct trace_options){.generate = true});
	json_decref(result);
}

/* Deeper than any reader of JSON goes: the tree ends, the answer does not change. */
static void test_very_deep(void **state VSW_UNUSED)
{
	json_t *result;
	char flow[64];

	for (int i = 0; i < 254; i++) {
		snprintf(flow, sizeof flow, "table=%d actions=resubmit(,%d)", i, i + 1);
		fixture_flow(br0, flow);
	}
	fixture_flow(br0, "table=254 actions=resubmit(,0)");
	result = trace("in_port=1", &(struct trace_options){0});
	assert_string_equal(json_string_value(json_object_get(result, "drop_reason")), "loop-limit");
	assert_non_null(
		strstr(json_string_value(json_object_get(result, "text")),
		       "Datapath actions: drop\nTranslation failed (Too many resubmits), packet is dropped.\n"));
	json_decref(result);
}

static void test_changes_nothing(void **state VSW_UNUSED)
{
	struct table_stats stats;
	struct fdb_stats addresses;

	fixture_flow(br0, "actions=NORMAL");
	json_decref(trace("in_port=1,dl_src=00:00:00:00:00:01", &(struct trace_options){.generate = true}));
	tables_get_stats(br0->tables, 0, &stats);
	assert_int_equal(stats.n_lookups, 0);
	fdb_get_stats(br0->fdb, &addresses);
	assert_int_equal(addresses.n_entries, 0);
}

#define T(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_no_match), T(test_nesting),   T(test_action_set_and_stack), T(test_json),
		T(test_packet),	  T(test_very_deep), T(test_changes_nothing),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
