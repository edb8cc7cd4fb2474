// SPDX-License-Identifier: Apache-2.0
/*
 * From words to a database command: its name, options, table.
 */
#include "ovsdb/dbcmd.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ovsdb/dbcmd_impl.h"

enum option { OPTION_IF_EXISTS = 1, OPTION_ALL = 2, OPTION_ID = 4, OPTION_COLUMNS = 8 };

static const struct command {
	const char *name;
	size_t min_args; /* the table is one of them */
	const char *usage;
	unsigned int options;
	int (*run)(struct dbcmd *cmd, struct errtext *err);
} commands[] = {
	{"list", 1, "TABLE [RECORD]...", OPTION_IF_EXISTS | OPTION_COLUMNS, dbcmd_list__},
	{"find", 1, "TABLE [COLUMN[:KEY]OP VALUE]...", OPTION_COLUMNS, dbcmd_find__},
	{"get", 2, "TABLE RECORD [COLUMN[:KEY]]...", OPTION_IF_EXISTS | OPTION_ID, dbcmd_get__},
	{"set", 3, "TABLE RECORD COLUMN[:KEY]=VALUE...", OPTION_IF_EXISTS, dbcmd_set__},
	{"add", 4, "TABLE RECORD COLUMN [KEY=]VALUE...", OPTION_IF_EXISTS, dbcmd_add__},
	{"remove", 4, "TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...", OPTION_IF_EXISTS, dbcmd_remove__},
	{"clear", 3, "TABLE RECORD COLUMN...", OPTION_IF_EXISTS, dbcmd_clear__},
	{"create", 2, "TABLE COLUMN[:KEY]=VALUE...", OPTION_ID, dbcmd_create__},
	{"destroy", 1, "TABLE [RECORD]...", OPTION_IF_EXISTS | OPTION_ALL, dbcmd_destroy__},
	{"wait-until", 2, "TABLE RECORD [COLUMN[:KEY]OP VALUE]...", 0, dbcmd_wait_until__},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

bool dbcmd_exists(const char *name)
{
	return find_command(name);
}

static const char *after_prefix(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) ? NULL : word + n;
}

/* One option into @cmd. Return: its bit, or -EINVAL with @err. */
static int read_option(struct dbcmd *cmd, const char *word, struct errtext *err)
{
	const char *value;

	if (!strcmp(word, "--if-exists")) {
		cmd->if_exists = true;
		return OPTION_IF_EXISTS;
	}
	if (!strcmp(word, "--all")) {
		cmd->all = true;
		return OPTION_ALL;
	}
	value = after_prefix(word, "--columns=");
	if (value) {
		cmd->columns = value;
		return OPTION_COLUMNS;
	}
	value = after_prefix(word, "--id=");
	if (!value)
		return errtext_set(err, EINVAL, "there is no option %.50s here", word);
	if (value[0] != '@' || !value[1])
		return errtext_set(err, EINVAL, "--id=%.50s: expected --id=@NAME", value);
	cmd->id = value + 1;
	return OPTION_ID;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] == '-' && word[2];
}

static const char *option_name(unsigned int options)
{
	return options & OPTION_IF_EXISTS ? "--if-exists"
	       : options & OPTION_ALL	  ? "--all"
	       : options & OPTION_ID	  ? "--id"
					  : "--columns";
}

/* Options before the name and right behind it. Return: number of words up to the first argument, or -errno. */
static ptrdiff_t read_head(struct dbcmd *cmd, size_t argc, const char *const argv[], const struct command **command,
			   struct errtext *err)
{
	unsigned int given = 0;
	size_t i;

	*command = NULL;
	for (i = 0; i < argc && (!*command || is_option(argv[i])); i++) {
		int option;

		if (!is_option(argv[i])) {
			*command = find_command(argv[i]);
			if (!*command)
				return errtext_set(err, EINVAL, "there is no database command \"%.50s\"", argv[i]);
			continue;
		}
		option = read_option(cmd, argv[i], err);
		if (option < 0)
			return option;
		given |= (unsigned int)option;
	}
	if (!*command)
		return errtext_set(err, EINVAL, "a database command is missing");
	if (given & ~(*command)->options)
		return errtext_set(err, EINVAL, "%s takes no option %s", (*command)->name,
				   option_name(given & ~(*command)->options));
	return (ptrdiff_t)i;
}

static int run(struct dbcmd *cmd, const struct command *command, size_t n_args, const char *const args[],
	       struct errtext *err)
{
	const struct db *db = db_txn_db(cmd->txn);
	int rc;

	if (n_args < command->min_args)
		return errtext_set(err, EINVAL, "something is missing, expected: %s %s", command->name, command->usage);
	rc = schema_match_table(db_schema(db), args[0], &cmd->schema, err);
	if (rc)
		return rc;
	cmd->table = db_table_of(db, cmd->schema);
	cmd->args = args + 1;
	cmd->n_args = n_args - 1;
	return command->run(cmd, err);
}

int dbcmd_run(struct db_txn *txn, size_t argc, const char *const argv[], struct dbcmd_output *out, struct errtext *err)
{
	struct dbcmd cmd = {.txn = txn, .out = out};
	const struct command *command;
	ptrdiff_t head = read_head(&cmd, argc, argv, &command, err);
	int rc;

	if (head < 0)
		return (int)head;
	assert(command);
	rc = run(&cmd, command, argc - (size_t)head, argv + head, err);
	if (rc && rc != -EAGAIN)
		errtext_prefix(err, "%s", command->name);
	return rc;
}

int dbcmd_blame__(const struct dbcmd *cmd, const struct column_schema *column, int rc, struct errtext *err)
{
	if (rc < 0)
		errtext_prefix(err, "%s column \"%s\"", cmd->schema->name, column->name);
	return rc;
}
