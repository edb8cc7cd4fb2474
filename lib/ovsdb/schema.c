// SPDX-License-Identifier: Apache-2.0
/*
 * Schemas from and to JSON, and names as people type them.
 */
#include "ovsdb/schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"

/* ---- reading ---- */

static int column_from_json(struct column_schema *column, const char *name, const json_t *json, struct errtext *err)
{
	const json_t *mutable_ = json_object_get(json, "mutable");
	int rc = column_type_from_json(&column->type, json_object_get(json, "type"), err);

	if (rc) {
		errtext_prefix(err, "column \"%s\"", name);
		return rc;
	}
	column->name = xstrdup(name);
	column->ephemeral = json_is_true(json_object_get(json, "ephemeral"));
	column->immutable = mutable_ && json_is_false(mutable_);
	return 0;
}

static int compare_columns(const void *a, const void *b)
{
	return strcmp(((const struct column_schema *)a)->name, ((const struct column_schema *)b)->name);
}

static int compare_tables(const void *a, const void *b)
{
	return strcmp(((const struct table_schema *)a)->name, ((const struct table_schema *)b)->name);
}

static int columns_from_json(struct table_schema *table, json_t *json, struct errtext *err)
{
	const char *name;
	json_t *column;

	if (!json_object_size(json))
		return errtext_set(err, EINVAL, "there are no columns");
	table->columns = xcalloc(json_object_size(json), sizeof *table->columns);
	json_object_foreach(json, name, column) {
		int rc = column_from_json(&table->columns[table->n_columns], name, column, err);

		if (rc)
			return rc;
		table->n_columns++;
	}
	qsort(table->columns, table->n_columns, sizeof *table->columns, compare_columns);
	for (size_t i = 0; i < table->n_columns; i++)
		table->columns[i].index = i;
	return 0;
}

static int index_from_json(struct table_schema *table, struct index_schema *index, const json_t *json,
			   struct errtext *err)
{
	size_t i;
	json_t *name;

	if (!json_array_size(json))
		return errtext_set(err, EINVAL, "an index is not a list of columns");
	index->columns = xcalloc(json_array_size(json), sizeof(struct column_schema *));
	json_array_foreach(json, i, name) {
		const char *s = json_string_value(name);
		const struct column_schema *column = s ? schema_column(table, s) : NULL;

		if (!column || column->ephemeral)
			return errtext_set(err, EINVAL, "an index names no persistent column");
		table->columns[column->index].indexed = true;
		index->columns[index->n++] = column;
	}
	return 0;
}

static int indexes_from_json(struct table_schema *table, const json_t *json, struct errtext *err)
{
	size_t i;
	json_t *index;

	if (!json_array_size(json))
		return 0;
	table->indexes = xcalloc(json_array_size(json), sizeof *table->indexes);
	json_array_foreach(json, i, index) {
		int rc;

		table->n_indexes++;
		rc = index_from_json(table, &table->indexes[i], index, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int table_from_json(struct table_schema *table, const char *name, const json_t *json, struct errtext *err)
{
	const json_t *max = json_object_get(json, "maxRows");
	int rc;

	table->name = xstrdup(name);
	table->is_root = json_is_true(json_object_get(json, "isRoot"));
	table->max_rows = TYPE_UNLIMITED;
	if (max && (!json_is_integer(max) || json_integer_value(max) < 1 || json_integer_value(max) > UINT_MAX))
		rc = errtext_set(err, EINVAL, "maxRows is not a number above 0");
	else
		rc = columns_from_json(table, json_object_get(json, "columns"), err);
	if (!rc)
		rc = indexes_from_json(table, json_object_get(json, "indexes"), err);
	if (rc)
		errtext_prefix(err, "table \"%s\"", name);
	else if (max)
		table->max_rows = (unsigned int)json_integer_value(max);
	return rc;
}

static int resolve_ref(const struct schema *schema, struct base_type *base, struct errtext *err)
{
	if (!base->ref_table_name)
		return 0;
	base->ref_table = schema_table(schema, base->ref_table_name);
	if (!base->ref_table)
		return errtext_set(err, EINVAL, "refTable \"%s\" is no table", base->ref_table_name);
	return 0;
}

static int resolve_refs(struct schema *schema, struct errtext *err)
{
	for (size_t i = 0; i < schema->n_tables; i++) {
		struct table_schema *table = &schema->tables[i];

		for (size_t j = 0; j < table->n_columns; j++) {
			struct column_type *type = &table->columns[j].type;
			int rc = resolve_ref(schema, &type->key, err);

			if (!rc)
				rc = resolve_ref(schema, &type->value, err);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int tables_from_json(struct schema *schema, json_t *json, struct errtext *err)
{
	const char *name;
	json_t *table;

	if (!json_object_size(json))
		return errtext_set(err, EINVAL, "schema: there are no tables");
	schema->tables = xcalloc(json_object_size(json), sizeof *schema->tables);
	json_object_foreach(json, name, table) {
		int rc = table_from_json(&schema->tables[schema->n_tables++], name, table, err);

		if (rc)
			return rc;
	}
	return 0;
}

static void sort_tables(struct schema *schema)
{
	qsort(schema->tables, schema->n_tables, sizeof *schema->tables, compare_tables);
	for (size_t i = 0; i < schema->n_tables; i++)
		schema->tables[i].index = i;
}

/* An optional member that must be a string. Return: a copy; NULL when absent. */
static char *string_member(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s ? xstrdup(s) : NULL;
}

int schema_from_json(struct schema **schemap, const json_t *json, struct errtext *err)
{
	struct schema *schema = xzalloc(sizeof *schema);
	int rc;

	schema->name = string_member(json, "name");
	schema->version = string_member(json, "version");
	schema->cksum = string_member(json, "cksum");
	if (!schema->name || !schema->version)
		rc = errtext_set(err, EINVAL, "schema: name or version is missing");
	else
		rc = tables_from_json(schema, json_object_get(json, "tables"), err);
	if (!rc) {
		sort_tables(schema);
		rc = resolve_refs(schema, err);
	}
	if (rc) {
		schema_free(schema);
		return rc;
	}
	*schemap = schema;
	return 0;
}

static void table_fini(struct table_schema *table)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		column_type_fini(&table->columns[i].type);
		free(table->columns[i].name);
	}
	for (size_t i = 0; i < table->n_indexes; i++)
		free(table->indexes[i].columns);
	free(table->columns);
	free(table->indexes);
	free(table->name);
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->n_tables; i++)
		table_fini(&schema->tables[i]);
	free(schema->tables);
	free(schema->name);
	free(schema->version);
	free(schema->cksum);
	free(schema);
}

/* ---- writing ---- */

static json_t *column_to_json(const struct column_schema *column)
{
	json_t *json = json_object();

	json_object_set_new(json, "type", column_type_to_json(&column->type));
	if (column->ephemeral)
		json_object_set_new(json, "ephemeral", json_true());
	if (column->immutable)
		json_object_set_new(json, "mutable", json_false());
	return json;
}

static json_t *indexes_to_json(const struct table_schema *table)
{
	json_t *indexes = json_array();

	for (size_t i = 0; i < table->n_indexes; i++) {
		json_t *index = json_array();

		for (size_t j = 0; j < table->indexes[i].n; j++)
			json_array_append_new(index, json_string(table->indexes[i].columns[j]->name));
		json_array_append_new(indexes, index);
	}
	return indexes;
}

static json_t *table_to_json(const struct table_schema *table)
{
	json_t *json = json_object(), *columns = json_object();

	for (size_t i = 0; i < table->n_columns; i++)
		json_object_set_new(columns, table->columns[i].name, column_to_json(&table->columns[i]));
	json_object_set_new(json, "columns", columns);
	if (table->is_root)
		json_object_set_new(json, "isRoot", json_true());
	if (table->max_rows != TYPE_UNLIMITED)
		json_object_set_new(json, "maxRows", json_integer(table->max_rows));
	if (table->n_indexes)
		json_object_set_new(json, "indexes", indexes_to_json(table));
	return json;
}

json_t *schema_to_json(const struct schema *schema)
{
	json_t *json = json_pack("{s:s,s:s}", "name", schema->name, "version", schema->version);
	json_t *tables = json_object();

	if (schema->cksum)
		json_object_set_new(json, "cksum", json_string(schema->cksum));
	for (size_t i = 0; i < schema->n_tables; i++)
		json_object_set_new(tables, schema->tables[i].name, table_to_json(&schema->tables[i]));
	json_object_set_new(json, "tables", tables);
	return json;
}

/* ---- finding ---- */

const struct table_schema *schema_table(const struct schema *schema, const char *name)
{
	struct table_schema key = {.name = (char *)(uintptr_t)name};

	/* While the schema is being read the tables are not sorted yet; nobody asks then. */
	return bsearch(&key, schema->tables, schema->n_tables, sizeof key, compare_tables);
}

const struct column_schema *schema_column(const struct table_schema *table, const char *name)
{
	struct column_schema key = {.name = (char *)(uintptr_t)name};

	return bsearch(&key, table->columns, table->n_columns, sizeof key, compare_columns);
}

/* Case and the kind of dash do not count. */
static int fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

enum match { MATCH_NONE, MATCH_PREFIX, MATCH_WHOLE };

static enum match match_name(const char *typed, const char *name)
{
	while (*typed && fold(*typed) == fold(*name)) {
		typed++;
		name++;
	}
	return *typed ? MATCH_NONE : *name ? MATCH_PREFIX : MATCH_WHOLE;
}

/* Goes over names, keeps the best, and lists those that match. */
struct matcher {
	const char *typed;
	enum match best;
	const void *found;
	size_t n_prefix;
	struct ds names;
};

static void consider(struct matcher *m, const char *name, const void *object)
{
	enum match match = match_name(m->typed, name);

	if (match == MATCH_PREFIX) {
		ds_printf(&m->names, "%s%s", m->n_prefix ? ", " : "", name);
		m->n_prefix++;
	}
	if (match > m->best) {
		m->best = match;
		m->found = object;
	}
}

/* Return: 0, or -errno with what is wrong and the names there are. */
static int conclude(struct matcher *m, const char *what, const struct ds *all, struct errtext *err)
{
	int rc = 0;

	if (m->best == MATCH_NONE || !*m->typed)
		rc = errtext_set(err, ENOENT, "there is no %s \"%.60s\"; there are: %s", what, m->typed, ds_cstr(all));
	else if (m->best == MATCH_PREFIX && m->n_prefix > 1)
		rc = errtext_set(err, EINVAL, "%s \"%s\" is ambiguous: %s", what, m->typed, ds_cstr(&m->names));
	ds_fini(&m->names);
	return rc;
}

int schema_match_table(const struct schema *schema, const char *name, const struct table_schema **table,
		       struct errtext *err)
{
	struct matcher m = {.typed = name};
	struct ds all = DS_INIT;
	int rc;

	for (size_t i = 0; i < schema->n_tables; i++) {
		consider(&m, schema->tables[i].name, &schema->tables[i]);
		ds_printf(&all, "%s%s", i ? ", " : "", schema->tables[i].name);
	}
	rc = conclude(&m, "table", &all, err);
	ds_fini(&all);
	if (!rc)
		*table = m.found;
	return rc;
}

int schema_match_column(const struct table_schema *table, const char *name, const struct column_schema **column,
			struct errtext *err)
{
	struct matcher m = {.typed = name};
	struct ds all = DS_INIT;
	int rc;

	consider(&m, schema_uuid_column()->name, schema_uuid_column());
	consider(&m, schema_version_column()->name, schema_version_column());
	for (size_t i = 0; i < table->n_columns; i++) {
		consider(&m, table->columns[i].name, &table->columns[i]);
		ds_printf(&all, "%s%s", i ? ", " : "", table->columns[i].name);
	}
	rc = conclude(&m, "column", &all, err);
	ds_fini(&all);
	if (rc)
		errtext_prefix(err, "table %s", table->name);
	else
		*column = m.found;
	return rc;
}

static const struct column_schema *pseudo_column(struct column_schema *column, char *name)
{
	if (!column->name) {
		column->index = SIZE_MAX;
		column->type = (struct column_type){.n_min = 1, .n_max = 1};
		base_type_init(&column->type.key, ATOM_UUID);
		base_type_init(&column->type.value, ATOM_VOID);
		column->immutable = column->ephemeral = true;
		column->name = name;
	}
	return column;
}

const struct column_schema *schema_uuid_column(void)
{
	static struct column_schema column;
	static char name[] = "_uuid";

	return pseudo_column(&column, name);
}

const struct column_schema *schema_version_column(void)
{
	static struct column_schema column;
	static char name[] = "_version";

	return pseudo_column(&column, name);
}
