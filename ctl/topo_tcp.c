// SPDX-License-Identifier: Apache-2.0
/*
 * TCP between hosts: sockets of this process that live in their namespaces. Where no program listens on the port, we do. Data goes
 * through each connection, in segments as large as the offloads make them: a handshake alone proves little.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/topo_check.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

/** More than any segment, less than any patience. */
#define TCP_DATA_BYTES 500000

/* Socket pairs are closed where they were made; -1 for "none". */
static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void give_up(struct topo_probe *probe, const char *what, int error)
{
	snprintf(probe->why, sizeof probe->why, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
}

/* Listen on the target's address. Return: descriptor, or -errno. */
static int listen_at(const struct topo_probe *probe, int netns, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(probe->to, port, &ss);
	int fd = netns_socket(netns, ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error = 0;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&ss, len) || listen(fd, 4))
		error = -errno;
	if (error)
		close(fd);
	return error ? error : fd;
}

/* Connect before the deadline. Return: descriptor, or -errno. */
static int connect_from(const struct topo_probe *probe, int netns, uint16_t port, double deadline_ms)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(probe->to, port, &ss);
	int fd = netns_socket(netns, ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	int error = 0, n;
	socklen_t error_len = sizeof error;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS) {
		error = errno;
	} else {
		do
			n = poll(&pfd, 1, (int)MAX(deadline_ms - probe_now_ms(), 0));
		while (n < 0 && errno == EINTR && !topo_interrupted());
		if (n <= 0)
			error = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	}
	if (error)
		close(fd);
	return error ? -error : fd;
}

/* A program that was just started may not listen yet: refused is asked again until the deadline. */
static int connect_patiently(const struct topo_probe *probe, int netns, bool retry, double deadline_ms)
{
	for (;;) {
		int fd = connect_from(probe, netns, probe->expect->port, deadline_ms);

		if (fd != -ECONNREFUSED || !retry || probe_now_ms() > deadline_ms || topo_interrupted())
			return fd;
		poll(NULL, 0, 20);
	}
}

/* Push data from @client to the connection that waits at @listener, until all of it has arrived. Return: 0 or -errno. */
static int push_data(int client, int listener, double deadline_ms)
{
	static char buffer[65536];
	size_t sent = 0, received = 0;
	int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error = 0;

	while (!error && received < TCP_DATA_BYTES) {
		struct pollfd pfds[2] = {{.fd = server >= 0 ? server : listener, .events = POLLIN},
					 {.fd = sent < TCP_DATA_BYTES ? client : -1, .events = POLLOUT}};
		ssize_t n;

		if (poll(pfds, 2, (int)MAX(deadline_ms - probe_now_ms(), 0)) <= 0)
			error = -ETIMEDOUT;
		else if (pfds[0].revents && server < 0)
			server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		else if (pfds[0].revents && (n = recv(server, buffer, sizeof buffer, 0)) > 0)
			received += (size_t)n;
		else if (pfds[0].revents)
			error = -ECONNRESET;
		else if ((n = send(client, buffer, MIN(sizeof buffer, TCP_DATA_BYTES - sent), MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
	}
	close_fd(server);
	return error;
}

void topo_tcp_run(struct topo_probe *probe, const int *host_ns)
{
	const struct topo_expect *e = probe->expect;
	double start_ms = probe_now_ms();
	double deadline_ms = start_ms + probe_limit_ms(probe);
	bool is_ours = probe->to->host != SIZE_MAX && !e->no_listen;
	int listener = is_ours ? listen_at(probe, host_ns[probe->to->host], e->port) : -EADDRINUSE;
	int client, error;

	if (listener < 0 && listener != -EADDRINUSE) {
		give_up(probe, "cannot listen there", -listener);
		return;
	}
	client = connect_patiently(probe, host_ns[probe->from], listener < 0 && e->reaches, deadline_ms);
	if (client < 0) {
		give_up(probe, "no connection", -client);
	} else {
		probe->ms = probe_now_ms() - start_ms;
		error = listener >= 0 ? push_data(client, listener, deadline_ms) : 0;
		probe->reached = !error;
		if (error)
			give_up(probe, "connected, but data does not get through", -error);
	}
	close_fd(client);
	close_fd(listener);
}

/* ---- throughput ---- */

/* The receiver, in a process of its own: take everything, then tell how much it was. */
static void receive_all(int listener, int out)
{
	struct pollfd pfd = {.fd = listener, .events = POLLIN};
	uint64_t total = 0;
	ssize_t n;
	int fd;

	poll(&pfd, 1, PROBE_REACH_MS);
	fd = accept(listener, NULL, NULL);
	/* MSG_TRUNC: the kernel drops the bytes instead of copying them. */
	while (fd >= 0 && (n = recv(fd, NULL, 1 << 20, MSG_TRUNC)) > 0)
		total += (uint64_t)n;
	_exit(write(out, &total, sizeof total) == sizeof total ? 0 : 1);
}

static pid_t start_receiver(int listener, double seconds, int *in)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		alarm((unsigned int)seconds + 30);
		receive_all(listener, fds[1]);
	}
	close(fds[1]);
	*in = fds[0];
	return pid;
}

/* Send until the time is over. A stream that stands still is found by the send time-out. */
static void send_for(int fd, double seconds)
{
	static char buffer[1 << 18];
	struct timeval patience = {.tv_sec = PROBE_REACH_MS / 1000};
	double end_ms = probe_now_ms() + seconds * 1000;

	fcntl(fd, F_SETFL, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	while (probe_now_ms() < end_ms && !topo_interrupted())
		if (send(fd, buffer, sizeof buffer, MSG_NOSIGNAL) <= 0)
			break;
	shutdown(fd, SHUT_WR);
}

static void measure(struct topo_probe *probe, int client, int in)
{
	struct pollfd pfd = {.fd = in, .events = POLLIN};
	double start_ms = probe_now_ms();
	uint64_t total = 0;

	send_for(client, probe->expect->seconds);
	if (poll(&pfd, 1, 2 * PROBE_REACH_MS) <= 0 || read(in, &total, sizeof total) != sizeof total)
		give_up(probe, "the stream does not end", 0);
	probe->mbps = (double)total * 8 / (probe_now_ms() - start_ms) / 1000;
	probe->reached = probe->mbps >= probe->expect->mbps &&
			 (!probe->expect->max_mbps || probe->mbps <= probe->expect->max_mbps);
	if (!probe->reached && !probe->why[0])
		snprintf(probe->why, sizeof probe->why, "%.0f Mbit/s", probe->mbps);
}

void topo_throughput_run(struct topo_probe *probe, const int *host_ns)
{
	int listener = listen_at(probe, host_ns[probe->to->host], 0);
	struct sockaddr_in6 address = {0};
	socklen_t len = sizeof address;
	int in = -1, client = -1;
	pid_t receiver;

	if (listener < 0 || getsockname(listener, (struct sockaddr *)&address, &len)) {
		give_up(probe, "cannot listen there", listener < 0 ? -listener : errno);
		close_fd(listener);
		return;
	}
	receiver = start_receiver(listener, probe->expect->seconds, &in);
	/* The port is at the same place in sockaddr_in and sockaddr_in6. */
	if (receiver > 0)
		client = connect_from(probe, host_ns[probe->from], ntohs(address.sin6_port),
				      probe_now_ms() + PROBE_REACH_MS);
	if (client >= 0)
		measure(probe, client, in);
	else
		give_up(probe, "no connection", receiver > 0 ? -client : errno);
	close_fd(client);
	close_fd(listener);
	close_fd(in);
	if (receiver > 0) {
		kill(receiver, SIGKILL);
		waitpid(receiver, NULL, 0);
	}
}
