// SPDX-License-Identifier: Apache-2.0
#include "switchd/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/control_impl.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/config_doc.h"
#include "switchd/events.h"
#include "switchd/uplink.h"

LOG_MODULE(apply);

static struct loop *main_loop;
static json_t *before; /* what was there, while it is to be confirmed */
static struct loop_timer timer;

json_t *apply_current(void)
{
	json_t *doc = config_doc(NULL);

	config_doc_add_running(doc);
	return doc;
}

/* ---- the steps ---- */

static const char *wanted_uplink(const json_t *doc, const char *bridge)
{
	return json_string_value(json_object_get(json_object_get(json_object_get(doc, "switches"), bridge), "uplink"));
}

/* Those that the document has not, or has for another device. */
static int undo_uplinks(const json_t *old, const json_t *doc, struct errtext *err)
{
	const char *name, *is, *wanted;
	struct uplink *u;
	json_t *bridge;
	int error = 0;

	json_object_foreach(json_object_get(old, "switches"), name, bridge) {
		is = json_string_value(json_object_get(bridge, "uplink"));
		wanted = wanted_uplink(doc, name);
		if (error || !is || (wanted && !strcmp(is, wanted)))
			continue;
		error = uplink_find(name, &u, err);
		if (!error)
			error = uplink_undo(u, err);
	}
	return error;
}

static int add_uplinks(const json_t *doc, struct errtext *err)
{
	const char *name, *wanted;
	struct uplink *u;
	json_t *bridge;
	int error = 0;

	json_object_foreach(json_object_get(doc, "switches"), name, bridge) {
		wanted = json_string_value(json_object_get(bridge, "uplink"));
		if (!error && wanted && uplink_find(name, &u, NULL))
			error = uplink_add_now(name, wanted, err);
	}
	return error;
}

static int write_rows(const json_t *doc, struct errtext *err)
{
	struct config_failure failure = {0};
	struct db_txn *txn = db_txn_begin(config_db());
	int error = config_doc_write(txn, doc, err);

	if (error) {
		db_txn_abort(txn);
		return error;
	}
	error = config_commit(txn, &failure, err);
	if (error && failure.port[0])
		errtext_prefix(err, "%s", failure.port);
	return error;
}

static int write_flows(const char *bridge, const json_t *flows, struct errtext *err)
{
	struct ds text = DS_INIT;
	json_t *flow, *params, *result = NULL;
	size_t i;
	int error;

	json_array_foreach(flows, i, flow)
		ds_printf(&text, "%s\n", json_string_value(flow));
	params = json_pack("{s:s, s:s, s:o}", "bridge", bridge, "flows", ds_cstr(&text), "file",
			   json_sprintf("flows of %s", bridge));
	error = control_find("flow/replace")(NULL, params, &result, err);
	json_decref(result);
	json_decref(params);
	ds_fini(&text);
	return error;
}

/* Flows, and the meters that they use: these are there before them, and go when they have gone. */
static int write_running(const char *name, const json_t *bridge, struct errtext *err)
{
	const json_t *flows = json_object_get(bridge, "flows"), *meters = json_object_get(bridge, "meters");
	const struct bridge *br = bridge_by_name(name);
	int error = br ? config_doc_add_meters(br, meters, err) : 0;

	if (!error && flows)
		error = write_flows(name, flows, err);
	if (!error && br && meters)
		error = config_doc_drop_meters(br, meters, err);
	return error;
}

static int write_all_flows(const json_t *doc, struct errtext *err)
{
	const char *name;
	json_t *bridge;
	int error = 0;

	json_object_foreach(json_object_get(doc, "switches"), name, bridge)
		if (!error)
			error = write_running(name, bridge, err);
	return error;
}

static int take_steps(const json_t *old, const json_t *doc, struct errtext *err)
{
	int error = undo_uplinks(old, doc, err);

	if (!error)
		error = write_rows(doc, err);
	if (!error)
		error = write_all_flows(doc, err);
	if (!error)
		error = add_uplinks(doc, err);
	return error;
}

/* @old and @doc as above. What was done is undone after a failure. */
static int switch_over(const json_t *old, const json_t *doc, struct errtext *err)
{
	int error = take_steps(old, doc, err);
	struct errtext why = {0};
	json_t *now;

	if (!error)
		return 0;
	now = apply_current();
	if (take_steps(now, old, &why))
		log_err("what was there before `apply` cannot be restored: %s", why.text);
	json_decref(now);
	return error;
}

/* ---- to be confirmed ---- */

static char *path_of(const char *suffix)
{
	return xasprintf("%s/apply.%s", vswitch.rundir, suffix);
}

static int save(int64_t deadline_ms, struct errtext *err)
{
	char *path = path_of("json"), *temp = path_of("new");
	int64_t wall_ms = clock_wall_ms() + (deadline_ms - clock_now_ms());
	json_t *json = json_pack("{s:I, s:O}", "deadline_wall_ms", (json_int_t)wall_ms, "before", before);
	char *text = json_dumps(json, JSON_INDENT(1));
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error = 0;
	ssize_t len = (ssize_t)strlen(text);

	if (fd < 0 || write(fd, text, (size_t)len) != len || fsync(fd) || rename(temp, path))
		error = errtext_set(err, errno ? errno : EIO, "%s cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	json_decref(json);
	free(text);
	free(temp);
	free(path);
	return error;
}

static void forget(void)
{
	char *path = path_of("json");

	unlink(path);
	free(path);
	loop_cancel_timer(main_loop, &timer);
	json_decref(before);
	before = NULL;
}

static int take_back(const char *why, struct errtext *err)
{
	json_t *now = apply_current();
	int error = switch_over(now, before, err);

	json_decref(now);
	if (error)
		event_post(EVENT_OTHER, NULL, NULL, "the applied configuration cannot be taken back: %s", err->text);
	else
		event_post(EVENT_OTHER, NULL, NULL, "the applied configuration was taken back: %s", why);
	forget();
	return error;
}

static void time_is_over(struct loop_timer *self VSW_UNUSED, int64_t now_ms VSW_UNUSED)
{
	struct errtext err = {0};

	if (take_back("nobody has confirmed it", &err))
		log_err("%s", err.text);
}

int apply_confirm(struct errtext *err)
{
	if (!before)
		return errtext_set(err, ENOENT,
				   "there is nothing to confirm: nothing was applied, or it was taken "
				   "back");
	forget();
	return 0;
}

int apply_undo(struct errtext *err)
{
	if (!before)
		return errtext_set(err, ENOENT, "there is nothing to take back that waits for being confirmed");
	return take_back("somebody wanted so", err);
}

/* ---- the whole ---- */

/* The rows as they would be, without making them so. */
static int preview(const json_t *doc, json_t **result, struct errtext *err)
{
	struct db_txn *txn = db_txn_begin(config_db());
	int error = config_doc_write(txn, doc, err);
	json_t *rows = error ? NULL : config_doc(txn), *wanted;
	const char *name, *uplink;
	json_t *bridge, *flows, *meters;

	db_txn_abort(txn);
	if (error)
		return error;
	json_object_foreach(json_object_get(rows, "switches"), name, bridge) {
		wanted = json_object_get(json_object_get(doc, "switches"), name);
		flows = json_object_get(wanted, "flows");
		uplink = wanted_uplink(doc, name);
		if (flows)
			json_object_set(bridge, "flows", flows);
		meters = json_object_get(wanted, "meters");
		if (meters)
			json_object_set(bridge, "meters", meters);
		if (uplink)
			json_object_set_new(bridge, "uplink", json_string(uplink));
		/* It came with the uplink, as in config_doc_add_running(). */
		if (uplink && !json_object_get(json_object_get(wanted, "settings"), "other_config:hwaddr"))
			json_object_del(json_object_get(bridge, "settings"), "other_config:hwaddr");
	}
	*result = rows;
	return 0;
}

static int apply_now(const json_t *old, const json_t *doc, int64_t confirm_s, struct errtext *err)
{
	int64_t deadline_ms = clock_now_ms() + confirm_s * 1000;
	int error = 0;

	/* Written first: what follows may cut off whoever could take it back by hand. */
	if (confirm_s) {
		before = json_deep_copy(old);
		error = save(deadline_ms, err);
	}
	if (!error)
		error = switch_over(old, doc, err);
	if (error && before)
		forget();
	if (!error && confirm_s)
		loop_set_timer(main_loop, &timer, deadline_ms, time_is_over);
	return error;
}

int apply_doc(const json_t *doc, int64_t confirm_s, bool dry_run, struct ds *diff, struct errtext *err)
{
	json_t *old, *now = NULL;
	int error;

	if (before && !dry_run)
		return errtext_set(err, EBUSY,
				   "what was applied before waits for being confirmed; `vsw apply --confirm-now` or "
				   "`vsw apply --undo` first");
	error = preview(doc, &now, err);
	if (error)
		return error;
	old = apply_current();
	config_doc_diff(old, now, diff);
	if (!dry_run && diff->len)
		error = apply_now(old, doc, confirm_s, err);
	json_decref(now);
	json_decref(old);
	return error;
}

/* ---- start and stop ---- */

void apply_start(struct loop *loop)
{
	char *path = path_of("json");
	json_error_t where;
	bool is_there = !access(path, F_OK);
	json_t *json = is_there ? json_load_file(path, 0, &where) : NULL;
	json_t *doc = json_object_get(json, "before");
	struct errtext err = {0};
	int64_t left_ms;

	main_loop = loop;
	if (is_there && (!doc || config_doc_check(doc, &err))) {
		log_err("%s is damaged; it is left alone", path);
	} else if (is_there) {
		before = json_incref(doc);
		left_ms = json_integer_value(json_object_get(json, "deadline_wall_ms")) - clock_wall_ms();
		loop_set_timer(loop, &timer, clock_now_ms() + MAX(left_ms, 0), time_is_over);
	}
	json_decref(json);
	free(path);
}

void apply_stop(void)
{
	struct errtext err = {0};

	if (before && take_back("the daemon ends before it is confirmed", &err))
		log_err("%s", err.text);
}
