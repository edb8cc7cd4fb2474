// SPDX-License-Identifier: Apache-2.0
/* Reading the parameters of a request. */
#include "os/control.h"

#include <errno.h>
#include <string.h>

const char *control_str(const json_t *params, const char *key, const char *def, int *error, struct errtext *err)
{
	const json_t *value = json_object_get(params, key);

	if (!value || json_is_null(value))
		return def;
	if (!json_is_string(value)) {
		*error = errtext_set(err, EINVAL, "\"%s\" must be a string", key);
		return def;
	}
	return json_string_value(value);
}

bool control_bool(const json_t *params, const char *key, bool def, int *error, struct errtext *err)
{
	const json_t *value = json_object_get(params, key);

	if (!value || json_is_null(value))
		return def;
	if (!json_is_boolean(value)) {
		*error = errtext_set(err, EINVAL, "\"%s\" must be true or false", key);
		return def;
	}
	return json_is_true(value);
}

int64_t control_int(const json_t *params, const char *key, int64_t def, int *error, struct errtext *err)
{
	const json_t *value = json_object_get(params, key);

	if (!value || json_is_null(value))
		return def;
	if (!json_is_integer(value)) {
		*error = errtext_set(err, EINVAL, "\"%s\" must be a whole number", key);
		return def;
	}
	return json_integer_value(value);
}

static bool in_list(const char *name, const char *names)
{
	size_t len = strlen(name);

	for (const char *p = names; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == len && !strncmp(p, name, len))
			return true;
	return false;
}

int control_allow(const json_t *params, const char *names, struct errtext *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)params, key, value)
		if (strcmp(key, "format") != 0 && !in_list(key, names))
			return errtext_set(err, EINVAL, "unknown parameter \"%.40s\"; known are: format%s%s", key,
					   *names ? "," : "", names);
	return 0;
}
