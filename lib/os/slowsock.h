/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet socket for the control frames of a link: LACPDUs in, and whatever the switch says of itself on the link out.
 *
 * It taps the device in front of its tc programs, so it sees slow protocol frames whatever the switch does with them, and costs other frames
 * a test of two bytes. Frames with a VLAN tag are none of it. Its receive buffer is small: a flood of frames is the kernel's to drop.
 */
#ifndef OS_SLOWSOCK_H
#define OS_SLOWSOCK_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** slowsock_open() - @receives: else it only sends. Return: a descriptor that does not block, or negative errno. */
int slowsock_open(int ifindex, bool receives);
/** slowsock_recv() - one frame. Return: its length, at most @size, or negative errno (-EAGAIN: none). */
ssize_t slowsock_recv(int fd, void *frame, size_t size);
/** slowsock_send() - one frame, as soon as the device takes it. Return: 0 or negative errno. */
int slowsock_send(int fd, const void *frame, size_t len);

#endif
