/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Near misses: for a packet that no rule (or not the expected one) matched, the rules that differ in the fewest fields.
 *
 * Fields that share a place in struct flow_key (nw_src and arp_spa, the ports of TCP and UDP) count once, so the unit is the place.
 */
#include "flow/cls_subtable.h"

#include <string.h>

#include "base/util.h"

struct unit {
	uint16_t ofs, n;
};

#define UNIT(FIELD) \
	{ \
		offsetof(struct flow_key, FIELD), sizeof(((struct flow_key *)0)->FIELD) \
	}

static const struct unit units[] = {
	UNIT(p.in_port),   UNIT(p.recirc_id),	UNIT(p.eth_dst),      UNIT(p.eth_src),	    UNIT(p.vlan[0]),
	UNIT(p.vlan[1]),   UNIT(p.eth_type),	UNIT(p.nw_src),	      UNIT(p.nw_dst),	    UNIT(p.nw_proto),
	UNIT(p.nw_tos),	   UNIT(p.nw_ttl),	UNIT(p.nw_frag),      UNIT(p.mpls_lse),	    UNIT(p.tp_src),
	UNIT(p.tp_dst),	   UNIT(p.tcp_flags),	UNIT(p.ct_mark),      UNIT(p.ct_zone),	    UNIT(p.ct_state),
	UNIT(p.ipv6_src),  UNIT(p.ipv6_dst),	UNIT(p.ipv6_label),   UNIT(p.arp_sha),	    UNIT(p.arp_tha),
	UNIT(p.nd_target), UNIT(p.ct_label),	UNIT(p.pkt_mark),     UNIT(p.dp_hash),	    UNIT(p.tun_id),
	UNIT(p.tun_src),   UNIT(p.tun_dst),	UNIT(p.tun_ipv6_src), UNIT(p.tun_ipv6_dst), UNIT(p.tun_flags),
	UNIT(p.tun_tos),   UNIT(p.tun_ttl),	UNIT(p.tun_tp_src),   UNIT(p.tun_tp_dst),   UNIT(metadata),
	UNIT(regs[0]),	   UNIT(regs[1]),	UNIT(regs[2]),	      UNIT(regs[3]),	    UNIT(regs[4]),
	UNIT(regs[5]),	   UNIT(regs[6]),	UNIT(regs[7]),	      UNIT(regs[8]),	    UNIT(regs[9]),
	UNIT(regs[10]),	   UNIT(regs[11]),	UNIT(regs[12]),	      UNIT(regs[13]),	    UNIT(regs[14]),
	UNIT(regs[15]),	   UNIT(actset_output), UNIT(conj_id),
};

static unsigned int count_differences(const struct match *match, const struct flow_key *key)
{
	const uint8_t *a = (const uint8_t *)&match->key, *m = (const uint8_t *)&match->mask, *b = (const uint8_t *)key;
	unsigned int n = 0;

	for (size_t u = 0; u < ARRAY_SIZE(units); u++) {
		unsigned int diff = 0;

		for (size_t i = units[u].ofs; i < (size_t)units[u].ofs + units[u].n; i++)
			diff |= (a[i] ^ b[i]) & m[i];
		n += diff != 0;
	}
	return n;
}

struct near {
	const struct flow_key *key;
	struct cls_rule **rules;
	size_t room, n;
};

static unsigned int rule_differences(const struct cls_rule *rule, const struct flow_key *key)
{
	struct match match;

	cls_rule_match(rule, &match);
	return count_differences(&match, key);
}

static int near_consider(void *near_, struct cls_rule *rule)
{
	struct near *near = near_;
	unsigned int diff = rule_differences(rule, near->key);
	size_t pos = near->n;

	if (!diff)
		return 0;
	/* The list is short (trace shows three), so its differences are counted again rather than kept. */
	while (pos) {
		const struct cls_rule *other = near->rules[pos - 1];
		unsigned int other_diff = rule_differences(other, near->key);

		if (other_diff < diff || (other_diff == diff && other->priority >= rule->priority))
			break;
		pos--;
	}
	if (pos == near->room)
		return 0;
	near->n = MIN(near->n + 1, near->room);
	memmove(&near->rules[pos + 1], &near->rules[pos], (near->n - 1 - pos) * sizeof *near->rules);
	near->rules[pos] = rule;
	return 0;
}

size_t classifier_near_misses(const struct classifier *cls, uint64_t version, const struct flow_key *key,
			      struct cls_rule **rules, size_t n)
{
	struct near near = {.key = key, .rules = rules, .room = n};
	static const struct match any;

	classifier_each(cls, &any, version, near_consider, &near);
	return near.n;
}
