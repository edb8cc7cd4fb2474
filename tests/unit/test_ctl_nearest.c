// SPDX-License-Identifier: Apache-2.0
#include "ctl/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "ctl/command.h"

static void distances(void **state VSW_UNUSED)
{
	static const struct {
		const char *a, *b;
		unsigned int distance;
	} cases[] = {
		{"", "", 0},
		{"", "abc", 3},
		{"show", "show", 0},
		{"add-prt", "add-port", 1},
		{"add-pport", "add-port", 1},
		{"add-pork", "add-port", 1},
		{"hsow", "show", 1},
		{"ca", "abc", 3},
		{"list-br", "br-list", 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(nearest_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void long_words_are_far(void **state VSW_UNUSED)
{
	char word[200];

	memset(word, 'x', sizeof word);
	word[sizeof word - 1] = '\0';
	assert_int_equal(nearest_distance(word, "show"), NEAREST_MAX_LEN);
	assert_int_equal(nearest_distance("show", word), NEAREST_MAX_LEN);
	word[NEAREST_MAX_LEN] = '\0';
	assert_int_equal(nearest_distance(word, word), 0);
}

static void short_words_must_be_nearer(void **state VSW_UNUSED)
{
	assert_int_equal(nearest_limit(3), 1);
	assert_int_equal(nearest_limit(6), 2);
	assert_int_equal(nearest_limit(7), 3);
}

static void suggestions(void **state VSW_UNUSED)
{
	static const struct {
		const char *typed, *expected;
	} cases[] = {
		{"add-prt", "add-port"},     {"lst-br", "list-br"}, {"shwo", "show"},
		{"dump-flow", "dump-flows"}, {"frobnicate", ""},    {"", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char near[200];

		nearest_commands(cases[i].typed, near, sizeof near);
		assert_string_equal(near, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(long_words_are_far),
		cmocka_unit_test(short_words_must_be_nearer),
		cmocka_unit_test(suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
