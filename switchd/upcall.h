/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misses: translate the packet, install a datapath flow for those that follow, and remember it.
 */
#ifndef SWITCHD_UPCALL_H
#define SWITCHD_UPCALL_H 1

#include "switchd/datapath/datapath.h"

/** upcall_handle() - the dp_upcall_fn of every datapath; @aux is the struct datapath ** that the datapath was opened into. */
void upcall_handle(void *aux, const struct dp_upcall *upcall, struct dp_upcall_reply *reply);

struct upcall_stats {
	uint64_t n_misses;	   /**< translated */
	uint64_t n_slow_path;	   /**< packets of flows that the datapath cannot run by itself */
	uint64_t n_for_controller; /**< copies of packets for a controller, of which none listens */
	uint64_t n_not_installed;  /**< flow table full, or somebody else installed the same flow first */
	uint64_t busy_ns;	   /**< processor time spent on all of them, by all threads; estimated */
};
void upcall_get_stats(struct upcall_stats *stats);

#endif
