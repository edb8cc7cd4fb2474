// SPDX-License-Identifier: Apache-2.0
/*
 * Tables and rows, and reading them with or without the open transaction's changes.
 */
#include "ovsdb/db.h"

#include <assert.h>
#include <stdlib.h>

#include "ovsdb/db_impl.h"
#include "ovsdb/db_store.h"

/* ---- the database ---- */

struct db *db_new(const struct schema *schema, struct db_store *store)
{
	struct db *db = xzalloc(sizeof *db);

	db->schema = schema;
	db->store = store;
	db->tables = xcalloc(schema->n_tables, sizeof *db->tables);
	for (size_t i = 0; i < schema->n_tables; i++) {
		struct db_table *table = &db->tables[i];

		table->db = db;
		table->schema = &schema->tables[i];
		TAILQ_INIT(&table->rows);
		hmap_init(&table->by_uuid);
		hmap_init(&table->by_index);
	}
	return db;
}

static void table_fini(struct db_table *table)
{
	struct db_row *row, *next;

	for (row = TAILQ_FIRST(&table->rows); row; row = next) {
		next = TAILQ_NEXT(row, link);
		db_row_free__(row);
	}
	hmap_fini(&table->by_uuid);
	hmap_fini(&table->by_index);
}

void db_free(struct db *db)
{
	if (!db)
		return;
	db_txn_abort(db->txn);
	for (size_t i = 0; i < db->schema->n_tables; i++)
		table_fini(&db->tables[i]);
	db_store_close(db->store);
	free(db->tables);
	free(db);
}

const struct schema *db_schema(const struct db *db)
{
	return db->schema;
}

struct db_table *db_table(const struct db *db, const char *name)
{
	const struct table_schema *schema = schema_table(db->schema, name);

	return schema ? &db->tables[schema->index] : NULL;
}

struct db_table *db_table_of(const struct db *db, const struct table_schema *schema)
{
	return &db->tables[schema->index];
}

const struct table_schema *db_table_schema(const struct db_table *table)
{
	return table->schema;
}

struct db *db_table_db(const struct db_table *table)
{
	return table->db;
}

size_t db_table_count(const struct db_table *table, const struct db_txn *txn)
{
	return txn ? table->n_rows + (size_t)table->n_delta : table->n_rows;
}

uint64_t db_table_seqno(const struct db_table *table)
{
	return table->seqno;
}

uint64_t db_seqno(const struct db *db)
{
	return db->seqno;
}

/* ---- rows ---- */

struct db_row *db_row_new__(struct db_table *table, const struct uuid *uuid)
{
	const struct table_schema *schema = table->schema;
	struct db_row *row = xzalloc(sizeof *row);

	row->table = table;
	row->uuid = *uuid;
	row->version = uuid_random();
	row->columns = xcalloc(schema->n_columns, sizeof *row->columns);
	for (size_t i = 0; i < schema->n_columns; i++)
		datum_init_default(&row->columns[i], &schema->columns[i].type);
	row->index = xcalloc(schema->n_indexes, sizeof *row->index);
	hmap_init(&row->refs_in);
	hmap_insert(&table->by_uuid, &row->uuid_node, uuid_hash(uuid));
	TAILQ_INSERT_TAIL(&table->rows, row, link);
	return row;
}

void db_row_free__(struct db_row *row)
{
	const struct table_schema *schema = row->table->schema;

	TAILQ_REMOVE(&row->table->rows, row, link);
	hmap_remove(&row->table->by_uuid, &row->uuid_node);
	for (size_t i = 0; i < schema->n_indexes; i++)
		index_unlink__(&row->index[i]);
	for (size_t i = 0; i < schema->n_columns; i++)
		datum_fini(&row->columns[i], &schema->columns[i].type);
	refs_fini__(row);
	free(row->columns);
	free(row->index);
	free(row);
}

bool db_row_exists(const struct db_row *row, const struct db_txn *txn)
{
	if (txn && row->change)
		return !row->change->deleted;
	return row->committed;
}

static struct db_row *skip_unseen(struct db_row *row, const struct db_txn *txn)
{
	while (row && !db_row_exists(row, txn))
		row = TAILQ_NEXT(row, link);
	return row;
}

struct db_row *db_row_first(const struct db_table *table, const struct db_txn *txn)
{
	return skip_unseen(TAILQ_FIRST(&table->rows), txn);
}

struct db_row *db_row_next(const struct db_row *row, const struct db_txn *txn)
{
	return skip_unseen(TAILQ_NEXT(row, link), txn);
}

struct db_row *db_row_by_uuid__(const struct db_table *table, const struct uuid *uuid)
{
	struct db_row *row;

	HMAP_FOR_EACH_WITH_HASH(row, uuid_node, uuid_hash(uuid), &table->by_uuid)
		if (uuid_equal(&row->uuid, uuid))
			return row;
	return NULL;
}

struct db_row *db_find_uuid(const struct db_table *table, const struct db_txn *txn, const struct uuid *uuid)
{
	struct db_row *row = db_row_by_uuid__(table, uuid);

	return row && db_row_exists(row, txn) ? row : NULL;
}

struct db_table *db_row_table(const struct db_row *row)
{
	return row->table;
}

const struct uuid *db_row_uuid(const struct db_row *row)
{
	return &row->uuid;
}

const struct uuid *db_row_version(const struct db_row *row)
{
	return &row->version;
}

/* ---- columns ---- */

const struct datum *db_row_get(const struct db_row *row, const struct db_txn *txn, const struct column_schema *column)
{
	assert(column->index < row->table->schema->n_columns);
	return db_row_view__(row, txn, column->index);
}

static const struct column_schema *column_named(const struct db_row *row, const char *name)
{
	const struct column_schema *column = schema_column(row->table->schema, name);

	assert(column);
	return column;
}

const struct datum *db_get(const struct db_row *row, const struct db_txn *txn, const char *column)
{
	return db_row_get(row, txn, column_named(row, column));
}

const char *db_get_string(const struct db_row *row, const struct db_txn *txn, const char *column, const char *fallback)
{
	const struct datum *d = db_get(row, txn, column);

	return d->n ? d->keys[0].string : fallback;
}

int64_t db_get_integer(const struct db_row *row, const struct db_txn *txn, const char *column, int64_t fallback)
{
	const struct datum *d = db_get(row, txn, column);

	return d->n ? d->keys[0].integer : fallback;
}

bool db_get_boolean(const struct db_row *row, const struct db_txn *txn, const char *column, bool fallback)
{
	const struct datum *d = db_get(row, txn, column);

	return d->n ? d->keys[0].boolean : fallback;
}

const char *db_get_key(const struct db_row *row, const struct db_txn *txn, const char *column, const char *key,
		       const char *fallback)
{
	const char *value = datum_map_get(db_get(row, txn, column), key);

	return value ? value : fallback;
}

static struct db_row *target_of(const struct db_row *row, const struct db_txn *txn, const struct base_type *base,
				const union atom *atoms, size_t i, size_t n)
{
	if (i >= n || !base->ref_table)
		return NULL;
	return db_find_uuid(db_table_of(row->table->db, base->ref_table), txn, &atoms[i].uuid);
}

struct db_row *db_get_ref(const struct db_row *row, const struct db_txn *txn, const char *column, size_t i)
{
	const struct column_schema *c = column_named(row, column);
	const struct datum *d = db_row_get(row, txn, c);

	return target_of(row, txn, &c->type.key, d->keys, i, d->n);
}

struct db_row *db_get_value_ref(const struct db_row *row, const struct db_txn *txn, const char *column, size_t i)
{
	const struct column_schema *c = column_named(row, column);
	const struct datum *d = db_row_get(row, txn, c);

	return target_of(row, txn, &c->type.value, d->values, i, d->n);
}

/* ---- change lists ---- */

const struct db_change *db_change_next(const struct db_change *change)
{
	return TAILQ_NEXT(change, link);
}

enum db_change_kind db_change_kind(const struct db_change *change)
{
	return change->inserted ? DB_INSERT : change->deleted ? DB_DELETE : DB_MODIFY;
}

struct db_row *db_change_row(const struct db_change *change)
{
	return change->row;
}

struct db_table *db_change_table(const struct db_change *change)
{
	return change->row->table;
}

bool db_change_has(const struct db_change *change, const struct column_schema *column)
{
	if (change->deleted)
		return !datum_is_default(&change->row->columns[column->index], &column->type);
	return change->overlay[column->index].set;
}

const struct datum *db_change_old(const struct db_change *change, const struct column_schema *column)
{
	const struct db_overlay *o = &change->overlay[column->index];

	if (change->inserted)
		return NULL;
	return change->swapped && o->set ? &o->datum : &change->row->columns[column->index];
}

const struct datum *db_change_new(const struct db_change *change, const struct column_schema *column)
{
	const struct db_overlay *o = &change->overlay[column->index];

	if (change->deleted)
		return NULL;
	return !change->swapped && o->set ? &o->datum : &change->row->columns[column->index];
}
