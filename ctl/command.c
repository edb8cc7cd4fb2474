// SPDX-License-Identifier: Apache-2.0
#include "ctl/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/nearest.h"

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const struct command_option *option_find(const struct command_option *options, const char *name, size_t len)
{
	for (; options && options->name; options++) {
		if (strlen(options->name) == len && !memcmp(options->name, name, len))
			return options;
		if (options->letter && len == 2 && name[0] == '-' && name[1] == options->letter)
			return options;
	}
	return NULL;
}

/* Before the command's name is known: the option of any command, to learn whether a value follows. */
static const struct command_option *option_of_any(const char *name, size_t len)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct command_option *option = option_find(commands[i].options, name, len);

		if (option)
			return option;
	}
	return NULL;
}

/* A value in brackets is optional, and then only `=` can give it. */
static bool needs_value(const struct command_option *option)
{
	return option->value && option->value[0] != '[';
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* The index of the command's name among the words, @n when there is none. */
static size_t find_name(size_t n, const char *const words[])
{
	size_t i = 0;

	while (i < n && is_option(words[i])) {
		size_t len = strcspn(words[i], "=");
		const struct command_option *option = option_of_any(words[i], len);

		i += option && needs_value(option) && !words[i][len] ? 2 : 1;
	}
	return MIN(i, n);
}

static int unknown_command(const char *name, struct errtext *err)
{
	char near[200];

	nearest_commands(name, near, sizeof near);
	if (near[0])
		return errtext_set(err, EINVAL, "there is no command '%s'; did you mean %s?", name, near);
	return errtext_set(err, EINVAL, "there is no command '%s'; `vsw help` lists them", name);
}

static int unknown_option(const struct command *command, const char *word, struct errtext *err)
{
	char known[300] = "";
	size_t len = 0;

	for (const struct command_option *o = command->options; o && o->name && len < sizeof known; o++)
		len += (size_t)snprintf(known + len, sizeof known - len, "%s%s%s%s", len ? ", " : "", o->name,
					o->value ? "=" : "", o->value ? o->value : "");
	if (!known[0])
		return errtext_set(err, EINVAL, "%s: unknown option '%s' (it has none)", command->name, word);
	return errtext_set(err, EINVAL, "%s: unknown option '%s'; it has %s", command->name, word, known);
}

/* Take the option at words[*i], and its value if it is the next word. */
static int take_option(struct invocation *inv, size_t n, const char *const words[], size_t *i, struct errtext *err)
{
	const char *word = words[*i];
	size_t len = strcspn(word, "=");
	const struct command_option *option = option_find(inv->command->options, word, len);
	const char *value = word[len] ? word + len + 1 : NULL;

	/* ovs-appctl's one-dash long options: -generate. */
	if (!option && word[1] != '-') {
		char longer[64];

		snprintf(longer, sizeof longer, "-%s", word);
		option = option_find(inv->command->options, longer, len + 1);
	}
	if (!option)
		return unknown_option(inv->command, word, err);
	if (!option->value && value)
		return errtext_set(err, EINVAL, "%s: %s takes no value", inv->command->name, option->name);
	if (needs_value(option) && !value) {
		if (*i + 1 >= n)
			return errtext_set(err, EINVAL, "%s: %s needs a value: %s=%s", inv->command->name, option->name,
					   option->name, option->value);
		value = words[++*i];
	}
	inv->options[inv->n_options++] = (struct invocation_option){option, value};
	return 0;
}

static int check_args(const struct invocation *inv, struct errtext *err)
{
	const struct command *command = inv->command;

	if (inv->n_args < command->min_args)
		return errtext_set(err, EINVAL, "%s: too few arguments; usage: vsw %s %s", command->name, command->name,
				   command->synopsis);
	if (inv->n_args > command->max_args)
		return errtext_set(err, EINVAL, "%s: '%s' is one argument too many; usage: vsw %s%s%s", command->name,
				   inv->args[command->max_args], command->name, command->synopsis[0] ? " " : "",
				   command->synopsis);
	return 0;
}

/* `topo exec` hands what follows its host on to another program, options and all. */
static bool takes_rest_literally(const struct invocation *inv)
{
	return !strcmp(inv->command->name, "topo") && inv->n_args >= 3 && !strcmp(inv->args[0], "exec");
}

int invocation_parse(struct invocation *inv, size_t n, const char *const words[], struct errtext *err)
{
	size_t name = find_name(n, words);
	int error = 0;

	*inv = (struct invocation){0};
	if (name == n)
		return errtext_set(err, EINVAL, "a command is missing%s%s; `vsw help` lists them", n ? " after " : "",
				   n ? words[n - 1] : "");
	inv->command = command_find(words[name]);
	if (!inv->command)
		return unknown_command(words[name], err);
	inv->args = xcalloc(n, sizeof *inv->args);
	inv->options = xcalloc(n, sizeof *inv->options);
	for (size_t i = 0; i < n && !error; i++) {
		if (i == name)
			continue;
		if (is_option(words[i]) && !takes_rest_literally(inv))
			error = take_option(inv, n, words, &i, err);
		else
			inv->args[inv->n_args++] = words[i];
	}
	if (!error)
		error = check_args(inv, err);
	if (error)
		invocation_fini(inv);
	return error;
}

void invocation_fini(struct invocation *inv)
{
	free(inv->args);
	free(inv->options);
	inv->args = NULL;
	inv->options = NULL;
}

const char *invocation_option(const struct invocation *inv, const char *name)
{
	for (size_t i = 0; i < inv->n_options; i++)
		if (!strcmp(inv->options[i].option->name, name))
			return inv->options[i].value ? inv->options[i].value : "";
	return NULL;
}

/* How far a command is from what was typed; a beginning that was cut short is near, too. */
static unsigned int distance_to(const char *typed, const char *command)
{
	if (strlen(typed) >= 2 && !strncmp(command, typed, strlen(typed)))
		return 1;
	return nearest_distance(typed, command);
}

void nearest_commands(const char *name, char *out, size_t size)
{
	unsigned int limit = nearest_limit(strlen(name));
	unsigned int best = limit + 1;
	size_t len = 0, n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n_commands; i++)
		best = MIN(best, distance_to(name, commands[i].name));
	if (best > limit)
		return;
	for (size_t i = 0; i < n_commands && n < 4 && len < size; i++) {
		if (distance_to(name, commands[i].name) > best)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", n++ ? ", " : "", commands[i].name);
	}
}
