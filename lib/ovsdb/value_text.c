// SPDX-License-Identifier: Apache-2.0
/*
 * Datums as people type and read them: the text form of ovs-vsctl.
 *
 *   set     a   a,b   a b   [a, b]   []         integers also as ranges: 10-12
 *   map     k=v   k=v,k2=v2   {k=v, k2=v2}   {}
 *   string  letters and such, or in double quotes with JSON's escapes: "a b", "", "1,2"
 *   uuid    the 36 characters, or @name for a row that this transaction creates or names
 *
 * Reading takes it in two steps: a word ends at the next separator outside quotes; what it is decides the type of the
 * column. Writing quotes a string only when reading would take it for something else, or a person could.
 */
#include "ovsdb/value.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/value_impl.h"

/* Longer ranges of integers are a slip, and would fill the memory. */
#define MAX_RANGE 4096

/* ---- words ---- */

static bool is_separator(char c)
{
	return c && strchr(":=, []{}!<>", c);
}

/* What follows a backslash loses its meaning; within quotes both stay, for the reader of strings to make sense of. */
int text_take_word(const char **at, char **word, struct errtext *err)
{
	bool quoted = false, escaped = false;
	struct ds out = DS_INIT;
	const char *s;

	for (s = *at; *s && (quoted || escaped || !is_separator(*s)); s++) {
		if (escaped) {
			escaped = false;
			ds_put_char(&out, *s);
			continue;
		}
		escaped = *s == '\\';
		if (*s == '"')
			quoted = !quoted;
		if (quoted || !escaped)
			ds_put_char(&out, *s);
	}
	*word = ds_steal(&out);
	if (!quoted && !escaped) {
		*at = s;
		return 0;
	}
	free(*word);
	*word = NULL;
	return errtext_set(err, EINVAL, quoted ? "the quote in %.100s is never closed" : "%.100s ends with a backslash",
			   *at);
}

/* ---- atoms from text ---- */

static int integer_from_text(int64_t *v, const char *text, struct errtext *err)
{
	char *end;
	long long ll;

	errno = 0;
	ll = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return errtext_set(err, ERANGE, "%.50s is too large a number", text);
	if (!isdigit((unsigned char)text[*text == '-' || *text == '+']) || *end)
		return errtext_set(err, EINVAL, "\"%.100s\" is not an integer", text);
	*v = ll;
	return 0;
}

static int real_from_text(double *v, const char *text, struct errtext *err)
{
	char *end;

	*v = strtod(text, &end);
	if (end == text || *end || !isfinite(*v) || isspace((unsigned char)*text))
		return errtext_set(err, EINVAL, "\"%.100s\" is not a number", text);
	return 0;
}

static int boolean_from_text(bool *v, const char *text, struct errtext *err)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(text, words[i])) {
			*v = i & 1;
			return 0;
		}
	}
	return errtext_set(err, EINVAL, "\"%.100s\" is neither true nor false", text);
}

static int string_from_quoted(char **v, const char *text, struct errtext *err)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!json_is_string(json)) {
		json_decref(json);
		return errtext_set(err, EINVAL, "%.100s is not a valid quoted string; inside, write \\\" for a quote",
				   text);
	}
	*v = xstrdup(json_string_value(json));
	json_decref(json);
	return 0;
}

static bool is_utf8(const char *text)
{
	json_t *json = json_string(text);

	json_decref(json);
	return json;
}

static int string_from_text(char **v, const char *text, struct errtext *err)
{
	if (!*text)
		return errtext_set(err, EINVAL, "a value is missing; write \"\" for the empty string");
	if (*text == '"')
		return string_from_quoted(v, text, err);
	if (!is_utf8(text))
		return errtext_set(err, EINVAL, "the text is not UTF-8");
	*v = xstrdup(text);
	return 0;
}

static int uuid_from_word(struct uuid *v, const char *text, const struct uuid_names *names, struct errtext *err)
{
	if (*text == '@' && names)
		return names->resolve(names->aux, text + 1, v, err);
	if (!uuid_from_text(text, v))
		return errtext_set(err, EINVAL, "\"%.100s\" is not a UUID%s", text,
				   names ? " and no @name of a row" : "");
	return 0;
}

static int read_atom(union atom *atom, enum atom_type type, const char *text, const struct uuid_names *names,
		     struct errtext *err)
{
	memset(atom, 0, sizeof *atom);
	switch (type) {
	case ATOM_INTEGER:
		return integer_from_text(&atom->integer, text, err);
	case ATOM_REAL:
		return real_from_text(&atom->real, text, err);
	case ATOM_BOOLEAN:
		return boolean_from_text(&atom->boolean, text, err);
	case ATOM_STRING:
		return string_from_text(&atom->string, text, err);
	case ATOM_UUID:
		return uuid_from_word(&atom->uuid, text, names, err);
	case ATOM_VOID:
		break;
	}
	return errtext_set(err, EINVAL, "no value expected");
}

int atom_from_text(union atom *atom, const struct base_type *base, const char *text, const struct uuid_names *names,
		   struct errtext *err)
{
	int rc = read_atom(atom, base->type, text, names, err);

	return rc ? rc : atom_accept(atom, base, err);
}

/* ---- datums from text ---- */

/* Where reading stands. */
struct reader {
	const char *text, *at;
	const struct column_type *type;
	const struct uuid_names *names;
	struct datum_builder builder;
};

static int fail_at(struct reader *r, struct errtext *err, int rc)
{
	if (err && rc)
		err->column = (size_t)(r->at - r->text) + 1;
	return rc;
}

static void skip_blanks(struct reader *r)
{
	while (isspace((unsigned char)*r->at))
		r->at++;
}

/* The next word, a heap string; the reader stands behind it. */
static int next_word(struct reader *r, char **word, struct errtext *err)
{
	if (is_separator(*r->at))
		return fail_at(
			r, err,
			errtext_set(err, EINVAL, "unexpected \"%c\"; a string with it needs double quotes", *r->at));
	return fail_at(r, err, text_take_word(&r->at, word, err));
}

static int next_atom(struct reader *r, union atom *atom, const struct base_type *base, struct errtext *err)
{
	const char *start = r->at;
	char *word = NULL;
	int rc = next_word(r, &word, err);

	if (rc)
		return rc;
	rc = atom_from_text(atom, base, word, r->names, err);
	free(word);
	if (rc) {
		r->at = start;
		return fail_at(r, err, rc);
	}
	return 0;
}

static int add_range(struct reader *r, int64_t low, int64_t high, struct errtext *err)
{
	const union atom none = {0};

	if (low > high || (uint64_t)high - (uint64_t)low >= MAX_RANGE)
		return errtext_set(err, ERANGE,
				   "the range %" PRId64 "-%" PRId64 " is empty or has more than %d numbers", low, high,
				   MAX_RANGE);
	for (int64_t i = low;; i++) {
		const union atom atom = {.integer = i};
		int rc = base_type_check(&r->type->key, &atom, err);

		if (rc)
			return rc;
		datum_builder_add(&r->builder, atom, none);
		if (i == high)
			return 0;
	}
}

/* "10-12". Return: 1 when the next word is no range. */
static int next_range(struct reader *r, struct errtext *err)
{
	char *dash, *end;
	long long low, high;
	int rc;

	if (r->type->key.type != ATOM_INTEGER || column_type_is_map(r->type))
		return 1;
	errno = 0;
	low = strtoll(r->at, &dash, 10);
	if (dash == r->at || *dash != '-' || (!isdigit((unsigned char)dash[1]) && dash[1] != '-'))
		return 1;
	high = strtoll(dash + 1, &end, 10);
	if (errno || end == dash + 1 || (*end && !is_separator(*end)))
		return 1;
	rc = add_range(r, low, high, err);
	if (rc)
		return fail_at(r, err, rc);
	r->at = end;
	return 0;
}

static int next_pair(struct reader *r, struct errtext *err)
{
	union atom key, value = {0};
	int rc = next_atom(r, &key, &r->type->key, err);

	if (rc)
		return rc;
	if (column_type_is_map(r->type)) {
		skip_blanks(r);
		if (*r->at != '=') {
			rc = fail_at(r, err, errtext_set(err, EINVAL, "expected \"=\" and a value behind the key"));
		} else {
			r->at++;
			skip_blanks(r);
			rc = next_atom(r, &value, &r->type->value, err);
		}
	}
	if (rc)
		atom_fini(&key, r->type->key.type);
	else
		datum_builder_add(&r->builder, key, value);
	return rc;
}

static int read_elements(struct reader *r, char end, struct errtext *err)
{
	skip_blanks(r);
	while (*r->at && *r->at != end) {
		int rc = next_range(r, err);

		if (rc == 1)
			rc = next_pair(r, err);
		if (rc)
			return rc;
		skip_blanks(r);
		if (*r->at == ',')
			r->at++;
		skip_blanks(r);
	}
	return 0;
}

static int read_all(struct reader *r, struct errtext *err)
{
	bool is_map = column_type_is_map(r->type);
	char open = is_map ? '{' : '[', end = 0;
	int rc;

	skip_blanks(r);
	if (*r->at == open) {
		end = is_map ? '}' : ']';
		r->at++;
	} else if (!*r->at) {
		return fail_at(r, err,
			       errtext_set(err, EINVAL, "a value is missing; write %s for the empty %s",
					   is_map			      ? "{}"
					   : r->type->key.type == ATOM_STRING ? "\"\""
									      : "[]",
					   is_map			      ? "map"
					   : r->type->key.type == ATOM_STRING ? "string"
									      : "set"));
	}
	rc = read_elements(r, end, err);
	if (rc || !end)
		return rc;
	if (*r->at != end)
		return fail_at(r, err, errtext_set(err, EINVAL, "\"%c\" is missing at the end", end));
	r->at++;
	skip_blanks(r);
	if (*r->at)
		return fail_at(r, err, errtext_set(err, EINVAL, "unexpected \"%.50s\" behind \"%c\"", r->at, end));
	return 0;
}

int datum_from_text(struct datum *datum, const struct column_type *type, const char *text,
		    const struct uuid_names *names, struct errtext *err)
{
	struct reader r = {.text = text, .at = text, .type = type, .names = names};
	int rc = read_all(&r, err);

	if (rc) {
		datum_builder_drop(&r.builder, type);
		return rc;
	}
	return datum_builder_finish(&r.builder, type, datum, err);
}

/* ---- to text ---- */

static bool needs_quotes(const char *s)
{
	struct uuid uuid;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return true;
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_-.", *p))
			return true;
	return !strcmp(s, "true") || !strcmp(s, "false") || uuid_from_text(s, &uuid);
}

static void put_quoted(const char *s, struct ds *out)
{
	static const char special[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";

	ds_put_char(out, '"');
	for (; *s; s++) {
		const char *found = strchr(special, *s);

		if (found)
			ds_printf(out, "\\%c", letter[found - special]);
		else if ((unsigned char)*s < 0x20)
			ds_printf(out, "\\u%04x", (unsigned char)*s);
		else
			ds_put_char(out, *s);
	}
	ds_put_char(out, '"');
}

static void put_real(double v, struct ds *out)
{
	char text[40];

	snprintf(text, sizeof text, "%.*g", DBL_DIG, v);
	if (strtod(text, NULL) != v)
		snprintf(text, sizeof text, "%.17g", v);
	ds_put(out, text);
}

void atom_to_bare(const union atom *atom, enum atom_type type, struct ds *out)
{
	char text[UUID_LEN + 1];

	switch (type) {
	case ATOM_INTEGER:
		ds_printf(out, "%" PRId64, atom->integer);
		break;
	case ATOM_REAL:
		put_real(atom->real, out);
		break;
	case ATOM_BOOLEAN:
		ds_put(out, atom->boolean ? "true" : "false");
		break;
	case ATOM_STRING:
		ds_put(out, atom->string);
		break;
	case ATOM_UUID:
		ds_put(out, uuid_to_text(&atom->uuid, text));
		break;
	case ATOM_VOID:
		break;
	}
}

void atom_to_text(const union atom *atom, enum atom_type type, struct ds *out)
{
	if (type == ATOM_STRING && needs_quotes(atom->string))
		put_quoted(atom->string, out);
	else
		atom_to_bare(atom, type, out);
}

void datum_to_text(const struct datum *datum, const struct column_type *type, struct ds *out)
{
	bool is_map = column_type_is_map(type);
	bool brackets = is_map || type->n_max > 1 || !datum->n;

	if (brackets)
		ds_put_char(out, is_map ? '{' : '[');
	for (size_t i = 0; i < datum->n; i++) {
		if (i)
			ds_put(out, ", ");
		atom_to_text(&datum->keys[i], type->key.type, out);
		if (is_map) {
			ds_put_char(out, '=');
			atom_to_text(&datum->values[i], type->value.type, out);
		}
	}
	if (brackets)
		ds_put_char(out, is_map ? '}' : ']');
}

void datum_to_bare(const struct datum *datum, const struct column_type *type, struct ds *out)
{
	for (size_t i = 0; i < datum->n; i++) {
		if (i)
			ds_put_char(out, ' ');
		atom_to_bare(&datum->keys[i], type->key.type, out);
		if (column_type_is_map(type)) {
			ds_put_char(out, '=');
			atom_to_bare(&datum->values[i], type->value.type, out);
		}
	}
}
