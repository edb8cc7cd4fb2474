/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network backend in memory, for tests and fuzzers of NICs: it keeps what the guest sends and gives the guest what the test has queued. It has no descriptors,
 * so that devices start no thread: the test runs them by hand.
 */
#ifndef TESTS_VMM_BACKEND_H
#define TESTS_VMM_BACKEND_H 1

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vmm/net/backend.h"

#define MEM_BACKEND_DEPTH 32
#define MEM_HEADER 12

struct mem_packet {
	uint8_t *data; /* header of 12 bytes, frame */
	size_t len;
};

/** Caller-owned: `free` takes the packets only. */
struct mem_backend {
	struct net_backend be;
	struct mem_packet sent[MEM_BACKEND_DEPTH], queued[MEM_BACKEND_DEPTH];
	unsigned int n_sent, n_queued, first_queued; /* n_sent: all; the last of them are kept */
	unsigned int offloads, n_active_queues;
	bool is_full, carrier, is_freed;
};

static inline struct mem_backend *mem_backend_of(struct net_backend *be)
{
	return container_of(be, struct mem_backend, be);
}

static inline int mem_send(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n)
{
	struct mem_backend *m = mem_backend_of(be);
	struct mem_packet *p = &m->sent[m->n_sent % MEM_BACKEND_DEPTH];

	if (m->is_full || queue >= be->n_queues)
		return -EAGAIN;
	p->len = 0;
	for (size_t i = 0; i < n; i++) {
		p->data = xrealloc(p->data, p->len + iov[i].iov_len + 1);
		memcpy(p->data + p->len, iov[i].iov_base, iov[i].iov_len);
		p->len += iov[i].iov_len;
	}
	m->n_sent++;
	return 0;
}

static inline ssize_t mem_receive(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n)
{
	struct mem_backend *m = mem_backend_of(be);
	struct mem_packet *p = &m->queued[m->first_queued];
	size_t done = 0;

	if (queue || !m->n_queued)
		return -EAGAIN;
	for (size_t i = 0; i < n && done < p->len; i++) {
		size_t part = MIN(iov[i].iov_len, p->len - done);

		memcpy(iov[i].iov_base, p->data + done, part);
		done += part;
	}
	m->first_queued = (m->first_queued + 1) % MEM_BACKEND_DEPTH;
	m->n_queued--;
	return (ssize_t)done;
}

static inline int mem_set_offloads(struct net_backend *be, unsigned int offloads)
{
	mem_backend_of(be)->offloads = offloads;
	return offloads & ~be->supported ? -EOPNOTSUPP : 0;
}

static inline int mem_set_queues(struct net_backend *be, unsigned int n)
{
	mem_backend_of(be)->n_active_queues = n;
	return 0;
}

static inline void mem_set_carrier(struct net_backend *be, bool up)
{
	mem_backend_of(be)->carrier = up;
}

static inline void mem_free(struct net_backend *be)
{
	struct mem_backend *m = mem_backend_of(be);

	for (size_t i = 0; i < MEM_BACKEND_DEPTH; i++) {
		free(m->sent[i].data);
		free(m->queued[i].data);
	}
	m->is_freed = true;
}

static inline struct net_backend *mem_backend_init(struct mem_backend *m)
{
	static const struct net_backend_ops ops = {mem_send,	   mem_receive,	    mem_set_offloads,
						   mem_set_queues, mem_set_carrier, mem_free};

	memset(m, 0, sizeof *m);
	m->be = (struct net_backend){.ops = &ops, .n_queues = 2, .supported = 31, .mtu = 1500, .link_up = true};
	for (size_t i = 0; i < NET_MAX_QUEUES; i++)
		m->be.fds[i] = -1;
	return &m->be;
}

/* Queue a packet for the guest: header, frame. */
static inline void mem_queue_packet(struct mem_backend *m, const uint8_t header[MEM_HEADER], const void *frame,
				    size_t len)
{
	struct mem_packet *p = &m->queued[(m->first_queued + m->n_queued) % MEM_BACKEND_DEPTH];

	if (m->n_queued == MEM_BACKEND_DEPTH)
		return;
	p->data = xrealloc(p->data, len + MEM_HEADER);
	memcpy(p->data, header, MEM_HEADER);
	memcpy(p->data + MEM_HEADER, frame, len);
	p->len = len + MEM_HEADER;
	m->n_queued++;
}

/* The same behind an empty header. */
static inline void mem_queue(struct mem_backend *m, const void *frame, size_t len)
{
	static const uint8_t header[MEM_HEADER];

	mem_queue_packet(m, header, frame, len);
}

/* The packet sent last. */
static inline const struct mem_packet *mem_last(const struct mem_backend *m)
{
	return &m->sent[(m->n_sent + MEM_BACKEND_DEPTH - 1) % MEM_BACKEND_DEPTH];
}

#endif
