// SPDX-License-Identifier: Apache-2.0
/*
 * Database commands: the words of the line go to the daemon as they are, which runs them as one transaction and answers with
 * the text to print (`db/run` in docs/control-protocol.md).
 */
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"

/* Options first, then the name, then the arguments. */
static json_t *words_of(const struct invocation *inv)
{
	json_t *words = json_array();

	for (size_t i = 0; i < inv->n_options; i++) {
		const struct invocation_option *o = &inv->options[i];

		json_array_append_new(words, o->value ? json_sprintf("%s=%s", o->option->name, o->value)
						      : json_string(o->option->name));
	}
	json_array_append_new(words, json_string(inv->command->name));
	for (size_t i = 0; i < inv->n_args; i++)
		json_array_append_new(words, json_string(inv->args[i]));
	return words;
}

/* The global options that the daemon wants to know, because it lays out the text. */
static json_t *line_options(const struct ctl *ctl)
{
	json_t *options = json_array();

	if (ctl->bare)
		json_array_append_new(options, json_string("--bare"));
	if (ctl->format)
		json_array_append_new(options, json_sprintf("--format=%s", ctl->format));
	if (ctl->data)
		json_array_append_new(options, json_sprintf("--data=%s", ctl->data));
	if (ctl->no_headings)
		json_array_append_new(options, json_string("--no-headings"));
	if (ctl->oneline)
		json_array_append_new(options, json_string("--oneline"));
	if (ctl->dry_run)
		json_array_append_new(options, json_string("--dry-run"));
	return options;
}

/* With --json, "text" is for commands that have nothing better to say, and "exit" is the program's status already. */
static void tidy_json(json_t *result)
{
	json_t *command;
	size_t i;

	json_array_foreach(json_object_get(result, "commands"), i, command)
		json_object_del(command, "exit");
}

/*
 * One command: what it said. Several: the list of what each said. So that `vsw --json list-br` is {"bridges": [...]}, not a list
 * of one.
 */
static json_t *unwrap(json_t *result, size_t n)
{
	json_t *list = json_object_get(result, "commands");
	json_t *first = n == 1 ? json_array_get(list, 0) : NULL;
	json_t *exit_status = json_object_get(result, "exit");

	if (!first)
		return result;
	if (exit_status)
		json_object_set(first, "exit", exit_status);
	json_incref(first);
	json_decref(result);
	return first;
}

int db_run(struct ctl *ctl, const struct invocation *invs, size_t n)
{
	json_t *commands_list = json_array();
	json_t *params, *result;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(commands_list, words_of(&invs[i]));
	params = json_pack("{s:o, s:o}", "commands", commands_list, "options", line_options(ctl));
	if (ctl->timeout_ms >= 0)
		json_object_set_new(params, "timeout_ms", json_integer(ctl->timeout_ms));
	if (ctl->json)
		json_object_set_new(params, "format", json_string("json"));
	result = ctl_call(ctl, "db/run", params);
	if (result && ctl->json) {
		tidy_json(result);
		result = unwrap(result, n);
	}
	return ctl_print_result(ctl, result);
}
