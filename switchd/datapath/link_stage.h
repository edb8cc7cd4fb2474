/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link that is worse than the one there is: a stage for EGRESS_LINK that delays, loses, doubles and reorders packets, and sends no faster than
 * a rate.
 *
 * In this order: a packet is lost, or not; it waits until those before it are on the wire, and for its own bits at the rate; it is under way
 * for the delay, give or take the jitter, but never arrives before one that left earlier; unless it is one of those to be reordered: those
 * are not delayed at all, and overtake. A double arrives right behind its original. A GSO packet is one packet: lost, or not, as a whole.
 *
 * Chance comes from a generator with a seed: the same packets meet the same fate again.
 */
#ifndef SWITCHD_DATAPATH_LINK_STAGE_H
#define SWITCHD_DATAPATH_LINK_STAGE_H 1

#include "switchd/datapath/egress.h"

struct link_settings {
	uint64_t delay_ns, jitter_ns;
	uint64_t rate_bps;		   /**< 0: as fast as it goes */
	uint32_t loss, duplicate, reorder; /**< probabilities, in units of 1/2^32 */
	uint32_t seed;
};

/** link_settings_any() - do they change anything? */
static inline bool link_settings_any(const struct link_settings *s)
{
	return s->delay_ns || s->jitter_ns || s->rate_bps || s->loss || s->duplicate || s->reorder;
}

/** link_stage_new() - for EGRESS_LINK. */
struct egress_stage *link_stage_new(const struct link_settings *settings);

#endif
