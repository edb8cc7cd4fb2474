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

/* Cut at each byte of a character of one to four bytes. */
static void test_cut(void **state)
{
	static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xa7"};

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		size_t n = strlen(characters[c]);

		for (size_t before = 0; before < n; before++) {
			char text[2 * sizeof err.text];
			size_t len = before;

			memset(text, '.', before);
			for (; len < sizeof err.text + 4; len += n)
				memcpy(text + len, characters[c], n);
			text[len] = '\0';
			errtext_set(&err, EINVAL, "%s", text);
			len = strlen(err.text);
			assert_true(len > sizeof err.text - 1 - n);
			assert_int_equal((len - before) % n, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentence),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
