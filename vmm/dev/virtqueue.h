/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues: the rings through which a driver lends buffers to a device; split (virtio 1.2 2.7) and packed (2.8) behind one interface,
 * with indirect descriptors and event suppression (VIRTIO_F_EVENT_IDX and its packed form).
 *
 * Everything in a ring is the guest's and may be a lie. virtqueue_pop() copies each descriptor once, checks it, and gives host addresses
 * that lie in RAM; a ring that cannot be right (index out of range, loop, address that is no RAM, write-only before
 * read-only, an indirect table in an indirect table, more than VQ_MAX_IOV pieces) makes the queue `broken`: the device stops, logs one line and asks
 * for a reset (virtio_broken()), nobody else notices.
 *
 * Threads: one queue is worked on by one thread at a time (its I/O thread); the transport stops that thread's work before it changes
 * a queue. Different queues are independent.
 */
#ifndef VMM_DEV_VIRTQUEUE_H
#define VMM_DEV_VIRTQUEUE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/util.h"

struct guest_memory;

#define VQ_MAX_SIZE 1024 /**< descriptors; what we offer is a device's choice up to this */
#define VQ_MAX_IOV 256	 /**< pieces of one chain; one descriptor that lies in two regions is two pieces */

struct virtqueue {
	const struct guest_memory *memory;
	bool is_packed, has_event_idx, has_indirect; /**< negotiated */
	bool is_enabled;			     /**< by the driver */
	const char *broken;			     /**< why it was given up; NULL: fine */
	uint16_t size, max_size;
	uint64_t desc_gpa, driver_gpa, device_gpa; /**< as the driver set them */
	/* The rings as host addresses, valid between virtqueue_start() and virtqueue_stop(). */
	void *desc, *driver, *device;
	uint16_t next_avail, next_used; /**< split: free running; packed: positions */
	bool avail_wrap, used_wrap;	/**< packed */
	uint16_t signalled_used;	/**< used index at the last interrupt */
	bool signalled_valid, notify_disabled;
	uint16_t n_inflight;
	uint64_t n_kicks, n_interrupts, n_chains; /**< statistics */
};

/** A chain of buffers that the driver lent: first what the device may read, then what it may write. */
struct vq_chain {
	uint16_t head;	 /**< split: index of the first descriptor; packed: buffer id */
	uint16_t n_desc; /**< packed: ring entries it takes */
	unsigned int n_out, n_in;
	size_t out_len, in_len;	      /**< bytes; their sum fits 32 bits */
	struct iovec iov[VQ_MAX_IOV]; /**< n_out readable pieces, then n_in writable ones */
};

void virtqueue_init(struct virtqueue *vq, const struct guest_memory *memory, uint16_t max_size);
/** virtqueue_reset() - as after power on; statistics stay. */
void virtqueue_reset(struct virtqueue *vq);
/** virtqueue_start() - map the rings at the addresses set. Return: 0, or -EINVAL and `broken` when they are not aligned or not in RAM. */
VSW_MUST_USE int virtqueue_start(struct virtqueue *vq);
void virtqueue_stop(struct virtqueue *vq);

/** virtqueue_pop() - Return: 1 with the next chain, 0: there is none, -EPROTO: the queue is broken now. */
VSW_MUST_USE int virtqueue_pop(struct virtqueue *vq, struct vq_chain *chain);
/** virtqueue_unpop() - give back the chain popped last, as if it had not been. */
void virtqueue_unpop(struct virtqueue *vq, const struct vq_chain *chain);
/** virtqueue_push() - the device is done with a chain and has written @len bytes to its writable part. Chains may be pushed in any order. */
void virtqueue_push(struct virtqueue *vq, const struct vq_chain *chain, uint32_t len);
/** vq_chain_read() - copy out of the readable part, from byte @skip on. Return: how many bytes there were, at most @len. */
size_t vq_chain_read(const struct vq_chain *chain, size_t skip, void *dst, size_t len);
/** vq_chain_write() - copy into the writable part, from byte @skip on. Return: how many bytes fitted. */
size_t vq_chain_write(const struct vq_chain *chain, size_t skip, const void *src, size_t len);

/**
 * virtqueue_push_many() - several chains as one buffer (VIRTIO_NET_F_MRG_RXBUF): all become visible together, the first last
 */
void virtqueue_push_many(struct virtqueue *vq, const struct vq_chain *const *chains, const uint32_t *lens,
			 unsigned int n);
/** virtqueue_wants_interrupt() - whether the driver wants one for what was pushed since the last `true`. */
bool virtqueue_wants_interrupt(struct virtqueue *vq);
/** virtqueue_disable_kicks() - a hint: we are polling. */
void virtqueue_disable_kicks(struct virtqueue *vq);
/** virtqueue_enable_kicks() - Return: true when chains came meanwhile: go on popping. */
VSW_MUST_USE bool virtqueue_enable_kicks(struct virtqueue *vq);

#endif
