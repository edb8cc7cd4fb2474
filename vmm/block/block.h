/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk as devices see it: sectors of 512 bytes behind asynchronous requests. Implementations are image formats (raw.c; qcow2 later).
 *
 * A request's memory (guest RAM) must stay until `done` is called, once, in the I/O thread that submitted it, after submit() has
 * returned. Order between requests in flight is nobody's; a flush covers the writes whose `done` came before it was submitted.
 */
#ifndef VMM_BLOCK_BLOCK_H
#define VMM_BLOCK_BLOCK_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/errtext.h"
#include "base/util.h"

#define BLOCK_SECTOR 512
#define BLOCK_SERIAL_MAX 20

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

struct block_request {
	enum block_op op;
	uint64_t offset,
		len;	/**< bytes, multiples of BLOCK_SECTOR; within the disk (checked by the device and again here) */
	bool may_unmap; /**< BLOCK_WRITE_ZEROES: a hole is fine */
	const struct iovec *iov;
	size_t n_iov;
	/** @error: 0 or negative errno */
	void (*done)(struct block_request *request, int error);
};

struct block;

struct block_config {
	const char *path, *format; /**< format: "raw" */
	int fd_plus_1; /**< not 0: the image is open already, as this descriptor; taken over, also on failure */
	bool read_only;
	const char *serial; /**< at most 20 bytes, or NULL */
};

struct block_ops {
	const char *format;
	int (*open)(const struct block_config *config, unsigned int n_rings, struct block **block, struct errtext *err);
	void (*close)(struct block *block);
	/** Queue one request on the ring of I/O thread @ring. It may be batched until kick(). Return: 0, -EAGAIN (too many in flight). */
	int (*submit)(struct block *block, unsigned int ring, struct block_request *request);
	void (*kick)(struct block *block, unsigned int ring);
	/** Descriptor that is readable when requests of the ring are done, and what then calls their `done`. */
	int (*ring_fd)(struct block *block, unsigned int ring);
	void (*reap)(struct block *block, unsigned int ring);
};

struct block {
	const struct block_ops *ops;
	uint64_t size; /**< bytes */
	bool read_only, can_discard, can_write_zeroes;
	uint32_t block_size; /**< of the file system: what is best written at once */
	unsigned int n_rings;
	char serial[BLOCK_SERIAL_MAX + 1];
};

/**
 * block_open() - open and lock an image
 * Return: 0, or -errno with the sentence: no such file, locked by another guest (who), not writable, format unknown.
 */
VSW_MUST_USE int block_open(const struct block_config *config, unsigned int n_rings, struct block **block,
			    struct errtext *err);
void block_close(struct block *block);

#endif
