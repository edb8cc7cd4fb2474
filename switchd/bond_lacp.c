// SPDX-License-Identifier: Apache-2.0
/* LACP of a bond: which ids its members have, PDUs out, what is told of partners. The machines are in lib/proto/lacp.h. */
#include <string.h>

#include "base/util.h"
#include "os/slowsock.h"
#include "switchd/bond.h"
#include "switchd/events.h"

enum { DEFAULT_PORT_PRIORITY = 65535, ETH_HEADER = 14 };

/* ---- settings ---- */

/* The port's number unless told otherwise: it is unique in the bridge, and the same after a restart. */
static uint16_t port_id_of(const struct bond_link *l)
{
	return l->settings.port_id ? l->settings.port_id : l->iface->ofp_port;
}

static struct lacp_member_config lacp_config_of(const struct bond_link *l)
{
	const struct bond_link_settings *s = &l->settings;

	return (struct lacp_member_config){
		.port = port_id_of(l),
		.port_priority = s->port_priority ? s->port_priority : DEFAULT_PORT_PRIORITY,
		.key = s->key ? s->key : port_id_of(l->owner->key_link),
	};
}

void bond_follow_lacp(struct bond_port *b, struct bond_link *l)
{
	struct lacp_member_config config = lacp_config_of(l);
	bool is_new = !l->in_lacp;

	if (b->bond.config.has_lacp && is_new)
		lacp_member_add(&b->lacp, &l->lacp, &config);
	else if (b->bond.config.has_lacp)
		lacp_member_configure(&b->lacp, &l->lacp, &config);
	else if (l->in_lacp)
		lacp_member_del(&b->lacp, &l->lacp);
	l->in_lacp = b->bond.config.has_lacp;
}

/* ---- PDUs and partners ---- */

static void send_pdu(struct bond_link *l, const uint8_t pdu[SLOW_PDU_LEN])
{
	uint8_t frame[ETH_HEADER + SLOW_PDU_LEN];

	memcpy(frame, slow_mac, 6);
	memcpy(frame + 6, l->mac, 6);
	frame[12] = SLOW_ETH_TYPE >> 8;
	frame[13] = SLOW_ETH_TYPE & 0xff;
	memcpy(frame + ETH_HEADER, pdu, SLOW_PDU_LEN);
	if (l->fd >= 0)
		(void)!slowsock_send(l->fd, frame, sizeof frame);
}

/* One side does not get in synchronisation, for a minute by now. */
static void tell_churn(const struct bond_port *b, struct bond_link *l)
{
	bool is_churned = l->lacp.actor_churn == LACP_CHURN || l->lacp.partner_churn == LACP_CHURN;

	if (is_churned && !l->was_churned)
		event_post(EVENT_LACP, b->bridge_name, b->name,
			   "bond %s: LACP on member %s does not settle: %s is not in synchronisation (`vsw lacp show`)",
			   b->name, l->name, l->lacp.actor_churn == LACP_CHURN ? "this end" : "its partner");
	l->was_churned = is_churned;
}

static void tell_lacp(const struct bond_port *b, struct bond_link *l)
{
	tell_churn(b, l);
	if (l->lacp.rx == l->was_rx)
		return;
	l->was_rx = l->lacp.rx;
	l->n_expired += l->lacp.rx == LACP_RX_EXPIRED;
	l->n_defaulted += l->lacp.rx == LACP_RX_DEFAULTED;
	event_post(EVENT_LACP, b->bridge_name, b->name, "bond %s: LACP on member %s is %s%s", b->name, l->name,
		   lacp_rx_name(l->lacp.rx), l->lacp.is_loopback ? " (its frames come back: a loop)" : "");
}

int64_t bond_run_lacp(struct bond_port *b, int64_t now_ms)
{
	int64_t wake_ms = lacp_run(&b->lacp, now_ms);
	uint8_t pdu[SLOW_PDU_LEN];

	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		if (lacp_transmit(&b->lacp, &l->lacp, now_ms, pdu))
			send_pdu(l, pdu);
		tell_lacp(b, l);
		bond_member_set_lacp(&l->bond, l->lacp.may_distribute);
	}
	/* What was sent has set timers. */
	wake_ms = MIN(wake_ms, lacp_run(&b->lacp, now_ms));
	return wake_ms;
}
