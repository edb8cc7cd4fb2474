/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop guard: ports that are joined outside of the switch, where every broadcast would go round for ever.
 *
 * What shows a loop
 * -----------------
 *   a probe      where other_config:loop-guard is log or block, on a bridge or a port, a small frame goes out once a second (Ethernet type 0x9000,
 *                Ethernet's own configuration test, from the bridge's address). One that comes back to its bridge is proof, and says
 *                which port it left by.
 *   a frame      from the bridge's own address that comes in from outside: proof, too, always looked for.
 *   an address   that moves to and fro between two ports (fdb.h): a loop, or two hosts with one address. It is told, and nothing is done.
 *
 * What is done
 * ------------
 * log tells (events.h); block also closes one of the ports, that with the higher number, for loop-guard-time (30 s): it neither receives nor sends, and
 * what would go there or comes from there is dropped as "loop-guard". Then it is opened, and closed again should the loop still be there.
 *
 * Threads: sightings come from translation, in any thread; all else happens in the main thread.
 */
#ifndef SWITCHD_LOOP_GUARD_H
#define SWITCHD_LOOP_GUARD_H 1

#include <stdint.h>

#include "base/errtext.h"

struct bridge;
struct db_row;
struct db_txn;
struct iface;
struct packet;
struct port;

/** Ethernet's configuration test (Ethernet Configuration Testing Protocol, DIX 2.0, chapter 8). */
#define LOOP_PROBE_ETH_TYPE 0x9000

enum loop_guard_mode {
	LOOP_GUARD_UNSET, /**< a port: as its bridge; a bridge: off */
	LOOP_GUARD_OFF,
	LOOP_GUARD_LOG,
	LOOP_GUARD_BLOCK,
};

/** Of a bridge, or of a port, which comes first. */
struct loop_guard_settings {
	enum loop_guard_mode mode;
	uint32_t block_s; /**< 0: not given */
};

/** loop_guard_settings_of() - of a Bridge or Port row. Return: 0, or -EINVAL with @err, which names the key. */
int loop_guard_settings_of(const struct db_row *row, const struct db_txn *txn, struct loop_guard_settings *s,
			   struct errtext *err);
/** loop_guard_follow() - settings have changed: probes are sent while any port is to be guarded. */
void loop_guard_follow(const struct loop_guard_settings *settings);
void loop_guard_stop(void);

/* Sightings: any thread, under switch_rdlock(). */

/** loop_guard_saw_probe() - a probe of the bridge's own came in on @in. @packet: parsed; NULL: nobody knows where it was sent. */
void loop_guard_saw_probe(const struct iface *in, const struct packet *packet);
/** loop_guard_saw_own() - a frame from the bridge's own address came in on @in. */
void loop_guard_saw_own(const struct bridge *br, const struct port *in);

#endif
