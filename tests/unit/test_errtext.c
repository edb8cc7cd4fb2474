// SPDX-License-Identifier: Apache-2.0
/* Sentences about what went wrong: one line, whole characters, whatever they quote. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/errtext.h"

static struct errtext err;

static void test_sentence(void **state)
{
	(void)state;
	assert_int_equal(errtext_at(&err, EINVAL, 7, "'%s' is no colour", "seven"), -EINVAL);
	assert_string_equal(err.text, "'seven' is no colour");
	assert_int_equal(err.column, 7);
	errtext_prefix(&err, "set %s", "x");
	assert_string_equal(err.text, "set x: 'seven' is no colour");
	assert_int_equal(err.column, 7);
	assert_int_equal(errtext_set(&err, ENOENT, "none"), -ENOENT);
	assert_int_equal(err.column, 0);
	assert_int_equal(errtext_set(NULL, ENOENT, "none"), -ENOENT);
	errtext_prefix(NULL, "x");
}

static void test_one_line(void **state)
{
	(void)state;
	errtext_set(&err, EINVAL, "'%s' has controls", "a\nb\033[31m\x7f\xc3\xa4");
	assert_string_equal(err.text, "'a?b?[31m?\xc3\xa4' has controls");
	errtext_prefix(&err, "%s", "c\td");
	assert_string_equal(err.text, "c?d: 'a?b?[31m?\xc3\xa4' has controls");
}

static void test_no_utf8(void **state)
{
	(void)state;
	errtext_set(&err, EINVAL, "%s",
		    "a\xb2"
		    "b\xc3"
		    "c\xe2\x82"
		    "d\xff\xf0\x9f\x90\xa7");
	assert_string_equal(err.text, "a?b?c??d?\xf0\x9f\x90\xa7");
}

/* Cut in the middle of a character. */
static void test_cut(void **state)
{
	char text[2 * sizeof err.text];

	(void)state;
	for (size_t before = 0; before < 3; before++) {
		size_t whole = before + (sizeof err.text - 1 - before) / 3 * 3;

		memset(text, '.', before);
		for (size_t i = before; i + 3 < sizeof text; i += 3)
			strcpy(text + i, "\xe2\x82\xac");
		errtext_set(&err, EINVAL, "%s", text);
		assert_int_equal(strlen(err.text), sizeof err.text - 1);
		assert_memory_equal(err.text, text, whole);
		assert_string_equal(err.text + whole, &"??"[2 - (sizeof err.text - 1 - whole)]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentence),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
