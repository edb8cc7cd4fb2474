// SPDX-License-Identifier: Apache-2.0
/*
 * flow/dump, flow/aggregate, flow/tables, flow/diff: methods that look at flow tables. Text is that of ovs-ofctl.
 *
 * Counters are brought up to date first: what the datapath has counted for its flows is credited to the rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/flow_compare.h"
#include "switchd/flow_lines.h"
#include "switchd/pipeline/table.h"
#include "switchd/revalidate.h"

/* ---- dump ---- */

struct dump {
	const char *flow;
	bool stats, names, reverse;
	const char *sort;	   /* "priority", or a field's name; NULL: as the tables have them */
	const struct field *field; /* the field to sort by */
	/* of the bridge at hand */
	const struct bridge *br;
	struct rule **rules;
	size_t n, cap;
	int64_t now_ms;
};

static int read_filter(const struct bridge *br, const char *verb, const char *flow, struct flow_mod *filter,
		       struct errtext *err)
{
	int error;

	if (!flow) {
		*filter = flow_filter_all();
		return 0;
	}
	error = flow_mod_parse(flow, strlen(flow), FLOW_DELETE, &br->port_names, filter, err);
	if (error)
		flow_where(err, verb, NULL, 0);
	return error;
}

static int collect_rule(void *aux, struct rule *rule)
{
	struct dump *d = aux;

	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->rules = xrealloc(d->rules, d->cap * sizeof(struct rule *));
	}
	d->rules[d->n++] = rule;
	return 0;
}

static const struct dump *sorting; /* qsort() passes nothing along; the main thread alone runs this */

static int compare_field(const struct rule *a, const struct rule *b)
{
	union field_value va, vb;
	struct match ma, mb;
	bool has_a, has_b;

	cls_rule_match(&a->cr, &ma);
	cls_rule_match(&b->cr, &mb);
	has_a = match_is_exact(&ma, sorting->field);
	has_b = match_is_exact(&mb, sorting->field);
	/* Rules that leave the field out come first, as in ovs-ofctl. */
	if (!has_a || !has_b)
		return (int)has_a - (int)has_b;
	field_get(sorting->field, &ma.key, &va);
	field_get(sorting->field, &mb.key, &vb);
	return memcmp(va.b, vb.b, sorting->field->n_bytes);
}

static int compare_rules(const void *pa, const void *pb)
{
	const struct rule *a = *(struct rule *const *)pa, *b = *(struct rule *const *)pb;
	int order = sorting->field ? compare_field(a, b) : (int)a->cr.priority - (int)b->cr.priority;

	return sorting->reverse ? -order : order;
}

static void put_hex(json_t *json, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, value);
	json_object_set_new(json, key, json_string(text));
}

static void put_positive(json_t *json, const char *key, uint64_t value)
{
	if (value)
		json_object_set_new(json, key, json_integer((json_int_t)value));
}

static void put_flags(json_t *json, unsigned int flags)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{FLOW_F_SEND_FLOW_REM, "send_flow_rem"},  {FLOW_F_CHECK_OVERLAP, "check_overlap"},
		{FLOW_F_RESET_COUNTS, "reset_counts"},	  {FLOW_F_NO_PKT_COUNTS, "no_packet_counts"},
		{FLOW_F_NO_BYT_COUNTS, "no_byte_counts"},
	};
	json_t *array;

	if (!flags)
		return;
	array = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].bit)
			json_array_append_new(array, json_string(names[i].name));
	json_object_set_new(json, "flags", array);
}

static void put_counters(json_t *json, const struct rule *rule, int64_t now_ms)
{
	int64_t used_ms = __atomic_load_n(&rule->used_ms, __ATOMIC_RELAXED);

	json_object_set_new(json, "duration_s", json_real((double)(now_ms - rule->created_ms) / 1000));
	json_object_set_new(json, "n_packets",
			    json_integer((json_int_t)__atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED)));
	json_object_set_new(json, "n_bytes",
			    json_integer((json_int_t)__atomic_load_n(&rule->n_bytes, __ATOMIC_RELAXED)));
	json_object_set_new(json, "idle_age_s", json_integer((now_ms - used_ms) / 1000));
	if (rule->modified_ms != rule->created_ms)
		json_object_set_new(json, "hard_age_s", json_integer((now_ms - rule->modified_ms) / 1000));
}

static json_t *rule_json(const struct rule *rule, const struct dump *d)
{
	const struct port_names *names = d->names ? &d->br->port_names : NULL;
	struct ds match = DS_INIT, actions = DS_INIT;
	json_t *json = json_object();
	struct match m;

	cls_rule_match(&rule->cr, &m);
	/* Its priority is a member of its own. */
	match_format(&m, names, -1, &match);
	ofacts_format(rule->actions->ofacts, rule->actions->len, names, &actions);
	put_hex(json, "cookie", rule->cookie);
	json_object_set_new(json, "table", json_integer(rule->table));
	json_object_set_new(json, "priority", json_integer(rule->cr.priority));
	if (d->stats)
		put_counters(json, rule, d->now_ms);
	put_positive(json, "idle_timeout", rule->idle_timeout_s);
	put_positive(json, "hard_timeout", rule->hard_timeout_s);
	put_positive(json, "importance", rule->importance);
	put_flags(json, rule->flags);
	json_object_set_new(json, "match", json_string(ds_cstr(&match)));
	json_object_set_new(json, "actions", json_string(ds_cstr(&actions)));
	ds_fini(&match);
	ds_fini(&actions);
	return json;
}

static void put_rules(const struct dump *d, struct answer *answer, json_t *json)
{
	struct rule_format_options options = {
		.no_stats = !d->stats,
		.names = d->names ? &d->br->port_names : NULL,
		.now_ms = d->now_ms,
	};
	json_t *flows = answer->as_json ? json_array() : NULL;

	for (size_t i = 0; i < d->n; i++) {
		if (flows) {
			json_array_append_new(flows, rule_json(d->rules[i], d));
		} else {
			rule_format(d->rules[i], &options, &answer->text);
			ds_put_char(&answer->text, '\n');
		}
	}
	if (flows)
		json_object_set_new(json, "flows", flows);
}

static int dump_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	struct dump *d = aux;
	struct flow_mod filter;
	int error = read_filter(br, "dump-flows", d->flow, &filter, err);

	if (error)
		return error;
	d->br = br;
	d->n = 0;
	/* The pointers live as long as nothing changes the tables, which this thread alone does. */
	tables_each(br->tables, &filter, collect_rule, d);
	if (d->sort && d->n) {
		sorting = d;
		qsort(d->rules, d->n, sizeof(struct rule *), compare_rules);
	}
	put_rules(d, answer, json);
	if (d->flow)
		flow_mod_fini(&filter);
	return 0;
}

static int read_sort(const json_t *params, struct dump *d, struct errtext *err)
{
	int error = 0;
	const char *sort = control_str(params, "sort", NULL, &error, err);
	const char *rsort = control_str(params, "rsort", NULL, &error, err);

	d->sort = sort ? sort : rsort;
	/* --sort begins with the lowest, --rsort with the highest; by priority likewise. */
	d->reverse = !sort && rsort;
	if (error || !d->sort || !strcmp(d->sort, "priority"))
		return error;
	d->field = field_by_name(d->sort, strlen(d->sort));
	return d->field ? 0 : errtext_set(err, EINVAL, "dump-flows: unknown field '%.40s' to sort by", d->sort);
}

static int flow_dump(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,flow,stats,names,sort,rsort", err);
	struct dump d = {
		.flow = control_str(params, "flow", NULL, &error, err),
		.stats = control_bool(params, "stats", true, &error, err),
		.names = control_bool(params, "names", false, &error, err),
		.now_ms = clock_now_ms(),
	};

	(void)request;
	if (!error)
		error = read_sort(params, &d, err);
	if (error)
		return error;
	if (d.stats)
		revalidate_pull_stats();
	error = each_bridge(params, dump_bridge, &d, result, err);
	free(d.rules);
	return error;
}

/* ---- aggregate ---- */

struct sum {
	const char *flow;
	uint64_t n_packets, n_bytes, n_flows;
};

static int add_up(void *aux, struct rule *rule)
{
	struct sum *sum = aux;

	sum->n_packets += __atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED);
	sum->n_bytes += __atomic_load_n(&rule->n_bytes, __ATOMIC_RELAXED);
	sum->n_flows++;
	return 0;
}

static int aggregate_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	struct sum sum = {.flow = ((struct sum *)aux)->flow};
	struct flow_mod filter;
	int error = read_filter(br, "dump-aggregate", sum.flow, &filter, err);

	if (error)
		return error;
	tables_each(br->tables, &filter, add_up, &sum);
	if (sum.flow)
		flow_mod_fini(&filter);
	ds_printf(&answer->text, "packet_count=%" PRIu64 " byte_count=%" PRIu64 " flow_count=%" PRIu64 "\n",
		  sum.n_packets, sum.n_bytes, sum.n_flows);
	json_object_set_new(json, "n_packets", json_integer((json_int_t)sum.n_packets));
	json_object_set_new(json, "n_bytes", json_integer((json_int_t)sum.n_bytes));
	json_object_set_new(json, "n_flows", json_integer((json_int_t)sum.n_flows));
	return 0;
}

static int flow_aggregate(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,flow", err);
	struct sum sum = {.flow = control_str(params, "flow", NULL, &error, err)};

	(void)request;
	if (error)
		return error;
	revalidate_pull_stats();
	return each_bridge(params, aggregate_bridge, &sum, result, err);
}

/* ---- tables ---- */

static void put_table(struct answer *answer, json_t *tables, int id, const struct table_stats *s)
{
	ds_printf(&answer->text, "  table %d:\n    active=%" PRIu64 ", lookup=%" PRIu64 ", matched=%" PRIu64 "\n", id,
		  s->n_rules, s->n_lookups, s->n_matches);
	if (s->max_rules)
		ds_printf(&answer->text, "    max_entries=%" PRIu64 "\n", s->max_rules);
	json_array_append_new(tables, json_pack("{s:i, s:I, s:I, s:I, s:I}", "id", id, "active", (json_int_t)s->n_rules,
						"max", (json_int_t)s->max_rules, "lookup", (json_int_t)s->n_lookups,
						"matched", (json_int_t)s->n_matches));
}

static int tables_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	json_t *tables = json_array();

	(void)aux;
	(void)err;
	for (int id = 0; id < N_TABLES; id++) {
		struct table_stats s;

		tables_get_stats(br->tables, (uint8_t)id, &s);
		/* Table 0 is there even when nothing was ever in it. */
		if (!id || s.n_rules || s.n_lookups)
			put_table(answer, tables, id, &s);
	}
	json_object_set_new(json, "tables", tables);
	return 0;
}

static int flow_tables(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge", err);

	(void)request;
	return error ? error : each_bridge(params, tables_of_bridge, NULL, result, err);
}

/* ---- diff ---- */

/* One side: a bridge, or the lines of a file, whose port names are those of the other side. */
static int read_side(const char *bridge, const char *flows, const char *file, const char *other_bridge,
		     struct flow_lines *lines, struct errtext *err)
{
	const struct bridge *br = bridge ? bridge_by_name(bridge) : NULL;
	int error;

	if (bridge && flows)
		return errtext_set(err, EINVAL, "each side is a bridge or flows, not both");
	if (bridge && !br)
		return errtext_set(err, ENOENT, "no bridge named %.60s", bridge);
	if (br) {
		flow_lines_of_bridge(br, lines);
		return 0;
	}
	if (!flows)
		return errtext_set(err, EINVAL, "diff-flows needs two sides, each a bridge or flows");
	br = other_bridge ? bridge_by_name(other_bridge) : NULL;
	error = flow_lines_parse(br, "diff-flows", FLOW_ADD, NULL, flows, file, lines, err);
	for (size_t i = 0; i < lines->n; i++)
		if (lines->mods[i].table == FLOW_TABLE_ALL)
			lines->mods[i].table = 0;
	return error;
}

static void put_lines(struct ds *text, char sign, const json_t *flows)
{
	json_t *flow;
	size_t i;

	json_array_foreach((json_t *)flows, i, flow)
		ds_printf(text, "%c%s\n", sign, json_string_value(flow));
}

static json_t *diff_result(bool as_json, json_t *first, json_t *second)
{
	int status = json_array_size(first) || json_array_size(second) ? 2 : 0;
	struct ds text = DS_INIT;
	json_t *result;

	if (as_json) {
		result = json_pack("{s:O, s:O}", "only_first", first, "only_second", second);
	} else {
		put_lines(&text, '-', first);
		put_lines(&text, '+', second);
		result = control_text(ds_cstr(&text));
		ds_fini(&text);
	}
	json_object_set_new(result, "exit", json_integer(status));
	return result;
}

static int flow_diff(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,flows,file,other,other_flows,other_file", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *bridge = control_str(params, "bridge", NULL, &error, err);
	const char *flows = control_str(params, "flows", NULL, &error, err);
	const char *file = control_str(params, "file", NULL, &error, err);
	const char *other = control_str(params, "other", NULL, &error, err);
	const char *other_flows = control_str(params, "other_flows", NULL, &error, err);
	const char *other_file = control_str(params, "other_file", NULL, &error, err);
	struct flow_lines a = {0}, b = {0};
	json_t *first, *second;

	(void)request;
	/* {"bridge", "flows"} is a bridge against a file. */
	if (bridge && flows && !other && !other_flows) {
		other_flows = flows;
		other_file = file;
		flows = NULL;
	}
	if (!error)
		error = read_side(bridge, flows, file, other, &a, err);
	if (!error)
		error = read_side(other, other_flows, other_file, bridge, &b, err);
	if (!error) {
		first = json_array();
		second = json_array();
		flow_compare_diff(&a, &b, first, second);
		*result = diff_result(as_json, first, second);
		json_decref(first);
		json_decref(second);
	}
	flow_lines_fini(&a);
	flow_lines_fini(&b);
	return error;
}

void flow_dump_register(void)
{
	control_register("flow/dump", flow_dump);
	control_register("flow/aggregate", flow_aggregate);
	control_register("flow/tables", flow_tables);
	control_register("flow/diff", flow_diff);
}
