// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/user_tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "base/util.h"
#include "os/tunsock.h"
#include "packet/tunnel.h"

enum {
	BATCHES_PER_ROUND = 4,
	FRONT = EXECUTE_RESERVE + PACKET_HEADROOM,
	DATAGRAM_MAX = 65536,
	BUFFER_SIZE = ROUND_UP(FRONT + DATAGRAM_MAX, 64),
	/* A segment, or a whole packet whose checksum is to be done. */
	SCRATCH_SIZE = PACKET_HEADROOM + PACKET_MAX_LEN,
};

struct tunnel_source {
	struct user_source source;
	struct user_tunnel *tunnel;
	int fd;
};

struct user_tunnel {
	struct user_port *port;
	enum tunnel_proto proto;
	struct tunsock_receiver receiver;
	struct tunnel_source sources[2];
	uint8_t *buffers; /* FORWARD_BATCH of BUFFER_SIZE; of the port's thread */
	unsigned int n_senders;
	struct tunsock_sender senders[USER_MAX_THREADS];
	uint8_t *scratch[USER_MAX_THREADS];
};

/* ---- receiving ---- */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void put_addr(const uint8_t addr[16], be32 *ipv4, uint8_t ipv6[16])
{
	if (!memcmp(addr, mapped, sizeof mapped))
		memcpy(ipv4, addr + sizeof mapped, sizeof *ipv4);
	else
		memcpy(ipv6, addr, 16);
}

/* @buffer has @len bytes of datagram from FRONT on, of which @data is the tunnel's header. Return: false when it is no frame. */
static bool take_apart(const struct user_tunnel *tunnel, uint8_t *data, size_t len, const struct tunsock_header *h,
		       struct packet *p)
{
	struct packet_tunnel t = {.tos = h->tos, .ttl = h->ttl};
	int n = tunnel_take(tunnel->proto, data, len, &t);
	struct pkt_key key;

	if (n < 0)
		return false;
	put_addr(h->src, &t.src, t.ipv6_src);
	put_addr(h->dst, &t.dst, t.ipv6_dst);
	*p = (struct packet){
		.data = data + n,
		.len = (uint32_t)(len - (size_t)n),
		.headroom = PACKET_HEADROOM,
		.orig_len = (uint32_t)(len - (size_t)n),
		.tunnel = t,
	};
	if (packet_parse(p, &key) != DROP_MALFORMED_ETH)
		tunnel_restore_offloads(p);
	return true;
}

/* One batch. Return: whether there may be more. */
static bool receive(struct user_thread *t, struct tunnel_source *source)
{
	struct user_tunnel *tunnel = source->tunnel;
	size_t n_packets = 0;

	while (n_packets < FORWARD_BATCH) {
		uint8_t *buffer = tunnel->buffers + n_packets * BUFFER_SIZE, *data;
		struct tunsock_header h;
		ssize_t n = tunsock_recv(&tunnel->receiver, source->fd, buffer + FRONT, DATAGRAM_MAX, &data, &h);

		if (n < 0)
			break;
		if (take_apart(tunnel, data, (size_t)n, &h, &t->f.packets[n_packets]))
			n_packets++;
		else
			forward_port_lost(&tunnel->port->fp, DROP_MALFORMED_TUNNEL, NULL);
	}
	if (n_packets)
		forward_batch(&t->f, &tunnel->port->fp, n_packets);
	return n_packets == FORWARD_BATCH;
}

static void serve(struct user_thread *t, struct user_source *self)
{
	struct tunnel_source *source = container_of(self, struct tunnel_source, source);

	for (int i = 0; i < BATCHES_PER_ROUND && !atomic_load(&source->tunnel->port->is_dead); i++)
		if (!receive(t, source))
			break;
}

/* ---- sending ---- */

struct sending {
	const struct user_tunnel *tunnel;
	struct tunsock_sender *sender;
	const struct packet_tunnel *to;
	struct tunsock_header header;
};

static int send_frame(void *aux, struct packet *frame)
{
	const struct sending *s = aux;
	uint8_t header[TUNNEL_HEADER_MAX];
	struct iovec iov[2] = {{header, tunnel_put(s->tunnel->proto, s->to, header, frame->data, frame->len)},
			       {frame->data, frame->len}};

	return tunsock_send(s->sender, iov, ARRAY_SIZE(iov), &s->header);
}

/* The bytes are others', too: the checksum is done in a copy. */
static int send_completed(struct sending *s, const struct packet *p, uint8_t *scratch)
{
	struct packet copy = *p;

	if (p->len > PACKET_MAX_LEN)
		return EMSGSIZE;
	copy.data = scratch + PACKET_HEADROOM;
	memcpy(copy.data, p->data, p->len);
	packet_complete_csum(&copy);
	return send_frame(s, &copy);
}

static void get_addr(be32 ipv4, const uint8_t ipv6[16], uint8_t addr[16])
{
	memcpy(addr, ipv6, 16);
	if (!ipv4)
		return;
	memcpy(addr, mapped, sizeof mapped);
	memcpy(addr + sizeof mapped, &ipv4, sizeof ipv4);
}

static bool has_destination(const struct packet_tunnel *t)
{
	static const uint8_t none[16];

	return t->dst || memcmp(t->ipv6_dst, none, sizeof none) != 0;
}

int user_tunnel_send(struct user_tunnel *tunnel, unsigned int thread, const struct packet *p)
{
	struct sending s = {
		.tunnel = tunnel,
		.sender = &tunnel->senders[thread],
		.to = &p->tunnel,
		/* In IPv6 a UDP checksum is the rule (RFC 8200 8.1). */
		.header = {.tos = p->tunnel.tos,
			   .ttl = p->tunnel.ttl,
			   .df = p->tunnel.flags & FLOW_TUN_DF,
			   .csum = p->tunnel.flags & FLOW_TUN_CSUM || !p->tunnel.dst,
			   .mark = p->pkt_mark},
	};
	struct packet whole = *p;
	int n;

	if (!has_destination(&p->tunnel))
		return EDESTADDRREQ;
	get_addr(p->tunnel.dst, p->tunnel.ipv6_dst, s.header.dst);
	get_addr(p->tunnel.src, p->tunnel.ipv6_src, s.header.src);
	if (!packet_is_gso(p))
		return p->flags & PACKET_F_CSUM_PARTIAL ? send_completed(&s, p, tunnel->scratch[thread])
							: send_frame(&s, &whole);
	n = packet_segment(p, tunnel->scratch[thread], SCRATCH_SIZE, send_frame, &s);
	return n > 0 ? 0 : n < 0 ? EINVAL : EMSGSIZE;
}

/* ---- life ---- */

static enum tunnel_proto proto_of(const char *type)
{
	return !strcmp(type, "vxlan")	 ? TUNNEL_PROTO_VXLAN
	       : !strcmp(type, "geneve") ? TUNNEL_PROTO_GENEVE
					 : TUNNEL_PROTO_GRE;
}

static int open_error(const struct dp_port_spec *spec, int error, struct errtext *err)
{
	if (error == -EADDRINUSE)
		return errtext_set(err, EADDRINUSE,
				   "UDP port %u (options:dst_port) is in use in this network namespace",
				   spec->dst_port);
	return errtext_set(err, -error, "the sockets of %s cannot be opened: %s%s", spec->name, strerror(-error),
			   error == -EPERM ? " (it needs CAP_NET_RAW and CAP_NET_ADMIN)" : "");
}

static int open_senders(struct user_tunnel *tunnel, const struct user_dp *dp, uint16_t port)
{
	int error = 0;

	for (; !error && tunnel->n_senders < dp->n_threads; tunnel->n_senders++) {
		tunnel->scratch[tunnel->n_senders] = xmalloc(SCRATCH_SIZE);
		error = tunsock_open_sender(&tunnel->senders[tunnel->n_senders], port);
	}
	return error;
}

int user_tunnel_new_sender(struct user_dp *dp, const struct dp_port_spec *spec, struct user_tunnel **tunnelp,
			   struct errtext *err)
{
	struct user_tunnel *tunnel = xzalloc(sizeof *tunnel);
	int error;

	tunnel->proto = proto_of(spec->type);
	tunnel->receiver.fds[0] = tunnel->receiver.fds[1] = -1;
	error = open_senders(tunnel, dp, spec->dst_port);
	if (error) {
		user_tunnel_free(tunnel);
		return open_error(spec, error, err);
	}
	*tunnelp = tunnel;
	return 0;
}

int user_tunnel_new(struct user_dp *dp, const struct dp_port_spec *spec, struct user_tunnel **tunnelp,
		    struct errtext *err)
{
	struct user_tunnel *tunnel = xzalloc(sizeof *tunnel);
	void *memory = mmap(NULL, (size_t)FORWARD_BATCH * BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	tunnel->proto = proto_of(spec->type);
	tunnel->buffers = memory == MAP_FAILED ? NULL : memory;
	error = tunsock_open_receiver(&tunnel->receiver, spec->dst_port);
	if (!error)
		error = open_senders(tunnel, dp, spec->dst_port);
	if (!error && !tunnel->buffers)
		error = -ENOMEM;
	if (error) {
		user_tunnel_free(tunnel);
		return open_error(spec, error, err);
	}
	*tunnelp = tunnel;
	return 0;
}

void user_tunnel_free(struct user_tunnel *tunnel)
{
	if (!tunnel)
		return;
	tunsock_close_receiver(&tunnel->receiver);
	for (unsigned int i = 0; i < tunnel->n_senders; i++) {
		tunsock_close_sender(&tunnel->senders[i]);
		free(tunnel->scratch[i]);
	}
	if (tunnel->buffers)
		munmap(tunnel->buffers, (size_t)FORWARD_BATCH * BUFFER_SIZE);
	free(tunnel);
}

int user_tunnel_start(struct user_tunnel *tunnel, struct user_port *port)
{
	int error = 0;

	tunnel->port = port;
	for (size_t i = 0; i < ARRAY_SIZE(tunnel->sources) && !error; i++) {
		struct tunnel_source *source = &tunnel->sources[i];

		*source =
			(struct tunnel_source){.source.serve = serve, .tunnel = tunnel, .fd = tunnel->receiver.fds[i]};
		if (source->fd >= 0)
			error = user_thread_add_source(port->thread, source->fd, &source->source);
	}
	return error;
}

void user_tunnel_stop(struct user_tunnel *tunnel)
{
	for (size_t i = 0; i < ARRAY_SIZE(tunnel->sources); i++)
		if (tunnel->sources[i].tunnel && tunnel->sources[i].fd >= 0)
			epoll_ctl(tunnel->port->thread->epoll_fd, EPOLL_CTL_DEL, tunnel->sources[i].fd, NULL);
	tunsock_hush_receiver(&tunnel->receiver);
}
