// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw events`: the last things that happened, and with --follow what happens from now on.
 *
 * Following is asking again and again for what comes behind the last event seen, on one connection; the daemon answers when there is
 * something. When it ends, so does the connection, and following with it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"

/* How often it is looked whether somebody still reads. */
enum { DEFAULT_COUNT = 20, WAIT_MS = 1000 };

static json_t *params_of(json_int_t after, json_int_t count, int wait_ms)
{
	return json_pack("{s:s, s:I, s:I, s:i}", "format", "json", "after", after, "count", count, "wait_ms", wait_ms);
}

/* In JSON one object a line. */
static void print_event(const struct ctl *ctl, const json_t *event)
{
	const char *time = "", *kind = "", *text = "";

	if (ctl->json) {
		ctl_print_json(event);
		return;
	}
	json_unpack((json_t *)event, "{s:s, s:s, s:s}", "time", &time, "kind", &kind, "text", &text);
	printf("%s %s: %s\n", time, kind, text);
}

static size_t print_events(const struct ctl *ctl, const json_t *result)
{
	json_t *events = json_object_get(result, "events"), *event;
	size_t i;

	json_array_foreach(events, i, event)
		print_event(ctl, event);
	fflush(stdout);
	return json_array_size(events);
}

/* The reader of a pipe may leave while there is nothing to write. */
static bool is_read(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return !ferror(stdout) && !(poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP));
}

/* Up to @left events, or for ever when that is 0. */
static int follow(struct ctl *ctl, struct rpc *rpc, json_int_t after, uint64_t left)
{
	bool endless = !left;
	struct errtext err;
	json_t *result;
	int error;

	while ((endless || left) && is_read()) {
		uint64_t n;

		error = rpc_call(rpc, "events/list", params_of(after, endless ? INT32_MAX : (json_int_t)left, WAIT_MS),
				 &result, &err);
		if (error == -EPIPE) {
			fputs("vsw: the daemon has ended\n", stderr);
			return CTL_OK;
		}
		if (error)
			return ctl_error(ctl, error, &err);
		n = print_events(ctl, result);
		left -= MIN(left, n);
		after = json_integer_value(json_object_get(result, "last"));
		json_decref(result);
	}
	return CTL_OK;
}

static int show_last(struct ctl *ctl, json_int_t count)
{
	json_t *result = ctl_call(ctl, "events/list", params_of(0, count, 0));

	if (!result)
		return CTL_FAILED;
	if (ctl->json)
		return ctl_print_result(ctl, result);
	print_events(ctl, result);
	json_decref(result);
	return CTL_OK;
}

int cmd_events(struct ctl *ctl, const struct invocation *inv)
{
	const char *text = invocation_option(inv, "--count");
	uint64_t count = DEFAULT_COUNT;
	struct errtext err;
	json_t *result;
	struct rpc *rpc;
	int status;

	if (text && (!str_to_uint(text, 10, INT32_MAX, &count) || !count))
		return ctl_fail(ctl, "events: --count: '%s' is not a number of events", text);
	if (!invocation_has(inv, "--follow"))
		return show_last(ctl, (json_int_t)count);
	status = rpc_open(&rpc, ctl->rundir, RPC_FOREVER, &err);
	if (!status)
		status = rpc_call(rpc, "events/list", params_of(0, (json_int_t)count, 0), &result, &err);
	if (status) {
		rpc_close(rpc);
		return ctl_error(ctl, status, &err);
	}
	print_events(ctl, result);
	status = follow(ctl, rpc, json_integer_value(json_object_get(result, "last")), text ? count : 0);
	json_decref(result);
	rpc_close(rpc);
	return status;
}
