/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic database commands: list find get set add remove clear create destroy wait-until.
 *
 * Syntax and output are ovs-vsctl's. A command is an array of words, its options first or anywhere before the
 * arguments:
 *
 *   { "--if-exists", "get", "Interface", "eth0", "statistics:rx_bytes" }
 *
 * It runs inside a transaction that the caller began, and sees what earlier commands of the same line did to it.
 */
#ifndef OVSDB_DBCMD_H
#define OVSDB_DBCMD_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/db.h"

/** One value of an output table, with its type so that it can be printed in any form. */
struct dbcmd_cell {
	struct datum datum;
	const struct column_type *type;
};

/**
 * struct dbcmd_output - what a command says
 * @text: the lines of get and create; empty for the others
 * @warning: lines for the person's standard error; usually empty
 * @n_columns: list and find: number of columns of the table; 0: there is no table
 * @headings: n_columns names; they belong to the schema
 * @n_rows: rows of the table
 * @cells: n_rows * n_columns, row by row
 */
struct dbcmd_output {
	struct ds text, warning;
	size_t n_columns;
	const char **headings;
	size_t n_rows;
	struct dbcmd_cell *cells;
};

#define DBCMD_OUTPUT_INIT \
	{ \
		.text = DS_INIT, .warning = DS_INIT \
	}

enum dbcmd_format { DBCMD_LIST, DBCMD_TABLE, DBCMD_CSV, DBCMD_JSON };
enum dbcmd_data { DBCMD_DATA_STRING, DBCMD_DATA_BARE, DBCMD_DATA_JSON };

/** How a table is printed (--format, --data, --no-headings; --bare is LIST, BARE, no headings). */
struct dbcmd_style {
	enum dbcmd_format format;
	enum dbcmd_data data;
	bool no_headings;
};

/** dbcmd_exists() - is @name one of the generic commands? */
bool dbcmd_exists(const char *name);

/**
 * dbcmd_run() - run one command
 * @txn: open and not prepared
 * @argv: @argc words: options and command name first, then arguments
 * @out: initialised with DBCMD_OUTPUT_INIT; filled on success; dbcmd_output_fini() always
 *
 * Return: 0; -EAGAIN: wait-until's condition is not true yet, try again in another transaction after the next change;
 * or -errno with @err, after which the caller aborts the transaction.
 */
VSW_MUST_USE int dbcmd_run(struct db_txn *txn, size_t argc, const char *const argv[], struct dbcmd_output *out,
			   struct errtext *err);

void dbcmd_output_fini(struct dbcmd_output *out);
/** dbcmd_output_json() - {"headings": [...], "data": [[...], ...]}, datums as in RFC 7047 5.1; {"text": ...} without a
 * table. */
json_t *dbcmd_output_json(const struct dbcmd_output *out);
/** dbcmd_output_print() - append text and table as ovs-vsctl prints them. */
void dbcmd_output_print(const struct dbcmd_output *out, const struct dbcmd_style *style, struct ds *text);

/** dbcmd_style_option() - read --format=F, --data=D, --bare, --no-headings. Return: 1 taken, 0 none of these, -EINVAL
 * with @err. */
int dbcmd_style_option(struct dbcmd_style *style, const char *word, struct errtext *err);

/**
 * dbcmd_find_record() - the row that a word names
 * @word: UUID; @name of this transaction; name of the row; `.` for the only row; name of the bridge of a Controller,
 *	NetFlow, sFlow, IPFIX or AutoAttach, of the port of a QoS; the start of a UUID (4 characters or more)
 * @may_miss: it is no error when there is none
 *
 * Return: 0, or -ENOENT or -EINVAL (several match) with @err; with @may_miss, 0 and *row NULL when there is none.
 */
VSW_MUST_USE int dbcmd_find_record(const struct db_txn *txn, const struct db_table *table, const char *word,
				   bool may_miss, struct db_row **row, struct errtext *err);

#endif
