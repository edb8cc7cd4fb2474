/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm guard: how many broadcast, multicast and unknown unicast packets a port may bring per second (Port.other_config:storm-*).
 *
 * Each kind has a meter of the datapath, that translation puts in front of what becomes of such packets: broadcast and multicast where the packet
 * comes in, whatever the tables say of it; unicast that NORMAL knows no port for where NORMAL floods it. What is beyond the rate is dropped as "storm",
 * in the kernel where the flow is there. Patch and tunnel ports have no such limits: what comes through them came in somewhere else.
 *
 * The meters are looked at once a second. A storm that begins or ends is an event that says what came in and what was let through.
 *
 * Everything from the main thread.
 */
#ifndef SWITCHD_STORM_H
#define SWITCHD_STORM_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"

struct datapath;
struct db_row;
struct db_txn;
struct iface;

enum storm_class { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN, STORM_N_CLASSES };

/** Packets per second, 0: any number; and how many may come at once, 0: as many as in a second. */
struct storm_settings {
	uint32_t pps[STORM_N_CLASSES];
	uint32_t burst;
};

/** storm_class_name() - "broadcast", "multicast", "unknown unicast". */
const char *storm_class_name(enum storm_class class);

/** storm_settings_of() - of a Port row. Return: 0, or -EINVAL with @err, which names the key. */
int storm_settings_of(const struct db_row *row, const struct db_txn *txn, struct storm_settings *s,
		      struct errtext *err);
/** storm_follow() - make the datapath's meters what the settings of its port say, and translation use them or not. No effect without a device. */
void storm_follow(struct iface *iface);
/** storm_leave() - its datapath port is going away. */
void storm_leave(struct iface *iface);

#endif
