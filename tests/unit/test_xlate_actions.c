// SPDX-License-Identifier: Apache-2.0
/* Each action, what it becomes in the datapath, and what it makes the megaflow match. The answers are Open vSwitch 3.1's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"
#include "switchd/upcall.h"

struct xlate_case {
	const char *flows[6];
	const char *packet;
	const char *actions;
	const char *megaflow; /* NULL: not looked at */
};

#define MACS "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02"

static const struct xlate_case cases[] = {
	/* tables and drops */
	{{"actions=drop"}, "in_port=1,tcp", "drop", "recirc_id=0,eth,ip,in_port=1,nw_frag=no"},
	{{"tcp,actions=output:2"}, "in_port=1,udp", "drop", "recirc_id=0,eth,udp,in_port=1,nw_frag=no"},
	{{"actions=output:2"}, "in_port=1,tcp,tcp_dst=5", "2", "recirc_id=0,eth,ip,in_port=1,nw_frag=no"},
	{{"in_port=1,actions=resubmit(,1),output:3", "table=1,actions=output:2"}, "in_port=1", "2,3", NULL},
	{{"in_port=1,actions=resubmit:2", "in_port=2,actions=output:3"}, "in_port=1", "3", NULL},
	{{"actions=resubmit(2,1)", "table=1,in_port=2,actions=output:2"}, "in_port=1", "2", NULL},
	{{"actions=resubmit(2,1)", "table=1,in_port=2,actions=in_port"}, "in_port=1", "1", NULL},
	{{"actions=goto_table:7", "table=7,actions=output:2"}, "in_port=1", "2", NULL},
	{{"actions=resubmit(,1),output:3", "table=1,actions=output:2,exit,output:1"}, "in_port=1", "2", NULL},
	{{"actions=resubmit(,0),output:2"}, "in_port=1", "drop", NULL},
	/* output */
	{{"actions=output:1,output:2"}, "in_port=1", "2", NULL},
	{{"actions=in_port"}, "in_port=1", "1", NULL},
	{{"actions=output:77,output:2"}, "in_port=1", "2", NULL},
	{{"actions=LOCAL"}, "in_port=1", "99", NULL},
	{{"actions=ALL"}, "in_port=1", "2,3,4,99", NULL},
	{{"actions=FLOOD"}, "in_port=1", "2,3,99", NULL}, /* p4 is no-flood */
	{{"actions=load:3->NXM_NX_REG0[0..15],output:NXM_NX_REG0[0..15]"}, "in_port=1", "3", NULL},
	{{"actions=load:0x10003->NXM_NX_REG0[],output:NXM_NX_REG0[]"}, "in_port=1", "drop", NULL},
	{{"actions=load:2->NXM_OF_IN_PORT[],output:1,output:2"}, "in_port=1", "1", NULL},
	/* truncated output: the length is of the next output only, and there is always one */
	{{"actions=output(port=2,max_len=100),output:3"}, "in_port=1", "trunc(100),2,3", NULL},
	{{"actions=mod_dl_src:00:00:00:00:00:09,output(port=2,max_len=64)"},
	 "in_port=1," MACS,
	 "trunc(64),set(eth(src=00:00:00:00:00:09)),2",
	 NULL},
	{{"actions=output(port=1,max_len=64),output:3"}, "in_port=1", "3", NULL},
	{{"actions=output(port=77,max_len=64),output:3"}, "in_port=1", "3", NULL},
	{{"actions=output(port=in_port,max_len=64),output:3"}, "in_port=1", "trunc(64),1,3", NULL},
	{{"actions=output(port=LOCAL,max_len=64)"}, "in_port=1", "trunc(64),99", NULL},
	/* rewriting */
	{{"ip,actions=mod_nw_src:10.0.0.9,output:2"},
	 "in_port=1,tcp,nw_src=10.0.0.1",
	 "set(ipv4(src=10.0.0.9)),2",
	 "recirc_id=0,eth,ip,in_port=1,nw_src=10.0.0.1,nw_frag=no"},
	{{"ip,actions=mod_nw_src:10.0.0.1,output:2"}, "in_port=1,tcp,nw_src=10.0.0.1", "2", NULL},
	{{"ip,actions=load:5->NXM_OF_IP_DST[0..7],output:2"},
	 "in_port=1,tcp,nw_dst=10.0.0.1",
	 "set(ipv4(dst=0.0.0.5/0.0.0.255)),2",
	 "recirc_id=0,eth,ip,in_port=1,nw_dst=0.0.0.1/0.0.0.255,nw_frag=no"},
	{{"ip,actions=clone(mod_nw_ttl:9,output:2),output:3"},
	 "in_port=1,udp,nw_ttl=64",
	 "set(ipv4(ttl=9)),2,set(ipv4(ttl=64)),3",
	 NULL},
	{{"tcp,actions=mod_tp_dst:90,output:2"},
	 "in_port=1,tcp,tcp_dst=80",
	 "set(tcp(dst=90)),2",
	 "recirc_id=0,eth,tcp,in_port=1,nw_frag=no,tp_dst=80"},
	{{"udp,actions=mod_tp_src:90,output:2"}, "in_port=1,udp,udp_src=80", "set(udp(src=90)),2", NULL},
	{{"sctp,actions=set_field:9->sctp_dst,output:2"}, "in_port=1,sctp", "set(sctp(dst=9)),2", NULL},
	{{"icmp,actions=set_field:0->icmp_type,output:2"}, "in_port=1,icmp,icmp_type=8", "set(icmp(type=0)),2", NULL},
	{{"ipv6,actions=set_field:7->ipv6_label,output:2"}, "in_port=1,tcp6", "set(ipv6(label=0x7)),2", NULL},
	{{"arp,actions=set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],output:2"},
	 "in_port=1,arp,arp_op=1,arp_sha=00:00:00:00:00:05",
	 "set(arp(op=2,tha=00:00:00:00:00:05)),2",
	 NULL},
	{{"actions=move:NXM_OF_ETH_DST[0..7]->NXM_OF_ETH_SRC[0..7],output:2"},
	 "in_port=1," MACS,
	 "set(eth(src=00:00:00:00:00:02/00:00:00:00:00:ff)),2",
	 NULL},
	{{"actions=set_field:5->pkt_mark,output:2"}, "in_port=1", "set(skb_mark(0x5)),2", NULL},
	{{"ip,actions=dec_ttl,output:2"},
	 "in_port=1,tcp,nw_ttl=2",
	 "set(ipv4(ttl=1)),2",
	 "recirc_id=0,eth,ip,in_port=1,nw_ttl=2,nw_frag=no"},
	/* a rule of a later table whose prerequisite the packet does not have */
	{{"actions=set_field:00:00:00:00:00:09->eth_src,output:2"},
	 "in_port=1," MACS,
	 "set(eth(src=00:00:00:00:00:09)),2",
	 NULL},
	/* VLAN tags */
	{{"actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2"},
	 "in_port=1",
	 "push_vlan(vid=10,pcp=0),2",
	 NULL},
	{{"actions=push_vlan:0x88a8,set_field:4106->vlan_vid,output:2"},
	 "in_port=1,dl_vlan=5,dl_vlan_pcp=3",
	 "push_vlan(tpid=0x88a8,vid=10,pcp=0),2",
	 NULL},
	{{"actions=mod_vlan_vid:7,output:2"}, "in_port=1", "push_vlan(vid=7,pcp=0),2", NULL},
	{{"actions=mod_vlan_vid:7,output:2"},
	 "in_port=1,dl_vlan=5,dl_vlan_pcp=3",
	 "pop_vlan,push_vlan(vid=7,pcp=3),2",
	 NULL},
	{{"actions=mod_vlan_pcp:1,output:2"}, "in_port=1,dl_vlan=5", "pop_vlan,push_vlan(vid=5,pcp=1),2", NULL},
	{{"dl_vlan=5,actions=strip_vlan,output:2"}, "in_port=1,dl_vlan=5", "pop_vlan,2", NULL},
	{{"dl_vlan=5,actions=clone(strip_vlan,output:2),output:3"},
	 "in_port=1,dl_vlan=5,dl_vlan_pcp=2",
	 "pop_vlan,2,push_vlan(vid=5,pcp=2),3",
	 NULL},
	/* stack */
	{{"ip,actions=push:NXM_OF_IP_SRC[],pop:NXM_OF_IP_DST[16..31],output:2"},
	 "in_port=1,tcp,nw_src=1.2.3.4",
	 "set(ipv4(dst=3.4.0.0/255.255.0.0)),2",
	 NULL},
	{{"actions=pop:NXM_NX_REG0[],output:2"}, "in_port=1", "2", NULL},
	/* clone, exit, action set */
	{{"actions=clone(output:2,exit),output:3"}, "in_port=1", "2", NULL},
	{{"actions=write_actions(output:3),goto_table:1", "table=1,actions=output:2"}, "in_port=1", "2,3", NULL},
	{{"actions=write_actions(output:3),goto_table:1", "table=1,actions=clear_actions"}, "in_port=1", "drop", NULL},
	{{"actions=write_actions(output:3),goto_table:1", "table=1,actions=write_actions(output:2)"},
	 "in_port=1",
	 "2",
	 NULL},
	{{"ip,actions=write_actions(set_field:1.1.1.1->ip_src,dec_ttl,output:3)"},
	 "in_port=1,udp,nw_ttl=9",
	 "set(ipv4(src=1.1.1.1,ttl=8)),3",
	 NULL},
	{{"ip,actions=write_actions(set_field:1.1.1.1->ip_src)"}, "in_port=1,udp,nw_ttl=9", "drop", NULL},
	{{"actions=write_actions(output:3),goto_table:1", "table=1,actions=clone(output:2)"},
	 "in_port=1",
	 "2,3,3",
	 NULL},
	{{"actions=write_actions(output:3),goto_table:1", "table=1,actions=output:2,exit"}, "in_port=1", "2", NULL},
	/* metadata is seen by later tables */
	{{"actions=write_metadata:0x5/0xf,goto_table:1", "table=1,metadata=0x5,actions=output:2"},
	 "in_port=1",
	 "2",
	 NULL},
	/* fragments: rules see no ports, rewriting does */
	{{"priority=2,tcp,tcp_dst=80,actions=output:2", "priority=1,tcp,actions=mod_tp_dst:90,output:3"},
	 "in_port=1,tcp,ip_frag=first,tcp_dst=80",
	 "set(tcp(dst=90)),3",
	 NULL},
};

static struct bridge *make_bridge(void)
{
	struct bridge *br;

	fixture_init();
	br = fixture_bridge("br0");
	fixture_port(br, "p1", 1);
	fixture_port(br, "p2", 2);
	fixture_port(br, "p3", 3);
	fixture_iface(fixture_port(br, "p4", 4))->config = OFPPC_NO_FLOOD;
	fixture_port(br, "br0", OFPP_LOCAL);
	return br;
}

/* A bridge of its own: rules that were there leave their fields in masks until they are reclaimed. */
static void check(const struct xlate_case *c)
{
	struct bridge *br = make_bridge();

	for (size_t i = 0; i < ARRAY_SIZE(c->flows) && c->flows[i]; i++)
		fixture_flow(br, c->flows[i]);
	fixture_xlate(br, c->packet, false, 0);
	if (strcmp(fixture_actions(), c->actions))
		fail_msg("%s | %s: %s, not %s", c->flows[0], c->packet, fixture_actions(), c->actions);
	if (c->megaflow && strcmp(fixture_megaflow(), c->megaflow))
		fail_msg("%s | %s: %s, not %s", c->flows[0], c->packet, fixture_megaflow(), c->megaflow);
	fixture_fini();
}

static void test_actions(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(&cases[i]);
}

/* Why nothing comes out, for the counters. */
static void test_drop_reasons(void **state VSW_UNUSED)
{
	static const struct {
		const char *flow, *packet;
		enum drop_reason reason;
	} drops[] = {
		{"tcp,actions=output:2", "in_port=1,udp", DROP_NO_RULE},
		{"actions=drop", "in_port=1", DROP_RULE_DROP},
		{"actions=output:77", "in_port=1", DROP_NO_PORT},
		{"actions=output:1", "in_port=1", DROP_SAME_PORT},
		{"actions=resubmit(,0)", "in_port=1", DROP_LOOP_LIMIT},
		{"actions=output:2", "in_port=3", DROP_PORT_NO_RECV},
		{"actions=output:4", "in_port=1", DROP_PORT_NO_FORWARD},
	};
	struct bridge *br = make_bridge();

	bridge_iface_by_ofp(br, 3)->config |= OFPPC_NO_RECV;
	bridge_iface_by_ofp(br, 4)->config |= OFPPC_NO_FWD;
	for (size_t i = 0; i < ARRAY_SIZE(drops); i++) {
		fixture_flow(br, drops[i].flow);
		fixture_xlate(br, drops[i].packet, false, 0);
		assert_string_equal(fixture_actions(), "drop");
		assert_int_equal(fixture.out.drop, drops[i].reason);
		fixture_del_flows(br);
	}
	fixture_fini();
}

/* What only a race brings: a packet of a port that has just gone, one that a translation of long ago sent round. */
static void test_late_packets(void **state VSW_UNUSED)
{
	static const struct {
		uint32_t in_port, recirc_id;
		be32 tun_dst;
		enum drop_reason reason;
	} late[] = {
		{.in_port = 999, .reason = DROP_NO_BRIDGE},
		{.in_port = 999, .tun_dst = BE32_C(0x0a000001), .reason = DROP_NO_TUNNEL_PORT},
		{.in_port = 1, .recirc_id = 5, .reason = DROP_STALE_RECIRC},
	};

	fixture_xlate(make_bridge(), "in_port=1", false, 0); /* room for the result */
	for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
		struct pkt_key key = {
			.in_port = late[i].in_port, .recirc_id = late[i].recirc_id, .tun_dst = late[i].tun_dst};
		struct xlate_in in = {.dp = &fixture.dp, .key = &key};

		fixture.out.actions.len = 0;
		xlate_run(&in, &fixture.out);
		assert_string_equal(fixture_actions(), "drop");
		assert_int_equal(fixture.out.drop, late[i].reason);
	}
	fixture_fini();
}

/* A copy for a controller that was the packet's only way. */
static void test_no_controller(void **state VSW_UNUSED)
{
	static const struct {
		uint64_t cookie;
		enum drop_reason reason;
	} copies[] = {
		{(uint64_t)XLATE_IN_ACTION << 24, DROP_NO_CONTROLLER},
		{(uint64_t)XLATE_IN_INVALID_TTL << 24, DROP_TTL_EXCEEDED},
	};
	struct datapath *dp = &fixture.dp;

	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		struct dp_upcall upcall = {.reason = DP_TO_CONTROLLER, .cookie = copies[i].cookie};
		struct dp_upcall_reply reply = {.actions = {.data = fixture.actions, .cap = sizeof fixture.actions}};
		const struct dp_action *a = (const struct dp_action *)(const void *)fixture.actions;

		upcall_handle(&dp, &upcall, &reply);
		assert_int_equal(a->type, DP_DROP);
		assert_int_equal(a->arg, copies[i].reason);
	}
}

/* dec_ttl of the last hop: the controller hears of it, the table ends, its caller goes on. */
static void test_ttl_exceeded(void **state VSW_UNUSED)
{
	struct bridge *br = make_bridge();
	const struct dp_action *first;

	fixture_flow(br, "ip,actions=resubmit(,1),output:3");
	fixture_flow(br, "table=1,ip,actions=dec_ttl,output:2");
	fixture_xlate(br, "in_port=1,tcp,nw_ttl=1", false, 0);
	first = (const struct dp_action *)fixture.actions;
	assert_int_equal(first->type, DP_USERSPACE);
	assert_int_equal(first->arg, DP_TO_CONTROLLER);
	assert_true(strstr(fixture_actions(), ",3") != NULL);
	assert_true(strstr(fixture_actions(), ",2") == NULL);
	fixture_fini();
}

/* 255 tables in a row, round and round: the deepest nesting there can be ends at a limit, not at the stack's end. */
static void test_deepest_nesting(void **state VSW_UNUSED)
{
	struct bridge *br = make_bridge();
	char flow[64];

	for (int i = 0; i < 254; i++) {
		snprintf(flow, sizeof flow, "table=%d,actions=resubmit(,%d)", i, i + 1);
		fixture_flow(br, flow);
	}
	fixture_flow(br, "table=254,actions=resubmit(,0)");
	fixture_xlate(br, "in_port=1", false, 0);
	assert_int_equal(fixture.out.drop, DROP_LOOP_LIMIT);
	assert_true(fixture.out.n_credits <= XLATE_MAX_RULES);
	fixture_fini();
}

/* Rewriting for ever more outputs fills the list: nothing is sent rather than half. */
static void test_action_limit(void **state VSW_UNUSED)
{
	struct bridge *br = make_bridge();

	fixture_flow(
		br,
		"actions=resubmit(,1),resubmit(,1),resubmit(,1),resubmit(,1),resubmit(,1),resubmit(,1),resubmit(,1)");
	fixture_flow(br,
		     "table=1,actions=resubmit(,2),resubmit(,2),resubmit(,2),resubmit(,2),resubmit(,2),resubmit(,2)");
	fixture_flow(br,
		     "table=2,actions=resubmit(,3),resubmit(,3),resubmit(,3),resubmit(,3),resubmit(,3),resubmit(,3)");
	fixture_flow(
		br, "table=3,actions=output:2,output:3,output:2,output:3,output:2,output:3,output:2,output:3,output:4");
	fixture_xlate(br, "in_port=1", false, 0);
	assert_int_equal(fixture.out.drop, DROP_ACTION_LIMIT);
	assert_string_equal(fixture_actions(), "drop");
	fixture_fini();
}

static void test_credits_and_tables(void **state VSW_UNUSED)
{
	struct bridge *br = make_bridge();

	fixture_flow(br, "actions=resubmit(,70),resubmit(,70)");
	fixture_flow(br, "table=70,actions=output:2");
	fixture_xlate(br, "in_port=1", false, 0);
	assert_int_equal(fixture.out.n_credits, 3);
	assert_int_equal(fixture.out.tables[0], 1);
	assert_int_equal(fixture.out.tables[1], 1 << 6);
	xlate_credit(fixture.credits, fixture.out.n_credits, 2, 100, 5000);
	assert_int_equal(fixture.credits[0].rule->n_packets, 2);
	assert_int_equal(fixture.credits[1].rule->n_packets, 4);
	assert_int_equal(fixture.credits[1].rule->n_bytes, 200);
	fixture_fini();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),	     cmocka_unit_test(test_drop_reasons),
		cmocka_unit_test(test_ttl_exceeded), cmocka_unit_test(test_deepest_nesting),
		cmocka_unit_test(test_action_limit), cmocka_unit_test(test_credits_and_tables),
		cmocka_unit_test(test_late_packets), cmocka_unit_test(test_no_controller),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
