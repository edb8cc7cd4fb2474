// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t warped_ms;
static _Atomic int64_t stopped_at_ms; /* 0: running */

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	int64_t stopped = atomic_load_explicit(&stopped_at_ms, memory_order_relaxed);

	return (stopped ? stopped : read_ms(CLOCK_MONOTONIC)) + atomic_load_explicit(&warped_ms, memory_order_relaxed);
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

void clock_stop(void)
{
	int64_t running = 0;

	atomic_compare_exchange_strong(&stopped_at_ms, &running, read_ms(CLOCK_MONOTONIC));
}

bool clock_is_stopped(void)
{
	return atomic_load(&stopped_at_ms) != 0;
}

void clock_warp(int64_t ms)
{
	atomic_fetch_add(&warped_ms, ms);
}
