/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a list of datapath actions to what the BPF program interprets (struct bpf_op).
 *
 * A rewrite becomes masked stores of 2 or 4 bytes, each with the checksums that cover it. A list that has an action which the
 * program lacks, or more operations than it interprets, is the daemon's as a whole, so that outputs and rewrites keep their sequence: it
 * then runs the list on every packet. Why, is an enum ebpf_why; people are told.
 */
#ifndef SWITCHD_DATAPATH_EBPF_OPS_H
#define SWITCHD_DATAPATH_EBPF_OPS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw/bpf_abi.h"

/* Why the daemon, not the kernel, runs a flow: each such flow has exactly one reason. The names are printed. */
#define EBPF_WHYS(W) \
	W(NONE, "none") \
	W(SLOW_PATH, "slow-path") /* its answer differs from packet to packet: translated each time */ \
	W(COPY, "copy-to-daemon") /* a copy for a controller, sFlow or a capture */ \
	W(RECIRC, "recirc")	  /* an action that the program lacks, as are those that follow */ \
	W(HASH, "hash") \
	W(SAMPLE, "sample") \
	W(CLONE, "clone") \
	W(TRUNC, "trunc") \
	W(EGRESS, "egress-stage") /* it outputs to a port whose packets wait in the daemon (egress.h) */ \
	W(TUNNEL, "set-tunnel")	  /* GRE without a key, where the kernel's metadata cannot say that (6.2) */ \
	W(ND, "set-nd") \
	W(MPLS, "set-mpls") \
	W(SCTP, "set-sctp") \
	W(TOO_LONG, "too-many-operations") /* more than BPF_N_OPS: a flood to many ports */ \
	W(RECIRCULATED, "recirculated")	   /* its packets were recirculated by the daemon */ \
	W(ANY_PORT, "any-port") /* it covers packets of any port, which no port's queue could keep in order */ \
	W(NO_MASK, "no-mask-slot") \
	W(NO_SLOT, "no-flow-slot") \
	W(NO_LIST, "no-room-for-operations")

enum ebpf_why {
#define W(ID, NAME) EBPF_WHY_##ID,
	EBPF_WHYS(W)
#undef W
		EBPF_N_WHYS
};

struct ebpf_ops {
	uint32_t n;
	uint32_t out;	   /**< port number + 1 when the one operation is an output; else 0 */
	enum ebpf_why why; /**< the daemon is needed; then there are no operations */
	struct bpf_op ops[BPF_N_OPS];
};

/** ebpf_ops_compile() - @actions: well-formed. */
void ebpf_ops_compile(struct ebpf_ops *ops, const void *actions, size_t len);

struct packet_tunnel;
/** ebpf_tunnel_compile() - a tunnel as the program knows it. */
void ebpf_tunnel_compile(struct bpf_tunnel *t, const struct packet_tunnel *set);

/** ebpf_why_name() - as people see it. */
const char *ebpf_why_name(enum ebpf_why why);

#endif
