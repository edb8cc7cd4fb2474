// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/dummy_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errtext.h"
#include "base/log.h"
#include "base/util.h"
#include "os/loop.h"

LOG_MODULE(dummy_stream);

enum {
	HEADER_LEN = 2,
	FRAME_MAX = 65535,
	RECONNECT_MS = 1000,
	/* Reads of one peer before the others have their turn. */
	READS_PER_EVENT = 4,
};

struct peer {
	struct loop_fd lfd;
	struct dummy_stream *stream;
	int fd;		/* -1: none */
	bool is_broken; /* to be closed when nobody uses it any more */
	size_t n_in;
	uint8_t in[HEADER_LEN + FRAME_MAX];
	size_t out_head, n_out; /* bytes out[out_head .. out_head + n_out) wait to be written */
	uint8_t out[DUMMY_QUEUE];
};

struct dummy_stream {
	struct loop *loop;
	void (*receive)(void *aux, const uint8_t *frame, size_t len);
	void *aux;
	struct sockaddr_un address;
	bool listens;
	bool is_ours; /* the socket file: remove it */
	int listen_fd;
	struct loop_fd listen_lfd;
	struct loop_timer retry;
	struct peer *peers[DUMMY_MAX_PEERS];
};

/* ---- one peer ---- */

static void retry_later(struct dummy_stream *s);

static void peer_close(struct peer *p)
{
	struct dummy_stream *s = p->stream;

	for (size_t i = 0; i < DUMMY_MAX_PEERS; i++)
		if (s->peers[i] == p)
			s->peers[i] = NULL;
	loop_del_fd(s->loop, &p->lfd);
	close(p->fd);
	free(p);
	if (!s->listens)
		retry_later(s);
}

static void peer_write(struct peer *p)
{
	while (p->n_out) {
		ssize_t n = send(p->fd, p->out + p->out_head, p->n_out, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			p->is_broken |= errno != EAGAIN;
			break;
		}
		p->out_head += (size_t)n;
		p->n_out -= (size_t)n;
	}
	if (!p->n_out)
		p->out_head = 0;
	/* A broken one is noticed by its next event, which hanging up causes anyway. */
	loop_set_events(p->stream->loop, &p->lfd, p->n_out ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int peer_send(struct peer *p, const uint8_t *frame, size_t len)
{
	uint8_t *end;

	if (p->is_broken)
		return -ENOTCONN;
	if (HEADER_LEN + len > sizeof p->out - p->n_out)
		return -EAGAIN;
	if (HEADER_LEN + len > sizeof p->out - p->out_head - p->n_out) {
		memmove(p->out, p->out + p->out_head, p->n_out);
		p->out_head = 0;
	}
	end = p->out + p->out_head + p->n_out;
	end[0] = (uint8_t)(len >> 8);
	end[1] = (uint8_t)len;
	memcpy(end + HEADER_LEN, frame, len);
	p->n_out += HEADER_LEN + len;
	peer_write(p);
	return 0;
}

/* Hands over the whole frames in p->in, keeps the rest. */
static void peer_deliver(struct peer *p)
{
	size_t done = 0;

	while (p->n_in - done >= HEADER_LEN) {
		size_t len = (size_t)p->in[done] << 8 | p->in[done + 1];

		if (len > p->n_in - done - HEADER_LEN)
			break;
		p->stream->receive(p->stream->aux, p->in + done + HEADER_LEN, len);
		done += HEADER_LEN + len;
	}
	p->n_in -= done;
	memmove(p->in, p->in + done, p->n_in);
}

static void peer_read(struct peer *p)
{
	for (int i = 0; i < READS_PER_EVENT && !p->is_broken; i++) {
		ssize_t n = recv(p->fd, p->in + p->n_in, sizeof p->in - p->n_in, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			p->is_broken = true;
			return;
		}
		p->n_in += (size_t)n;
		peer_deliver(p);
	}
}

static void peer_ready(struct loop_fd *lfd, uint32_t events)
{
	struct peer *p = container_of(lfd, struct peer, lfd);

	if (events & EPOLLOUT)
		peer_write(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		peer_read(p);
	if (p->is_broken)
		peer_close(p);
}

/* Takes @fd over. Return: whether there was a place for it. */
static bool peer_new(struct dummy_stream *s, int fd)
{
	for (size_t i = 0; i < DUMMY_MAX_PEERS; i++) {
		struct peer *p;

		if (s->peers[i])
			continue;
		p = xzalloc(sizeof *p);
		p->stream = s;
		p->fd = fd;
		s->peers[i] = p;
		if (!loop_add_fd(s->loop, &p->lfd, fd, EPOLLIN, peer_ready))
			return true;
		s->peers[i] = NULL;
		free(p);
		break;
	}
	close(fd);
	return false;
}

/* ---- connecting ---- */

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A unix socket connects at once or not at all. */
static void try_connect(struct dummy_stream *s)
{
	int fd = unix_socket();

	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&s->address, sizeof s->address)) {
		peer_new(s, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	retry_later(s);
}

static void retry(struct loop_timer *timer, int64_t now_ms)
{
	(void)now_ms;
	try_connect(container_of(timer, struct dummy_stream, retry));
}

static void retry_later(struct dummy_stream *s)
{
	loop_set_timer(s->loop, &s->retry, clock_now_ms() + RECONNECT_MS, retry);
}

/* ---- listening ---- */

static void listen_ready(struct loop_fd *lfd, uint32_t events)
{
	struct dummy_stream *s = container_of(lfd, struct dummy_stream, listen_lfd);
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0 && !peer_new(s, fd))
		log_warn_rl("%s: more than %d peers, one turned away", s->address.sun_path, DUMMY_MAX_PEERS);
}

/* Whether the path is a socket that a process left behind. */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = unix_socket();
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int start_listening(struct dummy_stream *s, struct errtext *err)
{
	const struct sockaddr *address = (const struct sockaddr *)&s->address;
	int error;

	s->listen_fd = unix_socket();
	if (s->listen_fd < 0)
		return errtext_set(err, errno, "punix:%s: no socket: %s", s->address.sun_path, strerror(errno));
	if (is_stale(&s->address))
		unlink(s->address.sun_path);
	if (bind(s->listen_fd, address, sizeof s->address) < 0)
		return errtext_set(err, errno, "punix:%s: cannot listen there: %s", s->address.sun_path,
				   strerror(errno));
	s->is_ours = true;
	chmod(s->address.sun_path, 0660);
	if (listen(s->listen_fd, DUMMY_MAX_PEERS) < 0)
		return errtext_set(err, errno, "punix:%s: cannot listen there: %s", s->address.sun_path,
				   strerror(errno));
	error = loop_add_fd(s->loop, &s->listen_lfd, s->listen_fd, EPOLLIN, listen_ready);
	return error ? errtext_set(err, -error, "punix:%s: cannot watch the socket", s->address.sun_path) : 0;
}

/* ---- life ---- */

static int set_address(struct dummy_stream *s, const char *rundir, const char *target, struct errtext *err)
{
	const char *path = strchr(target, ':');
	int n;

	s->listens = !strncmp(target, "punix:", 6);
	if ((!s->listens && strncmp(target, "unix:", 5) != 0) || !path[1])
		return errtext_set(err, EINVAL, "'%s': expected %s:PATH", target, *target == 'p' ? "punix" : "unix");
	path++;
	s->address.sun_family = AF_UNIX;
	n = *path == '/' || !rundir ? snprintf(s->address.sun_path, sizeof s->address.sun_path, "%s", path)
				    : snprintf(s->address.sun_path, sizeof s->address.sun_path, "%s/%s", rundir, path);
	if (n < 0 || (size_t)n >= sizeof s->address.sun_path)
		return errtext_set(err, ENAMETOOLONG, "'%s': the path of a socket has at most %zu characters", target,
				   sizeof s->address.sun_path - 1);
	return 0;
}

int dummy_stream_new(struct loop *loop, const char *rundir, const char *target,
		     void (*receive)(void *aux, const uint8_t *frame, size_t len), void *aux,
		     struct dummy_stream **stream, struct errtext *err)
{
	struct dummy_stream *s = xzalloc(sizeof *s);
	int error;

	s->loop = loop;
	s->receive = receive;
	s->aux = aux;
	s->listen_fd = -1;
	error = set_address(s, rundir, target, err);
	if (!error && s->listens)
		error = start_listening(s, err);
	if (error) {
		dummy_stream_free(s);
		return error;
	}
	if (!s->listens)
		try_connect(s);
	*stream = s;
	return 0;
}

void dummy_stream_free(struct dummy_stream *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < DUMMY_MAX_PEERS; i++)
		if (s->peers[i])
			peer_close(s->peers[i]);
	loop_cancel_timer(s->loop, &s->retry);
	loop_del_fd(s->loop, &s->listen_lfd);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->is_ours)
		unlink(s->address.sun_path);
	free(s);
}

int dummy_stream_send(struct dummy_stream *s, const uint8_t *frame, size_t len)
{
	int result = -ENOTCONN;

	if (len > FRAME_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < DUMMY_MAX_PEERS; i++) {
		int error = s->peers[i] ? peer_send(s->peers[i], frame, len) : -ENOTCONN;

		if (!error || (error == -EAGAIN && result))
			result = error;
	}
	return result;
}
