// SPDX-License-Identifier: Apache-2.0
/*
 * How many short TCP connections a second: connect, a request of 64 bytes, an answer of 64 bytes, closed by the client first.
 *
 *   connects server PORT                              until a signal ends it
 *   connects client ADDRESS PORT SECONDS [PARALLEL]   PARALLEL (8) at a time; prints "RATE FAILED"
 *
 * The client's closed connections stay in TIME_WAIT: give it many ports (net.ipv4.ip_local_port_range, tcp_tw_reuse).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64, EVENTS = 64, BACKLOG = 1024, MAX_PARALLEL = 256 };

static int poller;
static unsigned long n_done, n_failed;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int fd, uint32_t events, int op)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, op, fd, &ev))
		die("epoll_ctl");
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};

	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
		fprintf(stderr, "connects: '%s' is no IPv4 address\n", ip);
		exit(1);
	}
	return a;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- server ---- */

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		watch(fd, EPOLLIN, EPOLL_CTL_ADD);
}

/* A request, or the end. */
static void answer(int fd)
{
	char buf[SIZE];
	ssize_t n = recv(fd, buf, sizeof buf, 0);

	if (n <= 0 || send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		close(fd);
}

static void serve(const char *port)
{
	struct sockaddr_in a = address("0.0.0.0", port);
	struct epoll_event events[EVENTS];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (const struct sockaddr *)&a, sizeof a) || listen(listener, BACKLOG))
		die("listen");
	watch(listener, EPOLLIN, EPOLL_CTL_ADD);
	for (;;) {
		int n = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(listener);
			else
				answer(events[i].data.fd);
		}
	}
}

/* ---- client ---- */

static void begin(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)a, sizeof *a) && errno != EINPROGRESS)
		die("connect");
	watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
}

/* Return: whether the connection is over. */
static int go_on(int fd, uint32_t events)
{
	char buf[SIZE] = {0};

	if (events & EPOLLOUT && !(events & EPOLLERR)) {
		if (send(fd, buf, sizeof buf, MSG_NOSIGNAL) == sizeof buf) {
			watch(fd, EPOLLIN, EPOLL_CTL_MOD);
			return 0;
		}
		n_failed++;
	} else if (recv(fd, buf, sizeof buf, 0) == sizeof buf) {
		n_done++;
	} else {
		n_failed++;
	}
	close(fd);
	return 1;
}

static void ask(const char *ip, const char *port, double seconds, int parallel)
{
	struct sockaddr_in a = address(ip, port);
	struct epoll_event events[EVENTS];
	double start = now(), end = start + seconds;

	for (int i = 0; i < parallel; i++)
		begin(&a);
	while (now() < end) {
		int n = epoll_wait(poller, events, EVENTS, 100);

		for (int i = 0; i < n; i++)
			if (go_on(events[i].data.fd, events[i].events))
				begin(&a);
	}
	printf("%.0f %lu\n", (double)n_done / (now() - start), n_failed);
}

int main(int argc, char *argv[])
{
	poller = epoll_create1(0);
	if (poller < 0)
		die("epoll_create1");
	if (argc == 3 && !strcmp(argv[1], "server")) {
		serve(argv[2]);
	} else if (argc >= 5 && !strcmp(argv[1], "client")) {
		int parallel = argc > 5 ? atoi(argv[5]) : 8;

		ask(argv[2], argv[3], strtod(argv[4], NULL), parallel < 1 || parallel > MAX_PARALLEL ? 8 : parallel);
		return 0;
	}
	fprintf(stderr, "usage: connects server PORT | connects client ADDRESS PORT SECONDS [PARALLEL]\n");
	return 1;
}
