// SPDX-License-Identifier: Apache-2.0
/* Actions: text to records and back, and every reason to refuse one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/match.h"
#include "flow/ofact.h"
#include "flow/port_names.h"

static int port_number(const struct port_names *self VSW_UNUSED, const char *name, size_t len)
{
	return len == 2 && name[0] == 'p' && name[1] >= '1' && name[1] <= '9' ? name[1] - '0' : -1;
}

static const char *port_name(const struct port_names *self VSW_UNUSED, uint32_t port)
{
	return port == 1 ? "p1" : port == 2 ? "eth0.5" : NULL;
}

static const struct port_names names = {port_number, port_name};

static int parse(const char *match, const char *text, uint8_t table, struct ofacts *list, struct errtext *err)
{
	struct match m;

	if (match)
		assert_int_equal(match_parse(match, strlen(match), &names, &m, NULL), 0);
	return ofacts_parse(text, strlen(text), &names, match ? &m : NULL, table, list, err);
}

/* @printed NULL: it prints as it was written. */
static void check(const char *match, const char *text, const char *printed)
{
	struct ofacts list = {NULL, 0, 0}, again = {NULL, 0, 0};
	struct errtext err = {0};
	struct ds out = DS_INIT;

	if (parse(match, text, 255, &list, &err))
		fail_msg("'%s': column %zu: %s", text, err.column, err.text);
	assert_int_equal(list.len % 8, 0);
	ofacts_format(list.data, list.len, NULL, &out);
	assert_string_equal(ds_cstr(&out), printed ? printed : text);
	assert_int_equal(parse(match, ds_cstr(&out), 255, &again, &err), 0);
	assert_int_equal(list.len, again.len);
	if (list.len)
		assert_memory_equal(list.data, again.data, list.len);
	ofacts_fini(&list);
	ofacts_fini(&again);
	ds_fini(&out);
}

static void parse_and_print(void **state VSW_UNUSED)
{
	static const struct {
		const char *match, *text, *printed;
	} cases[] = {
		{"", "", "drop"},
		{"", "drop", NULL},
		{"", "1", "output:1"},
		{"", "p2,output:p3", "output:2,output:3"},
		{"", "in_port,normal,flood,all,local", "IN_PORT,NORMAL,FLOOD,ALL,LOCAL"},
		{"", "output:65280", NULL},
		{"", "output:reg0[0..15]", "output:NXM_NX_REG0[0..15]"},
		{"", "output(max_len=100,port=p1)", "output(port=1,max_len=100)"},
		{"tcp",
		 "mod_dl_src:1:2:3:4:5:6,mod_nw_dst:10.0.0.1,mod_nw_tos:4,mod_nw_ecn:2,mod_nw_ttl:3,mod_tp_src:80",
		 "mod_dl_src:01:02:03:04:05:06,mod_nw_dst:10.0.0.1,mod_nw_tos:4,mod_nw_ecn:2,mod_nw_ttl:3,mod_tp_src:"
		 "80"},
		{"", "mod_vlan_vid:5,mod_vlan_pcp:3,strip_vlan,mod_vlan_pcp:4", NULL},
		{"dl_vlan=5", "set_vlan_vid:6,set_vlan_pcp:1,pop_vlan", NULL},
		{"", "push_vlan:0x8100,set_field:4106->vlan_vid,set_field:3->vlan_pcp,push_vlan:0x88a8", NULL},
		{"tcp6", "set_field:80->tp_src,set_field:::1->ipv6_src",
		 "set_field:80->tcp_src,set_field:::1->ipv6_src"},
		{"udp", "set_field:80->tp_src", "set_field:80->udp_src"},
		{"icmp6", "set_field:1->icmp_type", "set_field:1->icmpv6_type"},
		{"arp", "set_field:1.2.3.4->nw_src", "set_field:1.2.3.4->arp_spa"},
		{"", "set_field:5/3->reg0", "set_field:0x1/0x3->reg0"},
		{"", "set_field:oam->tun_flags", NULL},
		{"", "load:5->reg0[1..3],load:0->metadata[],load:0x10000000000000000->xxreg0",
		 "load:0x5->NXM_NX_REG0[1..3],load:0->OXM_OF_METADATA[],load:0x10000000000000000->NXM_NX_XXREG0[]"},
		{"ip", "move:nw_src[0..15]->reg1[16..31]", "move:NXM_OF_IP_SRC[0..15]->NXM_NX_REG1[16..31]"},
		{"", "push:reg0[],pop(reg1[3])", "push:NXM_NX_REG0[],pop:NXM_NX_REG1[3]"},
		{"", "dec_ttl,dec_ttl()", "dec_ttl,dec_ttl"},
		{"", "resubmit:1,resubmit(,2),resubmit(p1,3),resubmit(in_port,4),resubmit(p1,)",
		 "resubmit:1,resubmit(,2),resubmit(1,3),resubmit(,4),resubmit:1"},
		{"", "set_tunnel:5,set_tunnel64:0,set_tunnel:0x100000000",
		 "set_tunnel:0x5,set_tunnel64:0,set_tunnel64:0x100000000"},
		{"", "note:00.1122,note:", "note:00.11.22.00.00.00,note:00.00.00.00.00.00"},
		{"", "note:00.11.22.33.44.55.66", "note:00.11.22.33.44.55.66.00.00.00.00.00.00.00"},
		{"ip", "clone(dec_ttl,clone(1),2),exit", "clone(dec_ttl,clone(output:1),output:2),exit"},
		{"", "clone()", "clone(drop)"},
		{"", "1,clear_actions,write_actions(set_field:5->reg0,2),write_metadata:5/0xf,goto_table:7",
		 "output:1,clear_actions,write_actions(set_field:0x5->reg0,output:2),write_metadata:0x5/"
		 "0xf,goto_table:7"},
		{"", "write_actions()", "drop"},
		{"", "1 2\t3,,", "output:1,output:2,output:3"},
		{NULL, "set_field:80->tcp_dst", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(cases[i].match, cases[i].text, cases[i].printed);
}

static void errors(void **state VSW_UNUSED)
{
	static const struct {
		const char *match, *text;
		size_t column;
		const char *says;
	} cases[] = {
		{"", "1,ct(table=1)", 3, "action 'ct' is not supported yet"},
		{"", "controller", 1, "action 'controller' is not supported yet"},
		{"", "output:controller", 8, "action 'controller' is not supported yet"},
		{"", "group:5", 1, "not supported yet"},
		{"", "learn(table=1)", 1, "not supported yet"},
		{"", "dec_ttl(1,2)", 9, "not supported yet"},
		{"", "resubmit(,1,ct)", 13, "not supported yet"},
		{"", "set_field:1->nsh_ttl", 14, "not supported yet"},
		{"", "1,otuput:2", 3, "did you mean 'output'"},
		{"", "foo", 1, "unknown action 'foo'"},
		{"", "output:p0", 8, "is no port"},
		{"", "output:any", 8, "cannot be sent to"},
		{"", "output:reg0[32]", 12, "bits 0 to 31"},
		{"", "output(port=1,max_len=5)", 8, "max_len"},
		{"", "output(port=normal,max_len=50)", 8, "cannot be truncated"},
		{"", "output(port=1,nax_len=50)", 15, "expected output(port=PORT,max_len=BYTES)"},
		{"", "drop,1", 1, "must stand alone"},
		{"", "1,drop", 3, "must stand alone"},
		{"", "clone(drop,1)", 7, "must stand alone"},
		{"", "clone(1", 1, "never closed"},
		{"ip", "set_field:80->tcp_dst", 15, "'tcp_dst' needs 'tcp'"},
		{"", "set_field:4097->vlan_vid", 17, "needs 'dl_vlan'"},
		{"dl_vlan=5", "pop_vlan,set_field:4097->vlan_vid", 26, "needs 'dl_vlan'"},
		{"dl_vlan=5", "set_field:1->vlan_vid", 11, "0x1001"},
		{"", "set_field:1->eth_type", 14, "read-only"},
		{"", "set_field:1->ct_mark", 14, "ct(exec("},
		{"dl_vlan=5", "set_field:1->dl_vlan", 14, "mod_vlan_vid"},
		{"", "set_field:1", 12, "expected '->'"},
		{"", "set_field:1->", 14, "expected a field"},
		{"", "set_field:1->reg0[1]", 14, "use load"},
		{"", "set_field:*->reg0", 11, "mask is empty"},
		{"", "load:16->reg0[0..3]", 6, "does not fit into 4 bits"},
		{"", "load:x->reg0", 6, "not a number"},
		{"", "move:reg0[0..3]->reg1", 6, "as many"},
		{"", "move:nw_src->reg1", 6, "needs 'ip'"},
		{"", "push:reg99[]", 6, "unknown field"},
		{"", "mod_dl_src:1:2", 12, "Ethernet address"},
		{"", "mod_nw_src:1.2.3.4/8", 12, "takes no mask"},
		{"", "mod_nw_tos:3", 12, "ECN"},
		{"", "mod_vlan_vid:4096", 14, "0 to 4095"},
		{"", "set_vlan_vid:5", 1, "needs 'dl_vlan'"},
		{"", "push_vlan:0x1234", 11, "0x8100 or 0x88a8"},
		{"", "push_vlan:0x8100,push_vlan:0x8100,push_vlan:0x8100", 35, "2 VLAN tags"},
		{"", "resubmit(,)", 1, "never end"},
		{"", "resubmit(1,255)", 12, "0 to 254"},
		{"", "goto_table:3", 12, "from table 3 to 4"},
		{"", "goto_table:5,1", 14, "must stand before 'goto_table'"},
		{"", "clear_actions,clear_actions", 15, "given twice"},
		{"", "write_metadata:1,write_actions(1)", 18, "must stand before 'write_metadata'"},
		{"", "clone(goto_table:5)", 7, "inside of another action"},
		{"", "write_actions(1,exit)", 17, "action set"},
		{"", "write_actions(1,output:reg0)", 17, "action set"},
		{"", "note:0", 6, "hexadecimal"},
		{"", "note:0g", 6, "hexadecimal"},
		{"", "output", 7, "needs a value"},
		{"", "exit:1", 6, "takes no value"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ofacts list = {NULL, 0, 0};
		struct errtext err = {0};

		if (!parse(cases[i].match, cases[i].text, 3, &list, &err))
			fail_msg("'%s' was accepted", cases[i].text);
		if (err.column != cases[i].column || !strstr(err.text, cases[i].says))
			fail_msg("'%s': column %zu: %s", cases[i].text, err.column, err.text);
		assert_int_equal(list.len, 0);
		ofacts_fini(&list);
	}
}

static void nesting_ends(void **state VSW_UNUSED)
{
	struct ofacts list = {NULL, 0, 0};
	struct ds text = DS_INIT;
	struct errtext err;

	for (int i = 0; i < 1000; i++)
		ds_put(&text, "clone(");
	for (int i = 0; i < 1000; i++)
		ds_put_char(&text, ')');
	assert_int_not_equal(ofacts_parse(text.s, text.len, NULL, NULL, 255, &list, &err), 0);
	assert_non_null(strstr(err.text, "nested"));

	ds_clear(&text);
	for (int i = 0; i < 5000; i++)
		ds_put(&text, "output:1,");
	assert_int_not_equal(ofacts_parse(text.s, text.len, NULL, NULL, 255, &list, &err), 0);
	assert_non_null(strstr(err.text, "too long"));
	assert_int_equal(list.len, 0);
	ofacts_fini(&list);
	ds_fini(&text);
}

/* A failure leaves what was there. */
static void appends(void **state VSW_UNUSED)
{
	struct ofacts list = {NULL, 0, 0}, copy;
	struct ds out = DS_INIT;

	assert_int_equal(parse("", "1,clone(2)", 255, &list, NULL), 0);
	assert_int_not_equal(parse("", "3,foo", 255, &list, NULL), 0);
	ofacts_clone(&copy, list.data, list.len);
	ofacts_format(copy.data, copy.len, &names, &out);
	assert_string_equal(ds_cstr(&out), "output:p1,clone(output:\"eth0.5\")");
	ofacts_fini(&list);
	ofacts_fini(&copy);
	ds_fini(&out);
}

static void output_to(void **state VSW_UNUSED)
{
	struct ofacts list = {NULL, 0, 0};

	assert_int_equal(parse("", "1,clone(clone(2)),write_actions(3,NORMAL)", 255, &list, NULL), 0);
	assert_true(ofacts_output_to(list.data, list.len, 1));
	assert_true(ofacts_output_to(list.data, list.len, 2));
	assert_true(ofacts_output_to(list.data, list.len, 3));
	assert_true(ofacts_output_to(list.data, list.len, OFPP_NORMAL));
	assert_false(ofacts_output_to(list.data, list.len, 4));
	ofacts_fini(&list);
}

/* What the pipeline is told about tags. */
static void records_know_tags(void **state VSW_UNUSED)
{
	static const struct {
		const char *match, *text;
		bool has[3];
	} cases[] = {
		{"", "mod_vlan_vid:5,mod_vlan_pcp:1,mod_vlan_vid:6", {false, true, true}},
		{"dl_vlan=5", "mod_vlan_vid:5,strip_vlan,mod_vlan_pcp:1", {true, false, false}},
		{"dl_vlan=5", "mod_vlan_vid:5,clone(strip_vlan),mod_vlan_pcp:1", {true, false, true}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ofacts list = {NULL, 0, 0};
		const struct ofact *a;
		size_t left, n = 0;

		assert_int_equal(parse(cases[i].match, cases[i].text, 255, &list, NULL), 0);
		OFACT_FOR_EACH(a, left, list.data, list.len) {
			if (a->type == OFACT_SET_VLAN_VID || a->type == OFACT_SET_VLAN_PCP)
				assert_int_equal(((const struct ofact_vlan *)a)->flow_has_vlan, cases[i].has[n]);
			n++;
		}
		assert_int_equal(n, 3);
		ofacts_fini(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_print), cmocka_unit_test(errors),	cmocka_unit_test(nesting_ends),
		cmocka_unit_test(appends),	   cmocka_unit_test(output_to), cmocka_unit_test(records_know_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
