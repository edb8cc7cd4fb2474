// SPDX-License-Identifier: Apache-2.0
#include "switchd/answer.h"

#include <string.h>

#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/megaflow.h"
#include "switchd/pipeline/xlate.h"
#include "switchd/revalidate.h"

enum {
	PROTO_TCP = 6,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* Too large for a stack. */
static _Thread_local struct xlate_credit credits[XLATE_MAX_RULES];
static _Thread_local uint64_t actions[DP_ACTIONS_MAX / 8];

/* Does it open a connection between two hosts? */
static bool is_opening(const struct pkt_key *key)
{
	return key->nw_proto == PROTO_TCP && !key->nw_frag && !key->recirc_id && !pkt_key_has_tunnel(key) &&
	       !((key->eth_dst[0] | key->eth_src[0]) & 1) &&
	       (be16_to_cpu(key->tcp_flags) & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) == TCP_SYN;
}

/* The port that it goes to, untouched, and to no other. Return: DP_PORT_NONE when that is not all. */
static uint32_t only_output(const struct dp_actions *list)
{
	const struct dp_action *first = (const void *)list->data;

	return list->len && first->len == list->len && first->type == DP_OUTPUT ? first->arg : DP_PORT_NONE;
}

static void turn_round(const struct pkt_key *key, uint32_t in_port, struct pkt_key *back)
{
	*back = *key;
	back->in_port = in_port;
	memcpy(back->eth_src, key->eth_dst, sizeof back->eth_src);
	memcpy(back->eth_dst, key->eth_src, sizeof back->eth_dst);
	back->nw_src = key->nw_dst;
	back->nw_dst = key->nw_src;
	memcpy(back->ipv6_src, key->ipv6_dst, sizeof back->ipv6_src);
	memcpy(back->ipv6_dst, key->ipv6_src, sizeof back->ipv6_dst);
	back->tp_src = key->tp_dst;
	back->tp_dst = key->tp_src;
	back->tcp_flags = cpu_to_be16(TCP_SYN | TCP_ACK);
}

/* What turn_round() had to make up. */
static bool looks_at_unknown(const struct pkt_key *mask)
{
	return mask->nw_ttl || mask->nw_tos || mask->tcp_flags || mask->ipv6_label || mask->pkt_mark ||
	       mask->skb_priority;
}

static bool is_useful(const struct xlate_out *out)
{
	const struct dp_action *first = (const void *)out->actions.data;

	return !out->failed && !out->snoops && !out->slow_path && !out->would_teach && !looks_at_unknown(&out->mask) &&
	       first->type != DP_DROP;
}

void answer_install(const struct xlate_in *in, const struct xlate_out *out)
{
	struct datapath *dp = in->dp;
	struct pkt_key back;
	struct xlate_in answer = {.dp = dp, .key = &back, .now_ms = in->now_ms, .is_guess = true};
	struct xlate_out result = {
		.actions = {.data = (uint8_t *)actions, .cap = sizeof actions},
		.credits = credits,
	};
	uint32_t port;
	uint64_t id;

	if (!dp->ops->flow_covers || !is_opening(in->key) || out->slow_path)
		return;
	port = only_output(&out->actions);
	if (port == DP_PORT_NONE)
		return;
	turn_round(in->key, port, &back);
	if (dp->ops->flow_covers(dp, &back) || !revalidate_has_room())
		return;
	xlate_run(&answer, &result);
	if (is_useful(&result))
		megaflow_install(&answer, &result, &id);
}
