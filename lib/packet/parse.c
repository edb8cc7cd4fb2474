// SPDX-License-Identifier: Apache-2.0
/*
 * From bytes to struct pkt_key.
 *
 * The parser runs once per packet in every datapath that is not BPF, so it is one pass without a table or an indirect
 * call. It holds a cursor: where it reads and how much is left. Each header is looked at only after its length was
 * compared with what is left, and an IP header's own length cuts what is left to the IP packet, so that the padding of
 * a short Ethernet frame is never taken for payload.
 *
 * Doubtful input is judged as Open vSwitch does, since the same flow tables must do the same to it:
 *  - two VLAN tags are parsed, the TPID of a third one is the eth_type;
 *  - an 802.2 frame has eth_type FLOW_ETH_TYPE_NONE unless it is SNAP with OUI 0 and an Ethernet type;
 *  - later fragments have no L4 fields, and those of IPv6 have nw_proto 44; an atomic fragment (RFC 6946) is no
 * fragment;
 *  - an IPv6 packet whose extension headers do not end properly has its addresses and nothing else;
 *  - ARP and RARP are parsed for IPv4 over Ethernet; an opcode above 255 is not kept;
 *  - a TCP header whose data offset is below 5 or beyond the packet is malformed;
 *  - a neighbour discovery message with a link-layer address option twice has no target and no addresses.
 * One thing differs: ICMP inside IPv6 and ICMPv6 inside IPv4 have no type and code here, as no field could name them.
 */
#include "packet/parse.h"

#include <string.h>

#include "base/util.h"
#include "packet/packet.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

struct cursor {
	const uint8_t *p;
	size_t left;
};

/* The next @n bytes, or NULL when there are fewer; the cursor moves behind them. */
static inline const void *cursor_pull(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (unlikely(c->left < n))
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

static uint16_t *nd_lla_field(struct nd_fields *nd, uint8_t option)
{
	switch (option) {
	case WIRE_ND_OPT_SLL:
		return &nd->sll;
	case WIRE_ND_OPT_TLL:
		return &nd->tll;
	default:
		return NULL;
	}
}

bool parse_nd_fields(const uint8_t *icmp, size_t len, struct nd_fields *nd)
{
	static const uint8_t zeros[6];
	const struct wire_icmp *h = (const void *)icmp;
	size_t ofs = sizeof *h + 16;

	*nd = (struct nd_fields){0};
	if ((h->type != WIRE_ND_SOLICIT && h->type != WIRE_ND_ADVERT) || h->code)
		return false;
	if (len < ofs)
		return true;
	nd->target = sizeof *h;
	while (len - ofs >= sizeof(struct wire_nd_opt)) {
		const struct wire_nd_opt *opt = (const void *)(icmp + ofs);
		size_t opt_len = opt->len * 8u;
		uint16_t *field = nd_lla_field(nd, opt->type);

		if (!opt_len || opt_len > len - ofs)
			break;
		if (field && opt_len == sizeof *opt) {
			if (*field && memcmp(icmp + *field, zeros, sizeof zeros) != 0) {
				*nd = (struct nd_fields){0};
				break;
			}
			*field = (uint16_t)(ofs + offsetof(struct wire_nd_opt, lla));
		}
		ofs += opt_len;
	}
	return true;
}

static void parse_nd(const uint8_t *icmp, size_t len, struct pkt_key *key)
{
	struct nd_fields nd;

	if (!parse_nd_fields(icmp, len, &nd))
		return;
	if (nd.target)
		memcpy(key->nd_target, icmp + nd.target, sizeof key->nd_target);
	if (nd.sll)
		memcpy(key->arp_sha, icmp + nd.sll, sizeof key->arp_sha);
	if (nd.tll)
		memcpy(key->arp_tha, icmp + nd.tll, sizeof key->arp_tha);
}

/* Is this a whole TCP header, by its own account too? */
static inline bool tcp_is_sound(const struct cursor *c)
{
	const struct wire_tcp *tcp = (const void *)c->p;
	size_t len = c->left < sizeof *tcp ? 0 : (be16_to_cpu(tcp->doff_flags) >> 12) * 4u;

	return len >= sizeof *tcp && len <= c->left;
}

/* Bytes that the L4 header must have for its fields to be matched; 0 for protocols without fields. */
static inline size_t l4_header_len(uint8_t proto, uint8_t icmp)
{
	switch (proto) {
	case WIRE_IP_UDP:
		return sizeof(struct wire_udp);
	case WIRE_IP_SCTP:
		return sizeof(struct wire_sctp);
	case WIRE_IP_IGMP:
		return sizeof(struct wire_icmp);
	default:
		return proto == icmp ? sizeof(struct wire_icmp) : 0;
	}
}

/* The cursor is at the L4 header of a packet that is no later fragment. @icmp: the ICMP protocol number of its IP
 * version. */
static inline int parse_l4(struct packet *p, struct cursor *c, uint8_t icmp, struct pkt_key *key)
{
	const struct wire_icmp *h = (const void *)c->p;
	size_t need = l4_header_len(key->nw_proto, icmp);

	if (unlikely(key->nw_proto == WIRE_IP_TCP ? !tcp_is_sound(c) : c->left < need))
		return DROP_MALFORMED_L4;
	p->l4_ofs = (uint16_t)(c->p - p->data);
	p->l4_len = (uint16_t)c->left;
	p->l4_proto = key->nw_proto;
	switch (key->nw_proto) {
	case WIRE_IP_TCP:
		key->tcp_flags =
			((const struct wire_tcp *)(const void *)c->p)->doff_flags & BE16_C(WIRE_TCP_FLAGS_MASK);
		/* fall through */
	case WIRE_IP_UDP:
	case WIRE_IP_SCTP:
		key->tp_src = wire_load_be16(c->p);
		key->tp_dst = wire_load_be16(c->p + 2);
		break;
	default:
		if (!need)
			break;
		key->tp_src = cpu_to_be16(h->type);
		key->tp_dst = cpu_to_be16(h->code);
		if (icmp == WIRE_IP_ICMPV6 && key->nw_proto == icmp)
			parse_nd(c->p, c->left, key);
	}
	return 0;
}

static inline int parse_ipv4(struct packet *p, struct cursor *c, struct pkt_key *key)
{
	const struct wire_ipv4 *ip = (const void *)c->p;
	size_t header_len, total_len;
	uint16_t frag;

	if (unlikely(c->left < sizeof *ip))
		return DROP_MALFORMED_IPV4;
	header_len = (ip->ver_ihl & 15) * 4u;
	total_len = be16_to_cpu(ip->tot_len);
	if (unlikely(header_len < sizeof *ip || total_len < header_len || total_len > c->left))
		return DROP_MALFORMED_IPV4;
	p->l3_type = PACKET_L3_IPV4;
	key->nw_src = ip->src;
	key->nw_dst = ip->dst;
	key->nw_proto = ip->proto;
	key->nw_tos = ip->tos;
	key->nw_ttl = ip->ttl;
	frag = be16_to_cpu(ip->frag);
	if (unlikely(frag & (WIRE_IPV4_MF | WIRE_IPV4_OFS_MASK)))
		key->nw_frag = frag & WIRE_IPV4_OFS_MASK ? FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER : FLOW_NW_FRAG_ANY;
	if (key->nw_frag & FLOW_NW_FRAG_LATER)
		return 0;
	c->p += header_len;
	c->left = total_len - header_len;
	return parse_l4(p, c, WIRE_IP_ICMP, key);
}

/*
 * Skip the extension headers (RFC 8200 4). @proto goes in as the first next-header value and comes out as the protocol
 * behind them; @frag is written. False when a header is cut off.
 */
static bool skip_ipv6_extensions(struct cursor *c, uint8_t *proto, uint8_t *frag)
{
	for (;;) {
		const struct wire_ipv6_ext *ext = (const void *)c->p;
		const struct wire_ipv6_frag *f = (const void *)c->p;
		size_t len;

		switch (*proto) {
		case WIRE_IP_HOPOPTS:
		case WIRE_IP_ROUTING:
		case WIRE_IP_DSTOPTS:
			len = c->left < sizeof *ext ? sizeof *ext : (ext->len + 1) * 8u;
			break;
		case WIRE_IP_AH:
			len = c->left < sizeof *ext ? sizeof *ext : (ext->len + 2) * 4u;
			break;
		case WIRE_IP_FRAGMENT:
			len = sizeof *f;
			break;
		default:
			return true;
		}
		if (!cursor_pull(c, len))
			return false;
		if (*proto == WIRE_IP_FRAGMENT && f->frag) {
			*frag = FLOW_NW_FRAG_ANY;
			if (f->frag & BE16_C(WIRE_IPV6_FRAG_OFS_MASK)) {
				*frag |= FLOW_NW_FRAG_LATER;
				return true;
			}
		}
		*proto = ext->next;
	}
}

static inline int parse_ipv6(struct packet *p, struct cursor *c, struct pkt_key *key)
{
	const struct wire_ipv6 *ip = cursor_pull(c, sizeof *ip);
	uint8_t proto, frag = 0;
	uint32_t first;

	if (unlikely(!ip || be16_to_cpu(ip->payload_len) > c->left))
		return DROP_MALFORMED_IPV6;
	c->left = be16_to_cpu(ip->payload_len);
	memcpy(key->ipv6_src, ip->src, sizeof key->ipv6_src);
	memcpy(key->ipv6_dst, ip->dst, sizeof key->ipv6_dst);
	first = be32_to_cpu(ip->ver_tc_label);
	proto = ip->next;
	/* A chain of headers up to the last of 64 KiB could put L4 where a 16-bit offset does not reach. */
	if (unlikely(!skip_ipv6_extensions(c, &proto, &frag)) || c->p - p->data >= PACKET_OFS_NONE)
		return DROP_MALFORMED_IPV6;
	p->l3_type = PACKET_L3_IPV6;
	key->ipv6_label = cpu_to_be32(first & 0xfffff);
	key->nw_proto = proto;
	key->nw_tos = (uint8_t)(first >> 20);
	key->nw_ttl = ip->hlimit;
	key->nw_frag = frag;
	if (frag & FLOW_NW_FRAG_LATER)
		return 0;
	return parse_l4(p, c, WIRE_IP_ICMPV6, key);
}

static void parse_arp(struct packet *p, struct cursor *c, struct pkt_key *key)
{
	const struct wire_arp *arp = cursor_pull(c, sizeof *arp);

	if (!arp || arp->hrd != BE16_C(1) || arp->pro != BE16_C(WIRE_ETH_IPV4) || arp->hln != 6 || arp->pln != 4)
		return;
	p->l3_type = PACKET_L3_ARP;
	key->nw_src = arp->spa;
	key->nw_dst = arp->tpa;
	if (be16_to_cpu(arp->op) <= UINT8_MAX)
		key->nw_proto = (uint8_t)be16_to_cpu(arp->op);
	memcpy(key->arp_sha, arp->sha, sizeof key->arp_sha);
	memcpy(key->arp_tha, arp->tha, sizeof key->arp_tha);
}

/* The cursor is at the Ethernet type or the first tag. Return: 0, or DROP_MALFORMED_VLAN when a tag has nothing behind
 * it. */
static inline int parse_vlans(struct cursor *c, struct pkt_key *key)
{
	for (int i = 0; i < FLOW_MAX_VLANS; i++) {
		const struct wire_vlan *tag = (const void *)c->p;

		if (likely(!wire_is_vlan_type(tag->tpid)))
			return 0;
		if (unlikely(c->left < sizeof *tag + sizeof(be16)))
			return DROP_MALFORMED_VLAN;
		key->vlan[i].tpid = tag->tpid;
		key->vlan[i].tci = tag->tci | BE16_C(FLOW_VLAN_PRESENT);
		cursor_pull(c, sizeof *tag);
	}
	return 0;
}

/* The cursor is at the 2 bytes that are an Ethernet type or an 802.3 length. */
static inline be16 parse_eth_type(struct cursor *c)
{
	be16 type = wire_load_be16(cursor_pull(c, sizeof type));
	const struct wire_snap *snap = (const void *)c->p;

	if (likely(be16_to_cpu(type) >= WIRE_ETH_MIN))
		return type;
	if (c->left < sizeof *snap || snap->dsap != 0xaa || snap->ssap != 0xaa || snap->control != 3 ||
	    (snap->oui[0] | snap->oui[1] | snap->oui[2]))
		return BE16_C(FLOW_ETH_TYPE_NONE);
	cursor_pull(c, sizeof *snap);
	return be16_to_cpu(snap->type) >= WIRE_ETH_MIN ? snap->type : BE16_C(FLOW_ETH_TYPE_NONE);
}

static void parse_mpls(struct packet *p, const struct cursor *c, struct pkt_key *key)
{
	if (c->left < sizeof key->mpls_lse)
		return;
	p->l2_5_ofs = (uint16_t)(c->p - p->data);
	key->mpls_lse = wire_load_be32(c->p);
}

static inline int parse_l3(struct packet *p, struct cursor *c, struct pkt_key *key)
{
	if (unlikely(wire_is_mpls_type(key->eth_type))) {
		parse_mpls(p, c, key);
		return 0;
	}
	p->l3_ofs = (uint16_t)(c->p - p->data);
	switch (be16_to_cpu(key->eth_type)) {
	case WIRE_ETH_IPV4:
		return parse_ipv4(p, c, key);
	case WIRE_ETH_IPV6:
		return parse_ipv6(p, c, key);
	case WIRE_ETH_ARP:
	case WIRE_ETH_RARP:
		parse_arp(p, c, key);
	}
	return 0;
}

/* In pieces: one memset() of this size becomes "rep stos", whose start-up alone costs more than parsing a TCP packet. */
static inline void clear_key(struct pkt_key *key)
{
	enum { PIECE = 64, LAST = sizeof *key % PIECE };
	uint8_t *k = (uint8_t *)key;

	for (size_t i = 0; i < sizeof *key / PIECE; i++)
		memset(k + i * PIECE, 0, PIECE);
	memset(k + sizeof *key - LAST, 0, LAST);
}

int packet_parse(struct packet *p, struct pkt_key *key)
{
	struct cursor c = {p->data, p->len};
	const struct wire_eth *eth = (const void *)p->data;
	int bad_tag, bad;

	clear_key(key);
	key->in_port = p->in_port;
	key->recirc_id = p->recirc_id;
	key->pkt_mark = p->pkt_mark;
	key->skb_priority = p->skb_priority;
	key->dp_hash = p->dp_hash;
	memcpy(&key->tun_id, &p->tunnel, sizeof p->tunnel);
	p->l2_5_ofs = p->l3_ofs = p->l4_ofs = PACKET_OFS_NONE;
	p->l4_len = 0;
	p->l3_type = PACKET_L3_NONE;
	p->l4_proto = 0;
	if (unlikely(p->len < sizeof *eth))
		return DROP_MALFORMED_ETH;
	memcpy(key->eth_dst, eth->dst, sizeof key->eth_dst);
	memcpy(key->eth_src, eth->src, sizeof key->eth_src);
	cursor_pull(&c, offsetof(struct wire_eth, type));
	bad_tag = parse_vlans(&c, key);
	key->eth_type = parse_eth_type(&c);
	bad = parse_l3(p, &c, key);
	return bad_tag ? bad_tag : bad;
}
