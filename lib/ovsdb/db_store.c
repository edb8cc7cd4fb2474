// SPDX-License-Identifier: Apache-2.0
/*
 * The database file: opening, creating, loading, closing (see db_store.h for the promises and the layout). Writing is in
 * db_store_write.c.
 *
 * The connection keeps the file locked for itself (locking_mode=EXCLUSIVE), which also spares SQLite its shared-memory
 * index. Until a file was judged and loaded without a complaint, closing leaves its log alone.
 */
#include "ovsdb/db_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/log.h"
#include "ovsdb/db.h"
#include "ovsdb/db_store_impl.h"

LOG_MODULE(ovsdb_store);

static const char *const statement_sql[N_SQL] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROW_GET] = "SELECT sum FROM row WHERE tbl=?1 AND uuid=?2",
	[SQL_ROW_PUT] = "INSERT OR REPLACE INTO row VALUES(?1,?2,?3,?4)",
	[SQL_ROW_DEL] = "DELETE FROM row WHERE tbl=?1 AND uuid=?2",
	[SQL_ITEM_PUT] = "INSERT INTO item VALUES(?1,?2,?3,?4,?5,?6)",
	[SQL_ITEM_DEL] = "DELETE FROM item WHERE tbl=?1 AND uuid=?2 AND col=?3 AND key=?4 RETURNING sum",
	[SQL_META_PUT] = "UPDATE meta SET schema=?1, version=?2, id=?3, seq=?4, total=?5, sum=?6",
};

/* ---- errors ---- */

int db_store_errno__(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return EACCES;
	}
	return db && sqlite3_system_errno(db) == ENOSPC ? ENOSPC : EIO;
}

/* ---- creating ---- */

static int sync_folder(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

/* An empty database under a temporary name; the caller gives it its own once it is whole. */
static int build_empty(const char *path, const struct schema *schema, struct db_store_meta *meta, struct errtext *err)
{
	const struct uuid id = uuid_random();
	sqlite3 *db = NULL;
	char *sql;
	int rc;

	*meta = (struct db_store_meta){.seq = 0};
	snprintf(meta->schema, sizeof meta->schema, "%s", schema->name);
	snprintf(meta->version, sizeof meta->version, "%s", schema->version);
	uuid_to_text(&id, meta->id);
	sql = sqlite3_mprintf(
		"PRAGMA page_size=%d; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
		"BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; %s; %s; %s; "
		"INSERT INTO meta VALUES(0,%Q,%Q,%Q,0,0,%lld); COMMIT",
		STORE_PAGE_SIZE, STORE_APPLICATION_ID, STORE_FORMAT, STORE_SQL_ITEM, STORE_SQL_META, STORE_SQL_ROW,
		meta->schema, meta->version, meta->id, (long long)db_store_meta_sum(meta));
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (!rc)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc)
		rc = errtext_set(err, db_store_errno__(db, rc), "cannot create database %s: %s", path,
				 sqlite3_errmsg(db));
	sqlite3_free(sql);
	sqlite3_close(db);
	return rc;
}

static void remove_with_log(const char *path)
{
	char *log = xasprintf("%s-wal", path);

	unlink(path);
	unlink(log);
	free(log);
}

static int create(struct db_store *store, struct errtext *err)
{
	char *temporary = xasprintf("%s.new", store->path);
	int rc;

	remove_with_log(temporary);
	rc = build_empty(temporary, store->schema, &store->meta, err);
	if (!rc && (chmod(temporary, 0640) || renameat2(AT_FDCWD, temporary, AT_FDCWD, store->path, RENAME_NOREPLACE) ||
		    sync_folder(store->path)))
		rc = errtext_set(err, errno, "cannot create database %s: %s", store->path, strerror(errno));
	if (rc)
		remove_with_log(temporary);
	free(temporary);
	return rc;
}

/* ---- opening ---- */

static int count_wal_pages(void *store, sqlite3 *db, const char *name, int n_pages)
{
	(void)db;
	(void)name;
	((struct db_store *)store)->n_wal_pages = n_pages;
	return SQLITE_OK;
}

/* Open the judged file for writing, and see that it is still the one that was judged. */
static int open_for_writing(struct db_store *store, struct errtext *err)
{
	static const char setup[] =
		"PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; "
		"PRAGMA trusted_schema=OFF; BEGIN IMMEDIATE; COMMIT";
	struct db_store_meta meta;
	int rc = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (!rc)
		rc = sqlite3_exec(store->db, setup, NULL, NULL, NULL);
	for (size_t i = 0; i < N_SQL && !rc; i++)
		rc = sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->sql[i],
					NULL);
	if (rc)
		return errtext_set(
			err, db_store_errno__(store->db, rc), "cannot open database %s for writing: %s", store->path,
			(rc & 0xff) == SQLITE_BUSY ? "another program has it open" : sqlite3_errmsg(store->db));
	if (db_store_meta_read(store->db, &meta) || meta.seq != store->meta.seq || meta.total != store->meta.total)
		return errtext_set(err, EBUSY, "database %s changed while it was being read; try again", store->path);
	sqlite3_wal_hook(store->db, count_wal_pages, store);
	return 0;
}

static int open_existing(struct db_store *store, struct errtext *err)
{
	int rc = db_store_image_open(store->path, &store->lock, &store->image, &store->image_memory, &store->meta, err);

	if (!rc && strcmp(store->meta.schema, store->schema->name) != 0)
		rc = errtext_set(err, EPROTO, "database %s has schema %s, expected %s. It is kept as it is",
				 store->path, store->meta.schema, store->schema->name);
	if (!rc && strcmp(store->meta.version, store->schema->version) != 0)
		log_info("%s was written with schema version %s, this is %s", store->path, store->meta.version,
			 store->schema->version);
	return rc;
}

static bool log_without_file(const struct db_store *store)
{
	char *log = xasprintf("%s-wal", store->path);
	struct stat st;
	bool there = !stat(log, &st) && st.st_size > 0;

	free(log);
	return there;
}

static int open_or_create(struct db_store *store, struct errtext *err)
{
	struct stat st;
	int rc;

	if (!stat(store->path, &st))
		rc = open_existing(store, err);
	else if (errno != ENOENT)
		rc = errtext_set(err, errno, "cannot open database %s: %s", store->path, strerror(errno));
	else if (log_without_file(store))
		rc = errtext_set(
			err, EBADMSG,
			"database %s is gone, but its log %s-wal is there. Put the file back, or move the log away "
			"to start afresh",
			store->path, store->path);
	else
		rc = create(store, err);
	if (!rc)
		rc = open_for_writing(store, err);
	if (!rc)
		db_store_lock_note(&store->lock, store->meta.id, store->meta.seq);
	return rc;
}

static void drop_image(struct db_store *store)
{
	sqlite3_close(store->image);
	free(store->image_memory);
	store->image = NULL;
	store->image_memory = NULL;
}

/* After any refusal the file must stay as it is: SQLite tidies up the log when it closes, unless told not to. */
static void keep_log(struct db_store *store)
{
	int on = 1;

	if (!store->db)
		return;
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

static void db_store_free(struct db_store *store)
{
	if (store->image) /* judged, not loaded */
		keep_log(store);
	drop_image(store);
	for (size_t i = 0; i < N_SQL; i++)
		sqlite3_finalize(store->sql[i]);
	sqlite3_close(store->db);
	db_store_lock_drop(&store->lock);
	free(store->path);
	free(store);
}

int db_store_open(struct db_store **storep, const char *path, const struct schema *schema, struct errtext *err)
{
	struct db_store *store = xzalloc(sizeof *store);
	int rc;

	store->path = xstrdup(path);
	store->schema = schema;
	rc = db_store_lock_take(&store->lock, path, err);
	if (!rc)
		rc = open_or_create(store, err);
	if (rc)
		db_store_free(store);
	else
		*storep = store;
	return rc;
}

void db_store_close(struct db_store *store)
{
	if (!store)
		return;
	db_store_free(store);
}

uint64_t db_store_seqno(const struct db_store *store)
{
	return store->meta.seq;
}

const char *db_store_path(const struct db_store *store)
{
	return store->path;
}

/* ---- loading ---- */

static int load_row(struct db *db, sqlite3_stmt *q, struct errtext *err)
{
	struct uuid uuid;
	json_t *body = json_loads((const char *)sqlite3_column_text(q, 2), 0, NULL);
	int rc;

	if (!json_is_object(body) || !uuid_from_text((const char *)sqlite3_column_text(q, 1), &uuid))
		rc = errtext_set(err, EBADMSG, "a row cannot be read");
	else
		rc = db_load_row(db, (const char *)sqlite3_column_text(q, 0), &uuid, body, err);
	json_decref(body);
	return rc;
}

static int load_item(struct db *db, sqlite3_stmt *q, struct errtext *err)
{
	struct uuid uuid;

	if (!uuid_from_text((const char *)sqlite3_column_text(q, 1), &uuid))
		return errtext_set(err, EBADMSG, "a row cannot be read");
	return db_load_item(db, (const char *)sqlite3_column_text(q, 0), &uuid, (const char *)sqlite3_column_text(q, 2),
			    (const char *)sqlite3_column_text(q, 3), (const char *)sqlite3_column_text(q, 4), err);
}

static int load_each(struct db_store *store, struct db *db, const char *sql,
		     int (*load)(struct db *, sqlite3_stmt *, struct errtext *), struct errtext *err)
{
	sqlite3_stmt *q = NULL;
	int step = sqlite3_prepare_v2(store->image, sql, -1, &q, NULL), rc = 0;

	while (!step && !rc && (step = sqlite3_step(q)) == SQLITE_ROW) {
		step = 0;
		rc = load(db, q, err);
	}
	if (!rc && step != SQLITE_DONE)
		rc = errtext_set(err, EIO, "%s", sqlite3_errmsg(store->image));
	sqlite3_finalize(q);
	return rc;
}

int db_store_load(struct db_store *store, struct db *db, struct errtext *err)
{
	int rc = 0;

	if (store->image)
		rc = load_each(store, db, "SELECT tbl, uuid, body FROM row ORDER BY tbl, uuid", load_row, err);
	if (!rc && store->image)
		rc = load_each(store, db, "SELECT tbl, uuid, col, key, value FROM item ORDER BY tbl, uuid, col, key",
			       load_item, err);
	if (!rc)
		rc = db_load_finish(db, err);
	if (rc) {
		errtext_prefix(err, "database %s is kept as it is, but cannot be used", store->path);
		keep_log(store);
	}
	drop_image(store);
	return rc;
}
