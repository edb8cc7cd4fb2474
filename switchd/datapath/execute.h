/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a list of datapath actions on a packet in memory, for `user` and `dummy`.
 *
 * Rewrites are done here through lib/packet; what leaves the packet's own bytes (output, recirculation, a copy for the daemon) is a
 * callback of the datapath's.
 *
 * Copies are made late. A datapath that sends in batches does not copy what it is given to output: it refers to the bytes until it
 * flushes. A DP_CLONE, too, runs on the very bytes of the original. Only when a rewrite meets bytes that somebody else still needs
 * (a pending output, or the list that goes on behind a clone) are they copied, into the thread's scratch memory. A packet flooded
 * to 64 ports is never copied; "output, push_vlan, output" copies once.
 *
 * When the scratch memory is used up, pending outputs are flushed, which frees all of it but for the copies of the lists in which
 * we are nested; these are then made in a buffer of their own for each depth. So any list on any packet gets done, and nothing
 * allocates.
 *
 * What became of a packet is a struct verdict: forwarded if at least one copy went somewhere, else dropped for the first reason met.
 */
#ifndef SWITCHD_DATAPATH_EXECUTE_H
#define SWITCHD_DATAPATH_EXECUTE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "vsw/dp_action.h"

/** Nesting of clones, samples and recirculations; beyond that DROP_LOOP_LIMIT. */
#define EXECUTE_MAX_DEPTH 80
/** Recirculations of one packet. */
#define EXECUTE_MAX_RECIRC 8

/** Bytes in front of every packet's headroom that the datapath may write when it sends (a virtio_net_hdr). */
#define EXECUTE_RESERVE 16

struct bonds;
struct meters;
struct pkt_key;
struct waiting;

struct verdict {
	bool forwarded;		 /**< a copy was sent, or consumed by an explicit action */
	uint16_t reason;	 /**< enum drop_reason: the first thing that went wrong */
	struct waiting *waiting; /**< a copy waits for the daemon (waiting.h) and will decide */
};

struct execute;
struct execute_scratch;

struct execute_ops {
	/** output() refers to the packet's bytes until flush(); else it is done with them when it returns. */
	bool output_refers;
	/**
	 * Send the packet. Says in x->verdict what became of it, at the latest in flush(). @p and its metadata may be changed by the
	 * caller afterwards, its bytes not before flush().
	 */
	void (*output)(struct execute *x, const struct packet *p, uint32_t port_no);
	/** Send all that is pending. NULL unless output_refers. */
	void (*flush)(struct execute *x);
	/**
	 * Match the packet again (p->recirc_id is set) and run what is found by execute_actions() with @held.
	 * When nothing is found: keep a copy and translate it, or drop it.
	 */
	void (*recirc)(struct execute *x, struct packet *p, bool held);
	/** Give a copy to the daemon. */
	void (*userspace)(struct execute *x, const struct packet *p, uint32_t reason, uint64_t cookie);
};

/** The state of a thread that executes actions; the datapath embeds it in its own. */
struct execute {
	const struct execute_ops *ops;
	struct execute_scratch *scratch;
	const struct meters *meters; /**< of the datapath; NULL: it has none */
	const struct bonds *bonds;   /**< likewise */
	const struct pkt_key *key;   /**< of the packet at hand, as it was matched; NULL: not known */
	struct verdict *verdict;     /**< of the packet at hand */
	unsigned int depth, n_recirc;
	uint32_t random; /**< state of DP_SAMPLE's generator; not 0 */
};

/** execute_init() - allocates the scratch memory (2 MiB, and a 64-KiB buffer per depth, touched only when used). */
void execute_init(struct execute *x, const struct execute_ops *ops);
void execute_fini(struct execute *x);

/**
 * execute_actions() - run a list
 * @p: parsed; the struct and (unless @held) the bytes are used up
 * @held: the caller needs the bytes of @p as they are afterwards
 * @actions: well-formed (dp_actions_valid()), supported (execute_supports())
 *
 * The caller has set x->verdict and x->key, and reads it when its outputs are flushed.
 */
void execute_actions(struct execute *x, struct packet *p, bool held, const void *actions, size_t len);

/** execute_drop() - note why the packet at hand (or a copy of it) went nowhere. */
static inline void execute_drop(struct execute *x, enum drop_reason reason)
{
	if (!x->verdict->reason)
		x->verdict->reason = (uint16_t)reason;
}

/** execute_flushed() - the owner has flushed, between two packets: the scratch memory is free again. */
void execute_flushed(struct execute *x);
/** execute_is_crowded() - better flush before the next packet: more than half of the scratch memory is used. */
bool execute_is_crowded(const struct execute *x);

/** execute_supports() - whether the list has only actions that are done here. Return: 0, -EINVAL, or -EOPNOTSUPP. */
int execute_supports(const void *actions, size_t len);

#endif
