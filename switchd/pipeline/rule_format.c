/* SPDX-License-Identifier: Apache-2.0 */
/* A rule as text. */
#include "base/util.h"
#include "flow/flow_text.h"
#include "switchd/pipeline/table.h"

void rule_format(const struct rule *rule, const struct rule_format_options *options, struct ds *out)
{
	int64_t used_ms = __atomic_load_n(&rule->used_ms, __ATOMIC_RELAXED), now_ms = options->now_ms;
	struct match match;
	struct flow_stats fs = {
		.cookie = rule->cookie,
		.table = rule->table,
		.priority = rule->cr.priority,
		.idle_timeout_s = rule->idle_timeout_s,
		.hard_timeout_s = rule->hard_timeout_s,
		.importance = rule->importance,
		.flags = rule->flags,
		.duration_ms = (uint64_t)MAX(now_ms - rule->created_ms, 0),
		.n_packets = __atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED),
		.n_bytes = __atomic_load_n(&rule->n_bytes, __ATOMIC_RELAXED),
		.idle_age_s = MAX(now_ms - used_ms, 0) / 1000,
		.hard_age_s = MAX(now_ms - rule->modified_ms, 0) / 1000,
		.match = &match,
		.actions = rule->actions->ofacts,
		.actions_len = rule->actions->len,
	};

	cls_rule_match(&rule->cr, &match);
	flow_stats_format(&fs, options->names, options->no_stats ? FLOW_STATS_NO_STATS : 0, out);
}
