// SPDX-License-Identifier: Apache-2.0
/* Bonds in translation: one copy to a bond, by which bucket, what its megaflow matches, and who is let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture_bridge.h"
#include "switchd/bond.h"

#define H1 "dl_src=00:00:00:00:00:01"
#define H2 "dl_src=00:00:00:00:00:02"
#define TO_H1 "dl_dst=00:00:00:00:00:01"
#define TO_H2 "dl_dst=00:00:00:00:00:02"
#define TO_ALL "dl_dst=ff:ff:ff:ff:ff:ff"

/* A bridge with ports p1 and p2, and a bond of interfaces 11 and 12. */
static struct bridge *br;
static struct port *bonded;
static struct bond_port bond;
static struct bond_link links[2];
static struct iface *second;

static void add_second_iface(void)
{
	second = xzalloc(sizeof *second);
	second->name = xstrdup("m2");
	second->port = bonded;
	second->bridge = br;
	second->type = IFACE_DUMMY;
	second->ofp_port = second->dp_port = 12;
	second->link_up = second->admin_up = true;
	cds_list_add_tail(&second->port_node, &bonded->ifaces);
	hmap_insert(&br->ifaces, &second->ofp_node, hash_u64(12, 0));
	hmap_insert(&vswitch.ifaces, &second->name_node, hash_string("m2", 0));
	hmap_insert(&vswitch.dp_ports, &second->dp_node, hash_u64(12, 0));
	bonded->n_ifaces = 2;
}

static void make_bond(enum bond_mode mode)
{
	fixture_init();
	br = fixture_bridge("br0");
	fixture_flow(br, "actions=NORMAL");
	fixture_port(br, "p1", 1);
	fixture_port(br, "p2", 2);
	bonded = fixture_port(br, "m1", 11);
	add_second_iface();
	memset(&bond, 0, sizeof bond);
	memset(links, 0, sizeof links);
	bond.id = 5;
	bond.bridge = br;
	bond.port = bonded;
	bond.xlate.mode = mode;
	bonded->bond = &bond;
	fixture_iface(bonded)->bond_link = &links[0];
	second->bond_link = &links[1];
}

static void end(void)
{
	hmap_remove(&br->ifaces, &second->ofp_node);
	hmap_remove(&vswitch.ifaces, &second->name_node);
	hmap_remove(&vswitch.dp_ports, &second->dp_node);
	cds_list_del(&second->port_node);
	free(second->name);
	free(second);
	bonded->n_ifaces = 1;
	fixture_fini();
}

static void admit(int link, enum bond_verdict unicast, enum bond_verdict multicast)
{
	links[link].admit[0] = (uint8_t)unicast;
	links[link].admit[1] = (uint8_t)multicast;
}

static void actions_are(const char *flow, const char *actions)
{
	fixture_xlate(br, flow, true, 1000);
	if (strcmp(fixture_actions(), actions))
		fail_msg("%s: %s, not %s", flow, fixture_actions(), actions);
}

static void dropped_for(const char *flow, enum drop_reason reason)
{
	actions_are(flow, "drop");
	assert_int_equal(fixture.out.drop, reason);
}

/* ---- out ---- */

static void a_flood_has_one_copy_for_a_bond(void **state VSW_UNUSED)
{
	make_bond(BOND_ACTIVE_BACKUP);
	actions_are("in_port=1," H1 "," TO_ALL, "2,lb_output(5,bucket=0)");
	/* and none goes back */
	actions_are("in_port=11," H2 "," TO_ALL, "1,2");
	actions_are("in_port=12," H2 "," TO_ALL, "1,2");
	/* nor by a rule that floods */
	fixture_del_flows(br);
	fixture_flow(br, "actions=FLOOD");
	actions_are("in_port=1," H1 "," TO_ALL, "2,lb_output(5,bucket=0)");
	actions_are("in_port=12," H1 "," TO_ALL, "1,2");
	fixture_del_flows(br);
	fixture_flow(br, "actions=ALL");
	actions_are("in_port=11," H1 "," TO_ALL, "1,2");
	/* a member that a rule names is the member */
	fixture_del_flows(br);
	fixture_flow(br, "actions=output:12");
	actions_are("in_port=1," H1 "," TO_ALL, "12");
	end();
}

static void learnt_behind_a_bond(void **state VSW_UNUSED)
{
	make_bond(BOND_BALANCE_TCP);
	actions_are("in_port=12," H2 "," TO_ALL, "1,2");
	actions_are("in_port=1," H1 "," TO_H2, "lb_output(5)");
	/* what is behind the bond is not sent to it again, whichever member it came by */
	dropped_for("in_port=11,dl_src=00:00:00:00:00:03," TO_H2, DROP_SAME_PORT);
	end();
}

/* Ports and addresses of IP are the datapath's to hash: the megaflow of balance-tcp does not look at them. */
static void megaflows_do_not_multiply(void **state VSW_UNUSED)
{
	make_bond(BOND_BALANCE_TCP);
	actions_are("in_port=12," H2 "," TO_ALL, "1,2");
	fixture_xlate(br, "in_port=1," H1 "," TO_H2 ",tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1000,tp_dst=80", true,
		      1000);
	assert_string_equal(fixture_megaflow(), "recirc_id=0,eth,ip,in_port=1,vlan_tci=0x0000/0x1fff,"
						"dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_frag=no");
	end();
}

static void slb_chooses_by_source_and_vlan(void **state VSW_UNUSED)
{
	static const uint8_t mac[6] = {0, 0, 0, 0, 0, 1};
	char want[64];

	make_bond(BOND_BALANCE_SLB);
	fixture_xlate(br, "in_port=1," H1 "," TO_H2, true, 1000);
	snprintf(want, sizeof want, "2,lb_output(5,bucket=%u)", bond_source_bucket(mac, 0, 0));
	assert_string_equal(fixture_actions(), want);
	fixture_xlate(br, "in_port=1,dl_vlan=9," H1 "," TO_H2, true, 1000);
	snprintf(want, sizeof want, "2,lb_output(5,bucket=%u)", bond_source_bucket(mac, 9, 0));
	assert_string_equal(fixture_actions(), want);
	bond.xlate.basis = 77;
	fixture_xlate(br, "in_port=1," H1 "," TO_H2, true, 1000);
	snprintf(want, sizeof want, "2,lb_output(5,bucket=%u)", bond_source_bucket(mac, 0, 77));
	assert_string_equal(fixture_actions(), want);
	end();
}

/* ---- in ---- */

static void a_member_that_is_not_listened_to(void **state VSW_UNUSED)
{
	make_bond(BOND_ACTIVE_BACKUP);
	admit(1, BOND_DROP, BOND_DROP);
	dropped_for("in_port=12," H2 "," TO_ALL, DROP_BOND_MEMBER);
	dropped_for("in_port=12," H2 "," TO_H1, DROP_BOND_MEMBER);
	/* and nothing is learnt from it */
	assert_null(fdb_lookup(br->fdb, 0, (const uint8_t[]){0, 0, 0, 0, 0, 2}));
	admit(1, BOND_ACCEPT, BOND_DROP);
	dropped_for("in_port=12," H2 "," TO_ALL, DROP_BOND_MEMBER);
	actions_are("in_port=12," H2 "," TO_H1, "1,2");
	end();
}

static void what_comes_back_is_known_by_its_source(void **state VSW_UNUSED)
{
	make_bond(BOND_BALANCE_SLB);
	admit(0, BOND_DROP_IF_MOVED, BOND_DROP_IF_MOVED);
	admit(1, BOND_DROP_IF_MOVED, BOND_DROP);
	/* nobody knows it: it is behind the bond */
	actions_are("in_port=11," H2 "," TO_ALL, "1,2");
	actions_are("in_port=12," H2 "," TO_H1, "1,2");
	/* known on p1: ours */
	fixture_xlate(br, "in_port=1," H1 "," TO_ALL, true, 1000);
	dropped_for("in_port=11," H1 "," TO_ALL, DROP_BOND_MEMBER);
	dropped_for("in_port=12," H1 "," TO_H2, DROP_BOND_MEMBER);
	end();
}

/* A gratuitous ARP says that a host has moved behind the bond, unless it has just said the opposite. */
static void a_host_that_moves(void **state VSW_UNUSED)
{
	const char *said = ",arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.1";
	char flow[256];

	make_bond(BOND_BALANCE_SLB);
	admit(0, BOND_DROP_IF_MOVED, BOND_DROP_IF_MOVED);
	fixture_xlate(br, "in_port=1," H1 "," TO_ALL, true, 1000);
	snprintf(flow, sizeof flow, "in_port=11," H1 "," TO_ALL "%s", said);
	fixture_xlate(br, flow, true, 2000);
	assert_string_equal(fixture_actions(), "1,2");
	assert_ptr_equal(fdb_lookup(br->fdb, 0, (const uint8_t[]){0, 0, 0, 0, 0, 1}), bonded);
	/* it comes home, and says so: for some seconds the bond is not believed */
	snprintf(flow, sizeof flow, "in_port=1," H1 "," TO_ALL "%s", said);
	fixture_xlate(br, flow, true, 3000);
	snprintf(flow, sizeof flow, "in_port=11," H1 "," TO_ALL "%s", said);
	fixture_xlate(br, flow, true, 3500);
	assert_string_equal(fixture_actions(), "drop");
	fixture_xlate(br, flow, true, 30000);
	assert_string_equal(fixture_actions(), "1,2");
	end();
}

/* LACPDUs are the link's: no rule sees them, whatever it matches. */
static void lacpdus_stay(void **state VSW_UNUSED)
{
	const char *pdu = "in_port=12," H2 ",dl_dst=01:80:c2:00:00:02,dl_type=0x8809";

	make_bond(BOND_BALANCE_TCP);
	bond.xlate.has_lacp = true;
	fixture_del_flows(br);
	fixture_flow(br, "actions=output:1");
	dropped_for(pdu, DROP_RESERVED_MAC);
	actions_are("in_port=1," H2 ",dl_dst=01:80:c2:00:00:02,dl_type=0x8809", "drop");
	bond.xlate.has_lacp = false;
	actions_are(pdu, "1");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_has_one_copy_for_a_bond),
		cmocka_unit_test(learnt_behind_a_bond),
		cmocka_unit_test(megaflows_do_not_multiply),
		cmocka_unit_test(slb_chooses_by_source_and_vlan),
		cmocka_unit_test(a_member_that_is_not_listened_to),
		cmocka_unit_test(what_comes_back_is_known_by_its_source),
		cmocka_unit_test(a_host_that_moves),
		cmocka_unit_test(lacpdus_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
