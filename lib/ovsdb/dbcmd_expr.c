// SPDX-License-Identifier: Apache-2.0
/*
 * COLUMN[:KEY][OP VALUE]: what set assigns and find asks for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/dbcmd_impl.h"
#include "ovsdb/value_impl.h"

/* Longer ones first, so that a prefix never wins. */
static const struct {
	const char *text;
	enum dbcmd_op op;
} operators[] = {
	{"{not-in}", OP_NOT_IN}, {"{in}", OP_IN},    {"{!=}", OP_SET_NE}, {"{<=}", OP_SET_LE}, {"{>=}", OP_SET_GE},
	{"{=}", OP_SET_EQ},	 {"{<}", OP_SET_LT}, {"{>}", OP_SET_GT},  {"!=", OP_NE},       {"<=", OP_LE},
	{">=", OP_GE},		 {"=", OP_EQ},	     {"<", OP_LT},	  {">", OP_GT},
};

static int take_word(const char **at, char **word, const char *what, struct errtext *err)
{
	int rc = text_take_word(at, word, err);

	if (rc || **word)
		return rc;
	free(*word);
	*word = NULL;
	return errtext_set(err, EINVAL, "a %s is missing", what);
}

static int parse_key(struct dbcmd_expr *expr, const struct table_schema *table, const char **at, struct errtext *err)
{
	const struct column_schema *column = expr->column;
	char *word = NULL;
	int rc;

	if (**at != ':')
		return 0;
	if (!column_type_is_map(&column->type))
		return errtext_set(err, EINVAL, "%s column \"%s\" is no map, so it has no keys", table->name,
				   column->name);
	++*at;
	rc = take_word(at, &word, "key", err);
	if (!rc)
		rc = atom_from_text(&expr->key, &column->type.key, word, NULL, err);
	expr->has_key = !rc;
	free(word);
	return rc;
}

static const char *expected(enum dbcmd_expr_kind kind)
{
	return kind == EXPR_PLAIN    ? "nothing behind the column"
	       : kind == EXPR_ASSIGN ? "\"=\" and a value"
				     : "one of = != < > <= >= {=} {!=} {<} {>} {<=} {>=} {in} {not-in}, and a value";
}

static int parse_operator(struct dbcmd_expr *expr, const char *at, enum dbcmd_expr_kind kind, struct errtext *err)
{
	if (!*at && kind == EXPR_PLAIN)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(operators) && kind != EXPR_PLAIN; i++) {
		size_t n = strlen(operators[i].text);

		if (strncmp(at, operators[i].text, n) != 0 || (kind == EXPR_ASSIGN && operators[i].op != OP_EQ))
			continue;
		if (!at[n])
			return errtext_set(err, EINVAL, "a value is missing behind \"%s\"; the empty string is \"\"",
					   operators[i].text);
		expr->op = operators[i].op;
		expr->value = at + n;
		return 0;
	}
	return errtext_set(err, EINVAL, "unexpected \"%.50s\", expected %s", at, expected(kind));
}

int dbcmd_expr_parse__(struct dbcmd_expr *expr, const struct table_schema *table, const char *word,
		       enum dbcmd_expr_kind kind, struct errtext *err)
{
	const char *at = word;
	char *name = NULL;
	int rc;

	*expr = (struct dbcmd_expr){.column = NULL};
	rc = take_word(&at, &name, "column name", err);
	if (!rc)
		rc = schema_match_column(table, name, &expr->column, err);
	free(name);
	if (rc)
		return rc;
	rc = parse_key(expr, table, &at, err);
	if (!rc)
		rc = parse_operator(expr, at, kind, err);
	if (rc) {
		errtext_prefix(err, "\"%.80s\"", word);
		dbcmd_expr_fini__(expr);
	}
	return rc;
}

void dbcmd_expr_fini__(struct dbcmd_expr *expr)
{
	if (expr->has_key)
		atom_fini(&expr->key, expr->column->type.key.type);
	expr->has_key = false;
}

const struct datum *dbcmd_value__(const struct db_row *row, const struct db_txn *txn,
				  const struct column_schema *column, struct dbcmd_space *space)
{
	if (column->index != SIZE_MAX)
		return db_row_get(row, txn, column);
	space->atom.uuid = column == schema_uuid_column() ? *db_row_uuid(row) : *db_row_version(row);
	space->datum = (struct datum){1, &space->atom, NULL};
	return &space->datum;
}

/* ---- conditions ---- */

static bool includes_all(const struct datum *a, const struct datum *b, const struct column_type *type)
{
	for (size_t i = 0; i < b->n; i++)
		if (!datum_has_pair(a, b, i, type))
			return false;
	return true;
}

static bool includes_none(const struct datum *a, const struct datum *b, const struct column_type *type)
{
	for (size_t i = 0; i < b->n; i++)
		if (datum_has_pair(a, b, i, type))
			return false;
	return true;
}

static bool compare(enum dbcmd_op op, const struct datum *have, const struct datum *want,
		    const struct column_type *type)
{
	switch (op) {
	case OP_EQ:
	case OP_SET_EQ:
		return datum_equal(have, want, type);
	case OP_NE:
	case OP_SET_NE:
		return !datum_equal(have, want, type);
	case OP_LT:
		return datum_compare(have, want, type) < 0;
	case OP_GT:
		return datum_compare(have, want, type) > 0;
	case OP_LE:
		return datum_compare(have, want, type) <= 0;
	case OP_GE:
		return datum_compare(have, want, type) >= 0;
	case OP_SET_LT:
		return have->n < want->n && includes_all(want, have, type);
	case OP_SET_GT:
		return have->n > want->n && includes_all(have, want, type);
	case OP_SET_LE:
	case OP_IN:
		return includes_all(want, have, type);
	case OP_SET_GE:
		return includes_all(have, want, type);
	case OP_NOT_IN:
		return includes_none(want, have, type);
	case OP_NONE:
		break;
	}
	return true;
}

static bool is_set_operator(enum dbcmd_op op)
{
	return op >= OP_SET_EQ;
}

/* The pair's value as a set of one; the atom stays the row's. */
static struct datum value_of_key(const struct dbcmd_expr *expr, const struct datum *map)
{
	ptrdiff_t at = datum_find_key(map, &expr->key, expr->column->type.key.type);

	return at < 0 ? DATUM_EMPTY : (struct datum){1, &map->values[at], NULL};
}

int dbcmd_expr_matches__(const struct dbcmd_expr *expr, const struct db_row *row, struct db_txn *txn,
			 struct errtext *err)
{
	struct column_type type = expr->column->type;
	struct datum want, value;
	struct dbcmd_space space;
	const struct datum *have = dbcmd_value__(row, txn, expr->column, &space);
	int rc;

	if (expr->has_key) {
		value = value_of_key(expr, have);
		have = &value;
		type.key = type.value;
		base_type_init(&type.value, ATOM_VOID);
		type.n_min = 0;
		type.n_max = 1;
	}
	rc = datum_from_text(&want, &type, expr->value, db_txn_names(txn), err);
	if (rc)
		return rc;
	if (!is_set_operator(expr->op) && want.n > type.n_max)
		rc = errtext_set(err, ERANGE, "%zu values, but there is at most %u to compare with; did you mean {in}?",
				 want.n, type.n_max);
	else if (expr->has_key && !have->n && !is_set_operator(expr->op))
		rc = 0;
	else
		rc = compare(expr->op, have, &want, &type);
	datum_fini(&want, &type);
	return rc;
}
