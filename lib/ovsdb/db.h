/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration database: typed rows in memory, changed by transactions, kept on disk by a store (ovsdb/db_store.h).
 *
 * One thread uses it, the main loop of the daemon. A struct db_row is the identity of a row: the pointer stays the same
 * from the moment the row is inserted until its deletion was committed (or its insertion aborted), however often its
 * columns change.
 *
 * A transaction is an overlay: changed columns hang off the rows they change, the committed values stay untouched
 * below, so abort only has to drop the overlay. At most one transaction is open at a time. Reading functions take it as
 * @txn and then see its uncommitted changes; with @txn NULL they see what is committed.
 *
 *   begin -> insert, set, delete ... -> prepare -> the daemon makes the datapath follow -> commit or abort
 *
 * prepare does what RFC 7047 4.1.3 and 5.1 ask at the end of a transaction: strong references must lead somewhere and
 * count, weak ones to dead rows vanish, rows of non-root tables that nothing refers to are collected, indexes are
 * unique, tables not too full. All of it works from reference counts and the change list; its cost is that of the
 * change, not of the database.
 *
 * Status (ephemeral columns: link_state, statistics) changes outside transactions with db_status_set(): nothing to
 * check, nothing to write. Observers hear of both kinds of change in the same way.
 */
#ifndef OVSDB_DB_H
#define OVSDB_DB_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/schema.h"
#include "ovsdb/uuid.h"
#include "ovsdb/value.h"

struct db;
struct db_change;
struct db_row;
struct db_table;
struct db_txn;
struct db_store;

/* ---- the database and its tables ---- */

/** db_new() - an empty database. @schema must outlive it. @store: where commits go, owned from now on; NULL: memory
 * only. */
struct db *db_new(const struct schema *schema, struct db_store *store);
/** db_free() - takes NULL; closes the store. An open transaction is aborted. */
void db_free(struct db *db);

/**
 * db_open() - the database of the daemon: built-in schema, store at @path, its rows read, the Open_vSwitch row there
 * @path: created when it does not exist
 *
 * Return: 0 or -errno with @err: the sentence says which file, what is wrong and what to do. A file that was not
 * created here, or is damaged, or in use, is left as it is.
 */
VSW_MUST_USE int db_open(struct db **db, const char *path, struct errtext *err);

const struct schema *db_schema(const struct db *db);
/** db_table() - by exact name; NULL when the schema has none such. */
struct db_table *db_table(const struct db *db, const char *name);
struct db_table *db_table_of(const struct db *db, const struct table_schema *schema);
const struct table_schema *db_table_schema(const struct db_table *table);
struct db *db_table_db(const struct db_table *table);
/** db_table_count() - rows, as @txn sees them. */
size_t db_table_count(const struct db_table *table, const struct db_txn *txn);
/** db_table_seqno() - grows with every committed change or status change of the table. */
uint64_t db_table_seqno(const struct db_table *table);
/** db_seqno() - grows with every committed change or status change of any table. */
uint64_t db_seqno(const struct db *db);

/* ---- reading ---- */

/** db_row_first(), db_row_next() - the rows of a table in order of insertion, as @txn sees them; NULL at the end. */
struct db_row *db_row_first(const struct db_table *table, const struct db_txn *txn);
struct db_row *db_row_next(const struct db_row *row, const struct db_txn *txn);
#define DB_FOR_EACH_ROW(ROW, TABLE, TXN) for ((ROW) = db_row_first(TABLE, TXN); (ROW); (ROW) = db_row_next(ROW, TXN))

/** db_find_uuid() - O(1). Return: the row or NULL. */
struct db_row *db_find_uuid(const struct db_table *table, const struct db_txn *txn, const struct uuid *uuid);

/**
 * db_find_by_index() - the row whose indexed columns have these values; O(1)
 * @values: one per column of the index, in its order
 */
struct db_row *db_find_by_index(const struct db_table *table, const struct db_txn *txn,
				const struct index_schema *index, const struct datum *const values[]);
/** db_find_name() - of a table with an index on a string column "name" (or, as Manager, "target"). Return: the row or
 * NULL. */
struct db_row *db_find_name(const struct db_table *table, const struct db_txn *txn, const char *name);

struct db_table *db_row_table(const struct db_row *row);
const struct uuid *db_row_uuid(const struct db_row *row);
/** db_row_version() - the _version column: another one after every commit that changed the row. */
const struct uuid *db_row_version(const struct db_row *row);
/** db_row_exists() - as @txn sees it. */
bool db_row_exists(const struct db_row *row, const struct db_txn *txn);

/** db_row_get() - the value of a column. Return: valid until the next change of the row. */
const struct datum *db_row_get(const struct db_row *row, const struct db_txn *txn, const struct column_schema *column);
/** db_get() - by name, which must be in the schema (checked by assert). */
const struct datum *db_get(const struct db_row *row, const struct db_txn *txn, const char *column);
/** db_get_string() - of a string or optional string. Return: the row's string, or @fallback when there is none. */
const char *db_get_string(const struct db_row *row, const struct db_txn *txn, const char *column, const char *fallback);
int64_t db_get_integer(const struct db_row *row, const struct db_txn *txn, const char *column, int64_t fallback);
bool db_get_boolean(const struct db_row *row, const struct db_txn *txn, const char *column, bool fallback);
/** db_get_key() - of a map of strings to strings (other_config, options, external_ids). Return: the value or @fallback.
 */
const char *db_get_key(const struct db_row *row, const struct db_txn *txn, const char *column, const char *key,
		       const char *fallback);
/** db_get_ref() - the row that the @i-th key of a column of references leads to. Return: NULL when there is none. */
struct db_row *db_get_ref(const struct db_row *row, const struct db_txn *txn, const char *column, size_t i);
/** db_get_value_ref() - the same for the values of a map (Bridge flow_tables, QoS queues). */
struct db_row *db_get_value_ref(const struct db_row *row, const struct db_txn *txn, const char *column, size_t i);

/**
 * db_row_referrer() - a row that strongly refers to @row from @table; O(1) for rows with one referrer
 *
 * The way from an Interface to its Port and from a Port to its Bridge. Before prepare, references that this transaction
 * added are not known yet: those are searched for in the rows that the transaction changed.
 *
 * Return: the first such row as @txn sees it, or NULL.
 */
struct db_row *db_row_referrer(const struct db_row *row, const struct db_txn *txn, const struct db_table *table);

/* ---- transactions ---- */

/** db_txn_begin() - none may be open. */
struct db_txn *db_txn_begin(struct db *db);
struct db *db_txn_db(const struct db_txn *txn);
/** db_txn_comment() - a word for the log on why. */
void db_txn_comment(struct db_txn *txn, const char *comment);

/**
 * db_txn_insert() - a new row with default values
 * @uuid: its UUID; NULL for a fresh one
 *
 * Return: the row, which goes at abort; NULL when @uuid is in use in the table.
 */
struct db_row *db_txn_insert(struct db_txn *txn, struct db_table *table, const struct uuid *uuid);

/** db_txn_delete() - at commit, if nothing strongly refers to it by then. */
void db_txn_delete(struct db_txn *txn, struct db_row *row);

/**
 * db_txn_set() - a new value for a column
 * @value: taken over (the caller's copy is empty afterwards), also on failure
 *
 * After db_txn_prepare() only columns without references and outside indexes may change (ofport, error, cur_cfg).
 *
 * Return: 0; -ERANGE when the type forbids the value, -EPERM for an immutable column of a row that is not new, -EBUSY
 * for a column that may not change after prepare; each with @err ("Interface column "ofport_request": 70000 is outside
 * the range 1 to 65,279").
 */
VSW_MUST_USE int db_txn_set(struct db_txn *txn, struct db_row *row, const struct column_schema *column,
			    struct datum *value, struct errtext *err);

/* Short forms for values known to be right: a violated type is a bug of the caller (assert). */
void db_set_string(struct db_txn *txn, struct db_row *row, const char *column, const char *value_or_null);
void db_set_integer(struct db_txn *txn, struct db_row *row, const char *column, int64_t value);
void db_set_boolean(struct db_txn *txn, struct db_row *row, const char *column, bool value);
void db_set_empty(struct db_txn *txn, struct db_row *row, const char *column);
/** db_set_key() - one key of a map of strings to strings; NULL removes it. */
void db_set_key(struct db_txn *txn, struct db_row *row, const char *column, const char *key, const char *value_or_null);
/** db_add_ref(), db_remove_ref() - put @target into a set of references, take it out. */
void db_add_ref(struct db_txn *txn, struct db_row *row, const char *column, const struct db_row *target);
void db_remove_ref(struct db_txn *txn, struct db_row *row, const char *column, const struct db_row *target);

/**
 * db_txn_name() - the UUID that @name (without the @) stands for in this transaction, made up at its first mention
 *
 * Whoever creates the row passes it to db_txn_insert() and calls db_txn_define(). A name that is mentioned and never
 * defined fails prepare.
 */
const struct uuid *db_txn_name(struct db_txn *txn, const char *name);
/** db_txn_define() - @name stands for the row with UUID @uuid. Return: 0 or -EEXIST with @err. */
VSW_MUST_USE int db_txn_define(struct db_txn *txn, const char *name, const struct uuid *uuid, struct errtext *err);
/** db_txn_defined() - the UUID of a defined name. Return: NULL when it is not. */
const struct uuid *db_txn_defined(const struct db_txn *txn, const char *name);
/** db_txn_names() - the same as a resolver for datum_from_text(); valid as long as @txn. */
const struct uuid_names *db_txn_names(struct db_txn *txn);

/**
 * db_txn_prepare() - collect, check, fix the change list
 *
 * Return: 0, or -errno with @err: -ENOENT dangling reference, -EBUSY deletion of a row in use, -EEXIST index, -ENOSPC
 * table full, -ERANGE too few or too many values. After a failure only db_txn_abort() is allowed.
 */
VSW_MUST_USE int db_txn_prepare(struct db_txn *txn, struct errtext *err);

/**
 * db_txn_commit() - to disk, then to memory, then to the observers
 *
 * Prepares first if that was not done.
 *
 * Return: 0: the transaction is on disk, and gone. Or -errno with @err (disk full): disk and memory are as before, @txn
 * is still there, its change list readable, and wants db_txn_abort().
 */
VSW_MUST_USE int db_txn_commit(struct db_txn *txn, struct errtext *err);

/** db_txn_abort() - forget it; takes NULL. */
void db_txn_abort(struct db_txn *txn);

/* ---- change lists ---- */

enum db_change_kind { DB_INSERT, DB_MODIFY, DB_DELETE };

/** db_txn_changes() - first change of a prepared transaction; in order of first touch. NULL if nothing changed. */
const struct db_change *db_txn_changes(const struct db_txn *txn);
const struct db_change *db_change_next(const struct db_change *change);
#define DB_FOR_EACH_CHANGE(CHANGE, FIRST) for ((CHANGE) = (FIRST); (CHANGE); (CHANGE) = db_change_next(CHANGE))

enum db_change_kind db_change_kind(const struct db_change *change);
struct db_row *db_change_row(const struct db_change *change);
struct db_table *db_change_table(const struct db_change *change);
/** db_change_has() - did this column change? Of an inserted or deleted row: has it another value than the default? */
bool db_change_has(const struct db_change *change, const struct column_schema *column);
/** db_change_old(), db_change_new() - before and after; NULL where there was or is no row. */
const struct datum *db_change_old(const struct db_change *change, const struct column_schema *column);
const struct datum *db_change_new(const struct db_change *change, const struct column_schema *column);

/** db_txn_changed() - how this (open, maybe unprepared) transaction changes @row so far; NULL when it does not. */
const struct db_change *db_txn_changed(const struct db_txn *txn, const struct db_row *row);

/* ---- status and observers ---- */

/**
 * db_status_set() - a new value for an ephemeral column, now, no transaction and no disk
 * @row: committed
 * @column: an ephemeral one without references (assert)
 * @value: taken over; must keep the type (assert)
 *
 * Works while a transaction is open, too, and is not part of it. Return: true when the value is another one than
 * before.
 */
bool db_status_set(struct db_row *row, const char *column, struct datum *value);
/** db_status_set_string() - short form; NULL empties an optional column. */
bool db_status_set_string(struct db_row *row, const char *column, const char *value_or_null);
bool db_status_set_integer(struct db_row *row, const char *column, int64_t value);

/**
 * struct db_observer - who wants to hear of changes
 * @changed: called after each commit and each status change; rows that were deleted can still be read with
 *db_change_old(), and go when it returns. Must not change the database.
 */
struct db_observer {
	void (*changed)(struct db_observer *self, const struct db_change *changes);
	struct db_observer *next; /* the database's */
};

void db_observe(struct db *db, struct db_observer *observer);
void db_unobserve(struct db *db, struct db_observer *observer);

/* ---- loading (the store's side) ---- */

/** db_load_row() - put a committed row in; references are checked by db_load_finish(). Return: 0 or -errno with @err.
 */
VSW_MUST_USE int db_load_row(struct db *db, const char *table, const struct uuid *uuid, const json_t *columns,
			     struct errtext *err);
/** db_load_item() - add one pair (atoms as atom_to_bare() writes them; @value NULL: of a set) to a loaded row. Return:
 * as above. */
VSW_MUST_USE int db_load_item(struct db *db, const char *table, const struct uuid *uuid, const char *column,
			      const char *key, const char *value, struct errtext *err);
/** db_load_finish() - count references, fill indexes, check the whole. Return: 0 or -errno with @err. */
VSW_MUST_USE int db_load_finish(struct db *db, struct errtext *err);

#endif
