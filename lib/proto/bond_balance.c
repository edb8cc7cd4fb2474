// SPDX-License-Identifier: Apache-2.0
/* Bonds: dealing out buckets, and evening out their load. */
#include "base/util.h"
#include "proto/bond_impl.h"

/** A difference below this many bytes in one interval is not worth putting a flow out of order for; nor is one below 1/32 (3 %). */
#define BOND_MIN_DIFFERENCE 100000
#define BOND_MIN_SHARE 32

unsigned int bond_bucket_move(struct bond_bucket *bucket, struct bond_member *to)
{
	struct bond_member *from = bucket->member;

	if (from == to)
		return 0;
	if (from) {
		from->n_buckets--;
		from->load -= bucket->load;
	}
	if (to) {
		to->n_buckets++;
		to->load += bucket->load;
	}
	bucket->member = to;
	return BOND_BUCKETS;
}

/* Less load, then fewer buckets. */
static struct bond_member *lightest(const struct bond *bond)
{
	struct bond_member *m, *best = NULL;

	BOND_FOR_EACH_MEMBER(m, bond)
	if (m->is_enabled &&
	    (!best || m->load < best->load || (m->load == best->load && m->n_buckets < best->n_buckets)))
		best = m;
	return best;
}

static struct bond_member *heaviest(const struct bond *bond)
{
	struct bond_member *m, *worst = NULL;

	BOND_FOR_EACH_MEMBER(m, bond)
	if (m->is_enabled && (!worst || m->load > worst->load))
		worst = m;
	return worst;
}

static struct bond_member *with_fewest(const struct bond *bond)
{
	struct bond_member *m, *best = NULL;

	BOND_FOR_EACH_MEMBER(m, bond)
	if (m->is_enabled && (!best || m->n_buckets < best->n_buckets))
		best = m;
	return best;
}

unsigned int bond_spread(struct bond *bond)
{
	unsigned int changes = 0;

	for (size_t i = 0; i < BOND_N_BUCKETS; i++) {
		struct bond_bucket *b = &bond->buckets[i];

		if (!b->member || !b->member->is_enabled)
			changes |= bond_bucket_move(b, lightest(bond));
	}
	/* An idle bucket can go anywhere: nothing of it is under way. */
	for (size_t i = 0; i < BOND_N_BUCKETS; i++) {
		struct bond_bucket *b = &bond->buckets[i];
		struct bond_member *to = with_fewest(bond);

		if (to && b->member && !b->load && b->member->n_buckets > to->n_buckets + 1)
			changes |= bond_bucket_move(b, to);
	}
	return changes;
}

/* Of the buckets of @from, the one whose move makes the difference to @to smallest; NULL: none makes it smaller. */
static struct bond_bucket *best_move(struct bond *bond, const struct bond_member *from, uint64_t difference)
{
	struct bond_bucket *best = NULL;
	uint64_t best_left = difference;

	for (size_t i = 0; i < BOND_N_BUCKETS; i++) {
		struct bond_bucket *b = &bond->buckets[i];
		uint64_t left = difference > 2 * b->load ? difference - 2 * b->load : 2 * b->load - difference;

		if (b->member == from && b->load && left < best_left) {
			best = b;
			best_left = left;
		}
	}
	return best;
}

static unsigned int even_out(struct bond *bond)
{
	unsigned int changes = 0;

	for (unsigned int n = 0; n < BOND_N_BUCKETS; n++) {
		struct bond_member *from = heaviest(bond), *to = lightest(bond);
		struct bond_bucket *b;

		if (!from || from == to || from->load - to->load < BOND_MIN_DIFFERENCE ||
		    from->load - to->load < from->load / BOND_MIN_SHARE)
			break;
		b = best_move(bond, from, from->load - to->load);
		if (!b)
			break;
		changes |= bond_bucket_move(b, to) | BOND_REBALANCED;
	}
	return changes;
}

static void fade(struct bond *bond)
{
	struct bond_member *m;

	BOND_FOR_EACH_MEMBER(m, bond)
	m->load = 0;
	for (size_t i = 0; i < BOND_N_BUCKETS; i++) {
		struct bond_bucket *b = &bond->buckets[i];

		b->load /= 2;
		if (b->member)
			b->member->load += b->load;
	}
}

unsigned int bond_rebalance(struct bond *bond, int64_t now_ms)
{
	unsigned int changes = 0;

	if (!bond->config.rebalance_ms || bond_mode_now(bond) == BOND_ACTIVE_BACKUP) {
		bond->rebalance_at_ms = BOND_NEVER;
		return 0;
	}
	if (bond->rebalance_at_ms == BOND_NEVER) {
		bond->rebalance_at_ms = now_ms + bond->config.rebalance_ms;
	} else if (now_ms >= bond->rebalance_at_ms) {
		bond->rebalance_at_ms = now_ms + bond->config.rebalance_ms;
		changes = even_out(bond);
		fade(bond);
	}
	return changes;
}
