// SPDX-License-Identifier: Apache-2.0
/* Lists as values of options. */
#include "vmm/suboptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"

/* The part of the list at *@at, commas undoubled, and *@at behind it; NULL at the end. The caller frees it. */
static char *next_part(const char **at)
{
	struct ds part = DS_INIT;
	const char *p = *at;

	if (!p)
		return NULL;
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		ds_put_char(&part, *p);
		p += *p == ',';
	}
	*at = *p ? p + 1 : NULL;
	return part.s ? ds_steal(&part) : xstrdup("");
}

static int unknown_key(const char *option, const char *key, const struct suboption *rows, size_t n, struct errtext *err)
{
	struct ds known = DS_INIT;
	int error;

	for (size_t i = 0; i < n; i++)
		ds_printf(&known, "%s%s", i ? ", " : "", rows[i].key);
	error = errtext_set(err, EINVAL, "%s: %s: no such key; it knows %s", option, key, ds_cstr(&known));
	ds_fini(&known);
	return error;
}

static int set(const char *option, const struct suboption *row, const char *value, void *target, struct errtext *err)
{
	if (!row->expected && value)
		return errtext_set(err, EINVAL, "%s: %s=%s: it takes no value", option, row->key, value);
	if (row->expected && (!value || !row->set(target, value)))
		return errtext_set(err, EINVAL, "%s: %s=%s: %s was expected", option, row->key, value ? value : "",
				   row->expected);
	if (!row->expected)
		row->set(target, NULL);
	return 0;
}

static int set_part(const char *option, char *part, bool is_first, const struct suboption *rows, size_t n, void *target,
		    struct errtext *err)
{
	char *equals = strchr(part, '=');

	if (equals)
		*equals = '\0';
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].key, part))
			return set(option, &rows[i], equals ? equals + 1 : NULL, target, err);
	if (!is_first)
		return unknown_key(option, part, rows, n, err);
	if (equals)
		*equals = '=';
	return set(option, &rows[0], part, target, err);
}

int suboptions_parse(const char *option, const char *text, const struct suboption *rows, size_t n, void *target,
		     struct errtext *err)
{
	bool is_first = true;
	char *part;
	int error = 0;

	while (!error && (part = next_part(&text))) {
		error = set_part(option, part, is_first, rows, n, target, err);
		free(part);
		is_first = false;
	}
	return error;
}

bool suboption_switch(const char *value, bool *on)
{
	*on = !strcmp(value, "on");
	return *on || !strcmp(value, "off");
}

bool suboption_size(const char *value, uint64_t *size)
{
	char digits[24];
	size_t len = strlen(value);
	unsigned int shift = 20;

	if (len && strchr("MmGg", value[len - 1]))
		shift = strchr("Gg", value[--len]) ? 30 : 20;
	if (!len || len >= sizeof digits)
		return false;
	memcpy(digits, value, len);
	digits[len] = '\0';
	if (!str_to_uint(digits, 10, UINT64_MAX >> shift, size) || !*size)
		return false;
	*size <<= shift;
	return true;
}
