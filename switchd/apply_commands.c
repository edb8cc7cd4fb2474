// SPDX-License-Identifier: Apache-2.0
/* Methods about the whole configuration as a document. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switchd/apply.h"
#include "switchd/commands.h"
#include "switchd/config_doc.h"
#include "switchd/control.h"

static int save_config(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
		       struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	json_t *doc;
	char *text;

	if (error)
		return error;
	doc = apply_current();
	text = json_dumps(doc, JSON_INDENT(8));
	*result = as_json ? json_pack("{s:O, s:i}", "config", doc, "exit", 0) : control_text(text);
	free(text);
	json_decref(doc);
	return 0;
}

/* "- br0 port eth1 tag=10" lines as a list. */
static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t len = strcspn(text, "\n");

		json_array_append_new(list, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return list;
}

static int apply_config(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			struct errtext *err)
{
	int error = control_allow(params, "config,confirm,dry_run", err);
	bool as_json = control_wants_json(params, &error, err);
	bool dry_run = control_bool(params, "dry_run", false, &error, err);
	int64_t confirm_s = control_int(params, "confirm", 0, &error, err);
	const json_t *doc = json_object_get(params, "config");
	struct ds diff = DS_INIT;

	if (!error && (confirm_s < 0 || confirm_s > APPLY_MAX_CONFIRM_S))
		error = errtext_set(err, EINVAL, "\"confirm\": expected 1 to %d seconds", APPLY_MAX_CONFIRM_S);
	if (!error)
		error = config_doc_check(doc, err);
	if (!error)
		error = apply_doc(doc, confirm_s, dry_run, &diff, err);
	if (!error)
		*result = as_json ? json_pack("{s:o, s:b, s:i}", "diff", lines_json(ds_cstr(&diff)), "applied",
					      !dry_run, "exit", 0)
				  : control_text(ds_cstr(&diff));
	ds_fini(&diff);
	return error;
}

/* What somebody wants done with the configuration that waits to be confirmed. */
static int decide(const json_t *params, int (*act)(struct errtext *err), json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);

	if (!error)
		error = act(err);
	if (!error)
		*result = as_json ? json_pack("{s:i}", "exit", 0) : control_text("");
	return error;
}

static int confirm_config(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			  struct errtext *err)
{
	return decide(params, apply_confirm, result, err);
}

static int undo_config(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
		       struct errtext *err)
{
	return decide(params, apply_undo, result, err);
}

void apply_commands_register(void)
{
	control_register("config/save", save_config);
	control_register("config/apply", apply_config);
	control_register("config/confirm", confirm_config);
	control_register("config/undo", undo_config);
}
