/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of `user` and `dummy`: megaflows behind an exact-match cache.
 *
 * Megaflows are kept by mask: each mask has a hash table of the keys under it, and a lookup tries the masks one after the other,
 * those with most hits first (tuple-space search). Because flows are disjoint or agree, the first that matches is right.
 *
 * In front of that each thread has its own exact cache: 8,192 entries {hash, index of a flow}. The hash is cache_hash() of the
 * packet, the same for all packets of a connection. An entry is only a hint: the flow at that index is compared with the
 * packet, under the flow's mask, like any other. So an entry never goes bad: when its flow went away or the index was given to
 * another one, the comparison fails, and nobody has to be told. It also means that an entry serves all packets that its
 * flow covers, whatever their TTL or TCP flags, and that it is 8 bytes.
 *
 * Comparing touches only the words in which the mask has ones (4 to 6 for a plain L2 flow), not all 216 bytes.
 *
 * Threads: lookups under rcu_read_lock(); put, del and sort behind the table's mutex, from any thread registered with liburcu,
 * also inside a read-side section. Flows and replaced actions are freed after a grace period.
 *
 * Counters are exact. A flow's counters have a lock of their own, taken once per batch and flow. cache_credit() is called before the
 * packets' actions run and fails when the flow was deleted meanwhile: then the packets are not this flow's, and the
 * counters that cache_del() gave to its caller were final. A bitmap by index says which flows have counted since cache_active() looked.
 */
#ifndef SWITCHD_DATAPATH_CACHE_H
#define SWITCHD_DATAPATH_CACHE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "switchd/datapath/datapath.h"

struct cache;
struct cache_flow;

/** Entries of an exact cache, in pairs that share a hash bucket. */
#define CACHE_EXACT_SLOTS 8192

/** One thread's exact cache and its counters; zero-initialised. The counters are read by other threads, relaxed. */
struct cache_exact {
	struct {
		uint32_t hash, index;
	} slots[CACHE_EXACT_SLOTS];
	uint64_t exact_hits, mega_hits;
};

/** A flow's actions: replaced as a whole. */
struct cache_actions {
	size_t len;
	uint64_t data[];
};

struct cache *cache_new(unsigned int max_flows);
/** cache_free() - no reader may be left. */
void cache_free(struct cache *cache);

/* As the functions of struct datapath_ops. */
int cache_put(struct cache *cache, const struct dp_flow_put *put);
int cache_del(struct cache *cache, uint64_t id, struct dp_flow_stats *stats);
int cache_stats(struct cache *cache, uint64_t id, struct dp_flow_stats *stats);
size_t cache_dump(struct cache *cache, uint64_t *cursor, struct dp_flow *flows, size_t n);
bool cache_active(struct cache *cache, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n);
void cache_invalidate_all(struct cache *cache);

/** cache_find() - NULL when there is none. Valid until the flow is deleted, and rcu_read_unlock(). */
struct cache_flow *cache_find(struct cache *cache, uint64_t id);
/** cache_flow_stats() - what it has counted. */
void cache_flow_stats(struct cache_flow *flow, struct dp_flow_stats *stats);
/** cache_flow_get() - all about it; valid until rcu_read_unlock(). */
void cache_flow_get(struct cache_flow *flow, struct dp_flow *out);
/** cache_flow_is_current() - false: cache_invalidate_all() has come since it was put. */
bool cache_flow_is_current(const struct cache *cache, const struct cache_flow *flow);
/** cache_flow_touch() - cache_active() reports it, whether it has counted something or not. */
void cache_flow_touch(struct cache_flow *flow);

size_t cache_n_flows(struct cache *cache);
size_t cache_n_masks(struct cache *cache);
/** cache_bytes() - all memory of the table, but for the actions. */
size_t cache_bytes(struct cache *cache);
/** cache_sort_masks() - those with most hits since the last time first. Skipped when a writer is at work. */
void cache_sort_masks(struct cache *cache);

/**
 * cache_hash() - of what tells one connection's packets from another's
 *
 * Origin, Ethernet addresses and type, VLANs, IP or ARP addresses, protocol, ports, tunnel. Not what changes from packet to packet: TTL,
 * TOS, TCP flags.
 */
uint32_t cache_hash(const struct pkt_key *key);

/**
 * cache_lookup() - the flow that covers a packet
 * @exact: the thread's own; NULL to do without
 * @hash: cache_hash(@key)
 *
 * Return: the flow, valid until rcu_read_unlock(), or NULL: a miss.
 */
struct cache_flow *cache_lookup(struct cache *cache, struct cache_exact *exact, const struct pkt_key *key,
				uint32_t hash);

/**
 * cache_credit() - count packets that are about to run the flow's actions
 * @tcp_flags: all of them seen, host order
 *
 * Return: false when the flow was deleted: nothing was counted, look the packets up again.
 */
bool cache_credit(struct cache_flow *flow, uint64_t n_packets, uint64_t n_bytes, uint16_t tcp_flags,
		  int64_t now_ms) VSW_MUST_USE;

/** cache_flow_id() - as it was put. */
uint64_t cache_flow_id(const struct cache_flow *flow);
/** cache_flow_actions() - valid until rcu_read_unlock(). */
const struct cache_actions *cache_flow_actions(const struct cache_flow *flow);

#endif
