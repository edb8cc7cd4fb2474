/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TAP device of several queues that carries packets from a BPF program to this process, whole and with their offload state.
 *
 * What is sent to the device can be read from one of its queues: a struct virtio_net_hdr, then the frame. A program of ours (of type
 * BPF_PROG_TYPE_SOCKET_FILTER) says which queue. The device is silent: no IPv6 address, no ARP, no queueing discipline in front of
 * its rings. It goes away with the last descriptor.
 */
#ifndef OS_TAP_H
#define OS_TAP_H 1

#include "base/errtext.h"
#include "base/util.h"

/**
 * tap_open_queues() - make the device and bring it up
 * @name: pattern such as "vsw-up%d"
 * @n: queues
 * @queue_len: packets that each holds; more are dropped
 * @steering: descriptor of the program whose result modulo @n is the queue
 * @fds: one non-blocking descriptor per queue, written on success
 *
 * Return: the device's index, or -errno with the sentence.
 */
VSW_MUST_USE int tap_open_queues(const char *name, unsigned int n, unsigned int queue_len, int steering, int *fds,
				 struct errtext *err);

/**
 * tap_open_vhost() - an instance of vhost-net, by which the kernel moves packets between one queue of a TAP device and a guest's rings
 *
 * It belongs to nobody yet: the guest's process makes it its own (VHOST_SET_OWNER). Return: a descriptor, or -errno: -ENOENT where the kernel has none.
 */
VSW_MUST_USE int tap_open_vhost(void);

#endif
