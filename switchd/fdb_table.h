/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three ways to an entry: the hash table by (VLAN, MAC); the list of its port, least recently used first, for eviction; and the list
 * of all learnt entries, likewise ordered, for ageing. Static entries are in the hash table and in their port's list of those.
 *
 * A refresh stores the time without moving the entry while the entry was moved less than a second ago, so both orders are
 * true to a second. Ageing is exact all the same: fdb_expire() judges by the time stored, and comes back for what is late.
 *
 * Which port has learnt most is known without a search: ports lie in lists by their number of entries, and that number changes
 * by one at a time, so that the longest list moves by one too.
 */
#ifndef SWITCHD_FDB_TABLE_H
#define SWITCHD_FDB_TABLE_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/list.h>

#include "base/hmap.h"
#include "switchd/fdb.h"

/** A refresh this long after the last one moves the entry to the end of its lists. */
#define FDB_REORDER_MS 1000

/* A port that has entries here. */
struct fdb_port {
	struct port *port;
	size_t n;			 /* learnt ones */
	struct hmap_node node;		 /* in fdb->ports, by address of the struct port */
	struct cds_list_head count_node; /* in fdb->by_count[n], while n */
	struct cds_list_head learnt;	 /* least recently used first */
	struct cds_list_head fixed;	 /* static ones */
};

/* One address in one VLAN. */
struct fdb_item {
	struct hmap_node node;		/* in fdb->entries */
	struct cds_list_head port_node; /* in owner->learnt or owner->fixed */
	struct cds_list_head age_node;	/* in fdb->ages; learnt ones only */
	struct fdb_port *owner;
	_Atomic int64_t used_ms;   /* written under the shared lock, too */
	int64_t ordered_ms;	   /* when it was put at the end of the lists */
	int64_t grat_arp_until_ms; /* until then no bond may take it */
	int64_t moves_since_ms;	   /* when n_moves began to be counted */
	unsigned int n_moves;
	uint16_t vlan;
	uint8_t mac[6];
	bool is_static;
};

struct fdb {
	pthread_rwlock_t lock;		/* for everything below but changed and aux */
	struct hmap entries;		/* by VLAN and address */
	struct hmap ports;		/* those that have entries */
	struct cds_list_head ages;	/* all learnt entries, least recently used first */
	struct cds_list_head *by_count; /* max_entries + 1 lists of ports, by number of learnt entries */
	size_t most;			/* highest such number of any port */
	size_t max_entries, n_static;
	int64_t ageing_ms;
	uint32_t basis; /* of hashes: nobody outside can choose addresses that collide */
	uint64_t n_learnt, n_expired, n_evicted, n_moved;
	fdb_changed_fn *changed;
	void *aux;
};

/* Everything below: the caller has the lock, for writing where something changes. */

struct cds_list_head *fdb_new_count_lists(size_t max_entries);
struct fdb_item *fdb_find(const struct fdb *fdb, uint16_t vlan, const uint8_t mac[6]);
struct fdb_port *fdb_find_port(const struct fdb *fdb, const struct port *port);
/** fdb_create() - into the hash table; fdb_attach() then gives it a port. */
struct fdb_item *fdb_create(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], bool is_static, int64_t now_ms);
void fdb_attach(struct fdb *fdb, struct fdb_item *e, struct port *port);
void fdb_detach(struct fdb *fdb, struct fdb_item *e);
void fdb_destroy(struct fdb *fdb, struct fdb_item *e);
/** fdb_to_end() - it was used last of all; not for static entries. */
void fdb_to_end(struct fdb *fdb, struct fdb_item *e, int64_t now_ms);
/** fdb_evict() - one entry fewer, if any may go; fdb_make_room() - until one more fits. */
bool fdb_evict(struct fdb *fdb);
bool fdb_make_room(struct fdb *fdb);

/** fdb_restore() - put an entry from before back, unless it is there, too old, or there is no room; oldest first. */
bool fdb_restore(struct fdb *fdb, const struct fdb_entry *saved, int64_t now_ms);
/** fdb_restored() - after the last fdb_restore(). */
void fdb_restored(struct fdb *fdb);

#endif
