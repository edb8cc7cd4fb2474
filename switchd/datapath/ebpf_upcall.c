// SPDX-License-Identifier: Apache-2.0
/*
 * Packets that come up, from the TAP's queues into the engine.
 *
 * Each read gives one packet: a struct virtio_net_hdr, the prefix that the program put there (struct bpf_upcall_hdr, within it the VLAN
 * tag if there is one; the tunnel that the packet came through), and the frame. The prefix goes, the tag returns to its place, and what counts from the beginning
 * (csum_start, hdr_len) is moved. Consecutive packets of one port make a batch.
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <urcu.h>

#include "base/util.h"
#include "os/tap.h"

enum {
	PACKETS_PER_ROUND = 16, /* of a ring, before the others have their turn */
	DRAIN_MS = 500,
	TAG_LEN = 4,
	ADDRESSES_LEN = 12,
	FRONT = EXECUTE_RESERVE + PACKET_HEADROOM,
	HEADERS = sizeof(struct virtio_net_hdr) + BPF_UPCALL_HDR + TAG_LEN + PKT_KEY_TUNNEL_LEN, /* the longest */
	BUFFER_SIZE = ROUND_UP(FRONT + HEADERS + PACKET_MAX_LEN, 64),
	NS_PER_S = 1000000000,
	/* A batch, and one packet that belongs to the next. */
	N_BUFFERS = FORWARD_BATCH + 1,
};

_Static_assert((int)PACKET_F_CSUM_PARTIAL == VIRTIO_NET_HDR_F_NEEDS_CSUM, "the flags are virtio's");

/* A packet with what was in front of it. */
struct upcall {
	struct packet packet;
	struct bpf_upcall_hdr hdr;
};

static void set_offloads(struct packet *p, const struct virtio_net_hdr *vnet, uint16_t stripped)
{
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && vnet->csum_start >= stripped) {
		p->flags = PACKET_F_CSUM_PARTIAL;
		p->csum_start = vnet->csum_start - stripped;
		p->csum_offset = vnet->csum_offset;
	} else {
		p->flags = vnet->flags & PACKET_F_CSUM_VALID;
	}
	p->gso_type = vnet->gso_type;
	p->gso_size = vnet->gso_size;
	p->hdr_len = vnet->hdr_len >= stripped ? vnet->hdr_len - stripped : 0;
}

/* @tag: TPID and TCI; lies in front of the frame. */
static void restore_tag(struct packet *p, const uint8_t tag[TAG_LEN])
{
	uint8_t copy[TAG_LEN];

	if (p->len < ADDRESSES_LEN)
		return;
	memcpy(copy, tag, TAG_LEN);
	p->data -= TAG_LEN;
	p->headroom -= TAG_LEN;
	p->len += TAG_LEN;
	memmove(p->data, p->data + TAG_LEN, ADDRESSES_LEN);
	memcpy(p->data + ADDRESSES_LEN, copy, TAG_LEN);
	if (p->flags & PACKET_F_CSUM_PARTIAL)
		p->csum_start += TAG_LEN;
	if (p->hdr_len)
		p->hdr_len += TAG_LEN;
}

/* @buffer has @len bytes from FRONT on, read from queue @index. Return: false when it is no packet of ours. */
static bool take_apart(const struct ebpf_dp *dp, unsigned int index, uint8_t *buffer, size_t len, struct upcall *up)
{
	const size_t rest = BPF_UPCALL_HDR - BPF_UPCALL_TAG_AT;
	struct virtio_net_hdr vnet;
	uint8_t *prefix = buffer + FRONT + sizeof vnet;
	size_t tag_len, tunnel_len, stripped;

	if (len < sizeof vnet + BPF_UPCALL_HDR)
		return false;
	memcpy(&vnet, buffer + FRONT, sizeof vnet);
	memcpy(&up->hdr, prefix, BPF_UPCALL_TAG_AT);
	tag_len = up->hdr.flags & BPF_UPCALL_TAGGED ? TAG_LEN : 0;
	tunnel_len = up->hdr.flags & BPF_UPCALL_TUNNEL ? PKT_KEY_TUNNEL_LEN : 0;
	stripped = BPF_UPCALL_HDR + tag_len + tunnel_len;
	if (up->hdr.magic != dp->kernel.control->magic || len < sizeof vnet + stripped ||
	    up->hdr.slot > dp->kernel.n_slots || up->hdr.port >= BPF_N_PORTS || ebpf_queue_of(up->hdr.port) != index)
		return false;
	memcpy((uint8_t *)&up->hdr + BPF_UPCALL_TAG_AT, prefix + BPF_UPCALL_TAG_AT + tag_len, rest);
	up->packet = (struct packet){
		.data = prefix + stripped,
		.len = (uint32_t)(len - sizeof vnet - stripped),
		.headroom = PACKET_HEADROOM,
		.tailroom = (uint32_t)(BUFFER_SIZE - FRONT - len),
		.pkt_mark = up->hdr.mark,
	};
	memcpy(&up->packet.tunnel, prefix + stripped - tunnel_len, tunnel_len);
	set_offloads(&up->packet, &vnet, (uint16_t)stripped);
	if (tag_len)
		restore_tag(&up->packet, prefix + BPF_UPCALL_TAG_AT);
	up->packet.orig_len = up->packet.len;
	return true;
}

static uint8_t *next_buffer(struct ebpf_queue *queue)
{
	unsigned int i = *queue->next_buffer;

	*queue->next_buffer = (i + 1) % N_BUFFERS;
	return queue->buffers + (size_t)i * BUFFER_SIZE;
}

/* Return: 1 with a packet in @up, 0 when the queue is empty. */
static int read_one(struct ebpf_queue *queue, struct upcall *up)
{
	for (;;) {
		uint8_t *buffer = next_buffer(queue);
		ssize_t n = read(queue->fd, buffer + FRONT, BUFFER_SIZE - FRONT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0;
		if (take_apart(queue->dp, queue->index, buffer, (size_t)n, up))
			return 1;
	}
}

/* ---- batches ---- */

struct batch {
	size_t n;
	uint32_t port;
	uint32_t slots[FORWARD_BATCH];
	uint32_t last_seq, generation;
};

/* More of the port may come now: what the program has counted as under way is the daemon's. */
static void give_credit(struct bpf_port *port, const struct batch *b)
{
	uint64_t done = port->upcalls_done;
	/* The sequence number says how many there were, also those that were lost. */
	int32_t ahead = (int32_t)(b->last_seq + 1 - (uint32_t)done);

	if (ahead > 0)
		__atomic_store_n(&port->upcalls_done, done + (uint32_t)ahead, __ATOMIC_RELAXED);
}

/* Packet @i of the batch came through the gate of a flow's: it has been sent on, or else waits behind others of @port. */
static void count_done(const struct user_thread *t, struct ebpf_slot *slot, size_t i, const struct user_port *port)
{
	if (port && t->f.verdicts[i].waiting)
		slot->queued_at = port->fp.queue.n_in;
	atomic_fetch_add(&slot->n_done, 1);
}

static void run_batch(struct user_thread *t, struct ebpf_queue *queue, struct batch *b)
{
	struct bpf_queue *ring = &queue->dp->kernel.control->queues[queue->index];
	struct bpf_port *k;
	struct user_port *port;

	if (!b->n)
		return;
	k = &queue->dp->kernel.ports[b->port];
	port = k->generation == b->generation ? t->dp->ports[b->port] : NULL;
	if (port) {
		if (unlikely(egress_is_active(&port->ingress)))
			user_ingress_put(t, port, b->n);
		else
			forward_batch(&t->f, &port->fp, b->n);
		give_credit(k, b);
	}
	for (size_t i = 0; i < b->n; i++)
		if (b->slots[i])
			count_done(t, &queue->dp->slots[b->slots[i] - 1], i, port);
	__atomic_store_n(&ring->done, ring->done + b->n, __ATOMIC_RELAXED);
	b->n = 0;
}

static bool is_alike(const struct batch *b, const struct upcall *up)
{
	return b->port == up->hdr.port && b->generation == up->hdr.generation;
}

static void note_read(struct ebpf_dp *dp, const struct bpf_upcall_hdr *hdr)
{
	struct ebpf_window *window = &dp->windows[hdr->port];

	if (hdr->generation != dp->kernel.ports[hdr->port].generation)
		return;
	if (window->generation != hdr->generation)
		ebpf_window_restart(window, hdr->generation);
	ebpf_window_note(window, hdr->seq);
}

static void add_to_batch(struct user_thread *t, struct batch *b, const struct upcall *up)
{
	t->f.packets[b->n] = up->packet;
	b->slots[b->n++] = up->hdr.slot;
	b->port = up->hdr.port;
	b->last_seq = up->hdr.seq;
	b->generation = up->hdr.generation;
}

static void serve(struct user_thread *t, struct user_source *source)
{
	struct ebpf_queue *queue = container_of(source, struct ebpf_queue, source);
	struct bpf_queue *ring = &queue->dp->kernel.control->queues[queue->index];
	const bool must_drain = atomic_load(&queue->dp->gates[t->index].n_pending);
	struct batch b = {0};
	struct upcall up;

	for (int i = 0; i < PACKETS_PER_ROUND; i++) {
		uint64_t sent = __atomic_load_n(&ring->sent, __ATOMIC_RELAXED);

		/* To be sure that the ring is empty costs a system call, and matters only to gates that are pending. */
		if (i && !must_drain && ring->done + b.n == sent)
			break;
		if (!read_one(queue, &up)) {
			run_batch(t, queue, &b);
			/* All that was sent has been read, or was lost. */
			__atomic_store_n(&ring->done, sent, __ATOMIC_RELAXED);
			atomic_fetch_add(&queue->n_drained, 1);
			return;
		}
		note_read(queue->dp, &up.hdr);
		if (b.n == FORWARD_BATCH || (b.n && !is_alike(&b, &up)))
			run_batch(t, queue, &b);
		add_to_batch(t, &b, &up);
	}
	run_batch(t, queue, &b);
}

/* ---- life ---- */

static void queue_init(struct ebpf_dp *dp, unsigned int i, int fd)
{
	unsigned int thread = i % dp->user.n_threads;

	dp->queues[i] = (struct ebpf_queue){
		.source.serve = serve,
		.dp = dp,
		.index = i,
		.fd = fd,
		.buffers = dp->buffers[thread],
		.next_buffer = &dp->next_buffer[thread],
	};
}

static int buffers_init(struct ebpf_dp *dp)
{
	for (unsigned int i = 0; i < dp->user.n_threads; i++) {
		void *memory = mmap(NULL, (size_t)N_BUFFERS * BUFFER_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return -ENOMEM;
		dp->buffers[i] = memory;
	}
	return 0;
}

int ebpf_upcall_init(struct ebpf_dp *dp, struct errtext *err)
{
	struct bpf_control *control = dp->kernel.control;
	int fds[BPF_UPCALL_QUEUES], ifindex, error = buffers_init(dp);

	if (error)
		return errtext_set(err, -error, "no memory for packets");
	ifindex = tap_open_queues("vsw-up%d", BPF_UPCALL_QUEUES, EBPF_QUEUE_LIMIT + 256, dp->kernel.steer_program, fds,
				  err);
	if (ifindex < 0)
		return ifindex;
	dp->has_tap = true;
	for (unsigned int i = 0; i < BPF_UPCALL_QUEUES; i++)
		queue_init(dp, i, fds[i]);
	control->upcall_limit = EBPF_PORT_LIMIT;
	control->queue_limit = EBPF_QUEUE_LIMIT;
	control->miss_ns = NS_PER_S / EBPF_MISS_RATE;
	control->miss_ahead_ns = (uint64_t)control->miss_ns * EBPF_MISS_BURST;
	__atomic_store_n(&control->upcall_ifindex, (uint32_t)ifindex, __ATOMIC_RELEASE);
	return 0;
}

int ebpf_upcall_start(struct ebpf_dp *dp)
{
	int error = 0;

	for (unsigned int i = 0; i < BPF_UPCALL_QUEUES && !error; i++)
		error = user_thread_add_source(dp->user.threads[i % dp->user.n_threads], dp->queues[i].fd,
					       &dp->queues[i].source);
	return error;
}

void ebpf_upcall_stop(struct ebpf_dp *dp)
{
	if (dp->kernel.control)
		__atomic_store_n(&dp->kernel.control->upcall_ifindex, 0, __ATOMIC_RELEASE);
}

static bool is_drained(const struct ebpf_dp *dp)
{
	for (unsigned int i = 0; i < BPF_UPCALL_QUEUES; i++) {
		const struct bpf_queue *ring = &dp->kernel.control->queues[i];

		if (__atomic_load_n(&ring->sent, __ATOMIC_RELAXED) != __atomic_load_n(&ring->done, __ATOMIC_RELAXED))
			return false;
	}
	for (uint32_t i = 0; i < BPF_N_PORTS; i++)
		if (dp->user.ports[i] && __atomic_load_n(&dp->user.ports[i]->fp.queue.n, __ATOMIC_RELAXED))
			return false;
	return true;
}

void ebpf_upcall_drain(struct ebpf_dp *dp)
{
	int64_t until_ms;

	ebpf_grace();
	until_ms = ebpf_monotonic_ms() + DRAIN_MS;
	while (!is_drained(dp) && ebpf_monotonic_ms() < until_ms)
		usleep(1000);
}

void ebpf_upcall_fini(struct ebpf_dp *dp)
{
	for (unsigned int i = 0; dp->has_tap && i < BPF_UPCALL_QUEUES; i++)
		close(dp->queues[i].fd);
	dp->has_tap = false;
	for (unsigned int i = 0; i < USER_MAX_THREADS; i++)
		if (dp->buffers[i])
			munmap(dp->buffers[i], (size_t)N_BUFFERS * BUFFER_SIZE);
}
