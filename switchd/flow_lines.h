/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as people hand them in: one line, or a file of many with comments. */
#ifndef SWITCHD_FLOW_LINES_H
#define SWITCHD_FLOW_LINES_H 1

#include <jansson.h>

#include "flow/flow_text.h"

struct bridge;

/** Parsed flows, and the line of each in its file. */
struct flow_lines {
	struct flow_mod *mods;
	unsigned int *lines; /**< 1-based; 0: there was but one, not from a file */
	size_t n;
};

/**
 * flow_lines_parse() - the flows of a request
 * @br: whose port names they may use; NULL: numbers only
 * @verb: what sentences begin with: "add-flow"
 * @flow: one flow, or NULL; else @flows: lines, blank ones and those that begin with '#' skipped
 * @file: name for messages, may be NULL
 *
 * Return: 0, or -EINVAL with @err ("add-flows rules.txt line 3: column 14: ..."). @lines: flow_lines_fini() always.
 */
int flow_lines_parse(const struct bridge *br, const char *verb, enum flow_mod_command command, const char *flow,
		     const char *flows, const char *file, struct flow_lines *lines, struct errtext *err);
void flow_lines_fini(struct flow_lines *lines);
/** flow_lines_append() - @fm moves: its actions belong to @lines afterwards. */
void flow_lines_append(struct flow_lines *lines, struct flow_mod *fm, unsigned int line);

/** flow_where() - put "VERB FILE line N: column C: " in front of a sentence. */
void flow_where(struct errtext *err, const char *verb, const char *file, unsigned int line);

#endif
