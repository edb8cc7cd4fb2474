// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on flows, as ovs-ofctl has them. Files are read here and travel as text in one request, so that the daemon makes them
 * one bundle and its messages can name file and line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"

static void put_strict(json_t *params, const struct invocation *inv)
{
	if (invocation_has(inv, "--strict"))
		json_object_set_new(params, "strict", json_true());
}

/* Read @path into @params under @text_key, its name under @name_key. Return: CTL_OK, or CTL_FAILED after an error. */
static int put_file(const struct ctl *ctl, json_t *params, const char *path, const char *text_key, const char *name_key)
{
	struct errtext err;
	json_t *value;
	char *text;
	size_t len;
	int error = ctl_read_input(path, &text, &len, &err);

	if (error)
		return ctl_error(ctl, error, &err);
	value = json_stringn(text, len);
	free(text);
	if (!value)
		return ctl_fail(ctl, "%s is not UTF-8 text", path);
	json_object_set_new(params, text_key, value);
	ctl_put_string(params, name_key, strcmp(path, "-") ? path : "standard input");
	return CTL_OK;
}

/* Send @params with the flows of @path. */
static int ask_with_file(struct ctl *ctl, const char *method, json_t *params, const char *path)
{
	if (put_file(ctl, params, path, "flows", "file")) {
		json_decref(params);
		return CTL_FAILED;
	}
	return ctl_ask(ctl, method, params);
}

/* Is this word a file, where it could also be a flow or the name of a bridge? */
static bool is_file(const char *word)
{
	return !strcmp(word, "-") || word[0] == '/' || word[0] == '.' || (!strpbrk(word, "=, ") && !access(word, R_OK));
}

int cmd_add_flow(struct ctl *ctl, const struct invocation *inv)
{
	/* ovs-ofctl's add-flow takes `-` and files, too. */
	if (!strcmp(inv->args[1], "-"))
		return cmd_add_flows(ctl, inv);
	return ctl_ask(ctl, "flow/add", json_pack("{s:s, s:s}", "bridge", inv->args[0], "flow", inv->args[1]));
}

int cmd_add_flows(struct ctl *ctl, const struct invocation *inv)
{
	return ask_with_file(ctl, "flow/add", json_pack("{s:s}", "bridge", inv->args[0]), inv->args[1]);
}

int cmd_mod_flows(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_pack("{s:s}", "bridge", inv->args[0]);

	put_strict(params, inv);
	if (is_file(inv->args[1]))
		return ask_with_file(ctl, "flow/mod", params, inv->args[1]);
	ctl_put_string(params, "flow", inv->args[1]);
	return ctl_ask(ctl, "flow/mod", params);
}

int cmd_del_flows(struct ctl *ctl, const struct invocation *inv)
{
	const char *flow = invocation_arg(inv, 1);
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	put_strict(params, inv);
	if (flow && is_file(flow))
		return ask_with_file(ctl, "flow/del", params, flow);
	ctl_put_string(params, "flow", flow);
	return ctl_ask(ctl, "flow/del", params);
}

int cmd_replace_flows(struct ctl *ctl, const struct invocation *inv)
{
	return ask_with_file(ctl, "flow/replace", json_pack("{s:s}", "bridge", inv->args[0]), inv->args[1]);
}

int cmd_diff_flows(struct ctl *ctl, const struct invocation *inv)
{
	static const char *const keys[2][3] = {{"bridge", "flows", "file"}, {"other", "other_flows", "other_file"}};
	json_t *params = json_object();

	if (!strcmp(inv->args[0], "-") && !strcmp(inv->args[1], "-")) {
		json_decref(params);
		return ctl_fail(ctl, "diff-flows: standard input can be read only once");
	}
	for (int i = 0; i < 2; i++) {
		if (!is_file(inv->args[i])) {
			ctl_put_string(params, keys[i][0], inv->args[i]);
		} else if (put_file(ctl, params, inv->args[i], keys[i][1], keys[i][2])) {
			json_decref(params);
			return CTL_FAILED;
		}
	}
	return ctl_ask(ctl, "flow/diff", params);
}

static void put_sort(json_t *params, const char *key, const char *field)
{
	ctl_put_string(params, key, field && !*field ? "priority" : field);
}

int cmd_dump_flows(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "flow", invocation_arg(inv, 1));
	if (invocation_has(inv, "--no-stats"))
		json_object_set_new(params, "stats", json_false());
	if (invocation_has(inv, "--names"))
		json_object_set_new(params, "names", json_true());
	put_sort(params, "sort", invocation_option(inv, "--sort"));
	put_sort(params, "rsort", invocation_option(inv, "--rsort"));
	return ctl_ask(ctl, "flow/dump", params);
}

static int ask_bridge_flow(struct ctl *ctl, const struct invocation *inv, const char *method)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "flow", invocation_arg(inv, 1));
	return ctl_ask(ctl, method, params);
}

int cmd_dump_aggregate(struct ctl *ctl, const struct invocation *inv)
{
	return ask_bridge_flow(ctl, inv, "flow/aggregate");
}

int cmd_dump_tables(struct ctl *ctl, const struct invocation *inv)
{
	return ask_bridge_flow(ctl, inv, "flow/tables");
}
