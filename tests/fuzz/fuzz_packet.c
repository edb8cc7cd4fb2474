// SPDX-License-Identifier: Apache-2.0
/*
 * Parse arbitrary bytes, then edit them as the input says, and hold every edit to its promises.
 *
 * Input: 16 bytes of packet state, one byte n, n bytes of edit script, the frame. What must hold:
 *  - a sound frame's key, composed, gives a frame of the same key;
 *  - an edited field has the value it was set to, under its mask, when the frame is parsed again;
 *  - the offsets that the edits kept are those that parsing finds;
 *  - a checksum is right after an edit if and only if it was right before;
 *  - nothing reads or writes outside the frame (its memory has the exact size, for ASan), whatever offload state is claimed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/l4.h"
#include "packet/packet.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

#define HEADROOM 16

#define MUST(COND) \
	do { \
		if (!(COND)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #COND); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

/* The next @n bytes of the input; zeros behind its end. */
static void take(struct input *in, void *dst, size_t n)
{
	size_t have = MIN(n, in->left);

	memset(dst, 0, n);
	memcpy(dst, in->p, have);
	in->p += have;
	in->left -= have;
}

static uint8_t take8(struct input *in)
{
	uint8_t x;

	take(in, &x, sizeof x);
	return x;
}

/* ---- checksums: right, wrong, or nothing to be right about ---- */

struct verdict {
	bool ipv4_ok, l4_ok, l4_none;
};

/* In ones' complement 0 and 0xffff are one number. */
static bool is_zero_sum(uint32_t sum)
{
	be16 folded = csum_fold(sum);

	return !folded || folded == BE16_C(0xffff);
}

static bool l4_csum_is_right(const struct packet *p)
{
	const uint8_t *l4 = p->data + p->l4_ofs;
	struct packet copy = *p;
	uint8_t *bytes;
	bool same;

	if (l4_is_partial(p)) {
		uint16_t field = (VSW_FORCE uint16_t)wire_load_be16(l4 + l4_csum_ofs(p));

		/* SCTP has no pseudo header, and the field says nothing. */
		return p->l4_proto == WIRE_IP_SCTP || is_zero_sum(csum_add32(l4_pseudo_sum(p), (uint16_t)~field));
	}
	if (p->l4_proto != WIRE_IP_SCTP)
		return is_zero_sum(csum_add(l4_pseudo_sum(p), l4, p->l4_len));
	bytes = xmemdup(p->data, p->len);
	copy.data = bytes;
	l4_fill_csum(&copy);
	same = !memcmp(bytes, p->data, p->len);
	free(bytes);
	return same;
}

static struct verdict judge(const struct packet *p)
{
	const uint8_t *l3 = p->data + p->l3_ofs;
	uint16_t ofs = l4_csum_ofs(p);
	struct verdict v = {.l4_none = true};

	if (p->l3_type == PACKET_L3_IPV4)
		v.ipv4_ok = is_zero_sum(csum_add(0, l3, (l3[0] & 15) * 4u));
	if (!ofs || l4_dst_is_elsewhere(p))
		return v;
	v.l4_none = p->l4_proto == WIRE_IP_UDP && !l4_is_partial(p) && !wire_load16(p->data + p->l4_ofs + ofs);
	v.l4_ok = !v.l4_none && l4_csum_is_right(p);
	return v;
}

/* ---- edits: each decodes its argument, applies it, and tells the key that must come out ---- */

static void expect_bytes(void *key, const void *value, const void *mask, size_t n)
{
	uint8_t *k = key;
	const uint8_t *v = value, *m = mask;

	for (size_t i = 0; i < n; i++)
		k[i] = (uint8_t)((k[i] & ~m[i]) | (v[i] & m[i]));
}

static void edit_eth(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_eth set;

	take(in, &set, sizeof set);
	packet_set_eth(p, &set);
	if (p->len < sizeof(struct wire_eth))
		return;
	expect_bytes(k->eth_src, set.src, set.src_mask, 6);
	expect_bytes(k->eth_dst, set.dst, set.dst_mask, 6);
}

static void edit_ipv4(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_ipv4 set;

	take(in, &set, sizeof set);
	packet_set_ipv4(p, &set);
	if (p->l3_type != PACKET_L3_IPV4)
		return;
	expect_bytes(&k->nw_src, &set.src, &set.src_mask, 4);
	expect_bytes(&k->nw_dst, &set.dst, &set.dst_mask, 4);
	expect_bytes(&k->nw_tos, &set.tos, &set.tos_mask, 1);
	expect_bytes(&k->nw_ttl, &set.ttl, &set.ttl_mask, 1);
}

static void edit_ipv6(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_ipv6 set;

	take(in, &set, sizeof set);
	packet_set_ipv6(p, &set);
	if (p->l3_type != PACKET_L3_IPV6)
		return;
	expect_bytes(k->ipv6_src, set.src, set.src_mask, 16);
	expect_bytes(k->ipv6_dst, set.dst, set.dst_mask, 16);
	expect_bytes(&k->ipv6_label, &set.label, &set.label_mask, 4);
	k->ipv6_label &= BE32_C(0xfffff);
	expect_bytes(&k->nw_tos, &set.tclass, &set.tclass_mask, 1);
	expect_bytes(&k->nw_ttl, &set.hlimit, &set.hlimit_mask, 1);
}

static void edit_tp(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_tp set;

	take(in, &set, sizeof set);
	packet_set_tp(p, &set);
	if (p->l4_proto != WIRE_IP_TCP && p->l4_proto != WIRE_IP_UDP && p->l4_proto != WIRE_IP_SCTP)
		return;
	expect_bytes(&k->tp_src, &set.src, &set.src_mask, 2);
	expect_bytes(&k->tp_dst, &set.dst, &set.dst_mask, 2);
}

static bool is_icmp(const struct packet *p)
{
	return p->l4_proto == (p->l3_type == PACKET_L3_IPV4 ? WIRE_IP_ICMP : WIRE_IP_ICMPV6);
}

static void edit_icmp(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_icmp set;

	take(in, &set, sizeof set);
	packet_set_icmp(p, &set);
	if (!is_icmp(p))
		return;
	expect_bytes((uint8_t *)&k->tp_src + 1, &set.type, &set.type_mask, 1);
	expect_bytes((uint8_t *)&k->tp_dst + 1, &set.code, &set.code_mask, 1);
}

static void edit_arp(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_arp set;

	take(in, &set, sizeof set);
	packet_set_arp(p, &set);
	if (p->l3_type != PACKET_L3_ARP)
		return;
	expect_bytes(&k->nw_src, &set.spa, &set.spa_mask, 4);
	expect_bytes(&k->nw_dst, &set.tpa, &set.tpa_mask, 4);
	expect_bytes(k->arp_sha, set.sha, set.sha_mask, 6);
	expect_bytes(k->arp_tha, set.tha, set.tha_mask, 6);
	if (set.op_mask == BE16_C(0xffff))
		k->nw_proto = be16_to_cpu(set.op) > 255 ? 0 : (uint8_t)be16_to_cpu(set.op);
}

static void edit_nd(struct packet *p, struct pkt_key *k VSW_UNUSED, struct input *in)
{
	struct dp_set_nd set;

	/* Whether the message still has its fields depends on the values (a link-layer address of zeros): no expectation. */
	take(in, &set, sizeof set);
	packet_set_nd(p, &set);
}

static void edit_mpls(struct packet *p, struct pkt_key *k, struct input *in)
{
	struct dp_set_mpls set;

	take(in, &set, sizeof set);
	packet_set_mpls(p, &set);
	if (p->l2_5_ofs != PACKET_OFS_NONE)
		expect_bytes(&k->mpls_lse, &set.lse, &set.lse_mask, 4);
}

static void edit_tci(struct packet *p, struct pkt_key *k, struct input *in)
{
	be16 value_mask[2];

	take(in, value_mask, sizeof value_mask);
	if (packet_set_vlan_tci(p, value_mask[0], value_mask[1]))
		return;
	expect_bytes(&k->vlan[0].tci, &value_mask[0], &value_mask[1], 2);
	k->vlan[0].tci |= BE16_C(FLOW_VLAN_PRESENT);
}

typedef void edit_fn(struct packet *p, struct pkt_key *k, struct input *in);

static edit_fn *const edits[] = {
	edit_eth, edit_ipv4, edit_ipv6, edit_tp, edit_icmp, edit_arp, edit_nd, edit_mpls, edit_tci,
};

/* The fields that an edit can have set; ND's follow from more than the edit says. */
static void check_key(const struct pkt_key *is, const struct pkt_key *must, bool arp_op_known)
{
	MUST(!memcmp(is->eth_src, must->eth_src, 6) && !memcmp(is->eth_dst, must->eth_dst, 6));
	MUST(!memcmp(is->vlan, must->vlan, sizeof is->vlan) && is->eth_type == must->eth_type);
	MUST(is->nw_src == must->nw_src && is->nw_dst == must->nw_dst);
	MUST(!memcmp(is->ipv6_src, must->ipv6_src, 16) && !memcmp(is->ipv6_dst, must->ipv6_dst, 16));
	MUST(is->ipv6_label == must->ipv6_label && is->nw_tos == must->nw_tos && is->nw_ttl == must->nw_ttl);
	MUST(is->nw_frag == must->nw_frag && (!arp_op_known || is->nw_proto == must->nw_proto));
	MUST(is->tp_src == must->tp_src && is->tp_dst == must->tp_dst && is->tcp_flags == must->tcp_flags);
	MUST(is->mpls_lse == must->mpls_lse);
}

static void check_offsets(const struct packet *kept, const struct packet *found)
{
	MUST(kept->l2_5_ofs == found->l2_5_ofs && kept->l3_ofs == found->l3_ofs && kept->l4_ofs == found->l4_ofs);
	MUST(kept->l4_len == found->l4_len && kept->l3_type == found->l3_type && kept->l4_proto == found->l4_proto);
}

static void one_edit(struct packet *p, struct pkt_key *key, struct input *script)
{
	edit_fn *edit = edits[take8(script) % ARRAY_SIZE(edits)];
	struct verdict before = judge(p), after;
	struct packet found;
	struct pkt_key must = *key;

	edit(p, &must, script);
	after = judge(p);
	MUST(before.ipv4_ok == after.ipv4_ok && before.l4_ok == after.l4_ok && before.l4_none == after.l4_none);
	found = *p;
	packet_parse(&found, key);
	check_key(key, &must, edit != edit_arp);
	check_offsets(p, &found);
}

/* Push or pop; with more than two tags around, the parser afterwards sees another frame than before. */
static void vlan_edit(struct packet *p, struct pkt_key *key, struct input *script)
{
	struct pkt_key before = *key;
	bool push = take8(script) & 1, deep;
	struct packet found;
	int err;

	if (push) {
		err = packet_push_vlan(p, BE16_C(WIRE_ETH_SVLAN), BE16_C(0x6123));
		deep = before.vlan[1].tci != 0;
	} else {
		err = packet_pop_vlan(p);
		deep = wire_is_vlan_type(before.eth_type);
	}
	found = *p;
	packet_parse(&found, key);
	if (err) {
		MUST(!memcmp(key, &before, sizeof before));
	} else if (!deep) {
		check_offsets(p, &found);
		MUST(!memcmp(&key->vlan[push], &before.vlan[!push], sizeof key->vlan[0]) &&
		     key->eth_type == before.eth_type);
		MUST(!push || key->vlan[0].tci == BE16_C(0x7123));
	}
	*p = found;
}

/* ---- the rest: compose, complete, segment ---- */

static void compose(const struct pkt_key *key, size_t l7_len)
{
	uint8_t buf[1024];
	struct packet p;
	struct pkt_key again;

	packet_init(&p, buf, sizeof buf, 0, 0);
	MUST(!packet_compose(&p, key, l7_len));
	MUST(!packet_parse(&p, &again));
	MUST(!memcmp(key, &again, sizeof again));
	MUST(p.l3_type != PACKET_L3_IPV4 || judge(&p).ipv4_ok);
	MUST(judge(&p).l4_none || judge(&p).l4_ok);
}

static int take_frame(void *aux, struct packet *frame)
{
	unsigned int *n = aux;
	volatile uint8_t last = frame->len ? frame->data[frame->len - 1] : 0;

	(void)last;
	return ++*n < 200 ? 0 : -1;
}

static void segment(const struct packet *p, size_t scratch_len)
{
	uint8_t *scratch = xmalloc(scratch_len + 1);
	unsigned int n = 0;

	packet_segment(p, scratch, scratch_len, take_frame, &n);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size}, script;
	uint8_t state[16], *buf;
	struct packet p;
	struct pkt_key key;
	int drop;

	take(&in, state, sizeof state);
	script.left = take8(&in);
	script.left = MIN(script.left, in.left);
	script.p = in.p;
	in.p += script.left;
	in.left -= script.left;
	if (in.left > PACKET_MAX_LEN)
		return 0;
	buf = xzalloc(HEADROOM + in.left);
	memcpy(buf + HEADROOM, in.p, in.left);
	packet_init(&p, buf, HEADROOM + in.left, HEADROOM, in.left);
	p.flags = state[0] & PACKET_F_CSUM_PARTIAL;
	memcpy(&p.csum_start, state + 2, 2);
	memcpy(&p.csum_offset, state + 4, 2);
	p.gso_type = state[1];
	memcpy(&p.gso_size, state + 6, 2);
	memcpy(&p.hdr_len, state + 8, 2);
	drop = packet_parse(&p, &key);
	if (state[0] & 2) {
		/* A likely lie: a request that fits the packet. */
		p.csum_start = p.l4_ofs;
		p.csum_offset = l4_csum_ofs(&p);
	}
	/* SNAP can carry a tag's type as Ethernet type; a key cannot say so. */
	if (!drop && (!wire_is_vlan_type(key.eth_type) || key.vlan[1].tci))
		compose(&key, state[10]);
	segment(&p, (size_t)state[11] << 8);
	while (script.left) {
		if (take8(&script) % 8 == 7)
			vlan_edit(&p, &key, &script);
		else
			one_edit(&p, &key, &script);
	}
	segment(&p, 2048);
	packet_complete_csum(&p);
	free(buf);
	return 0;
}
