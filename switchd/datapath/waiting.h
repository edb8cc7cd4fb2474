/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that wait for the daemon, in memory that was set aside before.
 *
 * Each port has a queue with a limit. The buffers come from one pool per thread: small ones for ordinary frames, a few large ones
 * for GSO packets and jumbo frames. So that one port cannot take all of them, a port may hold at most as many buffers of a
 * kind as are still free (a dynamic threshold, Choudhury and Hahn 1998): a port alone gets half of the pool, two get a third each,
 * and there is always something left for a port that has nothing yet.
 *
 * Each port also counts, by hash, which flows its queue has packets of: a later packet of the same flow must queue behind them.
 * Hashes share 1,024 counters; a packet that shares one by accident only takes the longer way.
 */
#ifndef SWITCHD_DATAPATH_WAITING_H
#define SWITCHD_DATAPATH_WAITING_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

#define WAITING_N_HASHES 1024

/** A packet in a queue. */
struct waiting {
	struct waiting *next;
	struct packet packet; /**< its bytes stand behind this struct */
	uint32_t hash;	      /**< cache_hash() of the packet as it was received: names its flow */
	uint32_t reason;      /**< enum dp_userspace_reason; 0: a miss */
	uint64_t cookie;      /**< of the DP_USERSPACE action */
	uint8_t n_recirc;     /**< recirculations so far */
	bool is_counted;      /**< the packet was counted already; this is but a copy of it */
	bool is_large;	      /**< kind of buffer */
	bool is_filtered;     /**< counted in by_hash: later packets of the flow wait */
};

/** The queue of one port; belongs to one thread. */
struct waiting_queue {
	struct waiting *head, **tail;
	uint64_t n_in, n_out; /**< so many came, and went; one that is put back in front has not gone */
	unsigned int n, n_small, n_large;
	uint16_t by_hash[WAITING_N_HASHES];
};

/** The buffers of one thread. */
struct waiting_pool {
	struct waiting *free_small, *free_large; /**< given back */
	unsigned int n_free_small, n_free_large; /**< those, and those never used */
	char *fresh_small, *fresh_large;	 /**< next one never used */
	char *memory;
	size_t memory_size;
};

/** waiting_pool_init() - @n_small: number of small buffers; touched only when used. */
void waiting_pool_init(struct waiting_pool *pool, unsigned int n_small);
void waiting_pool_fini(struct waiting_pool *pool);

void waiting_queue_init(struct waiting_queue *queue);

/**
 * waiting_copy() - take a buffer for a packet of this queue's port
 * @limit: packets that the queue may hold
 *
 * Return: the copy, in no queue yet, or NULL: no room.
 */
struct waiting *waiting_copy(struct waiting_pool *pool, struct waiting_queue *queue, const struct packet *p,
			     unsigned int limit);
/** waiting_release() - give the buffer back. */
void waiting_release(struct waiting_pool *pool, struct waiting_queue *queue, struct waiting *w);

/** waiting_push() - to the end. */
void waiting_push(struct waiting_queue *queue, struct waiting *w);
/** waiting_push_front() - a list linked by next, in its order, in front of all others. */
void waiting_push_front(struct waiting_queue *queue, struct waiting *list);
/** waiting_pop() - the first, NULL when there is none. The buffer is still the port's. */
struct waiting *waiting_pop(struct waiting_queue *queue);

/** waiting_has_flow() - whether a packet with this hash would overtake one of its own flow. */
static inline bool waiting_has_flow(const struct waiting_queue *queue, uint32_t hash)
{
	return queue->head && queue->by_hash[hash % WAITING_N_HASHES];
}

#endif
