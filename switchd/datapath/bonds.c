// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/bonds.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "switchd/datapath/datapath.h"

void bonds_new(struct bonds *bonds)
{
	*bonds = (struct bonds){.slots = xcalloc(DP_MAX_BONDS, sizeof *bonds->slots)};
}

void bonds_free(struct bonds *bonds)
{
	if (!bonds->is_borrowed)
		free(bonds->slots);
	bonds->slots = NULL;
}

static void put_ports(struct dp_bond_slot *slot, const uint32_t *ports)
{
	for (size_t i = 0; i < DP_BOND_BUCKETS; i++)
		__atomic_store_n(&slot->ports[i], ports ? ports[i] : DP_BOND_NO_PORT, __ATOMIC_RELAXED);
}

int bonds_set(const struct bonds *bonds, uint32_t id, const struct dp_bond *bond)
{
	struct dp_bond_slot *slot;

	if (!id || id >= DP_MAX_BONDS)
		return -ENOSPC;
	slot = &bonds->slots[id];
	put_ports(slot, bond->ports);
	__atomic_store_n(&slot->basis, bond->basis, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->in_use, 1, __ATOMIC_RELEASE);
	return 0;
}

int bonds_del(const struct bonds *bonds, uint32_t id)
{
	struct dp_bond_slot *slot;

	if (!id || id >= DP_MAX_BONDS || !bonds->slots[id].in_use)
		return -ENOENT;
	slot = &bonds->slots[id];
	put_ports(slot, NULL);
	for (size_t i = 0; i < DP_BOND_BUCKETS; i++)
		__atomic_store_n(&slot->bytes[i], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->in_use, 0, __ATOMIC_RELAXED);
	return 0;
}

int bonds_stats(const struct bonds *bonds, uint32_t id, uint64_t bytes[DP_BOND_BUCKETS])
{
	if (!id || id >= DP_MAX_BONDS || !bonds->slots[id].in_use)
		return -ENOENT;
	for (size_t i = 0; i < DP_BOND_BUCKETS; i++)
		bytes[i] = __atomic_load_n(&bonds->slots[id].bytes[i], __ATOMIC_RELAXED);
	return 0;
}

uint32_t bonds_choose(const struct bonds *bonds, uint32_t arg, const struct pkt_key *key, uint32_t len)
{
	struct dp_bond_slot *slot = &bonds->slots[dp_lb_output_bond(arg)];
	uint32_t bucket = arg >> 16 || key ? dp_lb_output_bucket(slot, arg, key) : 0;

	if (!__atomic_load_n(&slot->in_use, __ATOMIC_RELAXED))
		return DP_BOND_NO_PORT;
	__atomic_fetch_add(&slot->bytes[bucket], len, __ATOMIC_RELAXED);
	return __atomic_load_n(&slot->ports[bucket], __ATOMIC_RELAXED);
}
