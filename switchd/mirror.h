/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirrors (SPAN): copies of chosen packets of a bridge, to a port that is for nothing else, or, tagged with a VLAN that is for
 * nothing else (RSPAN), to every port that carries it.
 *
 * A packet is chosen by the port that it comes in on or goes out of, and then by its VLAN; it is copied as it is there, before or after
 * what the flow tables make of it. pipeline/mirror.c makes the copies, mirror.c keeps what they are made by. Both do what Open
 * vSwitch 3.1 does (tests/conformance/mirrors_vs_ovs), but for this: a packet that a mirror would send back by the port on which it came in is
 * not sent there.
 *
 * Threads: as all of bridge.h, except for the counters.
 */
#ifndef SWITCHD_MIRROR_H
#define SWITCHD_MIRROR_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "ovsdb/uuid.h"

struct bridge;
struct db;
struct db_txn;
struct port;

/** Mirrors of one bridge. */
#define MIRRORS_MAX 32

/** Some of a bridge's mirrors: bit I is the one at mirrors->list[I]. */
typedef uint32_t mirror_mask;

struct mirror {
	struct uuid uuid; /**< of its row */
	char *name;
	uint32_t serial;	       /**< never given twice: credits find it by this */
	struct port *out;	       /**< NULL: to a VLAN */
	uint16_t out_vlan;	       /**< 0: none; with neither it does nothing */
	uint16_t snaplen;	       /**< bytes of a copy at most; 0: all */
	uint64_t *vlans;	       /**< bitmap of N_VLANS; NULL: all */
	mirror_mask same_place;	       /**< itself, and others whose copies go to the same place */
	uint64_t tx_packets, tx_bytes; /**< chosen, whole; written by any thread with relaxed atomics */
};

/** Those of one bridge. */
struct mirrors {
	struct mirror list[MIRRORS_MAX];
	size_t n;
	mirror_mask all; /**< choose every port, in and out; others are in struct port */
};

/**
 * mirrors_follow() - make the bridge's mirrors what its row says
 * @txn: how to see the rows; NULL: as committed
 *
 * Return: 0, or -EINVAL with @err about the first mirror that cannot be; that one does nothing then.
 */
int mirrors_follow(struct bridge *br, struct db *db, const struct db_txn *txn, struct errtext *err);
/** mirrors_forget_port() - it leaves: nothing is copied to it any more. Under switch_wrlock(). */
void mirrors_forget_port(const struct port *port);
/** mirrors_free() - NULL: no effect. */
void mirrors_free(struct mirrors *mirrors);

/** mirror_count() - credit packets to a mirror, if it is still there. Any thread, under switch_rdlock(), or the main thread. */
void mirror_count(const struct bridge *br, uint32_t serial, uint64_t n_packets, uint64_t n_bytes);
/** mirrors_report() - the statistics column of all mirrors, from the counters. */
void mirrors_report(struct db *db);

#endif
