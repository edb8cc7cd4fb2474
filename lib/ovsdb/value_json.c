// SPDX-License-Identifier: Apache-2.0
/*
 * Datums as JSON (RFC 7047 5.1): the form of the wire and of the disk.
 *
 *   <atom>     7   1.5   true   "text"   ["uuid", "..."]   ["named-uuid", "name"]
 *   <set>      <atom>   ["set", [<atom>...]]
 *   <map>      ["map", [[<atom>, <atom>]...]]
 */
#include "ovsdb/value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/value_impl.h"

/* The second element of ["tag", ...], or NULL. */
static const json_t *tagged(const json_t *json, const char *tag)
{
	const char *t;

	if (!json_is_array(json) || json_array_size(json) != 2)
		return NULL;
	t = json_string_value(json_array_get(json, 0));
	return t && !strcmp(t, tag) ? json_array_get(json, 1) : NULL;
}

static int wrong_type(const json_t *json, const char *expected, struct errtext *err)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
	int rc = errtext_set(err, EINVAL, "%.100s is not %s", text ? text : "value", expected);

	free(text);
	return rc;
}

static int uuid_from_json(struct uuid *uuid, const json_t *json, const struct uuid_names *names, struct errtext *err)
{
	const char *text = json_string_value(tagged(json, "uuid"));
	const char *name = json_string_value(tagged(json, "named-uuid"));

	if (text && uuid_from_text(text, uuid))
		return 0;
	if (name && names)
		return names->resolve(names->aux, name, uuid, err);
	return wrong_type(json, "[\"uuid\", \"UUID\"]", err);
}

static int read_atom(union atom *atom, enum atom_type type, const json_t *json, const struct uuid_names *names,
		     struct errtext *err)
{
	memset(atom, 0, sizeof *atom);
	switch (type) {
	case ATOM_INTEGER:
		if (!json_is_integer(json))
			return wrong_type(json, "an integer", err);
		atom->integer = json_integer_value(json);
		return 0;
	case ATOM_REAL:
		if (!json_is_number(json))
			return wrong_type(json, "a number", err);
		atom->real = json_number_value(json);
		return 0;
	case ATOM_BOOLEAN:
		if (!json_is_boolean(json))
			return wrong_type(json, "true or false", err);
		atom->boolean = json_is_true(json);
		return 0;
	case ATOM_STRING:
		if (!json_is_string(json) || strlen(json_string_value(json)) != json_string_length(json))
			return wrong_type(json, "a string", err);
		atom->string = xstrdup(json_string_value(json));
		return 0;
	case ATOM_UUID:
		return uuid_from_json(&atom->uuid, json, names, err);
	case ATOM_VOID:
		break;
	}
	return errtext_set(err, EINVAL, "no value expected");
}

int atom_from_json(union atom *atom, const struct base_type *base, const json_t *json, const struct uuid_names *names,
		   struct errtext *err)
{
	int rc = read_atom(atom, base->type, json, names, err);

	return rc ? rc : atom_accept(atom, base, err);
}

json_t *atom_to_json(const union atom *atom, enum atom_type type)
{
	char text[UUID_LEN + 1];

	switch (type) {
	case ATOM_INTEGER:
		return json_integer(atom->integer);
	case ATOM_REAL:
		return json_real(atom->real);
	case ATOM_BOOLEAN:
		return json_boolean(atom->boolean);
	case ATOM_STRING:
		return json_string(atom->string);
	case ATOM_UUID:
		return json_pack("[s,s]", "uuid", uuid_to_text(&atom->uuid, text));
	case ATOM_VOID:
		break;
	}
	return json_null();
}

static int add_key(struct datum_builder *b, const struct column_type *type, const json_t *json,
		   const struct uuid_names *names, struct errtext *err)
{
	union atom key, none = {0};
	int rc = atom_from_json(&key, &type->key, json, names, err);

	if (!rc)
		datum_builder_add(b, key, none);
	return rc;
}

static int add_pair(struct datum_builder *b, const struct column_type *type, const json_t *json,
		    const struct uuid_names *names, struct errtext *err)
{
	union atom key, value;
	int rc;

	if (!json_is_array(json) || json_array_size(json) != 2)
		return wrong_type(json, "a pair [key, value]", err);
	rc = atom_from_json(&key, &type->key, json_array_get(json, 0), names, err);
	if (rc)
		return rc;
	rc = atom_from_json(&value, &type->value, json_array_get(json, 1), names, err);
	if (rc)
		atom_fini(&key, type->key.type);
	else
		datum_builder_add(b, key, value);
	return rc;
}

int datum_from_json(struct datum *datum, const struct column_type *type, const json_t *json,
		    const struct uuid_names *names, struct errtext *err)
{
	bool is_map = column_type_is_map(type);
	const json_t *list = tagged(json, is_map ? "map" : "set"), *element;
	struct datum_builder b = {0};
	size_t i;
	int rc = 0;

	if (list && !json_is_array(list))
		return wrong_type(json, is_map ? "[\"map\", [...]]" : "[\"set\", [...]]", err);
	if (!list && is_map)
		return wrong_type(json, "[\"map\", [...]]", err);
	if (!list)
		rc = add_key(&b, type, json, names, err);
	json_array_foreach(list, i, element) {
		rc = is_map ? add_pair(&b, type, element, names, err) : add_key(&b, type, element, names, err);
		if (rc)
			break;
	}
	if (rc) {
		datum_builder_drop(&b, type);
		return rc;
	}
	return datum_builder_finish(&b, type, datum, err);
}

static json_t *set_to_json(const struct datum *datum, const struct column_type *type)
{
	json_t *list = json_array();

	for (size_t i = 0; i < datum->n; i++)
		json_array_append_new(list, atom_to_json(&datum->keys[i], type->key.type));
	return json_pack("[s,o]", "set", list);
}

json_t *datum_to_json(const struct datum *datum, const struct column_type *type)
{
	json_t *list;

	if (!column_type_is_map(type))
		return datum->n == 1 ? atom_to_json(&datum->keys[0], type->key.type) : set_to_json(datum, type);
	list = json_array();
	for (size_t i = 0; i < datum->n; i++) {
		json_t *pair = json_array();

		json_array_append_new(pair, atom_to_json(&datum->keys[i], type->key.type));
		json_array_append_new(pair, atom_to_json(&datum->values[i], type->value.type));
		json_array_append_new(list, pair);
	}
	return json_pack("[s,o]", "map", list);
}
