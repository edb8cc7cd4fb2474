// SPDX-License-Identifier: Apache-2.0
#include "os/tunsock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsw/types.h"

#ifndef UDP_NO_CHECK6_TX
#define UDP_NO_CHECK6_TX 101
#define UDP_NO_CHECK6_RX 102
#endif

enum { RECEIVE_BUFFER = 8 << 20, SEND_BUFFER = 4 << 20, PROTOCOL_GRE = 47 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const uint8_t *addr)
{
	return !memcmp(addr, mapped, sizeof mapped);
}

static void map(uint8_t addr[16], const void *ipv4)
{
	memcpy(addr, mapped, sizeof mapped);
	memcpy(addr + sizeof mapped, ipv4, 4);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) ? -errno : 0;
}

static int open_one(int family, bool is_raw)
{
	int fd = socket(family, (is_raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			is_raw ? PROTOCOL_GRE : 0);

	return fd < 0 ? -errno : fd;
}

static void close_both(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	fds[0] = fds[1] = -1;
}

/* ---- receiving ---- */

/* What the outer header says comes as control messages. */
static int want_header(int fd, int family)
{
	int error;

	if (family == AF_INET) {
		error = set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		error = error ? error : set(fd, IPPROTO_IP, IP_RECVTOS, 1);
		return error ? error : set(fd, IPPROTO_IP, IP_RECVTTL, 1);
	}
	error = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	error = error ? error : set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	return error ? error : set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
}

static int bind_to(int fd, int family, uint16_t port)
{
	struct sockaddr_in6 addr6 = {.sin6_family = AF_INET6, .sin6_port = (VSW_FORCE in_port_t)cpu_to_be16(port)};
	struct sockaddr_in addr4 = {.sin_family = AF_INET, .sin_port = (VSW_FORCE in_port_t)cpu_to_be16(port)};
	bool is_4 = family == AF_INET;

	return bind(fd, is_4 ? (const void *)&addr4 : (const void *)&addr6, is_4 ? sizeof addr4 : sizeof addr6) ? -errno
														: 0;
}

static int open_receiver(int family, uint16_t port)
{
	int fd = open_one(family, !port), error;

	if (fd < 0)
		return fd;
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		(void)!set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	/* Other tunnels' ends may leave the checksum out (RFC 6935). */
	if (family == AF_INET6 && port)
		(void)!set(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
	error = family == AF_INET6 && port ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
	if (!error)
		error = want_header(fd, family);
	if (!error && port)
		error = bind_to(fd, family, port);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int tunsock_open_receiver(struct tunsock_receiver *r, uint16_t port)
{
	*r = (struct tunsock_receiver){.fds = {-1, -1}, .is_raw = !port};
	r->fds[0] = open_receiver(AF_INET, port);
	if (r->fds[0] < 0)
		return r->fds[0];
	r->fds[1] = open_receiver(AF_INET6, port);
	if (r->fds[1] < 0 && r->fds[1] != -EAFNOSUPPORT) {
		int error = r->fds[1];

		close_both(r->fds);
		return error;
	}
	return 0;
}

void tunsock_close_receiver(struct tunsock_receiver *r)
{
	close_both(r->fds);
}

/* The descriptors stay ours until no thread can use them any more. */
void tunsock_hush_receiver(struct tunsock_receiver *r)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < 2 && nothing >= 0; i++)
		if (r->fds[i] >= 0)
			dup3(nothing, r->fds[i], O_CLOEXEC);
	if (nothing >= 0)
		close(nothing);
}

static void read_control(struct msghdr *msg, struct tunsock_header *h)
{
	int value;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			map(h->dst, &((const struct in_pktinfo *)data)->ipi_addr);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			h->tos = *(const uint8_t *)data;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) {
			memcpy(&value, data, sizeof value);
			h->ttl = (uint8_t)value;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(h->dst, &((const struct in6_pktinfo *)data)->ipi6_addr, 16);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&value, data, sizeof value);
			h->tos = (uint8_t)value;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&value, data, sizeof value);
			h->ttl = (uint8_t)value;
		}
	}
}

ssize_t tunsock_recv(const struct tunsock_receiver *r, int fd, uint8_t *buf, size_t size, uint8_t **data,
		     struct tunsock_header *h)
{
	_Alignas(struct cmsghdr) char control[256];
	struct sockaddr_storage from = {0};
	struct iovec iov = {buf, size};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof from,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
	size_t header_len = 0;

	if (n < 0)
		return -errno;
	*h = (struct tunsock_header){0};
	if (from.ss_family == AF_INET)
		map(h->src, &((const struct sockaddr_in *)&from)->sin_addr);
	else
		memcpy(h->src, &((const struct sockaddr_in6 *)&from)->sin6_addr, 16);
	read_control(&msg, h);
	/* A raw socket of IPv4 gives the IP header, too. */
	if (r->is_raw && from.ss_family == AF_INET)
		header_len = n ? (buf[0] & 15) * 4u : 0;
	*data = buf + MIN(header_len, (size_t)n);
	return n - (ssize_t)MIN(header_len, (size_t)n);
}

/* ---- sending ---- */

int tunsock_open_sender(struct tunsock_sender *s, uint16_t port)
{
	*s = (struct tunsock_sender){.fds = {-1, -1}, .port = port, .csum = {true, true}};
	s->fds[0] = open_one(AF_INET, !port);
	if (s->fds[0] < 0)
		return s->fds[0];
	s->fds[1] = open_one(AF_INET6, !port);
	for (int i = 0; i < 2; i++) {
		if (s->fds[i] < 0)
			continue;
		if (set(s->fds[i], SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER))
			(void)!set(s->fds[i], SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
		(void)!set(s->fds[i], i ? IPPROTO_IPV6 : IPPROTO_IP, i ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			   IP_PMTUDISC_DONT);
	}
	return 0;
}

void tunsock_close_sender(struct tunsock_sender *s)
{
	close_both(s->fds);
}

static void follow(struct tunsock_sender *s, int i, const struct tunsock_header *h)
{
	if (s->df[i] != h->df) {
		(void)!set(s->fds[i], i ? IPPROTO_IPV6 : IPPROTO_IP, i ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			   h->df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
		if (i)
			(void)!set(s->fds[i], IPPROTO_IPV6, IPV6_DONTFRAG, h->df);
		s->df[i] = h->df;
	}
	if (s->port && s->csum[i] != h->csum) {
		(void)!(i ? set(s->fds[i], IPPROTO_UDP, UDP_NO_CHECK6_TX, !h->csum)
			  : set(s->fds[i], SOL_SOCKET, SO_NO_CHECK, !h->csum));
		s->csum[i] = h->csum;
	}
}

struct control {
	_Alignas(struct cmsghdr) char bytes[256];
	size_t len;
};

static void add(struct control *control, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *c = (void *)(control->bytes + control->len);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
	control->len += CMSG_SPACE(n);
}

static void put_control(struct control *control, bool is_4, const struct tunsock_header *h)
{
	static const uint8_t none[16];
	int tos = h->tos, ttl = h->ttl;

	if (is_4) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, h->src + sizeof mapped, 4);
		if (memcmp(h->src, none, sizeof none) != 0)
			add(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
		add(control, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
		add(control, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	} else {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, h->src, 16);
		if (memcmp(h->src, none, sizeof none) != 0)
			add(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
		add(control, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
		add(control, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof ttl);
	}
	if (h->mark)
		add(control, SOL_SOCKET, SO_MARK, &h->mark, sizeof h->mark);
}

int tunsock_send(struct tunsock_sender *s, const struct iovec *iov, size_t n, const struct tunsock_header *h)
{
	in_port_t port = (VSW_FORCE in_port_t)cpu_to_be16(s->port);
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = port};
	bool is_4 = is_ipv4(h->dst);
	struct control control = {.len = 0};
	struct msghdr msg = {
		.msg_name = is_4 ? (void *)&to4 : (void *)&to6,
		.msg_namelen = is_4 ? sizeof to4 : sizeof to6,
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n,
		.msg_control = control.bytes,
	};
	int i = is_4 ? 0 : 1;

	if (s->fds[i] < 0)
		return ENETUNREACH;
	memcpy(is_4 ? (void *)&to4.sin_addr : (void *)&to6.sin6_addr, is_4 ? h->dst + sizeof mapped : h->dst,
	       is_4 ? 4 : 16);
	follow(s, i, h);
	put_control(&control, is_4, h);
	msg.msg_controllen = control.len;
	return sendmsg(s->fds[i], &msg, MSG_DONTWAIT) < 0 ? errno : 0;
}

/* ---- paths ---- */

enum { MTU_UNKNOWN = 65535, ANY_PORT = 9 };

static int bind_local(int fd, bool is_4, const uint8_t local[16])
{
	struct sockaddr_in6 from6 = {.sin6_family = AF_INET6};
	struct sockaddr_in from4 = {.sin_family = AF_INET};

	memcpy(&from4.sin_addr, local + sizeof mapped, 4);
	memcpy(&from6.sin6_addr, local, 16);
	return bind(fd, is_4 ? (const void *)&from4 : (const void *)&from6, is_4 ? sizeof from4 : sizeof from6);
}

/* Nothing is sent. */
static int connect_to(int fd, bool is_4, const uint8_t remote[16])
{
	in_port_t port = (VSW_FORCE in_port_t)cpu_to_be16(ANY_PORT);
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = port};

	memcpy(&to4.sin_addr, remote + sizeof mapped, 4);
	memcpy(&to6.sin6_addr, remote, 16);
	return connect(fd, is_4 ? (const void *)&to4 : (const void *)&to6, is_4 ? sizeof to4 : sizeof to6);
}

int tunsock_path_mtu(const uint8_t remote[16], const uint8_t local[16])
{
	static const uint8_t none[16];
	bool is_4 = is_ipv4(remote);
	int fd = open_one(is_4 ? AF_INET : AF_INET6, false), mtu = 0;
	socklen_t len = sizeof mtu;

	if (fd < 0)
		return MTU_UNKNOWN;
	if ((!memcmp(local, none, sizeof none) || !bind_local(fd, is_4, local)) && !connect_to(fd, is_4, remote) &&
	    getsockopt(fd, is_4 ? IPPROTO_IP : IPPROTO_IPV6, is_4 ? IP_MTU : IPV6_MTU, &mtu, &len))
		mtu = MTU_UNKNOWN;
	close(fd);
	return mtu;
}
