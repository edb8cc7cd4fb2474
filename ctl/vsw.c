// SPDX-License-Identifier: Apache-2.0
/*
 * vsw: the command line of the switch.
 *
 *   argv  ->  global options taken out  ->  cut at each `--`  ->  command table  ->  handler  ->  one request  ->  print
 *
 * Everything a command does happens in the daemon; this program only asks and prints, and so answers in a few milliseconds.
 * Exit status: 0 done, 1 failed, 2 "no" to a question.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "vsw/version.h"

#define DEFAULT_RUNDIR "/run/vsw"
#define DEFAULT_TIMEOUT_MS 10000

/* The command line without its global options. */
struct line {
	size_t n;
	const char **words;
	bool help, version;
};

static int set_timeout(struct ctl *ctl, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	/* Compared this way round so that NaN fails, too. */
	if (end == value || *end || !(s >= 0 && s <= 1e6))
		return ctl_fail(ctl, "--timeout: '%s' is not a number of seconds", value);
	ctl->timeout_ms = s > 0 ? MAX((int)(s * 1000), 1) : -1;
	return CTL_OK;
}

static int apply_global(struct ctl *ctl, struct line *line, const char *name, const char *value)
{
	if (!strcmp(name, "--rundir"))
		ctl->rundir = value;
	else if (!strcmp(name, "--timeout"))
		return set_timeout(ctl, value);
	else if (!strcmp(name, "--json"))
		ctl->json = true;
	else if (!strcmp(name, "--dry-run"))
		ctl->dry_run = true;
	else if (!strcmp(name, "--format"))
		ctl->format = value;
	else if (!strcmp(name, "--data"))
		ctl->data = value;
	else if (!strcmp(name, "--bare"))
		ctl->bare = true;
	else if (!strcmp(name, "--no-headings"))
		ctl->no_headings = true;
	else if (!strcmp(name, "--oneline"))
		ctl->oneline = true;
	else if (!strcmp(name, "--help"))
		line->help = true;
	else if (!strcmp(name, "--version"))
		line->version = true;
	return CTL_OK;
}

/* What follows `topo exec FILE HOST` belongs to another program. */
static bool is_literal(const struct line *line)
{
	return line->n >= 4 && !strcmp(line->words[0], "topo") && !strcmp(line->words[1], "exec");
}

/* `-f` is --format; behind the name of a command that has an -f of its own it is the command's. */
static bool is_commands_own(const struct line *line, const char *word, size_t len)
{
	const struct command *command = line->n && len == 2 ? command_find(line->words[0]) : NULL;

	return command && option_find(command->options, word, len);
}

/* Take the global options out of argv. Return: CTL_OK, or CTL_FAILED after an error. */
static int take_globals(struct ctl *ctl, struct line *line, int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		const struct command_option *option = option_find(global_options, argv[i], len);
		const char *value = argv[i][len] ? argv[i] + len + 1 : NULL;

		if (!option || is_literal(line) || is_commands_own(line, argv[i], len)) {
			line->words[line->n++] = argv[i];
			continue;
		}
		if (!option->value && value)
			return ctl_fail(ctl, "%s takes no value", option->name);
		if (option->value && !value && ++i < argc)
			value = argv[i];
		if (option->value && !value)
			return ctl_fail(ctl, "%s needs a value: %s=%s", option->name, option->name, option->value);
		if (apply_global(ctl, line, option->name, value))
			return CTL_FAILED;
	}
	return CTL_OK;
}

/* Where the piece that begins at @start ends: at the next `--`, or with the line. */
static size_t piece_end(const struct line *line, size_t start)
{
	size_t end = start;

	if (is_literal(line))
		return line->n;
	while (end < line->n && strcmp(line->words[end], "--") != 0)
		end++;
	return end;
}

/* Cut at each `--` and read the pieces. Return: how many commands, or -1 after an error. */
static long parse_commands(struct ctl *ctl, const struct line *line, struct invocation *invs)
{
	size_t start = line->n && !strcmp(line->words[0], "--") ? 1 : 0; /* ovs-vsctl allows one in front */
	long n_invs = 0;

	while (start < line->n) {
		size_t end = piece_end(line, start);
		struct errtext err;
		int error = invocation_parse(&invs[n_invs], end - start, line->words + start, &err);

		if (error) {
			ctl_error(ctl, error, &err);
			return -1;
		}
		n_invs++;
		start = end + 1;
	}
	return n_invs;
}

/* Several commands are a transaction, and only the database has those. */
static int check_joined(struct ctl *ctl, const struct invocation *invs, long n)
{
	for (long i = 0; n > 1 && i < n; i++)
		if (invs[i].command->run)
			return ctl_fail(
				ctl, "'%s' cannot be joined with ` -- `: only database commands make up a transaction",
				invs[i].command->name);
	return CTL_OK;
}

/* What is sent to the daemon is JSON, and JSON is UTF-8. */
static int check_text(struct ctl *ctl, const struct line *line)
{
	for (size_t i = 0; i < line->n && !is_literal(line); i++) {
		json_t *text = json_string(line->words[i]);

		if (!text)
			return ctl_fail(ctl, "argument %zu is not UTF-8 text", i + 1);
		json_decref(text);
	}
	return CTL_OK;
}

static int run_line(struct ctl *ctl, const struct line *line)
{
	struct invocation *invs = xcalloc(line->n + 1, sizeof *invs);
	long n = check_text(ctl, line) ? -1 : parse_commands(ctl, line, invs);
	int status = CTL_FAILED;

	if (!n)
		ctl_fail(ctl, "a command is missing; `vsw help` lists them");
	else if (n > 0 && !check_joined(ctl, invs, n))
		status = invs[0].command->run ? invs[0].command->run(ctl, &invs[0]) : db_run(ctl, invs, (size_t)n);
	for (long i = 0; i < n; i++)
		invocation_fini(&invs[i]);
	free(invs);
	return status;
}

/* --help behind a command asks about that command. */
static int show_help(const struct line *line)
{
	const struct command *command = NULL;

	for (size_t i = 0; i < line->n && !command; i++)
		command = command_find(line->words[i]);
	if (command)
		help_command(command);
	else
		help_overview();
	return CTL_OK;
}

/* A full disk behind stdout must not look like success. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		perror("vsw: stdout");
		return CTL_FAILED;
	}
	return status;
}

int main(int argc, char *argv[])
{
	const char *rundir = getenv("VSW_RUNDIR");
	struct ctl ctl = {.rundir = rundir && *rundir ? rundir : DEFAULT_RUNDIR, .timeout_ms = DEFAULT_TIMEOUT_MS};
	struct line line = {.words = xcalloc((size_t)argc + 1, sizeof *line.words)};
	int status;

	if (argc > 1 && !strcmp(argv[1], "__complete"))
		status = complete(&ctl, (size_t)argc - 2, (const char *const *)argv + 2);
	else if (take_globals(&ctl, &line, argc, argv))
		status = CTL_FAILED;
	else if (line.help)
		status = show_help(&line);
	else if (line.version)
		status = printf("vsw %s\n", VSW_VERSION) < 0;
	else
		status = run_line(&ctl, &line);
	free(line.words);
	return finish(status);
}
