// SPDX-License-Identifier: Apache-2.0
#include "flow/dp_action.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

#define MAX_DEPTH 32 /* of nested lists from outside */

/* Where records go that a full list has no room for; as large as the largest of them. */
static _Thread_local uint64_t scratch[16];
_Static_assert(sizeof scratch >= sizeof(struct dp_set_tunnel) && sizeof scratch >= sizeof(struct dp_set_arp) &&
		       sizeof scratch >= sizeof(struct dp_set_ipv6) && sizeof scratch >= sizeof(struct dp_set_nd),
	       "a record fits");

void *dp_actions_put(struct dp_actions *list, enum dp_action_type type, size_t size)
{
	size_t len = ROUND_UP(MAX(size, sizeof(struct dp_action)), 8);
	struct dp_action *a;

	assert(len <= sizeof scratch);
	if (list->overflow || list->cap - list->len < len) {
		list->overflow = true;
		a = (struct dp_action *)scratch;
	} else {
		a = (struct dp_action *)(list->data + list->len);
		list->len += len;
	}
	memset(a, 0, len);
	a->type = (uint16_t)type;
	a->len = (uint16_t)len;
	return a;
}

void dp_actions_put_u32(struct dp_actions *list, enum dp_action_type type, uint32_t arg)
{
	struct dp_action *a = dp_actions_put(list, type, sizeof *a);

	a->arg = arg;
}

size_t dp_actions_nest_begin(struct dp_actions *list, enum dp_action_type type, size_t size)
{
	size_t ofs = list->len;

	dp_actions_put(list, type, size);
	return ofs;
}

void dp_actions_nest_end(struct dp_actions *list, size_t ofs)
{
	if (!list->overflow)
		((struct dp_action *)(list->data + ofs))->len = (uint16_t)(list->len - ofs);
}

/* Bytes of a record of each type in front of a nested list, 0 for numbers that are no type. */
static size_t record_size(unsigned int type)
{
	static const uint8_t sizes[DP_N_TYPES] = {
		[DP_OUTPUT] = sizeof(struct dp_action),	      [DP_PUSH_VLAN] = sizeof(struct dp_push_vlan),
		[DP_POP_VLAN] = sizeof(struct dp_action),     [DP_SET_ETH] = sizeof(struct dp_set_eth),
		[DP_SET_IPV4] = sizeof(struct dp_set_ipv4),   [DP_SET_IPV6] = sizeof(struct dp_set_ipv6),
		[DP_SET_TP] = sizeof(struct dp_set_tp),	      [DP_SET_ICMP] = sizeof(struct dp_set_icmp),
		[DP_SET_ARP] = sizeof(struct dp_set_arp),     [DP_SET_ND] = sizeof(struct dp_set_nd),
		[DP_SET_MPLS] = sizeof(struct dp_set_mpls),   [DP_SET_TUNNEL] = sizeof(struct dp_set_tunnel),
		[DP_SET_MARK] = sizeof(struct dp_action),     [DP_SET_PRIORITY] = sizeof(struct dp_action),
		[DP_RECIRC] = sizeof(struct dp_action),	      [DP_HASH] = sizeof(struct dp_hash),
		[DP_TRUNC] = sizeof(struct dp_action),	      [DP_METER] = sizeof(struct dp_action),
		[DP_USERSPACE] = sizeof(struct dp_userspace), [DP_CLONE] = sizeof(struct dp_action),
		[DP_SAMPLE] = sizeof(struct dp_sample),	      [DP_DROP] = sizeof(struct dp_action),
		[DP_LB_OUTPUT] = sizeof(struct dp_action),
	};

	return type < DP_N_TYPES ? ROUND_UP(sizes[type], 8) : 0;
}

static bool valid(const uint8_t *actions, size_t len, unsigned int depth)
{
	while (len) {
		struct dp_action a;
		size_t size;

		if (len < sizeof a)
			return false;
		memcpy(&a, actions, sizeof a);
		size = record_size(a.type);
		if (!size || a.len < size || a.len > len || a.len % 8)
			return false;
		if (a.type == DP_CLONE || a.type == DP_SAMPLE) {
			if (depth >= MAX_DEPTH || !valid(actions + size, a.len - size, depth + 1))
				return false;
		} else if (a.len != size) {
			return false;
		}
		actions += a.len;
		len -= a.len;
	}
	return true;
}

bool dp_actions_valid(const void *actions, size_t len)
{
	return len <= DP_ACTIONS_MAX && valid(actions, len, 0);
}

const char *drop_reason_name(unsigned int reason)
{
	static const char *const names[DROP_N_REASONS] = {
#define R(ID, NAME) [DROP_##ID] = NAME,
		DROP_REASONS(R)
#undef R
	};

	return reason < DROP_N_REASONS ? names[reason] : "unknown";
}
