/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks for fuzzers, without a descriptor, so that their device starts no thread. One in memory: what is submitted is done when it is reaped, so that a
 * reset comes in between. And one that is a file in memory, by the VMM's own code for raw images.
 */
#ifndef TESTS_FUZZ_VMM_BLOCK_H
#define TESTS_FUZZ_VMM_BLOCK_H 1

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/block/block.h"

#define MEM_BLOCK_SIZE (64u << 10)
#define MEM_BLOCK_DEPTH 64

struct mem_block {
	struct block block;
	struct block_request *waiting[MEM_BLOCK_DEPTH];
	unsigned int n_waiting;
	uint8_t data[MEM_BLOCK_SIZE];
};

static inline struct mem_block *mem_block_of(struct block *block)
{
	return container_of(block, struct mem_block, block);
}

static inline void mem_block_close(struct block *block)
{
	/* The device must have waited for what it gave us. */
	if (mem_block_of(block)->n_waiting)
		abort();
	free(mem_block_of(block));
}

static inline int mem_block_submit(struct block *block, unsigned int ring, struct block_request *r)
{
	struct mem_block *m = mem_block_of(block);

	(void)ring;
	if (m->n_waiting == MEM_BLOCK_DEPTH)
		return -EAGAIN;
	if (r->op != BLOCK_FLUSH && (r->offset > MEM_BLOCK_SIZE || r->len > MEM_BLOCK_SIZE - r->offset))
		return -EINVAL;
	m->waiting[m->n_waiting++] = r;
	return 0;
}

static inline void mem_block_kick(struct block *block, unsigned int ring)
{
	(void)block, (void)ring;
}

static inline int mem_block_ring_fd(struct block *block, unsigned int ring)
{
	(void)block, (void)ring;
	return -1;
}

static inline void mem_block_do(struct mem_block *m, const struct block_request *r)
{
	uint8_t *at = m->data + r->offset;

	if (r->op == BLOCK_DISCARD || r->op == BLOCK_WRITE_ZEROES)
		memset(at, 0, r->len);
	for (size_t i = 0; i < r->n_iov && (r->op == BLOCK_READ || r->op == BLOCK_WRITE); i++) {
		if (r->op == BLOCK_READ)
			memcpy(r->iov[i].iov_base, at, r->iov[i].iov_len);
		else
			memcpy(at, r->iov[i].iov_base, r->iov[i].iov_len);
		at += r->iov[i].iov_len;
	}
}

static inline void mem_block_reap(struct block *block, unsigned int ring)
{
	struct mem_block *m = mem_block_of(block);

	(void)ring;
	while (m->n_waiting) {
		struct block_request *r = m->waiting[--m->n_waiting]; /* the last first: any order is allowed */

		mem_block_do(m, r);
		r->done(r, r->offset == 512 ? -EIO : 0);
	}
}

static inline struct block *mem_block_new(void)
{
	static const struct block_ops ops = {
		"memory", NULL, mem_block_close, mem_block_submit, mem_block_kick, mem_block_ring_fd, mem_block_reap};
	struct mem_block *m = xzalloc(sizeof *m);

	m->block = (struct block){.ops = &ops,
				  .size = MEM_BLOCK_SIZE,
				  .can_discard = true,
				  .can_write_zeroes = true,
				  .block_size = 4096,
				  .n_rings = 1,
				  .serial = "serial"};
	return &m->block;
}

static inline struct block *file_block_new(bool read_only, unsigned int n_rings)
{
	static struct block_ops ops; /* the raw image's, but for the descriptor */
	int fd = memfd_create("disk", MFD_CLOEXEC);
	const struct block_config config = {
		.path = "disk", .format = "raw", .fd_plus_1 = fd + 1, .read_only = read_only, .serial = "serial"};
	struct block *block;

	if (fd < 0 || ftruncate(fd, MEM_BLOCK_SIZE) || block_open(&config, n_rings, &block, NULL))
		abort();
	ops = *block->ops;
	ops.ring_fd = mem_block_ring_fd;
	block->ops = &ops;
	return block;
}

#endif
