// SPDX-License-Identifier: Apache-2.0
/*
 * FILE.lock: one line of fixed length, written in place.
 *
 *   vsw-lock pid=1234 id=<UUID of the file> seq=42 sum=<16 hex digits>
 *
 * The lock itself is an open file description lock on the file, so it ends with its holder, however that ends; the file
 * stays. The number in it is written after the log was synced, so the file never promises what the disk does not have,
 * and SQLite's silent cut of a log at its first bad frame, or a log that somebody removed, shows as a database that is
 * behind its lock file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ovsdb/db_store_impl.h"

LOG_MODULE(ovsdb_lock);

#define LINE_LEN 128

static uint64_t line_sum(const char *id, uint64_t seq)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, seq);
	return db_store_sum(3, (const char *const[]){"lock", id, text});
}

/* What the last holder left. Return: its pid, 0 when unknown. */
static int read_line(struct db_store_lock *lock)
{
	char line[LINE_LEN + 1] = "", id[UUID_LEN + 1];
	ssize_t n = pread(lock->fd, line, LINE_LEN, 0);
	uint64_t seq, sum;
	int pid = 0;

	lock->id[0] = '\0';
	lock->seq = 0;
	if (n <= 0)
		return 0;
	if (sscanf(line, "vsw-lock pid=%d id=%36s seq=%" SCNu64 " sum=%" SCNx64, &pid, id, &seq, &sum) != 4 ||
	    sum != line_sum(id, seq)) {
		log_warn(
			"the lock file of the database is not readable; whether its log is complete cannot be checked");
		return pid;
	}
	strcpy(lock->id, id);
	lock->seq = seq;
	return pid;
}

static int take_failed(struct db_store_lock *lock, const char *path, int code, struct errtext *err)
{
	int pid = read_line(lock);
	char by[32] = "";

	db_store_lock_drop(lock);
	if (code != EAGAIN && code != EACCES)
		return errtext_set(err, code, "%s.lock: cannot lock: %s", path, strerror(code));
	if (pid > 0)
		snprintf(by, sizeof by, " (process %d)", pid);
	return errtext_set(err, EBUSY,
			   "database %s is in use by another daemon%s; stop it, or give this one another file "
			   "with --db",
			   path, by);
}

int db_store_lock_take(struct db_store_lock *lock, const char *db_path, struct errtext *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *path = xasprintf("%s.lock", db_path);
	int rc = 0;

	*lock = (struct db_store_lock){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
	if (lock->fd < 0)
		rc = errtext_set(err, errno, "cannot open %s: %s", path, strerror(errno));
	else if (fcntl(lock->fd, F_OFD_SETLK, &whole))
		rc = take_failed(lock, db_path, errno, err);
	else
		read_line(lock);
	free(path);
	return rc;
}

void db_store_lock_note(struct db_store_lock *lock, const char *id, uint64_t seq)
{
	char line[LINE_LEN + 1];
	int n = snprintf(line, sizeof line, "vsw-lock pid=%d id=%s seq=%" PRIu64 " sum=%016" PRIx64, (int)getpid(), id,
			 seq, line_sum(id, seq));

	memset(line + n, ' ', (size_t)(LINE_LEN - n));
	line[LINE_LEN - 1] = '\n';
	if (pwrite(lock->fd, line, LINE_LEN, 0) != LINE_LEN)
		log_warn_rl("cannot write the database's lock file: %s", strerror(errno));
}

void db_store_lock_drop(struct db_store_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}
