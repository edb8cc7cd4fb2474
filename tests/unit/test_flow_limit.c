// SPDX-License-Identifier: Apache-2.0
/* How many datapath flows there may be, after passes that were quick and slow. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/util.h"
#include "switchd/flow_limit.h"

static void one_step(void **state)
{
	static const struct {
		uint32_t limit, max;
		uint64_t n_flows;
		int64_t pass_ms;
		uint32_t next;
	} cases[] = {
		/* Quick passes: it rises where flows press against it, up to what is configured. */
		{100000, 200000, 100000, 100, 101000},
		{199500, 200000, 199500, 100, 200000},
		{200000, 200000, 200000, 0, 200000},
		{100000, 200000, 10, 100, 100000},
		/* In between it stays. */
		{100000, 200000, 100000, 1000, 100000},
		{100000, 200000, 100000, 1300, 100000},
		/* Slow ones: a quarter less; very slow ones: what could be done in a second. */
		{100000, 200000, 100000, 1301, 75000},
		{100000, 200000, 100000, 2001, 49975},
		{100000, 200000, 100000, 10000, 10000},
		/* It never falls below its least, but keeps to what is configured. */
		{2000, 200000, 2000, 60000, 1000},
		{100, 100, 100, 60000, 100},
		{200000, 5000, 200000, 1000, 5000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(flow_limit_next(cases[i].limit, cases[i].max, cases[i].n_flows, cases[i].pass_ms),
				 cases[i].next);
}

/* With passes that take time in proportion to the flows it settles where they take about a second, from above and from below. */
static void settles(void **state)
{
	static const uint32_t from[] = {200000, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		uint32_t limit = from[i];

		for (int pass = 0; pass < 500; pass++)
			limit = flow_limit_next(limit, 200000, limit, limit / 50);
		assert_in_range(limit, 40000, 70000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_step), cmocka_unit_test(settles)};

	return cmocka_run_group_tests_name("flow_limit", tests, NULL, NULL);
}
