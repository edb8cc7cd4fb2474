// SPDX-License-Identifier: Apache-2.0
/* lacp/show and lacp/show-stats. Text is that of ovs-appctl, with a line more where a member is looped or its partner does not settle. */
#include <inttypes.h>
#include <stdio.h>

#include "base/ds.h"
#include "base/util.h"
#include "switchd/bond.h"
#include "switchd/bond_ask.h"
#include "switchd/commands.h"
#include "switchd/control.h"

static void put_state(uint8_t state, struct ds *out)
{
	static const char *const names[] = {"activity",	  "timeout",	  "aggregation", "synchronized",
					    "collecting", "distributing", "defaulted",	 "expired"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (state >> i & 1)
			ds_printf(out, " %s", names[i]);
}

static void put_side(const char *side, const struct lacp_info *info, struct ds *out)
{
	const uint8_t *m = info->system;

	ds_printf(out, "\n  %s sys_id: %02x:%02x:%02x:%02x:%02x:%02x\n", side, m[0], m[1], m[2], m[3], m[4], m[5]);
	ds_printf(out, "  %s sys_priority: %u\n  %s port_id: %u\n", side, info->system_priority, side, info->port);
	ds_printf(out, "  %s port_priority: %u\n  %s key: %u\n  %s state:", side, info->port_priority, side, info->key,
		  side);
	put_state(info->state, out);
	ds_put_char(out, '\n');
}

static const char *rx_word(const struct lacp_member *m)
{
	return m->rx == LACP_RX_CURRENT ? "current" : m->rx == LACP_RX_EXPIRED ? "expired" : "defaulted";
}

static void put_member(const struct bond_link *l, struct ds *out)
{
	const struct lacp_member *m = &l->lacp;

	ds_printf(out, "\nmember: %s: %s %s\n", l->name, rx_word(m), m->is_selected ? "attached" : "detached");
	ds_printf(out, "  port_id: %u\n  port_priority: %u\n  may_enable: %s\n", m->actor.port, m->actor.port_priority,
		  m->may_distribute ? "true" : "false");
	if (m->is_loopback)
		ds_put(out, "  loopback: its own frames come back\n");
	if (m->actor_churn == LACP_CHURN || m->partner_churn == LACP_CHURN)
		ds_printf(out, "  churn: actor %s, partner %s\n", lacp_churn_name(m->actor_churn),
			  lacp_churn_name(m->partner_churn));
	put_side("actor", &m->actor, out);
	put_side("partner", &m->partner, out);
}

static void put_bond(struct bond_port *b, struct ds *out)
{
	const struct lacp_config *c = &b->lacp.config;
	const struct bond_link *first = bond_first_link(b);
	const uint8_t *m = c->system;

	ds_printf(out, "---- %s ----\n  status: %s%s\n", b->name, c->is_active ? "active" : "passive",
		  b->bond.is_negotiated ? " negotiated" : "");
	ds_printf(out, "  sys_id: %02x:%02x:%02x:%02x:%02x:%02x\n  sys_priority: %u\n", m[0], m[1], m[2], m[3], m[4],
		  m[5], c->system_priority);
	ds_printf(out, "  aggregation key: %u\n  lacp_time: %s\n", first ? first->lacp.config.key : 0,
		  c->is_fast ? "fast" : "slow");
	for (const struct bond_link *l = first; l; l = bond_next_link(b, l))
		put_member(l, out);
}

static void put_stats(struct bond_port *b, struct ds *out)
{
	ds_printf(out, "---- %s statistics ----\n", b->name);
	for (const struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		const struct lacp_stats *s = &l->lacp.stats;

		ds_printf(out, "\nmember: %s:\n  TX PDUs: %" PRIu64 "\n  RX PDUs: %" PRIu64 "\n", l->name, s->n_tx,
			  s->n_rx);
		ds_printf(out, "  RX Bad PDUs: %" PRIu64 "\n  RX Marker Request PDUs: %" PRIu64 "\n", s->n_bad,
			  s->n_marker);
		ds_printf(out, "  Link Expired: %" PRIu64 "\n  Link Defaulted: %" PRIu64 "\n", l->n_expired,
			  l->n_defaulted);
		ds_printf(out, "  Carrier Status Changed: %" PRIu64 "\n", l->n_carrier_changes);
	}
}

static json_t *side_json(const struct lacp_info *i)
{
	char system[18];
	const uint8_t *m = i->system;

	snprintf(system, sizeof system, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "system", system, "system_priority", i->system_priority,
			 "port", i->port, "port_priority", i->port_priority, "key", i->key, "state", i->state);
}

static json_t *member_json(const struct bond_link *l)
{
	const struct lacp_member *m = &l->lacp;
	const struct lacp_stats *s = &m->stats;

	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:I}}", "name",
			 l->name, "receive", lacp_rx_name(m->rx), "mux", lacp_mux_name(m->mux), "may_distribute",
			 m->may_distribute, "loopback", m->is_loopback, "actor_churn", lacp_churn_name(m->actor_churn),
			 "partner_churn", lacp_churn_name(m->partner_churn), "actor", side_json(&m->actor), "partner",
			 side_json(&m->partner), "stats", "tx", (json_int_t)s->n_tx, "rx", (json_int_t)s->n_rx, "bad",
			 (json_int_t)s->n_bad, "marker", (json_int_t)s->n_marker, "expired", (json_int_t)l->n_expired,
			 "defaulted", (json_int_t)l->n_defaulted);
}

static json_t *bond_json(const struct bond_port *b)
{
	json_t *members = json_array();

	for (const struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		json_array_append_new(members, member_json(l));
	return json_pack("{s:s, s:b, s:b, s:b, s:o}", "name", b->name, "active", b->lacp.config.is_active, "fast",
			 b->lacp.config.is_fast, "negotiated", b->bond.is_negotiated, "members", members);
}

static bool has_lacp(const struct bond_port *b)
{
	return b->bond.config.has_lacp;
}

static int ask(const json_t *params, void (*put)(struct bond_port *b, struct ds *out), json_t **result,
	       struct errtext *err)
{
	const struct bond_question question = {
		.key = "ports",
		.concerns = has_lacp,
		.put = put,
		.json = bond_json,
		.unknown = "no port with LACP named",
		.remedy = "lacp=active makes it one",
	};

	return bond_ask(&question, params, result, err);
}

static int show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return ask(params, put_bond, result, err);
}

static int show_stats(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return ask(params, put_stats, result, err);
}

void lacp_commands_register(void)
{
	control_register("lacp/show", show);
	control_register("lacp/show-stats", show_stats);
}
