/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw trace`: what the switch would do with a packet, and why. It runs the translation that real packets run, against the live
 * tables and FDB, and changes nothing.
 *
 * The result is a JSON object; the text of OVS's ofproto/trace is made from it and is one of its members:
 *
 *   flow              "Flow:" as the bridge sees the packet
 *   steps             array of nodes, see below
 *   final_flow        "unchanged", or the flow after all rewrites
 *   megaflow          what a cached flow for this would match
 *   datapath_actions  "drop", or what it would do
 *   outputs           names of the ports that get a copy, each once
 *   drop_reason       a name of DROP_REASONS; only when it drops
 *   drop              the same with "reason", "text" (a sentence), "bridge", "table" and, if a rule did it, its "cookie"
 *   text              all of it for people
 *
 * A node has "type" and
 *   bridge      "name", "steps"
 *   table       "table", "match" ("priority" and "cookie" beside it; null when no rule matched), "steps"
 *   action-set  "steps": the actions of the action set
 *   nearest     a rule of the table above it that missed, when the packet is dropped: "priority", "match", "cookie", "fields" (array of {"field",
 *               "is", "wants"}), "text"; up to three, nearest first
 *   normal      what NORMAL is about to do: "decision" (flood, forward or hairpin), "vlan", "in", "source" and "destination" ({"mac", "port",
 *               "age_s", "static"}; "port" null: not in the FDB), "ports" (of a flood, {"port", "sent", "why"}), "lines" for people
 *   action      "action": its text
 *   detail, warning, error   "text": a remark on the action before it
 */
#ifndef SWITCHD_TRACE_H
#define SWITCHD_TRACE_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"

struct bridge;

struct trace_options {
	bool generate; /**< make up a packet that has the flow's fields */
	bool names;    /**< port names instead of numbers */
};

/**
 * trace_run() - trace one packet through a bridge; main thread
 * @flow_text: "in_port=1,tcp,nw_src=..."; where there is a packet, only its metadata (in_port, registers ...) is used
 * @packet: @packet_len bytes of a frame, or NULL
 * @result: new reference
 *
 * Return: 0, or -EINVAL with @err: the flow does not parse, the frame has no Ethernet header.
 */
int trace_run(struct bridge *br, const char *flow_text, const uint8_t *packet, size_t packet_len,
	      const struct trace_options *options, json_t **result, struct errtext *err);

#endif
