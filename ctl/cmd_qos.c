// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on egress queues.
 */
#include <string.h>

#include "base/util.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"

int cmd_qos(struct ctl *ctl, const struct invocation *inv)
{
	const char *what = inv->args[0], *port = invocation_arg(inv, 1);
	json_t *params;

	if (strcmp(what, "show") != 0 && strcmp(what, "show-types") != 0)
		return ctl_fail(ctl, "qos: '%s' is unknown; expected show or show-types", what);
	if (!port)
		return ctl_fail(ctl, "qos %s: the name of a port is missing", what);
	params = json_pack("{s:s}", "port", port);
	return ctl_ask(ctl, !strcmp(what, "show") ? "qos/show" : "qos/show-types", params);
}

static int ask_queues(struct ctl *ctl, const struct invocation *inv, const char *method)
{
	const char *queue = invocation_arg(inv, 2);
	json_t *params = json_object();
	uint64_t number;

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "port", invocation_arg(inv, 1));
	if (queue && !str_to_uint(queue, 10, UINT32_MAX, &number)) {
		json_decref(params);
		return ctl_fail(ctl, "%s: '%s' is no queue number", inv->command->name, queue);
	}
	if (queue)
		json_object_set_new(params, "queue", json_integer((json_int_t)number));
	return ctl_ask(ctl, method, params);
}

int cmd_queue_stats(struct ctl *ctl, const struct invocation *inv)
{
	return ask_queues(ctl, inv, "queue/stats");
}

int cmd_queue_get_config(struct ctl *ctl, const struct invocation *inv)
{
	return ask_queues(ctl, inv, "queue/get-config");
}
