// SPDX-License-Identifier: Apache-2.0
/* `vsw save`, `vsw apply`: the whole configuration as a file. Its form is checked here, where file and line are known; what it means, by the daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/confirm.h"
#include "ctl/handlers.h"
#include "ctl/json_reader.h"

/* Laid out for people and for diff(1). */
static int write_config(struct ctl *ctl, const json_t *config, const char *path)
{
	bool is_stdout = !strcmp(path, "-");
	char *temp = xasprintf("%s.new", path);
	FILE *f = is_stdout ? stdout : fopen(temp, "we");
	int status = CTL_OK;

	if (!f) {
		status = ctl_fail(ctl, "save: cannot create %s: %s", temp, strerror(errno));
	} else {
		bool ok = !json_dumpf(config, f, JSON_INDENT(8)) && fputc('\n', f) != EOF && !fflush(f);

		if (!is_stdout && (fclose(f) || !ok || rename(temp, path)))
			ok = false;
		if (!ok)
			status = ctl_fail(ctl, "save: cannot write %s: %s", path, strerror(errno));
	}
	free(temp);
	return status;
}

int cmd_save(struct ctl *ctl, const struct invocation *inv)
{
	const char *path = invocation_arg(inv, 0) ? invocation_arg(inv, 0) : "-";
	json_t *result = ctl_call(ctl, "config/save", json_pack("{s:s}", "format", "json"));
	int status;

	if (!result)
		return CTL_FAILED;
	status = write_config(ctl, json_object_get(result, "config"), path);
	json_decref(result);
	return status;
}

/* ---- apply ---- */

static void read_switch(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED,
			void *aux VSW_UNUSED)
{
	if (!strcmp(key, "flows") || !strcmp(key, "meters"))
		json_reader_array(r, object, key, false);
	else if (!strcmp(key, "uplink"))
		json_reader_string(r, object, key, false);
	else
		json_reader_map(r, object, key, false);
}

static const struct json_key apply_switch_keys[] = {
	{"settings", read_switch}, {"ports", read_switch}, {"mirrors", read_switch},
	{"meters", read_switch},   {"flows", read_switch}, {"uplink", read_switch},
};

static void read_switches(struct json_reader *r, const json_t *object, const char *key, void *what,
			  void *aux VSW_UNUSED)
{
	json_t *switches = json_reader_map(r, object, key, false), *sw;
	const char *name;

	json_reader_enter(r, key);
	json_object_foreach(switches, name, sw) {
		json_reader_enter(r, name);
		json_reader_keys(r, sw, apply_switch_keys, ARRAY_SIZE(apply_switch_keys), NULL, NULL);
		json_reader_leave(r);
	}
	json_reader_leave(r);
	*(json_t **)what = switches;
}

static void read_description(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED,
			     void *aux VSW_UNUSED)
{
	json_reader_string(r, object, key, false);
}

static const struct json_key apply_keys[] = {
	{"description", read_description},
	{"switches", read_switches},
};

/* Return: the "config" of a request, or NULL after an error. */
static json_t *read_config(struct ctl *ctl, const char *path)
{
	struct errtext err = {0};
	struct json_reader r;
	json_t *switches = NULL, *config;
	int error = json_reader_open(&r, path, &err);

	if (!error)
		json_reader_keys(&r, r.root, apply_keys, ARRAY_SIZE(apply_keys), &switches, NULL);
	if (!r.error && !switches)
		json_reader_fail(&r, "'switches' is missing: expected an object: { ... }");
	error = r.error;
	config = error ? NULL : json_pack("{s:O}", "switches", switches);
	json_reader_close(&r);
	if (error)
		ctl_error(ctl, error, &err);
	return config;
}

static int apply_file(struct ctl *ctl, const struct invocation *inv)
{
	const char *confirm = invocation_option(inv, "--confirm");
	bool diff_only = invocation_has(inv, "--diff");
	uint64_t seconds = 0;
	json_t *config, *params;
	int status;

	if (confirm && diff_only)
		return ctl_fail(ctl, "apply: --diff changes nothing: there is nothing to --confirm");
	if (confirm && !ctl_parse_seconds(ctl, "apply", confirm, &seconds))
		return CTL_FAILED;
	config = read_config(ctl, inv->args[0]);
	if (!config)
		return CTL_FAILED;
	params = json_pack("{s:o, s:b, s:I}", "config", config, "dry_run", diff_only || ctl->dry_run, "confirm",
			   (json_int_t)seconds);
	status = ctl_ask(ctl, "config/apply", params);
	return status || !confirm ? status : confirm_at_terminal(ctl, "config/confirm", NULL, seconds);
}

int cmd_apply(struct ctl *ctl, const struct invocation *inv)
{
	bool undo = invocation_has(inv, "--undo"), confirm = invocation_has(inv, "--confirm-now");

	if (undo && confirm)
		return ctl_fail(ctl, "apply: either --undo or --confirm-now");
	if ((undo || confirm) && inv->n_args)
		return ctl_fail(ctl, "apply: %s takes no file", undo ? "--undo" : "--confirm-now");
	if (undo || confirm)
		return ctl_ask(ctl, undo ? "config/undo" : "config/confirm", NULL);
	if (!inv->n_args)
		return ctl_fail(ctl, "apply: which file? usage: vsw apply FILE");
	return apply_file(ctl, inv);
}
