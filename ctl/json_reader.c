// SPDX-License-Identifier: Apache-2.0
#include "ctl/json_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "ctl/ctl.h"
#include "ctl/json_line.h"

/* Parse r->text. */
static int parse(struct json_reader *r, const char *file, size_t len, struct errtext *err)
{
	json_error_t where;

	if (strlen(r->text) != len)
		return r->error = errtext_set(err, EINVAL, "%s: not a text file", file);
	r->root = json_loadb(r->text, len, JSON_REJECT_DUPLICATES, &where);
	if (!r->root)
		r->error = errtext_set(err, EINVAL, "%s:%d: not JSON: %s", file, MAX(where.line, 1), where.text);
	return r->error;
}

int json_reader_open(struct json_reader *r, const char *file, struct errtext *err)
{
	size_t len;

	*r = (struct json_reader){.file = file, .err = err};
	r->error = ctl_read_input(file, &r->text, &len, err);
	return r->error ? r->error : parse(r, file, len, err);
}

int json_reader_open_text(struct json_reader *r, const char *file, const char *text, size_t len, struct errtext *err)
{
	*r = (struct json_reader){.file = file, .err = err, .text = xstrndup(text, len)};
	return parse(r, file, len, err);
}

void json_reader_close(struct json_reader *r)
{
	json_decref(r->root);
	free(r->text);
	r->root = NULL;
	r->text = NULL;
}

void json_reader_enter(struct json_reader *r, const char *key)
{
	if (r->depth < JSON_READER_DEPTH) {
		r->path[r->depth] = key;
		r->is_index[r->depth] = false;
	}
	r->depth++;
}

void json_reader_enter_index(struct json_reader *r, size_t i)
{
	size_t depth = r->depth;

	json_reader_enter(r, NULL);
	if (depth < JSON_READER_DEPTH) {
		snprintf(r->index_text[depth], sizeof r->index_text[depth], "%zu", i);
		r->path[depth] = r->index_text[depth];
		r->is_index[depth] = true;
	}
}

void json_reader_leave(struct json_reader *r)
{
	r->depth--;
}

/* "hosts.h1.addresses[0]" */
static void put_path(const struct json_reader *r, struct ds *ds)
{
	for (size_t i = 0; i < MIN(r->depth, JSON_READER_DEPTH); i++)
		ds_printf(ds, r->is_index[i] ? "[%s]" : i ? ".%s" : "%s", r->path[i]);
}

static int fail(struct json_reader *r, const char *fmt, va_list args)
{
	unsigned int line = json_line_of(r->text, r->path, MIN(r->depth, JSON_READER_DEPTH));
	struct ds ds = DS_INIT;

	if (r->error)
		return r->error;
	put_path(r, &ds);
	if (ds.len)
		ds_put(&ds, ": ");
	ds_vprintf(&ds, fmt, args);
	r->error = errtext_set(r->err, EINVAL, "%s:%u: %s", r->file, line, ds_cstr(&ds));
	ds_fini(&ds);
	return r->error;
}

int json_reader_fail(struct json_reader *r, const char *fmt, ...)
{
	va_list args;
	int error;

	va_start(args, fmt);
	error = fail(r, fmt, args);
	va_end(args);
	return error;
}

int json_reader_fail_at(struct json_reader *r, const char *key, const char *fmt, ...)
{
	va_list args;
	int error;

	json_reader_enter(r, key);
	va_start(args, fmt);
	error = fail(r, fmt, args);
	va_end(args);
	json_reader_leave(r);
	return error;
}

/* Is @word one of the blank-separated @words? */
static bool among(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, word, n))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

bool json_reader_object(struct json_reader *r, const json_t *value, const char *keys)
{
	const char *key;
	json_t *member;

	if (r->error)
		return false;
	if (!json_is_object(value)) {
		json_reader_fail(r, "expected an object: { ... }");
		return false;
	}
	json_object_foreach((json_t *)value, key, member)
		if (keys && !among(keys, key)) {
			json_reader_fail_at(r, key, "unknown key; known here: %s", keys);
			return false;
		}
	return true;
}

/* Complain about @key, with the names of the table. */
static void unknown_key(struct json_reader *r, const char *key, const struct json_key keys[], size_t n)
{
	struct ds known = DS_INIT;

	for (size_t i = 0; i < n; i++)
		ds_printf(&known, " %s", keys[i].name);
	json_reader_fail_at(r, key, "unknown key; known here:%s", ds_cstr(&known));
	ds_fini(&known);
}

static bool has_key(const struct json_key keys[], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(keys[i].name, name))
			return true;
	return false;
}

bool json_reader_keys(struct json_reader *r, const json_t *value, const struct json_key keys[], size_t n, void *what,
		      void *aux)
{
	const char *key;
	json_t *member;

	if (!json_reader_object(r, value, NULL))
		return false;
	json_object_foreach((json_t *)value, key, member)
		if (!has_key(keys, n, key)) {
			unknown_key(r, key, keys, n);
			return false;
		}
	for (size_t i = 0; i < n && !r->error; i++)
		if (json_object_get(value, keys[i].name))
			keys[i].read(r, value, keys[i].name, what, aux);
	return !r->error;
}

/* Member @key, if it is there and @ok; else complain. */
static json_t *member(struct json_reader *r, const json_t *object, const char *key, bool required,
		      bool (*ok)(const json_t *), const char *expected)
{
	json_t *value = json_object_get(object, key);

	if (r->error)
		return NULL;
	if (!value) {
		if (required)
			json_reader_fail(r, "'%s' is missing: expected %s", key, expected);
		return NULL;
	}
	if (!ok(value)) {
		json_reader_fail_at(r, key, "expected %s", expected);
		return NULL;
	}
	return value;
}

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_array(const json_t *value)
{
	return json_is_array(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

static bool is_number(const json_t *value)
{
	return json_is_number(value);
}

static bool is_integer(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_boolean(const json_t *value)
{
	return json_is_boolean(value);
}

const char *json_reader_string(struct json_reader *r, const json_t *object, const char *key, bool required)
{
	return json_string_value(member(r, object, key, required, is_string, "a text: \"...\""));
}

json_t *json_reader_array(struct json_reader *r, const json_t *object, const char *key, bool required)
{
	return member(r, object, key, required, is_array, "a list: [ ... ]");
}

json_t *json_reader_map(struct json_reader *r, const json_t *object, const char *key, bool required)
{
	return member(r, object, key, required, is_object, "an object: { ... }");
}

long long json_reader_int(struct json_reader *r, const json_t *object, const char *key, long long min, long long max,
			  long long def)
{
	json_t *value = member(r, object, key, false, is_integer, "a whole number");
	long long n = value ? json_integer_value(value) : def;

	if (value && (n < min || n > max)) {
		json_reader_fail_at(r, key, "%lld is out of range, expected %lld to %lld", n, min, max);
		return def;
	}
	return n;
}

double json_reader_number(struct json_reader *r, const json_t *object, const char *key, double min, double max,
			  double def)
{
	json_t *value = member(r, object, key, false, is_number, "a number");
	double x = value ? json_number_value(value) : def;

	if (value && !(x >= min && x <= max)) {
		json_reader_fail_at(r, key, "%g is out of range, expected %g to %g", x, min, max);
		return def;
	}
	return x;
}

bool json_reader_bool(struct json_reader *r, const json_t *object, const char *key, bool def)
{
	json_t *value = member(r, object, key, false, is_boolean, "true or false");

	return value ? json_is_true(value) : def;
}
