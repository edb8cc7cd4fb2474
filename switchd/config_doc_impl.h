/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files config_doc*.c. */
#ifndef SWITCHD_CONFIG_DOC_IMPL_H
#define SWITCHD_CONFIG_DOC_IMPL_H 1

#include <jansson.h>
#include <stdbool.h>

#include "base/errtext.h"
#include "ovsdb/schema.h"

struct db_row;
struct db_txn;

/** A document on its way into a transaction; after the first error nothing more is done. */
struct config_writing {
	struct db_txn *txn;
	struct errtext *err;
	int error;
};

/** config_doc_has_column() - is it for a document: a wish, and complete in itself? */
bool config_doc_has_column(const struct column_schema *column);
/** config_doc_put_columns() - those of @row that are not at their default and, if @beside is given, not also columns of that table. */
void config_doc_put_columns(json_t *object, const struct db_row *row, const struct db_txn *txn,
			    const struct table_schema *beside);
/** config_doc_set_columns() - the other way round. Columns that refer to rows are left alone. @record: as `vsw set` takes it */
void config_doc_set_columns(struct config_writing *w, const char *table, const char *record, const json_t *columns);

/* ---- config_doc_refs.c ---- */

/** config_doc_has_ref() - does it refer to rows that a document has inside of the one that refers to them? */
bool config_doc_has_ref(const struct column_schema *column);
/** config_doc_put_refs() - the rows that @row refers to, by the names of the columns. */
void config_doc_put_refs(json_t *object, const struct db_row *row, const struct db_txn *txn);
/** config_doc_set_refs() - rows as @object has them, in place of others; what is alike is not touched. */
void config_doc_set_refs(struct config_writing *w, struct db_row *row, const json_t *object);

/** config_doc_is_guests() - a port that a guest's process asked for, and that goes with it (guest.h): no configuration of anybody's. */
bool config_doc_is_guests(const struct db_row *port, const struct db_txn *txn);

#endif
