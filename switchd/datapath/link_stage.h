/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link that is worse than the one there is: a stage for EGRESS_LINK that delays, loses, doubles, damages and reorders packets, and sends no
 * faster than a rate. In a port's egress line it is the way out, in its ingress line the way in.
 *
 * In this order: a packet is lost, or not; it waits until those before it are on the wire, and for its own bits at the rate; it is under way
 * for the delay, give or take the jitter, but never arrives before one that left earlier; unless it is one of those to be reordered: those
 * are not delayed at all, and overtake. A double arrives right behind its original. A GSO packet is one packet: lost, or not, as a whole.
 *
 * A damaged packet has one bit anywhere turned over. Its checksums are completed before, or the receiver would not notice; a GSO packet is
 * cut for that, and one of its frames damaged.
 *
 * Where a rate is set what waits for the wire may take 200 ms of its time, and 256 KiB at least; what comes then is lost.
 *
 * Chance comes from a generator with a seed: the same packets meet the same fate again.
 */
#ifndef SWITCHD_DATAPATH_LINK_STAGE_H
#define SWITCHD_DATAPATH_LINK_STAGE_H 1

#include "switchd/datapath/egress.h"

struct link_settings {
	uint64_t delay_ns, jitter_ns;
	uint64_t rate_bps;			    /**< 0: as fast as it goes */
	uint32_t loss, duplicate, reorder, corrupt; /**< probabilities, in units of 1/2^32 */
	uint32_t seed;
	uint32_t direction; /**< enum link_direction: where they apply; the stage does not look at it */
};

/** link_settings_any() - do they change anything? */
static inline bool link_settings_any(const struct link_settings *s)
{
	return s->delay_ns || s->jitter_ns || s->rate_bps || s->loss || s->duplicate || s->reorder || s->corrupt;
}

/** What the stage has done so far. A GSO packet is one. */
struct link_stats {
	uint64_t n_packets; /**< that came */
	uint64_t n_lost;    /**< of them by chance */
	uint64_t n_full;    /**< for want of room in the queue */
	uint64_t n_duplicated, n_reordered, n_corrupted;
	uint64_t n_queued; /**< under way now */
};

/** link_stage_new() - for EGRESS_LINK. */
struct egress_stage *link_stage_new(const struct link_settings *settings);
/** link_stage_stats() - from the main thread, while the stage is in a line. */
void link_stage_stats(const struct egress_stage *stage, struct link_stats *stats);

#endif
