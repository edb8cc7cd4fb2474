/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread of a virtio device that is not in a hurry (rng, balloon, console): one thread serves all of its queues, so that nothing in the device needs a
 * lock but what the main thread asks about.
 *
 * A machine without a loop (a harness) gets no thread: the test calls the class's kick() by itself, and everything happens there and then.
 */
#ifndef VMM_DEV_VIRTIO_WORKER_H
#define VMM_DEV_VIRTIO_WORKER_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/loop.h"

struct iothread;
struct virtio_device;
struct vq_chain;

/** Chains of one kick before others have their turn: a guest whose buffers overlap its rings makes work without end out of our own writes. */
#define VIRTIO_WORKER_BATCH 256

struct virtio_worker;

struct virtio_worker_kick {
	struct loop_fd fd;
	struct virtio_worker *worker;
};

/** Embedded by the device, zero-initialised. */
struct virtio_worker {
	struct virtio_device *dev;
	struct iothread *thread;	  /**< NULL in a harness */
	struct virtio_worker_kick *kicks; /**< one for each queue */
};

/** virtio_worker_init() - @dev: initialised; its class has a kick(). Return: 0 or -errno with the sentence. */
VSW_MUST_USE int virtio_worker_init(struct virtio_worker *worker, struct virtio_device *dev, struct errtext *err);
/** virtio_worker_fini() - ends the thread. Zeroes are fine. */
void virtio_worker_fini(struct virtio_worker *worker);
/** virtio_worker_start() - from activate(): enabled queues are watched. Return: 0 or -errno. */
VSW_MUST_USE int virtio_worker_start(struct virtio_worker *worker);
/** virtio_worker_stop() - from reset(): when it returns the thread has left the queues alone. */
void virtio_worker_stop(struct virtio_worker *worker);
/** virtio_worker_run() - call @fn in the thread, and return when it has run; in a harness at once. */
void virtio_worker_run(struct virtio_worker *worker, void (*fn)(void *aux), void *aux);
/**
 * virtio_worker_serve() - a kick of a queue whose chains are dealt with one by one, at once
 * @serve: what is done to one; returns how many bytes it has written to it, or -1 with *@why: the driver has broken a rule, and its device stops
 */
void virtio_worker_serve(struct virtio_worker *worker, unsigned int queue,
			 int64_t (*serve)(struct virtio_device *dev, const struct vq_chain *chain, const char **why));
/** virtio_worker_again() - kick @queue once more: a batch was full. */
void virtio_worker_again(struct virtio_worker *worker, unsigned int queue);
/** virtio_worker_loop() - the thread's; NULL in a harness. */
struct loop *virtio_worker_loop(struct virtio_worker *worker);

#endif
