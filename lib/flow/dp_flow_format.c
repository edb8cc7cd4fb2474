// SPDX-License-Identifier: Apache-2.0
/*
 * Datapath flows in the syntax of dpctl/dump-flows. An Ethernet type in front of the IP header's group is the one behind the tags;
 * a tag wraps everything behind it into encap(...).
 */
#include "flow/match.h"

#include <string.h>

#include "flow/addr_text.h"
#include "flow/odp_text.h"
#include "flow/port_names.h"

static void put_tunnel(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	const uint8_t all = FLOW_TUN_DF | FLOW_TUN_CSUM | FLOW_TUN_KEY | FLOW_TUN_OAM;
	size_t opened = odp_open(out, "tunnel");

	odp_hex(out, "tun_id", be64_to_cpu(k->tun_id), be64_to_cpu(m->tun_id), UINT64_MAX);
	odp_ipv4(out, "src", k->tun_src, m->tun_src);
	odp_ipv4(out, "dst", k->tun_dst, m->tun_dst);
	odp_ipv6(out, "ipv6_src", k->tun_ipv6_src, m->tun_ipv6_src);
	odp_ipv6(out, "ipv6_dst", k->tun_ipv6_dst, m->tun_ipv6_dst);
	odp_hex(out, "tos", k->tun_tos, m->tun_tos, 0xff);
	odp_dec(out, "ttl", k->tun_ttl, m->tun_ttl, 0xff);
	odp_dec(out, "tp_src", be16_to_cpu(k->tun_tp_src), be16_to_cpu(m->tun_tp_src), 0xffff);
	odp_dec(out, "tp_dst", be16_to_cpu(k->tun_tp_dst), be16_to_cpu(m->tun_tp_dst), 0xffff);
	if (m->tun_flags & all) {
		ds_put(out, "flags(");
		if ((m->tun_flags & all) == all)
			flags_put(out, &tun_flag_names, k->tun_flags & all, '|');
		else
			flags_put_masked(out, &tun_flag_names, k->tun_flags, m->tun_flags);
		ds_put_char(out, ')');
	}
	odp_close(out, opened);
}

static void put_label(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	const struct field *f = field_by_id(FIELD_CT_LABEL);
	union field_value value, mask;

	memcpy(value.b, k->ct_label, 16);
	memcpy(mask.b, m->ct_label, 16);
	if (field_value_is_zero(f, &mask))
		return;
	ds_put(out, "ct_label(");
	field_format_value(f, &value, &mask, NULL, out);
	ds_put(out, "),");
}

static void put_metadata(const struct pkt_key *k, const struct pkt_key *m, const struct port_names *names,
			 struct ds *out)
{
	const char *name = names && names->name ? names->name(names, k->in_port) : NULL;

	odp_word(out, "skb_priority", k->skb_priority, m->skb_priority, UINT32_MAX);
	put_tunnel(k, m, out);
	odp_word(out, "skb_mark", k->pkt_mark, m->pkt_mark, UINT32_MAX);
	if (m->ct_state) {
		ds_put(out, "ct_state(");
		if (m->ct_state == 0xff)
			flags_put(out, &ct_state_names, k->ct_state, '|');
		else
			flags_put_masked(out, &ct_state_names, k->ct_state, m->ct_state);
		ds_put(out, "),");
	}
	odp_word(out, "ct_zone", k->ct_zone, m->ct_zone, UINT16_MAX);
	odp_word(out, "ct_mark", k->ct_mark, m->ct_mark, UINT32_MAX);
	put_label(k, m, out);
	odp_word(out, "recirc_id", k->recirc_id, UINT32_MAX, UINT32_MAX);
	odp_word(out, "dp_hash", k->dp_hash, m->dp_hash, UINT32_MAX);
	if (!m->in_port)
		return;
	ds_put(out, "in_port(");
	if (name)
		port_name_put(name, out);
	else
		ds_printf(out, "%u", k->in_port);
	ds_put(out, "),");
}

static void put_frag(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	if (m->nw_frag)
		ds_printf(out, "frag=%s,", !k->nw_frag ? "no" : k->nw_frag & FLOW_NW_FRAG_LATER ? "later" : "first");
}

static void put_ipv4(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	size_t opened = odp_open(out, "ipv4");

	odp_ipv4(out, "src", k->nw_src, m->nw_src);
	odp_ipv4(out, "dst", k->nw_dst, m->nw_dst);
	odp_dec(out, "proto", k->nw_proto, m->nw_proto, 0xff);
	odp_hex(out, "tos", k->nw_tos, m->nw_tos, 0xff);
	odp_dec(out, "ttl", k->nw_ttl, m->nw_ttl, 0xff);
	put_frag(k, m, out);
	odp_close(out, opened);
}

static void put_ipv6(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	size_t opened = odp_open(out, "ipv6");

	odp_ipv6(out, "src", k->ipv6_src, m->ipv6_src);
	odp_ipv6(out, "dst", k->ipv6_dst, m->ipv6_dst);
	odp_hex(out, "label", be32_to_cpu(k->ipv6_label), be32_to_cpu(m->ipv6_label) & 0xfffff, 0xfffff);
	odp_dec(out, "proto", k->nw_proto, m->nw_proto, 0xff);
	odp_hex(out, "tclass", k->nw_tos, m->nw_tos, 0xff);
	odp_dec(out, "hlimit", k->nw_ttl, m->nw_ttl, 0xff);
	put_frag(k, m, out);
	odp_close(out, opened);
}

static void put_arp(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	size_t opened = odp_open(out, "arp");

	odp_ipv4(out, "sip", k->nw_src, m->nw_src);
	odp_ipv4(out, "tip", k->nw_dst, m->nw_dst);
	odp_dec(out, "op", k->nw_proto, m->nw_proto, 0xff);
	odp_eth(out, "sha", k->arp_sha, m->arp_sha);
	odp_eth(out, "tha", k->arp_tha, m->arp_tha);
	odp_close(out, opened);
}

static void put_icmp(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	size_t opened = odp_open(out, k->nw_proto == 1 ? "icmp" : "icmpv6");

	odp_dec(out, "type", be16_to_cpu(k->tp_src) & 0xff, be16_to_cpu(m->tp_src) & 0xff, 0xff);
	odp_dec(out, "code", be16_to_cpu(k->tp_dst) & 0xff, be16_to_cpu(m->tp_dst) & 0xff, 0xff);
	odp_close(out, opened);
	if (k->nw_proto == 1)
		return;
	opened = odp_open(out, "nd");
	odp_ipv6(out, "target", k->nd_target, m->nd_target);
	odp_eth(out, "sll", k->arp_sha, m->arp_sha);
	odp_eth(out, "tll", k->arp_tha, m->arp_tha);
	odp_close(out, opened);
}

static void put_ports(const char *name, const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	size_t opened = odp_open(out, name);

	odp_dec(out, "src", be16_to_cpu(k->tp_src), be16_to_cpu(m->tp_src), 0xffff);
	odp_dec(out, "dst", be16_to_cpu(k->tp_dst), be16_to_cpu(m->tp_dst), 0xffff);
	odp_close(out, opened);
}

static void put_tcp_flags(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	uint32_t flags = be16_to_cpu(k->tcp_flags) & 0xfff, mask = be16_to_cpu(m->tcp_flags) & 0xfff;

	if (!mask)
		return;
	ds_put(out, "tcp_flags(");
	if (mask == 0xfff)
		flags_put(out, &tcp_flag_names, flags, '|');
	else
		flags_put_masked(out, &tcp_flag_names, flags, mask);
	ds_put(out, "),");
}

static void put_l4(const struct pkt_key *k, const struct pkt_key *m, bool v6, struct ds *out)
{
	if (m->nw_proto != 0xff)
		return;
	switch (k->nw_proto) {
	case 6:
		put_ports("tcp", k, m, out);
		put_tcp_flags(k, m, out);
		break;
	case 17:
		put_ports("udp", k, m, out);
		break;
	case 132:
		put_ports("sctp", k, m, out);
		break;
	case 1:
	case 58:
		if (v6 == (k->nw_proto == 58))
			put_icmp(k, m, out);
	}
}

/* The Ethernet type behind the tags, and what it tells. */
static void put_payload(const struct pkt_key *k, const struct pkt_key *m, struct ds *out)
{
	uint16_t type = be16_to_cpu(k->eth_type);

	if (!m->eth_type)
		return;
	if (type == FLOW_ETH_TYPE_NONE)
		ds_put(out, "eth_type(0/0xffff),");
	else
		ds_printf(out, "eth_type(0x%04x),", type);
	switch (type) {
	case 0x0800:
		put_ipv4(k, m, out);
		put_l4(k, m, false, out);
		break;
	case 0x86dd:
		put_ipv6(k, m, out);
		put_l4(k, m, true, out);
		break;
	case 0x0806:
	case 0x8035:
		put_arp(k, m, out);
		break;
	case 0x8847:
	case 0x8848:
		odp_mpls(out, k->mpls_lse, m->mpls_lse);
	}
}

static void put_vlan(const struct vlan_key *k, const struct vlan_key *m, struct ds *out)
{
	uint16_t tci = be16_to_cpu(k->tci), mask = be16_to_cpu(m->tci);

	ds_printf(out, "eth_type(0x%04x),vlan(vid=%d", be16_to_cpu(k->tpid), tci & FLOW_VLAN_VID_MASK);
	if ((mask & FLOW_VLAN_VID_MASK) != FLOW_VLAN_VID_MASK)
		ds_printf(out, "/0x%x", mask & FLOW_VLAN_VID_MASK);
	ds_printf(out, ",pcp=%d", tci >> FLOW_VLAN_PCP_SHIFT);
	if ((mask & FLOW_VLAN_PCP_MASK) != FLOW_VLAN_PCP_MASK)
		ds_printf(out, "/0x%x", mask >> FLOW_VLAN_PCP_SHIFT);
	ds_put(out, "),encap(");
}

void dp_flow_key_format(const struct pkt_key *key, const struct pkt_key *mask, const struct port_names *names,
			struct ds *out)
{
	size_t opened;
	int n_tags = 0;

	put_metadata(key, mask, names, out);
	opened = odp_open(out, "eth");
	odp_eth(out, "src", key->eth_src, mask->eth_src);
	odp_eth(out, "dst", key->eth_dst, mask->eth_dst);
	odp_close(out, opened);
	for (int i = 0; i < FLOW_MAX_VLANS; i++) {
		if (!(key->vlan[i].tci & BE16_C(FLOW_VLAN_PRESENT)) || !(mask->vlan[i].tci | mask->vlan[i].tpid))
			break;
		put_vlan(&key->vlan[i], &mask->vlan[i], out);
		n_tags++;
	}
	put_payload(key, mask, out);
	ds_chomp(out, ',');
	while (n_tags--)
		ds_put_char(out, ')');
}
