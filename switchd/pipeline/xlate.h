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
struct xlate_trace; /* a listener: switchd/pipeline/xlate_trace.h */

/** Depth of resubmits, goto_tables, patch hops and clones; number of resubmits in one translation. As in OVS. */
#define XLATE_MAX_DEPTH 64
#define XLATE_MAX_RESUBMITS 4096
/** Rules that one translation may credit. More is a loop in the making: LOOP_LIMIT. */
#define XLATE_MAX_RULES XLATE_MAX_RESUBMITS

struct xlate_in {
	struct datapath *dp; /**< whose port number key->in_port is */
	const struct pkt_key *key;
	const struct packet *packet; /**< NULL when there is none (revalidation, trace without bytes) */
	int64_t now_ms;
	bool may_learn;		   /**< a real packet: learn its MAC */
	bool is_guess;		   /**< no packet like it came yet; with may_learn false: sets xlate_out.would_teach */
	struct xlate_trace *trace; /**< NULL: nobody listens */
	/** trace and packet-out only: begin in this bridge with key->in_port as OpenFlow number, instead of looking up the datapath port. */
	struct bridge *bridge;
	/** with bridge: the packet has these registers and metadata already (the rest of it is not looked at); NULL: none. */
	const struct flow_key *metadata;
};

/** A rule's credit is its table's too; XLATE_CREDIT_TABLE is for a table in which nothing matched. */
enum xlate_credit_kind {
	XLATE_CREDIT_RULE,
	XLATE_CREDIT_TABLE,
	XLATE_CREDIT_FDB,
	XLATE_CREDIT_PATCH,
	XLATE_CREDIT_TUNNEL_RX,
	XLATE_CREDIT_TUNNEL_TX,
	XLATE_CREDIT_DROP,
	XLATE_CREDIT_MIRROR,
};

/** Something that the flow's packets must be credited to. */
struct xlate_credit {
	uint8_t kind;  /**< enum xlate_credit_kind */
	uint8_t table; /**< RULE, TABLE, DROP */
	uint16_t
		port; /**< OpenFlow port number in br. FDB: where the packets come in; PATCH, TUNNEL_TX: the port they go out of; TUNNEL_RX: came in on */
	union {
		uint16_t vlan;	 /**< FDB */
		uint16_t reason; /**< DROP: enum drop_reason */
	};
	union {
		uint8_t mac[6];	 /**< FDB: source address: learnt, or kept fresh, while the flow is used */
		uint32_t serial; /**< DROP: iface.serial of where the packets come in; MIRROR: mirror.serial */
	};
	struct rule *rule; /**< RULE; DROP: the rule that matched last, NULL: none did; else NULL */
	struct bridge *br; /**< whose tables, FDB or port it is; DROP: where they end */
};

struct xlate_out {
	struct dp_actions actions; /**< memory given by the caller */
	struct pkt_key mask;	   /**< in_port, recirc_id and eth_type are always in it */
	enum drop_reason drop;	   /**< why, when the actions are empty; the list then holds one DP_DROP with it */
	const char *failed;	   /**< why translation was given up, else NULL; what it had put together is dropped */
	/** Where that was: the bridge (NULL: before any), its table, and the rule there (NULL: none matched). */
	struct bridge *drop_bridge;
	const struct rule *drop_rule;
	uint8_t drop_table;
	struct bridge *bridge; /**< where it entered, NULL when the port belongs to none */
	uint64_t tables[4];    /**< bit T: table T of any bridge was looked up; what a change there must revalidate */
	bool snoops;	       /**< the packet tells who has an IP address (switchd/snoop.h) */
	bool used_fdb;	       /**< an FDB change can change the answer */
	bool would_teach; /**< of a guess: the first such packet would tell the switch something, and has to come up */
	bool slow_path;	  /**< each packet must come to the daemon: install DP_USERSPACE instead */
	struct xlate_credit *credits; /**< memory given by the caller, XLATE_MAX_RULES of them */
	size_t n_credits;
	struct flow_key initial_key; /**< as the pipeline saw it first: with the OpenFlow port number */
	struct flow_key final_key;   /**< after all rewrites (trace's "Final flow:") */
};

/** Why a packet is for the controller. */
enum xlate_packet_in_reason { XLATE_IN_NO_MATCH, XLATE_IN_ACTION, XLATE_IN_INVALID_TTL, XLATE_IN_ACTION_SET };

/** The cookie of a DP_USERSPACE action for DP_TO_CONTROLLER: what a packet-in has to say. */
static inline uint64_t xlate_controller_cookie(uint8_t reason, uint8_t table, uint16_t max_len)
{
	return (uint64_t)reason << 24 | (uint64_t)table << 16 | max_len;
}

/** xlate_controller_reason() - the reason in such a cookie. */
static inline enum xlate_packet_in_reason xlate_controller_reason(uint64_t cookie)
{
	return (enum xlate_packet_in_reason)(cookie >> 24 & 0xff);
}

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
