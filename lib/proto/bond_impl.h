/* SPDX-License-Identifier: Apache-2.0 */
/* What bond.c and bond_balance.c share; nobody else includes this. */
#ifndef PROTO_BOND_IMPL_H
#define PROTO_BOND_IMPL_H 1

#include "proto/bond.h"

#define BOND_FOR_EACH_MEMBER(M, BOND) cds_list_for_each_entry(M, &(BOND)->members, node)

/** bond_bucket_move() - to @to (NULL: nobody). Return: BOND_BUCKETS, or 0 when it is there already. */
unsigned int bond_bucket_move(struct bond_bucket *bucket, struct bond_member *to);
/** bond_spread() - members were enabled or disabled: no bucket stays with one that is not, idle ones are dealt out evenly. */
unsigned int bond_spread(struct bond *bond);
/** bond_rebalance() - when it is time: move load, then let it fade. */
unsigned int bond_rebalance(struct bond *bond, int64_t now_ms);

#endif
