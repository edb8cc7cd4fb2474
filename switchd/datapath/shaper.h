/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shaper of our own: queues with rates, for ports whose device cannot have the kernel's HTB. It does what HTB with one level of classes does.
 *
 * The port has a rate that is never exceeded. Each queue has one that it is sure of (min), one that it may not exceed (max), and a
 * priority. Of the queues that have packets and are below their max, those below their min come first, then the others, that borrow; among
 * either, the lowest priority number, and equals share by weight: as their mins are to each other.
 *
 * Rates are kept by time: a bucket says until when what was sent is paid for. A shaper that is asked late, since the thread that drives
 * it slept too long, does what it should have done, in order, as of then; what it is late by more than 50 ms is lost.
 */
#ifndef SWITCHD_DATAPATH_SHAPER_H
#define SWITCHD_DATAPATH_SHAPER_H 1

#include "switchd/datapath/egress.h"

struct shaper;

struct shaper_queue_config {
	uint32_t id;		     /**< packets with skb_priority 1:(id + 1) are its */
	uint64_t min_rate, max_rate; /**< bit/s, not 0 */
	uint64_t burst;		     /**< bits */
	uint32_t priority;	     /**< 0 comes first */
};

struct shaper_queue_stats {
	uint32_t id;
	uint64_t n_packets, n_bytes, n_dropped; /**< as on the wire */
};

/**
 * shaper_new() - a stage for EGRESS_SHAPER
 * @queues: @n of them, at least one; the first takes the packets that name no other
 */
struct egress_stage *shaper_new(uint64_t max_rate, const struct shaper_queue_config *queues, size_t n);
/** shaper_stats() - of the @i-th queue. From the main thread, while the stage is in a line. */
void shaper_stats(const struct egress_stage *stage, size_t i, struct shaper_queue_stats *stats);

#endif
