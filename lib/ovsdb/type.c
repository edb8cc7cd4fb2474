// SPDX-License-Identifier: Apache-2.0
/*
 * Types of columns from and to JSON, and the check of one atom against its type.
 */
#include "ovsdb/type.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/schema.h"
#include "ovsdb/value.h"

static const char *const type_names[] = {
	[ATOM_VOID] = "void",	    [ATOM_INTEGER] = "integer", [ATOM_REAL] = "real",
	[ATOM_BOOLEAN] = "boolean", [ATOM_STRING] = "string",	[ATOM_UUID] = "uuid",
};

const char *atom_type_name(enum atom_type type)
{
	return type_names[type];
}

void base_type_init(struct base_type *base, enum atom_type type)
{
	*base = (struct base_type){
		.type = type,
		.min_integer = INT64_MIN,
		.max_integer = INT64_MAX,
		.min_real = -DBL_MAX,
		.max_real = DBL_MAX,
		.max_length = UINT_MAX,
	};
}

/* The type of an enum constraint, and of any other set of @base without further constraints. */
static struct column_type set_type(enum atom_type type)
{
	struct column_type t = {.n_min = 0, .n_max = TYPE_UNLIMITED};

	base_type_init(&t.key, type);
	base_type_init(&t.value, ATOM_VOID);
	return t;
}

static void base_type_fini(struct base_type *base)
{
	if (base->allowed) {
		struct column_type t = set_type(base->type);

		datum_fini(base->allowed, &t);
		free(base->allowed);
	}
	free(base->ref_table_name);
	base->allowed = NULL;
	base->ref_table_name = NULL;
}

void column_type_fini(struct column_type *type)
{
	base_type_fini(&type->key);
	base_type_fini(&type->value);
}

static int atom_type_from_json(enum atom_type *type, const json_t *json, struct errtext *err)
{
	const char *name = json_string_value(json);

	for (size_t i = ATOM_INTEGER; name && i < ARRAY_SIZE(type_names); i++) {
		if (!strcmp(name, type_names[i])) {
			*type = (enum atom_type)i;
			return 0;
		}
	}
	return errtext_set(err, EINVAL, "type is \"%s\", expected integer, real, boolean, string or uuid",
			   name ? name : "not a string");
}

static int enum_from_json(struct base_type *base, const json_t *json, struct errtext *err)
{
	struct column_type t = set_type(base->type);
	struct datum *allowed = xzalloc(sizeof *allowed);
	int rc = datum_from_json(allowed, &t, json, NULL, err);

	if (rc)
		free(allowed);
	else
		base->allowed = allowed;
	return rc;
}

static int limit_from_json(int64_t *limit, const json_t *object, const char *key, struct errtext *err)
{
	const json_t *j = json_object_get(object, key);

	if (!j)
		return 0;
	if (!json_is_integer(j))
		return errtext_set(err, EINVAL, "%s is not an integer", key);
	*limit = json_integer_value(j);
	return 0;
}

static int length_from_json(unsigned int *limit, const json_t *object, const char *key, struct errtext *err)
{
	int64_t v = *limit;
	int rc = limit_from_json(&v, object, key, err);

	if (!rc && (v < 0 || v > UINT_MAX))
		rc = errtext_set(err, EINVAL, "%s is out of range", key);
	if (!rc)
		*limit = (unsigned int)v;
	return rc;
}

static int real_from_json(double *limit, const json_t *object, const char *key, struct errtext *err)
{
	const json_t *j = json_object_get(object, key);

	if (!j)
		return 0;
	if (!json_is_number(j))
		return errtext_set(err, EINVAL, "%s is not a number", key);
	*limit = json_number_value(j);
	return 0;
}

static int ref_from_json(struct base_type *base, const json_t *json, struct errtext *err)
{
	const char *table = json_string_value(json_object_get(json, "refTable"));
	const json_t *kind = json_object_get(json, "refType");
	const char *name = kind ? json_string_value(kind) : "strong";

	if (!json_object_get(json, "refTable"))
		return 0;
	if (!table || base->type != ATOM_UUID)
		return errtext_set(err, EINVAL, "refTable needs a table's name and type uuid");
	if (!name || (strcmp(name, "strong") != 0 && strcmp(name, "weak") != 0))
		return errtext_set(err, EINVAL, "refType is neither \"strong\" nor \"weak\"");
	base->ref_table_name = xstrdup(table);
	base->ref_weak = !strcmp(name, "weak");
	return 0;
}

static int constraints_from_json(struct base_type *base, const json_t *json, struct errtext *err)
{
	const json_t *allowed = json_object_get(json, "enum");
	int rc = 0;

	if (allowed)
		rc = enum_from_json(base, allowed, err);
	if (!rc && base->type == ATOM_INTEGER)
		rc = limit_from_json(&base->min_integer, json, "minInteger", err);
	if (!rc && base->type == ATOM_INTEGER)
		rc = limit_from_json(&base->max_integer, json, "maxInteger", err);
	if (!rc && base->type == ATOM_REAL)
		rc = real_from_json(&base->min_real, json, "minReal", err);
	if (!rc && base->type == ATOM_REAL)
		rc = real_from_json(&base->max_real, json, "maxReal", err);
	if (!rc && base->type == ATOM_STRING)
		rc = length_from_json(&base->min_length, json, "minLength", err);
	if (!rc && base->type == ATOM_STRING)
		rc = length_from_json(&base->max_length, json, "maxLength", err);
	if (!rc)
		rc = ref_from_json(base, json, err);
	return rc;
}

static int base_type_from_json(struct base_type *base, const json_t *json, struct errtext *err)
{
	enum atom_type type = ATOM_VOID;
	int rc;

	base_type_init(base, ATOM_VOID);
	rc = atom_type_from_json(&type, json_is_object(json) ? json_object_get(json, "type") : json, err);
	if (rc)
		return rc;
	base_type_init(base, type);
	if (!json_is_object(json))
		return 0;
	rc = constraints_from_json(base, json, err);
	if (rc)
		base_type_fini(base);
	return rc;
}

static int number_limits_from_json(struct column_type *type, const json_t *json, struct errtext *err)
{
	const json_t *max = json_object_get(json, "max");
	int rc = length_from_json(&type->n_min, json, "min", err);

	if (!rc && max && json_is_string(max) && !strcmp(json_string_value(max), "unlimited"))
		type->n_max = TYPE_UNLIMITED;
	else if (!rc)
		rc = length_from_json(&type->n_max, json, "max", err);
	if (!rc && (type->n_min > 1 || type->n_max < 1))
		rc = errtext_set(err, EINVAL, "min must be 0 or 1, max at least 1");
	return rc;
}

int column_type_from_json(struct column_type *type, const json_t *json, struct errtext *err)
{
	int rc;

	*type = (struct column_type){.n_min = 1, .n_max = 1};
	base_type_init(&type->value, ATOM_VOID);
	if (!json_is_object(json))
		return base_type_from_json(&type->key, json, err);
	rc = base_type_from_json(&type->key, json_object_get(json, "key"), err);
	if (!rc && json_object_get(json, "value"))
		rc = base_type_from_json(&type->value, json_object_get(json, "value"), err);
	if (!rc)
		rc = number_limits_from_json(type, json, err);
	if (rc)
		column_type_fini(type);
	return rc;
}

static void put_ref(json_t *json, const struct base_type *base)
{
	if (!base->ref_table_name)
		return;
	json_object_set_new(json, "refTable", json_string(base->ref_table_name));
	if (base->ref_weak)
		json_object_set_new(json, "refType", json_string("weak"));
}

static json_t *base_type_to_json(const struct base_type *base)
{
	json_t *json = json_pack("{s:s}", "type", atom_type_name(base->type));

	if (base->allowed) {
		struct column_type t = set_type(base->type);

		json_object_set_new(json, "enum", datum_to_json(base->allowed, &t));
	}
	if (base->min_integer != INT64_MIN)
		json_object_set_new(json, "minInteger", json_integer(base->min_integer));
	if (base->max_integer != INT64_MAX)
		json_object_set_new(json, "maxInteger", json_integer(base->max_integer));
	if (base->min_real != -DBL_MAX)
		json_object_set_new(json, "minReal", json_real(base->min_real));
	if (base->max_real != DBL_MAX)
		json_object_set_new(json, "maxReal", json_real(base->max_real));
	if (base->min_length)
		json_object_set_new(json, "minLength", json_integer(base->min_length));
	if (base->max_length != UINT_MAX)
		json_object_set_new(json, "maxLength", json_integer(base->max_length));
	put_ref(json, base);
	if (json_object_size(json) == 1) {
		json_decref(json);
		return json_string(atom_type_name(base->type));
	}
	return json;
}

json_t *column_type_to_json(const struct column_type *type)
{
	json_t *key = base_type_to_json(&type->key), *json;

	if (column_type_is_scalar(type) && json_is_string(key))
		return key;
	json = json_object();
	json_object_set_new(json, "key", key);
	if (column_type_is_map(type))
		json_object_set_new(json, "value", base_type_to_json(&type->value));
	if (type->n_min != 1)
		json_object_set_new(json, "min", json_integer(type->n_min));
	if (type->n_max == TYPE_UNLIMITED)
		json_object_set_new(json, "max", json_string("unlimited"));
	else if (type->n_max != 1)
		json_object_set_new(json, "max", json_integer(type->n_max));
	return json;
}

/* 65279 -> "65,279"; four digits stay together. */
static void put_number(struct ds *out, int64_t v)
{
	char digits[24];
	size_t n;

	snprintf(digits, sizeof digits, "%" PRId64, v);
	n = strlen(digits);
	for (size_t i = 0; i < n; i++) {
		ds_put_char(out, digits[i]);
		if (n - i > 1 && (n - i - 1) % 3 == 0 && n > 4 && digits[i] != '-')
			ds_put_char(out, ',');
	}
}

static void put_range(const struct base_type *base, struct ds *out)
{
	if (base->min_integer != INT64_MIN && base->max_integer != INT64_MAX) {
		put_number(out, base->min_integer);
		ds_put(out, " to ");
		put_number(out, base->max_integer);
	} else if (base->min_integer != INT64_MIN) {
		put_number(out, base->min_integer);
		ds_put(out, " or more");
	} else {
		put_number(out, base->max_integer);
		ds_put(out, " or less");
	}
}

static bool has_range(const struct base_type *base)
{
	return base->type == ATOM_INTEGER && (base->min_integer != INT64_MIN || base->max_integer != INT64_MAX);
}

static void put_allowed(const struct base_type *base, struct ds *out)
{
	for (size_t i = 0; i < base->allowed->n; i++) {
		ds_put(out, !i ? "" : i + 1 < base->allowed->n ? ", " : " or ");
		atom_to_bare(&base->allowed->keys[i], base->type, out);
	}
}

static void describe_base(const struct base_type *base, struct ds *out)
{
	if (base->allowed) {
		put_allowed(base, out);
	} else if (base->ref_table_name) {
		ds_printf(out, "%s row", base->ref_table_name);
	} else {
		ds_put(out, atom_type_name(base->type));
		if (has_range(base)) {
			ds_put(out, " (");
			put_range(base, out);
			ds_put_char(out, ')');
		}
	}
}

void column_type_describe(const struct column_type *type, struct ds *out)
{
	if (column_type_is_map(type))
		ds_put(out, "map of ");
	else if (column_type_is_optional(type))
		ds_put(out, "optional ");
	else if (!column_type_is_scalar(type))
		ds_put(out, "set of ");
	describe_base(&type->key, out);
	if (column_type_is_map(type)) {
		ds_put(out, " to ");
		describe_base(&type->value, out);
	}
}

static size_t utf8_length(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static int check_integer(const struct base_type *base, int64_t v, struct errtext *err)
{
	struct ds range = DS_INIT;
	int rc;

	if (v >= base->min_integer && v <= base->max_integer)
		return 0;
	put_range(base, &range);
	rc = errtext_set(err, ERANGE, "%" PRId64 " is outside the range %s", v, ds_cstr(&range));
	ds_fini(&range);
	return rc;
}

static int check_real(const struct base_type *base, double v, struct errtext *err)
{
	if (v >= base->min_real && v <= base->max_real)
		return 0;
	return errtext_set(err, ERANGE, "%g is outside the range %g to %g", v, base->min_real, base->max_real);
}

static int check_string(const struct base_type *base, const char *s, struct errtext *err)
{
	size_t n;

	if (!base->min_length && base->max_length == UINT_MAX)
		return 0;
	n = utf8_length(s);
	if (n >= base->min_length && n <= base->max_length)
		return 0;
	return errtext_set(err, ERANGE, "\"%.100s\" has %zu characters, allowed are %u to %u", s, n, base->min_length,
			   base->max_length);
}

static int check_allowed(const struct base_type *base, const union atom *atom, struct errtext *err)
{
	struct ds given = DS_INIT, allowed = DS_INIT;
	int rc;

	if (datum_find_key(base->allowed, atom, base->type) >= 0)
		return 0;
	atom_to_bare(atom, base->type, &given);
	put_allowed(base, &allowed);
	rc = errtext_set(err, ERANGE, "\"%.100s\" is not one of %s", ds_cstr(&given), ds_cstr(&allowed));
	ds_fini(&given);
	ds_fini(&allowed);
	return rc;
}

int base_type_check(const struct base_type *base, const union atom *atom, struct errtext *err)
{
	if (base->allowed)
		return check_allowed(base, atom, err);
	if (base->type == ATOM_INTEGER)
		return check_integer(base, atom->integer, err);
	if (base->type == ATOM_REAL)
		return check_real(base, atom->real, err);
	if (base->type == ATOM_STRING)
		return check_string(base, atom->string, err);
	return 0;
}
