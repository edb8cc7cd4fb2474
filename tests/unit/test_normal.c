// SPDX-License-Identifier: Apache-2.0
/* NORMAL: VLAN modes from every kind of port to every other, learning, and what the megaflow of it matches. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"

#define HOSTS "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02"

static const uint8_t mac1[6] = {0, 0, 0, 0, 0, 1}, mac2[6] = {0, 0, 0, 0, 0, 2};

static struct bridge *br;

static struct port *add(const char *name, uint16_t number, enum vlan_mode mode, int tag)
{
	struct port *port = fixture_port(br, name, number);

	port->vlan_mode = mode;
	port->tag = tag;
	return port;
}

static uint64_t *vlans(unsigned int a, unsigned int b)
{
	uint64_t *bitmap = xcalloc(N_VLANS / 64, sizeof *bitmap);

	bitmap[a / 64] |= UINT64_C(1) << (a % 64);
	bitmap[b / 64] |= UINT64_C(1) << (b % 64);
	return bitmap;
}

static void make_bridge(void)
{
	fixture_init();
	br = fixture_bridge("br0");
	fixture_flow(br, "actions=NORMAL");
}

/* Ports of every mode; their numbers are the datapath's, too. */
static void make_vlan_bridge(void)
{
	make_bridge();
	add("trunk", 1, VLAN_TRUNK, -1);
	add("nonzero", 2, VLAN_TRUNK, -1)->priority_tags = PRIORITY_TAGS_IF_NONZERO;
	add("always", 3, VLAN_TRUNK, -1)->priority_tags = PRIORITY_TAGS_ALWAYS;
	add("access", 4, VLAN_ACCESS, 5);
	add("access-nonzero", 5, VLAN_ACCESS, 5)->priority_tags = PRIORITY_TAGS_IF_NONZERO;
	add("native-untagged", 7, VLAN_NATIVE_UNTAGGED, 5);
	add("native-tagged", 8, VLAN_NATIVE_TAGGED, 5);
	add("tunnel", 9, VLAN_DOT1Q_TUNNEL, 5);
	add("some", 10, VLAN_TRUNK, -1)->trunks = vlans(6, 7);
}

struct vlan_case {
	unsigned int in_port;
	const char *tag; /* of the flow */
	const char *actions;
};

/* As traced through Open vSwitch 3.1 with these ports. */
static const struct vlan_case vlan_cases[] = {
	{1, "", "2,3"},
	{1, "vlan_tci=0xb000", "2,3"},
	{1, "vlan_tci=0x1000", "pop_vlan,2,push_vlan(vid=0,pcp=0),3"},
	{1, "dl_vlan=5,dl_vlan_pcp=2",
	 "2,3,pop_vlan,4,push_vlan(vid=0,pcp=2),5,pop_vlan,7,push_vlan(vid=5,pcp=2),8,pop_vlan,9"},
	{1, "dl_vlan=6,dl_vlan_pcp=2", "2,3,7,8,10"},
	{4, "", "push_vlan(vid=5,pcp=0),1,2,3,pop_vlan,5,7,push_vlan(vid=5,pcp=0),8,pop_vlan,9"},
	{4, "vlan_tci=0xb000",
	 "pop_vlan,push_vlan(vid=5,pcp=5),1,2,3,pop_vlan,push_vlan(vid=0,pcp=5),5,pop_vlan,7,push_vlan(vid=5,pcp=5),8,"
	 "pop_vlan,9"},
	{4, "dl_vlan=5", "drop"},
	{7, "dl_vlan=6", "1,2,3,8,10"},
	{8, "", "push_vlan(vid=5,pcp=0),1,2,3,pop_vlan,4,5,7,9"},
	{9, "", "push_vlan(tpid=0x88a8,vid=5,pcp=0),1,2,3,pop_vlan,4,5,7,push_vlan(tpid=0x88a8,vid=5,pcp=0),8"},
	/* the customer's tag stays inside, keeps access ports out, and its priority is written outside where asked for */
	{9, "dl_vlan=6,dl_vlan_pcp=2",
	 "push_vlan(tpid=0x88a8,vid=5,pcp=0),1,pop_vlan,push_vlan(tpid=0x88a8,vid=5,pcp=2),2,3,pop_vlan,7,"
	 "push_vlan(tpid=0x88a8,vid=5,pcp=0),8"},
	{10, "", "drop"},
	{10, "dl_vlan=8", "drop"},
};

static void test_vlan_modes(void **state VSW_UNUSED)
{
	make_vlan_bridge();
	for (size_t i = 0; i < ARRAY_SIZE(vlan_cases); i++) {
		const struct vlan_case *c = &vlan_cases[i];
		char flow[128];

		snprintf(flow, sizeof flow, "in_port=%u," HOSTS "%s%s", c->in_port, *c->tag ? "," : "", c->tag);
		fixture_xlate(br, flow, false, 0);
		if (strcmp(fixture_actions(), c->actions))
			fail_msg("%s: %s, not %s", flow, fixture_actions(), c->actions);
	}
	fixture_fini();
}

static void test_megaflow_is_addresses_only(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	add("p2", 2, VLAN_TRUNK, -1);
	fixture_xlate(br, "in_port=1," HOSTS ",tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1000,tp_dst=80", false, 0);
	assert_string_equal(fixture_actions(), "2");
	assert_string_equal(fixture_megaflow(), "recirc_id=0,eth,ip,in_port=1,vlan_tci=0x0000/0x1fff,"
						"dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_frag=no");
	assert_true(fixture.out.used_fdb);
	fixture_fini();
}

static void test_learns_and_forwards(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	add("p2", 2, VLAN_TRUNK, -1);
	add("p3", 3, VLAN_TRUNK, -1);
	fixture_xlate(br, "in_port=1," HOSTS, true, 1000);
	assert_string_equal(fixture_actions(), "2,3");
	assert_int_equal(fixture.fdb_changes, 1);
	fixture_xlate(br, "in_port=2,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01", true, 1000);
	assert_string_equal(fixture_actions(), "1");
	/* another VLAN is another world */
	fixture_xlate(br, "in_port=2,dl_vlan=9,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01", true, 1000);
	assert_string_equal(fixture_actions(), "1,3");
	/* never back out of where it came in */
	fixture_xlate(br, "in_port=2,dl_src=00:00:00:00:00:03,dl_dst=00:00:00:00:00:02", true, 1000);
	assert_string_equal(fixture_actions(), "drop");
	assert_int_equal(fixture.out.drop, DROP_SAME_PORT);
	/* and a host that moved is found where it is */
	fixture_xlate(br, "in_port=3," HOSTS, true, 1000);
	assert_ptr_equal(fdb_lookup(br->fdb, 0, mac1), bridge_iface_by_ofp(br, 3)->port);
	fixture_fini();
}

static void test_asking_changes_nothing(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	fixture_xlate(br, "in_port=1," HOSTS, false, 1000);
	assert_null(fdb_lookup(br->fdb, 0, mac1));
	assert_int_equal(fixture.fdb_changes, 0);
	fixture_fini();
}

static void test_what_is_not_learnt(void **state VSW_UNUSED)
{
	struct fdb_stats stats;

	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	br->flood_vlans = vlans(5, 6);
	fixture_xlate(br, "in_port=1,dl_src=01:00:5e:00:00:01,dl_dst=00:00:00:00:00:02", true, 0);
	fixture_xlate(br, "in_port=1,dl_vlan=5," HOSTS, true, 0);
	fixture_xlate(br, "in_port=1,dl_src=00:00:00:00:00:01,dl_dst=01:80:c2:00:00:0e", true, 0);
	fdb_get_stats(br->fdb, &stats);
	assert_int_equal(stats.n_entries, 0);
	fixture_fini();
}

/* Packets that go by the megaflow keep the address known, and bring it back. */
static void test_credit_keeps_fresh(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	fixture_xlate(br, "in_port=1," HOSTS, true, 0);
	xlate_credit(fixture.credits, fixture.out.n_credits, 1, 60, 200000);
	fdb_expire(br->fdb, 400000);
	assert_non_null(fdb_lookup(br->fdb, 0, mac1));
	fdb_expire(br->fdb, 500000);
	assert_null(fdb_lookup(br->fdb, 0, mac1));
	xlate_credit(fixture.credits, fixture.out.n_credits, 1, 60, 500001);
	assert_non_null(fdb_lookup(br->fdb, 0, mac1));
	fixture_fini();
}

static void test_reserved_addresses(void **state VSW_UNUSED)
{
	static const char *const reserved[] = {"01:80:c2:00:00:00", "01:80:c2:00:00:0f", "01:00:0c:cc:cc:cd",
					       "00:e0:2b:00:00:04"};
	static const char *const others[] = {"01:80:c2:00:00:10", "01:00:0c:cc:cc:ce", "00:e0:2b:00:00:05"};
	char flow[64];

	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	add("p2", 2, VLAN_TRUNK, -1);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		snprintf(flow, sizeof flow, "in_port=1,dl_dst=%s", reserved[i]);
		br->forward_bpdu = false;
		fixture_xlate(br, flow, false, 0);
		assert_int_equal(fixture.out.drop, DROP_RESERVED_MAC);
		br->forward_bpdu = true;
		fixture_xlate(br, flow, false, 0);
		assert_string_equal(fixture_actions(), "2");
	}
	br->forward_bpdu = false;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf(flow, sizeof flow, "in_port=1,dl_dst=%s", others[i]);
		fixture_xlate(br, flow, false, 0);
		assert_string_equal(fixture_actions(), "2");
	}
	fixture_fini();
}

static void test_protected_and_no_flood(void **state VSW_UNUSED)
{
	struct port *p1, *p2;

	make_bridge();
	p1 = add("p1", 1, VLAN_TRUNK, -1);
	p2 = add("p2", 2, VLAN_TRUNK, -1);
	add("p3", 3, VLAN_TRUNK, -1);
	p1->is_protected = p2->is_protected = true;
	fixture_xlate(br, "in_port=1," HOSTS, false, 0);
	assert_string_equal(fixture_actions(), "3");
	fdb_add_static(br->fdb, 0, mac2, p2, 0);
	fixture_xlate(br, "in_port=1," HOSTS, false, 0);
	assert_int_equal(fixture.out.drop, DROP_PROTECTED_PORT);
	fdb_del(br->fdb, 0, mac2);
	bridge_iface_by_ofp(br, 3)->config = OFPPC_NO_FLOOD;
	p1->is_protected = false;
	fixture_xlate(br, "in_port=1," HOSTS, false, 0);
	assert_string_equal(fixture_actions(), "2");
	fixture_fini();
}

/* ARP to everybody is looked into, as far as it takes to tell a gratuitous one. */
static void test_gratuitous_arp_mask(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	fixture_xlate(br, "in_port=1,arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=1.1.1.1,arp_tpa=1.1.1.1", false, 0);
	assert_int_equal(fixture.out.mask.nw_proto, 0xff);
	assert_int_equal(fixture.out.mask.nw_src, UINT32_MAX);
	fixture_xlate(br, "in_port=1,arp,dl_dst=00:00:00:00:00:09,arp_op=1", false, 0);
	assert_int_equal(fixture.out.mask.nw_proto, 0);
	fixture_fini();
}

/* A packet with every mask bit as the first one had it gets the same answer: two tags matter where one would not. */
static void test_inner_tag_is_in_the_mask(void **state VSW_UNUSED)
{
	make_vlan_bridge();
	fixture_xlate(br, "in_port=1,dl_vlan=5," HOSTS, false, 0);
	assert_int_equal(be16_to_cpu(fixture.out.mask.vlan[1].tci) & FLOW_VLAN_PRESENT, FLOW_VLAN_PRESENT);
	fixture_fini();
}

static void test_from_the_controller(void **state VSW_UNUSED)
{
	make_bridge();
	add("p1", 1, VLAN_TRUNK, -1);
	add("p2", 2, VLAN_ACCESS, 5);
	fixture_xlate(br, "in_port=ANY,dl_vlan=5," HOSTS, true, 0);
	assert_string_equal(fixture_actions(), "1,pop_vlan,2");
	assert_null(fdb_lookup(br->fdb, 5, mac1));
	fixture_xlate(br, "in_port=77," HOSTS, false, 0);
	assert_int_equal(fixture.out.drop, DROP_NO_PORT);
	fixture_fini();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vlan_modes),	    cmocka_unit_test(test_megaflow_is_addresses_only),
		cmocka_unit_test(test_learns_and_forwards), cmocka_unit_test(test_asking_changes_nothing),
		cmocka_unit_test(test_what_is_not_learnt),  cmocka_unit_test(test_credit_keeps_fresh),
		cmocka_unit_test(test_reserved_addresses),  cmocka_unit_test(test_protected_and_no_flood),
		cmocka_unit_test(test_gratuitous_arp_mask), cmocka_unit_test(test_inner_tag_is_in_the_mask),
		cmocka_unit_test(test_from_the_controller),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
