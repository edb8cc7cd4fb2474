/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store: the lock file (db_store_lock.c), the judged image (db_store_image.c), the writing (db_store.c).
 */
#ifndef OVSDB_DB_STORE_IMPL_H
#define OVSDB_DB_STORE_IMPL_H 1

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/schema.h"
#include "ovsdb/uuid.h"

#define STORE_APPLICATION_ID 0x76737764 /* "vswd" */
#define STORE_FORMAT 1			/* user_version */
#define STORE_PAGE_SIZE 4096

#define STORE_SQL_ITEM \
	"CREATE TABLE item(tbl TEXT, uuid TEXT, col TEXT, key TEXT, value TEXT, sum INTEGER, " \
	"PRIMARY KEY(tbl, uuid, col, key)) WITHOUT ROWID"
#define STORE_SQL_META \
	"CREATE TABLE meta(one INTEGER PRIMARY KEY, schema TEXT, version TEXT, id TEXT, seq INTEGER, total INTEGER, " \
	"sum INTEGER)"
#define STORE_SQL_ROW \
	"CREATE TABLE row(tbl TEXT, uuid TEXT, body TEXT, sum INTEGER, PRIMARY KEY(tbl, uuid)) WITHOUT ROWID"

/* ---- db_store_sum.c: checksums ---- */

/** db_store_sum() - 64 bits over some strings and where each of them ends; NULL is not "". Any single changed byte changes
 * it. */
uint64_t db_store_sum(size_t n, const char *const parts[]);

/** The row of table meta. */
struct db_store_meta {
	char schema[64], version[32], id[UUID_LEN + 1];
	uint64_t seq;	/**< number of the last transaction */
	uint64_t total; /**< sum of the checksums of all rows and items, modulo 2^64 */
};

uint64_t db_store_meta_sum(const struct db_store_meta *meta);
static inline uint64_t db_store_row_sum(const char *table, const char *uuid, const char *body)
{
	return db_store_sum(4, (const char *const[]){"row", table, uuid, body});
}

static inline uint64_t db_store_item_sum(const char *table, const char *uuid, const char *column, const char *key,
					 const char *value)
{
	return db_store_sum(6, (const char *const[]){"item", table, uuid, column, key, value});
}

/* ---- db_store_lock.c ---- */

/** The lock of the one daemon, and what it last told somebody to be safe. */
struct db_store_lock {
	int fd;		       /**< -1: not held */
	char id[UUID_LEN + 1]; /**< of the file that seq speaks of; "" when unknown */
	uint64_t seq;
};

/** db_store_lock_take() - Return: 0, or -errno with @err, -EBUSY when somebody else has it. */
VSW_MUST_USE int db_store_lock_take(struct db_store_lock *lock, const char *db_path, struct errtext *err);
/** db_store_lock_note() - remember that transaction @seq of file @id is safe on disk. */
void db_store_lock_note(struct db_store_lock *lock, const char *id, uint64_t seq);
void db_store_lock_drop(struct db_store_lock *lock);

/* ---- db_store_image.c ---- */

/**
 * db_store_image_open() - read the file and its log and judge them, without SQLite touching either
 * @image: a private read-only database in memory with the content; sqlite3_close() it and free(*memory)
 *
 * Return: 0, or -errno with @err (see db_store_open()).
 */
VSW_MUST_USE int db_store_image_open(const char *path, const struct db_store_lock *lock, sqlite3 **image,
				     uint8_t **memory, struct db_store_meta *meta, struct errtext *err);

/** db_store_meta_read() - from table meta. Return: 0, or -EBADMSG when it is not there or its checksum is wrong. */
VSW_MUST_USE int db_store_meta_read(sqlite3 *db, struct db_store_meta *meta);

/* ---- db_store.c, db_store_write.c ---- */

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROW_GET,
	SQL_ROW_PUT,
	SQL_ROW_DEL,
	SQL_ITEM_PUT,
	SQL_ITEM_DEL,
	SQL_META_PUT,
	N_SQL
};

struct db_store {
	char *path;
	const struct schema *schema;
	struct db_store_lock lock;
	struct db_store_meta meta; /**< what is on disk */
	sqlite3 *image;		   /**< judged content, until db_store_load() */
	uint8_t *image_memory;
	sqlite3 *db;
	sqlite3_stmt *sql[N_SQL];
	int n_wal_pages;
};

/** db_store_errno__() - what SQLite's result @code is as an errno (positive); @db may be NULL. */
int db_store_errno__(sqlite3 *db, int code);

#endif
