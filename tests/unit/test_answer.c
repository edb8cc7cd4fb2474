// SPDX-License-Identifier: Apache-2.0
/* Flows for answers that have not come yet, on a dummy datapath that is told to want them: which are put, and what they are worth. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture_bridge.h"
#include "os/loop.h"
#include "packet/packet.h"
#include "switchd/datapath/dummy.h"
#include "switchd/datapath/forward.h"
#include "switchd/megaflow.h"
#include "switchd/revalidate.h"
#include "switchd/upcall.h"

#define AB "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2"
#define BA "dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:01,nw_src=10.0.0.2,nw_dst=10.0.0.1"
#define SYN "in_port=1,tcp," AB ",tp_src=40000,tp_dst=80,tcp_flags=0x2,nw_ttl=64"
#define SYN_ACK "in_port=2,tcp," BA ",tp_src=80,tp_dst=40000,tcp_flags=0x12,nw_ttl=64"
#define PORTS "move:NXM_OF_TCP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_TCP_DST[]->NXM_NX_REG1[0..15]"

static struct loop *loop;
static struct datapath *dp;
static struct datapath_ops ops;
static struct bridge *br;

static void add_port(const char *name, uint16_t ofp_port)
{
	struct dp_port_spec spec = {.name = name, .type = "dummy", .requested = ofp_port};
	struct errtext err = {0};
	uint32_t number;

	fixture_port(br, name, ofp_port);
	assert_int_equal(dp->ops->port_add(dp, &spec, &number, &err), 0);
}

static int setup(void **state VSW_UNUSED)
{
	struct dp_config config = {.upcall = upcall_handle, .aux = &dp};
	struct errtext err = {0};

	loop = config.loop = loop_new();
	if (datapath_dummy.open(&config, &dp, &err))
		return -1;
	ops = *dp->ops;
	ops.flow_covers = forward_flow_covers;
	dp->ops = &ops;
	vswitch.dp = dp;
	fixture_init();
	br = fixture_bridge("br0");
	br->dp = dp;
	add_port("p1", 1);
	add_port("p2", 2);
	return 0;
}

static int teardown(void **state VSW_UNUSED)
{
	revalidate_stop();
	dp->ops->close(dp);
	vswitch.dp = NULL;
	fixture_fini();
	loop_free(loop);
	return 0;
}

static void receive(const char *flow)
{
	static uint8_t memory[PACKET_HEADROOM + 2000];
	struct errtext err = {0};
	struct flow_key key;
	struct packet p;

	if (flow_key_parse(flow, strlen(flow), NULL, &key, &err))
		fail_msg("%s: %s", flow, err.text);
	packet_init(&p, memory, sizeof memory, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key.p, 64), 0);
	assert_int_equal(dummy_receive(dp, key.p.in_port, &p), 0);
}

static uint64_t misses(void)
{
	struct dp_stats stats;

	dp->ops->stats(dp, &stats);
	return stats.misses;
}

static const struct {
	const char *rules[4], *before, *opening, *answer;
	unsigned int n_flows, n_misses; /* in the end, beyond those of `before` */
	const char *why;
} cases[] = {
	{{"priority=9,tcp,actions=" PORTS ",NORMAL", "priority=1,actions=NORMAL"},
	 "in_port=2,arp," BA,
	 SYN,
	 SYN_ACK,
	 2,
	 1,
	 "the answer's source is known"},
	{{"priority=9,tcp,actions=" PORTS ",NORMAL"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 2,
	 "flooded: nobody knows by which port it comes"},
	{{"tcp,tp_dst=80,actions=output:2", "tcp,tp_src=80,actions=output:1"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 1,
	 "by rules alone"},
	{{"in_port=1,tcp,tp_dst=80,actions=output:2", "in_port=2,tcp,tp_src=80,actions=NORMAL", "arp,actions=NORMAL"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 2,
	 "the answer's source is news to NORMAL"},
	{{"tcp,tp_dst=80,actions=output:2", "tcp,tp_src=80,tcp_flags=+ack,actions=output:1"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 2,
	 "rules look at the answer's flags"},
	{{"tcp,tp_dst=80,actions=output:2", "tcp,tp_src=80,actions=dec_ttl,output:1"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 2,
	 "rules look at the answer's TTL"},
	{{"tcp,tp_dst=80,actions=output:2", "actions=drop"}, NULL, SYN, SYN_ACK, 2, 2, "it would be dropped"},
	{{"tcp,tp_dst=80,actions=mod_nw_dst:10.0.0.3,output:2", "tcp,tp_src=80,actions=output:1"},
	 NULL,
	 SYN,
	 SYN_ACK,
	 2,
	 2,
	 "the packet is rewritten"},
	{{"tcp,tp_dst=80,actions=output:2", "tcp,tp_src=80,actions=output:1"},
	 NULL,
	 "in_port=1,tcp," AB ",tp_src=40000,tp_dst=80,tcp_flags=0x10",
	 SYN_ACK,
	 2,
	 2,
	 "not the first of a connection"},
	{{"in_port=1,actions=output:2", "in_port=2,actions=output:1"},
	 "in_port=2,tcp," BA ",tp_src=1,tp_dst=2,tcp_flags=0x10",
	 SYN,
	 SYN_ACK,
	 1,
	 1,
	 "there is a flow that covers it"},
};

static void test_which(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n_misses;
		size_t n_flows;

		print_message("  %s\n", cases[i].why);
		setup(state);
		for (size_t r = 0; cases[i].rules[r]; r++)
			fixture_flow(br, cases[i].rules[r]);
		if (cases[i].before)
			receive(cases[i].before);
		n_misses = misses();
		n_flows = megaflows_count();
		receive(cases[i].opening);
		receive(cases[i].answer);
		assert_int_equal(megaflows_count() - n_flows, cases[i].n_flows);
		assert_int_equal(misses() - n_misses, cases[i].n_misses);
		teardown(state);
	}
}

static void wait_for_pass(void)
{
	struct revalidate_stats before, now;

	revalidate_get_stats(&before);
	revalidate_fdb_changed();
	do {
		sched_yield();
		revalidate_get_stats(&now);
	} while (now.n_passes < before.n_passes + 2);
}

/* Before its first packet it goes as soon as that packet would teach something; then it is a flow as any other. */
static void test_until_it_comes(void **state VSW_UNUSED)
{
	for (int comes = 0; comes < 2; comes++) {
		fixture_flow(br, "priority=9,tcp,actions=" PORTS ",NORMAL");
		fixture_flow(br, "priority=1,arp,actions=NORMAL");
		assert_int_equal(revalidate_start(), 0);
		receive("in_port=2,arp," BA);
		receive(SYN);
		assert_int_equal(megaflows_count(), 3);
		if (comes)
			receive(SYN_ACK);
		revalidate_pull_stats();
		fdb_flush(br->fdb, NULL, -1);
		wait_for_pass();
		assert_int_equal(megaflows_count(), 2 + comes);
		teardown(state);
		setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),
		cmocka_unit_test_setup_teardown(test_until_it_comes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
