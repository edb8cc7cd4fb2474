// SPDX-License-Identifier: Apache-2.0
/*
 * The ring is memory that is reserved from the front under a lock and given back at the end by the reader. Each piece has a state in front: the reader
 * stops at the first one that is still being filled. A piece that would not fit before the end of the memory begins anew at its start,
 * behind a piece that is none.
 */
#include "switchd/datapath/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/util.h"

#define RING_SIZE ((size_t)4 << 20)

enum { PIECE_FILLING, PIECE_READY, PIECE_NOTHING };

struct piece {
	_Atomic uint32_t state;
	uint32_t size; /* with this head; a multiple of 8 */
	struct sight sight;
};

static struct {
	pthread_mutex_t lock; /* guards head, and tail against reservations */
	uint8_t *memory;      /* stays for good once it was needed */
	uint64_t head, tail;  /* bytes since the start; tail is moved by the reader */
	_Atomic uint64_t window, spent, n_unwatched, n_lost;
	_Atomic uint32_t budget, len;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .budget = 1 << 17, .len = WATCH_MAX_LEN};

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int watch_start(void)
{
	void *memory;

	if (ring.memory)
		return 0;
	memory = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	pthread_mutex_lock(&ring.lock);
	ring.memory = memory;
	pthread_mutex_unlock(&ring.lock);
	return 0;
}

/* Its pages go back to the kernel, unless somebody is still writing. */
void watch_stop(void)
{
	pthread_mutex_lock(&ring.lock);
	if (ring.memory && ring.head == ring.tail)
		madvise(ring.memory, RING_SIZE, MADV_DONTNEED);
	pthread_mutex_unlock(&ring.lock);
}

void watch_set_len(uint32_t len)
{
	atomic_store_explicit(&ring.len, MIN(len, (uint32_t)WATCH_MAX_LEN), memory_order_relaxed);
}

uint32_t watch_len(void)
{
	return atomic_load_explicit(&ring.len, memory_order_relaxed);
}

void watch_set_budget(uint32_t units)
{
	atomic_store_explicit(&ring.budget, units, memory_order_relaxed);
}

uint32_t watch_budget(void)
{
	return atomic_load_explicit(&ring.budget, memory_order_relaxed);
}

/* Threads that race here spend a packet too many at worst. */
static bool can_afford(uint32_t n_bytes)
{
	uint64_t window = ns_of(CLOCK_MONOTONIC) / WATCH_WINDOW_NS;

	if (atomic_load_explicit(&ring.window, memory_order_relaxed) != window) {
		atomic_store_explicit(&ring.window, window, memory_order_relaxed);
		atomic_store_explicit(&ring.spent, 0, memory_order_relaxed);
	}
	if (atomic_load_explicit(&ring.spent, memory_order_relaxed) >= watch_budget()) {
		atomic_fetch_add_explicit(&ring.n_unwatched, 1, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&ring.spent, WATCH_COST(n_bytes), memory_order_relaxed);
	return true;
}

/* ---- pieces ---- */

static struct piece *piece_at(uint64_t position)
{
	return (struct piece *)(void *)(ring.memory + position % RING_SIZE);
}

/* The lock is held. Return: NULL when there is no room. */
static struct piece *reserve(uint32_t size)
{
	uint64_t left = RING_SIZE - ring.head % RING_SIZE, skip = left < size ? left : 0;
	struct piece *p;

	if (!ring.memory || ring.head + skip + size - ring.tail > RING_SIZE)
		return NULL;
	if (skip) {
		/* A piece's head fits always: sizes are multiples of it. */
		p = piece_at(ring.head);
		p->size = (uint32_t)skip;
		atomic_store_explicit(&p->state, PIECE_NOTHING, memory_order_relaxed);
		ring.head += skip;
	}
	p = piece_at(ring.head);
	p->size = size;
	atomic_store_explicit(&p->state, PIECE_FILLING, memory_order_relaxed);
	ring.head += size;
	return p;
}

struct sight *watch_reserve(uint32_t len)
{
	uint32_t n_bytes = MIN(len, watch_len());
	uint32_t size = (uint32_t)ROUND_UP(sizeof(struct piece) + n_bytes, 16);
	struct piece *p;

	if (!can_afford(n_bytes))
		return NULL;
	pthread_mutex_lock(&ring.lock);
	p = reserve(size);
	pthread_mutex_unlock(&ring.lock);
	if (!p) {
		atomic_fetch_add_explicit(&ring.n_lost, 1, memory_order_relaxed);
		return NULL;
	}
	p->sight = (struct sight){.ts_ns = ns_of(CLOCK_REALTIME), .len = len, .n_bytes = n_bytes};
	return &p->sight;
}

void watch_commit(struct sight *sight, bool keep)
{
	struct piece *p = container_of(sight, struct piece, sight);

	atomic_store_explicit(&p->state, keep ? PIECE_READY : PIECE_NOTHING, memory_order_release);
}

void watch_put(const struct sight *head, const void *bytes)
{
	struct sight *s = watch_reserve(head->len);

	if (!s)
		return;
	s->dp = head->dp;
	s->flow_id = head->flow_id;
	s->port = head->port;
	s->in_port = head->in_port;
	s->gso_size = head->gso_size;
	s->reason = head->reason;
	s->is_out = head->is_out;
	memcpy(s->bytes, bytes, s->n_bytes);
	watch_commit(s, true);
}

void watch_read(void (*fn)(void *aux, const struct sight *sight), void *aux)
{
	uint64_t head;

	pthread_mutex_lock(&ring.lock);
	head = ring.head;
	pthread_mutex_unlock(&ring.lock);
	while (ring.tail != head) {
		struct piece *p = piece_at(ring.tail);
		uint32_t state = atomic_load_explicit(&p->state, memory_order_acquire), size = p->size;

		if (state == PIECE_FILLING)
			break;
		if (state == PIECE_READY)
			fn(aux, &p->sight);
		pthread_mutex_lock(&ring.lock);
		ring.tail += size;
		pthread_mutex_unlock(&ring.lock);
	}
}

void watch_get_counts(struct watch_counts *counts)
{
	counts->n_unwatched = atomic_load_explicit(&ring.n_unwatched, memory_order_relaxed);
	counts->n_lost = atomic_load_explicit(&ring.n_lost, memory_order_relaxed);
}
