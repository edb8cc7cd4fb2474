// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/dummy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/hmap.h"
#include "base/util.h"
#include "os/loop.h"
#include "switchd/datapath/dummy_stream.h"
#include "switchd/datapath/egress.h"
#include "switchd/datapath/forward.h"
#include "switchd/datapath/watch.h"

enum { FRONT = EXECUTE_RESERVE + PACKET_HEADROOM };

struct captured {
	struct captured *next;
	size_t len;
	uint8_t frame[];
};

struct dummy_port {
	struct forward_port fp;
	struct egress egress, ingress;
	struct loop_timer egress_timer; /* of both */
	uint64_t timer_ns;		/* when it fires; EGRESS_NEVER: it is off */
	struct dummy_dp *dp;
	struct hmap_node node; /* in dp->ports, by number */
	struct dummy_stream *stream;
	struct captured *first, **last;
	unsigned int n_captured;
};

struct dummy_dp {
	struct forward_dp base;
	struct dummy_engine *engine;
	struct loop *loop;
	char *rundir;
	struct hmap ports;
	pthread_t thread; /* the loop's */
	bool captures;
	bool is_busy;	/* inside run_engine() */
	bool is_posted; /* a call of posted_from_afar() is on its way; under post_lock */
	bool is_closed; /* and it will free this struct */
	pthread_mutex_t post_lock;
};

struct dummy_engine {
	struct forwarder f;
	struct dummy_dp *dp;
	uint8_t received[FRONT + PACKET_MAX_LEN];
	uint8_t segment[FRONT + PACKET_MAX_LEN];
};

static struct dummy_dp *dummy_dp_of(struct datapath *dp)
{
	return (struct dummy_dp *)(void *)dp;
}

static struct dummy_port *port_by_number(const struct dummy_dp *dp, uint32_t port_no)
{
	struct dummy_port *port;

	HMAP_FOR_EACH_WITH_HASH(port, node, port_no, &dp->ports)
		if (port->fp.port_no == port_no)
			return port;
	return NULL;
}

static struct forward_port *find_port(struct forwarder *f, uint32_t port_no)
{
	struct dummy_port *port = port_by_number(container_of(f, struct dummy_engine, f)->dp, port_no);

	return port ? &port->fp : NULL;
}

/* By the clock that tests stop. */
static uint64_t now_ns(void)
{
	return (uint64_t)clock_now_ms() * 1000000;
}

/* ---- what leaves ---- */

static void forget_first(struct dummy_port *port)
{
	struct captured *c = port->first;

	port->first = c->next;
	if (!port->first)
		port->last = &port->first;
	port->n_captured--;
	free(c);
}

static void capture(struct dummy_port *port, const struct packet *p)
{
	struct captured *c = xmalloc(sizeof *c + p->len);

	if (port->n_captured == DUMMY_MAX_CAPTURED)
		forget_first(port);
	c->next = NULL;
	c->len = p->len;
	memcpy(c->frame, p->data, p->len);
	*port->last = c;
	port->last = &c->next;
	port->n_captured++;
}

struct sending {
	struct dummy_engine *engine;
	struct dummy_port *port;
	enum drop_reason drop; /* NONE: taken */
};

/* One complete frame. A stream without a peer is a cable without an end: it takes everything. */
static int send_frame(void *sending_, struct packet *p)
{
	struct sending *sending = sending_;
	struct dummy_port *port = sending->port;
	int error = port->stream ? dummy_stream_send(port->stream, p->data, p->len) : 0;

	if (error == -ENOTCONN)
		error = 0;
	if (error)
		sending->drop = error == -EMSGSIZE ? DROP_TOO_BIG : DROP_TX_QUEUE_FULL;
	else if (port->dp->captures)
		capture(port, p);
	if (!error && forward_is_watched(&port->fp, WATCH_OUT))
		forward_watch_output(&sending->engine->f, &port->fp, sending->engine->f.x.verdict, p->data, p->len, 0);
	forward_port_sent(&port->fp, !error, error ? 0 : p->len, !!error);
	return 0;
}

/* In a copy, as the packet's own bytes may be needed as they are. */
static void send_completed(struct dummy_engine *e, struct sending *sending, const struct packet *p)
{
	struct packet copy = *p;

	if (p->len > PACKET_MAX_LEN) {
		sending->drop = DROP_TOO_BIG;
		return;
	}
	copy.data = e->segment + FRONT;
	memcpy(copy.data, p->data, p->len);
	packet_complete_csum(&copy);
	send_frame(sending, &copy);
}

/* Return: enum drop_reason of what was not taken. */
static enum drop_reason send_now(struct dummy_engine *e, struct dummy_port *port, const struct packet *p)
{
	struct sending sending = {.engine = e, .port = port};

	if (!packet_is_gso(p))
		send_completed(e, &sending, p);
	else if (packet_segment(p, e->segment, sizeof e->segment, send_frame, &sending) < 0)
		sending.drop = DROP_TX_ERROR;
	return sending.drop;
}

static void output(struct execute *x, const struct packet *p, uint32_t port_no)
{
	struct dummy_engine *e = container_of(x, struct dummy_engine, f.x);
	struct dummy_port *port = port_by_number(e->dp, port_no);
	enum drop_reason drop;

	if (!port)
		drop = DROP_NO_PORT;
	else if (egress_is_active(&port->egress))
		drop = egress_put(&port->egress, p, now_ns());
	else
		drop = send_now(e, port, p);
	if (drop)
		execute_drop(x, drop);
	else
		x->verdict->forwarded = true;
}

/* ---- what leaves, or comes in, later: by timers of the loop ---- */

static void send_list(void *port_, struct egress_packet *list)
{
	struct dummy_port *port = port_;

	while (list) {
		struct egress_packet *next = list->next;

		send_now(port->dp->engine, port, &list->packet);
		egress_packet_free(list);
		list = next;
	}
}

static void egress_due(struct loop_timer *timer, int64_t now_ms);

static void wake_at(void *port_, uint64_t due_ns)
{
	struct dummy_port *port = port_;

	if (due_ns >= port->timer_ns)
		return;
	port->timer_ns = due_ns;
	loop_set_timer(port->dp->loop, &port->egress_timer,
		       (int64_t)MIN(due_ns / 1000000 + !!(due_ns % 1000000), (uint64_t)INT64_MAX), egress_due);
}

static void egress_due(struct loop_timer *timer, int64_t now_ms)
{
	struct dummy_port *port = container_of(timer, struct dummy_port, egress_timer);
	uint64_t out_ns, in_ns, due_ns;

	(void)now_ms;
	port->timer_ns = EGRESS_NEVER;
	out_ns = egress_run(&port->egress, now_ns());
	in_ns = egress_run(&port->ingress, now_ns());
	due_ns = MIN(out_ns, in_ns);
	if (due_ns != EGRESS_NEVER)
		wake_at(port, due_ns);
}

static void count_lost(void *port_, const struct egress_packet *p)
{
	struct dummy_port *port = port_;

	(void)p;
	forward_port_sent(&port->fp, 0, 0, 1);
}

static const struct egress_driver egress_driver = {.send = send_list, .wake = wake_at, .lost = count_lost};

static int set_stage(struct datapath *datapath, uint32_t port_no, bool is_ingress, unsigned int slot,
		     struct egress_stage *stage)
{
	struct dummy_port *port = port_by_number(dummy_dp_of(datapath), port_no);

	if (!port) {
		if (stage)
			stage->ops->free(stage);
		return -ENOENT;
	}
	egress_set(is_ingress ? &port->ingress : &port->egress, slot, stage, now_ns());
	return 0;
}

static int dummy_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot,
				 struct egress_stage *stage)
{
	return set_stage(datapath, port_no, false, slot, stage);
}

static int dummy_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot,
				  struct egress_stage *stage)
{
	return set_stage(datapath, port_no, true, slot, stage);
}

static const struct execute_ops dummy_ops = {
	.output = output,
	.recirc = forward_recirc,
	.userspace = forward_userspace,
};

/* ---- what comes in ---- */

/* Until nothing waits. From inside an upcall there is nothing to do: whoever called that goes on with it. */
static void run_engine(struct dummy_dp *dp)
{
	struct forwarder *f = &dp->engine->f;

	if (dp->is_busy)
		return;
	dp->is_busy = true;
	do
		forward_posted(f);
	while (forward_waiting(f, 1) || forward_has_posted(f));
	dp->is_busy = false;
}

static void receive(struct dummy_dp *dp, struct dummy_port *port, const struct packet *p)
{
	struct dummy_engine *e = dp->engine;
	struct packet *mine = &e->f.packets[0];

	memcpy(e->received + FRONT, p->data, p->len);
	*mine = *p;
	mine->data = e->received + FRONT;
	mine->headroom = PACKET_HEADROOM;
	mine->tailroom = PACKET_MAX_LEN - p->len;
	mine->recirc_id = mine->pkt_mark = mine->skb_priority = mine->dp_hash = 0;
	if (egress_is_active(&port->ingress)) {
		forward_port_keep(&port->fp, &port->ingress, mine, now_ns());
		return;
	}
	dp->is_busy = true;
	forward_batch(&e->f, &port->fp, 1);
	dp->is_busy = false;
	run_engine(dp);
}

/* Out of the ingress line. */
static void receive_list(void *port_, struct egress_packet *list)
{
	struct dummy_port *port = port_;
	struct dummy_dp *dp = port->dp;

	while (list) {
		struct egress_packet *next = list->next;

		dp->engine->f.packets[0] = list->packet;
		dp->is_busy = true;
		forward_kept(&dp->engine->f, &port->fp, 1, list->is_new);
		dp->is_busy = false;
		egress_packet_free(list);
		run_engine(dp);
		list = next;
	}
}

static const struct egress_driver ingress_driver = {.send = receive_list, .wake = wake_at, .lost = count_lost};

int dummy_receive(struct datapath *datapath, uint32_t port_no, const struct packet *p)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	struct dummy_port *port = port_by_number(dp, port_no);

	if (!port)
		return -ENODEV;
	if (p->len > PACKET_MAX_LEN)
		return -EMSGSIZE;
	receive(dp, port, p);
	return 0;
}

static void receive_from_stream(void *port_, const uint8_t *frame, size_t len)
{
	struct dummy_port *port = port_;
	struct packet p;

	packet_init(&p, (void *)(uintptr_t)frame, len, 0, len);
	receive(port->dp, port, &p);
}

/* ---- capture ---- */

static void forget_all(struct dummy_port *port)
{
	while (port->first)
		forget_first(port);
}

void dummy_capture(struct datapath *datapath, bool on)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	struct dummy_port *port;

	dp->captures = on;
	if (!on)
		HMAP_FOR_EACH(port, node, &dp->ports)
			forget_all(port);
}

size_t dummy_take_tx(struct datapath *datapath, uint32_t port_no, void *buf, size_t size)
{
	struct dummy_port *port = port_by_number(dummy_dp_of(datapath), port_no);
	size_t len;

	if (!port || !port->first)
		return 0;
	len = port->first->len;
	memcpy(buf, port->first->frame, MIN(len, size));
	forget_first(port);
	return len;
}

/* ---- ports ---- */

static uint32_t choose_number(const struct dummy_dp *dp, uint32_t requested)
{
	if (requested < DP_MAX_PORTS && !port_by_number(dp, requested))
		return requested;
	for (uint32_t i = 1; i < DP_MAX_PORTS; i++)
		if (!port_by_number(dp, i))
			return i;
	return DP_PORT_NONE;
}

static void port_free(struct dummy_port *port)
{
	loop_cancel_timer(port->dp->loop, &port->egress_timer);
	egress_fini(&port->egress);
	egress_fini(&port->ingress);
	dummy_stream_free(port->stream);
	forget_all(port);
	forward_port_fini(&port->fp);
	free(port);
}

static int open_stream(struct dummy_port *port, const struct dp_port_spec *spec, struct errtext *err)
{
	const char *target = spec->pstream ? spec->pstream : spec->stream;
	bool right_kind = !target || !strncmp(target, spec->pstream ? "punix:" : "unix:", spec->pstream ? 6 : 5);
	int error;

	if (spec->pstream && spec->stream)
		return errtext_set(err, EINVAL, "%s: a port has options:stream or options:pstream, not both",
				   spec->name);
	if (!right_kind)
		return errtext_set(err, EINVAL, "%s: '%s': expected %s", spec->name, target,
				   spec->pstream ? "options:pstream=punix:PATH" : "options:stream=unix:PATH");
	if (!target)
		return 0;
	error = dummy_stream_new(port->dp->loop, port->dp->rundir, target, receive_from_stream, port, &port->stream,
				 err);
	if (error)
		errtext_prefix(err, "%s", spec->name);
	return error;
}

static int dummy_port_add(struct datapath *datapath, const struct dp_port_spec *spec, uint32_t *port_no,
			  struct errtext *err)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	uint32_t number = choose_number(dp, spec->requested);
	struct dummy_port *port;
	int error;

	if (number == DP_PORT_NONE)
		return errtext_set(err, ENOSPC, "%s: all %u port numbers are in use", spec->name, DP_MAX_PORTS);
	port = xzalloc(sizeof *port);
	forward_port_init(&port->fp, number);
	egress_init(&port->egress, &egress_driver, port);
	egress_init(&port->ingress, &ingress_driver, port);
	port->timer_ns = EGRESS_NEVER;
	port->dp = dp;
	port->last = &port->first;
	error = open_stream(port, spec, err);
	if (error) {
		port_free(port);
		return error;
	}
	hmap_insert(&dp->ports, &port->node, number);
	*port_no = number;
	return 0;
}

static void port_remove(struct dummy_dp *dp, struct dummy_port *port)
{
	hmap_remove(&dp->ports, &port->node);
	forward_port_purge(&dp->engine->f, &port->fp);
	port_free(port);
}

static int dummy_port_del(struct datapath *datapath, uint32_t port_no)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	struct dummy_port *port = port_by_number(dp, port_no);

	if (!port)
		return -ENOENT;
	port_remove(dp, port);
	return 0;
}

static int dummy_port_stats(struct datapath *datapath, uint32_t port_no, struct dp_port_stats *stats)
{
	struct dummy_port *port = port_by_number(dummy_dp_of(datapath), port_no);

	if (!port)
		return -ENOENT;
	forward_port_stats(&port->fp, stats);
	return 0;
}

static int dummy_port_last_drop(struct datapath *datapath, uint32_t port_no, struct dp_last_drop *drop)
{
	struct dummy_port *port = port_by_number(dummy_dp_of(datapath), port_no);

	return port ? forward_port_last_drop(&port->fp, drop) : -ENOENT;
}

static int dummy_port_watch(struct datapath *datapath, uint32_t port_no, unsigned int what)
{
	struct dummy_port *port = port_by_number(dummy_dp_of(datapath), port_no);

	if (port)
		forward_port_watch(&port->fp, what);
	return port ? 0 : -ENOENT;
}

/* ---- the daemon's own packets ---- */

static void dp_free(struct dummy_dp *dp)
{
	pthread_mutex_destroy(&dp->post_lock);
	free(dp->rundir);
	free(dp);
}

static void posted_from_afar(void *dp_)
{
	struct dummy_dp *dp = dp_;

	if (dp->is_closed) {
		dp_free(dp);
		return;
	}
	pthread_mutex_lock(&dp->post_lock);
	dp->is_posted = false;
	pthread_mutex_unlock(&dp->post_lock);
	run_engine(dp);
}

static int dummy_execute(struct datapath *datapath, struct packet *packet, const void *actions, size_t actions_len)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	int error = execute_supports(actions, actions_len);

	if (!error)
		error = forward_post(&dp->engine->f, packet, actions, actions_len);
	if (error)
		return error;
	if (pthread_equal(pthread_self(), dp->thread)) {
		run_engine(dp);
		return 0;
	}
	pthread_mutex_lock(&dp->post_lock);
	if (!dp->is_posted)
		loop_post(dp->loop, posted_from_afar, dp);
	dp->is_posted = true;
	pthread_mutex_unlock(&dp->post_lock);
	return 0;
}

static void dummy_stats(struct datapath *datapath, struct dp_stats *stats)
{
	const struct dummy_dp *dp = dummy_dp_of(datapath);
	const struct forwarder *f = &dp->engine->f;

	forward_stats(&dp->base, &f, 1, stats);
}

/* ---- life ---- */

static int dummy_open(const struct dp_config *config, struct datapath **datapath, struct errtext *err)
{
	struct dummy_dp *dp = xzalloc(sizeof *dp);

	(void)err;
	forward_dp_init(&dp->base, &datapath_dummy, config, find_port);
	dp->base.shared.meters.now_ns = now_ns;
	dp->engine =
		container_of(forwarder_new(&dp->base.shared, &dummy_ops, sizeof *dp->engine), struct dummy_engine, f);
	dp->engine->dp = dp;
	dp->loop = config->loop;
	dp->rundir = config->rundir ? xstrdup(config->rundir) : NULL;
	dp->thread = pthread_self();
	hmap_init(&dp->ports);
	pthread_mutex_init(&dp->post_lock, NULL);
	*datapath = &dp->base.dp;
	return 0;
}

static void dummy_close(struct datapath *datapath)
{
	struct dummy_dp *dp = dummy_dp_of(datapath);
	struct dummy_port *port;

	HMAP_FOR_EACH_SAFE(port, node, &dp->ports)
		port_remove(dp, port);
	hmap_fini(&dp->ports);
	forwarder_free(&dp->engine->f);
	forward_dp_fini(&dp->base);
	dp->is_closed = true;
	if (!dp->is_posted)
		dp_free(dp);
}

const struct datapath_ops datapath_dummy = {
	.type = "dummy",
	.tunnels = DP_TUNNELS_BY_ITSELF,
	.open = dummy_open,
	.close = dummy_close,
	.port_add = dummy_port_add,
	.port_del = dummy_port_del,
	.port_stats = dummy_port_stats,
	.port_last_drop = dummy_port_last_drop,
	.port_watch = dummy_port_watch,
	FORWARD_FLOW_OPS,
	.execute = dummy_execute,
	.stats = dummy_stats,
	.port_set_egress = dummy_port_set_egress,
	.port_set_ingress = dummy_port_set_ingress,
};
