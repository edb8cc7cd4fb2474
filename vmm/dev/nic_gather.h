/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame that a guest's old NIC puts together from descriptors. Its first bytes, with all headers that a card is told of (8-bit offsets), are copied and may be
 * judged and changed; the rest is sent from where it lies. The guest may change that under way, and hurts nobody but who reads its frame.
 */
#ifndef VMM_DEV_NIC_GATHER_H
#define VMM_DEV_NIC_GATHER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/util.h"

struct guest_memory;

/** Longest frame: a segmented one of 64 KiB with its headers. */
#define NIC_GATHER_MAX (65536u + 18u + 128u)
/** Bytes copied: offsets of 8 bits, behind a tag, with an IPv4 header of 60 bytes there. */
#define NIC_GATHER_HEAD 384u
/** Pieces behind them; those that lie side by side are one. */
#define NIC_GATHER_PIECES 256u

/** Zero-initialised: empty. */
struct nic_gather {
	size_t len, n_head; /**< of the frame; of it in `head` */
	size_t n_pieces;
	uint8_t head[NIC_GATHER_HEAD + 4];
	struct iovec pieces[NIC_GATHER_PIECES];
};

static inline void nic_gather_clear(struct nic_gather *g)
{
	g->len = g->n_head = g->n_pieces = 0;
}

/** nic_gather_add() - @len bytes (0 is fine) of guest memory behind what is there. Return: 0, -EFAULT: no memory, -E2BIG: too long, or too many pieces. */
VSW_MUST_USE int nic_gather_add(struct nic_gather *g, const struct guest_memory *memory, uint64_t gpa, uint32_t len);
/**
 * nic_gather_insert_tag() - behind the addresses; when the frame is complete
 * @tpid, @tci: host order
 * Return: bytes by which everything behind has moved: 4, or 0 for a frame that is too short.
 */
size_t nic_gather_insert_tag(struct nic_gather *g, uint16_t tpid, uint16_t tci);

#endif
