/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two hash tables of a classifier subtable: rules by the hash of their masked key, and counted sets of partial hashes.
 *
 * One writer; readers under rcu_read_lock(). Both are open-addressed with linear probing, never more than three quarters full, so
 * that a lookup mostly reads one cache line of the table. Growing builds a new array, publishes it with one pointer store
 * and frees the old one after a grace period: a reader sees either, and both hold what its version needs.
 */
#ifndef FLOW_CLS_HASH_H
#define FLOW_CLS_HASH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cls_rule;
struct cls_slots;
struct cls_cells;

/** Lists of rules of one masked key, found by its hash. Zero-initialise. */
struct cls_map {
	struct cls_slots *slots; /* RCU */
	size_t n;		 /* lists */
	size_t n_used;		 /* slots that are not empty: n and the tombstones */
};

/** cls_map_fini() - the lists must be gone; frees the array after a grace period. */
void cls_map_fini(struct cls_map *map);
size_t cls_map_memory(const struct cls_map *map);

/** Walks the lists that have a hash, or (cls_map_each()) all of them. */
struct cls_cursor {
	const struct cls_slots *slots;
	uint32_t pos, hash;
};

/** cls_map_first() and cls_map_next() - heads of the lists under @hash (several when hashes collide); NULL at the end. */
struct cls_rule *cls_map_first(const struct cls_map *map, uint32_t hash, struct cls_cursor *cursor);
struct cls_rule *cls_map_next(struct cls_cursor *cursor);

/** cls_map_insert() - a new list of one rule; its key is not in the map yet. */
void cls_map_insert(struct cls_map *map, struct cls_rule *head, uint32_t hash);
/** cls_map_replace() - a list's new head, or NULL to remove the list. */
void cls_map_replace(struct cls_map *map, struct cls_rule *old_head, struct cls_rule *head, uint32_t hash);

/** cls_map_each() - the head at or behind *@pos, which moves on; start at 0. Return: NULL at the end. */
struct cls_rule *cls_map_each(const struct cls_map *map, size_t *pos);

/** A multiset of hashes. Zero-initialise. */
struct cls_set {
	struct cls_cells *cells; /* RCU */
	size_t n, n_used;
};

void cls_set_fini(struct cls_set *set);
size_t cls_set_memory(const struct cls_set *set);
void cls_set_add(struct cls_set *set, uint32_t hash);
/** cls_set_del() - @hash was added. */
void cls_set_del(struct cls_set *set, uint32_t hash);
bool cls_set_has(const struct cls_set *set, uint32_t hash);

#endif
