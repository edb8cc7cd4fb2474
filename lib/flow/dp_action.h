/* SPDX-License-Identifier: Apache-2.0 */
/* Building and printing lists of datapath actions (vsw/dp_action.h). */
#ifndef FLOW_DP_ACTION_H
#define FLOW_DP_ACTION_H 1

#include <stdbool.h>
#include <stddef.h>

#include "vsw/dp_action.h"

struct ds;

/** A list under construction over memory of the owner; `overflow` sticks once something did not fit. */
struct dp_actions {
	uint8_t *data; /**< 8-byte aligned */
	size_t len, cap;
	bool overflow;
};

/**
 * dp_actions_put() - append a zeroed record
 * @size: of the record's struct; 0 for a bare struct dp_action
 * Return: the record, or a scratch record that goes nowhere when the list is full (then @list->overflow is set).
 */
void *dp_actions_put(struct dp_actions *list, enum dp_action_type type, size_t size);
void dp_actions_put_u32(struct dp_actions *list, enum dp_action_type type, uint32_t arg);
/** dp_actions_nest_begin() - start a DP_CLONE or DP_SAMPLE. Return: offset to give to dp_actions_nest_end(). */
size_t dp_actions_nest_begin(struct dp_actions *list, enum dp_action_type type, size_t size);
void dp_actions_nest_end(struct dp_actions *list, size_t ofs);

/** dp_actions_valid() - whether any bytes are a well-formed list (for lists from outside: dumps, a predecessor's maps). */
bool dp_actions_valid(const void *actions, size_t len);

/** Printing names for datapath port numbers; may be NULL everywhere. */
struct dp_port_names {
	const char *(*name)(const struct dp_port_names *self, uint32_t port);
};

/** dp_actions_format() - in Open vSwitch's syntax: "push_vlan(vid=10,pcp=0),2,set(ipv4(ttl=63)),3"; "drop" when empty. */
void dp_actions_format(const void *actions, size_t len, const struct dp_port_names *names, struct ds *out);

/** drop_reason_name() - "no-rule" etc.; "unknown" for numbers out of range. */
const char *drop_reason_name(unsigned int reason);

#endif
