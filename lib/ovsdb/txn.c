// SPDX-License-Identifier: Apache-2.0
/*
 * Transactions up to prepare: the overlay of changed values, new and deleted rows, names of rows.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"

static int resolve_name(void *txn, const char *name, struct uuid *uuid, struct errtext *err)
{
	if (!*name)
		return errtext_set(err, EINVAL, "\"@\" needs a name behind it");
	*uuid = *db_txn_name(txn, name);
	return 0;
}

struct db_txn *db_txn_begin(struct db *db)
{
	struct db_txn *txn = xzalloc(sizeof *txn);

	assert(!db->txn);
	db->txn = txn;
	txn->db = db;
	TAILQ_INIT(&txn->changes);
	TAILQ_INIT(&txn->dropped);
	hmap_init(&txn->names);
	txn->resolver = (struct uuid_names){resolve_name, txn};
	return txn;
}

struct db *db_txn_db(const struct db_txn *txn)
{
	return txn->db;
}

void db_txn_comment(struct db_txn *txn, const char *comment)
{
	free(txn->comment);
	txn->comment = xstrdup(comment);
}

/* ---- the overlay ---- */

struct db_change *db_change_get__(struct db_txn *txn, struct db_row *row)
{
	size_t n_columns = row->table->schema->n_columns;
	struct db_change *change = row->change;

	if (change)
		return change;
	change = xzalloc(sizeof *change + n_columns * sizeof change->overlay[0]);
	change->row = row;
	change->index = xcalloc(row->table->schema->n_indexes, sizeof *change->index);
	TAILQ_INSERT_TAIL(&txn->changes, change, link);
	row->change = change;
	return change;
}

static void link_indexes(struct db_change *change, const struct column_schema *column)
{
	struct db_row *row = change->row;
	const struct table_schema *schema = row->table->schema;

	for (size_t i = 0; i < schema->n_indexes; i++)
		for (size_t j = 0; j < schema->indexes[i].n; j++)
			if (!column || schema->indexes[i].columns[j] == column)
				index_link__(&change->index[i], row, i, true);
}

void db_change_put__(struct db_change *change, size_t column, struct datum *value)
{
	const struct column_schema *schema = &change->row->table->schema->columns[column];
	struct db_overlay *o = &change->overlay[column];

	if (o->set)
		datum_fini(&o->datum, &schema->type);
	o->datum = *value;
	o->set = true;
	*value = DATUM_EMPTY;
	if (schema->indexed)
		link_indexes(change, schema);
}

void db_change_revert__(struct db_change *change, size_t column)
{
	struct db_overlay *o = &change->overlay[column];

	if (o->set)
		datum_fini(&o->datum, &change->row->table->schema->columns[column].type);
	o->set = false;
}

void db_change_free__(struct db_change *change)
{
	const struct table_schema *schema = change->row->table->schema;

	for (size_t i = 0; i < schema->n_indexes; i++)
		index_unlink__(&change->index[i]);
	for (size_t i = 0; i < schema->n_columns; i++)
		db_change_revert__(change, i);
	free(change->index);
	free(change);
}

struct db_row *db_txn_insert(struct db_txn *txn, struct db_table *table, const struct uuid *uuid)
{
	const struct uuid fresh = uuid ? *uuid : uuid_random();
	struct db_change *change;
	struct db_row *row;

	assert(txn->state == TXN_OPEN);
	if (db_row_by_uuid__(table, &fresh))
		return NULL;
	row = db_row_new__(table, &fresh);
	change = db_change_get__(txn, row);
	change->inserted = true;
	link_indexes(change, NULL);
	table->n_delta++;
	return row;
}

void db_txn_delete(struct db_txn *txn, struct db_row *row)
{
	struct db_change *change;

	assert(txn->state == TXN_OPEN && db_row_exists(row, txn));
	change = db_change_get__(txn, row);
	change->deleted = true;
	row->table->n_delta--;
}

/* May this column of this row be set now? */
static int check_settable(const struct db_txn *txn, const struct db_row *row, const struct column_schema *column,
			  struct errtext *err)
{
	bool is_new = row->change && row->change->inserted;

	if (column->index == SIZE_MAX)
		return errtext_set(err, EPERM, "belongs to the database and cannot be set");
	if (column->immutable && !is_new)
		return errtext_set(err, EPERM, "cannot change once the row exists; delete the row and create another");
	if (txn->state == TXN_PREPARED && (column->indexed || column_type_has_refs(&column->type)))
		return errtext_set(err, EBUSY, "cannot change any more in a transaction that is about to commit");
	return 0;
}

int db_txn_set(struct db_txn *txn, struct db_row *row, const struct column_schema *column, struct datum *value,
	       struct errtext *err)
{
	int rc;

	assert(txn->state != TXN_FAILED && db_row_exists(row, txn));
	rc = check_settable(txn, row, column, err);
	if (!rc)
		rc = datum_check(value, &column->type, err);
	if (rc) {
		errtext_prefix(err, "%s column \"%s\"", row->table->schema->name, column->name);
		datum_fini(value, &column->type);
		return rc;
	}
	if (txn->state == TXN_PREPARED && datum_equal(value, db_row_get(row, txn, column), &column->type))
		datum_fini(value, &column->type);
	else
		db_change_put__(db_change_get__(txn, row), column->index, value);
	return 0;
}

const struct db_change *db_txn_changed(const struct db_txn *txn, const struct db_row *row)
{
	(void)txn;
	return row->change;
}

const struct db_change *db_txn_changes(const struct db_txn *txn)
{
	assert(txn->state == TXN_PREPARED);
	return TAILQ_FIRST(&txn->changes);
}

/* ---- short forms ---- */

static void set_known(struct db_txn *txn, struct db_row *row, const char *name, struct datum value)
{
	const struct column_schema *column = schema_column(row->table->schema, name);
	struct errtext err = {0, ""};
	int rc;

	assert(column);
	rc = db_txn_set(txn, row, column, &value, &err);
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static struct datum copy_column(struct db_txn *txn, const struct db_row *row, const char *name,
				const struct column_schema **column)
{
	struct datum copy;

	*column = schema_column(row->table->schema, name);
	assert(*column);
	datum_clone(&copy, db_row_get(row, txn, *column), &(*column)->type);
	return copy;
}

void db_set_string(struct db_txn *txn, struct db_row *row, const char *column, const char *value_or_null)
{
	set_known(txn, row, column, datum_of_string(value_or_null));
}

void db_set_integer(struct db_txn *txn, struct db_row *row, const char *column, int64_t value)
{
	set_known(txn, row, column, datum_of_integer(value));
}

void db_set_boolean(struct db_txn *txn, struct db_row *row, const char *column, bool value)
{
	set_known(txn, row, column, datum_of_boolean(value));
}

void db_set_empty(struct db_txn *txn, struct db_row *row, const char *column)
{
	set_known(txn, row, column, DATUM_EMPTY);
}

void db_set_key(struct db_txn *txn, struct db_row *row, const char *column, const char *key, const char *value_or_null)
{
	const union atom atom = {.string = (char *)(uintptr_t)key};
	const struct column_schema *c;
	struct datum value = copy_column(txn, row, column, &c);
	ptrdiff_t at = datum_find_key(&value, &atom, ATOM_STRING);

	if (value_or_null)
		datum_map_put(&value, key, value_or_null);
	else if (at >= 0)
		datum_remove_at(&value, (size_t)at, &c->type);
	set_known(txn, row, column, value);
}

void db_add_ref(struct db_txn *txn, struct db_row *row, const char *column, const struct db_row *target)
{
	const union atom key = {.uuid = target->uuid};
	const struct column_schema *c;
	struct datum value = copy_column(txn, row, column, &c);

	/* A set that must not be empty starts with the all-zero UUID (RFC 7047 5.2.1), which leads nowhere. */
	if (value.n == 1 && uuid_is_zero(&value.keys[0].uuid))
		datum_fini(&value, &c->type);
	datum_add(&value, &key, NULL, &c->type, false);
	set_known(txn, row, column, value);
}

void db_remove_ref(struct db_txn *txn, struct db_row *row, const char *column, const struct db_row *target)
{
	const union atom key = {.uuid = target->uuid};
	const struct column_schema *c;
	struct datum value = copy_column(txn, row, column, &c);
	ptrdiff_t at = datum_find_key(&value, &key, ATOM_UUID);

	if (at >= 0)
		datum_remove_at(&value, (size_t)at, &c->type);
	set_known(txn, row, column, value);
}

/* ---- names ---- */

static struct db_name *find_name(const struct db_txn *txn, const char *name)
{
	struct db_name *n;

	HMAP_FOR_EACH_WITH_HASH(n, node, hash_string(name, 0), &txn->names)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

static struct db_name *new_name(struct db_txn *txn, const char *name, const struct uuid *uuid)
{
	struct db_name *n = xzalloc(sizeof *n);

	n->name = xstrdup(name);
	n->uuid = *uuid;
	hmap_insert(&txn->names, &n->node, hash_string(name, 0));
	return n;
}

const struct uuid *db_txn_name(struct db_txn *txn, const char *name)
{
	struct db_name *n = find_name(txn, name);

	if (!n) {
		const struct uuid fresh = uuid_random();

		n = new_name(txn, name, &fresh);
	}
	return &n->uuid;
}

int db_txn_define(struct db_txn *txn, const char *name, const struct uuid *uuid, struct errtext *err)
{
	struct db_name *n = find_name(txn, name);

	if (n && n->defined)
		return errtext_set(err, EEXIST, "the name @%s is given twice", name);
	if (n && !uuid_equal(&n->uuid, uuid))
		return errtext_set(err, EEXIST, "the name @%s is used before it is given to an existing row", name);
	if (!n)
		n = new_name(txn, name, uuid);
	n->defined = true;
	return 0;
}

const struct uuid *db_txn_defined(const struct db_txn *txn, const char *name)
{
	const struct db_name *n = find_name(txn, name);

	return n && n->defined ? &n->uuid : NULL;
}

const struct uuid_names *db_txn_names(struct db_txn *txn)
{
	return &txn->resolver;
}

/* ---- the end ---- */

static void free_changes(struct db_change_list *list)
{
	struct db_change *change, *next;

	for (change = TAILQ_FIRST(list); change; change = next) {
		struct db_row *row = change->row;

		next = TAILQ_NEXT(change, link);
		row->change = NULL;
		db_change_free__(change);
		if (!row->committed)
			db_row_free__(row);
	}
	TAILQ_INIT(list);
}

void db_txn_free__(struct db_txn *txn)
{
	struct db_name *name;

	for (size_t i = 0; i < txn->n_touched; i++) {
		txn->touched[i]->touched = false;
		txn->touched[i]->strong_delta = 0;
	}
	free_changes(&txn->changes);
	free_changes(&txn->dropped);
	HMAP_FOR_EACH_SAFE(name, node, &txn->names) {
		hmap_remove(&txn->names, &name->node);
		free(name->name);
		free(name);
	}
	hmap_fini(&txn->names);
	free(txn->touched);
	free(txn->comment);
	if (txn->db->txn == txn)
		txn->db->txn = NULL;
	free(txn);
}

void db_txn_abort(struct db_txn *txn)
{
	if (!txn)
		return;
	for (size_t i = 0; i < txn->db->schema->n_tables; i++)
		txn->db->tables[i].n_delta = 0;
	db_txn_free__(txn);
}
