// SPDX-License-Identifier: Apache-2.0
/*
 * Watched ports of the engine. A packet that comes in is kept as it came, before its actions have changed it, and told once it is known what
 * became of it: at the end of its batch, or, where it had to wait for translation, when that is done.
 */
#include "switchd/datapath/forward.h"

#include <string.h>

#include "base/util.h"
#include "switchd/datapath/watch.h"

static uint64_t id_of(const struct cache_flow *flow)
{
	return flow ? cache_flow_id(flow) : 0;
}

static const struct datapath *dp_of(const struct forwarder *f)
{
	return &container_of((struct forward_shared *)f->shared, struct forward_dp, shared)->dp;
}

/* Keep the bytes. Return: NULL: nobody wants it, or it is not looked at. */
static struct sight *keep(const struct forwarder *f, const struct forward_port *port, const uint8_t *data, uint32_t len,
			  uint32_t gso_size)
{
	struct sight *s = watch_wants(port->watch, data, len) ? watch_reserve(len) : NULL;

	if (!s)
		return NULL;
	s->dp = dp_of(f);
	s->port = s->in_port = port->port_no;
	s->gso_size = gso_size;
	memcpy(s->bytes, data, s->n_bytes);
	return s;
}

/* Those that wait are told when they are served. */
static bool is_settled(const struct verdict *v)
{
	return v->forwarded || !v->waiting;
}

static uint16_t reason_of(const struct verdict *v)
{
	return v->forwarded ? DROP_NONE : v->reason ? v->reason : DROP_RULE_DROP;
}

void forward_watch_begin(struct forwarder *f, const struct forward_port *port, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		f->sights[i] = NULL;
		if (!(port->watch & WATCH_IN) || f->verdicts[i].waiting)
			continue;
		f->sights[i] = keep(f, port, f->frames[i].data, f->frames[i].len, f->packets[i].gso_size);
	}
}

void forward_watch_end(struct forwarder *f, const struct forward_port *port, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct verdict *v = &f->verdicts[i];
		struct sight *s = f->sights[i];

		if (!s && port->watch & WATCH_DROPS && is_settled(v) && !v->forwarded)
			s = keep(f, port, f->frames[i].data, f->frames[i].len, f->packets[i].gso_size);
		if (!s)
			continue;
		s->flow_id = id_of(f->flows[i]);
		s->reason = reason_of(v);
		watch_commit(s, is_settled(v));
	}
}

struct sight *forward_watch_waiting(const struct forwarder *f, const struct forward_port *port, const struct waiting *w)
{
	bool wanted = port->watch & (WATCH_IN | WATCH_DROPS) && !w->is_counted;

	return wanted ? keep(f, port, w->packet.data, w->packet.len, w->packet.gso_size) : NULL;
}

void forward_watch_served(const struct forwarder *f, const struct forward_port *port, struct sight *s,
			  const struct verdict *v)
{
	s->flow_id = f->served_id;
	s->reason = reason_of(v);
	watch_commit(s, is_settled(v) && (port->watch & WATCH_IN || !v->forwarded));
}

void forward_watch_output(const struct forwarder *f, const struct forward_port *out, const struct verdict *v,
			  const void *bytes, uint32_t len, uint32_t gso_size)
{
	bool of_batch = v >= f->verdicts && v < f->verdicts + FORWARD_BATCH;
	struct sight head = {
		.dp = dp_of(f),
		.port = out->port_no,
		.in_port = f->port->port_no,
		.len = len,
		.gso_size = gso_size,
		.is_out = true,
		.flow_id = of_batch ? id_of(f->flows[v - f->verdicts]) : f->served_id,
	};

	if (watch_wants(out->watch, bytes, len))
		watch_put(&head, bytes);
}
