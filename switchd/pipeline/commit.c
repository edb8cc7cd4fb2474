// SPDX-License-Identifier: Apache-2.0
/*
 * From what the packet is to what it shall be: one datapath action for each header in which base and flow differ.
 *
 * A rewrite covers, in each field that differs, the bits that were looked at or written. Those bits are in the megaflow's mask, so that
 * every packet which takes this path had the same there before, and gets the same now; bits outside stay each packet's own.
 */
#include <string.h>

#include "switchd/pipeline/xlate_ctx.h"

/*
 * If a field differs, give value and mask for its rewrite. @flow, @base, @wc: the field's place in the three keys. The bits
 * that differ are in the mask whatever happened: an unmatched bit must never be left as an unrelated packet has it.
 */
static bool diff(const void *flow_, void *base_, void *wc_, void *value_, void *mask_, size_t n)
{
	const uint8_t *flow = flow_;
	uint8_t *base = base_, *wc = wc_, *value = value_, *mask = mask_;

	if (!memcmp(flow, base, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		wc[i] |= flow[i] ^ base[i];
		mask[i] = wc[i];
		value[i] = flow[i] & mask[i];
		base[i] = flow[i];
	}
	return true;
}

/* Field F of the keys into members V and V_mask of the record S. */
#define DIFF(CTX, F, S, V) \
	diff(&(CTX)->flow.p.F, &(CTX)->base.F, &(CTX)->wc.p.F, &(S)->V, &(S)->V##_mask, sizeof((CTX)->base.F))

static void *put(struct xlate_ctx *ctx, enum dp_action_type type, const void *record, size_t size)
{
	struct dp_action *a = dp_actions_put(&ctx->out->actions, type, size);
	const struct dp_action *h = record;

	a->arg = h->arg;
	memcpy(a + 1, h + 1, size - sizeof *a);
	return a;
}

static void commit_eth(struct xlate_ctx *ctx)
{
	struct dp_set_eth set = {0};
	bool changed = DIFF(ctx, eth_src, &set, src);

	changed |= DIFF(ctx, eth_dst, &set, dst);
	if (changed)
		put(ctx, DP_SET_ETH, &set, sizeof set);
}

static void commit_ipv4(struct xlate_ctx *ctx)
{
	struct dp_set_ipv4 set = {0};
	bool changed = DIFF(ctx, nw_src, &set, src);

	changed |= DIFF(ctx, nw_dst, &set, dst);
	changed |= DIFF(ctx, nw_tos, &set, tos);
	changed |= DIFF(ctx, nw_ttl, &set, ttl);
	if (changed)
		put(ctx, DP_SET_IPV4, &set, sizeof set);
}

static void commit_ipv6(struct xlate_ctx *ctx)
{
	struct dp_set_ipv6 set = {0};
	bool changed = DIFF(ctx, ipv6_src, &set, src);

	changed |= DIFF(ctx, ipv6_dst, &set, dst);
	changed |= DIFF(ctx, ipv6_label, &set, label);
	changed |= DIFF(ctx, nw_tos, &set, tclass);
	changed |= DIFF(ctx, nw_ttl, &set, hlimit);
	if (changed)
		put(ctx, DP_SET_IPV6, &set, sizeof set);
}

static bool is_nd(const struct pkt_key *key)
{
	return key->nw_proto == 58 && (key->tp_src == BE16_C(135) || key->tp_src == BE16_C(136)) && !key->tp_dst;
}

static void commit_nd(struct xlate_ctx *ctx)
{
	struct dp_set_nd set = {0};
	bool changed;

	if (!is_nd(&ctx->base))
		return;
	changed = DIFF(ctx, nd_target, &set, target);
	changed |= DIFF(ctx, arp_sha, &set, sll);
	changed |= DIFF(ctx, arp_tha, &set, tll);
	if (changed)
		put(ctx, DP_SET_ND, &set, sizeof set);
}

static void commit_arp(struct xlate_ctx *ctx)
{
	struct dp_set_arp set = {0};
	uint8_t op = 0, op_mask = 0;
	bool changed = DIFF(ctx, nw_src, &set, spa);

	changed |= DIFF(ctx, nw_dst, &set, tpa);
	changed |= DIFF(ctx, arp_sha, &set, sha);
	changed |= DIFF(ctx, arp_tha, &set, tha);
	changed |= diff(&ctx->flow.p.nw_proto, &ctx->base.nw_proto, &ctx->wc.p.nw_proto, &op, &op_mask, 1);
	set.op = cpu_to_be16(op);
	/* The opcode has 16 bits on the wire and 8 in a key. */
	set.op_mask = cpu_to_be16(op_mask == 0xff ? 0xffff : op_mask);
	if (changed)
		put(ctx, DP_SET_ARP, &set, sizeof set);
}

/* Label stack entries are rewritten whole, as Open vSwitch does. */
static void commit_mpls(struct xlate_ctx *ctx)
{
	struct dp_set_mpls set = {0};

	if (ctx->flow.p.mpls_lse == ctx->base.mpls_lse)
		return;
	XLATE_MASK_ALL(ctx, mpls_lse);
	DIFF(ctx, mpls_lse, &set, lse);
	put(ctx, DP_SET_MPLS, &set, sizeof set);
}

static void commit_l3(struct xlate_ctx *ctx)
{
	switch (be16_to_cpu(ctx->base.eth_type)) {
	case 0x0800:
		commit_ipv4(ctx);
		break;
	case 0x86dd:
		commit_ipv6(ctx);
		commit_nd(ctx);
		break;
	case 0x0806:
	case 0x8035:
		commit_arp(ctx);
		break;
	case 0x8847:
	case 0x8848:
		commit_mpls(ctx);
		break;
	}
}

static void commit_ports(struct xlate_ctx *ctx)
{
	struct dp_set_tp set = {.h.arg = ctx->base.nw_proto};
	bool changed = DIFF(ctx, tp_src, &set, src);

	changed |= DIFF(ctx, tp_dst, &set, dst);
	if (changed)
		put(ctx, DP_SET_TP, &set, sizeof set);
}

/* Type and code lie in the low bytes of the ports. */
static void commit_icmp(struct xlate_ctx *ctx)
{
	struct dp_set_icmp set = {.h.arg = ctx->base.nw_proto};
	be16 value = 0, mask = 0;
	bool changed = diff(&ctx->flow.p.tp_src, &ctx->base.tp_src, &ctx->wc.p.tp_src, &value, &mask, sizeof value);

	set.type = (uint8_t)be16_to_cpu(value);
	set.type_mask = (uint8_t)be16_to_cpu(mask);
	value = mask = 0;
	changed |= diff(&ctx->flow.p.tp_dst, &ctx->base.tp_dst, &ctx->wc.p.tp_dst, &value, &mask, sizeof value);
	set.code = (uint8_t)be16_to_cpu(value);
	set.code_mask = (uint8_t)be16_to_cpu(mask);
	if (changed)
		put(ctx, DP_SET_ICMP, &set, sizeof set);
}

static void commit_l4(struct xlate_ctx *ctx)
{
	const struct pkt_key *base = &ctx->base;

	if (!xlate_is_ip(base) || base->nw_frag & FLOW_NW_FRAG_LATER)
		return;
	if (base->nw_proto == 6 || base->nw_proto == 17 || base->nw_proto == 132)
		commit_ports(ctx);
	else if (base->nw_proto == (base->eth_type == BE16_C(0x0800) ? 1 : 58))
		commit_icmp(ctx);
}

static void mask_tags(struct xlate_ctx *ctx, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		XLATE_MASK_ALL(ctx, vlan[i]);
	if (n < FLOW_MAX_VLANS)
		ctx->wc.p.vlan[n].tci |= BE16_C(FLOW_VLAN_PRESENT);
}

static bool same_tag(const struct vlan_key *a, const struct vlan_key *b)
{
	return a->tpid == b->tpid && a->tci == b->tci;
}

static void push_tag(struct xlate_ctx *ctx, struct vlan_key tag)
{
	struct dp_push_vlan *push = dp_actions_put(&ctx->out->actions, DP_PUSH_VLAN, sizeof *push);

	push->tag = tag;
}

/* Tags that agree from the innermost outwards stay; all in front of the first that differs go, and new ones come. */
static void commit_vlan(struct xlate_ctx *ctx)
{
	const struct vlan_key *flow = ctx->flow.p.vlan;
	unsigned int n_flow = xlate_count_vlans(&ctx->flow.p), n_base = xlate_count_vlans(&ctx->base);

	if (!memcmp(flow, ctx->base.vlan, sizeof ctx->base.vlan))
		return;
	mask_tags(ctx, n_base);
	while (n_flow && n_base && same_tag(&flow[n_flow - 1], &ctx->base.vlan[n_base - 1])) {
		n_flow--;
		n_base--;
	}
	while (n_base--)
		dp_actions_put(&ctx->out->actions, DP_POP_VLAN, 0);
	while (n_flow--)
		push_tag(ctx, flow[n_flow]);
	memcpy(ctx->base.vlan, flow, sizeof ctx->base.vlan);
}

static void commit_mark(struct xlate_ctx *ctx)
{
	if (ctx->flow.p.pkt_mark == ctx->base.pkt_mark)
		return;
	XLATE_MASK_ALL(ctx, pkt_mark);
	dp_actions_put_u32(&ctx->out->actions, DP_SET_MARK, ctx->flow.p.pkt_mark);
	ctx->base.pkt_mark = ctx->flow.p.pkt_mark;
}

static void commit_priority(struct xlate_ctx *ctx)
{
	if (ctx->flow.p.skb_priority == ctx->base.skb_priority)
		return;
	XLATE_MASK_ALL(ctx, skb_priority);
	dp_actions_put_u32(&ctx->out->actions, DP_SET_PRIORITY, ctx->flow.p.skb_priority);
	ctx->base.skb_priority = ctx->flow.p.skb_priority;
}

void xlate_commit(struct xlate_ctx *ctx)
{
	if (!memcmp(&ctx->flow.p, &ctx->base, sizeof ctx->base))
		return;
	commit_eth(ctx);
	commit_l3(ctx);
	commit_l4(ctx);
	commit_vlan(ctx);
	commit_priority(ctx);
	commit_mark(ctx);
}
