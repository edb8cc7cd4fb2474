// SPDX-License-Identifier: Apache-2.0
/*
 * From the overlay to the committed state, by way of the disk; status changes; observers.
 *
 * The disk comes first: what it refuses never was. Behind it nothing can fail.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"
#include "ovsdb/db_store.h"

LOG_MODULE(ovsdb);

static void notify(const struct db *db, const struct db_change *changes)
{
	struct db_observer *o, *next;

	for (o = db->observers; o; o = next) {
		next = o->next;
		o->changed(o, changes);
	}
}

static void apply_refs(struct db_change *change)
{
	struct db_row *row = change->row;
	const struct table_schema *schema = row->table->schema;

	for (size_t i = 0; i < schema->n_columns; i++) {
		const struct column_schema *c = &schema->columns[i];
		const struct datum *old = row->committed ? &row->columns[i] : NULL;
		const struct datum *now = change->deleted ? NULL : db_row_view__(row, true, i);

		refs_change__(row, c, old, now);
	}
}

static void apply_columns(struct db_change *change)
{
	struct db_row *row = change->row;

	for (size_t i = 0; i < row->table->schema->n_columns; i++) {
		struct db_overlay *o = &change->overlay[i];
		struct datum old = row->columns[i];

		if (!o->set)
			continue;
		row->columns[i] = o->datum;
		o->datum = old;
	}
	change->swapped = true;
}

static void apply_indexes(struct db_change *change)
{
	struct db_row *row = change->row;

	for (size_t i = 0; i < row->table->schema->n_indexes; i++) {
		bool moved = change->index[i].linked;

		index_unlink__(&change->index[i]);
		if (change->deleted)
			index_unlink__(&row->index[i]);
		else if (moved)
			index_link__(&row->index[i], row, i, false);
	}
}

static void apply_row(struct db_change *change)
{
	struct db_row *row = change->row;

	apply_columns(change);
	apply_indexes(change);
	row->table->n_rows += (size_t)change->inserted - (size_t)change->deleted;
	row->table->n_delta = 0;
	row->table->seqno++;
	row->committed = !change->deleted;
	row->version = uuid_random();
	row->change = NULL;
}

static void apply_all(struct db_txn *txn)
{
	struct db_change *change;
	struct db *db = txn->db;

	TAILQ_FOREACH(change, &txn->changes, link)
		apply_refs(change);
	TAILQ_FOREACH(change, &txn->changes, link)
		apply_row(change);
	TAILQ_FOREACH(change, &txn->dropped, link)
		change->row->change = NULL;
	db->txn = NULL;
	if (TAILQ_EMPTY(&txn->changes))
		return;
	db->seqno++;
	notify(db, TAILQ_FIRST(&txn->changes));
}

int db_txn_commit(struct db_txn *txn, struct errtext *err)
{
	int rc = txn->state == TXN_OPEN ? db_txn_prepare(txn, err) : 0;

	assert(txn->state != TXN_FAILED || rc);
	if (!rc && txn->db->store && !TAILQ_EMPTY(&txn->changes))
		rc = db_store_write(txn->db->store, TAILQ_FIRST(&txn->changes), err);
	if (rc)
		return rc;
	if (txn->comment)
		log_dbg("committed: %s", txn->comment);
	apply_all(txn);
	db_txn_free__(txn);
	return 0;
}

/* ---- status ---- */

/* Observers get a change list of one, as after a commit: the overlay holds the old value. */
static void notify_status(struct db_row *row, size_t column, const struct datum *old)
{
	size_t n_columns = row->table->schema->n_columns;
	struct db_change *change = xzalloc(sizeof *change + n_columns * sizeof change->overlay[0]);

	change->row = row;
	change->swapped = true;
	change->overlay[column].datum = *old;
	change->overlay[column].set = true;
	notify(row->table->db, change);
	free(change);
}

bool db_status_set(struct db_row *row, const char *name, struct datum *value)
{
	const struct column_schema *column = schema_column(row->table->schema, name);
	struct datum old;

	assert(column && column->ephemeral && !column_type_has_refs(&column->type) && row->committed);
	assert(!datum_check(value, &column->type, NULL));
	old = row->columns[column->index];
	if (datum_equal(value, &old, &column->type)) {
		datum_fini(value, &column->type);
		return false;
	}
	row->columns[column->index] = *value;
	*value = DATUM_EMPTY;
	row->version = uuid_random();
	row->table->seqno++;
	row->table->db->seqno++;
	if (row->table->db->observers)
		notify_status(row, column->index, &old);
	datum_fini(&old, &column->type);
	return true;
}

bool db_status_set_string(struct db_row *row, const char *column, const char *value_or_null)
{
	struct datum value = datum_of_string(value_or_null);

	return db_status_set(row, column, &value);
}

bool db_status_set_integer(struct db_row *row, const char *column, int64_t value)
{
	struct datum v = datum_of_integer(value);

	return db_status_set(row, column, &v);
}

/* ---- observers ---- */

void db_observe(struct db *db, struct db_observer *observer)
{
	observer->next = db->observers;
	db->observers = observer;
}

void db_unobserve(struct db *db, struct db_observer *observer)
{
	struct db_observer **link = &db->observers;

	while (*link && *link != observer)
		link = &(*link)->next;
	if (*link)
		*link = observer->next;
}
