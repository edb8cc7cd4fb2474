// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/util.h"
#include "switchd/datapath/egress.h"
#include "switchd/datapath/watch.h"

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static struct forwarder *forwarder_of(struct execute *x)
{
	return container_of(x, struct forwarder, x);
}

/* ---- ports ---- */

void forward_port_init(struct forward_port *port, uint32_t port_no)
{
	port->port_no = port_no;
	port->stats = (struct dp_port_stats){0};
	port->last_drop = (struct dp_last_drop){.reason = DROP_NONE};
	port->is_listed = false;
	port->watch = 0;
	pthread_mutex_init(&port->lock, NULL);
	waiting_queue_init(&port->queue);
}

void forward_port_fini(struct forward_port *port)
{
	pthread_mutex_destroy(&port->lock);
}

void forward_port_stats(struct forward_port *port, struct dp_port_stats *stats)
{
	pthread_mutex_lock(&port->lock);
	*stats = port->stats;
	pthread_mutex_unlock(&port->lock);
}

int forward_port_last_drop(struct forward_port *port, struct dp_last_drop *drop)
{
	pthread_mutex_lock(&port->lock);
	*drop = port->last_drop;
	pthread_mutex_unlock(&port->lock);
	drop->age_ms = clock_now_ms() - drop->age_ms;
	return drop->reason ? 0 : -ENODATA;
}

/* The lock is held. */
static void count_drop(struct forward_port *port, enum drop_reason reason, const struct forward_frame *frame,
		       bool is_rewritten)
{
	struct dp_last_drop *last = &port->last_drop;

	port->stats.drops[reason]++;
	last->reason = reason;
	last->len = frame ? frame->len : 0;
	last->n_bytes = MIN(last->len, (uint32_t)DP_LAST_DROP_BYTES);
	last->age_ms = clock_now_ms();
	last->is_rewritten = is_rewritten;
	if (last->n_bytes)
		memcpy(last->bytes, frame->data, last->n_bytes);
}

void forward_port_lost(struct forward_port *port, enum drop_reason reason, const struct forward_frame *frame)
{
	pthread_mutex_lock(&port->lock);
	port->stats.rx_packets++;
	port->stats.rx_bytes += frame ? frame->len : 0;
	count_drop(port, reason, frame, false);
	pthread_mutex_unlock(&port->lock);
}

void forward_port_keep(struct forward_port *port, struct egress *line, struct packet *p, uint64_t now_ns)
{
	struct forward_frame frame = {p->data, p->len};
	enum drop_reason reason = DROP_NONE;
	struct pkt_key key;

	if (packet_parse(p, &key) == DROP_MALFORMED_ETH)
		reason = DROP_MALFORMED_ETH;
	if (!reason)
		reason = egress_put(line, p, now_ns);
	if (reason) {
		forward_port_lost(port, reason, &frame);
		return;
	}
	pthread_mutex_lock(&port->lock);
	port->stats.rx_packets++;
	port->stats.rx_bytes += frame.len;
	port->stats.queued++;
	pthread_mutex_unlock(&port->lock);
}

void forward_port_sent(struct forward_port *port, uint64_t n_packets, uint64_t n_bytes, uint64_t n_dropped)
{
	pthread_mutex_lock(&port->lock);
	port->stats.tx_packets += n_packets;
	port->stats.tx_bytes += n_bytes;
	port->stats.tx_dropped += n_dropped;
	pthread_mutex_unlock(&port->lock);
}

void forward_port_watch(struct forward_port *port, unsigned int what)
{
	__atomic_store_n(&port->watch, what, __ATOMIC_RELAXED);
}

static bool rewrites(const struct cache_actions *actions)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, actions->data, actions->len)
		if (a->type >= DP_PUSH_VLAN && a->type <= DP_SET_MPLS)
			return true;
	return false;
}

/* What became of a packet goes to its port's counters. The lock is held. @flow: its actions, where @frame may have been changed by them. */
static void settle(struct forward_port *port, const struct verdict *verdict, const struct forward_frame *frame,
		   const struct cache_flow *flow)
{
	if (verdict->forwarded) {
		port->stats.forwarded++;
		if (verdict->waiting)
			verdict->waiting->is_counted = true;
	} else if (verdict->waiting) {
		port->stats.queued++;
	} else {
		count_drop(port, verdict->reason ? verdict->reason : DROP_RULE_DROP, frame,
			   flow && rewrites(cache_flow_actions(flow)));
	}
}

/* ---- the waiting ---- */

static void list_port(struct forwarder *f, struct forward_port *port)
{
	if (port->is_listed || !port->queue.n)
		return;
	cds_list_add_tail(&port->node, &f->waiting_ports);
	port->is_listed = true;
}

/* Puts a copy of the packet at hand into its port's queue; @reason 0: for want of a flow. */
static void enqueue(struct forwarder *f, const struct packet *p, uint32_t reason, uint64_t cookie)
{
	struct verdict *verdict = f->x.verdict;
	/* The one being served still holds its buffer. */
	unsigned int limit = f->shared->queue_limit + !!f->again;
	struct waiting *w = waiting_copy(&f->pool, &f->port->queue, p, limit);

	if (!w) {
		count(&f->n_lost);
		execute_drop(&f->x, DROP_UPCALL_QUEUE_FULL);
		return;
	}
	w->hash = f->hash;
	w->reason = reason;
	w->cookie = cookie;
	w->n_recirc = (uint8_t)f->x.n_recirc;
	w->is_filtered = !reason || reason == DP_TO_SLOW_PATH;
	w->is_counted = verdict->waiting || verdict->forwarded;
	if (!verdict->waiting)
		verdict->waiting = w;
	if (f->again) {
		*f->again = w;
		w->next = NULL;
		f->again = &w->next;
	} else {
		waiting_push(&f->port->queue, w);
	}
	list_port(f, f->port);
}

/* ---- callbacks of execute ---- */

static uint16_t tcp_flags_of(const struct pkt_key *key)
{
	return be16_to_cpu(key->tcp_flags);
}

/* Looks the packet up and runs what is found. Return: false when there is nothing. */
static bool run_flow(struct forwarder *f, struct packet *p, const struct pkt_key *key, uint32_t hash, bool held)
{
	struct cache_flow *flow = cache_lookup(f->shared->cache, &f->exact, key, hash);
	const struct cache_actions *actions;

	if (!flow || !cache_credit(flow, 1, p->len, tcp_flags_of(key), f->now_ms))
		return false;
	f->served_id = cache_flow_id(flow);
	f->x.key = key;
	actions = cache_flow_actions(flow);
	execute_actions(&f->x, p, held, actions->data, actions->len);
	return true;
}

void forward_recirc(struct execute *x, struct packet *p, bool held)
{
	struct forwarder *f = forwarder_of(x);
	const struct pkt_key *outer = x->key;
	struct pkt_key key;
	bool found;

	if (packet_parse(p, &key) == DROP_MALFORMED_ETH) {
		execute_drop(x, DROP_MALFORMED_ETH);
		return;
	}
	/* One that waits already would be overtaken by this one; while a queue is served, what is at hand is the first. */
	found = (f->again || !waiting_has_flow(&f->port->queue, f->hash)) &&
		run_flow(f, p, &key, cache_hash(&key), held);
	x->key = outer;
	if (!found)
		enqueue(f, p, 0, 0);
}

void forward_userspace(struct execute *x, const struct packet *p, uint32_t reason, uint64_t cookie)
{
	enqueue(forwarder_of(x), p, reason, cookie);
}

/* ---- a batch ---- */

/* Packets first..i-1 of the batch have the same flow: credit it. When it was just deleted they wait instead. */
static void end_run(struct forwarder *f, size_t first, size_t end, uint64_t n_bytes, uint16_t tcp_flags)
{
	if (first == end || cache_credit(f->flows[first], end - first, n_bytes, tcp_flags, f->now_ms))
		return;
	for (size_t i = first; i < end; i++) {
		f->flows[i] = NULL;
		f->x.verdict = &f->verdicts[i];
		f->hash = f->hashes[i];
		enqueue(f, &f->packets[i], 0, 0);
	}
}

/* Parses packet @i and finds its flow. Return: the flow; NULL when it has none, or must wait, or is no frame: then *wait says. */
static struct cache_flow *classify(struct forwarder *f, size_t i, bool *wait)
{
	struct packet *p = &f->packets[i];
	struct pkt_key *key = &f->keys[i];
	struct cache_flow *flow;

	p->in_port = f->port->port_no;
	*wait = false;
	if (unlikely(packet_parse(p, key) == DROP_MALFORMED_ETH)) {
		f->verdicts[i].reason = DROP_MALFORMED_ETH;
		return NULL;
	}
	f->hashes[i] = cache_hash(key);
	*wait = waiting_has_flow(&f->port->queue, f->hashes[i]);
	if (unlikely(*wait))
		return NULL;
	flow = cache_lookup(f->shared->cache, &f->exact, key, f->hashes[i]);
	*wait = !flow;
	return flow;
}

/*
 * First pass. A run ends before a packet is put into the queue: should the run's flow be gone, then its packets are queued
 * first, as they came first.
 */
static void classify_all(struct forwarder *f, size_t n)
{
	size_t first = 0;
	uint64_t n_bytes = 0;
	uint16_t tcp_flags = 0;

	for (size_t i = 0; i < n; i++) {
		bool wait;
		struct cache_flow *flow = classify(f, i, &wait);

		f->flows[i] = flow;
		if (first == i || flow != f->flows[first]) {
			end_run(f, first, i, n_bytes, tcp_flags);
			first = i;
			n_bytes = tcp_flags = 0;
		}
		if (flow) {
			n_bytes += f->packets[i].len;
			tcp_flags |= tcp_flags_of(&f->keys[i]);
			continue;
		}
		first = i + 1;
		if (wait) {
			f->x.verdict = &f->verdicts[i];
			f->hash = f->hashes[i];
			enqueue(f, &f->packets[i], 0, 0);
		}
	}
	end_run(f, first, n, n_bytes, tcp_flags);
}

static void flush(struct forwarder *f)
{
	if (f->x.ops->flush)
		f->x.ops->flush(&f->x);
	execute_flushed(&f->x);
}

/* Second pass. */
static void run_all(struct forwarder *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct cache_actions *actions;

		if (!f->flows[i])
			continue;
		if (unlikely(execute_is_crowded(&f->x)))
			flush(f);
		f->x.verdict = &f->verdicts[i];
		f->x.key = &f->keys[i];
		f->hash = f->hashes[i];
		actions = cache_flow_actions(f->flows[i]);
		execute_actions(&f->x, &f->packets[i], false, actions->data, actions->len);
	}
	flush(f);
}

/* Return: the bytes of the batch, as they came. What becomes of it is in f->verdicts; in a read-side section. */
static uint64_t run_batch(struct forwarder *f, struct forward_port *port, size_t n)
{
	uint64_t n_bytes = 0;
	bool watched;

	f->port = port;
	f->now_ms = clock_now_ms();
	memset(f->verdicts, 0, n * sizeof f->verdicts[0]);
	for (size_t i = 0; i < n; i++) {
		f->flows[i] = NULL;
		f->frames[i] = (struct forward_frame){f->packets[i].data, f->packets[i].len};
		n_bytes += f->packets[i].len;
	}
	classify_all(f, n);
	watched = forward_is_watched(port, WATCH_IN | WATCH_DROPS);
	if (watched)
		forward_watch_begin(f, port, n);
	run_all(f, n);
	if (watched)
		forward_watch_end(f, port, n);
	return n_bytes;
}

/* The lock is held. */
static void settle_batch(struct forwarder *f, struct forward_port *port, size_t n)
{
	for (size_t i = 0; i < n; i++)
		settle(port, &f->verdicts[i], &f->frames[i], f->flows[i]);
}

void forward_batch(struct forwarder *f, struct forward_port *port, size_t n)
{
	uint64_t n_bytes;

	rcu_read_lock();
	n_bytes = run_batch(f, port, n);
	pthread_mutex_lock(&port->lock);
	port->stats.rx_packets += n;
	port->stats.rx_bytes += n_bytes;
	settle_batch(f, port, n);
	pthread_mutex_unlock(&port->lock);
	rcu_read_unlock();
}

void forward_kept(struct forwarder *f, struct forward_port *port, size_t n, size_t n_new)
{
	rcu_read_lock();
	run_batch(f, port, n);
	pthread_mutex_lock(&port->lock);
	port->stats.executed += n_new;
	port->stats.queued -= n - n_new;
	settle_batch(f, port, n);
	pthread_mutex_unlock(&port->lock);
	rcu_read_unlock();
}

/* ---- serving the queues ---- */

/* Asks the daemon, and runs what it says on this one packet. */
static void translate(struct forwarder *f, struct waiting *w, const struct pkt_key *key)
{
	struct dp_upcall_reply reply = {.actions = {.data = (uint8_t *)f->reply, .cap = sizeof f->reply}};
	struct dp_upcall upcall = {
		.packet = &w->packet,
		.key = key,
		.is_miss = !w->reason,
		.reason = w->reason,
		.cookie = w->cookie,
		.n_waiting = f->port->queue.n,
	};
	bool is_copy = w->reason && w->reason != DP_TO_SLOW_PATH;

	f->shared->upcall(f->shared->aux, &upcall, &reply);
	f->served_id = reply.flow_id;
	if (reply.actions.overflow)
		execute_drop(&f->x, DROP_ACTION_LIMIT);
	else if (is_copy && !reply.actions.len)
		f->x.verdict->forwarded = true; /* it has arrived where the action sent it */
	if (reply.actions.overflow || f->x.verdict->forwarded)
		return;
	rcu_read_lock();
	f->x.key = key;
	execute_actions(&f->x, &w->packet, false, reply.actions.data, reply.actions.len);
	flush(f);
	rcu_read_unlock();
}

/* Return: whether the daemon was asked. */
static bool serve(struct forwarder *f, struct waiting *w)
{
	struct pkt_key key;
	bool found = false;

	packet_parse(&w->packet, &key);
	if (!w->reason) {
		rcu_read_lock();
		found = run_flow(f, &w->packet, &key, cache_hash(&key), false);
		flush(f);
		rcu_read_unlock();
	}
	if (found)
		return false;
	if (!w->reason)
		count(&f->n_misses);
	translate(f, w, &key);
	return true;
}

/* Serves the first packet of the port's queue. Return: whether the daemon was asked. */
static bool serve_one(struct forwarder *f, struct forward_port *port)
{
	struct waiting *w = waiting_pop(&port->queue), *again = NULL;
	uint8_t head[DP_LAST_DROP_BYTES];
	struct forward_frame frame = {head, w->packet.len};
	struct verdict verdict = {0};
	struct sight *sight = NULL;
	bool asked;

	f->port = port;
	f->hash = w->hash;
	f->now_ms = clock_now_ms();
	f->again = &again;
	f->x.verdict = &verdict;
	f->x.n_recirc = w->n_recirc;
	f->served_id = 0;
	memcpy(head, w->packet.data, MIN(w->packet.len, sizeof head));
	if (forward_is_watched(port, WATCH_IN | WATCH_DROPS))
		sight = forward_watch_waiting(f, port, w);
	asked = serve(f, w);
	if (sight)
		forward_watch_served(f, port, sight, &verdict);
	f->x.n_recirc = 0;
	f->again = NULL;
	waiting_push_front(&port->queue, again);

	pthread_mutex_lock(&port->lock);
	port->stats.upcalls += asked;
	if (!w->is_counted) {
		port->stats.queued--;
		settle(port, &verdict, &frame, NULL);
	} else if (verdict.waiting) {
		verdict.waiting->is_counted = true;
	}
	pthread_mutex_unlock(&port->lock);
	waiting_release(&f->pool, &port->queue, w);
	return asked;
}

bool forward_waiting(struct forwarder *f, unsigned int n_upcalls)
{
	unsigned int n_packets = FORWARD_MAX_SERVED;

	while (n_upcalls && n_packets-- && !cds_list_empty(&f->waiting_ports)) {
		struct forward_port *port = cds_list_first_entry(&f->waiting_ports, struct forward_port, node);

		cds_list_del(&port->node);
		port->is_listed = false;
		n_upcalls -= serve_one(f, port);
		list_port(f, port);
	}
	return !cds_list_empty(&f->waiting_ports);
}

void forward_port_purge(struct forwarder *f, struct forward_port *port)
{
	struct waiting *w;

	while ((w = waiting_pop(&port->queue)))
		waiting_release(&f->pool, &port->queue, w);
	if (port->is_listed)
		cds_list_del(&port->node);
	port->is_listed = false;
}

/* ---- packets of the daemon's own ---- */

struct forward_job {
	struct forward_job *next;
	struct packet packet;
	size_t actions_len;
	uint64_t actions[]; /* and behind them the packet */
};

int forward_post(struct forwarder *f, const struct packet *p, const void *actions, size_t len)
{
	struct forward_job *job;
	uint8_t *bytes;
	bool is_full;

	if (p->len > PACKET_MAX_LEN || len > DP_ACTIONS_MAX)
		return -EINVAL;
	job = xmalloc(sizeof *job + len + EXECUTE_RESERVE + PACKET_HEADROOM + p->len);
	bytes = (uint8_t *)job->actions + len + EXECUTE_RESERVE + PACKET_HEADROOM;
	*job = (struct forward_job){.packet = *p, .actions_len = len};
	if (len)
		memcpy(job->actions, actions, len);
	memcpy(bytes, p->data, p->len);
	job->packet.data = bytes;
	job->packet.headroom = PACKET_HEADROOM;
	job->packet.tailroom = 0;

	pthread_mutex_lock(&f->posted_lock);
	is_full = f->n_posted >= FORWARD_MAX_POSTED;
	if (!is_full) {
		*f->posted_tail = job;
		f->posted_tail = &job->next;
		f->n_posted++;
	}
	pthread_mutex_unlock(&f->posted_lock);
	if (is_full)
		free(job);
	return is_full ? -ENOBUFS : 0;
}

static struct forward_job *take_posted(struct forwarder *f)
{
	struct forward_job *list;

	pthread_mutex_lock(&f->posted_lock);
	list = f->posted;
	f->posted = NULL;
	f->posted_tail = &f->posted;
	f->n_posted = 0;
	pthread_mutex_unlock(&f->posted_lock);
	return list;
}

static void run_job(struct forwarder *f, struct forward_job *job)
{
	uint8_t head[DP_LAST_DROP_BYTES];
	struct forward_frame frame = {head, job->packet.len};
	struct verdict verdict = {0};
	struct forward_port *port;
	struct pkt_key key;

	memcpy(head, job->packet.data, MIN(job->packet.len, sizeof head));
	rcu_read_lock();
	port = f->shared->find_port(f, job->packet.in_port);
	f->port = port ? port : &f->own_port;
	f->now_ms = clock_now_ms();
	f->x.verdict = &verdict;
	packet_parse(&job->packet, &key);
	f->hash = cache_hash(&key);
	f->x.key = &key;
	execute_actions(&f->x, &job->packet, false, job->actions, job->actions_len);
	flush(f);

	pthread_mutex_lock(&f->port->lock);
	f->port->stats.executed++;
	settle(f->port, &verdict, &frame, NULL);
	pthread_mutex_unlock(&f->port->lock);
	rcu_read_unlock();
}

void forward_posted(struct forwarder *f)
{
	struct forward_job *job = take_posted(f), *next;

	for (; job; job = next) {
		next = job->next;
		run_job(f, job);
		free(job);
	}
}

bool forward_has_posted(struct forwarder *f)
{
	bool has;

	pthread_mutex_lock(&f->posted_lock);
	has = f->posted;
	pthread_mutex_unlock(&f->posted_lock);
	return has;
}

/* ---- life ---- */

struct forwarder *forwarder_new(const struct forward_shared *shared, const struct execute_ops *ops, size_t size)
{
	struct forwarder *f = xzalloc(size);

	f->shared = shared;
	execute_init(&f->x, ops);
	f->x.meters = &shared->meters;
	f->x.bonds = &shared->bonds;
	waiting_pool_init(&f->pool, MAX(4096u, 2 * shared->queue_limit));
	CDS_INIT_LIST_HEAD(&f->waiting_ports);
	pthread_mutex_init(&f->posted_lock, NULL);
	f->posted_tail = &f->posted;
	forward_port_init(&f->own_port, DP_PORT_NONE);
	return f;
}

void forwarder_free(struct forwarder *f)
{
	struct forward_job *job, *next;

	if (!f)
		return;
	for (job = take_posted(f); job; job = next) {
		next = job->next;
		free(job);
	}
	forward_port_fini(&f->own_port);
	pthread_mutex_destroy(&f->posted_lock);
	waiting_pool_fini(&f->pool);
	execute_fini(&f->x);
	free(f);
}
