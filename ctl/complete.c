// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw __complete WORD...`: what the last word could become, one candidate a line. completions/vsw calls it.
 *
 * Names of commands and options come from the command table; bridges, ports, tables and columns are asked of the daemon, with a
 * short timeout and without a word when there is none. A line "@files" asks the shell to complete file names as well.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"

#define COMPLETE_TIMEOUT_MS 1000

/* The state of one completion: the words before the last, read as far as they make sense. */
struct completion {
	const char *rundir;
	const char *word;		       /* the one to complete */
	const char *head;		       /* what stands before it: "--format=" of "--format=c" */
	const struct command *command;	       /* NULL while it is the command that is typed */
	const struct command_option *value_of; /* the option whose value is typed */
	const char *args[64];
	size_t n_args;
	struct rpc *rpc;
};

/* Values of options that are a choice. */
static const struct {
	const char *option, *choices;
} option_choices[] = {
	{"--format", "list table csv json"},
	{"--data", "string bare json"},
	{"--datapath", "ebpf user dummy"},
};

static void offer(const struct completion *c, const char *candidate, const char *suffix)
{
	if (!strncmp(candidate, c->word, strlen(c->word)))
		printf("%s%s%s\n", c->head, candidate, suffix);
}

static void offer_words(const struct completion *c, const char *words)
{
	char *copy = xstrdup(words);
	char *save;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		offer(c, w, "");
	free(copy);
}

static void offer_options(const struct completion *c, const struct command_option *options)
{
	for (; options && options->name; options++)
		offer(c, options->name, options->value && options->value[0] != '[' ? "=" : "");
}

/* Ask the daemon for names. @table, @bridge: NULL where they mean nothing. */
static void offer_names(struct completion *c, const char *what, const char *table, const char *bridge,
			const char *suffix)
{
	json_t *params = json_pack("{s:s, s:s}", "format", "json", "what", what);
	json_t *result = NULL, *word;
	size_t i;

	ctl_put_string(params, "table", table);
	ctl_put_string(params, "bridge", bridge);
	if (!c->rpc && rpc_open(&c->rpc, c->rundir, COMPLETE_TIMEOUT_MS, NULL)) {
		json_decref(params);
		return;
	}
	if (rpc_call(c->rpc, "db/complete", params, &result, NULL))
		return;
	json_array_foreach(json_object_get(result, "words"), i, word)
		offer(c, json_string_value(word), suffix);
	json_decref(result);
}

static void offer_devices(const struct completion *c)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			offer(c, entry->d_name, "");
	if (dir)
		closedir(dir);
}

static void offer_settings(struct completion *c)
{
	if (!strcmp(c->command->name, "add-br")) {
		offer_names(c, "columns", "Bridge", NULL, "=");
	} else if (!strcmp(c->command->name, "add-port")) {
		offer_names(c, "columns", "Port", NULL, "=");
		offer_names(c, "columns", "Interface", NULL, "=");
	} else {
		offer_names(c, "columns", c->args[0], NULL, "=");
	}
}

/* Rows of the tables that are called by name. */
static void offer_records(struct completion *c)
{
	size_t len = c->n_args && c->args[0] ? strlen(c->args[0]) : 0;

	if (!len)
		return;
	if (!strncasecmp(c->args[0], "bridge", len))
		offer_names(c, "bridges", NULL, NULL, "");
	else if (!strncasecmp(c->args[0], "port", len))
		offer_names(c, "ports", NULL, NULL, "");
	else if (!strncasecmp(c->args[0], "interface", len))
		offer_names(c, "interfaces", NULL, NULL, "");
	else
		offer(c, ".", "");
}

/* The bridge among the arguments, where the command takes one before its port. */
static const char *bridge_before(const struct completion *c)
{
	for (size_t i = 0; i < c->n_args && i < ARRAY_SIZE(c->command->words); i++)
		if (c->command->words[i] == WORD_BRIDGE || c->command->words[i] == WORD_BRIDGE_OR_PORT)
			return c->args[i];
	return NULL;
}

static void offer_commands(const struct completion *c)
{
	for (size_t i = 0; i < n_commands; i++)
		offer(c, commands[i].name, "");
}

static void offer_kind(struct completion *c, enum word_kind kind)
{
	switch (kind) {
	case WORD_END:
	case WORD_ANY:
		break;
	case WORD_BRIDGE:
		offer_names(c, "bridges", NULL, NULL, "");
		break;
	case WORD_BRIDGE_OR_PORT:
		offer_names(c, "bridges", NULL, NULL, "");
		offer_names(c, "ports", NULL, NULL, "");
		break;
	case WORD_BRIDGE_OR_FILE:
		offer_names(c, "bridges", NULL, NULL, "");
		puts("@files");
		break;
	case WORD_PORT:
		offer_names(c, "ports", NULL, bridge_before(c), "");
		break;
	case WORD_DEVICE:
		offer_devices(c);
		break;
	case WORD_IFACE:
		offer_names(c, "interfaces", NULL, NULL, "");
		break;
	case WORD_TABLE:
		offer_names(c, "tables", NULL, NULL, "");
		break;
	case WORD_RECORD:
		offer_records(c);
		break;
	case WORD_COLUMN:
		offer_names(c, "columns", c->args[0], NULL, "");
		break;
	case WORD_SETTING:
		offer_settings(c);
		break;
	case WORD_FILE:
		puts("@files");
		break;
	case WORD_COMMAND:
		offer_commands(c);
		break;
	case WORD_CHOICE:
		offer_words(c, c->command->choices);
		break;
	}
}

/* The kind of the argument that is typed; the last kind of the list repeats. */
static enum word_kind kind_of_word(const struct completion *c)
{
	size_t i = MIN(c->n_args, ARRAY_SIZE(c->command->words) - 1);

	if (c->n_args >= c->command->max_args)
		return WORD_END;
	while (i && c->command->words[i] == WORD_END)
		i--;
	return c->command->words[i];
}

static void offer_value(const struct completion *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_choices); i++)
		if (!strcmp(option_choices[i].option, c->value_of->name)) {
			offer_words(c, option_choices[i].choices);
			return;
		}
	puts("@files");
}

/* An option among the words before the last: note its value, or that the last word is it. Return: words it takes. */
static size_t read_option(struct completion *c, size_t n, const char *const words[], size_t i)
{
	size_t len = strcspn(words[i], "=");
	const struct command_option *o = option_find(global_options, words[i], len);
	const char *value = words[i][len] ? words[i] + len + 1 : NULL;
	size_t taken = 1;

	if (!o && c->command)
		o = option_find(c->command->options, words[i], len);
	if (o && o->value && o->value[0] != '[' && !value) {
		taken = 2;
		if (i + 2 == n)
			c->value_of = o;
		else
			value = words[i + 1];
	}
	if (o && value && !strcmp(o->name, "--rundir"))
		c->rundir = value;
	return taken;
}

/* Read the words before the last. */
static void read_words(struct completion *c, size_t n, const char *const words[])
{
	for (size_t i = 0; i + 1 < n;) {
		if (!strcmp(words[i], "--")) {
			c->command = NULL;
			c->n_args = 0;
			i++;
		} else if (words[i][0] == '-' && words[i][1]) {
			i += read_option(c, n, words, i);
		} else if (!c->command) {
			c->command = command_find(words[i++]);
			if (!c->command)
				return;
		} else if (c->n_args < ARRAY_SIZE(c->args)) {
			c->args[c->n_args++] = words[i++];
		} else {
			return;
		}
	}
}

/* "--format=c": the value is what is completed. */
static void read_joined_value(struct completion *c)
{
	size_t len = strcspn(c->word, "=");
	static char head[64];
	const struct command_option *o = option_find(global_options, c->word, len);

	if (!o && c->command)
		o = option_find(c->command->options, c->word, len);
	if (c->word[0] != '-' || !c->word[len] || !o || !o->value)
		return;
	snprintf(head, sizeof head, "%s=", o->name);
	c->head = head;
	c->value_of = o;
	c->word += len + 1;
}

int complete(struct ctl *ctl, size_t n, const char *const words[])
{
	struct completion c = {.rundir = ctl->rundir, .word = n ? words[n - 1] : "", .head = ""};

	read_words(&c, n, words);
	read_joined_value(&c);
	if (c.value_of) {
		offer_value(&c);
	} else if (c.word[0] == '-') {
		offer_options(&c, global_options);
		for (size_t i = 0; !c.command && i < n_commands; i++)
			offer_options(&c, commands[i].options);
		if (c.command)
			offer_options(&c, c.command->options);
	} else if (c.command) {
		offer_kind(&c, kind_of_word(&c));
	} else {
		offer_commands(&c);
	}
	rpc_close(c.rpc);
	return CTL_OK;
}
