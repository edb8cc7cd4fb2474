// SPDX-License-Identifier: Apache-2.0
#include "switchd/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/bridge_config.h"

LOG_MODULE(mirror);

/** A row of the table, being read. */
struct reading {
	struct bridge *br;
	const struct db_row *row;
	const struct db_txn *txn;
	const char *name;
	struct errtext *err;
};

/* ---- one row ---- */

/* The port that the @i-th reference of a column leads to. Return: NULL with *error when it is none of the bridge's. */
static struct port *read_port(const struct reading *r, const char *column, size_t i, int *error)
{
	const struct db_row *row = db_get_ref(r->row, r->txn, column, i);
	const char *name = row ? db_get_string(row, r->txn, "name", "") : NULL;
	struct port *port = name ? port_by_name(name) : NULL;

	if (port && port->bridge == r->br)
		return port;
	*error =
		errtext_set(r->err, EINVAL, "mirror %s: %s: %s is no port of bridge %s; `vsw list-ports %s` lists them",
			    r->name, column, name ? name : "what it refers to", r->br->name, r->br->name);
	return NULL;
}

/* Those that a column chooses get the mirror's bit in the mask at @offset of the port. */
static int read_chosen(const struct reading *r, const char *column, const struct mirror *m, size_t offset,
		       mirror_mask bit)
{
	size_t n = db_get(r->row, r->txn, column)->n;
	int error = 0;

	for (size_t i = 0; i < n; i++) {
		struct port *port = read_port(r, column, i, &error);

		if (!port)
			return error;
		if (port == m->out)
			return errtext_set(
				r->err, EINVAL,
				"mirror %s: %s: %s is its output_port, too; a port cannot be mirrored to itself",
				r->name, column, port->name);
		*(mirror_mask *)(void *)((char *)port + offset) |= bit;
	}
	return 0;
}

static int read_output(const struct reading *r, struct mirror *m)
{
	int64_t vlan = db_get_integer(r->row, r->txn, "output_vlan", 0);
	int error = 0;

	if (db_get(r->row, r->txn, "output_port")->n) {
		m->out = read_port(r, "output_port", 0, &error);
		if (vlan)
			log_warn("mirror %s: it has an output_port, so its output_vlan does nothing", r->name);
		return error;
	}
	m->out_vlan = (uint16_t)vlan;
	if (vlan > N_VLANS - 2)
		return errtext_set(r->err, EINVAL, "mirror %s: output_vlan: %lld is no VLAN; they go from 1 to %d",
				   r->name, (long long)vlan, N_VLANS - 2);
	/* A port that was deleted leaves its mirrors without: no mistake. A new one without is. */
	if (!vlan && r->txn && !db_row_exists(r->row, NULL))
		return errtext_set(
			r->err, EINVAL,
			"mirror %s: where to? output_port=@ID (with --id=@ID get port NAME) or output_vlan=N", r->name);
	return 0;
}

static uint64_t *read_vlans(const struct reading *r)
{
	const struct datum *d = db_get(r->row, r->txn, "select_vlan");
	uint64_t *vlans;

	if (!d->n)
		return NULL;
	vlans = xcalloc(N_VLANS / 64, sizeof *vlans);
	for (size_t i = 0; i < d->n; i++)
		vlans[d->keys[i].integer / 64] |= 1ull << (d->keys[i].integer % 64);
	return vlans;
}

static int read_mirror(const struct reading *r, struct mirrors *all, struct mirror *m)
{
	mirror_mask bit = (mirror_mask)1 << (m - all->list);
	int error = read_output(r, m);

	m->vlans = read_vlans(r);
	m->snaplen = (uint16_t)db_get_integer(r->row, r->txn, "snaplen", 0);
	if (error || (!m->out && !m->out_vlan))
		return error;
	if (m->out)
		m->out->mirror_out |= bit;
	if (db_get_boolean(r->row, r->txn, "select_all", false)) {
		all->all |= bit;
		return 0;
	}
	error = read_chosen(r, "select_src_port", m, offsetof(struct port, mirror_src), bit);
	return error ? error : read_chosen(r, "select_dst_port", m, offsetof(struct port, mirror_dst), bit);
}

/* ---- all of a bridge ---- */

static struct mirror *find_uuid(struct mirrors *mirrors, const struct uuid *uuid)
{
	for (size_t i = 0; mirrors && i < mirrors->n; i++)
		if (!uuid_compare(&mirrors->list[i].uuid, uuid))
			return &mirrors->list[i];
	return NULL;
}

/* What a mirror keeps while its settings change. */
static void take_identity(struct mirror *m, const struct mirror *before, const struct reading *r)
{
	static uint32_t last_serial;

	m->uuid = *db_row_uuid(r->row);
	m->name = xstrdup(r->name);
	m->serial = before ? before->serial : ++last_serial;
	m->tx_packets = before ? __atomic_load_n(&before->tx_packets, __ATOMIC_RELAXED) : 0;
	m->tx_bytes = before ? __atomic_load_n(&before->tx_bytes, __ATOMIC_RELAXED) : 0;
}

/* One that cannot be is there, and does nothing. */
static void disarm(struct bridge *br, struct mirror *m)
{
	mirror_mask bit = (mirror_mask)1 << (m - br->mirrors->list);
	struct port *port;

	br->mirrors->all &= ~bit;
	m->out = NULL;
	m->out_vlan = 0;
	cds_list_for_each_entry(port, &br->ports, bridge_node) {
		port->mirror_src &= ~bit;
		port->mirror_dst &= ~bit;
		port->mirror_out &= ~bit;
	}
}

static void forget_choices(struct bridge *br)
{
	struct port *port;

	cds_list_for_each_entry(port, &br->ports, bridge_node)
		port->mirror_src = port->mirror_dst = port->mirror_out = 0;
}

static void find_same_places(struct mirrors *all)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t j = 0; j < all->n; j++)
			if (all->list[i].out == all->list[j].out && all->list[i].out_vlan == all->list[j].out_vlan)
				all->list[i].same_place |= (mirror_mask)1 << j;
}

static int read_all(struct reading *r, const struct db_row *bridge, struct mirrors *old, struct mirrors *all)
{
	size_t n = MIN(db_get(bridge, r->txn, "mirrors")->n, (size_t)MIRRORS_MAX);
	int first_error = 0;

	for (size_t i = 0; i < n; i++) {
		struct errtext why, *whole = r->err;
		struct mirror *m = &all->list[all->n];
		int error;

		r->row = db_get_ref(bridge, r->txn, "mirrors", i);
		if (!r->row)
			continue;
		all->n++;
		r->name = db_get_string(r->row, r->txn, "name", "");
		take_identity(m, find_uuid(old, db_row_uuid(r->row)), r);
		r->err = &why;
		error = read_mirror(r, all, m);
		r->err = whole;
		if (!error)
			continue;
		disarm(r->br, m);
		if (!first_error)
			first_error = errtext_set(r->err, -error, "%s", why.text);
	}
	find_same_places(all);
	return first_error;
}

int mirrors_follow(struct bridge *br, struct db *db, const struct db_txn *txn, struct errtext *err)
{
	const struct db_row *row = db_find_name(db_table(db, "Bridge"), txn, br->name);
	size_t n = row ? db_get(row, txn, "mirrors")->n : 0;
	struct reading r = {.br = br, .txn = txn, .err = err};
	struct mirrors *old = br->mirrors;
	int error = 0;

	if (!n && !old)
		return 0;
	if (n > MIRRORS_MAX)
		return errtext_set(err, EINVAL, "bridge %s: %zu mirrors are too many; there may be %d", br->name, n,
				   MIRRORS_MAX);
	switch_wrlock();
	br->mirrors = n ? xzalloc(sizeof *br->mirrors) : NULL;
	forget_choices(br);
	if (n)
		error = read_all(&r, row, old, br->mirrors);
	switch_wrunlock();
	mirrors_free(old);
	switch_changed();
	return error;
}

void mirrors_forget_port(const struct port *port)
{
	struct mirrors *all = port->bridge->mirrors;

	for (size_t i = 0; all && i < all->n; i++) {
		if (all->list[i].out != port)
			continue;
		/* What still chooses it sends it nowhere. */
		all->list[i].out = NULL;
		all->list[i].out_vlan = 0;
	}
}

void mirrors_free(struct mirrors *mirrors)
{
	for (size_t i = 0; mirrors && i < mirrors->n; i++) {
		free(mirrors->list[i].name);
		free(mirrors->list[i].vlans);
	}
	free(mirrors);
}

/* ---- statistics ---- */

void mirror_count(const struct bridge *br, uint32_t serial, uint64_t n_packets, uint64_t n_bytes)
{
	struct mirrors *all = br->mirrors;

	for (size_t i = 0; all && i < all->n; i++) {
		if (all->list[i].serial != serial)
			continue;
		__atomic_fetch_add(&all->list[i].tx_packets, n_packets, __ATOMIC_RELAXED);
		__atomic_fetch_add(&all->list[i].tx_bytes, n_bytes, __ATOMIC_RELAXED);
	}
}

static void report(struct db *db, const struct mirror *m)
{
	struct db_row *row = db_find_uuid(db_table(db, "Mirror"), NULL, &m->uuid);
	struct datum d = DATUM_EMPTY;

	if (!row)
		return;
	datum_map_put_integer(&d, "tx_bytes", (int64_t)(m->tx_bytes & INT64_MAX));
	datum_map_put_integer(&d, "tx_packets", (int64_t)(m->tx_packets & INT64_MAX));
	db_status_set(row, "statistics", &d);
}

void mirrors_report(struct db *db)
{
	struct bridge *br;

	HMAP_FOR_EACH(br, node, &vswitch.bridges)
		for (size_t i = 0; br->mirrors && i < br->mirrors->n; i++)
			report(db, &br->mirrors->list[i]);
}
