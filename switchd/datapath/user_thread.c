// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/user.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

LOG_MODULE(dp_user);

enum {
	EVENTS_PER_ROUND = 64,
	/* Batches that a port may bring in one round, before the others have their turn. */
	BATCHES_PER_ROUND = 4,
	/* A new port's first packet waits for so many of the others'. */
	UPCALLS_PER_ROUND = 2,
	SORT_INTERVAL_MS = 1000,
};

_Static_assert(FORWARD_BATCH == AFPACKET_BATCH, "one receive, one batch");

/* ---- receiving ---- */

static void to_packet(struct packet *p, const struct afpacket_frame *f)
{
	*p = (struct packet){
		.data = f->data,
		.len = f->len,
		.headroom = f->headroom,
		.tailroom = f->tailroom,
		.orig_len = f->orig_len,
		.flags = f->vnet.flags & (PACKET_F_CSUM_PARTIAL | PACKET_F_CSUM_VALID),
		.gso_type = f->vnet.gso_type,
		.gso_size = f->vnet.gso_size,
		.hdr_len = f->vnet.hdr_len,
		.csum_start = f->vnet.csum_start,
		.csum_offset = f->vnet.csum_offset,
	};
}

/* One batch. Return: whether there may be more. */
static bool receive(struct user_thread *t, struct user_port *port)
{
	struct afpacket_frame frames[AFPACKET_BATCH];
	int n = afpacket_recv(port->socket, t->buffers, frames);
	size_t n_whole = 0;

	if (n < 0) {
		/* The device is down or gone (the main thread hears of that, too), or a frame could not be handed over. */
		if (n != -ENETDOWN)
			forward_port_lost(&port->fp, DROP_INTERNAL, NULL);
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (frames[i].orig_len > frames[i].len)
			forward_port_lost(&port->fp, DROP_RX_TRUNCATED,
					  &(struct forward_frame){frames[i].data, frames[i].len});
		else
			to_packet(&t->f.packets[n_whole++], &frames[i]);
	}
	if (n_whole && unlikely(egress_is_active(&port->ingress)))
		user_ingress_put(t, port, n_whole);
	else if (n_whole)
		forward_batch(&t->f, &port->fp, n_whole);
	return n == AFPACKET_BATCH;
}

void user_port_serve(struct user_thread *t, struct user_source *source)
{
	struct user_port *port = container_of(source, struct user_port, source);

	for (int i = 0; i < BATCHES_PER_ROUND && !atomic_load_explicit(&port->is_dead, memory_order_relaxed); i++)
		if (!receive(t, port))
			break;
}

/* ---- the ports that went away ---- */

static void free_port_rcu(struct rcu_head *rcu)
{
	user_port_free(caa_container_of(rcu, struct user_port, rcu));
}

/* After all events of the round are handled: no later round can see these ports again. */
static void bury_dead_ports(struct user_thread *t)
{
	struct user_port *port, *next;
	CDS_LIST_HEAD(dead);

	pthread_mutex_lock(&t->lock);
	cds_list_splice(&t->dead_ports, &dead);
	CDS_INIT_LIST_HEAD(&t->dead_ports);
	pthread_mutex_unlock(&t->lock);
	cds_list_for_each_entry_safe(port, next, &dead, dead_node) {
		forward_port_purge(&t->f, &port->fp);
		user_ingress_purge(t, port);
		call_rcu(&port->rcu, free_port_rcu);
	}
}

/* ---- the round ---- */

static void drain_wake_fd(struct user_thread *t)
{
	uint64_t n;

	if (read(t->wake_fd, &n, sizeof n) < 0)
		return;
}

static void sort_masks_sometimes(struct user_thread *t)
{
	if (t->f.now_ms - t->sorted_ms < SORT_INTERVAL_MS)
		return;
	t->sorted_ms = t->f.now_ms;
	cache_sort_masks(t->dp->base.shared.cache);
}

static void one_round(struct user_thread *t, const struct epoll_event *events, int n)
{
	bool is_woken = false;

	for (int i = 0; i < n; i++) {
		struct user_source *source = events[i].data.ptr;

		if (source)
			source->serve(t, source);
		else
			is_woken = true;
	}
	if (!is_woken)
		return;
	drain_wake_fd(t);
	forward_posted(&t->f);
	user_ingress_serve(t);
	bury_dead_ports(t);
}

static void take_priority(const struct user_thread *t)
{
	if (t->dp->niceness && setpriority(PRIO_PROCESS, 0, t->dp->niceness))
		log_info("forwarding thread %u has no priority over other processes (%s); while all CPUs are busy, new "
			 "flows "
			 "begin late",
			 t->index, strerror(errno));
}

static void *run(void *t_)
{
	struct user_thread *t = t_;
	struct epoll_event events[EVENTS_PER_ROUND];
	bool more = false;
	int timeout = -1;

	rcu_register_thread();
	take_priority(t);
	while (!atomic_load(&t->stop)) {
		int n = epoll_wait(t->epoll_fd, events, EVENTS_PER_ROUND, more ? 0 : timeout);

		if (n < 0 && errno != EINTR) {
			log_err("forwarding thread %u ends: epoll_wait: error %d", t->index, errno);
			break;
		}
		if (t->dp->begin_round)
			t->dp->begin_round(t);
		one_round(t, events, n);
		more = forward_waiting(&t->f, UPCALLS_PER_ROUND);
		timeout = t->dp->end_round ? t->dp->end_round(t) : -1;
		sort_masks_sometimes(t);
	}
	bury_dead_ports(t);
	rcu_unregister_thread();
	return NULL;
}

/* ---- life; the main thread's side ---- */

void user_thread_wake(struct user_thread *t)
{
	uint64_t one = 1;

	if (write(t->wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full: it is awake */
}

static void thread_free(struct user_thread *t)
{
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	afpacket_buffers_free(t->buffers);
	afpacket_prio_free(t->prio);
	pthread_mutex_destroy(&t->lock);
	forwarder_free(&t->f);
}

/* Starts it with all signals blocked: they are the main thread's. */
static int start(struct user_thread *t)
{
	sigset_t all, old;
	char name[16];
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return error;
	snprintf(name, sizeof name, "vsw-fwd%u", t->index);
	pthread_setname_np(t->id, name);
	return 0;
}

struct user_thread *user_thread_start(struct user_dp *dp, unsigned int index)
{
	struct forwarder *f = forwarder_new(&dp->base.shared, &user_tx_ops, sizeof(struct user_thread));
	struct user_thread *t = container_of(f, struct user_thread, f);
	struct epoll_event ev = {.events = EPOLLIN};
	int error = 0;

	t->dp = dp;
	t->index = index;
	t->buffers = afpacket_buffers_new();
	pthread_mutex_init(&t->lock, NULL);
	CDS_INIT_LIST_HEAD(&t->dead_ports);
	CDS_INIT_LIST_HEAD(&t->arrived_ports);
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->epoll_fd < 0 || t->wake_fd < 0 || epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->wake_fd, &ev) < 0)
		error = errno;
	if (!error)
		error = start(t);
	if (!error)
		return t;
	thread_free(t);
	errno = error;
	return NULL;
}

void user_thread_stop(struct user_thread *t)
{
	atomic_store(&t->stop, true);
	user_thread_wake(t);
	pthread_join(t->id, NULL);
	thread_free(t);
}

int user_thread_add_source(struct user_thread *t, int fd, struct user_source *source)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = source};

	return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void user_thread_del_port(struct user_thread *t, struct user_port *port)
{
	epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, afpacket_fd(port->socket), NULL);
	user_thread_retire_port(t, port);
}

void user_thread_retire_port(struct user_thread *t, struct user_port *port)
{
	atomic_store(&port->is_dead, true);
	pthread_mutex_lock(&t->lock);
	cds_list_add_tail(&port->dead_node, &t->dead_ports);
	pthread_mutex_unlock(&t->lock);
	user_thread_wake(t);
}
