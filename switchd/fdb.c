// SPDX-License-Identifier: Apache-2.0
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
#include "switchd/fdb.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include <urcu/list.h>

#include "base/ds.h"
#include "base/hmap.h"
#include "base/util.h"
#include "switchd/fdb_internal.h"

enum {
	REORDER_MS = 1000,
	GRATUITOUS_ARP_LOCK_MS = 5000,
	EXPIRE_BATCH = 1024, /* entries per call: others want the lock too */
};

/* A port that has entries here. */
struct fdb_port {
	struct port *port;
	size_t n;			 /* learnt ones */
	struct hmap_node node;		 /* in fdb->ports, by address of the struct port */
	struct cds_list_head count_node; /* in fdb->by_count[n], while n */
	struct cds_list_head learnt;	 /* least recently used first */
	struct cds_list_head fixed;	 /* static ones */
};

struct entry {
	struct hmap_node node;
	struct cds_list_head port_node;
	struct cds_list_head age_node; /* learnt ones only */
	struct fdb_port *owner;
	_Atomic int64_t used_ms;
	int64_t ordered_ms; /* when it was put at the end of the lists */
	int64_t grat_arp_until_ms;
	uint16_t vlan;
	uint8_t mac[6];
	bool is_static;
};

struct fdb {
	pthread_rwlock_t lock;
	struct hmap entries;
	struct hmap ports;
	struct cds_list_head ages;
	struct cds_list_head *by_count; /* max_entries + 1 of them */
	size_t most;			/* highest n of any port */
	size_t max_entries, n_static;
	int64_t ageing_ms;
	uint32_t basis; /* nobody outside can choose addresses that collide */
	uint64_t n_learnt, n_expired, n_evicted, n_moved;
	fdb_changed_fn *changed;
	void *aux;
};

static uint32_t hash_of(const struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	uint64_t x = (uint64_t)vlan << 48;

	for (int i = 0; i < 6; i++)
		x |= (uint64_t)mac[i] << (8 * i);
	return hash_words(&x, 1, fdb->basis);
}

static struct entry *find(const struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	struct entry *e;

	HMAP_FOR_EACH_WITH_HASH(e, node, hash_of(fdb, vlan, mac), &fdb->entries)
		if (e->vlan == vlan && !memcmp(e->mac, mac, sizeof e->mac))
			return e;
	return NULL;
}

static void notify(const struct fdb *fdb, uint16_t vlan, const uint8_t *mac)
{
	if (fdb->changed)
		fdb->changed(fdb->aux, &(struct fdb_change){.mac = mac, .vlan = vlan});
}

static struct cds_list_head *new_count_lists(size_t max_entries)
{
	struct cds_list_head *lists = xmalloc((max_entries + 1) * sizeof *lists);

	for (size_t i = 0; i <= max_entries; i++)
		CDS_INIT_LIST_HEAD(&lists[i]);
	return lists;
}

struct fdb *fdb_new(fdb_changed_fn *changed, void *aux)
{
	struct fdb *fdb = xzalloc(sizeof *fdb);

	pthread_rwlock_init(&fdb->lock, NULL);
	hmap_init(&fdb->entries);
	hmap_init(&fdb->ports);
	CDS_INIT_LIST_HEAD(&fdb->ages);
	fdb->max_entries = FDB_DEFAULT_MAX_ENTRIES;
	fdb->by_count = new_count_lists(fdb->max_entries);
	fdb->ageing_ms = FDB_DEFAULT_AGEING_MS;
	if (getrandom(&fdb->basis, sizeof fdb->basis, GRND_NONBLOCK) != sizeof fdb->basis)
		fdb->basis = (uint32_t)(uintptr_t)fdb;
	fdb->changed = changed;
	fdb->aux = aux;
	return fdb;
}

/* ---- ports ---- */

static struct fdb_port *find_port(const struct fdb *fdb, const struct port *port)
{
	struct fdb_port *p;

	HMAP_FOR_EACH_WITH_HASH(p, node, hash_u64((uintptr_t)port, 0), &fdb->ports)
		if (p->port == port)
			return p;
	return NULL;
}

static struct fdb_port *get_port(struct fdb *fdb, struct port *port)
{
	struct fdb_port *p = find_port(fdb, port);

	if (!p) {
		p = xzalloc(sizeof *p);
		p->port = port;
		CDS_INIT_LIST_HEAD(&p->learnt);
		CDS_INIT_LIST_HEAD(&p->fixed);
		hmap_insert(&fdb->ports, &p->node, hash_u64((uintptr_t)port, 0));
	}
	return p;
}

static void put_port(struct fdb *fdb, struct fdb_port *p)
{
	if (cds_list_empty(&p->learnt) && cds_list_empty(&p->fixed)) {
		hmap_remove(&fdb->ports, &p->node);
		free(p);
	}
}

static void set_count(struct fdb *fdb, struct fdb_port *p, size_t n)
{
	if (p->n)
		cds_list_del(&p->count_node);
	p->n = n;
	if (n)
		cds_list_add_tail(&p->count_node, &fdb->by_count[n]);
	fdb->most = MAX(fdb->most, n);
	while (fdb->most && cds_list_empty(&fdb->by_count[fdb->most]))
		fdb->most--;
}

/* ---- entries in their lists ---- */

static void attach(struct fdb *fdb, struct entry *e, struct port *port)
{
	e->owner = get_port(fdb, port);
	if (e->is_static) {
		cds_list_add_tail(&e->port_node, &e->owner->fixed);
		fdb->n_static++;
		return;
	}
	cds_list_add_tail(&e->port_node, &e->owner->learnt);
	cds_list_add_tail(&e->age_node, &fdb->ages);
	set_count(fdb, e->owner, e->owner->n + 1);
}

static void detach(struct fdb *fdb, struct entry *e)
{
	cds_list_del(&e->port_node);
	if (e->is_static) {
		fdb->n_static--;
	} else {
		cds_list_del(&e->age_node);
		set_count(fdb, e->owner, e->owner->n - 1);
	}
	put_port(fdb, e->owner);
}

static void destroy(struct fdb *fdb, struct entry *e)
{
	detach(fdb, e);
	hmap_remove(&fdb->entries, &e->node);
	free(e);
}

static void to_end(struct fdb *fdb, struct entry *e, int64_t now_ms)
{
	cds_list_del(&e->port_node);
	cds_list_add_tail(&e->port_node, &e->owner->learnt);
	cds_list_del(&e->age_node);
	cds_list_add_tail(&e->age_node, &fdb->ages);
	e->ordered_ms = now_ms;
}

static struct entry *create(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], bool is_static, int64_t now_ms)
{
	struct entry *e = xzalloc(sizeof *e);

	e->vlan = vlan;
	memcpy(e->mac, mac, sizeof e->mac);
	e->is_static = is_static;
	e->used_ms = e->ordered_ms = now_ms;
	hmap_insert(&fdb->entries, &e->node, hash_of(fdb, vlan, mac));
	return e;
}

/* Whether there is one entry less now. */
static bool evict(struct fdb *fdb)
{
	struct fdb_port *p;

	if (!fdb->most)
		return false;
	p = cds_list_first_entry(&fdb->by_count[fdb->most], struct fdb_port, count_node);
	destroy(fdb, cds_list_first_entry(&p->learnt, struct entry, port_node));
	fdb->n_evicted++;
	return true;
}

static bool make_room(struct fdb *fdb)
{
	return hmap_count(&fdb->entries) < fdb->max_entries || evict(fdb);
}

void fdb_free(struct fdb *fdb)
{
	struct entry *e;

	if (!fdb)
		return;
	HMAP_FOR_EACH_SAFE(e, node, &fdb->entries)
		destroy(fdb, e);
	hmap_fini(&fdb->entries);
	hmap_fini(&fdb->ports);
	free(fdb->by_count);
	pthread_rwlock_destroy(&fdb->lock);
	free(fdb);
}

/* ---- settings ---- */

void fdb_set_ageing(struct fdb *fdb, int64_t ms)
{
	pthread_rwlock_wrlock(&fdb->lock);
	fdb->ageing_ms = ms;
	pthread_rwlock_unlock(&fdb->lock);
}

void fdb_set_max_entries(struct fdb *fdb, size_t n)
{
	bool evicted = false;
	struct fdb_port *p;

	n = MIN(MAX(n, (size_t)FDB_MIN_ENTRIES), (size_t)FDB_MAX_ENTRIES);
	pthread_rwlock_wrlock(&fdb->lock);
	if (n != fdb->max_entries) {
		while (hmap_count(&fdb->entries) > n && evict(fdb))
			evicted = true;
		fdb->max_entries = n;
		free(fdb->by_count);
		fdb->by_count = new_count_lists(n);
		HMAP_FOR_EACH(p, node, &fdb->ports)
			if (p->n)
				cds_list_add_tail(&p->count_node, &fdb->by_count[p->n]);
	}
	pthread_rwlock_unlock(&fdb->lock);
	if (evicted)
		notify(fdb, 0, NULL);
}

/* ---- lookup, learning ---- */

struct port *fdb_lookup(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	struct entry *e;
	struct port *port;

	pthread_rwlock_rdlock(&fdb->lock);
	e = find(fdb, vlan, mac);
	port = e ? e->owner->port : NULL;
	pthread_rwlock_unlock(&fdb->lock);
	return port;
}

/* Times only grow: a refresh from old counters must not make an entry older. */
static void raise_used(struct entry *e, int64_t used_ms)
{
	int64_t old = atomic_load_explicit(&e->used_ms, memory_order_relaxed);

	while (old < used_ms && !atomic_compare_exchange_weak_explicit(&e->used_ms, &old, used_ms, memory_order_relaxed,
								       memory_order_relaxed))
		;
}

/* Under the shared lock: whether that was all. */
static bool refresh_shared(struct fdb *fdb, const struct fdb_source *s, int64_t now_ms)
{
	struct entry *e = find(fdb, s->vlan, s->mac);

	if (!e || e->owner->port != s->port || s->is_gratuitous_arp)
		return false;
	if (e->is_static)
		return true;
	if (now_ms - e->ordered_ms >= REORDER_MS)
		return false;
	raise_used(e, now_ms);
	return true;
}

static bool is_locked(const struct entry *e, const struct fdb_source *s, int64_t now_ms)
{
	return s->is_bond && e->grat_arp_until_ms > now_ms && !s->is_gratuitous_arp;
}

static enum fdb_event learn_locked(struct fdb *fdb, const struct fdb_source *s, int64_t now_ms)
{
	struct entry *e = find(fdb, s->vlan, s->mac);
	enum fdb_event event = FDB_REFRESHED;

	if (!e) {
		if (!make_room(fdb))
			return FDB_REFUSED;
		e = create(fdb, s->vlan, s->mac, false, now_ms);
		attach(fdb, e, s->port);
		fdb->n_learnt++;
		event = FDB_LEARNT;
	} else if (e->is_static) {
		return e->owner->port == s->port ? FDB_REFRESHED : FDB_REFUSED;
	} else if (e->owner->port != s->port) {
		if (is_locked(e, s, now_ms) || now_ms < e->used_ms)
			return FDB_REFUSED;
		detach(fdb, e);
		attach(fdb, e, s->port);
		e->ordered_ms = now_ms;
		fdb->n_moved++;
		event = FDB_MOVED;
	} else {
		to_end(fdb, e, now_ms);
	}
	raise_used(e, now_ms);
	if (s->is_gratuitous_arp && !s->is_bond)
		e->grat_arp_until_ms = now_ms + GRATUITOUS_ARP_LOCK_MS;
	return event;
}

enum fdb_event fdb_learn(struct fdb *fdb, const struct fdb_source *source, int64_t now_ms)
{
	enum fdb_event event;
	bool done;

	pthread_rwlock_rdlock(&fdb->lock);
	done = refresh_shared(fdb, source, now_ms);
	pthread_rwlock_unlock(&fdb->lock);
	if (done)
		return FDB_REFRESHED;
	pthread_rwlock_wrlock(&fdb->lock);
	event = learn_locked(fdb, source, now_ms);
	pthread_rwlock_unlock(&fdb->lock);
	if (event == FDB_LEARNT || event == FDB_MOVED)
		notify(fdb, source->vlan, source->mac);
	return event;
}

/* ---- changes by hand ---- */

int fdb_add_static(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], struct port *port, int64_t now_ms)
{
	struct entry *e;
	bool room;

	pthread_rwlock_wrlock(&fdb->lock);
	e = find(fdb, vlan, mac);
	if (e)
		destroy(fdb, e);
	room = make_room(fdb);
	if (room)
		attach(fdb, create(fdb, vlan, mac, true, now_ms), port);
	pthread_rwlock_unlock(&fdb->lock);
	notify(fdb, vlan, mac);
	return room ? 0 : -ENOSPC;
}

int fdb_del(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	struct entry *e;

	pthread_rwlock_wrlock(&fdb->lock);
	e = find(fdb, vlan, mac);
	if (e)
		destroy(fdb, e);
	pthread_rwlock_unlock(&fdb->lock);
	if (!e)
		return -ENOENT;
	notify(fdb, vlan, mac);
	return 0;
}

size_t fdb_flush(struct fdb *fdb, const struct port *port, int vlan)
{
	struct entry *e, *next;
	size_t n = 0;

	pthread_rwlock_wrlock(&fdb->lock);
	cds_list_for_each_entry_safe(e, next, &fdb->ages, age_node) {
		if ((port && e->owner->port != port) || (vlan >= 0 && e->vlan != vlan))
			continue;
		destroy(fdb, e);
		n++;
	}
	pthread_rwlock_unlock(&fdb->lock);
	if (n)
		notify(fdb, 0, NULL);
	return n;
}

static size_t destroy_list(struct fdb *fdb, struct cds_list_head *list)
{
	size_t n = 0;

	/* The last entry takes its fdb_port, and this list's head, with it. */
	for (bool more = !cds_list_empty(list); more; n++) {
		struct entry *e = cds_list_first_entry(list, struct entry, port_node);

		more = e->port_node.next != list;
		destroy(fdb, e);
	}
	return n;
}

void fdb_flush_port(struct fdb *fdb, const struct port *port)
{
	struct fdb_port *p;
	size_t n = 0;

	pthread_rwlock_wrlock(&fdb->lock);
	p = find_port(fdb, port);
	if (p)
		n += destroy_list(fdb, &p->learnt);
	p = find_port(fdb, port);
	if (p)
		n += destroy_list(fdb, &p->fixed);
	pthread_rwlock_unlock(&fdb->lock);
	if (n)
		notify(fdb, 0, NULL);
}

int64_t fdb_expire(struct fdb *fdb, int64_t now_ms)
{
	int64_t next_ms = REORDER_MS;
	struct entry *e, *next;
	size_t n = 0, n_seen = 0;

	pthread_rwlock_wrlock(&fdb->lock);
	cds_list_for_each_entry_safe(e, next, &fdb->ages, age_node) {
		int64_t left_ms = atomic_load_explicit(&e->used_ms, memory_order_relaxed) + fdb->ageing_ms - now_ms;

		/* Behind an entry ordered late enough to live another REORDER_MS, everything lives as long. */
		if (e->ordered_ms + fdb->ageing_ms - now_ms > REORDER_MS)
			break;
		if (n_seen++ == EXPIRE_BATCH) {
			next_ms = 1;
			break;
		}
		if (left_ms > 0) {
			next_ms = MIN(next_ms, left_ms);
			continue;
		}
		destroy(fdb, e);
		n++;
	}
	fdb->n_expired += n;
	pthread_rwlock_unlock(&fdb->lock);
	if (n)
		notify(fdb, 0, NULL);
	return next_ms;
}

/* ---- looking at it ---- */

void fdb_get_stats(struct fdb *fdb, struct fdb_stats *stats)
{
	pthread_rwlock_rdlock(&fdb->lock);
	*stats = (struct fdb_stats){
		.n_entries = hmap_count(&fdb->entries),
		.n_static = fdb->n_static,
		.max_entries = fdb->max_entries,
		.n_learnt = fdb->n_learnt,
		.n_expired = fdb->n_expired,
		.n_evicted = fdb->n_evicted,
		.n_moved = fdb->n_moved,
	};
	pthread_rwlock_unlock(&fdb->lock);
}

void fdb_clear_stats(struct fdb *fdb)
{
	pthread_rwlock_wrlock(&fdb->lock);
	fdb->n_learnt = fdb->n_expired = fdb->n_evicted = fdb->n_moved = 0;
	pthread_rwlock_unlock(&fdb->lock);
}

static int compare_entries(const void *a_, const void *b_)
{
	const struct fdb_entry *a = a_, *b = b_;

	return a->vlan != b->vlan ? a->vlan - b->vlan : memcmp(a->mac, b->mac, sizeof a->mac);
}

size_t fdb_snapshot(struct fdb *fdb, int64_t now_ms, struct fdb_entry **entries)
{
	struct entry *e;
	size_t n = 0;

	pthread_rwlock_rdlock(&fdb->lock);
	*entries = xcalloc(hmap_count(&fdb->entries) + 1, sizeof **entries);
	HMAP_FOR_EACH(e, node, &fdb->entries) {
		struct fdb_entry *copy = &(*entries)[n++];
		int64_t used_ms = atomic_load_explicit(&e->used_ms, memory_order_relaxed);

		memcpy(copy->mac, e->mac, sizeof copy->mac);
		copy->vlan = e->vlan;
		copy->is_static = e->is_static;
		copy->age_ms = e->is_static ? 0 : MAX(now_ms - used_ms, 0);
		copy->port = e->owner->port;
	}
	pthread_rwlock_unlock(&fdb->lock);
	qsort(*entries, n, sizeof **entries, compare_entries);
	return n;
}

/* ---- for fdb_file.c ---- */

bool fdb_restore(struct fdb *fdb, const struct fdb_entry *saved, int64_t now_ms)
{
	bool taken = false;

	pthread_rwlock_wrlock(&fdb->lock);
	if (!find(fdb, saved->vlan, saved->mac) && (saved->is_static || saved->age_ms < fdb->ageing_ms) &&
	    make_room(fdb)) {
		attach(fdb, create(fdb, saved->vlan, saved->mac, saved->is_static, now_ms - saved->age_ms),
		       saved->port);
		taken = true;
	}
	pthread_rwlock_unlock(&fdb->lock);
	return taken;
}

void fdb_restored(struct fdb *fdb)
{
	notify(fdb, 0, NULL);
}
