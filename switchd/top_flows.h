/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which datapath flows are busy: how much each has forwarded since somebody asked last.
 *
 * Remembers the counters of the flows seen at the last question. Main thread.
 */
#ifndef SWITCHD_TOP_FLOWS_H
#define SWITCHD_TOP_FLOWS_H 1

#include <jansson.h>
#include <stddef.h>

/** Flows looked at per question; where there are more, the busiest of these are told. */
#define TOP_FLOWS_SEEN 50000
/** Questions closer to each other than this get the same answer. */
#define TOP_FLOWS_MIN_MS 100

/**
 * top_flows() - the busiest @n, by bytes
 *
 * Return: array of {"flow", "actions", "pps", "bps"}; a new reference, empty when asked for the first time.
 */
json_t *top_flows(size_t n);
void top_flows_fini(void);

#endif
