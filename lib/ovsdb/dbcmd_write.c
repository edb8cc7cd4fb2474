// SPDX-License-Identifier: Apache-2.0
/*
 * The commands that change: set, add, remove, clear, create, destroy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/dbcmd_impl.h"

/* The value that the transaction has for a column, to be changed and set. */
static void copy_value(const struct dbcmd *cmd, const struct db_row *row, const struct column_schema *column,
		       struct datum *copy)
{
	datum_clone(copy, db_row_get(row, cmd->txn, column), &column->type);
}

static int check_settable(const struct column_schema *column, struct errtext *err)
{
	if (column->index == SIZE_MAX)
		return errtext_set(err, EPERM, "belongs to the database and cannot be set");
	return 0;
}

/* COLUMN:KEY=VALUE: everything behind the "=" is the value, as it stands. */
static int assign_key(const struct dbcmd *cmd, const struct db_row *row, const struct dbcmd_expr *expr,
		      struct datum *value, struct errtext *err)
{
	const struct column_type *type = &expr->column->type;
	union atom atom;
	int rc = atom_from_text(&atom, &type->value, expr->value, db_txn_names(cmd->txn), err);

	if (rc)
		return rc;
	copy_value(cmd, row, expr->column, value);
	datum_add(value, &expr->key, &atom, type, true);
	atom_fini(&atom, type->value.type);
	return 0;
}

static int assign(const struct dbcmd *cmd, struct db_row *row, const char *word, struct errtext *err)
{
	struct dbcmd_expr expr;
	struct datum value;
	int rc = dbcmd_expr_parse__(&expr, cmd->schema, word, EXPR_ASSIGN, err);

	if (rc)
		return rc;
	rc = check_settable(expr.column, err);
	if (!rc)
		rc = expr.has_key
			     ? assign_key(cmd, row, &expr, &value, err)
			     : datum_from_text(&value, &expr.column->type, expr.value, db_txn_names(cmd->txn), err);
	if (rc)
		dbcmd_blame__(cmd, expr.column, rc, err);
	else
		rc = db_txn_set(cmd->txn, row, expr.column, &value, err);
	dbcmd_expr_fini__(&expr);
	return rc;
}

int dbcmd_set__(struct dbcmd *cmd, struct errtext *err)
{
	struct db_row *row;
	int rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[0], cmd->if_exists, &row, err);

	for (size_t i = 1; i < cmd->n_args && !rc && row; i++)
		rc = assign(cmd, row, cmd->args[i], err);
	return rc;
}

/* ---- add, remove ---- */

/* A set or map of any number of pairs of the column's type. */
static struct column_type any_number(const struct column_type *type)
{
	struct column_type t = *type;

	t.n_min = 0;
	t.n_max = TYPE_UNLIMITED;
	return t;
}

static int add_word(const struct dbcmd *cmd, const struct column_schema *column, struct datum *value, const char *word,
		    struct errtext *err)
{
	struct column_type type = any_number(&column->type);
	struct datum more;
	int rc = datum_from_text(&more, &type, word, db_txn_names(cmd->txn), err);

	if (rc)
		return rc;
	datum_union(value, &more, &type, true);
	datum_fini(&more, &type);
	return 0;
}

/* Of a map either pairs or bare keys go; pairs only where the value agrees. */
static int remove_word(const struct dbcmd *cmd, const struct column_schema *column, struct datum *value,
		       const char *word, struct errtext *err)
{
	struct column_type type = any_number(&column->type);
	const struct uuid_names *names = db_txn_names(cmd->txn);
	struct datum less;
	int rc = datum_from_text(&less, &type, word, names, err);

	if (rc && column_type_is_map(&type)) {
		struct column_type keys = type;

		base_type_init(&keys.value, ATOM_VOID);
		rc = datum_from_text(&less, &keys, word, names, err);
	}
	if (rc)
		return rc;
	datum_subtract(value, &less, &column->type);
	if (!less.values)
		base_type_init(&type.value, ATOM_VOID);
	datum_fini(&less, &type);
	return 0;
}

static int change_words(struct dbcmd *cmd, struct db_row *row, const struct column_schema *column,
			int (*change)(const struct dbcmd *, const struct column_schema *, struct datum *, const char *,
				      struct errtext *),
			struct errtext *err)
{
	struct datum value;
	int rc = check_settable(column, err);

	if (rc)
		return dbcmd_blame__(cmd, column, rc, err);
	copy_value(cmd, row, column, &value);
	for (size_t i = 2; i < cmd->n_args && !rc; i++)
		rc = change(cmd, column, &value, cmd->args[i], err);
	if (rc) {
		datum_fini(&value, &column->type);
		return dbcmd_blame__(cmd, column, rc, err);
	}
	return db_txn_set(cmd->txn, row, column, &value, err);
}

/* RECORD COLUMN of the command; *row NULL when there is no such row and need not be. */
static int find_target(const struct dbcmd *cmd, struct db_row **row, const struct column_schema **column,
		       struct errtext *err)
{
	int rc = schema_match_column(cmd->schema, cmd->args[1], column, err);

	if (!rc)
		rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[0], cmd->if_exists, row, err);
	return rc;
}

int dbcmd_add__(struct dbcmd *cmd, struct errtext *err)
{
	const struct column_schema *column;
	struct db_row *row;
	int rc = find_target(cmd, &row, &column, err);

	if (rc || !row)
		return rc;
	if (column_type_is_scalar(&column->type))
		return errtext_set(err, EINVAL, "%s column \"%s\" holds exactly one value; change it with set",
				   cmd->schema->name, column->name);
	return change_words(cmd, row, column, add_word, err);
}

int dbcmd_remove__(struct dbcmd *cmd, struct errtext *err)
{
	const struct column_schema *column;
	struct db_row *row;
	int rc = find_target(cmd, &row, &column, err);

	if (rc || !row)
		return rc;
	return change_words(cmd, row, column, remove_word, err);
}

/* ---- clear ---- */

static int clear_column(struct dbcmd *cmd, struct db_row *row, const char *word, struct errtext *err)
{
	const struct column_schema *column;
	struct datum empty = DATUM_EMPTY;
	int rc = schema_match_column(cmd->schema, word, &column, err);

	if (!rc && column->type.n_min)
		rc = errtext_set(err, EINVAL, "%s column \"%s\" must have a value, so it cannot be cleared",
				 cmd->schema->name, column->name);
	return rc ? rc : db_txn_set(cmd->txn, row, column, &empty, err);
}

int dbcmd_clear__(struct dbcmd *cmd, struct errtext *err)
{
	struct db_row *row;
	int rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[0], cmd->if_exists, &row, err);

	for (size_t i = 1; i < cmd->n_args && !rc && row; i++)
		rc = clear_column(cmd, row, cmd->args[i], err);
	return rc;
}

/* ---- create, destroy ---- */

static int new_row(struct dbcmd *cmd, struct db_row **row, struct errtext *err)
{
	struct uuid uuid = cmd->id ? *db_txn_name(cmd->txn, cmd->id) : uuid_random();
	int rc = cmd->id ? db_txn_define(cmd->txn, cmd->id, &uuid, err) : 0;

	if (rc)
		return rc;
	*row = db_txn_insert(cmd->txn, (struct db_table *)(uintptr_t)cmd->table, &uuid);
	return *row ? 0 : errtext_set(err, EEXIST, "the UUID is in use");
}

int dbcmd_create__(struct dbcmd *cmd, struct errtext *err)
{
	char text[UUID_LEN + 1];
	struct db_row *row;
	int rc = new_row(cmd, &row, err);

	for (size_t i = 0; i < cmd->n_args && !rc; i++)
		rc = assign(cmd, row, cmd->args[i], err);
	if (rc)
		return rc;
	ds_printf(&cmd->out->text, "%s\n", uuid_to_text(db_row_uuid(row), text));
	if (!cmd->id && !cmd->schema->is_root)
		ds_printf(&cmd->out->warning,
			  "create: nothing refers to the new %s row, so it goes again at once; use --id=@NAME and "
			  "put @NAME where it belongs\n",
			  cmd->schema->name);
	return 0;
}

static void destroy_all(struct dbcmd *cmd)
{
	struct db_row *row, *next;

	for (row = db_row_first(cmd->table, cmd->txn); row; row = next) {
		next = db_row_next(row, cmd->txn);
		db_txn_delete(cmd->txn, row);
	}
}

int dbcmd_destroy__(struct dbcmd *cmd, struct errtext *err)
{
	int rc = 0;

	if (cmd->all && cmd->n_args)
		return errtext_set(err, EINVAL, "--all and names of records exclude each other");
	if (cmd->all)
		destroy_all(cmd);
	else if (!cmd->n_args)
		ds_put(&cmd->out->warning, "destroy: neither records nor --all given: nothing to do\n");
	for (size_t i = 0; i < cmd->n_args && !rc; i++) {
		struct db_row *row;

		rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[i], cmd->if_exists, &row, err);
		if (!rc && row)
			db_txn_delete(cmd->txn, row);
	}
	return rc;
}
