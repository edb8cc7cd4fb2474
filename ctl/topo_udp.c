// SPDX-License-Identifier: Apache-2.0
/*
 * UDP between hosts: a datagram, asked again until it is answered. Where no program is bound to the port we are, and send back what
 * comes; else the program's own answer counts, whatever it says.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/topo_check.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

/** A datagram may get lost: it is sent again after so long. */
#define UDP_INTERVAL_MS 200

static const char question[] = "vsw topo test\n";

/* Bound to the target's port, or connected to it. Return: descriptor, or -errno. */
static int open_end(const struct topo_probe *probe, int netns, bool is_server)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(probe->to, probe->expect->port, &ss);
	int fd = netns_socket(netns, ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return fd;
	error = is_server ? bind(fd, (struct sockaddr *)&ss, len) : connect(fd, (struct sockaddr *)&ss, len);
	if (!error)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Send back what came. */
static void echo(int server)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	char buffer[2048];
	ssize_t n = recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &len);

	if (n >= 0 && sendto(server, buffer, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
		return; /* asked again, and answered again */
}

/* Ask until there is an answer or no time left. Return: 0 or -errno, the last reason there was. */
static int converse(int client, int server, double deadline_ms)
{
	struct pollfd pfds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
	double next_ms = 0, now_ms;
	int error = -ETIMEDOUT;
	char buffer[2048];

	while ((now_ms = probe_now_ms()) < deadline_ms && !topo_interrupted()) {
		if (now_ms >= next_ms) {
			if (send(client, question, sizeof question - 1, 0) < 0)
				error = -errno;
			next_ms = now_ms + UDP_INTERVAL_MS;
		}
		if (poll(pfds, server >= 0 ? 2 : 1, (int)(next_ms - now_ms) + 1) <= 0)
			continue;
		if (server >= 0 && pfds[1].revents)
			echo(server);
		if (pfds[0].revents && recv(client, buffer, sizeof buffer, 0) >= 0)
			return 0;
		if (pfds[0].revents && errno != EAGAIN)
			error = -errno;
	}
	return error;
}

void topo_udp_run(struct topo_probe *probe, const int *host_ns)
{
	bool is_ours = probe->to->host != SIZE_MAX && !probe->expect->no_listen;
	int server = is_ours ? open_end(probe, host_ns[probe->to->host], true) : -EADDRINUSE;
	int client = open_end(probe, host_ns[probe->from], false);
	double start_ms = probe_now_ms();
	int error = client < 0 ? client : server < 0 && server != -EADDRINUSE ? server : 0;

	if (!error)
		error = converse(client, server, start_ms + probe_limit_ms(probe));
	probe->reached = !error;
	probe->ms = probe_now_ms() - start_ms;
	if (error)
		snprintf(probe->why, sizeof probe->why, "no answer%s%s", error == -ETIMEDOUT ? "" : ": ",
			 error == -ETIMEDOUT ? "" : strerror(-error));
	if (client >= 0)
		close(client);
	if (server >= 0)
		close(server);
}
