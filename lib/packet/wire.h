/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers as they lie on the wire, and loads and stores at any address.
 *
 * The structs are packed: a pointer to one may be unaligned (an Ethernet header is 14 bytes), and the compiler knows
 * it. They describe memory that somebody else wrote: check the length first, then overlay, then read.
 */
#ifndef PACKET_WIRE_H
#define PACKET_WIRE_H 1

#include <string.h>

#include "vsw/types.h"

#define WIRE_PACKED __attribute__((packed))

enum wire_eth_type {
	WIRE_ETH_MIN = 0x0600, /**< smaller values are the length of an 802.3 frame */
	WIRE_ETH_IPV4 = 0x0800,
	WIRE_ETH_ARP = 0x0806,
	WIRE_ETH_RARP = 0x8035,
	WIRE_ETH_VLAN = 0x8100,
	WIRE_ETH_IPV6 = 0x86dd,
	WIRE_ETH_MPLS = 0x8847,
	WIRE_ETH_MPLS_MCAST = 0x8848,
	WIRE_ETH_SVLAN = 0x88a8,
};

/** IP protocol numbers (IANA); also the next-header values of IPv6. */
enum wire_ip_proto {
	WIRE_IP_HOPOPTS = 0,
	WIRE_IP_ICMP = 1,
	WIRE_IP_IGMP = 2,
	WIRE_IP_TCP = 6,
	WIRE_IP_UDP = 17,
	WIRE_IP_DCCP = 33,
	WIRE_IP_ROUTING = 43,
	WIRE_IP_FRAGMENT = 44,
	WIRE_IP_AH = 51,
	WIRE_IP_ICMPV6 = 58,
	WIRE_IP_NONE = 59,
	WIRE_IP_DSTOPTS = 60,
	WIRE_IP_SCTP = 132,
	WIRE_IP_UDPLITE = 136,
};

struct wire_eth {
	uint8_t dst[6], src[6];
	be16 type;
} WIRE_PACKED;

struct wire_vlan {
	be16 tpid, tci;
} WIRE_PACKED;

/** 802.2 LLC with a SNAP header (IEEE 802). */
struct wire_snap {
	uint8_t dsap, ssap, control, oui[3];
	be16 type;
} WIRE_PACKED;

struct wire_arp {
	be16 hrd, pro;
	uint8_t hln, pln;
	be16 op;
	uint8_t sha[6];
	be32 spa;
	uint8_t tha[6];
	be32 tpa;
} WIRE_PACKED;

#define WIRE_IPV4_DF 0x4000
#define WIRE_IPV4_MF 0x2000
#define WIRE_IPV4_OFS_MASK 0x1fff

struct wire_ipv4 {
	uint8_t ver_ihl, tos;
	be16 tot_len, id, frag;
	uint8_t ttl, proto;
	be16 csum;
	be32 src, dst;
} WIRE_PACKED;

struct wire_ipv6 {
	be32 ver_tc_label;
	be16 payload_len;
	uint8_t next, hlimit, src[16], dst[16];
} WIRE_PACKED;

/** What hop-by-hop, routing and destination options have in common; AH counts 4-byte units. */
struct wire_ipv6_ext {
	uint8_t next, len, type, segments_left;
	be32 data;
} WIRE_PACKED;

#define WIRE_IPV6_FRAG_MF 1
#define WIRE_IPV6_FRAG_OFS_MASK 0xfff8

struct wire_ipv6_frag {
	uint8_t next, reserved;
	be16 frag;
	be32 id;
} WIRE_PACKED;

enum wire_tcp_flag {
	WIRE_TCP_FIN = 0x001,
	WIRE_TCP_PSH = 0x008,
	WIRE_TCP_CWR = 0x080,
	WIRE_TCP_FLAGS_MASK = 0xfff,
};

struct wire_tcp {
	be16 src, dst;
	be32 seq, ack;
	be16 doff_flags;
	be16 window, csum, urgent;
} WIRE_PACKED;

struct wire_udp {
	be16 src, dst, len, csum;
} WIRE_PACKED;

struct wire_sctp {
	be16 src, dst;
	be32 vtag;
	le32 csum;
} WIRE_PACKED;

/** ICMP, ICMPv6 and IGMP. */
struct wire_icmp {
	uint8_t type, code;
	be16 csum;
	be32 data;
} WIRE_PACKED;

enum wire_nd {
	WIRE_ND_SOLICIT = 135,
	WIRE_ND_ADVERT = 136,
	WIRE_ND_OPT_SLL = 1,
	WIRE_ND_OPT_TLL = 2,
};

struct wire_nd_opt {
	uint8_t type, len; /**< in units of 8 bytes */
	uint8_t lla[6];
} WIRE_PACKED;

#define WIRE_MPLS_BOS 0x100

static inline uint16_t wire_load16(const void *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof x);
	return x;
}

static inline be16 wire_load_be16(const void *p)
{
	return (VSW_FORCE be16)wire_load16(p);
}

static inline be32 wire_load_be32(const void *p)
{
	be32 x;

	memcpy(&x, p, sizeof x);
	return x;
}

static inline void wire_store_be16(void *p, be16 x)
{
	memcpy(p, &x, sizeof x);
}

static inline void wire_store_be32(void *p, be32 x)
{
	memcpy(p, &x, sizeof x);
}

static inline bool wire_is_vlan_type(be16 type)
{
	return type == BE16_C(WIRE_ETH_VLAN) || type == BE16_C(WIRE_ETH_SVLAN);
}

static inline bool wire_is_mpls_type(be16 type)
{
	return type == BE16_C(WIRE_ETH_MPLS) || type == BE16_C(WIRE_ETH_MPLS_MCAST);
}

#endif
