/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datapath actions: what translation produces and every datapath executes, in order.
 *
 * A list is a byte string of TLVs, each a struct dp_action header followed by its argument, padded to 8 bytes; `len` covers
 * header, argument and padding. An empty list drops the packet. Lists are data: the eBPF datapath interprets them from a map,
 * `user` and `dummy` from memory (switchd/datapath/execute.c). Their text form (lib/flow/dp_action.c) is that of Open vSwitch's
 * datapath actions.
 *
 * Rewrites carry value and mask; only bits set in the mask change. Addresses and ports are in wire order.
 */
#ifndef VSW_DP_ACTION_H
#define VSW_DP_ACTION_H 1

#include "vsw/types.h"
#include "vsw/flow_key.h"

/** Longest list a datapath accepts, in bytes. */
#define DP_ACTIONS_MAX 16384

enum dp_action_type {
	DP_OUTPUT = 1,	 /**< struct dp_output */
	DP_PUSH_VLAN,	 /**< struct dp_push_vlan */
	DP_POP_VLAN,	 /**< no argument; removes the outermost tag */
	DP_SET_ETH,	 /**< struct dp_set_eth */
	DP_SET_IPV4,	 /**< struct dp_set_ipv4 */
	DP_SET_IPV6,	 /**< struct dp_set_ipv6 */
	DP_SET_TP,	 /**< struct dp_set_tp: TCP, UDP or SCTP ports, whichever the packet has */
	DP_SET_ICMP,	 /**< struct dp_set_icmp: type and code of ICMP or ICMPv6 */
	DP_SET_ARP,	 /**< struct dp_set_arp */
	DP_SET_ND,	 /**< struct dp_set_nd */
	DP_SET_MPLS,	 /**< struct dp_set_mpls */
	DP_SET_TUNNEL,	 /**< struct dp_set_tunnel */
	DP_SET_MARK,	 /**< struct dp_set_u32: pkt_mark */
	DP_SET_PRIORITY, /**< struct dp_set_u32: skb_priority, the egress queue */
	DP_RECIRC,	 /**< struct dp_u32: recirculation id; the packet is parsed and matched again */
	DP_HASH,	 /**< struct dp_hash: dp_hash = hash of the 5-tuple, before a recirculation */
	DP_TRUNC,	 /**< struct dp_u32: longest number of bytes that the next output sends */
	DP_METER,	 /**< struct dp_u32: meter id */
	DP_USERSPACE,	 /**< struct dp_userspace: a copy goes to the daemon */
	DP_CLONE,	 /**< nested list: runs on a copy, then the original goes on */
	DP_SAMPLE,	 /**< struct dp_sample, then a nested list */
	DP_DROP,	 /**< struct dp_u32: enum drop_reason; ends the list and counts */
	DP_LB_OUTPUT,	 /**< struct dp_u32: dp_lb_output_arg(): to the member of a bond that carries the packet */
	DP_N_TYPES
};

struct dp_action {
	uint16_t type; /**< enum dp_action_type */
	uint16_t len;  /**< bytes, header and padding included; a multiple of 8 */
	uint32_t
		arg; /**< the whole argument of those that need only 32 bits (port, recirculation id, mark, meter, length) */
};

/* DP_OUTPUT, DP_LB_OUTPUT, DP_RECIRC, DP_SET_MARK (full mask), DP_SET_PRIORITY, DP_TRUNC, DP_METER, DP_DROP: only `arg`. */

struct dp_push_vlan {
	struct dp_action h;
	struct vlan_key tag; /**< tci with FLOW_VLAN_PRESENT, as Open vSwitch prints it away */
	uint32_t zero;
};

struct dp_set_eth {
	struct dp_action h;
	uint8_t src[6], dst[6], src_mask[6], dst_mask[6];
};

struct dp_set_ipv4 {
	struct dp_action h;
	be32 src, dst, src_mask, dst_mask;
	uint8_t tos, ttl, tos_mask, ttl_mask;
	uint32_t zero;
};

struct dp_set_ipv6 {
	struct dp_action h;
	uint8_t src[16], dst[16], src_mask[16], dst_mask[16];
	be32 label, label_mask;
	uint8_t tclass, hlimit, tclass_mask, hlimit_mask;
	uint32_t zero;
};

struct dp_set_tp {
	struct dp_action
		h; /**< arg: IP protocol number the rewrite was translated for (6, 17, 132), used when printing */
	be16 src, dst, src_mask, dst_mask;
};

struct dp_set_icmp {
	struct dp_action h; /**< arg: IP protocol number (1 or 58) */
	uint8_t type, code, type_mask, code_mask;
	uint32_t zero;
};

struct dp_set_arp {
	struct dp_action h;
	be32 spa, tpa, spa_mask, tpa_mask;
	be16 op, op_mask;
	uint8_t sha[6], tha[6], sha_mask[6], tha_mask[6];
	uint32_t zero;
};

struct dp_set_nd {
	struct dp_action h;
	uint8_t target[16], target_mask[16];
	uint8_t sll[6], tll[6], sll_mask[6], tll_mask[6];
};

struct dp_set_mpls {
	struct dp_action h;
	be32 lse, lse_mask;
};

struct dp_set_tunnel {
	struct dp_action h;
	be64 id;
	be32 src, dst;
	uint8_t ipv6_src[16], ipv6_dst[16];
	uint8_t flags; /**< enum flow_tun_flag */
	uint8_t tos, ttl, zero;
	be16 tp_src, tp_dst;
};

#ifndef __BPF__
_Static_assert(sizeof(struct dp_set_tunnel) == sizeof(struct dp_action) + PKT_KEY_TUNNEL_LEN, "as in struct pkt_key");
#endif

enum dp_userspace_reason {
	DP_TO_SLOW_PATH =
		1, /**< the list cannot be done by this datapath: the daemon translates and executes each packet */
	DP_TO_CONTROLLER,
	DP_TO_SFLOW,
	DP_TO_CAPTURE,
};

struct dp_userspace {
	struct dp_action h; /**< arg: enum dp_userspace_reason */
	uint64_t cookie;
};

struct dp_hash {
	struct dp_action h; /**< arg: basis */
};

struct dp_sample {
	struct dp_action h; /**< arg: probability in units of 1/2^32; a nested list follows */
};

/** Walks a well-formed list; `left` is a size_t lvalue that the walk uses up. */
#define DP_ACTION_FOR_EACH(A, LEFT, ACTIONS, LEN) \
	for ((A) = (const struct dp_action *)(ACTIONS), (LEFT) = (LEN); (LEFT) >= sizeof *(A); \
	     (LEFT) -= (A)->len, (A) = (const struct dp_action *)((const char *)(A) + (A)->len))

/* Why a packet died: each drop in every datapath has exactly one of these; counted per port. The names are printed. */
#define DROP_REASONS(R) \
	R(NONE, "none") \
	R(NO_RULE, "no-rule")			/* table miss without a rule to say so */ \
	R(RULE_DROP, "rule-drop")		/* a rule without actions, or whose actions output nowhere */ \
	R(VLAN_NOT_ALLOWED, "vlan-not-allowed") /* ingress port does not carry the packet's VLAN */ \
	R(NO_DESTINATION, "no-destination")	/* NORMAL had no port left to send it to */ \
	R(SAME_PORT, "same-port")		/* NORMAL: destination was learnt on the ingress port */ \
	R(RESERVED_MAC, "reserved-mac")		/* 01:80:c2:00:00:0x, forward-bpdu is off */ \
	R(PROTECTED_PORT, "protected-port") \
	R(PORT_NO_RECV, "port-no-receive") /* mod-port no-receive */ \
	R(PORT_NO_FORWARD, "port-no-forward") \
	R(PORT_DOWN, "port-down") \
	R(BOND_MEMBER, "bond-member")	    /* came in on a member of a bond that is not to be listened to */ \
	R(BOND_NO_MEMBER, "bond-no-member") /* no member of the bond that it is for can carry it */ \
	R(NO_PORT, "no-port")		    /* output to a port that is gone */ \
	R(TOO_BIG, "too-big")		    /* larger than the output device's MTU */ \
	R(LOOP_LIMIT, "loop-limit")	    /* resubmit, recursion or recirculation limit */ \
	R(ACTION_LIMIT, "action-limit")	    /* translation grew over DP_ACTIONS_MAX */ \
	R(STACK_LIMIT, "stack-limit") \
	R(TTL_EXCEEDED, "ttl-exceeded") \
	R(MALFORMED_ETH, "malformed-ethernet") \
	R(MALFORMED_VLAN, "malformed-vlan") \
	R(MALFORMED_IPV4, \
	  "malformed-ipv4") /* this and the next two: what a parser finds; NORMAL passes such packets on */ \
	R(MALFORMED_IPV6, "malformed-ipv6") \
	R(MALFORMED_L4, "malformed-l4") \
	R(UPCALL_QUEUE_FULL, "upcall-queue-full") \
	R(UPCALL_RATE, "upcall-rate") /* more new flows per second than a port may bring */ \
	R(NO_DAEMON, "no-daemon")     /* the kernel had no flow for it, and no daemon ran that could be asked */ \
	R(TX_QUEUE_FULL, "tx-queue-full") \
	R(TX_ERROR, "tx-error") \
	R(RX_TRUNCATED, "rx-truncated") \
	R(NO_BRIDGE, "no-bridge") /* port belongs to no bridge any more */ \
	R(METER, "meter") \
	R(POLICER, "policer") \
	R(STORM, "storm")	    /* more broadcast, multicast or unknown unicast than the port may bring */ \
	R(LOOP_GUARD, "loop-guard") /* a loop was seen behind the port, or it is the frame by which it is seen */ \
	R(NO_TUNNEL_PORT, "no-tunnel-port") /* came out of a tunnel that no port has: key or address */ \
	R(TUNNEL_ECN, "tunnel-ecn")	    /* congestion was met in the tunnel, and the packet cannot say so */ \
	R(NO_ROUTE, "no-route")		    /* to the other end of the tunnel */ \
	R(MALFORMED_TUNNEL, "malformed-tunnel") \
	R(LINK_LOSS, "link-loss") /* by set-link of the port that it came in on, or would go out of */ \
	R(STALE_RECIRC, "stale-recirculation") \
	R(MIRROR_PORT, "mirror-port")	  /* came in on a port that is for what mirrors send alone */ \
	R(NO_CONTROLLER, "no-controller") /* it was for a controller, and none listens */ \
	R(SPOOFED, "spoofed")		  /* a source address that is not behind the port it came in on */ \
	R(NO_MEMORY, "no-memory") \
	R(INTERNAL, "internal")

enum drop_reason {
#define R(ID, NAME) DROP_##ID,
	DROP_REASONS(R)
#undef R
		DROP_N_REASONS
};

#endif
