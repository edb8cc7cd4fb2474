// SPDX-License-Identifier: Apache-2.0
/* Which announced packets have been read, beside a list of all of them: numbers in random disorder, lost ones, the turn of 2^32. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/util.h"
#include "switchd/datapath/ebpf_window.h"

enum { N = 200000, MESS = 64 };

static uint64_t seed = 1;

static uint32_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

static void in_order(void **state)
{
	struct ebpf_window w = {0};

	(void)state;
	assert_true(ebpf_window_is_past(&w, 0));
	for (uint32_t i = 0; i < 3 * EBPF_WINDOW; i++) {
		assert_false(ebpf_window_is_past(&w, i + 1));
		ebpf_window_note(&w, i);
		assert_true(ebpf_window_is_past(&w, i + 1));
		assert_true(w.n_read == i + 1 && w.passed == i + 1);
	}
}

/* Numbers change places with others at most MESS away; the window must say what a list of all that were read says. */
static void disordered(void **state)
{
	uint32_t *numbers = xcalloc(N, sizeof *numbers), lowest = 0;
	struct ebpf_window w = {.next = UINT32_MAX - N / 2};
	bool *seen = xcalloc(N + 1, sizeof *seen);
	const uint32_t base = w.next;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		numbers[i] = i;
	for (uint32_t i = 0; i < N - MESS; i++) {
		uint32_t k = i + any() % MESS, number = numbers[i];

		numbers[i] = numbers[k];
		numbers[k] = number;
	}
	for (uint32_t i = 0; i < N; i++) {
		ebpf_window_note(&w, base + numbers[i]);
		seen[numbers[i]] = true;
		while (seen[lowest])
			lowest++;
		assert_true(w.next == base + lowest && w.passed == w.next && w.n_read == i + 1);
	}
	assert_true(ebpf_window_is_past(&w, base + N));
	free(numbers);
	free(seen);
}

/* A number that never comes holds the window; who knows better moves it on. */
static void lost(void **state)
{
	struct ebpf_window w = {0};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		if (i != 10 && i != 500)
			ebpf_window_note(&w, i);
	assert_int_equal(w.next, 10);
	ebpf_window_advance(&w, 100);
	assert_int_equal(w.next, 500);
	ebpf_window_advance(&w, 400); /* back never */
	assert_int_equal(w.next, 500);
	assert_true(w.passed == 500 && w.n_read == 998);
	ebpf_window_note(&w, 10); /* late */
	assert_true(w.next == 500 && w.n_read == 999);
	ebpf_window_note(&w, 500);
	assert_int_equal(w.next, 1000);
	ebpf_window_advance(&w, 1000 + 5 * EBPF_WINDOW);
	ebpf_window_note(&w, 1000 + 5 * EBPF_WINDOW);
	assert_int_equal(w.next, 1001 + 5 * EBPF_WINDOW);
	/* Further apart than anything on its way can be. */
	ebpf_window_note(&w, w.next + 2 * EBPF_WINDOW);
	assert_int_equal(w.next, 1001 + 6 * EBPF_WINDOW + 1);
	assert_int_equal(w.passed, w.next);
	ebpf_window_restart(&w, 7);
	assert_true(ebpf_window_is_past(&w, 0) && !ebpf_window_is_past(&w, 1) && w.generation == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(disordered),
		cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests_name("ebpf_window", tests, NULL, NULL);
}
