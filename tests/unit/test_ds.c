// SPDX-License-Identifier: Apache-2.0
/* Strings that grow: numbers come out as printf() has them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/ds.h"
#include "base/util.h"

static void test_numbers(void **state)
{
	static const int64_t numbers[] = {0, 1, 9, 10, 99, 100, 4294967295, 4294967296, INT64_MAX, -1, -10, INT64_MIN};
	struct ds ds = DS_INIT;
	char want[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		ds_clear(&ds);
		ds_put_i64(&ds, numbers[i]);
		ds_put_char(&ds, ' ');
		ds_put_u64(&ds, (uint64_t)numbers[i]);
		snprintf(want, sizeof want, "%" PRId64 " %" PRIu64, numbers[i], (uint64_t)numbers[i]);
		assert_string_equal(ds_cstr(&ds), want);
	}
	ds_fini(&ds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
