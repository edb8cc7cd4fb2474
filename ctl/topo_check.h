/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: what an expectation comes down to, one pair of hosts and one address at a time.
 */
#ifndef CTL_TOPO_CHECK_H
#define CTL_TOPO_CHECK_H 1

#include "ctl/topo.h"

/** How long something that should be reached may take to be, and something that should not is listened for. */
#define PROBE_REACH_MS 5000
#define PROBE_SILENCE_MS 1000

struct topo_probe {
	const struct topo_expect *expect;
	size_t from; /**< host */
	const struct topo_target *to;
	bool reached;
	double ms;     /**< round trip, or time to connect */
	double mbps;   /**< throughput */
	char why[100]; /**< why it was not reached; "" otherwise */
};

/** topo_ping_run() - run the pings among @probes. @host_ns: descriptor of each host's namespace. Return: 0 or -errno with @err. */
VSW_MUST_USE int topo_ping_run(struct topo_probe *probes, size_t n, const int *host_ns, size_t n_hosts,
			       struct errtext *err);

/** topo_tcp_run() - one TCP connection, with data through it. */
void topo_tcp_run(struct topo_probe *probe, const int *host_ns);
/** topo_udp_run() - one UDP datagram and its answer. */
void topo_udp_run(struct topo_probe *probe, const int *host_ns);
/** topo_throughput_run() - one TCP stream for as long as the expectation says. */
void topo_throughput_run(struct topo_probe *probe, const int *host_ns);

/** probe_limit_ms() - how long it may take, or is listened for. */
static inline double probe_limit_ms(const struct topo_probe *probe)
{
	return probe->expect->reaches ? probe->expect->within_s * 1000 : PROBE_SILENCE_MS;
}

/** probe_now_ms() - monotonic, in fractions of milliseconds. */
double probe_now_ms(void);

struct sockaddr_storage;
/** probe_sockaddr() - of a probe's target. Return: length. */
unsigned int probe_sockaddr(const struct topo_target *to, uint16_t port, struct sockaddr_storage *ss);

#endif
