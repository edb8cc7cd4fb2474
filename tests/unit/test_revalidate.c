// SPDX-License-Identifier: Apache-2.0
/*
 * Misses, the book of datapath flows and its upkeep, on a dummy datapath with real tables and a real FDB: who gets which
 * counters, and what a change makes of the flows that are there.
 */
#include <errno.h>
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
#include "switchd/megaflow.h"
#include "switchd/revalidate.h"
#include "switchd/upcall.h"

#define MACS "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02"
#define BACK "dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:01"

static struct loop *loop;
static struct datapath *dp;
static struct bridge *br;

static void changed(void *aux VSW_UNUSED, const uint64_t tables[4])
{
	revalidate_tables(tables);
}

static void fdb_changed(void *aux VSW_UNUSED, const struct fdb_change *change VSW_UNUSED)
{
	revalidate_fdb_changed();
}

static void add_port(const char *name, uint16_t ofp_port)
{
	struct dp_port_spec spec = {.name = name, .type = "dummy", .requested = ofp_port};
	struct errtext err = {0};
	uint32_t number;

	fixture_port(br, name, ofp_port);
	assert_int_equal(dp->ops->port_add(dp, &spec, &number, &err), 0);
	assert_int_equal(number, ofp_port);
}

/* One bridge with three ports, as the daemon would have it. */
static int setup(void **state VSW_UNUSED)
{
	struct tables_config config = {.name = "br0", .changed = changed};
	struct dp_config dp_config = {.upcall = upcall_handle, .aux = &dp};
	struct errtext err = {0};

	loop = dp_config.loop = loop_new();
	if (datapath_dummy.open(&dp_config, &dp, &err))
		return -1;
	dummy_capture(dp, true);
	vswitch.dp = dp;
	fixture_init();
	br = fixture_bridge("br0");
	br->dp = dp;
	tables_free(br->tables);
	fdb_free(br->fdb);
	br->fdb = fdb_new(fdb_changed, NULL);
	add_port("p1", 1);
	add_port("p2", 2);
	add_port("p3", 3);
	return tables_new(&config, clock_now_ms(), &br->tables, &err);
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

/* ---- packets in, counters out ---- */

static uint8_t memory[PACKET_HEADROOM + 2000];

/* Frames of a flow come in. */
static void receive(const char *flow, unsigned int n)
{
	struct errtext err = {0};
	struct flow_key key;
	struct packet p;

	if (flow_key_parse(flow, strlen(flow), NULL, &key, &err))
		fail_msg("%s: %s", flow, err.text);
	packet_init(&p, memory, sizeof memory, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key.p, 64), 0);
	while (n--)
		assert_int_equal(dummy_receive(dp, key.p.in_port, &p), 0);
}

/* Frames that left through a port since the last call. */
static unsigned int sent(uint32_t port)
{
	unsigned int n = 0;
	uint8_t buf[2000];

	while (dummy_take_tx(dp, port, buf, sizeof buf))
		n++;
	return n;
}

static int add_packets(void *aux, struct rule *rule)
{
	*(uint64_t *)aux += __atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED);
	return 0;
}

/* Packets of the rules with a cookie. */
static uint64_t counted(uint64_t cookie)
{
	struct flow_mod filter = {
		.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE, .cookie = cookie, .cookie_mask = UINT64_MAX};
	uint64_t n = 0;

	revalidate_pull_stats();
	match_init_any(&filter.match);
	tables_each(br->tables, &filter, add_packets, &n);
	return n;
}

static void flow_mod(enum flow_mod_command command, const char *text)
{
	struct errtext err = {0};
	struct flow_mod fm;

	if (flow_mod_parse(text, strlen(text), command, NULL, &fm, &err) ||
	    tables_apply(br->tables, &fm, 1, clock_now_ms(), NULL, &err))
		fail_msg("%s: %s", text, err.text);
	flow_mod_fini(&fm);
}

static uint64_t drops(uint32_t port, enum drop_reason reason)
{
	struct dp_port_stats stats;

	assert_int_equal(dp->ops->port_stats(dp, port, &stats), 0);
	return stats.drops[reason];
}

static uint64_t n_passes(void)
{
	struct revalidate_stats stats;

	revalidate_get_stats(&stats);
	return stats.n_passes;
}

/* The thread goes over all flows once more, with what was asked of it until now. */
static void wait_for_pass(void)
{
	uint64_t n = n_passes();

	revalidate_fdb_changed();
	while (n_passes() < n + 2)
		sched_yield();
}

/* ---- tests ---- */

static void test_miss_then_flow(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,actions=output:2");
	receive("in_port=1," MACS ",ip,nw_dst=10.0.0.1", 10);
	receive("in_port=1," MACS ",ip,nw_dst=10.0.0.2", 1);
	assert_int_equal(megaflows_count(), 1);
	assert_int_equal(sent(2), 11);
	assert_int_equal(counted(1), 11);
	assert_int_equal(counted(1), 11);
	assert_true(megaflows_memory() > 0);
}

/* What a flow counted before a change stays with the rule of then; what comes after goes to the new one. */
static void test_replaced(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,priority=1,actions=output:2");
	receive("in_port=1," MACS ",ip", 5);
	fixture_flow(br, "cookie=2,priority=2,ip,actions=output:3");
	receive("in_port=1," MACS ",ip", 7);
	assert_int_equal(sent(2), 5);
	assert_int_equal(sent(3), 7);
	assert_int_equal(counted(1), 5);
	assert_int_equal(counted(2), 7);
	flow_mod(FLOW_DELETE, "cookie=2/-1");
	receive("in_port=1," MACS ",ip", 2);
	assert_int_equal(sent(2), 2);
	assert_int_equal(counted(1), 7);
}

/* A rule that gets other actions keeps its counters, those still in the datapath included. */
static void test_modified(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,actions=output:2");
	receive("in_port=1," MACS ",ip", 5);
	flow_mod(FLOW_MODIFY, "actions=output:3");
	receive("in_port=1," MACS ",ip", 4);
	assert_int_equal(sent(2), 5);
	assert_int_equal(sent(3), 4);
	assert_int_equal(counted(1), 9);
}

/* The same answer from another rule: nothing to put into the datapath, but the counters go elsewhere. */
static void test_other_rule_same_answer(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,priority=1,actions=output:2");
	receive("in_port=1," MACS ",ip", 3);
	fixture_flow(br, "cookie=2,priority=2,ip,actions=output:2");
	receive("in_port=1," MACS ",ip", 6);
	assert_int_equal(sent(2), 9);
	assert_int_equal(counted(1), 3);
	assert_int_equal(counted(2), 6);
}

/* An answer that looks at more than the flow matches cannot take its place. */
static void test_wider_mask_removes(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,priority=1,actions=output:2");
	receive("in_port=1," MACS ",tcp,nw_dst=10.0.0.1,tcp_dst=80", 3);
	receive("in_port=1," MACS ",tcp,nw_dst=10.0.0.1,tcp_dst=443", 3);
	assert_int_equal(megaflows_count(), 1);
	fixture_flow(br, "cookie=2,priority=2,tcp,tcp_dst=80,actions=drop");
	assert_int_equal(megaflows_count(), 0);
	assert_int_equal(counted(1), 6);
	receive("in_port=1," MACS ",tcp,nw_dst=10.0.0.1,tcp_dst=80", 2);
	receive("in_port=1," MACS ",tcp,nw_dst=10.0.0.1,tcp_dst=443", 2);
	assert_int_equal(sent(2), 8);
	assert_int_equal(counted(1), 8);
	assert_int_equal(counted(2), 2);
	assert_int_equal(drops(1, DROP_RULE_DROP), 2);
}

/* A change of tables that a flow did not go through costs it nothing. */
static void test_other_tables(void **state VSW_UNUSED)
{
	struct revalidate_stats before, after;

	fixture_flow(br, "cookie=1,actions=output:2");
	receive("in_port=1," MACS ",ip", 3);
	revalidate_get_stats(&before);
	fixture_flow(br, "table=7,actions=drop");
	revalidate_get_stats(&after);
	assert_true(before.n_retranslated == after.n_retranslated);
	fixture_flow(br, "priority=1,actions=drop");
	revalidate_get_stats(&after);
	assert_true(before.n_retranslated + 1 == after.n_retranslated);
}

static void test_idle(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,actions=output:2");
	clock_stop();
	receive("in_port=1," MACS ",ip", 3);
	assert_int_equal(revalidate_start(), 0);
	clock_warp(9000);
	receive("in_port=1," MACS ",ip", 1);
	clock_warp(9000);
	wait_for_pass();
	assert_int_equal(megaflows_count(), 1);
	receive("in_port=1," MACS ",ip", 1);
	revalidate_set_idle_ms(1000);
	clock_warp(1001);
	wait_for_pass();
	assert_int_equal(megaflows_count(), 0);
	assert_int_equal(counted(1), 5);
	revalidate_set_idle_ms(10000);
}

/* NORMAL: what was flooded goes to one port when the address was heard, and to another when it moved. */
static void test_fdb(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,actions=NORMAL");
	assert_int_equal(revalidate_start(), 0);
	receive("in_port=1," MACS ",ip", 1);
	assert_int_equal(sent(2) + sent(3), 2);
	receive("in_port=2," BACK ",ip", 1);
	assert_int_equal(sent(1), 1);
	wait_for_pass();
	receive("in_port=1," MACS ",ip", 4);
	assert_int_equal(sent(2), 4);
	assert_int_equal(sent(3), 0);
	receive("in_port=3," BACK ",ip", 1);
	wait_for_pass();
	receive("in_port=1," MACS ",ip", 4);
	assert_int_equal(sent(2), 0);
	assert_int_equal(sent(3), 4);
	assert_int_equal(counted(1), 11);
}

/* Cached packets keep the address fresh, as of when they came. */
static void test_fdb_kept_fresh(void **state VSW_UNUSED)
{
	struct fdb_entry *entries;

	fixture_flow(br, "actions=NORMAL");
	clock_stop();
	receive("in_port=1," MACS ",ip", 1);
	clock_warp(5000);
	receive("in_port=1," MACS ",ip", 1);
	clock_warp(3000);
	revalidate_pull_stats();
	assert_int_equal(fdb_snapshot(br->fdb, clock_now_ms(), &entries), 1);
	assert_int_equal(entries[0].age_ms, 3000);
	free(entries);
}

/* Two ports in one millisecond: the miss that was learnt at once, not the counters that come behind. */
static void test_fdb_tie(void **state VSW_UNUSED)
{
	struct fdb_entry *entries;

	fixture_flow(br, "actions=NORMAL");
	clock_stop();
	receive("in_port=1," MACS ",ip", 2);
	receive("in_port=2," MACS ",ip", 1);
	revalidate_pull_stats();
	assert_int_equal(fdb_snapshot(br->fdb, clock_now_ms(), &entries), 1);
	assert_ptr_equal(entries[0].port, port_by_name("p2"));
	free(entries);
	clock_warp(1);
	receive("in_port=1," MACS ",ip", 1);
	revalidate_pull_stats();
	assert_int_equal(fdb_snapshot(br->fdb, clock_now_ms(), &entries), 1);
	assert_ptr_equal(entries[0].port, port_by_name("p1"));
	free(entries);
}

/* Tables count packets, those that a cached flow forwarded too. */
static void test_table_counters(void **state VSW_UNUSED)
{
	struct table_stats stats;

	fixture_flow(br, "actions=resubmit(,7),output:2");
	receive("in_port=1," MACS ",ip", 5);
	revalidate_pull_stats();
	tables_get_stats(br->tables, 0, &stats);
	assert_int_equal(stats.n_lookups, 5);
	assert_int_equal(stats.n_matches, 5);
	tables_get_stats(br->tables, 7, &stats);
	assert_int_equal(stats.n_lookups, 5);
	assert_int_equal(stats.n_matches, 0);
}

/* The last counters of flows that go away are not lost. */
static void test_forgotten(void **state VSW_UNUSED)
{
	fixture_flow(br, "cookie=1,actions=output:2");
	receive("in_port=1," MACS ",ip", 3);
	receive("in_port=3," MACS ",ip", 3);
	revalidate_forget_datapath(dp);
	assert_int_equal(megaflows_count(), 0);
	assert_int_equal(counted(1), 6);
	receive("in_port=1," MACS ",ip", 2);
	revalidate_forget_bridge(br);
	assert_int_equal(counted(1), 8);
}

static void test_ttl_ends(void **state VSW_UNUSED)
{
	struct upcall_stats before, after;

	upcall_get_stats(&before);
	fixture_flow(br, "cookie=1,in_port=1,actions=output:3,dec_ttl,output:2");
	fixture_flow(br, "cookie=2,in_port=2,actions=dec_ttl,output:3");
	receive("in_port=1," MACS ",ip,nw_ttl=1", 3);
	receive("in_port=2," MACS ",ip,nw_ttl=1", 4);
	assert_int_equal(sent(2), 0);
	assert_int_equal(sent(3), 3);
	assert_int_equal(counted(1), 3);
	assert_int_equal(counted(2), 4);
	assert_int_equal(drops(1, DROP_TTL_EXCEEDED), 0);
	assert_int_equal(drops(2, DROP_TTL_EXCEEDED), 4);
	upcall_get_stats(&after);
	assert_int_equal(after.n_for_controller - before.n_for_controller, 7);
	assert_int_equal(after.n_misses - before.n_misses, 2);
}

static void test_truncated(void **state VSW_UNUSED)
{
	uint8_t buf[2000];

	fixture_flow(br, "actions=output(port=2,max_len=60),output:3");
	receive("in_port=1," MACS ",udp", 1);
	assert_int_equal(dummy_take_tx(dp, 2, buf, sizeof buf), 60);
	assert_int_equal(dummy_take_tx(dp, 3, buf, sizeof buf), 14 + 20 + 8 + 64);
}

enum { MANY = 6000 };

static void receive_many(unsigned int n)
{
	char flow[200];

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(flow, sizeof flow, "in_port=1," MACS ",ip,nw_dst=10.0.%u.%u", i / 250, i % 250);
		receive(flow, n);
		sent(2);
	}
}

/* More flows than a command goes over: it calls all of them off, and the thread puts back what is true. */
static void test_many(void **state VSW_UNUSED)
{
	struct revalidate_stats before, after;

	revalidate_get_stats(&before);
	/* The move makes every bit of the address matter. */
	fixture_flow(br, "cookie=1,ip,actions=move:NXM_OF_IP_DST[]->NXM_NX_REG0[],resubmit(,1)");
	fixture_flow(br, "cookie=2,priority=0,table=1,actions=output:2");
	receive_many(2);
	assert_int_equal(megaflows_count(), MANY);
	assert_int_equal(counted(2), 2 * MANY);

	fixture_flow(br, "cookie=4,priority=1,table=1,reg0=0x0a000105,actions=drop");
	revalidate_get_stats(&after);
	assert_int_equal(after.n_invalidations, before.n_invalidations + 1);
	receive("in_port=1," MACS ",ip,nw_dst=10.0.1.5", 3);
	receive("in_port=1," MACS ",ip,nw_dst=10.0.1.6", 3);
	assert_int_equal(sent(2), 3);
	assert_int_equal(counted(4), 3);
	assert_int_equal(counted(2), 2 * MANY + 3);

	assert_int_equal(revalidate_start(), 0);
	wait_for_pass();
	receive_many(1);
	assert_int_equal(counted(4), 4);
	assert_int_equal(counted(2), 3 * MANY + 3 - 1);
	assert_int_equal(counted(1), 3 * MANY + 6);
	assert_int_equal(megaflows_count(), MANY);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_miss_then_flow),
		TEST(test_replaced),
		TEST(test_modified),
		TEST(test_other_rule_same_answer),
		TEST(test_wider_mask_removes),
		TEST(test_other_tables),
		TEST(test_ttl_ends),
		TEST(test_truncated),
		TEST(test_fdb),
		TEST(test_fdb_kept_fresh),
		TEST(test_fdb_tie),
		TEST(test_table_counters),
		TEST(test_forgotten),
		TEST(test_idle),
		TEST(test_many),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
