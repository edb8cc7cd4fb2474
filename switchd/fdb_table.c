// SPDX-License-Identifier: Apache-2.0
#include "switchd/fdb_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static uint32_t hash_of(const struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	uint64_t x = (uint64_t)vlan << 48;

	for (int i = 0; i < 6; i++)
		x |= (uint64_t)mac[i] << (8 * i);
	return hash_words(&x, 1, fdb->basis);
}

struct fdb_item *fdb_find(const struct fdb *fdb, uint16_t vlan, const uint8_t mac[6])
{
	struct fdb_item *e;

	HMAP_FOR_EACH_WITH_HASH(e, node, hash_of(fdb, vlan, mac), &fdb->entries)
		if (e->vlan == vlan && !memcmp(e->mac, mac, sizeof e->mac))
			return e;
	return NULL;
}

struct cds_list_head *fdb_new_count_lists(size_t max_entries)
{
	struct cds_list_head *lists = xmalloc((max_entries + 1) * sizeof *lists);

	for (size_t i = 0; i <= max_entries; i++)
		CDS_INIT_LIST_HEAD(&lists[i]);
	return lists;
}

/* ---- ports ---- */

struct fdb_port *fdb_find_port(const struct fdb *fdb, const struct port *port)
{
	struct fdb_port *p;

	HMAP_FOR_EACH_WITH_HASH(p, node, hash_u64((uintptr_t)port, 0), &fdb->ports)
		if (p->port == port)
			return p;
	return NULL;
}

static struct fdb_port *get_port(struct fdb *fdb, struct port *port)
{
	struct fdb_port *p = fdb_find_port(fdb, port);

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

void fdb_attach(struct fdb *fdb, struct fdb_item *e, struct port *port)
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

void fdb_detach(struct fdb *fdb, struct fdb_item *e)
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

void fdb_destroy(struct fdb *fdb, struct fdb_item *e)
{
	fdb_detach(fdb, e);
	hmap_remove(&fdb->entries, &e->node);
	free(e);
}

void fdb_to_end(struct fdb *fdb, struct fdb_item *e, int64_t now_ms)
{
	cds_list_del(&e->port_node);
	cds_list_add_tail(&e->port_node, &e->owner->learnt);
	cds_list_del(&e->age_node);
	cds_list_add_tail(&e->age_node, &fdb->ages);
	e->ordered_ms = now_ms;
}

struct fdb_item *fdb_create(struct fdb *fdb, uint16_t vlan, const uint8_t mac[6], bool is_static, int64_t now_ms)
{
	struct fdb_item *e = xzalloc(sizeof *e);

	e->vlan = vlan;
	memcpy(e->mac, mac, sizeof e->mac);
	e->is_static = is_static;
	e->used_ms = e->ordered_ms = now_ms;
	hmap_insert(&fdb->entries, &e->node, hash_of(fdb, vlan, mac));
	return e;
}

/* Whether there is one entry less now. */
bool fdb_evict(struct fdb *fdb)
{
	struct fdb_port *p;

	if (!fdb->most)
		return false;
	p = cds_list_first_entry(&fdb->by_count[fdb->most], struct fdb_port, count_node);
	fdb_destroy(fdb, cds_list_first_entry(&p->learnt, struct fdb_item, port_node));
	fdb->n_evicted++;
	return true;
}

bool fdb_make_room(struct fdb *fdb)
{
	return hmap_count(&fdb->entries) < fdb->max_entries || fdb_evict(fdb);
}
