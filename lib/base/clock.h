/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock, read in main loops and handed down as `now_ms`; tests stop it and warp it (`vsw time stop|warp MS`).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H 1

#include <stdbool.h>
#include <stdint.h>

/** clock_now_ms() - milliseconds, monotonic, plus what was warped; thread-safe. */
int64_t clock_now_ms(void);
/** clock_wall_ms() - milliseconds since the epoch, for what people read; not affected by stop or warp. */
int64_t clock_wall_ms(void);
/** clock_stop() - freeze clock_now_ms() at its value; only clock_warp() moves it then. */
void clock_stop(void);
bool clock_is_stopped(void);
/** clock_warp() - add @ms (> 0). */
void clock_warp(int64_t ms);

#endif
