// SPDX-License-Identifier: Apache-2.0
/*
 * Segmentation in software, for an egress that cannot: a dummy port, a capture, a device without the offload.
 *
 * Each frame is a copy of all headers and a slice of the payload, then the headers are told what they now belong to.
 * The L4 checksum of each frame is computed whole, which a partial one needs anyway; only its pseudo header is taken
 * from the field when the field is partial, because with a routing header the addresses at hand are not those that
 * count (packet/l4.h).
 */
#include "packet/packet.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/l4.h"
#include "packet/wire.h"

struct segmenter {
	const struct packet *p;
	uint8_t *buf; /* of cap bytes */
	size_t cap;
	int (*seg)(void *aux, struct packet *frame);
	void *aux;
	size_t header_len;  /* bytes in front of each slice, from p->data */
	size_t payload_len; /* bytes to slice */
	size_t step;	    /* bytes per slice */
	size_t n_frames;
};

/* The next frame: headers, @gap zero bytes, @len bytes of payload from @ofs on. NULL when the buffer is too small. */
static struct packet *make_frame(const struct segmenter *s, struct packet *f, size_t gap, size_t ofs, size_t len)
{
	const struct packet *p = s->p;
	size_t total = s->header_len + gap + len;

	if (s->cap < PACKET_HEADROOM || s->cap - PACKET_HEADROOM < total)
		return NULL;
	packet_init(f, s->buf, s->cap, PACKET_HEADROOM, total);
	memcpy(f->data, p->data, s->header_len);
	memset(f->data + s->header_len, 0, gap);
	memcpy(f->data + s->header_len + gap, p->data + s->header_len + ofs, len);
	f->l3_ofs = p->l3_ofs;
	f->l3_type = p->l3_type;
	f->in_port = p->in_port;
	f->recirc_id = p->recirc_id;
	f->pkt_mark = p->pkt_mark;
	f->skb_priority = p->skb_priority;
	f->dp_hash = p->dp_hash;
	return f;
}

/* Lengths, identification and checksum of the IP header of frame number @i. */
static void finish_ip(struct packet *f, size_t i)
{
	struct wire_ipv4 *ip4 = (void *)(f->data + f->l3_ofs);
	struct wire_ipv6 *ip6 = (void *)(f->data + f->l3_ofs);
	size_t l3_len = f->len - f->l3_ofs;

	if (f->l3_type == PACKET_L3_IPV4) {
		ip4->tot_len = cpu_to_be16((uint16_t)l3_len);
		ip4->id = cpu_to_be16((uint16_t)(be16_to_cpu(ip4->id) + i));
		ipv4_fill_csum(f);
	} else {
		ip6->payload_len = cpu_to_be16((uint16_t)(l3_len - sizeof *ip6));
	}
}

/* Write the L4 checksum; @p is the whole packet that the frame is cut from. */
static void finish_l4(const struct packet *p, struct packet *f)
{
	uint8_t *l4 = f->data + f->l4_ofs, *field = l4 + l4_csum_ofs(f);
	uint32_t pseudo = l4_pseudo_sum(f);
	be16 csum;

	if (l4_is_partial(p))
		pseudo = (VSW_FORCE uint16_t)csum_shift_partial(wire_load_be16(field),
								(VSW_FORCE uint16_t)cpu_to_be16(p->l4_len),
								(VSW_FORCE uint16_t)cpu_to_be16(f->l4_len));
	wire_store_be16(field, BE16_C(0));
	csum = csum_finish(csum_add(pseudo, l4, f->l4_len));
	wire_store_be16(field, csum ? csum : BE16_C(0xffff));
}

static void finish_tcp(struct packet *f, size_t ofs, bool first, bool last)
{
	struct wire_tcp *tcp = (void *)(f->data + f->l4_ofs);
	uint16_t drop = 0;

	if (!first)
		drop |= WIRE_TCP_CWR;
	if (!last)
		drop |= WIRE_TCP_FIN | WIRE_TCP_PSH;
	tcp->seq = cpu_to_be32(be32_to_cpu(tcp->seq) + (uint32_t)ofs);
	tcp->doff_flags &= ~cpu_to_be16(drop);
}

/* One TCP segment or UDP datagram with the payload from @ofs on. */
static int emit_segment(struct segmenter *s, size_t ofs, size_t len)
{
	const struct packet *p = s->p;
	struct packet frame, *f = make_frame(s, &frame, 0, ofs, len);
	struct wire_udp *udp;

	if (!f)
		return -ENOSPC;
	f->l4_ofs = p->l4_ofs;
	f->l4_proto = p->l4_proto;
	f->l4_len = (uint16_t)(f->len - f->l4_ofs);
	finish_ip(f, s->n_frames);
	if (p->l4_proto == WIRE_IP_TCP) {
		finish_tcp(f, ofs, ofs == 0, ofs + len == s->payload_len);
	} else {
		udp = (void *)(f->data + f->l4_ofs);
		udp->len = cpu_to_be16(f->l4_len);
	}
	finish_l4(p, f);
	return s->seg(s->aux, f);
}

/* An identification for the fragments of one IPv6 datagram: only equal datagrams share it, and mixing those does no
 * harm. */
static be32 fragment_id(const struct packet *p)
{
	return cpu_to_be32(crc32c(p->data + p->l3_ofs, (size_t)p->l4_ofs - p->l3_ofs + p->l4_len));
}

/* The checksum covers the whole datagram but stands in the first fragment. */
static void finish_first_fragment(const struct packet *p, struct packet *f, size_t gap)
{
	uint16_t ofs = l4_csum_ofs(p);
	be16 csum;

	if (!l4_is_partial(p))
		return;
	csum = csum_finish(csum_add(0, p->data + p->l4_ofs, p->l4_len));
	wire_store_be16(f->data + p->l4_ofs + gap + ofs, csum ? csum : BE16_C(0xffff));
}

/* One IP fragment with the L4 bytes from @ofs on. */
static int emit_fragment(struct segmenter *s, size_t ofs, size_t len)
{
	const struct packet *p = s->p;
	bool v6 = p->l3_type == PACKET_L3_IPV6, more = ofs + len < s->payload_len;
	size_t gap = v6 ? sizeof(struct wire_ipv6_frag) : 0;
	struct packet frame, *f = make_frame(s, &frame, gap, ofs, len);
	struct wire_ipv4 *ip4;
	struct wire_ipv6 *ip6;
	struct wire_ipv6_frag *frag;
	struct pkt_key key;

	if (!f)
		return -ENOSPC;
	if (v6) {
		ip6 = (void *)(f->data + f->l3_ofs);
		frag = (void *)(ip6 + 1);
		frag->next = ip6->next;
		frag->frag = cpu_to_be16((uint16_t)(ofs | (more ? WIRE_IPV6_FRAG_MF : 0)));
		frag->id = fragment_id(p);
		ip6->next = WIRE_IP_FRAGMENT;
	} else {
		ip4 = (void *)(f->data + f->l3_ofs);
		ip4->frag = cpu_to_be16((uint16_t)(ofs / 8 | (more ? WIRE_IPV4_MF : 0)));
	}
	if (!ofs)
		finish_first_fragment(p, f, gap);
	finish_ip(f, 0);
	packet_parse(f, &key);
	return s->seg(s->aux, f);
}

/* s->n_frames of them have been made before. */
static int run(struct segmenter *s, int (*emit)(struct segmenter *s, size_t ofs, size_t len))
{
	size_t ofs = s->n_frames * s->step;

	if (ofs && ofs >= s->payload_len)
		return (int)s->n_frames;
	/* A packet without payload is still one frame. */
	do {
		size_t len = MIN(s->step, s->payload_len - ofs);
		int err = emit(s, ofs, len);

		if (err)
			return err;
		ofs += len;
		s->n_frames++;
	} while (ofs < s->payload_len);
	return (int)s->n_frames;
}

static int segment_l4(struct segmenter *s, uint8_t proto, uint8_t l3_type)
{
	const struct packet *p = s->p;
	const struct wire_tcp *tcp = (const void *)(p->data + p->l4_ofs);
	size_t l4_header_len = sizeof(struct wire_udp);

	if (p->l4_proto != proto || (l3_type && p->l3_type != l3_type) || (!l4_is_partial(p) && l4_dst_is_elsewhere(p)))
		return -EINVAL;
	if (proto == WIRE_IP_TCP)
		l4_header_len = (be16_to_cpu(tcp->doff_flags) >> 12) * 4u;
	s->header_len = p->l4_ofs + l4_header_len;
	s->payload_len = p->l4_len - l4_header_len;
	s->step = p->gso_size;
	return run(s, emit_segment);
}

static int fragment_udp(struct segmenter *s)
{
	const struct packet *p = s->p;
	size_t l3_header_len = p->l3_type == PACKET_L3_IPV4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);

	s->header_len = p->l4_ofs;
	s->payload_len = p->l4_len;
	s->step = p->gso_size / 8u * 8;
	if (p->l4_proto != WIRE_IP_UDP || (size_t)p->l4_ofs - p->l3_ofs != l3_header_len ||
	    s->step < sizeof(struct wire_udp))
		return -EINVAL;
	return run(s, emit_fragment);
}

int packet_segment_from(const struct packet *p, size_t first, void *scratch, size_t scratch_len,
			int (*seg)(void *aux, struct packet *frame), void *aux)
{
	struct segmenter s = {.p = p, .buf = scratch, .cap = scratch_len, .seg = seg, .aux = aux, .n_frames = first};

	if (p->l4_ofs == PACKET_OFS_NONE || !p->gso_size)
		return -EINVAL;
	switch (p->gso_type & ~PACKET_GSO_ECN) {
	case PACKET_GSO_TCPV4:
		return segment_l4(&s, WIRE_IP_TCP, PACKET_L3_IPV4);
	case PACKET_GSO_TCPV6:
		return segment_l4(&s, WIRE_IP_TCP, PACKET_L3_IPV6);
	case PACKET_GSO_UDP_L4:
		return segment_l4(&s, WIRE_IP_UDP, PACKET_L3_NONE);
	case PACKET_GSO_UDP:
		return fragment_udp(&s);
	default:
		return -EINVAL;
	}
}

int packet_segment(const struct packet *p, void *scratch, size_t scratch_len,
		   int (*seg)(void *aux, struct packet *frame), void *aux)
{
	return packet_segment_from(p, 0, scratch, scratch_len, seg, aux);
}
