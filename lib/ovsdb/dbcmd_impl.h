/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the generic database commands: dbcmd.c (words to a command), dbcmd_read.c and dbcmd_write.c (the commands), dbcmd_expr.c
 * (COLUMN[:KEY][OP VALUE]), dbcmd_record.c (which row a word means), dbcmd_print.c (tables).
 */
#ifndef OVSDB_DBCMD_IMPL_H
#define OVSDB_DBCMD_IMPL_H 1

#include "ovsdb/dbcmd.h"

/** A command with its options taken apart. */
struct dbcmd {
	struct db_txn *txn;
	const struct db_table *table;	   /**< the first argument */
	const struct table_schema *schema; /**< of it */
	size_t n_args;			   /**< arguments behind the table */
	const char *const *args;
	bool if_exists, all;
	const char *id;	     /**< of --id=@name, without the @; NULL: none */
	const char *columns; /**< of --columns; NULL: none */
	struct dbcmd_output *out;
};

/* ---- dbcmd_read.c, dbcmd_write.c: 0 or -errno, as dbcmd_run() ---- */
int dbcmd_list__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_find__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_get__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_wait_until__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_set__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_add__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_remove__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_clear__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_create__(struct dbcmd *cmd, struct errtext *err);
int dbcmd_destroy__(struct dbcmd *cmd, struct errtext *err);

/* ---- dbcmd_expr.c ---- */

enum dbcmd_op {
	OP_NONE,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_GT,
	OP_LE,
	OP_GE,
	OP_SET_EQ,
	OP_SET_NE,
	OP_SET_LT,
	OP_SET_GT,
	OP_SET_LE,
	OP_SET_GE,
	OP_IN,
	OP_NOT_IN,
};

/** COLUMN[:KEY][OP VALUE] */
struct dbcmd_expr {
	const struct column_schema *column;
	bool has_key;
	union atom key;	   /**< of the type of the column's keys */
	enum dbcmd_op op;  /**< OP_NONE: nothing behind column and key */
	const char *value; /**< points into the word */
};

enum dbcmd_expr_kind { EXPR_PLAIN, EXPR_ASSIGN, EXPR_CONDITION };

/** dbcmd_expr_parse__() - with no, the `=`, or any operator. @expr needs dbcmd_expr_fini__() after success only. */
VSW_MUST_USE int dbcmd_expr_parse__(struct dbcmd_expr *expr, const struct table_schema *table, const char *word,
				    enum dbcmd_expr_kind kind, struct errtext *err);
void dbcmd_expr_fini__(struct dbcmd_expr *expr);

/** dbcmd_expr_matches__() - Return: 1 true, 0 false, -errno with @err when the value is none of the column's type. */
VSW_MUST_USE int dbcmd_expr_matches__(const struct dbcmd_expr *expr, const struct db_row *row, struct db_txn *txn,
				      struct errtext *err);

/** Room for the value of a pseudo column. */
struct dbcmd_space {
	struct datum datum;
	union atom atom;
};

/** dbcmd_value__() - of a column or pseudo column; @space holds the latter. */
const struct datum *dbcmd_value__(const struct db_row *row, const struct db_txn *txn,
				  const struct column_schema *column, struct dbcmd_space *space);

/** dbcmd_blame__() - put "TABLE column "NAME"" before the sentence. Return: @rc. */
int dbcmd_blame__(const struct dbcmd *cmd, const struct column_schema *column, int rc, struct errtext *err);

#endif
