/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of pointers: one writer (behind a lock of the owner's), readers under rcu_read_lock() at any time.
 *
 * An array of 64-bit slots, probed linearly. A slot holds a pointer in its low 48 bits and 16 bits of the object's hash above
 * it, so that a probe touches an object only when it is most likely the one. A deleted slot becomes a tombstone. When half of
 * the slots are used the writer builds a new array and publishes it; readers finish on the old one, freed after a grace period.
 * Nothing is embedded in the objects, so that one object may be in several tables.
 */
#ifndef SWITCHD_DATAPATH_PTRTAB_H
#define SWITCHD_DATAPATH_PTRTAB_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu.h>

struct ptrtab_array {
	struct rcu_head rcu;
	size_t mask; /* number of slots - 1 */
	uint64_t slots[];
};

struct ptrtab {
	struct ptrtab_array *array; /* RCU */
	size_t n;		    /* objects */
	size_t n_used;		    /* slots that are not empty: objects and tombstones */
	uint32_t (*hash_of)(const void *object);
};

#define PTRTAB_PTR_BITS 48
#define PTRTAB_PTR_MASK ((1ull << PTRTAB_PTR_BITS) - 1)
#define PTRTAB_TOMBSTONE 1ull

/** ptrtab_init() - @hash_of: the hash that each object was inserted with. */
void ptrtab_init(struct ptrtab *tab, uint32_t (*hash_of)(const void *object));
/** ptrtab_fini() - no reader may be left; the objects are the caller's. */
void ptrtab_fini(struct ptrtab *tab);
void ptrtab_insert(struct ptrtab *tab, void *object);
/** ptrtab_remove() - @object must be in @tab. */
void ptrtab_remove(struct ptrtab *tab, const void *object);
/** ptrtab_bytes() - memory of the table itself. */
size_t ptrtab_bytes(const struct ptrtab *tab);

/** Position of a search for one hash; see ptrtab_next(). */
struct ptrtab_cursor {
	const struct ptrtab_array *array;
	size_t i;
	uint32_t tag;
};

static inline struct ptrtab_cursor ptrtab_begin(const struct ptrtab *tab, uint32_t hash)
{
	const struct ptrtab_array *array = rcu_dereference(tab->array);

	return (struct ptrtab_cursor){array, hash & array->mask, hash >> 16};
}

/** ptrtab_next() - the next object that may have the hash (compare it!), NULL at the end. */
static inline void *ptrtab_next(struct ptrtab_cursor *c)
{
	for (;;) {
		uint64_t slot = __atomic_load_n(&c->array->slots[c->i], __ATOMIC_ACQUIRE);

		if (!slot)
			return NULL;
		c->i = (c->i + 1) & c->array->mask;
		if (slot >> PTRTAB_PTR_BITS == c->tag && slot != PTRTAB_TOMBSTONE)
			return (void *)(uintptr_t)(slot & PTRTAB_PTR_MASK);
	}
}

#endif
