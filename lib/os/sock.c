// SPDX-License-Identifier: Apache-2.0
#include "os/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/*
 * Write the address of @path. One that is too long is reached through its directory's descriptor.
 * Return: that descriptor, to be closed after use, -1 when none was needed, or < -1: negative errno.
 */
static int address_of(const char *path, struct sockaddr_un *sun)
{
	char *copy, *base;
	int dirfd;

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) < sizeof sun->sun_path) {
		memcpy(sun->sun_path, path, strlen(path) + 1);
		return -1;
	}
	copy = xstrdup(path);
	base = strrchr(copy, '/');
	if (!base || strlen(base + 1) > 64) {
		free(copy);
		return -ENAMETOOLONG;
	}
	*base++ = '\0';
	dirfd = open(copy[0] ? copy : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		dirfd = -errno;
	else
		snprintf(sun->sun_path, sizeof sun->sun_path, "/proc/self/fd/%d/%s", dirfd, base);
	free(copy);
	return dirfd == -1 ? -EIO : dirfd;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

int sock_connect_unix(const char *path)
{
	struct sockaddr_un sun;
	int dirfd = address_of(path, &sun);
	int fd;

	if (dirfd < -1)
		return dirfd;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fd = -errno;
	} else if (connect(fd, (struct sockaddr *)&sun, sizeof sun)) {
		int error = errno;

		close(fd);
		fd = -error;
	}
	close_if_open(dirfd);
	return fd;
}

/* Remove a socket file that a dead process left. Return: 0 when @path is free now, or negative errno with @err. */
static int clear_stale(const char *path, struct errtext *err)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : errtext_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return errtext_set(err, EEXIST, "%s: there is a file of that name that is not a socket", path);
	fd = sock_connect_unix(path);
	if (fd >= 0) {
		close(fd);
		return errtext_set(err, EADDRINUSE, "%s: another process listens there", path);
	}
	if (fd != -ECONNREFUSED)
		return errtext_set(err, -fd, "%s: %s", path, strerror(-fd));
	if (unlink(path) && errno != ENOENT)
		return errtext_set(err, errno, "%s: cannot be removed: %s", path, strerror(errno));
	return 0;
}

/* The group may use it, too; failure only means that the group may not. */
static void give_to_group(const char *path, const char *group)
{
	const struct group *gr = group ? getgrnam(group) : NULL;

	if (gr && chown(path, (uid_t)-1, gr->gr_gid)) {
		/* Not root and not in the group: it stays ours. */
	}
}

static int bind_and_listen(int fd, const struct sockaddr_un *sun, mode_t mode)
{
	/* Nobody may slip in between bind() and chmod(). */
	mode_t umask_before = umask(0777 & ~mode);
	int error = bind(fd, (const struct sockaddr *)sun, sizeof *sun) ? -errno : 0;

	umask(umask_before);
	if (!error && listen(fd, BACKLOG))
		error = -errno;
	return error;
}

int sock_listen_unix(const char *path, mode_t mode, const char *group, struct errtext *err)
{
	struct sockaddr_un sun;
	int error = clear_stale(path, err);
	int dirfd, fd;

	if (error)
		return error;
	dirfd = address_of(path, &sun);
	if (dirfd < -1)
		return errtext_set(err, -dirfd, "%s: %s", path, strerror(-dirfd));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = fd < 0 ? -errno : bind_and_listen(fd, &sun, mode);
	close_if_open(dirfd);
	if (error) {
		close_if_open(fd);
		return errtext_set(err, -error, "%s: cannot listen there: %s", path, strerror(-error));
	}
	give_to_group(path, group);
	return fd;
}

int sock_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Room for a control message with SOCK_MAX_FDS descriptors, aligned as one. */
union fd_message {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
};

ssize_t sock_send(int fd, const void *data, size_t n, const int *fds, size_t n_fds)
{
	struct iovec iov = {(void *)data, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union fd_message control = {0};
	ssize_t sent;

	if (n_fds > SOCK_MAX_FDS)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof *fds);
	}
	do {
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* Keep what fits of the descriptors that came, close the rest: a client could fill our table otherwise. */
static void take_fds(struct msghdr *msg, int *fds, size_t max_fds, size_t *n_fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (fds && *n_fds < max_fds)
				fds[(*n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t sock_recv(int fd, void *data, size_t n, int *fds, size_t max_fds, size_t *n_fds)
{
	struct iovec iov = {data, n};
	union fd_message control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t unused = 0;
	ssize_t got;

	if (!n_fds)
		n_fds = &unused;
	*n_fds = 0;
	if (fds) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof control;
	}
	do {
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	take_fds(&msg, fds, max_fds, n_fds);
	return got;
}
