/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open-addressed tables under RCU; see cls_hash.h.
 *
 * A slot is written hash first, then its rule with release; a reader loads the rule first. So whoever sees a rule sees its hash,
 * and a slot reused after a removal can at worst hide the removed rule, which no version shows any more by then.
 */
#include "flow/cls_hash.h"

#include <stdlib.h>

#include <urcu.h>

#include "base/util.h"

#define SLOTS_MIN 4

struct cls_slot {
	struct cls_rule *rule; /* NULL: empty, ends a probe; TOMBSTONE: removed */
	uint32_t hash;
};

struct cls_slots {
	struct rcu_head rcu;
	uint32_t mask;
	struct cls_slot slot[];
};

/* A cell is a hash (high half) and its count; 0 is empty. A hash of 0 is kept as 1. */
struct cls_cells {
	struct rcu_head rcu;
	uint32_t mask;
	uint64_t cell[];
};

static char tombstone;
#define TOMBSTONE ((struct cls_rule *)(void *)&tombstone)

/* Slots for @n entries: five eighths full at most, so that an eighth of them is left to fill before the next rebuild. */
static uint32_t capacity_for(size_t n)
{
	uint32_t cap = SLOTS_MIN;

	while (n * 8 > (size_t)cap * 5)
		cap *= 2;
	return cap;
}

static void slots_free(struct rcu_head *head)
{
	free(container_of(head, struct cls_slots, rcu));
}

static void cells_free(struct rcu_head *head)
{
	free(container_of(head, struct cls_cells, rcu));
}

static struct cls_rule *slot_rule(const struct cls_slot *slot)
{
	return __atomic_load_n(&slot->rule, __ATOMIC_ACQUIRE);
}

static uint32_t slot_hash(const struct cls_slot *slot)
{
	return __atomic_load_n(&slot->hash, __ATOMIC_RELAXED);
}

static void slot_fill(struct cls_slot *slot, struct cls_rule *rule, uint32_t hash)
{
	__atomic_store_n(&slot->hash, hash, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->rule, rule, __ATOMIC_RELEASE);
}

void cls_map_fini(struct cls_map *map)
{
	if (map->slots)
		call_rcu(&map->slots->rcu, slots_free);
	*map = (struct cls_map){NULL, 0, 0};
}

static size_t slots_size(uint32_t cap)
{
	return sizeof(struct cls_slots) + cap * sizeof(struct cls_slot);
}

size_t cls_map_memory(const struct cls_map *map)
{
	return map->slots ? slots_size(map->slots->mask + 1) : 0;
}

static struct cls_slot *slots_free_slot(struct cls_slots *slots, uint32_t hash)
{
	uint32_t pos = hash & slots->mask;

	while (slots->slot[pos].rule && slots->slot[pos].rule != TOMBSTONE)
		pos = (pos + 1) & slots->mask;
	return &slots->slot[pos];
}

/* A new array without tombstones and with room for one more. */
static void map_rebuild(struct cls_map *map)
{
	uint32_t cap = capacity_for(map->n + 1);
	struct cls_slots *slots = xzalloc(slots_size(cap)), *old = map->slots;

	slots->mask = cap - 1;
	for (uint32_t i = 0; old && i <= old->mask; i++) {
		const struct cls_slot *slot = &old->slot[i];

		if (slot->rule && slot->rule != TOMBSTONE)
			*slots_free_slot(slots, slot->hash) = *slot;
	}
	__atomic_store_n(&map->slots, slots, __ATOMIC_RELEASE);
	map->n_used = map->n;
	if (old)
		call_rcu(&old->rcu, slots_free);
}

struct cls_rule *cls_map_next(struct cls_cursor *cursor)
{
	const struct cls_slots *slots = cursor->slots;
	struct cls_rule *rule;

	while ((rule = slot_rule(&slots->slot[cursor->pos]))) {
		bool found = slot_hash(&slots->slot[cursor->pos]) == cursor->hash && rule != TOMBSTONE;

		cursor->pos = (cursor->pos + 1) & slots->mask;
		if (found)
			return rule;
	}
	return NULL;
}

struct cls_rule *cls_map_first(const struct cls_map *map, uint32_t hash, struct cls_cursor *cursor)
{
	cursor->slots = __atomic_load_n(&map->slots, __ATOMIC_ACQUIRE);
	if (!cursor->slots)
		return NULL;
	cursor->hash = hash;
	cursor->pos = hash & cursor->slots->mask;
	return cls_map_next(cursor);
}

void cls_map_insert(struct cls_map *map, struct cls_rule *head, uint32_t hash)
{
	struct cls_slot *slot;

	if (!map->slots || (map->n_used + 1) * 4 > ((size_t)map->slots->mask + 1) * 3)
		map_rebuild(map);
	slot = slots_free_slot(map->slots, hash);
	map->n_used += !slot->rule;
	map->n++;
	slot_fill(slot, head, hash);
}

void cls_map_replace(struct cls_map *map, struct cls_rule *old_head, struct cls_rule *head, uint32_t hash)
{
	struct cls_slots *slots = map->slots;
	uint32_t pos = hash & slots->mask;

	while (slots->slot[pos].rule != old_head)
		pos = (pos + 1) & slots->mask;
	if (head) {
		slot_fill(&slots->slot[pos], head, hash);
		return;
	}
	map->n--;
	slot_fill(&slots->slot[pos], TOMBSTONE, hash);
	/* Tombstones right before an empty slot are on nobody's way. */
	while (slots->slot[pos].rule == TOMBSTONE && !slots->slot[(pos + 1) & slots->mask].rule) {
		slot_fill(&slots->slot[pos], NULL, 0);
		map->n_used--;
		pos = (pos - 1) & slots->mask;
	}
}

struct cls_rule *cls_map_each(const struct cls_map *map, size_t *pos)
{
	const struct cls_slots *slots = __atomic_load_n(&map->slots, __ATOMIC_ACQUIRE);

	for (; slots && *pos <= slots->mask; (*pos)++) {
		struct cls_rule *rule = slot_rule(&slots->slot[*pos]);

		if (rule && rule != TOMBSTONE) {
			(*pos)++;
			return rule;
		}
	}
	return NULL;
}

static size_t cells_size(uint32_t cap)
{
	return sizeof(struct cls_cells) + cap * sizeof(uint64_t);
}

void cls_set_fini(struct cls_set *set)
{
	if (set->cells)
		call_rcu(&set->cells->rcu, cells_free);
	*set = (struct cls_set){NULL, 0, 0};
}

size_t cls_set_memory(const struct cls_set *set)
{
	return set->cells ? cells_size(set->cells->mask + 1) : 0;
}

static uint64_t cell_get(const uint64_t *cell)
{
	return __atomic_load_n(cell, __ATOMIC_RELAXED);
}

/* The cell of @hash, or the empty one where the search for it ends. */
static uint64_t *cells_find(struct cls_cells *cells, uint32_t hash)
{
	uint32_t pos = hash & cells->mask;
	uint64_t cell;

	while ((cell = cell_get(&cells->cell[pos])) && cell >> 32 != hash)
		pos = (pos + 1) & cells->mask;
	return &cells->cell[pos];
}

static void set_rebuild(struct cls_set *set)
{
	uint32_t cap = capacity_for(set->n + 1);
	struct cls_cells *cells = xzalloc(cells_size(cap)), *old = set->cells;

	cells->mask = cap - 1;
	for (uint32_t i = 0; old && i <= old->mask; i++)
		if ((uint32_t)old->cell[i])
			*cells_find(cells, (uint32_t)(old->cell[i] >> 32)) = old->cell[i];
	__atomic_store_n(&set->cells, cells, __ATOMIC_RELEASE);
	set->n_used = set->n;
	if (old)
		call_rcu(&old->rcu, cells_free);
}

void cls_set_add(struct cls_set *set, uint32_t hash)
{
	uint64_t *cell;

	hash += !hash;
	if (!set->cells || (set->n_used + 1) * 4 > ((size_t)set->cells->mask + 1) * 3)
		set_rebuild(set);
	cell = cells_find(set->cells, hash);
	set->n_used += !*cell;
	set->n += !(uint32_t)*cell;
	__atomic_store_n(cell, ((uint64_t)hash << 32) | ((uint32_t)*cell + 1), __ATOMIC_RELEASE);
}

void cls_set_del(struct cls_set *set, uint32_t hash)
{
	uint64_t *cell;

	hash += !hash;
	cell = cells_find(set->cells, hash);
	__atomic_store_n(cell, *cell - 1, __ATOMIC_RELEASE);
	set->n -= !(uint32_t)*cell;
}

bool cls_set_has(const struct cls_set *set, uint32_t hash)
{
	struct cls_cells *cells = __atomic_load_n(&set->cells, __ATOMIC_ACQUIRE);

	hash += !hash;
	return cells && (uint32_t)cell_get(cells_find(cells, hash));
}
