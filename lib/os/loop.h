/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop over epoll: descriptors, timers, and work posted from other threads. One thread runs it; loop_post(), loop_quit()
 * and loop_clock_warped() alone may come from any. Timers follow clock_now_ms(), so a stopped clock fires none, and clock_warp()
 * fires what became due (call loop_clock_warped() afterwards).
 */
#ifndef OS_LOOP_H
#define OS_LOOP_H 1

#include <stdint.h>
#include <urcu/list.h>

struct loop;

/** Embedded by its owner, zero-initialised; in the loop while `fd_plus_1` is not 0. */
struct loop_fd {
	int fd_plus_1;
	uint32_t events;
	/** @events: EPOLLIN, EPOLLOUT, EPOLLHUP, ... May delete itself and any other. */
	void (*ready)(struct loop_fd *self, uint32_t events);
};

/** Embedded by its owner, zero-initialised. One-shot: `fire` sets it again for the next time. */
struct loop_timer {
	int64_t at_ms;
	uint32_t heap_pos; /* 1-based; 0: not set */
	uint64_t seq;	   /* of those due at the same time, the one set first fires first */
	void (*fire)(struct loop_timer *self, int64_t now_ms);
};

/** loop_new() - NULL with errno set when the kernel has no descriptors left. */
struct loop *loop_new(void);
/** loop_free() - NULL is fine. Descriptors and timers still in it are forgotten, posts not yet run never run. */
void loop_free(struct loop *loop);

/** loop_add_fd() - watch @fd (not owned). Return: 0 or -errno. */
int loop_add_fd(struct loop *loop, struct loop_fd *lfd, int fd, uint32_t events,
		void (*ready)(struct loop_fd *self, uint32_t events));
void loop_set_events(struct loop *loop, struct loop_fd *lfd, uint32_t events);
/** loop_del_fd() - before the descriptor is closed; no effect when not watched. */
void loop_del_fd(struct loop *loop, struct loop_fd *lfd);

/** loop_set_timer() - fire at @at_ms (clock_now_ms() scale), moving it when set already. */
void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t at_ms,
		    void (*fire)(struct loop_timer *self, int64_t now_ms));
void loop_cancel_timer(struct loop *loop, struct loop_timer *timer);
void loop_clock_warped(struct loop *loop);

/** loop_post() - run @fn in the loop's thread soon, in the order posted; from any thread. */
void loop_post(struct loop *loop, void (*fn)(void *aux), void *aux);

/** loop_run() - until loop_quit(); may be called again afterwards. Return: 0 or -errno. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

#endif
