// SPDX-License-Identifier: Apache-2.0
/*
 * Which row a person means: UUID, @name, name, the name of what refers to it, the start of a UUID.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ovsdb/dbcmd_impl.h"

#define MIN_ABBREV 4

/* Rows without a name of their own go by the name of the row that refers to them. */
static const struct via {
	const char *table, *holder, *column;
} vias[] = {
	{"AutoAttach", "Bridge", "auto_attach"},
	{"Controller", "Bridge", "controller"},
	{"IPFIX", "Bridge", "ipfix"},
	{"NetFlow", "Bridge", "netflow"},
	{"QoS", "Port", "qos"},
	{"sFlow", "Bridge", "sflow"},
};

/* Columns that name a row, in the tables that have them. */
static const char *const name_columns[] = {"name", "target", "id"};

static const struct column_schema *name_column(const struct table_schema *table)
{
	for (size_t i = 0; i < ARRAY_SIZE(name_columns); i++) {
		const struct column_schema *c = schema_column(table, name_columns[i]);

		/* A Controller's target may be that of several bridges: it is no name. */
		if (c && (i == 0 || c->indexed))
			return c;
	}
	return NULL;
}

static int ambiguous(const struct table_schema *table, const char *word, struct errtext *err)
{
	return errtext_set(err, EINVAL, "several rows of table %s match \"%.100s\"; give the UUID", table->name, word);
}

/* Return: 0 with *row (NULL: none), or -EINVAL when several match. */
static int find_by_name(const struct db_table *table, const struct db_txn *txn, const char *word, struct db_row **row,
			struct errtext *err)
{
	const struct column_schema *column = name_column(db_table_schema(table));
	struct db_row *r;

	*row = NULL;
	if (column && column->indexed && column->type.key.type == ATOM_STRING)
		*row = db_find_name(table, txn, word);
	if (*row || !column || (column->indexed && column->type.key.type == ATOM_STRING))
		return 0;
	DB_FOR_EACH_ROW(r, table, txn) {
		const struct datum *d = db_row_get(r, txn, column);
		struct ds text = DS_INIT;
		bool match;

		datum_to_bare(d, &column->type, &text);
		match = d->n && !strcmp(ds_cstr(&text), word);
		ds_fini(&text);
		if (match && *row)
			return ambiguous(db_table_schema(table), word, err);
		if (match)
			*row = r;
	}
	return 0;
}

static int find_via(const struct db_table *table, const struct db_txn *txn, const char *word, struct db_row **row,
		    struct errtext *err)
{
	const struct db *db = db_table_db(table);

	*row = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(vias) && !*row; i++) {
		const struct db_table *holders = db_table(db, vias[i].holder);
		struct db_row *holder;

		if (strcmp(vias[i].table, db_table_schema(table)->name) != 0 || !holders)
			continue;
		holder = db_find_name(holders, txn, word);
		if (holder && db_get(holder, txn, vias[i].column)->n > 1)
			return errtext_set(err, EINVAL,
					   "%s %s has several rows in its column \"%s\"; give the UUID of one",
					   vias[i].holder, word, vias[i].column);
		if (holder)
			*row = db_get_ref(holder, txn, vias[i].column, 0);
	}
	return 0;
}

/* Datapaths go by their type, the key in the one Open_vSwitch row. */
static struct db_row *find_datapath(const struct db_table *table, const struct db_txn *txn, const char *word)
{
	const union atom key = {.string = (char *)(uintptr_t)word};
	const struct db_table *roots = db_table(db_table_db(table), "Open_vSwitch");
	struct db_row *root = roots ? db_row_first(roots, txn) : NULL;
	ptrdiff_t at;

	if (!root || strcmp(db_table_schema(table)->name, "Datapath") != 0)
		return NULL;
	at = datum_find_key(db_get(root, txn, "datapaths"), &key, ATOM_STRING);
	return at < 0 ? NULL : db_get_value_ref(root, txn, "datapaths", (size_t)at);
}

static int find_by_abbrev(const struct db_table *table, const struct db_txn *txn, const char *word, struct db_row **row,
			  struct errtext *err)
{
	char text[UUID_LEN + 1];
	struct db_row *r;

	*row = NULL;
	if (!uuid_is_abbrev(word, MIN_ABBREV))
		return 0;
	DB_FOR_EACH_ROW(r, table, txn) {
		if (strncasecmp(uuid_to_text(db_row_uuid(r), text), word, strlen(word)) != 0)
			continue;
		if (*row)
			return ambiguous(db_table_schema(table), word, err);
		*row = r;
	}
	return 0;
}

static int find_any(const struct db_table *table, const struct db_txn *txn, const char *word, struct db_row **row,
		    struct errtext *err)
{
	struct uuid uuid;
	int rc;

	*row = NULL;
	if (uuid_from_text(word, &uuid))
		*row = db_find_uuid(table, txn, &uuid);
	else if (*word == '@' && db_txn_defined(txn, word + 1))
		*row = db_find_uuid(table, txn, db_txn_defined(txn, word + 1));
	else if (!strcmp(word, ".") && db_table_count(table, txn) == 1)
		*row = db_row_first(table, txn);
	if (*row)
		return 0;
	rc = find_by_name(table, txn, word, row, err);
	if (!rc && !*row)
		rc = find_via(table, txn, word, row, err);
	if (!rc && !*row)
		*row = find_datapath(table, txn, word);
	if (!rc && !*row)
		rc = find_by_abbrev(table, txn, word, row, err);
	return rc;
}

int dbcmd_find_record(const struct db_txn *txn, const struct db_table *table, const char *word, bool may_miss,
		      struct db_row **row, struct errtext *err)
{
	int rc = find_any(table, txn, word, row, err);

	if (rc || *row || may_miss)
		return rc;
	return errtext_set(err, ENOENT, "no row \"%.100s\" in table %s", word, db_table_schema(table)->name);
}
