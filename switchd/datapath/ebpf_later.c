// SPDX-License-Identifier: Apache-2.0
/*
 * Ports whose packets leave later (egress.h), and bonds with such a port among those that carry it: flows that output there are the
 * daemon's to run. Which these are changes with ports' egress and with bonds' tables; flows are put once more when it does.
 */
#include <urcu.h>

#include "switchd/datapath/ebpf.h"
#include "switchd/datapath/ebpf_ops.h"
#include "vsw/dp_bond.h"

static bool has_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static bool is_port_later(const struct ebpf_dp *dp, uint32_t port)
{
	return port < BPF_N_PORTS && has_bit(dp->later, port);
}

static bool is_bond_later(const struct ebpf_dp *dp, uint32_t arg)
{
	return has_bit(dp->bonds_later, dp_lb_output_bond(arg));
}

bool ebpf_later_has_op(const struct ebpf_dp *dp, const struct ebpf_ops *ops)
{
	for (uint32_t i = 0; i < ops->n; i += ops->ops[i].code == BPF_OP_TUNNEL ? 3 : 1) {
		uint32_t value = ops->ops[i].value;

		if ((ops->ops[i].code == BPF_OP_OUTPUT && is_port_later(dp, value)) ||
		    (ops->ops[i].code == BPF_OP_LB_OUTPUT && is_bond_later(dp, value)))
			return true;
	}
	return false;
}

bool ebpf_later_has_action(const struct ebpf_dp *dp, const void *actions, size_t len)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, actions, len)
		if ((a->type == DP_OUTPUT && is_port_later(dp, a->arg)) ||
		    (a->type == DP_LB_OUTPUT && is_bond_later(dp, a->arg)))
			return true;
	return false;
}

/* ---- changes ---- */

/* Does the list output to this port, or (@is_bond) to this bond? */
static bool outputs_to(const struct dp_flow *flow, uint32_t number, bool is_bond)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, flow->actions, flow->actions_len) {
		if (is_bond && a->type == DP_LB_OUTPUT && dp_lb_output_bond(a->arg) == number)
			return true;
		if (!is_bond && a->type == DP_OUTPUT && a->arg == number)
			return true;
	}
	return false;
}

static void put_again(struct ebpf_dp *dp, uint32_t number, bool is_bond)
{
	struct dp_flow flow;
	uint64_t cursor = 0;

	rcu_read_lock();
	while (cache_dump(dp->user.base.shared.cache, &cursor, &flow, 1))
		if (outputs_to(&flow, number, is_bond))
			ebpf_flows_again(dp, flow.id);
	rcu_read_unlock();
}

static bool has_later_port(const struct ebpf_dp *dp, const struct dp_bond_slot *slot)
{
	if (!slot->in_use)
		return false;
	for (size_t i = 0; i < DP_BOND_BUCKETS; i++)
		if (is_port_later(dp, __atomic_load_n(&slot->ports[i], __ATOMIC_RELAXED)))
			return true;
	return false;
}

void ebpf_later_follow_bond(struct ebpf_dp *dp, uint32_t id)
{
	bool later = has_later_port(dp, &dp->kernel.bonds[id]);

	if (later == has_bit(dp->bonds_later, id))
		return;
	dp->bonds_later[id / 64] ^= 1ull << id % 64;
	put_again(dp, id, true);
}

void ebpf_later_set_port(struct ebpf_dp *dp, uint32_t port, bool later)
{
	if (has_bit(dp->later, port) == later)
		return;
	dp->later[port / 64] ^= 1ull << port % 64;
	put_again(dp, port, false);
	for (uint32_t id = 1; id < DP_MAX_BONDS; id++)
		ebpf_later_follow_bond(dp, id);
}
