/* SPDX-License-Identifier: Apache-2.0 */
/* A datapath as people see it: lookups, flows and their limit, memory, what the daemon has to do itself, ports. */
#ifndef SWITCHD_DP_SHOW_H
#define SWITCHD_DP_SHOW_H 1

#include <jansson.h>

struct datapath;
struct ds;

/** dp_show_datapath() - appends to @text. Return: the same as an object, the caller's. Main thread. */
json_t *dp_show_datapath(struct datapath *dp, struct ds *text);

#endif
