// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw drops`: what ports dropped, why and where; with --follow what they drop from now on, each second.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"

enum { INTERVAL_MS = 1000 };

/* ---- what is new ---- */

static json_t *find(const json_t *array, const char *key, const char *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		if (!strcmp(json_string_value(json_object_get(item, key)), value))
			return item;
	return NULL;
}

static json_int_t packets_of(const json_t *item)
{
	return json_integer_value(json_object_get(item, "packets"));
}

/* The count of the same place in an earlier answer. */
static json_int_t packets_at(const json_t *where, const json_t *place)
{
	json_t *other;
	size_t i;

	json_array_foreach(where, i, other) {
		json_t *copy = json_copy(other);
		bool same;

		json_object_set(copy, "packets", json_object_get(place, "packets"));
		same = json_equal(copy, place);
		json_decref(copy);
		if (same)
			return packets_of(other);
	}
	return 0;
}

/* Appends what @drop has more than @before, with the places that have more. */
static void add_change(json_t *changes, const char *port, const json_t *drop, const json_t *before)
{
	json_int_t n = packets_of(drop) - packets_of(before);
	json_t *where = json_array(), *place;
	size_t i;

	json_array_foreach(json_object_get(drop, "where"), i, place) {
		json_int_t more = packets_of(place) - packets_at(json_object_get(before, "where"), place);

		if (more > 0) {
			json_t *copy = json_copy(place);

			json_object_set_new(copy, "packets", json_integer(more));
			json_array_append_new(where, copy);
		}
	}
	if (n > 0)
		json_array_append_new(changes,
				      json_pack("{s:s, s:O, s:I, s:O}", "port", port, "reason",
						json_object_get(drop, "reason"), "packets", n, "where", where));
	json_decref(where);
}

static json_t *changes_between(const json_t *then, const json_t *now)
{
	json_t *changes = json_array(), *port, *drop;
	size_t i, k;

	json_array_foreach(json_object_get(now, "ports"), i, port) {
		const char *name = json_string_value(json_object_get(port, "port"));
		const json_t *before = find(json_object_get(then, "ports"), "port", name);

		json_array_foreach(json_object_get(port, "drops"), k, drop)
			add_change(changes, name, drop,
				   find(json_object_get(before, "drops"), "reason",
					json_string_value(json_object_get(drop, "reason"))));
	}
	return changes;
}

/* ---- following ---- */

static void print_place(const json_t *place)
{
	const char *cookie = json_string_value(json_object_get(place, "cookie"));
	const char *bridge = json_string_value(json_object_get(place, "bridge"));

	if (!bridge)
		return;
	printf("; %" JSON_INTEGER_FORMAT " in bridge %s, table %" JSON_INTEGER_FORMAT "%s%s", packets_of(place), bridge,
	       json_integer_value(json_object_get(place, "table")), cookie ? ", cookie " : "", cookie ? cookie : "");
}

static void print_change(const json_t *change, double seconds)
{
	json_t *place;
	size_t i;

	printf("%s: %s +%" JSON_INTEGER_FORMAT " (%.0f/s)", json_string_value(json_object_get(change, "port")),
	       json_string_value(json_object_get(change, "reason")), packets_of(change),
	       (double)packets_of(change) / seconds);
	json_array_foreach(json_object_get(change, "where"), i, place)
		print_place(place);
	putchar('\n');
}

static void print_changes(const struct ctl *ctl, json_t *changes, double seconds)
{
	json_t *change;
	size_t i;

	if (ctl->json) {
		json_t *line = json_pack("{s:f, s:O}", "seconds", seconds, "drops", changes);

		ctl_print_json(line);
		json_decref(line);
	} else {
		json_array_foreach(changes, i, change)
			print_change(change, seconds);
	}
	fflush(stdout);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits for the next look. Return: false when nobody reads any more. */
static bool wait_interval(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return poll(&p, 1, INTERVAL_MS) <= 0 && !ferror(stdout);
}

static int ask(struct rpc *rpc, const json_t *params, json_t **result, struct errtext *err)
{
	return rpc_call(rpc, "drops", json_deep_copy(params), result, err);
}

/* @left: so many looks; 0: no end. */
static int follow(struct ctl *ctl, struct rpc *rpc, const json_t *params, uint64_t left, struct errtext *err)
{
	json_t *then = NULL, *now, *changes;
	double then_s = now_s();
	bool endless = !left;
	int error = ask(rpc, params, &then, err);

	while (!error && (endless || left--) && wait_interval()) {
		double s = now_s();

		error = ask(rpc, params, &now, err);
		if (error)
			break;
		changes = changes_between(then, now);
		print_changes(ctl, changes, s - then_s);
		json_decref(changes);
		json_decref(then);
		then = now;
		then_s = s;
	}
	json_decref(then);
	return error;
}

int cmd_drops(struct ctl *ctl, const struct invocation *inv)
{
	const char *text = invocation_option(inv, "--count");
	json_t *params = json_object();
	struct errtext err = {0};
	struct rpc *rpc = NULL;
	uint64_t count = 0;
	int error;

	ctl_put_string(params, "port", invocation_arg(inv, 0));
	if (!invocation_has(inv, "--follow") && !text)
		return ctl_ask(ctl, "drops", params);
	if (text && (!str_to_uint(text, 10, INT32_MAX, &count) || !count)) {
		json_decref(params);
		return ctl_fail(ctl, "drops: --count: '%s' is not a number of looks", text);
	}
	json_object_set_new(params, "format", json_string("json"));
	error = rpc_open(&rpc, ctl->rundir, ctl->timeout_ms < 0 ? RPC_FOREVER : ctl->timeout_ms, &err);
	if (!error)
		error = follow(ctl, rpc, params, count, &err);
	rpc_close(rpc);
	json_decref(params);
	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}
