// SPDX-License-Identifier: Apache-2.0
#include "packet/tunnel.h"

#include <errno.h>
#include <string.h>

#include "packet/csum.h"
#include "packet/l4.h"

enum {
	UDP_HEADER_LEN = 8, /* VXLAN's and Geneve's */
	VXLAN_HAS_VNI = 0x08,
	GENEVE_OAM = 0x80,
	GENEVE_CRITICAL = 0x40,
	GRE_HEADER_LEN = 4,
	GRE_CSUM = 0x80, /* in the first byte */
	GRE_KEY = 0x20,
	GRE_SEQ = 0x10,
	GRE_VERSION = 0x07, /* in the second */
	ETHERNET = 0x6558,  /* transparent Ethernet bridging */
	USUAL_FRAME = 1514 + 8,
	/* Fits every path that carries IPv6, also when it leads through another tunnel. */
	SAFE_SEGMENT = 1100,
};

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)u16_at(p) << 16 | u16_at(p + 2);
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* ---- taking ---- */

static int take_vxlan(const uint8_t *h, size_t len, struct packet_tunnel *t)
{
	if (len < UDP_HEADER_LEN || !(h[0] & VXLAN_HAS_VNI))
		return -EINVAL;
	t->id = cpu_to_be64(u32_at(h + 4) >> 8);
	t->flags |= FLOW_TUN_KEY;
	return UDP_HEADER_LEN;
}

static int take_geneve(const uint8_t *h, size_t len, struct packet_tunnel *t)
{
	size_t n;

	if (len < UDP_HEADER_LEN)
		return -EINVAL;
	n = UDP_HEADER_LEN + (h[0] & 0x3f) * 4u;
	if (h[0] >> 6 || n > len || h[1] & GENEVE_CRITICAL || u16_at(h + 2) != ETHERNET)
		return -EINVAL;
	t->id = cpu_to_be64(u32_at(h + 4) >> 8);
	t->flags |= FLOW_TUN_KEY | (h[1] & GENEVE_OAM ? FLOW_TUN_OAM : 0);
	return (int)n;
}

static int take_gre(const uint8_t *h, size_t len, struct packet_tunnel *t)
{
	size_t n = GRE_HEADER_LEN, key_at;

	if (len < GRE_HEADER_LEN || h[0] & (uint8_t) ~(GRE_CSUM | GRE_KEY | GRE_SEQ) || h[1] & GRE_VERSION ||
	    u16_at(h + 2) != ETHERNET)
		return -EINVAL;
	n += h[0] & GRE_CSUM ? 4 : 0;
	key_at = n;
	n += h[0] & GRE_KEY ? 4 : 0;
	n += h[0] & GRE_SEQ ? 4 : 0;
	if (n > len || (h[0] & GRE_CSUM && csum_finish(csum_add(0, h, len))))
		return -EINVAL;
	if (h[0] & GRE_KEY)
		t->id = cpu_to_be64(u32_at(h + key_at));
	t->flags |= (h[0] & GRE_KEY ? FLOW_TUN_KEY : 0) | (h[0] & GRE_CSUM ? FLOW_TUN_CSUM : 0);
	return (int)n;
}

int tunnel_take(enum tunnel_proto proto, const uint8_t *data, size_t len, struct packet_tunnel *t)
{
	switch (proto) {
	case TUNNEL_PROTO_VXLAN:
		return take_vxlan(data, len, t);
	case TUNNEL_PROTO_GENEVE:
		return take_geneve(data, len, t);
	case TUNNEL_PROTO_GRE:
		return take_gre(data, len, t);
	}
	return -EINVAL;
}

/* ---- putting ---- */

static size_t put_gre(const struct packet_tunnel *t, uint8_t *h, const void *payload, size_t len)
{
	size_t n = GRE_HEADER_LEN;
	be16 csum;

	h[0] = (t->flags & FLOW_TUN_CSUM ? GRE_CSUM : 0) | (t->flags & FLOW_TUN_KEY ? GRE_KEY : 0);
	h[2] = ETHERNET >> 8;
	h[3] = ETHERNET & 0xff;
	if (t->flags & FLOW_TUN_CSUM)
		n += 4;
	if (t->flags & FLOW_TUN_KEY) {
		put_u32(h + n, (uint32_t)be64_to_cpu(t->id));
		n += 4;
	}
	if (t->flags & FLOW_TUN_CSUM) {
		csum = csum_finish(csum_add(csum_add(0, h, n), payload, len));
		memcpy(h + GRE_HEADER_LEN, &csum, sizeof csum);
	}
	return n;
}

size_t tunnel_put(enum tunnel_proto proto, const struct packet_tunnel *t, uint8_t *h, const void *payload, size_t len)
{
	memset(h, 0, TUNNEL_HEADER_MAX);
	if (proto == TUNNEL_PROTO_GRE)
		return put_gre(t, h, payload, len);
	put_u32(h + 4, (uint32_t)be64_to_cpu(t->id) << 8);
	if (proto == TUNNEL_PROTO_VXLAN) {
		h[0] = VXLAN_HAS_VNI;
	} else {
		h[1] = t->flags & FLOW_TUN_OAM ? GENEVE_OAM : 0;
		h[2] = ETHERNET >> 8;
		h[3] = ETHERNET & 0xff;
	}
	return UDP_HEADER_LEN;
}

/* ---- offloads ---- */

/* Is the field the sum of the pseudo header alone? */
static bool is_undone(const struct packet *p)
{
	uint16_t ofs = l4_csum_ofs(p);
	be16 field, pseudo;

	if (!ofs || (p->l4_proto != 6 && p->l4_proto != 17) || p->l4_len < ofs + 2)
		return false;
	memcpy(&field, p->data + p->l4_ofs + ofs, sizeof field);
	pseudo = csum_fold(l4_pseudo_sum(p));
	return field == pseudo;
}

void tunnel_restore_offloads(struct packet *p)
{
	if (!is_undone(p))
		return;
	p->flags |= PACKET_F_CSUM_PARTIAL;
	p->csum_start = p->l4_ofs;
	p->csum_offset = l4_csum_ofs(p);
	if (p->l4_proto != 6 || p->len <= USUAL_FRAME)
		return;
	p->gso_type = p->l3_type == PACKET_L3_IPV6 ? PACKET_GSO_TCPV6 : PACKET_GSO_TCPV4;
	p->gso_size = SAFE_SEGMENT;
	p->hdr_len = (uint16_t)(p->l4_ofs + (p->data[p->l4_ofs + 12] >> 4) * 4);
}
