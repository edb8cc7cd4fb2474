/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a list of datapath actions to what the BPF program interprets (struct bpf_op).
 *
 * A rewrite becomes masked stores of 2 or 4 bytes, each with the checksums that cover it. A list that has an action which the
 * program lacks, or more operations than a flow holds, becomes the one operation BPF_OP_TO_DAEMON: the daemon then runs the
 * whole list on every packet, so that outputs and rewrites keep their sequence.
 */
#ifndef SWITCHD_DATAPATH_EBPF_OPS_H
#define SWITCHD_DATAPATH_EBPF_OPS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw/bpf_abi.h"

struct ebpf_ops {
	uint32_t n;
	uint32_t out; /**< port number + 1 when the one operation is an output; else 0 */
	uint16_t
		why; /**< enum dp_action_type: the action that the daemon is needed for; 0: none, or the list is too long */
	struct bpf_op ops[BPF_N_OPS];
};

/** ebpf_ops_compile() - @actions: well-formed. */
void ebpf_ops_compile(struct ebpf_ops *ops, const void *actions, size_t len);
/** ebpf_ops_need_daemon() - the kernel cannot run it. */
static inline bool ebpf_ops_need_daemon(const struct ebpf_ops *ops)
{
	return ops->n && ops->ops[0].code == BPF_OP_TO_DAEMON;
}

#endif
