// SPDX-License-Identifier: Apache-2.0
/*
 * The socket does not block; each step waits in poll() until the deadline of the call, so that a daemon that is stuck, or a
 * socket of something else, ends in a sentence and not in a program that hangs.
 */
#include "ctl/rpc.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/ds.h"

/** An answer longer than this is not from our daemon. */
#define RPC_MAX_ANSWER ((size_t)1 << 30)

struct rpc {
	int fd;
	int passed_fd; /* -1: none */
	int timeout_ms;
	int64_t deadline_ms; /* of the call that runs */
	char *path;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void set_deadline(struct rpc *rpc)
{
	rpc->deadline_ms = rpc->timeout_ms < 0 ? INT64_MAX : now_ms() + rpc->timeout_ms;
}

/* Wait until the socket can be read or written. */
static int wait_for(const struct rpc *rpc, short events, struct errtext *err)
{
	struct pollfd pfd = {.fd = rpc->fd, .events = events};

	for (;;) {
		int64_t left_ms = rpc->timeout_ms < 0 ? -1 : MAX(rpc->deadline_ms - now_ms(), 0);
		int n = poll(&pfd, 1, (int)left_ms);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errtext_set(err, errno, "%s: %s", rpc->path, strerror(errno));
		if (!n)
			return errtext_set(err, ETIMEDOUT,
					   "vsw-switchd did not answer within %g s (%s); --timeout gives it longer",
					   rpc->timeout_ms / 1000.0, rpc->path);
	}
}

static int say_absent(const struct rpc *rpc, const char *rundir, int error, struct errtext *err)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return errtext_set(err, ENOENT,
				   "vsw-switchd is not running (there is no %s); `vsw service start` starts it, "
				   "--rundir names another run folder",
				   rpc->path);
	case ECONNREFUSED:
		return errtext_set(err, error,
				   "vsw-switchd is not running (nobody listens on %s); `vsw service start` starts it",
				   rpc->path);
	case EACCES:
	case EPERM:
		return errtext_set(err, error,
				   "no permission to use %s; be root, or in the group that owns the socket (ls -l %s)",
				   rpc->path, rundir);
	default:
		return errtext_set(err, error, "cannot connect to %s: %s", rpc->path, strerror(error));
	}
}

/* The path may be longer than sun_path: then it is reached through a descriptor of its folder. */
static int fill_address(const struct rpc *rpc, const char *rundir, struct sockaddr_un *sun, int *dirfd)
{
	*dirfd = -1;
	sun->sun_family = AF_UNIX;
	if (strlen(rpc->path) < sizeof sun->sun_path) {
		strcpy(sun->sun_path, rpc->path);
		return 0;
	}
	*dirfd = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dirfd < 0)
		return errno;
	snprintf(sun->sun_path, sizeof sun->sun_path, "/proc/self/fd/%d/vsw.sock", *dirfd);
	return 0;
}

/* Return: 0 or errno. A full backlog (EAGAIN) is waited for. */
static int connect_socket(struct rpc *rpc, const char *rundir, struct errtext *err)
{
	struct sockaddr_un sun = {0};
	int dirfd, error = fill_address(rpc, rundir, &sun, &dirfd);

	rpc->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!error && rpc->fd < 0)
		error = errno;
	/* A connect() that blocks on a full backlog honours SO_SNDTIMEO. */
	if (!error && rpc->timeout_ms >= 0) {
		struct timeval tv = {rpc->timeout_ms / 1000, rpc->timeout_ms % 1000 * 1000};

		setsockopt(rpc->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	}
	if (!error && connect(rpc->fd, (struct sockaddr *)&sun, sizeof sun))
		error = errno;
	if (dirfd >= 0)
		close(dirfd);
	if (error == EAGAIN)
		return errtext_set(err, ETIMEDOUT, "vsw-switchd does not take new connections (%s)", rpc->path);
	if (error)
		return say_absent(rpc, rundir, error, err);
	fcntl(rpc->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

int rpc_open(struct rpc **rpcp, const char *rundir, int timeout_ms, struct errtext *err)
{
	struct rpc *rpc = xzalloc(sizeof *rpc);
	int error;

	rpc->fd = rpc->passed_fd = -1;
	rpc->timeout_ms = timeout_ms;
	rpc->path = xasprintf("%s/vsw.sock", rundir);
	set_deadline(rpc);
	error = connect_socket(rpc, rundir, err);
	if (error) {
		rpc_close(rpc);
		rpc = NULL;
	}
	*rpcp = rpc;
	return error;
}

void rpc_close(struct rpc *rpc)
{
	if (!rpc)
		return;
	if (rpc->fd >= 0)
		close(rpc->fd);
	if (rpc->passed_fd >= 0)
		close(rpc->passed_fd);
	free(rpc->path);
	free(rpc);
}

static int lost(const struct rpc *rpc, int error, struct errtext *err)
{
	return errtext_set(err, EPIPE, "vsw-switchd closed the connection (%s)%s%s; its log says why", rpc->path,
			   error ? ": " : "", error ? strerror(error) : "");
}

/* A daemon that refuses a request may answer before it has read it all: a broken pipe is not the end, the answer may be there. */
static int send_all(struct rpc *rpc, const char *data, size_t len, struct errtext *err)
{
	for (size_t off = 0; off < len;) {
		ssize_t n = send(rpc->fd, data + off, len - off, MSG_NOSIGNAL);
		int error = 0;

		if (n > 0)
			off += (size_t)n;
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		else if (errno == EAGAIN)
			error = wait_for(rpc, POLLOUT, err);
		else if (errno != EINTR)
			error = lost(rpc, errno, err);
		if (error)
			return error;
	}
	return 0;
}

/* As recv(). A descriptor that comes along is kept for rpc_take_fd(). */
static ssize_t receive(struct rpc *rpc, void *buffer, size_t size)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {buffer, size};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n = recvmsg(rpc->fd, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return n;
	if (rpc->passed_fd >= 0)
		close(rpc->passed_fd);
	memcpy(&rpc->passed_fd, CMSG_DATA(c), sizeof rpc->passed_fd);
	return n;
}

int rpc_take_fd(struct rpc *rpc)
{
	int fd = rpc->passed_fd;

	rpc->passed_fd = -1;
	return fd;
}

static int receive_line(struct rpc *rpc, struct ds *line, struct errtext *err)
{
	char buffer[65536];

	for (;;) {
		ssize_t n = receive(rpc, buffer, sizeof buffer);
		int error = 0;

		if (n > 0) {
			ds_put_mem(line, buffer, (size_t)n);
			if (buffer[n - 1] == '\n')
				return 0;
			if (line->len > RPC_MAX_ANSWER)
				return errtext_set(err, EPROTO, "%s: the answer has no end", rpc->path);
		} else if (!n || errno == ECONNRESET) {
			return lost(rpc, n ? errno : 0, err);
		} else if (errno == EAGAIN) {
			error = wait_for(rpc, POLLIN, err);
		} else if (errno != EINTR) {
			error = lost(rpc, errno, err);
		}
		if (error)
			return error;
	}
}

/* "EINVAL" -> EINVAL; EIO for names that this libc does not have. */
static int errno_from_name(const char *name)
{
	for (int e = 1; e < 200; e++) {
		const char *known = strerrorname_np(e);

		if (known && !strcmp(known, name))
			return e;
	}
	return EIO;
}

/* The "error" member. Return: 0 when it is null. */
static int read_error(const json_t *answer, struct errtext *err)
{
	json_t *e = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(e, "text"));
	const char *code = json_string_value(json_object_get(e, "code"));
	int error;

	if (!e || json_is_null(e))
		return 0;
	error = code ? errno_from_name(code) : EIO;
	return errtext_at(err, error, (size_t)json_integer_value(json_object_get(e, "column")), "%s",
			  text ? text : "the daemon gave no reason");
}

static int read_answer(const struct rpc *rpc, const struct ds *line, json_t **result, struct errtext *err)
{
	json_t *answer = json_loadb(ds_cstr(line), line->len, JSON_REJECT_DUPLICATES, NULL);
	int error;

	if (!json_is_object(answer)) {
		json_decref(answer);
		return errtext_set(err, EPROTO, "%s: what answers there is not vsw-switchd", rpc->path);
	}
	error = read_error(answer, err);
	if (!error) {
		json_t *value = json_object_get(answer, "result");

		*result = value ? json_incref(value) : json_object();
	}
	json_decref(answer);
	return error;
}

int rpc_call(struct rpc *rpc, const char *method, json_t *params, json_t **result, struct errtext *err)
{
	json_t *request =
		json_pack("{s:s, s:o, s:i}", "method", method, "params", params ? params : json_object(), "id", 1);
	struct ds line = DS_INIT;
	char *text;
	int error;

	if (!request)
		return errtext_set(err, EILSEQ, "an argument is not UTF-8 text");
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	ds_put(&line, text);
	ds_put_char(&line, '\n');
	free(text);
	set_deadline(rpc);
	error = send_all(rpc, line.s, line.len, err);
	ds_clear(&line);
	if (!error)
		error = receive_line(rpc, &line, err);
	if (!error)
		error = read_answer(rpc, &line, result, err);
	ds_fini(&line);
	return error;
}

pid_t rpc_peer(const struct rpc *rpc)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(rpc->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	return cred.pid > 0 ? cred.pid : -ESRCH;
}
