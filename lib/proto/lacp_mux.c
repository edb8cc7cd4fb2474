// SPDX-License-Identifier: Apache-2.0
/* LACP: selection logic (6.4.14), Mux machine with independent control (figure 6-21), churn detection (figures 6-23, 6-24). */
#include <string.h>

#include "base/util.h"
#include "proto/lacp_impl.h"

const char *lacp_mux_name(enum lacp_mux state)
{
	static const char *const names[] = {"detached", "waiting", "attached", "collecting", "distributing"};

	return names[state];
}

const char *lacp_churn_name(enum lacp_churn state)
{
	static const char *const names[] = {"none", "monitoring", "churned"};

	return names[state];
}

/* ---- selection ---- */

/* Whether the member has a partner that a bond can be made with. EXPIRED keeps what it had for its three seconds. */
static bool is_candidate(const struct lacp_member *m)
{
	return m->link_up && !m->is_loopback && !lacp_has(&m->actor, LACP_DEFAULTED) &&
	       (m->rx == LACP_RX_CURRENT || (m->rx == LACP_RX_EXPIRED && m->is_selected));
}

static bool has_same_partner(const struct lacp_member *a, const struct lacp_member *b)
{
	return a->partner.key == b->partner.key && a->partner.system_priority == b->partner.system_priority &&
	       !memcmp(a->partner.system, b->partner.system, sizeof a->partner.system);
}

/* Attached before not attached, then lower priority value, then lower port number. */
static bool is_better_lead(const struct lacp_member *a, const struct lacp_member *b)
{
	bool a_attached = a->is_selected && a->mux >= LACP_ATTACHED,
	     b_attached = b->is_selected && b->mux >= LACP_ATTACHED;

	if (a_attached != b_attached)
		return a_attached;
	if (a->config.port_priority != b->config.port_priority)
		return a->config.port_priority < b->config.port_priority;
	return a->config.port < b->config.port;
}

static struct lacp_member *find_lead(struct lacp *lacp)
{
	struct lacp_member *m, *best = NULL;

	LACP_FOR_EACH_MEMBER(m, lacp)
	if (is_candidate(m) && (!best || is_better_lead(m, best)))
		best = m;
	return best;
}

/* A link that says it is individual makes a bond of one. */
static bool belongs_to(const struct lacp_member *m, const struct lacp_member *lead)
{
	if (!lead || !is_candidate(m))
		return false;
	if (m == lead)
		return true;
	return has_same_partner(m, lead) && lacp_has(&m->partner, LACP_AGGREGATION) &&
	       lacp_has(&lead->partner, LACP_AGGREGATION);
}

bool lacp_select(struct lacp *lacp)
{
	bool changed = false;
	struct lacp_member *m;

	lacp->lead = find_lead(lacp);
	LACP_FOR_EACH_MEMBER(m, lacp)
	{
		bool selected = belongs_to(m, lacp->lead);

		/* Who was unselected must be seen to let go (DETACHED) before it is selected anew. */
		if (selected && !m->is_selected && m->mux != LACP_DETACHED)
			continue;
		changed |= selected != m->is_selected;
		m->is_selected = selected;
	}
	return changed;
}

/* ---- mux ---- */

static void enter(struct lacp_member *m, enum lacp_mux state, int64_t wait_until_ms)
{
	m->mux = state;
	m->wait_while_ms = state == LACP_WAITING ? wait_until_ms : LACP_NEVER;
	m->may_collect = state >= LACP_MUX_COLLECTING;
	m->may_distribute = state == LACP_MUX_DISTRIBUTING;
	lacp_set(&m->actor, LACP_SYNCHRONIZATION, state >= LACP_ATTACHED);
	lacp_set(&m->actor, LACP_COLLECTING, m->may_collect);
	lacp_set(&m->actor, LACP_DISTRIBUTING, m->may_distribute);
	if (state != LACP_WAITING)
		m->needs_tx = true;
}

void lacp_mux_reset(struct lacp_member *m)
{
	enter(m, LACP_DETACHED, LACP_NEVER);
	m->needs_tx = false;
}

/* Ready: everybody who waits for the aggregator has waited long enough, so that they attach together. */
static bool is_ready(const struct lacp *lacp, int64_t now_ms)
{
	const struct lacp_member *m;

	LACP_FOR_EACH_MEMBER(m, lacp)
	if (m->mux == LACP_WAITING && m->is_selected && !lacp_is_due(m->wait_while_ms, now_ms))
		return false;
	return true;
}

static enum lacp_mux next_state(const struct lacp_member *m, bool ready)
{
	bool in_sync = lacp_has(&m->partner, LACP_SYNCHRONIZATION);
	bool may_collect = m->is_selected && in_sync;

	switch (m->mux) {
	case LACP_DETACHED:
		return m->is_selected ? LACP_WAITING : LACP_DETACHED;
	case LACP_WAITING:
		if (!m->is_selected)
			return LACP_DETACHED;
		return ready ? LACP_ATTACHED : LACP_WAITING;
	case LACP_ATTACHED:
		if (!m->is_selected)
			return LACP_DETACHED;
		return may_collect ? LACP_MUX_COLLECTING : LACP_ATTACHED;
	case LACP_MUX_COLLECTING:
		if (!may_collect)
			return LACP_ATTACHED;
		return lacp_has(&m->partner, LACP_COLLECTING) ? LACP_MUX_DISTRIBUTING : LACP_MUX_COLLECTING;
	case LACP_MUX_DISTRIBUTING:
		return may_collect && lacp_has(&m->partner, LACP_COLLECTING) ? LACP_MUX_DISTRIBUTING
									     : LACP_MUX_COLLECTING;
	}
	return m->mux;
}

bool lacp_mux_run(struct lacp *lacp, int64_t now_ms)
{
	bool moved = false;
	struct lacp_member *m;

	LACP_FOR_EACH_MEMBER(m, lacp)
	{
		enum lacp_mux next = next_state(m, is_ready(lacp, now_ms));

		if (next == m->mux)
			continue;
		enter(m, next, now_ms + lacp->config.wait_ms);
		moved = true;
	}
	return moved;
}

/* ---- churn: one side cannot make up its mind ---- */

static void churn_machine(enum lacp_churn *state, int64_t *timer_ms, bool in_sync, bool link_up, int64_t now_ms)
{
	if (!link_up || in_sync) {
		*state = in_sync && link_up ? LACP_NO_CHURN : LACP_CHURN_MONITOR;
		*timer_ms = LACP_NEVER;
	} else if (*state == LACP_NO_CHURN || (*state == LACP_CHURN_MONITOR && *timer_ms == LACP_NEVER)) {
		*state = LACP_CHURN_MONITOR;
		*timer_ms = now_ms + LACP_CHURN_DETECTION_MS;
	} else if (*state == LACP_CHURN_MONITOR && lacp_is_due(*timer_ms, now_ms)) {
		*state = LACP_CHURN;
		*timer_ms = LACP_NEVER;
	}
}

void lacp_churn_run(struct lacp_member *m, int64_t now_ms)
{
	churn_machine(&m->actor_churn, &m->actor_churn_ms, lacp_has(&m->actor, LACP_SYNCHRONIZATION), m->link_up,
		      now_ms);
	churn_machine(&m->partner_churn, &m->partner_churn_ms, lacp_has(&m->partner, LACP_SYNCHRONIZATION), m->link_up,
		      now_ms);
}
