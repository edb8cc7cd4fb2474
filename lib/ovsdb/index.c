// SPDX-License-Identifier: Apache-2.0
/*
 * Indexes: rows by the values of the columns that the schema says are unique together.
 *
 * All indexes of a table share one hash map, told apart by the number of the index, which is the basis of the hash. A
 * row may be in it twice for one index: under its committed values and under those that the open transaction gives it.
 * Lookup compares the values that the reader's view of the row has, so an entry that does not belong to the view never
 * matches.
 */
#include <assert.h>
#include <string.h>

#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"

static uint32_t hash_row(const struct db_row *row, size_t index, bool overlaid)
{
	const struct index_schema *schema = &row->table->schema->indexes[index];
	uint32_t hash = (uint32_t)index;

	for (size_t i = 0; i < schema->n; i++)
		hash = datum_hash(db_row_view__(row, overlaid, schema->columns[i]->index), &schema->columns[i]->type,
				  hash);
	return hash;
}

void index_link__(struct index_entry *entry, struct db_row *row, size_t index, bool overlaid)
{
	index_unlink__(entry);
	entry->row = row;
	entry->index = index;
	entry->linked = true;
	hmap_insert(&row->table->by_index, &entry->node, hash_row(row, index, overlaid));
}

void index_unlink__(struct index_entry *entry)
{
	if (!entry->linked)
		return;
	hmap_remove(&entry->row->table->by_index, &entry->node);
	entry->linked = false;
}

/* Does the view of @row have @values in the columns of the index? */
static bool row_matches(const struct db_row *row, bool overlaid, const struct index_schema *index,
			const struct datum *const values[])
{
	for (size_t i = 0; i < index->n; i++) {
		const struct column_schema *c = index->columns[i];

		if (!datum_equal(db_row_view__(row, overlaid, c->index), values[i], &c->type))
			return false;
	}
	return true;
}

static bool row_in_view(const struct db_row *row, bool overlaid)
{
	return overlaid && row->change ? !row->change->deleted : row->committed;
}

struct db_row *db_find_by_index(const struct db_table *table, const struct db_txn *txn,
				const struct index_schema *index, const struct datum *const values[])
{
	size_t number = (size_t)(index - table->schema->indexes);
	uint32_t hash = (uint32_t)number;
	struct index_entry *entry;

	assert(number < table->schema->n_indexes);
	for (size_t i = 0; i < index->n; i++)
		hash = datum_hash(values[i], &index->columns[i]->type, hash);
	HMAP_FOR_EACH_WITH_HASH(entry, node, hash, &table->by_index)
		if (entry->index == number && row_in_view(entry->row, txn) &&
		    row_matches(entry->row, txn, index, values))
			return entry->row;
	return NULL;
}

struct db_row *db_find_name(const struct db_table *table, const struct db_txn *txn, const char *name)
{
	union atom atom = {.string = (char *)(uintptr_t)name};
	const struct datum value = {1, &atom, NULL};
	const struct datum *values[] = {&value};
	const struct table_schema *schema = table->schema;

	for (size_t i = 0; i < schema->n_indexes; i++) {
		const struct index_schema *index = &schema->indexes[i];

		if (index->n == 1 && index->columns[0]->type.key.type == ATOM_STRING)
			return db_find_by_index(table, txn, index, values);
	}
	return NULL;
}

struct db_row *index_other__(const struct db_row *row, size_t index, bool overlaid)
{
	const struct index_schema *schema = &row->table->schema->indexes[index];
	struct index_entry *entry;

	HMAP_FOR_EACH_WITH_HASH(entry, node, hash_row(row, index, overlaid), &row->table->by_index) {
		bool same = entry->index == index && entry->row != row && row_in_view(entry->row, overlaid);

		for (size_t i = 0; same && i < schema->n; i++) {
			size_t c = schema->columns[i]->index;

			same = datum_equal(db_row_view__(row, overlaid, c), db_row_view__(entry->row, overlaid, c),
					   &schema->columns[i]->type);
		}
		if (same)
			return entry->row;
	}
	return NULL;
}

void index_describe__(const struct db_row *row, size_t index, bool overlaid, struct ds *out)
{
	const struct index_schema *schema = &row->table->schema->indexes[index];

	for (size_t i = 0; i < schema->n; i++) {
		const struct column_schema *c = schema->columns[i];

		ds_printf(out, "%s%s ", i ? ", " : "", c->name);
		datum_to_text(db_row_view__(row, overlaid, c->index), &c->type, out);
	}
}
