/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions in a file; see journal.h. */
#include "switchd/pipeline/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/util.h"

#define HEADER "vsw-journal 1\n"
#define COMMIT "commit "
#define COMMIT_MAX 64

struct journal {
	char *path;
	int fd;
	uint64_t seq; /* of the last transaction */
	off_t size;   /* bytes that are sound */
	bool unsound; /* there may be more bytes in the file than that */
};

static int fail(const struct journal *j, const char *what, int code, struct errtext *err)
{
	return errtext_set(err, code, "cannot %s the flow journal %s: %s", what, j->path, strerror(code));
}

static size_t format_commit(char *out, uint64_t seq, const char *lines, size_t len)
{
	return (size_t)snprintf(out, COMMIT_MAX, COMMIT "%" PRIu64 " %zu %08x\n", seq, len, crc32c(lines, len));
}

/* All of it at one offset. Return: 0 or negative errno. */
static int write_all(int fd, off_t ofs, struct iovec *iov, int n)
{
	while (n) {
		ssize_t got = pwritev(fd, iov, n, ofs);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		ofs += got;
		for (; n && (size_t)got >= iov->iov_len; iov++, n--)
			got -= (ssize_t)iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + got;
			iov->iov_len -= (size_t)got;
		}
	}
	return 0;
}

static struct iovec iovec_of(const char *s, size_t n)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)s, .iov_len = n};
}

/* The whole file. Return: 0 or negative errno; *@data is the caller's either way. */
static int read_all(int fd, char **data, size_t *len)
{
	struct stat st;
	size_t n = 0;

	if (fstat(fd, &st))
		return -errno;
	*data = xmalloc((size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t got = pread(fd, *data + n, (size_t)st.st_size - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	*len = n;
	return 0;
}

/* The next line that starts with "commit " and is complete, from @p on. */
static const char *find_commit(const char *p, const char *end, const char **behind)
{
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		if (!newline)
			break;
		if ((size_t)(newline - p) >= strlen(COMMIT) && memcmp(p, COMMIT, strlen(COMMIT)) == 0) {
			*behind = newline + 1;
			return p;
		}
		p = newline + 1;
	}
	return NULL;
}

/* Walk the sound transactions. */
static void scan(struct journal *j, const char *data, size_t len, void (*cb)(void *aux, const char *lines, size_t len),
		 void *aux, struct journal_info *info)
{
	const char *p = data + strlen(HEADER), *end = data + len, *commit, *behind;
	char expected[COMMIT_MAX];

	if (len < strlen(HEADER) || memcmp(data, HEADER, strlen(HEADER)) != 0) {
		/* A new file, or the process was killed while writing the first line. */
		info->torn = len > 0 && len < strlen(HEADER) && memcmp(data, HEADER, len) == 0;
		info->damaged = len > 0 && !info->torn;
		return;
	}
	while ((commit = find_commit(p, end, &behind))) {
		size_t n = format_commit(expected, j->seq + 1, p, (size_t)(commit - p));

		if (n != (size_t)(behind - commit) || memcmp(expected, commit, n) != 0) {
			info->damaged = true;
			break;
		}
		cb(aux, p, (size_t)(commit - p));
		j->seq++;
		info->n_transactions++;
		p = behind;
	}
	info->torn = !info->damaged && p < end;
	j->size = p - data;
}

/* Cut off what is behind the sound part. */
static int make_sound(struct journal *j)
{
	j->unsound = ftruncate(j->fd, j->size) != 0;
	return j->unsound ? -errno : 0;
}

static int write_header(struct journal *j)
{
	struct iovec iov = iovec_of(HEADER, strlen(HEADER));
	int error = make_sound(j);

	if (!error)
		error = write_all(j->fd, 0, &iov, 1);
	if (error)
		(void)make_sound(j);
	else
		j->size = (off_t)strlen(HEADER);
	return error;
}

static int load(struct journal *j, void (*cb)(void *aux, const char *lines, size_t len), void *aux,
		struct journal_info *info, struct errtext *err)
{
	char *data = NULL;
	size_t len = 0;
	int error;

	j->fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return fail(j, "open", errno, err);
	error = read_all(j->fd, &data, &len);
	if (error) {
		free(data);
		return fail(j, "read", -error, err);
	}
	scan(j, data, len, cb, aux, info);
	free(data);
	if (info->damaged)
		return 0; /* left as it is for journal_rewrite() to put aside */
	error = j->size ? make_sound(j) : write_header(j);
	return error ? fail(j, "write", -error, err) : 0;
}

int journal_open(const char *path, void (*cb)(void *aux, const char *lines, size_t len), void *aux,
		 struct journal_info *info, struct journal **journal, struct errtext *err)
{
	struct journal *j = xzalloc(sizeof *j);
	int error;

	memset(info, 0, sizeof *info);
	j->path = xstrdup(path);
	j->fd = -1;
	error = load(j, cb, aux, info, err);
	if (error) {
		journal_close(j);
		return error;
	}
	*journal = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	free(j);
}

void journal_unlink(struct journal *j)
{
	unlink(j->path);
}

int journal_append(struct journal *j, const char *lines, size_t len, struct errtext *err)
{
	char commit[COMMIT_MAX];
	size_t n = format_commit(commit, j->seq + 1, lines, len);
	struct iovec iov[] = {iovec_of(lines, len), iovec_of(commit, n)};
	int error = j->unsound ? make_sound(j) : 0;

	if (!error)
		error = write_all(j->fd, j->size, iov, 2);
	if (error) {
		(void)make_sound(j);
		return fail(j, "write", -error, err);
	}
	j->seq++;
	j->size += (off_t)(len + n);
	return 0;
}

/* A complete journal of one transaction under another name. Return: its descriptor or negative errno. */
static int write_new(const char *path, const char *lines, size_t len, off_t *size)
{
	char commit[COMMIT_MAX];
	size_t n = format_commit(commit, 1, lines, len);
	struct iovec iov[] = {iovec_of(HEADER, strlen(HEADER)), iovec_of(lines, len), iovec_of(commit, n)};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, 0, iov, 3);
	if (error) {
		close(fd);
		return error;
	}
	*size = (off_t)(strlen(HEADER) + len + n);
	return fd;
}

static int keep_damaged(const struct journal *j)
{
	char *aside = xasprintf("%s.damaged", j->path);
	int error = 0;

	unlink(aside);
	if (link(j->path, aside))
		error = -errno;
	free(aside);
	return error;
}

int journal_rewrite(struct journal *j, const char *lines, size_t len, bool keep, struct errtext *err)
{
	char *new_path = xasprintf("%s.new", j->path);
	int error = 0, fd;
	off_t size = 0;

	fd = write_new(new_path, lines, len, &size);
	if (fd < 0)
		error = fd;
	if (!error && keep)
		error = keep_damaged(j);
	if (!error && rename(new_path, j->path))
		error = -errno;
	if (error) {
		unlink(new_path);
		if (fd >= 0)
			close(fd);
		free(new_path);
		return fail(j, "rewrite", -error, err);
	}
	free(new_path);
	close(j->fd);
	j->fd = fd;
	j->seq = 1;
	j->size = size;
	j->unsound = false;
	return 0;
}
