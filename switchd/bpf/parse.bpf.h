/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a socket buffer to struct pkt_key, in BPF: the same judgements as lib/packet/parse.c, in the order the verifier likes.
 *
 * Headers are read with bpf_skb_load_bytes(), which reaches the paged part of a GSO packet too and never needs the packet to be made
 * linear; the outermost VLAN tag is where the kernel keeps it, in the metadata.
 */
#ifndef SWITCHD_BPF_PARSE_BPF_H
#define SWITCHD_BPF_PARSE_BPF_H 1

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

#include "vsw/bpf_abi.h"

enum {
	ETH_HDR = 14,
	VLAN_TAG = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_RARP = 0x8035,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MC = 0x8848,
	TYPE_MIN = 0x600,
	MAX_EXT_HEADERS = 6,
	MAX_ND_OPTIONS = 4,
};

/* What parsing leaves behind for the actions. */
struct parsed {
	uint16_t l3_ofs;   /* 0: none */
	uint16_t l4_ofs;   /* 0: none */
	uint16_t csum_ofs; /* of the L4 checksum in the frame; 0: none */
	uint8_t l4_proto;
	uint8_t l3;	  /* enum bpf_base: IPv4, IPv6, ARP, each sound; 0: something else */
	uint8_t tunnel;	  /* it came through one */
	uint8_t too_deep; /* headers beyond what is walked here: the daemon looks */
};

#define LOAD(SKB, OFS, TO) (bpf_skb_load_bytes(SKB, OFS, TO, sizeof *(TO)) == 0)

struct eth_hdr_ {
	uint8_t dst[6], src[6];
	be16 type;
} __attribute__((packed));

struct ipv4_hdr_ {
	uint8_t ver_ihl, tos;
	be16 tot_len, id, frag;
	uint8_t ttl, proto;
	be16 csum;
	be32 src, dst;
};

struct ipv6_hdr_ {
	be32 first;
	be16 payload_len;
	uint8_t next, hlimit;
	uint8_t src[16], dst[16];
};

struct arp_hdr_ {
	be16 hrd, pro;
	uint8_t hln, pln;
	be16 op;
	uint8_t sha[6], spa[4], tha[6], tpa[4];
} __attribute__((packed));

static __always_inline int is_vlan(uint16_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ;
}

static __always_inline void parse_nd(struct __sk_buff *skb, uint32_t ofs, uint32_t end, struct pkt_key *key)
{
	uint8_t opt[8];
	int sll = 0, tll = 0;

	if (ofs + 24 > end || bpf_skb_load_bytes(skb, ofs + 8, key->nd_target, 16))
		return;
	ofs += 24;
	for (int i = 0; i < MAX_ND_OPTIONS; i++) {
		uint32_t len;

		if (ofs + 8 > end || bpf_skb_load_bytes(skb, ofs, opt, 8))
			return;
		len = opt[1] * 8u;
		if (!len || len > end - ofs)
			return;
		if (len == 8 && (opt[0] == 1 || opt[0] == 2)) {
			int *seen = opt[0] == 1 ? &sll : &tll;

			if (*seen)
				goto twice;
			*seen = opt[2] | opt[3] | opt[4] | opt[5] | opt[6] | opt[7];
			__builtin_memcpy(opt[0] == 1 ? key->arp_sha : key->arp_tha, opt + 2, 6);
		}
		ofs += len;
	}
	return;
twice:
	__builtin_memset(key->nd_target, 0, 16);
	__builtin_memset(key->arp_sha, 0, 6);
	__builtin_memset(key->arp_tha, 0, 6);
}

/* @end: first byte behind the IP packet. Return: 0 or enum drop_reason. */
static __always_inline int parse_l4(struct __sk_buff *skb, uint32_t ofs, uint32_t end, int v6, struct pkt_key *key,
				    struct parsed *p)
{
	uint8_t h[20];
	uint32_t left = end > ofs ? end - ofs : 0;

	switch (key->nw_proto) {
	case 6:
		if (left < 20 || bpf_skb_load_bytes(skb, ofs, h, 20) || (h[12] >> 4) < 5 || (h[12] >> 4) * 4u > left)
			return DROP_MALFORMED_L4;
		__builtin_memcpy(&key->tp_src, h, 4);
		key->tcp_flags = bpf_htons((h[12] & 15) << 8 | h[13]);
		p->csum_ofs = ofs + 16;
		break;
	case 17:
		if (left < 8 || bpf_skb_load_bytes(skb, ofs, h, 8))
			return DROP_MALFORMED_L4;
		__builtin_memcpy(&key->tp_src, h, 4);
		p->csum_ofs = ofs + 6;
		break;
	case 33:
	case 136: /* DCCP and UDP-Lite: nothing to match on, but a checksum over the addresses */
		if (left >= 8)
			p->csum_ofs = ofs + 6;
		break;
	case 132:
		if (left < 12 || bpf_skb_load_bytes(skb, ofs, h, 4))
			return DROP_MALFORMED_L4;
		__builtin_memcpy(&key->tp_src, h, 4);
		break;
	case 1:
	case 58:
		if ((key->nw_proto == 58) != v6)
			break;
		/* fall through */
	case 2:
		if (left < 8 || bpf_skb_load_bytes(skb, ofs, h, 8))
			return DROP_MALFORMED_L4;
		key->tp_src = bpf_htons(h[0]);
		key->tp_dst = bpf_htons(h[1]);
		if (key->nw_proto == 58) {
			p->csum_ofs = ofs + 2;
			if ((h[0] == 135 || h[0] == 136) && !h[1])
				parse_nd(skb, ofs, end, key);
		} else if (key->nw_proto == 1) {
			p->csum_ofs = ofs + 2;
		}
		break;
	}
	p->l4_ofs = ofs;
	p->l4_proto = key->nw_proto;
	return 0;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, uint32_t ofs, struct pkt_key *key, struct parsed *p)
{
	struct ipv4_hdr_ ip;
	uint32_t hlen, tot, frag;

	if (!LOAD(skb, ofs, &ip))
		return DROP_MALFORMED_IPV4;
	hlen = (ip.ver_ihl & 15) * 4u;
	tot = bpf_ntohs(ip.tot_len);
	if (hlen < 20 || tot < hlen || tot > skb->len - ofs)
		return DROP_MALFORMED_IPV4;
	p->l3 = BPF_BASE_IPV4;
	key->nw_src = ip.src;
	key->nw_dst = ip.dst;
	key->nw_proto = ip.proto;
	key->nw_tos = ip.tos;
	key->nw_ttl = ip.ttl;
	frag = bpf_ntohs(ip.frag);
	if (frag & 0x3fff)
		key->nw_frag = frag & 0x1fff ? FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER : FLOW_NW_FRAG_ANY;
	if (key->nw_frag & FLOW_NW_FRAG_LATER)
		return 0;
	return parse_l4(skb, ofs + hlen, ofs + tot, 0, key, p);
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, uint32_t ofs, struct pkt_key *key, struct parsed *p)
{
	struct ipv6_hdr_ ip;
	uint32_t first, end;
	uint8_t proto, frag = 0;

	if (!LOAD(skb, ofs, &ip))
		return DROP_MALFORMED_IPV6;
	end = ofs + 40 + bpf_ntohs(ip.payload_len);
	if (end > skb->len)
		return DROP_MALFORMED_IPV6;
	__builtin_memcpy(key->ipv6_src, ip.src, 32);
	first = bpf_ntohl(ip.first);
	proto = ip.next;
	ofs += 40;
	/* Unrolled: 6.1 takes no loop whose first instruction is fallen into ("back-edge"). */
#pragma clang loop unroll(full)
	for (int i = 0; i <= MAX_EXT_HEADERS; i++) {
		uint8_t ext[8];
		uint32_t len;

		if (proto != 0 && proto != 43 && proto != 60 && proto != 51 && proto != 44)
			break;
		/* Behind a routing header the checksum is over another address than the one in the header. */
		if (i == MAX_EXT_HEADERS || proto == 43) {
			p->too_deep = 1;
			return DROP_MALFORMED_IPV6;
		}
		if (ofs + 8 > end || bpf_skb_load_bytes(skb, ofs, ext, 8))
			return DROP_MALFORMED_IPV6;
		len = proto == 51 ? (ext[1] + 2) * 4u : proto == 44 ? 8 : (ext[1] + 1) * 8u;
		if (ofs + len > end)
			return DROP_MALFORMED_IPV6;
		ofs += len;
		if (proto == 44 && (ext[2] | ext[3])) {
			frag = FLOW_NW_FRAG_ANY;
			if (ext[2] | (ext[3] & 0xf8)) {
				frag |= FLOW_NW_FRAG_LATER;
				break;
			}
		}
		proto = ext[0];
	}
	p->l3 = BPF_BASE_IPV6;
	key->ipv6_label = bpf_htonl(first & 0xfffff);
	key->nw_proto = proto;
	key->nw_tos = first >> 20;
	key->nw_ttl = ip.hlimit;
	key->nw_frag = frag;
	if (frag & FLOW_NW_FRAG_LATER)
		return 0;
	return parse_l4(skb, ofs, end, 1, key, p);
}

static __always_inline void parse_arp(struct __sk_buff *skb, uint32_t ofs, struct pkt_key *key, struct parsed *p)
{
	struct arp_hdr_ arp;
	uint16_t op;

	if (!LOAD(skb, ofs, &arp) || arp.hrd != bpf_htons(1) || arp.pro != bpf_htons(TYPE_IPV4) || arp.hln != 6 ||
	    arp.pln != 4)
		return;
	p->l3 = BPF_BASE_ARP;
	op = bpf_ntohs(arp.op);
	__builtin_memcpy(&key->nw_src, arp.spa, 4);
	__builtin_memcpy(&key->nw_dst, arp.tpa, 4);
	if (op <= 255)
		key->nw_proto = op;
	__builtin_memcpy(key->arp_sha, arp.sha, 6);
	__builtin_memcpy(key->arp_tha, arp.tha, 6);
}

/* The tags: the first from the metadata where the kernel has put it there. *@ofs is at the type and moves behind the tags.
 * Return: 0 or enum drop_reason. */
static __always_inline int parse_vlans(struct __sk_buff *skb, uint32_t *ofs, uint16_t *type, struct pkt_key *key)
{
	int n = 0;

	if (skb->vlan_present) {
		key->vlan[0].tpid = (be16)skb->vlan_proto;
		key->vlan[0].tci = bpf_htons(skb->vlan_tci | FLOW_VLAN_PRESENT);
		n = 1;
	}
#pragma clang loop unroll(full)
	for (int i = 0; i < FLOW_MAX_VLANS; i++) {
		be16 tag[2]; /* TCI, and the type behind it */

		if (!is_vlan(*type) || n + i >= FLOW_MAX_VLANS)
			break;
		if (!LOAD(skb, *ofs, &tag))
			return DROP_MALFORMED_VLAN;
		if (n + i == 0) {
			key->vlan[0].tpid = bpf_htons(*type);
			key->vlan[0].tci = tag[0] | bpf_htons(FLOW_VLAN_PRESENT);
		} else {
			key->vlan[1].tpid = bpf_htons(*type);
			key->vlan[1].tci = tag[0] | bpf_htons(FLOW_VLAN_PRESENT);
		}
		*type = bpf_ntohs(tag[1]);
		*ofs += 4;
	}
	return 0;
}

/*
 * Fill @key (zeroed, in_port set). Return: 0 or the enum drop_reason that says what is wrong first; the key is usable unless it is
 * DROP_MALFORMED_ETH or DROP_MALFORMED_VLAN.
 */
static __always_inline int parse(struct __sk_buff *skb, struct pkt_key *key, struct parsed *p)
{
	struct eth_hdr_ eth;
	uint32_t ofs = ETH_HDR;
	uint16_t type;
	int bad;

	if (!LOAD(skb, 0, &eth))
		return DROP_MALFORMED_ETH;
	__builtin_memcpy(key->eth_dst, eth.dst, 12);
	type = bpf_ntohs(eth.type);
	bad = parse_vlans(skb, &ofs, &type, key);
	if (bad) {
		key->eth_type = bpf_htons(type);
		return bad;
	}
	if (type < TYPE_MIN) {
		uint8_t snap[8];

		type = FLOW_ETH_TYPE_NONE;
		if (LOAD(skb, ofs, &snap) && snap[0] == 0xaa && snap[1] == 0xaa && snap[2] == 3 &&
		    !(snap[3] | snap[4] | snap[5])) {
			uint16_t t = snap[6] << 8 | snap[7];

			ofs += 8;
			if (t >= TYPE_MIN)
				type = t;
		}
	}
	key->eth_type = bpf_htons(type);
	p->l3_ofs = ofs;
	switch (type) {
	case TYPE_IPV4:
		return parse_ipv4(skb, ofs, key, p);
	case TYPE_IPV6:
		return parse_ipv6(skb, ofs, key, p);
	case TYPE_ARP:
	case TYPE_RARP:
		parse_arp(skb, ofs, key, p);
		return 0;
	case TYPE_MPLS:
	case TYPE_MPLS_MC:
		LOAD(skb, ofs, &key->mpls_lse);
		return 0;
	}
	return 0;
}

#endif
