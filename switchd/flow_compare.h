/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing sets of flows: those of a bridge, those of a file. */
#ifndef SWITCHD_FLOW_COMPARE_H
#define SWITCHD_FLOW_COMPARE_H 1

#include "base/ds.h"
#include "switchd/flow_lines.h"

struct bridge;

struct flow_difference {
	size_t n_added, n_deleted, n_modified;
};

/** flow_filter_all() - a filter for tables_each() that every rule passes. */
struct flow_mod flow_filter_all(void);

/** flow_lines_of_bridge() - what a bridge has, as if read from a file. flow_lines_fini() it. */
void flow_lines_of_bridge(const struct bridge *br, struct flow_lines *lines);

/**
 * flow_compare_replace() - the bundle that makes a bridge have just these flows; those that it has already keep their counters
 * @wanted: adds only; emptied of what moves into @bundle
 *
 * Return: 0, or -EINVAL with @err.
 */
int flow_compare_replace(const struct bridge *br, struct flow_lines *wanted, struct flow_lines *bundle,
			 struct flow_difference *d, struct errtext *err);

/**
 * flow_compare_diff() - what is in one set and not, or not the same, in the other
 * @only_a, @only_b: arrays that get the flows as text
 */
void flow_compare_diff(const struct flow_lines *a, const struct flow_lines *b, json_t *only_a, json_t *only_b);

#endif
