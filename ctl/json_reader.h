/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a JSON file that a person wrote: typed access, unknown keys refused, and every complaint says where:
 *
 *   two-hosts.json:7: hosts.h1.addresses[0]: '10.0.0.1/33' is not an address, expected ADDRESS/LENGTH such as 10.0.0.1/24
 *
 * The reader keeps a path from the root to where the caller is; the caller enters and leaves objects and arrays as it walks them. After a
 * first error every reading function returns its "nothing" and the first sentence stays, so that callers check once.
 */
#ifndef CTL_JSON_READER_H
#define CTL_JSON_READER_H 1

#include <jansson.h>
#include <stdbool.h>

#include "base/errtext.h"
#include "base/util.h"

#define JSON_READER_DEPTH 12

struct json_reader {
	const char *file;
	char *text;
	json_t *root;
	size_t depth;
	const char *path[JSON_READER_DEPTH];
	char index_text[JSON_READER_DEPTH][12]; /* memory for those of `path` that are indexes */
	bool is_index[JSON_READER_DEPTH];
	int error; /**< 0, or the -errno of the first complaint */
	struct errtext *err;
};

/** json_reader_open() - read and parse a file. Return: 0 or -errno with @err; json_reader_close() always. */
VSW_MUST_USE int json_reader_open(struct json_reader *r, const char *file, struct errtext *err);
/** json_reader_open_text() - the same of @len bytes of @text, which @file is the name of in messages. */
VSW_MUST_USE int json_reader_open_text(struct json_reader *r, const char *file, const char *text, size_t len,
				       struct errtext *err);
void json_reader_close(struct json_reader *r);

/* Where the caller is. Strings must live until the step is left. */
void json_reader_enter(struct json_reader *r, const char *key);
void json_reader_enter_index(struct json_reader *r, size_t i);
void json_reader_leave(struct json_reader *r);

/** json_reader_fail() - complain about the value that the path leads to. Return: -EINVAL. */
int json_reader_fail(struct json_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** json_reader_fail_at() - about member @key of it. */
int json_reader_fail_at(struct json_reader *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** json_reader_object() - is @value an object, and has it no keys but these? @keys: separated by blanks, NULL: any. */
bool json_reader_object(struct json_reader *r, const json_t *value, const char *keys);

/**
 * struct json_key - one key that an object may have, and what reads it
 * @name: as in the file
 * @read: of @object, which has the key: its value is checked and kept in @what, an object of the caller's
 * @aux: of json_reader_keys()
 */
struct json_key {
	const char *name;
	void (*read)(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux);
};

/**
 * json_reader_keys() - read an object by a table, in the order of the table
 *
 * Keys that are not in the table are refused, and so is a @value that is no object. Return: whether it was read without complaint.
 */
bool json_reader_keys(struct json_reader *r, const json_t *value, const struct json_key keys[], size_t n, void *what,
		      void *aux);

/* Members of @object. NULL, or the default, when there is none or it has the wrong type (which is then complained about). */
const char *json_reader_string(struct json_reader *r, const json_t *object, const char *key, bool required);
json_t *json_reader_array(struct json_reader *r, const json_t *object, const char *key, bool required);
json_t *json_reader_map(struct json_reader *r, const json_t *object, const char *key, bool required);
long long json_reader_int(struct json_reader *r, const json_t *object, const char *key, long long min, long long max,
			  long long def);
double json_reader_number(struct json_reader *r, const json_t *object, const char *key, double min, double max,
			  double def);
bool json_reader_bool(struct json_reader *r, const json_t *object, const char *key, bool def);

#endif
