// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on meters, as ovs-ofctl has them.
 */
#include "ctl/ctl.h"
#include "ctl/handlers.h"

static int ask(struct ctl *ctl, const struct invocation *inv, const char *method)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "meter", invocation_arg(inv, 1));
	return ctl_ask(ctl, method, params);
}

int cmd_add_meter(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/add");
}

int cmd_mod_meter(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/mod");
}

int cmd_del_meters(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/del");
}

int cmd_dump_meters(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/dump");
}

int cmd_meter_stats(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/stats");
}

int cmd_meter_features(struct ctl *ctl, const struct invocation *inv)
{
	return ask(ctl, inv, "meter/features");
}
