// SPDX-License-Identifier: Apache-2.0
/*
 * The event loop. One round: sleep in epoll_wait() until a descriptor is ready, the first timer is due or somebody
 * posts; then fire the timers that are due, run the posts, and call the descriptors. With nothing to do it is blocked
 * in the kernel.
 *
 * Timers are a binary heap ordered by due time, then by the order of loop_set_timer(), so that tests under a stopped
 * clock see the same order every time. Each round fires at most as many timers as were set when it began: a timer that
 * sets itself for a time already past cannot starve the descriptors.
 */
#include "os/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

enum { EVENTS_PER_ROUND = 64 };

struct post {
	void (*fn)(void *aux);
	void *aux;
};

struct posts {
	struct post *list;
	size_t n, cap;
};

struct loop {
	int epoll_fd;
	int wake_fd; /* eventfd: posts, loop_quit(), loop_clock_warped() */
	_Atomic bool quit;

	struct loop_timer **heap; /* heap[1..n_timers]; heap[0] is not used */
	size_t n_timers, heap_cap;
	uint64_t next_seq;

	pthread_mutex_t lock; /* guards `posted` */
	struct posts posted;  /* by anybody */
	struct posts running; /* those being run; the two swap their memory */

	/* The events of this round that were not called yet, so that loop_del_fd() can take one back. */
	struct epoll_event *pending;
	int n_pending;
};

static void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	/* It fails only when the counter is full, and then the loop is awake anyway. */
	if (write(loop->wake_fd, &one, sizeof one) < 0)
		return;
}

struct loop *loop_new(void)
{
	struct loop *loop = xzalloc(sizeof *loop);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) < 0) {
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	for (size_t i = 1; i <= loop->n_timers; i++)
		loop->heap[i]->heap_pos = 0;
	free(loop->heap);
	free(loop->posted.list);
	free(loop->running.list);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

/* ---- descriptors ---- */

int loop_add_fd(struct loop *loop, struct loop_fd *lfd, int fd, uint32_t events,
		void (*ready)(struct loop_fd *self, uint32_t events))
{
	struct epoll_event ev = {.events = events, .data.ptr = lfd};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*lfd = (struct loop_fd){.fd_plus_1 = fd + 1, .events = events, .ready = ready};
	return 0;
}

void loop_set_events(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = lfd};

	if (!lfd->fd_plus_1 || lfd->events == events)
		return;
	if (!epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, lfd->fd_plus_1 - 1, &ev))
		lfd->events = events;
}

void loop_del_fd(struct loop *loop, struct loop_fd *lfd)
{
	if (!lfd->fd_plus_1)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, lfd->fd_plus_1 - 1, NULL);
	lfd->fd_plus_1 = 0;
	for (int i = 0; i < loop->n_pending; i++)
		if (loop->pending[i].data.ptr == lfd)
			loop->pending[i].data.ptr = NULL;
}

/* ---- timers ---- */

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

static void heap_place(struct loop *loop, struct loop_timer *timer, size_t pos)
{
	loop->heap[pos] = timer;
	timer->heap_pos = (uint32_t)pos;
}

/* Moves @timer from the free place @pos to where it belongs. */
static void heap_sift(struct loop *loop, struct loop_timer *timer, size_t pos)
{
	for (; pos > 1 && timer_before(timer, loop->heap[pos / 2]); pos /= 2)
		heap_place(loop, loop->heap[pos / 2], pos);
	for (;;) {
		size_t child = pos * 2;

		if (child > loop->n_timers)
			break;
		if (child < loop->n_timers && timer_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!timer_before(loop->heap[child], timer))
			break;
		heap_place(loop, loop->heap[child], pos);
		pos = child;
	}
	heap_place(loop, timer, pos);
}

void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t at_ms,
		    void (*fire)(struct loop_timer *self, int64_t now_ms))
{
	timer->at_ms = at_ms;
	timer->fire = fire;
	timer->seq = loop->next_seq++;
	if (timer->heap_pos) {
		heap_sift(loop, timer, timer->heap_pos);
		return;
	}
	if (loop->n_timers + 1 >= loop->heap_cap) {
		loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
		loop->heap = xrealloc(loop->heap, loop->heap_cap * sizeof(struct loop_timer *));
	}
	heap_sift(loop, timer, ++loop->n_timers);
}

void loop_cancel_timer(struct loop *loop, struct loop_timer *timer)
{
	size_t pos = timer->heap_pos;
	struct loop_timer *last;

	if (!pos)
		return;
	timer->heap_pos = 0;
	last = loop->heap[loop->n_timers--];
	if (last != timer)
		heap_sift(loop, last, pos);
}

void loop_clock_warped(struct loop *loop)
{
	loop_wake(loop);
}

static void fire_timers(struct loop *loop)
{
	int64_t now_ms;
	size_t budget = loop->n_timers;

	if (!budget)
		return;
	now_ms = clock_now_ms();
	while (budget-- && loop->n_timers && loop->heap[1]->at_ms <= now_ms) {
		struct loop_timer *timer = loop->heap[1];

		loop_cancel_timer(loop, timer);
		timer->fire(timer, now_ms);
	}
}

/* How long epoll_wait() may sleep, in its terms. */
static int sleep_ms(const struct loop *loop)
{
	int64_t left;

	if (!loop->n_timers)
		return -1;
	left = loop->heap[1]->at_ms - clock_now_ms();
	if (left <= 0)
		return 0;
	if (clock_is_stopped())
		return -1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* ---- posts ---- */

void loop_post(struct loop *loop, void (*fn)(void *aux), void *aux)
{
	struct posts *p = &loop->posted;
	bool first;

	pthread_mutex_lock(&loop->lock);
	first = !p->n;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 16;
		p->list = xrealloc(p->list, p->cap * sizeof *p->list);
	}
	p->list[p->n++] = (struct post){fn, aux};
	pthread_mutex_unlock(&loop->lock);
	if (first)
		loop_wake(loop);
}

/* What is posted meanwhile runs in the next round. */
static void run_posts(struct loop *loop)
{
	struct posts todo;

	pthread_mutex_lock(&loop->lock);
	todo = loop->posted;
	loop->posted = loop->running;
	loop->posted.n = 0;
	loop->running = todo;
	pthread_mutex_unlock(&loop->lock);

	for (size_t i = 0; i < todo.n; i++)
		todo.list[i].fn(todo.list[i].aux);
}

/* ---- the round ---- */

static void drain_wake_fd(struct loop *loop)
{
	uint64_t n;

	if (read(loop->wake_fd, &n, sizeof n) < 0)
		return;
}

static void call_ready(struct loop *loop, struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct loop_fd *lfd = events[i].data.ptr;

		loop->pending = events + i + 1;
		loop->n_pending = n - i - 1;
		if (lfd)
			lfd->ready(lfd, events[i].events);
	}
	loop->n_pending = 0;
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_ROUND];

	while (!atomic_load(&loop->quit)) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, sleep_ms(loop));

		if (n < 0 && errno != EINTR)
			return -errno;
		loop->pending = events;
		loop->n_pending = MAX(n, 0);
		/* The wake-up's own event is the one without a loop_fd; nothing was taken back yet. */
		for (int i = 0; i < n; i++)
			if (!events[i].data.ptr)
				drain_wake_fd(loop);
		fire_timers(loop);
		run_posts(loop);
		call_ready(loop, events, n);
	}
	atomic_store(&loop->quit, false);
	return 0;
}

void loop_quit(struct loop *loop)
{
	atomic_store(&loop->quit, true);
	loop_wake(loop);
}
