// SPDX-License-Identifier: Apache-2.0
/*
 * Reading and writing the fields of a flow key or of a mask, and what a flow must be for a field to exist in it.
 *
 * A field's value is a big-endian number of n_bytes, wherever and in whichever order its container holds it; the enum
 * field_store of its row says how to get from one to the other.
 */
#include "flow/field.h"

#include <string.h>

#include "base/util.h"

#define OXM_PORT_HIGH 0xffff0000u /* what OpenFlow 1.1 added to reserved port numbers */

static inline uint8_t *container(const struct field *f, const struct flow_key *key)
{
	return (uint8_t *)(uintptr_t)key + f->key_ofs;
}

static inline uint64_t ones(unsigned int n_bits)
{
	return n_bits >= 64 ? UINT64_MAX : (1ull << n_bits) - 1;
}

/* A big-endian number of @n <= 8 bytes. */
static inline uint64_t load_be(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	return x;
}

static inline void store_be(uint8_t *p, size_t n, uint64_t x)
{
	for (size_t i = n; i-- > 0; x >>= 8)
		p[i] = (uint8_t)x;
}

static uint32_t load_host(const uint8_t *p, size_t n)
{
	uint16_t x16;
	uint32_t x32;

	switch (n) {
	case 1:
		return *p;
	case 2:
		memcpy(&x16, p, 2);
		return x16;
	default:
		memcpy(&x32, p, 4);
		return x32;
	}
}

static void store_host(uint8_t *p, size_t n, uint32_t x)
{
	uint16_t x16 = (uint16_t)x;

	switch (n) {
	case 1:
		*p = (uint8_t)x;
		break;
	case 2:
		memcpy(p, &x16, 2);
		break;
	default:
		memcpy(p, &x, 4);
	}
}

uint64_t field_value_u64(const struct field *f, const union field_value *value)
{
	size_t n = MIN(f->n_bytes, 8);

	return load_be(value->b + f->n_bytes - n, n);
}

void field_value_from_u64(const struct field *f, uint64_t x, union field_value *value)
{
	size_t n = MIN(f->n_bytes, 8);

	*value = (union field_value){.b = {0}};
	store_be(value->b + f->n_bytes - n, n, x);
}

void field_ones(const struct field *f, union field_value *value)
{
	*value = (union field_value){.b = {0}};
	if (f->n_bytes > 8 || f->n_bits == f->n_bytes * 8)
		memset(value->b, 0xff, f->n_bytes);
	if (f->n_bytes <= 8)
		field_value_from_u64(f, f->valid ? f->valid : ones(f->n_bits), value);
}

bool field_value_valid(const struct field *f, const union field_value *value)
{
	return f->n_bytes > 8 || !(field_value_u64(f, value) & ~(f->valid ? f->valid : ones(f->n_bits)));
}

bool field_value_is_zero(const struct field *f, const union field_value *value)
{
	for (size_t i = 0; i < f->n_bytes; i++)
		if (value->b[i])
			return false;
	return true;
}

bool field_value_is_ones(const struct field *f, const union field_value *value)
{
	union field_value all;

	field_ones(f, &all);
	for (size_t i = 0; i < f->n_bytes; i++)
		if (all.b[i] & ~value->b[i])
			return false;
	return true;
}

/* The bits of a TCI, moved down, that make up a VLAN field. */
static uint16_t vlan_part(const struct field *f, uint16_t tci)
{
	switch (f->id) {
	case FIELD_DL_VLAN:
		return tci & FLOW_VLAN_VID_MASK;
	case FIELD_VLAN_VID:
		return tci & (FLOW_VLAN_PRESENT | FLOW_VLAN_VID_MASK);
	case FIELD_DL_VLAN_PCP:
	case FIELD_VLAN_PCP:
		return tci >> FLOW_VLAN_PCP_SHIFT;
	default:
		return tci;
	}
}

static void get_regs(const struct field *f, const struct flow_key *key, union field_value *value)
{
	for (size_t i = 0; i < f->n_bytes; i += 4)
		store_be(value->b + i, 4, load_host(container(f, key) + i, 4));
}

void field_get_mask(const struct field *f, const struct flow_key *key, union field_value *value)
{
	const uint8_t *c = container(f, key);

	*value = (union field_value){.b = {0}};
	switch ((enum field_store)f->store) {
	case FIELD_AT_BYTES:
		memcpy(value->b, c, f->n_bytes);
		if (f->valid)
			value->b[0] &= (uint8_t)f->valid;
		break;
	case FIELD_AT_HOST:
	case FIELD_AT_OXM_PORT:
		field_value_from_u64(f, load_host(c, f->c_bytes), value);
		break;
	case FIELD_AT_BITS:
		field_value_from_u64(f, load_be(c, f->c_bytes) >> f->bit_ofs & ones(f->n_bits), value);
		break;
	case FIELD_AT_REGS:
		get_regs(f, key, value);
		break;
	case FIELD_AT_ICMP:
		value->b[0] = c[1];
		break;
	case FIELD_AT_VLAN:
		field_value_from_u64(f, vlan_part(f, (uint16_t)load_be(c, 2)), value);
	}
}

void field_get(const struct field *f, const struct flow_key *key, union field_value *value)
{
	field_get_mask(f, key, value);
	if (f->store == FIELD_AT_OXM_PORT) {
		uint64_t port = field_value_u64(f, value);

		/* 0xff00 and up are reserved numbers (flow/port_names.h) in 16 bits. */
		if (port >= 0xff00 && port <= 0xffff)
			field_value_from_u64(f, port | OXM_PORT_HIGH, value);
	}
}

static void set_vlan(const struct field *f, uint16_t x, struct vlan_key *vlan)
{
	uint16_t tci = be16_to_cpu(vlan->tci);

	switch (f->id) {
	case FIELD_DL_VLAN:
		tci = x == 0xffff ? 0 : (tci & ~FLOW_VLAN_VID_MASK) | FLOW_VLAN_PRESENT | (x & FLOW_VLAN_VID_MASK);
		break;
	case FIELD_VLAN_VID:
		tci = (tci & FLOW_VLAN_PCP_MASK) | (x & (FLOW_VLAN_PRESENT | FLOW_VLAN_VID_MASK));
		break;
	case FIELD_DL_VLAN_PCP:
	case FIELD_VLAN_PCP:
		tci = (tci & ~FLOW_VLAN_PCP_MASK) | FLOW_VLAN_PRESENT | (uint16_t)(x << FLOW_VLAN_PCP_SHIFT);
		break;
	default:
		tci = x;
	}
	vlan->tci = cpu_to_be16(tci);
	if (tci && !vlan->tpid)
		vlan->tpid = BE16_C(0x8100);
}

static void set_bits(const struct field *f, uint64_t x, uint8_t *c)
{
	uint64_t mask = ones(f->n_bits) << f->bit_ofs;

	store_be(c, f->c_bytes, (load_be(c, f->c_bytes) & ~mask) | (x << f->bit_ofs & mask));
}

void field_set(const struct field *f, const union field_value *value, struct flow_key *key)
{
	uint8_t *c = container(f, key);
	uint64_t x = field_value_u64(f, value);

	switch ((enum field_store)f->store) {
	case FIELD_AT_BYTES:
		if (f->valid)
			*c = (*c & (uint8_t)~f->valid) | (value->b[0] & (uint8_t)f->valid);
		else
			memcpy(c, value->b, f->n_bytes);
		break;
	case FIELD_AT_HOST:
		store_host(c, f->c_bytes, (uint32_t)x);
		break;
	case FIELD_AT_OXM_PORT:
		store_host(c, f->c_bytes, (uint32_t)(x >= (OXM_PORT_HIGH | 0xff00) ? x & 0xffff : x));
		break;
	case FIELD_AT_BITS:
		set_bits(f, x, c);
		break;
	case FIELD_AT_REGS:
		for (size_t i = 0; i < f->n_bytes; i += 4)
			store_host(c + i, 4, (uint32_t)load_be(value->b + i, 4));
		break;
	case FIELD_AT_ICMP:
		store_be(c, 2, x);
		break;
	case FIELD_AT_VLAN:
		set_vlan(f, (uint16_t)x, &key->p.vlan[0]);
	}
}

void field_set_masked(const struct field *f, const union field_value *value, const union field_value *mask,
		      struct flow_key *key)
{
	union field_value merged;

	field_get(f, key, &merged);
	for (size_t i = 0; i < f->n_bytes; i++)
		merged.b[i] = (merged.b[i] & ~mask->b[i]) | (value->b[i] & mask->b[i]);
	field_set(f, &merged, key);
}

/* A mask over a VLAN field as a mask over the TCI; every one of them but part of vlan_tci and vlan_vid looks at
 * presence. */
static uint16_t vlan_mask(const struct field *f, uint16_t bits)
{
	switch (f->id) {
	case FIELD_DL_VLAN:
		return FLOW_VLAN_PRESENT | (bits & FLOW_VLAN_VID_MASK);
	case FIELD_VLAN_VID:
		return bits & (FLOW_VLAN_PRESENT | FLOW_VLAN_VID_MASK);
	case FIELD_DL_VLAN_PCP:
	case FIELD_VLAN_PCP:
		return FLOW_VLAN_PRESENT | (uint16_t)(bits << FLOW_VLAN_PCP_SHIFT);
	default:
		return bits;
	}
}

void field_mask_set_masked(const struct field *f, const union field_value *bits, struct flow_key *mask)
{
	uint8_t *c = container(f, mask);
	uint64_t x = field_value_u64(f, bits);

	switch ((enum field_store)f->store) {
	case FIELD_AT_BYTES:
		for (size_t i = 0; i < f->n_bytes; i++)
			c[i] |= f->valid ? bits->b[i] & (uint8_t)f->valid : bits->b[i];
		break;
	case FIELD_AT_HOST:
	case FIELD_AT_OXM_PORT:
		/* in_port's 16 bits lie in 32: an exact match is exact on them all. */
		if (f->n_bytes < f->c_bytes && field_value_is_ones(f, bits))
			x = UINT32_MAX;
		store_host(c, f->c_bytes, load_host(c, f->c_bytes) | (uint32_t)x);
		break;
	case FIELD_AT_BITS:
		store_be(c, f->c_bytes, load_be(c, f->c_bytes) | (x & ones(f->n_bits)) << f->bit_ofs);
		break;
	case FIELD_AT_REGS:
		for (size_t i = 0; i < f->n_bytes; i += 4)
			store_host(c + i, 4, load_host(c + i, 4) | (uint32_t)load_be(bits->b + i, 4));
		break;
	case FIELD_AT_ICMP:
		c[0] |= x == 0xff ? 0xff : 0;
		c[1] |= (uint8_t)x;
		break;
	case FIELD_AT_VLAN:
		store_be(c, 2, load_be(c, 2) | vlan_mask(f, (uint16_t)x));
	}
}

void field_mask_set(const struct field *f, struct flow_key *mask)
{
	union field_value all;

	field_ones(f, &all);
	field_mask_set_masked(f, &all, mask);
}

/* Whether the flow is of EtherType @a or @b, and looks at it. */
static bool is_type(const struct flow_key *key, uint16_t a, uint16_t b, struct flow_key *wc)
{
	uint16_t type = be16_to_cpu(key->p.eth_type);

	if (wc)
		wc->p.eth_type = BE16_C(0xffff);
	return type == a || type == b;
}

/* Whether it is IP with an L4 header of protocol @proto. */
static bool is_proto(const struct flow_key *key, uint8_t proto, uint16_t type_a, uint16_t type_b, struct flow_key *wc)
{
	if (!is_type(key, type_a, type_b, wc))
		return false;
	if (wc) {
		wc->p.nw_proto = 0xff;
		wc->p.nw_frag |= FLOW_NW_FRAG_LATER;
	}
	return key->p.nw_proto == proto && !(key->p.nw_frag & FLOW_NW_FRAG_LATER);
}

/* Whether it is ICMPv6 of type @a or @b with code 0. */
static bool is_nd(const struct flow_key *key, uint16_t a, uint16_t b, struct flow_key *wc)
{
	uint16_t type = be16_to_cpu(key->p.tp_src);

	if (!is_proto(key, 58, 0x86dd, 0x86dd, wc))
		return false;
	if (wc)
		wc->p.tp_src = wc->p.tp_dst = BE16_C(0xffff);
	return !key->p.tp_dst && (type == a || type == b);
}

/* Whether it has ports, or type and code in their place. */
static bool has_l4(const struct flow_key *key, struct flow_key *wc)
{
	return is_proto(key, 6, 0x0800, 0x86dd, wc) || is_proto(key, 17, 0x0800, 0x86dd, wc) ||
	       is_proto(key, 132, 0x0800, 0x86dd, wc) || is_proto(key, 1, 0x0800, 0x0800, wc) ||
	       is_proto(key, 58, 0x86dd, 0x86dd, wc);
}

static bool has_vlan(const struct flow_key *key, struct flow_key *wc)
{
	if (wc)
		wc->p.vlan[0].tci |= BE16_C(FLOW_VLAN_PRESENT);
	return key->p.vlan[0].tci & BE16_C(FLOW_VLAN_PRESENT);
}

bool field_prereq_check(enum field_prereq pre, const struct flow_key *key, struct flow_key *wc)
{
	switch (pre) {
	case FIELD_PRE_NONE:
	case FIELD_PRE_N:
		return true;
	case FIELD_PRE_VLAN:
		return has_vlan(key, wc);
	case FIELD_PRE_MPLS:
		return is_type(key, 0x8847, 0x8848, wc);
	case FIELD_PRE_IP_ANY:
		return is_type(key, 0x0800, 0x86dd, wc);
	case FIELD_PRE_IPV4:
		return is_type(key, 0x0800, 0x0800, wc);
	case FIELD_PRE_IPV6:
		return is_type(key, 0x86dd, 0x86dd, wc);
	case FIELD_PRE_ARP:
		return is_type(key, 0x0806, 0x8035, wc);
	case FIELD_PRE_TCP:
		return is_proto(key, 6, 0x0800, 0x86dd, wc);
	case FIELD_PRE_UDP:
		return is_proto(key, 17, 0x0800, 0x86dd, wc);
	case FIELD_PRE_SCTP:
		return is_proto(key, 132, 0x0800, 0x86dd, wc);
	case FIELD_PRE_ICMPV4:
		return is_proto(key, 1, 0x0800, 0x0800, wc);
	case FIELD_PRE_ICMPV6:
		return is_proto(key, 58, 0x86dd, 0x86dd, wc);
	case FIELD_PRE_ND:
		return is_nd(key, 135, 136, wc);
	case FIELD_PRE_ND_SOLICIT:
		return is_nd(key, 135, 135, wc);
	case FIELD_PRE_ND_ADVERT:
		return is_nd(key, 136, 136, wc);
	case FIELD_PRE_IPV4_ARP:
		return is_type(key, 0x0800, 0x0800, wc) || is_type(key, 0x0806, 0x8035, wc);
	case FIELD_PRE_IP_ARP:
		return is_type(key, 0x0800, 0x86dd, wc) || is_type(key, 0x0806, 0x8035, wc);
	case FIELD_PRE_L4:
		return has_l4(key, wc);
	case FIELD_PRE_ICMP_ANY:
		return is_proto(key, 1, 0x0800, 0x0800, wc) || is_proto(key, 58, 0x86dd, 0x86dd, wc);
	}
	return false;
}

bool field_prereq_ok(const struct field *f, const struct flow_key *key, struct flow_key *wc)
{
	return field_prereq_check(f->prereq, key, wc);
}

const char *field_prereq_text(enum field_prereq pre)
{
	static const char *const texts[FIELD_PRE_N] = {
		[FIELD_PRE_NONE] = "",
		[FIELD_PRE_VLAN] = "'dl_vlan' (or vlan_tci=0x1000/0x1000)",
		[FIELD_PRE_MPLS] = "'mpls' (or mplsm)",
		[FIELD_PRE_IP_ANY] = "'ip' (or ipv6)",
		[FIELD_PRE_IPV4] = "'ip'",
		[FIELD_PRE_IPV6] = "'ipv6'",
		[FIELD_PRE_ARP] = "'arp' (or rarp)",
		[FIELD_PRE_TCP] = "'tcp' (or tcp6)",
		[FIELD_PRE_UDP] = "'udp' (or udp6)",
		[FIELD_PRE_SCTP] = "'sctp' (or sctp6)",
		[FIELD_PRE_ICMPV4] = "'icmp'",
		[FIELD_PRE_ICMPV6] = "'icmp6'",
		[FIELD_PRE_ND] = "'icmp6,icmp_type=135' (or 136)",
		[FIELD_PRE_ND_SOLICIT] = "'icmp6,icmp_type=135'",
		[FIELD_PRE_ND_ADVERT] = "'icmp6,icmp_type=136'",
		[FIELD_PRE_IPV4_ARP] = "'ip' (or arp)",
		[FIELD_PRE_IP_ARP] = "'ip' (or ipv6, arp)",
		[FIELD_PRE_L4] = "'tcp' (or udp, sctp, icmp, icmp6)",
		[FIELD_PRE_ICMP_ANY] = "'icmp' (or icmp6)",
	};

	return texts[pre];
}
