// SPDX-License-Identifier: Apache-2.0
/*
 * From the trace of a packet that does not arrive to what stopped it and the command that would let it through.
 *
 * Looked at in this order: a reason for which it was dropped; a MAC table that has the destination elsewhere; a flood that left the way out;
 * and else rules that sent it somewhere else. The command is the smallest one for this very packet: an exception above the rule that drops, the VLAN of
 * one port, one port's flag.
 */
#include "switchd/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/table.h"

/* ---- looking into a trace ---- */

static const char *get(const json_t *node, const char *key)
{
	const char *s = json_string_value(json_object_get(node, key));

	return s ? s : "";
}

static bool has_type(const json_t *node, const char *type)
{
	return !strcmp(get(node, "type"), type);
}

/* Calls @fn for every node of the tree, in order, with the bridge it is in, until that returns true. */
static bool each_node(const json_t *steps, const char *bridge,
		      bool (*fn)(void *aux, const json_t *node, const char *bridge), void *aux)
{
	json_t *node;
	size_t i;

	json_array_foreach(steps, i, node) {
		const char *inside = has_type(node, "bridge") ? get(node, "name") : bridge;

		if (fn(aux, node, inside) || each_node(json_object_get(node, "steps"), inside, fn, aux))
			return true;
	}
	return false;
}

/* ---- which way it should have gone ---- */

/* Where a flood or the MAC table turned it away from the destination. */
struct wrong_turn {
	const struct why_step *step;
	const json_t *normal; /* the NORMAL that did */
	const char *bridge;
	const struct port *way; /* the port that it should have taken there */
	const char *why;	/* of trace's "ports" */
};

enum { MAX_HOPS = 8 }; /* over patch ports */

/* The port of bridge @br by which one gets to @to: its own, or the patch port that leads to its bridge, not back to @behind. */
static const struct port *way_over(const struct bridge *br, const struct why_end *to, const struct bridge *behind,
				   int hops)
{
	const struct port *port;

	if (to->iface->bridge == br)
		return to->iface->port;
	cds_list_for_each_entry(port, &br->ports, bridge_node) {
		const struct iface *iface;

		cds_list_for_each_entry(iface, &port->ifaces, port_node) {
			const struct bridge *next = iface->peer ? iface->peer->bridge : NULL;

			if (next && next != behind && hops && way_over(next, to, br, hops - 1))
				return port;
		}
	}
	return NULL;
}

static const struct port *way_to(const struct bridge *br, const struct why_end *to)
{
	return br ? way_over(br, to, NULL, MAX_HOPS) : NULL;
}

/* Is this one of the bridges that a packet of the step should pass? */
static bool is_on_way(const struct why_step *step, const char *bridge)
{
	const struct bridge *br = step->from->iface->bridge;

	for (int hops = 0; br && hops <= MAX_HOPS; hops++) {
		const struct port *way = way_to(br, step->to);

		if (!strcmp(br->name, bridge))
			return true;
		if (!way || br == step->to->iface->bridge)
			return false;
		br = cds_list_first_entry(&way->ifaces, struct iface, port_node)->peer->bridge;
	}
	return false;
}

static const json_t *port_in_flood(const json_t *normal, const char *name)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(normal, "ports"), i, port)
		if (!strcmp(get(port, "port"), name))
			return port;
	return NULL;
}

static bool is_wrong_turn(void *turn_, const json_t *node, const char *bridge)
{
	struct wrong_turn *turn = turn_;
	const struct bridge *br = bridge ? bridge_by_name(bridge) : NULL;
	bool looks = has_type(node, "normal") && bridge && is_on_way(turn->step, bridge);
	const struct port *way = looks ? way_to(br, turn->step->to) : NULL;
	const json_t *port = way ? port_in_flood(node, way->name) : NULL;

	if (!way || (port && json_is_true(json_object_get(port, "sent"))) ||
	    (!port && !strcmp(get(node, "out"), way->name)))
		return false;
	turn->normal = node;
	turn->bridge = bridge;
	turn->way = way;
	turn->why = port ? get(port, "why") : "elsewhere";
	return true;
}

/* ---- commands ---- */

static void put_exception(const struct why_step *step, const char *bridge, int table, int priority, struct ds *out)
{
	ds_printf(out, "vsw add-flow %s '", bridge);
	if (table)
		ds_printf(out, "table=%d,", table);
	ds_printf(out, "priority=%d,%s,actions=NORMAL'", priority, ds_cstr(&step->flow));
}

/* The port must carry the VLAN. */
static void put_vlan_change(const struct port *port, unsigned int vlan, const struct why_end *from, struct ds *out)
{
	bool has_list = port->vlan_mode != VLAN_ACCESS && port->trunks;

	if (has_list)
		ds_printf(out, "vsw add port %s trunks %u", port->name, vlan);
	else if (vlan)
		ds_printf(out, "vsw set port %s tag=%u", port->name, vlan);
	else if (port->tag >= 0 && !from->is_tagged)
		ds_printf(out, "vsw set port %s tag=%d", from->iface->port->name, port->tag);
}

static const char *flag_of(const char *reason)
{
	static const struct {
		const char *reason, *flag;
	} flags[] = {
		{"port-no-receive", "receive"},
		{"port-no-forward", "forward"},
		{"no-forward", "forward"},
		{"no-flood", "flood"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flags[i].reason, reason))
			return flags[i].flag;
	return NULL;
}

/* What a drop for the same cause is called. */
static const char *reason_of(const char *why)
{
	static const struct {
		const char *why, *reason;
	} names[] = {
		{"no-forward", "port-no-forward"},
		{"protected", "protected-port"},
		{"no-device", "no-port"},
		{"no-interface", "no-port"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].why, why))
			return names[i].reason;
	return why;
}

/* A flag of a port, or its protection. Return: false when it is none of these. */
static bool put_flag_change(const char *reason, const struct iface *iface, struct ds *out)
{
	const char *flag = flag_of(reason);

	if (flag)
		ds_printf(out, "vsw mod-port %s %s %s", iface->bridge->name, iface->name, flag);
	else if (!strncmp(reason, "protected", 9))
		ds_printf(out, "vsw set port %s protected=false", iface->port->name);
	else
		return false;
	return true;
}

/* ---- causes ---- */

struct rule_search {
	const json_t *drop;
	const json_t *table; /* found: the last one that fits */
};

static bool is_place(void *search_, const json_t *node, const char *bridge)
{
	struct rule_search *search = search_;

	if (has_type(node, "table") && bridge && !strcmp(bridge, get(search->drop, "bridge")) &&
	    json_integer_value(json_object_get(node, "table")) ==
		    json_integer_value(json_object_get(search->drop, "table")))
		search->table = node;
	return false;
}

static void put_place(const json_t *drop, const json_t *table, struct ds *out)
{
	const char *match = get(table, "match");

	if (!json_object_get(drop, "bridge"))
		return;
	ds_printf(out, " (bridge %s, table %" JSON_INTEGER_FORMAT, get(drop, "bridge"),
		  json_integer_value(json_object_get(drop, "table")));
	if (json_object_get(drop, "cookie"))
		ds_printf(out, ", rule priority=%" JSON_INTEGER_FORMAT "%s%s, cookie %s",
			  json_integer_value(json_object_get(table, "priority")), *match ? "," : "", match,
			  get(drop, "cookie"));
	ds_put_char(out, ')');
}

/* Rules that say no, or nothing: an exception above them. Loops and the like need more than one command. */
static void put_rule_change(const struct why_step *step, const json_t *drop, const json_t *table, struct ds *out)
{
	const char *reason = get(drop, "reason");
	int priority = (int)json_integer_value(json_object_get(table, "priority"));

	if (strcmp(reason, "no-rule") != 0 && strcmp(reason, "rule-drop") != 0 && strcmp(reason, "no-port") != 0)
		return;
	if (!json_object_get(drop, "bridge") || priority == UINT16_MAX)
		return;
	put_exception(step, get(drop, "bridge"), (int)json_integer_value(json_object_get(drop, "table")),
		      table && json_object_get(table, "priority") ? priority + 1 : 1, out);
}

static void cause_of_turn(const struct wrong_turn *turn, struct why_cause *cause)
{
	unsigned int vlan = (unsigned int)json_integer_value(json_object_get(turn->normal, "vlan"));
	const struct iface *iface = cds_list_first_entry(&turn->way->ifaces, struct iface, port_node);

	if (!strcmp(turn->why, "elsewhere")) {
		const json_t *destination = json_object_get(turn->normal, "destination");

		cause->kind = "other-port";
		ds_printf(&cause->what, "bridge %s has the address %s on port %s in VLAN %u, not on %s", turn->bridge,
			  get(destination, "mac"), get(destination, "port"), vlan, turn->way->name);
		ds_printf(&cause->change, "vsw fdb del %s %u %s", turn->bridge, vlan, get(destination, "mac"));
	} else if (!strcmp(turn->why, "other-vlan")) {
		cause->kind = "other-vlan";
		ds_printf(&cause->what, "port %s of bridge %s does not carry VLAN %u, in which %s sends",
			  turn->way->name, turn->bridge, vlan, turn->step->from->iface->name);
		put_vlan_change(turn->way, vlan, turn->step->from, &cause->change);
	} else if (!strcmp(turn->why, "ingress")) {
		cause->kind = "same-port";
		ds_printf(&cause->what, "both are behind port %s: the switch is not between them", turn->way->name);
	} else {
		cause->kind = reason_of(turn->why);
		ds_printf(&cause->what, "port %s of bridge %s is left out of the flood: %s", turn->way->name,
			  turn->bridge, turn->why);
		put_flag_change(turn->why, iface, &cause->change);
	}
}

static void cause_of_drop(const struct why_step *step, const json_t *drop, struct why_cause *cause)
{
	struct rule_search search = {.drop = drop};
	const char *reason = get(drop, "reason");
	const struct why_end *from = step->from;

	each_node(json_object_get(step->trace, "steps"), NULL, is_place, &search);
	cause->kind = reason;
	ds_put(&cause->what, get(drop, "text"));
	put_place(drop, search.table, &cause->what);
	if (!strcmp(reason, "vlan-not-allowed"))
		put_vlan_change(from->iface->port, from->vlan, from, &cause->change);
	else if (!put_flag_change(reason, !strcmp(reason, "port-no-receive") ? from->iface : step->to->iface,
				  &cause->change))
		put_rule_change(step, drop, search.table, &cause->change);
}

/* Where copies of it went on, and the one that should have arrived did not. */
struct dead_end {
	const struct why_step *step;
	const json_t *table;	 /* of a bridge behind the first one: nothing matched, or the rule does nothing */
	const json_t *last_rule; /* of the first bridge */
	const char *bridge;	 /* of @table */
};

static bool does_nothing(const json_t *table)
{
	json_t *node;
	size_t i;

	json_array_foreach(json_object_get(table, "steps"), i, node)
		if (has_type(node, "action"))
			return !strcmp(get(node, "action"), "drop");
	return true;
}

static bool find_dead_end(void *end_, const json_t *node, const char *bridge)
{
	struct dead_end *end = end_;

	if (!has_type(node, "table") || !bridge)
		return false;
	if (!strcmp(bridge, end->step->from->iface->bridge->name)) {
		if (json_object_get(node, "priority"))
			end->last_rule = node;
	} else if (is_on_way(end->step, bridge) && does_nothing(node)) {
		end->table = node;
		end->bridge = bridge;
	}
	return false;
}

static void cause_of_dead_end(const struct dead_end *end, struct why_cause *cause)
{
	int table = (int)json_integer_value(json_object_get(end->table, "table"));
	const json_t *priority = json_object_get(end->table, "priority");
	int number = (int)json_integer_value(priority);

	cause->kind = priority ? "rule-drop" : "no-rule";
	if (priority)
		ds_printf(&cause->what, "a rule sends it nowhere (bridge %s, table %d, priority=%d%s%s, cookie %s)",
			  end->bridge, table, number, *get(end->table, "match") ? "," : "", get(end->table, "match"),
			  get(end->table, "cookie"));
	else
		ds_printf(&cause->what, "no rule matched (bridge %s, table %d)", end->bridge, table);
	if (number < UINT16_MAX)
		put_exception(end->step, end->bridge, table, priority ? number + 1 : 1, &cause->change);
}

static void cause_of_rules(const struct why_step *step, struct why_cause *cause)
{
	struct dead_end end = {.step = step};
	const json_t *table;
	int priority;

	each_node(json_object_get(step->trace, "steps"), NULL, find_dead_end, &end);
	if (end.table) {
		cause_of_dead_end(&end, cause);
		return;
	}
	table = end.last_rule;
	cause->kind = "not-sent-there";
	ds_printf(&cause->what, "rules of bridge %s send it elsewhere: %s", step->from->iface->bridge->name,
		  get(step->trace, "datapath_actions"));
	if (!table)
		return;
	priority = (int)json_integer_value(json_object_get(table, "priority"));
	ds_printf(&cause->what, " (rule of table %" JSON_INTEGER_FORMAT ", priority %d%s%s)",
		  json_integer_value(json_object_get(table, "table")), priority, *get(table, "match") ? ", " : "",
		  get(table, "match"));
	if (priority < UINT16_MAX)
		put_exception(step, step->from->iface->bridge->name,
			      (int)json_integer_value(json_object_get(table, "table")), priority + 1, &cause->change);
}

void why_find_cause(const struct why_step *step, struct why_cause *cause)
{
	struct wrong_turn turn = {.step = step};
	const json_t *drop = json_object_get(step->trace, "drop");
	const char *reason = get(drop, "reason");
	/* What NORMAL says of the way is more to the point than that nothing was left. */
	bool look = !drop || !strcmp(reason, "no-destination") || !strcmp(reason, "same-port") ||
		    !strcmp(reason, "port-no-forward") || !strcmp(reason, "protected-port");

	if (look && each_node(json_object_get(step->trace, "steps"), NULL, is_wrong_turn, &turn)) {
		cause_of_turn(&turn, cause);
	} else if (drop && (!json_object_get(drop, "bridge") || is_on_way(step, get(drop, "bridge")))) {
		cause_of_drop(step, drop, cause);
	} else if (step->from->iface->bridge != step->to->iface->bridge &&
		   !way_to(step->from->iface->bridge, step->to)) {
		cause->kind = "no-such-way";
		ds_printf(&cause->what, "no patch port joins bridge %s and bridge %s", step->from->iface->bridge->name,
			  step->to->iface->bridge->name);
	} else {
		cause_of_rules(step, cause);
	}
}
