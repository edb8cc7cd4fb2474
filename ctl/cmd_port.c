// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on ports as OpenFlow sees them: counters, descriptions, configuration.
 */
#include "ctl/ctl.h"
#include "ctl/handlers.h"

static json_t *bridge_and_port(const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "port", invocation_arg(inv, 1));
	return params;
}

int cmd_dump_ports(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = bridge_and_port(inv);

	if (invocation_has(inv, "--names"))
		json_object_set_new(params, "names", json_true());
	return ctl_ask(ctl, "port/stats", params);
}

int cmd_dump_ports_desc(struct ctl *ctl, const struct invocation *inv)
{
	return ctl_ask(ctl, "port/desc", bridge_and_port(inv));
}

int cmd_mod_port(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = bridge_and_port(inv);

	ctl_put_string(params, "action", inv->args[2]);
	return ctl_ask(ctl, "port/mod", params);
}
