// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ptrtab.h"

#include <assert.h>
#include <stdlib.h>

#include "base/util.h"

enum { MIN_SLOTS = 16 };

static struct ptrtab_array *array_new(size_t n_slots)
{
	struct ptrtab_array *array = xzalloc(sizeof *array + n_slots * sizeof array->slots[0]);

	array->mask = n_slots - 1;
	return array;
}

static void array_free_rcu(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct ptrtab_array, rcu));
}

void ptrtab_init(struct ptrtab *tab, uint32_t (*hash_of)(const void *object))
{
	*tab = (struct ptrtab){.array = array_new(MIN_SLOTS), .hash_of = hash_of};
}

void ptrtab_fini(struct ptrtab *tab)
{
	free(tab->array);
	tab->array = NULL;
}

static void array_put(struct ptrtab_array *array, uint64_t slot, uint32_t hash)
{
	size_t i = hash & array->mask;

	while (array->slots[i])
		i = (i + 1) & array->mask;
	__atomic_store_n(&array->slots[i], slot, __ATOMIC_RELEASE);
}

/* A new array without tombstones, a quarter full. */
static void rebuild(struct ptrtab *tab)
{
	struct ptrtab_array *old = tab->array, *array;
	size_t n_slots = MIN_SLOTS;

	while (n_slots < tab->n * 4)
		n_slots *= 2;
	array = array_new(n_slots);
	for (size_t i = 0; i <= old->mask; i++)
		if (old->slots[i] > PTRTAB_TOMBSTONE)
			array_put(array, old->slots[i],
				  tab->hash_of((void *)(uintptr_t)(old->slots[i] & PTRTAB_PTR_MASK)));
	rcu_assign_pointer(tab->array, array);
	tab->n_used = tab->n;
	call_rcu(&old->rcu, array_free_rcu);
}

void ptrtab_insert(struct ptrtab *tab, void *object)
{
	uint32_t hash = tab->hash_of(object);
	uint64_t pointer = (uintptr_t)object;

	assert(pointer > PTRTAB_TOMBSTONE && pointer <= PTRTAB_PTR_MASK);
	if ((tab->n_used + 1) * 2 > tab->array->mask + 1)
		rebuild(tab);
	array_put(tab->array, pointer | (uint64_t)(hash >> 16) << PTRTAB_PTR_BITS, hash);
	tab->n++;
	tab->n_used++;
}

void ptrtab_remove(struct ptrtab *tab, const void *object)
{
	struct ptrtab_array *array = tab->array;
	size_t i = tab->hash_of(object) & array->mask;

	while ((array->slots[i] & PTRTAB_PTR_MASK) != (uintptr_t)object) {
		assert(array->slots[i]);
		i = (i + 1) & array->mask;
	}
	__atomic_store_n(&array->slots[i], PTRTAB_TOMBSTONE, __ATOMIC_RELEASE);
	tab->n--;
}

size_t ptrtab_bytes(const struct ptrtab *tab)
{
	return sizeof *tab->array + (tab->array->mask + 1) * sizeof tab->array->slots[0];
}
