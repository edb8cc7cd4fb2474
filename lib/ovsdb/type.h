/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of columns (RFC 7047 3.2, <type>, <base-type>, <atomic-type>).
 *
 * A column holds a set of atoms or a map from atoms to atoms; a scalar is a set of exactly one, an optional value a set
 * of at most one. So one struct says it all: the type of the keys, that of the values (ATOM_VOID when it is no map),
 * and how many there may be.
 */
#ifndef OVSDB_TYPE_H
#define OVSDB_TYPE_H 1

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"

struct datum;
struct table_schema;
union atom;

enum atom_type { ATOM_VOID, ATOM_INTEGER, ATOM_REAL, ATOM_BOOLEAN, ATOM_STRING, ATOM_UUID };

/** "integer", "real", "boolean", "string", "uuid" */
const char *atom_type_name(enum atom_type type);

/** What one atom may be. Owns allowed and ref_table_name. */
struct base_type {
	enum atom_type type;
	struct datum *allowed;		      /**< the "enum" constraint, a set; NULL when there is none */
	int64_t min_integer, max_integer;     /**< INT64_MIN and INT64_MAX where unlimited */
	double min_real, max_real;	      /**< -DBL_MAX and DBL_MAX where unlimited */
	unsigned int min_length, max_length;  /**< of a string, in UTF-8 characters; UINT_MAX where unlimited */
	char *ref_table_name;		      /**< ATOM_UUID that names a row of this table, else NULL */
	const struct table_schema *ref_table; /**< the same, once the whole schema is read; not owned */
	bool ref_weak;			      /**< refType "weak" */
};

#define TYPE_UNLIMITED UINT_MAX

struct column_type {
	struct base_type key;
	struct base_type value;	   /**< ATOM_VOID unless the column is a map */
	unsigned int n_min, n_max; /**< n_max is TYPE_UNLIMITED for "unlimited" */
};

/** base_type_init() - any atom of @type. */
void base_type_init(struct base_type *base, enum atom_type type);
void column_type_fini(struct column_type *type);

/** column_type_from_json() - read a <type>. Return: 0 or -EINVAL with @err; @type needs column_type_fini() only after
 * 0. */
VSW_MUST_USE int column_type_from_json(struct column_type *type, const json_t *json, struct errtext *err);

/** column_type_to_json() - the <type> again, in its shortest form. Return: a new reference. */
json_t *column_type_to_json(const struct column_type *type);

/** column_type_describe() - in words, for messages: "map of string to integer", "integer, 1 to 65,279". */
void column_type_describe(const struct column_type *type, struct ds *out);

/** base_type_check() - does an atom keep the type's constraints? Return: 0 or -ERANGE with @err ("70000 is outside
 * ..."). */
VSW_MUST_USE int base_type_check(const struct base_type *base, const union atom *atom, struct errtext *err);

static inline bool column_type_is_map(const struct column_type *t)
{
	return t->value.type != ATOM_VOID;
}

/** exactly one atom */
static inline bool column_type_is_scalar(const struct column_type *t)
{
	return !column_type_is_map(t) && t->n_min == 1 && t->n_max == 1;
}

/** none or one atom */
static inline bool column_type_is_optional(const struct column_type *t)
{
	return !column_type_is_map(t) && t->n_min == 0 && t->n_max == 1;
}

static inline bool column_type_has_refs(const struct column_type *t)
{
	return t->key.ref_table_name || t->value.ref_table_name;
}

#endif
