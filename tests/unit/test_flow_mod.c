/* SPDX-License-Identifier: Apache-2.0 */
/* What flow-mods do to tables: a table of cases, each a list of bundles and what must be there afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table_helper.h"

static struct tables *new_tables(void)
{
	const struct tables_config config = {.name = "br0"};
	struct tables *tables;

	assert_int_equal(tables_new(&config, 0, &tables, NULL), 0);
	return tables;
}

/* One bundle per string; an error is expected where the string begins with its errno in brackets. */
struct flow_mod_case {
	const char *name;
	const char *bundles[6];
	const char *expected; /* dump-flows --no-stats */
};

static const struct flow_mod_case cases[] = {
	{"add replaces equal match and priority",
	 {"ip actions=output:1", "ip actions=output:2", "priority=7,ip actions=output:3"},
	 " ip actions=output:2\n priority=7,ip actions=output:3\n"},
	{"add replaces within one bundle",
	 {"ip actions=output:1\nip actions=output:2\nip actions=output:3"},
	 " ip actions=output:3\n"},
	{"equal priorities stay in order of age",
	 {"arp actions=output:1\nip actions=output:2", "udp actions=output:3"},
	 " arp actions=output:1\n ip actions=output:2\n udp actions=output:3\n"},
	{"tables in order, priorities falling",
	 {"table=3,actions=1\ntable=1,priority=1,actions=1\ntable=1,priority=9,actions=1\ntable=254,actions=drop"},
	 " table=1, priority=9 actions=output:1\n table=1, priority=1 actions=output:1\n table=3, actions=output:1\n"
	 " table=254, actions=drop\n"},
	{"modify is loose",
	 {"ip,nw_src=10.0.0.1 actions=1\nudp actions=1\narp actions=1", "modify ip actions=2"},
	 " ip,nw_src=10.0.0.1 actions=output:2\n udp actions=output:2\n arp actions=output:1\n"},
	{"modify_strict is not",
	 {"ip actions=1\npriority=5,ip actions=1\nudp actions=1", "modify_strict ip actions=2"},
	 " ip actions=output:2\n udp actions=output:1\n priority=5,ip actions=output:1\n"},
	{"modify of nothing adds", {"modify table=2,ip actions=2"}, " table=2, ip actions=output:2\n"},
	{"in no table: to table 0", {"modify ip actions=2"}, " ip actions=output:2\n"},
	{"modify_strict of nothing adds", {"modify_strict ip actions=2"}, " ip actions=output:2\n"},
	{"modify by cookie of nothing does not", {"modify cookie=1/-1,ip actions=2"}, ""},
	{"modify by cookie",
	 {"cookie=1,ip actions=1\ncookie=2,arp actions=1", "modify cookie=2/-1 actions=3"},
	 " cookie=0x1, ip actions=output:1\n cookie=0x2, arp actions=output:3\n"},
	{"modify gives a new cookie when it names one",
	 {"cookie=1,ip actions=1\ncookie=2,arp actions=1", "modify cookie=7,ip actions=3"},
	 " cookie=0x7, ip actions=output:3\n cookie=0x2, arp actions=output:1\n"},
	{"modify keeps timeouts and flags",
	 {"idle_timeout=5,hard_timeout=6,importance=3,send_flow_rem,ip actions=1",
	  "modify idle_timeout=50,ip actions=2"},
	 " idle_timeout=5, hard_timeout=6, send_flow_rem importance=3, ip actions=output:2\n"},
	{"flags of the command do not stay", {"check_overlap,reset_counts,ip actions=1"}, " ip actions=output:1\n"},
	{"modify twice in a bundle, and what was added there",
	 {"ip actions=1", "udp actions=1\nmodify ip actions=2\nmodify udp actions=3"},
	 " ip actions=output:2\n udp actions=output:3\n"},
	{"delete is loose",
	 {"ip,nw_src=10.0.0.1 actions=1\nudp actions=1\narp actions=1\ntable=1,ip actions=1", "delete ip"},
	 " arp actions=output:1\n"},
	{"delete in one table", {"ip actions=1\ntable=1,ip actions=1", "delete table=1"}, " ip actions=output:1\n"},
	{"delete everything", {"ip actions=1\ntable=1,ip actions=1\npriority=0,actions=1", "delete"}, ""},
	{"delete_strict",
	 {"ip actions=1\npriority=5,ip actions=1\nudp actions=1\ntable=4,ip actions=1", "delete_strict priority=5,ip"},
	 " ip actions=output:1\n udp actions=output:1\n table=4, ip actions=output:1\n"},
	{"delete_strict in all tables",
	 {"ip actions=1\ntable=4,ip actions=1\nudp actions=1", "delete_strict ip"},
	 " udp actions=output:1\n"},
	{"delete by out_port",
	 {"ip actions=1,2\narp actions=2\nudp actions=3", "delete out_port=2"},
	 " udp actions=output:3\n"},
	{"delete by cookie under a mask",
	 {"cookie=0x10,ip actions=1\ncookie=0x11,arp actions=1\ncookie=0x21,udp actions=1", "delete cookie=0x10/0xf0"},
	 " cookie=0x21, udp actions=output:1\n"},
	{"delete_strict by a cookie that is not the rule's",
	 {"cookie=0x10,ip actions=1", "delete_strict cookie=0x11/-1,ip"},
	 " cookie=0x10, ip actions=output:1\n"},
	{"delete and add again in one bundle",
	 {"ip actions=1\narp actions=1", "delete\nip actions=2"},
	 " ip actions=output:2\n"},
	{"replace, then delete, in one bundle", {"ip actions=1", "ip actions=2\ndelete"}, ""},
	{"check_overlap refuses",
	 {"priority=5,ip,nw_src=10.0.0.0/8 actions=1", "[17]check_overlap,priority=5,ip,nw_dst=10.0.0.1 actions=1"},
	 " priority=5,ip,nw_src=10.0.0.0/8 actions=output:1\n"},
	{"check_overlap within a bundle",
	 {"[17]priority=5,ip,nw_src=10.0.0.0/8 actions=1\ncheck_overlap,priority=5,tcp actions=1"},
	 ""},
	{"check_overlap: other priority, disjoint, same",
	 {"priority=5,ip,nw_src=10.0.0.0/8 actions=1", "check_overlap,priority=6,ip,nw_src=10.0.0.1 actions=1",
	  "check_overlap,priority=5,ip,nw_src=11.0.0.1 actions=1",
	  "check_overlap,priority=5,ip,nw_src=10.0.0.0/8 actions=2"},
	 " priority=6,ip,nw_src=10.0.0.1 actions=output:1\n priority=5,ip,nw_src=10.0.0.0/8 actions=output:2\n"
	 " priority=5,ip,nw_src=11.0.0.1 actions=output:1\n"},
	{"a refused bundle changes nothing",
	 {"ip actions=1\narp actions=1\ncookie=1,udp actions=1",
	  "[17]delete arp\nmodify ip actions=9\nip actions=7\ntcp actions=5\ndelete "
	  "udp\ncheck_overlap,ip,nw_src=1.1.1.1 "
	  "actions=1"},
	 " ip actions=output:1\n arp actions=output:1\n cookie=0x1, udp actions=output:1\n"},
};

static void run_case(const struct flow_mod_case *c)
{
	struct tables *tables = new_tables();
	char *got;

	for (size_t i = 0; i < ARRAY_SIZE(c->bundles) && c->bundles[i]; i++) {
		const char *bundle = c->bundles[i], *bracket = strchr(bundle, ']');
		int expected = *bundle == '[' ? -atoi(bundle + 1) : 0;
		struct errtext err = {0};
		int ret = apply_at(tables, expected ? bracket + 1 : bundle, (int64_t)i, NULL, &err);

		if (ret != expected)
			fail_msg("%s: bundle %zu: %d, not %d: %s", c->name, i, ret, expected, err.text);
		tables_expire(tables, (int64_t)i);
	}
	got = dump_flows(tables, true, 0);
	if (strcmp(got, c->expected))
		fail_msg("%s: got\n%s", c->name, got);
	free(got);
	tables_free(tables);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run_case(&cases[i]);
}

/* Bundle of N with the failing one at every place. */
static void test_rollback_everywhere(void **state)
{
	static const char *const good[] = {
		"tcp actions=9\n", "delete arp\n",	  "modify udp actions=9\n",
		"ip actions=9\n",  "delete_strict udp\n", "table=7,ip actions=9\n",
	};

	(void)state;
	for (size_t at = 0; at <= ARRAY_SIZE(good); at++) {
		struct tables *tables = new_tables();
		uint64_t version;
		struct ds bundle = DS_INIT;
		size_t failed;
		struct errtext err;

		apply(tables, "ip actions=1\nudp actions=1\narp actions=1\npriority=3,actions=1", 0);
		version = tables_version(tables);
		for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
			if (i == at)
				ds_put(&bundle, "check_overlap,priority=3,icmp actions=drop\n");
			ds_put(&bundle, good[i]);
		}
		if (at == ARRAY_SIZE(good))
			ds_put(&bundle, "check_overlap,priority=3,icmp actions=drop\n");
		assert_int_equal(apply_at(tables, ds_cstr(&bundle), 5, &failed, &err), -EEXIST);
		assert_int_equal(failed, at);
		assert_non_null(strstr(err.text, "overlaps: 'priority=3'"));
		assert_int_equal(tables_version(tables), version);
		assert_int_equal(tables_count(tables), 4);
		expect_flows(tables, " ip actions=output:1\n udp actions=output:1\n arp actions=output:1\n"
				     " priority=3 actions=output:1\n");
		/* Nor does anything come to light with the next change. */
		apply(tables, "table=8,ip actions=1\ndelete table=8", 5);
		assert_int_equal(tables_count(tables), 4);
		apply(tables, "table=8,ip actions=1", 5);
		expect_flows(tables, " ip actions=output:1\n udp actions=output:1\n arp actions=output:1\n"
				     " priority=3 actions=output:1\n table=8, ip actions=output:1\n");
		apply(tables, "delete\nip actions=2", 6);
		expect_flows(tables, " ip actions=output:2\n");
		ds_fini(&bundle);
		tables_free(tables);
	}
}

static void test_limit_refuses(void **state)
{
	struct tables *tables = new_tables();
	struct errtext err;
	size_t failed;

	(void)state;
	tables_set_limit(tables, 0, 2, false, 0);
	apply(tables, "ip actions=1\nidle_timeout=5,arp actions=1", 0);
	apply(tables, "ip actions=2", 0); /* replacing needs no room */
	assert_int_equal(apply_at(tables, "table=1,ip actions=1\nudp actions=1", 0, &failed, &err), -ENOSPC);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(err.text, "flow_limit 2"));
	apply(tables, "delete arp\nudp actions=1", 0);
	expect_flows(tables, " ip actions=output:2\n udp actions=output:1\n");
	tables_free(tables);
}

static void test_limit_evicts(void **state)
{
	struct tables *tables = new_tables();
	struct errtext err;

	(void)state;
	tables_set_limit(tables, 0, 3, true, 0);
	apply(tables,
	      "importance=1,idle_timeout=5,arp actions=1\nidle_timeout=9,udp actions=1\nhard_timeout=8,tcp actions=1",
	      0);
	apply(tables, "ip actions=1", 0); /* of importance 0, tcp would end first */
	expect_flows(tables,
		     " idle_timeout=5, importance=1, arp actions=output:1\n idle_timeout=9, udp actions=output:1\n"
		     " ip actions=output:1\n");
	apply(tables, "icmp actions=1\nsctp actions=1", 0);
	expect_flows(tables, " ip actions=output:1\n icmp actions=output:1\n sctp actions=output:1\n");
	assert_int_equal(apply_at(tables, "tcp actions=1", 0, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "no flow in it has a timeout"));
	apply(tables, "delete icmp\nhard_timeout=8,tcp actions=1", 0);
	tables_set_limit(tables, 0, 2, true, 0);
	expect_flows(tables, " ip actions=output:1\n sctp actions=output:1\n");
	tables_free(tables);
}

static void test_counters(void **state)
{
	struct tables *tables = new_tables();
	struct rule *held;

	(void)state;
	apply(tables, "ip actions=1", 0);
	held = find(tables, "ip");
	rule_ref(held);
	rule_account(held, 2, 200, 500);
	apply(tables, "modify ip actions=2", 1000);
	/* The datapath's flow still points to the old rule. */
	rule_account(held, 1, 50, 1500);
	expect_stats(tables, 2500,
		     " cookie=0x0, duration=2.5s, table=0, n_packets=3, n_bytes=250, idle_age=1, hard_age=1, ip "
		     "actions=output:2\n");
	apply(tables, "modify ip actions=3", 2000);
	rule_account(held, 1, 1, 1500);
	rule_unref(held);
	expect_stats(tables, 2500,
		     " cookie=0x0, duration=2.5s, table=0, n_packets=4, n_bytes=251, idle_age=1, hard_age=0, ip "
		     "actions=output:3\n");
	apply(tables, "modify reset_counts,ip actions=3", 3000);
	expect_stats(tables, 3000,
		     " cookie=0x0, duration=3s, table=0, n_packets=0, n_bytes=0, idle_age=1, hard_age=0, ip "
		     "actions=output:3\n");
	rule_account(find(tables, "ip"), 5, 5, 3000);
	apply(tables, "ip actions=3", 4000);
	expect_stats(tables, 4000,
		     " cookie=0x0, duration=0s, table=0, n_packets=0, n_bytes=0, idle_age=0, ip actions=output:3\n");
	tables_free(tables);
}

/* What is accounted to a rule in the instant of its modification arrives when the old rule goes. */
static void test_late_counters(void **state)
{
	struct tables *tables = new_tables();
	struct rule *old;

	(void)state;
	apply(tables, "ip actions=1", 0);
	old = find(tables, "ip");
	apply(tables, "modify ip actions=2", 0);
	__atomic_fetch_add(&old->n_packets, 3, __ATOMIC_RELAXED);
	rcu_barrier();
	tables_expire(tables, 0);
	rcu_barrier();
	assert_int_equal(find(tables, "ip")->n_packets, 3);
	tables_free(tables);
}

static void test_table_all(void **state)
{
	struct tables *tables = new_tables();
	struct flow_mod fm = {.command = FLOW_ADD, .table = FLOW_TABLE_ALL};
	struct errtext err;
	size_t failed = 99;

	(void)state;
	assert_int_equal(tables_apply(tables, &fm, 1, 0, &failed, &err), -EINVAL);
	assert_int_equal(failed, 0);
	assert_int_equal(tables_apply(tables, NULL, 0, 0, &failed, &err), 0);
	tables_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	      cmocka_unit_test(test_rollback_everywhere),
		cmocka_unit_test(test_limit_refuses), cmocka_unit_test(test_limit_evicts),
		cmocka_unit_test(test_counters),      cmocka_unit_test(test_late_counters),
		cmocka_unit_test(test_table_all),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	return ret;
}
