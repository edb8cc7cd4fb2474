/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of what most packets are: TCP or UDP in IPv4 without options, or in IPv6 without extension headers, untagged or with a tag in
 * the metadata, all headers in the packet's linear part. Read straight from the packet, a word at a time, and nothing is cleared that
 * the last packet left clear. Whatever is not like that, or not sound, is the parser's (parse.bpf.h), which must come to the same key.
 */
#ifndef BPF_QUICK_H
#define BPF_QUICK_H 1

#include "maps.bpf.h"
#include "tunnel.bpf.h"

/* scratch.left_behind: what of the key's second part the packets before may have set, beside pkt_mark. */
enum { LEFT_IPV6 = 1, LEFT_ANY = 2 };

/* Words of struct pkt_key. */
enum {
	WORD_ORIGIN,
	WORD_ETH,
	WORD_ETH_VLAN,
	WORD_TYPE,
	WORD_ADDR,
	WORD_IP,
	WORD_TP,
	WORD_CT,
	WORD_IPV6,
	WORD_LABEL = 12,
	WORD_MARK = 18,
};

enum {
	IPV4_HDR = 20,
	IPV6_HDR = 40,
	TCP_HDR = 20,
	UDP_HDR = 8,
};

static __always_inline void clear_words(uint64_t *words, int from)
{
#pragma unroll
	for (int i = from; i < (int)PKT_KEY_WORDS; i++)
		words[i] = 0;
}

static __always_inline uint64_t word_at(const uint8_t *p)
{
	return *(const uint64_t *)p;
}

static __always_inline uint64_t half_at(const uint8_t *p)
{
	return *(const uint32_t *)p;
}

static __always_inline uint16_t be16_at(const uint8_t *p)
{
	return bpf_ntohs(*(const uint16_t *)p);
}

/* The ports and flags of @l4. @left: bytes that the IP header says are there. Return: 0 when the parser has to look. */
static __always_inline int quick_l4(const uint8_t *l4, const uint8_t *end, uint32_t left, uint8_t proto, uint32_t ofs,
				    struct scratch *s)
{
	uint64_t *words = (uint64_t *)&s->key;
	uint32_t doff;

	if (proto == 6) {
		if (l4 + TCP_HDR > end || left < TCP_HDR)
			return 0;
		doff = l4[12] >> 4;
		if (doff < 5 || doff * 4 > left)
			return 0;
		/* The data offset is in the upper half of the flags' first byte. */
		words[WORD_TP] = half_at(l4) | (uint64_t)(*(const uint16_t *)(l4 + 12) & bpf_htons(0x0fff)) << 32;
		s->p.csum_ofs = ofs + 16;
	} else if (proto == 17) {
		if (l4 + UDP_HDR > end || left < UDP_HDR)
			return 0;
		words[WORD_TP] = half_at(l4);
		s->p.csum_ofs = ofs + 6;
	} else {
		return 0;
	}
	s->p.l4_ofs = ofs;
	s->p.l4_proto = proto;
	return 1;
}

static __always_inline int quick_ipv4(struct __sk_buff *skb, const uint8_t *ip, const uint8_t *end, struct scratch *s)
{
	uint64_t *words = (uint64_t *)&s->key;
	uint32_t tot;

	if (ip + IPV4_HDR > end || ip[0] != 0x45 || *(const uint16_t *)(ip + 6) & bpf_htons(0x3fff))
		return 0;
	tot = be16_at(ip + 2);
	if (tot < IPV4_HDR || tot > skb->len - ETH_HDR ||
	    !quick_l4(ip + IPV4_HDR, end, tot - IPV4_HDR, ip[9], ETH_HDR + IPV4_HDR, s))
		return 0;
	words[WORD_ADDR] = word_at(ip + 12);
	words[WORD_IP] = ip[9] | (uint32_t)ip[1] << 8 | (uint32_t)ip[8] << 16;
	if (s->left_behind) {
		clear_words(words, PKT_KEY_COMPACT / 8);
		s->left_behind = 0;
	}
	s->p.l3 = BPF_BASE_IPV4;
	return 1;
}

static __always_inline int quick_ipv6(struct __sk_buff *skb, const uint8_t *ip, const uint8_t *end, struct scratch *s)
{
	uint64_t *words = (uint64_t *)&s->key;
	uint32_t payload, first;

	if (ip + IPV6_HDR > end)
		return 0;
	payload = be16_at(ip + 4);
	if (payload > skb->len - ETH_HDR - IPV6_HDR ||
	    !quick_l4(ip + IPV6_HDR, end, payload, ip[6], ETH_HDR + IPV6_HDR, s))
		return 0;
	first = bpf_ntohl(*(const uint32_t *)ip);
	words[WORD_ADDR] = 0;
	words[WORD_IP] = ip[6] | (first >> 12 & 0xff00) | (uint32_t)ip[7] << 16;
	if (s->left_behind & LEFT_ANY)
		clear_words(words, WORD_LABEL);
	s->left_behind = LEFT_IPV6;
#pragma unroll
	for (int i = 0; i < 4; i++)
		words[WORD_IPV6 + i] = word_at(ip + 8 + 8 * i);
	words[WORD_LABEL] = bpf_htonl(first & 0xfffff);
	s->p.l3 = BPF_BASE_IPV6;
	return 1;
}

/* Return: 0 when the parser has to look; key and parsed are then as they may be. */
static __always_inline int quick_parse(struct __sk_buff *skb, struct scratch *s, uint32_t in_port)
{
	const uint8_t *data = (const uint8_t *)(long)skb->data, *end = (const uint8_t *)(long)skb->data_end;
	uint64_t *words = (uint64_t *)&s->key, tag = 0;
	uint16_t type;

	if (data + ETH_HDR > end)
		return 0;
	type = *(const uint16_t *)(data + 12);
	if (type == bpf_htons(TYPE_IPV4)) {
		if (!quick_ipv4(skb, data + ETH_HDR, end, s))
			return 0;
	} else if (type == bpf_htons(TYPE_IPV6)) {
		if (!quick_ipv6(skb, data + ETH_HDR, end, s))
			return 0;
	} else {
		return 0;
	}
	if (skb->vlan_present)
		tag = (uint16_t)skb->vlan_proto | (uint64_t)bpf_htons(skb->vlan_tci | FLOW_VLAN_PRESENT) << 16;
	words[WORD_ORIGIN] = in_port;
	words[WORD_ETH] = word_at(data);
	words[WORD_ETH_VLAN] = half_at(data + 8) | tag << 32;
	words[WORD_TYPE] = (uint64_t)type << 32;
	words[WORD_CT] = 0;
	words[WORD_MARK] = skb->mark;
	s->p.l3_ofs = ETH_HDR;
	s->p.too_deep = 0;
	s->p.tunnel = 0;
	return 1;
}

static __always_inline int parse_headers(struct __sk_buff *skb, struct scratch *s, uint32_t in_port)
{
	if (quick_parse(skb, s, in_port))
		return 0;
	__builtin_memset(&s->key, 0, sizeof s->key);
	__builtin_memset(&s->p, 0, sizeof s->p);
	s->left_behind = LEFT_ANY;
	s->key.in_port = in_port;
	s->key.pkt_mark = skb->mark;
	return parse(skb, &s->key, &s->p);
}

/* Fills s->key and s->p. Return: 0 or enum drop_reason, as parse(). */
static __always_inline int parse_packet(struct __sk_buff *skb, struct scratch *s, const struct bpf_port *in,
					uint32_t in_port)
{
	int bad = parse_headers(skb, s, in_port);

	if (in->is_tunnel) {
		get_tunnel(skb, &s->key);
		s->p.tunnel = pkt_key_has_tunnel(&s->key);
		s->left_behind |= LEFT_ANY;
	}
	return bad;
}

#endif
