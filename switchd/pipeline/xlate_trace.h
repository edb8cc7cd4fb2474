/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translation tells a listener while it runs: a tree of events in the order in which they happen. A bridge holds tables, a table
 * holds the actions of the rule that matched there and remarks on them, and among those the tables and bridges that the actions lead to.
 */
#ifndef SWITCHD_PIPELINE_XLATE_TRACE_H
#define SWITCHD_PIPELINE_XLATE_TRACE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "vsw/flow_key.h"

struct bridge;
struct ofact;
struct rule;

enum xlate_event_kind {
	/* These open a level, which XLATE_EV_END closes. */
	XLATE_EV_BRIDGE, /**< @bridge */
	XLATE_EV_TABLE, /**< @bridge, @table, @rule (NULL: no match), @key that was looked up, @version of the tables */
	XLATE_EV_ACTION_SET, /**< the action set is executed */
	XLATE_EV_END,

	XLATE_EV_ACTION, /**< @ofact; NULL: there are none, "drop" */
	XLATE_EV_DETAIL, /**< @text: what was found out */
	XLATE_EV_WARN,	 /**< @text: why something was not done */
	XLATE_EV_ERROR,	 /**< @text: a mistake in the rules or the configuration, or why the whole translation failed */
};

struct xlate_event {
	enum xlate_event_kind kind;
	const struct bridge *bridge;
	uint8_t table;
	const struct rule *rule;
	const struct flow_key *key;
	uint64_t version;
	const struct ofact *ofact;
	const char *text;
};

/** Embedded by the listener (switchd/trace.c). What an event points to is valid during the call only. */
struct xlate_trace {
	void (*event)(struct xlate_trace *self, const struct xlate_event *event);
	bool use_names; /**< texts have port names instead of numbers */
};

#endif
