// SPDX-License-Identifier: Apache-2.0
/*
 * When a new flow's packets may take the short way without overtaking those that came before.
 *
 * Before flow F was installed its packets went up as misses; after that they go up through its gate, each counted there (vsw/bpf_abi.h).
 * F's gate may open when all of them have left, which is when
 *
 *   1. a grace period of the kernel has passed since F became visible: programs that looked it up in vain have ended, and what
 *      they sent up lies in the ring;
 *   2. everything has been read that the port's ring held then: so many packets, or the ring was found empty;
 *   3. none of the port's packets waits for translation;
 *   4. the gate has counted no more packets than have been sent on; the compare-and-exchange that opens it fails otherwise;
 *   5. what this thread has sent has left the CPU's backlog, through which a veth hands packets to its other end. A datagram that
 *      the thread sends to itself over the loopback device takes the same way, behind the others; when it arrives they are through.
 *      For this the thread stays on one CPU. (Where the loopback device is down there is no marker, and no such guarantee.)
 *
 * membarrier(MEMBARRIER_CMD_GLOBAL) waits for a grace period of the kernel's RCU, for some 10 ms: a thread of its own calls it, once
 * for all flows that came meanwhile. Until then, packets pass through the daemon at its speed.
 *
 * More than the daemon can send on would keep the gate closed forever. So a flow that has not made it after PATIENCE_MS is drained: its
 * packets are dropped for as long as it takes to read those in the ring.
 */
#include "switchd/datapath/ebpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"

LOG_MODULE(dp_ebpf_gate);

enum {
	PATIENCE_MS = 200,
	DRAIN_MS = 50,		/* a drained flow's last packets are read by then, or lost */
	RETRY_MS = 1,		/* the marker is on its way */
	POLL_MS = 20,		/* anything else */
	GRACE_GUESS_US = 20000, /* where the kernel cannot tell */
};

static struct ebpf_dp *dp_of(struct user_thread *t)
{
	return (struct ebpf_dp *)(void *)t->dp;
}

/* ---- the marker ---- */

static int marker_open(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	if (!bind(fd, (const struct sockaddr *)&addr, len) && !getsockname(fd, (struct sockaddr *)&addr, &len) &&
	    !connect(fd, (const struct sockaddr *)&addr, len))
		return fd;
	close(fd);
	return -1;
}

/* Whether this thread's packets have left its CPU's backlog. True, too, when there is no way to know. */
static bool is_settled(struct ebpf_gate *gate)
{
	uint32_t seen;

	if (gate->marker_fd < 0)
		gate->marker_fd = marker_open();
	gate->marker++;
	if (gate->marker_fd < 0 || send(gate->marker_fd, &gate->marker, sizeof gate->marker, 0) < 0)
		return true;
	while (recv(gate->marker_fd, &seen, sizeof seen, 0) == (ssize_t)sizeof seen)
		if (seen == gate->marker)
			return true;
	return false;
}

/* ---- opening ---- */

/* What has to be read for point 2. */
static void sample(struct ebpf_dp *dp, struct ebpf_pending *p)
{
	if (p->is_sampled)
		return;
	p->n_reads = __atomic_load_n(&dp->kernel.ports[p->port].upcalls, __ATOMIC_RELAXED);
	p->n_drained = atomic_load(&dp->queues[ebpf_queue_of(p->port)].n_drained);
	p->is_sampled = true;
}

/* Points 2 and 3. */
static bool is_past_reading(struct ebpf_dp *dp, struct ebpf_pending *p, const struct user_port *port)
{
	const struct ebpf_queue *queue = &dp->queues[ebpf_queue_of(p->port)];

	if (port && port->fp.queue.n)
		return false;
	return (port && port->fp.stats.rx_packets >= p->n_reads) || atomic_load(&queue->n_drained) > p->n_drained;
}

/* Point 4. */
static bool try_open(struct ebpf_dp *dp, struct ebpf_pending *p, int64_t now_ms)
{
	const struct ebpf_queue *queue = &dp->queues[ebpf_queue_of(p->port)];
	struct bpf_flow *f = &dp->kernel.flows[p->slot];
	uint64_t gate = __atomic_load_n(&f->gate, __ATOMIC_SEQ_CST);
	uint64_t n = gate & ~BPF_GATE_DRAIN;

	if (n <= atomic_load(&dp->slots[p->slot].n_done))
		return __atomic_compare_exchange_n(&f->gate, &gate, n | BPF_GATE_OPEN, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	if (!p->drain_ms && now_ms - p->since_ms >= PATIENCE_MS) {
		__atomic_fetch_or(&f->gate, BPF_GATE_DRAIN, __ATOMIC_SEQ_CST);
		p->drain_ms = now_ms;
		p->n_drained = atomic_load(&queue->n_drained);
	} else if (p->drain_ms && now_ms - p->drain_ms >= DRAIN_MS && atomic_load(&queue->n_drained) > p->n_drained) {
		/* The ring was empty since: what is still counted was lost on the way. */
		__atomic_fetch_or(&f->gate, BPF_GATE_OPEN, __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static bool is_alive(const struct ebpf_dp *dp, const struct ebpf_pending *p)
{
	return __atomic_load_n(&dp->kernel.flows[p->slot].id, __ATOMIC_RELAXED) == p->id;
}

static void forget(struct ebpf_gate *gate, struct ebpf_pending *p)
{
	cds_list_del(&p->node);
	free(p);
	atomic_fetch_sub(&gate->n_pending, 1);
}

/* Return: whether the gates of @p's port may open as far as reading goes; once for one of them, not again for those behind it. */
static bool is_stuck(struct ebpf_dp *dp, struct ebpf_gate *gate, struct ebpf_pending *p, const struct user_port *port)
{
	sample(dp, p);
	if (gate->stuck[p->port] == gate->n_runs)
		return true;
	if (is_past_reading(dp, p, port))
		return false;
	gate->stuck[p->port] = gate->n_runs;
	return true;
}

/* Return: as ebpf_gate_run(). */
static int open_some(struct ebpf_dp *dp, struct user_thread *t, struct ebpf_gate *gate, int64_t now_ms)
{
	struct ebpf_pending *p, *next;
	bool is_known = false;

	gate->n_runs++;
	cds_list_for_each_entry_safe(p, next, &gate->pending, node) {
		/* They stand in the order of their grace periods. */
		if (atomic_load(&dp->grace_over) < p->grace)
			break;
		if (is_stuck(dp, gate, p, t->dp->ports[p->port]))
			continue;
		if (!is_known && !is_settled(gate))
			return RETRY_MS;
		is_known = true;
		if (!is_alive(dp, p) || try_open(dp, p, now_ms))
			forget(gate, p);
	}
	return cds_list_empty(&gate->pending) ? -1 : POLL_MS;
}

int ebpf_gate_run(struct user_thread *t)
{
	struct ebpf_dp *dp = dp_of(t);
	struct ebpf_gate *gate = &dp->gates[t->index];
	int64_t now_ms;
	int timeout;

	if (!atomic_load(&gate->n_pending))
		return -1;
	now_ms = ebpf_monotonic_ms();
	if (now_ms == gate->ran_ms)
		return RETRY_MS; /* in a flood of new flows they are thousands, and rounds short */
	gate->ran_ms = now_ms;
	pthread_mutex_lock(&gate->lock);
	timeout = open_some(dp, t, gate, now_ms);
	pthread_mutex_unlock(&gate->lock);
	return timeout;
}

/* ---- grace periods ---- */

void ebpf_gate_add(struct ebpf_dp *dp, uint64_t id, uint32_t slot, uint32_t port)
{
	struct user_thread *t = ebpf_thread_of(dp, port);
	struct ebpf_gate *gate = &dp->gates[t->index];
	struct ebpf_pending *p = xzalloc(sizeof *p);

	*p = (struct ebpf_pending){.id = id, .slot = slot, .port = port, .since_ms = ebpf_monotonic_ms()};
	pthread_mutex_lock(&gate->lock);
	pthread_mutex_lock(&dp->grace_lock);
	p->grace = dp->grace_begun + 1;
	if (dp->grace_wanted < p->grace) {
		dp->grace_wanted = p->grace;
		pthread_cond_signal(&dp->grace_cond);
	}
	pthread_mutex_unlock(&dp->grace_lock);
	cds_list_add_tail(&p->node, &gate->pending);
	atomic_fetch_add(&gate->n_pending, 1);
	pthread_mutex_unlock(&gate->lock);
}

/* Return: false to end. */
static bool wait_for_wish(struct ebpf_dp *dp)
{
	bool go_on;

	pthread_mutex_lock(&dp->grace_lock);
	while (!dp->grace_stop && dp->grace_begun >= dp->grace_wanted)
		pthread_cond_wait(&dp->grace_cond, &dp->grace_lock);
	go_on = !dp->grace_stop;
	dp->grace_begun++;
	pthread_mutex_unlock(&dp->grace_lock);
	return go_on;
}

void ebpf_grace(void)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(GRACE_GUESS_US);
}

static void *grace(void *dp_)
{
	struct ebpf_dp *dp = dp_;

	while (wait_for_wish(dp)) {
		ebpf_grace();
		atomic_store(&dp->grace_over, dp->grace_begun);
		for (unsigned int i = 0; i < dp->user.n_threads; i++)
			if (atomic_load(&dp->gates[i].n_pending))
				user_thread_wake(dp->user.threads[i]);
	}
	return NULL;
}

/* ---- life ---- */

/* The @index-th of the CPUs that we may use. */
static void stay_on_one_cpu(const struct user_thread *t)
{
	cpu_set_t allowed, one;
	unsigned int left = t->index;

	if (sched_getaffinity(0, sizeof allowed, &allowed) || !CPU_COUNT(&allowed))
		return;
	left %= (unsigned int)CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || left--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(t->id, sizeof one, &one);
		return;
	}
}

static int start_grace_thread(struct ebpf_dp *dp)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&dp->grace_thread, NULL, grace, dp);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		pthread_setname_np(dp->grace_thread, "vsw-grace");
	dp->has_grace_thread = !error;
	return error;
}

int ebpf_gate_init(struct ebpf_dp *dp, struct errtext *err)
{
	int error;

	for (unsigned int i = 0; i < USER_MAX_THREADS; i++) {
		struct ebpf_gate *gate = &dp->gates[i];

		pthread_mutex_init(&gate->lock, NULL);
		CDS_INIT_LIST_HEAD(&gate->pending);
		gate->marker_fd = -1;
	}
	pthread_mutex_init(&dp->grace_lock, NULL);
	pthread_cond_init(&dp->grace_cond, NULL);
	for (unsigned int i = 0; i < dp->user.n_threads; i++)
		stay_on_one_cpu(dp->user.threads[i]);
	error = start_grace_thread(dp);
	return error ? errtext_set(err, error, "cannot start a thread: %s", strerror(error)) : 0;
}

void ebpf_gate_stop(struct ebpf_dp *dp)
{
	if (!dp->has_grace_thread)
		return;
	pthread_mutex_lock(&dp->grace_lock);
	dp->grace_stop = true;
	pthread_cond_signal(&dp->grace_cond);
	pthread_mutex_unlock(&dp->grace_lock);
	pthread_join(dp->grace_thread, NULL);
	dp->has_grace_thread = false;
}

void ebpf_gate_fini(struct ebpf_dp *dp)
{
	struct ebpf_pending *p, *next;

	for (unsigned int i = 0; i < USER_MAX_THREADS; i++) {
		struct ebpf_gate *gate = &dp->gates[i];

		cds_list_for_each_entry_safe(p, next, &gate->pending, node)
			forget(gate, p);
		if (gate->marker_fd >= 0)
			close(gate->marker_fd);
		pthread_mutex_destroy(&gate->lock);
	}
	pthread_cond_destroy(&dp->grace_cond);
	pthread_mutex_destroy(&dp->grace_lock);
}
