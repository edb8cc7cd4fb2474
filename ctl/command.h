/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table: everything that `vsw` can do, once.
 *
 * One struct command per command says its name, its arguments and options, and which function runs it. From this table come
 * the overview (`vsw --help`), the page of one command (`vsw help COMMAND`), the checks of a command line, the nearest names
 * when somebody mistypes, and the answers of bash completion (`vsw __complete`). The man page is written by hand;
 * tests/system/test_help_man.sh holds it against this table.
 *
 * Words of a command line
 * -----------------------
 *   vsw [GLOBAL OPTIONS] [COMMAND OPTIONS] COMMAND [ARGUMENTS and OPTIONS] [-- ANOTHER COMMAND]...
 *
 * Command options are accepted before the command's name (where ovs-vsctl has them) and behind it (where everybody types them). Values are
 * joined with `=`, or are the next word. Global options may stand anywhere. A single `-` is an argument (standard input).
 *
 * Commands with a NULL `run` are database commands: their words go to the daemon as they are, all of one line in one
 * transaction (cmd_db.c). Only those can be joined with ` -- `.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H 1

#include <stdbool.h>
#include <stddef.h>

#include "base/errtext.h"
#include "base/util.h"

struct ctl;
struct invocation;

/** Headings of the overview, in its order. */
enum command_group { GROUP_BRIDGE, GROUP_DB, GROUP_FLOW, GROUP_LOOK, GROUP_LAB, GROUP_SERVICE, N_GROUPS };

/** What a word of a command line can be, for completion. */
enum word_kind {
	WORD_END, /* nothing more */
	WORD_ANY, /* anything: no help given */
	WORD_BRIDGE,
	WORD_BRIDGE_OR_PORT,
	WORD_BRIDGE_OR_FILE,
	WORD_PORT,   /* of the bridge named before, if one was */
	WORD_DEVICE, /* a network device of this host */
	WORD_IFACE,
	WORD_TABLE,
	WORD_RECORD,  /* of the table named before */
	WORD_COLUMN,  /* of the table named before */
	WORD_SETTING, /* COLUMN=VALUE of the table named before, or of what add-br and add-port create */
	WORD_FILE,
	WORD_COMMAND,
	WORD_CHOICE, /* one of the words of command.choices */
};

struct command_option {
	const char *name;  /**< with its dashes; NULL ends the list */
	const char *value; /**< what its value is called, NULL when it takes none; "[FIELD]": it may be left out */
	const char *help;
	char letter; /**< short form of a global option, or 0 */
};

struct command {
	const char *name;
	const char *synopsis; /**< arguments, as the overview and the man page show them */
	const char *help;     /**< one line */
	enum command_group group;
	unsigned int min_args, max_args; /**< ANY_ARGS: no limit */
	/** Kinds of the arguments; the last one repeats. */
	enum word_kind words[4];
	const char *choices;		      /**< the words of a WORD_CHOICE, separated by blanks */
	const struct command_option *options; /**< NULL: none */
	/** Return: exit status. NULL: a database command. */
	int (*run)(struct ctl *ctl, const struct invocation *inv);
};

#define ANY_ARGS 1000000u

extern const struct command commands[];
extern const size_t n_commands;
extern const struct command_option global_options[];
extern const char *const group_titles[N_GROUPS];

struct invocation_option {
	const struct command_option *option;
	const char *value; /**< NULL when it takes none */
};

/** One command of a line, taken apart. The strings are argv's. */
struct invocation {
	const struct command *command;
	size_t n_args;
	const char **args;
	size_t n_options;
	struct invocation_option *options;
};

/** command_find() - by exact name. Return: NULL when there is none. */
const struct command *command_find(const char *name);

/** option_find() - in a list that ends with a NULL name. @len: bytes of @name; "-x" for a short form. Return: NULL when there is none. */
const struct command_option *option_find(const struct command_option *options, const char *name, size_t len);

/**
 * invocation_parse() - one command: the words between two ` -- `
 * @words: @n of them, global options removed
 *
 * Return: 0, or -EINVAL with a sentence. invocation_fini() after success.
 */
VSW_MUST_USE int invocation_parse(struct invocation *inv, size_t n, const char *const words[], struct errtext *err);
void invocation_fini(struct invocation *inv);

/** invocation_option() - the value of an option, "" when it has none. Return: NULL when it was not given. */
const char *invocation_option(const struct invocation *inv, const char *name);
static inline bool invocation_has(const struct invocation *inv, const char *name)
{
	return invocation_option(inv, name) != NULL;
}
/** invocation_arg() - the @i-th argument, NULL when there are fewer. */
static inline const char *invocation_arg(const struct invocation *inv, size_t i)
{
	return i < inv->n_args ? inv->args[i] : NULL;
}

/** nearest_commands() - the names that @name was probably meant to be: "add-br, add-bond"; "" when nothing is near. */
void nearest_commands(const char *name, char *out, size_t size);

#endif
