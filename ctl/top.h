/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw top`: two samples of the daemon's counters make rates (top_rates.c), rates make a screen (top_screen.c).
 *
 * A report is JSON, and is what --json prints:
 *   {"interval_s", "cpu": {stage: percent of one core}, "machine": {"cpus", "busy", "softirq"} (percent of all cores),
 *    "datapaths": [{"type", "flows", "masks", "hits_ps", "misses_ps", "lost_ps", "daemon_flows"}], "upcalls": {kind: per second},
 *    "drops": [{"reason", "per_s", "total"}], "ports": [{"name", "bridge", "up", "rx_pps", "rx_bps", "tx_pps", "tx_bps", "drops_ps",
 *    "queued"}], "flows": [{"flow", "actions", "pps", "bps"}]}
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/** What ports are ordered by. */
enum top_sort { TOP_SORT_TRAFFIC, TOP_SORT_PACKETS, TOP_SORT_DROPS, TOP_SORT_NAME, TOP_N_SORTS };

/** top_sort_name() - "traffic", "packets", "drops", "name". */
const char *top_sort_name(enum top_sort sort);

/** top_rates() - @then and @now: two results of top/sample. Return: a new report. */
json_t *top_rates(const json_t *then, const json_t *now, enum top_sort sort);

/** top_draw() - @columns wide and @rows high; 0: as much as there is to say. */
void top_draw(FILE *out, const json_t *report, enum top_sort sort, int columns, int rows);

#endif
