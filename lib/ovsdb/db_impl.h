/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the database: what db.c (reading), index.c, txn.c (the overlay), prepare.c (checks), commit.c and load.c
 * share.
 *
 * Three kinds of things hang off a row:
 *   columns    committed values
 *   change     the overlay of the open transaction: new values where `set`, and whether the row is new or goes
 *   refs_in    who refers to it, one record per referring row and strength, committed state only
 *
 * An uncommitted row is in the table's list, by_uuid and by_index already; readers skip what their view does not have.
 * Likewise a row whose name changes is in by_index under both names until the transaction ends.
 */
#ifndef OVSDB_DB_IMPL_H
#define OVSDB_DB_IMPL_H 1

#include <sys/queue.h>

#include "base/hmap.h"
#include "ovsdb/db.h"

TAILQ_HEAD(db_row_list, db_row);
TAILQ_HEAD(db_change_list, db_change);

struct db {
	const struct schema *schema;
	struct db_store *store;	 /**< owned; may be NULL */
	struct db_table *tables; /**< by index of their schema */
	struct db_txn *txn;	 /**< the open one, or NULL */
	struct db_observer *observers;
	uint64_t seqno;
};

struct db_table {
	struct db *db;
	const struct table_schema *schema;
	struct db_row_list rows; /**< in order of insertion */
	struct hmap by_uuid;	 /**< db_row.uuid_node */
	struct hmap by_index;	 /**< index_entry.node, of all indexes of the table */
	size_t n_rows;		 /**< committed */
	ptrdiff_t n_delta;	 /**< what the open transaction adds */
	uint64_t seqno;
};

/** A row under the values of one index. */
struct index_entry {
	struct hmap_node node;
	struct db_row *row;
	size_t index; /**< in table_schema.indexes */
	bool linked;
};

/** src refers to dst, n_pairs times. In dst->refs_in. */
struct db_ref {
	struct hmap_node node; /**< by src */
	struct db_row *src;
	bool weak;
	size_t n_pairs;
};

struct db_row {
	struct hmap_node uuid_node;
	TAILQ_ENTRY(db_row) link;
	struct db_table *table;
	struct uuid uuid, version;
	bool committed;
	struct datum *columns;	   /**< committed; of a new row the defaults */
	struct index_entry *index; /**< committed entries, one per index */
	struct db_change *change;  /**< of the open transaction, or NULL */
	struct hmap refs_in;	   /**< db_ref.node */
	size_t n_strong;	   /**< strong references from other rows, committed */
	/* While a transaction is prepared: */
	ptrdiff_t strong_delta;
	bool touched; /**< in txn->touched */
};

struct db_overlay {
	struct datum datum;
	bool set;
};

/**
 * How a transaction changes a row. Before commit overlay holds the new values and row->columns the old ones; commit
 * swaps them, so that observers find both.
 */
struct db_change {
	TAILQ_ENTRY(db_change) link;
	struct db_row *row;
	bool inserted, deleted;
	bool swapped;		     /**< committed: overlay holds the old values */
	struct index_entry *index;   /**< entries under the new values, one per index */
	struct db_overlay overlay[]; /**< by column */
};

struct db_name {
	struct hmap_node node;
	char *name;
	struct uuid uuid;
	bool defined;
};

struct db_txn {
	struct db *db;
	enum { TXN_OPEN, TXN_PREPARED, TXN_FAILED } state;
	struct db_change_list changes;
	struct db_change_list dropped; /**< rows that came and went within the transaction */
	struct hmap names;
	struct uuid_names resolver;
	char *comment;
	struct db_row **touched;		    /**< rows whose strong_delta or liveness changed */
	size_t n_touched, cap_touched, n_collected; /**< n_collected: judged by the garbage collection */
};

/* db.c */
struct db_row *db_row_new__(struct db_table *table, const struct uuid *uuid);
void db_row_free__(struct db_row *row);
/** db_row_by_uuid__() - in whatever state. */
struct db_row *db_row_by_uuid__(const struct db_table *table, const struct uuid *uuid);
/** db_row_view__() - the column as the open transaction (@overlaid) or everybody else sees it. */
static inline struct datum *db_row_view__(const struct db_row *row, bool overlaid, size_t column)
{
	if (overlaid && row->change && row->change->overlay[column].set)
		return &row->change->overlay[column].datum;
	return &row->columns[column];
}

/* index.c */
void index_link__(struct index_entry *entry, struct db_row *row, size_t index, bool overlaid);
void index_unlink__(struct index_entry *entry);
/** index_other__() - another row with the values that @row has in the open transaction (@overlaid) or committed; NULL:
 * unique. */
struct db_row *index_other__(const struct db_row *row, size_t index, bool overlaid);
/** index_describe__() - `name "br0"`. */
void index_describe__(const struct db_row *row, size_t index, bool overlaid, struct ds *out);

/* txn.c */
struct db_change *db_change_get__(struct db_txn *txn, struct db_row *row);
/** db_change_put__() - a new value into the overlay; takes over @value. */
void db_change_put__(struct db_change *change, size_t column, struct datum *value);
void db_change_free__(struct db_change *change);
/** db_change_revert__() - forget the overlay of a column. */
void db_change_revert__(struct db_change *change, size_t column);
void db_txn_free__(struct db_txn *txn);

/* refs.c */
/** What to do with each reference that one of two datums has and the other has not; @sign is +1 (new) or -1 (gone). */
struct ref_visitor {
	int (*visit)(struct ref_visitor *self, struct db_row *src, const struct base_type *base,
		     const struct uuid *uuid, int sign);
};

/** refs_diff__() - visit until one fails; NULL is the empty datum. Return: 0 or what the visit said. */
int refs_diff__(struct ref_visitor *visitor, struct db_row *src, const struct column_schema *column,
		const struct datum *old, const struct datum *new_);
/** refs_change__() - keep refs_in and n_strong of the targets when a committed column goes from @old to @new_. */
void refs_change__(struct db_row *src, const struct column_schema *column, const struct datum *old,
		   const struct datum *new_);
/** refs_target__() - the row, in whatever state, or NULL. */
struct db_row *refs_target__(const struct db *db, const struct base_type *base, const struct uuid *uuid);
/** refs_fini__() - free the records of who refers to @row. */
void refs_fini__(struct db_row *row);

#endif
