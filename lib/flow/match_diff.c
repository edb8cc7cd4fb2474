// SPDX-License-Identifier: Apache-2.0
#include "flow/match_diff.h"

#include <stdio.h>

#include "base/ds.h"
#include "base/util.h"

/* What a field must not be compared without. */
enum needs { NEEDS_NOTHING, NEEDS_TYPE, NEEDS_PROTO };

struct row {
	uint8_t id; /* enum field_id */
	uint8_t needs;
	const char *name;
	const char *arp_name; /* where ARP keeps something else in its place */
};

static const struct row rows[] = {
	{FIELD_IN_PORT, NEEDS_NOTHING, "in_port", NULL},
	{FIELD_METADATA, NEEDS_NOTHING, "metadata", NULL},
	{FIELD_REG0, NEEDS_NOTHING, "reg0", NULL},
	{FIELD_REG1, NEEDS_NOTHING, "reg1", NULL},
	{FIELD_REG2, NEEDS_NOTHING, "reg2", NULL},
	{FIELD_REG3, NEEDS_NOTHING, "reg3", NULL},
	{FIELD_REG4, NEEDS_NOTHING, "reg4", NULL},
	{FIELD_REG5, NEEDS_NOTHING, "reg5", NULL},
	{FIELD_REG6, NEEDS_NOTHING, "reg6", NULL},
	{FIELD_REG7, NEEDS_NOTHING, "reg7", NULL},
	{FIELD_REG8, NEEDS_NOTHING, "reg8", NULL},
	{FIELD_REG9, NEEDS_NOTHING, "reg9", NULL},
	{FIELD_REG10, NEEDS_NOTHING, "reg10", NULL},
	{FIELD_REG11, NEEDS_NOTHING, "reg11", NULL},
	{FIELD_REG12, NEEDS_NOTHING, "reg12", NULL},
	{FIELD_REG13, NEEDS_NOTHING, "reg13", NULL},
	{FIELD_REG14, NEEDS_NOTHING, "reg14", NULL},
	{FIELD_REG15, NEEDS_NOTHING, "reg15", NULL},
	{FIELD_PKT_MARK, NEEDS_NOTHING, "pkt_mark", NULL},
	{FIELD_DP_HASH, NEEDS_NOTHING, "dp_hash", NULL},
	{FIELD_CONJ_ID, NEEDS_NOTHING, "conj_id", NULL},
	{FIELD_ACTSET_OUTPUT, NEEDS_NOTHING, "actset_output", NULL},
	{FIELD_CT_STATE, NEEDS_NOTHING, "ct_state", NULL},
	{FIELD_CT_ZONE, NEEDS_NOTHING, "ct_zone", NULL},
	{FIELD_CT_MARK, NEEDS_NOTHING, "ct_mark", NULL},
	{FIELD_CT_LABEL, NEEDS_NOTHING, "ct_label", NULL},
	{FIELD_TUN_ID, NEEDS_NOTHING, "tun_id", NULL},
	{FIELD_TUN_SRC, NEEDS_NOTHING, "tun_src", NULL},
	{FIELD_TUN_DST, NEEDS_NOTHING, "tun_dst", NULL},
	{FIELD_TUN_IPV6_SRC, NEEDS_NOTHING, "tun_ipv6_src", NULL},
	{FIELD_TUN_IPV6_DST, NEEDS_NOTHING, "tun_ipv6_dst", NULL},
	{FIELD_TUN_FLAGS, NEEDS_NOTHING, "tun_flags", NULL},
	{FIELD_TUN_TTL, NEEDS_NOTHING, "tun_ttl", NULL},
	{FIELD_TUN_TOS, NEEDS_NOTHING, "tun_tos", NULL},
	{FIELD_ETH_SRC, NEEDS_NOTHING, "dl_src", NULL},
	{FIELD_ETH_DST, NEEDS_NOTHING, "dl_dst", NULL},
	{FIELD_DL_VLAN, NEEDS_NOTHING, "dl_vlan", NULL},
	{FIELD_DL_VLAN_PCP, NEEDS_NOTHING, "dl_vlan_pcp", NULL},
	{FIELD_ETH_TYPE, NEEDS_NOTHING, "dl_type", NULL},
	{FIELD_MPLS_LABEL, NEEDS_TYPE, "mpls_label", NULL},
	{FIELD_MPLS_TC, NEEDS_TYPE, "mpls_tc", NULL},
	{FIELD_MPLS_BOS, NEEDS_TYPE, "mpls_bos", NULL},
	{FIELD_MPLS_TTL, NEEDS_TYPE, "mpls_ttl", NULL},
	{FIELD_IPV4_SRC, NEEDS_TYPE, "nw_src", "arp_spa"},
	{FIELD_IPV4_DST, NEEDS_TYPE, "nw_dst", "arp_tpa"},
	{FIELD_IPV6_SRC, NEEDS_TYPE, "ipv6_src", NULL},
	{FIELD_IPV6_DST, NEEDS_TYPE, "ipv6_dst", NULL},
	{FIELD_IPV6_LABEL, NEEDS_TYPE, "ipv6_label", NULL},
	{FIELD_IP_PROTO, NEEDS_TYPE, "nw_proto", "arp_op"},
	{FIELD_IP_DSCP, NEEDS_TYPE, "nw_tos", NULL},
	{FIELD_IP_ECN, NEEDS_TYPE, "nw_ecn", NULL},
	{FIELD_IP_TTL, NEEDS_TYPE, "nw_ttl", NULL},
	{FIELD_IP_FRAG, NEEDS_TYPE, "nw_frag", NULL},
	{FIELD_TCP_SRC, NEEDS_PROTO, "tp_src", NULL},
	{FIELD_TCP_DST, NEEDS_PROTO, "tp_dst", NULL},
	{FIELD_TCP_FLAGS, NEEDS_PROTO, "tcp_flags", NULL},
	{FIELD_ARP_SHA, NEEDS_PROTO, "nd_sll", "arp_sha"},
	{FIELD_ARP_THA, NEEDS_PROTO, "nd_tll", "arp_tha"},
	{FIELD_ND_TARGET, NEEDS_PROTO, "nd_target", NULL},
};

static bool is_arp(const struct flow_key *key)
{
	return key->p.eth_type == BE16_C(0x0806) || key->p.eth_type == BE16_C(0x8035);
}

static bool is_icmp(const struct flow_key *key)
{
	return (key->p.eth_type == BE16_C(0x0800) && key->p.nw_proto == 1) ||
	       (key->p.eth_type == BE16_C(0x86dd) && key->p.nw_proto == 58);
}

static const char *name_of(const struct row *row, const struct flow_key *key)
{
	if (row->arp_name && is_arp(key))
		return row->arp_name;
	if (row->id == FIELD_TCP_SRC && is_icmp(key))
		return "icmp_type";
	if (row->id == FIELD_TCP_DST && is_icmp(key))
		return "icmp_code";
	return row->name;
}

static void put_value(char *out, size_t size, const struct field *f, const union field_value *value,
		      const union field_value *mask, const struct port_names *names)
{
	struct ds text = DS_INIT;

	field_format_value(f, value, mask, names, &text);
	snprintf(out, size, "%s", ds_cstr(&text));
	ds_fini(&text);
}

/* A packet without a tag has no VLAN: "0" would be another thing. */
static void put_vlan(struct match_difference *d, const struct match *m, const struct flow_key *key)
{
	if (!(key->p.vlan[0].tci & BE16_C(FLOW_VLAN_PRESENT)))
		snprintf(d->is, sizeof d->is, "none");
	if (!(m->key.p.vlan[0].tci & BE16_C(FLOW_VLAN_PRESENT)))
		snprintf(d->wants, sizeof d->wants, "none");
	else if (!(m->mask.p.vlan[0].tci & BE16_C(FLOW_VLAN_VID_MASK)))
		snprintf(d->wants, sizeof d->wants, "any");
}

/* The tag's presence counts as part of its VLAN. */
static bool differs(const struct row *row, const struct field *f, const struct match *m, const struct flow_key *key,
		    union field_value *mask)
{
	union field_value a, b;
	unsigned int diff = 0;

	field_get_mask(f, &m->mask, mask);
	field_get(f, &m->key, &a);
	field_get(f, key, &b);
	for (size_t i = 0; i < f->n_bytes; i++)
		diff |= (a.b[i] ^ b.b[i]) & mask->b[i];
	if (row->id == FIELD_DL_VLAN)
		diff |= be16_to_cpu((m->key.p.vlan[0].tci ^ key->p.vlan[0].tci) & m->mask.p.vlan[0].tci &
				    BE16_C(FLOW_VLAN_PRESENT));
	return diff;
}

static void describe(struct match_difference *d, const struct row *row, const struct field *f, const struct match *m,
		     const struct flow_key *key, const union field_value *mask, const struct port_names *names)
{
	union field_value value;

	d->field = name_of(row, key);
	field_get(f, key, &value);
	put_value(d->is, sizeof d->is, f, &value, NULL, names);
	field_get(f, &m->key, &value);
	put_value(d->wants, sizeof d->wants, f, &value, field_value_is_ones(f, mask) ? NULL : mask, names);
	if (row->id == FIELD_DL_VLAN)
		put_vlan(d, m, key);
}

size_t match_differences(const struct match *m, const struct flow_key *key, const struct port_names *names,
			 struct match_difference *d, size_t n)
{
	bool same_type = !((m->key.p.eth_type ^ key->p.eth_type) & m->mask.p.eth_type);
	bool same_proto = same_type && !((m->key.p.nw_proto ^ key->p.nw_proto) & m->mask.p.nw_proto);
	size_t n_found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && n_found < n; i++) {
		const struct row *row = &rows[i];
		const struct field *f = field_by_id(row->id);
		union field_value mask;

		if ((row->needs == NEEDS_TYPE && !same_type) || (row->needs == NEEDS_PROTO && !same_proto))
			continue;
		if (differs(row, f, m, key, &mask))
			describe(&d[n_found++], row, f, m, key, &mask, names);
	}
	return n_found;
}
