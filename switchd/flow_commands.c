// SPDX-License-Identifier: Apache-2.0
/*
 * flow/add, flow/mod, flow/del, flow/replace: methods that change flow tables. Whatever a request says happens as one bundle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/flow_compare.h"
#include "switchd/flow_lines.h"
#include "switchd/pipeline/table.h"

/** What every one of these methods takes. */
struct flow_params {
	const char *flow, *flows, *file;
	bool strict, as_json;
};

static int read_params(const json_t *params, const char *known, struct flow_params *p, struct errtext *err)
{
	int error = control_allow(params, known, err);

	p->as_json = control_wants_json(params, &error, err);
	p->flow = control_str(params, "flow", NULL, &error, err);
	p->flows = control_str(params, "flows", NULL, &error, err);
	p->file = control_str(params, "file", NULL, &error, err);
	p->strict = control_bool(params, "strict", false, &error, err);
	if (!error && p->flow && p->flows)
		error = errtext_set(err, EINVAL, "\"flow\" and \"flows\" exclude each other");
	return error;
}

/* All of @lines as one bundle; the sentence names the line that was refused. */
static int apply(struct bridge *br, const char *verb, const char *file, struct flow_lines *lines, struct errtext *err)
{
	size_t failed = lines->n;
	int error;

	if (!lines->n)
		return 0;
	error = tables_apply(br->tables, lines->mods, lines->n, clock_now_ms(), &failed, err);
	if (error)
		flow_where(err, verb, file, failed < lines->n ? lines->lines[failed] : 0);
	return error;
}

static json_t *count_result(bool as_json, size_t n)
{
	return as_json ? json_pack("{s:I, s:i}", "n", (json_int_t)n, "exit", 0) : control_text("");
}

static int change_bridge(struct bridge *br, const char *verb, enum flow_mod_command command,
			 const struct flow_params *p, size_t *n, struct errtext *err)
{
	struct flow_lines lines;
	int error = flow_lines_parse(br, verb, command, p->flow, p->flows, p->file, &lines, err);

	if (!error)
		error = apply(br, verb, p->file, &lines, err);
	*n += lines.n;
	flow_lines_fini(&lines);
	return error;
}

/* flow/add and flow/mod: flows of one bridge, which must be given. FLOW_MODIFY becomes strict when the request says so. */
static int change_given(const json_t *params, const char *known, const char *verb_of_one, const char *verb_of_many,
			enum flow_mod_command command, json_t **result, struct errtext *err)
{
	struct flow_params p;
	int error = read_params(params, known, &p, err);
	struct bridge *br;
	size_t n = 0;

	if (!error && !p.flow && !p.flows)
		error = errtext_set(err, EINVAL, "\"flow\" or \"flows\" is missing");
	if (!error)
		error = need_bridge(params, &br, err);
	if (!error && command == FLOW_MODIFY && p.strict)
		command = FLOW_MODIFY_STRICT;
	if (!error)
		error = change_bridge(br, p.flow ? verb_of_one : verb_of_many, command, &p, &n, err);
	if (!error)
		*result = count_result(p.as_json, n);
	return error;
}

static int flow_add(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return change_given(params, "bridge,flow,flows,file", "add-flow", "add-flows", FLOW_ADD, result, err);
}

static int flow_mod(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return change_given(params, "bridge,flow,flows,file,strict", "mod-flows", "mod-flows", FLOW_MODIFY, result,
			    err);
}

/* Of one bridge, or of all. A flow that does not parse for the first bridge stops it there, before anything was deleted. */
static int del_one(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	const struct flow_params *p = aux;
	size_t before = tables_count(br->tables), unused = 0;
	struct flow_params all = {.flow = ""};
	int error;

	error = change_bridge(br, "del-flows", p->strict ? FLOW_DELETE_STRICT : FLOW_DELETE,
			      p->flow || p->flows ? p : &all, &unused, err);
	if (answer->as_json)
		json_object_set_new(json, "n", json_integer((json_int_t)(before - tables_count(br->tables))));
	else
		ds_clear(&answer->text);
	return error;
}

static int flow_del(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct flow_params p;
	int error = read_params(params, "bridge,flow,flows,file,strict", &p, err);

	(void)request;
	return error ? error : each_bridge(params, del_one, &p, result, err);
}

static int flow_replace(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct flow_params p;
	int error = read_params(params, "bridge,flows,file", &p, err);
	struct flow_lines lines = {0}, bundle = {0};
	struct flow_difference d = {0};
	struct bridge *br;

	(void)request;
	if (!error && !p.flows)
		error = errtext_set(err, EINVAL, "\"flows\" is missing");
	if (!error)
		error = need_bridge(params, &br, err);
	if (!error)
		error = flow_lines_parse(br, "replace-flows", FLOW_ADD, NULL, p.flows, p.file, &lines, err);
	if (!error)
		error = flow_compare_replace(br, &lines, &bundle, &d, err);
	if (!error)
		error = apply(br, "replace-flows", p.file, &bundle, err);
	if (!error)
		*result = p.as_json
				  ? json_pack("{s:I, s:I, s:I, s:i}", "added", (json_int_t)d.n_added, "deleted",
					      (json_int_t)d.n_deleted, "modified", (json_int_t)d.n_modified, "exit", 0)
				  : control_text("");
	flow_lines_fini(&lines);
	flow_lines_fini(&bundle);
	return error;
}

void flow_commands_register(void)
{
	control_register("flow/add", flow_add);
	control_register("flow/mod", flow_mod);
	control_register("flow/del", flow_del);
	control_register("flow/replace", flow_replace);
}
