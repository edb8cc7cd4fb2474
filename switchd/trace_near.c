// SPDX-License-Identifier: Apache-2.0
#include "switchd/trace_parts.h"

#include <inttypes.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/match_diff.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate_trace.h"

enum {
	MAX_SHOWN = 3,
	MAX_FOUND = 16, /* of which some would not have won */
	MAX_FIELDS = 8,
};

static json_t *fields_to_json(const struct match_difference *d, size_t n)
{
	json_t *fields = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			fields, json_pack("{s:s, s:s, s:s}", "field", d[i].field, "is", d[i].is, "wants", d[i].wants));
	return fields;
}

static void put_sentence(const struct rule *rule, const char *match, const struct match_difference *d, size_t n,
			 struct ds *out)
{
	ds_printf(out, "nearest: table %u, priority %u%s%s", rule->table, rule->cr.priority, *match ? ", " : "", match);
	for (size_t i = 0; i < n; i++)
		ds_printf(out, "%s%s is %s", i ? ", " : ": ", d[i].field, d[i].is);
}

static json_t *nearest_node(const struct rule *rule, const struct flow_key *key, const struct port_names *names)
{
	struct match_difference d[MAX_FIELDS];
	struct ds match_text = DS_INIT, text = DS_INIT;
	struct match match;
	json_t *node;
	size_t n;

	cls_rule_match(&rule->cr, &match);
	match_format(&match, names, -1, &match_text);
	n = match_differences(&match, key, names, d, ARRAY_SIZE(d));
	put_sentence(rule, ds_cstr(&match_text), d, n, &text);
	node = json_pack("{s:s, s:i, s:s, s:o, s:s}", "type", "nearest", "priority", rule->cr.priority, "match",
			 ds_cstr(&match_text), "fields", fields_to_json(d, n), "text", ds_cstr(&text));
	ds_clear(&text);
	ds_printf(&text, "0x%" PRIx64, rule->cookie);
	json_object_set_new(node, "cookie", json_string(ds_cstr(&text)));
	ds_fini(&text);
	ds_fini(&match_text);
	return node;
}

void trace_put_nearest(const struct xlate_event *event, const struct port_names *names, json_t *steps)
{
	const struct rule *matched = event->rule;
	struct rule *rules[MAX_FOUND];
	size_t n, n_shown = 0;

	if (matched && matched->actions->len)
		return;
	n = tables_near_misses(event->bridge->tables, event->table, event->key, rules, ARRAY_SIZE(rules));
	for (size_t i = 0; i < n && n_shown < MAX_SHOWN; i++) {
		if (matched && rules[i]->cr.priority <= matched->cr.priority)
			continue;
		json_array_append_new(steps, nearest_node(rules[i], event->key, names));
		n_shown++;
	}
}

void trace_forget_nearest(json_t *steps)
{
	for (size_t i = 0; i < json_array_size(steps);) {
		json_t *node = json_array_get(steps, i), *inner = json_object_get(node, "steps");

		if (!strcmp(json_string_value(json_object_get(node, "type")), "nearest")) {
			json_array_remove(steps, i);
			continue;
		}
		if (inner)
			trace_forget_nearest(inner);
		i++;
	}
}
