// SPDX-License-Identifier: Apache-2.0
/* Frames out of packets. */
#include "vmm/dev/nic_source.h"

#include <errno.h>
#include <string.h>

#include "packet/csum.h"

/** virtio 1.2 5.1.6; its number of buffers is of no interest here. */
#define HEADER_LEN 12u
#define FRAME_AT 64u /* in nic_source.bytes: the header lies before it */
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

unsigned int nic_source_offloads(const struct net_backend *be)
{
	return be->supported &
	       (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN | NET_OFFLOAD_USO);
}

static uint16_t header_word(const uint8_t *header, size_t at)
{
	return (uint16_t)(header[at] | header[at + 1] << 8);
}

/*
 * Is the checksum that is to be completed TCP's or UDP's over IPv4, with the sum of the pseudo header in its place? A guest may ask for anything; only then it
 * is right when it is complete. (Of others no card says anything.)
 */
static bool is_begun_right(const struct packet *p)
{
	uint16_t at = p->l4_proto == IP_PROTO_TCP ? 16 : 6;
	be32 addrs[2];
	be16 begun;

	if (p->l3_type != PACKET_L3_IPV4 || p->l4_ofs == PACKET_OFS_NONE || p->csum_start != p->l4_ofs ||
	    (p->l4_proto != IP_PROTO_TCP && p->l4_proto != IP_PROTO_UDP) || p->csum_offset != at || p->l4_len < at + 2)
		return false;
	memcpy(addrs, p->data + p->l3_ofs + 12, sizeof addrs);
	memcpy(&begun, p->data + p->l4_ofs + at, sizeof begun);
	return begun == csum_fold(csum_pseudo_ipv4(addrs[0], addrs[1], p->l4_proto, p->l4_len));
}

/* Return: 0 or -errno; the packet is there, with what is left to do. */
static int fetch(struct nic_source *s, struct net_backend *be)
{
	uint8_t *header = s->bytes + FRAME_AT - HEADER_LEN;
	struct iovec iov = {header, NET_PACKET_MAX};
	ssize_t len = be->ops->receive(be, 0, &iov, 1);
	struct packet *p = &s->packet;
	struct pkt_key key;

	if (len < 0)
		return (int)len;
	if (len < (ssize_t)HEADER_LEN)
		return -EINVAL;
	packet_init(p, s->bytes, sizeof s->bytes, FRAME_AT, (size_t)len - HEADER_LEN);
	p->flags = header[0] & PACKET_F_CSUM_PARTIAL;
	p->gso_type = header[1];
	s->is_right = false;
	if (!p->flags && !p->gso_type)
		return 0;
	p->hdr_len = header_word(header, 2);
	p->gso_size = header_word(header, 4);
	p->csum_start = header_word(header, 6);
	p->csum_offset = header_word(header, 8);
	packet_parse(p, &key);
	s->is_right = p->flags && is_begun_right(p);
	return 0;
}

static int take_one(void *aux, struct packet *frame)
{
	*(struct nic_frame *)aux = (struct nic_frame){.data = frame->data, .len = frame->len};
	return 1;
}

/* Return: 0: here is one, -EAGAIN: there are no more, -EINVAL: the packet cannot be cut. */
static int cut(struct nic_source *s, struct nic_frame *frame)
{
	int got;

	frame->data = NULL;
	got = packet_segment_from(&s->packet, s->n_cut, s->scratch, sizeof s->scratch - NIC_SOURCE_ROOM, take_one,
				  frame);
	frame->is_right = s->is_right;
	if (frame->data) {
		s->n_cut++;
		return 0;
	}
	s->n_cut = 0;
	return got < 0 ? -EINVAL : -EAGAIN;
}

int nic_source_next(struct nic_source *s, struct net_backend *be, struct nic_frame *frame)
{
	int error = s->n_cut ? cut(s, frame) : -EAGAIN;

	if (error != -EAGAIN)
		return error;
	error = fetch(s, be);
	if (error)
		return error;
	if (packet_is_gso(&s->packet))
		return cut(s, frame);
	packet_complete_csum(&s->packet);
	*frame = (struct nic_frame){.data = s->packet.data, .len = s->packet.len, .is_right = s->is_right};
	return 0;
}
