/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of match fields: one row per field says everything about it: names, wire ids, place in struct flow_key, width, how it
 * may be masked, what must be matched first, whether actions may write it, how it is written down. Text and wire codecs, set_field, load, move,
 * stack, registers and documentation all read this one table (lib/flow/field.c).
 */
#ifndef FLOW_FIELD_H
#define FLOW_FIELD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "flow/words.h"
#include "vsw/flow_key.h"

struct ds;
struct match;
struct port_names; /* flow/port_names.h */

/* clang-format off */
/** Every field, by its primary (OVS) name in upper case. */
enum field_id {
	FIELD_DP_HASH, FIELD_RECIRC_ID, FIELD_CONJ_ID,
	FIELD_TUN_ID, FIELD_TUN_SRC, FIELD_TUN_DST, FIELD_TUN_IPV6_SRC, FIELD_TUN_IPV6_DST, FIELD_TUN_FLAGS, FIELD_TUN_TTL, FIELD_TUN_TOS,
	FIELD_METADATA, FIELD_IN_PORT, FIELD_IN_PORT_OXM, FIELD_ACTSET_OUTPUT, FIELD_PKT_MARK,
	FIELD_CT_STATE, FIELD_CT_ZONE, FIELD_CT_MARK, FIELD_CT_LABEL,
	FIELD_REG0, FIELD_REG1, FIELD_REG2, FIELD_REG3, FIELD_REG4, FIELD_REG5, FIELD_REG6, FIELD_REG7,
	FIELD_REG8, FIELD_REG9, FIELD_REG10, FIELD_REG11, FIELD_REG12, FIELD_REG13, FIELD_REG14, FIELD_REG15,
	FIELD_XREG0, FIELD_XREG1, FIELD_XREG2, FIELD_XREG3, FIELD_XREG4, FIELD_XREG5, FIELD_XREG6, FIELD_XREG7,
	FIELD_XXREG0, FIELD_XXREG1, FIELD_XXREG2, FIELD_XXREG3,
	FIELD_ETH_SRC, FIELD_ETH_DST, FIELD_ETH_TYPE,
	FIELD_VLAN_TCI, FIELD_DL_VLAN, FIELD_VLAN_VID, FIELD_DL_VLAN_PCP, FIELD_VLAN_PCP,
	FIELD_MPLS_LABEL, FIELD_MPLS_TC, FIELD_MPLS_BOS, FIELD_MPLS_TTL,
	FIELD_IPV4_SRC, FIELD_IPV4_DST, FIELD_IPV6_SRC, FIELD_IPV6_DST, FIELD_IPV6_LABEL,
	FIELD_IP_PROTO, FIELD_IP_DSCP, FIELD_IP_DSCP_SHIFTED, FIELD_IP_ECN, FIELD_IP_TTL, FIELD_IP_FRAG,
	FIELD_ARP_OP, FIELD_ARP_SPA, FIELD_ARP_TPA, FIELD_ARP_SHA, FIELD_ARP_THA,
	FIELD_TCP_SRC, FIELD_TCP_DST, FIELD_TCP_FLAGS, FIELD_UDP_SRC, FIELD_UDP_DST, FIELD_SCTP_SRC, FIELD_SCTP_DST,
	FIELD_ICMPV4_TYPE, FIELD_ICMPV4_CODE, FIELD_ICMPV6_TYPE, FIELD_ICMPV6_CODE,
	FIELD_ND_TARGET, FIELD_ND_SLL, FIELD_ND_TLL,
	FIELD_N_IDS
};
/* clang-format on */

/** A field's value: @n_bytes of its field, big-endian, right-aligned bits (as on an OXM). */
union field_value {
	uint8_t b[16];
	be16 be16;
	be32 be32;
	be64 be64;
};

enum field_maskable { FIELD_MASK_NONE, FIELD_MASK_ANY };

/* clang-format off */
enum field_format {
	FIELD_FMT_DECIMAL, FIELD_FMT_HEX, FIELD_FMT_ETH, FIELD_FMT_IPV4, FIELD_FMT_IPV6, FIELD_FMT_PORT, FIELD_FMT_FRAG,
	FIELD_FMT_TCP_FLAGS, FIELD_FMT_CT_STATE, FIELD_FMT_TUN_FLAGS,
};

/** What a flow must be known to be before a field means something. */
enum field_prereq {
	FIELD_PRE_NONE, FIELD_PRE_VLAN, FIELD_PRE_MPLS, FIELD_PRE_IP_ANY, FIELD_PRE_IPV4, FIELD_PRE_IPV6, FIELD_PRE_ARP,
	FIELD_PRE_TCP, FIELD_PRE_UDP, FIELD_PRE_SCTP, FIELD_PRE_ICMPV4, FIELD_PRE_ICMPV6, FIELD_PRE_ND, FIELD_PRE_ND_SOLICIT,
	FIELD_PRE_ND_ADVERT,
	/* Only of the OpenFlow 1.0 names, which stand for several fields (nw_src, nw_proto, tp_src). */
	FIELD_PRE_IPV4_ARP, FIELD_PRE_IP_ARP, FIELD_PRE_L4, FIELD_PRE_ICMP_ANY,
	FIELD_PRE_N
};
/* clang-format on */

/** How a field lies in struct flow_key. */
enum field_store {
	FIELD_AT_BYTES, /**< n_bytes bytes as on the wire: addresses, ports, metadata */
	FIELD_AT_HOST,	/**< an integer of c_bytes in host order */
	FIELD_AT_BITS,	/**< n_bits from bit_ofs on, of an integer of c_bytes in wire order that other fields share */
	FIELD_AT_REGS,	/**< n_bytes / 4 host-order registers, the first is the most significant */
	FIELD_AT_ICMP, /**< the low byte of a 16-bit port; an exact match masks all 16 bits, as matching the port does */
	FIELD_AT_OXM_PORT, /**< 32-bit port number of OpenFlow 1.1+ over a host-order 16-bit one: 0xfffffffe is LOCAL */
	FIELD_AT_VLAN, /**< part of the outermost tag's TCI; writing it makes the tag present as Open vSwitch does */
};

struct field {
	enum field_id id;
	const char *name; /**< primary name, as set_field prints it ("ip_src", "tcp_dst", "vlan_vid") */
	const char
		*aliases; /**< comma-separated further names ("nw_src"), or NULL; nxm_name and oxm_name are names too */
	uint8_t n_bytes;  /**< of the value */
	uint8_t n_bits;	  /**< significant low bits */
	uint8_t store;	  /**< enum field_store */
	uint8_t c_bytes;  /**< bytes at key_ofs */
	uint16_t key_ofs; /**< in struct flow_key */
	uint8_t bit_ofs;  /**< low bit in the container, FIELD_AT_BITS */
	uint8_t maskable; /**< enum field_maskable */
	uint8_t format;	  /**< enum field_format */
	uint8_t prereq;	  /**< enum field_prereq */
	bool writable;
	uint64_t valid;	      /**< bits of the value that may be 1 where that is not the low n_bits; else 0 */
	uint32_t nxm_header;  /**< 0 without one: (class << 16) | (field << 9) | n_bytes */
	const char *nxm_name; /**< "NXM_OF_IP_SRC" or NULL */
	uint32_t oxm_header;
	const char *oxm_name; /**< "OXM_OF_IPV4_SRC" or NULL */
};

/** field_by_id() - never NULL for id < FIELD_N_IDS. */
const struct field *field_by_id(enum field_id id);

/**
 * field_by_name() - any of a field's names, case-insensitive; @len bytes
 *
 * Generic names of OpenFlow 1.0 give the first field they stand for: "tp_src" is tcp_src, "nw_src" ip_src, "icmp_type" that of
 * ICMPv4. Return: NULL when there is none.
 */
const struct field *field_by_name(const char *name, size_t len);

/** field_by_name_prereq() - likewise, and what has to be matched first for this very name: "tp_src" needs less than "tcp_src". */
const struct field *field_by_name_prereq(const char *name, size_t len, enum field_prereq *prereq);

/**
 * field_for_flow() - the field that a generic name means in a flow
 * @f: from field_by_name()
 * @key: a flow, or a match's key
 *
 * Return: for tcp_src udp_src, sctp_src where @key is UDP, SCTP; likewise tcp_dst, icmp_type and icmp_code, ip_src and ip_dst (of
 * ARP: arp_spa and arp_tpa); @f itself for every other one.
 */
const struct field *field_for_flow(const struct field *f, const struct flow_key *key);

/** field_by_header() - by NXM or OXM header, the hasmask bit and length ignored. Return: NULL when there is none. */
const struct field *field_by_header(uint32_t header);
/** field_unsupported() - whether a name is a field of OVS that is not done here yet. */
bool field_unsupported(const char *name, size_t len);
/** field_nearest() - the field name most like @name, for error messages. Return: false when nothing is near. */
bool field_nearest(const char *name, size_t len, char word[WORD_MAX + 1]);

/** field_ones() - the value with every significant bit set; the mask of an exact match. */
void field_ones(const struct field *f, union field_value *value);
/** field_value_valid() - no bit set that the field does not have. */
bool field_value_valid(const struct field *f, const union field_value *value);
/** field_value_is_zero(), field_value_is_ones() - of the significant bits. */
bool field_value_is_zero(const struct field *f, const union field_value *value);
bool field_value_is_ones(const struct field *f, const union field_value *value);
/** field_value_u64() - the low 64 bits as a number; field_value_from_u64() - the reverse, zero extended. */
uint64_t field_value_u64(const struct field *f, const union field_value *value);
void field_value_from_u64(const struct field *f, uint64_t x, union field_value *value);

/** field_get() - read from a key; all bytes of @value beyond n_bytes are zero. */
void field_get(const struct field *f, const struct flow_key *key, union field_value *value);
/** field_get_mask() - read from a mask: all ones where the field is matched exactly. */
void field_get_mask(const struct field *f, const struct flow_key *mask, union field_value *value);
/** field_set() - write into a key. vlan fields set FLOW_VLAN_PRESENT as OVS does. */
void field_set(const struct field *f, const union field_value *value, struct flow_key *key);
/** field_set_masked() - write only bits that are 1 in @mask. */
void field_set_masked(const struct field *f, const union field_value *value, const union field_value *mask,
		      struct flow_key *key);
/** field_mask_set() - set all bits of the field in the mask key @mask (it was looked at). */
void field_mask_set(const struct field *f, struct flow_key *mask);
/** field_mask_set_masked() - set those bits in the mask key that are 1 in @bits. */
void field_mask_set_masked(const struct field *f, const union field_value *bits, struct flow_key *mask);
/** field_prereq_ok() - whether @key has the header that holds @f; when @wc is not NULL, marks there the bits this looked at. */
bool field_prereq_ok(const struct field *f, const struct flow_key *key, struct flow_key *wc);
/** field_prereq_check() - the same for a prerequisite of its own. */
bool field_prereq_check(enum field_prereq pre, const struct flow_key *key, struct flow_key *wc);
/** field_prereq_text() - what to write to meet it: "'tcp' or 'tcp6'", "'ip' (or arp)"; "" for FIELD_PRE_NONE. */
const char *field_prereq_text(enum field_prereq pre);

/** A run of bits in a field: NAME[ofs..ofs+n_bits-1]. */
struct subfield {
	const struct field *field;
	uint16_t ofs, n_bits;
	uint32_t zero; /**< in place of padding: records with subfields are compared as bytes */
};

/**
 * subfield_parse() - "NXM_NX_REG0[0..15]", "reg0[]", "eth_src", "reg1[3]"
 * @text: @len bytes
 *
 * Return: 0 or -EINVAL with @err (column within @text).
 */
int subfield_parse(const char *text, size_t len, struct subfield *sf, struct errtext *err);
/** subfield_format() - as OVS prints it ("NXM_NX_REG0[0..15]"). */
void subfield_format(const struct subfield *sf, struct ds *out);
/** subfield_get() - up to 128 bits, right-aligned in 16 bytes big-endian. */
void subfield_get(const struct subfield *sf, const struct flow_key *key, uint8_t out[16]);
uint64_t subfield_get_u64(const struct subfield *sf, const struct flow_key *key);
/** subfield_set() - the low n_bits of the 16-byte big-endian number @in. */
void subfield_set(const struct subfield *sf, const uint8_t in[16], struct flow_key *key);
/** subfield_spread() - the number @in at its place in the whole field, and the mask of that place. */
void subfield_spread(const struct subfield *sf, const uint8_t in[16], union field_value *value,
		     union field_value *mask);
/** subfield_mask_set() - set the subfield's bits in a mask key. */
void subfield_mask_set(const struct subfield *sf, struct flow_key *mask);

/**
 * field_parse_value() - text of a value, optionally "/mask"
 * @names: port names for FIELD_FMT_PORT, may be NULL
 *
 * Return: 0 or -EINVAL with a sentence and column in @err.
 */
int field_parse_value(const struct field *f, const char *text, size_t len, const struct port_names *names,
		      union field_value *value, union field_value *mask, struct errtext *err);
/** field_format_value() - as OVS prints it; @mask NULL means exact. */
void field_format_value(const struct field *f, const union field_value *value, const union field_value *mask,
			const struct port_names *names, struct ds *out);

#endif
