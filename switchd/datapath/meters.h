/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meters of one datapath: a table of slots (vsw/dp_meter.h) in memory of the datapath's, and the clock they run by.
 *
 * Changes come from the main thread; packets charge from any thread meanwhile, and from the BPF program where the memory is one of its maps.
 * A meter under change may let a packet or two pass: a slot is closed (no bands) while it is written.
 */
#ifndef SWITCHD_DATAPATH_METERS_H
#define SWITCHD_DATAPATH_METERS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switchd/datapath/datapath.h"
#include "vsw/dp_meter.h"

struct packet;

struct meters {
	struct dp_meter_slot *slots;
	uint32_t n;
	uint64_t (*now_ns)(void);
	bool is_borrowed; /**< the memory is somebody else's */
};

/** meters_new() - slots of its own memory, for datapaths outside of the kernel. The memory of slots never used costs nothing. */
void meters_new(struct meters *meters, uint32_t n, uint64_t (*now_ns)(void));
void meters_free(struct meters *meters);

/** meters_monotonic_ns() - CLOCK_MONOTONIC: what bpf_ktime_get_ns() reads, too. */
uint64_t meters_monotonic_ns(void);

/* As datapath_ops.meter_*(). */
int meters_set(struct meters *meters, uint32_t id, const struct dp_meter *meter);
int meters_del(struct meters *meters, uint32_t id);
int meters_stats(const struct meters *meters, uint32_t id, struct dp_meter_stats *stats);

/** meters_load_of() - what a parsed packet will be on the wire. */
struct dp_meter_load meters_load_of(const struct packet *p);

/**
 * meters_charge() - a packet meets a meter
 * @p: parsed
 *
 * Return: enum drop_reason; DROP_NONE when it passes. A meter that does not exist lets everything pass.
 */
enum drop_reason meters_charge(const struct meters *meters, uint32_t id, const struct packet *p);

#endif
