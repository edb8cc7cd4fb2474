/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for a card that knows of no offloads, out of a backend's packets, which may be 64 KiB of TCP with the checksum left undone.
 *
 * It takes more to have the kernel cut a packet into forty frames, and to fetch them one by one, than to fetch it whole and cut it here. And checksums that
 * are made here need not be looked at: a card says of such a frame that they are right, unless what the sender had begun was wrong.
 *
 * Frames come one by one: what a card has no room for waits in its packet.
 */
#ifndef VMM_DEV_NIC_SOURCE_H
#define VMM_DEV_NIC_SOURCE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "vmm/net/backend.h"

/** Longest frame that is cut from a packet; the longest that any card takes. */
#define NIC_SOURCE_FRAME_MAX 16384u
/** Bytes behind a frame, and before it, that the card may write to. */
#define NIC_SOURCE_ROOM 64u

struct nic_frame {
	uint8_t *data;
	size_t len;
	bool is_right; /**< its TCP or UDP checksum was made here */
};

/** Embedded, zero-initialised. */
struct nic_source {
	struct packet packet;
	size_t n_cut;			     /**< frames that have been cut from it; 0: there is none */
	bool is_right;			     /**< the packet's checksum was begun as it should be */
	uint8_t bytes[NET_PACKET_MAX + 256]; /**< the packet, with its header; room behind */
	uint8_t scratch[PACKET_HEADROOM + NIC_SOURCE_FRAME_MAX + NIC_SOURCE_ROOM];
};

/** nic_source_offloads() - what the backend may leave undone: or'ed enum net_offload. */
unsigned int nic_source_offloads(const struct net_backend *be);
/**
 * nic_source_next() - the next frame
 * @frame: valid until the next call
 * Return: 0, -EAGAIN: there is none now, -EINVAL: a packet that means nothing has been thrown away, or -errno of the backend.
 */
int nic_source_next(struct nic_source *source, struct net_backend *be, struct nic_frame *frame);

#endif
