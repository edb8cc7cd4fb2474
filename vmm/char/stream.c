// SPDX-License-Identifier: Apache-2.0
/*
 * Streams over descriptors. They are not made non-blocking, as standard input and output are shared with whoever started us: sockets are told for
 * each call, others are asked before, and then given no more than they are sure to take.
 */
#include "vmm/char/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/core/sandbox.h"

SANDBOX_CALLS(THREAD_IO, SYS_sendto);

/** A pipe or terminal that is ready takes this much without waiting. */
#define SMALL_WRITE 256

static void update_input(struct stream *s);

/* Offer what waits. Return: whether all of it was taken. */
static bool offer(struct stream *s)
{
	size_t n = s->len ? s->dev->user.input(s->dev->user.aux, s->buffer + s->start, s->len) : 0;

	s->start += n;
	s->len -= n;
	return !s->len;
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

static bool may_read(const struct stream *s)
{
	return !s->len || s->is_eager;
}

/* One read and its offer. Return: whether to go on with the next. */
static bool read_some(struct stream *s)
{
	uint8_t lost[64], *at = s->buffer + s->len;
	size_t room = sizeof s->buffer - s->len;
	ssize_t n;

	if (s->in_fd < 0 || !may_read(s) || !is_ready(s->in_fd, POLLIN))
		return false;
	memmove(s->buffer, s->buffer + s->start, s->len);
	s->start = 0;
	n = room ? read(s->in_fd, at, room) : read(s->in_fd, lost, sizeof lost);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		s->ended(s);
		return false;
	}
	if (s->filter)
		n = (ssize_t)s->filter(s, room ? at : lost, (size_t)n);
	s->len += room ? (size_t)n : 0;
	return offer(s);
}

static void in_ready(struct loop_fd *self, uint32_t events)
{
	struct stream *s = container_of(self, struct stream, in);

	(void)events;
	read_some(s);
	update_input(s);
}

/*
 * Watch for input while it may be read. A closed end would be told over and over, so that a descriptor that is not to be read is not watched
 * at all. What cannot be watched (a file) is always ready.
 */
static void update_input(struct stream *s)
{
	bool wanted = s->loop && s->in_fd >= 0 && may_read(s);

	if (wanted && !s->in.fd_plus_1 && loop_add_fd(s->loop, &s->in, s->in_fd, EPOLLIN, in_ready)) {
		while (read_some(s))
			continue;
	} else if (!wanted && s->loop) {
		loop_del_fd(s->loop, &s->in);
	}
}

void stream_resume(struct stream *s)
{
	if (offer(s))
		update_input(s);
}

static void out_ready(struct loop_fd *self, uint32_t events)
{
	struct stream *s = container_of(self, struct stream, out);

	(void)events;
	loop_del_fd(s->loop, &s->out);
	if (s->dev->user.writable)
		s->dev->user.writable(s->dev->user.aux);
}

static ssize_t write_some(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (!is_ready(fd, POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, data, MIN(len, SMALL_WRITE));
}

size_t stream_write(struct stream *s, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len && s->out_fd >= 0) {
		ssize_t n = write_some(s->out_fd, (const char *)data + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN && s->loop &&
			 (s->out.fd_plus_1 || !loop_add_fd(s->loop, &s->out, s->out_fd, EPOLLOUT, out_ready)))
			return done;
		else
			return len; /* nobody reads it any more; reading tells that the end is gone */
	}
	return len;
}

void stream_open(struct stream *s, int in_fd, int out_fd)
{
	s->in_fd = in_fd;
	s->out_fd = out_fd;
	s->start = s->len = 0;
	update_input(s);
}

void stream_close(struct stream *s)
{
	if (s->loop) {
		loop_del_fd(s->loop, &s->in);
		loop_del_fd(s->loop, &s->out);
	}
	s->in_fd = s->out_fd = -1;
	s->len = 0;
}
