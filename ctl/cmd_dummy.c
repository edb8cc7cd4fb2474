// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for tests: frames by hand, and the clock.
 */
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"

static bool is_hex(const char *s)
{
	return *s && !s[strspn(s, "0123456789abcdefABCDEF \t\n:")];
}

int cmd_dummy(struct ctl *ctl, const struct invocation *inv)
{
	const char *frame = inv->args[2];

	if (strcmp(inv->args[0], "receive") != 0)
		return ctl_fail(ctl, "dummy: '%s' is not 'receive'", inv->args[0]);
	return ctl_ask(ctl, "dummy/receive",
		       json_pack("{s:s, s:s}", "port", inv->args[1], is_hex(frame) ? "packet" : "flow", frame));
}

int cmd_time(struct ctl *ctl, const struct invocation *inv)
{
	uint64_t ms;

	if (!strcmp(inv->args[0], "stop") && inv->n_args == 1)
		return ctl_ask(ctl, "time/stop", NULL);
	if (strcmp(inv->args[0], "warp") != 0 || inv->n_args != 2)
		return ctl_fail(ctl, "time: usage: vsw time stop | warp MS");
	if (!str_to_uint(inv->args[1], 10, INT64_MAX / 2, &ms) || !ms)
		return ctl_fail(ctl, "time warp: '%s' is not a number of milliseconds above 0", inv->args[1]);
	return ctl_ask(ctl, "time/warp", json_pack("{s:I}", "ms", (json_int_t)ms));
}
