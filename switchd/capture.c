// SPDX-License-Identifier: Apache-2.0
#include "switchd/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "os/loop.h"
#include "switchd/bridge.h"
#include "switchd/capture_impl.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/watch.h"
#include "switchd/iface_dev.h"

enum {
	FOLLOW_MS = 100,   /* how often new ports are looked for */
	LINGER_MS = 10000, /* the numbers of a capture that is over are kept so long */
	PIPE_SIZE = 1 << 20,
};

static struct loop *main_loop;
static struct loop_timer follow_timer;
static size_t n_captures;
static uint32_t slots_taken; /* of filters */
_Static_assert(CAPTURE_MAX <= WATCH_N_FILTERS, "each has one");
static int last_number;

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
	if (c->is_done || !has_iface(c, iface) || capture_find_port(c, iface->dp_port))
		return;
	if (c->n_ports == c->cap_ports) {
		c->cap_ports = MAX(2 * c->cap_ports, (size_t)8);
		c->ports = xrealloc(c->ports, c->cap_ports * sizeof *c->ports);
	}
	/* Tunnel ports that share a device are one. */
	capture_put_interface(c, iface_is_tunnel(iface) ? switch_dp_port_name(c->dp, iface->dp_port) : iface->name);
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

	pthread_mutex_lock(&captures_lock);
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
	pthread_mutex_unlock(&captures_lock);
}

/* ---- life ---- */

static void capture_free(struct capture *c)
{
	capture_end(c);
	free((char *)c->options.bridge);
	free((char *)c->options.port);
	pcap_filter_fini(&c->options.filter);
	free(c->ports);
	free(c);
}

static void drop(struct capture *c)
{
	pthread_mutex_lock(&captures_lock);
	cds_list_del(&c->node);
	n_captures--;
	pthread_mutex_unlock(&captures_lock);
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

	capture_thread_end();
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
		pthread_mutex_lock(&captures_lock);
		is_over = c->fd < 0;
		pthread_mutex_unlock(&captures_lock);
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
	c->unwatched_before = atomic_load(&capture_totals.n_unwatched);
	c->unmatched_before = atomic_load(&capture_totals.n_unmatched);
	if (c->options.filter.n)
		watch_set_filter(c->slot, &c->options.filter);
	capture_put_section(c);
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
	if (!error && (error = capture_thread_start())) {
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
	pthread_mutex_lock(&captures_lock);
	cds_list_add_tail(&c->node, &captures);
	n_captures++;
	pthread_mutex_unlock(&captures_lock);
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
	capture_round(&counts);
	found->stats.n_unwatched = atomic_load(&capture_totals.n_unwatched) - found->unwatched_before;
	if (found->options.filter.n)
		found->stats.n_unmatched += atomic_load(&capture_totals.n_unmatched) - found->unmatched_before;
	*stats = found->stats;
	drop(found);
	if (!n_captures)
		rest();
	return 0;
}

uint64_t capture_watch_ns(void)
{
	return atomic_load_explicit(&capture_totals.spent_ns, memory_order_relaxed);
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
	capture_thread_fini();
}
