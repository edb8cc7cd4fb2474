// SPDX-License-Identifier: Apache-2.0
/*
 * The commands that ask: list, find, get, wait-until.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/dbcmd_impl.h"

/* ---- which columns ---- */

/** Columns of an output table. */
struct selection {
	const struct column_schema **columns;
	size_t n;
};

static void select_column(struct selection *s, const struct column_schema *column)
{
	s->columns = xrealloc(s->columns, (s->n + 1) * sizeof(struct column_schema *));
	s->columns[s->n++] = column;
}

static int select_named(const struct dbcmd *cmd, struct selection *s, struct errtext *err)
{
	char *names = xstrdup(cmd->columns), *save = NULL;
	int rc = 0;

	for (char *name = strtok_r(names, ", ", &save); name && !rc; name = strtok_r(NULL, ", ", &save)) {
		const struct column_schema *column;

		rc = schema_match_column(cmd->schema, name, &column, err);
		if (!rc)
			select_column(s, column);
	}
	free(names);
	if (!rc && !s->n)
		rc = errtext_set(err, EINVAL, "--columns needs at least one column");
	return rc;
}

static int select_columns(const struct dbcmd *cmd, struct selection *s, struct errtext *err)
{
	if (cmd->columns)
		return select_named(cmd, s, err);
	select_column(s, schema_uuid_column());
	for (size_t i = 0; i < cmd->schema->n_columns; i++)
		select_column(s, &cmd->schema->columns[i]);
	return 0;
}

/* ---- output tables ---- */

static void begin_table(struct dbcmd_output *out, const struct selection *s)
{
	out->n_columns = s->n;
	out->headings = xcalloc(s->n, sizeof *out->headings);
	for (size_t i = 0; i < s->n; i++)
		out->headings[i] = s->columns[i]->name;
}

static void put_row(const struct dbcmd *cmd, const struct selection *s, const struct db_row *row)
{
	struct dbcmd_output *out = cmd->out;
	struct dbcmd_cell *cells;

	/* Grows by doubling at powers of two. */
	if (!(out->n_rows & (out->n_rows - 1)))
		out->cells = xrealloc(out->cells, MAX(out->n_rows * 2, (size_t)1) * s->n * sizeof *out->cells);
	cells = out->cells + out->n_rows++ * s->n;
	for (size_t i = 0; i < s->n; i++) {
		struct dbcmd_space space;

		cells[i].type = &s->columns[i]->type;
		datum_clone(&cells[i].datum, dbcmd_value__(row, cmd->txn, s->columns[i], &space), cells[i].type);
	}
}

/* ---- list ---- */

static int list_rows(struct dbcmd *cmd, const struct selection *s, struct errtext *err)
{
	struct db_row *row;
	int rc = 0;

	if (!cmd->n_args)
		DB_FOR_EACH_ROW(row, cmd->table, cmd->txn)
			put_row(cmd, s, row);
	for (size_t i = 0; i < cmd->n_args && !rc; i++) {
		rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[i], cmd->if_exists, &row, err);
		if (!rc && row)
			put_row(cmd, s, row);
	}
	return rc;
}

int dbcmd_list__(struct dbcmd *cmd, struct errtext *err)
{
	struct selection s = {NULL, 0};
	int rc = select_columns(cmd, &s, err);

	if (!rc) {
		begin_table(cmd->out, &s);
		rc = list_rows(cmd, &s, err);
	}
	free(s.columns);
	return rc;
}

/* ---- find, wait-until ---- */

/* Conditions of one command, read once. */
struct conditions {
	struct dbcmd_expr *exprs;
	size_t n;
};

static void conditions_fini(struct conditions *c)
{
	for (size_t i = 0; i < c->n; i++)
		dbcmd_expr_fini__(&c->exprs[i]);
	free(c->exprs);
}

static int conditions_parse(const struct dbcmd *cmd, size_t first, struct conditions *c, struct errtext *err)
{
	*c = (struct conditions){xcalloc(cmd->n_args + 1, sizeof *c->exprs), 0};
	for (size_t i = first; i < cmd->n_args; i++) {
		int rc = dbcmd_expr_parse__(&c->exprs[c->n], cmd->schema, cmd->args[i], EXPR_CONDITION, err);

		if (rc) {
			conditions_fini(c);
			return rc;
		}
		c->n++;
	}
	return 0;
}

/* Return: 1 all true, 0 not all, -errno. */
static int conditions_match(const struct dbcmd *cmd, const struct conditions *c, const struct db_row *row,
			    struct errtext *err)
{
	for (size_t i = 0; i < c->n; i++) {
		int rc = dbcmd_expr_matches__(&c->exprs[i], row, cmd->txn, err);

		if (rc <= 0)
			return dbcmd_blame__(cmd, c->exprs[i].column, rc, err);
	}
	return 1;
}

static int find_rows(struct dbcmd *cmd, const struct selection *s, const struct conditions *c, struct errtext *err)
{
	struct db_row *row;

	DB_FOR_EACH_ROW(row, cmd->table, cmd->txn) {
		int rc = conditions_match(cmd, c, row, err);

		if (rc < 0)
			return rc;
		if (rc)
			put_row(cmd, s, row);
	}
	return 0;
}

int dbcmd_find__(struct dbcmd *cmd, struct errtext *err)
{
	struct selection s = {NULL, 0};
	struct conditions c;
	int rc = select_columns(cmd, &s, err);

	if (!rc)
		rc = conditions_parse(cmd, 0, &c, err);
	if (!rc) {
		begin_table(cmd->out, &s);
		rc = find_rows(cmd, &s, &c, err);
		conditions_fini(&c);
	}
	free(s.columns);
	return rc;
}

int dbcmd_wait_until__(struct dbcmd *cmd, struct errtext *err)
{
	struct conditions c;
	struct db_row *row;
	int rc = conditions_parse(cmd, 1, &c, err);

	if (rc)
		return rc;
	rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[0], true, &row, err);
	if (!rc)
		rc = row ? conditions_match(cmd, &c, row, err) : 0;
	conditions_fini(&c);
	return rc > 0 ? 0 : rc ? rc : -EAGAIN;
}

/* ---- get ---- */

static int get_key(const struct dbcmd *cmd, const struct dbcmd_expr *expr, const struct datum *d, struct errtext *err)
{
	const struct column_type *type = &expr->column->type;
	ptrdiff_t at = datum_find_key(d, &expr->key, type->key.type);
	struct ds key = DS_INIT;
	int rc = 0;

	if (at >= 0) {
		atom_to_text(&d->values[at], type->value.type, &cmd->out->text);
	} else if (!cmd->if_exists) {
		atom_to_bare(&expr->key, type->key.type, &key);
		rc = errtext_set(err, ENOENT, "no key \"%.100s\" in %s record \"%.100s\" column %s", ds_cstr(&key),
				 cmd->schema->name, cmd->args[0], expr->column->name);
		ds_fini(&key);
	}
	return rc;
}

static int get_one(const struct dbcmd *cmd, const struct db_row *row, const char *word, struct errtext *err)
{
	const struct datum *d;
	struct dbcmd_expr expr;
	struct dbcmd_space space;
	int rc = dbcmd_expr_parse__(&expr, cmd->schema, word, EXPR_PLAIN, err);

	if (rc)
		return rc;
	d = dbcmd_value__(row, cmd->txn, expr.column, &space);
	if (expr.has_key)
		rc = get_key(cmd, &expr, d, err);
	else
		datum_to_text(d, &expr.column->type, &cmd->out->text);
	ds_put_char(&cmd->out->text, '\n');
	dbcmd_expr_fini__(&expr);
	return rc;
}

int dbcmd_get__(struct dbcmd *cmd, struct errtext *err)
{
	struct db_row *row;
	int rc = dbcmd_find_record(cmd->txn, cmd->table, cmd->args[0], cmd->if_exists, &row, err);

	if (rc || !row)
		return rc;
	if (cmd->id)
		rc = db_txn_define(cmd->txn, cmd->id, db_row_uuid(row), err);
	for (size_t i = 1; i < cmd->n_args && !rc; i++)
		rc = get_one(cmd, row, cmd->args[i], err);
	return rc;
}
