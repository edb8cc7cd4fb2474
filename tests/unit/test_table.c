/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables over time and between threads: timeouts, notifications, statistics, lives of rules, and readers that look while
 * bundles are applied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "table_helper.h"

struct seen {
	unsigned int n;
	uint64_t tables[4];
};

static void note_change(void *seen_, const uint64_t tables[4])
{
	struct seen *seen = seen_;

	seen->n++;
	memcpy(seen->tables, tables, sizeof seen->tables);
}

static struct tables *new_tables(struct seen *seen)
{
	const struct tables_config config = {.name = "br0", .changed = seen ? note_change : NULL, .aux = seen};
	struct tables *tables;

	assert_int_equal(tables_new(&config, 0, &tables, NULL), 0);
	return tables;
}

static void test_changed(void **state)
{
	struct seen seen = {0};
	struct tables *tables = new_tables(&seen);
	struct errtext err;

	(void)state;
	apply(tables, "ip actions=1\ntable=65,ip actions=1\ntable=254,ip actions=1", 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.tables[0], 1);
	assert_int_equal(seen.tables[1], 2);
	assert_int_equal(seen.tables[3], 1ull << 62);
	apply(tables, "delete table=65", 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.tables[0], 0);
	assert_int_equal(seen.tables[1], 2);
	apply(tables, "delete table=65", 0); /* nothing there any more */
	apply_at(tables,
		 "delete\ncheck_overlap,tcp actions=1\ncheck_overlap,udp,nw_src=1.1.1.1 actions=1\n"
		 "check_overlap,ip,nw_dst=2.2.2.2 actions=1",
		 0, NULL, &err);
	assert_int_equal(seen.n, 2);
	tables_free(tables);
	assert_int_equal(seen.n, 2);
}

static void test_timeouts(void **state)
{
	struct seen seen = {0};
	struct tables *tables = new_tables(&seen);
	struct rule *udp;

	(void)state;
	apply(tables,
	      "hard_timeout=10,tcp actions=1\nidle_timeout=5,udp actions=1\nidle_timeout=5,hard_timeout=7,icmp "
	      "actions=1\n"
	      "arp actions=1\nhard_timeout=100,table=9,actions=1",
	      1000);
	assert_int_equal(tables_expire(tables, 1000), 1000);
	assert_int_equal(tables_expire(tables, 5500), 500);
	udp = find(tables, "udp");
	rule_account(udp, 1, 60, 5800);
	rule_account(find(tables, "icmp"), 1, 60, 5900);
	seen.n = 0;
	tables_expire(tables, 6000);
	assert_int_equal(seen.n, 0);
	assert_int_equal(tables_expire(tables, 7999), 1);
	tables_expire(tables, 8000); /* icmp: 7 s */
	assert_int_equal(seen.n, 1);
	expect_flows(tables, " hard_timeout=10, tcp actions=output:1\n idle_timeout=5, udp actions=output:1\n"
			     " arp actions=output:1\n table=9, hard_timeout=100, actions=output:1\n");
	tables_expire(tables, 10800); /* udp: idle since 5.8 */
	tables_expire(tables, 11000);
	expect_flows(tables, " arp actions=output:1\n table=9, hard_timeout=100, actions=output:1\n");
	tables_expire(tables, 1000000);
	expect_flows(tables, " arp actions=output:1\n");
	assert_int_equal(tables_expire(tables, 2000000), 1000);
	tables_free(tables);
}

/* A modification starts the hard timeout anew, an add both; a delete takes the timer along. */
static void test_timeouts_and_changes(void **state)
{
	struct tables *tables = new_tables(NULL);

	(void)state;
	apply(tables, "hard_timeout=10,tcp actions=1\nhard_timeout=10,udp actions=1\nhard_timeout=10,arp actions=1", 0);
	apply(tables, "modify tcp actions=2\nhard_timeout=20,udp actions=1\ndelete arp", 8000);
	tables_expire(tables, 10000);
	assert_int_equal(tables_count(tables), 2);
	tables_expire(tables, 18000);
	expect_flows(tables, " hard_timeout=20, udp actions=output:1\n");
	tables_expire(tables, 28000);
	assert_int_equal(tables_count(tables), 0);
	tables_free(tables);
}

/* Many timers in random order: each rule goes in its second, no sooner and no later. */
static void test_many_timeouts(void **state)
{
	struct tables *tables = new_tables(NULL);
	unsigned int x = 1;

	(void)state;
	for (unsigned int i = 1; i <= 500; i++) {
		char text[96];

		x = x * 1103515245 + 12345;
		snprintf(text, sizeof text, "hard_timeout=%u,cookie=%u,ip,nw_src=0.0.0.%u,nw_dst=0.0.%u.0 actions=1",
			 1 + (x >> 16) % 50, 1 + (x >> 16) % 50, i % 256, i / 256);
		apply(tables, text, 0);
	}
	for (int64_t s = 1; s <= 50; s++) {
		struct flow_mod gone = {.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE, .cookie_mask = UINT64_MAX};
		struct dump dump = {{0}, DS_INIT};
		size_t before;

		gone.cookie = (uint64_t)s;
		tables_each(tables, &gone, dump_one, &dump);
		before = tables_count(tables);
		tables_expire(tables, s * 1000 - 1);
		assert_int_equal(tables_count(tables), before);
		tables_expire(tables, s * 1000);
		ds_fini(&dump.out);
		dump.out = (struct ds)DS_INIT;
		tables_each(tables, &gone, dump_one, &dump);
		assert_int_equal(dump.out.len, 0);
		ds_fini(&dump.out);
	}
	assert_int_equal(tables_count(tables), 0);
	tables_free(tables);
}

static void test_stats(void **state)
{
	struct tables *tables = new_tables(NULL);
	struct table_stats stats;
	size_t empty = tables_memory(tables), full;

	(void)state;
	apply(tables, "ip actions=1\ntable=2,ip actions=1", 0);
	assert_non_null(find(tables, "ip"));
	assert_null(find(tables, "arp"));
	tables_account(tables, 0, true, 3);
	tables_account(tables, 0, false, 4);
	tables_get_stats(tables, 0, &stats);
	assert_int_equal(stats.n_rules, 1);
	assert_int_equal(stats.n_lookups, 7);
	assert_int_equal(stats.n_matches, 3);
	assert_int_equal(stats.max_rules, 0);
	tables_get_stats(tables, 3, &stats);
	assert_int_equal(stats.n_rules, 0);
	full = tables_memory(tables);
	assert_true(full > empty);
	apply(tables, "delete table=2", 0);
	rcu_barrier();
	tables_expire(tables, 0);
	assert_true(tables_memory(tables) < full);
	tables_free(tables);
}

/* Whoever holds a rule may read it after its table, and after all tables, are gone. */
static void test_references(void **state)
{
	struct tables *tables = new_tables(NULL);
	struct rule *rule, *heir;

	(void)state;
	apply(tables, "cookie=5,ip actions=1", 0);
	rule = find(tables, "ip");
	rule_ref(rule);
	apply(tables, "modify ip actions=2\ndelete", 0);
	rcu_barrier();
	tables_expire(tables, 0);
	rcu_barrier();
	assert_int_equal(rule->cookie, 5);
	apply(tables, "cookie=6,ip actions=1", 0);
	heir = find(tables, "ip");
	rule_ref(heir);
	tables_free(tables);
	rcu_barrier();
	rule_account(rule, 1, 1, 1);
	assert_int_equal(rule->n_packets, 1);
	assert_int_equal(heir->cookie, 6);
	rule_unref(rule);
	rule_unref(heir);
}

static void test_near_misses(void **state)
{
	struct tables *tables = new_tables(NULL);
	struct flow_key key = {0};
	struct rule *near[2];

	(void)state;
	assert_int_equal(tables_near_misses(tables, 0, &key, near, 2), 0);
	apply(tables, "cookie=1,in_port=1,ip actions=1\ncookie=2,in_port=1,arp actions=1\ncookie=3,in_port=2 actions=1",
	      0);
	key.p.in_port = 1;
	assert_int_equal(tables_near_misses(tables, 0, &key, near, 2), 2);
	assert_int_equal(near[0]->cookie | near[1]->cookie, 3 ^ 0);
	tables_free(tables);
}

/*
 * Readers against a writer. Each bundle moves the whole set from one cookie to the next: in every version, all eight lookups
 * of one translation must meet rules of one cookie. The set has rules that are replaced, modified, deleted, and added under masks and
 * priorities that come and go, so that subtables, tries and their order change all the time.
 */
#define N_READERS 3
#define N_BUNDLES 400

struct race {
	struct tables *tables;
	bool stop; /* atomic */
	uint64_t n_translations, n_mixed, n_missed;
};

static void reader_keys(struct flow_key keys[8])
{
	memset(keys, 0, 8 * sizeof *keys);
	for (unsigned int i = 0; i < 8; i++) {
		keys[i].p.in_port = 1 + i;
		keys[i].p.eth_type = cpu_to_be16(0x0800);
		keys[i].p.nw_proto = 6;
		keys[i].p.nw_dst = cpu_to_be32(0x0a000000 + i);
		keys[i].p.tp_dst = cpu_to_be16((uint16_t)(80 + i));
	}
}

static void *reader(void *race_)
{
	struct race *race = race_;
	struct flow_key keys[8];

	rcu_register_thread();
	reader_keys(keys);
	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		uint64_t version, cookie = 0;
		bool mixed = false, missed = false;

		rcu_read_lock();
		version = tables_version(race->tables);
		for (unsigned int i = 0; i < 8; i++) {
			struct flow_key wc = {0};
			struct rule *rule = tables_lookup(race->tables, 0, version, &keys[i], i % 2 ? &wc : NULL);

			missed |= !rule;
			if (!rule)
				continue;
			mixed |= cookie && rule->cookie != cookie;
			cookie = rule->cookie;
			rule_account(rule, 1, 100, 0);
		}
		rcu_read_unlock();
		__atomic_fetch_add(&race->n_mixed, mixed, __ATOMIC_RELAXED);
		__atomic_fetch_add(&race->n_missed, missed, __ATOMIC_RELAXED);
		__atomic_fetch_add(&race->n_translations, 1, __ATOMIC_RELAXED);
	}
	rcu_unregister_thread();
	return NULL;
}

/* The rules of bundle @i: the eight keys are covered by other matches and priorities every time. */
static void race_bundle(unsigned int i, struct ds *out)
{
	unsigned int cookie = i + 1;

	ds_clear(out);
	if (i % 3 == 0)
		ds_put(out, "delete\n");
	else
		ds_printf(out, "delete cookie=0/0x1\ndelete cookie=1/1\n");
	switch (i % 4) {
	case 0:
		for (unsigned int p = 0; p < 8; p++)
			ds_printf(out, "cookie=%u,priority=%u,in_port=%u actions=%u\n", cookie, i % 7 + p, p + 1, p);
		break;
	case 1:
		ds_printf(out, "cookie=%u,ip,nw_dst=10.0.0.0/30 actions=1\ncookie=%u,ip,nw_dst=10.0.0.0/24 actions=2\n",
			  cookie, cookie);
		break;
	case 2:
		for (unsigned int p = 0; p < 8; p++)
			ds_printf(out, "cookie=%u,priority=%u,tcp,tp_dst=%u actions=%u\n", cookie, 100 - p, 80 + p, p);
		break;
	default:
		ds_printf(out, "cookie=%u,priority=3 actions=4\nmodify cookie=%u,actions=5\n", cookie, cookie);
		break;
	}
}

static void test_readers_see_whole_bundles(void **state)
{
	struct race race = {.tables = new_tables(NULL)};
	pthread_t threads[N_READERS];
	struct ds bundle = DS_INIT;

	(void)state;
	race_bundle(0, &bundle);
	apply(race.tables, ds_cstr(&bundle), 0);
	for (size_t t = 0; t < N_READERS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, reader, &race), 0);
	for (unsigned int i = 1; i < N_BUNDLES; i++) {
		uint64_t before = __atomic_load_n(&race.n_translations, __ATOMIC_RELAXED);

		race_bundle(i, &bundle);
		apply(race.tables, ds_cstr(&bundle), i);
		/* Let them look at each version. */
		while (__atomic_load_n(&race.n_translations, __ATOMIC_RELAXED) < before + N_READERS)
			sched_yield();
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (size_t t = 0; t < N_READERS; t++)
		pthread_join(threads[t], NULL);
	ds_fini(&bundle);
	tables_free(race.tables);
	assert_int_equal(race.n_mixed, 0);
	assert_int_equal(race.n_missed, 0);
	assert_true(race.n_translations > N_BUNDLES);
}

/* Packets accounted while their rule is modified over and over: none is lost, none counted twice. */
struct accounting {
	struct tables *tables;
	uint64_t n;
};

#define N_ACCOUNTED 20000

static void *accountant(void *accounting_)
{
	struct accounting *accounting = accounting_;
	struct flow_key key = {0};

	rcu_register_thread();
	for (unsigned int i = 0; i < N_ACCOUNTED; i++) {
		struct rule *rule;

		rcu_read_lock();
		rule = tables_lookup(accounting->tables, 0, tables_version(accounting->tables), &key, NULL);
		rule_account(rule, 1, 64, 0);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	__atomic_fetch_add(&accounting->n, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_counters_are_exact(void **state)
{
	struct accounting accounting = {new_tables(NULL), 0};
	pthread_t threads[N_READERS];

	(void)state;
	apply(accounting.tables, "actions=1", 0);
	for (size_t t = 0; t < N_READERS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, accountant, &accounting), 0);
	for (int64_t i = 0; __atomic_load_n(&accounting.n, __ATOMIC_ACQUIRE) < N_READERS; i++)
		apply(accounting.tables, i % 2 ? "modify actions=1" : "modify actions=2", i);
	for (size_t t = 0; t < N_READERS; t++)
		pthread_join(threads[t], NULL);
	rcu_barrier();
	tables_expire(accounting.tables, 0);
	rcu_barrier();
	assert_int_equal(find(accounting.tables, "ip")->n_packets, N_READERS * N_ACCOUNTED);
	assert_int_equal(find(accounting.tables, "ip")->n_bytes, N_READERS * N_ACCOUNTED * 64);
	tables_free(accounting.tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_timeouts_and_changes),
		cmocka_unit_test(test_many_timeouts),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_readers_see_whole_bundles),
		cmocka_unit_test(test_counters_are_exact),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	return ret;
}
