// SPDX-License-Identifier: Apache-2.0
/*
 * What RFC 7047 asks of a transaction as a whole (3.2: isRoot, maxRows, indexes, refType; 4.1.3), at the cost of the
 * change.
 *
 *   1. names     every @name that was mentioned was given to a row
 *   2. count     a strong reference that appears or vanishes moves the target's strong_delta; a new one must lead to a
 *                row
 *   3. collect   a row of a non-root table whose count is down to 0 goes, and what it referred to is counted again
 *   4. clean     weak references to rows that go, or never were, are taken out; a pair of a map may hold a strong one
 *                as well: collect again
 *   5. check     deleted rows are not in use, indexes are unique, tables not too full
 *   6. trim      values set to what they were, and rows that came and went, leave the change list
 *
 * Only rows in `touched` (count or life changed) can become garbage, so only they are looked at.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"

/* The visitor of counting, with what it needs. */
struct counter {
	struct ref_visitor base;
	struct db_txn *txn;
	const struct column_schema *column;
	struct errtext *err;
};

static void touch(struct db_txn *txn, struct db_row *row)
{
	if (row->touched)
		return;
	if (txn->n_touched == txn->cap_touched) {
		txn->cap_touched = txn->cap_touched ? txn->cap_touched * 2 : 16;
		txn->touched = xrealloc(txn->touched, txn->cap_touched * sizeof(struct db_row *));
	}
	txn->touched[txn->n_touched++] = row;
	row->touched = true;
}

static size_t strong_count(const struct db_row *row)
{
	return row->n_strong + (size_t)row->strong_delta;
}

/* ---- 1. names ---- */

static int check_names(const struct db_txn *txn, struct errtext *err)
{
	struct db_name *name;

	HMAP_FOR_EACH(name, node, &txn->names)
		if (!name->defined)
			return errtext_set(err, ENOENT,
					   "@%s is used but no command creates it; add -- --id=@%s create ...",
					   name->name, name->name);
	return 0;
}

/* ---- 2. count ---- */

static int dangling(const struct counter *c, const struct db_row *src, const struct base_type *base,
		    const struct uuid *uuid)
{
	char text[UUID_LEN + 1];

	if (uuid_is_zero(uuid))
		return errtext_set(c->err, ENOENT, "%s column \"%s\" must be given: it refers to a %s row",
				   src->table->schema->name, c->column->name, base->ref_table_name);
	return errtext_set(c->err, ENOENT, "%s column \"%s\" refers to %s, but there is no such row in table %s",
			   src->table->schema->name, c->column->name, uuid_to_text(uuid, text), base->ref_table_name);
}

static int count_ref(struct ref_visitor *self, struct db_row *src, const struct base_type *base,
		     const struct uuid *uuid, int sign)
{
	struct counter *c = container_of(self, struct counter, base);
	struct db_row *dst;

	if (base->ref_weak)
		return 0;
	dst = refs_target__(src->table->db, base, uuid);
	if (!dst)
		return sign > 0 ? dangling(c, src, base, uuid) : 0;
	if (dst == src)
		return 0;
	dst->strong_delta += sign;
	touch(c->txn, dst);
	return 0;
}

/* From what is committed to what the transaction leaves, or from what it would have left to nothing when @gone. */
static int count_row(struct db_txn *txn, struct db_change *change, bool gone, struct errtext *err)
{
	struct db_row *row = change->row;
	const struct table_schema *schema = row->table->schema;
	struct counter counter = {{count_ref}, txn, NULL, err};
	int rc = 0;

	for (size_t i = 0; i < schema->n_columns && !rc; i++) {
		const struct column_schema *column = &schema->columns[i];
		const struct datum *old = gone ? db_row_view__(row, true, i) : row->committed ? &row->columns[i] : NULL;
		const struct datum *now = change->deleted ? NULL : db_row_view__(row, true, i);

		counter.column = column;
		if (column_type_has_refs(&column->type))
			rc = refs_diff__(&counter.base, row, column, old, now);
	}
	return rc;
}

static int count_all(struct db_txn *txn, struct errtext *err)
{
	struct db_change *change = NULL;

	TAILQ_FOREACH(change, &txn->changes, link) {
		int rc = count_row(txn, change, false, err);

		if (rc)
			return rc;
		touch(txn, change->row);
	}
	return 0;
}

/* ---- 3. collect ---- */

static bool is_garbage(const struct db_txn *txn, const struct db_row *row)
{
	return !row->table->schema->is_root && db_row_exists(row, txn) && !strong_count(row);
}

/* The list grows while it is worked off: a collected row touches what it referred to. */
static void collect(struct db_txn *txn)
{
	while (txn->n_collected < txn->n_touched) {
		struct db_row *row = txn->touched[txn->n_collected++];
		struct db_change *change = NULL;

		row->touched = false; /* when its count changes again, it comes to the end of the list again */
		if (!is_garbage(txn, row))
			continue;
		change = db_change_get__(txn, row);
		change->deleted = true;
		row->table->n_delta--;
		(void)count_row(txn, change, true, NULL);
	}
}

/* ---- 4. clean ---- */

static bool leads_nowhere(const struct db_txn *txn, const struct base_type *base, const union atom *atom)
{
	struct db_row *dst;

	if (!base->ref_table || !base->ref_weak)
		return false;
	dst = refs_target__(txn->db, base, &atom->uuid);
	return !dst || !db_row_exists(dst, txn);
}

static bool pair_is_dead(const struct db_txn *txn, const struct column_type *type, const struct datum *d, size_t i)
{
	return leads_nowhere(txn, &type->key, &d->keys[i]) ||
	       (d->values && leads_nowhere(txn, &type->value, &d->values[i]));
}

/* Return: 1 when something was taken out, 0, or -errno when too little is left. */
static int clean_column(struct db_txn *txn, struct db_row *row, const struct column_schema *column, struct errtext *err)
{
	const struct column_type *type = &column->type;
	struct counter counter = {{count_ref}, txn, column, err};
	const struct datum *before = db_row_view__(row, true, column->index);
	struct datum after;
	int rc;

	datum_clone(&after, before, type);
	for (size_t i = after.n; i-- > 0;)
		if (pair_is_dead(txn, type, &after, i))
			datum_remove_at(&after, i, type);
	if (after.n == before->n) {
		datum_fini(&after, type);
		return 0;
	}
	rc = datum_check(&after, type, err);
	if (rc) {
		errtext_prefix(err, "%s column \"%s\", after references to deleted rows were taken out",
			       row->table->schema->name, column->name);
		datum_fini(&after, type);
		return rc;
	}
	(void)refs_diff__(&counter.base, row, column, before, &after);
	db_change_put__(db_change_get__(txn, row), column->index, &after);
	return 1;
}

static bool has_weak(const struct column_type *type)
{
	return type->key.ref_weak || type->value.ref_weak;
}

static int clean_row(struct db_txn *txn, struct db_row *row, struct errtext *err)
{
	const struct table_schema *schema = row->table->schema;
	int cleaned = 0;

	for (size_t i = 0; i < schema->n_columns; i++) {
		int rc = has_weak(&schema->columns[i].type) ? clean_column(txn, row, &schema->columns[i], err) : 0;

		if (rc < 0)
			return rc;
		cleaned |= rc;
	}
	return cleaned;
}

static int clean_referrers(struct db_txn *txn, const struct db_row *dead, struct errtext *err)
{
	struct db_ref *ref;
	int cleaned = 0;

	HMAP_FOR_EACH(ref, node, &dead->refs_in) {
		int rc = ref->weak && db_row_exists(ref->src, txn) ? clean_row(txn, ref->src, err) : 0;

		if (rc < 0)
			return rc;
		cleaned |= rc;
	}
	return cleaned;
}

/* Return: as clean_column(). The list may grow meanwhile: cleaned rows are appended. */
static int clean_all(struct db_txn *txn, struct errtext *err)
{
	struct db_change *change = NULL;
	int cleaned = 0;

	TAILQ_FOREACH(change, &txn->changes, link) {
		int rc = change->deleted ? clean_referrers(txn, change->row, err) : clean_row(txn, change->row, err);

		if (rc < 0)
			return rc;
		cleaned |= rc;
	}
	return cleaned;
}

/* ---- 5. check ---- */

static int check_deleted(const struct db_row *row, struct errtext *err)
{
	const struct table_schema *schema = row->table->schema;
	struct ds name = DS_INIT;
	char text[UUID_LEN + 1];
	struct db_ref *ref;
	const char *by = "a row of this transaction";
	int rc;

	HMAP_FOR_EACH(ref, node, &row->refs_in)
		if (!ref->weak)
			by = ref->src->table->schema->name;
	if (schema->n_indexes)
		index_describe__(row, 0, false, &name);
	rc = errtext_set(err, EBUSY, "cannot delete %s row %s: %zu reference(s) to it remain (%s)", schema->name,
			 name.len ? name.s : uuid_to_text(&row->uuid, text), strong_count(row), by);
	ds_fini(&name);
	return rc;
}

static int check_indexes(const struct db_change *change, struct errtext *err)
{
	const struct table_schema *schema = change->row->table->schema;

	for (size_t i = 0; i < schema->n_indexes; i++) {
		struct ds what = DS_INIT;
		int rc;

		if (!change->index[i].linked || !index_other__(change->row, i, true))
			continue;
		index_describe__(change->row, i, true, &what);
		rc = errtext_set(err, EEXIST, "there is a %s with %s already", schema->name, ds_cstr(&what));
		ds_fini(&what);
		return rc;
	}
	return 0;
}

static int check_full(const struct db_table *table, struct errtext *err)
{
	if (table->n_delta <= 0 || table->n_rows + (size_t)table->n_delta <= table->schema->max_rows)
		return 0;
	return errtext_set(err, ENOSPC, "table %s holds at most %u row(s)", table->schema->name,
			   table->schema->max_rows);
}

static int check_all(struct db_txn *txn, struct errtext *err)
{
	struct db_change *change = NULL;
	int rc = check_names(txn, err);

	TAILQ_FOREACH(change, &txn->changes, link) {
		if (rc)
			return rc;
		if (change->deleted && strong_count(change->row))
			return check_deleted(change->row, err);
		rc = change->deleted ? 0 : check_indexes(change, err);
		if (!rc)
			rc = check_full(change->row->table, err);
	}
	return rc;
}

/* ---- 6. trim ---- */

/* Return: does the change still change anything? */
static bool trim_columns(struct db_change *change)
{
	const struct table_schema *schema = change->row->table->schema;
	bool any = change->inserted || change->deleted;

	for (size_t i = 0; i < schema->n_columns; i++) {
		struct db_overlay *o = &change->overlay[i];

		if (o->set &&
		    (change->deleted || datum_equal(&o->datum, &change->row->columns[i], &schema->columns[i].type)))
			db_change_revert__(change, i);
		any |= o->set;
	}
	return any;
}

static void trim_all(struct db_txn *txn)
{
	struct db_change *change = TAILQ_FIRST(&txn->changes), *next;

	for (; change; change = next) {
		next = TAILQ_NEXT(change, link);
		if (change->inserted && change->deleted) {
			TAILQ_REMOVE(&txn->changes, change, link);
			TAILQ_INSERT_TAIL(&txn->dropped, change, link);
		} else if (!trim_columns(change)) {
			TAILQ_REMOVE(&txn->changes, change, link);
			change->row->change = NULL;
			db_change_free__(change);
		}
	}
}

int db_txn_prepare(struct db_txn *txn, struct errtext *err)
{
	int rc;

	assert(txn->state == TXN_OPEN);
	rc = check_names(txn, err);
	if (!rc)
		rc = count_all(txn, err);
	while (!rc) {
		collect(txn);
		rc = clean_all(txn, err);
		if (rc != 1)
			break;
		rc = 0;
	}
	if (!rc)
		rc = check_all(txn, err);
	if (rc) {
		txn->state = TXN_FAILED;
		return rc;
	}
	trim_all(txn);
	txn->state = TXN_PREPARED;
	return 0;
}
