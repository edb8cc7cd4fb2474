// SPDX-License-Identifier: Apache-2.0
/*
 * Judging a database file without touching it.
 *
 * SQLite cannot be asked to look and keep its hands off: opening a file may recover, checkpoint or delete its log. So
 * the file and the log are read into memory here, the valid frames of the log are put over the pages (format:
 * sqlite.org/fileformat2.html 4), and SQLite gets the result as a read-only image. Then, from the outside in:
 *
 *   header      is it SQLite's, is it ours (application_id), is it as we create it
 *   structure   PRAGMA integrity_check, the CREATE statements word for word
 *   content     each row's checksum, and their sum, which a row that fell out would change
 *   log         the number of the last transaction, against the last one that was acknowledged
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ovsdb/db_store_impl.h"

/* A configuration of this size is none. */
#define MAX_FILE_BYTES (1u << 30)

#define WAL_HEADER 32
#define FRAME_HEADER 24
#define FRAME_BYTES (FRAME_HEADER + STORE_PAGE_SIZE)

struct bytes {
	uint8_t *data;
	size_t n;
};

/* ---- sentences ---- */

static int damaged(const char *path, const char *what, struct errtext *err)
{
	return errtext_set(err, EBADMSG,
			   "database %s is damaged: %.150s. It is kept as it is. To start afresh, move %s and %s-wal "
			   "away; to go back, "
			   "put a backup in their place",
			   path, what, path, path);
}

static int foreign(const char *path, const char *what, struct errtext *err)
{
	return errtext_set(err, EMEDIUMTYPE,
			   "%s is not a database of this program: %s. It is kept as it is; give another file with --db",
			   path, what);
}

/* ---- files to memory ---- */

static int read_fd(int fd, struct bytes *out)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > MAX_FILE_BYTES)
		return -EFBIG;
	out->data = xrealloc(out->data, (size_t)st.st_size + 1);
	while (out->n < (size_t)st.st_size) {
		ssize_t n = pread(fd, out->data + out->n, (size_t)st.st_size - out->n, (off_t)out->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		out->n += (size_t)n;
	}
	return 0;
}

/* A file that is not there is empty. @out has data in any case but failure. */
static int read_file(const char *path, struct bytes *out, struct errtext *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	*out = (struct bytes){xzalloc(1), 0};
	if (fd < 0 && errno == ENOENT)
		return 0;
	rc = fd < 0 ? -errno : read_fd(fd, out);
	if (fd >= 0)
		close(fd);
	if (!rc)
		return 0;
	free(out->data);
	*out = (struct bytes){NULL, 0};
	errtext_set(err, -rc, "cannot read %s: %s", path, strerror(-rc));
	return rc;
}

/* ---- the write-ahead log ---- */

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t get_word(const uint8_t *p, bool big)
{
	return big ? get_be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The log's running checksum; @n is a multiple of 8. */
static void wal_sum(uint32_t sum[2], const uint8_t *p, size_t n, bool big)
{
	for (size_t i = 0; i < n; i += 8) {
		sum[0] += get_word(p + i, big) + sum[1];
		sum[1] += get_word(p + i + 4, big) + sum[0];
	}
}

/* Where reading of the log stands. */
struct wal {
	const uint8_t *data;
	size_t n, at;
	bool big; /* byte order of the checksums */
	uint32_t sum[2];
};

static bool wal_begin(struct wal *w, const struct bytes *file)
{
	uint32_t magic;

	*w = (struct wal){.data = file->data, .n = file->n, .at = WAL_HEADER};
	if (file->n < WAL_HEADER)
		return false;
	magic = get_be32(file->data);
	w->big = magic & 1;
	wal_sum(w->sum, file->data, 24, w->big);
	return (magic & ~1u) == 0x377f0682 && get_be32(file->data + 4) == 3007000 &&
	       get_be32(file->data + 8) == STORE_PAGE_SIZE && get_be32(file->data + 24) == w->sum[0] &&
	       get_be32(file->data + 28) == w->sum[1];
}

/* The next valid frame, or NULL. */
static const uint8_t *wal_next(struct wal *w)
{
	const uint8_t *f = w->data + w->at;

	if (w->n - w->at < FRAME_BYTES)
		return NULL;
	wal_sum(w->sum, f, 8, w->big);
	wal_sum(w->sum, f + FRAME_HEADER, STORE_PAGE_SIZE, w->big);
	if (!get_be32(f) || memcmp(f + 8, w->data + 16, 8) != 0 || get_be32(f + 16) != w->sum[0] ||
	    get_be32(f + 20) != w->sum[1])
		return NULL;
	w->at += FRAME_BYTES;
	return f;
}

/* Return: bytes of the log up to the end of its last whole transaction; *n_pages: size of the database then. */
static size_t wal_valid(const struct bytes *file, uint32_t *n_pages)
{
	const uint8_t *f;
	size_t end = 0;
	struct wal w;

	if (!wal_begin(&w, file))
		return 0;
	while ((f = wal_next(&w))) {
		if (get_be32(f + 4)) {
			end = w.at;
			*n_pages = get_be32(f + 4);
		}
	}
	return end;
}

static void wal_apply(struct bytes *main, const struct bytes *log)
{
	uint32_t n_pages = 0;
	size_t end = wal_valid(log, &n_pages), size = (size_t)n_pages * STORE_PAGE_SIZE;

	if (!end || size > MAX_FILE_BYTES)
		return;
	main->data = xrealloc(main->data, MAX(size, main->n) + 1);
	if (size > main->n)
		memset(main->data + main->n, 0, size - main->n);
	main->n = size;
	for (size_t at = WAL_HEADER; at < end; at += FRAME_BYTES) {
		uint32_t page = get_be32(log->data + at);

		if (page <= n_pages)
			memcpy(main->data + (size_t)(page - 1) * STORE_PAGE_SIZE, log->data + at + FRAME_HEADER,
			       STORE_PAGE_SIZE);
	}
}

/* ---- header ---- */

static int check_header(const char *path, const struct bytes *image, struct errtext *err)
{
	/* page size 4096, journal WAL twice, nothing reserved, the fixed fractions */
	static const uint8_t expected[8] = {0x10, 0x00, 2, 2, 0, 64, 32, 32};
	const uint8_t *h = image->data;

	if (!image->n)
		return damaged(path, "it is empty", err);
	if (image->n < 100 || memcmp(h, "SQLite format 3", 16) != 0) {
		/* A text file or another program's, or ours with a bad first page: the application id tells. */
		if (image->n >= 100 && get_be32(h + 68) == STORE_APPLICATION_ID)
			return damaged(path, "its first bytes are wrong", err);
		return foreign(path, "it is no SQLite file", err);
	}
	if (get_be32(h + 68) != STORE_APPLICATION_ID)
		return foreign(path, "it is a SQLite file of another program (or its header is damaged)", err);
	if (get_be32(h + 60) != STORE_FORMAT)
		return errtext_set(err, EPROTO,
				   "database %s has format %u, this program knows %d (or its header is damaged). It is "
				   "kept as it is; use the program that wrote it, or move it away to start afresh",
				   path, get_be32(h + 60), STORE_FORMAT);
	if (memcmp(h + 16, expected, sizeof expected) != 0)
		return damaged(path, "its header is wrong", err);
	if (image->n % STORE_PAGE_SIZE)
		return damaged(path, "its size is no whole number of pages", err);
	return 0;
}

/* ---- structure ---- */

static int open_image(struct bytes *image, sqlite3 **db)
{
	/* An image in memory cannot have a log: say that it has none. */
	image->data[18] = image->data[19] = 1;
	if (sqlite3_open_v2(":memory:", db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ||
	    sqlite3_deserialize(*db, "main", image->data, (sqlite3_int64)image->n, (sqlite3_int64)image->n,
				SQLITE_DESERIALIZE_READONLY))
		return -ENOMEM;
	sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_exec(*db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
	return 0;
}

/* Step through a query, giving each row to @row. Return: 0; -EBADMSG when SQLite or @row found a fault, written to
 * @why. */
static int each_row(sqlite3 *db, const char *sql, int (*row)(sqlite3_stmt *q, void *aux, char *why, size_t n),
		    void *aux, char *why, size_t n)
{
	sqlite3_stmt *q = NULL;
	int step = sqlite3_prepare_v2(db, sql, -1, &q, NULL), rc = 0;

	if (step == SQLITE_OK)
		step = sqlite3_step(q);
	while (step == SQLITE_ROW && !rc) {
		rc = row(q, aux, why, n);
		if (!rc)
			step = sqlite3_step(q);
	}
	if (!rc && step != SQLITE_DONE) {
		snprintf(why, n, "%s", sqlite3_errmsg(db));
		rc = -EBADMSG;
	}
	sqlite3_finalize(q);
	return rc;
}

static const char *text_of(sqlite3_stmt *q, int column)
{
	const char *s = (const char *)sqlite3_column_text(q, column);

	/* A null inside would hide what follows from the checksum. */
	return s && strlen(s) == (size_t)sqlite3_column_bytes(q, column) ? s : NULL;
}

static int check_integrity_row(sqlite3_stmt *q, void *aux, char *why, size_t n)
{
	const char *s = text_of(q, 0);

	(void)aux;
	if (s && !strcmp(s, "ok"))
		return 0;
	snprintf(why, n, "%s", s ? s : "integrity check failed");
	why[strcspn(why, "\n")] = '\0';
	return -EBADMSG;
}

static int check_create_row(sqlite3_stmt *q, void *aux, char *why, size_t n)
{
	static const char *const expected[] = {STORE_SQL_ITEM, STORE_SQL_META, STORE_SQL_ROW};
	size_t *i = aux;
	const char *sql = text_of(q, 0);

	if (*i < ARRAY_SIZE(expected) && sql && !strcmp(sql, expected[*i])) {
		++*i;
		return 0;
	}
	snprintf(why, n, "its tables are not those that this program creates");
	return -EBADMSG;
}

static int check_structure(sqlite3 *db, char *why, size_t n)
{
	size_t n_tables = 0;
	int rc = each_row(db, "SELECT sql FROM sqlite_schema ORDER BY name", check_create_row, &n_tables, why, n);

	if (!rc && n_tables != 3) {
		snprintf(why, n, "tables are missing");
		rc = -EBADMSG;
	}
	if (!rc)
		rc = each_row(db, "PRAGMA integrity_check(1)", check_integrity_row, NULL, why, n);
	return rc;
}

/* ---- content ---- */

static int bad_row(sqlite3_stmt *q, char *why, size_t n)
{
	const char *table = text_of(q, 0), *uuid = text_of(q, 1);

	snprintf(why, n, "the checksum of row %.36s of table %.40s is wrong", uuid ? uuid : "?", table ? table : "?");
	return -EBADMSG;
}

static int check_row(sqlite3_stmt *q, void *total, char *why, size_t n)
{
	const char *table = text_of(q, 0), *uuid = text_of(q, 1), *body = text_of(q, 2);
	uint64_t sum = (uint64_t)sqlite3_column_int64(q, 3);

	if (!table || !uuid || !body || db_store_row_sum(table, uuid, body) != sum)
		return bad_row(q, why, n);
	*(uint64_t *)total += sum;
	return 0;
}

static int check_item(sqlite3_stmt *q, void *total, char *why, size_t n)
{
	const char *table = text_of(q, 0), *uuid = text_of(q, 1), *column = text_of(q, 2), *key = text_of(q, 3);
	uint64_t sum = (uint64_t)sqlite3_column_int64(q, 5);

	if (!table || !uuid || !column || !key || db_store_item_sum(table, uuid, column, key, text_of(q, 4)) != sum)
		return bad_row(q, why, n);
	*(uint64_t *)total += sum;
	return 0;
}

static bool copy_text(char *dst, size_t size, const char *src)
{
	if (!src || strlen(src) >= size)
		return false;
	strcpy(dst, src);
	return true;
}

int db_store_meta_read(sqlite3 *db, struct db_store_meta *meta)
{
	sqlite3_stmt *q = NULL;
	bool ok;

	ok = !sqlite3_prepare_v2(db, "SELECT schema, version, id, seq, total, sum FROM meta", -1, &q, NULL) &&
	     sqlite3_step(q) == SQLITE_ROW && copy_text(meta->schema, sizeof meta->schema, text_of(q, 0)) &&
	     copy_text(meta->version, sizeof meta->version, text_of(q, 1)) &&
	     copy_text(meta->id, sizeof meta->id, text_of(q, 2));
	if (ok) {
		meta->seq = (uint64_t)sqlite3_column_int64(q, 3);
		meta->total = (uint64_t)sqlite3_column_int64(q, 4);
		ok = db_store_meta_sum(meta) == (uint64_t)sqlite3_column_int64(q, 5);
	}
	sqlite3_finalize(q);
	return ok ? 0 : -EBADMSG;
}

static int check_content(sqlite3 *db, struct db_store_meta *meta, char *why, size_t n)
{
	uint64_t total = 0;
	int rc;

	if (db_store_meta_read(db, meta)) {
		snprintf(why, n, "its table meta fails its checksum");
		return -EBADMSG;
	}
	rc = each_row(db, "SELECT tbl, uuid, body, sum FROM row", check_row, &total, why, n);
	if (!rc)
		rc = each_row(db, "SELECT tbl, uuid, col, key, value, sum FROM item", check_item, &total, why, n);
	if (!rc && total != meta->total) {
		snprintf(why, n, "rows are missing");
		rc = -EBADMSG;
	}
	return rc;
}

/* ---- log ---- */

static int check_log(const char *path, const struct db_store_lock *lock, const struct db_store_meta *meta,
		     struct errtext *err)
{
	if (strcmp(lock->id, meta->id) != 0 || meta->seq >= lock->seq)
		return 0;
	return errtext_set(err, EBADMSG,
			   "database %s ends at transaction %" PRIu64 ", but %" PRIu64
			   " was acknowledged: its log %s-wal is damaged or gone. "
			   "Both are kept as they are. To go on from %" PRIu64 " (a backup put back), remove %s.lock",
			   path, meta->seq, lock->seq, path, meta->seq, path);
}

static int judge(const char *path, sqlite3 *db, const struct db_store_lock *lock, struct db_store_meta *meta,
		 struct errtext *err)
{
	char why[160] = "";

	if (check_structure(db, why, sizeof why) || check_content(db, meta, why, sizeof why))
		return damaged(path, why, err);
	return check_log(path, lock, meta, err);
}

int db_store_image_open(const char *path, const struct db_store_lock *lock, sqlite3 **db, uint8_t **memory,
			struct db_store_meta *meta, struct errtext *err)
{
	char *log_path = xasprintf("%s-wal", path);
	struct bytes image = {NULL, 0}, log = {NULL, 0};
	int rc = read_file(path, &image, err);

	*db = NULL;
	if (!rc)
		rc = read_file(log_path, &log, err);
	if (!rc) {
		wal_apply(&image, &log);
		rc = check_header(path, &image, err);
	}
	if (!rc && open_image(&image, db))
		rc = errtext_set(err, ENOMEM, "%s: SQLite cannot hold it in memory", path);
	if (!rc)
		rc = judge(path, *db, lock, meta, err);
	free(log.data);
	free(log_path);
	if (rc) {
		sqlite3_close(*db);
		free(image.data);
		*db = NULL;
		return rc;
	}
	*memory = image.data;
	return 0;
}
