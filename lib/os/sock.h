/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix stream sockets: listening with an access mode, connecting, descriptors as messages.
 *
 * Paths may be longer than the 107 bytes that struct sockaddr_un has: the directory is opened and the socket reached through
 * /proc/self/fd then, so that a run folder deep in a build tree works like any other.
 */
#ifndef OS_SOCK_H
#define OS_SOCK_H 1

#include <stddef.h>
#include <sys/types.h>

#include "base/errtext.h"
#include "base/util.h"

/** Most descriptors in one message. */
#define SOCK_MAX_FDS 16

/**
 * sock_listen_unix() - make the socket file and listen on it
 * @path: a socket file that nobody listens on any more is replaced; any other file is not
 * @mode: access mode of the file
 * @group: name of the group that gets it; no effect when NULL, when there is no such group, or when we may not give it away
 *
 * Return: a non-blocking, close-on-exec descriptor; -EADDRINUSE when somebody listens there, or another negative errno; with @err.
 */
VSW_MUST_USE int sock_listen_unix(const char *path, mode_t mode, const char *group, struct errtext *err);

/** sock_connect_unix() - Return: a blocking, close-on-exec descriptor or a negative errno (no sentence: the caller knows what it means). */
VSW_MUST_USE int sock_connect_unix(const char *path);

/** sock_accept() - Return: a non-blocking, close-on-exec descriptor or a negative errno (-EAGAIN: nobody is waiting). */
VSW_MUST_USE int sock_accept(int listener);

/**
 * sock_send() - as much as goes without waiting
 * @fds: @n_fds descriptors that travel with the first byte (SCM_RIGHTS); they stay open here
 *
 * Return: bytes sent (> 0), -EAGAIN when nothing goes now, or another negative errno. No SIGPIPE.
 */
VSW_MUST_USE ssize_t sock_send(int fd, const void *data, size_t n, const int *fds, size_t n_fds);

/**
 * sock_recv() - what is there
 * @fds: room for @max_fds descriptors (close-on-exec), or NULL; those that do not fit are closed
 * @n_fds: how many came; may be NULL when @fds is
 *
 * Return: bytes, 0 at the end of the stream, or a negative errno.
 */
VSW_MUST_USE ssize_t sock_recv(int fd, void *data, size_t n, int *fds, size_t max_fds, size_t *n_fds);

#endif
