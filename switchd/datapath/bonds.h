/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bonds of one datapath: a table of slots (vsw/dp_bond.h) in memory of the datapath's.
 *
 * One thread changes a slot at a time; packets are sent by it from any thread meanwhile, and by the BPF program where the memory is
 * one of its maps.
 */
#ifndef SWITCHD_DATAPATH_BONDS_H
#define SWITCHD_DATAPATH_BONDS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw/dp_bond.h"

struct dp_bond;
struct pkt_key;

struct bonds {
	struct dp_bond_slot *slots; /* DP_MAX_BONDS of them */
	bool is_borrowed;	    /**< the memory is somebody else's */
};

/** bonds_new() - slots of its own memory, for datapaths outside of the kernel. */
void bonds_new(struct bonds *bonds);
void bonds_free(struct bonds *bonds);

/* As datapath_ops.bond_*(). */
int bonds_set(const struct bonds *bonds, uint32_t id, const struct dp_bond *bond);
int bonds_del(const struct bonds *bonds, uint32_t id);
int bonds_stats(const struct bonds *bonds, uint32_t id, uint64_t bytes[DP_BOND_BUCKETS]);

/**
 * bonds_choose() - by which port a packet leaves, and count it
 * @arg: of DP_LB_OUTPUT
 * @key: what the packet was when it was matched; rewriting it since does not put it elsewhere. NULL: not known; bucket 0 then
 *
 * Return: the port; DP_BOND_NO_PORT: none, it is to be dropped.
 */
uint32_t bonds_choose(const struct bonds *bonds, uint32_t arg, const struct pkt_key *key, uint32_t len);

#endif
