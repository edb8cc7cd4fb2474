// SPDX-License-Identifier: Apache-2.0
/*
 * Atoms and datums in memory: sorted arrays and what can be done with them.
 */
#include "ovsdb/value.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/value_impl.h"

/* ---- atoms ---- */

union atom atom_default(enum atom_type type)
{
	union atom a;

	memset(&a, 0, sizeof a);
	if (type == ATOM_STRING)
		a.string = xstrdup("");
	return a;
}

union atom atom_clone(const union atom *atom, enum atom_type type)
{
	union atom a = *atom;

	if (type == ATOM_STRING)
		a.string = xstrdup(atom->string);
	return a;
}

void atom_fini(union atom *atom, enum atom_type type)
{
	if (type == ATOM_STRING) {
		free(atom->string);
		atom->string = NULL;
	}
}

int atom_accept(union atom *atom, const struct base_type *base, struct errtext *err)
{
	int error = base_type_check(base, atom, err);

	if (error)
		atom_fini(atom, base->type);
	return error;
}

int atom_compare(const union atom *a, const union atom *b, enum atom_type type)
{
	switch (type) {
	case ATOM_INTEGER:
		return a->integer < b->integer ? -1 : a->integer > b->integer;
	case ATOM_REAL:
		return a->real < b->real ? -1 : a->real > b->real;
	case ATOM_BOOLEAN:
		return a->boolean - b->boolean;
	case ATOM_STRING:
		return strcmp(a->string, b->string);
	case ATOM_UUID:
		return uuid_compare(&a->uuid, &b->uuid);
	case ATOM_VOID:
		break;
	}
	return 0;
}

uint32_t atom_hash(const union atom *atom, enum atom_type type, uint32_t basis)
{
	switch (type) {
	case ATOM_INTEGER:
		return hash_u64((uint64_t)atom->integer, basis);
	case ATOM_REAL: {
		double real = atom->real + 0.0; /* -0.0 equals 0.0 */
		uint64_t bits;

		memcpy(&bits, &real, sizeof bits);
		return hash_u64(bits, basis);
	}
	case ATOM_BOOLEAN:
		return hash_u64(atom->boolean, basis);
	case ATOM_STRING:
		return hash_string(atom->string, basis);
	case ATOM_UUID:
		return hash_bytes(&atom->uuid, sizeof atom->uuid, basis);
	case ATOM_VOID:
		break;
	}
	return basis;
}

/* ---- datums as a whole ---- */

void datum_init_default(struct datum *datum, const struct column_type *type)
{
	*datum = DATUM_EMPTY;
	if (!type->n_min)
		return;
	datum->n = 1;
	datum->keys = xmalloc(sizeof *datum->keys);
	datum->keys[0] = atom_default(type->key.type);
	/* RFC 7047 5.2.1 says 0 or "" without regard to an enum; a default outside of it would be a trap: take the
	 * first. */
	if (type->key.allowed && type->key.allowed->n) {
		atom_fini(&datum->keys[0], type->key.type);
		datum->keys[0] = atom_clone(&type->key.allowed->keys[0], type->key.type);
	}
	if (column_type_is_map(type)) {
		datum->values = xmalloc(sizeof *datum->values);
		datum->values[0] = atom_default(type->value.type);
	}
}

bool datum_is_default(const struct datum *datum, const struct column_type *type)
{
	struct datum d;
	bool same;

	if (!type->n_min)
		return !datum->n;
	datum_init_default(&d, type);
	same = datum_equal(datum, &d, type);
	datum_fini(&d, type);
	return same;
}

static union atom *clone_atoms(const union atom *atoms, size_t n, enum atom_type type)
{
	union atom *copy = xmemdup(atoms, n * sizeof *atoms);

	if (type == ATOM_STRING)
		for (size_t i = 0; i < n; i++)
			copy[i].string = xstrdup(atoms[i].string);
	return copy;
}

void datum_clone(struct datum *dst, const struct datum *src, const struct column_type *type)
{
	*dst = DATUM_EMPTY;
	if (!src->n)
		return;
	dst->n = src->n;
	dst->keys = clone_atoms(src->keys, src->n, type->key.type);
	if (column_type_is_map(type))
		dst->values = clone_atoms(src->values, src->n, type->value.type);
}

void datum_fini(struct datum *datum, const struct column_type *type)
{
	for (size_t i = 0; i < datum->n; i++) {
		atom_fini(&datum->keys[i], type->key.type);
		if (datum->values)
			atom_fini(&datum->values[i], type->value.type);
	}
	free(datum->keys);
	free(datum->values);
	*datum = DATUM_EMPTY;
}

/* All 16 bytes of a UUID count, so arrays of them compare as memory; other atoms have padding or pointers. */
static_assert(sizeof(union atom) == sizeof(struct uuid), "no padding in an atom that is a UUID");

static bool atoms_equal(const union atom *a, const union atom *b, size_t n, enum atom_type type)
{
	if (type == ATOM_UUID)
		return !memcmp(a, b, n * sizeof *a);
	for (size_t i = 0; i < n; i++)
		if (atom_compare(&a[i], &b[i], type) != 0)
			return false;
	return true;
}

/* Are the @n pairs from @i on of @a those from @j on of @b? */
static bool pairs_equal(const struct datum *a, size_t i, const struct datum *b, size_t j, size_t n,
			const struct column_type *type)
{
	return !n || (atoms_equal(a->keys + i, b->keys + j, n, type->key.type) &&
		      (!column_type_is_map(type) || atoms_equal(a->values + i, b->values + j, n, type->value.type)));
}

void datum_common(const struct datum *a, const struct datum *b, const struct column_type *type, size_t *head,
		  size_t *tail)
{
	size_t n = MIN(a->n, b->n), h = 0, t = 0;

	for (size_t block = 64; block; block /= 8)
		while (n - h >= block && pairs_equal(a, h, b, h, block, type))
			h += block;
	for (size_t block = 64; block; block /= 8)
		while (n - h - t >= block && pairs_equal(a, a->n - t - block, b, b->n - t - block, block, type))
			t += block;
	*head = h;
	*tail = t;
}

static int compare_arrays(const union atom *a, const union atom *b, size_t n, enum atom_type type)
{
	int c = 0;

	for (size_t i = 0; i < n && !c; i++)
		c = atom_compare(&a[i], &b[i], type);
	return c;
}

int datum_compare(const struct datum *a, const struct datum *b, const struct column_type *type)
{
	int c;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	c = compare_arrays(a->keys, b->keys, a->n, type->key.type);
	if (!c && column_type_is_map(type))
		c = compare_arrays(a->values, b->values, a->n, type->value.type);
	return c;
}

bool datum_equal(const struct datum *a, const struct datum *b, const struct column_type *type)
{
	return a->n == b->n && pairs_equal(a, 0, b, 0, a->n, type);
}

uint32_t datum_hash(const struct datum *datum, const struct column_type *type, uint32_t basis)
{
	for (size_t i = 0; i < datum->n; i++) {
		basis = atom_hash(&datum->keys[i], type->key.type, basis);
		if (datum->values)
			basis = atom_hash(&datum->values[i], type->value.type, basis);
	}
	return basis;
}

/* Can an atom of this type be wrong at all? References are judged when the transaction is prepared. */
static bool is_free(const struct base_type *base)
{
	return base->type == ATOM_VOID || base->type == ATOM_BOOLEAN || (base->type == ATOM_UUID && !base->allowed);
}

int datum_check(const struct datum *datum, const struct column_type *type, struct errtext *err)
{
	int rc = 0;

	if (datum->n < type->n_min)
		return errtext_set(err, ERANGE, "%zu values, but at least %u must be given", datum->n, type->n_min);
	if (datum->n > type->n_max)
		return errtext_set(err, ERANGE, "%zu values, but at most %u may be given", datum->n, type->n_max);
	if (is_free(&type->key) && is_free(&type->value))
		return 0;
	for (size_t i = 0; i < datum->n && !rc; i++) {
		rc = base_type_check(&type->key, &datum->keys[i], err);
		if (!rc && datum->values)
			rc = base_type_check(&type->value, &datum->values[i], err);
	}
	return rc;
}

/* ---- single pairs ---- */

/* The place of @key, or where it belongs. */
static size_t bisect(const struct datum *datum, const union atom *key, enum atom_type type, bool *found)
{
	size_t low = 0, high = datum->n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = atom_compare(key, &datum->keys[mid], type);

		if (!c) {
			*found = true;
			return mid;
		}
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

ptrdiff_t datum_find_key(const struct datum *datum, const union atom *key, enum atom_type type)
{
	bool found;
	size_t i = bisect(datum, key, type, &found);

	return found ? (ptrdiff_t)i : -1;
}

bool datum_has_pair(const struct datum *datum, const struct datum *other, size_t i, const struct column_type *type)
{
	ptrdiff_t at = datum_find_key(datum, &other->keys[i], type->key.type);

	if (at < 0)
		return false;
	return !datum->values || !other->values ||
	       !atom_compare(&datum->values[at], &other->values[i], type->value.type);
}

static union atom *open_gap(union atom *atoms, size_t n, size_t at)
{
	atoms = xrealloc(atoms, (n + 1) * sizeof *atoms);
	memmove(atoms + at + 1, atoms + at, (n - at) * sizeof *atoms);
	return atoms;
}

bool datum_add(struct datum *datum, const union atom *key, const union atom *value, const struct column_type *type,
	       bool replace)
{
	bool found;
	size_t at = bisect(datum, key, type->key.type, &found);

	if (found) {
		if (!replace || !value || !atom_compare(&datum->values[at], value, type->value.type))
			return false;
		atom_fini(&datum->values[at], type->value.type);
		datum->values[at] = atom_clone(value, type->value.type);
		return true;
	}
	assert(value || !column_type_is_map(type));
	datum->keys = open_gap(datum->keys, datum->n, at);
	datum->keys[at] = atom_clone(key, type->key.type);
	if (column_type_is_map(type)) {
		datum->values = open_gap(datum->values, datum->n, at);
		datum->values[at] = atom_clone(value, type->value.type);
	}
	datum->n++;
	return true;
}

void datum_remove_at(struct datum *datum, size_t i, const struct column_type *type)
{
	size_t behind = datum->n - i - 1;

	atom_fini(&datum->keys[i], type->key.type);
	memmove(datum->keys + i, datum->keys + i + 1, behind * sizeof *datum->keys);
	if (datum->values) {
		atom_fini(&datum->values[i], type->value.type);
		memmove(datum->values + i, datum->values + i + 1, behind * sizeof *datum->values);
	}
	datum->n--;
}

void datum_union(struct datum *datum, const struct datum *other, const struct column_type *type, bool replace)
{
	for (size_t i = 0; i < other->n; i++)
		datum_add(datum, &other->keys[i], other->values ? &other->values[i] : NULL, type, replace);
}

void datum_subtract(struct datum *datum, const struct datum *other, const struct column_type *type)
{
	for (size_t i = 0; i < other->n; i++) {
		ptrdiff_t at = datum_find_key(datum, &other->keys[i], type->key.type);

		if (at >= 0 && datum_has_pair(datum, other, i, type))
			datum_remove_at(datum, (size_t)at, type);
	}
}

/* ---- building ---- */

void datum_builder_add(struct datum_builder *b, union atom key, union atom value)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 4;
		b->pairs = xrealloc(b->pairs, b->cap * sizeof *b->pairs);
	}
	b->pairs[b->n++] = (struct atom_pair){key, value};
}

void datum_builder_drop(struct datum_builder *b, const struct column_type *type)
{
	for (size_t i = 0; i < b->n; i++) {
		atom_fini(&b->pairs[i].key, type->key.type);
		atom_fini(&b->pairs[i].value, type->value.type);
	}
	free(b->pairs);
	*b = (struct datum_builder){0};
}

static int compare_pairs(const void *a_, const void *b_, void *type)
{
	const struct atom_pair *a = a_, *b = b_;

	return atom_compare(&a->key, &b->key, *(const enum atom_type *)type);
}

static int duplicate_error(const struct atom_pair *pair, const struct column_type *type, struct errtext *err)
{
	struct ds text = DS_INIT;
	int rc;

	atom_to_text(&pair->key, type->key.type, &text);
	rc = errtext_set(err, EINVAL, "%s stands there twice", ds_cstr(&text));
	ds_fini(&text);
	return rc;
}

int datum_builder_finish(struct datum_builder *b, const struct column_type *type, struct datum *datum,
			 struct errtext *err)
{
	enum atom_type key_type = type->key.type;

	if (b->n > 1)
		qsort_r(b->pairs, b->n, sizeof *b->pairs, compare_pairs, &key_type);
	for (size_t i = 1; i < b->n; i++) {
		if (!atom_compare(&b->pairs[i - 1].key, &b->pairs[i].key, key_type)) {
			int rc = duplicate_error(&b->pairs[i], type, err);

			datum_builder_drop(b, type);
			return rc;
		}
	}
	*datum = DATUM_EMPTY;
	datum->n = b->n;
	if (b->n)
		datum->keys = xmalloc(b->n * sizeof *datum->keys);
	if (b->n && column_type_is_map(type))
		datum->values = xmalloc(b->n * sizeof *datum->values);
	for (size_t i = 0; i < b->n; i++) {
		datum->keys[i] = b->pairs[i].key;
		if (datum->values)
			datum->values[i] = b->pairs[i].value;
	}
	free(b->pairs);
	*b = (struct datum_builder){0};
	return 0;
}

static struct datum datum_of_atom(union atom atom)
{
	struct datum d = {1, xmemdup(&atom, sizeof atom), NULL};

	return d;
}

struct datum datum_of_integer(int64_t v)
{
	return datum_of_atom((union atom){.integer = v});
}

struct datum datum_of_boolean(bool v)
{
	return datum_of_atom((union atom){.boolean = v});
}

struct datum datum_of_real(double v)
{
	return datum_of_atom((union atom){.real = v});
}

struct datum datum_of_string(const char *v)
{
	return v ? datum_of_atom((union atom){.string = xstrdup(v)}) : DATUM_EMPTY;
}

struct datum datum_of_uuid(const struct uuid *v)
{
	return datum_of_atom((union atom){.uuid = *v});
}

const char *datum_map_get(const struct datum *datum, const char *key)
{
	union atom k = {.string = (char *)(uintptr_t)key};
	ptrdiff_t at = datum_find_key(datum, &k, ATOM_STRING);

	return at < 0 ? NULL : datum->values[at].string;
}

static void map_put(struct datum *datum, const char *key, const union atom *value, enum atom_type value_type)
{
	union atom k = {.string = (char *)(uintptr_t)key};
	struct column_type type = {.n_max = TYPE_UNLIMITED};

	base_type_init(&type.key, ATOM_STRING);
	base_type_init(&type.value, value_type);
	datum_add(datum, &k, value, &type, true);
}

void datum_map_put(struct datum *datum, const char *key, const char *value)
{
	union atom v = {.string = (char *)(uintptr_t)value};

	map_put(datum, key, &v, ATOM_STRING);
}

void datum_map_put_integer(struct datum *datum, const char *key, int64_t value)
{
	union atom v = {.integer = value};

	map_put(datum, key, &v, ATOM_INTEGER);
}
