// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw top`: what the switch is busy with. On a terminal live, until `q`; into a pipe or with --json one report, or --count of them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"
#include "ctl/terminal.h"
#include "ctl/top.h"

#define CLEAR "\033[H\033[2J"

struct top {
	struct ctl *ctl;
	struct rpc *rpc;
	json_t *then, *now; /* the last two samples */
	json_t *report;
	enum top_sort sort;
	int interval_ms;
	uint64_t count; /* 0: no end */
	bool on_screen;
};

/* Return: CTL_OK, or CTL_FAILED after an error. */
static int take_sample(struct top *top)
{
	json_t *result;
	struct errtext err;
	int error =
		rpc_call(top->rpc, "top/sample", json_pack("{s:s, s:i}", "format", "json", "flows", 20), &result, &err);

	if (error) {
		terminal_leave();
		return ctl_error(top->ctl, error, &err);
	}
	json_decref(top->then);
	top->then = top->now;
	top->now = result;
	return CTL_OK;
}

static void show(struct top *top)
{
	int columns = 0, rows = 0;

	if (top->ctl->json) {
		ctl_print_json(top->report);
	} else if (top->on_screen) {
		terminal_size(&columns, &rows);
		fputs(CLEAR, stdout);
		top_draw(stdout, top->report, top->sort, columns, rows - 2);
		fputs("q: quit  s: other order", stdout);
	} else {
		top_draw(stdout, top->report, top->sort, 0, 0);
	}
	fflush(stdout);
}

static void make_report(struct top *top)
{
	json_decref(top->report);
	top->report = top_rates(top->then, top->now, top->sort);
}

/* Until the next sample is due. Return: false when it is to end. */
static bool wait_and_obey(struct top *top, int64_t until_ms)
{
	for (;;) {
		int64_t left_ms = until_ms - clock_wall_ms();
		int key;

		if (left_ms <= 0)
			return true;
		if (!top->on_screen) {
			poll(NULL, 0, (int)left_ms);
			continue;
		}
		key = terminal_wait((int)left_ms);
		if (key == 'q' || key == 'Q' || key == TERMINAL_END)
			return false;
		if (key == 's')
			top->sort = (top->sort + 1) % TOP_N_SORTS;
		if (top->report && (key == 's' || key == TERMINAL_RESIZED)) {
			if (key == 's')
				make_report(top);
			show(top);
		}
	}
}

static int run(struct top *top)
{
	uint64_t n = 0;
	int status = take_sample(top);

	while (!status && (!top->count || n < top->count) && !ferror(stdout)) {
		if (!wait_and_obey(top, clock_wall_ms() + top->interval_ms))
			break;
		status = take_sample(top);
		if (status)
			break;
		make_report(top);
		show(top);
		n++;
	}
	return status;
}

/* Return: CTL_OK, or CTL_FAILED after an error. */
static int read_options(struct top *top, const struct invocation *inv)
{
	const char *interval = invocation_option(inv, "--interval"), *count = invocation_option(inv, "--count");
	const char *sort = invocation_option(inv, "--sort");
	char *end;
	double s = interval ? strtod(interval, &end) : 1;

	if (interval && (end == interval || *end || !(s >= 0.1 && s <= 3600)))
		return ctl_fail(top->ctl, "top: --interval: '%s' is not a number of seconds from 0.1 to 3600",
				interval);
	top->interval_ms = (int)(s * 1000);
	if (count && (!str_to_uint(count, 10, UINT32_MAX, &top->count) || !top->count))
		return ctl_fail(top->ctl, "top: --count: '%s' is not a number of reports", count);
	while (sort && top->sort < TOP_N_SORTS && strcmp(sort, top_sort_name(top->sort)) != 0)
		top->sort++;
	if (top->sort == TOP_N_SORTS)
		return ctl_fail(top->ctl, "top: --sort: '%s' is none of traffic, packets, drops, name", sort);
	return CTL_OK;
}

int cmd_top(struct ctl *ctl, const struct invocation *inv)
{
	struct top top = {.ctl = ctl};
	struct errtext err;
	int status = read_options(&top, inv), error;

	if (status)
		return status;
	error = rpc_open(&top.rpc, ctl->rundir, ctl->timeout_ms < 0 ? RPC_FOREVER : ctl->timeout_ms, &err);
	if (error)
		return ctl_error(ctl, error, &err);
	top.on_screen = !ctl->json && terminal_enter();
	if (!top.on_screen && !top.count)
		top.count = 1;
	status = run(&top);
	terminal_leave();
	rpc_close(top.rpc);
	json_decref(top.then);
	json_decref(top.now);
	json_decref(top.report);
	return status;
}
