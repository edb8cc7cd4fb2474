// SPDX-License-Identifier: Apache-2.0
/* The method `why`. */
#include <errno.h>

#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/why.h"

static int why(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "from,to,proto", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *from = control_str(params, "from", NULL, &error, err);
	const char *to = control_str(params, "to", NULL, &error, err);
	const char *proto = control_str(params, "proto", "icmp", &error, err);
	json_t *found;
	int status;

	(void)request;
	if (!error && (!from || !to))
		error = errtext_set(err, EINVAL, "why: from and to are needed");
	if (!error)
		error = why_run(from, to, proto, &found, err);
	if (error)
		return error;
	status = json_is_true(json_object_get(found, "reaches")) ? 0 : 1;
	if (as_json) {
		json_object_del(found, "text");
		json_object_set_new(found, "exit", json_integer(status));
		*result = found;
		return 0;
	}
	*result = json_pack("{s:O, s:i}", "text", json_object_get(found, "text"), "exit", status);
	json_decref(found);
	return 0;
}

void why_commands_register(void)
{
	control_register("why", why);
}
