// SPDX-License-Identifier: Apache-2.0
/*
 * Segmentation: the frames of a big packet, put together again, are the big packet; each is complete and right by itself.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/l4.h"
#include "packet/packet.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

#define FIRST_SEQ 0xfffffc00u /* wraps on the way */

struct test_case {
	const char *name;
	uint16_t eth_type;
	uint8_t proto, gso_type, n_vlans;
	uint16_t gso_size;
	uint32_t payload; /* bytes behind the L4 header */
	int n_frames;
	bool partial;
};

static const struct test_case cases[] = {
	{"tcp4", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 0, 1448, 65000, 45, true},
	{"tcp4, ecn", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4 | PACKET_GSO_ECN, 0, 1448, 4000, 3, true},
	{"tcp4, final checksum", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 0, 1000, 3000, 3, false},
	{"tcp4, exact multiple and tags", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 2, 1000, 3000, 3, true},
	{"tcp4, one frame", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 0, 1000, 999, 1, true},
	{"tcp4, no payload", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 0, 1000, 0, 1, true},
	{"tcp4, odd size", WIRE_ETH_IPV4, WIRE_IP_TCP, PACKET_GSO_TCPV4, 0, 7, 30, 5, true},
	{"tcp6", WIRE_ETH_IPV6, WIRE_IP_TCP, PACKET_GSO_TCPV6, 1, 1428, 65000, 46, true},
	{"tcp6, final checksum", WIRE_ETH_IPV6, WIRE_IP_TCP, PACKET_GSO_TCPV6, 0, 1428, 5000, 4, false},
	{"udp4", WIRE_ETH_IPV4, WIRE_IP_UDP, PACKET_GSO_UDP_L4, 0, 1200, 6001, 6, true},
	{"udp6", WIRE_ETH_IPV6, WIRE_IP_UDP, PACKET_GSO_UDP_L4, 0, 1200, 6001, 6, true},
	{"fragments4", WIRE_ETH_IPV4, WIRE_IP_UDP, PACKET_GSO_UDP, 1, 1480, 4000, 3, true},
	{"fragments4, size not divisible by 8", WIRE_ETH_IPV4, WIRE_IP_UDP, PACKET_GSO_UDP, 0, 1479, 4000, 3, true},
	{"fragments4, final checksum", WIRE_ETH_IPV4, WIRE_IP_UDP, PACKET_GSO_UDP, 0, 1480, 4000, 3, false},
	{"fragments6", WIRE_ETH_IPV6, WIRE_IP_UDP, PACKET_GSO_UDP, 0, 1448, 4000, 3, true},
};

struct big {
	struct packet p;
	uint8_t *buf;
};

static uint8_t payload_byte(size_t i)
{
	return (uint8_t)(i * 7 + i / 256);
}

static void make_big(struct big *b, const struct test_case *c)
{
	size_t cap = PACKET_HEADROOM + PACKET_MAX_LEN, header;
	struct pkt_key key = {.in_port = 3, .eth_type = cpu_to_be16(c->eth_type), .nw_proto = c->proto, .nw_ttl = 64};

	b->buf = xmalloc(cap);
	for (int i = 0; i < c->n_vlans; i++)
		key.vlan[i] = (struct vlan_key){BE16_C(WIRE_ETH_VLAN), BE16_C(0x1005)};
	if (c->eth_type == WIRE_ETH_IPV4) {
		key.nw_src = BE32_C(0x0a000001);
		key.nw_dst = BE32_C(0x0a000002);
	} else {
		key.ipv6_src[15] = 1;
		key.ipv6_dst[15] = 2;
	}
	key.tp_src = BE16_C(1000);
	key.tp_dst = BE16_C(2000);
	key.tcp_flags = c->proto == WIRE_IP_TCP ? BE16_C(0x99) : BE16_C(0); /* CWR ACK PSH FIN */
	packet_init(&b->p, b->buf, cap, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&b->p, &key, c->payload), 0);
	header = b->p.len - c->payload;
	for (size_t i = 0; i < c->payload; i++)
		b->p.data[header + i] = payload_byte(i);
	if (c->proto == WIRE_IP_TCP)
		wire_store_be32(b->p.data + b->p.l4_ofs + 4, BE32_C(FIRST_SEQ));
	if (c->eth_type == WIRE_ETH_IPV4)
		wire_store_be16(b->p.data + b->p.l3_ofs + 4, BE16_C(0xfffe));
	ipv4_fill_csum(&b->p);
	l4_fill_csum(&b->p);
	b->p.gso_type = c->gso_type;
	b->p.gso_size = c->gso_size;
	b->p.hdr_len = (uint16_t)header;
	if (c->partial) {
		b->p.flags = PACKET_F_CSUM_PARTIAL;
		b->p.csum_start = b->p.l4_ofs;
		b->p.csum_offset = l4_csum_ofs(&b->p);
		wire_store_be16(b->p.data + b->p.l4_ofs + b->p.csum_offset, csum_fold(l4_pseudo_sum(&b->p)));
	}
}

/* What arrives: the payload in order, or the IP payload of fragments. */
struct sink {
	const struct test_case *c;
	struct packet *big;
	size_t n, len;
	uint8_t *data;
};

static void check_csums(const struct sink *s, struct packet *f)
{
	uint8_t *before = xmemdup(f->data, f->len);

	ipv4_fill_csum(f);
	if (s->c->gso_type != PACKET_GSO_UDP)
		l4_fill_csum(f);
	if (memcmp(before, f->data, f->len))
		fail_msg("%s: frame %zu has a wrong checksum", s->c->name, s->n);
	free(before);
}

static void check_tcp(const struct sink *s, const struct packet *f)
{
	const struct wire_tcp *tcp = (const void *)(f->data + f->l4_ofs);
	bool first = s->n == 0, last = s->n + 1 == (size_t)s->c->n_frames;

	assert_int_equal(be32_to_cpu(tcp->seq), (uint32_t)(FIRST_SEQ + s->len));
	assert_int_equal(be16_to_cpu(tcp->doff_flags) & 0xfff, 0x10 | (first ? 0x80 : 0) | (last ? 0x09 : 0));
}

static int take_segment(void *aux, struct packet *f)
{
	struct sink *s = aux;
	size_t l4_header = s->c->proto == WIRE_IP_TCP ? sizeof(struct wire_tcp) : sizeof(struct wire_udp);
	struct packet fresh = *f;
	struct pkt_key key;

	assert_int_equal(packet_parse(&fresh, &key), 0);
	assert_memory_equal(&fresh, f, sizeof fresh);
	assert_int_equal(key.in_port, 3);
	assert_int_equal(key.nw_frag, 0);
	assert_int_equal(f->l4_ofs + f->l4_len, f->len);
	assert_int_equal(f->gso_type, 0);
	assert_int_equal(f->flags, 0);
	if (s->c->proto == WIRE_IP_TCP)
		check_tcp(s, f);
	else
		assert_int_equal(be16_to_cpu(wire_load_be16(f->data + f->l4_ofs + 4)), f->l4_len);
	if (f->l3_type == PACKET_L3_IPV4)
		assert_int_equal(be16_to_cpu(wire_load_be16(f->data + f->l3_ofs + 4)), (uint16_t)(0xfffe + s->n));
	check_csums(s, f);
	memcpy(s->data + s->len, f->data + f->l4_ofs + l4_header, f->l4_len - l4_header);
	s->len += f->l4_len - l4_header;
	s->n++;
	return 0;
}

static int take_fragment(void *aux, struct packet *f)
{
	struct sink *s = aux;
	bool v6 = f->l3_type == PACKET_L3_IPV6, first = s->n == 0, last = s->n + 1 == (size_t)s->c->n_frames;
	size_t header = f->l3_ofs + (v6 ? 48u : 20u),
	       field = be16_to_cpu(wire_load_be16(f->data + f->l3_ofs + (v6 ? 42 : 6)));
	struct packet fresh = *f;
	struct pkt_key key;

	assert_int_equal(packet_parse(&fresh, &key), 0);
	assert_memory_equal(&fresh, f, sizeof fresh);
	assert_int_equal(key.nw_frag, first ? FLOW_NW_FRAG_ANY : FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER);
	assert_int_equal(field, v6 ? s->len | !last : s->len / 8 | (last ? 0u : 0x2000u));
	assert_int_equal(s->len % 8, 0);
	assert_int_equal(key.tp_dst, first ? BE16_C(2000) : 0);
	check_csums(s, f);
	memcpy(s->data + s->len, f->data + header, f->len - header);
	s->len += f->len - header;
	s->n++;
	return 0;
}

/* The reassembled datagram has the checksum of the original. */
static void check_datagram(struct sink *s)
{
	struct packet whole = *s->big;

	memcpy(whole.data + whole.l4_ofs, s->data, s->len);
	l4_fill_csum(&whole);
	assert_memory_equal(whole.data + whole.l4_ofs, s->data, s->len);
}

static void every_case(void **state VSW_UNUSED)
{
	static uint8_t scratch[PACKET_HEADROOM + PACKET_MAX_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct test_case *c = &cases[i];
		bool fragments = c->gso_type == PACKET_GSO_UDP;
		struct sink s = {.c = c, .data = xmalloc(PACKET_MAX_LEN)};
		struct big b;
		int n;

		make_big(&b, c);
		s.big = &b.p;
		n = packet_segment(&b.p, scratch, sizeof scratch, fragments ? take_fragment : take_segment, &s);
		if (n != c->n_frames)
			fail_msg("%s: %d frames, expected %d", c->name, n, c->n_frames);
		assert_int_equal(s.n, n);
		assert_int_equal(s.len, c->payload + (fragments ? 8 : 0));
		for (size_t j = 0; j < c->payload; j++)
			assert_int_equal(s.data[j + (fragments ? 8 : 0)], payload_byte(j));
		if (fragments)
			check_datagram(&s);
		free(s.data);
		free(b.buf);
	}
}

/* The sink's case: checksums are right for a destination that ends in 99. */
static int take_for_other_dst(void *aux, struct packet *f)
{
	uint8_t *dst = f->data + f->l3_ofs + 24;

	dst[15] = 99;
	check_csums(aux, f);
	((struct sink *)aux)->n++;
	return 0;
}

/* With a routing header the destination at hand does not count: a partial checksum knows the one that does. */
static void partial_checksum_is_believed(void **state VSW_UNUSED)
{
	static uint8_t scratch[PACKET_HEADROOM + PACKET_MAX_LEN];
	static const struct test_case c = {"other dst", WIRE_ETH_IPV6, WIRE_IP_TCP, PACKET_GSO_TCPV6, 0, 1000, 3500,
					   4,		true};
	struct sink s = {.c = &c};
	struct big b;
	uint8_t *dst;

	make_big(&b, &c);
	dst = b.p.data + b.p.l3_ofs + 24;
	dst[15] = 99;
	wire_store_be16(b.p.data + b.p.l4_ofs + b.p.csum_offset, csum_fold(l4_pseudo_sum(&b.p)));
	dst[15] = 2;
	assert_int_equal(packet_segment(&b.p, scratch, sizeof scratch, take_for_other_dst, &s), 4);
	assert_int_equal(s.n, 4);
	free(b.buf);
}

static int count(void *aux, struct packet *f VSW_UNUSED)
{
	return ++*(int *)aux == 2 ? -EPIPE : 0;
}

static void scratch_of_every_size(void **state VSW_UNUSED)
{
	const struct test_case *c = &cases[2];
	size_t need = PACKET_HEADROOM + 14 + 20 + 20 + 1000;
	struct big b;

	make_big(&b, c);
	for (size_t size = 0; size <= need; size++) {
		uint8_t *exact = size ? xmalloc(size) : NULL;
		int n = 0;

		assert_int_equal(packet_segment(&b.p, exact, size, count, &n), size < need ? -ENOSPC : -EPIPE);
		assert_int_equal(n, size < need ? 0 : 2);
		free(exact);
	}
	free(b.buf);
}

static void mismatches(void **state VSW_UNUSED)
{
	static uint8_t scratch[PACKET_HEADROOM + PACKET_MAX_LEN];
	static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 6, 0x80, 0x81, 0x7f};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(types); j++) {
			int n = -100;
			struct big b;
			bool fits = (cases[i].gso_type & 0x7f) == (types[j] & 0x7f) ||
				    (cases[i].proto == WIRE_IP_UDP &&
				     (types[j] == PACKET_GSO_UDP || types[j] == PACKET_GSO_UDP_L4));

			make_big(&b, &cases[i]);
			b.p.gso_type = types[j];
			if (!fits)
				assert_int_equal(packet_segment(&b.p, scratch, sizeof scratch, count, &n), -EINVAL);
			else
				assert_true(packet_segment(&b.p, scratch, sizeof scratch, count, &n) > 0);
			b.p.gso_type = cases[i].gso_type;
			b.p.gso_size = 0;
			assert_int_equal(packet_segment(&b.p, scratch, sizeof scratch, count, &n), -EINVAL);
			b.p.gso_size = 1000;
			b.p.l4_ofs = PACKET_OFS_NONE;
			assert_int_equal(packet_segment(&b.p, scratch, sizeof scratch, count, &n), -EINVAL);
			free(b.buf);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case),
		cmocka_unit_test(partial_checksum_is_believed),
		cmocka_unit_test(scratch_of_every_size),
		cmocka_unit_test(mismatches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
