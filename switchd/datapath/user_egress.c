// SPDX-License-Identifier: Apache-2.0
/*
 * Drives the lines (egress.h) of all ports, the way out and the way in: one thread that sleeps until the next packet is due.
 *
 * It is started with the first stage. A forwarding thread that puts a packet which is due earlier than the thread means to wake up writes to
 * an eventfd; this happens under the line's lock, so it takes no other.
 */
#include "switchd/datapath/user.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"

LOG_MODULE(dp_egress);

enum { NS_PER_S = 1000000000, TIMER_SLACK_NS = 1000 };

struct user_egress {
	pthread_t id;
	int wake_fd;
	_Atomic bool stop;
	_Atomic uint64_t due_ns;    /* when the thread means to wake up */
	pthread_mutex_t lock;	    /* guards ports */
	struct cds_list_head ports; /* those with a line */
	pthread_mutex_t prio_lock;  /* guards prio */
	struct afpacket_prio *prio;
};

/* ---- sending ---- */

static size_t send_some(struct user_egress *e, struct user_port *port, uint32_t priority, const struct iovec *iovs,
			size_t n, int *errors)
{
	size_t n_sent;

	if (!priority)
		return afpacket_send(port->socket, iovs, NULL, n, errors);
	pthread_mutex_lock(&e->prio_lock);
	if (!e->prio)
		e->prio = afpacket_prio_new();
	n_sent = e->prio ? afpacket_send_prio(e->prio, port->socket, priority, iovs, n, errors)
			 : afpacket_send(port->socket, iovs, NULL, n, errors);
	pthread_mutex_unlock(&e->prio_lock);
	return n_sent;
}

/* The first of a list, a batch of one priority at most; they are freed. Return: the rest. */
static struct egress_packet *send_batch(struct user_port *port, struct egress_packet *list)
{
	uint32_t priority = list->packet.skb_priority;
	struct egress_packet *first = list, *next;
	struct iovec iovs[AFPACKET_BATCH];
	int errors[AFPACKET_BATCH];
	uint64_t n_bytes = 0;
	size_t n = 0, n_sent;

	for (; list && n < AFPACKET_BATCH && list->packet.skb_priority == priority; list = list->next) {
		struct afpacket_vnet vnet = user_vnet_of(&list->packet);

		iovs[n++] = afpacket_put_vnet(list->packet.data, list->packet.len, &vnet);
	}
	n_sent = send_some(port->dp->egress, port, priority, iovs, n, errors);
	for (size_t i = 0; i < n; i++, first = next) {
		next = first->next;
		if (!errors[i])
			n_bytes += first->packet.len;
		egress_packet_free(first);
	}
	forward_port_sent(&port->fp, n_sent, n_bytes, n - n_sent);
	return list;
}

static void send_list(void *port, struct egress_packet *list)
{
	while (list)
		list = send_batch(port, list);
}

static void count_lost(void *port_, const struct egress_packet *p)
{
	struct user_port *port = port_;

	(void)p;
	forward_port_sent(&port->fp, 0, 0, 1);
}

/* ---- the thread ---- */

static void wake(struct user_egress *e)
{
	uint64_t one = 1;

	if (write(e->wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full: it is awake */
}

void user_egress_wake(void *port_, uint64_t due_ns)
{
	struct user_port *port = port_;
	struct user_egress *e = port->dp->egress;

	if (due_ns < atomic_load(&e->due_ns)) {
		atomic_store(&e->due_ns, due_ns);
		wake(e);
	}
}

const struct egress_driver user_egress_driver = {.send = send_list, .wake = user_egress_wake, .lost = count_lost};

static uint64_t run_all(struct user_egress *e)
{
	uint64_t due_ns = EGRESS_NEVER;
	struct user_port *port;

	pthread_mutex_lock(&e->lock);
	cds_list_for_each_entry(port, &e->ports, egress_node) {
		uint64_t out_ns = egress_run(&port->egress, meters_monotonic_ns());
		uint64_t in_ns = egress_run(&port->ingress, meters_monotonic_ns());

		due_ns = MIN(due_ns, MIN(out_ns, in_ns));
	}
	pthread_mutex_unlock(&e->lock);
	return due_ns;
}

static void sleep_until(struct user_egress *e, uint64_t due_ns)
{
	struct pollfd pfd = {.fd = e->wake_fd, .events = POLLIN};
	uint64_t now_ns = meters_monotonic_ns(), ns = due_ns > now_ns ? due_ns - now_ns : 0, n;
	struct timespec timeout = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	if (ppoll(&pfd, 1, due_ns == EGRESS_NEVER ? NULL : &timeout, NULL) > 0 && read(e->wake_fd, &n, sizeof n) < 0)
		return;
}

static void *run(void *e_)
{
	struct user_egress *e = e_;

	pthread_setname_np(pthread_self(), "vsw-egress");
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	while (!atomic_load(&e->stop)) {
		uint64_t due_ns;

		/* What is put from here on wakes us, whatever is found now. */
		atomic_store(&e->due_ns, EGRESS_NEVER);
		due_ns = run_all(e);
		sleep_until(e, MIN(due_ns, atomic_load(&e->due_ns)));
	}
	return NULL;
}

/* ---- life; the main thread's side ---- */

static struct user_egress *start(void)
{
	struct user_egress *e = xzalloc(sizeof *e);
	sigset_t all, old;
	int error;

	CDS_INIT_LIST_HEAD(&e->ports);
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->prio_lock, NULL);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = e->wake_fd < 0 ? errno : pthread_create(&e->id, NULL, run, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		return e;
	log_err("no thread for shaped ports: error %d", error);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	free(e);
	return NULL;
}

static bool can_wait(const struct user_port *port)
{
	return port && !port->is_tunnel && !port->tunnel;
}

static int set_stage(struct datapath *datapath, uint32_t port_no, bool is_ingress, unsigned int slot,
		     struct egress_stage *stage)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_port *port = port_no < DP_MAX_PORTS ? dp->ports[port_no] : NULL;

	if (can_wait(port) && !dp->egress)
		dp->egress = start();
	if (!can_wait(port) || !dp->egress) {
		if (stage)
			stage->ops->free(stage);
		return port ? -EOPNOTSUPP : -ENOENT;
	}
	if (!port->is_in_egress) {
		pthread_mutex_lock(&dp->egress->lock);
		cds_list_add_tail(&port->egress_node, &dp->egress->ports);
		pthread_mutex_unlock(&dp->egress->lock);
		port->is_in_egress = true;
	}
	egress_set(is_ingress ? &port->ingress : &port->egress, slot, stage, meters_monotonic_ns());
	wake(dp->egress);
	return 0;
}

int user_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage)
{
	return set_stage(datapath, port_no, false, slot, stage);
}

int user_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage)
{
	return set_stage(datapath, port_no, true, slot, stage);
}

void user_egress_forget(struct user_port *port)
{
	struct user_egress *e = port->dp->egress;

	if (!port->is_in_egress)
		return;
	pthread_mutex_lock(&e->lock);
	cds_list_del(&port->egress_node);
	pthread_mutex_unlock(&e->lock);
	port->is_in_egress = false;
}

void user_egress_stop(struct user_dp *dp)
{
	struct user_egress *e = dp->egress;

	if (!e)
		return;
	atomic_store(&e->stop, true);
	wake(e);
	pthread_join(e->id, NULL);
}

void user_egress_free(struct user_dp *dp)
{
	struct user_egress *e = dp->egress;

	if (!e)
		return;
	close(e->wake_fd);
	afpacket_prio_free(e->prio);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->prio_lock);
	free(e);
	dp->egress = NULL;
}
