/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest's frames go to and come from: the switch port's TAP (net/tap.c), or memory in a test.
 *
 * A packet is a struct virtio_net_hdr_v1 (12 bytes, little-endian, virtio 1.2 5.1.6) and the frame without FCS. The header says what
 * is left undone: checksum, segmentation. A NIC model that cannot take that of its guest's side tells so by set_offloads(), and the backend
 * (the kernel behind the TAP) then finishes packets before they come.
 */
#ifndef VMM_NET_BACKEND_H
#define VMM_NET_BACKEND_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/util.h"

/** Largest packet, header included. */
#define NET_PACKET_MAX (65536 + 12 + 64)
#define NET_MAX_QUEUES 8

/** What the guest's side takes unfinished (virtio_net features GUEST_CSUM, GUEST_TSO4, ...). */
enum net_offload {
	NET_OFFLOAD_CSUM = 1,
	NET_OFFLOAD_TSO4 = 2,
	NET_OFFLOAD_TSO6 = 4,
	NET_OFFLOAD_ECN = 8,
	NET_OFFLOAD_UFO = 16,
	NET_OFFLOAD_USO = 32, /**< IPv4 and IPv6; Linux 6.2 and later */
};

struct net_backend;

struct net_backend_ops {
	/** One packet of the guest. Return: 0, -EAGAIN: no room now (wait for EPOLLOUT), or -errno: it is lost. */
	int (*send)(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n);
	/** One packet for the guest. Return: its bytes, header included, at most what @iov holds (more is cut off), or -EAGAIN, -errno. */
	ssize_t (*receive)(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n);
	/** @offloads: or'ed enum net_offload. Return: 0, or -EOPNOTSUPP: some of them are not to be had here (@supported tells). */
	int (*set_offloads)(struct net_backend *be, unsigned int offloads);
	/** How many queues take part, of those it has. Return: 0 or -errno. */
	int (*set_queues)(struct net_backend *be, unsigned int n);
	/** Carrier as the guest's side has it: false while the guest's driver is not there. */
	void (*set_carrier)(struct net_backend *be, bool up);
	void (*free)(struct net_backend *be);
};

struct net_backend {
	const struct net_backend_ops *ops;
	unsigned int n_queues;
	unsigned int supported; /**< or'ed enum net_offload */
	uint32_t mtu;
	bool link_up;		 /**< the switch's side */
	int fds[NET_MAX_QUEUES]; /**< readable: a packet is there; also what vhost-net takes. -1: none */
	/** vhost-net for each queue, opened and nobody's yet: whoever takes one leaves -1. -1: none. Valid where @fds is. */
	int vhost_fds[NET_MAX_QUEUES];
};

#endif
