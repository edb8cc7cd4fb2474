/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's HTB on a device, laid out as people who know Open vSwitch expect it:
 *
 *   qdisc 1: root, default class 1:1
 *   class 1:fffe, root: what the device may send in all
 *   class 1:(queue + 1) under it, one for each queue
 *
 * A packet whose skb->priority is 1:N goes to class 1:N (tc-htb(8), "classification"); others to 1:1, the queue 0.
 *
 * A qdisc that somebody else put on the device is not touched. Ours is recognised by its class 1:fffe; what the kernel put there by itself
 * has the handle 0.
 */
#ifndef OS_TC_HTB_H
#define OS_TC_HTB_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct errtext;

#define TC_HTB_ROOT_CLASS 0xfffe
/** Queues are 0 to this. */
#define TC_HTB_MAX_QUEUE 0xefff

/** A class. Rates in bytes per second. */
struct tc_htb_class {
	uint64_t rate, ceil;
	uint32_t burst;	   /**< bytes; the kernel's minimum when less */
	uint32_t priority; /**< 0 is served first; to 7 */
};

/** What stands at a device's root. */
struct tc_htb_found {
	bool is_default; /**< nobody put it there */
	bool is_ours;
	char kind[16];
	uint32_t handle; /**< upper half of the number that tc prints, MAJOR: */
};

/** tc_htb_look() - Return: 0 or -errno. */
VSW_MUST_USE int tc_htb_look(int ifindex, struct tc_htb_found *found);

/**
 * tc_htb_install() - the qdisc and its root class; or, where ours is there already, that class anew
 * @mtu: of the device
 *
 * Return: 0; -EBUSY with @err: somebody else's qdisc is there; -ENOENT: the kernel has no HTB; other -errno. @err may be NULL.
 */
VSW_MUST_USE int tc_htb_install(int ifindex, uint32_t mtu, const struct tc_htb_class *root, struct errtext *err);
/** tc_htb_set_queue() - make or change a queue's class. Return: 0 or -errno. */
VSW_MUST_USE int tc_htb_set_queue(int ifindex, uint32_t mtu, uint16_t queue, const struct tc_htb_class *class);
/** tc_htb_del_queue() - Return: 0 or -errno; -ENOENT when it is not there. */
VSW_MUST_USE int tc_htb_del_queue(int ifindex, uint16_t queue);
/** tc_htb_remove() - if ours is there. Return: 0 or -errno. */
int tc_htb_remove(int ifindex);

struct tc_htb_stats {
	uint16_t queue;
	uint64_t n_packets, n_bytes, n_dropped;
};
/** tc_htb_stats() - @cb: called for each queue's class, in no order. Return: 0 or -errno. */
VSW_MUST_USE int tc_htb_stats(int ifindex, void (*cb)(void *aux, const struct tc_htb_stats *stats), void *aux);

#endif
