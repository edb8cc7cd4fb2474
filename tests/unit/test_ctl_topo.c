// SPDX-License-Identifier: Apache-2.0
/* Topology files: what is read from good ones, and what is said about bad ones. */
#include "ctl/topo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/test_ctl_topo.XXXXXX";

static char *write_file(const char *text)
{
	char *path = xasprintf("%s/t.json", folder);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* Read @text with ' for ". Return: 0 or -errno. */
static int parse(const char *text, struct topo **topo, struct errtext *err)
{
	char *json = xstrdup(text), *path;
	int error;

	for (char *p = json; *p; p++)
		if (*p == '\'')
			*p = '"';
	path = write_file(json);
	error = topo_parse(path, topo, err);
	unlink(path);
	free(path);
	free(json);
	return error;
}

static void bad_files(void **state VSW_UNUSED)
{
	/* expected: what follows "FOLDER/t.json:" */
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"{", "1: not JSON: string or '}' expected near end of file"},
		{"[]", "1: expected an object: { ... }"},
		{"{}", "1: 'hosts' is missing: expected an object: { ... }"},
		{"{'hosts': {},\n'x': 1}", "2: x: unknown key; known here: description hosts switches links expect"},
		{"{'hosts': {},\n'hosts': {}}", "2: not JSON: duplicate object key near '\"hosts\"'"},
		{"{'hosts': []}", "1: hosts: expected an object: { ... }"},
		{"{'hosts': {'h 1': {}}}",
		 "1: hosts.h 1: 'h 1' cannot be the name of a host (letters, digits, '.', '-', '_'; not 'all')"},
		{"{'hosts': {'h1':\n{'addresses': [\n'10.0.0.1/24',\n'10.0.0.2/33']}}}",
		 "4: hosts.h1.addresses[1]: '10.0.0.2/33' is not an address; expected ADDRESS/LENGTH such as "
		 "\"10.0.0.1/24\""},
		{"{'hosts': {'h1': {'addresses': ['10.0.0.1']}}}",
		 "1: hosts.h1.addresses[0]: '10.0.0.1' is not an address; expected ADDRESS/LENGTH such as "
		 "\"10.0.0.1/24\""},
		{"{'hosts': {'h1': {'addresses': ['10.0.0.1/24', '10.0.0.1/8']}}}",
		 "1: hosts.h1.addresses[1]: h1 has the address 10.0.0.1/8 twice"},
		{"{'hosts': {'h1': {'addresses': ['10.0.0.1/24']},\n'h2': {'addresses': ['10.0.0.1/16']}}}",
		 "2: hosts.h2.addresses[0]: the address 10.0.0.1/16 is h1's already; expected one that no other host "
		 "has"},
		{"{'hosts': {'h1': {'sysctls': {'net/../x': 1}}}}",
		 "1: hosts.h1.sysctls.net/../x: 'net/../x' is no sysctl, expected net.WORD.WORD..."},
		{"{'hosts': {}, 'switches': {'s': {'on': 'h1'}}}", "1: switches.s.on: there is no host called 'h1'"},
		{"{'hosts': {}, 'switches': {'s': {'uplink': 'eth0'}}}",
		 "1: switches.s.uplink: an uplink is a device of the host that the switch is \"on\""},
		{"{'hosts': {'h1': {}}, 'switches': {'s': {'on': 'h1', 'uplink': 'eth0'}}}",
		 "1: switches.s.uplink: h1 has no interface 'eth0'"},
		{"{'hosts': {}, 'switches': {'a': {}, 'b': {}}, 'links': [{'ends': ['a', 'b'], 'type': 'wire'}]}",
		 "1: links[0].type: 'wire' is no kind of link, expected patch or veth"},
		{"{'hosts': {}, 'switches': {'a': {'ports': {'b0': {'interfaces': {'x': {}}}}}}}",
		 "1: switches.a.ports.b0.interfaces: expected an object with two names or more: {\"b0-1\": {}, "
		 "\"b0-2\": {}}"},
		{"{'hosts': {}, 'switches': {'a': {'ports': {'b0': {'interfaces': {'x': {}, '/y': {}}}}}}}",
		 "1: switches.a.ports.b0.interfaces./y: '/y' cannot be the name of a port (1 to 15 letters, digits, "
		 "'.', '-', '_')"},
		{"{'hosts': {}, 'switches': {'a': {'ports': {'b0': {'interfaces': {'x': {}, 'y': {}}}}}, 'b': {}}, "
		 "'links': [['a:b0', 'b']]}",
		 "1: links[0]: 'b0' is a bond: links end at its interfaces"},
		{"{'hosts': {}, 'switches': {'a': {'ports': {'b0': {'interfaces': {'x': {}, 'y': {}}}}}, 'b': {}}, "
		 "'links': [{'ends': ['a:x', 'b'], 'type': 'patch'}]}",
		 "1: links[0].type: a bond's interfaces are devices: \"veth\""},
		{"{'hosts': {}, 'switches': {'a': {'ports': {'b0': {'interfaces': {'x': {}, 'y': {}}}}}, 'b': {}}, "
		 "'links': [['a:x', 'b']]}",
		 "1: switches.a.ports.y: no link ends here: add one, or a \"type\" such as internal or tap"},
		{"{'hosts': {'h': {}}, 'switches': {'a': {}}, 'links': [{'ends': ['a', 'h'], 'type': 'patch'}]}",
		 "1: links[0].type: patch ports link switches of one daemon only"},
		{"{'hosts': {'h1': {}}, 'links': [{'mtu': 1500}]}",
		 "1: links[0]: 'ends' is missing: expected a list: [ ... ]"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'tcp': 1, 'udp': 1}]}",
		 "1: expect[0]: either 'tcp' or 'udp'"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'listen': false}]}",
		 "1: expect[0]: 'listen' goes with 'tcp' and 'udp'"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'reaches': false, 'within': 3}]}",
		 "1: expect[0]: 'within' is for what should be reached; not with 'mbps'"},
		{"{'hosts': {'h1': {'interfaces': {'eth0': {'mac': '02:00:00:00:00:0g'}}}}}",
		 "1: hosts.h1.interfaces.eth0.mac: '02:00:00:00:00:0g' is not a MAC address, expected "
		 "xx:xx:xx:xx:xx:xx"},
		{"{'hosts': {'h1': {'interfaces': {'eth0': {'mac': '03:00:00:00:00:01'}}}}}",
		 "1: hosts.h1.interfaces.eth0.mac: 03:00:00:00:00:01 is a multicast address"},
		{"{'hosts': {'h1': {'interfaces': {'a-name-too-long-for-it': {}}}}}",
		 "1: hosts.h1.interfaces.a-name-too-long-for-it: 'a-name-too-long-for-it' cannot be the name of a "
		 "network device "
		 "(1 to 15 letters, digits, '.', '-', '_')"},
		{"{'hosts': {'h1': {'interfaces': {'eth0': {'mtu': 'big'}}}}}",
		 "1: hosts.h1.interfaces.eth0.mtu: expected a whole number"},
		{"{'hosts': {'h1': {'interfaces': {'eth0': {'mtu': 10}}}}}",
		 "1: hosts.h1.interfaces.eth0.mtu: 10 is out of range, expected 68 to 65535"},
		{"{'hosts': {'h1': {'interfaces': {'v5': {'vlan': 5}}}}}",
		 "1: hosts.h1.interfaces.v5: the device that VLAN 5 is on must stand before it: call this one "
		 "PARENT.VLAN, or name it "
		 "with \"on\""},
		{"{'hosts': {'h1': {'interfaces': {'eth0': {}, 'eth0.5': {'vlan': 4095}}}}}",
		 "1: hosts.h1.interfaces.eth0.5.vlan: 4095 is out of range, expected 1 to 4094"},
		{"{'hosts': {'h1': {'interfaces': {}, 'addresses': []}}}",
		 "1: hosts.h1: 'addresses' is short for those of eth0: with 'interfaces' say them there"},
		{"{'hosts': {'h1': {'routes': [{'to': 'default'}]}}}",
		 "1: hosts.h1.routes[0]: a route needs 'via' (a gateway) or 'dev' (an interface)"},
		{"{'hosts': {'h1': {'routes': [{'to': 'fd00::/64', 'via': '10.0.0.1'}]}}}",
		 "1: hosts.h1.routes[0].via: '10.0.0.1' and 'fd00::/64' are of different families"},
		{"{'hosts': {'h1': {'programs': ['iperf3 -s']}}}",
		 "1: hosts.h1.programs[0]: expected a program with its arguments: [\"iperf3\", \"-s\"]"},
		{"{'hosts': {'h1': {'addresses': []}}}", "1: hosts.h1: no link ends at its interface 'eth0'"},
		{"{'hosts': {'x': {}}, 'switches': {'x': {}}}", "1: switches.x: there is a host called 'x', too"},
		{"{'hosts': {}, 'switches': {'br0': {'ports': {'p1': {}}}}}",
		 "1: switches.br0.ports.p1: no link ends here: add one, or a \"type\" such as internal or tap"},
		{"{'hosts': {}, 'switches': {'br0': {'ports': {'p1': {'tag': null}}}}}",
		 "1: switches.br0.ports.p1.tag: expected a text, a number, true, false or a list; a map is written "
		 "\"column:key\": \"value\""},
		{"{'hosts': {}, 'switches': {'br0': {'flows': [\n'actions=drop', 1]}}}",
		 "2: switches.br0.flows[1]: expected a flow as of add-flow: \"priority=1,arp,actions=NORMAL\""},
		{"{'hosts': {'h1': {}},\n'links': [['h1', 'h2']]}",
		 "2: links[0][1]: there is no host or switch called 'h2'"},
		{"{'hosts': {'h1': {}}, 'links': [['h1']]}",
		 "1: links[0]: expected two ends: [\"h1\", \"br0\"] or [\"h1:eth0\", \"br0:h1\"]"},
		{"{'hosts': {'h1': {}}, 'links': [['h1', 'h1']]}", "1: links[0]: both ends are at the same place"},
		{"{'hosts': {'h1': {}, 'h2': {}}, 'links': [['h1:eth0', 'h2'],\n['h1:eth0', 'h2']]}",
		 "2: links[1]: interface 'eth0' of h1 has a link already"},
		{"{'hosts': {'h1': {}, 'h2': {}}, 'switches': {'s': {}}, 'links': [['h1', 's:p'],\n['h2', 's:p']]}",
		 "2: links[1]: the name 'p' is taken: by another link, a port of another switch, or a switch"},
		{"{'hosts': {'h': {}}, 'switches': {'s': {}}, 'links': [\n{'ends': ['h', 's'],\n'delay': '20'}]}",
		 "3: links[0].delay: expected a text such as 20ms, at most 60s"},
		{"{'hosts': {'h': {}}, 'switches': {'s': {}}, 'links': [{'ends': ['h', 's'], 'loss': 1}]}",
		 "1: links[0].loss: expected a text such as 1%"},
		{"{'hosts': {'h': {}}, 'switches': {'s': {}}, 'links': [{'ends': ['h', 's'], 'reorder': '1%'}]}",
		 "1: links[0].reorder: without 'delay' there is nothing to overtake"},
		{"{'hosts': {'h1': {}, 'h2': {}}, 'links': [{'ends': ['h1', 'h2'],\n'rate': '1mbit'}]}",
		 "2: links[0].rate: it is ports of switches that make links worse, and no end of this one is such"},
		{"{'hosts': {}, 'switches': {'a': {}, 'b': {}}, 'links': [{'ends': ['a', 'b'], 'type': 'patch', "
		 "'loss': '1%'}]}",
		 "1: links[0].loss: a patch is no link that could be worse; leave out \"type\": \"patch\""},
		{"{'hosts': {}, 'switches': {'a': {'qos': {'p': {'max-rate': 'fast'}}}}}",
		 "1: switches.a.qos.p.max-rate: expected a whole number"},
		{"{'hosts': {}, 'switches': {'a': {'qos': {'p': {'queues': {'one': {}}}}}}}",
		 "1: switches.a.qos.p.queues.one: expected the number of a queue"},
		{"{'hosts': {}, 'switches': {'a': {}, 'b': {}}, 'links': [{'ends': ['a', 'b'], 'mtu': 1500}]}",
		 "1: links[0].mtu: patch ports have no MTU; \"type\": \"veth\" links the switches by devices"},
		{"{'hosts': {'a-long-host-name': {}}, 'switches': {'s': {}}, 'links': [['a-long-host-name', 's']]}",
		 "1: links[0]: the port towards a-long-host-name needs a name: \"s:NAME\""},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': 'h9'}]}",
		 "1: expect[0].to: 'h9' is no host, HOST:INTERFACE, address or 'all'"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h9', 'to': 'h1'}]}",
		 "1: expect[0].from: there is no host called 'h9'"},
		{"{'hosts': {'h1': {}}, 'expect': [{'to': 'h1'}]}",
		 "1: expect[0].from: missing: expected the name of a host, or a list of names"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'tcp': 0}]}",
		 "1: expect[0].tcp: 0 is out of range, expected 1 to 65535"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'mbps': 10}]}",
		 "1: expect[0].to: throughput is measured between hosts of this file only"},
		{"{'hosts': {'h1': {}}, 'expect': [{'from': 'h1', 'to': '1.2.3.4', 'seconds': 1}]}",
		 "1: expect[0]: 'seconds' goes with 'mbps'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *expected = xasprintf("%s/t.json:%s", folder, cases[i].expected);
		struct errtext err = {0};
		struct topo *topo;

		assert_int_equal(parse(cases[i].text, &topo, &err), -EINVAL);
		assert_string_equal(err.text, expected);
		assert_null(topo);
		free(expected);
	}
}

static void missing_file(void **state VSW_UNUSED)
{
	struct errtext err;
	struct topo *topo;

	assert_int_equal(topo_parse("/nowhere/x.json", &topo, &err), -ENOENT);
	assert_string_equal(err.text, "cannot open /nowhere/x.json: No such file or directory");
}

static const char good[] =
	"{'description': 'd',"
	" 'hosts': {'h1': {'addresses': ['10.0.0.1/24', 'fd00::1/64'], 'routes': [{'to': 'default', 'via': "
	"'10.0.0.254'}]},"
	"           'h2': {'interfaces': {'eth0': {'mtu': 9000, 'mac': '02:00:00:00:00:02'},"
	"                                 'eth0.10': {'vlan': 10, 'addresses': ['10.0.0.2/24']},"
	"                                 'q': {'vlan': 20, 'on': 'eth0', 'protocol': '802.1ad'}}},"
	"           'r': {'forward': true, 'programs': [['true']]}},"
	" 'switches': {'br0': {'settings': {'fail_mode': 'secure'}, 'ports': {'h1': {'tag': 10}, 'i0': {'type': "
	"'internal'}}},"
	"              'br1': {'flows': ['actions=NORMAL']}},"
	" 'links': [['h1', 'br0'], {'ends': ['br0:up', 'h2'], 'mtu': 9000}, ['r', 'br0'], ['r', 'br1'], ['br0', "
	"'br1']],"
	" 'expect': [{'from': 'all', 'to': 'all'}, {'from': ['h1'], 'to': 'h2:eth0.10', 'reaches': false},"
	"            {'from': 'h2', 'to': '10.0.0.1', 'tcp': 80}, {'from': 'h1', 'to': 'h2', 'mbps': 10.5}]}";

static void good_hosts(void **state VSW_UNUSED)
{
	struct topo *topo;
	struct topo_iface *iface;

	assert_int_equal(parse(good, &topo, NULL), 0);
	assert_string_equal(topo->name, "t");
	assert_int_equal(topo->n_hosts, 3);
	assert_int_equal(topo->hosts[0].n_ifaces, 1);
	assert_int_equal(topo->hosts[0].ifaces[0].n_addrs, 2);
	assert_int_equal(topo->hosts[0].ifaces[0].addrs[1].family, AF_INET6);
	assert_int_equal(topo->hosts[0].ifaces[0].addrs[1].len, 64);
	assert_true(topo->hosts[0].routes[0].has_via);
	assert_int_equal(topo->hosts[0].routes[0].to.len, 0);
	iface = topo_host_iface(&topo->hosts[1], "eth0.10");
	assert_string_equal(iface->parent, "eth0");
	assert_int_equal(iface->vid, 10);
	assert_int_equal(iface->protocol, 0x8100);
	assert_int_equal(topo_host_iface(&topo->hosts[1], "q")->protocol, 0x88a8);
	assert_int_equal(topo->hosts[1].ifaces[0].mac[5], 2);
	assert_true(topo->hosts[2].forward);
	/* Links made these two. */
	assert_non_null(topo_host_iface(&topo->hosts[2], "eth0"));
	assert_non_null(topo_host_iface(&topo->hosts[2], "eth1"));
	topo_free(topo);
}

static void good_links(void **state VSW_UNUSED)
{
	static const char *const names[][2] = {
		{"eth0", "h1"}, {"up", "eth0"}, {"eth0", "r"}, {"eth1", "r-eth1"}, {"br0-br1", "br1-br0"},
	};
	struct topo *topo;

	assert_int_equal(parse(good, &topo, NULL), 0);
	assert_int_equal(topo->n_links, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(topo->links[i].ends[0].name, names[i][0]);
		assert_string_equal(topo->links[i].ends[1].name, names[i][1]);
	}
	assert_int_equal(topo->links[1].mtu, 9000);
	assert_int_equal(topo->switches[0].n_ports, 5);
	assert_int_equal(topo->switches[1].n_ports, 2);
	topo_free(topo);
}

static void good_expects(void **state VSW_UNUSED)
{
	struct topo *topo;
	const struct topo_expect *e;

	assert_int_equal(parse(good, &topo, NULL), 0);
	e = topo->expects;
	assert_int_equal(topo->n_expects, 4);
	assert_int_equal(e[0].kind, EXPECT_PING);
	assert_int_equal(e[0].n_from, 3);
	assert_int_equal(e[0].n_to, 3);
	assert_false(e[1].reaches);
	assert_int_equal(e[1].n_to, 1);
	assert_int_equal(e[2].kind, EXPECT_TCP);
	assert_int_equal(e[2].to[0].host, 0);
	assert_int_equal(e[3].kind, EXPECT_THROUGHPUT);
	assert_true(e[3].mbps > 10 && e[3].mbps < 11 && e[3].seconds > 0.9);
	topo_free(topo);
}

static void names(void **state VSW_UNUSED)
{
	static const struct {
		const char *file, *name;
	} cases[] = {{"a/b/two-hosts.json", "two-hosts"}, {"x", "x"}, {".json", ".json"}, {"a.json.json", "a.json"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *name = topo_name_of_file(cases[i].file);

		assert_string_equal(name, cases[i].name);
		free(name);
	}
	assert_true(topo_name_ok("a.b-c_1"));
	assert_false(topo_name_ok(""));
	assert_false(topo_name_ok("../x"));
	assert_false(topo_name_ok("-x"));
	assert_false(topo_name_ok("a/b"));
}

static int make_folder(void **state VSW_UNUSED)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state VSW_UNUSED)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files),  cmocka_unit_test(missing_file), cmocka_unit_test(good_hosts),
		cmocka_unit_test(good_links), cmocka_unit_test(good_expects), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
