// SPDX-License-Identifier: Apache-2.0
/*
 * OpenFlow actions, one function each. They change the flow, never the packet: datapath actions come into being when something is
 * output (commit.c).
 *
 * Each returns whether the rest of its list may run.
 */
#include <inttypes.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/ofact.h"
#include "flow/port_names.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/meter.h"
#include "switchd/pipeline/xlate_ctx.h"

typedef bool action_fn(struct xlate_ctx *ctx, const struct ofact *a);

static bool do_output(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_output *output = (const struct ofact_output *)a;

	if (output->max_len)
		xlate_output_truncated(ctx, output->port, output->max_len);
	else
		xlate_output(ctx, output->port, 0);
	return true;
}

static bool do_output_reg(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_output_reg *output = (const struct ofact_output_reg *)a;
	uint64_t port = subfield_get_u64(&output->src, &ctx->flow);

	subfield_mask_set(&output->src, &ctx->wc);
	if (port > UINT16_MAX) {
		xlate_warn(ctx, "output port %" PRIu64 " is out of range", port);
		xlate_hint(ctx, DROP_NO_PORT);
		return true;
	}
	xlate_detail(ctx, "output port is %" PRIu64, port);
	xlate_output(ctx, (uint32_t)port, output->max_len);
	return true;
}

/* OpenFlow 1.0's mod_tp_src means the port of whatever protocol the packet has. */
static const struct field *field_meant(const struct xlate_ctx *ctx, const struct ofact_set_field *set)
{
	bool generic = set->as == OFACT_AS_MOD && (set->field->id == FIELD_TCP_SRC || set->field->id == FIELD_TCP_DST);

	return generic ? field_for_flow(set->field, &ctx->flow) : set->field;
}

static bool do_set_field(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_set_field *set = (const struct ofact_set_field *)a;
	const struct field *f = field_meant(ctx, set);

	if (!field_prereq_ok(f, &ctx->flow, &ctx->wc)) {
		xlate_warn(ctx, "unmet prerequisites for %s, set_field ignored", f->name);
		return true;
	}
	field_mask_set_masked(f, &set->mask, &ctx->wc);
	field_set_masked(f, &set->value, &set->mask, &ctx->flow);
	return true;
}

static void report_subfield(struct xlate_ctx *ctx, const struct subfield *sf)
{
	struct ds s = DS_INIT;
	uint8_t value[16];
	size_t i = 0;

	if (!ctx->in->trace)
		return;
	subfield_format(sf, &s);
	subfield_get(sf, &ctx->flow, value);
	while (i < sizeof value - 1 && !value[i])
		i++;
	ds_printf(&s, " is now 0x%x", value[i]);
	while (++i < sizeof value)
		ds_printf(&s, "%02x", value[i]);
	xlate_detail(ctx, "%s", ds_cstr(&s));
	ds_fini(&s);
}

static bool do_move(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_move *move = (const struct ofact_move *)a;
	uint8_t value[16];

	if (!field_prereq_ok(move->dst.field, &ctx->flow, &ctx->wc) ||
	    !field_prereq_ok(move->src.field, &ctx->flow, &ctx->wc)) {
		xlate_warn(ctx, "unmet prerequisites, move ignored");
		return true;
	}
	subfield_mask_set(&move->dst, &ctx->wc);
	subfield_mask_set(&move->src, &ctx->wc);
	subfield_get(&move->src, &ctx->flow, value);
	subfield_set(&move->dst, value, &ctx->flow);
	report_subfield(ctx, &move->dst);
	return true;
}

/* ---- VLAN tags ---- */

static void mask_tags(struct xlate_ctx *ctx, unsigned int from, unsigned int n)
{
	for (unsigned int i = from; i < n; i++)
		XLATE_MASK_ALL(ctx, vlan[i]);
	/* That there are no more was looked at, too. */
	if (n < FLOW_MAX_VLANS)
		ctx->wc.p.vlan[n].tci |= BE16_C(FLOW_VLAN_PRESENT);
}

static bool do_push_vlan(struct xlate_ctx *ctx, const struct ofact *a)
{
	struct vlan_key *vlan = ctx->flow.p.vlan;

	mask_tags(ctx, 0, xlate_count_vlans(&ctx->flow.p));
	memmove(&vlan[1], &vlan[0], (FLOW_MAX_VLANS - 1) * sizeof *vlan);
	vlan[0].tpid = cpu_to_be16(((const struct ofact_u16 *)a)->value);
	vlan[0].tci = BE16_C(FLOW_VLAN_PRESENT);
	return true;
}

static bool do_strip_vlan(struct xlate_ctx *ctx, const struct ofact *a VSW_UNUSED)
{
	struct vlan_key *vlan = ctx->flow.p.vlan;
	unsigned int n = xlate_count_vlans(&ctx->flow.p);

	ctx->wc.p.vlan[0].tci |= BE16_C(FLOW_VLAN_PRESENT);
	if (!n)
		return true;
	mask_tags(ctx, 1, n);
	memmove(&vlan[0], &vlan[1], (n - 1) * sizeof *vlan);
	memset(&vlan[n - 1], 0, sizeof *vlan);
	return true;
}

/* mod_vlan_vid, mod_vlan_pcp: @bits of the tag, or of a new one where the action says so. */
static bool set_tci(struct xlate_ctx *ctx, const struct ofact_vlan *set, uint16_t mask, uint16_t bits)
{
	struct vlan_key *tag = &ctx->flow.p.vlan[0];

	ctx->wc.p.vlan[0].tci |= cpu_to_be16(mask | FLOW_VLAN_PRESENT);
	if (!xlate_has_vlan(tag) && !set->push_if_needed)
		return true;
	if (!tag->tpid)
		tag->tpid = BE16_C(0x8100);
	tag->tci = (tag->tci & ~cpu_to_be16(mask)) | cpu_to_be16(bits | FLOW_VLAN_PRESENT);
	return true;
}

static bool do_set_vlan_vid(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_vlan *set = (const struct ofact_vlan *)a;

	return set_tci(ctx, set, FLOW_VLAN_VID_MASK, set->value);
}

static bool do_set_vlan_pcp(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_vlan *set = (const struct ofact_vlan *)a;

	return set_tci(ctx, set, FLOW_VLAN_PCP_MASK, (uint16_t)(set->value << FLOW_VLAN_PCP_SHIFT));
}

/* ---- the rest ---- */

static bool do_dec_ttl(struct xlate_ctx *ctx, const struct ofact *a VSW_UNUSED)
{
	struct pkt_key *p = &ctx->flow.p;

	if (!xlate_is_ip(p))
		return true;
	XLATE_MASK_ALL(ctx, nw_ttl);
	if (p->nw_ttl > 1) {
		p->nw_ttl--;
		return true;
	}
	xlate_hint(ctx, DROP_TTL_EXCEEDED);
	xlate_controller(ctx, XLATE_IN_INVALID_TTL, UINT16_MAX);
	xlate_warn(ctx, "IPv%d decrement TTL exception", p->eth_type == BE16_C(0x0800) ? 4 : 6);
	return false;
}

static bool do_stack_push(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct subfield *sf = &((const struct ofact_stack *)a)->subfield;
	uint8_t value[16];

	subfield_mask_set(sf, &ctx->wc);
	subfield_get(sf, &ctx->flow, value);
	xlate_stack_push(ctx, value);
	return true;
}

static bool do_stack_pop(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct subfield *sf = &((const struct ofact_stack *)a)->subfield;
	uint8_t value[16];

	if (!xlate_stack_pop(ctx, value)) {
		xlate_error(ctx, "stack underflow");
		return true;
	}
	subfield_mask_set(sf, &ctx->wc);
	subfield_set(sf, value, &ctx->flow);
	report_subfield(ctx, sf);
	return true;
}

static bool do_resubmit(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_resubmit *resubmit = (const struct ofact_resubmit *)a;
	uint16_t in_port = resubmit->in_port == OFPP_IN_PORT ? (uint16_t)ctx->flow.p.in_port : resubmit->in_port;

	xlate_table(ctx, in_port, resubmit->table == 255 ? ctx->table : resubmit->table);
	return true;
}

static bool do_goto_table(struct xlate_ctx *ctx, const struct ofact *a)
{
	xlate_table(ctx, (uint16_t)ctx->flow.p.in_port, ((const struct ofact_u8 *)a)->value);
	return true;
}

/* ---- meters and queues ---- */

static bool do_meter(struct xlate_ctx *ctx, const struct ofact *a)
{
	uint32_t number = ((const struct ofact_u32 *)a)->value;
	const struct meter *meter = meter_find(ctx->br->meters, number);

	if (meter)
		dp_actions_put_u32(&ctx->out->actions, DP_METER, meter->dp_id);
	else
		xlate_warn(ctx, "there is no meter %u", number);
	return true;
}

/* A port's queue is what skb_priority says: the class of the port's HTB qdisc. */
static void set_queue(struct xlate_ctx *ctx, uint32_t queue)
{
	uint32_t priority;

	if (!xlate_queue_priority(queue, &priority)) {
		xlate_warn(ctx, "queue %u is out of range, ignored", queue);
		return;
	}
	ctx->flow.p.skb_priority = priority;
}

static bool do_set_queue(struct xlate_ctx *ctx, const struct ofact *a)
{
	set_queue(ctx, ((const struct ofact_u32 *)a)->value);
	return true;
}

static bool do_pop_queue(struct xlate_ctx *ctx, const struct ofact *a VSW_UNUSED)
{
	ctx->flow.p.skb_priority = ctx->out->initial_key.p.skb_priority;
	xlate_detail(ctx, "queue = %#x", ctx->flow.p.skb_priority);
	return true;
}

static bool do_enqueue(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_enqueue *enqueue = (const struct ofact_enqueue *)a;
	uint32_t before = ctx->flow.p.skb_priority;

	set_queue(ctx, enqueue->queue);
	xlate_output(ctx, enqueue->port, 0);
	ctx->flow.p.skb_priority = before;
	return true;
}

static bool do_note(struct xlate_ctx *ctx VSW_UNUSED, const struct ofact *a VSW_UNUSED)
{
	return true;
}

static bool do_exit(struct xlate_ctx *ctx, const struct ofact *a VSW_UNUSED)
{
	ctx->exit = true;
	return false;
}

static bool do_clone(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_nest *nest = (const struct ofact_nest *)a;

	xlate_clone(ctx, nest->actions, nest->h.len - sizeof nest->h);
	return true;
}

static bool do_clear_actions(struct xlate_ctx *ctx, const struct ofact *a VSW_UNUSED)
{
	xlate_set_clear(ctx);
	return true;
}

static bool do_write_actions(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_nest *nest = (const struct ofact_nest *)a;

	xlate_set_write(ctx, nest->actions, nest->h.len - sizeof nest->h);
	return true;
}

static bool do_write_metadata(struct xlate_ctx *ctx, const struct ofact *a)
{
	const struct ofact_metadata *write = (const struct ofact_metadata *)a;

	ctx->flow.metadata = (ctx->flow.metadata & ~write->mask) | (write->value & write->mask);
	return true;
}

static action_fn *const actions[OFACT_N_TYPES] = {
	[OFACT_OUTPUT] = do_output,
	[OFACT_OUTPUT_REG] = do_output_reg,
	[OFACT_SET_FIELD] = do_set_field,
	[OFACT_MOVE] = do_move,
	[OFACT_PUSH_VLAN] = do_push_vlan,
	[OFACT_STRIP_VLAN] = do_strip_vlan,
	[OFACT_SET_VLAN_VID] = do_set_vlan_vid,
	[OFACT_SET_VLAN_PCP] = do_set_vlan_pcp,
	[OFACT_DEC_TTL] = do_dec_ttl,
	[OFACT_STACK_PUSH] = do_stack_push,
	[OFACT_STACK_POP] = do_stack_pop,
	[OFACT_RESUBMIT] = do_resubmit,
	[OFACT_NOTE] = do_note,
	[OFACT_EXIT] = do_exit,
	[OFACT_CLONE] = do_clone,
	[OFACT_CLEAR_ACTIONS] = do_clear_actions,
	[OFACT_WRITE_ACTIONS] = do_write_actions,
	[OFACT_WRITE_METADATA] = do_write_metadata,
	[OFACT_GOTO_TABLE] = do_goto_table,
	[OFACT_METER] = do_meter,
	[OFACT_SET_QUEUE] = do_set_queue,
	[OFACT_POP_QUEUE] = do_pop_queue,
	[OFACT_ENQUEUE] = do_enqueue,
};

bool xlate_action(struct xlate_ctx *ctx, const struct ofact *a)
{
	action_fn *run = a->type < OFACT_N_TYPES ? actions[a->type] : NULL;

	if (ctx->error || ctx->exit)
		return false;
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_ACTION, .ofact = a});
	if (run)
		return run(ctx, a);
	xlate_fail(ctx, DROP_INTERNAL, "action %u is not known to translation", a->type);
	return false;
}

void xlate_actions(struct xlate_ctx *ctx, const void *ofacts, size_t len)
{
	const struct ofact *a;
	size_t left;

	if (!len) {
		xlate_hint(ctx, DROP_RULE_DROP);
		if (ctx->in->trace)
			xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_ACTION});
	}
	OFACT_FOR_EACH(a, left, ofacts, len)
		if (!xlate_action(ctx, a))
			return;
}

void xlate_clone(struct xlate_ctx *ctx, const void *ofacts, size_t len)
{
	struct flow_key saved = ctx->flow;
	struct xlate_scope scope;

	xlate_scope_begin(ctx, &scope, true);
	xlate_actions(ctx, ofacts, len);
	xlate_set_execute(ctx);
	xlate_scope_end(ctx, &scope);
	ctx->flow = saved;
}
