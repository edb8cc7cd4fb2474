// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/waiting.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"
#include "switchd/datapath/execute.h"

enum {
	SMALL_SIZE = 2048,
	LARGE_SIZE = ROUND_UP(sizeof(struct waiting) + EXECUTE_RESERVE + PACKET_HEADROOM + PACKET_MAX_LEN, 64),
	N_LARGE = 64,
};

static size_t capacity(bool is_large)
{
	return (is_large ? LARGE_SIZE : SMALL_SIZE) - sizeof(struct waiting);
}

void waiting_pool_init(struct waiting_pool *pool, unsigned int n_small)
{
	*pool = (struct waiting_pool){.n_free_small = n_small, .n_free_large = N_LARGE};
	pool->memory_size = (size_t)n_small * SMALL_SIZE + (size_t)N_LARGE * LARGE_SIZE;
	pool->memory = mmap(NULL, pool->memory_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED)
		abort();
	pool->fresh_small = pool->memory;
	pool->fresh_large = pool->memory + (size_t)n_small * SMALL_SIZE;
}

void waiting_pool_fini(struct waiting_pool *pool)
{
	munmap(pool->memory, pool->memory_size);
}

void waiting_queue_init(struct waiting_queue *queue)
{
	*queue = (struct waiting_queue){0};
	queue->tail = &queue->head;
}

/* One given back before if there is one (it is warm), else one never touched. The caller knows that there is one. */
static struct waiting *take(struct waiting **list, char **fresh, size_t size)
{
	struct waiting *w = *list;

	if (w) {
		*list = w->next;
		return w;
	}
	w = (struct waiting *)(void *)*fresh;
	*fresh += size;
	return w;
}

static struct waiting *take_small(struct waiting_pool *pool, struct waiting_queue *queue)
{
	if (queue->n_small >= pool->n_free_small)
		return NULL;
	pool->n_free_small--;
	queue->n_small++;
	return take(&pool->free_small, &pool->fresh_small, SMALL_SIZE);
}

static struct waiting *take_large(struct waiting_pool *pool, struct waiting_queue *queue)
{
	if (queue->n_large >= pool->n_free_large)
		return NULL;
	pool->n_free_large--;
	queue->n_large++;
	return take(&pool->free_large, &pool->fresh_large, LARGE_SIZE);
}

struct waiting *waiting_copy(struct waiting_pool *pool, struct waiting_queue *queue, const struct packet *p,
			     unsigned int limit)
{
	size_t need = (size_t)EXECUTE_RESERVE + PACKET_HEADROOM + p->len;
	bool is_large = need > capacity(false);
	struct waiting *w;

	if (queue->n_small + queue->n_large >= limit || need > capacity(true))
		return NULL;
	w = is_large ? take_large(pool, queue) : take_small(pool, queue);
	if (!w)
		return NULL;
	*w = (struct waiting){.packet = *p, .is_large = is_large};
	w->packet.data = (uint8_t *)(w + 1) + EXECUTE_RESERVE + PACKET_HEADROOM;
	w->packet.headroom = PACKET_HEADROOM;
	w->packet.tailroom = (uint32_t)(capacity(is_large) - need);
	memcpy(w->packet.data, p->data, p->len);
	return w;
}

void waiting_release(struct waiting_pool *pool, struct waiting_queue *queue, struct waiting *w)
{
	if (w->is_large) {
		w->next = pool->free_large;
		pool->free_large = w;
		pool->n_free_large++;
		queue->n_large--;
	} else {
		w->next = pool->free_small;
		pool->free_small = w;
		pool->n_free_small++;
		queue->n_small--;
	}
}

static void count(struct waiting_queue *queue, const struct waiting *w)
{
	queue->n++;
	if (w->is_filtered)
		queue->by_hash[w->hash % WAITING_N_HASHES]++;
}

void waiting_push(struct waiting_queue *queue, struct waiting *w)
{
	w->next = NULL;
	*queue->tail = w;
	queue->tail = &w->next;
	queue->n_in++;
	count(queue, w);
}

void waiting_push_front(struct waiting_queue *queue, struct waiting *list)
{
	struct waiting **end = &list;

	while (*end) {
		count(queue, *end);
		queue->n_out--;
		end = &(*end)->next;
	}
	if (end == &list)
		return;
	*end = queue->head;
	if (!queue->head)
		queue->tail = end;
	queue->head = list;
}

struct waiting *waiting_pop(struct waiting_queue *queue)
{
	struct waiting *w = queue->head;

	if (!w)
		return NULL;
	queue->head = w->next;
	if (!queue->head)
		queue->tail = &queue->head;
	queue->n--;
	queue->n_out++;
	if (w->is_filtered)
		queue->by_hash[w->hash % WAITING_N_HASHES]--;
	return w;
}
