// SPDX-License-Identifier: Apache-2.0
/*
 * The action set and the stack. Both are stretches of one array each, so that a nested scope (a clone, the other end of a patch
 * port) needs no memory of its own: it begins behind what is there, and ends by putting the bounds back.
 */
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/ofact.h"
#include "flow/port_names.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"

static bool reserve(struct xlate_ctx *ctx, void **array, size_t *cap, size_t need, size_t size, size_t max)
{
	if (need > max) {
		xlate_fail(ctx, DROP_STACK_LIMIT, "over %zu elements of stack or action set", max);
		return false;
	}
	if (need > *cap) {
		*cap = MIN(MAX(2 * *cap, MAX(need, (size_t)64)), max);
		*array = xrealloc(*array, *cap * size);
	}
	return true;
}

static bool reserve_stack(struct xlate_ctx *ctx, size_t need)
{
	return reserve(ctx, (void **)&ctx->stack, &ctx->stack_cap, need, sizeof *ctx->stack, XLATE_MAX_STACK);
}

static bool reserve_set(struct xlate_ctx *ctx, size_t need)
{
	return reserve(ctx, (void **)&ctx->set, &ctx->set_cap, need, sizeof *ctx->set, XLATE_MAX_ACTION_SET);
}

/* ---- stack ---- */

void xlate_stack_push(struct xlate_ctx *ctx, const uint8_t value[16])
{
	if (reserve_stack(ctx, ctx->stack_span.end + 1))
		memcpy(ctx->stack[ctx->stack_span.end++], value, 16);
}

bool xlate_stack_pop(struct xlate_ctx *ctx, uint8_t value[16])
{
	if (ctx->stack_span.end == ctx->stack_span.start)
		return false;
	memcpy(value, ctx->stack[--ctx->stack_span.end], 16);
	return true;
}

/* ---- scopes ---- */

void xlate_scope_begin(struct xlate_ctx *ctx, struct xlate_scope *scope, bool copy)
{
	size_t n_stack = copy ? ctx->stack_span.end - ctx->stack_span.start : 0;
	size_t n_set = copy ? ctx->set_span.end - ctx->set_span.start : 0;

	*scope = (struct xlate_scope){.stack_span = ctx->stack_span, .set_span = ctx->set_span};
	ctx->stack_span.start = ctx->stack_span.end;
	ctx->set_span.start = ctx->set_span.end;
	if (!reserve_stack(ctx, scope->stack_span.end + n_stack) || !reserve_set(ctx, scope->set_span.end + n_set))
		return;
	if (n_stack)
		memcpy(&ctx->stack[scope->stack_span.end], &ctx->stack[scope->stack_span.start],
		       n_stack * sizeof *ctx->stack);
	if (n_set)
		memcpy(&ctx->set[scope->set_span.end], &ctx->set[scope->set_span.start], n_set * sizeof *ctx->set);
	ctx->stack_span.end += n_stack;
	ctx->set_span.end += n_set;
}

void xlate_scope_end(struct xlate_ctx *ctx, const struct xlate_scope *scope)
{
	ctx->stack_span = scope->stack_span;
	ctx->set_span = scope->set_span;
}

/* ---- action set ---- */

void xlate_set_clear(struct xlate_ctx *ctx)
{
	ctx->set_span.end = ctx->set_span.start;
	ctx->flow.actset_output = OFPP_UNSET;
}

static void report_set(struct xlate_ctx *ctx)
{
	const struct port_names *names = ctx->in->trace->use_names ? &ctx->br->port_names : NULL;
	struct ds s = DS_INIT;

	for (size_t i = ctx->set_span.start; i < ctx->set_span.end; i++) {
		if (s.len)
			ds_put_char(&s, ',');
		ofacts_format(ctx->set[i], ctx->set[i]->len, names, &s);
	}
	xlate_detail(ctx, "action set is: %s", ds_cstr(&s));
	ds_fini(&s);
}

void xlate_set_write(struct xlate_ctx *ctx, const void *ofacts, size_t len)
{
	const struct ofact *a;
	size_t left;

	OFACT_FOR_EACH(a, left, ofacts, len) {
		if (!reserve_set(ctx, ctx->set_span.end + 1))
			return;
		ctx->set[ctx->set_span.end++] = a;
		if (a->type == OFACT_OUTPUT)
			ctx->flow.actset_output = ((const struct ofact_output *)a)->port;
	}
	if (ctx->in->trace)
		report_set(ctx);
}

/* Builds the list to execute behind the set, which may be written anew while the list runs. */
struct order {
	struct xlate_ctx *ctx;
	struct xlate_span set, list;
};

static void add(struct order *o, const struct ofact *a)
{
	if (reserve_set(o->ctx, o->list.end + 1))
		o->ctx->set[o->list.end++] = a;
}

static bool add_last(struct order *o, enum ofact_type type)
{
	for (size_t i = o->set.end; i-- > o->set.start;) {
		if (o->ctx->set[i]->type == type) {
			add(o, o->ctx->set[i]);
			return true;
		}
	}
	return false;
}

static bool is_set_or_move(const struct ofact *a)
{
	return a->type == OFACT_SET_FIELD || a->type == OFACT_MOVE || a->type == OFACT_SET_VLAN_VID ||
	       a->type == OFACT_SET_VLAN_PCP;
}

/* OpenFlow 1.3 5.10. Without something that sends the packet somewhere, nothing is done at all. */
static bool put_in_order(struct order *o)
{
	add_last(o, OFACT_STRIP_VLAN);
	add_last(o, OFACT_PUSH_VLAN);
	add_last(o, OFACT_DEC_TTL);
	for (size_t i = o->set.start; i < o->set.end; i++)
		if (is_set_or_move(o->ctx->set[i]))
			add(o, o->ctx->set[i]);
	add_last(o, OFACT_SET_QUEUE);
	return add_last(o, OFACT_OUTPUT) || add_last(o, OFACT_OUTPUT_REG) || add_last(o, OFACT_RESUBMIT);
}

void xlate_set_execute(struct xlate_ctx *ctx)
{
	struct xlate_span set = ctx->set_span;
	struct order o = {.ctx = ctx, .set = set, .list = {set.end, set.end}};
	bool go = set.end > set.start && !ctx->error && put_in_order(&o) && !ctx->error;

	ctx->set_span = (struct xlate_span){o.list.end, o.list.end};
	if (go) {
		ctx->in_action_set = true;
		if (ctx->in->trace)
			xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_ACTION_SET});
		for (size_t i = o.list.start; i < o.list.end; i++)
			if (!xlate_action(ctx, ctx->set[i]))
				break;
		xlate_event_end(ctx);
		ctx->in_action_set = false;
	}
	ctx->set_span = (struct xlate_span){set.start, set.start};
}
