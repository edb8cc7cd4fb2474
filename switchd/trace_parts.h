/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a trace that take some working out; for trace.c. */
#ifndef SWITCHD_TRACE_PARTS_H
#define SWITCHD_TRACE_PARTS_H 1

#include <jansson.h>

struct port_names;
struct xlate_event;
struct xlate_normal;

/**
 * trace_put_nearest() - append "nearest" nodes to @steps: rules of the event's table that the packet missed by the fewest fields
 * @event: of XLATE_EV_TABLE
 *
 * Where no rule matched: any; where one matched that does nothing: those that would have won over it. Nothing in other cases.
 */
void trace_put_nearest(const struct xlate_event *event, const struct port_names *names, json_t *steps);
/** trace_forget_nearest() - take them out again, everywhere: the packet was not dropped. */
void trace_forget_nearest(json_t *steps);

/** trace_normal() - the "normal" node. Return: new reference. */
json_t *trace_normal(const struct xlate_normal *normal);

#endif
