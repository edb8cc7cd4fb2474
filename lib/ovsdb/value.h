/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of columns: atoms, and datums made of them (RFC 7047 5.1).
 *
 * A datum is always sorted by key and has each key once, so comparing two is a walk, finding a key a bisection, and the
 * difference between the old and the new value of a column of 1,000 ports a merge. That order also makes every output
 * reproducible.
 *
 * A datum does not carry its type: the column does (struct column_type). Functions that need it take it.
 *
 * Three forms of a datum exist: in memory (here), JSON (value_json.c: the wire, the disk), text (value_text.c: what
 * people type).
 */
#ifndef OVSDB_VALUE_H
#define OVSDB_VALUE_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/type.h"
#include "ovsdb/uuid.h"

union atom {
	int64_t integer;
	double real;
	bool boolean;
	char *string; /**< heap, owned by the atom; UTF-8 without null characters */
	struct uuid uuid;
};

/** A set (values == NULL) or map of n pairs: keys[i] -> values[i]. Owned by whoever holds the struct. */
struct datum {
	size_t n;
	union atom *keys;
	union atom *values;
};

#define DATUM_EMPTY ((struct datum){0, NULL, NULL})

/**
 * struct uuid_names - finds what "@name" (text) and ["named-uuid", "name"] (JSON) stand for
 * @resolve: writes *uuid; 0 or -errno with the sentence in err
 */
struct uuid_names {
	int (*resolve)(void *aux, const char *name, struct uuid *uuid, struct errtext *err);
	void *aux;
};

/* ---- atoms ---- */

/** atom_default() - 0, 0.0, false, "", all-zero (RFC 7047 5.2.1). */
union atom atom_default(enum atom_type type);
union atom atom_clone(const union atom *atom, enum atom_type type);
void atom_fini(union atom *atom, enum atom_type type);
/** atom_compare() - total order. Return: < 0, 0, > 0. */
int atom_compare(const union atom *a, const union atom *b, enum atom_type type);
uint32_t atom_hash(const union atom *atom, enum atom_type type, uint32_t basis);

/** atom_from_text() - one atom as people type it; the whole of @text. Return: 0 or -errno with @err. */
VSW_MUST_USE int atom_from_text(union atom *atom, const struct base_type *base, const char *text,
				const struct uuid_names *names, struct errtext *err);
/** atom_to_text() - append; strings are quoted only when they could be taken for something else. */
void atom_to_text(const union atom *atom, enum atom_type type, struct ds *out);
/** atom_to_bare() - append; strings as they are. */
void atom_to_bare(const union atom *atom, enum atom_type type, struct ds *out);

VSW_MUST_USE int atom_from_json(union atom *atom, const struct base_type *base, const json_t *json,
				const struct uuid_names *names, struct errtext *err);
json_t *atom_to_json(const union atom *atom, enum atom_type type);

/* ---- datums ---- */

/** datum_init_default() - the value of a column nobody set: empty, or n_min default atoms. */
void datum_init_default(struct datum *datum, const struct column_type *type);
bool datum_is_default(const struct datum *datum, const struct column_type *type);
void datum_clone(struct datum *dst, const struct datum *src, const struct column_type *type);
/** datum_fini() - free the atoms; leaves an empty datum. */
void datum_fini(struct datum *datum, const struct column_type *type);
/** datum_compare() - total order: number of pairs, then keys, then values. */
int datum_compare(const struct datum *a, const struct datum *b, const struct column_type *type);
bool datum_equal(const struct datum *a, const struct datum *b, const struct column_type *type);
uint32_t datum_hash(const struct datum *datum, const struct column_type *type, uint32_t basis);

/**
 * datum_common() - what two values of a column share at their ends
 * @head: number of first pairs that are the same
 * @tail: number of last pairs that are the same; head + tail never exceeds the smaller number of pairs
 *
 * Sets of UUIDs are compared block by block, so that looking for the one new port among 1,000 is nearly free.
 */
void datum_common(const struct datum *a, const struct datum *b, const struct column_type *type, size_t *head,
		  size_t *tail);

/** datum_find_key() - bisection. Return: the index of @key, or -1. */
ptrdiff_t datum_find_key(const struct datum *datum, const union atom *key, enum atom_type type);
/** datum_has_pair() - is keys[i] -> values[i] of @other also in @datum? */
bool datum_has_pair(const struct datum *datum, const struct datum *other, size_t i, const struct column_type *type);

/** datum_add() - put a copy of the pair in; an existing key keeps its value unless @replace. Return: true when it
 * changed. */
bool datum_add(struct datum *datum, const union atom *key, const union atom *value, const struct column_type *type,
	       bool replace);
/** datum_remove_at() - drop pair @i. */
void datum_remove_at(struct datum *datum, size_t i, const struct column_type *type);
/** datum_union() - add all pairs of @other; see datum_add() for @replace. */
void datum_union(struct datum *datum, const struct datum *other, const struct column_type *type, bool replace);
/** datum_subtract() - remove the keys of @other; of a map, only pairs that agree when @other has values. */
void datum_subtract(struct datum *datum, const struct datum *other, const struct column_type *type);

/** datum_check() - number of pairs and every atom against the type. Return: 0 or -ERANGE with @err. */
VSW_MUST_USE int datum_check(const struct datum *datum, const struct column_type *type, struct errtext *err);

/**
 * datum_from_text() - a value as people type it: `7`, `a,b`, `[a, "b c"]`, `{k=v, "k 2"=v}`, `@name`, `[]`
 * @datum: written on success only; the caller's then
 * @names: may be NULL: no @name is known
 *
 * Does not judge the number of pairs (`add` and `remove` take more or fewer than the column holds): that is
 * datum_check().
 *
 * Return: 0, or -EINVAL or -ERANGE with a sentence and column in @err.
 */
VSW_MUST_USE int datum_from_text(struct datum *datum, const struct column_type *type, const char *text,
				 const struct uuid_names *names, struct errtext *err);
/** datum_to_text() - append in the form datum_from_text() reads. */
void datum_to_text(const struct datum *datum, const struct column_type *type, struct ds *out);
/** datum_to_bare() - append without brackets and quotes, pairs separated by blanks (--data=bare). */
void datum_to_bare(const struct datum *datum, const struct column_type *type, struct ds *out);

/** datum_from_json() - as datum_from_text(), from RFC 7047's <value>. Duplicates are an error. */
VSW_MUST_USE int datum_from_json(struct datum *datum, const struct column_type *type, const json_t *json,
				 const struct uuid_names *names, struct errtext *err);
json_t *datum_to_json(const struct datum *datum, const struct column_type *type);

/* ---- building and reading by hand ---- */

struct datum datum_of_integer(int64_t v);
struct datum datum_of_boolean(bool v);
struct datum datum_of_real(double v);
/** datum_of_string() - a set of one copy of @v; the empty set when @v is NULL. */
struct datum datum_of_string(const char *v);
struct datum datum_of_uuid(const struct uuid *v);

/** datum_map_get() - of a map of strings to strings. Return: the value of @key or NULL; the datum's. */
const char *datum_map_get(const struct datum *datum, const char *key);
/** datum_map_put() - of a map of strings to strings; replaces. */
void datum_map_put(struct datum *datum, const char *key, const char *value);
/** datum_map_put_integer() - of a map of strings to integers (statistics); replaces. */
void datum_map_put_integer(struct datum *datum, const char *key, int64_t value);

#endif
