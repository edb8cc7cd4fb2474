// SPDX-License-Identifier: Apache-2.0
/*
 * The promise of a megaflow: a packet that agrees with another one in every bit of its mask gets the same actions. Random packets
 * that differ in a field or two from one another are translated; those that the mask does not tell apart must fare alike.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"

enum { N_PAIRS = 10000 };

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* One aspect of a packet; each leaves the key such as a packet could have it. */
static void pick_tags(struct pkt_key *key)
{
	static const uint16_t vids[] = {0, 1, 5, 10};
	unsigned int n = pick(3);

	memset(key->vlan, 0, sizeof key->vlan);
	for (unsigned int i = 0; i < n; i++) {
		key->vlan[i].tpid = cpu_to_be16(pick(3) ? 0x8100 : 0x88a8);
		key->vlan[i].tci =
			cpu_to_be16((uint16_t)(FLOW_VLAN_PRESENT | vids[pick(4)] | pick(2) * 3 << FLOW_VLAN_PCP_SHIFT));
	}
}

static void pick_inner_vid(struct pkt_key *key)
{
	if (key->vlan[1].tci)
		key->vlan[1].tci = (key->vlan[1].tci & BE16_C(0xf000)) | cpu_to_be16((uint16_t)pick(4));
}

static void pick_pcp(struct pkt_key *key)
{
	for (int i = 0; i < FLOW_MAX_VLANS; i++)
		if (key->vlan[i].tci)
			key->vlan[i].tci = (key->vlan[i].tci & BE16_C(0x1fff)) | cpu_to_be16((uint16_t)(pick(8) << 13));
}

static void pick_macs(struct pkt_key *key)
{
	key->eth_src[5] = (uint8_t)pick(4);
	key->eth_dst[5] = (uint8_t)pick(4);
	memset(key->eth_dst, pick(4) ? 0 : 0xff, 5);
}

static void pick_l4(struct pkt_key *key)
{
	static const uint8_t protos[] = {6, 17, 1, 47};

	key->nw_proto = protos[pick(4)];
	key->nw_frag = (uint8_t)(pick(4) ? 0 : pick(2) ? FLOW_NW_FRAG_ANY : FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER);
	key->tp_src = key->tp_dst = key->tcp_flags = 0;
	if (key->nw_proto == 47 || key->nw_frag & FLOW_NW_FRAG_LATER)
		return;
	key->tp_src = cpu_to_be16((uint16_t)pick(4));
	key->tp_dst = cpu_to_be16((uint16_t)(pick(4) + (key->nw_proto == 1 ? 0 : 80)));
}

static void pick_l3(struct pkt_key *key)
{
	memset(&key->nw_src, 0, (size_t)((uint8_t *)&key->mpls_lse - (uint8_t *)&key->nw_src));
	key->tp_src = key->tp_dst = key->tcp_flags = 0;
	key->eth_type = pick(5) ? BE16_C(0x0800) : BE16_C(0x0806);
	key->nw_src = cpu_to_be32(0x0a000000 + pick(4));
	key->nw_dst = cpu_to_be32(0x0a000000 + pick(4));
	key->nw_proto = (uint8_t)(1 + pick(2));
	if (key->eth_type == BE16_C(0x0806))
		return;
	key->nw_ttl = (uint8_t)(1 + pick(3));
	key->nw_tos = (uint8_t)(pick(2) * 0xb8);
	pick_l4(key);
}

static void pick_addresses(struct pkt_key *key)
{
	key->nw_src = cpu_to_be32(0x0a000000 + pick(256));
	key->nw_dst = cpu_to_be32(0x0a000000 + pick(256));
}

static void (*const picks[])(struct pkt_key *key) = {
	pick_tags, pick_macs, pick_l3, pick_inner_vid, pick_pcp, pick_addresses,
};

static const char *const rule_sets[][6] = {
	{"actions=NORMAL"},
	{"actions=strip_vlan,output:2"},
	{"priority=5,tcp,tcp_dst=80,actions=output:2",
	 "priority=4,ip,nw_dst=10.0.0.0/31,actions=mod_nw_src:10.0.0.9,output:3",
	 "priority=3,arp,arp_op=1,actions=FLOOD", "priority=1,actions=drop"},
	{"priority=3,ip,actions=dec_ttl,move:NXM_OF_IP_SRC[0..7]->NXM_OF_IP_DST[8..15],output:2",
	 "actions=push_vlan:0x8100,output:3"},
	{"priority=3,dl_vlan=5,actions=strip_vlan,output:2,NORMAL",
	 "actions=mod_vlan_pcp:3,output:2,mod_vlan_vid:7,output:3"},
	{"priority=2,ip,actions=push:NXM_OF_IP_TOS[],load:2->NXM_OF_IP_SRC[0..1],clone(mod_nw_tos:4,output:2),resubmit("
	 ",1)",
	 "actions=resubmit(,1)", "table=1,dl_src=00:00:00:00:00:01/00:00:00:00:00:01,actions=output:3",
	 "table=1,priority=1,tcp,tcp_src=2/0x2,actions=mod_tp_src:1,output:4"},
	{"priority=9,vlan_tci=0,actions=resubmit(,1)", "priority=1,actions=strip_vlan,resubmit(,1)",
	 "table=1,priority=2,vlan_tci=0,actions=output:2", "table=1,priority=1,actions=NORMAL"},
};

static struct bridge *make_bridge(const char *const *rules, size_t n, size_t n_ports)
{
	static const struct {
		enum vlan_mode mode;
		int tag;
		enum vlan_priority_tags priority_tags;
	} modes[] = {
		{VLAN_TRUNK, -1, PRIORITY_TAGS_NEVER},		{VLAN_TRUNK, -1, PRIORITY_TAGS_ALWAYS},
		{VLAN_DOT1Q_TUNNEL, 5, PRIORITY_TAGS_NEVER},	{VLAN_ACCESS, 5, PRIORITY_TAGS_NEVER},
		{VLAN_ACCESS, 1, PRIORITY_TAGS_IF_NONZERO},	{VLAN_NATIVE_UNTAGGED, 5, PRIORITY_TAGS_NEVER},
		{VLAN_NATIVE_TAGGED, 10, PRIORITY_TAGS_ALWAYS}, {VLAN_TRUNK, -1, PRIORITY_TAGS_IF_NONZERO},
	};
	static const uint8_t known[6] = {0, 0, 0, 0, 0, 2};
	struct bridge *br;
	char name[8];

	fixture_init();
	br = fixture_bridge("br0");
	for (uint16_t i = 0; i < MIN(ARRAY_SIZE(modes), n_ports); i++) {
		struct port *port;

		snprintf(name, sizeof name, "p%u", i + 1);
		port = fixture_port(br, name, (uint16_t)(i + 1));
		port->vlan_mode = modes[i].mode;
		port->tag = modes[i].tag;
		port->priority_tags = modes[i].priority_tags;
		if (port->vlan_mode == VLAN_DOT1Q_TUNNEL) {
			port->cvlans = xcalloc(N_VLANS / 64, sizeof *port->cvlans);
			port->cvlans[0] = 1 << 3;
		}
	}
	fdb_add_static(br->fdb, 5, known, port_by_name("p2"), 0);
	for (size_t i = 0; i < n && rules[i]; i++)
		fixture_flow(br, rules[i]);
	return br;
}

static void translate(struct bridge *br, const struct pkt_key *key, void *actions, struct xlate_out *out)
{
	struct xlate_in in = {.dp = &fixture.dp, .key = key, .bridge = br};

	*out = (struct xlate_out){.actions = {.data = actions, .cap = DP_ACTIONS_MAX}, .credits = fixture.credits};
	rcu_read_lock();
	xlate_run(&in, out);
	rcu_read_unlock();
}

static bool told_apart(const struct pkt_key *a, const struct pkt_key *b, const struct pkt_key *mask)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b, *m = (const uint64_t *)mask;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		if ((x[i] ^ y[i]) & m[i])
			return true;
	return false;
}

static void explain(const struct pkt_key *a, const struct pkt_key *b, const struct xlate_out *out_a,
		    const struct xlate_out *out_b)
{
	struct flow_key x = {.p = *a}, y = {.p = *b}, mask = {.p = out_a->mask};
	struct ds text = DS_INIT;

	flow_key_format(&x, NULL, &text);
	ds_put(&text, "\n  ");
	dp_actions_format(out_a->actions.data, out_a->actions.len, NULL, &text);
	ds_put(&text, "\n  ");
	megaflow_format(&x, &mask, NULL, &text);
	ds_put_char(&text, '\n');
	flow_key_format(&y, NULL, &text);
	ds_put(&text, "\n  ");
	dp_actions_format(out_b->actions.data, out_b->actions.len, NULL, &text);
	fail_msg("%s", ds_cstr(&text));
}

static unsigned int try_pair(struct bridge *br)
{
	static _Alignas(8) uint8_t actions[2][DP_ACTIONS_MAX];
	struct pkt_key a = {.in_port = 1 + pick(3 + 5 * pick(2))}, b;
	struct xlate_out out_a, out_b;

	for (size_t i = 0; i < 3; i++)
		picks[i](&a);
	b = a;
	picks[pick(ARRAY_SIZE(picks))](&b);
	translate(br, &a, actions[0], &out_a);
	if (told_apart(&a, &b, &out_a.mask))
		return 0;
	translate(br, &b, actions[1], &out_b);
	if (out_a.actions.len != out_b.actions.len || memcmp(actions[0], actions[1], out_a.actions.len) != 0)
		explain(&a, &b, &out_a, &out_b);
	return 1;
}

static void test_same_mask_same_actions(void **state VSW_UNUSED)
{
	seed = getenv("SEED") ? (uint32_t)atoi(getenv("SEED")) : 1;
	print_message("seed %u\n", seed);
	/* Few ports and many: where some port pops a tag, everything about tags is in the mask anyway. */
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rule_sets); i++) {
		struct bridge *br = make_bridge(rule_sets[i / 2], ARRAY_SIZE(rule_sets[0]), i % 2 ? 3 : 8);
		unsigned int n_alike = 0;

		for (int n = 0; n < N_PAIRS; n++)
			n_alike += try_pair(br);
		assert_true(n_alike > N_PAIRS / 50); /* or it tests nothing */
		fixture_fini();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_mask_same_actions)};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
