// SPDX-License-Identifier: Apache-2.0
/*
 * A client's life: READING collects bytes until a line is whole; the line joins the queue of those to be run; its answer makes it WRITING until
 * the last byte has left; then the next line that is already here, or READING again. While a client writes nothing is read from it, so
 * one client costs at most a request and an answer, and total_bytes bounds what all of them cost.
 */
#include "os/control.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/control_impl.h"
#include "os/loop.h"
#include "os/sock.h"

LOG_MODULE(control);

enum {
	STALL_MS = 30000, /* longest pause in the middle of a line or of an answer */
	READ_CHUNK = 65536,
	KEEP_BUFFER = 65536, /* larger buffers are given back when they are empty */
};

/* What all clients' requests and answers together may take. */
#define TOTAL_MAX ((size_t)768 << 20)

struct client {
	struct cds_list_head node;     /* server.clients */
	struct cds_list_head run_node; /* server.runnable, while is_runnable */
	struct loop_fd lfd;
	struct loop_timer stall; /* set while a line or an answer is half done */
	int fd;
	struct ds in;	       /* bytes received; those before `taken` were run */
	size_t taken, scanned; /* no newline in [taken, scanned) */
	struct ds out;	       /* the answer under way */
	size_t sent;
	size_t accounted;	    /* this client's part of server.total_bytes */
	int pass_fds[SOCK_MAX_FDS]; /* go with the first byte of the answer */
	size_t n_pass_fds;
	int got_fds[SOCK_MAX_FDS]; /* came with the request at hand, or the next one */
	size_t n_got_fds;
	struct control_request *request; /* being worked on */
	bool is_runnable;
	bool at_eof;  /* it will send no more, but may still read */
	bool closing; /* close when the answer has left */
	void (*gone)(void *aux);
	void *gone_aux;
};

struct control_request {
	struct client *client;
	json_t *message; /* whole; owns params and id */
	bool deferred;
	void (*cancel)(void *aux);
	void *aux;
};

static struct {
	struct loop *loop;
	struct loop_fd lfd;
	int fd;
	char *path;
	struct cds_list_head clients, runnable;
	size_t n_clients, total_bytes;
	bool posted; /* run_queue() is on its way */
	bool paused; /* out of descriptors: not accepting */
	bool accepts_fds;
} server = {.fd = -1, .clients = CDS_LIST_HEAD_INIT(server.clients), .runnable = CDS_LIST_HEAD_INIT(server.runnable)};

static void client_advance(struct client *c);

/* ---- answers ---- */

/* What this client holds, in the sum of all. Return: true when the sum is in bounds. */
static bool account(struct client *c)
{
	size_t now = c->in.cap + c->out.cap;

	server.total_bytes = server.total_bytes - c->accounted + now;
	c->accounted = now;
	return server.total_bytes <= TOTAL_MAX;
}

static int append_to_ds(const char *data, size_t n, void *aux)
{
	ds_put_mem(aux, data, n);
	return 0;
}

/* Write the line of an answer into c->out. @result: reference taken. */
static void put_answer(struct client *c, json_t *id, int error, json_t *result, const struct errtext *err)
{
	json_t *answer = json_object();

	json_object_set(answer, "id", id ? id : json_null());
	json_object_set_new(answer, "result", !error && result ? json_incref(result) : json_null());
	json_object_set_new(answer, "error", error ? control_error_object(error, err) : json_null());
	json_decref(result);
	if (json_dump_callback(answer, append_to_ds, &c->out, JSON_COMPACT | JSON_REAL_PRECISION(12))) {
		ds_clear(&c->out);
		ds_put(&c->out, "{\"id\":null,\"result\":null,\"error\":{\"text\":\"the answer is not "
				"UTF-8\",\"code\":\"EILSEQ\"}}");
	}
	ds_put_char(&c->out, '\n');
	json_decref(answer);
}

/* Refuse the connection as a whole: one last answer, then close. */
static void refuse(struct client *c, int code, const char *text)
{
	struct errtext err;

	errtext_set(&err, code, "%s", text);
	ds_fini(&c->in);
	ds_fini(&c->out);
	c->taken = c->scanned = c->sent = 0;
	put_answer(c, NULL, -code, NULL, &err);
	c->closing = true;
	account(c);
}

/* ---- a client's end ---- */

static void close_pass_fds(struct client *c)
{
	while (c->n_pass_fds)
		close(c->pass_fds[--c->n_pass_fds]);
}

static void close_got_fds(struct client *c)
{
	while (c->n_got_fds)
		close(c->got_fds[--c->n_got_fds]);
}

static void give_back(struct ds *ds)
{
	if (ds->cap > KEEP_BUFFER)
		ds_fini(ds);
	else
		ds_clear(ds);
}

static void request_free(struct control_request *r)
{
	json_decref(r->message);
	free(r);
}

static void client_drop(struct client *c)
{
	struct control_request *r = c->request;

	if (r) {
		r->client = NULL;
		if (r->cancel) {
			r->cancel(r->aux);
			request_free(r);
		}
	}
	loop_del_fd(server.loop, &c->lfd);
	loop_cancel_timer(server.loop, &c->stall);
	if (c->is_runnable)
		cds_list_del(&c->run_node);
	cds_list_del(&c->node);
	server.n_clients--;
	server.total_bytes -= c->accounted;
	close_pass_fds(c);
	close_got_fds(c);
	close(c->fd);
	ds_fini(&c->in);
	ds_fini(&c->out);
	if (server.paused) {
		server.paused = false;
		loop_set_events(server.loop, &server.lfd, EPOLLIN);
	}
	if (c->gone)
		c->gone(c->gone_aux);
	free(c);
}

static void stalled(struct loop_timer *self, int64_t now_ms)
{
	struct client *c = container_of(self, struct client, stall);

	(void)now_ms;
	log_warn_rl("a client that %s is cut off",
		    c->sent < c->out.len ? "does not read its answer" : "stopped in the middle of a request");
	client_drop(c);
}

static void set_stall(struct client *c, bool on)
{
	if (on)
		loop_set_timer(server.loop, &c->stall, clock_now_ms() + STALL_MS, stalled);
	else
		loop_cancel_timer(server.loop, &c->stall);
}

/* ---- running requests ---- */

/* May end the client. */
static void run_request(struct client *c, json_t *message)
{
	struct control_request *r = xzalloc(sizeof *r);
	struct errtext err = {0};
	json_t *params, *result = NULL;
	const char *name;
	control_fn *fn;
	int error;

	r->client = c;
	r->message = message;
	c->request = r;
	name = json_string_value(json_object_get(r->message, "method"));
	params = json_object_get(r->message, "params");
	if (!params || json_is_null(params)) {
		params = json_object();
		json_object_set_new(r->message, "params", params);
	}
	fn = name ? control_find(name) : NULL;
	if (!name)
		error = errtext_set(&err, EPROTO, "the request has no \"method\"");
	else if (!fn)
		error = errtext_set(&err, ENOSYS, "unknown method '%.60s'; \"methods\" lists them", name);
	else if (!json_is_object(params))
		error = errtext_set(&err, EINVAL, "%s: \"params\" must be an object", name);
	else
		error = fn(r, params, &result, &err);
	if (!r->deferred)
		control_reply(r, error, result, &err);
}

void control_defer(struct control_request *request, void (*cancel)(void *aux), void *aux)
{
	request->deferred = true;
	request->cancel = cancel;
	request->aux = aux;
}

void control_reply(struct control_request *request, int error, json_t *result, const struct errtext *err)
{
	struct client *c = request->client;

	if (!c) {
		json_decref(result);
		request_free(request);
		return;
	}
	put_answer(c, json_object_get(request->message, "id"), error, result, err);
	close_got_fds(c);
	c->request = NULL;
	request_free(request);
	if (!account(c))
		refuse(c, ENOBUFS, "too many large answers are under way; try again later");
	client_advance(c);
}

void control_attach_fd(struct control_request *request, int fd)
{
	struct client *c = request->client;

	assert(c->n_pass_fds < ARRAY_SIZE(c->pass_fds));
	c->pass_fds[c->n_pass_fds++] = fd;
}

void control_accept_fds(void)
{
	server.accepts_fds = true;
}

int control_take_fd(struct control_request *request)
{
	struct client *c = request->client;
	int fd;

	if (!c || !c->n_got_fds)
		return -1;
	fd = c->got_fds[0];
	memmove(c->got_fds, c->got_fds + 1, --c->n_got_fds * sizeof *c->got_fds);
	return fd;
}

void control_follow_client(struct control_request *request, void (*gone)(void *aux), void *aux)
{
	request->client->gone = gone;
	request->client->gone_aux = aux;
}

void *control_client_aux(const struct control_request *request)
{
	return request->client->gone_aux;
}

static void run_queue(void *aux);

static void post_queue(void)
{
	if (!server.posted && !cds_list_empty(&server.runnable)) {
		server.posted = true;
		loop_post(server.loop, run_queue, NULL);
	}
}

/* The first line of a client. May end the client. */
static void run_first_line(struct client *c)
{
	const char *line = c->in.s + c->taken;
	size_t len = c->scanned - c->taken;
	json_t *message = control_parse(line, len);

	c->taken = ++c->scanned;
	if (c->taken == c->in.len) {
		give_back(&c->in);
		c->taken = c->scanned = 0;
	}
	account(c);
	if (message) {
		run_request(c, message);
	} else {
		refuse(c, EPROTO, "expected a JSON object on one line, such as {\"method\": \"version\", \"id\": 1}");
		client_advance(c);
	}
}

/* One request of the client whose turn it is; then the loop may look at descriptors again. */
static void run_queue(void *aux)
{
	struct client *c;

	(void)aux;
	server.posted = false;
	if (cds_list_empty(&server.runnable))
		return;
	c = cds_list_entry(server.runnable.next, struct client, run_node);
	cds_list_del(&c->run_node);
	c->is_runnable = false;
	run_first_line(c);
	if (!cds_list_empty(&server.clients))
		post_queue();
}

/* ---- bytes in and out ---- */

/* Send what goes. Return: false when the client is gone. */
static bool flush(struct client *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = sock_send(c->fd, c->out.s + c->sent, c->out.len - c->sent, c->pass_fds, c->n_pass_fds);

		if (n == -EAGAIN)
			return true;
		if (n < 0) {
			client_drop(c);
			return false;
		}
		c->sent += (size_t)n;
		set_stall(c, true);
		close_pass_fds(c);
	}
	if (c->out.len)
		set_stall(c, false);
	give_back(&c->out);
	c->sent = 0;
	account(c);
	return true;
}

static bool has_line(struct client *c)
{
	const char *newline =
		c->in.len > c->scanned ? memchr(c->in.s + c->scanned, '\n', c->in.len - c->scanned) : NULL;

	c->scanned = newline ? (size_t)(newline - c->in.s) : c->in.len;
	return newline;
}

/* Decide what happens next to a client, after anything happened to it. May end it. */
static void client_advance(struct client *c)
{
	if (!flush(c))
		return;
	if (c->sent < c->out.len) {
		set_stall(c, true);
		loop_set_events(server.loop, &c->lfd, EPOLLOUT);
		return;
	}
	if (c->closing) {
		client_drop(c);
		return;
	}
	if (c->request || c->is_runnable) {
		/* Only its end is of interest now, for the sake of cancel; EPOLLHUP is always reported. */
		loop_set_events(server.loop, &c->lfd, 0);
		return;
	}
	if (has_line(c)) {
		cds_list_add_tail(&c->run_node, &server.runnable);
		c->is_runnable = true;
		set_stall(c, false);
		loop_set_events(server.loop, &c->lfd, 0);
		post_queue();
	} else if (c->at_eof) {
		client_drop(c);
	} else {
		loop_set_events(server.loop, &c->lfd, EPOLLIN);
	}
}

/* Forget what was run, once that is worth the copy. */
static void compact(struct client *c)
{
	if (c->taken < c->in.len / 2)
		return;
	memmove(c->in.s, c->in.s + c->taken, c->in.len - c->taken);
	ds_truncate(&c->in, c->in.len - c->taken);
	c->scanned -= c->taken;
	c->taken = 0;
}

/* Read once. Return: false when the client is gone. */
static bool read_some(struct client *c)
{
	static char buf[READ_CHUNK];
	size_t room = server.accepts_fds ? ARRAY_SIZE(c->got_fds) - c->n_got_fds : 0, n_fds = 0;
	ssize_t n = sock_recv(c->fd, buf, sizeof buf, c->got_fds + c->n_got_fds, room, &n_fds);

	c->n_got_fds += n_fds;
	if (n == -EAGAIN)
		return true;
	if (n < 0) {
		client_drop(c);
		return false;
	}
	c->at_eof = !n;
	if (c->taken)
		compact(c);
	ds_put_mem(&c->in, buf, (size_t)n);
	if (c->in.len - c->taken > CONTROL_MAX_REQUEST && !has_line(c))
		refuse(c, EMSGSIZE, "the request is longer than 64 MiB");
	else if (!account(c))
		refuse(c, ENOBUFS, "too many large requests are under way; try again later");
	else
		set_stall(c, c->in.len > c->taken);
	return true;
}

static void client_ready(struct loop_fd *self, uint32_t events)
{
	struct client *c = container_of(self, struct client, lfd);

	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN)) {
		client_drop(c);
		return;
	}
	if (!c->closing && c->sent == c->out.len && (events & EPOLLIN) && !read_some(c))
		return;
	client_advance(c);
}

static void client_new(int fd)
{
	struct client *c = xzalloc(sizeof *c);
	int error;

	c->fd = fd;
	error = loop_add_fd(server.loop, &c->lfd, fd, EPOLLIN, client_ready);
	if (error) {
		log_warn_rl("cannot watch a new client: %s", strerror(-error));
		close(fd);
		free(c);
		return;
	}
	cds_list_add(&c->node, &server.clients);
	server.n_clients++;
}

static void listener_ready(struct loop_fd *self, uint32_t events)
{
	(void)self;
	(void)events;
	for (int i = 0; i < 64; i++) {
		int fd = sock_accept(server.fd);

		if (fd == -EMFILE || fd == -ENFILE) {
			/* The rest waits in the kernel's queue until somebody hangs up. */
			log_warn_rl("%zu clients: no descriptor left for another", server.n_clients);
			if (server.n_clients) {
				server.paused = true;
				loop_set_events(server.loop, &server.lfd, 0);
			}
			return;
		}
		if (fd < 0)
			return;
		client_new(fd);
	}
}

int control_open(struct loop *loop, const char *path, struct errtext *err)
{
	int error;

	server.loop = loop;
	server.fd = sock_listen_unix(path, 0660, "vsw", err);
	if (server.fd < 0)
		return server.fd;
	server.path = xstrdup(path);
	error = loop_add_fd(loop, &server.lfd, server.fd, EPOLLIN, listener_ready);
	return error ? errtext_set(err, -error, "%s: %s", path, strerror(-error)) : 0;
}

void control_close(void)
{
	if (server.fd < 0)
		return;
	loop_del_fd(server.loop, &server.lfd);
	unlink(server.path);
	close(server.fd);
	free(server.path);
	server.fd = -1;
	server.path = NULL;
	server.paused = false;
	while (!cds_list_empty(&server.clients)) {
		struct client *c = cds_list_first_entry(&server.clients, struct client, node);

		/* An answer that is ready deserves its chance; flush() drops the client itself on failure. */
		if (flush(c))
			client_drop(c);
	}
}

size_t control_n_clients(void)
{
	return server.n_clients;
}
