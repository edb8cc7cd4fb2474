// SPDX-License-Identifier: Apache-2.0
#include "switchd/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "flow/dp_action.h"
#include "flow/match.h"
#include "flow/ofact.h"
#include "packet/packet.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/drop_text.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate.h"
#include "switchd/pipeline/xlate_trace.h"
#include "switchd/trace_parts.h"
#include "switchd/trace_text.h"

/* Deeper nesting than this is not shown: readers of JSON stop at some depth, and people long before. */
#define MAX_LEVELS 512

/* ---- the listener: events become a tree ---- */

struct level {
	json_t *steps;			/* borrowed */
	const struct port_names *names; /* of the bridge the packet is in; NULL: numbers */
};

struct listener {
	struct xlate_trace trace;
	struct level levels[MAX_LEVELS]; /* outermost first */
	unsigned int level;		 /* the innermost open one, maybe beyond MAX_LEVELS */
};

static void append(struct listener *l, json_t *node)
{
	if (l->level < MAX_LEVELS)
		json_array_append_new(l->levels[l->level].steps, node);
	else
		json_decref(node);
}

static const struct port_names *names_now(const struct listener *l)
{
	return l->levels[MIN(l->level, MAX_LEVELS - 1u)].names;
}

static void open_level(struct listener *l, json_t *node, const struct bridge *br)
{
	struct level inner = {.steps = json_array(), .names = names_now(l)};

	if (br)
		inner.names = l->trace.use_names ? &br->port_names : NULL;
	json_object_set_new(node, "steps", inner.steps);
	append(l, node);
	if (++l->level < MAX_LEVELS)
		l->levels[l->level] = inner;
}

static json_t *bridge_node(const struct xlate_event *event)
{
	return json_pack("{s:s, s:s}", "type", "bridge", "name", event->bridge->name);
}

static json_t *table_node(const struct xlate_event *event, const struct port_names *names)
{
	json_t *node = json_pack("{s:s, s:i}", "type", "table", "table", (int)event->table);
	struct ds text = DS_INIT;
	struct match match;

	if (!event->rule) {
		json_object_set_new(node, "match", json_null());
		return node;
	}
	cls_rule_match(&event->rule->cr, &match);
	match_format(&match, names, -1, &text);
	json_object_set_new(node, "match", json_string(ds_cstr(&text)));
	json_object_set_new(node, "priority", json_integer(event->rule->cr.priority));
	ds_clear(&text);
	ds_printf(&text, "0x%" PRIx64, event->rule->cookie);
	json_object_set_new(node, "cookie", json_string(ds_cstr(&text)));
	ds_fini(&text);
	return node;
}

static json_t *action_node(const struct listener *l, const struct ofact *a)
{
	struct ds text = DS_INIT;
	json_t *node;

	ofacts_format(a, a ? a->len : 0, names_now(l), &text);
	node = json_pack("{s:s, s:s}", "type", "action", "action", ds_cstr(&text));
	ds_fini(&text);
	return node;
}

static json_t *remark(const char *type, const char *text)
{
	return json_pack("{s:s, s:s}", "type", type, "text", text);
}

static void on_event(struct xlate_trace *trace, const struct xlate_event *event)
{
	struct listener *l = container_of(trace, struct listener, trace);

	switch (event->kind) {
	case XLATE_EV_BRIDGE:
		open_level(l, bridge_node(event), event->bridge);
		break;
	case XLATE_EV_TABLE:
		open_level(l, table_node(event, names_now(l)), NULL);
		trace_put_nearest(event, names_now(l), l->levels[MIN(l->level, MAX_LEVELS - 1u)].steps);
		break;
	case XLATE_EV_ACTION_SET:
		open_level(l, json_pack("{s:s}", "type", "action-set"), NULL);
		break;
	case XLATE_EV_END:
		l->level--;
		break;
	case XLATE_EV_NORMAL:
		append(l, trace_normal(event->normal));
		break;
	case XLATE_EV_ACTION:
		append(l, action_node(l, event->ofact));
		break;
	case XLATE_EV_DETAIL:
		append(l, remark("detail", event->text));
		break;
	case XLATE_EV_WARN:
		append(l, remark("warning", event->text));
		break;
	case XLATE_EV_ERROR:
		append(l, remark("error", event->text));
		break;
	}
}

/* ---- the packet ---- */

/* One trace: everything that is too large for a stack. */
struct job {
	struct listener listener;
	struct flow_key flow;
	struct packet packet;
	bool has_packet;
	uint8_t buffer[PACKET_HEADROOM + PACKET_MAX_LEN + 256];
	_Alignas(8) uint8_t actions[DP_ACTIONS_MAX];
	struct xlate_credit credits[XLATE_MAX_RULES];
	struct xlate_out out;
};

static int take_packet(struct job *job, const uint8_t *bytes, size_t len, struct errtext *err)
{
	struct packet *p = &job->packet;
	uint32_t in_port = job->flow.p.in_port;

	if (len > PACKET_MAX_LEN)
		return errtext_set(err, EINVAL, "a packet has at most %d bytes, not %zu", PACKET_MAX_LEN, len);
	packet_init(p, job->buffer, sizeof job->buffer, PACKET_HEADROOM, len);
	memcpy(p->data, bytes, len);
	p->in_port = in_port;
	p->pkt_mark = job->flow.p.pkt_mark;
	p->skb_priority = job->flow.p.skb_priority;
	if (packet_parse(p, &job->flow.p) == DROP_MALFORMED_ETH)
		return errtext_set(err, EINVAL, "the packet is too short for an Ethernet header: %zu bytes", len);
	job->has_packet = true;
	return 0;
}

static int make_packet(struct job *job, struct errtext *err)
{
	packet_init(&job->packet, job->buffer, sizeof job->buffer, PACKET_HEADROOM, 0);
	if (packet_compose(&job->packet, &job->flow.p, 64))
		return errtext_set(err, EINVAL, "no packet can have this flow's fields");
	job->has_packet = true;
	return 0;
}

static int take_flow(struct job *job, const struct bridge *br, const char *text, const uint8_t *packet, size_t len,
		     bool generate, struct errtext *err)
{
	int error = flow_key_parse(text, strlen(text), &br->port_names, &job->flow, err);

	if (error)
		return error;
	if (packet)
		return take_packet(job, packet, len, err);
	return generate ? make_packet(job, err) : 0;
}

/* ---- the result ---- */

struct dp_names {
	struct dp_port_names names;
	const struct datapath *dp;
};

static const char *dp_port_name(const struct dp_port_names *self, uint32_t port)
{
	return switch_dp_port_name(container_of(self, struct dp_names, names)->dp, port);
}

static void set_text(json_t *result, const char *key, struct ds *text)
{
	json_object_set_new(result, key, json_string(ds_cstr(text)));
	ds_clear(text);
}

static void put_flows(json_t *result, const struct job *job, const struct port_names *names)
{
	const struct xlate_out *out = &job->out;
	struct flow_key mask = {.p = out->mask};
	struct ds text = DS_INIT;

	flow_key_format(&out->initial_key, names, &text);
	set_text(result, "flow", &text);
	if (memcmp(&out->initial_key, &out->final_key, sizeof out->final_key) != 0)
		flow_key_format(&out->final_key, names, &text);
	else
		ds_put(&text, "unchanged");
	set_text(result, "final_flow", &text);
	megaflow_format(&out->initial_key, &mask, names, &text);
	set_text(result, "megaflow", &text);
	ds_fini(&text);
}

/* Where it died: what `drop_reason` is the short form of. */
static json_t *drop_place(const struct xlate_out *out)
{
	json_t *place =
		json_pack("{s:s, s:s}", "reason", drop_reason_name(out->drop), "text", drop_reason_sentence(out->drop));
	struct ds text = DS_INIT;

	if (!out->drop_bridge)
		return place;
	json_object_set_new(place, "bridge", json_string(out->drop_bridge->name));
	json_object_set_new(place, "table", json_integer(out->drop_table));
	if (out->drop_rule) {
		ds_printf(&text, "0x%" PRIx64, out->drop_rule->cookie);
		set_text(place, "cookie", &text);
	}
	ds_fini(&text);
	return place;
}

/* The member of a bond that would send this packet now. */
static const char *bond_member(const struct job *job, uint32_t arg)
{
	const struct bond_port *bond = bond_by_id(arg);

	return bond ? bond_member_of_bucket(bond, bond_output_bucket(bond, arg, &job->flow.p)) : NULL;
}

/* The ports that get a copy, each once. */
static void add_outputs(const struct job *job, const struct datapath *dp, const void *actions, size_t len,
			json_t *outputs)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, actions, len) {
		const char *name = a->type == DP_OUTPUT	     ? switch_dp_port_name(dp, a->arg)
				   : a->type == DP_LB_OUTPUT ? bond_member(job, a->arg)
							     : NULL;

		if (name)
			json_object_set_new(outputs, name, json_true());
		else if (a->type == DP_CLONE)
			add_outputs(job, dp, a + 1, a->len - sizeof *a, outputs);
	}
}

static json_t *outputs_of(const struct job *job, const struct datapath *dp)
{
	json_t *set = json_object(), *names = json_array(), *value;
	const char *name;

	add_outputs(job, dp, job->out.actions.data, job->out.actions.len, set);
	json_object_foreach(set, name, value)
		json_array_append_new(names, json_string(name));
	json_decref(set);
	return names;
}

static json_t *make_result(const struct bridge *br, const struct job *job, json_t *steps, bool names)
{
	struct dp_names dp_names = {.names.name = dp_port_name, .dp = br->dp};
	json_t *result = json_object();
	struct ds text = DS_INIT;

	put_flows(result, job, names ? &br->port_names : NULL);
	json_object_set_new(result, "steps", steps);
	dp_actions_format(job->out.actions.data, job->out.actions.len, names ? &dp_names.names : NULL, &text);
	set_text(result, "datapath_actions", &text);
	json_object_set_new(result, "outputs", outputs_of(job, br->dp));
	if (job->out.drop) {
		json_object_set_new(result, "drop_reason", json_string(drop_reason_name(job->out.drop)));
		json_object_set_new(result, "drop", drop_place(&job->out));
	} else {
		trace_forget_nearest(steps);
	}
	if (job->out.failed)
		json_object_set_new(result, "failed", json_string(job->out.failed));
	trace_format(result, &text);
	set_text(result, "text", &text);
	ds_fini(&text);
	return result;
}

/* Return: the steps. */
static json_t *translate(struct bridge *br, struct job *job)
{
	struct xlate_in in = {
		.dp = br->dp,
		.key = &job->flow.p,
		.packet = job->has_packet ? &job->packet : NULL,
		.now_ms = clock_now_ms(),
		.trace = &job->listener.trace,
		.bridge = br,
		.metadata = &job->flow,
	};

	job->out.actions = (struct dp_actions){.data = job->actions, .cap = sizeof job->actions};
	job->out.credits = job->credits;
	job->listener.trace.event = on_event;
	job->listener.levels[0].steps = json_array();
	xlate_run(&in, &job->out);
	return job->listener.levels[0].steps;
}

int trace_run(struct bridge *br, const char *flow_text, const uint8_t *packet, size_t packet_len,
	      const struct trace_options *options, json_t **result, struct errtext *err)
{
	struct job *job = xzalloc(sizeof *job);
	int error;

	switch_rdlock();
	rcu_read_lock();
	error = take_flow(job, br, flow_text, packet, packet_len, options->generate, err);
	if (!error) {
		job->listener.trace.use_names = options->names;
		*result = make_result(br, job, translate(br, job), options->names);
	}
	rcu_read_unlock();
	switch_rdunlock();
	free(job);
	return error;
}
