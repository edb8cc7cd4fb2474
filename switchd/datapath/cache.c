// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/cache.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "switchd/datapath/ptrtab.h"

enum { CHUNK = 1024 };

/* A mask and the flows under it. Freed with its last flow, after a grace period. */
struct cache_mask {
	uint8_t n_words;	      /* words of the mask that are not zero */
	uint8_t words[PKT_KEY_WORDS]; /* which */
	uint64_t bits[PKT_KEY_WORDS]; /* and their content */
	struct ptrtab flows;	      /* by hash of the masked words */
	uint64_t n_hits;	      /* relaxed; since the last sort */
	uint32_t hash;		      /* of `mask` */
	struct pkt_key mask;
	struct rcu_head rcu;
};

/* The order in which masks are tried; replaced as a whole. */
struct mask_list {
	struct rcu_head rcu;
	size_t n;
	struct cache_mask *masks[];
};

struct cache_flow {
	/* Read for each packet. */
	const struct cache_mask *mask;
	uint64_t epoch;		       /* atomic; matches while it is the table's */
	struct cache_actions *actions; /* RCU */
	uint32_t hash;		       /* of the masked words */
	uint32_t index;
	struct pkt_key key;

	/* Written once per batch, under `lock`. */
	pthread_spinlock_t lock;
	_Atomic uint64_t *active; /* the word that has its bit */
	bool is_dead;		  /* deleted: counts nothing any more */
	struct dp_flow_stats stats;

	uint64_t id;
	struct rcu_head rcu;
};

struct cache {
	uint64_t epoch;		 /* atomic; raised by cache_invalidate_all() */
	struct mask_list *masks; /* RCU */
	/* Flows by index: n_chunks pointers to CHUNK pointers. A flow keeps its index for life: the exact caches and the dump use it. */
	struct cache_flow ***chunks;
	size_t n_chunks;
	_Atomic uint64_t *active; /* a bit per index: it has counted since it was last reported */

	pthread_mutex_t lock; /* for all that follows, and for changing what is above */
	struct ptrtab by_id;
	size_t max_flows;
	uint32_t next_index; /* none at or above it was ever given out; atomic */
	uint32_t *free_indices;
	size_t n_free, free_cap;
};

/* ---- hashing and comparing ---- */

static inline uint64_t mix(uint64_t h, uint64_t word)
{
	return ((h << 5 | h >> 59) ^ word) * 0x9e3779b97f4a7c15ull;
}

static inline uint32_t mix_end(uint64_t h)
{
	return (uint32_t)(h ^ h >> 32);
}

_Static_assert(offsetof(struct pkt_key, tun_id) == 19 * 8, "w[19] and w[20] below");

uint32_t cache_hash(const struct pkt_key *key)
{
	const uint64_t *w = (const uint64_t *)(const void *)key;
	uint64_t h = mix(mix(mix(mix(0, w[0]), w[1]), w[2]), w[3]);

	h = mix(mix(h, w[4]), (uint64_t)key->nw_proto << 32 | (VSW_FORCE uint32_t)key->tp_src << 16 |
				      (VSW_FORCE uint16_t)key->tp_dst);
	if (key->eth_type == BE16_C(0x86dd))
		h = mix(mix(mix(mix(h, w[8]), w[9]), w[10]), w[11]);
	if (unlikely(key->tun_id || key->tun_dst))
		h = mix(mix(h, w[19]), w[20]);
	return mix_end(h);
}

static inline uint32_t masked_hash(const struct cache_mask *mask, const uint64_t *key)
{
	uint64_t h = 0;

	for (size_t i = 0; i < mask->n_words; i++)
		h = mix(h, key[mask->words[i]] & mask->bits[i]);
	return mix_end(h);
}

static inline bool covers(const struct cache_flow *flow, const uint64_t *key)
{
	const struct cache_mask *mask = flow->mask;
	const uint64_t *value = (const uint64_t *)(const void *)&flow->key;
	uint64_t diff = 0;

	for (size_t i = 0; i < mask->n_words; i++)
		diff |= (key[mask->words[i]] & mask->bits[i]) ^ value[mask->words[i]];
	return !diff;
}

static inline bool is_current(const struct cache *cache, const struct cache_flow *flow)
{
	return __atomic_load_n(&flow->epoch, __ATOMIC_ACQUIRE) == __atomic_load_n(&cache->epoch, __ATOMIC_ACQUIRE);
}

/* ---- lookup ---- */

static inline struct cache_flow *flow_at(const struct cache *cache, uint32_t index)
{
	struct cache_flow **chunk = rcu_dereference(cache->chunks[index / CHUNK]);

	return chunk ? rcu_dereference(chunk[index % CHUNK]) : NULL;
}

static struct cache_flow *mask_lookup(const struct cache *cache, const struct cache_mask *mask, const uint64_t *key)
{
	struct ptrtab_cursor at = ptrtab_begin(&mask->flows, masked_hash(mask, key));
	struct cache_flow *flow;

	while ((flow = ptrtab_next(&at)))
		if (covers(flow, key) && is_current(cache, flow))
			return flow;
	return NULL;
}

static struct cache_flow *megaflow_lookup(const struct cache *cache, const uint64_t *key)
{
	const struct mask_list *list = rcu_dereference(cache->masks);

	for (size_t i = 0; i < list->n; i++) {
		struct cache_flow *flow = mask_lookup(cache, list->masks[i], key);

		if (flow) {
			__atomic_fetch_add(&list->masks[i]->n_hits, 1, __ATOMIC_RELAXED);
			return flow;
		}
	}
	return NULL;
}

/* A counter that one thread writes and others read. */
static inline void count_one(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static struct cache_flow *exact_lookup(const struct cache *cache, struct cache_exact *exact, const uint64_t *key,
				       uint32_t hash)
{
	size_t first = hash % CACHE_EXACT_SLOTS;

	for (size_t way = 0; way < 2; way++) {
		const __typeof__(exact->slots[0]) *slot = &exact->slots[first ^ way];
		struct cache_flow *flow;

		if (slot->hash != hash)
			continue;
		flow = flow_at(cache, slot->index);
		if (flow && covers(flow, key) && is_current(cache, flow))
			return flow;
	}
	return NULL;
}

/* Takes the first place of the pair, and moves who was there to the second. */
static void exact_insert(struct cache_exact *exact, uint32_t hash, uint32_t index)
{
	size_t first = hash % CACHE_EXACT_SLOTS;

	exact->slots[first ^ 1] = exact->slots[first];
	exact->slots[first].hash = hash;
	exact->slots[first].index = index;
}

struct cache_flow *cache_lookup(struct cache *cache, struct cache_exact *exact, const struct pkt_key *key,
				uint32_t hash)
{
	const uint64_t *words = (const uint64_t *)(const void *)key;
	struct cache_flow *flow;

	if (exact && (flow = exact_lookup(cache, exact, words, hash))) {
		count_one(&exact->exact_hits);
		return flow;
	}
	flow = megaflow_lookup(cache, words);
	if (flow && exact) {
		count_one(&exact->mega_hits);
		exact_insert(exact, hash, flow->index);
	}
	return flow;
}

/* Under the flow's lock: who clears the bit reads the counters afterwards, and misses nothing. */
static inline void mark_active(struct cache_flow *flow)
{
	const uint64_t bit = 1ull << flow->index % 64;

	if (!(atomic_load_explicit(flow->active, memory_order_relaxed) & bit))
		atomic_fetch_or(flow->active, bit);
}

bool cache_credit(struct cache_flow *flow, uint64_t n_packets, uint64_t n_bytes, uint16_t tcp_flags, int64_t now_ms)
{
	bool alive;

	pthread_spin_lock(&flow->lock);
	alive = !flow->is_dead;
	if (alive) {
		flow->stats.n_packets += n_packets;
		flow->stats.n_bytes += n_bytes;
		flow->stats.tcp_flags |= tcp_flags;
		flow->stats.used_ms = now_ms;
		mark_active(flow);
	}
	pthread_spin_unlock(&flow->lock);
	return alive;
}

uint64_t cache_flow_id(const struct cache_flow *flow)
{
	return flow->id;
}

const struct cache_actions *cache_flow_actions(const struct cache_flow *flow)
{
	return rcu_dereference(flow->actions);
}

void cache_flow_stats(struct cache_flow *flow, struct dp_flow_stats *stats)
{
	pthread_spin_lock(&flow->lock);
	*stats = flow->stats;
	pthread_spin_unlock(&flow->lock);
}

void cache_flow_touch(struct cache_flow *flow)
{
	pthread_spin_lock(&flow->lock);
	mark_active(flow);
	pthread_spin_unlock(&flow->lock);
}

/* ---- masks (the lock is held) ---- */

static uint32_t flow_hash_of(const void *flow)
{
	return ((const struct cache_flow *)flow)->hash;
}

static uint32_t id_hash_of(const void *flow)
{
	return hash_u64(((const struct cache_flow *)flow)->id, 0);
}

static void mask_list_free_rcu(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct mask_list, rcu));
}

static struct mask_list *mask_list_alloc(size_t n)
{
	struct mask_list *list = xzalloc(sizeof *list + n * sizeof list->masks[0]);

	list->n = n;
	return list;
}

static void mask_list_publish(struct cache *cache, struct mask_list *list)
{
	struct mask_list *old = cache->masks;

	rcu_assign_pointer(cache->masks, list);
	call_rcu(&old->rcu, mask_list_free_rcu);
}

static struct cache_mask *mask_find(const struct cache *cache, const struct pkt_key *bits, uint32_t hash)
{
	const struct mask_list *list = cache->masks;

	for (size_t i = 0; i < list->n; i++)
		if (list->masks[i]->hash == hash && !memcmp(&list->masks[i]->mask, bits, sizeof *bits))
			return list->masks[i];
	return NULL;
}

static struct cache_mask *mask_new(const struct pkt_key *bits, uint32_t hash)
{
	const uint64_t *words = (const uint64_t *)(const void *)bits;
	struct cache_mask *mask = xzalloc(sizeof *mask);

	mask->mask = *bits;
	mask->hash = hash;
	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		if (words[i]) {
			mask->words[mask->n_words] = (uint8_t)i;
			mask->bits[mask->n_words++] = words[i];
		}
	ptrtab_init(&mask->flows, flow_hash_of);
	return mask;
}

/* The mask's struct, appended to the list when it is new. */
static struct cache_mask *mask_get(struct cache *cache, const struct pkt_key *bits)
{
	uint32_t hash = hash_bytes(bits, sizeof *bits, 0);
	struct cache_mask *mask = mask_find(cache, bits, hash);
	struct mask_list *list;

	if (mask)
		return mask;
	mask = mask_new(bits, hash);
	list = mask_list_alloc(cache->masks->n + 1);
	memcpy(list->masks, cache->masks->masks, cache->masks->n * sizeof list->masks[0]);
	list->masks[list->n - 1] = mask;
	mask_list_publish(cache, list);
	return mask;
}

static void mask_free_rcu(struct rcu_head *rcu)
{
	struct cache_mask *mask = caa_container_of(rcu, struct cache_mask, rcu);

	ptrtab_fini(&mask->flows);
	free(mask);
}

/* Removes the mask when nothing is under it. */
static void mask_put(struct cache *cache, struct cache_mask *mask)
{
	struct mask_list *list;
	size_t n = 0;

	if (mask->flows.n)
		return;
	list = mask_list_alloc(cache->masks->n - 1);
	for (size_t i = 0; i < cache->masks->n; i++)
		if (cache->masks->masks[i] != mask)
			list->masks[n++] = cache->masks->masks[i];
	mask_list_publish(cache, list);
	call_rcu(&mask->rcu, mask_free_rcu);
}

struct mask_rank {
	uint64_t n_hits;
	struct cache_mask *mask;
};

static int more_hits_first(const void *a_, const void *b_)
{
	const struct mask_rank *a = a_, *b = b_;

	return a->n_hits != b->n_hits ? (a->n_hits < b->n_hits ? 1 : -1) : 0;
}

void cache_sort_masks(struct cache *cache)
{
	struct mask_rank *ranks;
	struct mask_list *list;
	size_t n;

	if (pthread_mutex_trylock(&cache->lock))
		return;
	n = cache->masks->n;
	if (n < 2) {
		pthread_mutex_unlock(&cache->lock);
		return;
	}
	ranks = xcalloc(n, sizeof *ranks);
	for (size_t i = 0; i < n; i++) {
		ranks[i].mask = cache->masks->masks[i];
		ranks[i].n_hits = __atomic_exchange_n(&ranks[i].mask->n_hits, 0, __ATOMIC_RELAXED);
	}
	qsort(ranks, n, sizeof *ranks, more_hits_first);
	list = mask_list_alloc(n);
	for (size_t i = 0; i < n; i++)
		list->masks[i] = ranks[i].mask;
	mask_list_publish(cache, list);
	pthread_mutex_unlock(&cache->lock);
	free(ranks);
}

/* ---- indices (the lock is held) ---- */

static uint32_t index_take(struct cache *cache, struct cache_flow *flow)
{
	uint32_t index = cache->n_free ? cache->free_indices[--cache->n_free] : cache->next_index;
	struct cache_flow ***chunk = &cache->chunks[index / CHUNK];

	if (!*chunk)
		rcu_assign_pointer(*chunk, xcalloc(CHUNK, sizeof **chunk));
	rcu_assign_pointer((*chunk)[index % CHUNK], flow);
	if (index == cache->next_index)
		__atomic_store_n(&cache->next_index, index + 1, __ATOMIC_RELEASE);
	return index;
}

static void index_give(struct cache *cache, uint32_t index)
{
	rcu_assign_pointer(cache->chunks[index / CHUNK][index % CHUNK], NULL);
	if (cache->n_free == cache->free_cap) {
		cache->free_cap = cache->free_cap ? cache->free_cap * 2 : 64;
		cache->free_indices = xrealloc(cache->free_indices, cache->free_cap * sizeof *cache->free_indices);
	}
	cache->free_indices[cache->n_free++] = index;
}

/* ---- flows ---- */

struct cache *cache_new(unsigned int max_flows)
{
	struct cache *cache = xzalloc(sizeof *cache);

	cache->epoch = 1;
	cache->max_flows = max_flows;
	cache->n_chunks = ROUND_UP((size_t)max_flows, CHUNK) / CHUNK + 1;
	cache->chunks = xcalloc(cache->n_chunks, sizeof *cache->chunks);
	cache->active = xcalloc(cache->n_chunks, CHUNK / 8);
	cache->masks = mask_list_alloc(0);
	ptrtab_init(&cache->by_id, id_hash_of);
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void flow_free(struct cache_flow *flow)
{
	pthread_spin_destroy(&flow->lock);
	free(flow->actions);
	free(flow);
}

static void flow_free_rcu(struct rcu_head *rcu)
{
	flow_free(caa_container_of(rcu, struct cache_flow, rcu));
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	/* What was deleted or replaced before is freed by the grace-period thread: wait, so that none of it outlives the table. */
	rcu_barrier();
	for (uint32_t i = 0; i < cache->next_index; i++)
		if (cache->chunks[i / CHUNK][i % CHUNK])
			flow_free(cache->chunks[i / CHUNK][i % CHUNK]);
	for (size_t i = 0; i < cache->masks->n; i++)
		mask_free_rcu(&cache->masks->masks[i]->rcu);
	for (size_t i = 0; i < cache->n_chunks; i++)
		free(cache->chunks[i]);
	free(cache->chunks);
	free(cache->active);
	free(cache->masks);
	free(cache->free_indices);
	ptrtab_fini(&cache->by_id);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct cache_flow *find_id(const struct cache *cache, uint64_t id)
{
	struct ptrtab_cursor at = ptrtab_begin(&cache->by_id, hash_u64(id, 0));
	struct cache_flow *flow;

	while ((flow = ptrtab_next(&at)))
		if (flow->id == id)
			return flow;
	return NULL;
}

static bool has_key(const struct cache_mask *mask, const struct pkt_key *key)
{
	const uint64_t *words = (const uint64_t *)(const void *)key;
	struct ptrtab_cursor at = ptrtab_begin(&mask->flows, masked_hash(mask, words));
	struct cache_flow *flow;

	while ((flow = ptrtab_next(&at)))
		if (covers(flow, words))
			return true;
	return false;
}

static struct cache_actions *actions_copy(const struct dp_flow_put *put)
{
	struct cache_actions *actions = xmalloc(sizeof *actions + put->actions_len);

	actions->len = put->actions_len;
	if (put->actions_len)
		memcpy(actions->data, put->actions, put->actions_len);
	return actions;
}

struct dead_actions {
	struct rcu_head rcu;
	struct cache_actions *actions;
};

static void actions_free_rcu(struct rcu_head *rcu)
{
	struct dead_actions *dead = caa_container_of(rcu, struct dead_actions, rcu);

	free(dead->actions);
	free(dead);
}

/* The flow is there already: new actions, and it is current again. */
static int flow_replace(struct cache *cache, struct cache_flow *flow, const struct dp_flow_put *put)
{
	struct cache_actions *old = flow->actions;

	if (memcmp(&flow->key, put->key, sizeof flow->key) != 0 ||
	    memcmp(&flow->mask->mask, put->mask, sizeof *put->mask) != 0)
		return -EINVAL;
	if (old->len != put->actions_len || (old->len && memcmp(old->data, put->actions, old->len) != 0)) {
		struct dead_actions *dead = xmalloc(sizeof *dead);

		dead->actions = old;
		rcu_assign_pointer(flow->actions, actions_copy(put));
		call_rcu(&dead->rcu, actions_free_rcu);
	}
	__atomic_store_n(&flow->epoch, cache->epoch, __ATOMIC_RELEASE);
	return 0;
}

static int flow_insert(struct cache *cache, const struct dp_flow_put *put)
{
	struct cache_mask *mask;
	struct cache_flow *flow;

	if (cache->by_id.n >= cache->max_flows)
		return -ENOSPC;
	mask = mask_get(cache, put->mask);
	if (has_key(mask, put->key))
		return -EEXIST; /* and so the mask is not a new one without flows */
	flow = xzalloc(sizeof *flow);
	pthread_spin_init(&flow->lock, PTHREAD_PROCESS_PRIVATE);
	flow->id = put->id;
	flow->mask = mask;
	flow->key = *put->key;
	flow->hash = masked_hash(mask, (const uint64_t *)(const void *)put->key);
	flow->actions = actions_copy(put);
	flow->epoch = cache->epoch;
	flow->index = index_take(cache, flow);
	flow->active = &cache->active[flow->index / 64];
	ptrtab_insert(&mask->flows, flow);
	ptrtab_insert(&cache->by_id, flow);
	return 0;
}

static bool is_under_mask(const struct pkt_key *key, const struct pkt_key *mask)
{
	const uint64_t *k = (const uint64_t *)(const void *)key, *m = (const uint64_t *)(const void *)mask;
	uint64_t outside = 0;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		outside |= k[i] & ~m[i];
	return !outside;
}

int cache_put(struct cache *cache, const struct dp_flow_put *put)
{
	struct cache_flow *flow;
	int error;

	if (!put->id || put->actions_len > DP_ACTIONS_MAX || !is_under_mask(put->key, put->mask))
		return -EINVAL;
	pthread_mutex_lock(&cache->lock);
	flow = find_id(cache, put->id);
	error = flow ? flow_replace(cache, flow, put) : flow_insert(cache, put);
	pthread_mutex_unlock(&cache->lock);
	return error;
}

int cache_del(struct cache *cache, uint64_t id, struct dp_flow_stats *stats)
{
	struct cache_flow *flow;
	struct cache_mask *mask;

	pthread_mutex_lock(&cache->lock);
	flow = find_id(cache, id);
	if (!flow) {
		pthread_mutex_unlock(&cache->lock);
		return -ENOENT;
	}
	mask = mask_find(cache, &flow->mask->mask, flow->mask->hash);
	ptrtab_remove(&mask->flows, flow);
	ptrtab_remove(&cache->by_id, flow);
	index_give(cache, flow->index);
	mask_put(cache, mask);
	pthread_mutex_unlock(&cache->lock);

	pthread_spin_lock(&flow->lock);
	flow->is_dead = true;
	if (stats)
		*stats = flow->stats;
	pthread_spin_unlock(&flow->lock);
	call_rcu(&flow->rcu, flow_free_rcu);
	return 0;
}

int cache_stats(struct cache *cache, uint64_t id, struct dp_flow_stats *stats)
{
	struct cache_flow *flow;

	rcu_read_lock();
	flow = find_id(cache, id);
	if (flow)
		cache_flow_stats(flow, stats);
	rcu_read_unlock();
	return flow ? 0 : -ENOENT;
}

void cache_flow_get(struct cache_flow *flow, struct dp_flow *out)
{
	const struct cache_actions *actions = cache_flow_actions(flow);

	*out = (struct dp_flow){
		.id = flow->id,
		.key = &flow->key,
		.mask = &flow->mask->mask,
		.actions = actions->data,
		.actions_len = actions->len,
	};
	cache_flow_stats(flow, &out->stats);
}

bool cache_flow_is_current(const struct cache *cache, const struct cache_flow *flow)
{
	return is_current(cache, flow);
}

size_t cache_dump(struct cache *cache, uint64_t *cursor, struct dp_flow *flows, size_t n)
{
	uint64_t end = __atomic_load_n(&cache->next_index, __ATOMIC_ACQUIRE);
	size_t n_done = 0;

	for (; *cursor < end && n_done < n; ++*cursor) {
		struct cache_flow *flow = flow_at(cache, (uint32_t)*cursor);

		if (flow)
			cache_flow_get(flow, &flows[n_done++]);
	}
	return n_done;
}

struct cache_flow *cache_find(struct cache *cache, uint64_t id)
{
	return find_id(cache, id);
}

/* The flow whose bit is set at @index; the bit is cleared. NULL: it went away. */
static struct cache_flow *take_active(struct cache *cache, uint32_t index)
{
	atomic_fetch_and(&cache->active[index / 64], ~(1ull << index % 64));
	return flow_at(cache, index);
}

bool cache_active(struct cache *cache, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n)
{
	const uint64_t end = __atomic_load_n(&cache->next_index, __ATOMIC_ACQUIRE);
	const size_t room = *n;

	for (*n = 0; *cursor < end && *n < room;) {
		uint64_t bits = atomic_load(&cache->active[*cursor / 64]) >> *cursor % 64;
		struct cache_flow *flow;

		if (!bits) {
			*cursor = ROUND_UP(*cursor + 1, 64);
			continue;
		}
		*cursor += (uint64_t)__builtin_ctzll(bits);
		flow = take_active(cache, (uint32_t)*cursor);
		++*cursor;
		if (!flow)
			continue;
		flows[*n].id = flow->id;
		cache_flow_stats(flow, &flows[*n].stats);
		++*n;
	}
	return *cursor < end;
}

void cache_invalidate_all(struct cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	__atomic_store_n(&cache->epoch, cache->epoch + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&cache->lock);
}

size_t cache_n_flows(struct cache *cache)
{
	size_t n;

	pthread_mutex_lock(&cache->lock);
	n = cache->by_id.n;
	pthread_mutex_unlock(&cache->lock);
	return n;
}

size_t cache_n_masks(struct cache *cache)
{
	size_t n;

	pthread_mutex_lock(&cache->lock);
	n = cache->masks->n;
	pthread_mutex_unlock(&cache->lock);
	return n;
}

size_t cache_bytes(struct cache *cache)
{
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	bytes = sizeof *cache + cache->n_chunks * (sizeof *cache->chunks + CHUNK / 8) +
		cache->free_cap * sizeof(uint32_t) + ptrtab_bytes(&cache->by_id) +
		cache->by_id.n * sizeof(struct cache_flow) +
		ROUND_UP((size_t)cache->next_index, CHUNK) * sizeof(struct cache_flow *);
	for (size_t i = 0; i < cache->masks->n; i++)
		bytes += sizeof(struct cache_mask) + ptrtab_bytes(&cache->masks->masks[i]->flows);
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}
