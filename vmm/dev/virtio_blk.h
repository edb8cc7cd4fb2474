/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk (virtio 1.2 5.2): a disk with flush, discard, write zeroes, a serial number, and a queue for each CPU. */
#ifndef VMM_DEV_VIRTIO_BLK_H
#define VMM_DEV_VIRTIO_BLK_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct block;
struct machine;
struct virtio_blk;
struct virtio_device;

#define VIRTIO_BLK_MAX_QUEUES 8

struct virtio_blk_stats {
	uint64_t n_reads, n_writes, n_flushes, n_discards, n_errors;
	uint64_t bytes_read, bytes_written;
};

/**
 * virtio_blk_new() - @block: taken over, also on failure; it has a ring for each of @n_queues
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int virtio_blk_new(struct machine *machine, const char *name, struct block *block, unsigned int n_queues,
				struct virtio_blk **blk, struct errtext *err);
struct virtio_device *virtio_blk_device(struct virtio_blk *blk);
void virtio_blk_get_stats(const struct virtio_blk *blk, struct virtio_blk_stats *stats);

#endif
