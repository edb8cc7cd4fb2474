// SPDX-License-Identifier: Apache-2.0
/* Methods about the daemon itself: version, status, log, the clock, its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/loop.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/control.h"
#include "switchd/daemon.h"
#include "switchd/datapath/datapath.h"
#include "switchd/pipeline/table.h"
#include "vsw/version.h"

static struct loop *main_loop;
static int64_t started_ms;

static int get_version(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);

	(void)request;
	if (!error)
		*result =
			as_json ? json_pack("{s:s, s:s, s:i}", "name", "vsw-switchd", "version", VSW_VERSION, "exit", 0)
				: control_text("vsw-switchd " VSW_VERSION "\n");
	return error;
}

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0, resident = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static size_t count_flows(void)
{
	const struct bridge *br;
	size_t n = 0;

	HMAP_FOR_EACH(br, node, &vswitch.bridges)
		n += tables_count(br->tables);
	return n;
}

/* "key: value" lines of a flat object. */
static json_t *as_lines(const json_t *object)
{
	struct ds text = DS_INIT;
	const char *key;
	json_t *value, *result;

	json_object_foreach((json_t *)object, key, value) {
		if (json_is_string(value))
			ds_printf(&text, "%s: %s\n", key, json_string_value(value));
		else
			ds_printf(&text, "%s: %lld\n", key, (long long)json_integer_value(value));
	}
	result = control_text(ds_cstr(&text));
	ds_fini(&text);
	return result;
}

static int get_status(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	json_t *status;

	(void)request;
	if (error)
		return error;
	status = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s}", "pid", (int)getpid(), "version", VSW_VERSION, "uptime_s",
			   (json_int_t)(clock_wall_ms() - started_ms) / 1000, "rundir", vswitch.rundir, "db",
			   config_path(), "datapath", vswitch.dp ? vswitch.dp->ops->type : "none");
	json_object_set_new(status, "datapath_asked", json_string(daemon_datapath_asked()));
	json_object_set_new(status, "bridges", json_integer((json_int_t)hmap_count(&vswitch.bridges)));
	json_object_set_new(status, "ports", json_integer((json_int_t)hmap_count(&vswitch.ports)));
	json_object_set_new(status, "flows", json_integer((json_int_t)count_flows()));
	json_object_set_new(status, "clients", json_integer((json_int_t)control_n_clients()));
	json_object_set_new(status, "rss_kb", json_integer(resident_kb()));
	if (as_json) {
		json_object_set_new(status, "exit", json_integer(0));
		*result = status;
	} else {
		*result = as_lines(status);
		json_decref(status);
	}
	return 0;
}

static int list_methods(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	json_t *methods, *name;
	struct ds text = DS_INIT;
	size_t i;

	(void)request;
	if (error)
		return error;
	methods = control_methods();
	json_array_foreach(methods, i, name)
		ds_printf(&text, "%s\n", json_string_value(name));
	*result = as_json ? json_pack("{s:O, s:i}", "methods", methods, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(methods);
	ds_fini(&text);
	return 0;
}

static int end_daemon(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "purge", err);
	bool purge = control_bool(params, "purge", false, &error, err);

	(void)request;
	if (error)
		return error;
	*result = control_text("");
	daemon_quit(purge);
	return 0;
}

/* ---- log ---- */

static int log_list(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	json_t *modules = json_array();
	struct ds text = DS_INIT;

	(void)request;
	for (const struct log_module *m = log_modules(); m; m = m->next) {
		ds_printf(&text, "%-16s %s\n", m->name, log_level_name(m->level));
		json_array_append_new(modules,
				      json_pack("{s:s, s:s}", "name", m->name, "level", log_level_name(m->level)));
	}
	if (!error)
		*result =
			as_json ? json_pack("{s:O, s:i}", "modules", modules, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(modules);
	ds_fini(&text);
	return error;
}

static int log_set(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "level,module", err);
	const char *level = control_str(params, "level", "", &error, err);
	const char *module = control_str(params, "module", NULL, &error, err);
	int n = log_level_from_name(level);

	(void)request;
	if (error)
		return error;
	if (n < 0)
		return errtext_set(err, EINVAL, "'%.40s' is no log level; they are off, err, warn, info and dbg",
				   level);
	if (log_set_level(module, (enum log_level)n))
		return errtext_set(err, ENOENT, "no log module named %.40s; `vsw log` lists them", module);
	*result = control_text("");
	return 0;
}

static int log_reopen(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (!error)
		error = daemon_reopen_log(err);
	if (!error)
		*result = control_text("");
	return error;
}

/* ---- the clock ---- */

static json_t *clock_result(bool as_json)
{
	return as_json ? json_pack("{s:I, s:i}", "now_ms", (json_int_t)clock_now_ms(), "exit", 0) : control_text("");
}

static int time_stop(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);

	(void)request;
	if (error)
		return error;
	clock_stop();
	*result = clock_result(as_json);
	return 0;
}

/** A warp that waits until the timers it made due have fired. */
struct warp {
	struct control_request *request;
	struct loop_timer done;
	bool as_json;
};

static void warp_cancelled(void *aux)
{
	struct warp *warp = aux;

	loop_cancel_timer(main_loop, &warp->done);
	free(warp);
}

/* Timers fire in order of time: this one was set last for this instant. */
static void warp_done(struct loop_timer *self, int64_t now_ms)
{
	struct warp *warp = container_of(self, struct warp, done);

	(void)now_ms;
	control_reply(warp->request, 0, clock_result(warp->as_json), NULL);
	free(warp);
}

static int time_warp(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "ms", err);
	bool as_json = control_wants_json(params, &error, err);
	int64_t ms = control_int(params, "ms", 0, &error, err);
	struct warp *warp;

	(void)result;
	if (error)
		return error;
	if (ms <= 0 || ms > INT32_MAX)
		return errtext_set(err, EINVAL, "\"ms\" must be from 1 to %d", INT32_MAX);
	clock_warp(ms);
	warp = xzalloc(sizeof *warp);
	warp->request = request;
	warp->as_json = as_json;
	loop_set_timer(main_loop, &warp->done, clock_now_ms(), warp_done);
	loop_clock_warped(main_loop);
	bonds_clock_warped();
	control_defer(request, warp_cancelled, warp);
	return 0;
}

void daemon_commands_register(struct loop *loop)
{
	main_loop = loop;
	started_ms = clock_wall_ms();
	control_register("version", get_version);
	control_register("status", get_status);
	control_register("methods", list_methods);
	control_register("daemon/stop", end_daemon);
	control_register("log/list", log_list);
	control_register("log/set", log_set);
	control_register("log/reopen", log_reopen);
	control_register("time/stop", time_stop);
	control_register("time/warp", time_warp);
}
