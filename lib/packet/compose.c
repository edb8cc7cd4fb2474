// SPDX-License-Identifier: Apache-2.0
/*
 * From struct pkt_key back to bytes, outermost header first. Lengths and checksums, which a key does not have, are
 * filled in from the inside out once all is there.
 */
#include "packet/packet.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "packet/l4.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

/* Offset of a later fragment, in units of 8 bytes: any but 0 will do, and this one is easy to recognise. */
#define LATER_FRAGMENT_OFS 100

/* @n zero bytes behind what is there; NULL when they do not fit. */
static void *put(struct packet *p, size_t n)
{
	uint8_t *at = p->data + p->len;

	if (p->tailroom < n)
		return NULL;
	memset(at, 0, n);
	p->len += (uint32_t)n;
	p->tailroom -= (uint32_t)n;
	return at;
}

static int put_bytes(struct packet *p, const void *bytes, size_t n)
{
	void *at = put(p, n);

	if (!at)
		return -ENOSPC;
	memcpy(at, bytes, n);
	return 0;
}

static int put_eth(struct packet *p, const struct pkt_key *key)
{
	struct wire_eth *eth = put(p, offsetof(struct wire_eth, type));
	int err = eth ? 0 : -ENOSPC;

	if (err)
		return err;
	memcpy(eth->dst, key->eth_dst, sizeof eth->dst);
	memcpy(eth->src, key->eth_src, sizeof eth->src);
	for (int i = 0; i < FLOW_MAX_VLANS && key->vlan[i].tci; i++) {
		be16 tpid = key->vlan[i].tpid ? key->vlan[i].tpid : BE16_C(WIRE_ETH_VLAN);
		struct wire_vlan tag = {tpid, key->vlan[i].tci & ~BE16_C(FLOW_VLAN_PRESENT)};

		err = err ? err : put_bytes(p, &tag, sizeof tag);
	}
	return err ? err : put_bytes(p, &key->eth_type, sizeof key->eth_type);
}

static int put_nd_option(struct packet *p, uint8_t type, const uint8_t lla[6])
{
	static const uint8_t none[6];
	struct wire_nd_opt opt = {.type = type, .len = 1};

	memcpy(opt.lla, lla, sizeof opt.lla);
	return memcmp(lla, none, sizeof none) ? put_bytes(p, &opt, sizeof opt) : 0;
}

static int put_icmp(struct packet *p, const struct pkt_key *key)
{
	uint8_t type = (uint8_t)be16_to_cpu(key->tp_src), code = (uint8_t)be16_to_cpu(key->tp_dst);
	struct wire_icmp icmp = {.type = type, .code = code};
	int err = put_bytes(p, &icmp, sizeof icmp);

	if (err || key->nw_proto != WIRE_IP_ICMPV6 || code || (type != WIRE_ND_SOLICIT && type != WIRE_ND_ADVERT))
		return err;
	err = put_bytes(p, key->nd_target, sizeof key->nd_target);
	err = err ? err : put_nd_option(p, WIRE_ND_OPT_SLL, key->arp_sha);
	return err ? err : put_nd_option(p, WIRE_ND_OPT_TLL, key->arp_tha);
}

static int put_l4(struct packet *p, const struct pkt_key *key, size_t l7_len)
{
	bool v4 = key->eth_type == BE16_C(WIRE_ETH_IPV4);
	struct wire_tcp tcp = {
		.src = key->tp_src,
		.dst = key->tp_dst,
		.doff_flags = BE16_C(sizeof tcp / 4 << 12) | (key->tcp_flags & BE16_C(WIRE_TCP_FLAGS_MASK)),
	};
	struct wire_udp udp = {key->tp_src, key->tp_dst, cpu_to_be16((uint16_t)(sizeof udp + l7_len)), BE16_C(0)};
	struct wire_sctp sctp = {.src = key->tp_src, .dst = key->tp_dst};

	if (key->nw_frag & FLOW_NW_FRAG_LATER)
		return 0;
	switch (key->nw_proto) {
	case WIRE_IP_TCP:
		return put_bytes(p, &tcp, sizeof tcp);
	case WIRE_IP_UDP:
		return put_bytes(p, &udp, sizeof udp);
	case WIRE_IP_SCTP:
		return put_bytes(p, &sctp, sizeof sctp);
	case WIRE_IP_IGMP:
		return put_icmp(p, key);
	default:
		return key->nw_proto == (v4 ? WIRE_IP_ICMP : WIRE_IP_ICMPV6) ? put_icmp(p, key) : 0;
	}
}

static int put_ipv4(struct packet *p, const struct pkt_key *key, size_t l7_len)
{
	size_t ofs = p->len;
	struct wire_ipv4 ip = {
		.ver_ihl = 0x45,
		.tos = key->nw_tos,
		.ttl = key->nw_ttl,
		.proto = key->nw_proto,
		.src = key->nw_src,
		.dst = key->nw_dst,
	};
	int err;

	if (key->nw_frag & FLOW_NW_FRAG_ANY)
		ip.frag = BE16_C(WIRE_IPV4_MF);
	if (key->nw_frag & FLOW_NW_FRAG_LATER)
		ip.frag |= BE16_C(LATER_FRAGMENT_OFS);
	err = put_bytes(p, &ip, sizeof ip);
	err = err ? err : put_l4(p, key, l7_len);
	if (err || !put(p, l7_len) || p->len - ofs > UINT16_MAX)
		return -ENOSPC;
	((struct wire_ipv4 *)(void *)(p->data + ofs))->tot_len = cpu_to_be16((uint16_t)(p->len - ofs));
	return 0;
}

static int put_ipv6_fragment(struct packet *p, const struct pkt_key *key)
{
	struct wire_ipv6_frag frag = {.next = key->nw_proto, .frag = BE16_C(WIRE_IPV6_FRAG_MF)};

	if (!(key->nw_frag & FLOW_NW_FRAG_ANY))
		return 0;
	if (key->nw_frag & FLOW_NW_FRAG_LATER) {
		/* The key says only that it is a fragment: what it is a fragment of was in the first one. */
		frag.next = key->nw_proto == WIRE_IP_FRAGMENT ? WIRE_IP_NONE : key->nw_proto;
		frag.frag |= BE16_C(LATER_FRAGMENT_OFS << 3);
	}
	return put_bytes(p, &frag, sizeof frag);
}

static int put_ipv6(struct packet *p, const struct pkt_key *key, size_t l7_len)
{
	size_t ofs = p->len;
	struct wire_ipv6 ip = {
		.ver_tc_label =
			cpu_to_be32(6u << 28 | (uint32_t)key->nw_tos << 20) | (key->ipv6_label & BE32_C(0xfffff)),
		.next = key->nw_frag & FLOW_NW_FRAG_ANY ? WIRE_IP_FRAGMENT : key->nw_proto,
		.hlimit = key->nw_ttl,
	};
	int err;

	memcpy(ip.src, key->ipv6_src, sizeof ip.src);
	memcpy(ip.dst, key->ipv6_dst, sizeof ip.dst);
	err = put_bytes(p, &ip, sizeof ip);
	err = err ? err : put_ipv6_fragment(p, key);
	err = err ? err : put_l4(p, key, l7_len);
	if (err || !put(p, l7_len) || p->len - ofs - sizeof ip > UINT16_MAX)
		return -ENOSPC;
	((struct wire_ipv6 *)(void *)(p->data + ofs))->payload_len = cpu_to_be16((uint16_t)(p->len - ofs - sizeof ip));
	return 0;
}

static int put_arp(struct packet *p, const struct pkt_key *key)
{
	struct wire_arp arp = {
		.hrd = BE16_C(1),
		.pro = BE16_C(WIRE_ETH_IPV4),
		.hln = 6,
		.pln = 4,
		.op = cpu_to_be16(key->nw_proto),
		.spa = key->nw_src,
		.tpa = key->nw_dst,
	};

	memcpy(arp.sha, key->arp_sha, sizeof arp.sha);
	memcpy(arp.tha, key->arp_tha, sizeof arp.tha);
	return put_bytes(p, &arp, sizeof arp);
}

/* An 802.3 frame: the type field says how long the payload is. */
static int put_802_3(struct packet *p, size_t l7_len)
{
	uint8_t *type = p->data + p->len - sizeof(be16);

	if (l7_len >= WIRE_ETH_MIN || !put(p, l7_len))
		return -ENOSPC;
	wire_store_be16(type, cpu_to_be16((uint16_t)l7_len));
	return 0;
}

static int put_payload(struct packet *p, const struct pkt_key *key, size_t l7_len)
{
	uint16_t type = be16_to_cpu(key->eth_type);

	switch (type) {
	case WIRE_ETH_IPV4:
		return put_ipv4(p, key, l7_len);
	case WIRE_ETH_IPV6:
		return put_ipv6(p, key, l7_len);
	case WIRE_ETH_ARP:
	case WIRE_ETH_RARP:
		return put_arp(p, key);
	case WIRE_ETH_MPLS:
	case WIRE_ETH_MPLS_MCAST:
		return put_bytes(p, &key->mpls_lse, sizeof key->mpls_lse) || !put(p, l7_len) ? -ENOSPC : 0;
	default:
		return type < WIRE_ETH_MIN ? put_802_3(p, l7_len) : put(p, l7_len) ? 0 : -ENOSPC;
	}
}

static void take_origin(struct packet *p, const struct pkt_key *key)
{
	p->in_port = key->in_port;
	p->recirc_id = key->recirc_id;
	p->pkt_mark = key->pkt_mark;
	p->skb_priority = key->skb_priority;
	p->dp_hash = key->dp_hash;
}

int packet_compose(struct packet *p, const struct pkt_key *key, size_t l7_len)
{
	size_t cap = (size_t)p->headroom + p->len + p->tailroom;
	struct pkt_key parsed;
	int err;

	packet_init(p, p->data - p->headroom, cap, p->headroom, 0);
	take_origin(p, key);
	err = put_eth(p, key);
	err = err ? err : put_payload(p, key, l7_len);
	p->orig_len = p->len;
	if (err)
		return err;
	packet_parse(p, &parsed);
	ipv4_fill_csum(p);
	l4_fill_csum(p);
	return 0;
}
