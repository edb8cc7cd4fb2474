// SPDX-License-Identifier: Apache-2.0
/* Printing datapath actions in Open vSwitch's syntax. */
#include "flow/dp_action.h"

#include "flow/addr_text.h"
#include "flow/odp_text.h"
#include "vsw/dp_bond.h"

static void put_port(uint32_t port, const struct dp_port_names *names, struct ds *out)
{
	const char *name = names && names->name ? names->name(names, port) : NULL;

	if (name)
		ds_printf(out, "%s,", name);
	else
		ds_printf(out, "%u,", port);
}

static void put_push_vlan(const struct dp_push_vlan *push, struct ds *out)
{
	uint16_t tci = be16_to_cpu(push->tag.tci), tpid = be16_to_cpu(push->tag.tpid);

	ds_put(out, "push_vlan(");
	if (tpid != 0x8100)
		ds_printf(out, "tpid=0x%04x,", tpid);
	ds_printf(out, "vid=%d,pcp=%d),", tci & FLOW_VLAN_VID_MASK, tci >> FLOW_VLAN_PCP_SHIFT);
}

static void put_eth(const struct dp_set_eth *set, struct ds *out)
{
	odp_eth(out, "src", set->src, set->src_mask);
	odp_eth(out, "dst", set->dst, set->dst_mask);
}

static void put_ipv4(const struct dp_set_ipv4 *set, struct ds *out)
{
	odp_ipv4(out, "src", set->src, set->src_mask);
	odp_ipv4(out, "dst", set->dst, set->dst_mask);
	odp_hex(out, "tos", set->tos, set->tos_mask, 0xff);
	odp_dec(out, "ttl", set->ttl, set->ttl_mask, 0xff);
}

static void put_ipv6(const struct dp_set_ipv6 *set, struct ds *out)
{
	odp_ipv6(out, "src", set->src, set->src_mask);
	odp_ipv6(out, "dst", set->dst, set->dst_mask);
	odp_hex(out, "label", be32_to_cpu(set->label), be32_to_cpu(set->label_mask) & 0xfffff, 0xfffff);
	odp_hex(out, "tclass", set->tclass, set->tclass_mask, 0xff);
	odp_dec(out, "hlimit", set->hlimit, set->hlimit_mask, 0xff);
}

static void put_tp(const struct dp_set_tp *set, struct ds *out)
{
	odp_dec(out, "src", be16_to_cpu(set->src), be16_to_cpu(set->src_mask), 0xffff);
	odp_dec(out, "dst", be16_to_cpu(set->dst), be16_to_cpu(set->dst_mask), 0xffff);
}

static void put_icmp(const struct dp_set_icmp *set, struct ds *out)
{
	odp_dec(out, "type", set->type, set->type_mask, 0xff);
	odp_dec(out, "code", set->code, set->code_mask, 0xff);
}

static void put_arp(const struct dp_set_arp *set, struct ds *out)
{
	odp_ipv4(out, "sip", set->spa, set->spa_mask);
	odp_ipv4(out, "tip", set->tpa, set->tpa_mask);
	odp_dec(out, "op", be16_to_cpu(set->op), be16_to_cpu(set->op_mask), 0xffff);
	odp_eth(out, "sha", set->sha, set->sha_mask);
	odp_eth(out, "tha", set->tha, set->tha_mask);
}

static void put_nd(const struct dp_set_nd *set, struct ds *out)
{
	odp_ipv6(out, "target", set->target, set->target_mask);
	odp_eth(out, "sll", set->sll, set->sll_mask);
	odp_eth(out, "tll", set->tll, set->tll_mask);
}

static void put_tunnel(const struct dp_set_tunnel *set, struct ds *out)
{
	static const uint8_t zero[16],
		ones[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

	if (set->flags & FLOW_TUN_KEY || set->id)
		ds_printf(out, "tun_id=0x%llx,", (unsigned long long)be64_to_cpu(set->id));
	odp_ipv4(out, "src", set->src, set->src ? BE32_C(0xffffffff) : 0);
	odp_ipv4(out, "dst", set->dst, set->dst ? BE32_C(0xffffffff) : 0);
	odp_ipv6(out, "ipv6_src", set->ipv6_src, __builtin_memcmp(set->ipv6_src, zero, 16) ? ones : zero);
	odp_ipv6(out, "ipv6_dst", set->ipv6_dst, __builtin_memcmp(set->ipv6_dst, zero, 16) ? ones : zero);
	odp_hex(out, "tos", set->tos, set->tos ? 0xff : 0, 0xff);
	odp_dec(out, "ttl", set->ttl, set->ttl ? 0xff : 0, 0xff);
	odp_dec(out, "tp_src", be16_to_cpu(set->tp_src), set->tp_src ? 0xffff : 0, 0xffff);
	odp_dec(out, "tp_dst", be16_to_cpu(set->tp_dst), set->tp_dst ? 0xffff : 0, 0xffff);
	ds_put(out, "flags(");
	flags_put(out, &tun_flag_names, set->flags, '|');
	ds_put_char(out, ')');
}

static const char *tp_name(uint32_t proto)
{
	return proto == 6 ? "tcp" : proto == 17 ? "udp" : "sctp";
}

/* The name of the group that a rewrite prints as, NULL for actions that are none. */
static const char *set_name(const struct dp_action *a)
{
	switch ((enum dp_action_type)a->type) {
	case DP_SET_ETH:
		return "eth";
	case DP_SET_IPV4:
		return "ipv4";
	case DP_SET_IPV6:
		return "ipv6";
	case DP_SET_TP:
		return tp_name(a->arg);
	case DP_SET_ICMP:
		return a->arg == 58 ? "icmpv6" : "icmp";
	case DP_SET_ARP:
		return "arp";
	case DP_SET_ND:
		return "nd";
	case DP_SET_TUNNEL:
		return "tunnel";
	default:
		return NULL;
	}
}

static void put_set(const struct dp_action *a, const char *name, struct ds *out)
{
	size_t set = odp_open(out, "set"), group = odp_open(out, name);

	switch ((enum dp_action_type)a->type) {
	case DP_SET_ETH:
		put_eth((const struct dp_set_eth *)a, out);
		break;
	case DP_SET_IPV4:
		put_ipv4((const struct dp_set_ipv4 *)a, out);
		break;
	case DP_SET_IPV6:
		put_ipv6((const struct dp_set_ipv6 *)a, out);
		break;
	case DP_SET_TP:
		put_tp((const struct dp_set_tp *)a, out);
		break;
	case DP_SET_ICMP:
		put_icmp((const struct dp_set_icmp *)a, out);
		break;
	case DP_SET_ARP:
		put_arp((const struct dp_set_arp *)a, out);
		break;
	case DP_SET_ND:
		put_nd((const struct dp_set_nd *)a, out);
		break;
	default:
		put_tunnel((const struct dp_set_tunnel *)a, out);
	}
	odp_close(out, group);
	odp_close(out, set);
}

static void put_userspace(const struct dp_action *a, struct ds *out)
{
	const char *what;

	switch ((enum dp_userspace_reason)a->arg) {
	case DP_TO_CONTROLLER:
		what = "slow_path(controller)";
		break;
	case DP_TO_SFLOW:
		what = "sFlow";
		break;
	case DP_TO_CAPTURE:
		what = "capture";
		break;
	case DP_TO_SLOW_PATH:
	default:
		what = "slow_path(action)";
	}
	ds_printf(out, "userspace(pid=0,%s),", what);
}

static void put_list(const void *actions, size_t len, const struct dp_port_names *names, struct ds *out);

static void put_nested(const struct dp_action *a, size_t header, const struct dp_port_names *names, struct ds *out)
{
	put_list((const char *)a + header, a->len - header, names, out);
	ds_chomp(out, ',');
}

/* The bucket where it is known already; else it is each packet's. */
static void put_lb_output(uint32_t arg, struct ds *out)
{
	ds_printf(out, "lb_output(%u", dp_lb_output_bond(arg));
	if (arg >> 16)
		ds_printf(out, ",bucket=%u", (arg >> 16) - 1);
	ds_put(out, "),");
}

static void put_action(const struct dp_action *a, const struct dp_port_names *names, struct ds *out)
{
	const char *name = set_name(a);

	if (name) {
		put_set(a, name, out);
		return;
	}
	switch ((enum dp_action_type)a->type) {
	case DP_OUTPUT:
		put_port(a->arg, names, out);
		break;
	case DP_PUSH_VLAN:
		put_push_vlan((const struct dp_push_vlan *)a, out);
		break;
	case DP_POP_VLAN:
		ds_put(out, "pop_vlan,");
		break;
	case DP_SET_MPLS:
		ds_put(out, "set(");
		odp_mpls(out, ((const struct dp_set_mpls *)a)->lse, ((const struct dp_set_mpls *)a)->lse_mask);
		ds_chomp(out, ',');
		ds_put(out, "),");
		break;
	case DP_SET_MARK:
		ds_printf(out, "set(skb_mark(%#x)),", a->arg);
		break;
	case DP_SET_PRIORITY:
		ds_printf(out, "set(skb_priority(%#x)),", a->arg);
		break;
	case DP_RECIRC:
		ds_printf(out, "recirc(%#x),", a->arg);
		break;
	case DP_HASH:
		ds_printf(out, "hash(hash_l4(%u)),", a->arg);
		break;
	case DP_TRUNC:
		ds_printf(out, "trunc(%u),", a->arg);
		break;
	case DP_METER:
		ds_printf(out, "meter(%u),", a->arg);
		break;
	case DP_USERSPACE:
		put_userspace(a, out);
		break;
	case DP_CLONE:
		ds_put(out, "clone(");
		put_nested(a, sizeof *a, names, out);
		ds_put(out, "),");
		break;
	case DP_SAMPLE:
		ds_printf(out, "sample(sample=%.1f%%,actions(", a->arg / 4294967295.0 * 100);
		put_nested(a, sizeof(struct dp_sample), names, out);
		ds_put(out, ")),");
		break;
	case DP_DROP:
		ds_put(out, "drop,");
		break;
	case DP_LB_OUTPUT:
		put_lb_output(a->arg, out);
		break;
	default:
		ds_printf(out, "unknown(%u),", a->type);
	}
}

static void put_list(const void *actions, size_t len, const struct dp_port_names *names, struct ds *out)
{
	const struct dp_action *a;
	size_t left;

	if (!len)
		ds_put(out, "drop");
	DP_ACTION_FOR_EACH(a, left, actions, len)
		put_action(a, names, out);
}

void dp_actions_format(const void *actions, size_t len, const struct dp_port_names *names, struct ds *out)
{
	put_list(actions, len, names, out);
	ds_chomp(out, ',');
}
