/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two halves of captures: the main thread, which starts and ends them and says which ports they are of (capture.c), and the thread that
 * writes their files (capture_thread.c).
 */
#ifndef SWITCHD_CAPTURE_IMPL_H
#define SWITCHD_CAPTURE_IMPL_H 1

#include <pthread.h>
#include <stdatomic.h>
#include <urcu/list.h>

#include "base/ds.h"
#include "switchd/capture.h"

struct datapath;
struct watch_counts;

struct captured_port {
	uint32_t number, if_id;
};

struct capture {
	struct cds_list_head node;
	int number;
	struct capture_options options; /* names are owned */
	unsigned int slot;		/* of its filter, see watch_set_filter() */
	struct datapath *dp;
	int fd;
	struct captured_port *ports;
	size_t n_ports, cap_ports;
	uint32_t n_interfaces;
	struct ds out; /* not yet in the pipe from `sent` on */
	size_t sent;
	struct capture_stats stats;
	uint64_t unwatched_before, unmatched_before;
	bool is_done; /* no more packets; closed when its buffer is empty */
	int64_t over_ms;
};

extern pthread_mutex_t captures_lock; /* guards all captures, but for over_ms */
extern struct cds_list_head captures; /* of struct capture.node */

/** What was not looked at, matched no filter, and what looking took, as the thread knows it: sums over all captures there were. */
struct capture_totals {
	_Atomic uint64_t n_unwatched, n_unmatched, spent_ns;
};

extern struct capture_totals capture_totals;

/** capture_put_section() - the file begins. */
void capture_put_section(struct capture *c);
/** capture_put_interface() - a port that packets will be of. The lock is held. */
void capture_put_interface(struct capture *c, const char *name);
/** capture_find_port() - NULL: the capture has none of that number. The lock is held. */
const struct captured_port *capture_find_port(const struct capture *c, uint32_t number);
/** capture_end() - close its pipe; what is not in there is lost. The lock is held, or nobody else knows it. */
void capture_end(struct capture *c);

/** capture_round() - hand what was seen until now to the captures. @counts: of the watch, then. Takes the lock. */
void capture_round(struct watch_counts *counts);
/** capture_thread_start() - a thread that makes rounds, unless there is one. Return: 0 or negative errno. */
int capture_thread_start(void);
void capture_thread_end(void);
/** capture_thread_fini() - frees, after its end. */
void capture_thread_fini(void);

#endif
