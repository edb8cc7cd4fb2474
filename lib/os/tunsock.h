/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets for tunnels that this process makes itself: datagrams of UDP (VXLAN, Geneve) or of IP protocol 47 (GRE), over IPv4 and IPv6, with
 * what their outer header says beside them. The kernel routes, resolves neighbours, fragments and checks.
 *
 * A receiver has the port; it is one socket per address family. A sender is for one thread: settings that a socket has and a
 * message has not (checksum, fragmentation) are changed when the next message wants them otherwise.
 */
#ifndef OS_TUNSOCK_H
#define OS_TUNSOCK_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/util.h"

/** Addresses are IPv6, IPv4 mapped into it (::ffff:a.b.c.d). */
struct tunsock_header {
	uint8_t src[16], dst[16]; /**< src of a message to send: zero when the kernel is to choose */
	uint8_t tos, ttl;
	bool df;       /**< to send */
	bool csum;     /**< to send: UDP checksum; received ones are always verified */
	uint32_t mark; /**< to send */
};

struct tunsock_receiver {
	int fds[2]; /**< IPv4 and IPv6; -1: this host has none */
	bool is_raw;
};

/** tunsock_open_receiver() - @port: of UDP; 0: GRE. Return: 0 or -errno (-EADDRINUSE, -EPERM). */
VSW_MUST_USE int tunsock_open_receiver(struct tunsock_receiver *r, uint16_t port);
void tunsock_close_receiver(struct tunsock_receiver *r);

/** tunsock_hush_receiver() - give the port back at once; a thread that is about to receive gets an error. Not closed yet. */
void tunsock_hush_receiver(struct tunsock_receiver *r);

/** tunsock_recv() - one datagram into @buf; *data and the result leave out an IP header that the socket gives. Return: its length or -errno (-EAGAIN). */
ssize_t tunsock_recv(const struct tunsock_receiver *r, int fd, uint8_t *buf, size_t size, uint8_t **data,
		     struct tunsock_header *header);

struct tunsock_sender {
	int fds[2];
	uint16_t port;
	bool df[2], csum[2]; /**< as the sockets are set */
};

/** tunsock_open_sender() - @port: to send to; 0: GRE. Return: 0 or -errno. */
VSW_MUST_USE int tunsock_open_sender(struct tunsock_sender *s, uint16_t port);
void tunsock_close_sender(struct tunsock_sender *s);

/**
 * tunsock_send() - Return: 0, or the positive errno: EMSGSIZE larger than the path takes, ENETUNREACH and EHOSTUNREACH no route, ENOBUFS and
 * EAGAIN the queue is full.
 */
int tunsock_send(struct tunsock_sender *s, const struct iovec *iov, size_t n, const struct tunsock_header *header);

/**
 * tunsock_path_mtu() - how large an IP packet the way to @remote takes, as far as the kernel knows (the device's MTU, or what routers said)
 * @local: from this address; zero: any
 *
 * Return: bytes; 0: no route, or @local is no address of this host; 65535 when it cannot be told.
 */
int tunsock_path_mtu(const uint8_t remote[16], const uint8_t local[16]);

#endif
