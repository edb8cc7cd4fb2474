// SPDX-License-Identifier: Apache-2.0
/* Commands, transactions, and the bridges and ports that come of them; what survives a restart; what is taken back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "config_fixture.h"
#include "switchd/fdb.h"
#include "switchd/flow_compare.h"
#include "switchd/pipeline/table.h"

static void two_bridges(void)
{
	must("add-br b0 datapath_type=dummy -- add-br b1 datapath_type=dummy");
	must("add-port b0 p1 type=dummy -- add-port b0 p2 type=dummy tag=10 -- add-port b1 p3 type=dummy");
}

static void test_rows_become_ports(void **state)
{
	const struct port *port;

	(void)state;
	two_bridges();
	must_say("list-br", "b0\nb1\n");
	must_say("list-ports b0", "p1\np2\n");
	must_say("port-to-br p3", "b1\n");
	port = port_by_name("p2");
	assert_non_null(port);
	assert_int_equal(port->tag, 10);
	assert_int_equal(port->vlan_mode, VLAN_ACCESS);
	assert_string_equal(port->bridge->name, "b0");
	assert_int_equal(iface_by_name("p1")->ofp_port, 1);
	assert_int_equal(iface_by_name("p2")->ofp_port, 2);
	assert_int_equal(iface_by_name("b0")->ofp_port, OFPP_LOCAL);
	must_say("get Interface p2 ofport link_state error", "2\nup\n[]\n");
	must("del-br b0");
	assert_null(bridge_by_name("b0"));
	assert_null(port_by_name("p1"));
	assert_non_null(bridge_by_name("b1"));
}

static void test_sentences(void **state)
{
	static const struct {
		const char *line;
		int error;
		const char *sentence;
	} cases[] = {
		{"add-br b0", -EEXIST, "cannot create a bridge named b0 because a bridge named b0 already exists"},
		{"add-br p1", -EEXIST,
		 "cannot create a bridge named p1 because a port named p1 already exists on bridge b0"},
		{"add-port b0 b1", -EEXIST, "cannot create a port named b1 because a bridge named b1 already exists"},
		{"add-port b1 p1", -EEXIST,
		 "cannot create a port named p1 because a port named p1 already exists on bridge b0"},
		{"add-port nope x", -ENOENT, "no bridge named nope"},
		{"--may-exist add-port b1 p1", -EEXIST,
		 "\"--may-exist add-port b1 p1\" but p1 is actually attached to bridge b0"},
		{"add-br abcdefghijklmnopq", -ENAMETOOLONG,
		 "add-br: 'abcdefghijklmnopq' has 17 characters; a device name has at most 15"},
		{"add-br a/b", -EINVAL, "add-br: 'a/b' is no name for a device: no blanks, '/' or ':'"},
		{"add-br x b0 4095", -EINVAL, "add-br x: '4095' is no VLAN; they go from 1 to 4094"},
		{"add-br x b0", -EINVAL, "'add-br' command takes exactly 1 or 3 arguments: BRIDGE [PARENT VLAN]"},
		{"add-port b0", -EINVAL, "'add-port' command requires at least 2 arguments"},
		{"--foo add-port b0 x", -EINVAL, "'add-port' command has no '--foo' option"},
		{"frobnicate", -ENOSYS, "unknown command 'frobnicate'"},
		{"del-port nope", -ENOENT, "no port named nope"},
		{"del-port b1 p1", -ENOENT, "bridge b1 does not have a port p1 (bridge b0 does)"},
		{"del-port b0", -EINVAL,
		 "cannot delete port b0 because it is the local port for bridge b0 (deleting this port requires "
		 "deleting the entire bridge)"},
		{"del-br nope", -ENOENT, "no bridge named nope"},
		{"add-port b0 x type=dummy tag=4095", -EINVAL, "tag: 4095 is no VLAN; they go from 0 to 4094"},
		{"add-port b0 x type=dummy trunks=3,4095", -EINVAL, "trunks: 4095 is no VLAN; they go from 0 to 4094"},
		{"add-port b0 x type=dummy colour=red", -ENOENT,
		 "add-port x: neither table Port nor table Interface has a column 'colour'"},
		{"add-port b0 x type=foo", -EINVAL,
		 "'foo' is no interface type; known are system, internal, tap, patch, vxlan, geneve, gre and dummy"},
		{"add-port b0 x", -EINVAL,
		 "bridge b0 has datapath_type=dummy: its ports must have type=dummy or type=patch"},
		{"add-port b0 x type=patch", -EINVAL, "type=patch needs options:peer=NAME"},
		{"add-port b0 x type=patch options:peer=x", -EINVAL,
		 "options:peer: a patch port cannot be its own peer"},
		{"add-port b0 x type=dummy mtu_request=10", -EINVAL, "mtu_request: 10 is out of the range 68 to 65535"},
		{"set Bridge b0 datapath_type=system", -EINVAL,
		 "datapath_type cannot change while the bridge exists; delete it and add it again"},
		{"set Bridge b0 other_config:hwaddr=xx", -EINVAL,
		 "other_config:hwaddr: 'xx' is no MAC address; expected six pairs of hexadecimal digits, such as "
		 "02:00:00:00:00:01"},
		{"set Bridge b0 other_config:mac-table-size=-1", -EINVAL,
		 "other_config:mac-table-size: '-1' is no number from 0 to 1000000"},
		{"set-fail-mode b0 x", -EINVAL, "fail-mode must be \"standalone\" or \"secure\""},
		{"set-controller b0 nowhere", -EINVAL,
		 "'nowhere' is no target; expected tcp:, ssl:, unix:, ptcp:, pssl: or punix: in front of an address"},
		{"add-bond b0 x y z", -EINVAL,
		 "bridge b0 has datapath_type=dummy: its ports must have type=dummy or type=patch"},
		{"add-bond b0 x y y", -EINVAL, "add-bond x: y is named twice"},
		{"add-bond b0 x y p1", -EEXIST,
		 "add-bond x: p1 is already attached to port p1 of bridge b0; del-port takes it from there"},
	};

	(void)state;
	two_bridges();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		must_fail(cases[i].line, cases[i].error, cases[i].sentence);
	/* None of them left anything behind. */
	must_say("list-br", "b0\nb1\n");
	must_say("list-ports b0", "p1\np2\n");
	assert_int_equal(hmap_count(&vswitch.ports), 5);
	assert_int_equal(hmap_count(&vswitch.ifaces), 5);
}

static void test_all_or_nothing(void **state)
{
	(void)state;
	two_bridges();
	must_fail(
		"add-port b0 p4 type=dummy -- del-port p1 -- add-br b2 datapath_type=dummy -- add-port b0 p5 type=tap",
		-EINVAL, "bridge b0 has datapath_type=dummy: its ports must have type=dummy or type=patch");
	must_say("list-ports b0", "p1\np2\n");
	must_say("list-br", "b0\nb1\n");
	assert_null(bridge_by_name("b2"));
	assert_null(port_by_name("p4"));
	assert_non_null(port_by_name("p1"));
	assert_int_equal(iface_by_name("p1")->ofp_port, 1);
	assert_true(iface_by_name("p1")->dp_port != DP_PORT_NONE);
	/* Numbers of what never was are not used up. */
	must("add-port b0 p6 type=dummy");
	assert_int_equal(iface_by_name("p6")->ofp_port, 3);
}

/* A bridge that is deleted in a transaction that fails has its flows afterwards. */
static void test_undone_bridge_keeps_flows(void **state)
{
	(void)state;
	two_bridges();
	must("set-fail-mode b1 secure");
	assert_int_equal(tables_count(bridge_by_name("b1")->tables), 0);
	assert_int_equal(tables_count(bridge_by_name("b0")->tables), 1);
	must_fail("del-br b0 -- add-port b1 x type=tap", -EINVAL,
		  "bridge b1 has datapath_type=dummy: its ports must have type=dummy or type=patch");
	assert_int_equal(tables_count(bridge_by_name("b0")->tables), 1);
	assert_int_equal(tables_count(bridge_by_name("b1")->tables), 0);
	must_say("list-ports b0", "p1\np2\n");
}

static void test_moves_between_bridges(void **state)
{
	(void)state;
	two_bridges();
	must("del-port b0 p1 -- add-port b1 p1 type=dummy -- del-port p3 -- add-port b0 p3 type=dummy");
	assert_string_equal(port_by_name("p1")->bridge->name, "b1");
	assert_string_equal(port_by_name("p3")->bridge->name, "b0");
	must_say("list-ports b0", "p2\np3\n");
	/* A later command of the line means the new row. */
	must("del-port p1 -- add-port b0 p1 type=dummy -- set Port p1 tag=44 -- del-br b1 -- add-br b1 "
	     "datapath_type=dummy");
	assert_int_equal(port_by_name("p1")->tag, 44);
	must("del-port p1 -- add-port b0 p1 type=dummy -- set Interface p1 external_ids:k=v");
	must_say("get Interface p1 external_ids:k", "v\n");
	must_say("list-ports b1", "");
	/* A name that changes its kind. */
	must("del-port p3 -- add-port b0 p3 type=patch options:peer=q");
	assert_int_equal(iface_by_name("p3")->type, IFACE_PATCH);
}

static void test_survives_restart(void **state)
{
	(void)state;
	two_bridges();
	must("del-port p1 -- add-port b0 p9 type=dummy ofport_request=77 -- set Port p2 trunks=1,2 vlan_mode=trunk "
	     "tag=[]");
	must("set-fail-mode b1 secure -- set Interface p3 external_ids:who=me");
	fixture_restart();
	must_say("list-br", "b0\nb1\n");
	must_say("list-ports b0", "p2\np9\n");
	must_say("get Interface p2 ofport -- get Interface p9 ofport -- get Interface p3 external_ids:who",
		 "2\n77\nme\n");
	assert_int_equal(iface_by_name("p2")->ofp_port, 2);
	assert_int_equal(iface_by_name("p9")->ofp_port, 77);
	assert_true(vlan_bitmap_has(port_by_name("p2")->trunks, 2));
	assert_false(vlan_bitmap_has(port_by_name("p2")->trunks, 3));
	assert_int_equal(tables_count(bridge_by_name("b0")->tables), 1);
	assert_int_equal(tables_count(bridge_by_name("b1")->tables), 0);
	/* A number that somebody had is not given to the next one. */
	must("add-port b0 new type=dummy");
	assert_int_equal(iface_by_name("new")->ofp_port, 78);
}

/* The rule that a new bridge gets is a rule like any other: deleted is deleted. */
static void test_default_rule_stays_deleted(void **state)
{
	struct flow_mod all = flow_filter_all();

	(void)state;
	two_bridges();
	assert_int_equal(tables_apply(bridge_by_name("b0")->tables, &all, 1, clock_now_ms(), NULL, NULL), 0);
	fixture_restart();
	assert_int_equal(tables_count(bridge_by_name("b0")->tables), 0);
	assert_int_equal(tables_count(bridge_by_name("b1")->tables), 1);
}

static void test_fdb_survives_restart(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct fdb_source source = {.mac = {2, 0, 0, 0, 0, 9}, .vlan = 7};
	char path[96];

	(void)state;
	two_bridges();
	source.port = port_by_name("p1");
	assert_int_equal(fdb_learn(bridge_by_name("b0")->fdb, &source, clock_now_ms()), FDB_LEARNT);
	fixture_restart();
	assert_ptr_equal(fdb_lookup(bridge_by_name("b0")->fdb, 7, mac), port_by_name("p1"));
	/* Of a bridge that is deleted nothing stays. */
	snprintf(path, sizeof path, "%s/b0.fdb", fixture_folder);
	assert_int_equal(access(path, F_OK), 0);
	must("del-br b0");
	assert_int_equal(access(path, F_OK), -1);
	must("add-br b0 datapath_type=dummy -- add-port b0 p1 type=dummy");
	assert_null(fdb_lookup(bridge_by_name("b0")->fdb, 7, mac));
}

static void test_fake_bridges(void **state)
{
	(void)state;
	two_bridges();
	must("add-br v10 b1 10 -- add-port v10 p4 type=dummy");
	must_say("list-br", "b0\nb1\nv10\n");
	must_say("--real list-br", "b0\nb1\n");
	must_say("--fake list-br", "v10\n");
	must_say("br-to-vlan v10 -- br-to-parent v10 -- br-to-vlan b1", "10\nb1\n0\n");
	must_say("list-ports v10", "p4\n");
	must_say("list-ports b1", "p3\n");
	must_say("port-to-br p4", "v10\n");
	assert_int_equal(port_by_name("p4")->tag, 10);
	must_fail("add-br w v10 11", -EINVAL, "cannot create bridge with fake bridge as parent");
	must_fail("add-br w b1 10", -EEXIST, "bridge b1 already has a child VLAN bridge v10 on VLAN 10");
	must_fail("--may-exist add-br v10", -EEXIST, "\"--may-exist add-br v10\" but v10 is a VLAN bridge for VLAN 10");
	must("--may-exist add-br v10 b1 10 -- br-set-external-id v10 k v");
	must_say("br-get-external-id v10 -- br-get-external-id v10 k", "k=v\nv\n");
	must_say("br-get-external-id v10 nope", "");
	must("del-br v10");
	assert_null(port_by_name("p4"));
	must_say("list-ports b1", "p3\n");
}

static void test_questions(void **state)
{
	int status;

	(void)state;
	two_bridges();
	assert_int_equal(run_status("br-exists b0", &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(run_status("br-exists b7", &status), 0);
	assert_int_equal(status, 2);
	must("set-controller b0 tcp:127.0.0.1:6653 ptcp:6654 -- set-fail-mode b0 secure -- set-manager ptcp:6640");
	must_say("get-controller b0 -- get-fail-mode b0 -- get-manager",
		 "ptcp:6654\ntcp:127.0.0.1:6653\nsecure\nptcp:6640\n");
	must("emer-reset");
	must_say("get-controller b0 -- get-fail-mode b0 -- get-manager", "");
	must_say("iface-to-br p1 -- list-ifaces b0", "b0\np1\np2\n");
}

static void test_show(void **state)
{
	char *body;

	(void)state;
	must("add-br b0 datapath_type=dummy -- add-port b0 p2 type=dummy tag=3 -- add-port b0 p-1 type=patch "
	     "options:peer=x");
	must("set-controller b0 tcp:1.1.1.1 -- set-fail-mode b0 secure");
	must("show");
	body = strchr(ds_cstr(&said), '\n') + 1;
	assert_string_equal(strstr(body, "ovs_version: ") ? "found" : body, "found");
	*strstr(body, "    ovs_version: ") = '\0';
	assert_string_equal(body, "    Bridge b0\n"
				  "        Controller \"tcp:1.1.1.1\"\n"
				  "        fail_mode: secure\n"
				  "        datapath_type: dummy\n"
				  "        Port b0\n"
				  "            Interface b0\n"
				  "                type: internal\n"
				  "        Port p-1\n"
				  "            Interface p-1\n"
				  "                type: patch\n"
				  "                options: {peer=x}\n"
				  "                error: \"its peer does not exist, or names another one\"\n"
				  "        Port p2\n"
				  "            tag: 3\n"
				  "            Interface p2\n"
				  "                type: dummy\n");
}

static void test_bridge_settings(void **state)
{
	struct bridge *br;

	(void)state;
	two_bridges();
	br = bridge_by_name("b0");
	must("set Bridge b0 other_config:hwaddr=02:11:22:33:44:55 other_config:forward-bpdu=true flood_vlans=5");
	assert_memory_equal(br->mac, "\x02\x11\x22\x33\x44\x55", 6);
	assert_int_equal(br->datapath_id, 0x021122334455);
	assert_memory_equal(iface_by_name("b0")->mac, "\x02\x11\x22\x33\x44\x55", 6);
	assert_true(br->forward_bpdu);
	assert_true(br->flood_vlans && vlan_bitmap_has(br->flood_vlans, 5) && !vlan_bitmap_has(br->flood_vlans, 6));
	must_say("get Bridge b0 datapath_id", "\"0000021122334455\"\n");
	must("set Bridge b0 other_config:datapath-id=00000000000000ab");
	assert_int_equal(br->datapath_id, 0xab);
	must("clear Bridge b0 flood_vlans");
	assert_null(br->flood_vlans);
}

static void test_vlan_settings(void **state)
{
	const struct port *p;

	(void)state;
	two_bridges();
	p = port_by_name("p1");
	must("set Port p1 vlan_mode=native-untagged tag=9 trunks=20");
	assert_int_equal(p->vlan_mode, VLAN_NATIVE_UNTAGGED);
	assert_true(vlan_bitmap_has(p->trunks, 9) && vlan_bitmap_has(p->trunks, 20) && !vlan_bitmap_has(p->trunks, 21));
	must("set Port p1 vlan_mode=dot1q-tunnel cvlans=7 other_config:qinq-ethtype=802.1q "
	     "other_config:priority-tags=always protected=true");
	assert_int_equal(p->vlan_mode, VLAN_DOT1Q_TUNNEL);
	assert_true(vlan_bitmap_has(p->cvlans, 7) && !vlan_bitmap_has(p->cvlans, 8));
	assert_int_equal(p->qinq_ethtype, 0x8100);
	assert_int_equal(p->priority_tags, PRIORITY_TAGS_ALWAYS);
	assert_true(p->is_protected);
	must("clear Port p1 vlan_mode tag trunks");
	assert_int_equal(p->vlan_mode, VLAN_TRUNK);
	assert_int_equal(p->tag, -1);
	assert_null(p->trunks);
}

static void test_next_cfg(void **state)
{
	(void)state;
	must("set Open_vSwitch . next_cfg=5");
	must_say("get Open_vSwitch . cur_cfg", "5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
		T(test_rows_become_ports),
		T(test_sentences),
		T(test_all_or_nothing),
		T(test_undone_bridge_keeps_flows),
		T(test_moves_between_bridges),
		T(test_survives_restart),
		T(test_fdb_survives_restart),
		T(test_default_rule_stays_deleted),
		T(test_fake_bridges),
		T(test_questions),
		T(test_show),
		T(test_bridge_settings),
		T(test_vlan_settings),
		T(test_next_cfg),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
