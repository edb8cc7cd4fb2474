// SPDX-License-Identifier: Apache-2.0
/* Places of drops: counted, told apart, bounded, gone with their port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "switchd/drop_text.h"
#include "switchd/drops.h"

static void test_places(void **state VSW_UNUSED)
{
	struct drop_place rule = {.reason = DROP_RULE_DROP, .table = 3, .has_rule = true, .cookie = 7, .bridge = "br0"};
	struct drop_place none = {.reason = DROP_NO_RULE, .bridge = "br0"}, other = rule;
	uint32_t port = drops_add_port(), second = drops_add_port();
	struct drop_count *counts;

	other.bridge = "br1";
	assert_int_not_equal(port, second);
	drops_count(port, &rule, 2);
	drops_count(port, &rule, 3);
	drops_count(port, &other, 9);
	drops_count(port, &none, 1);
	drops_count(second, &rule, 100);
	assert_int_equal(drops_snapshot(port, &counts), 3);
	assert_int_equal(counts[0].place.reason, DROP_NO_RULE);
	assert_false(counts[0].place.has_rule);
	assert_int_equal(counts[1].n_packets, 9);
	assert_string_equal(counts[1].place.bridge, "br1");
	assert_int_equal(counts[2].n_packets, 5);
	assert_int_equal(counts[2].place.cookie, 7);
	free(counts);
	drops_del_port(port);
	drops_del_port(port);
	drops_count(port, &rule, 1);
	assert_int_equal(drops_snapshot(port, &counts), 0);
	free(counts);
	drops_del_port(second);
}

static void test_sentences(void **state VSW_UNUSED)
{
	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		assert_null(strstr(drop_reason_sentence((enum drop_reason)i), "no words"));
}

/* Somebody gives each rule another cookie: what is counted does not grow for ever, and nothing is lost. */
static void test_bounded(void **state VSW_UNUSED)
{
	uint32_t port = drops_add_port();
	struct drop_count *counts;
	uint64_t sum = 0;
	size_t n;

	for (uint64_t i = 0; i < 3 * DROPS_MAX_PLACES; i++)
		drops_count(
			port,
			&(struct drop_place){.reason = DROP_RULE_DROP, .has_rule = true, .cookie = i, .bridge = "br0"},
			1);
	n = drops_snapshot(port, &counts);
	assert_int_equal(n, DROPS_MAX_PLACES + 1);
	for (size_t i = 0; i < n; i++)
		sum += counts[i].n_packets;
	assert_int_equal(sum, 3 * DROPS_MAX_PLACES);
	assert_null(counts[0].place.bridge);
	assert_int_equal(counts[0].n_packets, 2 * DROPS_MAX_PLACES);
	free(counts);
	drops_del_port(port);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
