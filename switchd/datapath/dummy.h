/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dummy datapath beyond the common interface: frames given by hand, and what was sent, for tests and `vsw dummy receive`.
 *
 * It runs the same engine as `user` (forward.h), in the loop's thread: a frame is received, translated and sent before the call that
 * brought it returns, so what happens is determined by the order of the input alone. A port's frames come from and go to a
 * stream (dummy_stream.h), or nowhere: a port without a stream or without a peer takes everything. What leaves is complete:
 * checksums are computed, GSO packets cut.
 *
 * dummy_receive() and dummy_take_tx() come from the loop's thread.
 */
#ifndef SWITCHD_DATAPATH_DUMMY_H
#define SWITCHD_DATAPATH_DUMMY_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datapath;
struct packet;

/**
 * dummy_receive() - a frame comes in on a port
 * @p: only its bytes and offload state matter; copied
 *
 * Return: 0, -ENODEV no such port, -EMSGSIZE the frame is longer than PACKET_MAX_LEN.
 */
int dummy_receive(struct datapath *dp, uint32_t port_no, const struct packet *p);

/** Frames per port that are kept when captured; older ones make room. */
#define DUMMY_MAX_CAPTURED 256

/** dummy_capture() - from now on keep copies of what leaves; off at first. Turning it off forgets them. */
void dummy_capture(struct datapath *dp, bool on);
/**
 * dummy_take_tx() - the oldest frame that left through a port and was not taken yet
 * @buf: gets its first @size bytes
 *
 * Return: its length, 0 when there is none.
 */
size_t dummy_take_tx(struct datapath *dp, uint32_t port_no, void *buf, size_t size);

#endif
