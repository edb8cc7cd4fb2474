// SPDX-License-Identifier: Apache-2.0
#include "switchd/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <urcu.h>
#include <urcu/list.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "base/util.h"
#include "os/loop.h"
#include "packet/pcapng.h"
#include "switchd/bridge.h"
#include "switchd/capture_note.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/watch.h"
#include "switchd/iface_dev.h"
#include "vsw/version.h"

LOG_MODULE(capture);

enum {
	ROUND_MS = 10,
	FOLLOW_MS = 100,   /* how often new ports are looked for */
	LINGER_MS = 10000, /* the numbers of a capture that is over are kept so long */
	PIPE_SIZE = 1 << 20,
	BUFFER_MAX = 4 << 20, /* what a slow reader may be behind */
	MIN_BUDGET = 2048,
	MAX_BUDGET = 512 << 10,
	FIRST_BUDGET = 32 << 10,
	/* Of a window, for each CPU. */
	MIN_NS = WATCH_WINDOW_NS * WATCH_SHARE / 100 / 64,
	MAX_NS = WATCH_WINDOW_NS * WATCH_SHARE / 100,
};

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

static struct loop *main_loop;
static struct loop_timer follow_timer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all captures, but for over_ms */
static CDS_LIST_HEAD(captures);
static size_t n_captures;
static uint32_t slots_taken; /* of filters */
_Static_assert(CAPTURE_MAX <= WATCH_N_FILTERS, "each has one");
static int last_number;
static pthread_t thread;
static bool has_thread;
static atomic_bool stop_thread;
static _Atomic uint64_t n_unwatched, n_unmatched, spent_ns; /* as the thread knows them */
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

static void put_interface(struct capture *c, const char *name)
{
	size_t n = pcapng_put_interface(NULL, 0, name, PCAP_LINK_ETHERNET, c->options.snaplen);

	pcapng_put_interface(append(&c->out, n), n, name, PCAP_LINK_ETHERNET, c->options.snaplen);
}

static void put_section(struct capture *c)
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

static const struct captured_port *find_port(const struct capture *c, uint32_t number)
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
	const struct captured_port *port = is_wanted(c, s) ? find_port(c, s->port) : NULL;

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

static void end(struct capture *c)
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
			end(c);
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
		end(c);
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

static void one_round(struct watch_counts *counts)
{
	struct capture *c;

	watch_get_counts(counts);
	pthread_mutex_lock(&lock);
	poll_datapaths(counts);
	atomic_store_explicit(&n_unwatched, counts->n_unwatched + counts->n_lost, memory_order_relaxed);
	atomic_store_explicit(&n_unmatched, counts->n_unmatched, memory_order_relaxed);
	atomic_store_explicit(&spent_ns, counts->ns, memory_order_relaxed);
	cds_list_for_each_entry(c, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		drain(c);
	pthread_mutex_unlock(&lock);
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
	one_round(&then);
	for (unsigned int i = 1; !atomic_load(&stop_thread); i++) {
		nanosleep(&(struct timespec){.tv_nsec = ROUND_MS * 1000000}, NULL);
		one_round(&now);
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

static int start_thread(void)
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

static void end_thread(void)
{
	if (!has_thread)
		return;
	atomic_store(&stop_thread, true);
	pthread_join(thread, NULL);
	has_thread = false;
	watch_stop();
}

/* ---- ports; main thread ---- */

static unsigned int what_of(const struct capture *c)
{
	if (c->is_done)
		return 0;
	if (c->options.drops)
		return WATCH_DROPS;
	return (c->options.direction != CAPTURE_OUT ? WATCH_IN : 0) |
	       (c->options.direction != CAPTURE_IN ? WATCH_OUT : 0);
}

static bool has_iface(const struct capture *c, const struct iface *iface)
{
	return iface->dp_port != DP_PORT_NONE && iface->bridge->dp == c->dp &&
	       !strcmp(c->options.bridge ? iface->bridge->name : iface->name,
		       c->options.bridge ? c->options.bridge : c->options.port);
}

/* Ports that are new to the capture get an interface of their own in the file. The lock is held. */
static void add_port(struct capture *c, const struct iface *iface)
{
	if (c->is_done || !has_iface(c, iface) || find_port(c, iface->dp_port))
		return;
	if (c->n_ports == c->cap_ports) {
		c->cap_ports = MAX(2 * c->cap_ports, (size_t)8);
		c->ports = xrealloc(c->ports, c->cap_ports * sizeof *c->ports);
	}
	/* Tunnel ports that share a device are one. */
	put_interface(c, iface_is_tunnel(iface) ? switch_dp_port_name(c->dp, iface->dp_port) : iface->name);
	c->ports[c->n_ports++] = (struct captured_port){iface->dp_port, c->n_interfaces++};
}

/* A number that now belongs to another port, or to none, is nobody's. */
static void drop_ports(struct capture *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_ports; i++) {
		const struct iface *iface = iface_by_dp_port(c->dp, c->ports[i].number);

		if (!iface || has_iface(c, iface))
			c->ports[n++] = c->ports[i];
	}
	c->n_ports = n;
}

/* With the filters, unless one of the captures has none. */
static unsigned int wanted_of(const struct iface *iface)
{
	unsigned int what = 0, filters = 0;
	bool all = false;
	struct capture *c;

	cds_list_for_each_entry(c, &captures, node) {
		/* cppcheck-suppress uninitvar ; the macro sets it */
		unsigned int one = has_iface(c, iface) ? what_of(c) : 0;

		what |= one;
		all |= one && !c->options.filter.n;
		filters |= one ? WATCH_FILTER(c->slot) : 0;
	}
	return all ? what : what | filters;
}

static void follow_ports(void)
{
	struct iface *iface;
	struct capture *c;

	pthread_mutex_lock(&lock);
	cds_list_for_each_entry(c, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		drop_ports(c);
	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces) {
		struct datapath *dp = iface->bridge->dp;

		cds_list_for_each_entry(c, &captures, node)
			add_port(c, iface);
		if (iface->dp_port != DP_PORT_NONE && dp->ops->port_watch)
			dp->ops->port_watch(dp, iface->dp_port, wanted_of(iface));
	}
	pthread_mutex_unlock(&lock);
}

/* ---- life ---- */

static void capture_free(struct capture *c)
{
	end(c);
	free((char *)c->options.bridge);
	free((char *)c->options.port);
	pcap_filter_fini(&c->options.filter);
	free(c->ports);
	free(c);
}

static void drop(struct capture *c)
{
	pthread_mutex_lock(&lock);
	cds_list_del(&c->node);
	n_captures--;
	pthread_mutex_unlock(&lock);
	/* Nobody looks at its filter any more. */
	follow_ports();
	watch_set_filter(c->slot, NULL);
	slots_taken &= ~(1u << c->slot);
	capture_free(c);
}

/* After the last capture nothing is left that costs. */
static void rest(void)
{
	struct datapath *dps[] = {vswitch.dp, vswitch.dummy_dp};

	end_thread();
	loop_cancel_timer(main_loop, &follow_timer);
	for (size_t i = 0; i < ARRAY_SIZE(dps); i++)
		if (dps[i] && dps[i]->ops->watch_poll)
			dps[i]->ops->watch_poll(dps[i], NULL, NULL, NULL);
}

static void follow(struct loop_timer *self, int64_t now_ms)
{
	struct capture *c, *next;

	(void)self;
	cds_list_for_each_entry_safe(c, next, &captures, node) {
		bool is_over;

		/* cppcheck-suppress uninitvar ; the macro sets it */
		pthread_mutex_lock(&lock);
		is_over = c->fd < 0;
		pthread_mutex_unlock(&lock);
		if (is_over && !c->over_ms)
			c->over_ms = now_ms;
		else if (is_over && now_ms - c->over_ms > LINGER_MS)
			drop(c);
	}
	follow_ports();
	if (n_captures)
		loop_set_timer(main_loop, &follow_timer, now_ms + FOLLOW_MS, follow);
	else
		rest();
}

/* Which datapath, and whether there is anything to see. */
static int find_place(const struct capture_options *o, struct datapath **dp, struct errtext *err)
{
	const struct bridge *br = o->bridge ? bridge_by_name(o->bridge) : NULL;
	const struct iface *iface = o->port ? iface_by_name(o->port) : NULL;

	if (o->bridge && !br)
		return errtext_set(err, ENOENT, "no bridge named %.60s", o->bridge);
	if (!br && !iface)
		return errtext_set(err, ENOENT, "no port named %.60s; `vsw show` lists them", o->port ? o->port : "");
	if (iface && iface->type == IFACE_PATCH)
		return errtext_set(
			err, EOPNOTSUPP,
			"%s is a patch port: packets do not pass it one by one; capture the ports they come in by",
			o->port);
	*dp = br ? br->dp : iface->bridge->dp;
	if (!(*dp)->ops->port_watch)
		return errtext_set(err, EOPNOTSUPP, "the %s datapath cannot capture", (*dp)->ops->type);
	return 0;
}

static int make_pipe(int fds[2], struct errtext *err)
{
	if (pipe2(fds, O_CLOEXEC))
		return errtext_set(err, errno, "no pipe: %s", strerror(errno));
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* less will do, too */
	return 0;
}

static struct capture *capture_new(const struct capture_options *options, struct datapath *dp, int fd)
{
	struct capture *c = xzalloc(sizeof *c);

	c->number = ++last_number;
	while (slots_taken & 1u << c->slot)
		c->slot++;
	slots_taken |= 1u << c->slot;
	c->options = *options;
	c->options.bridge = options->bridge ? xstrdup(options->bridge) : NULL;
	c->options.port = options->port ? xstrdup(options->port) : NULL;
	c->dp = dp;
	c->fd = fd;
	c->unwatched_before = atomic_load(&n_unwatched);
	c->unmatched_before = atomic_load(&n_unmatched);
	if (c->options.filter.n)
		watch_set_filter(c->slot, &c->options.filter);
	put_section(c);
	return c;
}

int capture_start(const struct capture_options *options, int *fd, struct errtext *err)
{
	struct datapath *dp = NULL;
	struct capture *c;
	int fds[2] = {-1, -1}, error = find_place(options, &dp, err);

	if (!error && n_captures == CAPTURE_MAX)
		error = errtext_set(err, EBUSY, "%d captures are under way already", CAPTURE_MAX);
	if (!error)
		error = make_pipe(fds, err);
	if (!error && (error = start_thread())) {
		errtext_set(err, -error, "no thread to capture: %s", strerror(-error));
		close(fds[0]);
		close(fds[1]);
	}
	if (error) {
		pcap_filter_fini((struct pcap_filter *)&options->filter);
		return error;
	}
	watch_set_len(WATCH_MAX_LEN);
	c = capture_new(options, dp, fds[1]);
	pthread_mutex_lock(&lock);
	cds_list_add_tail(&c->node, &captures);
	n_captures++;
	pthread_mutex_unlock(&lock);
	follow_ports();
	loop_set_timer(main_loop, &follow_timer, clock_now_ms() + FOLLOW_MS, follow);
	*fd = fds[0];
	return c->number;
}

int capture_stop(int number, struct capture_stats *stats)
{
	struct capture *c, *found = NULL;
	struct watch_counts counts;

	cds_list_for_each_entry(c, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		if (c->number == number)
			found = c;
	if (!found)
		return -ENOENT;
	/* What came until now belongs to it. */
	one_round(&counts);
	found->stats.n_unwatched = atomic_load(&n_unwatched) - found->unwatched_before;
	if (found->options.filter.n)
		found->stats.n_unmatched += atomic_load(&n_unmatched) - found->unmatched_before;
	*stats = found->stats;
	drop(found);
	if (!n_captures)
		rest();
	return 0;
}

uint64_t capture_watch_ns(void)
{
	return atomic_load_explicit(&spent_ns, memory_order_relaxed);
}

void capture_init(struct loop *loop)
{
	main_loop = loop;
}

void capture_fini(void)
{
	struct capture *c, *next;

	cds_list_for_each_entry_safe(c, next, &captures, node)
		/* cppcheck-suppress uninitvar ; the macro sets it */
		drop(c);
	follow_ports();
	rest();
	ds_fini(&comment);
}
