// SPDX-License-Identifier: Apache-2.0
/* Datapath actions: building, judging and printing. The texts are those of ofproto/trace of OVS 3.1 on its dummy datapath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/dp_action.h"

#define ALL32 BE32_C(0xffffffff)
#define ALL16 BE16_C(0xffff)

static uint64_t memory[512];

static struct dp_actions list_init(void)
{
	return (struct dp_actions){.data = (uint8_t *)memory, .cap = sizeof memory};
}

static void check(const struct dp_actions *list, const char *printed)
{
	struct ds out = DS_INIT;

	assert_false(list->overflow);
	assert_true(dp_actions_valid(list->data, list->len));
	dp_actions_format(list->data, list->len, NULL, &out);
	assert_string_equal(ds_cstr(&out), printed);
	ds_fini(&out);
}

static void plain(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_push_vlan *push;
	struct dp_userspace *up;

	check(&list, "drop");
	push = dp_actions_put(&list, DP_PUSH_VLAN, sizeof *push);
	push->tag = (struct vlan_key){BE16_C(0x8100), BE16_C(0x700a)};
	dp_actions_put_u32(&list, DP_OUTPUT, 2);
	dp_actions_put(&list, DP_POP_VLAN, 0);
	push = dp_actions_put(&list, DP_PUSH_VLAN, sizeof *push);
	push->tag = (struct vlan_key){BE16_C(0x88a8), BE16_C(0x100a)};
	dp_actions_put_u32(&list, DP_TRUNC, 100);
	dp_actions_put_u32(&list, DP_OUTPUT, 3);
	check(&list, "push_vlan(vid=10,pcp=3),2,pop_vlan,push_vlan(tpid=0x88a8,vid=10,pcp=0),trunc(100),3");

	list = list_init();
	dp_actions_put_u32(&list, DP_SET_MARK, 1);
	dp_actions_put_u32(&list, DP_SET_PRIORITY, 5);
	dp_actions_put_u32(&list, DP_METER, 7);
	dp_actions_put(&list, DP_HASH, sizeof(struct dp_hash));
	dp_actions_put_u32(&list, DP_RECIRC, 1);
	up = dp_actions_put(&list, DP_USERSPACE, sizeof *up);
	up->h.arg = DP_TO_SLOW_PATH;
	check(&list, "set(skb_mark(0x1)),set(skb_priority(0x5)),meter(7),hash(hash_l4(0)),recirc(0x1),"
		     "userspace(pid=0,slow_path(action))");

	list = list_init();
	dp_actions_put_u32(&list, DP_DROP, DROP_NO_RULE);
	check(&list, "drop");
}

static void rewrites_l2_l3(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_set_eth *eth = dp_actions_put(&list, DP_SET_ETH, sizeof *eth);
	struct dp_set_ipv4 *ip;
	struct dp_set_ipv6 *ip6;

	eth->src[0] = eth->src_mask[0] = 1;
	check(&list, "set(eth(src=01:00:00:00:00:00/01:00:00:00:00:00))");
	eth->src[0] = 0;
	eth->src[5] = 1;
	eth->dst[5] = 2;
	memset(eth->src_mask, 0xff, 6);
	memset(eth->dst_mask, 0xff, 6);
	check(&list, "set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02))");

	list = list_init();
	ip = dp_actions_put(&list, DP_SET_IPV4, sizeof *ip);
	ip->ttl = 63;
	ip->ttl_mask = 0xff;
	check(&list, "set(ipv4(ttl=63))");
	ip->src = BE32_C(0x0a000000);
	ip->src_mask = BE32_C(0xff000000);
	ip->dst = BE32_C(0x01020305);
	ip->dst_mask = ALL32;
	ip->tos = 0x14;
	ip->tos_mask = 0xfc;
	check(&list, "set(ipv4(src=10.0.0.0/255.0.0.0,dst=1.2.3.5,tos=0x14/0xfc,ttl=63))");

	list = list_init();
	ip6 = dp_actions_put(&list, DP_SET_IPV6, sizeof *ip6);
	ip6->src[15] = 1;
	memset(ip6->src_mask, 0xff, 16);
	ip6->dst[0] = 0xfe;
	ip6->dst[1] = 0x80;
	memset(ip6->dst_mask, 0xff, 8);
	ip6->label = BE32_C(5);
	ip6->label_mask = BE32_C(0xfffff);
	ip6->tclass = 8;
	ip6->tclass_mask = 0xfc;
	ip6->hlimit = 63;
	ip6->hlimit_mask = 0xff;
	check(&list, "set(ipv6(src=::1,dst=fe80::/ffff:ffff:ffff:ffff::,label=0x5,tclass=0x8/0xfc,hlimit=63))");
}

static void rewrites_l4(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_set_tp *tp = dp_actions_put(&list, DP_SET_TP, sizeof *tp);
	struct dp_set_icmp *icmp;

	tp->h.arg = 6;
	tp->dst = BE16_C(80);
	tp->dst_mask = ALL16;
	check(&list, "set(tcp(dst=80))");
	tp->src = BE16_C(16);
	tp->src_mask = BE16_C(0xf0);
	check(&list, "set(tcp(src=16/0xf0,dst=80))");
	tp->h.arg = 17;
	tp->src_mask = 0;
	check(&list, "set(udp(dst=80))");
	tp->h.arg = 132;
	check(&list, "set(sctp(dst=80))");

	list = list_init();
	icmp = dp_actions_put(&list, DP_SET_ICMP, sizeof *icmp);
	icmp->h.arg = 1;
	icmp->type = 8;
	icmp->type_mask = icmp->code_mask = 0xff;
	check(&list, "set(icmp(type=8,code=0))");
	icmp->h.arg = 58;
	check(&list, "set(icmpv6(type=8,code=0))");
}

static void rewrites_others(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_set_arp *arp = dp_actions_put(&list, DP_SET_ARP, sizeof *arp);
	struct dp_set_tunnel *tun;
	struct dp_set_mpls *mpls;
	struct dp_set_nd *nd;

	arp->spa = BE32_C(0x01020304);
	arp->spa_mask = ALL32;
	arp->op = BE16_C(2);
	arp->op_mask = ALL16;
	check(&list, "set(arp(sip=1.2.3.4,op=2))");

	list = list_init();
	nd = dp_actions_put(&list, DP_SET_ND, sizeof *nd);
	nd->target[15] = 1;
	memset(nd->target_mask, 0xff, 16);
	nd->sll[5] = 1;
	memset(nd->sll_mask, 0xff, 6);
	check(&list, "set(nd(target=::1,sll=00:00:00:00:00:01))");

	list = list_init();
	mpls = dp_actions_put(&list, DP_SET_MPLS, sizeof *mpls);
	mpls->lse = cpu_to_be32(5 << 12 | 3 << 9 | 1 << 8 | 9);
	mpls->lse_mask = ALL32;
	check(&list, "set(mpls(label=5,tc=3,ttl=9,bos=1))");

	list = list_init();
	tun = dp_actions_put(&list, DP_SET_TUNNEL, sizeof *tun);
	tun->id = cpu_to_be64(5);
	tun->dst = BE32_C(0x01020304);
	tun->ttl = 64;
	tun->tp_dst = BE16_C(4789);
	tun->flags = FLOW_TUN_DF | FLOW_TUN_KEY;
	check(&list, "set(tunnel(tun_id=0x5,dst=1.2.3.4,ttl=64,tp_dst=4789,flags(df|key)))");
}

static void nests(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_sample *sample;
	size_t outer = dp_actions_nest_begin(&list, DP_CLONE, sizeof(struct dp_action)), inner;

	dp_actions_put_u32(&list, DP_OUTPUT, 1);
	inner = dp_actions_nest_begin(&list, DP_SAMPLE, sizeof *sample);
	sample = (struct dp_sample *)(list.data + inner);
	sample->h.arg = UINT32_MAX / 2;
	dp_actions_put_u32(&list, DP_OUTPUT, 2);
	dp_actions_nest_end(&list, inner);
	dp_actions_nest_end(&list, outer);
	dp_actions_put_u32(&list, DP_OUTPUT, 3);
	check(&list, "clone(1,sample(sample=50.0%,actions(2))),3");

	list = list_init();
	dp_actions_nest_end(&list, dp_actions_nest_begin(&list, DP_CLONE, sizeof(struct dp_action)));
	check(&list, "clone(drop)");
}

static const char *port_name(const struct dp_port_names *self VSW_UNUSED, uint32_t port)
{
	return port == 1 ? "eth0" : NULL;
}

static void port_names(void **state VSW_UNUSED)
{
	static const struct dp_port_names names = {port_name};
	struct dp_actions list = list_init();
	struct ds out = DS_INIT;

	dp_actions_put_u32(&list, DP_OUTPUT, 1);
	dp_actions_put_u32(&list, DP_OUTPUT, 2);
	dp_actions_format(list.data, list.len, &names, &out);
	assert_string_equal(ds_cstr(&out), "eth0,2");
	ds_fini(&out);
}

/* A full list takes nothing more, and its memory is not written past. */
static void overflow(void **state VSW_UNUSED)
{
	struct dp_actions list = list_init();
	struct dp_set_ipv6 *set;
	size_t nest;

	list.cap = 24;
	memset(memory, 0xaa, sizeof memory);
	dp_actions_put_u32(&list, DP_OUTPUT, 1);
	dp_actions_put_u32(&list, DP_OUTPUT, 2);
	nest = dp_actions_nest_begin(&list, DP_CLONE, sizeof(struct dp_action));
	set = dp_actions_put(&list, DP_SET_IPV6, sizeof *set);
	memset(set->src, 0xff, sizeof set->src);
	dp_actions_nest_end(&list, nest);
	assert_true(list.overflow);
	assert_int_equal(list.len, 24);
	assert_int_equal(((uint8_t *)memory)[24], 0xaa);
	/* It sticks, also for what would fit. */
	list.cap = 64;
	dp_actions_put_u32(&list, DP_OUTPUT, 3);
	assert_int_equal(list.len, 24);
}

static void lists_from_outside(void **state VSW_UNUSED)
{
	static const struct {
		const char *what;
		struct dp_action a[3];
		size_t len;
		bool valid;
	} cases[] = {
		{"empty", {{0}}, 0, true},
		{"one output", {{DP_OUTPUT, 8, 1}}, 8, true},
		{"half a header", {{DP_OUTPUT, 8, 1}}, 4, false},
		{"no type", {{0, 8, 1}}, 8, false},
		{"type beyond", {{DP_N_TYPES, 8, 1}}, 8, false},
		{"length 0", {{DP_OUTPUT, 0, 1}}, 8, false},
		{"length 4", {{DP_OUTPUT, 4, 1}}, 8, false},
		{"length past the end", {{DP_OUTPUT, 16, 1}}, 8, false},
		{"not a multiple of 8", {{DP_OUTPUT, 12, 1}}, 16, false},
		{"too long for its type", {{DP_OUTPUT, 16, 1}}, 16, false},
		{"too short for its type", {{DP_SET_ETH, 8, 1}}, 8, false},
		{"nested", {{DP_CLONE, 16, 0}, {DP_OUTPUT, 8, 1}}, 16, true},
		{"nested past its list", {{DP_CLONE, 16, 0}, {DP_OUTPUT, 16, 1}, {DP_OUTPUT, 8, 1}}, 24, false},
	};
	uint64_t deep[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (dp_actions_valid(cases[i].a, cases[i].len) != cases[i].valid)
			fail_msg("%s", cases[i].what);
	for (size_t i = 0; i < ARRAY_SIZE(deep); i++)
		memcpy(&deep[i], &(struct dp_action){DP_CLONE, (uint16_t)(sizeof deep - i * 8), 0}, 8);
	assert_false(dp_actions_valid(deep, sizeof deep));
}

static void drop_reasons(void **state VSW_UNUSED)
{
	assert_string_equal(drop_reason_name(DROP_NO_RULE), "no-rule");
	assert_string_equal(drop_reason_name(DROP_INTERNAL), "internal");
	assert_string_equal(drop_reason_name(DROP_N_REASONS), "unknown");
	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		assert_non_null(drop_reason_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),	cmocka_unit_test(rewrites_l2_l3),
		cmocka_unit_test(rewrites_l4),	cmocka_unit_test(rewrites_others),
		cmocka_unit_test(nests),	cmocka_unit_test(port_names),
		cmocka_unit_test(overflow),	cmocka_unit_test(lists_from_outside),
		cmocka_unit_test(drop_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
