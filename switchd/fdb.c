// SPDX-License-Identifier: Apache-2.0
#include "switchd/fdb.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/util.h"
#include "switchd/fdb_table.h"

enum {
	GRATUITOUS_ARP_LOCK_MS = 5000,
	EXPIRE_BATCH = 1024, /* entries per call: others want the lock too */
};

static void notify(const struct fdb *fdb, uint16_t vlan, const uint8_t *mac)
{
	if (fdb->changed)
		fdb->changed(fdb->aux, &(struct fdb_change){.mac = mac, .vlan = vlan});
}

struct fdb *fdb_new(fdb_changed_fn *changed, void *aux)
{
	struct fdb *fdb = xzalloc(sizeof *fdb);

	pthread_rwlock_init(&fdb->lock, NULL);
	hmap_init(&fdb->entries);
	hmap_init(&fdb->ports);
	CDS_INIT_LIST_HEAD(&fdb->ages);
	fdb->max_entries = FDB_DEFAULT_MAX_ENTRIES;
	fdb->by_count = fdb_new_count_lists(fdb->max_entries);
	fdb->ageing_ms = FDB_DEFAULT_AGEING_MS;
	if (getrandom(&fdb->basis, sizeof fdb->basis, GRND_NONBLOCK) != sizeof fdb->basis)
		fdb->basis = (uint32_t)(uintptr_t)fdb;
	fdb->changed = changed;
	fdb->aux = aux;
	return fdb;
}

void fdb_free(struct fdb *fdb)
{
	struct fdb_item *e;

	if (!fdb)
		return;
	HMAP_FOR_EACH_SAFE(e, node, &fdb->entries)
		fdb_destroy(fdb, e);
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
		while (hmap_count(&fdb->entries) > n && fdb_evict(fdb))
			evicted = true;
		fdb->max_entries = n;
		free(fdb->by_count);
		fdb->by_count = fdb_new_count_lists(n);
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
	struct fdb_item *e;
	struct port *port;

	pthread_rwlock_rdlock(&fdb->lock);
	e = fdb_find(fdb, vlan, mac);
	port = e ? e->owner->port : NULL;
	pthread_rwlock_unlock(&fdb->lock);
	return port;
}

bool fdb_is_held(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], int64_t now_ms)
{
	const struct fdb_item *e;
	bool held;

	pthread_rwlock_rdlock(&fdb->lock);
	e = fdb_find(fdb, vlan, mac);
	held = e && e->grat_arp_until_ms > now_ms;
	pthread_rwlock_unlock(&fdb->lock);
	return held;
}

/* Times only grow: a refresh from old counters must not make an entry older. */
static void raise_used(struct fdb_item *e, int64_t used_ms)
{
	int64_t old = atomic_load_explicit(&e->used_ms, memory_order_relaxed);

	while (old < used_ms && !atomic_compare_exchange_weak_explicit(&e->used_ms, &old, used_ms, memory_order_relaxed,
								       memory_order_relaxed))
		;
}

/* Under the shared lock: whether that was all. */
static bool refresh_shared(struct fdb *fdb, const struct fdb_source *s, int64_t now_ms)
{
	struct fdb_item *e = fdb_find(fdb, s->vlan, s->mac);

	if (!e || e->owner->port != s->port || s->is_gratuitous_arp)
		return false;
	if (e->is_static)
		return true;
	if (now_ms - e->ordered_ms >= FDB_REORDER_MS)
		return false;
	raise_used(e, now_ms);
	return true;
}

static bool is_locked(const struct fdb_item *e, const struct fdb_source *s, int64_t now_ms)
{
	return s->is_bond && e->grat_arp_until_ms > now_ms && !s->is_gratuitous_arp;
}

static void count_move(struct fdb_item *e, int64_t now_ms)
{
	if (now_ms - e->moves_since_ms >= FDB_FLAP_MS) {
		e->moves_since_ms = now_ms;
		e->n_moves = 0;
	}
	e->n_moves++;
}

/* @change: what to tell of a move. */
static enum fdb_event learn_locked(struct fdb *fdb, const struct fdb_source *s, int64_t now_ms,
				   struct fdb_change *change)
{
	struct fdb_item *e = fdb_find(fdb, s->vlan, s->mac);
	enum fdb_event event = FDB_REFRESHED;

	if (!e) {
		if (!fdb_make_room(fdb))
			return FDB_REFUSED;
		e = fdb_create(fdb, s->vlan, s->mac, false, now_ms);
		fdb_attach(fdb, e, s->port);
		fdb->n_learnt++;
		event = FDB_LEARNT;
	} else if (e->is_static) {
		return e->owner->port == s->port ? FDB_REFRESHED : FDB_REFUSED;
	} else if (e->owner->port != s->port) {
		if (is_locked(e, s, now_ms) || now_ms < e->used_ms || (s->is_late && now_ms == e->used_ms))
			return FDB_REFUSED;
		change->from = e->owner->port;
		change->to = s->port;
		fdb_detach(fdb, e);
		fdb_attach(fdb, e, s->port);
		count_move(e, now_ms);
		change->n_moves = e->n_moves;
		e->ordered_ms = now_ms;
		fdb->n_moved++;
		event = FDB_MOVED;
	} else {
		fdb_to_end(fdb, e, now_ms);
	}
	raise_used(e, now_ms);
	if (s->is_gratuitous_arp && !s->is_bond)
		e->grat_arp_until_ms = now_ms + GRATUITOUS_ARP_LOCK_MS;
	return event;
}

enum fdb_event fdb_learn(struct fdb *fdb, const struct fdb_source *source, int64_t now_ms)
{
	struct fdb_change change = {.mac = source->mac, .vlan = source->vlan};
	enum fdb_event event;
	bool done;

	pthread_rwlock_rdlock(&fdb->lock);
	done = refresh_shared(fdb, source, now_ms);
	pthread_rwlock_unlock(&fdb->lock);
	if (done)
		return FDB_REFRESHED;
	pthread_rwlock_wrlock(&fdb->lock);
	event = learn_locked(fdb, source, now_ms, &change);
	pthread_rwlock_unlock(&fdb->lock);
	if (fdb->changed && (event == FDB_LEARNT || event == FDB_MOVED))
		fdb->changed(fdb->aux, &change);
	return event;
}

/* ---- changes by hand ---- */

int fdb_add_static(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], struct port *port, int64_t now_ms)
{
	struct fdb_item *e;
	bool room;

	pthread_rwlock_wrlock(&fdb->lock);
	e = fdb_find(fdb, vlan, mac);
	if (e)
		fdb_destroy(fdb, e);
	room = fdb_make_room(fdb);
	if (room)
		fdb_attach(fdb, fdb_create(fdb, vlan, mac, true, now_ms), port);
	pthread_rwlock_unlock(&fdb->lock);
	notify(fdb, vlan, mac);
	return room ? 0 : -ENOSPC;
}

int fdb_del(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	struct fdb_item *e;

	pthread_rwlock_wrlock(&fdb->lock);
	e = fdb_find(fdb, vlan, mac);
	if (e)
		fdb_destroy(fdb, e);
	pthread_rwlock_unlock(&fdb->lock);
	if (!e)
		return -ENOENT;
	notify(fdb, vlan, mac);
	return 0;
}

size_t fdb_flush(struct fdb *fdb, const struct port *port, int vlan)
{
	struct fdb_item *e, *next;
	size_t n = 0;

	pthread_rwlock_wrlock(&fdb->lock);
	cds_list_for_each_entry_safe(e, next, &fdb->ages, age_node) {
		/* cppcheck-suppress uninitvar ; the macro sets it */
		if ((port && e->owner->port != port) || (vlan >= 0 && e->vlan != vlan))
			continue;
		fdb_destroy(fdb, e);
		n++;
	}
	pthread_rwlock_unlock(&fdb->lock);
	if (n)
		notify(fdb, 0, NULL);
	return n;
}

static struct fdb_item *any_on(const struct fdb *fdb, const struct port *port)
{
	struct fdb_port *p = fdb_find_port(fdb, port);

	if (!p)
		return NULL;
	return cds_list_first_entry(p->n ? &p->learnt : &p->fixed, struct fdb_item, port_node);
}

void fdb_flush_port(struct fdb *fdb, const struct port *port)
{
	struct fdb_item *e;
	bool any = false;

	pthread_rwlock_wrlock(&fdb->lock);
	while ((e = any_on(fdb, port))) {
		fdb_destroy(fdb, e);
		any = true;
	}
	pthread_rwlock_unlock(&fdb->lock);
	if (any)
		notify(fdb, 0, NULL);
}

int64_t fdb_expire(struct fdb *fdb, int64_t now_ms)
{
	int64_t next_ms = FDB_REORDER_MS;
	struct fdb_item *e, *next;
	size_t n = 0, n_seen = 0;

	pthread_rwlock_wrlock(&fdb->lock);
	cds_list_for_each_entry_safe(e, next, &fdb->ages, age_node) {
		int64_t left_ms = atomic_load_explicit(&e->used_ms, memory_order_relaxed) + fdb->ageing_ms - now_ms;

		/* Behind an entry ordered late enough to live another FDB_REORDER_MS, everything lives as long. */
		/* cppcheck-suppress uninitvar ; the macro sets it */
		if (e->ordered_ms + fdb->ageing_ms - now_ms > FDB_REORDER_MS)
			break;
		if (n_seen++ == EXPIRE_BATCH) {
			next_ms = 1;
			break;
		}
		if (left_ms > 0) {
			next_ms = MIN(next_ms, left_ms);
			continue;
		}
		fdb_destroy(fdb, e);
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

static void copy_entry(const struct fdb_item *e, int64_t now_ms, struct fdb_entry *copy)
{
	int64_t used_ms = atomic_load_explicit(&e->used_ms, memory_order_relaxed);

	memcpy(copy->mac, e->mac, sizeof copy->mac);
	copy->vlan = e->vlan;
	copy->is_static = e->is_static;
	copy->age_ms = e->is_static ? 0 : MAX(now_ms - used_ms, 0);
	copy->port = e->owner->port;
}

bool fdb_get(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], int64_t now_ms, struct fdb_entry *entry)
{
	const struct fdb_item *e;

	pthread_rwlock_rdlock(&fdb->lock);
	e = fdb_find(fdb, vlan, mac);
	if (e)
		copy_entry(e, now_ms, entry);
	pthread_rwlock_unlock(&fdb->lock);
	return e;
}

size_t fdb_snapshot(struct fdb *fdb, int64_t now_ms, struct fdb_entry **entries)
{
	struct fdb_item *e;
	size_t n = 0;

	pthread_rwlock_rdlock(&fdb->lock);
	*entries = xcalloc(hmap_count(&fdb->entries) + 1, sizeof **entries);
	HMAP_FOR_EACH(e, node, &fdb->entries)
		copy_entry(e, now_ms, &(*entries)[n++]);
	pthread_rwlock_unlock(&fdb->lock);
	qsort(*entries, n, sizeof **entries, compare_entries);
	return n;
}

/* ---- for fdb_file.c ---- */

bool fdb_restore(struct fdb *fdb, const struct fdb_entry *saved, int64_t now_ms)
{
	bool taken = false;

	pthread_rwlock_wrlock(&fdb->lock);
	if (!fdb_find(fdb, saved->vlan, saved->mac) && (saved->is_static || saved->age_ms < fdb->ageing_ms) &&
	    fdb_make_room(fdb)) {
		fdb_attach(fdb, fdb_create(fdb, saved->vlan, saved->mac, saved->is_static, now_ms - saved->age_ms),
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
