// SPDX-License-Identifier: Apache-2.0
#include "switchd/pipeline/xlate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/drops.h"
#include "switchd/fdb.h"
#include "switchd/mirror.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate_ctx.h"

/* ---- reporting ---- */

void xlate_event(struct xlate_ctx *ctx, const struct xlate_event *event)
{
	ctx->in->trace->event(ctx->in->trace, event);
}

static void vreport(struct xlate_ctx *ctx, enum xlate_event_kind kind, const char *fmt, va_list args)
{
	struct ds text = DS_INIT;

	ds_vprintf(&text, fmt, args);
	xlate_event(ctx, &(struct xlate_event){.kind = kind, .text = ds_cstr(&text)});
	ds_fini(&text);
}

void xlate_report__(struct xlate_ctx *ctx, enum xlate_event_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vreport(ctx, kind, fmt, args);
	va_end(args);
}

/* Whatever comes to nothing from here on comes to it here, until something later does. */
static void note_place(struct xlate_ctx *ctx)
{
	ctx->out->drop_bridge = ctx->br;
	ctx->out->drop_rule = ctx->rule;
	ctx->out->drop_table = ctx->table;
}

void xlate_note_rule(struct xlate_ctx *ctx)
{
	if (!ctx->hint)
		note_place(ctx);
}

void xlate_fail(struct xlate_ctx *ctx, enum drop_reason reason, const char *fmt, ...)
{
	va_list args;

	ctx->error = reason;
	note_place(ctx);
	if (!ctx->in->trace)
		return;
	va_start(args, fmt);
	vreport(ctx, XLATE_EV_ERROR, fmt, args);
	va_end(args);
}

void xlate_hint(struct xlate_ctx *ctx, enum drop_reason reason)
{
	ctx->hint = reason;
	note_place(ctx);
}

bool xlate_add_credit(struct xlate_ctx *ctx, const struct xlate_credit *credit)
{
	if (ctx->out->n_credits >= XLATE_MAX_RULES) {
		xlate_fail(ctx, DROP_LOOP_LIMIT, "over %d rules", XLATE_MAX_RULES);
		ctx->out->failed = "Too many resubmits";
		return false;
	}
	ctx->out->credits[ctx->out->n_credits++] = *credit;
	return true;
}

/* ---- the mask ---- */

/* What every megaflow matches: a datapath forgets nothing else about where a packet came from and what kind it is. */
static void mask_init(struct xlate_ctx *ctx)
{
	XLATE_MASK_ALL(ctx, in_port);
	XLATE_MASK_ALL(ctx, recirc_id);
	XLATE_MASK_ALL(ctx, eth_type);
	if (xlate_is_ip(&ctx->flow.p))
		ctx->wc.p.nw_frag = FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER;
}

/*
 * The tables match fields that the packet at hand cannot have, and rewrites look at fields that an earlier action made. Where
 * the packet is known not to have the field, its place is zero in every packet of this megaflow, and the mask need not say so.
 */
static void mask_finish(const struct pkt_key *key, struct pkt_key *mask)
{
	bool is_icmp = (key->eth_type == BE16_C(0x0800) && key->nw_proto == 1) ||
		       (key->eth_type == BE16_C(0x86dd) && key->nw_proto == 58);

	/* A packet that came through no tunnel has none, whatever the tables put there. */
	if (!pkt_key_has_tunnel(key))
		memset(&mask->tun_id, 0, PKT_KEY_TUNNEL_LEN);
	if (is_icmp) {
		mask->tp_src &= BE16_C(0xff);
		mask->tp_dst &= BE16_C(0xff);
	}
	if (key->nw_frag & FLOW_NW_FRAG_LATER)
		mask->tp_src = mask->tp_dst = 0;
	for (int i = 0; i < FLOW_MAX_VLANS; i++)
		if (mask->vlan[i].tci)
			mask->vlan[i].tci |= BE16_C(FLOW_VLAN_PRESENT);
	if (key->eth_type != BE16_C(0x8847) && key->eth_type != BE16_C(0x8848))
		mask->mpls_lse = 0;
}

/* ---- entry and end ---- */

/* Where the packet enters. */
static struct iface *find_entry(const struct xlate_in *in, struct bridge **br)
{
	struct iface *iface;

	if (in->bridge) {
		*br = in->bridge;
		return in->key->in_port < OFPP_NONE ? bridge_iface_by_ofp(in->bridge, (uint16_t)in->key->in_port)
						    : NULL;
	}
	iface = iface_of_key(in->dp, in->key);
	*br = iface ? iface->bridge : NULL;
	return iface;
}

static void init_keys(struct xlate_ctx *ctx, const struct iface *entry)
{
	const struct flow_key *metadata = ctx->in->bridge ? ctx->in->metadata : NULL;

	if (metadata)
		ctx->flow = *metadata;
	ctx->flow.p = *ctx->in->key;
	if (entry)
		ctx->flow.p.in_port = entry->ofp_port;
	ctx->flow.actset_output = OFPP_UNSET;
	ctx->base = ctx->flow.p;
	ctx->out->initial_key = ctx->flow;
	mask_init(ctx);
	xlate_tunnel_mask(ctx);
}

/* Whatever becomes of the packet, first it has to pass the policer of its port, and the storm guard. */
static void police(struct xlate_ctx *ctx, const struct iface *entry)
{
	if (entry && entry->policer)
		dp_actions_put_u32(&ctx->out->actions, DP_METER, entry->policer - 1);
	if (entry)
		xlate_storm_in(ctx, entry);
	ctx->len_policed = ctx->out->actions.len;
}

/* LACPDUs are the link's, not the network's: the thread of bonds has read it already. */
static bool is_for_lacp(struct xlate_ctx *ctx, const struct iface *entry)
{
	const struct bond_port *bond = entry->port->bond;

	if (!bond || !bond->xlate.has_lacp || ctx->flow.p.eth_type != BE16_C(SLOW_ETH_TYPE))
		return false;
	XLATE_MASK_ALL(ctx, eth_dst);
	if (memcmp(ctx->flow.p.eth_dst, slow_mac, sizeof slow_mac) != 0)
		return false;
	xlate_detail(ctx, "LACP frame, kept");
	xlate_hint(ctx, DROP_RESERVED_MAC);
	return true;
}

static void translate(struct xlate_ctx *ctx, const struct iface *entry)
{
	ctx->version = tables_version(ctx->br->tables);
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_BRIDGE, .bridge = ctx->br});
	police(ctx, entry);
	if (entry)
		xlate_snoop(ctx);
	if (!entry)
		xlate_enter(ctx);
	else if (!is_for_lacp(ctx, entry) && xlate_may_receive(ctx, entry) && !xlate_is_loop_probe(ctx, entry) &&
		 xlate_tunnel_receive(ctx, entry) && !xlate_is_mirror_port(ctx, entry->port) &&
		 xlate_is_own_source(ctx, entry)) {
		xlate_mirror_in(ctx, entry);
		xlate_enter(ctx);
	}
	xlate_event_end(ctx);
}

/* The packets that come to nothing are counted for the place where they do (drops.h). */
static void credit_drop(struct xlate_out *out, const struct iface *entry)
{
	if (!entry || !out->drop_bridge || out->n_credits >= XLATE_MAX_RULES)
		return;
	out->credits[out->n_credits++] = (struct xlate_credit){
		.kind = XLATE_CREDIT_DROP,
		.table = out->drop_table,
		.reason = (uint16_t)out->drop,
		.serial = entry->serial,
		.rule = (struct rule *)out->drop_rule,
		.br = out->drop_bridge,
	};
}

static void finish(struct xlate_ctx *ctx, const struct iface *entry)
{
	struct xlate_out *out = ctx->out;

	if (!ctx->error && out->actions.overflow)
		xlate_fail(ctx, DROP_ACTION_LIMIT, "over %d bytes of datapath actions", DP_ACTIONS_MAX);
	if (!ctx->error)
		out->failed = NULL;
	else if (!out->failed)
		out->failed = drop_reason_name(ctx->error);
	/* What goes nowhere need not be policed. */
	if (ctx->error || out->actions.len == ctx->len_policed) {
		out->actions.len = 0;
		out->actions.overflow = false;
	}
	if (!out->actions.len) {
		out->drop = ctx->error ? ctx->error : ctx->hint ? ctx->hint : DROP_RULE_DROP;
		dp_actions_put_u32(&out->actions, DP_DROP, out->drop);
		credit_drop(out, entry);
	}
	mask_finish(&out->initial_key.p, &ctx->wc.p);
	out->mask = ctx->wc.p;
	out->final_key = ctx->flow;
}

void xlate_run(const struct xlate_in *in, struct xlate_out *out)
{
	struct xlate_ctx ctx = {.in = in, .out = out};
	struct iface *entry = find_entry(in, &ctx.br);

	init_keys(&ctx, entry);
	out->bridge = ctx.br;
	if (!ctx.br)
		ctx.error = pkt_key_has_tunnel(in->key) ? DROP_NO_TUNNEL_PORT : DROP_NO_BRIDGE;
	else if (in->key->recirc_id)
		ctx.error = DROP_STALE_RECIRC;
	else
		translate(&ctx, entry);
	finish(&ctx, entry);
	free(ctx.stack);
	free(ctx.set);
}

/* ---- crediting ---- */

static void credit_fdb(const struct xlate_credit *c, int64_t used_ms)
{
	const struct iface *iface = bridge_iface_by_ofp(c->br, c->port);
	struct fdb_source source = {.vlan = c->vlan, .is_late = true};

	if (!iface)
		return;
	memcpy(source.mac, c->mac, sizeof source.mac);
	source.port = iface->port;
	source.is_bond = iface->port->bond;
	fdb_learn(c->br->fdb, &source, used_ms);
}

static void credit_patch(const struct xlate_credit *c, uint64_t n_packets, uint64_t n_bytes)
{
	struct iface *out = bridge_iface_by_ofp(c->br, c->port);

	if (!out)
		return;
	__atomic_fetch_add(&out->counted.tx_packets, n_packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&out->counted.tx_bytes, n_bytes, __ATOMIC_RELAXED);
	if (!out->peer)
		return;
	__atomic_fetch_add(&out->peer->counted.rx_packets, n_packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&out->peer->counted.rx_bytes, n_bytes, __ATOMIC_RELAXED);
}

static void credit_tunnel(const struct xlate_credit *c, uint64_t n_packets, uint64_t n_bytes)
{
	struct iface *iface = bridge_iface_by_ofp(c->br, c->port);
	bool is_rx = c->kind == XLATE_CREDIT_TUNNEL_RX;

	if (!iface)
		return;
	__atomic_fetch_add(is_rx ? &iface->counted.rx_packets : &iface->counted.tx_packets, n_packets,
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(is_rx ? &iface->counted.rx_bytes : &iface->counted.tx_bytes, n_bytes, __ATOMIC_RELAXED);
}

static void credit_drops(const struct xlate_credit *c, uint64_t n_packets)
{
	const struct drop_place place = {
		.reason = c->reason,
		.table = c->table,
		.has_rule = c->rule,
		.cookie = c->rule ? c->rule->cookie : 0,
		.bridge = c->br->name,
	};

	drops_count(c->serial, &place, n_packets);
}

void xlate_credit(const struct xlate_credit *credits, size_t n, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms)
{
	for (size_t i = 0; n_packets && i < n; i++) {
		const struct xlate_credit *c = &credits[i];

		switch ((enum xlate_credit_kind)c->kind) {
		case XLATE_CREDIT_RULE:
			rule_account(c->rule, n_packets, n_bytes, used_ms);
			tables_account(c->br->tables, c->table, true, n_packets);
			break;
		case XLATE_CREDIT_TABLE:
			tables_account(c->br->tables, c->table, false, n_packets);
			break;
		case XLATE_CREDIT_FDB:
			credit_fdb(c, used_ms);
			break;
		case XLATE_CREDIT_PATCH:
			credit_patch(c, n_packets, n_bytes);
			break;
		case XLATE_CREDIT_TUNNEL_RX:
		case XLATE_CREDIT_TUNNEL_TX:
			credit_tunnel(c, n_packets, n_bytes);
			break;
		case XLATE_CREDIT_DROP:
			credit_drops(c, n_packets);
			break;
		case XLATE_CREDIT_MIRROR:
			mirror_count(c->br, c->serial, n_packets, n_bytes);
			break;
		}
	}
}
