// SPDX-License-Identifier: Apache-2.0
#include "ctl/json_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const char text[] = "{\n"			  /* 1 */
			   "  \"a\": 1,\n"		  /* 2 */
			   "  \"b\": {\n"		  /* 3 */
			   "    \"c\": [ 10,\n"		  /* 4 */
			   "      [ 1, \"]}{[\\\"\" ],\n" /* 5 */
			   "      { \"d\": null,\n"	  /* 6 */
			   "        \"e\": true } ]\n"	  /* 7 */
			   "  }, \"f\":\n"		  /* 8 */
			   "    \"x\"\n"		  /* 9 */
			   "}\n";			  /* 10 */

static void paths(void **state VSW_UNUSED)
{
	static const struct {
		const char *path[5];
		unsigned int line;
	} cases[] = {
		{{NULL}, 1},
		{{"a"}, 2},
		{{"b"}, 3},
		{{"b", "c"}, 4},
		{{"b", "c", "0"}, 4},
		{{"b", "c", "1"}, 5},
		{{"b", "c", "1", "1"}, 5},
		{{"b", "c", "2"}, 6},
		{{"b", "c", "2", "d"}, 6},
		{{"b", "c", "2", "e"}, 7},
		{{"f"}, 8},
		/* Paths that lead nowhere end at the last step that did. */
		{{"zz"}, 1},
		{{"b", "zz"}, 3},
		{{"b", "c", "9"}, 4},
		{{"a", "b"}, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t depth = 0;

		while (depth < 5 && cases[i].path[depth])
			depth++;
		assert_int_equal(json_line_of(text, cases[i].path, depth), cases[i].line);
	}
}

/* Whatever the text, the walk ends inside of it: each beginning of a good text is a bad one. */
static void cut_texts(void **state VSW_UNUSED)
{
	static const char *const path[] = {"b", "c", "2", "e"};

	for (size_t len = 0; len < sizeof text; len++) {
		char *cut = xstrndup(text, len);
		unsigned int line = json_line_of(cut, path, 4);

		assert_in_range(line, 1, 10);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(cut_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
