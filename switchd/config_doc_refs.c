// SPDX-License-Identifier: Apache-2.0
/*
 * Rows inside of others, in a document: the QoS of a port with its queues, the mirrors of a bridge, its controllers.
 *
 * A column that refers to such rows stands as an object with the columns of the row; as an object of these where it is a map, by its keys, or where
 * the rows have names; as a list of them where neither is so. A weak reference (the ports of a mirror) stands as the name of the row.
 *
 * Such rows have no identity in a document. What is not alike is made anew, and what was there before goes, unless somebody else refers to it.
 */
#include <errno.h>
#include <string.h>

#include "base/json_text.h"
#include "ovsdb/db.h"
#include "switchd/config.h"
#include "switchd/config_doc_impl.h"

static const struct base_type *ref_type(const struct column_schema *column)
{
	return column_type_is_map(&column->type) ? &column->type.value : &column->type.key;
}

bool config_doc_has_ref(const struct column_schema *column)
{
	const struct base_type *base = ref_type(column);

	/* A bridge's ports and a port's interfaces have places of their own. */
	return !column->ephemeral && base->ref_table &&
	       (base->ref_weak ? !!schema_column(base->ref_table, "name")
			       : strcmp(base->ref_table->name, "Port") != 0 &&
					 strcmp(base->ref_table->name, "Interface") != 0);
}

/* Are rows of the set told apart by name? */
static bool is_by_name(const struct column_schema *column)
{
	const struct base_type *base = ref_type(column);

	return !column_type_is_map(&column->type) && column->type.n_max > 1 && !base->ref_weak &&
	       schema_column(base->ref_table, "name");
}

/* ---- rows to a document ---- */

/* Return: a new reference; NULL when there is no such row. */
static json_t *target_json(const struct base_type *base, const struct uuid *uuid, const struct db_txn *txn)
{
	const struct db_row *row = db_find_uuid(db_table_of(config_db(), base->ref_table), txn, uuid);
	json_t *object;

	if (!row)
		return NULL;
	if (base->ref_weak)
		return json_string(db_get_string(row, txn, "name", ""));
	object = json_object();
	config_doc_put_columns(object, row, txn, NULL);
	config_doc_put_refs(object, row, txn);
	return object;
}

static json_t *map_json(const struct column_schema *column, const struct datum *d, const struct db_txn *txn)
{
	json_t *object = json_object();

	for (size_t i = 0; i < d->n; i++) {
		struct ds key = DS_INIT;

		atom_to_text(&d->keys[i], column->type.key.type, &key);
		json_object_set_new(object, ds_cstr(&key), target_json(ref_type(column), &d->values[i].uuid, txn));
		ds_fini(&key);
	}
	return object;
}

static json_t *set_json(const struct column_schema *column, const struct datum *d, const struct db_txn *txn)
{
	bool by_name = is_by_name(column);
	json_t *all = by_name ? json_object() : json_array();

	for (size_t i = 0; i < d->n; i++) {
		json_t *target = target_json(ref_type(column), &d->keys[i].uuid, txn);
		json_t *name = by_name ? json_incref(json_object_get(target, "name")) : NULL;

		if (by_name)
			json_object_del(target, "name");
		if (by_name)
			json_object_set_new(all, name ? json_string_value(name) : "", target);
		else
			json_array_append_new(all, target);
		json_decref(name);
	}
	return all;
}

/* Return: a new reference; NULL when it refers to nothing. */
static json_t *ref_json(const struct db_row *row, const struct column_schema *column, const struct db_txn *txn)
{
	const struct datum *d = db_row_get(row, txn, column);

	if (!d->n)
		return NULL;
	if (column_type_is_map(&column->type))
		return map_json(column, d, txn);
	if (column->type.n_max == 1)
		return target_json(ref_type(column), &d->keys[0].uuid, txn);
	return set_json(column, d, txn);
}

void config_doc_put_refs(json_t *object, const struct db_row *row, const struct db_txn *txn)
{
	const struct table_schema *table = db_table_schema(db_row_table(row));

	for (size_t i = 0; i < table->n_columns; i++) {
		const struct column_schema *column = &table->columns[i];
		json_t *value = config_doc_has_ref(column) ? ref_json(row, column, txn) : NULL;

		if (value)
			json_object_set_new(object, column->name, value);
	}
}

/* ---- a document to rows ---- */

/* The row that one element of a column says. Return: false after an error. */
static bool make_target(struct config_writing *w, const struct base_type *base, const char *name, const json_t *value,
			union atom *target)
{
	const char *table = base->ref_table->name;
	struct db_row *row = NULL;
	char text[UUID_LEN + 1];

	if (base->ref_weak && json_is_string(value)) {
		row = db_find_name(db_table(config_db(), table), w->txn, json_string_value(value));
		if (!row)
			w->error = errtext_set(w->err, ENOENT, "there is no %s named %.60s", table,
					       json_string_value(value));
	} else if (base->ref_weak || !json_is_object(value)) {
		w->error = errtext_set(w->err, EINVAL, "expected %s", base->ref_weak ? "a name" : "an object: { ... }");
	} else {
		row = db_txn_insert(w->txn, db_table(config_db(), table), NULL);
		if (name)
			db_set_string(w->txn, row, "name", name);
		config_doc_set_columns(w, table, uuid_to_text(db_row_uuid(row), text), value);
		config_doc_set_refs(w, row, value);
	}
	if (row)
		target->uuid = *db_row_uuid(row);
	return !w->error;
}

/* An entry of a map, or a row that has a name. */
static void add_member(struct config_writing *w, const struct column_schema *column, const char *key,
		       const json_t *value, struct datum *d)
{
	const struct column_type *type = &column->type;
	bool is_map = column_type_is_map(type);
	union atom target, number;

	if (w->error || !make_target(w, ref_type(column), is_map ? NULL : key, value, &target))
		return;
	if (is_map && (w->error = atom_from_text(&number, &type->key, key, NULL, w->err)))
		return;
	datum_add(d, is_map ? &number : &target, is_map ? &target : NULL, type, true);
}

static void add_element(struct config_writing *w, const struct column_schema *column, const json_t *value,
			struct datum *d)
{
	union atom target;

	if (!w->error && make_target(w, ref_type(column), NULL, value, &target))
		datum_add(d, &target, NULL, &column->type, true);
}

static void make_all(struct config_writing *w, const struct column_schema *column, const json_t *wanted,
		     struct datum *d)
{
	bool has_members = column_type_is_map(&column->type) || is_by_name(column);
	const char *key;
	json_t *value;
	size_t i;

	if (wanted && has_members && !json_is_object(wanted))
		w->error = errtext_set(w->err, EINVAL, "expected an object: { ... }");
	if (has_members)
		json_object_foreach((json_t *)wanted, key, value)
			add_member(w, column, key, value, d);
	else if (json_is_array(wanted))
		json_array_foreach(wanted, i, value)
			add_element(w, column, value, d);
	else if (wanted)
		add_element(w, column, wanted, d);
}

/* Rows of tables whose rows live without being referred to. The others go by themselves. */
static void forget(struct config_writing *w, const struct column_schema *column, const struct datum *old,
		   const struct db_table *holder)
{
	const struct base_type *base = ref_type(column);
	const struct db_table *table = db_table_of(config_db(), base->ref_table);

	if (base->ref_weak || !base->ref_table->is_root)
		return;
	for (size_t i = 0; i < old->n; i++) {
		const union atom *atom = column_type_is_map(&column->type) ? &old->values[i] : &old->keys[i];
		struct db_row *row = db_find_uuid(table, w->txn, &atom->uuid);

		if (!row || db_row_referrer(row, w->txn, holder))
			continue;
		for (size_t c = 0; c < base->ref_table->n_columns; c++) {
			const struct column_schema *inner = &base->ref_table->columns[c];
			struct datum empty = DATUM_EMPTY, below;

			if (!config_doc_has_ref(inner))
				continue;
			datum_clone(&below, db_row_get(row, w->txn, inner), &inner->type);
			w->error = db_txn_set(w->txn, row, inner, &empty, w->err);
			forget(w, inner, &below, table);
			datum_fini(&below, &inner->type);
		}
		db_txn_delete(w->txn, row);
	}
}

/* Values as they are typed: 5 is "5", and a list of one is that one. */
static bool is_alike(const json_t *a, const json_t *b)
{
	struct ds text_a = DS_INIT, text_b = DS_INIT;
	const char *key;
	json_t *value;
	bool alike = json_object_size(a) == json_object_size(b);

	if (json_is_object(json_array_get(a, 0)) || json_is_object(json_array_get(b, 0)) || !a || !b)
		return a == b || (a && b && json_equal(a, b));
	json_object_foreach((json_t *)a, key, value)
		alike = alike && is_alike(value, json_object_get(b, key));
	if (json_is_object(a) || json_is_object(b))
		return alike && json_is_object(a) && json_is_object(b);
	json_put_word(&text_a, a);
	json_put_word(&text_b, b);
	alike = !strcmp(ds_cstr(&text_a), ds_cstr(&text_b));
	ds_fini(&text_a);
	ds_fini(&text_b);
	return alike;
}

static void set_ref(struct config_writing *w, struct db_row *row, const struct column_schema *column,
		    const json_t *wanted)
{
	json_t *is = ref_json(row, column, w->txn);
	struct datum now = DATUM_EMPTY, old;

	if (!is_alike(is, wanted)) {
		datum_clone(&old, db_row_get(row, w->txn, column), &column->type);
		make_all(w, column, wanted, &now);
		if (w->error)
			datum_fini(&now, &column->type);
		else
			w->error = db_txn_set(w->txn, row, column, &now, w->err);
		if (w->error)
			errtext_prefix(w->err, "%s", column->name);
		else
			forget(w, column, &old, db_row_table(row));
		datum_fini(&old, &column->type);
	}
	json_decref(is);
}

void config_doc_set_refs(struct config_writing *w, struct db_row *row, const json_t *object)
{
	const struct table_schema *table = db_table_schema(db_row_table(row));

	for (size_t i = 0; i < table->n_columns && !w->error; i++)
		if (config_doc_has_ref(&table->columns[i]))
			set_ref(w, row, &table->columns[i], json_object_get(object, table->columns[i].name));
}
