/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive chained hash map for single-threaded (or externally locked) use. Concurrent readers want liburcu's cds_lfht.
 *
 * The owner embeds a struct hmap_node, computes the hash and compares keys itself:
 *
 *   struct thing *t;
 *   HMAP_FOR_EACH_WITH_HASH(t, node, hash, &map)
 *           if (t->key == key) return t;
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct hmap_node {
	uint32_t hash;
	struct hmap_node *next;
};

struct hmap {
	struct hmap_node **buckets; /* == &one while mask == 0 */
	struct hmap_node *one;
	size_t mask; /* number of buckets - 1 */
	size_t n;
};

void hmap_init(struct hmap *map);
/** hmap_fini() - free the buckets; the nodes are the caller's and must be gone already. */
void hmap_fini(struct hmap *map);
void hmap_insert(struct hmap *map, struct hmap_node *node, uint32_t hash);
/** hmap_remove() - @node must be in @map. */
void hmap_remove(struct hmap *map, struct hmap_node *node);

static inline size_t hmap_count(const struct hmap *map)
{
	return map->n;
}

static inline bool hmap_is_empty(const struct hmap *map)
{
	return !map->n;
}

/* The first node of the bucket with this very hash, or the next one behind @node. */
static inline struct hmap_node *hmap_skip__(struct hmap_node *node, uint32_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct hmap_node *hmap_first_with_hash(const struct hmap *map, uint32_t hash)
{
	return hmap_skip__((map->mask ? map->buckets[hash & map->mask] : map->one), hash);
}

/** hmap_first() and hmap_next() - every node in no order; NULL at the end. */
struct hmap_node *hmap_first(const struct hmap *map);
struct hmap_node *hmap_next(const struct hmap *map, const struct hmap_node *node);

#define HMAP_OBJECT__(NODE, OBJ, MEMBER) ((NODE) ? container_of(NODE, __typeof__(*(OBJ)), MEMBER) : NULL)

#define HMAP_FOR_EACH_WITH_HASH(OBJ, MEMBER, HASH, MAP) \
	for (struct hmap_node *node__ = hmap_first_with_hash(MAP, HASH); \
	     ((OBJ) = HMAP_OBJECT__(node__, OBJ, MEMBER)) != NULL; node__ = hmap_skip__(node__->next, node__->hash))

#define HMAP_FOR_EACH(OBJ, MEMBER, MAP) \
	for (struct hmap_node *node__ = hmap_first(MAP); ((OBJ) = HMAP_OBJECT__(node__, OBJ, MEMBER)) != NULL; \
	     node__ = hmap_next(MAP, node__))

/** The body may remove and free OBJ (and nothing else). */
#define HMAP_FOR_EACH_SAFE(OBJ, MEMBER, MAP) \
	for (struct hmap_node *node__ = hmap_first(MAP), *next__ = node__ ? hmap_next(MAP, node__) : NULL; \
	     ((OBJ) = HMAP_OBJECT__(node__, OBJ, MEMBER)) != NULL; \
	     node__ = next__, next__ = node__ ? hmap_next(MAP, node__) : NULL)

#endif
