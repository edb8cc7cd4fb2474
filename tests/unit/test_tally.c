// SPDX-License-Identifier: Apache-2.0
/* Counters of rules over the end of a process that could not save them: a second one opens the files while the first still has them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <urcu.h>

#include "switchd/pipeline/tally.h"
#include "table_helper.h"

static char dir[] = "/tmp/test_tally.XXXXXX";
static char journal[64], counts[80];

static struct tables *open_tables(void)
{
	const struct tables_config config = {.name = "br0", .journal = journal};
	struct tables *tables;
	struct errtext err;

	if (tables_new(&config, 1000, &tables, &err))
		fail_msg("%s", err.text);
	return tables;
}

static int keep(void *found, struct rule *rule)
{
	*(struct rule **)found = rule;
	return 0;
}

static struct rule *rule_of(struct tables *tables, uint64_t cookie)
{
	const struct flow_mod one = {
		.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE, .cookie = cookie, .cookie_mask = UINT64_MAX};
	struct rule *found = NULL;

	tables_each(tables, &one, keep, &found);
	assert_non_null(found);
	return found;
}

static void expect(struct tables *tables, uint64_t cookie, uint64_t n_packets, uint64_t n_bytes)
{
	const struct rule *rule = rule_of(tables, cookie);

	assert_int_equal(rule->n_packets, n_packets);
	assert_int_equal(rule->n_bytes, n_bytes);
}

static void remove_files(void)
{
	unlink(journal);
	unlink(counts);
}

/* As after kill -9: nothing is saved. The old tables are freed at the end of the test, when nobody reads the files any more. */
static void killed(void **state)
{
	struct tables *old = open_tables(), *new;

	(void)state;
	apply(old,
	      "cookie=1,priority=1,actions=drop\ncookie=2,priority=2,actions=drop\ncookie=3,priority=3,actions=drop",
	      1000);
	rule_account(rule_of(old, 1), 10, 1000, 1000);
	rule_account(rule_of(old, 2), 7, 700, 1000);
	apply(old, "modify priority=0,cookie=2/-1,actions=NORMAL", 2000); /* an heir */
	rule_account(rule_of(old, 2), 1, 60, 2000);
	rule_account(rule_of(old, 3), 5, 500, 2000);
	apply(old, "add cookie=4,priority=3,actions=drop", 2000); /* in the place of the third, and begins anew */
	rule_account(rule_of(old, 4), 2, 120, 2000);
	new = open_tables();
	expect(new, 1, 10, 1000);
	expect(new, 2, 8, 760);
	expect(new, 4, 2, 120);
	tables_free(new);
	tables_free(old);
	remove_files();
}

static void removed_and_added(void **state)
{
	struct tables *old = open_tables(), *new;

	(void)state;
	apply(old, "cookie=1,priority=1,actions=drop", 1000);
	rule_account(rule_of(old, 1), 10, 1000, 1000);
	apply(old, "delete", 1000);
	tables_expire(old, 2000);
	rcu_barrier();
	tables_expire(old, 3000);
	rcu_barrier();
	apply(old, "cookie=2,priority=1,actions=drop", 3000); /* may have the same place */
	rule_account(rule_of(old, 2), 3, 300, 3000);
	new = open_tables();
	expect(new, 2, 3, 300);
	tables_free(new);
	tables_free(old);
	remove_files();
}

/* More than the file's first size has room for. */
static void many(void **state)
{
	struct tables *old = open_tables(), *new;
	char text[4096];

	(void)state;
	for (int i = 0; i < 1000;) {
		int len = 0;

		for (int k = 0; k < 50; k++, i++)
			len += snprintf(text + len, sizeof text - (size_t)len, "cookie=%d,priority=%d,actions=drop\n",
					i + 1, i);
		text[len - 1] = '\0';
		apply(old, text, 1000);
	}
	for (uint64_t i = 1; i <= 1000; i++)
		rule_account(rule_of(old, i), i, 100 * i, 1000);
	new = open_tables();
	for (uint64_t i = 1; i <= 1000; i++)
		expect(new, i, i, 100 * i);
	tables_free(new);
	tables_free(old);
	remove_files();
}

/* Without the file, or with rubbish in it, what the journal says holds. */
static void lost_file(void **state)
{
	static const char *const rubbish[] = {NULL, "", "something else"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rubbish); i++) {
		struct tables *tables = open_tables();
		FILE *f;

		apply(tables, "cookie=1,priority=1,actions=drop", 1000);
		rule_account(rule_of(tables, 1), 10, 1000, 1000);
		tables_free(tables);
		unlink(counts);
		if (rubbish[i]) {
			f = fopen(counts, "w");
			fputs(rubbish[i], f);
			fclose(f);
		}
		tables = open_tables();
		expect(tables, 1, 10, 1000);
		apply(tables, "cookie=2,priority=2,actions=drop", 1000);
		rule_account(rule_of(tables, 2), 4, 400, 1000);
		tables_free(tables);
		tables = open_tables();
		expect(tables, 1, 10, 1000);
		expect(tables, 2, 4, 400);
		tables_free(tables);
		remove_files();
	}
}

static void bridge_is_deleted(void **state)
{
	struct tables *tables = open_tables();
	struct stat st;

	(void)state;
	apply(tables, "cookie=1,priority=1,actions=drop", 1000);
	assert_int_equal(stat(counts, &st), 0);
	tables_delete_journal(tables);
	tables_free(tables);
	assert_int_not_equal(stat(counts, &st), 0);
}

/* What a damaged journal could ask for. */
static void claims(void **state)
{
	struct tallies *t, *killed;
	struct errtext err;
	uint64_t packets = 0, bytes = 0, id;
	uint32_t a, b;

	(void)state;
	assert_int_equal(tallies_open(counts, &t, &err), 0);
	tallies_settle(t);
	a = tally_get(t, 5, 50);
	b = tally_get(t, 6, 60);
	id = tally_id(t, a);
	tally_add(t, a, 1, 10);
	tally_put(t, b);
	tally_put(t, a);
	tallies_close(t);

	assert_int_equal(tallies_open(counts, &t, &err), 0);
	assert_false(tally_claim(t, a, id, &packets, &bytes)); /* it was given back */
	assert_false(tally_claim(t, 0, 0, &packets, &bytes));
	assert_false(tally_claim(t, UINT32_MAX, 1, &packets, &bytes));
	tallies_settle(t);
	a = tally_get(t, 5, 50);
	id = tally_id(t, a);
	tally_add(t, a, 1, 10);
	tallies_close(t);
	killed = t; /* it still has the place */

	assert_int_equal(tallies_open(counts, &t, &err), 0);
	assert_false(tally_claim(t, a, id + 1, &packets, &bytes));
	assert_true(tally_claim(t, a, id, &packets, &bytes));
	assert_int_equal(packets, 6);
	assert_int_equal(bytes, 60);
	assert_false(tally_claim(t, a, id, &packets, &bytes)); /* twice */
	tallies_settle(t);
	tally_put(t, a);
	tallies_close(t);
	tally_put(killed, a);
	remove_files();
}

static int make_dir(void **state)
{
	(void)state;
	rcu_register_thread();
	if (!mkdtemp(dir))
		return -1;
	snprintf(journal, sizeof journal, "%s/br0.flows", dir);
	snprintf(counts, sizeof counts, "%s.counts", journal);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	rcu_barrier();
	rcu_unregister_thread();
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed),    cmocka_unit_test(removed_and_added), cmocka_unit_test(many),
		cmocka_unit_test(lost_file), cmocka_unit_test(bridge_is_deleted), cmocka_unit_test(claims),
	};

	return cmocka_run_group_tests_name("tally", tests, make_dir, remove_dir);
}
