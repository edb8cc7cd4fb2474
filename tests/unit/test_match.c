// SPDX-License-Identifier: Apache-2.0
/* Matches, flows, megaflows and datapath flows: text and back. Many more lines stand in tests/conformance/flow_text.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/match.h"
#include "flow/port_names.h"

static int port_number(const struct port_names *self VSW_UNUSED, const char *name, size_t len)
{
	if (len == 2 && !memcmp(name, "p1", 2))
		return 1;
	if (len == 6 && !memcmp(name, "eth0.5", 6))
		return 2;
	return len == 3 && !memcmp(name, "a b", 3) ? 3 : -1;
}

static const char *port_name(const struct port_names *self VSW_UNUSED, uint32_t port)
{
	static const char *const port_names[] = {NULL, "p1", "eth0.5", "a b", "local"};

	return port < ARRAY_SIZE(port_names) ? port_names[port] : NULL;
}

static const struct port_names names = {port_number, port_name};

static void check_match(const char *text, const char *printed, int priority, const struct port_names *out_names)
{
	struct ds out = DS_INIT;
	struct errtext err = {0};
	struct match m, again;

	if (match_parse(text, strlen(text), &names, &m, &err))
		fail_msg("'%s': column %zu: %s", text, err.column, err.text);
	match_format(&m, out_names, priority, &out);
	assert_string_equal(ds_cstr(&out), printed);
	if (priority < 0) {
		assert_int_equal(match_parse(ds_cstr(&out), out.len, &names, &again, &err), 0);
		assert_true(match_equal(&m, &again));
	}
	ds_fini(&out);
}

static void parse_and_print(void **state VSW_UNUSED)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"", ""},
		{"eth", ""},
		{"tcp,nw_src=10.0.0.0/8,tp_dst=80", "tcp,nw_src=10.0.0.0/8,tp_dst=80"},
		{"tp_dst=80 tcp", "tcp,tp_dst=80"},
		{"nw_proto=17,ipv6", "udp6"},
		{"arp,nw_src=1.2.3.4", "arp,arp_spa=1.2.3.4"},
		{"in_port=\"a b\"", "in_port=3"},
		{"in_port=local", "in_port=LOCAL"},
		{"dl_vlan=0xffff", "vlan_tci=0x0000"},
		{"vlan_vid=0", "vlan_tci=0x0000"},
		{"ip,nw_frag=not_later", "ip,nw_frag=not_later"},
		{"tcp,tcp_flags=+syn-ack", "tcp,tcp_flags=+syn-ack"},
		{"ct_state=-new+trk", "ct_state=-new+trk"},
		{"icmp6,icmp_type=135,icmp_code=0,nd_target=::1", "icmp6,icmp_type=135,icmp_code=0,nd_target=::1"},
		{"ipv6,ipv6_src=fe80::1/10", "ipv6,ipv6_src=fe80::/10"},
		{"xreg0=5/0xf00000000", "reg0=0/0xf"},
		{"reg0=*", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_match(cases[i].text, cases[i].printed, -1, NULL);
}

static void priorities_and_names(void **state VSW_UNUSED)
{
	check_match("ip", "priority=5,ip", 5, NULL);
	check_match("ip", "ip", 32768, NULL);
	check_match("", "priority=0", 0, NULL);
	check_match("in_port=1", "in_port=p1", -1, &names);
	check_match("in_port=2", "in_port=\"eth0.5\"", -1, &names);
	check_match("in_port=3", "in_port=\"a b\"", -1, &names);
	/* A port's name that means something else is quoted, or it would be read as that. */
	check_match("in_port=4", "in_port=\"local\"", 32768, &names);
}

static void errors(void **state VSW_UNUSED)
{
	static const struct {
		const char *text;
		size_t column;
		const char *says;
	} cases[] = {
		{"in_port=1,nw_dst=1.2.3.4", 11, "'nw_dst' needs 'ip' (or arp) before it"},
		{"nw_dst=1.2.3.4,tcp6", 1, "'nw_dst' needs 'ip' (or arp) before it"},
		{"ip,tp_dst=80", 4, "'tp_dst' needs 'tcp'"},
		{"udp,tcp_dst=80", 5, "'tcp_dst' needs 'tcp' (or tcp6) before it"},
		{"tcp,nw_frag=later,tp_dst=80", 19, "'tp_dst' is not in later fragments"},
		{"ip,nw_scr=1.2.3.4", 4, "did you mean 'nw_src'"},
		{"tpc", 1, "did you mean 'tcp'"},
		{"nsh", 1, "not supported yet"},
		{"ip,nw_src=1.2.3", 11, "'1.2.3' is not an IPv4 address"},
		{"ip,nw_src=1.2.3.4/33", 19, "'33' is not an IPv4 mask"},
		{"ipv6,ipv6_src=1.2.3.4/33", 15, "is not an IPv6 address"},
		{"dl_src=0:0:0:0:0", 8, "is not an Ethernet address"},
		{"dl_src=0:0:0:0:0:0/1:2", 20, "is not an Ethernet mask"},
		{"tcp,tp_dst=65536", 12, "has 16 bits"},
		{"ip,nw_ecn=4", 11, "has 2 bits"},
		{"reg0=0x100000000", 6, "has 32 bits"},
		{"ip,nw_proto=6/7", 15, "cannot be masked"},
		{"in_port=nosuch", 9, "is not a port"},
		{"in_port=", 9, "needs a value"},
		{"ip,nw_src=1.2.3.4,nw_src=1.2.3.4", 19, "is given twice"},
		{"reg0=1,xreg0=0", 8, "contradicts"},
		{"ip,ipv6", 4, "contradicts"},
		{"vlan_vid=5", 10, "0x1005"},
		{"ip=4", 4, "takes no value"},
		{"ct_label=(5", 1, "never closed"},
		{"tcp,tcp_flags=+syn*ack", 15, "is not a set of flags"},
		{"tcp,tcp_flags=+syn-syn", 15, "is not a set of flags"},
		{"tcp,tcp_flags=syn|", 15, "is not a set of flags"},
		{"ip,nw_frag=maybe", 12, "expected no, yes, first, later or not_later"},
		{"metadata=0x11112222333344445", 10, "too large"},
		{"metadata=0x1111222233334444555566667777888899990000", 10, "is not a number"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct errtext err = {0};
		struct match m;

		if (!match_parse(cases[i].text, strlen(cases[i].text), &names, &m, &err))
			fail_msg("'%s' was accepted", cases[i].text);
		if (err.column != cases[i].column || !strstr(err.text, cases[i].says))
			fail_msg("'%s': column %zu: %s", cases[i].text, err.column, err.text);
		/* The sentence is not needed by everybody. */
		assert_int_not_equal(match_parse(cases[i].text, strlen(cases[i].text), &names, &m, NULL), 0);
	}
}

static void matching(void **state VSW_UNUSED)
{
	struct flow_key key;
	struct match m;
	const char *flow = "in_port=1,tcp,nw_src=10.1.2.3,tp_dst=80,dl_vlan=5";

	assert_int_equal(flow_key_parse(flow, strlen(flow), &names, &key, NULL), 0);
	assert_int_equal(be16_to_cpu(key.p.vlan[0].tpid), 0x8100);
	assert_int_equal(match_parse("tcp,nw_src=10.0.0.0/8", 21, NULL, &m, NULL), 0);
	assert_true(match_matches(&m, &key));
	assert_true(match_is_exact(&m, field_by_name("nw_proto", 8)));
	assert_false(match_is_exact(&m, field_by_name("nw_src", 6)));
	assert_int_equal(match_parse("dl_vlan=6", 9, NULL, &m, NULL), 0);
	assert_false(match_matches(&m, &key));
	assert_int_equal(match_parse("dl_vlan_pcp=0", 13, NULL, &m, NULL), 0);
	assert_true(match_matches(&m, &key));
	match_init_any(&m);
	assert_true(match_matches(&m, &key));
}

#define ETH0 "dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00"

static void flows(void **state VSW_UNUSED)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"", "in_port=ANY,vlan_tci=0x0000," ETH0 ",dl_type=0x0000"},
		{"in_port=1,dl_vlan=5,ip",
		 "ip,in_port=1,dl_vlan=5,dl_vlan_pcp=0,vlan_tci1=0x0000," ETH0
		 ",nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_proto=0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no"},
		{"in_port=2,arp,arp_op=1",
		 "arp,in_port=2,vlan_tci=0x0000," ETH0
		 ",arp_spa=0.0.0.0,arp_tpa=0.0.0.0,arp_op=1,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00"},
		{"in_port=1,reg3=7,ct_state=trk|est,ct_zone=3,pkt_mark=1,metadata=9",
		 "pkt_mark=0x1,ct_state=est|trk,ct_zone=3,reg3=0x7,metadata=0x9,in_port=1,vlan_tci=0x0000," ETH0
		 ",dl_type=0x0000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ds out = DS_INIT;
		struct flow_key key;

		assert_int_equal(flow_key_parse(cases[i].text, strlen(cases[i].text), &names, &key, NULL), 0);
		flow_key_format(&key, NULL, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		ds_fini(&out);
	}
}

static void flows_are_exact(void **state VSW_UNUSED)
{
	static const char *const cases[] = {"ip,nw_src=10.0.0.0/8", "tcp,tcp_flags=+syn", "reg0=*", "ip,nw_frag=yes"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct errtext err = {0};
		struct flow_key key;

		assert_int_not_equal(flow_key_parse(cases[i], strlen(cases[i]), &names, &key, &err), 0);
		assert_non_null(strstr(err.text, "one exact value"));
	}
}

/* The flow that @flow gives, under the mask of the match @seen. */
static void megaflow(const char *flow, const char *seen, struct flow_key *key, struct flow_key *mask)
{
	struct match m;

	assert_int_equal(flow_key_parse(flow, strlen(flow), &names, key, NULL), 0);
	assert_int_equal(match_parse(seen, strlen(seen), &names, &m, NULL), 0);
	*mask = m.mask;
}

/* Expected texts are from ofproto/trace and dpctl/dump-flows of OVS 3.1. */
static void megaflows(void **state VSW_UNUSED)
{
	static const struct {
		const char *flow, *seen, *printed, *dp;
	} cases[] = {
		{"in_port=1,tcp,nw_src=9.9.9.9,nw_ttl=64", "in_port=1,tcp,nw_src=9.9.9.9,nw_ttl=64,nw_frag=no",
		 "recirc_id=0,eth,tcp,in_port=1,nw_src=9.9.9.9,nw_ttl=64,nw_frag=no",
		 "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(src=9.9.9.9,proto=6,ttl=64,frag=no)"},
		{"in_port=1,tcp,tp_src=16", "in_port=1,tcp,nw_frag=no,tp_src=0x10/0xf0,tp_dst=0",
		 "recirc_id=0,eth,tcp,in_port=1,nw_frag=no,tp_src=0x10/0xf0,tp_dst=0",
		 "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(src=16/0xf0,dst=0)"},
		{"in_port=1,arp,arp_spa=1.2.3.9", "in_port=1,dl_src=*,dl_dst=0:0:0:0:0:0,arp,arp_spa=0.0.0.0,arp_op=1",
		 "recirc_id=0,eth,arp,in_port=1,dl_dst=00:00:00:00:00:00,arp_spa=1.2.3.9,arp_op=0",
		 "recirc_id(0),in_port(1),eth(dst=00:00:00:00:00:00),eth_type(0x0806),arp(sip=1.2.3.9,op=0)"},
		{"in_port=1,dl_type=0x1234", "in_port=1,pkt_mark=0,dl_type=0x1234",
		 "pkt_mark=0,recirc_id=0,eth,in_port=1,dl_type=0x1234",
		 "skb_mark(0),recirc_id(0),in_port(1),eth_type(0x1234)"},
		{"in_port=1,dl_type=0x05ff", "in_port=1,dl_type=0x05ff", "recirc_id=0,eth,in_port=1,dl_type=0x05ff",
		 "recirc_id(0),in_port(1),eth_type(0/0xffff)"},
		{"in_port=1,dl_vlan=6,dl_vlan_pcp=3,udp,nw_ttl=3", "in_port=1,dl_vlan=6,udp,nw_ttl=3,nw_frag=no",
		 "recirc_id=0,eth,udp,in_port=1,dl_vlan=6,nw_ttl=3,nw_frag=no",
		 "recirc_id(0),in_port(1),eth_type(0x8100),vlan(vid=6,pcp=3/0x0),"
		 "encap(eth_type(0x0800),ipv4(proto=17,ttl=3,frag=no))"},
		{"in_port=1,dl_vlan=6,udp", "in_port=1,udp", "recirc_id=0,eth,udp,in_port=1",
		 "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17)"},
		{"in_port=1,tcp6,ipv6_src=fe80::1,ipv6_label=5,tp_dst=80",
		 "in_port=1,tcp6,ipv6_src=fe80::/64,ipv6_label=5/0xf,nw_frag=no,tp_dst=80",
		 "recirc_id=0,eth,tcp6,in_port=1,ipv6_src=fe80::/64,ipv6_label=0x00005/0x0000f,nw_frag=no,tp_dst=80",
		 "recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(src=fe80::1/ffff:ffff:ffff:ffff::,label=0x5/"
		 "0xf,proto=6,"
		 "frag=no),tcp(dst=80)"},
		{"in_port=1,tcp,tcp_flags=syn", "in_port=1,tcp,tcp_flags=+syn,nw_frag=no",
		 "recirc_id=0,eth,tcp,in_port=1,nw_frag=no,tcp_flags=+syn",
		 "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(+syn)"},
		{"in_port=1,icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=::1,nd_sll=0:0:0:0:0:1",
		 "in_port=1,icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=::1,nd_sll=0:0:0:0:0:1",
		 "recirc_id=0,eth,icmp6,in_port=1,icmp_type=135,icmp_code=0,nd_target=::1,nd_sll=00:00:00:00:00:01",
		 "recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=135,code=0),"
		 "nd(target=::1,sll=00:00:00:00:00:01)"},
		{"in_port=1,mpls,mpls_label=5,mpls_bos=1,mpls_ttl=64", "in_port=1,mpls,mpls_label=5",
		 "recirc_id=0,eth,mpls,in_port=1,mpls_label=5",
		 "recirc_id(0),in_port(1),eth_type(0x8847),mpls(label=5/0xfffff,tc=0/0,ttl=64/0x0,bos=1/0)"},
		{"in_port=1,ct_state=trk|est,ct_zone=5,ct_mark=7",
		 "in_port=1,ct_state=+trk-new,ct_zone=5,ct_mark=7/0xf",
		 "recirc_id=0,ct_state=-new+trk,ct_zone=5,ct_mark=0x7/0xf,eth,in_port=1",
		 "ct_state(-new+trk),ct_zone(0x5),ct_mark(0x7/0xf),recirc_id(0),in_port(1)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_key key, mask;
		struct ds out = DS_INIT;

		megaflow(cases[i].flow, cases[i].seen, &key, &mask);
		megaflow_format(&key, &mask, NULL, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		ds_clear(&out);
		dp_flow_key_format(&key.p, &mask.p, NULL, &out);
		assert_string_equal(ds_cstr(&out), cases[i].dp);
		ds_fini(&out);
	}
}

static void two_tags(void **state VSW_UNUSED)
{
	struct pkt_key key = {.in_port = 1, .eth_type = BE16_C(0x0800)}, mask = {.in_port = UINT32_MAX};
	struct ds out = DS_INIT;

	key.vlan[0] = (struct vlan_key){BE16_C(0x88a8), BE16_C(0x7007)};
	key.vlan[1] = (struct vlan_key){BE16_C(0x8100), BE16_C(0x3008)};
	mask.eth_type = BE16_C(0xffff);
	mask.vlan[0] = mask.vlan[1] = (struct vlan_key){BE16_C(0xffff), BE16_C(0xffff)};
	dp_flow_key_format(&key, &mask, &names, &out);
	assert_string_equal(ds_cstr(&out),
			    "recirc_id(0),in_port(p1),eth_type(0x88a8),vlan(vid=7,pcp=3),encap(eth_type(0x8100),"
			    "vlan(vid=8,pcp=1),encap(eth_type(0x0800)))");
	ds_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_print), cmocka_unit_test(priorities_and_names),
		cmocka_unit_test(errors),	   cmocka_unit_test(matching),
		cmocka_unit_test(flows),	   cmocka_unit_test(flows_are_exact),
		cmocka_unit_test(megaflows),	   cmocka_unit_test(two_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
