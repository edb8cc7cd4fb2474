// SPDX-License-Identifier: Apache-2.0
/* LACP: members, the Receive, Periodic Transmission and Transmit machines. lacp.h has the whole; lacp_mux.c has the other machines. */
#include "proto/lacp.h"

#include <string.h>

#include "base/util.h"
#include "proto/lacp_impl.h"

const char *lacp_rx_name(enum lacp_rx state)
{
	static const char *const names[] = {"port disabled", "expired", "defaulted", "current"};

	return names[state];
}

const char *lacp_periodic_name(enum lacp_periodic state)
{
	static const char *const names[] = {"none", "fast", "slow"};

	return names[state];
}

/* ---- what we say of ourselves ---- */

/* Actor values other than the bits that the machines keep. */
static void set_actor(const struct lacp *lacp, struct lacp_member *m)
{
	struct lacp_info *actor = &m->actor;

	memcpy(actor->system, lacp->config.system, sizeof actor->system);
	actor->system_priority = lacp->config.system_priority;
	actor->key = m->config.key;
	actor->port = m->config.port;
	actor->port_priority = m->config.port_priority;
	lacp_set(actor, LACP_ACTIVITY, lacp->config.is_active);
	lacp_set(actor, LACP_TIMEOUT, lacp->config.is_fast);
	lacp_set(actor, LACP_AGGREGATION, true);
}

/* Whether both name the same end of the same link: all but the state, of which Aggregation alone. */
static bool is_same_end(const struct lacp_info *a, const struct lacp_info *b)
{
	return a->port == b->port && a->port_priority == b->port_priority && a->key == b->key &&
	       a->system_priority == b->system_priority && !memcmp(a->system, b->system, sizeof a->system) &&
	       lacp_has(a, LACP_AGGREGATION) == lacp_has(b, LACP_AGGREGATION);
}

/* ---- functions of 6.4.9 ---- */

/*
 * recordDefault: nobody is known at the other end. The administrator's idea of a partner is all zero, but for the short timeout: so one that
 * comes late, and speaks only when spoken to, is asked each second.
 */
static void record_default(struct lacp_member *m)
{
	memset(&m->partner, 0, sizeof m->partner);
	m->partner.state = LACP_TIMEOUT;
	m->is_loopback = false;
	lacp_set(&m->actor, LACP_DEFAULTED, true);
}

/* "LACP will actively maintain the link": one of both speaks without being asked. */
static bool is_maintained(const struct lacp_member *m, const struct lacp_pdu *pdu)
{
	return lacp_has(&pdu->actor, LACP_ACTIVITY) ||
	       (lacp_has(&m->actor, LACP_ACTIVITY) && lacp_has(&pdu->partner, LACP_ACTIVITY));
}

/* recordPDU: the sender's values are the partner's. In synchronisation are we when it has ours, or is alone. */
static void record_pdu(struct lacp_member *m, const struct lacp_pdu *pdu)
{
	bool knows_us = is_same_end(&pdu->partner, &m->actor);
	bool is_individual = !lacp_has(&pdu->actor, LACP_AGGREGATION);

	m->partner = pdu->actor;
	lacp_set(&m->actor, LACP_DEFAULTED, false);
	lacp_set(&m->partner, LACP_SYNCHRONIZATION,
		 (knows_us || is_individual) && lacp_has(&pdu->actor, LACP_SYNCHRONIZATION) && is_maintained(m, pdu));
	m->is_loopback = !memcmp(m->partner.system, m->actor.system, sizeof m->partner.system) &&
			 m->partner.system_priority == m->actor.system_priority;
}

/* update_NTT: the partner's idea of us is out of date. */
static bool is_outdated(const struct lacp_member *m, const struct lacp_info *idea)
{
	const uint8_t bits = LACP_ACTIVITY | LACP_TIMEOUT | LACP_SYNCHRONIZATION | LACP_AGGREGATION;

	return !is_same_end(idea, &m->actor) || (idea->state & bits) != (m->actor.state & bits);
}

/* ---- Receive machine (figure 6-18) ---- */

static void enter_port_disabled(struct lacp_member *m)
{
	m->rx = LACP_RX_PORT_DISABLED;
	m->current_while_ms = LACP_NEVER;
	lacp_set(&m->partner, LACP_SYNCHRONIZATION, false);
	lacp_set(&m->actor, LACP_EXPIRED, false);
}

static void enter_expired(struct lacp_member *m, int64_t now_ms)
{
	m->rx = LACP_RX_EXPIRED;
	lacp_set(&m->partner, LACP_SYNCHRONIZATION, false);
	lacp_set(&m->partner, LACP_TIMEOUT, true);
	m->current_while_ms = now_ms + LACP_SHORT_TIMEOUT_MS;
	lacp_set(&m->actor, LACP_EXPIRED, true);
}

static void enter_defaulted(struct lacp_member *m)
{
	m->rx = LACP_RX_DEFAULTED;
	m->current_while_ms = LACP_NEVER;
	lacp_unselect(m); /* update_Default_Selected: nothing is like an unknown partner */
	record_default(m);
	lacp_set(&m->actor, LACP_EXPIRED, false);
}

static void enter_current(struct lacp *lacp, struct lacp_member *m, const struct lacp_pdu *pdu, int64_t now_ms)
{
	m->rx = LACP_RX_CURRENT;
	if (!is_same_end(&pdu->actor, &m->partner))
		lacp_unselect(m); /* update_Selected */
	if (is_outdated(m, &pdu->partner))
		m->needs_tx = true;
	record_pdu(m, pdu);
	m->current_while_ms = now_ms + (lacp->config.is_fast ? LACP_SHORT_TIMEOUT_MS : LACP_LONG_TIMEOUT_MS);
	lacp_set(&m->actor, LACP_EXPIRED, false);
}

static bool receive_run(struct lacp_member *m, int64_t now_ms)
{
	if (!m->link_up && m->rx != LACP_RX_PORT_DISABLED)
		enter_port_disabled(m);
	else if (m->link_up && m->rx == LACP_RX_PORT_DISABLED)
		enter_expired(m, now_ms);
	else if (m->rx == LACP_RX_CURRENT && lacp_is_due(m->current_while_ms, now_ms))
		enter_expired(m, now_ms);
	else if (m->rx == LACP_RX_EXPIRED && lacp_is_due(m->current_while_ms, now_ms))
		enter_defaulted(m);
	else
		return false;
	return true;
}

void lacp_receive(struct lacp *lacp, struct lacp_member *m, const void *data, size_t len, int64_t now_ms)
{
	struct lacp_pdu pdu;

	if (lacp_pdu_parse(data, len, &pdu)) {
		m->stats.n_bad++;
		return;
	}
	m->stats.n_rx++;
	receive_run(m, now_ms);
	if (m->rx != LACP_RX_PORT_DISABLED)
		enter_current(lacp, m, &pdu, now_ms);
}

/* ---- Periodic Transmission machine (figure 6-19) ---- */

static bool periodic_run(struct lacp_member *m, int64_t now_ms)
{
	bool anyone = lacp_has(&m->actor, LACP_ACTIVITY) || lacp_has(&m->partner, LACP_ACTIVITY);
	enum lacp_periodic wanted = lacp_has(&m->partner, LACP_TIMEOUT) ? LACP_FAST_PERIODIC : LACP_SLOW_PERIODIC;
	bool is_first = m->periodic == LACP_NO_PERIODIC;

	if (!m->link_up || !anyone) {
		m->periodic = LACP_NO_PERIODIC;
		m->periodic_ms = LACP_NEVER;
		return !is_first;
	}
	if (m->periodic == wanted && !lacp_is_due(m->periodic_ms, now_ms))
		return false;
	/* PERIODIC_TX, but not for a change to SLOW: that only stretches the time. */
	if (is_first || wanted == LACP_FAST_PERIODIC || lacp_is_due(m->periodic_ms, now_ms))
		m->needs_tx = true;
	m->periodic = wanted;
	m->periodic_ms = now_ms + (wanted == LACP_FAST_PERIODIC ? LACP_FAST_PERIODIC_MS : LACP_SLOW_PERIODIC_MS);
	return true;
}

/* ---- Transmit machine (6.4.16) ---- */

/* Return: when the next PDU may go: not more than LACP_MAX_TX in a second. */
static int64_t may_transmit_at(const struct lacp_member *m)
{
	int64_t oldest = m->tx_ms[m->tx_next];

	return oldest == LACP_NEVER ? INT64_MIN : oldest + LACP_FAST_PERIODIC_MS;
}

bool lacp_transmit(struct lacp *lacp, struct lacp_member *m, int64_t now_ms, uint8_t data[SLOW_PDU_LEN])
{
	struct lacp_pdu pdu = {.actor = m->actor, .partner = m->partner};

	(void)lacp;
	if (!m->needs_tx || m->periodic == LACP_NO_PERIODIC || now_ms < may_transmit_at(m))
		return false;
	lacp_pdu_build(&pdu, data);
	m->needs_tx = false;
	m->tx_ms[m->tx_next] = now_ms;
	m->tx_next = (m->tx_next + 1) % LACP_MAX_TX;
	m->stats.n_tx++;
	return true;
}

/* ---- all together ---- */

static int64_t next_wake(const struct lacp_member *m, int64_t now_ms)
{
	int64_t at = MIN(MIN(m->current_while_ms, m->periodic_ms), m->wait_while_ms);

	at = MIN(at, MIN(m->actor_churn_ms, m->partner_churn_ms));
	if (m->needs_tx && m->periodic != LACP_NO_PERIODIC)
		at = MIN(at, MAX(now_ms, may_transmit_at(m)));
	return at;
}

int64_t lacp_run(struct lacp *lacp, int64_t now_ms)
{
	int64_t wake = LACP_NEVER;
	struct lacp_member *m;
	bool moved;

	/* Each machine may move another; each moves a bounded number of times, since timers restart in the future. */
	do {
		moved = false;
		LACP_FOR_EACH_MEMBER(m, lacp)
		moved |= receive_run(m, now_ms);
		moved |= lacp_select(lacp);
		moved |= lacp_mux_run(lacp, now_ms);
		LACP_FOR_EACH_MEMBER(m, lacp)
		moved |= periodic_run(m, now_ms);
	} while (moved);
	LACP_FOR_EACH_MEMBER(m, lacp)
	{
		lacp_churn_run(m, now_ms);
		wake = MIN(wake, next_wake(m, now_ms));
	}
	return wake;
}

bool lacp_is_negotiated(const struct lacp *lacp)
{
	const struct lacp_member *m;

	LACP_FOR_EACH_MEMBER(m, lacp)
	if (m->rx == LACP_RX_CURRENT && !m->is_loopback)
		return true;
	return false;
}

void lacp_init(struct lacp *lacp, const struct lacp_config *config)
{
	memset(lacp, 0, sizeof *lacp);
	lacp->config = *config;
	CDS_INIT_LIST_HEAD(&lacp->members);
}

void lacp_fini(struct lacp *lacp)
{
	lacp->lead = NULL;
}

/* What we say of ourselves has changed: the partner must agree with it before frames flow again. */
static void begin_anew(const struct lacp *lacp, struct lacp_member *m)
{
	struct lacp_info before = m->actor;

	set_actor(lacp, m);
	if (!is_same_end(&before, &m->actor)) {
		lacp_unselect(m);
		lacp_set(&m->partner, LACP_SYNCHRONIZATION, false);
	}
	if (!is_same_end(&before, &m->actor) || before.state != m->actor.state)
		m->needs_tx = true;
}

void lacp_configure(struct lacp *lacp, const struct lacp_config *config)
{
	/* Who asks for slow PDUs gets the next one later than the timer that runs allows. */
	bool is_slower = lacp->config.is_fast && !config->is_fast;
	struct lacp_member *m;

	lacp->config = *config;
	LACP_FOR_EACH_MEMBER(m, lacp)
	{
		if (is_slower && m->rx == LACP_RX_CURRENT)
			m->current_while_ms += LACP_LONG_TIMEOUT_MS - LACP_SHORT_TIMEOUT_MS;
		begin_anew(lacp, m);
	}
}

void lacp_member_configure(struct lacp *lacp, struct lacp_member *m, const struct lacp_member_config *config)
{
	m->config = *config;
	begin_anew(lacp, m);
}

void lacp_member_add(struct lacp *lacp, struct lacp_member *m, const struct lacp_member_config *config)
{
	struct cds_list_head *before = lacp->members.next;

	memset(m, 0, sizeof *m);
	m->config = *config;
	set_actor(lacp, m);
	record_default(m);
	m->rx = LACP_RX_PORT_DISABLED;
	m->current_while_ms = m->periodic_ms = m->wait_while_ms = LACP_NEVER;
	m->actor_churn = m->partner_churn = LACP_CHURN_MONITOR;
	m->actor_churn_ms = m->partner_churn_ms = LACP_NEVER;
	for (unsigned int i = 0; i < LACP_MAX_TX; i++)
		m->tx_ms[i] = LACP_NEVER;
	lacp_mux_reset(m);
	while (before != &lacp->members && cds_list_entry(before, struct lacp_member, node)->config.port < config->port)
		before = before->next;
	cds_list_add_tail(&m->node, before);
}

void lacp_member_del(struct lacp *lacp, struct lacp_member *m)
{
	if (lacp->lead == m)
		lacp->lead = NULL;
	cds_list_del(&m->node);
}

void lacp_member_set_link(struct lacp_member *m, bool up)
{
	m->link_up = up;
}
