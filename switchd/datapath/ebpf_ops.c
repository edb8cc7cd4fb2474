// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ebpf_ops.h"

#include <string.h>

#include "base/util.h"
#include "packet/packet.h"
#include "vsw/dp_action.h"

/* Where fields lie in their headers: RFC 791, 8200, 826. */
enum {
	IPV4_TOS = 0, /* second byte of this word */
	IPV4_TTL = 8, /* first byte of it */
	IPV4_SRC = 12,
	IPV4_DST = 16,
	IPV6_FIRST = 0,
	IPV6_HLIMIT = 6, /* second byte of this word */
	IPV6_SRC = 8,
	IPV6_DST = 24,
	ARP_OP = 6,
	ARP_SHA = 8,
	ARP_SPA = 14,
	ARP_THA = 18,
	ARP_TPA = 24,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

/* The list under construction; longer than it may be once it is cut off. */
struct compiler {
	struct ebpf_ops *ops;
	uint32_t n;
};

static void put(struct compiler *c, struct bpf_op op)
{
	if (c->n < BPF_N_OPS)
		c->ops->ops[c->n] = op;
	c->n++;
}

static void put_value(struct compiler *c, enum bpf_op_code code, uint32_t value)
{
	put(c, (struct bpf_op){.code = (uint8_t)code, .value = value, .mask = UINT32_MAX});
}

/* Masked bytes at @off, in words: 4 bytes each, and 2 for what is left. @n is even. */
static void put_bytes(struct compiler *c, enum bpf_base base, int csum, unsigned int off, const void *value,
		      const void *mask, size_t n)
{
	const uint8_t *v = value, *m = mask;

	for (size_t at = 0; at < n;) {
		struct bpf_op op = {
			.code = BPF_OP_REWRITE,
			.base = (uint8_t)base,
			.len = n - at >= 4 ? 4 : 2,
			.csum = (uint8_t)csum,
			.off = (uint16_t)(off + at),
		};

		memcpy(&op.value, v + at, op.len);
		memcpy(&op.mask, m + at, op.len);
		if (op.mask)
			put(c, op);
		at += op.len;
	}
}

static void set_eth(struct compiler *c, const struct dp_set_eth *set)
{
	uint8_t value[12], mask[12];

	memcpy(value, set->dst, 6);
	memcpy(value + 6, set->src, 6);
	memcpy(mask, set->dst_mask, 6);
	memcpy(mask + 6, set->src_mask, 6);
	put_bytes(c, BPF_BASE_ETH, 0, 0, value, mask, sizeof value);
}

static void set_ipv4(struct compiler *c, const struct dp_set_ipv4 *set)
{
	const int addr = BPF_CSUM_IP | BPF_CSUM_L4 | BPF_CSUM_PSEUDO;

	put_bytes(c, BPF_BASE_IPV4, addr, IPV4_SRC, &set->src, &set->src_mask, 4);
	put_bytes(c, BPF_BASE_IPV4, addr, IPV4_DST, &set->dst, &set->dst_mask, 4);
	put_bytes(c, BPF_BASE_IPV4, BPF_CSUM_IP, IPV4_TOS, (uint8_t[]){0, set->tos}, (uint8_t[]){0, set->tos_mask}, 2);
	put_bytes(c, BPF_BASE_IPV4, BPF_CSUM_IP, IPV4_TTL, (uint8_t[]){set->ttl, 0}, (uint8_t[]){set->ttl_mask, 0}, 2);
}

static void set_ipv6(struct compiler *c, const struct dp_set_ipv6 *set)
{
	const int addr = BPF_CSUM_L4 | BPF_CSUM_PSEUDO;
	be32 first = (set->label & BE32_C(0xfffff)) | cpu_to_be32((uint32_t)set->tclass << 20);
	be32 first_mask = (set->label_mask & BE32_C(0xfffff)) | cpu_to_be32((uint32_t)set->tclass_mask << 20);

	put_bytes(c, BPF_BASE_IPV6, addr, IPV6_SRC, set->src, set->src_mask, 16);
	put_bytes(c, BPF_BASE_IPV6, addr, IPV6_DST, set->dst, set->dst_mask, 16);
	put_bytes(c, BPF_BASE_IPV6, 0, IPV6_FIRST, &first, &first_mask, 4);
	put_bytes(c, BPF_BASE_IPV6, 0, IPV6_HLIMIT, (uint8_t[]){0, set->hlimit}, (uint8_t[]){0, set->hlimit_mask}, 2);
}

static void set_arp(struct compiler *c, const struct dp_set_arp *set)
{
	put_bytes(c, BPF_BASE_ARP, 0, ARP_OP, &set->op, &set->op_mask, 2);
	put_bytes(c, BPF_BASE_ARP, 0, ARP_SPA, &set->spa, &set->spa_mask, 4);
	put_bytes(c, BPF_BASE_ARP, 0, ARP_TPA, &set->tpa, &set->tpa_mask, 4);
	put_bytes(c, BPF_BASE_ARP, 0, ARP_SHA, set->sha, set->sha_mask, 6);
	put_bytes(c, BPF_BASE_ARP, 0, ARP_THA, set->tha, set->tha_mask, 6);
}

/* SCTP's checksum is a CRC over everything: not done in the kernel. */
static enum ebpf_why set_tp(struct compiler *c, const struct dp_set_tp *set)
{
	if (set->h.arg != PROTO_TCP && set->h.arg != PROTO_UDP)
		return EBPF_WHY_SCTP;
	put_bytes(c, BPF_BASE_PORTS, BPF_CSUM_L4, 0, &set->src, &set->src_mask, 4);
	return EBPF_WHY_NONE;
}

static void set_icmp(struct compiler *c, const struct dp_set_icmp *set)
{
	put_bytes(c, BPF_BASE_ICMP, BPF_CSUM_L4, 0, &set->type, &set->type_mask, 2);
}

static void push_vlan(struct compiler *c, const struct dp_push_vlan *push)
{
	uint32_t tci = be16_to_cpu(push->tag.tci) & ~(uint32_t)FLOW_VLAN_PRESENT;

	put_value(c, BPF_OP_PUSH_VLAN, (uint32_t)be16_to_cpu(push->tag.tpid) << 16 | tci);
}

_Static_assert(offsetof(struct dp_set_tp, dst) == offsetof(struct dp_set_tp, src) + 2, "both ports are one word");
_Static_assert(offsetof(struct dp_set_tp, dst_mask) == offsetof(struct dp_set_tp, src_mask) + 2, "and so the masks");
_Static_assert(offsetof(struct dp_set_icmp, code) == offsetof(struct dp_set_icmp, type) + 1, "type and code, too");

/* What is put in front of a frame. */
static unsigned int room_of(const struct packet_tunnel *set)
{
	unsigned int ip = set->dst ? 20 : 40;

	if (set->tp_dst)
		return ip + 8 + 8;
	return ip + 4 + (set->flags & FLOW_TUN_CSUM ? 4 : 0) + (set->flags & FLOW_TUN_KEY ? 4 : 0);
}

void ebpf_tunnel_compile(struct bpf_tunnel *t, const struct packet_tunnel *set)
{
	bool ipv6 = !set->dst, is_udp = set->tp_dst;
	/* In IPv6 a UDP checksum is the rule (RFC 8200 8.1); Open vSwitch sends one, too. */
	bool csum = set->flags & FLOW_TUN_CSUM || (ipv6 && is_udp);
	uint32_t flags = (ipv6 ? BPF_TUNNEL_IPV6 : 0) | (csum ? BPF_TUNNEL_CSUM : 0) |
			 (set->flags & FLOW_TUN_DF ? BPF_TUNNEL_DF : 0) |
			 (set->flags & FLOW_TUN_KEY || is_udp ? 0 : BPF_TUNNEL_NO_KEY);

	*t = (struct bpf_tunnel){
		.op = {.code = BPF_OP_TUNNEL,
		       .room = (uint16_t)room_of(set),
		       .value = (uint32_t)be64_to_cpu(set->id),
		       .mask = flags | (uint32_t)set->tos << 8 | set->ttl},
	};
	memcpy(t->remote.addr, ipv6 ? set->ipv6_dst : (const uint8_t *)&set->dst, ipv6 ? 16 : 4);
	memcpy(t->local.addr, ipv6 ? set->ipv6_src : (const uint8_t *)&set->src, ipv6 ? 16 : 4);
}

/* A tunnel key of more than 32 bits is none that the kernel could send. */
static enum ebpf_why set_tunnel(struct compiler *c, const struct dp_set_tunnel *set)
{
	struct packet_tunnel tunnel;
	struct bpf_tunnel t;
	struct bpf_op addr;

	memcpy(&tunnel, &set->id, sizeof tunnel);
	ebpf_tunnel_compile(&t, &tunnel);
	put(c, t.op);
	memcpy(&addr, &t.remote, sizeof addr);
	put(c, addr);
	memcpy(&addr, &t.local, sizeof addr);
	put(c, addr);
	return EBPF_WHY_NONE;
}

/* Return: EBPF_WHY_NONE, or what the program lacks. */
static enum ebpf_why compile(struct compiler *c, const struct dp_action *a)
{
	const void *arg = a;

	switch ((enum dp_action_type)a->type) {
	case DP_OUTPUT:
		put_value(c, BPF_OP_OUTPUT, a->arg);
		break;
	case DP_PUSH_VLAN:
		push_vlan(c, arg);
		break;
	case DP_POP_VLAN:
		put_value(c, BPF_OP_POP_VLAN, 0);
		break;
	case DP_SET_ETH:
		set_eth(c, arg);
		break;
	case DP_SET_IPV4:
		set_ipv4(c, arg);
		break;
	case DP_SET_IPV6:
		set_ipv6(c, arg);
		break;
	case DP_SET_ARP:
		set_arp(c, arg);
		break;
	case DP_SET_TP:
		return set_tp(c, arg);
	case DP_SET_ICMP:
		set_icmp(c, arg);
		break;
	case DP_SET_MARK:
		put_value(c, BPF_OP_MARK, a->arg);
		break;
	case DP_LB_OUTPUT:
		put_value(c, BPF_OP_LB_OUTPUT, a->arg);
		break;
	case DP_METER:
		put_value(c, BPF_OP_METER, a->arg);
		break;
	case DP_SET_PRIORITY:
		put_value(c, BPF_OP_PRIORITY, a->arg);
		break;
	case DP_DROP:
		put_value(c, BPF_OP_DROP, a->arg < DROP_N_REASONS ? a->arg : DROP_INTERNAL);
		break;
	case DP_SET_ND:
		return EBPF_WHY_ND;
	case DP_SET_MPLS:
		return EBPF_WHY_MPLS;
	case DP_SET_TUNNEL:
		return set_tunnel(c, arg);
	case DP_RECIRC:
		return EBPF_WHY_RECIRC;
	case DP_HASH:
		return EBPF_WHY_HASH;
	case DP_TRUNC:
		return EBPF_WHY_TRUNC;
	case DP_CLONE:
		return EBPF_WHY_CLONE;
	case DP_SAMPLE:
		return EBPF_WHY_SAMPLE;
	case DP_USERSPACE:
	case DP_N_TYPES:
		return a->arg == DP_TO_SLOW_PATH ? EBPF_WHY_SLOW_PATH : EBPF_WHY_COPY;
	}
	return EBPF_WHY_NONE;
}

void ebpf_ops_compile(struct ebpf_ops *ops, const void *actions, size_t len)
{
	struct compiler c = {.ops = ops};
	const struct dp_action *a;
	size_t left;

	ops->out = 0;
	ops->why = EBPF_WHY_NONE;
	DP_ACTION_FOR_EACH(a, left, actions, len) {
		ops->why = compile(&c, a);
		if (ops->why)
			break;
	}
	if (c.n > BPF_N_OPS && !ops->why)
		ops->why = EBPF_WHY_TOO_LONG;
	ops->n = ops->why ? 0 : c.n;
	if (ops->n == 1 && ops->ops[0].code == BPF_OP_OUTPUT)
		ops->out = ops->ops[0].value + 1;
}

const char *ebpf_why_name(enum ebpf_why why)
{
	static const char *const names[] = {
#define W(ID, NAME) NAME,
		EBPF_WHYS(W)
#undef W
	};

	return why < EBPF_N_WHYS ? names[why] : "?";
}
