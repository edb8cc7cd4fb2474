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

#include <urcu.h>

#include "base/util.h"
#include "os/pcap_filter.h"

#define RING_SIZE ((size_t)4 << 20)

enum { PIECE_FILLING, PIECE_READY, PIECE_NOTHING };

enum {
	/* What a copy takes, lock and clock included; no more is known than its order. */
	COPY_NS = 300,
	COPY_BYTES_PER_NS = 8,
	/* To read the clock takes as long as to look: one look is timed and stands for some. */
	LOOKS_PER_SAMPLE = 16,
	SAMPLE_NS = 2000, /* what took longer was interrupted */
};

struct piece {
	_Atomic uint32_t state;
	uint32_t size; /* with this head; a multiple of 8 */
	struct sight sight;
};

static struct {
	pthread_mutex_t lock; /* guards head, and tail against reservations */
	uint8_t *memory;      /* stays for good once it was needed */
	uint64_t head, tail;  /* bytes since the start; tail is moved by the reader */
	_Atomic uint64_t window, spent, spent_ns, all_ns, n_unwatched, n_unmatched, n_lost;
	_Atomic uint32_t budget, ns, len;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .budget = 1 << 17, .ns = UINT32_MAX, .len = WATCH_MAX_LEN};

static struct {
	struct pcap_filter *filter; /* RCU; never written */
	uint64_t serial;
} slots[WATCH_N_FILTERS];
static uint64_t last_serial;

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

void watch_set_ns(uint32_t ns)
{
	atomic_store_explicit(&ring.ns, ns, memory_order_relaxed);
}

uint32_t watch_ns(void)
{
	return atomic_load_explicit(&ring.ns, memory_order_relaxed);
}

static void charge(uint64_t ns)
{
	atomic_fetch_add_explicit(&ring.spent_ns, ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&ring.all_ns, ns, memory_order_relaxed);
}

/* Threads that race here spend a packet too many at worst. */
static bool can_afford(void)
{
	uint64_t window = ns_of(CLOCK_MONOTONIC_COARSE) / WATCH_WINDOW_NS;

	if (atomic_load_explicit(&ring.window, memory_order_relaxed) != window) {
		atomic_store_explicit(&ring.window, window, memory_order_relaxed);
		atomic_store_explicit(&ring.spent, 0, memory_order_relaxed);
		atomic_store_explicit(&ring.spent_ns, 0, memory_order_relaxed);
	}
	if (atomic_load_explicit(&ring.spent, memory_order_relaxed) < watch_budget() &&
	    atomic_load_explicit(&ring.spent_ns, memory_order_relaxed) < watch_ns())
		return true;
	atomic_fetch_add_explicit(&ring.n_unwatched, 1, memory_order_relaxed);
	return false;
}

/* ---- filters ---- */

void watch_set_filter(unsigned int slot, const struct pcap_filter *filter)
{
	rcu_set_pointer(&slots[slot].filter, (struct pcap_filter *)filter);
	slots[slot].serial = ++last_serial;
	synchronize_rcu();
}

const struct pcap_filter *watch_filter(unsigned int slot, uint64_t *serial)
{
	*serial = slots[slot].serial;
	return slots[slot].filter;
}

static bool matches_one(unsigned int mask, const void *bytes, uint32_t len)
{
	bool wanted = false;

	rcu_read_lock();
	for (unsigned int i = 0; mask && !wanted; i++, mask /= 2) {
		const struct pcap_filter *filter = mask & 1 ? rcu_dereference(slots[i].filter) : NULL;

		wanted = filter && pcap_filter_matches(filter, bytes, len, len);
	}
	rcu_read_unlock();
	return wanted;
}

bool watch_wants(unsigned int what, const void *bytes, uint32_t len)
{
	static _Thread_local unsigned int n_looks;
	unsigned int mask = what / WATCH_FILTER(0);
	uint64_t began_ns;
	bool is_sample, wanted;

	if (!mask)
		return true;
	if (!can_afford())
		return false;
	is_sample = n_looks++ % LOOKS_PER_SAMPLE == 0;
	began_ns = is_sample ? ns_of(CLOCK_MONOTONIC) : 0;
	wanted = matches_one(mask, bytes, len);
	if (is_sample)
		charge(MIN(ns_of(CLOCK_MONOTONIC) - began_ns, (uint64_t)SAMPLE_NS) * LOOKS_PER_SAMPLE);
	if (!wanted)
		atomic_fetch_add_explicit(&ring.n_unmatched, 1, memory_order_relaxed);
	return wanted;
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

	if (!can_afford())
		return NULL;
	atomic_fetch_add_explicit(&ring.spent, WATCH_COST(n_bytes), memory_order_relaxed);
	charge(COPY_NS + n_bytes / COPY_BYTES_PER_NS);
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
	*counts = (struct watch_counts){0};
	counts->ns = atomic_load_explicit(&ring.all_ns, memory_order_relaxed);
	counts->n_unmatched = atomic_load_explicit(&ring.n_unmatched, memory_order_relaxed);
	counts->n_unwatched = atomic_load_explicit(&ring.n_unwatched, memory_order_relaxed);
	counts->n_lost = atomic_load_explicit(&ring.n_lost, memory_order_relaxed);
}
