// SPDX-License-Identifier: Apache-2.0
/* The thread that writes captures: what the datapaths have seen becomes blocks of pcapng in pipes, for a bounded share of the time. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <urcu.h>

#include "base/util.h"
#include "packet/pcapng.h"
#include "switchd/capture_impl.h"
#include "switchd/capture_note.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/watch.h"
#include "vsw/version.h"

enum {
	ROUND_MS = 10,
	BUFFER_MAX = 4 << 20, /* what a slow reader may be behind */
	MIN_BUDGET = 2048,
	MAX_BUDGET = 512 << 10,
	FIRST_BUDGET = 32 << 10,
	/* Of a window, for each CPU. */
	MIN_NS = WATCH_WINDOW_NS * WATCH_SHARE / 100 / 64,
	MAX_NS = WATCH_WINDOW_NS * WATCH_SHARE / 100,
};

pthread_mutex_t captures_lock = PTHREAD_MUTEX_INITIALIZER;
CDS_LIST_HEAD(captures);
struct capture_totals capture_totals;

static pthread_t thread;
static bool has_thread;
static atomic_bool stop_thread;
static struct ds comment;

/* ---- blocks ---- */

/* Room for @n bytes at the end of the buffer. */
static void *append(struct ds *out, size_t n)
{
	static const uint8_t zeros[256];
	size_t at = out->len;

	for (size_t left = n; left; left -= MIN(left, sizeof zeros))
		ds_put_mem(out, zeros, MIN(left, sizeof zeros));
	return out->s + at;
}

void capture_put_interface(struct capture *c, const char *name)
{
	size_t n = pcapng_put_interface(NULL, 0, name, PCAP_LINK_ETHERNET, c->options.snaplen);

	pcapng_put_interface(append(&c->out, n), n, name, PCAP_LINK_ETHERNET, c->options.snaplen);
}

void capture_put_section(struct capture *c)
{
	size_t n = pcapng_put_section(NULL, 0, "vsw " VSW_VERSION);

	pcapng_put_section(append(&c->out, n), n, "vsw " VSW_VERSION);
}

static void put_frame(struct capture *c, const struct sight *s, uint32_t if_id)
{
	struct pcap_frame f = {
		.data = s->bytes,
		.len = MIN(s->n_bytes, c->options.snaplen),
		.orig_len = s->len,
		.ts_ns = s->ts_ns,
		.if_id = if_id,
		.direction = s->is_out ? PCAP_DIR_OUT : PCAP_DIR_IN,
	};
	size_t n;

	if (!comment.len)
		capture_note(s, &comment);
	f.comment = ds_cstr(&comment);
	f.comment_len = comment.len;
	n = pcapng_put_frame(NULL, 0, &f);
	pcapng_put_frame(append(&c->out, n), n, &f);
}

/* ---- the thread ---- */

const struct captured_port *capture_find_port(const struct capture *c, uint32_t number)
{
	for (size_t i = 0; i < c->n_ports; i++)
		if (c->ports[i].number == number)
			return &c->ports[i];
	return NULL;
}

static bool is_wanted(const struct capture *c, const struct sight *s)
{
	if (c->is_done || c->dp != s->dp)
		return false;
	if (c->options.drops)
		return s->reason;
	return c->options.direction != (s->is_out ? CAPTURE_IN : CAPTURE_OUT);
}

static void offer(struct capture *c, const struct sight *s)
{
	const struct captured_port *port = is_wanted(c, s) ? capture_find_port(c, s->port) : NULL;

	if (!port)
		return;
	if (!pcap_filter_matches(&c->options.filter, s->bytes, s->n_bytes, s->len)) {
		c->stats.n_unmatched++;
	} else if (c->out.len - c->sent > BUFFER_MAX) {
		c->stats.n_slow++;
	} else {
		put_frame(c, s, port->if_id);
		c->is_done = ++c->stats.n_captured == c->options.count;
	}
}

static void take(void *aux, const struct sight *s)
{
	struct capture *c;

	(void)aux;
	ds_clear(&comment);
	cds_list_for_each_entry(c, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		offer(c, s);
}

void capture_end(struct capture *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->is_done = true;
	ds_fini(&c->out);
	c->sent = 0;
}

/* As much as the pipe takes. */
static void drain(struct capture *c)
{
	struct pollfd p = {.fd = c->fd};

	if (c->fd < 0)
		return;
	while (c->sent < c->out.len) {
		ssize_t n = write(c->fd, c->out.s + c->sent, c->out.len - c->sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			capture_end(c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->sent == c->out.len) {
		ds_clear(&c->out);
		c->sent = 0;
	}
	/* A reader that left is noticed also when there is nothing to write. */
	if ((c->is_done && !c->out.len) || (poll(&p, 1, 0) > 0 && p.revents & POLLERR))
		capture_end(c);
}

/* Each datapath that a capture is on, once. */
static void poll_datapaths(struct watch_counts *counts)
{
	struct datapath *polled = NULL;
	struct capture *c;

	cds_list_for_each_entry(c, &captures, node) {
		/* cppcheck-suppress uninitvar ; the macro sets it */
		if (c->dp == polled || !c->dp->ops->watch_poll)
			continue;
		polled = c->dp;
		c->dp->ops->watch_poll(c->dp, take, NULL, counts);
	}
	watch_read(take, NULL);
}

void capture_round(struct watch_counts *counts)
{
	struct capture *c;

	watch_get_counts(counts);
	pthread_mutex_lock(&captures_lock);
	poll_datapaths(counts);
	atomic_store_explicit(&capture_totals.n_unwatched, counts->n_unwatched + counts->n_lost, memory_order_relaxed);
	atomic_store_explicit(&capture_totals.n_unmatched, counts->n_unmatched, memory_order_relaxed);
	atomic_store_explicit(&capture_totals.spent_ns, counts->ns, memory_order_relaxed);
	cds_list_for_each_entry(c, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		drain(c);
	pthread_mutex_unlock(&captures_lock);
}

static int64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Narrower when what it is for took more than its share of the time, wider when it took much less. */
static uint32_t adapt(double budget, double ns, int64_t wall_ns, double share, double min, double max)
{
	double is = ns * 100 / (double)MAX(wall_ns, 1);

	if (is > share)
		budget *= MAX(0.9 * share / is, 0.25);
	else if (is < share * 0.7)
		budget *= 1.25;
	return (uint32_t)MIN(MAX(budget, min), max);
}

/* What the last rounds took: of this thread, and where the packets are. */
static void adapt_all(int64_t cpu_ns, int64_t wall_ns, const struct watch_counts *then, const struct watch_counts *now)
{
	double left = MAX(WATCH_SHARE - (double)cpu_ns * 100 / (double)MAX(wall_ns, 1), WATCH_SHARE - CAPTURE_SHARE);

	watch_set_budget(adapt(watch_budget(), (double)cpu_ns, wall_ns, CAPTURE_SHARE, MIN_BUDGET, MAX_BUDGET));
	watch_set_ns(adapt(watch_ns(), (double)(now->ns - then->ns), wall_ns, left, MIN_NS, MAX_NS));
}

static void *run(void *aux)
{
	int64_t cpu_ns = ns_of(CLOCK_THREAD_CPUTIME_ID), wall_ns = ns_of(CLOCK_MONOTONIC);
	struct watch_counts then, now;

	(void)aux;
	rcu_register_thread();
	capture_round(&then);
	for (unsigned int i = 1; !atomic_load(&stop_thread); i++) {
		nanosleep(&(struct timespec){.tv_nsec = ROUND_MS * 1000000}, NULL);
		capture_round(&now);
		if (i % 8)
			continue;
		adapt_all(ns_of(CLOCK_THREAD_CPUTIME_ID) - cpu_ns, ns_of(CLOCK_MONOTONIC) - wall_ns, &then, &now);
		then = now;
		cpu_ns = ns_of(CLOCK_THREAD_CPUTIME_ID);
		wall_ns = ns_of(CLOCK_MONOTONIC);
	}
	rcu_unregister_thread();
	return NULL;
}

int capture_thread_start(void)
{
	sigset_t all, old;
	int error;

	if (has_thread)
		return 0;
	error = watch_start();
	if (error)
		return error;
	watch_set_budget(FIRST_BUDGET);
	watch_set_ns(MAX_NS);
	atomic_store(&stop_thread, false);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return -error;
	pthread_setname_np(thread, "vsw-capture");
	has_thread = true;
	return 0;
}

void capture_thread_end(void)
{
	if (!has_thread)
		return;
	atomic_store(&stop_thread, true);
	pthread_join(thread, NULL);
	has_thread = false;
	watch_stop();
}

void capture_thread_fini(void)
{
	ds_fini(&comment);
}
