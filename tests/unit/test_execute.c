// SPDX-License-Identifier: Apache-2.0
/*
 * The action interpreter against a plain one that copies the packet before each action: same outputs, whatever is shared, nested,
 * pending or out of scratch memory. The datapath here refers to what it is given until it is flushed, like `user`.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "flow/dp_action.h"
#include "switchd/datapath/execute.h"

enum { MAX_OUT = 4096 };

struct out {
	uint32_t port, len;
	const uint8_t *data; /* still the packet's, until flushed */
	uint32_t sum;	     /* of the bytes, once flushed */
	uint16_t csum_start;
	uint8_t gso_type;
};

static struct execute x;
static struct verdict verdict;
static struct out outs[MAX_OUT];
static size_t n_outs, n_flushed, n_flushes;
static uint32_t n_up, up_reason;
static uint64_t up_cookie;
static uint64_t recirc_list[64];
static struct dp_actions recirc_actions;

static void flush(struct execute *self)
{
	(void)self;
	for (; n_flushed < n_outs; n_flushed++)
		outs[n_flushed].sum = hash_bytes(outs[n_flushed].data, outs[n_flushed].len, 0);
	n_flushes++;
}

static void output(struct execute *self, const struct packet *p, uint32_t port_no)
{
	assert_true(n_outs < MAX_OUT);
	outs[n_outs++] = (struct out){port_no, p->len, p->data, 0, p->csum_start, p->gso_type};
	self->verdict->forwarded = true;
}

static void recirc(struct execute *self, struct packet *p, bool held)
{
	struct pkt_key key;

	packet_parse(p, &key);
	execute_actions(self, p, held, recirc_actions.data, recirc_actions.len);
}

static void userspace(struct execute *self, const struct packet *p, uint32_t reason, uint64_t cookie)
{
	(void)self;
	assert_true(p->len > 0);
	n_up++;
	up_reason = reason;
	up_cookie = cookie;
}

static const struct execute_ops ops = {true, output, flush, recirc, userspace};

static uint8_t memory[EXECUTE_RESERVE + PACKET_HEADROOM + PACKET_MAX_LEN];

static struct packet tcp(size_t payload)
{
	struct pkt_key key = {
		.eth_dst = {2, 0, 0, 0, 0, 2},
		.eth_src = {2, 0, 0, 0, 0, 1},
		.eth_type = BE16_C(0x0800),
		.nw_src = BE32_C(0x0a000001),
		.nw_dst = BE32_C(0x0a000002),
		.nw_proto = 6,
		.nw_ttl = 64,
		.tp_src = BE16_C(1000),
		.tp_dst = BE16_C(2000),
		.tcp_flags = BE16_C(0x10),
	};
	struct packet p;

	packet_init(&p, memory + EXECUTE_RESERVE, sizeof memory - EXECUTE_RESERVE, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key, payload), 0);
	return p;
}

static int setup(void **state)
{
	(void)state;
	execute_init(&x, &ops);
	verdict = (struct verdict){0};
	x.verdict = &verdict;
	n_outs = n_flushed = n_flushes = 0;
	n_up = 0;
	recirc_actions = (struct dp_actions){(uint8_t *)recirc_list, 0, sizeof recirc_list, false};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	execute_fini(&x);
	return 0;
}

/* ---- building lists ---- */

static uint64_t list_memory[DP_ACTIONS_MAX / 8];
static struct dp_actions list;

static void begin(void)
{
	list = (struct dp_actions){(uint8_t *)list_memory, 0, sizeof list_memory, false};
}

static void put_output(uint32_t port)
{
	dp_actions_put_u32(&list, DP_OUTPUT, port);
}

static void put_push(uint16_t vid)
{
	struct dp_push_vlan *push = dp_actions_put(&list, DP_PUSH_VLAN, sizeof *push);

	push->tag.tpid = BE16_C(0x8100);
	push->tag.tci = cpu_to_be16(FLOW_VLAN_PRESENT | vid);
}

static void put_pop(void)
{
	dp_actions_put(&list, DP_POP_VLAN, 0);
}

static void put_ttl(uint8_t ttl)
{
	struct dp_set_ipv4 *set = dp_actions_put(&list, DP_SET_IPV4, sizeof *set);

	set->ttl = ttl;
	set->ttl_mask = 0xff;
}

static void put_mac(uint8_t last)
{
	struct dp_set_eth *set = dp_actions_put(&list, DP_SET_ETH, sizeof *set);

	set->dst[5] = last;
	set->dst_mask[5] = 0xff;
}

static void run(struct packet *p)
{
	assert_int_equal(execute_supports(list.data, list.len), 0);
	execute_actions(&x, p, false, list.data, list.len);
	flush(&x);
	execute_flushed(&x);
	assert_int_equal(x.depth, 0);
}

/* ---- the plain interpreter: nothing is shared ---- */

static struct out expected[MAX_OUT];
static size_t n_expected;

static void plain(const struct packet *original, const void *actions, size_t len)
{
	uint8_t *mem = xmalloc(PACKET_HEADROOM + PACKET_MAX_LEN);
	const struct dp_action *a;
	struct packet p = *original;
	size_t left;

	p.data = mem + PACKET_HEADROOM;
	p.headroom = PACKET_HEADROOM;
	memcpy(p.data, original->data, p.len);
	DP_ACTION_FOR_EACH(a, left, actions, len) {
		const struct dp_push_vlan *push = (const void *)a;

		switch (a->type) {
		case DP_OUTPUT:
			expected[n_expected++] = (struct out){
				a->arg, p.len, NULL, hash_bytes(p.data, p.len, 0), p.csum_start, p.gso_type};
			break;
		case DP_PUSH_VLAN:
			packet_push_vlan(&p, push->tag.tpid, push->tag.tci);
			break;
		case DP_POP_VLAN:
			packet_pop_vlan(&p);
			break;
		case DP_SET_IPV4:
			packet_set_ipv4(&p, (const void *)a);
			break;
		case DP_SET_ETH:
			packet_set_eth(&p, (const void *)a);
			break;
		case DP_CLONE:
			plain(&p, a + 1, a->len - sizeof *a);
			break;
		case DP_RECIRC:
			plain(&p, recirc_actions.data, recirc_actions.len);
			break;
		}
	}
	free(mem);
}

static void compare(struct packet *p)
{
	n_expected = 0;
	plain(p, list.data, list.len);
	run(p);
	assert_int_equal(n_outs, n_expected);
	for (size_t i = 0; i < n_outs; i++) {
		assert_int_equal(outs[i].port, expected[i].port);
		assert_int_equal(outs[i].len, expected[i].len);
		assert_int_equal(outs[i].sum, expected[i].sum);
		assert_int_equal(outs[i].csum_start, expected[i].csum_start);
	}
}

/* ---- tests ---- */

static void flood_is_not_copied(void **state)
{
	struct packet p = tcp(100);
	const uint8_t *data = p.data;

	(void)state;
	begin();
	for (uint32_t i = 0; i < 64; i++)
		put_output(i);
	run(&p);
	assert_int_equal(n_outs, 64);
	for (size_t i = 0; i < 64; i++)
		assert_ptr_equal(outs[i].data, data);
	assert_true(verdict.forwarded);
}

static void last_needs_no_copy(void **state)
{
	struct packet p = tcp(100);
	const uint8_t *data = p.data;

	(void)state;
	begin();
	size_t nest = dp_actions_nest_begin(&list, DP_CLONE, 0);
	put_push(5);
	put_output(1);
	dp_actions_nest_end(&list, nest);
	run(&p);
	assert_int_equal(n_outs, 1);
	assert_ptr_equal(outs[0].data, data - 4);
}

static void rewrites_between_outputs(void **state)
{
	struct packet p = tcp(100);

	(void)state;
	begin();
	put_output(1);
	put_push(5);
	put_output(2);
	put_ttl(9);
	put_output(3);
	put_pop();
	put_mac(7);
	put_output(4);
	compare(&p);
}

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void random_list(unsigned int depth, unsigned int n)
{
	size_t nest;

	while (n--)
		switch (rnd(9)) {
		case 0:
			put_push((uint16_t)rnd(4096));
			break;
		case 1:
			put_pop();
			break;
		case 2:
			put_ttl((uint8_t)rnd(256));
			break;
		case 3:
			put_mac((uint8_t)rnd(256));
			break;
		case 4:
			if (depth < 6) {
				nest = dp_actions_nest_begin(&list, DP_CLONE, 0);
				random_list(depth + 1, rnd(5));
				dp_actions_nest_end(&list, nest);
			}
			break;
		case 5:
			if (rnd(3) == 0)
				dp_actions_put_u32(&list, DP_RECIRC, 1);
			break;
		default:
			put_output(rnd(1000));
		}
}

/* Small packets, and large ones that exhaust the scratch memory in the middle of a list. */
static void random_lists(void **state)
{
	(void)state;
	for (uint32_t round = 1; round <= 600; round++) {
		struct packet p;

		teardown(NULL);
		setup(NULL);
		seed = round * 7919;
		p = tcp(round % 3 ? 40 : 60000);
		p.flags = PACKET_F_CSUM_PARTIAL;
		p.csum_start = 34;
		p.csum_offset = 16;
		begin();
		random_list(0, 3);
		recirc_actions.len = list.len < sizeof recirc_list ? list.len : 0;
		memcpy(recirc_list, list.data, recirc_actions.len);
		for (size_t i = 0; i < recirc_actions.len;
		     i += ((struct dp_action *)(void *)(recirc_actions.data + i))->len)
			if (((struct dp_action *)(void *)(recirc_actions.data + i))->type >= DP_RECIRC)
				recirc_actions.len = 0; /* no nesting without end */
		begin();
		random_list(0, 4 + rnd(20));
		compare(&p);
	}
}

/* Each level rewrites its own copy, and sends it after the levels below have rewritten theirs. */
static void put_nested(unsigned int levels, uint32_t i)
{
	size_t nest = dp_actions_nest_begin(&list, DP_CLONE, 0);

	put_ttl((uint8_t)(i + levels));
	if (levels)
		put_nested(levels - 1, i);
	put_output(2000 + i);
	dp_actions_nest_end(&list, nest);
}

static void scratch_runs_out(void **state)
{
	struct packet p = tcp(60000);

	(void)state;
	begin();
	for (uint32_t i = 0; i < 100; i++) {
		size_t nest;

		put_output(i);
		put_ttl((uint8_t)i);
		nest = dp_actions_nest_begin(&list, DP_CLONE, 0);
		put_mac((uint8_t)i);
		put_nested(2, i);
		put_output(1000 + i);
		dp_actions_nest_end(&list, nest);
	}
	put_output(5000);
	compare(&p);
	assert_true(n_flushes > 1);
}

static void truncation(void **state)
{
	struct packet p = tcp(1000);
	uint32_t len = p.len;

	(void)state;
	p.gso_type = PACKET_GSO_TCPV4;
	p.gso_size = 500;
	begin();
	dp_actions_put_u32(&list, DP_TRUNC, 64);
	put_output(1);
	put_output(2);
	dp_actions_put_u32(&list, DP_TRUNC, 5000);
	put_output(3);
	put_mac(1);
	run(&p);
	assert_int_equal(outs[0].len, 64);
	assert_int_equal(outs[0].gso_type, PACKET_GSO_NONE);
	assert_int_equal(outs[1].gso_type, PACKET_GSO_TCPV4);
	assert_int_equal(outs[1].len, len);
	assert_int_equal(outs[2].len, len);
	assert_int_equal(p.gso_type, PACKET_GSO_TCPV4);
}

static void drops(void **state)
{
	struct packet p = tcp(10);

	(void)state;
	begin();
	run(&p);
	assert_int_equal(verdict.reason, DROP_RULE_DROP);
	verdict = (struct verdict){0};
	begin();
	dp_actions_put_u32(&list, DP_DROP, DROP_METER);
	put_output(1);
	run(&p);
	assert_int_equal(verdict.reason, DROP_METER);
	assert_int_equal(n_outs, 0);
	verdict = (struct verdict){0};
	begin();
	dp_actions_put_u32(&list, DP_DROP, 60000);
	run(&p);
	assert_int_equal(verdict.reason, DROP_INTERNAL);
	/* More tags than there is room for. */
	verdict = (struct verdict){0};
	begin();
	for (int i = 0; i < 100; i++)
		put_push(1);
	put_output(1);
	run(&p);
	assert_int_equal(verdict.reason, DROP_ACTION_LIMIT);
	assert_int_equal(n_outs, 0);
	/* To be rewritten while it is still being sent as it was, and longer than any copy can be. */
	verdict = (struct verdict){0};
	p = tcp(10);
	begin();
	put_output(1);
	put_mac(1);
	put_output(2);
	p.data--;
	p.len = PACKET_MAX_LEN + 1;
	run(&p);
	assert_int_equal(verdict.reason, DROP_NO_MEMORY);
	assert_int_equal(n_outs, 1);
	/* Recirculation into itself. */
	verdict = (struct verdict){0};
	p = tcp(10);
	dp_actions_put_u32(&recirc_actions, DP_RECIRC, 1);
	begin();
	dp_actions_put_u32(&list, DP_RECIRC, 1);
	run(&p);
	assert_int_equal(verdict.reason, DROP_LOOP_LIMIT);
	assert_int_equal(x.n_recirc, 0);
}

static void metadata(void **state)
{
	struct packet p = tcp(10), other = tcp(10);
	struct dp_userspace *user;

	(void)state;
	p.in_port = 1;
	other.in_port = 2;
	begin();
	dp_actions_put_u32(&list, DP_SET_MARK, 77);
	dp_actions_put_u32(&list, DP_SET_PRIORITY, 3);
	dp_actions_put_u32(&list, DP_HASH, 5);
	user = dp_actions_put(&list, DP_USERSPACE, sizeof *user);
	user->h.arg = DP_TO_CONTROLLER;
	user->cookie = 0xabcdef0123;
	run(&p);
	run(&other);
	assert_int_equal(p.pkt_mark, 77);
	assert_int_equal(p.skb_priority, 3);
	assert_int_not_equal(p.dp_hash, 0);
	assert_int_equal(p.dp_hash, other.dp_hash);
	assert_int_equal(n_up, 2);
	assert_int_equal(up_reason, DP_TO_CONTROLLER);
	assert_true(up_cookie == 0xabcdef0123);
}

static void sampling(void **state)
{
	static const struct {
		uint32_t probability;
		unsigned int low, high; /* of 4,000 */
	} cases[] = {{0, 0, 0}, {UINT32_MAX, 4000, 4000}, {UINT32_MAX / 4, 850, 1150}};

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		size_t nest;

		n_outs = n_flushed = 0;
		begin();
		nest = dp_actions_nest_begin(&list, DP_SAMPLE, sizeof(struct dp_sample));
		put_output(1);
		dp_actions_nest_end(&list, nest);
		((struct dp_action *)(void *)list.data)->arg = cases[c].probability;
		for (int i = 0; i < 4000; i++) {
			struct packet p = tcp(10);

			run(&p);
		}
		assert_in_range(n_outs, cases[c].low, cases[c].high);
	}
}

static void what_is_supported(void **state)
{
	size_t nest;

	(void)state;
	begin();
	put_output(1);
	assert_int_equal(execute_supports(list.data, list.len), 0);
	assert_int_equal(execute_supports(list.data, list.len - 1), -EINVAL);
	assert_int_equal(execute_supports(NULL, 0), 0);
	nest = dp_actions_nest_begin(&list, DP_CLONE, 0);
	dp_actions_put_u32(&list, DP_METER, 1);
	dp_actions_nest_end(&list, nest);
	assert_int_equal(execute_supports(list.data, list.len), 0);
	begin();
	dp_actions_put(&list, DP_SET_TUNNEL, sizeof(struct dp_set_tunnel));
	assert_int_equal(execute_supports(list.data, list.len), 0);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(flood_is_not_copied),
		TEST(last_needs_no_copy),
		TEST(rewrites_between_outputs),
		TEST(random_lists),
		TEST(scratch_runs_out),
		TEST(truncation),
		TEST(drops),
		TEST(metadata),
		TEST(sampling),
		TEST(what_is_supported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
