/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database on disk: one SQLite file in WAL mode, synchronous=FULL.
 *
 * What is promised: db_store_write() returned 0 = the transaction survives kill -9 and power loss, whole. Anything else =
 * nothing of it is there. A file that is damaged, foreign, of another schema or in use is refused and not touched by a
 * single byte.
 *
 * How the last one is kept: the file is judged before SQLite opens it. Main file and write-ahead log are read into
 * memory, the log is applied there, SQLite checks the image (integrity_check), and every row is checked against its own
 * checksum and all of them against the sum of the whole, so a byte flipped in a payload or a row that fell out is
 * noticed, too. A log that lost acknowledged transactions is noticed by their number, which stands in the lock file.
 * Only a file that passed is opened for writing.
 *
 * Layout of the file (application_id 0x76737764):
 *   meta   schema name and version, number of the last transaction, sum of all checksums
 *   row    (tbl, uuid, body, sum): a row of a table; body is the JSON object of its columns that are not default
 *   item   (tbl, uuid, col, key, value, sum): an element of a large set or map of references (Bridge ports), so that
 *          adding the 1,000th port writes one element and not a set of 1,000
 *
 * Beside it stand FILE-wal (SQLite's) and FILE.lock (ours: the lock of the one daemon, and the number of the last
 * acknowledged transaction).
 */
#ifndef OVSDB_DB_STORE_H
#define OVSDB_DB_STORE_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct db;
struct db_change;
struct schema;
struct db_store;

/**
 * db_store_open() - lock, judge and open the file, creating it if there is none
 * @path: copied
 * @schema: must outlive the store
 *
 * Return: 0; or -errno with @err: -EBUSY in use by another process, -EBADMSG damaged, -EMEDIUMTYPE not one of ours,
 * -EPROTO newer or unknown schema, or what the system said. The file is as it was then.
 */
VSW_MUST_USE int db_store_open(struct db_store **store, const char *path, const struct schema *schema,
			       struct errtext *err);

/** db_store_load() - give the rows found by db_store_open() to an empty database; once. Return: 0 or -errno with @err. */
VSW_MUST_USE int db_store_load(struct db_store *store, struct db *db, struct errtext *err);

/**
 * db_store_write() - make the changes durable, all or none; ephemeral columns are left out
 *
 * Return: 0 when they are on disk, also when there was nothing to write; -ENOSPC disk full, -EIO, ... with @err.
 */
VSW_MUST_USE int db_store_write(struct db_store *store, const struct db_change *changes, struct errtext *err);

/** db_store_seqno() - number of the last transaction on disk. */
uint64_t db_store_seqno(const struct db_store *store);
const char *db_store_path(const struct db_store *store);

/** db_store_close() - move the log into the main file, unlock; takes NULL. */
void db_store_close(struct db_store *store);

#endif
