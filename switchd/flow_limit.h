/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many datapath flows there may be.
 *
 * A flow costs memory and, while it is kept true, time. other_config:flow-limit says how many there may be at most (200,000). Below that the
 * limit follows what the machine can do, as in Open vSwitch: where a pass over all flows takes longer than a second or two, it
 * falls; where passes are quick and the limit is what keeps flows out, it rises again. Packets of flows that are not let in are
 * translated by the daemon, each of them.
 */
#ifndef SWITCHD_FLOW_LIMIT_H
#define SWITCHD_FLOW_LIMIT_H 1

#include <stdint.h>

/** The limit never falls below this (or the configured one, if that is lower). */
#define FLOW_LIMIT_MIN 1000

/**
 * flow_limit_next() - the limit after a pass
 * @limit: until now
 * @max: configured
 * @n_flows: that the pass went over
 * @pass_ms: how long it took
 */
uint32_t flow_limit_next(uint32_t limit, uint32_t max, uint64_t n_flows, int64_t pass_ms);

#endif
