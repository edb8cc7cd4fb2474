/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps datapath flows true, credited and few.
 *
 * Three things make a cached answer wrong: a change of the flow tables, a change of ports and bridges, a change of the FDB. The
 * first two are commands, and a command's effect is visible to the next packet after it returned: revalidate_tables() and
 * revalidate_all() re-translate before they return, or, beyond SYNC_MAX flows, invalidate the datapath's flows at once (each packet is then
 * translated anew) and let the thread go through them. The FDB changes with the traffic; its changes are followed by
 * the thread, within milliseconds.
 *
 * The thread also asks the datapaths every PERIOD_MS which flows were used, moves their counters to the rules, and evicts flows idle for
 * IDLE_MS; where there are as many as there may be (flow_limit.h), those longest idle, so that there is room for others. It works in
 * batches and lets go of the locks between them.
 */
#ifndef SWITCHD_REVALIDATE_H
#define SWITCHD_REVALIDATE_H 1

#include <stdbool.h>
#include <stdint.h>

struct bridge;
struct datapath;

/** revalidate_start() - the thread. Return: 0 or -errno. */
int revalidate_start(void);
/** revalidate_stop() - end the thread and forget every flow, crediting the last counters; datapaths must be open still. */
void revalidate_stop(void);

/** revalidate_tables() - table T of some bridge changed for each bit T. Main thread, outside of the switch's locks. */
void revalidate_tables(const uint64_t tables[4]);
/** revalidate_all() - ports, bridges or their settings changed. Main thread, outside of the switch's locks. */
void revalidate_all(void);
/** revalidate_forget_bridge() - no flow credits @br any more; call before it is freed. Main thread, outside of the locks. */
void revalidate_forget_bridge(const struct bridge *br);
/** revalidate_forget_datapath() - no flow of @dp is left; call before it is closed. Main thread, outside of the locks. */
void revalidate_forget_datapath(const struct datapath *dp);
/** revalidate_fdb_changed() - any thread, any lock. */
void revalidate_fdb_changed(void);

/**
 * revalidate_relearn() - the next packet of each flow of a bridge that looks into the FDB is translated anew, and so teaches the FDB where its
 * source is; first that of flows that learn, then of those that do not because the source was known elsewhere
 */
void revalidate_relearn(const struct bridge *br);
/** revalidate_soon() - answers have changed that no command waits for: the next pass begins at once, and begins with them. Any thread, any lock. */
void revalidate_soon(void);

/** revalidate_pull_stats() - credit everything counted until now to the rules. Main thread, outside of the switch's locks. */
void revalidate_pull_stats(void);

/** revalidate_set_idle_ms() - set after how long an unused flow is evicted (other_config:max-idle; default 10,000). */
void revalidate_set_idle_ms(int64_t ms);

/** revalidate_set_max_flows() - other_config:flow-limit; what is more is evicted. */
void revalidate_set_max_flows(uint32_t max_flows);
/** revalidate_has_room() - whether one more flow may be installed. Any thread. */
bool revalidate_has_room(void);

struct revalidate_stats {
	uint64_t n_passes, n_retranslated, n_changed, n_evicted_idle, n_invalidations;
	int64_t last_pass_us;
	uint32_t flow_limit, max_flows; /**< how many there may be now, and at most */
	uint64_t n_refused;		/**< flows that were not installed for the limit's sake */
};
void revalidate_get_stats(struct revalidate_stats *stats);

#endif
