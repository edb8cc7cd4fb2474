/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Link Aggregation Control Protocol (IEEE 802.1AX-2014 clause 6.4) for one aggregator: a bond.
 *
 * Pure: time comes in, PDUs go in and out, what may be used comes out. Nothing here reads a clock, a socket or a device. The caller
 *   - adds members, tells when their link goes up or down, hands in each LACPDU received,
 *   - calls lacp_run() after any of that and not later than the time that it returned last,
 *   - then takes for each member the PDU that is to be sent (lacp_transmit()), and reads may_collect and may_distribute.
 *
 * Per member there are the machines of the standard: Receive (figure 6-18), Periodic Transmission (6-19), Mux with independent control (6-21),
 * Transmit (6.4.16), actor and partner churn detection (6-23, 6-24); their states are in struct lacp_member under the standard's names. Selection
 * (6.4.14) is ours, since a bond is the only aggregator there is: the members that see the same partner (system, system priority, key) as the
 * `lead` are selected. The lead is the attached member with the best (lowest) port priority and number; while nobody is attached, that among
 * those with a partner. So a bond never moves to another partner while a member still works with the present one.
 *
 * Not selected: a member whose partner is ourselves (a loop: told in is_loopback), one without an answer (DEFAULTED), one that says it is individual
 * beside others, one on half duplex.
 *
 * A partner that never answered is taken to want fast PDUs (Partner_Admin), so that one that is passive is asked each second.
 *
 * Deviations: LACP version 2 features (conversation-sensitive collection, 6.6) are not there; a defaulted partner is not aggregated with as an individual link,
 * because bonds have their own rule for that (lacp-fallback-ab).
 */
#ifndef PROTO_LACP_H
#define PROTO_LACP_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#include "proto/slow.h"

/** Times of 6.4.4, in milliseconds. */
enum lacp_time {
	LACP_FAST_PERIODIC_MS = 1000,
	LACP_SLOW_PERIODIC_MS = 30000,
	LACP_SHORT_TIMEOUT_MS = 3000,
	LACP_LONG_TIMEOUT_MS = 90000,
	LACP_CHURN_DETECTION_MS = 60000,
	LACP_AGGREGATE_WAIT_MS = 2000,
};

/** A timer that does not run. */
#define LACP_NEVER INT64_MAX

/** Most LACPDUs that a member sends within one LACP_FAST_PERIODIC_MS (6.4.16). */
#define LACP_MAX_TX 3

enum lacp_rx { LACP_RX_PORT_DISABLED, LACP_RX_EXPIRED, LACP_RX_DEFAULTED, LACP_RX_CURRENT };
enum lacp_periodic { LACP_NO_PERIODIC, LACP_FAST_PERIODIC, LACP_SLOW_PERIODIC };
enum lacp_mux { LACP_DETACHED, LACP_WAITING, LACP_ATTACHED, LACP_MUX_COLLECTING, LACP_MUX_DISTRIBUTING };
enum lacp_churn { LACP_NO_CHURN, LACP_CHURN_MONITOR, LACP_CHURN };

struct lacp_config {
	uint8_t system[6];
	uint16_t system_priority;
	bool is_active;	 /**< else passive: speaks only to those who speak */
	bool is_fast;	 /**< asks the partner for a PDU each second; it is taken for lost after 3 s instead of 90 */
	int64_t wait_ms; /**< how long a member that has found its partner waits for others; LACP_AGGREGATE_WAIT_MS */
};

struct lacp_member_config {
	uint16_t port, port_priority; /**< port is not 0 and unique in the bond */
	uint16_t key;		      /**< of the aggregator: equal for all of the bond */
};

struct lacp_stats {
	uint64_t n_rx, n_tx, n_bad, n_marker;
};

/** Caller-owned; members read, not written. */
struct lacp_member {
	struct cds_list_head node; /* in lacp.members */
	struct lacp_member_config config;
	bool link_up;
	struct lacp_info actor, partner; /**< operational values of both sides */
	enum lacp_rx rx;
	enum lacp_periodic periodic;
	enum lacp_mux mux;
	enum lacp_churn actor_churn, partner_churn;
	bool is_selected;
	bool is_loopback;		  /**< its partner is this very system */
	bool may_collect, may_distribute; /**< frames of the bond may be taken from, sent to it */
	bool needs_tx;			  /**< NTT */
	int64_t current_while_ms, periodic_ms, wait_while_ms, actor_churn_ms,
		partner_churn_ms;   /**< LACP_NEVER: not running */
	int64_t tx_ms[LACP_MAX_TX]; /**< when the last PDUs were sent: a ring */
	unsigned int tx_next;
	bool has_sent;
	struct lacp_stats stats;
};

struct lacp {
	struct lacp_config config;
	struct cds_list_head members; /* struct lacp_member.node, by port number */
	struct lacp_member *lead;     /**< NULL while nobody has a partner */
};

void lacp_init(struct lacp *lacp, const struct lacp_config *config);
/** lacp_fini() - its members are removed already. */
void lacp_fini(struct lacp *lacp);
/** lacp_configure() - new settings; members that tell the partner something else from now on begin anew. */
void lacp_configure(struct lacp *lacp, const struct lacp_config *config);

void lacp_member_add(struct lacp *lacp, struct lacp_member *member, const struct lacp_member_config *config);
void lacp_member_del(struct lacp *lacp, struct lacp_member *member);
void lacp_member_configure(struct lacp *lacp, struct lacp_member *member, const struct lacp_member_config *config);
/** lacp_member_set_link() - port_enabled: it has carrier, and LACP may run. */
void lacp_member_set_link(struct lacp_member *member, bool up);

/** lacp_receive() - a slow protocol PDU for a member, from its subtype on; counts what is none of ours. */
void lacp_receive(struct lacp *lacp, struct lacp_member *member, const void *data, size_t len, int64_t now_ms);

/** lacp_run() - let every machine do what it can. Return: when it must be called again at the latest; INT64_MAX: when something happens. */
int64_t lacp_run(struct lacp *lacp, int64_t now_ms);

/**
 * lacp_transmit() - the LACPDU that the member is to send now, if any
 * Return: whether there is one; the caller sends it. Call lacp_run() before.
 */
bool lacp_transmit(struct lacp *lacp, struct lacp_member *member, int64_t now_ms, uint8_t pdu[SLOW_PDU_LEN]);

/** lacp_is_negotiated() - at least one member has a partner that answers. */
bool lacp_is_negotiated(const struct lacp *lacp);

const char *lacp_rx_name(enum lacp_rx state);
const char *lacp_mux_name(enum lacp_mux state);
const char *lacp_periodic_name(enum lacp_periodic state);
const char *lacp_churn_name(enum lacp_churn state);

#endif
