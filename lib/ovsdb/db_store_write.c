// SPDX-License-Identifier: Apache-2.0
/*
 * Writing a change list: the rows whose persistent columns changed, the elements that came and went, and the number and
 * sum of it all, in one SQLite transaction.
 *
 * The log is moved into the main file when it has grown to WAL_PAGES_MAX, not by SQLite's own choice, so that a failure
 * of that (it is only tidying) can never look like a failure of the commit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/log.h"
#include "ovsdb/db.h"
#include "ovsdb/db_store.h"
#include "ovsdb/db_store_impl.h"

LOG_MODULE(ovsdb_write);

#define WAL_PAGES_MAX 1000

static int write_error(const struct db_store *store, struct errtext *err)
{
	int code = db_store_errno__(store->db, sqlite3_extended_errcode(store->db));

	if (code == ENOSPC)
		return errtext_set(
			err, code,
			"database %s: the disk is full; nothing was changed. Free some space on its file system and "
			"try again",
			store->path);
	return errtext_set(err, code, "database %s: cannot write: %s (%s); nothing was changed", store->path,
			   sqlite3_errmsg(store->db), strerror(code));
}

/* ---- items ---- */

/* Sets and maps of references that can grow without limit have a row per element. */
static bool is_itemised(const struct column_schema *column)
{
	return !column->ephemeral && column_type_has_refs(&column->type) && !column->type.n_min &&
	       column->type.n_max == TYPE_UNLIMITED;
}

static bool is_in_body(const struct column_schema *column)
{
	return !column->ephemeral && !is_itemised(column);
}

/* ---- statements ---- */

static void bind_texts(sqlite3_stmt *q, size_t n, const char *const texts[])
{
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_text(q, (int)i + 1, texts[i], -1, SQLITE_STATIC);
}

/* Run a statement to its end. Return: its result code; *sum: the number in its row, 0 when it has none. */
static int run(sqlite3_stmt *q, uint64_t *sum)
{
	int step = sqlite3_step(q), end;

	*sum = 0;
	if (step == SQLITE_ROW) {
		*sum = (uint64_t)sqlite3_column_int64(q, 0);
		step = sqlite3_step(q);
	}
	end = sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return step == SQLITE_DONE ? SQLITE_OK : end ? end : SQLITE_ERROR;
}

static int run_plain(struct db_store *store, enum statement which)
{
	uint64_t unused;

	return run(store->sql[which], &unused);
}

static char *body_of(const struct db_change *change, const struct table_schema *table)
{
	json_t *body = json_object();
	char *text;

	for (size_t i = 0; i < table->n_columns; i++) {
		const struct column_schema *c = &table->columns[i];
		const struct datum *value = db_change_new(change, c);

		if (is_in_body(c) && !datum_is_default(value, &c->type))
			json_object_set_new(body, c->name, datum_to_json(value, &c->type));
	}
	text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
	json_decref(body);
	return text;
}

static int forget_row(struct db_store *store, struct db_store_meta *meta, const char *table, const char *uuid)
{
	sqlite3_stmt *q = store->sql[SQL_ROW_GET];
	uint64_t sum;
	int rc;

	bind_texts(q, 2, (const char *const[]){table, uuid});
	rc = run(q, &sum);
	meta->total -= sum;
	return rc;
}

static int put_row(struct db_store *store, struct db_store_meta *meta, const struct db_change *change,
		   const struct table_schema *table, const char *uuid)
{
	sqlite3_stmt *q = store->sql[SQL_ROW_PUT];
	char *body = body_of(change, table);
	uint64_t sum = db_store_row_sum(table->name, uuid, body), unused;
	int rc = forget_row(store, meta, table->name, uuid);

	if (!rc) {
		bind_texts(q, 3, (const char *const[]){table->name, uuid, body});
		sqlite3_bind_int64(q, 4, (sqlite3_int64)sum);
		meta->total += sum;
		rc = run(q, &unused);
	}
	free(body);
	return rc;
}

static int delete_row(struct db_store *store, struct db_store_meta *meta, const char *table, const char *uuid)
{
	uint64_t unused;
	int rc = forget_row(store, meta, table, uuid);

	if (rc)
		return rc;
	bind_texts(store->sql[SQL_ROW_DEL], 2, (const char *const[]){table, uuid});
	return run(store->sql[SQL_ROW_DEL], &unused);
}

/* What writing one column's elements needs. */
struct item_writer {
	struct db_store *store;
	struct db_store_meta *meta;
	const struct column_schema *column;
	const char *table, *uuid;
};

static int put_item(const struct item_writer *w, const char *key, const char *value)
{
	sqlite3_stmt *q = w->store->sql[SQL_ITEM_PUT];
	uint64_t sum = db_store_item_sum(w->table, w->uuid, w->column->name, key, value), unused;

	bind_texts(q, 5, (const char *const[]){w->table, w->uuid, w->column->name, key, value});
	sqlite3_bind_int64(q, 6, (sqlite3_int64)sum);
	w->meta->total += sum;
	return run(q, &unused);
}

static int delete_item(const struct item_writer *w, const char *key)
{
	sqlite3_stmt *q = w->store->sql[SQL_ITEM_DEL];
	uint64_t sum;
	int rc;

	bind_texts(q, 4, (const char *const[]){w->table, w->uuid, w->column->name, key});
	rc = run(q, &sum);
	w->meta->total -= sum;
	return rc;
}

static int write_item(const struct item_writer *w, const struct datum *d, size_t i, bool put)
{
	const struct column_type *type = &w->column->type;
	struct ds key = DS_INIT, value = DS_INIT;
	int rc;

	atom_to_bare(&d->keys[i], type->key.type, &key);
	if (d->values)
		atom_to_bare(&d->values[i], type->value.type, &value);
	rc = put ? put_item(w, ds_cstr(&key), d->values ? ds_cstr(&value) : NULL) : delete_item(w, ds_cstr(&key));
	ds_fini(&key);
	ds_fini(&value);
	return rc;
}

/* Walks both sorted datums; what only one of them has is written or deleted, gone ones first. */
static int write_items(const struct item_writer *w, const struct datum *old, const struct datum *new_, bool put)
{
	static const struct datum none;
	const struct datum *from = put ? new_ : old, *other = put ? old : new_;
	const struct column_type *type = &w->column->type;
	size_t head, tail, j;
	int rc = 0;

	from = from ? from : &none;
	other = other ? other : &none;
	datum_common(from, other, type, &head, &tail);
	j = head;
	for (size_t i = head; i < from->n - tail && !rc; i++) {
		while (j < other->n && atom_compare(&other->keys[j], &from->keys[i], type->key.type) < 0)
			j++;
		if (j == other->n || atom_compare(&other->keys[j], &from->keys[i], type->key.type) ||
		    (from->values && atom_compare(&other->values[j], &from->values[i], type->value.type)))
			rc = write_item(w, from, i, put);
	}
	return rc;
}

static int write_columns(struct db_store *store, struct db_store_meta *meta, const struct db_change *change,
			 const char *uuid, const struct table_schema *table, bool *body)
{
	int rc = 0;

	*body = db_change_kind(change) != DB_MODIFY;
	for (size_t i = 0; i < table->n_columns && !rc; i++) {
		const struct column_schema *c = &table->columns[i];
		struct item_writer w = {store, meta, c, table->name, uuid};

		if (!db_change_has(change, c))
			continue;
		*body |= is_in_body(c);
		if (!is_itemised(c))
			continue;
		rc = write_items(&w, db_change_old(change, c), db_change_new(change, c), false);
		if (!rc)
			rc = write_items(&w, db_change_old(change, c), db_change_new(change, c), true);
	}
	return rc;
}

static int write_change(struct db_store *store, struct db_store_meta *meta, const struct db_change *change)
{
	const struct table_schema *table = db_table_schema(db_change_table(change));
	char uuid[UUID_LEN + 1];
	bool body;
	int rc;

	uuid_to_text(db_row_uuid(db_change_row(change)), uuid);
	rc = write_columns(store, meta, change, uuid, table, &body);
	if (rc || !body)
		return rc;
	if (db_change_kind(change) == DB_DELETE)
		return delete_row(store, meta, table->name, uuid);
	return put_row(store, meta, change, table, uuid);
}

static int write_meta(struct db_store *store, const struct db_store_meta *meta)
{
	sqlite3_stmt *q = store->sql[SQL_META_PUT];
	uint64_t unused;

	bind_texts(q, 3, (const char *const[]){meta->schema, meta->version, meta->id});
	sqlite3_bind_int64(q, 4, (sqlite3_int64)meta->seq);
	sqlite3_bind_int64(q, 5, (sqlite3_int64)meta->total);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)db_store_meta_sum(meta));
	return run(q, &unused);
}

static int write_all(struct db_store *store, struct db_store_meta *meta, const struct db_change *changes)
{
	const struct db_change *change;
	int rc = run_plain(store, SQL_BEGIN);

	DB_FOR_EACH_CHANGE(change, changes)
		if (!rc)
			rc = write_change(store, meta, change);
	if (!rc)
		rc = write_meta(store, meta);
	return rc ? rc : run_plain(store, SQL_COMMIT);
}

static bool is_persistent(const struct db_change *change)
{
	const struct table_schema *table = db_table_schema(db_change_table(change));

	if (db_change_kind(change) != DB_MODIFY)
		return true;
	for (size_t i = 0; i < table->n_columns; i++)
		if (!table->columns[i].ephemeral && db_change_has(change, &table->columns[i]))
			return true;
	return false;
}

static bool any_persistent(const struct db_change *changes)
{
	const struct db_change *change;

	DB_FOR_EACH_CHANGE(change, changes)
		if (is_persistent(change))
			return true;
	return false;
}

static void tidy_log(struct db_store *store)
{
	if (store->n_wal_pages < WAL_PAGES_MAX)
		return;
	if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL))
		log_warn_rl("%s: the log stays long: %s", store->path, sqlite3_errmsg(store->db));
}

int db_store_write(struct db_store *store, const struct db_change *changes, struct errtext *err)
{
	struct db_store_meta meta = store->meta;
	int rc;

	if (!any_persistent(changes))
		return 0;
	snprintf(meta.version, sizeof meta.version, "%s", store->schema->version);
	meta.seq++;
	if (write_all(store, &meta, changes)) {
		rc = write_error(store, err);
		if (!sqlite3_get_autocommit(store->db))
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		return rc;
	}
	store->meta = meta;
	db_store_lock_note(&store->lock, meta.id, meta.seq);
	tidy_log(store);
	return 0;
}
