// SPDX-License-Identifier: Apache-2.0
/* The switch's port: connection, claim, news. */
#include "vmm/net/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/loop.h"
#include "os/sock.h"
#include "vmm/net/backend.h"

LOG_MODULE(switch);

enum {
	ANSWER_MS = 10000, /* longest wait for the first answer */
	RETRY_MS = 500,
	ANSWER_MAX = 65536,
};

enum state {
	LOST,	   /* no connection: the timer knocks */
	RESUMING,  /* guest/attach with resume is under way */
	HOLDING,   /* guest/hold is */
	ABANDONED, /* the port is not ours any more */
};

struct switch_port {
	struct loop *loop;
	const struct switch_port_ops *ops;
	void *aux;
	char *socket, *port, *guest;
	char mac[18];
	enum state state;
	bool up; /* as it was told last */
	int fd;
	struct loop_fd watch;
	struct loop_timer retry;
	size_t n_in;
	char in[ANSWER_MAX]; /* an answer, as far as it has come */
};

/* ---- messages ---- */

static int say(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len = strlen(text);
	ssize_t sent;

	json_decref(request);
	text[len++] = '\n'; /* in the place of the NUL */
	/* A request is shorter than any socket's buffer, which is empty when one is sent. */
	sent = sock_send(fd, text, len, NULL, 0);
	free(text);
	return sent == (ssize_t)len ? 0 : sent < 0 ? (int)sent : -EPIPE;
}

static json_t *attach_request(const struct switch_port *p, const struct switch_port_config *config)
{
	json_t *params = json_pack("{s:s, s:s, s:s}", "guest", p->guest, "port", p->port, "mac", p->mac), *columns;

	if (!config) {
		json_object_set_new(params, "resume", json_true());
		return json_pack("{s:s, s:o, s:i}", "method", "guest/attach", "params", params, "id", 1);
	}
	columns = json_array();
	for (size_t i = 0; i < config->n_columns; i++)
		json_array_append_new(columns, json_string(config->columns[i]));
	if (config->bridge)
		json_object_set_new(params, "bridge", json_string(config->bridge));
	json_object_set_new(params, "queues", json_integer(config->n_queues));
	json_object_set_new(params, "vhost", json_boolean(config->vhost));
	json_object_set_new(params, "anti_spoof", json_boolean(config->anti_spoof));
	json_object_set_new(params, "columns", columns);
	return json_pack("{s:s, s:o, s:i}", "method", "guest/attach", "params", params, "id", 1);
}

static json_t *hold_request(const struct switch_port *p)
{
	return json_pack("{s:s, s:{s:s}, s:i}", "method", "guest/hold", "params", "link", p->up ? "up" : "down", "id",
			 2);
}

/* The answer's result. NULL: a refusal, and what it says. */
static json_t *parse_answer(const char *line, size_t len, struct errtext *err)
{
	json_t *answer = json_loadb(line, len, 0, NULL);
	json_t *result = json_object_get(answer, "result"), *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (json_is_object(result))
		json_incref(result);
	else
		result = NULL;
	if (!result)
		errtext_set(err, EPROTO, "%s", text && *text ? text : "the switch's answer makes no sense");
	json_decref(answer);
	return result;
}

/* ---- claiming, while everybody waits ---- */

static int say_absent(const struct switch_port *p, int error, struct errtext *err)
{
	if (error == -ENOENT || error == -ENOTDIR || error == -ECONNREFUSED)
		return errtext_set(err, -error,
				   "vsw-switchd is not running (%s); `vsw service start` starts it, --rundir names "
				   "another run folder",
				   p->socket);
	if (error == -EACCES || error == -EPERM)
		return errtext_set(err, -error, "no permission to use %s; be root, or in the group that owns it",
				   p->socket);
	return errtext_set(err, -error, "cannot connect to %s: %s", p->socket, strerror(-error));
}

/* The answer, and what descriptors come with it. Return: 0 or -errno with the sentence. */
static int await_answer(struct switch_port *p, int *fds, size_t max_fds, size_t *n_fds, struct errtext *err)
{
	int64_t end_ms = clock_now_ms() + ANSWER_MS;

	*n_fds = 0;
	while (!p->n_in || p->in[p->n_in - 1] != '\n') {
		struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
		int64_t left_ms = end_ms - clock_now_ms();
		size_t got = 0;
		ssize_t n;

		if (left_ms <= 0)
			return errtext_set(err, ETIMEDOUT, "vsw-switchd did not answer within %d s (%s)",
					   ANSWER_MS / 1000, p->socket);
		if (poll(&pfd, 1, (int)left_ms) <= 0)
			continue;
		n = sock_recv(p->fd, p->in + p->n_in, sizeof p->in - p->n_in, fds + *n_fds, max_fds - *n_fds, &got);
		*n_fds += got;
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return errtext_set(err, EPIPE, "vsw-switchd closed the connection (%s); its log says why",
					   p->socket);
		p->n_in += (size_t)n;
	}
	return 0;
}

/* @fds: @n_fds of them have come: first those of the TAP, then those of vhost-net. */
static int take_result(struct switch_port *p, unsigned int n_queues, const int *fds, size_t n_fds,
		       struct switch_port_grant *grant, struct errtext *err)
{
	json_t *result = parse_answer(p->in, p->n_in, err);
	const char *link = json_string_value(json_object_get(result, "link"));
	json_int_t bytes = json_integer_value(json_object_get(result, "mtu")),
		   n_vhost = json_integer_value(json_object_get(result, "vhost"));
	int error = result ? 0 : -EPROTO;

	p->n_in = 0;
	if (result && (n_fds != n_queues + (size_t)n_vhost || (n_vhost && n_vhost != n_queues) || !link || bytes < 68 ||
		       bytes > 65535))
		error = errtext_set(err, EPROTO, "the switch's answer makes no sense; is it another version?");
	for (unsigned int i = 0; i < n_queues && !error; i++) {
		grant->fds[i] = fds[i];
		grant->vhost_fds[i] = n_vhost ? fds[n_queues + i] : -1;
	}
	if (!error) {
		grant->mtu = (uint32_t)bytes;
		grant->up = p->up = !strcmp(link, "up");
	}
	json_decref(result);
	return error;
}

static int claim(struct switch_port *p, const struct switch_port_config *config, struct switch_port_grant *grant,
		 struct errtext *err)
{
	int fds[2 * NET_MAX_QUEUES];
	size_t n_fds = 0;
	int error;

	p->fd = sock_connect_unix(p->socket);
	if (p->fd < 0)
		return say_absent(p, p->fd, err);
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	error = say(p->fd, attach_request(p, config));
	if (error)
		return errtext_set(err, -error, "%s: %s", p->socket, strerror(-error));
	error = await_answer(p, fds, ARRAY_SIZE(fds), &n_fds, err);
	if (!error)
		error = take_result(p, config->n_queues, fds, n_fds, grant, err);
	while (error && n_fds)
		close(fds[--n_fds]);
	return error;
}

/* ---- holding it ---- */

static void set_link(struct switch_port *p, bool up)
{
	if (p->up == up)
		return;
	p->up = up;
	p->ops->link(p->aux, up);
}

static void hang_up(struct switch_port *p)
{
	if (p->fd < 0)
		return;
	loop_del_fd(p->loop, &p->watch);
	close(p->fd);
	p->fd = -1;
	p->n_in = 0;
}

static void abandon(struct switch_port *p, const char *why)
{
	log_warn("%s: %s; its network is cut off from here on", p->guest, why);
	hang_up(p);
	p->state = ABANDONED;
	set_link(p, false);
}

static void knock(struct loop_timer *self, int64_t now_ms);

static void lose(struct switch_port *p)
{
	hang_up(p);
	p->state = LOST;
	loop_set_timer(p->loop, &p->retry, clock_now_ms() + RETRY_MS, knock);
}

static void hold(struct switch_port *p)
{
	p->state = HOLDING;
	if (say(p->fd, hold_request(p)))
		lose(p);
}

/* A whole answer is in p->in. */
static void handle_answer(struct switch_port *p)
{
	struct errtext err = {0};
	json_t *result = parse_answer(p->in, p->n_in, &err);
	const char *link = json_string_value(json_object_get(result, "link"));

	p->n_in = 0;
	if (!link) {
		abandon(p, err.text);
	} else {
		set_link(p, !strcmp(link, "up"));
		if (p->state == RESUMING) {
			log_info("%s: the switch is back, and has port %s", p->guest, p->port);
			p->ops->back(p->aux);
		}
		hold(p);
	}
	json_decref(result);
}

static void ready(struct loop_fd *self, uint32_t events)
{
	struct switch_port *p = container_of(self, struct switch_port, watch);
	ssize_t n = sock_recv(p->fd, p->in + p->n_in, sizeof p->in - p->n_in, NULL, 0, NULL);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		if (p->state == HOLDING)
			log_info("%s: the switch has gone; port %s stays in use", p->guest, p->port);
		lose(p);
		return;
	}
	p->n_in += (size_t)n;
	if (p->in[p->n_in - 1] == '\n')
		handle_answer(p);
}

static int watch(struct switch_port *p)
{
	return loop_add_fd(p->loop, &p->watch, p->fd, EPOLLIN, ready);
}

/* Is a switch there again? */
static void knock(struct loop_timer *self, int64_t now_ms)
{
	struct switch_port *p = container_of(self, struct switch_port, retry);

	(void)now_ms;
	p->fd = sock_connect_unix(p->socket);
	if (p->fd < 0) {
		p->fd = -1;
		lose(p);
		return;
	}
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	p->state = RESUMING;
	if (watch(p) || say(p->fd, attach_request(p, NULL)))
		lose(p);
}

/* ---- life ---- */

void switch_port_free(struct switch_port *p)
{
	if (!p)
		return;
	hang_up(p);
	loop_cancel_timer(p->loop, &p->retry);
	free(p->socket);
	free(p->port);
	free(p->guest);
	free(p);
}

static void close_all(const struct switch_port_grant *grant, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		close(grant->fds[i]);
		if (grant->vhost_fds[i] >= 0)
			close(grant->vhost_fds[i]);
	}
}

int switch_port_new(const struct switch_port_config *config, struct loop *loop, const struct switch_port_ops *ops,
		    void *aux, struct switch_port_grant *grant, struct switch_port **result, struct errtext *err)
{
	struct switch_port *p = xzalloc(sizeof *p);
	const uint8_t *m = config->mac;
	int error;

	*p = (struct switch_port){.loop = loop, .ops = ops, .aux = aux, .fd = -1};
	p->socket = xasprintf("%s/vsw.sock", config->rundir);
	p->port = xstrdup(config->port);
	p->guest = xstrdup(config->guest);
	snprintf(p->mac, sizeof p->mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	error = claim(p, config, grant, err);
	if (!error) {
		error = watch(p);
		if (error) {
			errtext_set(err, -error, "no descriptor is left for the switch");
			close_all(grant, config->n_queues);
		}
	}
	if (error) {
		switch_port_free(p);
		return error;
	}
	hold(p);
	*result = p;
	return 0;
}
