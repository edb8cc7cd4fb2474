// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "flow/port_names.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate_ctx.h"

/*
 * Rules see no ports on any fragment, first ones included (OpenFlow's fragment handling "normal"): otherwise the pieces of
 * one datagram would take different ways. The ports stay in the flow for rewriting.
 */
static struct rule *lookup(struct xlate_ctx *ctx, uint16_t in_port, uint8_t table)
{
	struct pkt_key *p = &ctx->flow.p;
	be16 tp_src = p->tp_src, tp_dst = p->tp_dst;
	uint32_t old_in_port = p->in_port;
	struct rule *rule;

	p->in_port = in_port;
	if (p->nw_frag & FLOW_NW_FRAG_ANY)
		p->tp_src = p->tp_dst = 0;
	ctx->out->tables[table / 64] |= UINT64_C(1) << (table % 64);
	rule = tables_lookup(ctx->br->tables, table, ctx->version, &ctx->flow, &ctx->wc);
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_TABLE,
						       .bridge = ctx->br,
						       .table = table,
						       .rule = rule,
						       .key = &ctx->flow,
						       .version = ctx->version});
	p->in_port = old_in_port;
	p->tp_src = tp_src;
	p->tp_dst = tp_dst;
	return rule;
}

static void run_rule(struct xlate_ctx *ctx, struct rule *rule)
{
	const struct rule_actions *actions = rule->actions;

	xlate_note_rule(ctx);
	if (!xlate_add_credit(ctx,
			      &(struct xlate_credit){
				      .kind = XLATE_CREDIT_RULE, .br = ctx->br, .table = ctx->table, .rule = rule}))
		return;
	xlate_actions(ctx, actions->ofacts, actions->len);
}

static void run_miss(struct xlate_ctx *ctx)
{
	if (!xlate_add_credit(ctx,
			      &(struct xlate_credit){.kind = XLATE_CREDIT_TABLE, .br = ctx->br, .table = ctx->table}))
		return;
	xlate_hint(ctx, DROP_NO_RULE);
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_ACTION});
}

/* @is_entry: the packet enters the bridge here, so its action set is executed when all else is done. */
static void visit(struct xlate_ctx *ctx, uint16_t in_port, uint8_t table, bool is_entry)
{
	const struct rule *old_rule = ctx->rule;
	uint8_t old_table = ctx->table;
	struct rule *rule = lookup(ctx, in_port, table);

	ctx->table = table;
	ctx->rule = rule;
	if (rule)
		run_rule(ctx, rule);
	else
		run_miss(ctx);
	if (is_entry)
		xlate_set_execute(ctx);
	xlate_event_end(ctx);
	ctx->table = old_table;
	ctx->rule = old_rule;
}

static bool within_limits(struct xlate_ctx *ctx)
{
	if (ctx->depth >= XLATE_MAX_DEPTH) {
		xlate_fail(ctx, DROP_LOOP_LIMIT, "over max translation depth %d", XLATE_MAX_DEPTH);
		ctx->out->failed = "Recursion too deep";
	} else if (ctx->n_resubmits >= XLATE_MAX_RESUBMITS) {
		xlate_fail(ctx, DROP_LOOP_LIMIT, "over %d resubmit actions", XLATE_MAX_RESUBMITS);
		ctx->out->failed = "Too many resubmits";
	} else {
		return true;
	}
	return false;
}

static void resubmit(struct xlate_ctx *ctx, uint16_t in_port, uint8_t table, bool is_entry)
{
	bool deeper = table <= ctx->table;

	if (!within_limits(ctx))
		return;
	ctx->n_resubmits++;
	ctx->depth += deeper;
	visit(ctx, in_port, table, is_entry);
	ctx->depth -= deeper;
}

void xlate_table(struct xlate_ctx *ctx, uint16_t in_port, uint8_t table)
{
	resubmit(ctx, in_port, table, false);
}

void xlate_enter_peer(struct xlate_ctx *ctx)
{
	resubmit(ctx, (uint16_t)ctx->flow.p.in_port, 0, true);
}

void xlate_enter(struct xlate_ctx *ctx)
{
	visit(ctx, (uint16_t)ctx->flow.p.in_port, 0, true);
}
