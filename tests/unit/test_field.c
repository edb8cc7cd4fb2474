// SPDX-License-Identifier: Apache-2.0
/* The field table: names, places in the key, values under masks, subfields, prerequisites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/field.h"

static const struct field *named(const char *name)
{
	return field_by_name(name, strlen(name));
}

static void names(void **state VSW_UNUSED)
{
	static const struct {
		const char *name;
		enum field_id id;
	} cases[] = {
		{"reg0", FIELD_REG0},
		{"REG15", FIELD_REG15},
		{"NXM_NX_REG7", FIELD_REG7},
		{"xxreg3", FIELD_XXREG3},
		{"OXM_OF_PKT_REG1", FIELD_XREG1},
		{"nw_src", FIELD_IPV4_SRC},
		{"ip_src", FIELD_IPV4_SRC},
		{"NXM_OF_IP_SRC", FIELD_IPV4_SRC},
		{"oxm_of_ipv4_src", FIELD_IPV4_SRC},
		{"dl_type", FIELD_ETH_TYPE},
		{"tunnel_id", FIELD_TUN_ID},
		{"tp_src", FIELD_TCP_SRC},
		{"nw_tos", FIELD_IP_DSCP},
		{"ip_dscp", FIELD_IP_DSCP_SHIFTED},
		{"nw_frag", FIELD_IP_FRAG},
		{"icmp_type", FIELD_ICMPV4_TYPE},
		{"dl_vlan", FIELD_DL_VLAN},
		{"in_port_oxm", FIELD_IN_PORT_OXM},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_non_null(named(cases[i].name));
		assert_int_equal(named(cases[i].name)->id, cases[i].id);
	}
	assert_null(named("nosuch"));
	assert_null(named(""));
	assert_null(field_by_name("reg", 3));
	assert_true(field_unsupported("nsh_ttl", 7));
	assert_true(field_unsupported("tun_metadata63", 14));
	assert_false(field_unsupported("tun_metadata", 12));
	assert_false(field_unsupported("reg0", 4));
}

static void nearest(void **state VSW_UNUSED)
{
	char word[WORD_MAX + 1];

	assert_true(field_nearest("nw_scr", 6, word));
	assert_string_equal(word, "nw_src");
	assert_true(field_nearest("tcp_dts", 7, word));
	assert_string_equal(word, "tcp_dst");
	assert_false(field_nearest("zzzzzz", 6, word));
	assert_false(field_nearest("", 0, word));
}

/* Each row of the table is whole, and each wire id is one field's. */
static void table_is_whole(void **state VSW_UNUSED)
{
	for (int i = 0; i < FIELD_N_IDS; i++) {
		const struct field *f = field_by_id((enum field_id)i);

		assert_int_equal(f->id, i);
		assert_non_null(f->name);
		assert_true(f->n_bits && f->n_bits <= f->n_bytes * 8 && f->n_bytes <= sizeof(union field_value));
		assert_true((size_t)f->key_ofs + (f->store == FIELD_AT_REGS ? f->n_bytes : f->c_bytes) <=
			    sizeof(struct flow_key));
		assert_int_equal(!f->nxm_name, !f->nxm_name || (f->nxm_header & 0x1ff) != f->n_bytes);
		if (f->nxm_name)
			assert_ptr_equal(field_by_header(f->nxm_header), f);
		if (f->oxm_name)
			assert_ptr_equal(field_by_header(f->oxm_header), f);
	}
	assert_null(field_by_header(0x7fff0000));
}

/* What is written is read, and nothing else of the key changes but what shares the container. */
static void set_and_get(void **state VSW_UNUSED)
{
	for (int i = 0; i < FIELD_N_IDS; i++) {
		const struct field *f = field_by_id((enum field_id)i);
		union field_value ones, got, zero = {.b = {0}};
		struct flow_key key = {0}, mask = {0};

		field_ones(f, &ones);
		assert_true(field_value_valid(f, &ones));
		field_set(f, &ones, &key);
		field_get(f, &key, &got);
		assert_memory_equal(got.b, ones.b, sizeof got.b);

		field_mask_set(f, &mask);
		field_get_mask(f, &mask, &got);
		assert_true(field_value_is_ones(f, &got));

		field_set(f, &zero, &key);
		field_get(f, &key, &got);
		assert_true(field_value_is_zero(f, &got));
	}
}

static void bits_of_neighbours_stay(void **state VSW_UNUSED)
{
	struct flow_key key = {0};
	union field_value value;

	key.p.mpls_lse = BE32_C(0xffffffff);
	field_value_from_u64(named("mpls_tc"), 2, &value);
	field_set(named("mpls_tc"), &value, &key);
	assert_int_equal(be32_to_cpu(key.p.mpls_lse), 0xfffff5ff);

	key.p.nw_tos = 0xff;
	field_value_from_u64(named("nw_tos"), 0x10, &value);
	field_set(named("nw_tos"), &value, &key);
	assert_int_equal(key.p.nw_tos, 0x13);
	field_value_from_u64(named("ip_dscp"), 1, &value);
	field_set(named("ip_dscp"), &value, &key);
	assert_int_equal(key.p.nw_tos, 0x07);

	field_value_from_u64(named("tun_flags"), 1, &value);
	key.p.tun_flags = FLOW_TUN_DF;
	field_set(named("tun_flags"), &value, &key);
	assert_int_equal(key.p.tun_flags, FLOW_TUN_DF | FLOW_TUN_OAM);
}

static void vlan_fields(void **state VSW_UNUSED)
{
	static const struct {
		const char *field;
		uint16_t before, value, after;
	} cases[] = {
		{"dl_vlan", 0, 5, 0x1005},	 {"dl_vlan", 0xf123, 5, 0xf005},
		{"dl_vlan", 0x1005, 0xffff, 0},	 {"vlan_vid", 0xe123, 0x1005, 0xf005},
		{"vlan_vid", 0xf123, 0, 0xe000}, {"dl_vlan_pcp", 0, 3, 0x7000},
		{"vlan_pcp", 0xf123, 1, 0x3123}, {"vlan_tci", 0xffff, 0x1003, 0x1003},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct field *f = named(cases[i].field);
		struct flow_key key = {0};
		union field_value value;

		key.p.vlan[0].tci = cpu_to_be16(cases[i].before);
		field_value_from_u64(f, cases[i].value, &value);
		field_set(f, &value, &key);
		assert_int_equal(be16_to_cpu(key.p.vlan[0].tci), cases[i].after);
		assert_int_equal(be16_to_cpu(key.p.vlan[0].tpid), cases[i].after ? 0x8100 : 0);
	}
}

static void ports_of_32_bits(void **state VSW_UNUSED)
{
	const struct field *f = named("in_port_oxm");
	struct flow_key key = {0};
	union field_value value;

	field_value_from_u64(f, 0xfffffffe, &value);
	field_set(f, &value, &key);
	assert_int_equal(key.p.in_port, 0xfffe);
	field_get(f, &key, &value);
	assert_int_equal(field_value_u64(f, &value), 0xfffffffe);
	key.p.in_port = 7;
	field_get(f, &key, &value);
	assert_int_equal(field_value_u64(f, &value), 7);
}

static void registers(void **state VSW_UNUSED)
{
	struct flow_key key = {0};
	union field_value value = {.b = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

	field_set(named("xxreg1"), &value, &key);
	assert_int_equal(key.regs[4], 0x01020304);
	assert_int_equal(key.regs[7], 0x0d0e0f10);
	field_get(named("xreg3"), &key, &value);
	assert_int_equal(field_value_u64(named("xreg3"), &value), 0x090a0b0c0d0e0f10ull);
}

/* ICMP's type lies in a 16-bit port: an exact match of it is one of all 16 bits. */
static void icmp_masks(void **state VSW_UNUSED)
{
	struct flow_key mask = {0};
	union field_value some = {.b = {0x0f}};

	field_mask_set_masked(named("icmp_type"), &some, &mask);
	assert_int_equal(be16_to_cpu(mask.p.tp_src), 0x000f);
	field_mask_set(named("icmp_type"), &mask);
	assert_int_equal(be16_to_cpu(mask.p.tp_src), 0xffff);
}

static void masked_set(void **state VSW_UNUSED)
{
	struct flow_key key = {0};
	union field_value value = {.b = {10, 1, 2, 3}}, mask = {.b = {255, 255}};

	key.p.nw_src = BE32_C(0x01020304);
	field_set_masked(named("nw_src"), &value, &mask, &key);
	assert_int_equal(be32_to_cpu(key.p.nw_src), 0x0a010304);
}

static void subfields(void **state VSW_UNUSED)
{
	static const struct {
		const char *text, *printed; /* printed NULL: an error */
		unsigned int ofs, n_bits;
	} cases[] = {
		{"NXM_NX_REG0[]", "NXM_NX_REG0[]", 0, 32},
		{"reg0", "NXM_NX_REG0[]", 0, 32},
		{"reg1[3]", "NXM_NX_REG1[3]", 3, 1},
		{"reg1[0..31]", "NXM_NX_REG1[]", 0, 32},
		{"NXM_OF_IP_SRC[8..15]", "NXM_OF_IP_SRC[8..15]", 8, 8},
		{"metadata[]", "OXM_OF_METADATA[]", 0, 64},
		{"xxreg0[64..127]", "NXM_NX_XXREG0[64..127]", 64, 64},
		{"OXM_OF_VLAN_VID[]", "OXM_OF_VLAN_VID[]", 0, 12},
		{"reg0[32]", NULL, 0, 0},
		{"reg0[3..1]", NULL, 0, 0},
		{"reg0[", NULL, 0, 0},
		{"reg0[1..", NULL, 0, 0},
		{"reg0[..]", NULL, 0, 0},
		{"reg0[1,2]", NULL, 0, 0},
		{"reg0[]x", NULL, 0, 0},
		{"nosuch[]", NULL, 0, 0},
		{"nsh_ttl[]", NULL, 0, 0},
		{"", NULL, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct errtext err = {0};
		struct ds out = DS_INIT;
		struct subfield sf;
		int rc = subfield_parse(cases[i].text, strlen(cases[i].text), &sf, &err);

		assert_int_equal(rc != 0, !cases[i].printed);
		if (rc) {
			assert_true(err.column >= 1 && *err.text);
			continue;
		}
		assert_int_equal(sf.ofs, cases[i].ofs);
		assert_int_equal(sf.n_bits, cases[i].n_bits);
		subfield_format(&sf, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		ds_fini(&out);
	}
}

static void subfield_values(void **state VSW_UNUSED)
{
	struct subfield sf = {.field = named("reg0"), .ofs = 4, .n_bits = 8};
	struct flow_key key = {0}, mask = {0};
	uint8_t in[16] = {0};

	key.regs[0] = 0xffffffff;
	in[15] = 0x5a;
	in[14] = 0xff; /* beyond the 8 bits */
	subfield_set(&sf, in, &key);
	assert_int_equal(key.regs[0], 0xfffff5af);
	assert_int_equal(subfield_get_u64(&sf, &key), 0x5a);
	subfield_mask_set(&sf, &mask);
	assert_int_equal(mask.regs[0], 0x00000ff0);

	sf = (struct subfield){.field = named("OXM_OF_VLAN_VID"), .n_bits = 12};
	key.p.vlan[0].tci = BE16_C(0xf001);
	in[14] = 0;
	subfield_set(&sf, in, &key);
	assert_int_equal(be16_to_cpu(key.p.vlan[0].tci), 0xf05a);
}

static void prerequisites(void **state VSW_UNUSED)
{
	static const struct {
		const char *field;
		uint16_t type, tp_src, tci;
		uint8_t proto, frag;
		bool ok;
	} cases[] = {
		{"reg0", 0, 0, 0, 0, 0, true},
		{"ip_src", 0x0800, 0, 0, 0, 0, true},
		{"ip_src", 0x86dd, 0, 0, 0, 0, false},
		{"arp_spa", 0x0806, 0, 0, 0, 0, true},
		{"arp_spa", 0x8035, 0, 0, 0, 0, true},
		{"tcp_src", 0x0800, 0, 0, 6, 0, true},
		{"tcp_src", 0x86dd, 0, 0, 6, FLOW_NW_FRAG_ANY, true},
		{"tcp_src", 0x0800, 0, 0, 6, FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER, false},
		{"tcp_src", 0x0800, 0, 0, 17, 0, false},
		{"tcp_src", 0x0806, 0, 0, 6, 0, false},
		{"icmpv6_type", 0x86dd, 0, 0, 58, 0, true},
		{"icmpv6_type", 0x0800, 0, 0, 58, 0, false},
		{"nd_target", 0x86dd, 135, 0, 58, 0, true},
		{"nd_target", 0x86dd, 136, 0, 58, 0, true},
		{"nd_target", 0x86dd, 133, 0, 58, 0, false},
		{"nd_sll", 0x86dd, 136, 0, 58, 0, false},
		{"nd_tll", 0x86dd, 136, 0, 58, 0, true},
		{"vlan_pcp", 0, 0, 0x1000, 0, 0, true},
		{"vlan_pcp", 0, 0, 0, 0, 0, false},
		{"mpls_label", 0x8848, 0, 0, 0, 0, true},
		{"nw_ttl", 0x86dd, 0, 0, 0, 0, true},
		{"nw_ttl", 0x8847, 0, 0, 0, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_key key = {0}, wc = {0};

		key.p.eth_type = cpu_to_be16(cases[i].type);
		key.p.nw_proto = cases[i].proto;
		key.p.nw_frag = cases[i].frag;
		key.p.tp_src = cpu_to_be16(cases[i].tp_src);
		key.p.vlan[0].tci = cpu_to_be16(cases[i].tci);
		assert_int_equal(field_prereq_ok(named(cases[i].field), &key, &wc), cases[i].ok);
	}
}

/* What a prerequisite looked at is in the mask. */
static void prerequisites_are_masked(void **state VSW_UNUSED)
{
	struct flow_key key = {0}, wc = {0};

	key.p.eth_type = BE16_C(0x86dd);
	key.p.nw_proto = 58;
	key.p.tp_src = BE16_C(135);
	assert_true(field_prereq_ok(named("nd_sll"), &key, &wc));
	assert_int_equal(wc.p.eth_type, 0xffff);
	assert_int_equal(wc.p.nw_proto, 0xff);
	assert_int_equal(wc.p.tp_src, 0xffff);
	assert_int_equal(wc.p.tp_dst, 0xffff);
	assert_int_equal(wc.p.nw_frag, FLOW_NW_FRAG_LATER);
	memset(&wc, 0, sizeof wc);
	key.p.eth_type = BE16_C(0x0806);
	assert_false(field_prereq_ok(named("nd_sll"), &key, &wc));
	assert_int_equal(wc.p.eth_type, 0xffff);
	assert_int_equal(wc.p.nw_proto, 0);
}

static void generic_names(void **state VSW_UNUSED)
{
	struct flow_key key = {0};

	key.p.eth_type = BE16_C(0x86dd);
	key.p.nw_proto = 17;
	assert_int_equal(field_for_flow(named("tp_dst"), &key)->id, FIELD_UDP_DST);
	key.p.nw_proto = 132;
	assert_int_equal(field_for_flow(named("tp_src"), &key)->id, FIELD_SCTP_SRC);
	key.p.nw_proto = 58;
	assert_int_equal(field_for_flow(named("icmp_type"), &key)->id, FIELD_ICMPV6_TYPE);
	key.p.eth_type = BE16_C(0x0806);
	assert_int_equal(field_for_flow(named("nw_src"), &key)->id, FIELD_ARP_SPA);
	assert_int_equal(field_for_flow(named("reg0"), &key)->id, FIELD_REG0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(nearest),
		cmocka_unit_test(table_is_whole),
		cmocka_unit_test(set_and_get),
		cmocka_unit_test(bits_of_neighbours_stay),
		cmocka_unit_test(vlan_fields),
		cmocka_unit_test(ports_of_32_bits),
		cmocka_unit_test(registers),
		cmocka_unit_test(icmp_masks),
		cmocka_unit_test(masked_set),
		cmocka_unit_test(subfields),
		cmocka_unit_test(subfield_values),
		cmocka_unit_test(prerequisites),
		cmocka_unit_test(prerequisites_are_masked),
		cmocka_unit_test(generic_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
