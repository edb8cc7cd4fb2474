// SPDX-License-Identifier: Apache-2.0
/* Answers as text or as JSON: what the client asked for. */
#include "switchd/control.h"

#include <errno.h>
#include <string.h>

bool control_wants_json(const json_t *params, int *error, struct errtext *err)
{
	const char *format = control_str(params, "format", "text", error, err);

	if (strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		*error = errtext_set(err, EINVAL, "\"format\" must be \"text\" or \"json\"");
	return !strcmp(format, "json");
}

json_t *control_text(const char *text)
{
	json_t *string = json_string(text);

	return json_pack("{s:o, s:i}", "text", string ? string : json_string(""), "exit", 0);
}
