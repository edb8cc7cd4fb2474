/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation: a packet's key goes through the bridge's tables, and what comes out is a list of datapath actions and the mask of
 * every bit that was looked at (a megaflow).
 *
 * It is a pure function of the tables, the FDB, the ports and `now_ms`. What it would change (MAC learning, rule counters) happens
 * only when asked for (may_learn, and xlate_credit()), so that `vsw trace` runs this very code and changes nothing.
 *
 * The caller holds switch_rdlock() and rcu_read_lock() from before xlate_run() until it is done with xlate_out's rules.
 */
#ifndef SWITCHD_PIPELINE_XLATE_H
#define SWITCHD_PIPELINE_XLATE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "flow/dp_action.h"
#include "vsw/flow_key.h"

struct bridge;
struct datapath;
struct packet;
struct rule;
struct xlate_trace; /* switchd/trace.c's listener */

/** Depth of resubmits, goto_tables, patch hops and clones; number of resubmits in one translation. As in OVS. */
#define XLATE_MAX_DEPTH 64
#define XLATE_MAX_RESUBMITS 4096
/** Rules that one translation may credit. More is a loop in the making: LOOP_LIMIT. */
#define XLATE_MAX_RULES XLATE_MAX_RESUBMITS

struct xlate_in {
	struct datapath *dp;        /**< whose port number key->in_port is */
	const struct pkt_key *key;
	const struct packet *packet;/**< NULL when there is none (revalidation, trace without bytes) */
	int64_t now_ms;
	bool may_learn;             /**< a real packet: learn its MAC */
	struct xlate_trace *trace;  /**< NULL: nobody listens */
	/** trace and packet-out only: begin in this bridge with key->in_port as OpenFlow number, instead of looking up the datapath port. */
	struct bridge *bridge;
};

/** Something that the flow's packets must be credited to: a rule, or an FDB entry to keep fresh. */
struct xlate_credit {
	struct rule *rule;  /**< NULL for the other kind */
	struct bridge *br;  /**< FDB: entry of (vlan, mac) in br->fdb learnt on in_iface's port stays fresh while the flow is used */
	uint16_t vlan;
	uint8_t mac[6];
	uint16_t in_port;   /**< OpenFlow port number */
};

struct xlate_out {
	struct dp_actions actions;  /**< memory given by the caller */
	struct pkt_key mask;        /**< in_port, recirc_id and eth_type are always in it */
	enum drop_reason drop;      /**< why, when the actions are empty; the list then holds one DP_DROP with it */
	uint64_t drop_cookie;       /**< cookie and table of the rule that dropped, where one did */
	uint8_t drop_table;
	struct bridge *bridge;      /**< where it entered, NULL when the port belongs to none */
	uint64_t tables[4];         /**< bit T: table T of any bridge was looked up; what a change there must revalidate */
	bool used_fdb;              /**< an FDB change can change the answer */
	bool slow_path;             /**< each packet must come to the daemon: install DP_USERSPACE instead */
	struct xlate_credit *credits; /**< memory given by the caller, XLATE_MAX_RULES of them */
	size_t n_credits;
	struct flow_key final_key;  /**< after all rewrites (trace's "Final flow:") */
};

/**
 * xlate_run() - translate
 * @out: actions (with its memory, emptied) and credits set by the caller, the rest zero
 */
void xlate_run(const struct xlate_in *in, struct xlate_out *out);

/**
 * xlate_credit() - credit packets to what a translation went through: rules' counters, FDB entries' freshness
 * @used_ms: when the last of the packets passed
 *
 * Any thread. Rules must be alive (referenced, or inside of rcu_read_lock()); credits of a bridge that is gone are the
 * caller's to drop, by revalidation, before the bridge is freed.
 */
void xlate_credit(const struct xlate_credit *credits, size_t n, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms);

#endif
