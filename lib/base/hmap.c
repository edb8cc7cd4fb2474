// SPDX-License-Identifier: Apache-2.0
#include "base/hmap.h"

#include <stdlib.h>

void hmap_init(struct hmap *map)
{
	*map = (struct hmap){0};
}

void hmap_fini(struct hmap *map)
{
	free(map->buckets);
	hmap_init(map);
}

static struct hmap_node **bucket(const struct hmap *map, uint32_t hash)
{
	/* `one` is the single bucket of a small map, so that an empty map owns no memory. */
	return map->mask ? &map->buckets[hash & map->mask] : (struct hmap_node **)&map->one;
}

static void resize(struct hmap *map, size_t n_buckets)
{
	struct hmap_node **old = map->mask ? map->buckets : NULL;
	size_t n_old = map->mask + 1;
	struct hmap_node *one = map->one;

	map->buckets = xcalloc(n_buckets, sizeof *map->buckets);
	map->mask = n_buckets - 1;
	map->one = NULL;
	for (size_t i = 0; i < n_old; i++) {
		struct hmap_node *node = old ? old[i] : one;

		while (node) {
			struct hmap_node *next = node->next, **b = bucket(map, node->hash);

			node->next = *b;
			*b = node;
			node = next;
		}
	}
	free(old);
}

void hmap_insert(struct hmap *map, struct hmap_node *node, uint32_t hash)
{
	struct hmap_node **b;

	if (map->n > map->mask * 2 + 1)
		resize(map, (map->mask + 1) * 4);
	node->hash = hash;
	b = bucket(map, hash);
	node->next = *b;
	*b = node;
	map->n++;
}

void hmap_remove(struct hmap *map, struct hmap_node *node)
{
	struct hmap_node **p = bucket(map, node->hash);

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	map->n--;
}

static struct hmap_node *first_from(const struct hmap *map, size_t i)
{
	for (; i <= map->mask; i++)
		if (map->buckets[i])
			return map->buckets[i];
	return NULL;
}

struct hmap_node *hmap_first(const struct hmap *map)
{
	return map->mask ? first_from(map, 0) : map->one;
}

struct hmap_node *hmap_next(const struct hmap *map, const struct hmap_node *node)
{
	if (node->next || !map->mask)
		return node->next;
	return first_from(map, (node->hash & map->mask) + 1);
}
