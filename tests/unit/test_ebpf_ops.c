// SPDX-License-Identifier: Apache-2.0
/* Datapath actions -> what the BPF program interprets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/util.h"
#include "flow/dp_action.h"
#include "switchd/datapath/ebpf_ops.h"

static uint64_t memory[DP_ACTIONS_MAX / 8];
static struct dp_actions list;
static struct ebpf_ops ops;

static int begin(void **state)
{
	(void)state;
	list = (struct dp_actions){.data = (uint8_t *)memory, .cap = sizeof memory};
	memset(&ops, 0xff, sizeof ops);
	return 0;
}

static void compile(void)
{
	ebpf_ops_compile(&ops, list.data, list.len);
}

/* Does operation @i rewrite @len bytes at @off under @mask to @value, both as they lie in the frame? */
static void assert_rewrite(size_t i, enum bpf_base base, unsigned int off, int csum, const char *value,
			   const char *mask, uint8_t len)
{
	const struct bpf_op *op = &ops.ops[i];

	assert_int_equal(op->code, BPF_OP_REWRITE);
	assert_int_equal(op->base, base);
	assert_int_equal(op->off, off);
	assert_int_equal(op->csum, csum);
	assert_int_equal(op->len, len);
	assert_memory_equal(&op->value, value, len);
	assert_memory_equal(&op->mask, mask, len);
}

static void outputs(void **state)
{
	(void)state;
	dp_actions_put_u32(&list, DP_OUTPUT, 7);
	compile();
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.out, 8); /* the short cut */
	dp_actions_put_u32(&list, DP_OUTPUT, 0);
	compile();
	assert_int_equal(ops.n, 2);
	assert_int_equal(ops.out, 0);
	assert_int_equal(ops.ops[1].code, BPF_OP_OUTPUT);
	assert_int_equal(ops.ops[1].value, 0);
}

static void nothing_is_a_drop(void **state)
{
	(void)state;
	compile();
	assert_int_equal(ops.n, 0);
	assert_int_equal(ops.out, 0);
	assert_int_equal(ops.why, EBPF_WHY_NONE);
	dp_actions_put_u32(&list, DP_DROP, DROP_NO_RULE);
	compile();
	assert_int_equal(ops.ops[0].code, BPF_OP_DROP);
	assert_int_equal(ops.ops[0].value, DROP_NO_RULE);
}

static void vlan(void **state)
{
	struct dp_push_vlan *push;

	(void)state;
	dp_actions_put_u32(&list, DP_POP_VLAN, 0);
	push = dp_actions_put(&list, DP_PUSH_VLAN, sizeof *push);
	push->tag = (struct vlan_key){BE16_C(0x88a8), BE16_C(0x7000 | 100)};
	compile();
	assert_int_equal(ops.n, 2);
	assert_int_equal(ops.ops[0].code, BPF_OP_POP_VLAN);
	assert_int_equal(ops.ops[1].code, BPF_OP_PUSH_VLAN);
	/* FLOW_VLAN_PRESENT is not of the frame. */
	assert_int_equal(ops.ops[1].value, 0x88a8u << 16 | 0x6000 | 100);
}

static void ethernet(void **state)
{
	struct dp_set_eth *set = dp_actions_put(&list, DP_SET_ETH, sizeof *set);

	(void)state;
	memcpy(set->src, "\x02\x11\x22\x33\x44\x55", 6);
	memset(set->src_mask, 0xff, 6);
	compile();
	/* The source begins in the middle of the second word. */
	assert_int_equal(ops.n, 2);
	assert_rewrite(0, BPF_BASE_ETH, 4, 0, "\0\0\x02\x11", "\0\0\xff\xff", 4);
	assert_rewrite(1, BPF_BASE_ETH, 8, 0, "\x22\x33\x44\x55", "\xff\xff\xff\xff", 4);
}

static void ipv4(void **state)
{
	struct dp_set_ipv4 *set = dp_actions_put(&list, DP_SET_IPV4, sizeof *set);

	(void)state;
	set->dst = BE32_C(0x0a000002);
	set->dst_mask = BE32_C(0xffffffff);
	set->tos = 0x20;
	set->tos_mask = 0xfc;
	set->ttl = 63;
	set->ttl_mask = 0xff;
	compile();
	assert_int_equal(ops.n, 3);
	assert_rewrite(0, BPF_BASE_IPV4, 16, BPF_CSUM_IP | BPF_CSUM_L4 | BPF_CSUM_PSEUDO, "\x0a\0\0\x02",
		       "\xff\xff\xff\xff", 4);
	assert_rewrite(1, BPF_BASE_IPV4, 0, BPF_CSUM_IP, "\0\x20", "\0\xfc", 2);
	assert_rewrite(2, BPF_BASE_IPV4, 8, BPF_CSUM_IP, "\x3f\0", "\xff\0", 2);
}

static void ipv6(void **state)
{
	struct dp_set_ipv6 *set = dp_actions_put(&list, DP_SET_IPV6, sizeof *set);

	(void)state;
	set->src[15] = 9;
	set->src_mask[15] = 0xff;
	set->label = BE32_C(0x12345);
	set->label_mask = BE32_C(0xfffff);
	set->tclass = 0xb8;
	set->tclass_mask = 0xff;
	set->hlimit = 5;
	set->hlimit_mask = 0xff;
	compile();
	assert_int_equal(ops.n, 3);
	assert_rewrite(0, BPF_BASE_IPV6, 20, BPF_CSUM_L4 | BPF_CSUM_PSEUDO, "\0\0\0\x09", "\0\0\0\xff", 4);
	assert_rewrite(1, BPF_BASE_IPV6, 0, 0, "\x0b\x81\x23\x45", "\x0f\xff\xff\xff", 4);
	assert_rewrite(2, BPF_BASE_IPV6, 6, 0, "\0\x05", "\0\xff", 2);
}

static void ports_icmp_arp(void **state)
{
	struct dp_set_tp *tp = dp_actions_put(&list, DP_SET_TP, sizeof *tp);
	struct dp_set_icmp *icmp;
	struct dp_set_arp *arp;

	(void)state;
	tp->h.arg = 17;
	tp->dst = BE16_C(53);
	tp->dst_mask = BE16_C(0xffff);
	icmp = dp_actions_put(&list, DP_SET_ICMP, sizeof *icmp);
	icmp->h.arg = 1;
	icmp->type = 8;
	icmp->type_mask = 0xff;
	arp = dp_actions_put(&list, DP_SET_ARP, sizeof *arp);
	arp->op = BE16_C(2);
	arp->op_mask = BE16_C(0xffff);
	memcpy(arp->tha, "\x02\0\0\0\0\x07", 6);
	memset(arp->tha_mask, 0xff, 6);
	compile();
	assert_int_equal(ops.n, 5);
	assert_rewrite(0, BPF_BASE_PORTS, 0, BPF_CSUM_L4, "\0\0\0\x35", "\0\0\xff\xff", 4);
	assert_rewrite(1, BPF_BASE_ICMP, 0, BPF_CSUM_L4, "\x08\0", "\xff\0", 2);
	assert_rewrite(2, BPF_BASE_ARP, 6, 0, "\0\x02", "\xff\xff", 2);
	assert_rewrite(3, BPF_BASE_ARP, 18, 0, "\x02\0\0\0", "\xff\xff\xff\xff", 4);
	assert_rewrite(4, BPF_BASE_ARP, 22, 0, "\0\x07", "\xff\xff", 2);
}

static void meters(void **state)
{
	(void)state;
	dp_actions_put_u32(&list, DP_METER, 7);
	dp_actions_put_u32(&list, DP_OUTPUT, 1);
	compile();
	assert_int_equal(ops.n, 2);
	assert_int_equal(ops.out, 0);
	assert_int_equal(ops.ops[0].code, BPF_OP_METER);
	assert_int_equal(ops.ops[0].value, 7);
}

/* What the kernel lacks makes the daemon run the whole list. */
static void not_in_the_kernel(void **state)
{
	static const struct {
		enum dp_action_type type;
		enum ebpf_why why;
	} kinds[] = {
		{DP_RECIRC, EBPF_WHY_RECIRC},
		{DP_HASH, EBPF_WHY_HASH},
		{DP_TRUNC, EBPF_WHY_TRUNC},
	};
	struct dp_set_tp *tp;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		begin(state);
		dp_actions_put_u32(&list, DP_OUTPUT, 1);
		dp_actions_put_u32(&list, kinds[i].type, 1);
		dp_actions_put_u32(&list, DP_OUTPUT, 2);
		compile();
		assert_int_equal(ops.n, 0);
		assert_int_equal(ops.out, 0);
		assert_int_equal(ops.why, kinds[i].why);
	}
	begin(state);
	tp = dp_actions_put(&list, DP_SET_TP, sizeof *tp);
	tp->h.arg = 132; /* SCTP */
	compile();
	assert_int_equal(ops.why, EBPF_WHY_SCTP);
}

static void as_many_as_fit(void **state)
{
	(void)state;
	for (int i = 0; i < BPF_N_OPS; i++)
		dp_actions_put_u32(&list, DP_OUTPUT, (uint32_t)i);
	compile();
	assert_int_equal(ops.n, BPF_N_OPS);
	assert_int_equal(ops.why, EBPF_WHY_NONE);
	dp_actions_put_u32(&list, DP_OUTPUT, 1);
	compile();
	assert_int_equal(ops.why, EBPF_WHY_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(outputs, begin),	       cmocka_unit_test_setup(nothing_is_a_drop, begin),
		cmocka_unit_test_setup(vlan, begin),	       cmocka_unit_test_setup(ethernet, begin),
		cmocka_unit_test_setup(ipv4, begin),	       cmocka_unit_test_setup(ipv6, begin),
		cmocka_unit_test_setup(ports_icmp_arp, begin), cmocka_unit_test_setup(not_in_the_kernel, begin),
		cmocka_unit_test_setup(as_many_as_fit, begin), cmocka_unit_test_setup(meters, begin),
	};

	return cmocka_run_group_tests_name("ebpf_ops", tests, NULL, NULL);
}
