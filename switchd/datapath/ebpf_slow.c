// SPDX-License-Identifier: Apache-2.0
/*
 * Which flows the daemon runs though they could be the kernel's, and why: people who wonder where their packets per second went are
 * told (`vsw dp-show`, `vsw dump-dp-flows`).
 *
 * Each flow has one reason (enum ebpf_why) or none. Packets that pass through the daemon because a flow is new are not counted
 * here: they are misses, or wait at a gate.
 */
#include "switchd/datapath/ebpf.h"

static uint64_t packets_of(const struct ebpf_flow *flow)
{
	struct dp_flow_stats stats;

	cache_flow_stats(flow->cached, &stats);
	return stats.n_packets;
}

void ebpf_slow_init(struct ebpf_dp *dp)
{
	for (size_t i = 0; i < EBPF_N_WHYS; i++)
		CDS_INIT_LIST_HEAD(&dp->slow[i].flows);
}

void ebpf_slow_set(struct ebpf_dp *dp, struct ebpf_flow *flow, enum ebpf_why why)
{
	struct ebpf_slow *old = &dp->slow[flow->why], *new = &dp->slow[why];

	if (why == flow->why)
		return;
	if (flow->why) {
		cds_list_del(&flow->slow_node);
		old->n_flows--;
		old->n_packets += packets_of(flow) - flow->n_fast;
	}
	flow->why = why;
	if (why) {
		flow->n_fast = packets_of(flow);
		cds_list_add_tail(&flow->slow_node, &new->flows);
		new->n_flows++;
	}
}

static uint64_t packets_now(const struct ebpf_slow *slow)
{
	const struct ebpf_flow *flow;
	uint64_t n = slow->n_packets;

	cds_list_for_each_entry(flow, &slow->flows, slow_node)
		n += packets_of(flow) - flow->n_fast;
	return n;
}

_Static_assert((int)EBPF_N_WHYS <= DP_MAX_SLOW, "all reasons fit");

void ebpf_slow_stats(const struct ebpf_dp *dp, struct dp_stats *stats)
{
	stats->n_daemon_flows = stats->n_slow = 0;
	for (enum ebpf_why why = EBPF_WHY_NONE + 1; why < EBPF_N_WHYS; why++) {
		const struct ebpf_slow *slow = &dp->slow[why];
		struct dp_slow shown = {ebpf_why_name(why), slow->n_flows, packets_now(slow)};

		if (!shown.n_flows && !shown.n_packets)
			continue;
		stats->slow[stats->n_slow++] = shown;
		stats->n_daemon_flows += shown.n_flows;
	}
}

const char *ebpf_slow_name(struct ebpf_dp *dp, uint64_t id)
{
	const struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	return flow && flow->why ? ebpf_why_name(flow->why) : NULL;
}
