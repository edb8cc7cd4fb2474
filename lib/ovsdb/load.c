// SPDX-License-Identifier: Apache-2.0
/*
 * From the disk to memory: rows one by one, then what connects them.
 *
 * What comes from the disk passed its checksums, so a violated rule means another program wrote it, or an older schema;
 * it is refused all the same, not repaired.
 */
#include <errno.h>
#include <stdlib.h>

#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"
#include "ovsdb/db_store.h"

static int load_column(struct db_row *row, const char *name, const json_t *json, struct errtext *err)
{
	const struct column_schema *column = schema_column(row->table->schema, name);
	struct datum value;
	int rc;

	if (!column)
		return errtext_set(err, EPROTO,
				   "unknown column \"%s\"; this file is from another version of the program: use "
				   "that one, or take the column out of the file first",
				   name);
	rc = datum_from_json(&value, &column->type, json, NULL, err);
	if (rc)
		goto fail;
	rc = datum_check(&value, &column->type, err);
	if (rc) {
		datum_fini(&value, &column->type);
		goto fail;
	}
	datum_fini(&row->columns[column->index], &column->type);
	row->columns[column->index] = value;
	return 0;
fail:
	errtext_prefix(err, "column \"%s\"", name);
	return rc;
}

int db_load_row(struct db *db, const char *table_name, const struct uuid *uuid, const json_t *columns,
		struct errtext *err)
{
	struct db_table *table = db_table(db, table_name);
	struct db_row *row;
	const char *name;
	json_t *value;

	if (!table)
		return errtext_set(err, EPROTO,
				   "unknown table \"%s\"; this file is from another version of the program: use "
				   "that one",
				   table_name);
	if (db_row_by_uuid__(table, uuid))
		return errtext_set(err, EBADMSG, "table %s: a row is there twice", table_name);
	row = db_row_new__(table, uuid);
	row->committed = true;
	table->n_rows++;
	json_object_foreach((json_t *)(uintptr_t)columns, name, value) {
		int rc = load_column(row, name, value, err);

		if (rc) {
			errtext_prefix(err, "table %s", table_name);
			return rc;
		}
	}
	return 0;
}

/* The inverse of atom_to_bare(), which does not quote. */
static int atom_from_bare(union atom *atom, const struct base_type *base, const char *text, struct errtext *err)
{
	if (base->type != ATOM_STRING)
		return atom_from_text(atom, base, text, NULL, err);
	atom->string = xstrdup(text);
	return 0;
}

static int add_item(struct datum *datum, const struct column_type *type, const char *key, const char *value,
		    struct errtext *err)
{
	union atom k, v = {0};
	int rc = atom_from_bare(&k, &type->key, key, err);

	if (rc)
		return rc;
	if (column_type_is_map(type) != (value != NULL))
		rc = errtext_set(err, EBADMSG, "a map's value is missing, or a set has one");
	else if (value)
		rc = atom_from_bare(&v, &type->value, value, err);
	if (!rc) {
		datum_add(datum, &k, value ? &v : NULL, type, false);
		atom_fini(&v, type->value.type);
	}
	atom_fini(&k, type->key.type);
	return rc;
}

int db_load_item(struct db *db, const char *table_name, const struct uuid *uuid, const char *column_name,
		 const char *key, const char *value, struct errtext *err)
{
	struct db_table *table = db_table(db, table_name);
	struct db_row *row = table ? db_row_by_uuid__(table, uuid) : NULL;
	const struct column_schema *column = row ? schema_column(table->schema, column_name) : NULL;
	int rc;

	if (!column)
		return errtext_set(err, EPROTO,
				   "table %s: element of an unknown row or column \"%s\"; this file is from another "
				   "version of the program: use that one",
				   table_name, column_name);
	rc = add_item(&row->columns[column->index], &column->type, key, value, err);
	if (rc)
		errtext_prefix(err, "table %s column \"%s\"", table_name, column_name);
	return rc;
}

static int check_target(struct ref_visitor *self, struct db_row *src, const struct base_type *base,
			const struct uuid *uuid, int sign)
{
	(void)self;
	(void)sign;
	return refs_target__(src->table->db, base, uuid) ? 0 : -ENOENT;
}

static int finish_row(struct db_row *row, struct errtext *err)
{
	const struct table_schema *schema = row->table->schema;
	struct ref_visitor check = {check_target};

	for (size_t i = 0; i < schema->n_columns; i++) {
		const struct column_schema *c = &schema->columns[i];

		if (!column_type_has_refs(&c->type))
			continue;
		if (refs_diff__(&check, row, c, NULL, &row->columns[i]))
			return errtext_set(err, EBADMSG, "table %s column \"%s\": a reference leads nowhere",
					   schema->name, c->name);
		refs_change__(row, c, NULL, &row->columns[i]);
	}
	for (size_t i = 0; i < schema->n_indexes; i++) {
		if (index_other__(row, i, false))
			return errtext_set(err, EBADMSG, "table %s: two rows with the same %s", schema->name,
					   schema->indexes[i].columns[0]->name);
		index_link__(&row->index[i], row, i, false);
	}
	return 0;
}

int db_load_finish(struct db *db, struct errtext *err)
{
	struct db_row *row;

	for (size_t i = 0; i < db->schema->n_tables; i++) {
		struct db_table *table = &db->tables[i];

		if (table->n_rows > table->schema->max_rows)
			return errtext_set(err, EBADMSG, "table %s has more than %u row(s)", table->schema->name,
					   table->schema->max_rows);
		TAILQ_FOREACH(row, &table->rows, link) {
			int rc = finish_row(row, err);

			if (rc)
				return rc;
		}
	}
	return 0;
}

/* The one row that everything hangs from. */
static int ensure_root(struct db *db, struct errtext *err)
{
	struct db_table *table = db_table(db, "Open_vSwitch");
	struct db_txn *txn;
	int rc;

	if (db_table_count(table, NULL))
		return 0;
	txn = db_txn_begin(db);
	db_txn_insert(txn, table, NULL);
	rc = db_txn_commit(txn, err);
	if (rc)
		db_txn_abort(txn);
	return rc;
}

int db_open(struct db **dbp, const char *path, struct errtext *err)
{
	struct db_store *store;
	struct db *db;
	int rc = db_store_open(&store, path, schema_vswitch(), err);

	if (rc)
		return rc;
	db = db_new(schema_vswitch(), store);
	rc = db_store_load(store, db, err);
	if (!rc)
		rc = ensure_root(db, err);
	if (rc)
		db_free(db);
	else
		*dbp = db;
	return rc;
}
