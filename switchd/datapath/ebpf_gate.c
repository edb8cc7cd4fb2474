// SPDX-License-Identifier: Apache-2.0
/*
 * When a new flow's packets may take the short way without overtaking those that came before.
 *
 * Before flow F was installed its packets went up as misses; after that they go up through its gate, each counted there (vsw/bpf_abi.h).
 * F's gate may open when all of them have left, which is when
 *
 *   1. every packet of the port has been read that was announced before F became visible (ebpf_window.h);
 *   2. those have been sent on that were waiting for translation then;
 *   3. so have those that came through the gate and had to wait behind others;
 *   4. the gate has counted no more packets than have been sent on; the compare-and-exchange that opens it fails otherwise;
 *   5. what this thread has sent has left the CPU's backlog, through which a veth hands packets to its other end. A datagram that
 *      the thread sends to itself over the loopback device takes the same way, behind the others; when it arrives they are through.
 *      For this the thread stays on one CPU. (Where the loopback device is down there is no marker, and no such guarantee.)
 *
 * All of it is often true at the end of the very round that installed F. So a new flow is "fresh" for FRESH_MS, and looked at in every round.
 * One whose time is over, and one that takes the place of another, with which programs may still be busy, becomes "pending". For it,
 * point 1 is reached by a grace period of the kernel since F became visible: programs that saw what was there before have ended, and
 * what they sent up lies in the ring; then all that had been announced by then has to be read, or the ring found empty.
 * membarrier(MEMBARRIER_CMD_GLOBAL) waits for a grace period, for some 10 ms: a thread of its own calls it, once for all flows that came
 * meanwhile. Until then, packets pass through the daemon at its speed.
 *
 * A flow that another thread than its port's has put, before any packet came (switchd/answer.h), is looked at by that thread, at once: if the
 * port's own is at rest, with nothing in its CPU's backlog, and all that was announced has been read, then points 1, 2, 3 and 5 are true. Its
 * packets then never come up, and nobody is woken.
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
	FRESH_MS = 5,
	MAX_FRESH = 256, /* more would make rounds long */
	MAX_OPENED = MAX_FRESH,
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

/* ---- rounds ---- */

void ebpf_gate_begin(struct user_thread *t)
{
	struct ebpf_gate *gate = &dp_of(t)->gates[t->index];
	uint32_t busy = atomic_load_explicit(&gate->busy, memory_order_relaxed);

	if (!(busy & 1))
		atomic_store(&gate->busy, busy + 1);
}

/* The round is over, and so is all that it has sent. */
static void end_quietly(struct ebpf_gate *gate)
{
	atomic_fetch_add(&gate->busy, 1);
}

/* ---- opening ---- */

/* What has to be read for point 1. */
static void sample(struct ebpf_dp *dp, struct ebpf_pending *p)
{
	if (p->is_sampled)
		return;
	p->n_announced = (uint32_t)__atomic_load_n(&dp->kernel.ports[p->port].upcalls, __ATOMIC_SEQ_CST);
	p->n_drained = atomic_load(&dp->queues[ebpf_queue_of(p->port)].n_drained);
	p->is_sampled = true;
}

/* The port's window; NULL when nothing of it has been read since it has its device. */
static struct ebpf_window *window_of(struct ebpf_dp *dp, uint32_t port)
{
	struct ebpf_window *w = &dp->windows[port];

	return w->generation == dp->kernel.ports[port].generation ? w : NULL;
}

static bool are_read(struct ebpf_dp *dp, const struct ebpf_pending *p)
{
	const struct ebpf_window *w = window_of(dp, p->port);

	return w ? ebpf_window_is_past(w, p->n_announced) : !p->n_announced;
}

/* Point 1 is reached: what waits now is what point 2 is about. */
static void set_read(struct ebpf_pending *p, const struct user_port *port)
{
	p->is_read = true;
	p->n_queued = port ? port->fp.queue.n_in : 0;
}

/* Point 1, behind a grace period. */
static bool is_past_reading(struct ebpf_dp *dp, struct ebpf_pending *p, const struct user_port *port)
{
	const struct ebpf_queue *queue = &dp->queues[ebpf_queue_of(p->port)];
	struct ebpf_window *w = window_of(dp, p->port);

	if (p->is_read)
		return true;
	if (!are_read(dp, p)) {
		if (atomic_load(&queue->n_drained) == p->n_drained)
			return false;
		/* What was announced before the grace period came into the ring before its end, or never. */
		if (w)
			ebpf_window_advance(w, p->n_before);
	}
	set_read(p, port);
	return true;
}

/* Points 2 and 3. Positions in the queue may be close to 0 on either side. */
static bool have_left(struct ebpf_dp *dp, const struct ebpf_pending *p, const struct user_port *port)
{
	uint64_t n_out = port ? port->fp.queue.n_out : 0;

	return !port || ((int64_t)(n_out - p->n_queued) >= 0 && (int64_t)(n_out - dp->slots[p->slot].queued_at) >= 0);
}

/* Point 4. */
static bool open_gate(struct ebpf_dp *dp, const struct ebpf_pending *p)
{
	struct bpf_flow *f = &dp->kernel.flows[p->slot];
	uint64_t gate = __atomic_load_n(&f->gate, __ATOMIC_SEQ_CST);
	uint64_t n = gate & ~BPF_GATE_DRAIN;

	return n <= atomic_load(&dp->slots[p->slot].n_done) &&
	       __atomic_compare_exchange_n(&f->gate, &gate, n | BPF_GATE_OPEN, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* The same, for one that may be running out of patience. */
static bool try_open(struct ebpf_dp *dp, struct ebpf_pending *p, int64_t now_ms)
{
	const struct ebpf_queue *queue = &dp->queues[ebpf_queue_of(p->port)];
	struct bpf_flow *f = &dp->kernel.flows[p->slot];

	if (open_gate(dp, p))
		return true;
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

/*
 * All that the port has announced, in @port's thread: read, sent, and gone. Another thread asks: between two looks at `busy` that agree
 * nothing here has moved. What was announced is read last: of what was announced before that, nothing is missed.
 */
static bool is_all_gone(struct ebpf_dp *dp, struct ebpf_gate *gate, uint32_t port)
{
	const struct bpf_port *k = &dp->kernel.ports[port];
	const struct ebpf_window *w = &dp->windows[port];
	uint32_t busy = atomic_load(&gate->busy);
	uint64_t n_withdrawn = __atomic_load_n(&k->withdrawn, __ATOMIC_SEQ_CST);
	uint64_t n_read = __atomic_load_n(&w->n_read, __ATOMIC_RELAXED), n_announced;
	uint32_t passed = __atomic_load_n(&w->passed, __ATOMIC_RELAXED);

	if (busy & 1 || __atomic_load_n(&w->generation, __ATOMIC_RELAXED) != k->generation)
		return false;
	/* The first does without those that were withdrawn, the second forgets those that were lost, or read by a predecessor. */
	n_announced = __atomic_load_n(&k->upcalls, __ATOMIC_SEQ_CST);
	if (n_announced != n_read + n_withdrawn && (uint32_t)n_announced != passed)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load(&gate->busy) == busy;
}

static bool is_alive(const struct ebpf_dp *dp, const struct ebpf_pending *p)
{
	return __atomic_load_n(&dp->kernel.flows[p->slot].id, __ATOMIC_RELAXED) == p->id;
}

static void forget(struct ebpf_pending *p, _Atomic unsigned int *n)
{
	cds_list_del(&p->node);
	free(p);
	atomic_fetch_sub(n, 1);
}

/* To the end of those that wait for a grace period. The lock is held. */
static void make_pending(struct ebpf_dp *dp, struct ebpf_gate *gate, struct ebpf_pending *p)
{
	p->is_sampled = p->is_read = false;
	pthread_mutex_lock(&dp->grace_lock);
	p->grace = dp->grace_begun + 1;
	if (dp->grace_wanted < p->grace) {
		dp->grace_wanted = p->grace;
		pthread_cond_signal(&dp->grace_cond);
	}
	pthread_mutex_unlock(&dp->grace_lock);
	cds_list_add_tail(&p->node, &gate->pending);
	atomic_fetch_add(&gate->n_pending, 1);
}

/** One look at a thread's gates. */
struct look {
	struct ebpf_dp *dp;
	struct user_thread *t;
	struct ebpf_gate *gate;
	int64_t now_ms;
	bool has_asked, is_settled;  /* for point 5 */
	uint32_t opened[MAX_OPENED]; /* slots */
	size_t n_opened;
};

/* Return: true when that was all that one look may open. */
static bool has_opened(struct look *look, uint32_t slot)
{
	look->opened[look->n_opened++] = slot;
	return look->n_opened == MAX_OPENED;
}

/* Point 5, for all that is looked at. */
static bool settle(struct look *look)
{
	if (!look->has_asked)
		look->is_settled = is_settled(look->gate);
	look->has_asked = true;
	return look->is_settled;
}

/* Whether it is ready but for points 4 and 5. */
static bool is_ripe(const struct look *look, struct ebpf_pending *p)
{
	const struct user_port *port = look->t->dp->ports[p->port];

	if (!p->is_read && are_read(look->dp, p))
		set_read(p, port);
	return p->is_read && have_left(look->dp, p, port);
}

/* Return: as ebpf_gate_run(). */
static int open_fresh(struct look *look)
{
	struct ebpf_gate *gate = look->gate;
	struct ebpf_pending *p, *next;

	cds_list_for_each_entry_safe(p, next, &gate->fresh, node) {
		if (!is_alive(look->dp, p)) {
			forget(p, &gate->n_fresh);
		} else if (is_ripe(look, p) && settle(look) && open_gate(look->dp, p)) {
			has_opened(look, p->slot);
			forget(p, &gate->n_fresh);
		} else if (look->now_ms - p->since_ms >= FRESH_MS) {
			cds_list_del(&p->node);
			atomic_fetch_sub(&gate->n_fresh, 1);
			make_pending(look->dp, gate, p);
		}
	}
	return cds_list_empty(&gate->fresh) ? -1 : RETRY_MS;
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
static int open_pending(struct look *look)
{
	struct ebpf_gate *gate = look->gate;
	struct ebpf_dp *dp = look->dp;
	struct ebpf_pending *p, *next;

	bool is_full = look->n_opened == MAX_OPENED;

	gate->ran_ms = look->now_ms;
	gate->n_runs++;
	cds_list_for_each_entry_safe(p, next, &gate->pending, node) {
		const struct user_port *port = look->t->dp->ports[p->port];

		/* They stand in the order of their grace periods. */
		if (is_full || atomic_load(&dp->grace_over) < p->grace)
			break;
		if (is_stuck(dp, gate, p, port))
			continue;
		if (!settle(look))
			return RETRY_MS;
		if (!is_alive(dp, p)) {
			forget(p, &gate->n_pending);
		} else if (have_left(dp, p, port) && try_open(dp, p, look->now_ms)) {
			is_full = has_opened(look, p->slot);
			forget(p, &gate->n_pending);
		}
	}
	return cds_list_empty(&gate->pending) ? -1 : POLL_MS;
}

int ebpf_gate_run(struct user_thread *t)
{
	struct ebpf_dp *dp = dp_of(t);
	struct look look;
	int fresh_ms, pending_ms = RETRY_MS;

	look.dp = dp;
	look.t = t;
	look.gate = &dp->gates[t->index];
	look.has_asked = look.is_settled = false;
	look.n_opened = 0; /* and the rest is not read before it is written */
	if (!atomic_load(&look.gate->n_fresh) && !atomic_load(&look.gate->n_pending))
		return -1;
	look.now_ms = ebpf_monotonic_ms();
	pthread_mutex_lock(&look.gate->lock);
	fresh_ms = open_fresh(&look);
	/* In a flood of new flows these are thousands, and rounds short. */
	if (look.now_ms != look.gate->ran_ms)
		pending_ms = open_pending(&look);
	pthread_mutex_unlock(&look.gate->lock);
	if (look.n_opened)
		ebpf_flows_opened(dp, look.opened, look.n_opened);
	if (look.is_settled && cds_list_empty(&t->f.waiting_ports))
		end_quietly(look.gate);
	return fresh_ms > 0 ? RETRY_MS : pending_ms;
}

/* ---- grace periods ---- */

/* The gate of a flow that has just become visible. The packet at hand is still to be sent, so none of its port's opens. */
static bool open_at_once(struct ebpf_dp *dp, const struct user_thread *t, struct ebpf_pending *p)
{
	struct ebpf_gate *gate = &dp->gates[t->index];

	if (!pthread_equal(t->id, pthread_self()))
		return is_all_gone(dp, gate, p->port) && open_gate(dp, p);
	sample(dp, p);
	if ((t->f.port && t->f.port->port_no == p->port) || !are_read(dp, p))
		return false;
	set_read(p, t->dp->ports[p->port]);
	return have_left(dp, p, t->dp->ports[p->port]) && is_settled(gate) && open_gate(dp, p);
}

void ebpf_gate_add(struct ebpf_dp *dp, uint64_t id, uint32_t slot, uint32_t port, bool is_new)
{
	struct user_thread *t = ebpf_thread_of(dp, port);
	struct ebpf_gate *gate = &dp->gates[t->index];
	struct ebpf_pending fresh = {.id = id, .slot = slot, .port = port, .since_ms = ebpf_monotonic_ms()}, *p;

	/* The program counts, then looks; here it is made visible, then read: either it sees the flow, or we its packet. */
	atomic_thread_fence(memory_order_seq_cst);
	if (is_new && open_at_once(dp, t, &fresh))
		return;
	p = xmemdup(&fresh, sizeof fresh);
	sample(dp, p);
	p->n_before = p->n_announced;
	pthread_mutex_lock(&gate->lock);
	if (is_new && atomic_load(&gate->n_fresh) < MAX_FRESH) {
		cds_list_add_tail(&p->node, &gate->fresh);
		atomic_fetch_add(&gate->n_fresh, 1);
	} else {
		make_pending(dp, gate, p);
	}
	pthread_mutex_unlock(&gate->lock);
	if (is_new && !pthread_equal(t->id, pthread_self()))
		user_thread_wake(t);
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
		CDS_INIT_LIST_HEAD(&gate->fresh);
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

		cds_list_splice(&gate->fresh, &gate->pending);
		cds_list_for_each_entry_safe(p, next, &gate->pending, node)
			free(p);
		if (gate->marker_fd >= 0)
			close(gate->marker_fd);
		pthread_mutex_destroy(&gate->lock);
	}
	pthread_cond_destroy(&dp->grace_cond);
	pthread_mutex_destroy(&dp->grace_lock);
}
