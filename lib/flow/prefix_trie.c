/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted prefixes in a path-compressed binary trie; see prefix_trie.h.
 *
 * A child's run starts with the bit that selected it, so that runs joined from the root give the prefix. Every node that owns no
 * prefix has two children, except where a run longer than 32 bits is a chain of nodes.
 */
#include "flow/prefix_trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vsw/types.h"

#define NODE_BITS 32 /* longest run of one node */

struct trie_node {
	struct trie_node *edge[2]; /* RCU: behind this run, by the next bit */
	uint32_t bits;		   /* the run, left-aligned, zeros behind */
	uint32_t count;		   /* atomic: n_bits in the low 6 bits, number of owners above */
};

#define COUNT_SHIFT 6
#define COUNT_MAX \
	(UINT32_MAX >> COUNT_SHIFT) /* sticks there: the prefix then stays for good, which costs precision only */

#define CHUNK_MIN 64
#define CHUNK_MAX 4096

struct trie_chunk {
	struct trie_chunk *next;
	size_t n, n_used;
	struct trie_node nodes[];
};

static unsigned int node_n_bits(const struct trie_node *node)
{
	return __atomic_load_n(&node->count, __ATOMIC_RELAXED) & ((1u << COUNT_SHIFT) - 1);
}

static uint32_t node_owners(const struct trie_node *node)
{
	return __atomic_load_n(&node->count, __ATOMIC_RELAXED) >> COUNT_SHIFT;
}

static void node_set_owners(struct trie_node *node, uint32_t owners)
{
	__atomic_store_n(&node->count, owners << COUNT_SHIFT | node_n_bits(node), __ATOMIC_RELAXED);
}

static struct trie_node *node_get(struct trie_node *const *edge)
{
	return __atomic_load_n(edge, __ATOMIC_ACQUIRE);
}

static void node_publish(struct trie_node **edge, struct trie_node *node)
{
	__atomic_store_n(edge, node, __ATOMIC_RELEASE);
}

void trie_pool_init(struct trie_pool *pool)
{
	memset(pool, 0, sizeof *pool);
}

void trie_pool_fini(struct trie_pool *pool)
{
	if (pool->in_flight)
		rcu_barrier();
	while (pool->chunks) {
		struct trie_chunk *next = pool->chunks->next;

		free(pool->chunks);
		pool->chunks = next;
	}
	free(pool->limbo);
	free(pool->waiting);
	trie_pool_init(pool);
}

size_t trie_pool_memory(const struct trie_pool *pool)
{
	return pool->n_bytes + (pool->limbo_cap + pool->waiting_cap) * sizeof *pool->limbo;
}

static void pool_grace_elapsed(struct rcu_head *head)
{
	struct trie_pool *pool = container_of(head, struct trie_pool, rcu);

	__atomic_store_n(&pool->elapsed, true, __ATOMIC_RELEASE);
}

/* Nodes whose grace period is over become free, and one begins for those that have piled up since. */
static void pool_reclaim(struct trie_pool *pool)
{
	struct trie_node **list = pool->waiting;
	size_t cap = pool->waiting_cap;

	if (pool->in_flight && !__atomic_load_n(&pool->elapsed, __ATOMIC_ACQUIRE))
		return;
	for (size_t i = 0; i < pool->n_waiting; i++) {
		list[i]->edge[0] = pool->free;
		pool->free = list[i];
	}
	pool->waiting = pool->limbo;
	pool->waiting_cap = pool->limbo_cap;
	pool->n_waiting = pool->n_limbo;
	pool->limbo = list;
	pool->limbo_cap = cap;
	pool->n_limbo = 0;
	pool->in_flight = pool->n_waiting > 0;
	if (pool->in_flight) {
		__atomic_store_n(&pool->elapsed, false, __ATOMIC_RELAXED);
		call_rcu(&pool->rcu, pool_grace_elapsed);
	}
}

static void pool_grow(struct trie_pool *pool)
{
	size_t n = pool->chunks ? MIN(pool->chunks->n * 2, CHUNK_MAX) : CHUNK_MIN;
	size_t size = sizeof(struct trie_chunk) + n * sizeof(struct trie_node);
	struct trie_chunk *chunk = xmalloc(size);

	chunk->next = pool->chunks;
	chunk->n = n;
	chunk->n_used = 0;
	pool->chunks = chunk;
	pool->n_bytes += size;
}

static struct trie_node *pool_get(struct trie_pool *pool)
{
	struct trie_node *node;

	if (!pool->free && (pool->n_limbo || pool->in_flight))
		pool_reclaim(pool);
	node = pool->free;
	if (node) {
		pool->free = node->edge[0];
		return node;
	}
	if (!pool->chunks || pool->chunks->n_used == pool->chunks->n)
		pool_grow(pool);
	return &pool->chunks->nodes[pool->chunks->n_used++];
}

static void pool_put(struct trie_pool *pool, struct trie_node *node)
{
	if (pool->n_limbo == pool->limbo_cap) {
		pool->limbo_cap = pool->limbo_cap ? pool->limbo_cap * 2 : 64;
		pool->limbo = xrealloc(pool->limbo, pool->limbo_cap * sizeof *pool->limbo);
	}
	pool->limbo[pool->n_limbo++] = node;
}

static uint32_t high_bits(unsigned int n)
{
	return n ? UINT32_MAX << (32 - n) : 0;
}

/* 32 bits of the key from bit @ofs on, zeros behind its end. */
static uint32_t key_bits(const struct trie_key *key, unsigned int ofs)
{
	unsigned int i = ofs / 32, shift = ofs % 32;

	if (ofs >= TRIE_MAX_BITS)
		return 0;
	return shift ? key->w[i] << shift | key->w[i + 1] >> (32 - shift) : key->w[i];
}

static unsigned int key_bit(const struct trie_key *key, unsigned int ofs)
{
	return key_bits(key, ofs) >> 31;
}

void trie_key_init(struct trie_key *key, const void *bytes, size_t n_bytes)
{
	uint8_t padded[sizeof key->w] = {0};

	memcpy(padded, bytes, MIN(n_bytes, sizeof padded));
	for (size_t i = 0; i < ARRAY_SIZE(key->w); i++) {
		be32 w;

		memcpy(&w, padded + 4 * i, sizeof w);
		key->w[i] = be32_to_cpu(w);
	}
}

static struct trie_node *node_new(struct trie_pool *pool, uint32_t bits, unsigned int n_bits, uint32_t owners)
{
	struct trie_node *node = pool_get(pool);

	node->edge[0] = node->edge[1] = NULL;
	node->bits = bits & high_bits(n_bits);
	node->count = owners << COUNT_SHIFT | n_bits;
	return node;
}

/* A chain for bits @ofs to @plen of the key, its end owned once. */
static struct trie_node *branch_new(struct trie_pool *pool, const struct trie_key *key, unsigned int ofs,
				    unsigned int plen)
{
	unsigned int n = MIN(plen - ofs, NODE_BITS);
	struct trie_node *top = node_new(pool, key_bits(key, ofs), n, ofs + n == plen), *end = top;

	for (ofs += n; ofs < plen; ofs += n) {
		struct trie_node *next;

		n = MIN(plen - ofs, NODE_BITS);
		next = node_new(pool, key_bits(key, ofs), n, ofs + n == plen);
		end->edge[key_bit(key, ofs)] = next;
		end = next;
	}
	return top;
}

/* Replace *@edge, which starts at bit @ofs, by its first @n bits and, behind them, its rest and the rest of the key. */
static void node_split(struct trie_node **edge, struct trie_pool *pool, unsigned int n, const struct trie_key *key,
		       unsigned int ofs, unsigned int plen)
{
	struct trie_node *old = *edge;
	struct trie_node *top = node_new(pool, old->bits, n, ofs + n == plen);
	struct trie_node *rest = node_new(pool, old->bits << n, node_n_bits(old) - n, node_owners(old));

	rest->edge[0] = old->edge[0];
	rest->edge[1] = old->edge[1];
	top->edge[rest->bits >> 31] = rest;
	if (ofs + n < plen)
		top->edge[key_bit(key, ofs + n)] = branch_new(pool, key, ofs + n, plen);
	node_publish(edge, top);
	pool_put(pool, old);
}

void trie_insert(struct prefix_trie *trie, struct trie_pool *pool, const struct trie_key *key, unsigned int plen)
{
	struct trie_node **edge = &trie->root, *node;
	unsigned int ofs = 0;

	while ((node = *edge)) {
		unsigned int n_bits = node_n_bits(node), limit = MIN(n_bits, plen - ofs);
		uint32_t diff = (key_bits(key, ofs) ^ node->bits) & high_bits(limit);
		unsigned int same = diff ? (unsigned int)__builtin_clz(diff) : limit;

		if (same < n_bits) {
			node_split(edge, pool, same, key, ofs, plen);
			return;
		}
		ofs += n_bits;
		if (ofs == plen) {
			node_set_owners(node, MIN(node_owners(node) + 1, COUNT_MAX));
			return;
		}
		edge = &node->edge[key_bit(key, ofs)];
	}
	node_publish(edge, branch_new(pool, key, ofs, plen));
}

/* Unlink *@edge where it serves nothing, join it with its only child where that fits. Return: whether it is gone. */
static bool node_prune(struct trie_node **edge, struct trie_pool *pool)
{
	struct trie_node *node = *edge, *child = node->edge[0] ? node->edge[0] : node->edge[1], *joined;
	unsigned int n = node_n_bits(node);

	if (node_owners(node) || (node->edge[0] && node->edge[1]))
		return false;
	if (!child) {
		node_publish(edge, NULL);
		pool_put(pool, node);
		return true;
	}
	if (n + node_n_bits(child) > NODE_BITS)
		return false;
	joined = node_new(pool, node->bits | (n < NODE_BITS ? child->bits >> n : 0), n + node_n_bits(child),
			  node_owners(child));
	joined->edge[0] = child->edge[0];
	joined->edge[1] = child->edge[1];
	node_publish(edge, joined);
	pool_put(pool, node);
	pool_put(pool, child);
	return false;
}

void trie_remove(struct prefix_trie *trie, struct trie_pool *pool, const struct trie_key *key, unsigned int plen)
{
	struct trie_node **path[TRIE_MAX_BITS + 2];
	struct trie_node **edge = &trie->root, *node;
	unsigned int ofs = 0, depth = 0;
	uint32_t owners;

	for (;;) {
		node = *edge;
		path[depth++] = edge;
		ofs += node_n_bits(node);
		if (ofs >= plen)
			break;
		edge = &node->edge[key_bit(key, ofs)];
	}
	owners = node_owners(node);
	if (owners == COUNT_MAX)
		return;
	node_set_owners(node, owners - 1);
	if (owners > 1)
		return;
	/* A parent that lost a child may be without purpose too. */
	if (node_prune(path[--depth], pool))
		while (depth && node_prune(path[--depth], pool))
			;
}

void trie_lookup(const struct prefix_trie *trie, const struct trie_key *key, unsigned int max_bits,
		 struct trie_result *result)
{
	const struct trie_node *node = node_get(&trie->root);
	unsigned int ofs = 0;

	memset(result, 0, sizeof *result);
	while (node) {
		unsigned int n_bits = node_n_bits(node);
		uint32_t diff = (key_bits(key, ofs) ^ node->bits) & high_bits(n_bits);
		const struct trie_node *edge[2];

		if (diff) {
			result->n_bits = ofs + (unsigned int)__builtin_clz(diff) + 1;
			return;
		}
		ofs += n_bits;
		result->n_bits = ofs;
		if (node_owners(node))
			result->plens[ofs / 64] |= 1ull << (ofs % 64);
		edge[0] = node_get(&node->edge[0]);
		edge[1] = node_get(&node->edge[1]);
		if (ofs >= max_bits || (!edge[0] && !edge[1]))
			return;
		node = edge[key_bit(key, ofs)];
		result->n_bits = ofs + 1;
	}
}
