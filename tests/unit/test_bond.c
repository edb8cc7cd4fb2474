// SPDX-License-Identifier: Apache-2.0
/* Which member of a bond carries what, with a stopped clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "proto/bond.h"

#define N 3

struct fixture {
	struct bond bond;
	struct bond_member m[N];
	int64_t now_ms, wake_ms;
	unsigned int changes;
};

static const struct bond_config ab = {.mode = BOND_ACTIVE_BACKUP, .updelay_ms = 500, .downdelay_ms = 200};
static const struct bond_config slb = {.mode = BOND_BALANCE_SLB, .rebalance_ms = 10000};
static const struct bond_config tcp = {.mode = BOND_BALANCE_TCP, .rebalance_ms = 10000, .has_lacp = true};

static void run(struct fixture *f, int64_t later_ms)
{
	f->now_ms += later_ms;
	f->changes = bond_run(&f->bond, f->now_ms, &f->wake_ms);
	assert_true(f->wake_ms > f->now_ms);
}

static void init(struct fixture *f, const struct bond_config *config, int n_up)
{
	static const char *const names[N] = {"eth0", "eth1", "eth2"};

	memset(f, 0, sizeof *f);
	f->now_ms = 1000;
	bond_init(&f->bond, config);
	for (int i = 0; i < N; i++) {
		f->m[i].name = names[i];
		bond_member_add(&f->bond, &f->m[i]);
	}
	for (int i = 0; i < n_up; i++)
		bond_member_set_link(&f->bond, &f->m[i], true, f->now_ms);
	run(f, 0);
}

static void link_to(struct fixture *f, int i, bool up)
{
	bond_member_set_link(&f->bond, &f->m[i], up, f->now_ms);
	run(f, 0);
}

/* ---- who is enabled, who is active ---- */

static void nobody_carries_anything_without_a_link(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &ab, 0);
	assert_null(f.bond.active);
	assert_null(bond_choose(&f.bond, 0));
	assert_int_equal(f.changes, 0);
}

static void the_first_link_needs_no_delay(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &ab, 2);
	assert_ptr_equal(f.bond.active, &f.m[0]);
	assert_true(f.m[0].is_enabled);
	assert_false(f.m[1].is_enabled); /* a backup waits its time */
	assert_int_equal(f.changes & BOND_ACTIVE, BOND_ACTIVE);
	assert_int_equal(f.wake_ms, 1500);
	run(&f, 499);
	assert_false(f.m[1].is_enabled);
	run(&f, 1);
	assert_true(f.m[1].is_enabled);
	assert_ptr_equal(f.bond.active, &f.m[0]);
}

static void a_lost_link_is_believed_after_its_delay(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &ab, 2);
	run(&f, 500);
	link_to(&f, 0, false);
	assert_ptr_equal(f.bond.active, &f.m[0]);
	run(&f, 100);
	link_to(&f, 0, true); /* it was only a moment */
	run(&f, 1000);
	assert_ptr_equal(f.bond.active, &f.m[0]);
	link_to(&f, 0, false);
	run(&f, 200);
	assert_ptr_equal(f.bond.active, &f.m[1]);
	assert_int_equal(f.changes, BOND_ENABLED | BOND_ACTIVE | BOND_BUCKETS);
	/* Back again: the bond stays where it works. */
	link_to(&f, 0, true);
	run(&f, 500);
	assert_true(f.m[0].is_enabled);
	assert_ptr_equal(f.bond.active, &f.m[1]);
}

static void the_last_link_up_is_taken_though_it_should_wait(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &ab, 2); /* eth1 waits for its 500 ms */
	link_to(&f, 0, false);
	run(&f, 200);
	assert_ptr_equal(f.bond.active, &f.m[1]);
}

static void the_primary_comes_back(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &ab, 2);
	f.m[2].is_primary = true;
	link_to(&f, 2, true);
	run(&f, 500);
	assert_ptr_equal(f.bond.active, &f.m[2]);
	link_to(&f, 2, false);
	run(&f, 200);
	assert_ptr_equal(f.bond.active, &f.m[0]);
	link_to(&f, 2, true);
	run(&f, 500);
	assert_ptr_equal(f.bond.active, &f.m[2]);
}

static void a_member_that_goes_takes_nothing_along(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &slb, 3);
	assert_int_equal(bond_member_del(&f.bond, &f.m[0]) & BOND_BUCKETS, BOND_BUCKETS);
	assert_ptr_equal(f.bond.active, &f.m[1]);
	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++)
		assert_ptr_not_equal(bond_choose(&f.bond, i), &f.m[0]);
	assert_int_equal(f.m[1].n_buckets + f.m[2].n_buckets, BOND_N_BUCKETS);
}

/* ---- LACP ---- */

static void balance_tcp_waits_for_lacp(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &tcp, 2);
	assert_null(bond_choose(&f.bond, 1));
	assert_int_equal(bond_admit(&f.bond, &f.m[0], false), BOND_DROP);
	bond_set_lacp(&f.bond, true);
	bond_member_set_lacp(&f.m[1], true);
	run(&f, 0);
	assert_ptr_equal(bond_choose(&f.bond, 1), &f.m[1]);
	assert_int_equal(bond_admit(&f.bond, &f.m[1], true), BOND_ACCEPT);
	assert_int_equal(bond_admit(&f.bond, &f.m[0], false), BOND_DROP);
	bond_member_set_lacp(&f.m[0], true);
	run(&f, 0);
	assert_int_equal(f.m[0].n_buckets, BOND_N_BUCKETS / 2);
	bond_member_set_lacp(&f.m[1], false); /* what LACP says holds at once */
	run(&f, 0);
	assert_int_equal(f.m[0].n_buckets, BOND_N_BUCKETS);
}

static void it_falls_back_when_told_to(void **state)
{
	struct bond_config config = tcp;
	struct fixture f;

	(void)state;
	config.lacp_fallback_ab = true;
	init(&f, &config, 2);
	assert_int_equal(bond_mode_now(&f.bond), BOND_ACTIVE_BACKUP);
	assert_ptr_equal(bond_choose(&f.bond, 77), &f.m[0]);
	assert_int_equal(bond_admit(&f.bond, &f.m[0], true), BOND_ACCEPT);
	assert_int_equal(bond_admit(&f.bond, &f.m[1], false), BOND_DROP);
	bond_set_lacp(&f.bond, true);
	run(&f, 0);
	assert_null(bond_choose(&f.bond, 77)); /* a partner, but no member that it agreed on yet */
	assert_int_equal(bond_mode_now(&f.bond), BOND_BALANCE_TCP);
}

/* ---- frames that come in ---- */

static void admission(void **state)
{
	static const struct {
		const struct bond_config *config;
		int member;
		bool is_multicast;
		enum bond_verdict verdict;
	} cases[] = {
		{&ab, 0, false, BOND_ACCEPT},	     {&ab, 0, true, BOND_ACCEPT},
		{&ab, 1, false, BOND_DROP},	     {&slb, 0, false, BOND_DROP_IF_MOVED},
		{&slb, 0, true, BOND_DROP_IF_MOVED}, {&slb, 1, false, BOND_DROP_IF_MOVED},
		{&slb, 1, true, BOND_DROP},	     {&slb, 2, false, BOND_DROP},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		init(&f, cases[i].config, 2);
		if (bond_admit(&f.bond, &f.m[cases[i].member], cases[i].is_multicast) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
}

static void all_members_active_takes_from_backups(void **state)
{
	struct bond_config config = ab;
	struct fixture f;

	(void)state;
	config.all_members_active = true;
	init(&f, &config, 2);
	run(&f, 500);
	assert_int_equal(bond_admit(&f.bond, &f.m[1], false), BOND_ACCEPT);
	assert_int_equal(bond_admit(&f.bond, &f.m[1], true), BOND_DROP);
	assert_int_equal(bond_admit(&f.bond, &f.m[2], false), BOND_DROP);
}

/* ---- load ---- */

static void idle_buckets_are_dealt_out_evenly(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &slb, 2);
	assert_int_equal(f.m[0].n_buckets, 128);
	assert_int_equal(f.m[1].n_buckets, 128);
	link_to(&f, 2, true);
	assert_int_equal(f.m[0].n_buckets + f.m[1].n_buckets + f.m[2].n_buckets, 256);
	assert_in_range(f.m[2].n_buckets, 85, 86);
}

static void loaded_buckets_wait_for_rebalancing(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &slb, 1);
	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++)
		bond_account(&f.bond, i, 1000000);
	link_to(&f, 1, true);
	assert_int_equal(f.m[1].n_buckets, 0);
	assert_int_equal(f.changes & BOND_BUCKETS, 0);
	run(&f, 10000);
	assert_int_equal(f.changes, BOND_BUCKETS | BOND_REBALANCED);
	assert_in_range(f.m[1].n_buckets, 124, 132);		     /* within 3 % */
	assert_int_equal(f.m[1].load, f.m[1].n_buckets * 500000ull); /* faded by half */
	run(&f, 10000);
	assert_int_equal(f.changes, 0); /* even: nothing moves */
}

static void one_elephant_is_not_thrown_about(void **state)
{
	unsigned int small;
	struct fixture f;

	(void)state;
	init(&f, &slb, 2);
	for (int round = 0; round < 5; round++) {
		bond_account(&f.bond, 7, 1000000000);
		run(&f, 10000);
		assert_int_equal(f.changes & BOND_REBALANCED, 0); /* wherever it is, that one is the heaviest */
	}
	small = bond_choose(&f.bond, 7) == bond_choose(&f.bond, 8) ? 8 : 9;
	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++)
		if (bond_choose(&f.bond, i) == bond_choose(&f.bond, 7))
			bond_account(&f.bond, i, i == 7 ? 1000000000 : 1000000);
	assert_ptr_equal(bond_choose(&f.bond, small), bond_choose(&f.bond, 7));
	run(&f, 10000);
	assert_ptr_not_equal(bond_choose(&f.bond, small), bond_choose(&f.bond, 7)); /* the small get out of its way */
}

static void small_differences_are_left_alone(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, &slb, 2);
	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++)
		bond_account(&f.bond, i, bond_choose(&f.bond, i) == &f.m[0] ? 10300 : 10000);
	run(&f, 10000);
	assert_int_equal(f.changes, 0);
}

static void people_decide(void **state)
{
	struct fixture f;
	bool is_there;

	(void)state;
	init(&f, &slb, 2);
	assert_int_equal(bond_set_active(&f.bond, &f.m[2]), -EINVAL);
	assert_int_equal(bond_set_active(&f.bond, &f.m[1]), BOND_ACTIVE);
	run(&f, 0);
	assert_ptr_equal(f.bond.active, &f.m[1]);
	assert_int_equal(bond_migrate(&f.bond, 0, &f.m[2]), -EINVAL);
	assert_int_equal(bond_migrate(&f.bond, BOND_N_BUCKETS, &f.m[1]), -EINVAL);
	is_there = bond_choose(&f.bond, 0) == &f.m[1];
	assert_int_equal(bond_migrate(&f.bond, 0, &f.m[1]), is_there ? 0 : BOND_BUCKETS);
	assert_int_equal(bond_member_enable(&f.bond, &f.m[1], false), BOND_ENABLED | BOND_ACTIVE | BOND_BUCKETS);
	assert_ptr_equal(f.bond.active, &f.m[0]);
	run(&f, 1000);
	assert_false(f.m[1].is_enabled); /* stays as told until its link changes */
	link_to(&f, 1, false);
	link_to(&f, 1, true);
	assert_true(f.m[1].is_enabled);
}

static void modes_have_names(void **state)
{
	enum bond_mode mode;

	(void)state;
	for (int i = BOND_ACTIVE_BACKUP; i <= BOND_BALANCE_TCP; i++) {
		assert_int_equal(bond_mode_parse(bond_mode_name((enum bond_mode)i), &mode), 0);
		assert_int_equal(mode, i);
	}
	assert_int_equal(bond_mode_parse("balance-xor", &mode), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_carries_anything_without_a_link),
		cmocka_unit_test(the_first_link_needs_no_delay),
		cmocka_unit_test(a_lost_link_is_believed_after_its_delay),
		cmocka_unit_test(the_last_link_up_is_taken_though_it_should_wait),
		cmocka_unit_test(the_primary_comes_back),
		cmocka_unit_test(a_member_that_goes_takes_nothing_along),
		cmocka_unit_test(balance_tcp_waits_for_lacp),
		cmocka_unit_test(it_falls_back_when_told_to),
		cmocka_unit_test(admission),
		cmocka_unit_test(all_members_active_takes_from_backups),
		cmocka_unit_test(idle_buckets_are_dealt_out_evenly),
		cmocka_unit_test(loaded_buckets_wait_for_rebalancing),
		cmocka_unit_test(one_elephant_is_not_thrown_about),
		cmocka_unit_test(small_differences_are_left_alone),
		cmocka_unit_test(people_decide),
		cmocka_unit_test(modes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
