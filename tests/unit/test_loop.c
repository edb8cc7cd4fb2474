// SPDX-License-Identifier: Apache-2.0
/* The event loop: order of timers, the stopped clock, deletion from inside callbacks, posts from other threads,
 * idleness. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "os/loop.h"

static struct loop *loop;
static char trail[64]; /* what was called, one letter each */
static size_t n_trail;

static void note(char c)
{
	assert_true(n_trail < sizeof trail - 1);
	trail[n_trail++] = c;
	trail[n_trail] = '\0';
}

static int setup(void **state)
{
	(void)state;
	n_trail = 0;
	trail[0] = '\0';
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void quit(void *aux)
{
	(void)aux;
	loop_quit(loop);
}

struct named_timer {
	struct loop_timer t;
	char name;
};

static void note_timer(struct loop_timer *self, int64_t now_ms)
{
	assert_true(now_ms >= self->at_ms);
	note(container_of(self, struct named_timer, t)->name);
}

static void quit_timer(struct loop_timer *self, int64_t now_ms)
{
	note_timer(self, now_ms);
	loop_quit(loop);
}

static void timers_fire_in_order(void **state)
{
	struct named_timer t[5] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}, {.name = 'e'}};
	int64_t now = clock_now_ms();

	(void)state;
	loop_set_timer(loop, &t[4].t, now + 4, quit_timer);
	loop_set_timer(loop, &t[2].t, now + 2, note_timer);
	loop_set_timer(loop, &t[0].t, now + 100, note_timer);
	loop_set_timer(loop, &t[1].t, now + 1, note_timer);
	loop_set_timer(loop, &t[3].t, now + 2, note_timer);
	loop_set_timer(loop, &t[0].t, now + 2, note_timer); /* moved, and now last of three at the same time */
	loop_cancel_timer(loop, &t[1].t);
	loop_cancel_timer(loop, &t[1].t);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "cdae");
	assert_int_equal(t[0].t.heap_pos, 0);
}

/* A heap of many, set, moved and cancelled in pseudo-random order, gives them back sorted. */
static int64_t last_ms;
static size_t n_sorted;

static void check_sorted(struct loop_timer *self, int64_t now_ms)
{
	(void)now_ms;
	assert_true(self->at_ms >= last_ms);
	last_ms = self->at_ms;
	n_sorted++;
}

static void many_timers(void **state)
{
	static struct loop_timer t[1000];
	int64_t now = clock_now_ms() - 100000;
	uint32_t seed = 1;
	size_t n_cancelled = 0;

	(void)state;
	last_ms = INT64_MIN;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			seed = seed * 1103515245 + 12345;
			loop_set_timer(loop, &t[i], now + (seed >> 16) % 50000, check_sorted);
		}
	for (size_t i = 0; i < ARRAY_SIZE(t); i += 3, n_cancelled++)
		loop_cancel_timer(loop, &t[i]);
	loop_post(loop, quit, NULL);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_sorted, ARRAY_SIZE(t) - n_cancelled);
}

static void again_timer(struct loop_timer *self, int64_t now_ms)
{
	note('t');
	loop_set_timer(loop, self, now_ms - 1, again_timer);
}

static void quit_fd(struct loop_fd *self, uint32_t events)
{
	(void)self;
	(void)events;
	note('f');
	loop_quit(loop);
}

static void overdue_timer_starves_nobody(void **state)
{
	struct loop_timer t = {0};
	struct loop_fd lfd = {0};
	int fd = eventfd(1, 0);

	(void)state;
	assert_int_equal(loop_add_fd(loop, &lfd, fd, EPOLLIN, quit_fd), 0);
	loop_set_timer(loop, &t, 0, again_timer);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "tf");
	loop_del_fd(loop, &lfd);
	close(fd);
}

struct pair_fd {
	struct loop_fd l;
	struct pair_fd *other;
	char name;
};

static void delete_other(struct loop_fd *self, uint32_t events)
{
	struct pair_fd *me = container_of(self, struct pair_fd, l);

	assert_true(events & EPOLLIN);
	note(me->name);
	loop_del_fd(loop, &me->other->l);
	loop_del_fd(loop, self);
	loop_del_fd(loop, self);
	loop_post(loop, quit, NULL);
}

/* Both are ready in one round; whichever comes first deletes the other, which must not be called any more. */
static void delete_from_inside(void **state)
{
	struct pair_fd a = {.name = 'x'}, b = {.name = 'x'};
	int fd_a = eventfd(1, 0), fd_b = eventfd(1, 0);

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(loop_add_fd(loop, &a.l, fd_a, EPOLLIN, delete_other), 0);
	assert_int_equal(loop_add_fd(loop, &b.l, fd_b, EPOLLIN, delete_other), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "x");
	assert_int_equal(loop_add_fd(loop, &a.l, 9999, EPOLLIN, delete_other), -9 /* EBADF */);
	assert_int_equal(a.l.fd_plus_1, 0);
	close(fd_a);
	close(fd_b);
}

static void note_out(struct loop_fd *self, uint32_t events)
{
	assert_true(events & EPOLLOUT);
	note('o');
	loop_set_events(loop, self, 0);
	loop_post(loop, quit, NULL);
}

static void events_can_change(void **state)
{
	struct loop_fd lfd = {0};
	int fd = eventfd(0, 0);

	(void)state;
	assert_int_equal(loop_add_fd(loop, &lfd, fd, EPOLLIN, note_out), 0);
	loop_set_events(loop, &lfd, EPOLLIN | EPOLLOUT);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "o");
	loop_del_fd(loop, &lfd);
	close(fd);
}

static unsigned int n_posted;

static void count_post(void *aux)
{
	(void)aux;
	if (++n_posted == 4 * 1000)
		loop_quit(loop);
}

static void *poster(void *aux)
{
	for (int i = 0; i < 1000; i++)
		loop_post(loop, count_post, aux);
	return NULL;
}

static void posts_from_threads(void **state)
{
	pthread_t threads[4];

	(void)state;
	n_posted = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, poster, NULL), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_posted, 4000);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

static void post_again(void *aux)
{
	note('p');
	if (n_trail < 3)
		loop_post(loop, post_again, aux);
	else
		loop_quit(loop);
}

static void post_from_post(void **state)
{
	(void)state;
	loop_post(loop, post_again, NULL);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "ppp");
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void idle_costs_nothing(void **state)
{
	struct named_timer t = {.name = 'q'};
	int64_t before = cpu_us();

	(void)state;
	loop_set_timer(loop, &t.t, clock_now_ms() + 60, quit_timer);
	assert_int_equal(loop_run(loop), 0);
	assert_true(cpu_us() - before < 20000);
}

static void warp(void *aux)
{
	(void)aux;
	note('w');
	clock_warp(50000);
	loop_clock_warped(loop);
}

/* Last: the clock stays stopped. */
static void stopped_clock(void **state)
{
	struct named_timer due = {.name = 'd'}, late = {.name = 'l'};

	(void)state;
	clock_stop();
	loop_set_timer(loop, &late.t, clock_now_ms() + 50000, quit_timer);
	loop_set_timer(loop, &due.t, clock_now_ms(), note_timer);
	loop_post(loop, warp, NULL);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trail, "dwl");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_fire_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(many_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(overdue_timer_starves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(delete_from_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(events_can_change, setup, teardown),
		cmocka_unit_test_setup_teardown(posts_from_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(post_from_post, setup, teardown),
		cmocka_unit_test_setup_teardown(idle_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_clock, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
