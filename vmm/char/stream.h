/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between a pair of descriptors and a chardev's user: what the kinds of chardev have in common. The bytes of one read wait in here until they are
 * taken; while some wait, nothing is read, as a rule.
 */
#ifndef VMM_CHAR_STREAM_H
#define VMM_CHAR_STREAM_H 1

#include "os/loop.h"
#include "vmm/char/chardev.h"

#define STREAM_BUFFER 4096

/** Embedded by a chardev, which owns the descriptors. */
struct stream {
	struct chardev *dev;
	struct loop *loop;
	struct loop_fd in, out;
	int in_fd, out_fd; /**< -1: none now */
	uint8_t buffer[STREAM_BUFFER];
	size_t start, len; /**< what waits to be taken */
	/** Read on while bytes wait, and lose those that are too many: keys that are for us must be seen. */
	bool is_eager;
	/** What was read, before it is offered: may take bytes out. Return: how many are left. NULL: none do. */
	size_t (*filter)(struct stream *stream, uint8_t *data, size_t len);
	/** The other end is gone; in the loop's thread. The owner calls stream_close(), and closes the descriptors. */
	void (*ended)(struct stream *stream);
};

/** stream_open() - begin with these descriptors, which differ (dup()). */
void stream_open(struct stream *stream, int in_fd, int out_fd);
/** stream_close() - leave the descriptors alone. What waits is forgotten. */
void stream_close(struct stream *stream);
/** stream_write(), stream_resume() - see struct chardev_ops. */
size_t stream_write(struct stream *stream, const void *data, size_t len);
void stream_resume(struct stream *stream);

#endif
