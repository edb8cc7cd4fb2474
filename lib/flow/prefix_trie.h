/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of counted bit prefixes (up to 128 bits) that one writer changes while readers under rcu_read_lock() walk it.
 *
 * The classifier asks it one question: of which lengths are the prefixes that this address falls under, and how many of the
 * address's first bits had to be read to know that? A subtable whose prefix length is not among them cannot match, and a megaflow
 * then needs those few bits only, not the subtable's whole mask.
 *
 * It is a binary path-compressed trie. A node stands for a run of at most 32 bits (longer runs are chains) and lives in a pool,
 * 24 bytes each. A published node's bits never change: splitting and merging make new nodes and swap one pointer, so that a
 * reader sees the set before or after a change. The old nodes are reused after a grace period.
 */
#ifndef FLOW_PREFIX_TRIE_H
#define FLOW_PREFIX_TRIE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu.h>

struct trie_node;
struct trie_chunk;

/** Nodes of any number of tries that have the same writer. */
struct trie_pool {
	struct trie_chunk *chunks;
	struct trie_node *free;	  /* linked by their first edge */
	struct trie_node **limbo; /* unlinked, readers may still be there */
	size_t n_limbo, limbo_cap;
	struct trie_node **waiting; /* as limbo, and a grace period has begun for them */
	size_t n_waiting, waiting_cap;
	size_t n_bytes;
	bool in_flight; /* `rcu` is queued, or has run and was not looked at yet */
	bool elapsed;	/* atomic: `rcu` has run */
	struct rcu_head rcu;
};

void trie_pool_init(struct trie_pool *pool);
/** trie_pool_fini() - frees every node of every trie; no reader may be left. May wait for a grace period. */
void trie_pool_fini(struct trie_pool *pool);
/** trie_pool_memory() - bytes that the pool holds, free nodes included. */
size_t trie_pool_memory(const struct trie_pool *pool);

/** Zero-initialise. */
struct prefix_trie {
	struct trie_node *root; /* RCU */
};

#define TRIE_MAX_BITS 128

/** An address as the trie reads it: host-order words from the most significant on, zeros behind. */
struct trie_key {
	uint32_t w[TRIE_MAX_BITS / 32 + 1];
};

/** trie_key_init() - @n_bytes (at most 16) big-endian bytes. */
void trie_key_init(struct trie_key *key, const void *bytes, size_t n_bytes);

/** trie_insert() and trie_remove() - one more or one less owner of the first @plen bits (1 to 128) of @key. */
void trie_insert(struct prefix_trie *trie, struct trie_pool *pool, const struct trie_key *key, unsigned int plen);
void trie_remove(struct prefix_trie *trie, struct trie_pool *pool, const struct trie_key *key, unsigned int plen);

struct trie_result {
	uint64_t plens[TRIE_MAX_BITS / 64 + 1]; /**< bit N: the set has the key's first N bits */
	unsigned int n_bits;			/**< first bits of the key that prove it */
};

/**
 * trie_lookup() - the prefixes of a key that are in the set
 * @max_bits: width of the key
 *
 * Any key that shares its first n_bits bits with @key gets the same plens.
 */
void trie_lookup(const struct prefix_trie *trie, const struct trie_key *key, unsigned int max_bits,
		 struct trie_result *result);

static inline bool trie_result_has(const struct trie_result *result, unsigned int plen)
{
	return result->plens[plen / 64] >> (plen % 64) & 1;
}

#endif
