// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/user.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <urcu.h>

#include "base/util.h"
#include "switchd/datapath/user_tunnel.h"
#include "switchd/datapath/watch.h"

_Static_assert(AFPACKET_RESERVE <= EXECUTE_RESERVE, "every packet has room for the header");
_Static_assert((int)PACKET_F_CSUM_PARTIAL == VIRTIO_NET_HDR_F_NEEDS_CSUM, "the flags are virtio's");

static struct user_thread *thread_of(struct execute *x)
{
	return container_of(x, struct user_thread, f.x);
}

static enum drop_reason drop_of(int error)
{
	switch (error) {
	case ENOBUFS:
	case EAGAIN:
		return DROP_TX_QUEUE_FULL;
	case EMSGSIZE:
		return DROP_TOO_BIG;
	case ENETDOWN:
		return DROP_PORT_DOWN;
	case ENXIO:
	case ENODEV:
		return DROP_NO_PORT;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return DROP_NO_ROUTE;
	case EDESTADDRREQ:
		return DROP_NO_DESTINATION;
	default:
		return DROP_TX_ERROR;
	}
}

static void note_result(struct verdict *verdict, int error)
{
	if (!error)
		verdict->forwarded = true;
	else if (!verdict->reason)
		verdict->reason = (uint16_t)drop_of(error);
}

/* Frames for a queue of the device's. Without a socket for them they go the way of the others. */
static size_t send_with_priority(struct user_thread *t, const struct user_port *port, uint32_t priority,
				 const struct iovec *iovs, size_t n, int *errors)
{
	if (!t->prio)
		t->prio = afpacket_prio_new();
	if (!t->prio)
		return afpacket_send(port->socket, iovs, NULL, n, errors);
	return afpacket_send_prio(t->prio, port->socket, priority, iovs, n, errors);
}

static void watch_output(const struct user_thread *t, const struct user_port *port, const struct user_frame *frame)
{
	const struct afpacket_vnet *vnet = frame->iov.iov_base;
	uint32_t len = (uint32_t)(frame->iov.iov_len - sizeof *vnet);

	forward_watch_output(&t->f, &port->fp, frame->verdict, (const uint8_t *)(vnet + 1), len, vnet->gso_size);
}

/* Sends the first frames of the list, a batch of one priority at most. Return: the rest of it. */
static struct user_frame *send_batch(struct user_thread *t, struct user_port *port, struct user_frame *first)
{
	struct iovec iovs[AFPACKET_BATCH];
	uint32_t marks[AFPACKET_BATCH];
	int errors[AFPACKET_BATCH];
	uint64_t n_bytes = 0;
	struct user_frame *frame = first;
	bool watched = forward_is_watched(&port->fp, WATCH_OUT);
	size_t n = 0, n_sent;

	do {
		marks[n] = frame->mark;
		iovs[n++] = frame->iov;
		frame = frame->next;
	} while (frame && n < AFPACKET_BATCH && frame->priority == first->priority);
	if (unlikely(first->priority && !port->is_tunnel))
		n_sent = send_with_priority(t, port, first->priority, iovs, n, errors);
	else
		n_sent = afpacket_send(port->socket, iovs, port->is_tunnel ? marks : NULL, n, errors);
	frame = first;
	for (size_t i = 0; i < n; i++, frame = frame->next) {
		note_result(frame->verdict, errors[i]);
		if (!errors[i])
			n_bytes += frame->iov.iov_len - sizeof(struct afpacket_vnet);
		if (watched && !errors[i])
			watch_output(t, port, frame);
	}
	forward_port_sent(&port->fp, n_sent, n_bytes, n - n_sent);
	return frame;
}

static void flush(struct execute *x)
{
	struct user_thread *t = thread_of(x);

	for (unsigned int i = 0; i < t->n_pending_ports; i++) {
		struct user_port *port = t->pending_ports[i];
		struct user_pending *pending = &port->pending[t->index];
		struct user_frame *frame = pending->head;

		while (frame)
			frame = send_batch(t, port, frame);
		pending->head = NULL;
		pending->tail = &pending->head;
	}
	t->n_pending_ports = t->n_frames = 0;
}

struct afpacket_vnet user_vnet_of(const struct packet *p)
{
	struct afpacket_vnet vnet = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};

	if (p->flags & PACKET_F_CSUM_PARTIAL) {
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.csum_start = p->csum_start;
		vnet.csum_offset = p->csum_offset;
	}
	if (packet_is_gso(p)) {
		vnet.gso_type = p->gso_type;
		vnet.gso_size = p->gso_size;
		vnet.hdr_len = p->hdr_len;
	}
	return vnet;
}

static void output_tunnel(struct user_thread *t, struct user_port *port, const struct packet *p)
{
	int error = user_tunnel_send(port->tunnel, t->index, p);

	note_result(t->f.x.verdict, error);
	forward_port_sent(&port->fp, !error, error ? 0 : p->len, !!error);
}

/* By a tunnel of our own making? Where the port has a tunnel device, too, only what that cannot say. */
static bool goes_by_socket(const struct user_port *port, const struct packet *p)
{
	return port->tunnel && (!port->is_tunnel || !(p->tunnel.flags & FLOW_TUN_KEY));
}

static void output_later(struct execute *x, struct user_port *port, const struct packet *p)
{
	enum drop_reason reason = egress_put(&port->egress, p, meters_monotonic_ns());

	if (reason) {
		execute_drop(x, reason);
		forward_port_sent(&port->fp, 0, 0, 1);
	} else {
		x->verdict->forwarded = true;
	}
}

static void output(struct execute *x, const struct packet *p, uint32_t port_no)
{
	struct user_thread *t = thread_of(x);
	struct user_port *port = port_no < DP_MAX_PORTS ? rcu_dereference(t->dp->ports[port_no]) : NULL;
	struct afpacket_vnet vnet = user_vnet_of(p);
	struct user_pending *pending;
	struct user_frame *frame;
	int error;

	if (unlikely(!port)) {
		execute_drop(x, DROP_NO_PORT);
		return;
	}
	if (unlikely(goes_by_socket(port, p))) {
		output_tunnel(t, port, p);
		return;
	}
	if (unlikely(egress_is_active(&port->egress))) {
		output_later(x, port, p);
		return;
	}
	if (t->n_frames == USER_MAX_PENDING)
		flush(x);
	frame = &t->frames[t->n_frames++];
	*frame = (struct user_frame){
		.iov = afpacket_put_vnet(p->data, p->len, &vnet),
		.verdict = x->verdict,
		.priority = p->skb_priority,
	};
	if (port->is_tunnel) {
		frame->mark = t->index * USER_MAX_PENDING + t->n_frames - 1;
		error = t->dp->put_tunnel(t->dp, frame->mark, p);
		if (error) {
			t->n_frames--;
			note_result(x->verdict, error);
			forward_port_sent(&port->fp, 0, 0, 1);
			return;
		}
	}
	pending = &port->pending[t->index];
	if (!pending->head)
		t->pending_ports[t->n_pending_ports++] = port;
	*pending->tail = frame;
	pending->tail = &frame->next;
}

const struct execute_ops user_tx_ops = {
	.output_refers = true,
	.output = output,
	.flush = flush,
	.recirc = forward_recirc,
	.userspace = forward_userspace,
};
