// SPDX-License-Identifier: Apache-2.0
/*
 * Help, made from the command table.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"

#define HELP_COLUMN 38

/* "  what   help", the help on a line of its own when `what` is long. */
static void print_row(const char *what, const char *help)
{
	if (strlen(what) > HELP_COLUMN - 4)
		printf("  %s\n%*s%s\n", what, HELP_COLUMN, "", help);
	else
		printf("  %-*s%s\n", HELP_COLUMN - 2, what, help);
}

static void print_options(const struct command_option *options)
{
	for (; options && options->name; options++) {
		const char *value = options->value;
		char what[80], letter[8] = "";

		if (options->letter)
			snprintf(letter, sizeof letter, "-%c, ", options->letter);
		/* "[FIELD]" is --sort[=FIELD]. */
		if (value && value[0] == '[')
			snprintf(what, sizeof what, "%s%s[=%s", letter, options->name, value + 1);
		else
			snprintf(what, sizeof what, "%s%s%s%s", letter, options->name, value ? "=" : "",
				 value ? value : "");
		print_row(what, options->help);
	}
}

static void print_group(enum command_group group)
{
	printf("\n%s:\n", group_titles[group]);
	for (size_t i = 0; i < n_commands; i++) {
		char what[200];

		if (commands[i].group != group)
			continue;
		snprintf(what, sizeof what, "%s %s", commands[i].name, commands[i].synopsis);
		print_row(what, commands[i].help);
	}
}

void help_overview(void)
{
	puts("vsw: one command for the switch\n"
	     "usage: vsw [OPTIONS] COMMAND [ARGUMENTS] [-- COMMAND [ARGUMENTS]]...");
	for (int group = 0; group < N_GROUPS; group++)
		print_group((enum command_group)group);
	puts("\nOptions:");
	print_options(global_options);
	puts("\n`vsw help COMMAND` shows the options of a command; vsw(8) explains it all.");
}

void help_command(const struct command *command)
{
	printf("%s: %s\nusage: vsw [OPTIONS] %s%s%s%s\n", command->name, command->help, command->name,
	       command->options ? " [OPTIONS]" : "", command->synopsis[0] ? " " : "", command->synopsis);
	if (command->options) {
		puts("\nOptions:");
		print_options(command->options);
	}
	if (!command->run)
		puts("\nSeveral of these, joined with ` -- `, are one transaction: all of them happen, or none.");
}

int cmd_help(struct ctl *ctl, const struct invocation *inv)
{
	const struct command *command = NULL;
	char near[200];

	if (!inv->n_args) {
		help_overview();
		return CTL_OK;
	}
	command = command_find(inv->args[0]);
	if (!command) {
		nearest_commands(inv->args[0], near, sizeof near);
		return ctl_fail(ctl, "help: there is no command '%s'%s%s%s", inv->args[0],
				near[0] ? "; did you mean " : "", near, near[0] ? "?" : "");
	}
	help_command(command);
	return CTL_OK;
}
