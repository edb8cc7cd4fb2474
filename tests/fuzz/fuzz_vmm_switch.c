// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what the switch answers to a guest's claim of a port (docs/control-protocol.md, guest/attach and guest/hold). The first byte says how many
 * descriptors come with the first line; what is behind that line comes later, when the port is held, and then the switch hangs up.
 *
 * What must hold: a claim that fails has a sentence and keeps no descriptor; one that succeeds has as many as were asked for, and an MTU that is one.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <urcu.h>

#include "base/log.h"
#include "os/loop.h"
#include "os/sock.h"
#include "vmm/net/switch.h"

#define LONGEST 60000
#define N_QUEUES 2
#define MAX_FDS 5

static struct loop *loop;
static char folder[] = "/dev/shm/vsw-fuzz.XXXXXX";
static int listen_fd;

/* The input, for the thread that is the switch. */
struct answer {
	const uint8_t *first, *rest;
	size_t first_len, rest_len;
	unsigned int n_fds;
	int fd; /* of the connection, which stays open */
};

static void at_exit(void)
{
	char path[64];

	snprintf(path, sizeof path, "%s/vsw.sock", folder);
	if (unlink(path) || rmdir(folder))
		fprintf(stderr, "%s is left over\n", folder);
}

static void init(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	log_set_level(NULL, LOG_LEVEL_OFF);
	rcu_register_thread();
	loop = loop_new();
	if (!loop || !mkdtemp(folder))
		abort();
	snprintf(addr.sun_path, sizeof addr.sun_path, "%s/vsw.sock", folder);
	listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&addr, sizeof addr) || listen(listen_fd, 8))
		abort();
	atexit(at_exit);
}

static void *be_switch(void *aux)
{
	struct answer *a = aux;
	int fds[MAX_FDS];
	char request[4096];

	a->fd = accept(listen_fd, NULL, NULL);
	if (a->fd < 0 || recv(a->fd, request, sizeof request, 0) <= 0)
		abort();
	for (unsigned int i = 0; i < a->n_fds; i++)
		fds[i] = eventfd(0, 0);
	if (a->first_len && sock_send(a->fd, a->first, a->first_len, fds, a->n_fds) < 0)
		abort();
	for (unsigned int i = 0; i < a->n_fds; i++)
		close(fds[i]);
	/* A line that does not end would be waited for. */
	if (!a->first_len || a->first[a->first_len - 1] != '\n')
		shutdown(a->fd, SHUT_WR);
	return NULL;
}

static void changed(void *aux, bool up)
{
	(void)aux, (void)up;
}

static void back(void *aux)
{
	(void)aux;
}

static void quit(void *aux)
{
	loop_quit(aux);
}

static void run_a_little(void)
{
	for (int i = 0; i < 3; i++) {
		loop_post(loop, quit, loop);
		if (loop_run(loop))
			abort();
	}
}

static void claim(struct answer *a)
{
	static const struct switch_port_ops ops = {changed, back};
	const char *const columns[] = {"tag=10"};
	const struct switch_port_config config = {.rundir = folder,
						  .guest = "g1",
						  .bridge = "br0",
						  .port = "g1-net0",
						  .mac = {2, 0, 0, 0, 0, 1},
						  .n_queues = N_QUEUES,
						  .vhost = true,
						  .columns = columns,
						  .n_columns = 1};
	struct switch_port_grant grant = {0};
	struct switch_port *port;
	struct errtext err = {0};

	if (switch_port_new(&config, loop, &ops, NULL, &grant, &port, &err)) {
		if (!*err.text)
			abort();
		return;
	}
	if (grant.mtu < 68 || grant.mtu > 65535)
		abort();
	for (int i = 0; i < N_QUEUES; i++)
		if (close(grant.fds[i]) || (grant.vhost_fds[i] >= 0 && close(grant.vhost_fds[i])))
			abort();
	if (a->rest_len && send(a->fd, a->rest, a->rest_len, MSG_NOSIGNAL) < 0)
		abort();
	run_a_little();
	shutdown(a->fd, SHUT_RDWR);
	run_a_little();
	switch_port_free(port);
}

/* The lowest descriptor that is free: the same before and after, or one was forgotten. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer a = {.fd = -1};
	const uint8_t *newline;
	pthread_t thread;
	int before;

	if (!size || size > LONGEST)
		return -1;
	if (!loop)
		init();
	before = next_fd();
	a.n_fds = data[0] % (MAX_FDS + 1);
	a.first = data + 1;
	newline = memchr(a.first, '\n', size - 1);
	a.first_len = newline ? (size_t)(newline + 1 - a.first) : size - 1;
	a.rest = a.first + a.first_len;
	a.rest_len = size - 1 - a.first_len;
	if (pthread_create(&thread, NULL, be_switch, &a))
		abort();
	claim(&a);
	pthread_join(thread, NULL);
	close(a.fd);
	if (next_fd() != before)
		abort();
	return 0;
}
