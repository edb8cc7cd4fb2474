// SPDX-License-Identifier: Apache-2.0
#include "packet/l4.h"

#include "packet/csum.h"
#include "packet/wire.h"

/* A UDP checksum of 0 means none; 0xffff is the same number in ones' complement. Harmless for the others. */
static be16 never_zero(be16 csum)
{
	return csum ? csum : BE16_C(0xffff);
}

static uint16_t csum_ofs_of_proto(uint8_t l3_type, uint8_t proto)
{
	switch (proto) {
	case WIRE_IP_TCP:
		return offsetof(struct wire_tcp, csum);
	case WIRE_IP_UDP:
	case WIRE_IP_UDPLITE:
	case WIRE_IP_DCCP:
		return offsetof(struct wire_udp, csum);
	case WIRE_IP_SCTP:
		return offsetof(struct wire_sctp, csum);
	case WIRE_IP_IGMP:
		return offsetof(struct wire_icmp, csum);
	case WIRE_IP_ICMP:
		return l3_type == PACKET_L3_IPV4 ? offsetof(struct wire_icmp, csum) : 0;
	case WIRE_IP_ICMPV6:
		return l3_type == PACKET_L3_IPV6 ? offsetof(struct wire_icmp, csum) : 0;
	default:
		return 0;
	}
}

uint16_t l4_csum_ofs(const struct packet *p)
{
	uint16_t ofs = p->l4_ofs == PACKET_OFS_NONE ? 0 : csum_ofs_of_proto(p->l3_type, p->l4_proto);

	return ofs && p->l4_len >= ofs + 2u ? ofs : 0;
}

bool l4_has_pseudo_header(const struct packet *p)
{
	switch (p->l4_proto) {
	case WIRE_IP_TCP:
	case WIRE_IP_UDP:
	case WIRE_IP_UDPLITE:
	case WIRE_IP_DCCP:
		return true;
	case WIRE_IP_ICMPV6:
		return p->l3_type == PACKET_L3_IPV6;
	default:
		return false;
	}
}

bool l4_is_partial(const struct packet *p)
{
	return p->flags & PACKET_F_CSUM_PARTIAL && p->csum_start == p->l4_ofs && p->csum_offset == l4_csum_ofs(p) &&
	       p->csum_offset;
}

void l4_shift_csum(struct packet *p, uint32_t old_sum, uint32_t new_sum, bool pseudo)
{
	uint16_t ofs = l4_csum_ofs(p);
	uint8_t *field = p->data + p->l4_ofs + ofs;
	bool udp = p->l4_proto == WIRE_IP_UDP;
	be16 csum;

	if (!ofs || (pseudo && !l4_has_pseudo_header(p)))
		return;
	csum = wire_load_be16(field);
	if (l4_is_partial(p)) {
		if (pseudo)
			wire_store_be16(field, csum_shift_partial(csum, old_sum, new_sum));
	} else if (!udp || csum) {
		csum = csum_shift(csum, old_sum, new_sum);
		wire_store_be16(field, udp ? never_zero(csum) : csum);
	}
}

bool l4_dst_is_elsewhere(const struct packet *p)
{
	const struct wire_ipv6 *ip = (const void *)(p->data + p->l3_ofs);
	const uint8_t *h = (const uint8_t *)(ip + 1), *l4 = p->data + p->l4_ofs;
	uint8_t next = ip->next;

	if (p->l3_type != PACKET_L3_IPV6 || p->l4_ofs == PACKET_OFS_NONE)
		return false;
	/* packet_parse() has walked the same chain: it ends at l4. */
	while (h < l4) {
		const struct wire_ipv6_ext *ext = (const void *)h;

		if (next == WIRE_IP_ROUTING && ext->segments_left)
			return true;
		h += next == WIRE_IP_FRAGMENT ? sizeof *ext
		     : next == WIRE_IP_AH     ? (ext->len + 2) * 4u
					      : (ext->len + 1) * 8u;
		next = ext->next;
	}
	return false;
}

uint32_t l4_pseudo_sum(const struct packet *p)
{
	const void *l3 = p->data + p->l3_ofs;
	const struct wire_ipv4 *ip4 = l3;
	const struct wire_ipv6 *ip6 = l3;

	if (!l4_has_pseudo_header(p))
		return 0;
	if (p->l3_type == PACKET_L3_IPV4)
		return csum_pseudo_ipv4(ip4->src, ip4->dst, p->l4_proto, p->l4_len);
	return csum_pseudo_ipv6(ip6->src, ip6->dst, p->l4_proto, p->l4_len);
}

static void sctp_fill_csum(uint8_t *l4, size_t len)
{
	struct wire_sctp *sctp = (void *)l4;

	sctp->csum = cpu_to_le32(0);
	sctp->csum = cpu_to_le32(crc32c(l4, len));
}

void l4_fill_csum(struct packet *p)
{
	uint16_t ofs = l4_csum_ofs(p);
	uint8_t *l4 = p->data + p->l4_ofs;
	be16 csum;

	if (!ofs)
		return;
	if (p->l4_proto == WIRE_IP_SCTP) {
		sctp_fill_csum(l4, p->l4_len);
		return;
	}
	wire_store_be16(l4 + ofs, BE16_C(0));
	csum = csum_finish(csum_add(l4_pseudo_sum(p), l4, p->l4_len));
	wire_store_be16(l4 + ofs, p->l4_proto == WIRE_IP_UDP ? never_zero(csum) : csum);
}

void ipv4_fill_csum(struct packet *p)
{
	struct wire_ipv4 *ip = (void *)(p->data + p->l3_ofs);

	if (p->l3_type != PACKET_L3_IPV4)
		return;
	ip->csum = BE16_C(0);
	ip->csum = csum_finish(csum_add(0, ip, (ip->ver_ihl & 15) * 4u));
}

void packet_complete_csum(struct packet *p)
{
	size_t start = p->csum_start, field = start + p->csum_offset, end = p->len;

	if (!(p->flags & PACKET_F_CSUM_PARTIAL))
		return;
	if (l4_is_partial(p))
		end = p->l4_ofs + p->l4_len;
	if (l4_is_partial(p) && p->l4_proto == WIRE_IP_SCTP)
		sctp_fill_csum(p->data + start, p->l4_len);
	else if (field + 2 <= end)
		wire_store_be16(p->data + field, never_zero(csum_finish(csum_add(0, p->data + start, end - start))));
	p->flags &= (uint8_t)~PACKET_F_CSUM_PARTIAL;
}
