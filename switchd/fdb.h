/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding database of one bridge: which port a MAC address was last heard on, per VLAN.
 *
 * Entries are learnt (they age, and make room for others) or static (they do neither). When the table is full the port that has
 * learnt most gives up the entry it has not used for longest, so that one port that invents addresses pushes out its own.
 * Every operation costs the same in a full table as in an empty one.
 *
 * Threads: everything but fdb_free() comes from any thread; the table has a lock of its own. A lookup, and a refresh that
 * follows the last one within a second, take it shared and write nothing but the entry's time, a relaxed atomic.
 *
 * Ports are told apart by their struct port. The owner of a port calls fdb_flush_port() before the struct goes away.
 */
#ifndef SWITCHD_FDB_H
#define SWITCHD_FDB_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"

struct ds;
struct fdb;
struct port;

enum {
	FDB_DEFAULT_AGEING_MS = 300000,
	FDB_DEFAULT_MAX_ENTRIES = 8192,
	FDB_MIN_ENTRIES = 10,
	FDB_MAX_ENTRIES = 1000000,
};

/** What a change that can alter answers was about; @mac is NULL when it was about many. */
struct fdb_change {
	const uint8_t *mac;
	uint16_t vlan;
	const struct port *from, *to; /**< when the address moved, else NULL */
	unsigned int n_moves;	      /**< how often it did within FDB_FLAP_MS, this time included */
};

/** So many moves within so long are no host that was carried from one socket to another. */
enum { FDB_FLAP_MS = 5000, FDB_FLAP_MOVES = 8 };

/** Called without the table's lock, in the thread that made the change; may be called for what changed nothing in the end. */
typedef void fdb_changed_fn(void *aux, const struct fdb_change *change);

struct fdb *fdb_new(fdb_changed_fn *changed, void *aux);
void fdb_free(struct fdb *fdb);

/** fdb_set_ageing() - learnt entries live @ms after their last use. */
void fdb_set_ageing(struct fdb *fdb, int64_t ms);
/** fdb_set_max_entries() - brought into FDB_MIN_ENTRIES to FDB_MAX_ENTRIES; what is too much now is evicted. */
void fdb_set_max_entries(struct fdb *fdb, size_t n);

/** fdb_lookup() - the port, or NULL when the address is not known. */
struct port *fdb_lookup(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6]);

/** fdb_is_held() - has a gratuitous ARP held the address where it is, against bonds? */
bool fdb_is_held(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], int64_t now_ms);

enum fdb_event {
	FDB_REFRESHED, /**< known there already */
	FDB_LEARNT,
	FDB_MOVED,   /**< known on another port until now */
	FDB_REFUSED, /**< static elsewhere, seen elsewhere later, locked by a gratuitous ARP, or no room */
};

/** A source address seen on a port. */
struct fdb_source {
	uint8_t mac[6];
	uint16_t vlan;
	struct port *port;
	bool is_gratuitous_arp;
	bool is_bond; /**< @port balances over several links */
	/** Known from a flow's counters: of two ports in one millisecond, the one that was heard of at once has it. */
	bool is_late;
};

/**
 * fdb_learn() - a packet from @source came in
 * @now_ms: when it did; news may be late (counters of cached flows), and then moves nothing that was heard of since
 *
 * A gratuitous ARP on a port that is not a bond holds the address there for 5 s against bonds: the copy that a switch sends back
 * to us over another member must not move it (as Open vSwitch does).
 */
enum fdb_event fdb_learn(struct fdb *fdb, const struct fdb_source *source, int64_t now_ms);

/** fdb_add_static() - and replace a learnt entry. Return: 0, or -ENOSPC when the table is full of static ones. */
int fdb_add_static(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], struct port *port, int64_t now_ms);
/** fdb_del() - learnt or static. Return: 0 or -ENOENT. */
int fdb_del(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6]);
/** fdb_flush() - forget what was learnt, on one port (NULL: any) and in one VLAN (-1: any). Return: number of entries. */
size_t fdb_flush(struct fdb *fdb, const struct port *port, int vlan);
/** fdb_flush_port() - drop everything on @port, static entries too; for a port that goes away. */
void fdb_flush_port(struct fdb *fdb, const struct port *port);

/** fdb_expire() - drop what has aged. Return: ms until the next is due, at least 1, at most 1000. */
int64_t fdb_expire(struct fdb *fdb, int64_t now_ms);

struct fdb_stats {
	size_t n_entries, n_static, max_entries;
	uint64_t n_learnt, n_expired, n_evicted, n_moved;
};
void fdb_get_stats(struct fdb *fdb, struct fdb_stats *stats);
/** fdb_stats_format() - the lines under `Statistics for bridge "br0":` of OVS's fdb/stats-show. */
void fdb_stats_format(const struct fdb_stats *stats, struct ds *out);
void fdb_clear_stats(struct fdb *fdb);

/** A copy of one entry. */
struct fdb_entry {
	uint8_t mac[6];
	uint16_t vlan;
	bool is_static;
	int64_t age_ms;	   /**< 0 for static ones */
	struct port *port; /**< valid as long as the caller holds switch_rdlock() or is the main thread */
};

/** fdb_get() - one entry. Return: false when the address is not known. */
bool fdb_get(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], int64_t now_ms, struct fdb_entry *entry);
/** fdb_snapshot() - copies of all entries, by VLAN and address; the caller frees. Return: their number. */
size_t fdb_snapshot(struct fdb *fdb, int64_t now_ms, struct fdb_entry **entries);
/** fdb_format() - the table as OVS's fdb/show prints it; caller as for struct fdb_entry.port. */
void fdb_format(struct fdb *fdb, int64_t now_ms, struct ds *out);
/** fdb_to_json() - array of {"port" (OpenFlow number), "name", "vlan", "mac", "age_s", "static"}. Return: new reference. */
json_t *fdb_to_json(struct fdb *fdb, int64_t now_ms);

/**
 * fdb_save() - write the table to a file, whole or not at all
 * @wall_ms: clock_wall_ms(): the entries age while nobody runs
 */
int fdb_save(struct fdb *fdb, const char *path, int64_t now_ms, int64_t wall_ms, struct errtext *err);
/**
 * fdb_load() - read what fdb_save() wrote
 * @find_port: by name, of this bridge; NULL for ports that are gone
 *
 * Entries too old by now, of ports that are gone, or in damaged lines are left out. Return: entries taken, or -errno (-ENOENT: no such
 * file) with @err.
 */
int fdb_load(struct fdb *fdb, const char *path, struct port *(*find_port)(void *aux, const char *name), void *aux,
	     int64_t now_ms, int64_t wall_ms, struct errtext *err);

#endif
