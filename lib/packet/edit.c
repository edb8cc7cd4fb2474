// SPDX-License-Identifier: Apache-2.0
/*
 * Rewrites of a parsed packet, in place.
 *
 * All of them follow one scheme: work out the new bytes under the mask, stop if nothing changes, correct the checksums
 * by the difference, store. No edit walks over the payload. Checksums are shifted, never computed anew, so a packet
 * that arrived corrupt leaves corrupt (packet/csum.h), and packet/l4.h knows final from partial checksums.
 *
 * A later fragment has no L4 header here (l4_ofs is NONE), so its payload is never touched: the first fragment carries
 * the one checksum of the datagram, and shifting that one is right for all of them.
 */
#include "packet/packet.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/l4.h"
#include "packet/parse.h"
#include "packet/wire.h"
#include "vsw/dp_action.h"

#define MASKED(OLD, NEW, MASK) (((OLD) & ~(MASK)) | ((NEW) & (MASK)))

static inline uint8_t masked8(uint8_t old, uint8_t new, uint8_t mask)
{
	return (uint8_t)MASKED(old, new, mask);
}

static inline be16 masked16(be16 old, be16 new, be16 mask)
{
	return (VSW_FORCE be16)(uint16_t)MASKED((VSW_FORCE uint16_t)old, (VSW_FORCE uint16_t) new,
						(VSW_FORCE uint16_t)mask);
}

static inline be32 masked32(be32 old, be32 new, be32 mask)
{
	return MASKED(old, new, mask);
}

static inline void set_bytes(uint8_t *dst, const uint8_t *new, const uint8_t *mask, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = masked8(dst[i], new[i], mask[i]);
}

/* ---- Ethernet and VLAN ---- */

static uint16_t ofs_shifted(uint16_t ofs, int by)
{
	return ofs == PACKET_OFS_NONE ? ofs : (uint16_t)(ofs + by);
}

/* The front of the frame has moved by @by bytes: everything that is counted from there follows. */
static void shift_offsets(struct packet *p, int by)
{
	p->data -= by;
	p->len += (uint32_t)by;
	p->orig_len += (uint32_t)by;
	p->headroom -= (uint32_t)by;
	p->l2_5_ofs = ofs_shifted(p->l2_5_ofs, by);
	p->l3_ofs = ofs_shifted(p->l3_ofs, by);
	p->l4_ofs = ofs_shifted(p->l4_ofs, by);
	if (p->hdr_len)
		p->hdr_len = (uint16_t)(p->hdr_len + by);
	if (p->flags & PACKET_F_CSUM_PARTIAL)
		p->csum_start = (uint16_t)(p->csum_start + by);
}

/* Would an offset or header length no longer fit its 16 bits? Only a packet made to hurt gets there. */
static bool offsets_at_limit(const struct packet *p)
{
	const uint16_t limit = PACKET_OFS_NONE - sizeof(struct wire_vlan);

	return (p->l4_ofs >= limit && p->l4_ofs != PACKET_OFS_NONE) || p->hdr_len >= limit ||
	       (p->flags & PACKET_F_CSUM_PARTIAL && p->csum_start >= limit);
}

static struct wire_vlan *outer_tag(struct packet *p)
{
	struct wire_vlan *tag = (void *)(p->data + offsetof(struct wire_eth, type));

	return p->len >= sizeof(struct wire_eth) + sizeof *tag && wire_is_vlan_type(tag->tpid) ? tag : NULL;
}

int packet_push_vlan(struct packet *p, be16 tpid, be16 tci)
{
	struct wire_vlan *tag;

	if (p->len < sizeof(struct wire_eth))
		return -EINVAL;
	if (p->headroom < sizeof *tag || offsets_at_limit(p))
		return -ENOSPC;
	memmove(p->data - sizeof *tag, p->data, offsetof(struct wire_eth, type));
	shift_offsets(p, sizeof *tag);
	tag = (void *)(p->data + offsetof(struct wire_eth, type));
	tag->tpid = tpid;
	tag->tci = tci & ~BE16_C(FLOW_VLAN_PRESENT);
	return 0;
}

int packet_pop_vlan(struct packet *p)
{
	if (!outer_tag(p))
		return -ENOENT;
	memmove(p->data + sizeof(struct wire_vlan), p->data, offsetof(struct wire_eth, type));
	shift_offsets(p, -(int)sizeof(struct wire_vlan));
	return 0;
}

int packet_set_vlan_tci(struct packet *p, be16 tci, be16 mask)
{
	struct wire_vlan *tag = outer_tag(p);

	if (!tag)
		return -ENOENT;
	tag->tci = masked16(tag->tci, tci, mask & ~BE16_C(FLOW_VLAN_PRESENT));
	return 0;
}

void packet_set_eth(struct packet *p, const struct dp_set_eth *set)
{
	struct wire_eth *eth = (void *)p->data;

	if (p->len < sizeof *eth)
		return;
	set_bytes(eth->dst, set->dst, set->dst_mask, sizeof eth->dst);
	set_bytes(eth->src, set->src, set->src_mask, sizeof eth->src);
}

void packet_set_mpls(struct packet *p, const struct dp_set_mpls *set)
{
	uint8_t *lse = p->data + p->l2_5_ofs;

	if (p->l2_5_ofs != PACKET_OFS_NONE)
		wire_store_be32(lse, masked32(wire_load_be32(lse), set->lse, set->lse_mask));
}

/* ---- IPv4, IPv6, ARP ---- */

/* The new value of an IPv4 address whose old one is @old; both checksums follow. */
static be32 set_ipv4_addr(struct packet *p, struct wire_ipv4 *ip, be32 old, be32 wanted)
{
	if (old != wanted) {
		ip->csum = csum_update32(ip->csum, old, wanted);
		l4_shift_csum(p, (VSW_FORCE uint32_t)old, (VSW_FORCE uint32_t)wanted, true);
	}
	return wanted;
}

void packet_set_ipv4(struct packet *p, const struct dp_set_ipv4 *set)
{
	struct wire_ipv4 *ip = (void *)(p->data + p->l3_ofs);
	uint8_t old;

	if (p->l3_type != PACKET_L3_IPV4)
		return;
	if (set->src_mask)
		ip->src = set_ipv4_addr(p, ip, ip->src, masked32(ip->src, set->src, set->src_mask));
	if (set->dst_mask)
		ip->dst = set_ipv4_addr(p, ip, ip->dst, masked32(ip->dst, set->dst, set->dst_mask));
	if (set->tos_mask) {
		old = ip->tos;
		ip->tos = masked8(old, set->tos, set->tos_mask);
		ip->csum = csum_update16(ip->csum, cpu_to_be16(old), cpu_to_be16(ip->tos));
	}
	if (set->ttl_mask) {
		old = ip->ttl;
		ip->ttl = masked8(old, set->ttl, set->ttl_mask);
		ip->csum = csum_update16(ip->csum, cpu_to_be16((uint16_t)(old << 8)),
					 cpu_to_be16((uint16_t)(ip->ttl << 8)));
	}
}

static bool all_zero16(const uint8_t x[16])
{
	static const uint8_t zeros[16];

	return !memcmp(x, zeros, sizeof zeros);
}

static void set_ipv6_addr(struct packet *p, uint8_t addr[16], const uint8_t new[16], const uint8_t mask[16],
			  bool counts)
{
	uint32_t old_sum;

	if (all_zero16(mask))
		return;
	old_sum = csum_add(0, addr, 16);
	set_bytes(addr, new, mask, 16);
	if (counts)
		l4_shift_csum(p, old_sum, csum_add(0, addr, 16), true);
}

void packet_set_ipv6(struct packet *p, const struct dp_set_ipv6 *set)
{
	struct wire_ipv6 *ip = (void *)(p->data + p->l3_ofs);
	be32 new, mask;

	if (p->l3_type != PACKET_L3_IPV6)
		return;
	set_ipv6_addr(p, ip->src, set->src, set->src_mask, true);
	set_ipv6_addr(p, ip->dst, set->dst, set->dst_mask, !l4_dst_is_elsewhere(p));
	new = (set->label & BE32_C(0xfffff)) | cpu_to_be32((uint32_t)set->tclass << 20);
	mask = (set->label_mask & BE32_C(0xfffff)) | cpu_to_be32((uint32_t)set->tclass_mask << 20);
	ip->ver_tc_label = masked32(ip->ver_tc_label, new, mask);
	ip->hlimit = masked8(ip->hlimit, set->hlimit, set->hlimit_mask);
}

void packet_set_arp(struct packet *p, const struct dp_set_arp *set)
{
	struct wire_arp *arp = (void *)(p->data + p->l3_ofs);

	if (p->l3_type != PACKET_L3_ARP)
		return;
	arp->op = masked16(arp->op, set->op, set->op_mask);
	arp->spa = masked32(arp->spa, set->spa, set->spa_mask);
	arp->tpa = masked32(arp->tpa, set->tpa, set->tpa_mask);
	set_bytes(arp->sha, set->sha, set->sha_mask, sizeof arp->sha);
	set_bytes(arp->tha, set->tha, set->tha_mask, sizeof arp->tha);
}

/* ---- L4 ---- */

/*
 * SCTP: the difference of the two CRCs is the CRC register that the changed 4 bytes leave after all that follows them
 * (crc32c_add_zeros()); on a fragment the end is unknown, and the datagram is lost as any rewrite would lose it. A partial
 * checksum has no pseudo header, so what its field holds does not matter.
 */
static void sctp_shift_csum(struct packet *p, struct wire_sctp *sctp, be32 old_ports, be32 new_ports)
{
	be32 diff = old_ports ^ new_ports;
	uint32_t crc = crc32c_add(0, &diff, sizeof diff);

	sctp->csum ^= cpu_to_le32(crc32c_add_zeros(crc, p->l4_len - sizeof diff));
}

void packet_set_tp(struct packet *p, const struct dp_set_tp *set)
{
	uint8_t *l4 = p->data + p->l4_ofs;
	be32 old, wanted;
	be16 ports[2];

	if (p->l4_proto != WIRE_IP_TCP && p->l4_proto != WIRE_IP_UDP && p->l4_proto != WIRE_IP_SCTP)
		return;
	old = wire_load_be32(l4);
	ports[0] = masked16(wire_load_be16(l4), set->src, set->src_mask);
	ports[1] = masked16(wire_load_be16(l4 + 2), set->dst, set->dst_mask);
	wanted = wire_load_be32(ports);
	if (old == wanted)
		return;
	wire_store_be32(l4, wanted);
	if (p->l4_proto == WIRE_IP_SCTP)
		sctp_shift_csum(p, (void *)l4, old, wanted);
	else
		l4_shift_csum(p, (VSW_FORCE uint32_t)old, (VSW_FORCE uint32_t)wanted, false);
}

static bool has_icmp(const struct packet *p)
{
	return (p->l3_type == PACKET_L3_IPV4 && p->l4_proto == WIRE_IP_ICMP) ||
	       (p->l3_type == PACKET_L3_IPV6 && p->l4_proto == WIRE_IP_ICMPV6);
}

void packet_set_icmp(struct packet *p, const struct dp_set_icmp *set)
{
	struct wire_icmp *icmp = (void *)(p->data + p->l4_ofs);
	uint16_t old;

	if (!has_icmp(p))
		return;
	old = wire_load16(icmp);
	icmp->type = masked8(icmp->type, set->type, set->type_mask);
	icmp->code = masked8(icmp->code, set->code, set->code_mask);
	l4_shift_csum(p, old, wire_load16(icmp), false);
}

/* Rewrite @n bytes at @ofs (even) of the ICMPv6 message. */
static void set_nd_field(struct packet *p, uint16_t ofs, const uint8_t *new, const uint8_t *mask, size_t n)
{
	uint8_t *field = p->data + p->l4_ofs + ofs;
	uint32_t old_sum;

	if (!ofs)
		return;
	old_sum = csum_add(0, field, n);
	set_bytes(field, new, mask, n);
	l4_shift_csum(p, old_sum, csum_add(0, field, n), false);
}

void packet_set_nd(struct packet *p, const struct dp_set_nd *set)
{
	struct nd_fields nd;

	if (p->l3_type != PACKET_L3_IPV6 || p->l4_proto != WIRE_IP_ICMPV6 ||
	    !parse_nd_fields(p->data + p->l4_ofs, p->l4_len, &nd))
		return;
	set_nd_field(p, nd.target, set->target, set->target_mask, sizeof set->target);
	set_nd_field(p, nd.sll, set->sll, set->sll_mask, sizeof set->sll);
	set_nd_field(p, nd.tll, set->tll, set->tll_mask, sizeof set->tll);
}
