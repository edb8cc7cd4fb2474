// SPDX-License-Identifier: Apache-2.0
/* Bonds: members, the active one, admission. bond.h says what a bond is; bond_balance.c spreads the buckets. */
#include "proto/bond.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "proto/bond_impl.h"

static const char *const mode_names[] = {"active-backup", "balance-slb", "balance-tcp"};

const char *bond_mode_name(enum bond_mode mode)
{
	return mode_names[mode];
}

int bond_mode_parse(const char *name, enum bond_mode *mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(name, mode_names[i]) == 0) {
			*mode = (enum bond_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

enum bond_mode bond_mode_now(const struct bond *bond)
{
	if (bond->config.has_lacp && !bond->is_negotiated && bond->config.lacp_fallback_ab)
		return BOND_ACTIVE_BACKUP;
	return bond->config.mode;
}

/* ---- which members are enabled ---- */

/* Whether LACP, if there is any, lets frames go this way. */
static bool is_let_by_lacp(const struct bond *bond, const struct bond_member *m)
{
	if (!bond->config.has_lacp)
		return true;
	return bond->is_negotiated ? m->lacp_ok : bond->config.lacp_fallback_ab;
}

static bool is_anyone_enabled(const struct bond *bond)
{
	const struct bond_member *m;

	BOND_FOR_EACH_MEMBER(m, bond)
	if (m->is_enabled)
		return true;
	return false;
}

void bond_member_set_link(struct bond *bond, struct bond_member *m, bool up, int64_t now_ms)
{
	/* Where LACP vouches for the link it need not prove itself. */
	int64_t updelay_ms = bond->is_negotiated ? 0 : bond->config.updelay_ms;
	int64_t delay_ms = up ? updelay_ms : bond->config.downdelay_ms;

	if (up == m->link_up)
		return;
	m->link_up = up;
	/* A link that came back within its delay was never away. */
	m->change_ms = up == m->is_enabled ? BOND_NEVER : now_ms + delay_ms;
}

static unsigned int set_enabled(struct bond_member *m, bool enabled)
{
	m->change_ms = BOND_NEVER;
	if (m->is_enabled == enabled)
		return 0;
	m->is_enabled = enabled;
	return BOND_ENABLED;
}

static unsigned int run_member(struct bond *bond, struct bond_member *m, int64_t now_ms)
{
	if (!is_let_by_lacp(bond, m)) {
		/* Not the link's fault: when LACP comes back the link needs no delay of its own. */
		unsigned int changes = set_enabled(m, false);

		m->change_ms = m->link_up ? now_ms : BOND_NEVER;
		return changes;
	}
	if (m->change_ms == BOND_NEVER)
		return 0;
	if (m->link_up && !is_anyone_enabled(bond))
		m->change_ms = MIN(m->change_ms, now_ms);
	return now_ms >= m->change_ms ? set_enabled(m, m->link_up) : 0;
}

/* ---- the active member ---- */

static struct bond_member *best_member(const struct bond *bond)
{
	struct bond_member *m, *best = bond->active && bond->active->is_enabled ? bond->active : NULL;

	BOND_FOR_EACH_MEMBER(m, bond)
	{
		if (!m->is_enabled)
			continue;
		if (m->is_primary)
			return m;
		if (!best)
			best = m;
	}
	return best;
}

static unsigned int choose_active(struct bond *bond)
{
	struct bond_member *best = best_member(bond);

	if (best == bond->active)
		return 0;
	bond->active = best;
	return BOND_ACTIVE;
}

unsigned int bond_run(struct bond *bond, int64_t now_ms, int64_t *wake_ms)
{
	unsigned int changes = 0;
	struct bond_member *m;

	*wake_ms = BOND_NEVER;
	BOND_FOR_EACH_MEMBER(m, bond)
	changes |= run_member(bond, m, now_ms);
	BOND_FOR_EACH_MEMBER(m, bond)
	if (is_let_by_lacp(bond, m))
		*wake_ms = MIN(*wake_ms, m->change_ms);
	changes |= choose_active(bond);
	if (changes & BOND_ENABLED)
		changes |= bond_spread(bond);
	changes |= bond_rebalance(bond, now_ms);
	*wake_ms = MIN(*wake_ms, bond->rebalance_at_ms);
	return changes;
}

/* ---- frames ---- */

struct bond_member *bond_choose(const struct bond *bond, unsigned int bucket)
{
	enum bond_mode mode = bond_mode_now(bond);

	if (mode == BOND_ACTIVE_BACKUP)
		return bond->active;
	if (mode == BOND_BALANCE_TCP && !bond->is_negotiated)
		return NULL; /* the other end would take the members for links of their own */
	return bond->buckets[bucket % BOND_N_BUCKETS].member;
}

enum bond_verdict bond_admit(const struct bond *bond, const struct bond_member *m, bool is_multicast)
{
	bool is_active = m == bond->active;

	if (bond->config.has_lacp && bond->is_negotiated)
		return m->is_enabled ? BOND_ACCEPT : BOND_DROP;
	if (bond->config.has_lacp && !bond->config.lacp_fallback_ab)
		return BOND_DROP;
	if (is_multicast && !is_active)
		return BOND_DROP;
	switch (bond_mode_now(bond)) {
	case BOND_ACTIVE_BACKUP:
		return is_active || (bond->config.all_members_active && m->is_enabled) ? BOND_ACCEPT : BOND_DROP;
	case BOND_BALANCE_SLB:
		return m->is_enabled ? BOND_DROP_IF_MOVED : BOND_DROP;
	case BOND_BALANCE_TCP:
		break;
	}
	return BOND_DROP;
}

void bond_account(struct bond *bond, unsigned int bucket, uint64_t n_bytes)
{
	struct bond_bucket *b = &bond->buckets[bucket % BOND_N_BUCKETS];

	b->load += n_bytes;
	if (b->member)
		b->member->load += n_bytes;
}

/* ---- what a person decides ---- */

int bond_set_active(struct bond *bond, struct bond_member *m)
{
	if (!m->is_enabled)
		return -EINVAL;
	if (bond->active == m)
		return 0;
	bond->active = m;
	return BOND_ACTIVE;
}

int bond_migrate(struct bond *bond, unsigned int bucket, struct bond_member *m)
{
	if (!m->is_enabled || bucket >= BOND_N_BUCKETS)
		return -EINVAL;
	return (int)bond_bucket_move(&bond->buckets[bucket], m);
}

unsigned int bond_member_enable(struct bond *bond, struct bond_member *m, bool enable)
{
	unsigned int changes = set_enabled(m, enable);

	changes |= choose_active(bond);
	if (changes & BOND_ENABLED)
		changes |= bond_spread(bond);
	return changes;
}

/* ---- life ---- */

void bond_init(struct bond *bond, const struct bond_config *config)
{
	memset(bond, 0, sizeof *bond);
	CDS_INIT_LIST_HEAD(&bond->members);
	bond->config = *config;
	bond->rebalance_at_ms = BOND_NEVER;
}

void bond_fini(struct bond *bond)
{
	bond->active = NULL;
}

void bond_configure(struct bond *bond, const struct bond_config *config)
{
	if (bond->config.rebalance_ms != config->rebalance_ms)
		bond->rebalance_at_ms = BOND_NEVER;
	bond->config = *config;
	if (!config->has_lacp)
		bond->is_negotiated = false;
}

void bond_member_add(struct bond *bond, struct bond_member *m)
{
	struct cds_list_head *before = bond->members.next;

	m->link_up = m->lacp_ok = m->is_enabled = false;
	m->change_ms = BOND_NEVER;
	m->n_buckets = 0;
	m->load = 0;
	while (before != &bond->members && strcmp(cds_list_entry(before, struct bond_member, node)->name, m->name) < 0)
		before = before->next;
	cds_list_add_tail(&m->node, before);
}

unsigned int bond_member_del(struct bond *bond, struct bond_member *m)
{
	unsigned int changes = bond_member_enable(bond, m, false);

	cds_list_del(&m->node);
	return changes;
}

void bond_set_lacp(struct bond *bond, bool is_negotiated)
{
	bond->is_negotiated = is_negotiated;
}

void bond_member_set_lacp(struct bond_member *m, bool ok)
{
	m->lacp_ok = ok;
}
