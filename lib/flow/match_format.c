// SPDX-License-Identifier: Apache-2.0
/*
 * Printing matches, flows and megaflows. They are one thing: fields and the bits of them that matter, in OVS's order
 * and under its OpenFlow 1.0 names; a flow is a match of every field that its kind of packet has.
 */
#include "flow/match.h"

#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "flow/port_names.h"

/** A match being printed. */
struct printer {
	const struct flow_key *key, *mask;
	const struct port_names *names;
	struct ds *out;
	uint16_t type; /* Ethernet type where that is matched exactly, else 0 */
	uint8_t proto; /* IP protocol likewise */
};

static const struct {
	uint16_t type;
	uint8_t proto;
	const char *name;
} protocols[] = {
	{0x0800, 1, "icmp"},   {0x0800, 6, "tcp"},  {0x0800, 17, "udp"},  {0x0800, 132, "sctp"},  {0x0800, 0, "ip"},
	{0x86dd, 58, "icmp6"}, {0x86dd, 6, "tcp6"}, {0x86dd, 17, "udp6"}, {0x86dd, 132, "sctp6"}, {0x86dd, 0, "ipv6"},
	{0x0806, 0, "arp"},    {0x8035, 0, "rarp"}, {0x8847, 0, "mpls"},  {0x8848, 0, "mplsm"},
};

static bool is_ip(const struct printer *p)
{
	return p->type == 0x0800 || p->type == 0x86dd;
}

static bool is_arp(const struct printer *p)
{
	return p->type == 0x0806 || p->type == 0x8035;
}

static bool is_mpls(const struct printer *p)
{
	return p->type == 0x8847 || p->type == 0x8848;
}

/* The word for type and protocol. Return: whether it says the protocol too. */
static bool put_protocol(const struct printer *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].type == p->type && (!protocols[i].proto || protocols[i].proto == p->proto)) {
			ds_put(p->out, protocols[i].name);
			ds_put_char(p->out, ',');
			return protocols[i].proto;
		}
	return false;
}

/* "name=value," of one field, nothing when no bit of it is matched. */
static void put_field(const struct printer *p, const char *name, enum field_id id)
{
	const struct field *f = field_by_id(id);
	union field_value value, mask;

	field_get_mask(f, p->mask, &mask);
	if (field_value_is_zero(f, &mask))
		return;
	field_get(f, p->key, &value);
	for (size_t i = 0; i < f->n_bytes; i++)
		value.b[i] &= mask.b[i];
	ds_put(p->out, name);
	ds_put_char(p->out, '=');
	field_format_value(f, &value, &mask, p->names, p->out);
	ds_put_char(p->out, ',');
}

/* A number: decimal when exact (hexadecimal when @digits says how wide), else hexadecimal with its mask. */
static void put_number(const struct printer *p, const char *name, enum field_id id, int digits)
{
	const struct field *f = field_by_id(id);
	union field_value value, mask;
	unsigned long long v, m;

	field_get_mask(f, p->mask, &mask);
	field_get(f, p->key, &value);
	v = field_value_u64(f, &value);
	m = field_value_u64(f, &mask);
	if (!m)
		return;
	if (!field_value_is_ones(f, &mask))
		ds_printf(p->out, "%s=0x%0*llx/0x%0*llx,", name, digits, v & m, digits, m);
	else if (digits)
		ds_printf(p->out, "%s=0x%0*llx,", name, digits, v);
	else
		ds_printf(p->out, "%s=%llu,", name, v);
}

static void put_ct(const struct printer *p)
{
	if (p->mask->p.ct_state) {
		ds_put(p->out, "ct_state=");
		if (p->mask->p.ct_state == 0xff)
			flags_put(p->out, &ct_state_names, p->key->p.ct_state, '|');
		else
			flags_put_masked(p->out, &ct_state_names, p->key->p.ct_state, p->mask->p.ct_state);
		ds_put_char(p->out, ',');
	}
	put_number(p, "ct_zone", FIELD_CT_ZONE, 0);
	put_field(p, "ct_mark", FIELD_CT_MARK);
	put_field(p, "ct_label", FIELD_CT_LABEL);
}

static void put_metadata(const struct printer *p)
{
	put_field(p, "pkt_mark", FIELD_PKT_MARK);
	if (p->mask->p.recirc_id)
		ds_printf(p->out, p->key->p.recirc_id ? "recirc_id=0x%x," : "recirc_id=%u,", p->key->p.recirc_id);
	put_field(p, "dp_hash", FIELD_DP_HASH);
	put_field(p, "conj_id", FIELD_CONJ_ID);
	if (p->mask->p.skb_priority)
		ds_printf(p->out, "skb_priority=%#x,", p->key->p.skb_priority);
	put_field(p, "actset_output", FIELD_ACTSET_OUTPUT);
	put_ct(p);
}

static void put_tunnel(const struct printer *p)
{
	const uint8_t *flags = &p->key->p.tun_flags, *mask = &p->mask->p.tun_flags;
	const uint8_t all = FLOW_TUN_DF | FLOW_TUN_CSUM | FLOW_TUN_KEY | FLOW_TUN_OAM;

	put_field(p, "tun_id", FIELD_TUN_ID);
	put_field(p, "tun_src", FIELD_TUN_SRC);
	put_field(p, "tun_dst", FIELD_TUN_DST);
	put_field(p, "tun_ipv6_src", FIELD_TUN_IPV6_SRC);
	put_field(p, "tun_ipv6_dst", FIELD_TUN_IPV6_DST);
	put_field(p, "tun_tos", FIELD_TUN_TOS);
	put_field(p, "tun_ttl", FIELD_TUN_TTL);
	if (*mask & all) {
		ds_put(p->out, "tun_flags=");
		if ((*mask & all) == all)
			flags_put(p->out, &tun_flag_names, *flags & all, '|');
		else
			flags_put_masked(p->out, &tun_flag_names, *flags, *mask);
		ds_put_char(p->out, ',');
	}
}

static void put_vlan(const struct printer *p, int i)
{
	uint16_t tci = be16_to_cpu(p->key->p.vlan[i].tci), mask = be16_to_cpu(p->mask->p.vlan[i].tci);
	uint16_t vid_mask = mask & FLOW_VLAN_VID_MASK, pcp_mask = mask & FLOW_VLAN_PCP_MASK;
	char n[2] = {i ? (char)('0' + i) : '\0', '\0'};

	if (!mask)
		return;
	if ((tci & mask & FLOW_VLAN_PRESENT) && (!vid_mask || vid_mask == FLOW_VLAN_VID_MASK) &&
	    (!pcp_mask || pcp_mask == FLOW_VLAN_PCP_MASK) && (vid_mask || pcp_mask)) {
		if (vid_mask)
			ds_printf(p->out, "dl_vlan%s=%d,", n, tci & FLOW_VLAN_VID_MASK);
		if (pcp_mask)
			ds_printf(p->out, "dl_vlan_pcp%s=%d,", n, tci >> FLOW_VLAN_PCP_SHIFT);
	} else if (mask == 0xffff) {
		ds_printf(p->out, "vlan_tci%s=0x%04x,", n, tci);
	} else {
		ds_printf(p->out, "vlan_tci%s=0x%04x/0x%04x,", n, tci & mask, mask);
	}
}

static void put_l3(const struct printer *p, bool proto_said)
{
	if (p->type == 0x86dd) {
		put_field(p, "ipv6_src", FIELD_IPV6_SRC);
		put_field(p, "ipv6_dst", FIELD_IPV6_DST);
		put_number(p, "ipv6_label", FIELD_IPV6_LABEL, 5);
	} else {
		put_field(p, is_arp(p) ? "arp_spa" : "nw_src", FIELD_IPV4_SRC);
		put_field(p, is_arp(p) ? "arp_tpa" : "nw_dst", FIELD_IPV4_DST);
	}
	if (!proto_said)
		put_field(p, is_arp(p) ? "arp_op" : "nw_proto", FIELD_IP_PROTO);
	if (is_arp(p)) {
		put_field(p, "arp_sha", FIELD_ARP_SHA);
		put_field(p, "arp_tha", FIELD_ARP_THA);
	}
	put_field(p, "nw_tos", FIELD_IP_DSCP);
	put_field(p, "nw_ecn", FIELD_IP_ECN);
	put_field(p, "nw_ttl", FIELD_IP_TTL);
	if (is_mpls(p)) {
		put_field(p, "mpls_label", FIELD_MPLS_LABEL);
		put_field(p, "mpls_tc", FIELD_MPLS_TC);
		put_field(p, "mpls_ttl", FIELD_MPLS_TTL);
		put_field(p, "mpls_bos", FIELD_MPLS_BOS);
	}
	put_field(p, "nw_frag", FIELD_IP_FRAG);
}

/* Type or code: the low byte of a port. All of that byte is an exact match. */
static void put_icmp(const struct printer *p, const char *name, enum field_id port, be16 mask)
{
	union field_value value;

	if (mask != BE16_C(0x00ff)) {
		put_number(p, name, port, 0);
		return;
	}
	field_get(field_by_id(port), p->key, &value);
	ds_printf(p->out, "%s=%u,", name, value.b[1]);
}

static void put_l4(const struct printer *p)
{
	if ((p->type == 0x0800 && p->proto == 1) || (p->type == 0x86dd && p->proto == 58)) {
		put_icmp(p, "icmp_type", FIELD_TCP_SRC, p->mask->p.tp_src);
		put_icmp(p, "icmp_code", FIELD_TCP_DST, p->mask->p.tp_dst);
		if (p->type == 0x0800)
			return;
		put_field(p, "nd_target", FIELD_ND_TARGET);
		put_field(p, "nd_sll", FIELD_ND_SLL);
		put_field(p, "nd_tll", FIELD_ND_TLL);
		return;
	}
	put_number(p, "tp_src", FIELD_TCP_SRC, 0);
	put_number(p, "tp_dst", FIELD_TCP_DST, 0);
	if (is_ip(p) && p->proto == 6)
		put_field(p, "tcp_flags", FIELD_TCP_FLAGS);
}

static void put_all(struct printer *p, const char *behind_recirc)
{
	const struct pkt_key *k = &p->key->p, *m = &p->mask->p;
	bool proto_said;

	p->type = m->eth_type == BE16_C(0xffff) ? be16_to_cpu(k->eth_type) : 0;
	p->proto = m->nw_proto == 0xff ? k->nw_proto : 0;
	put_metadata(p);
	ds_put(p->out, behind_recirc);
	proto_said = put_protocol(p);
	for (int i = 0; i < FLOW_N_REGS; i++) {
		char name[8] = "reg";

		if (!p->mask->regs[i])
			continue;
		name[3] = (char)(i < 10 ? '0' + i : '1');
		name[4] = (char)(i < 10 ? '\0' : '0' + i - 10);
		put_field(p, name, (enum field_id)(FIELD_REG0 + i));
	}
	put_tunnel(p);
	put_field(p, "metadata", FIELD_METADATA);
	put_field(p, "in_port", FIELD_IN_PORT);
	for (int i = 0; i < FLOW_MAX_VLANS; i++)
		put_vlan(p, i);
	put_field(p, "dl_src", FIELD_ETH_SRC);
	put_field(p, "dl_dst", FIELD_ETH_DST);
	if (m->eth_type && !is_ip(p) && !is_arp(p) && !is_mpls(p))
		ds_printf(p->out, "dl_type=0x%04x,", be16_to_cpu(k->eth_type));
	put_l3(p, proto_said);
	put_l4(p);
	ds_chomp(p->out, ',');
}

void match_format(const struct match *m, const struct port_names *names, int priority, struct ds *out)
{
	struct printer p = {.key = &m->key, .mask = &m->mask, .names = names, .out = out};

	if (priority >= 0 && priority != 32768) {
		ds_put(out, "priority=");
		ds_put_u64(out, (unsigned int)priority);
		ds_put_char(out, ',');
	}
	put_all(&p, "");
}

static void mask_bytes(void *field, size_t n)
{
	memset(field, 0xff, n);
}

#define MASK(MEMBER) mask_bytes(&mask->MEMBER, sizeof mask->MEMBER)
#define MASK_IF_SET(MEMBER) mask_set_bytes(&mask->MEMBER, &key->MEMBER, sizeof mask->MEMBER)

static void mask_set_bytes(void *mask, const void *value, size_t n)
{
	static const uint8_t zero[16];

	if (memcmp(value, zero, n) != 0)
		memset(mask, 0xff, n);
}

/* The L4 fields that a packet of this kind has. */
static void mask_l4(const struct flow_key *key, struct flow_key *mask)
{
	bool v6 = key->p.eth_type == BE16_C(0x86dd);
	uint16_t icmp_type = be16_to_cpu(key->p.tp_src);

	switch (key->p.nw_proto) {
	case 6:
		mask->p.tcp_flags = BE16_C(0xffff);
		/* fall through */
	case 17:
	case 132:
		break;
	case 1:
	case 2:
		if (v6)
			return;
		break;
	case 58:
		if (!v6)
			return;
		if (!key->p.tp_dst && (icmp_type == 135 || icmp_type == 136)) {
			MASK(p.nd_target);
			MASK(p.arp_sha);
			MASK(p.arp_tha);
		}
		break;
	default:
		return;
	}
	mask->p.tp_src = mask->p.tp_dst = BE16_C(0xffff);
}

static void mask_l3(const struct flow_key *key, struct flow_key *mask)
{
	switch (be16_to_cpu(key->p.eth_type)) {
	case 0x0800:
		MASK(p.nw_src);
		MASK(p.nw_dst);
		break;
	case 0x86dd:
		MASK(p.ipv6_src);
		MASK(p.ipv6_dst);
		MASK(p.ipv6_label);
		break;
	case 0x0806:
	case 0x8035:
		MASK(p.nw_src);
		MASK(p.nw_dst);
		MASK(p.nw_proto);
		MASK(p.arp_sha);
		MASK(p.arp_tha);
		return;
	case 0x8847:
	case 0x8848:
		MASK(p.mpls_lse);
		return;
	default:
		return;
	}
	MASK(p.nw_proto);
	MASK(p.nw_tos);
	MASK(p.nw_ttl);
	MASK(p.nw_frag);
	if (!(key->p.nw_frag & FLOW_NW_FRAG_LATER))
		mask_l4(key, mask);
}

static void mask_tunnel(const struct flow_key *key, struct flow_key *mask)
{
	/* Of a packet that came through a tunnel the key is shown when the tunnel had one. */
	if (key->p.tun_flags & FLOW_TUN_KEY || !pkt_key_has_tunnel(&key->p))
		MASK_IF_SET(p.tun_id);
	if (!pkt_key_has_tunnel(&key->p))
		return;
	MASK(p.tun_src);
	MASK(p.tun_dst);
	MASK(p.tun_ipv6_src);
	MASK(p.tun_ipv6_dst);
	MASK(p.tun_flags);
	MASK(p.tun_tos);
	MASK(p.tun_ttl);
}

void flow_key_format(const struct flow_key *key, const struct port_names *names, struct ds *out)
{
	struct flow_key mask_, *mask = &mask_;
	struct printer p = {.key = key, .mask = mask, .names = names, .out = out};

	memset(mask, 0, sizeof *mask);
	mask_tunnel(key, mask);
	MASK_IF_SET(p.pkt_mark);
	MASK_IF_SET(p.recirc_id);
	MASK_IF_SET(p.dp_hash);
	MASK_IF_SET(p.skb_priority);
	MASK_IF_SET(p.ct_state);
	MASK_IF_SET(p.ct_zone);
	MASK_IF_SET(p.ct_mark);
	MASK_IF_SET(p.ct_label);
	MASK_IF_SET(metadata);
	for (int i = 0; i < FLOW_N_REGS; i++)
		MASK_IF_SET(regs[i]);
	MASK(p.in_port);
	MASK(p.vlan[0].tci);
	if (key->p.vlan[0].tci)
		MASK(p.vlan[1].tci);
	MASK(p.eth_src);
	MASK(p.eth_dst);
	MASK(p.eth_type);
	mask_l3(key, mask);
	put_all(&p, "");
}

void megaflow_format(const struct flow_key *key, const struct flow_key *mask, const struct port_names *names,
		     struct ds *out)
{
	struct flow_key looked_at = *mask;
	struct printer p = {.key = key, .mask = &looked_at, .names = names, .out = out};

	/* Every datapath flow has a recirculation id. */
	looked_at.p.recirc_id = UINT32_MAX;
	put_all(&p, "eth,");
}
