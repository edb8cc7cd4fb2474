// SPDX-License-Identifier: Apache-2.0
/*
 * The text has been parsed by jansson before, so it is well-formed; still, nothing here runs past its null byte.
 */
#include "ctl/json_line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* @p at the opening quote. Return: behind the closing one. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

/* Return: behind the value at @p. Brackets are counted, so that depth costs no stack. */
static const char *skip_value(const char *p)
{
	size_t depth = 0;

	do {
		p = skip_blanks(p);
		if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if (*p == '}' || *p == ']') {
			if (depth)
				depth--;
			p++;
		} else if (*p == '"') {
			p = skip_string(p);
		} else if (*p == ',' || *p == ':') {
			p++;
		} else {
			p += strcspn(p, " \t\r\n,:]}\"");
		}
	} while (depth && *p);
	return p;
}

/* @p at a string: is it @key? */
static bool key_is(const char *p, const char *key)
{
	const char *end = skip_string(p);
	size_t len = strlen(key);

	return (size_t)(end - p) == len + 2 && !memcmp(p + 1, key, len);
}

/* @p at '{'. Return: at the key, *value at its value; NULL when it is not there. */
static const char *find_member(const char *p, const char *key, const char **value)
{
	p = skip_blanks(p + 1);
	while (*p == '"') {
		const char *at = p;

		p = skip_blanks(skip_string(p));
		if (*p != ':')
			return NULL;
		*value = skip_blanks(p + 1);
		if (key_is(at, key))
			return at;
		p = skip_blanks(skip_value(*value));
		if (*p == ',')
			p = skip_blanks(p + 1);
	}
	return NULL;
}

/* @p at '['. Return: at the element. */
static const char *find_element(const char *p, unsigned long index)
{
	p = skip_blanks(p + 1);
	while (*p && *p != ']' && index--) {
		p = skip_blanks(skip_value(p));
		if (*p == ',')
			p = skip_blanks(p + 1);
	}
	return *p && *p != ']' ? p : NULL;
}

unsigned int json_line_of(const char *text, const char *const path[], size_t depth)
{
	const char *value = skip_blanks(text), *found = value;
	unsigned int line = 1;

	for (size_t i = 0; i < depth && value; i++) {
		const char *at = NULL;

		if (*value == '{')
			at = find_member(value, path[i], &value);
		else if (*value == '[')
			value = at = find_element(value, strtoul(path[i], NULL, 10));
		if (!at)
			break;
		found = at;
	}
	for (const char *p = text; p < found; p++)
		line += *p == '\n';
	return line;
}
