/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a datapath, for people: `vsw dump-dp-flows`. */
#ifndef SWITCHD_DP_DUMP_H
#define SWITCHD_DP_DUMP_H 1

#include <jansson.h>
#include <stdbool.h>

struct datapath;
struct dp_flow;
struct dp_port_names;
struct ds;

/**
 * dp_dump_flows() - a datapath's flows, one line each, in the syntax of OVS's dpctl/dump-flows
 * @wanted: which of them; NULL: all
 * @aux: its argument
 * @lines: JSON array that gets an object per flow: "id", "key", "packets", "bytes", "used_ms", "flags", "actions"; may be NULL
 */
void dp_dump_flows(struct datapath *dp, const struct dp_port_names *names,
		   bool (*wanted)(void *aux, const struct datapath *dp, const struct dp_flow *flow), void *aux,
		   struct ds *text, json_t *lines);

#endif
