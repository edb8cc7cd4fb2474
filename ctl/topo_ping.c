// SPDX-License-Identifier: Apache-2.0
/*
 * Pings, many at a time: one raw ICMP socket per host and address family, the sequence number says which probe an answer belongs to.
 *
 * First all that should answer, each asked again every PING_INTERVAL_MS until it does. Then, when the network is known to forward,
 * all that should stay silent.
 *
 * Namespaces share the kernel's neighbour tables, which are small (1,024 entries for all of them, unless somebody raised
 * net.ipv4.neigh.default.gc_thresh3). So pings run in batches, and after a large batch the hosts forget whom they have met.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ctl/topo_check.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

#define PING_INTERVAL_MS 200
#define PING_SILENT_TRIES 3
/** ICMP header and 56 bytes, as of ping(8). */
#define PING_DEFAULT_SIZE 64
#define PING_BATCH 256

/** linux/icmp.h clashes with the headers of libc. */
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

struct ping_socket {
	int fd;
	size_t *by_seq; /* index of the probe; sequence numbers count from 0 */
	size_t n_seq;
};

/* A probe that is under way. */
struct ping {
	size_t probe;
	struct ping_socket *socket;
	uint16_t seq;
	unsigned int tries;
	double first_ms, sent_ms, next_ms; /* first_ms < 0: not sent yet */
	bool done;
};

struct pinger {
	struct topo_probe *probes;
	size_t n_hosts;
	struct ping_socket *sockets; /* two per host: IPv4, IPv6 */
	struct ping *pings;	     /* one per probe */
	struct rtnl **rtnls;	     /* one per host, NULL while not needed */
	const int *host_ns;
	uint16_t id;
};

double probe_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

unsigned int probe_sockaddr(const struct topo_target *to, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof *ss);
	ss->ss_family = (sa_family_t)to->addr.family;
	if (to->addr.family == AF_INET) {
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, to->addr.addr, 4);
		return sizeof *sin;
	}
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, to->addr.addr, 16);
	return sizeof *sin6;
}

/* Only echo replies come through; a frame that does not fit is an error, not a heap of fragments. */
static void set_options(int fd, int family)
{
	int size = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (family == AF_INET) {
		uint32_t filter = ~(1u << ICMP_ECHOREPLY);
		int discover = IP_PMTUDISC_DO;

		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
	} else {
		int discover = IPV6_PMTUDISC_DO, on = 1;
		struct icmp6_filter filter;

		ICMP6_FILTER_SETBLOCKALL(&filter);
		ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
		setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof on);
	}
}

static int open_ping_socket(struct ping_socket *s, int netns, int family)
{
	if (s->fd >= 0)
		return 0;
	s->fd = netns_socket(netns, family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	if (s->fd < 0)
		return s->fd;
	set_options(s->fd, family);
	return 0;
}

static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (len % 2)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* ICMP and ICMPv6 echoes have the same eight bytes. The kernel fills in ICMPv6's checksum. */
static size_t build_echo(const struct pinger *p, const struct ping *ping, uint8_t *buffer, size_t size)
{
	const struct topo_probe *probe = &p->probes[ping->probe];
	bool is_v4 = probe->to->addr.family == AF_INET;
	size_t header = is_v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	size_t len = probe->expect->size ? probe->expect->size - header : PING_DEFAULT_SIZE;
	uint16_t sum;

	len = MIN(len, size);
	memset(buffer, 0, 8);
	buffer[0] = is_v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	buffer[4] = (uint8_t)(p->id >> 8);
	buffer[5] = (uint8_t)p->id;
	buffer[6] = (uint8_t)(ping->seq >> 8);
	buffer[7] = (uint8_t)ping->seq;
	for (size_t i = 8; i < len; i++)
		buffer[i] = (uint8_t)i;
	sum = is_v4 ? checksum(buffer, len) : 0;
	buffer[2] = (uint8_t)(sum >> 8);
	buffer[3] = (uint8_t)sum;
	return len;
}

static void finish(struct pinger *p, struct ping *ping, const char *why)
{
	snprintf(p->probes[ping->probe].why, sizeof p->probes[ping->probe].why, "%s", why);
	ping->done = true;
}

/* Full queues and tables, and EINVAL is what IPv6 says to a full neighbour table. */
static bool is_transient(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == EHOSTUNREACH || error == EINTR || error == EINVAL ||
	       error == ENETUNREACH;
}

static void send_ping(struct pinger *p, struct ping *ping, double now_ms)
{
	static uint8_t buffer[65536];
	const struct topo_probe *probe = &p->probes[ping->probe];
	struct sockaddr_storage ss;
	socklen_t ss_len = probe_sockaddr(probe->to, 0, &ss);
	size_t len = build_echo(p, ping, buffer, sizeof buffer);

	if (ping->first_ms < 0)
		ping->first_ms = now_ms;
	ping->sent_ms = now_ms;
	ping->next_ms = now_ms + PING_INTERVAL_MS;
	ping->tries++;
	if (sendto(ping->socket->fd, buffer, len, 0, (struct sockaddr *)&ss, ss_len) >= 0)
		return;
	if (errno == ENETUNREACH && probe_limit_ms(probe) <= PROBE_REACH_MS)
		finish(p, ping, "no route");
	else if (errno == EMSGSIZE)
		finish(p, ping, "larger than the MTU");
	else if (!is_transient(errno))
		finish(p, ping, strerror(errno));
}

/* Is this an answer to one of ours? @data: from the ICMP header on. */
static void take_answer(struct pinger *p, struct ping_socket *s, const uint8_t *data, size_t len, double now_ms)
{
	uint16_t id, seq;
	struct ping *ping;

	if (len < 8 || (data[0] != ICMP_ECHOREPLY && data[0] != ICMP6_ECHO_REPLY))
		return;
	id = (uint16_t)(data[4] << 8 | data[5]);
	seq = (uint16_t)(data[6] << 8 | data[7]);
	if (id != p->id || seq >= s->n_seq)
		return;
	ping = &p->pings[s->by_seq[seq]];
	if (ping->done || ping->first_ms < 0)
		return;
	p->probes[ping->probe].reached = true;
	p->probes[ping->probe].ms = now_ms - ping->sent_ms;
	ping->done = true;
}

static void receive(struct pinger *p, struct ping_socket *s, bool is_v4)
{
	static uint8_t buffer[65536];
	double now_ms = probe_now_ms();
	ssize_t n;

	while ((n = recv(s->fd, buffer, sizeof buffer, 0)) > 0) {
		size_t off = 0;

		/* Raw IPv4 sockets give the IP header as well. */
		if (is_v4)
			off = (size_t)(buffer[0] & 15) * 4;
		if (off <= (size_t)n)
			take_answer(p, s, buffer + off, (size_t)n - off, now_ms);
	}
}

/* Send what is due. Return: milliseconds until the next thing is. */
static double serve(struct pinger *p, size_t *active, size_t *n_active, bool expect_answer)
{
	double now_ms = probe_now_ms(), wait_ms = PING_INTERVAL_MS;
	size_t n = 0;

	for (size_t i = 0; i < *n_active; i++) {
		struct ping *ping = &p->pings[active[i]];
		double limit_ms = probe_limit_ms(&p->probes[ping->probe]);

		if (!ping->done && ping->first_ms >= 0 && now_ms - ping->first_ms >= limit_ms)
			finish(p, ping, "no answer");
		if (!ping->done && now_ms >= ping->next_ms && (expect_answer || ping->tries < PING_SILENT_TRIES))
			send_ping(p, ping, now_ms);
		if (!ping->done) {
			wait_ms = MIN(wait_ms, MAX(ping->next_ms - now_ms, 1));
			active[n++] = active[i];
		}
	}
	*n_active = n;
	return wait_ms;
}

static void wait_and_receive(struct pinger *p, double wait_ms)
{
	size_t n = p->n_hosts * 2;
	struct pollfd *pfds = xcalloc(n, sizeof *pfds);

	for (size_t i = 0; i < n; i++)
		pfds[i] = (struct pollfd){.fd = p->sockets[i].fd, .events = POLLIN};
	if (poll(pfds, n, (int)wait_ms) > 0)
		for (size_t i = 0; i < n; i++)
			if (pfds[i].revents)
				receive(p, &p->sockets[i], i % 2 == 0);
	free(pfds);
}

static int forget_neighbours(struct pinger *p)
{
	int error = 0;

	for (size_t i = 0; i < p->n_hosts && !error; i++) {
		if (!p->rtnls[i])
			error = rtnl_open(&p->rtnls[i], p->host_ns[i]);
		if (!error)
			error = rtnl_forget_neighbours(p->rtnls[i]);
	}
	return error;
}

/* @queue: @n pings, all with this expectation. */
static int run_batch(struct pinger *p, size_t *queue, size_t n, bool expect_answer)
{
	size_t n_active = n;

	while (n_active && !topo_interrupted()) {
		double wait_ms = serve(p, queue, &n_active, expect_answer);

		if (n_active)
			wait_and_receive(p, wait_ms);
	}
	return n == PING_BATCH ? forget_neighbours(p) : 0;
}

/* A socket and a sequence number for each ping. */
static int assign(struct pinger *p, size_t n, const int *host_ns, struct errtext *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct topo_probe *probe = &p->probes[i];
		int family = probe->to->addr.family;
		struct ping_socket *s = &p->sockets[probe->from * 2 + (family == AF_INET6)];
		int error;

		p->pings[i] = (struct ping){.probe = i, .socket = s, .first_ms = -1, .done = true};
		if (probe->expect->kind != EXPECT_PING)
			continue;
		error = open_ping_socket(s, host_ns[probe->from], family);
		if (error)
			return errtext_set(err, -error, "cannot open an ICMP socket: %s", strerror(-error));
		if (s->n_seq > UINT16_MAX)
			return errtext_set(err, E2BIG, "more than 65536 pings from one host");
		if (!s->by_seq)
			s->by_seq = xcalloc(UINT16_MAX + 1, sizeof *s->by_seq);
		p->pings[i].seq = (uint16_t)s->n_seq;
		p->pings[i].done = false;
		s->by_seq[s->n_seq++] = i;
	}
	return 0;
}

/* All pings with this expectation. */
static int run_phase(struct pinger *p, size_t n, bool expect_answer)
{
	size_t queue[PING_BATCH], n_queue = 0;
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		if (!p->pings[i].done && p->probes[i].expect->reaches == expect_answer)
			queue[n_queue++] = i;
		if (n_queue == PING_BATCH) {
			error = run_batch(p, queue, n_queue, expect_answer);
			n_queue = 0;
		}
	}
	return error ? error : run_batch(p, queue, n_queue, expect_answer);
}

static void close_everything(struct pinger *p)
{
	for (size_t i = 0; i < p->n_hosts * 2; i++) {
		if (p->sockets[i].fd >= 0)
			close(p->sockets[i].fd);
		free(p->sockets[i].by_seq);
	}
	for (size_t i = 0; i < p->n_hosts; i++)
		rtnl_close(p->rtnls[i]);
	free(p->sockets);
	free(p->rtnls);
	free(p->pings);
}

int topo_ping_run(struct topo_probe *probes, size_t n, const int *host_ns, size_t n_hosts, struct errtext *err)
{
	struct pinger p = {.probes = probes, .n_hosts = n_hosts, .host_ns = host_ns, .id = (uint16_t)getpid()};
	int error;

	p.sockets = xcalloc(n_hosts * 2, sizeof *p.sockets);
	p.rtnls = xcalloc(n_hosts, sizeof *p.rtnls);
	p.pings = xcalloc(n, sizeof *p.pings);
	for (size_t i = 0; i < n_hosts * 2; i++)
		p.sockets[i].fd = -1;
	error = assign(&p, n, host_ns, err);
	if (error) {
		close_everything(&p);
		return error;
	}
	error = run_phase(&p, n, true);
	if (!error)
		error = run_phase(&p, n, false);
	close_everything(&p);
	return error ? errtext_set(err, -error, "netlink: %s", strerror(-error)) : 0;
}
