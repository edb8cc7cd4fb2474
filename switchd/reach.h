/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are some hosts reached? Each is asked with an ICMP echo, as the host's own routes lead there; a neighbour counts as reached, too, when the
 * kernel has just heard it answer ARP or neighbour discovery: many gateways do not answer pings.
 *
 * For the main thread. The owner calls reach_ask() as often as it wants to ask.
 */
#ifndef SWITCHD_REACH_H
#define SWITCHD_REACH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/rtnl.h"

struct loop;
struct reach;

/**
 * reach_new() - hosts to ask
 * @targets: @n addresses; copied
 * @answered: called when one has answered that had not since reach_reset()
 */
struct reach *reach_new(struct loop *loop, const struct rtnl_prefix *targets, size_t n, void (*answered)(void *aux),
			void *aux);
/** reach_free() - takes NULL. */
void reach_free(struct reach *reach);

/** reach_reset() - from now on, and by @ifindex: the device of targets that are link-local, and of neighbours. */
void reach_reset(struct reach *reach, int ifindex, int64_t now_ms);
/** reach_ask() - all of them. May call answered(). */
void reach_ask(struct reach *reach, int64_t now_ms);

/** reach_last_ms() - when target @i last answered (clock_now_ms()), or -1: not since the reset. */
int64_t reach_last_ms(const struct reach *reach, size_t i);

#endif
