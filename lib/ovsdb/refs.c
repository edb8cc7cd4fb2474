// SPDX-License-Identifier: Apache-2.0
/*
 * References between rows.
 *
 * The target keeps one record per referring row and strength, so that "who refers to this row" is answered without a
 * search, and the number of strong ones. Both describe the committed state and are kept up to date by the difference of
 * each committed column. A reference of a row to itself counts for nothing: it would keep the row alive for ever.
 */
#include <assert.h>
#include <stdlib.h>

#include "ovsdb/db.h"
#include "ovsdb/db_impl.h"

struct db_row *refs_target__(const struct db *db, const struct base_type *base, const struct uuid *uuid)
{
	return db_row_by_uuid__(db_table_of(db, base->ref_table), uuid);
}

static int visit_pair(struct ref_visitor *v, struct db_row *src, const struct column_type *type, const struct datum *d,
		      size_t i, int sign)
{
	int rc = 0;

	if (type->key.ref_table)
		rc = v->visit(v, src, &type->key, &d->keys[i].uuid, sign);
	if (!rc && type->value.ref_table)
		rc = v->visit(v, src, &type->value, &d->values[i].uuid, sign);
	return rc;
}

/* Where the keys agree: do the values, too? */
static bool values_agree(const struct datum *old, size_t i, const struct datum *new_, size_t j,
			 const struct column_type *type)
{
	return !old->values || !atom_compare(&old->values[i], &new_->values[j], type->value.type);
}

int refs_diff__(struct ref_visitor *v, struct db_row *src, const struct column_schema *column, const struct datum *old,
		const struct datum *new_)
{
	static const struct datum none;
	const struct column_type *type = &column->type;
	size_t i, j, tail, n_old, n_new;
	int rc = 0;

	old = old ? old : &none;
	new_ = new_ ? new_ : &none;
	datum_common(old, new_, type, &i, &tail);
	j = i;
	n_old = old->n - tail;
	n_new = new_->n - tail;
	while (!rc && (i < n_old || j < n_new)) {
		int c = i == n_old ? 1 : j == n_new ? -1 : atom_compare(&old->keys[i], &new_->keys[j], type->key.type);

		if (!c && values_agree(old, i, new_, j, type)) {
			i++;
			j++;
			continue;
		}
		if (c >= 0)
			rc = visit_pair(v, src, type, new_, j++, 1);
		if (c <= 0 && !rc)
			rc = visit_pair(v, src, type, old, i++, -1);
	}
	return rc;
}

static uint32_t hash_src(const struct db_row *src)
{
	return uuid_hash(&src->uuid);
}

static struct db_ref *find_ref(const struct db_row *dst, const struct db_row *src, bool weak)
{
	struct db_ref *ref;

	HMAP_FOR_EACH_WITH_HASH(ref, node, hash_src(src), &dst->refs_in)
		if (ref->src == src && ref->weak == weak)
			return ref;
	return NULL;
}

static void add_ref(struct db_row *dst, struct db_row *src, bool weak)
{
	struct db_ref *ref = find_ref(dst, src, weak);

	if (!ref) {
		ref = xzalloc(sizeof *ref);
		ref->src = src;
		ref->weak = weak;
		hmap_insert(&dst->refs_in, &ref->node, hash_src(src));
	}
	ref->n_pairs++;
	dst->n_strong += !weak;
}

static void drop_ref(struct db_row *dst, struct db_row *src, bool weak)
{
	struct db_ref *ref = find_ref(dst, src, weak);

	assert(ref);
	dst->n_strong -= !weak;
	if (--ref->n_pairs)
		return;
	hmap_remove(&dst->refs_in, &ref->node);
	free(ref);
}

static int apply(struct ref_visitor *self, struct db_row *src, const struct base_type *base, const struct uuid *uuid,
		 int sign)
{
	struct db_row *dst = refs_target__(src->table->db, base, uuid);

	(void)self;
	assert(dst); /* prepare and load saw to it */
	if (dst == src)
		return 0;
	if (sign > 0)
		add_ref(dst, src, base->ref_weak);
	else
		drop_ref(dst, src, base->ref_weak);
	return 0;
}

void refs_change__(struct db_row *src, const struct column_schema *column, const struct datum *old,
		   const struct datum *new_)
{
	struct ref_visitor visitor = {apply};

	if (column_type_has_refs(&column->type))
		refs_diff__(&visitor, src, column, old, new_);
}

void refs_fini__(struct db_row *row)
{
	struct db_ref *ref;

	HMAP_FOR_EACH_SAFE(ref, node, &row->refs_in) {
		hmap_remove(&row->refs_in, &ref->node);
		free(ref);
	}
	hmap_fini(&row->refs_in);
}

/* ---- from a row to the one that holds it ---- */

static bool column_refers(const struct column_schema *c, const struct datum *d, const struct db_row *dst)
{
	const union atom key = {.uuid = dst->uuid};

	if (c->type.key.ref_table == dst->table->schema && !c->type.key.ref_weak &&
	    datum_find_key(d, &key, ATOM_UUID) >= 0)
		return true;
	if (c->type.value.ref_table != dst->table->schema || c->type.value.ref_weak)
		return false;
	for (size_t i = 0; i < d->n; i++)
		if (uuid_equal(&d->values[i].uuid, &dst->uuid))
			return true;
	return false;
}

static bool row_refers(const struct db_row *src, bool overlaid, const struct db_row *dst)
{
	const struct table_schema *schema = src->table->schema;

	for (size_t i = 0; i < schema->n_columns; i++)
		if (column_refers(&schema->columns[i], db_row_view__(src, overlaid, i), dst))
			return true;
	return false;
}

struct db_row *db_row_referrer(const struct db_row *row, const struct db_txn *txn, const struct db_table *table)
{
	struct db_change *change;
	struct db_ref *ref;

	HMAP_FOR_EACH(ref, node, &row->refs_in) {
		if (ref->weak || ref->src->table != table || !db_row_exists(ref->src, txn))
			continue;
		if (!txn || !ref->src->change || row_refers(ref->src, true, row))
			return ref->src;
	}
	if (!txn)
		return NULL;
	TAILQ_FOREACH(change, &txn->changes, link)
		if (change->row->table == table && !change->deleted && row_refers(change->row, true, row))
			return change->row;
	return NULL;
}
