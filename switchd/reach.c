// SPDX-License-Identifier: Apache-2.0
#include "switchd/reach.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/loop.h"

LOG_MODULE(reach);

/** linux/icmp.h clashes with the headers of libc. */
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

struct target {
	struct rtnl_prefix addr;
	int64_t last_ms;
};

struct reach {
	struct loop *loop;
	struct target *targets;
	size_t n;
	int ifindex;
	int64_t since_ms;
	uint16_t id, seq; /* of our echoes */
	int fds[2];	  /* IPv4, IPv6; -1: none */
	struct loop_fd lfds[2];
	struct rtnl *rtnl;
	void (*answered)(void *aux);
	void *aux;
};

static struct target *find_target(struct reach *reach, int family, const void *addr)
{
	for (size_t i = 0; i < reach->n; i++)
		if (reach->targets[i].addr.family == family &&
		    !memcmp(reach->targets[i].addr.addr, addr, rtnl_addr_len(family)))
			return &reach->targets[i];
	return NULL;
}

static void note_answer(struct reach *reach, struct target *target)
{
	bool first = target->last_ms < 0;

	target->last_ms = clock_now_ms();
	if (first)
		reach->answered(reach->aux);
}

/* ---- echoes ---- */

static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The eight bytes of an echo without data (RFC 792; RFC 4443 4.1). The kernel fills in ICMPv6's checksum. */
static void build_echo(const struct reach *reach, int family, uint8_t echo[8])
{
	uint16_t sum;

	memset(echo, 0, 8);
	echo[0] = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	echo[4] = (uint8_t)(reach->id >> 8);
	echo[5] = (uint8_t)reach->id;
	echo[6] = (uint8_t)(reach->seq >> 8);
	echo[7] = (uint8_t)reach->seq;
	sum = family == AF_INET ? checksum(echo, 8) : 0;
	echo[2] = (uint8_t)(sum >> 8);
	echo[3] = (uint8_t)sum;
}

static void send_echo(const struct reach *reach, const struct target *target)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	bool is_v4 = target->addr.family == AF_INET;
	const void *addr = is_v4 ? (const void *)&sin : (const void *)&sin6;
	int fd = reach->fds[!is_v4];
	uint8_t echo[8];

	memcpy(&sin.sin_addr, target->addr.addr, 4);
	memcpy(&sin6.sin6_addr, target->addr.addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr))
		sin6.sin6_scope_id = (uint32_t)reach->ifindex;
	build_echo(reach, target->addr.family, echo);
	/* What cannot be sent is not answered, which is what counts. */
	if (fd >= 0 && sendto(fd, echo, sizeof echo, MSG_DONTWAIT, addr, is_v4 ? sizeof sin : sizeof sin6) < 0)
		log_dbg("echo: %s", strerror(errno));
}

static bool is_our_reply(const struct reach *reach, const uint8_t *data, size_t len)
{
	return len >= 8 && (data[0] == ICMP_ECHOREPLY || data[0] == ICMP6_ECHO_REPLY) &&
	       (data[4] << 8 | data[5]) == reach->id;
}

static void on_readable(struct reach *reach, int fd, int family)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} from;
	socklen_t len = sizeof from;
	uint8_t data[2048];
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &len)) > 0) {
		/* Raw IPv4 sockets give the IP header as well. */
		size_t off = family == AF_INET ? (size_t)(data[0] & 15) * 4 : 0;
		const void *addr =
			family == AF_INET ? (const void *)&from.v4.sin_addr : (const void *)&from.v6.sin6_addr;
		struct target *target = find_target(reach, family, addr);

		if (target && off <= (size_t)n && is_our_reply(reach, data + off, (size_t)n - off)) {
			note_answer(reach, target);
			return; /* the owner may be gone now; what else there is comes again */
		}
		len = sizeof from;
	}
}

static void on_v4(struct loop_fd *self, uint32_t events VSW_UNUSED)
{
	on_readable(container_of(self, struct reach, lfds[0]), self->fd_plus_1 - 1, AF_INET);
}

static void on_v6(struct loop_fd *self, uint32_t events VSW_UNUSED)
{
	on_readable(container_of(self, struct reach, lfds[1]), self->fd_plus_1 - 1, AF_INET6);
}

static int open_socket(struct reach *reach, bool is_v6)
{
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			is_v6 ? (int)IPPROTO_ICMPV6 : IPPROTO_ICMP);
	uint32_t filter = ~(1u << ICMP_ECHOREPLY);
	struct icmp6_filter filter6;

	if (fd < 0)
		return -1;
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	if (is_v6)
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof filter6);
	else
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
	if (loop_add_fd(reach->loop, &reach->lfds[is_v6], fd, EPOLLIN, is_v6 ? on_v6 : on_v4)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- neighbours ---- */

struct look {
	struct reach *reach;
	size_t *seen; /* indexes of targets that have just been heard */
	size_t n_seen;
	struct target *stale; /* one to ask the kernel to ask */
	uint8_t lladdr[6];
};

/* What the kernel knows of one neighbour. It counts in ticks since the neighbour was last heard. */
static void look_at(const struct nlmsghdr *nlh, void *aux)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct look *look = aux;
	struct nda_cacheinfo info = {.ndm_confirmed = UINT32_MAX};
	struct target *target = NULL;
	const struct nlattr *attr, *lladdr = NULL;
	int64_t heard_ms;

	mnl_attr_for_each(attr, nlh, sizeof *ndm)
	{
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == NDA_DST && len == rtnl_addr_len(ndm->ndm_family))
			target = find_target(look->reach, ndm->ndm_family, mnl_attr_get_payload(attr));
		else if (mnl_attr_get_type(attr) == NDA_CACHEINFO && len >= sizeof info)
			memcpy(&info, mnl_attr_get_payload(attr), sizeof info);
		else if (mnl_attr_get_type(attr) == NDA_LLADDR && len == 6)
			lladdr = attr;
	}
	if (!target || ndm->ndm_ifindex != look->reach->ifindex)
		return;
	heard_ms = clock_now_ms() - (int64_t)info.ndm_confirmed * 1000 / sysconf(_SC_CLK_TCK);
	if ((ndm->ndm_state & NUD_REACHABLE) && heard_ms > look->reach->since_ms && look->n_seen < look->reach->n) {
		look->seen[look->n_seen++] = (size_t)(target - look->reach->targets);
	} else if (lladdr && !(ndm->ndm_state & (NUD_PERMANENT | NUD_PROBE))) {
		look->stale = target;
		memcpy(look->lladdr, mnl_attr_get_payload(lladdr), 6);
	}
}

/* Let the kernel ask whether a neighbour that it thinks it knows is still there. */
static void ask_kernel(struct reach *reach, const struct target *target, const uint8_t lladdr[6])
{
	_Alignas(NLMSG_ALIGNTO) char bytes[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ndmsg *ndm;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REPLACE;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof *ndm);
	ndm->ndm_family = (uint8_t)target->addr.family;
	ndm->ndm_ifindex = reach->ifindex;
	ndm->ndm_state = NUD_PROBE;
	mnl_attr_put(nlh, NDA_DST, rtnl_addr_len(target->addr.family), target->addr.addr);
	mnl_attr_put(nlh, NDA_LLADDR, 6, lladdr);
	if (rtnl_request(reach->rtnl, nlh))
		log_dbg("a neighbour cannot be probed");
}

static void look_at_neighbours(struct reach *reach, uint8_t family)
{
	struct look look = {.reach = reach, .seen = xcalloc(reach->n, sizeof(size_t))};
	int error = rtnl_dump(reach->rtnl, RTM_GETNEIGH, family, look_at, &look);

	if (!error && look.stale && look.stale->last_ms < 0)
		ask_kernel(reach, look.stale, look.lladdr);
	for (size_t i = 0; i < look.n_seen; i++)
		if (reach->targets[look.seen[i]].last_ms >= 0)
			reach->targets[look.seen[i]].last_ms = clock_now_ms();
	/* The last thing that happens here, since the owner may end it all: one first answer. */
	for (size_t i = 0; i < look.n_seen; i++)
		if (reach->targets[look.seen[i]].last_ms < 0) {
			struct target *target = &reach->targets[look.seen[i]];

			free(look.seen);
			note_answer(reach, target);
			return;
		}
	free(look.seen);
}

/* ---- the whole ---- */

struct reach *reach_new(struct loop *loop, const struct rtnl_prefix *targets, size_t n, void (*answered)(void *aux),
			void *aux)
{
	struct reach *reach = xzalloc(sizeof *reach);

	*reach = (struct reach){.loop = loop, .n = n, .answered = answered, .aux = aux, .fds = {-1, -1}};
	reach->targets = xcalloc(n, sizeof *reach->targets);
	for (size_t i = 0; i < n; i++)
		reach->targets[i] = (struct target){.addr = targets[i], .last_ms = -1};
	reach->id = (uint16_t)(getpid() ^ random());
	for (int v6 = 0; v6 < 2; v6++)
		reach->fds[v6] = open_socket(reach, v6);
	if (rtnl_open(&reach->rtnl, -1))
		log_warn("neighbours cannot be looked at: only pings count");
	return reach;
}

void reach_free(struct reach *reach)
{
	if (!reach)
		return;
	for (int i = 0; i < 2; i++)
		if (reach->fds[i] >= 0) {
			loop_del_fd(reach->loop, &reach->lfds[i]);
			close(reach->fds[i]);
		}
	rtnl_close(reach->rtnl);
	free(reach->targets);
	free(reach);
}

void reach_reset(struct reach *reach, int ifindex, int64_t now_ms)
{
	reach->ifindex = ifindex;
	reach->since_ms = now_ms;
	reach->id++;
	for (size_t i = 0; i < reach->n; i++)
		reach->targets[i].last_ms = -1;
}

void reach_ask(struct reach *reach, int64_t now_ms VSW_UNUSED)
{
	bool families[2] = {false, false};

	reach->seq++;
	for (size_t i = 0; i < reach->n; i++) {
		send_echo(reach, &reach->targets[i]);
		families[reach->targets[i].addr.family != AF_INET] = true;
	}
	/* Each may end it all, so the second is asked for the next time if the first had news. */
	if (!reach->rtnl)
		return;
	if (families[reach->seq % 2])
		look_at_neighbours(reach, reach->seq % 2 ? AF_INET6 : AF_INET);
	else if (families[0] != families[1])
		look_at_neighbours(reach, families[0] ? AF_INET : AF_INET6);
}

int64_t reach_last_ms(const struct reach *reach, size_t i)
{
	return reach->targets[i].last_ms;
}
