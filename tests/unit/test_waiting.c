// SPDX-License-Identifier: Apache-2.0
/* Packets that wait: positions in the queue say when those that were there at some moment have gone, whatever comes back to its front. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "switchd/datapath/waiting.h"

static struct waiting_pool pool;
static struct waiting_queue queue;

static struct waiting *make(void)
{
	static uint8_t bytes[60];
	const struct packet p = {.data = bytes, .len = sizeof bytes};
	struct waiting *w = waiting_copy(&pool, &queue, &p, 100);

	assert_non_null(w);
	w->next = NULL;
	return w;
}

static void push(void)
{
	waiting_push(&queue, make());
}

static void pop(void)
{
	struct waiting *w = waiting_pop(&queue);

	assert_non_null(w);
	waiting_release(&pool, &queue, w);
}

static bool have_gone(uint64_t position)
{
	return (int64_t)(queue.n_out - position) >= 0;
}

static void positions(void **state)
{
	struct waiting *first, *second;
	uint64_t mark;

	(void)state;
	assert_true(have_gone(queue.n_in));
	push();
	push();
	mark = queue.n_in;
	push(); /* behind it */
	assert_false(have_gone(mark));
	pop();
	/* Two come of the first, and wait in front of the second. */
	first = make();
	second = make();
	first->next = second;
	waiting_push_front(&queue, first);
	for (int i = 0; i < 3; i++) {
		assert_false(have_gone(mark));
		pop();
	}
	assert_true(have_gone(mark));
	assert_int_equal(queue.n_in - queue.n_out, queue.n);
	pop();
	assert_null(waiting_pop(&queue));
	assert_true(have_gone(queue.n_in));
}

static int open_queue(void **state)
{
	(void)state;
	waiting_pool_init(&pool, 100);
	waiting_queue_init(&queue);
	return 0;
}

static int close_queue(void **state)
{
	(void)state;
	waiting_pool_fini(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(positions)};

	return cmocka_run_group_tests_name("waiting", tests, open_queue, close_queue);
}
