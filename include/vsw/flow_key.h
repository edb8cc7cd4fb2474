/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow key: everything a packet can be matched on, at a fixed place.
 *
 * Theory of operation
 * -------------------
 * Two structs, one inside the other:
 *
 *   struct pkt_key   what a datapath sees: where the packet came from and its headers. This is the ABI between the daemon and
 *                    the BPF programs, and what a megaflow (pkt_key + mask) is made of. The first 64 bytes are enough for L2,
 *                    VLAN, IPv4, ARP, TCP/UDP without tunnels, so that a datapath may key its common case on those alone.
 *   struct flow_key  pkt_key plus what exists only inside the pipeline: registers, metadata, the action set's output.
 *
 * Both are arrays of 64-bit words for whoever hashes, masks or compares them (struct flow_key is at most 64 words, so that a
 * uint64_t can say which words matter). A mask is another flow_key, 1-bits mean "this bit was looked at / must match".
 *
 * A field that a packet does not have is all zeros. A field is meaningful only where its prerequisite holds (nw_src only when
 * eth_type is IPv4 or ARP, ...); lib/flow/field.c has that table.
 *
 * Wire fields are big-endian; in_port, recirc_id, marks, registers and connection state are host order.
 */
#ifndef VSW_FLOW_KEY_H
#define VSW_FLOW_KEY_H 1

#include "vsw/types.h"

/** Version of the layout below; part of the BPF pin path. Raise it with every change. */
#define VSW_FLOW_KEY_ABI 2

/** One VLAN tag. tci has FLOW_VLAN_PRESENT set when the tag is there (the wire's DEI bit is not kept). */
struct vlan_key {
	be16 tpid; /**< 0x8100 or 0x88a8; 0 without a tag */
	be16 tci;  /**< PCP 3 bits, FLOW_VLAN_PRESENT, VID 12 bits; 0 without a tag */
};

#define FLOW_VLAN_PRESENT 0x1000 /**< in vlan_key.tci (host order constant) */
#define FLOW_VLAN_VID_MASK 0x0fff
#define FLOW_VLAN_PCP_MASK 0xe000
#define FLOW_VLAN_PCP_SHIFT 13
#define FLOW_MAX_VLANS 2

/** eth_type of an 802.2 frame that has no Ethernet type (as OpenFlow has it). */
#define FLOW_ETH_TYPE_NONE 0x05ff

/** nw_frag bits: ANY on every fragment, LATER on those without the L4 header (offset not 0). */
#define FLOW_NW_FRAG_ANY 1
#define FLOW_NW_FRAG_LATER 2

/** ct_state bits, numbered as Open vSwitch does. */
enum flow_ct_state {
	FLOW_CS_NEW = 0x01,
	FLOW_CS_EST = 0x02,
	FLOW_CS_REL = 0x04,
	FLOW_CS_RPL = 0x08,
	FLOW_CS_INV = 0x10,
	FLOW_CS_TRK = 0x20,
	FLOW_CS_SNAT = 0x40,
	FLOW_CS_DNAT = 0x80,
};

/** tun_flags bits, in the order in which they are printed. */
enum flow_tun_flag {
	FLOW_TUN_OAM = 0x01,
	FLOW_TUN_DF = 0x02,
	FLOW_TUN_CSUM = 0x04,
	FLOW_TUN_KEY = 0x08,
};

struct pkt_key {
	/* word 0: origin */
	uint32_t in_port;   /**< datapath port number; inside a bridge's pipeline its OpenFlow port number */
	uint32_t recirc_id; /**< 0 for a packet fresh from a port */

	/* words 1-3: Ethernet */
	uint8_t eth_dst[6];
	uint8_t eth_src[6];
	struct vlan_key vlan[FLOW_MAX_VLANS]; /**< [0] is the outermost */
	be16 eth_type;			      /**< behind the VLAN tags; FLOW_ETH_TYPE_NONE for 802.2 */
	uint16_t zero0;

	/* words 4-5: IPv4 and ARP addresses, what IPv4 and IPv6 share, MPLS */
	be32 nw_src;	  /**< IPv4 source, or ARP SPA */
	be32 nw_dst;	  /**< IPv4 destination, or ARP TPA */
	uint8_t nw_proto; /**< IP protocol (the last header of IPv6), or the low 8 bits of the ARP opcode */
	uint8_t nw_tos;	  /**< DSCP 6 bits, ECN 2 bits */
	uint8_t nw_ttl;	  /**< TTL or hop limit */
	uint8_t nw_frag;  /**< FLOW_NW_FRAG_* */
	be32 mpls_lse;	  /**< outermost label stack entry */

	/* word 6: L4 */
	be16 tp_src;	/**< TCP/UDP/SCTP source; ICMP, ICMPv6 and IGMP type in the low byte */
	be16 tp_dst;	/**< likewise destination; code */
	be16 tcp_flags; /**< 12 bits, without the data offset */
	uint16_t zero1;

	/* word 7: connection tracking */
	uint32_t ct_mark;
	uint16_t ct_zone;
	uint8_t ct_state; /**< enum flow_ct_state */
	uint8_t zero2;

	/* words 8-11: IPv6 */
	uint8_t ipv6_src[16];
	uint8_t ipv6_dst[16];

	/* words 12-15: flow label, ARP and ND */
	be32 ipv6_label;    /**< 20 bits */
	uint8_t arp_sha[6]; /**< ARP SHA, or ND source link-layer address option */
	uint8_t arp_tha[6]; /**< ARP THA, or ND target link-layer address option */
	uint8_t nd_target[16];

	/* words 16-17 */
	uint8_t ct_label[16]; /**< big-endian 128-bit number */

	/* words 18-26: packet metadata and tunnel */
	uint32_t pkt_mark;
	uint32_t dp_hash;
	be64 tun_id;
	be32 tun_src;
	be32 tun_dst;
	uint8_t tun_ipv6_src[16];
	uint8_t tun_ipv6_dst[16];
	uint8_t tun_flags; /**< enum flow_tun_flag */
	uint8_t tun_tos;
	uint8_t tun_ttl;
	uint8_t zero3;
	be16 tun_tp_src;
	be16 tun_tp_dst;
	uint32_t skb_priority; /**< queue; written by set_queue, never matched by OpenFlow */
	uint32_t zero4;
};

#define FLOW_N_REGS 16

struct flow_key {
	struct pkt_key p;
	be64 metadata;
	uint32_t regs[FLOW_N_REGS];
	uint32_t actset_output; /**< port that the action set would output to, OFPP_UNSET without one */
	uint32_t conj_id;
};

#define PKT_KEY_WORDS (sizeof(struct pkt_key) / 8)
#define FLOW_KEY_WORDS (sizeof(struct flow_key) / 8)
/** Bytes of the part that suffices for IPv4 and ARP without tunnels. */
#define PKT_KEY_COMPACT 64

/** pkt_key_has_tunnel() - did the packet come through a tunnel (the destination is our own address), or is it to take one? */
static inline int pkt_key_has_tunnel(const struct pkt_key *key)
{
	const uint64_t *dst = (const uint64_t *)(const void *)key->tun_ipv6_dst;

	return key->tun_dst || dst[0] || dst[1];
}

/** Bytes from tun_id on that are the tunnel's; struct dp_set_tunnel has the same behind its header. */
#define PKT_KEY_TUNNEL_LEN 56

#ifndef __BPF__
_Static_assert(offsetof(struct pkt_key, skb_priority) - offsetof(struct pkt_key, tun_id) == PKT_KEY_TUNNEL_LEN,
	       "the tunnel's fields lie together");
_Static_assert(sizeof(struct pkt_key) == 216, "the BPF ABI has no holes");
_Static_assert(sizeof(struct flow_key) == 216 + 8 + 64 + 8, "nor has the pipeline's part");
_Static_assert(offsetof(struct pkt_key, ipv6_src) == PKT_KEY_COMPACT, "compact part");
_Static_assert(FLOW_KEY_WORDS <= 64, "a uint64_t names the words");
#endif

#endif
