// SPDX-License-Identifier: Apache-2.0
/*
 * Edits: every rewrite on every kind of packet, with final and partial checksums, judged by computing all checksums
 * from scratch afterwards, and by parsing again: the fields that were set have their value, all others are as before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/l4.h"
#include "packet/packet.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

#define PAYLOAD 37

struct frame {
	struct packet p;
	struct pkt_key key;
	uint8_t buf[2048];
};

struct kind {
	const char *name;
	uint16_t eth_type;
	uint8_t proto;
	uint8_t frag;
	uint16_t tp_src;
	int n_vlans;
};

enum { TCP4, UDP4, SCTP4, ICMP4, IGMP4, GRE4, LATER4, TCP6, UDP6, SCTP6, ICMP6, NS, NA, LATER6, N_IP };

static const struct kind kinds[] = {
	[TCP4] = {"tcp4", WIRE_ETH_IPV4, WIRE_IP_TCP, 0, 0x1234, 0},
	[UDP4] = {"udp4", WIRE_ETH_IPV4, WIRE_IP_UDP, 0, 0x1234, 0},
	[SCTP4] = {"sctp4", WIRE_ETH_IPV4, WIRE_IP_SCTP, 0, 0x1234, 0},
	[ICMP4] = {"icmp", WIRE_ETH_IPV4, WIRE_IP_ICMP, 0, 8, 0},
	[IGMP4] = {"igmp", WIRE_ETH_IPV4, WIRE_IP_IGMP, 0, 0x16, 0},
	[GRE4] = {"gre4", WIRE_ETH_IPV4, 47, 0, 0, 0},
	[LATER4] = {"later4", WIRE_ETH_IPV4, WIRE_IP_UDP, 3, 0, 0},
	[TCP6] = {"tcp6", WIRE_ETH_IPV6, WIRE_IP_TCP, 0, 0x1234, 0},
	[UDP6] = {"udp6", WIRE_ETH_IPV6, WIRE_IP_UDP, 0, 0x1234, 0},
	[SCTP6] = {"sctp6", WIRE_ETH_IPV6, WIRE_IP_SCTP, 0, 0x1234, 0},
	[ICMP6] = {"icmp6", WIRE_ETH_IPV6, WIRE_IP_ICMPV6, 0, 128, 0},
	[NS] = {"ns", WIRE_ETH_IPV6, WIRE_IP_ICMPV6, 0, 135, 0},
	[NA] = {"na", WIRE_ETH_IPV6, WIRE_IP_ICMPV6, 0, 136, 0},
	[LATER6] = {"later6", WIRE_ETH_IPV6, WIRE_IP_FRAGMENT, 3, 0, 0},
	{"arp", WIRE_ETH_ARP, 1, 0, 0, 0},
	{"rarp", WIRE_ETH_RARP, 3, 0, 0, 0},
	{"mpls", WIRE_ETH_MPLS, 0, 0, 0, 0},
	{"other", 0x88cc, 0, 0, 0, 0},
	{"tcp4-vlan", WIRE_ETH_IPV4, WIRE_IP_TCP, 0, 0x1234, 1},
	{"tcp6-qinq", WIRE_ETH_IPV6, WIRE_IP_TCP, 0, 0x1234, 2},
};

static bool is_ip4(const struct kind *k)
{
	return k->eth_type == WIRE_ETH_IPV4;
}

static bool is_ip6(const struct kind *k)
{
	return k->eth_type == WIRE_ETH_IPV6;
}

static bool is_arp(const struct kind *k)
{
	return k->eth_type == WIRE_ETH_ARP || k->eth_type == WIRE_ETH_RARP;
}

static bool is_nd(const struct kind *k)
{
	return k->proto == WIRE_IP_ICMPV6 && k->tp_src >= WIRE_ND_SOLICIT;
}

static bool has_ports(const struct kind *k)
{
	return k->tp_src == 0x1234;
}

/* Bytes that are never 0, so that no option is left out and each field differs from its neighbours. */
static void fill(void *dst, size_t n, uint8_t seed)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)dst)[i] = (uint8_t)(seed + 3 * i) | 1;
}

static void key_for_ip(const struct kind *k, struct pkt_key *key)
{
	key->nw_proto = k->proto;
	key->nw_frag = k->frag;
	key->nw_tos = 0xb9;
	key->nw_ttl = 64;
	key->tp_src = cpu_to_be16(k->tp_src);
	if (has_ports(k))
		key->tp_dst = BE16_C(0x5678);
	if (k->proto == WIRE_IP_TCP)
		key->tcp_flags = BE16_C(0x9c2);
	if (is_nd(k)) {
		fill(key->nd_target, 16, 0x31);
		fill(key->arp_sha, 6, 0x41);
		fill(key->arp_tha, 6, 0x51);
	}
}

static void key_for(const struct kind *k, struct pkt_key *key)
{
	memset(key, 0, sizeof *key);
	key->in_port = 7;
	fill(key->eth_dst, 6, 0x10);
	fill(key->eth_src, 6, 0x20);
	for (int i = 0; i < k->n_vlans; i++) {
		key->vlan[i].tpid = i ? BE16_C(WIRE_ETH_VLAN) : BE16_C(WIRE_ETH_SVLAN);
		key->vlan[i].tci = cpu_to_be16((uint16_t)(0x7000 | (100 + i)));
	}
	key->eth_type = cpu_to_be16(k->eth_type);
	if (k->eth_type == WIRE_ETH_MPLS)
		key->mpls_lse = BE32_C(0x12345140);
	if (is_ip4(k) || is_arp(k)) {
		key->nw_src = BE32_C(0x0a000001);
		key->nw_dst = BE32_C(0xc0a8fe02);
	}
	if (is_arp(k)) {
		key->nw_proto = k->proto;
		fill(key->arp_sha, 6, 0x41);
		fill(key->arp_tha, 6, 0x51);
	}
	if (is_ip6(k)) {
		fill(key->ipv6_src, 16, 0x61);
		fill(key->ipv6_dst, 16, 0x81);
		key->ipv6_label = BE32_C(0xabcde);
	}
	if (is_ip4(k) || is_ip6(k))
		key_for_ip(k, key);
}

static void assert_keys_equal(const struct pkt_key *a, const struct pkt_key *b, const char *what)
{
	const uint8_t *x = (const void *)a, *y = (const void *)b;

	for (size_t i = 0; i < sizeof *a; i++) {
		if (x[i] != y[i])
			fail_msg("%s: keys differ at byte %zu: %02x, expected %02x", what, i, x[i], y[i]);
	}
}

/* Compose, give the payload some content, and leave it parsed. The L4 length is odd. */
static void make(struct frame *f, const struct kind *k)
{
	struct pkt_key key;

	packet_init(&f->p, f->buf, sizeof f->buf, PACKET_HEADROOM, 0);
	key_for(k, &key);
	assert_int_equal(packet_compose(&f->p, &key, PAYLOAD), 0);
	assert_int_equal(packet_parse(&f->p, &f->key), 0);
	assert_keys_equal(&f->key, &key, k->name);
	if (f->p.l4_proto == WIRE_IP_UDP)
		assert_int_equal(be16_to_cpu(wire_load_be16(f->p.data + f->p.l4_ofs + 4)), 8 + PAYLOAD);
	if (!is_arp(k))
		fill(f->p.data + f->p.len - PAYLOAD, PAYLOAD, 0xa1);
	if (is_nd(k))
		memset(f->p.data + f->p.len - PAYLOAD, 0, PAYLOAD); /* no further options */
	l4_fill_csum(&f->p);
}

/* As a sender with checksum offload leaves it. */
static void make_partial(struct packet *p)
{
	uint16_t ofs = l4_csum_ofs(p);

	wire_store_be16(p->data + p->l4_ofs + ofs, csum_fold(l4_pseudo_sum(p)));
	p->flags |= PACKET_F_CSUM_PARTIAL;
	p->csum_start = p->l4_ofs;
	p->csum_offset = ofs;
}

/* Parse again: offsets that the edits kept must be those found anew, and all checksums must be as if computed now. */
static void check(struct frame *f, const struct pkt_key *want, const char *what)
{
	struct packet fresh = f->p;
	uint8_t before[sizeof f->buf];

	assert_int_equal(packet_parse(&fresh, &f->key), 0);
	assert_memory_equal(&fresh, &f->p, sizeof fresh);
	assert_keys_equal(&f->key, want, what);
	packet_complete_csum(&f->p);
	memcpy(before, f->p.data, f->p.len);
	ipv4_fill_csum(&f->p);
	l4_fill_csum(&f->p);
	if (memcmp(before, f->p.data, f->p.len))
		fail_msg("%s: a checksum is not what a computation from scratch gives", what);
}

/* ---- one function per edit: applies it to the packet and, where it should have an effect, to the expected key ---- */

static void edit_eth(const struct kind *k VSW_UNUSED, struct packet *p, struct pkt_key *want)
{
	struct dp_set_eth set = {.src = {2, 3, 4, 5, 6, 7}, .dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	memset(set.src_mask, 0xff, 6);
	set.dst_mask[1] = 0x0f;
	packet_set_eth(p, &set);
	memcpy(want->eth_src, set.src, 6);
	want->eth_dst[1] |= 0x0f;
}

static void edit_ipv4_addrs(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_ipv4 set = {
		.src = BE32_C(0x01020304),
		.dst = BE32_C(0xffffffff),
		.src_mask = BE32_C(0xffffffff),
		.dst_mask = BE32_C(0x0000ffff),
	};

	packet_set_ipv4(p, &set);
	if (is_ip4(k)) {
		want->nw_src = BE32_C(0x01020304);
		want->nw_dst = BE32_C(0xc0a8ffff);
	}
}

static void edit_ipv4_tos_ttl(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_ipv4 set = {.tos = 0x47, .ttl = 63, .tos_mask = 0xfc, .ttl_mask = 0xff};

	packet_set_ipv4(p, &set);
	if (is_ip4(k)) {
		want->nw_tos = 0x45;
		want->nw_ttl = 63;
	}
}

static void edit_ipv6(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_ipv6 set = {
		.label = BE32_C(0xfff12345),
		.label_mask = BE32_C(0xffffffff),
		.tclass = 0xff,
		.tclass_mask = 0x03,
		.hlimit = 1,
		.hlimit_mask = 0xff,
	};

	fill(set.src, 16, 0xf0);
	memset(set.src_mask, 0xff, 16);
	fill(set.dst, 16, 0x05);
	memset(set.dst_mask + 8, 0x3c, 5);
	packet_set_ipv6(p, &set);
	if (!is_ip6(k))
		return;
	memcpy(want->ipv6_src, set.src, 16);
	for (int i = 8; i < 13; i++)
		want->ipv6_dst[i] = (uint8_t)((want->ipv6_dst[i] & ~0x3c) | (set.dst[i] & 0x3c));
	want->ipv6_label = BE32_C(0x12345);
	want->nw_tos |= 3;
	want->nw_ttl = 1;
}

static void edit_tp(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_tp set = {
		.src = BE16_C(0xffff),
		.src_mask = BE16_C(0xffff),
		.dst = BE16_C(0),
		.dst_mask = BE16_C(0xff),
	};

	packet_set_tp(p, &set);
	if (has_ports(k)) {
		want->tp_src = BE16_C(0xffff);
		want->tp_dst = BE16_C(0x5600);
	}
}

static void edit_icmp(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_icmp set = {.type = 3, .type_mask = 0xff, .code = 0xff, .code_mask = 5};

	packet_set_icmp(p, &set);
	if (k->proto != WIRE_IP_ICMPV6 && (k->proto != WIRE_IP_ICMP || !is_ip4(k)))
		return;
	want->tp_src = BE16_C(3);
	want->tp_dst = BE16_C(5);
	if (is_nd(k)) {
		memset(want->nd_target, 0, 16);
		memset(want->arp_sha, 0, 6);
		memset(want->arp_tha, 0, 6);
	}
}

static void edit_arp(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_arp set = {
		.spa = BE32_C(0x09090909),
		.spa_mask = BE32_C(0xffffffff),
		.tpa = BE32_C(0),
		.tpa_mask = BE32_C(0xff),
		.op = BE16_C(2),
		.op_mask = BE16_C(0xffff),
		.sha = {1, 2, 3, 4, 5, 6},
	};

	memset(set.sha_mask, 0xff, 6);
	set.tha_mask[5] = 0xff;
	packet_set_arp(p, &set);
	if (!is_arp(k))
		return;
	want->nw_src = BE32_C(0x09090909);
	want->nw_dst = BE32_C(0xc0a8fe00);
	want->nw_proto = 2;
	memcpy(want->arp_sha, set.sha, 6);
	want->arp_tha[5] = 0;
}

static void edit_nd(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_nd set = {.sll = {9, 8, 7, 6, 5, 4}, .tll = {1, 1, 1, 1, 1, 1}};

	fill(set.target, 16, 0xd0);
	memset(set.target_mask, 0xff, 16);
	memset(set.sll_mask, 0xff, 6);
	set.tll_mask[2] = 0xff;
	packet_set_nd(p, &set);
	if (!is_nd(k))
		return;
	memcpy(want->nd_target, set.target, 16);
	memcpy(want->arp_sha, set.sll, 6);
	want->arp_tha[2] = 1;
}

static void edit_mpls(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	struct dp_set_mpls set = {.lse = BE32_C(0xffffffff), .lse_mask = BE32_C(0xff)};

	packet_set_mpls(p, &set);
	if (k->eth_type == WIRE_ETH_MPLS)
		want->mpls_lse |= BE32_C(0xff);
}

static void edit_push_vlan(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	if (k->n_vlans == 2)
		return; /* a third tag changes what the parser sees */
	assert_int_equal(packet_push_vlan(p, BE16_C(WIRE_ETH_SVLAN), BE16_C(0x3005)), 0);
	want->vlan[1] = want->vlan[0];
	want->vlan[0] = (struct vlan_key){BE16_C(WIRE_ETH_SVLAN), BE16_C(0x3005)};
}

static void edit_pop_vlan(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	assert_int_equal(packet_pop_vlan(p), k->n_vlans ? 0 : -ENOENT);
	want->vlan[0] = want->vlan[1];
	want->vlan[1] = (struct vlan_key){0};
}

static void edit_vlan_tci(const struct kind *k, struct packet *p, struct pkt_key *want)
{
	assert_int_equal(packet_set_vlan_tci(p, BE16_C(0x0abc), BE16_C(0xffff)), k->n_vlans ? 0 : -ENOENT);
	if (k->n_vlans)
		want->vlan[0].tci = BE16_C(0x1abc);
}

typedef void edit_fn(const struct kind *k, struct packet *p, struct pkt_key *want);

static const struct {
	const char *name;
	edit_fn *apply;
	bool adds_up; /* order does not matter */
} edits[] = {
	{"eth", edit_eth, true},
	{"ipv4 addresses", edit_ipv4_addrs, true},
	{"ipv4 tos and ttl", edit_ipv4_tos_ttl, true},
	{"ipv6", edit_ipv6, true},
	{"ports", edit_tp, true},
	{"icmp", edit_icmp, false},
	{"arp", edit_arp, true},
	{"nd", edit_nd, true},
	{"mpls", edit_mpls, true},
	{"push_vlan", edit_push_vlan, false},
	{"pop_vlan", edit_pop_vlan, false},
	{"vlan tci", edit_vlan_tci, true},
};

static void every_edit_of_every_kind(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(edits) * 2; j++) {
			struct frame f;
			struct pkt_key want;
			char what[64];

			make(&f, &kinds[i]);
			if (j & 1) {
				if (!l4_csum_ofs(&f.p))
					continue;
				make_partial(&f.p);
			}
			snprintf(what, sizeof what, "%s of %s%s", edits[j / 2].name, kinds[i].name,
				 j & 1 ? " (partial)" : "");
			want = f.key;
			edits[j / 2].apply(&kinds[i], &f.p, &want);
			check(&f, &want, what);
		}
	}
}

static void edits_add_up(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct frame f;
		struct pkt_key want;

		make(&f, &kinds[i]);
		want = f.key;
		for (size_t j = 0; j < ARRAY_SIZE(edits); j++) {
			if (edits[j].adds_up)
				edits[j].apply(&kinds[i], &f.p, &want);
		}
		check(&f, &want, kinds[i].name);
	}
}

static void udp_without_checksum_stays_so(void **state VSW_UNUSED)
{
	static const int which[] = {UDP4, UDP6};

	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		const struct kind *k = &kinds[which[i]];
		struct frame f;
		struct pkt_key want;

		make(&f, k);
		wire_store_be16(f.p.data + f.p.l4_ofs + 6, BE16_C(0));
		want = f.key;
		edit_ipv4_addrs(k, &f.p, &want);
		edit_ipv6(k, &f.p, &want);
		edit_tp(k, &f.p, &want);
		assert_int_equal(wire_load16(f.p.data + f.p.l4_ofs + 6), 0);
		packet_parse(&f.p, &f.key);
		assert_keys_equal(&f.key, &want, "udp without checksum");
	}
}

/* Walk all source ports: one of them makes the checksum come out as 0, which must be sent as 0xffff. */
static void udp_checksum_never_becomes_none(void **state VSW_UNUSED)
{
	struct frame f;
	int n_ffff = 0;

	make(&f, &kinds[UDP4]);
	for (unsigned int port = 0; port < 65536; port++) {
		struct dp_set_tp set = {.src = cpu_to_be16((uint16_t)port), .src_mask = BE16_C(0xffff)};
		be16 csum;

		packet_set_tp(&f.p, &set);
		csum = wire_load_be16(f.p.data + f.p.l4_ofs + 6);
		assert_int_not_equal(csum, 0);
		n_ffff += csum == BE16_C(0xffff);
		l4_fill_csum(&f.p);
		assert_int_equal(csum, wire_load_be16(f.p.data + f.p.l4_ofs + 6));
	}
	assert_true(n_ffff >= 1);
}

/* A packet that was corrupted before the edits is recognised after them, and right again once the corruption is undone.
 */
static void wrong_stays_wrong(void **state VSW_UNUSED)
{
	static const int which[] = {TCP4, UDP4, SCTP4, ICMP4, IGMP4, TCP6, UDP6, SCTP6, ICMP6};

	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		const struct kind *k = &kinds[which[i]];
		struct frame f;
		struct pkt_key want;
		uint8_t wrong[sizeof f.buf];

		make(&f, k);
		f.p.data[f.p.len - 1] ^= 0x10;
		want = f.key;
		edit_ipv4_addrs(k, &f.p, &want);
		edit_ipv6(k, &f.p, &want);
		edit_tp(k, &f.p, &want);
		edit_icmp(k, &f.p, &want);
		memcpy(wrong, f.p.data, f.p.len);
		l4_fill_csum(&f.p);
		assert_memory_not_equal(wrong, f.p.data, f.p.len);
		memcpy(f.p.data, wrong, f.p.len);
		f.p.data[f.p.len - 1] ^= 0x10;
		check(&f, &want, k->name);
	}
}

/* The destination in the IPv6 header does not count for the checksum while a routing header has segments left. */
static void routing_header(void **state VSW_UNUSED)
{
	for (uint8_t left = 0; left < 2; left++) {
		const uint8_t rh[24] = {WIRE_IP_UDP, 2, 2, left, [8] = 0xfd, [23] = 9};
		struct dp_set_ipv6 set = {.dst = {1, 2, 3}};
		struct frame f;
		struct wire_ipv6 *ip;
		be16 before, after;

		make(&f, &kinds[UDP6]);
		ip = (void *)(f.p.data + f.p.l3_ofs);
		memmove(f.p.data + f.p.l4_ofs + sizeof rh, f.p.data + f.p.l4_ofs, f.p.l4_len);
		memcpy(f.p.data + f.p.l4_ofs, rh, sizeof rh);
		ip->next = WIRE_IP_ROUTING;
		ip->payload_len = cpu_to_be16((uint16_t)(be16_to_cpu(ip->payload_len) + sizeof rh));
		f.p.len += sizeof rh;
		f.p.tailroom -= sizeof rh;
		assert_int_equal(packet_parse(&f.p, &f.key), 0);
		assert_int_equal(f.key.nw_proto, WIRE_IP_UDP);
		assert_int_equal(l4_dst_is_elsewhere(&f.p), left);
		before = wire_load_be16(f.p.data + f.p.l4_ofs + 6);
		memset(set.dst_mask, 0xff, 16);
		packet_set_ipv6(&f.p, &set);
		after = wire_load_be16(f.p.data + f.p.l4_ofs + 6);
		assert_int_equal(before == after, left);
	}
}

static void vlan_limits(void **state VSW_UNUSED)
{
	struct frame f;
	struct pkt_key want;

	make(&f, &kinds[TCP4]);
	want = f.key;
	for (int i = 0; i < PACKET_HEADROOM / 4; i++)
		assert_int_equal(packet_push_vlan(&f.p, BE16_C(WIRE_ETH_VLAN), BE16_C(1)), 0);
	assert_int_equal(packet_push_vlan(&f.p, BE16_C(WIRE_ETH_VLAN), BE16_C(1)), -ENOSPC);
	for (int i = 0; i < PACKET_HEADROOM / 4; i++)
		assert_int_equal(packet_pop_vlan(&f.p), 0);
	check(&f, &want, "after 32 tags");
	f.p.len = 13;
	assert_int_equal(packet_push_vlan(&f.p, BE16_C(WIRE_ETH_VLAN), BE16_C(1)), -EINVAL);
	assert_int_equal(packet_pop_vlan(&f.p), -ENOENT);
}

static void vlan_moves_offload_state(void **state VSW_UNUSED)
{
	struct frame f;

	make(&f, &kinds[TCP4]);
	make_partial(&f.p);
	f.p.hdr_len = 54;
	assert_int_equal(packet_push_vlan(&f.p, BE16_C(WIRE_ETH_VLAN), BE16_C(0xf005)), 0);
	assert_int_equal(f.p.csum_start, 38);
	assert_int_equal(f.p.hdr_len, 58);
	assert_int_equal(be16_to_cpu(wire_load_be16(f.p.data + 14)), 0xe005); /* DEI is not written */
	assert_int_equal(packet_pop_vlan(&f.p), 0);
	assert_int_equal(f.p.csum_start, 34);
	assert_int_equal(f.p.hdr_len, 54);
}

/* A checksum request that points anywhere must not make anybody read or write there (ASan looks on). */
static void hostile_checksum_request(void **state VSW_UNUSED)
{
	for (unsigned int start = 0; start < 300; start += 7) {
		for (unsigned int ofs = 0; ofs < 65536; ofs += 251) {
			struct frame f;
			uint8_t *exact;

			make(&f, &kinds[TCP4]);
			f.p.flags = PACKET_F_CSUM_PARTIAL;
			f.p.csum_start = (uint16_t)start;
			f.p.csum_offset = (uint16_t)ofs;
			exact = xmemdup(f.p.data, f.p.len);
			f.p.data = exact;
			packet_complete_csum(&f.p);
			assert_int_equal(f.p.flags, 0);
			free(exact);
		}
	}
}

/* The request may be about an inner packet (a tunnel's): then the outer checksum is a final one. */
static void partial_checksum_of_an_inner_packet(void **state VSW_UNUSED)
{
	struct frame f;
	struct pkt_key want;

	make(&f, &kinds[UDP4]);
	f.p.flags = PACKET_F_CSUM_PARTIAL;
	f.p.csum_start = f.p.l4_ofs + 8;
	f.p.csum_offset = 6;
	want = f.key;
	edit_ipv4_addrs(&kinds[UDP4], &f.p, &want);
	edit_tp(&kinds[UDP4], &f.p, &want);
	f.p.flags = 0;
	check(&f, &want, "outer checksum");
}

/* UDP-Lite and DCCP have a checksum with a pseudo header, but the parser does not insist on their header. */
static void checksum_field_beyond_the_packet(void **state VSW_UNUSED)
{
	static const uint8_t protos[] = {WIRE_IP_UDPLITE, WIRE_IP_DCCP};

	for (size_t i = 0; i < ARRAY_SIZE(protos) * 8; i++) {
		struct pkt_key key = {.eth_type = BE16_C(WIRE_ETH_IPV4), .nw_proto = protos[i / 8], .nw_ttl = 1}, want;
		size_t l4_len = i % 8, len = 34 + l4_len;
		uint8_t *exact = xzalloc(len), before[64];
		struct packet p;

		packet_init(&p, exact, len, 0, 0);
		assert_int_equal(packet_compose(&p, &key, l4_len), 0);
		assert_int_equal(packet_parse(&p, &want), 0);
		memcpy(before, p.data + 34, l4_len);
		edit_ipv4_addrs(&kinds[UDP4], &p, &want);
		assert_memory_equal(before, p.data + 34, l4_len);
		free(exact);
	}
}

static void compose_needs_room(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct frame f;
		struct pkt_key key;
		struct packet p;
		size_t need;

		make(&f, &kinds[i]);
		need = f.p.len;
		key_for(&kinds[i], &key);
		for (size_t cap = 0; cap <= need; cap++) {
			packet_init(&p, f.buf, 16 + cap, 16, 0);
			assert_int_equal(packet_compose(&p, &key, PAYLOAD), cap < need ? -ENOSPC : 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_edit_of_every_kind),
		cmocka_unit_test(edits_add_up),
		cmocka_unit_test(udp_without_checksum_stays_so),
		cmocka_unit_test(udp_checksum_never_becomes_none),
		cmocka_unit_test(wrong_stays_wrong),
		cmocka_unit_test(routing_header),
		cmocka_unit_test(vlan_limits),
		cmocka_unit_test(vlan_moves_offload_state),
		cmocka_unit_test(hostile_checksum_request),
		cmocka_unit_test(partial_checksum_of_an_inner_packet),
		cmocka_unit_test(checksum_field_beyond_the_packet),
		cmocka_unit_test(compose_needs_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
