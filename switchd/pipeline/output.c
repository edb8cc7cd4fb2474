// SPDX-License-Identifier: Apache-2.0
/*
 * Out of the bridge: to a port, to many, to the bridge at the other end of a patch, to the controller.
 *
 * Link and administrative state play no part here, as in Open vSwitch: a device that is down drops what it is given, and counts it.
 */
#include <string.h>

#include "flow/ofact.h"
#include "flow/port_names.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate_ctx.h"

/* IEEE 802.1D BPDUs: LLC frames to the bridge group address. */
static bool is_bpdu(struct xlate_ctx *ctx)
{
	static const uint8_t bridge_group[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x00};

	if (ctx->flow.p.eth_type != BE16_C(FLOW_ETH_TYPE_NONE))
		return false;
	XLATE_MASK_ALL(ctx, eth_dst);
	return !memcmp(ctx->flow.p.eth_dst, bridge_group, sizeof bridge_group);
}

bool xlate_may_receive(struct xlate_ctx *ctx, const struct iface *iface)
{
	uint32_t both = OFPPC_NO_RECV | OFPPC_NO_RECV_STP, set = iface->config & both;

	if (xlate_is_blocked(ctx, iface))
		return false;
	if (!set || (set != both && !(set & (is_bpdu(ctx) ? OFPPC_NO_RECV_STP : OFPPC_NO_RECV))))
		return true;
	xlate_warn(ctx, "port %s does not receive (no-receive), dropping", iface->name);
	xlate_hint(ctx, DROP_PORT_NO_RECV);
	return false;
}

static const struct iface *input_iface(const struct xlate_ctx *ctx)
{
	return bridge_iface_by_ofp(ctx->br, (uint16_t)ctx->flow.p.in_port);
}

static bool are_protected(const struct xlate_ctx *ctx, const struct iface *out)
{
	const struct iface *in = out->port->is_protected ? input_iface(ctx) : NULL;

	return in && in->port->is_protected;
}

static bool may_output(struct xlate_ctx *ctx, const struct iface *out)
{
	enum drop_reason reason = DROP_NONE;

	if (!out) {
		xlate_warn(ctx, "Nonexistent output port");
		reason = DROP_NO_PORT;
	} else if (out->config & OFPPC_NO_FWD) {
		xlate_detail(ctx, "OFPPC_NO_FWD set, skipping output");
		reason = DROP_PORT_NO_FORWARD;
	} else if (are_protected(ctx, out)) {
		xlate_warn(ctx, "Flow is between protected ports, skipping output.");
		reason = DROP_PROTECTED_PORT;
	} else if (xlate_is_blocked(ctx, out)) {
		return false;
	}
	if (reason)
		xlate_hint(ctx, reason);
	return !reason;
}

/* ---- patch ports ---- */

/*
 * In the peer bridge the packet begins anew: no registers, no metadata, an action set and a stack of its own. What happens there,
 * errors and `exit` included, ends there, except that what it sent has been sent.
 */
static void enter_peer(struct xlate_ctx *ctx, const struct iface *peer)
{
	struct xlate_scope scope;

	xlate_scope_begin(ctx, &scope, false);
	ctx->flow.p.in_port = peer->ofp_port;
	ctx->flow.metadata = 0;
	memset(ctx->flow.regs, 0, sizeof ctx->flow.regs);
	ctx->flow.actset_output = OFPP_UNSET;
	ctx->br = peer->bridge;
	ctx->version = tables_version(ctx->br->tables);
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_BRIDGE, .bridge = ctx->br});
	if (xlate_may_receive(ctx, peer) && !xlate_is_mirror_port(ctx, peer->port)) {
		xlate_mirror_in(ctx, peer);
		xlate_enter_peer(ctx);
	}
	xlate_event_end(ctx);
	xlate_scope_end(ctx, &scope);
}

static void output_patch(struct xlate_ctx *ctx, const struct iface *out)
{
	struct flow_key saved_flow = ctx->flow;
	struct bridge *saved_br = ctx->br;
	const struct rule *saved_rule = ctx->rule;
	uint8_t saved_table = ctx->table;
	uint64_t saved_version = ctx->version;
	mirror_mask saved_mirrors = ctx->mirrors;

	if (!xlate_add_credit(ctx,
			      &(struct xlate_credit){.kind = XLATE_CREDIT_PATCH, .br = ctx->br, .port = out->ofp_port}))
		return;
	ctx->rule = NULL;
	ctx->mirrors = 0;
	enter_peer(ctx, out->peer);
	ctx->flow = saved_flow;
	ctx->br = saved_br;
	ctx->rule = saved_rule;
	ctx->table = saved_table;
	ctx->version = saved_version;
	ctx->mirrors = saved_mirrors;
	if (ctx->error)
		ctx->hint = ctx->error;
	ctx->error = DROP_NONE;
	ctx->exit = false;
}

/* ---- one port ---- */

/* @max_len: 0: all of the packet. DP_TRUNC is about the output behind it: none is put down unless there is one. */
static void output_device(struct xlate_ctx *ctx, const struct iface *iface, uint32_t max_len)
{
	if (iface->dp_port == DP_PORT_NONE) {
		xlate_warn(ctx, "port %s has no %s", iface->name, iface->type == IFACE_PATCH ? "peer" : "device");
		xlate_hint(ctx, DROP_NO_PORT);
	} else if (iface_is_tunnel(iface)) {
		xlate_tunnel_output(ctx, iface, max_len);
	} else {
		if (max_len)
			dp_actions_put_u32(&ctx->out->actions, DP_TRUNC, max_len);
		xlate_commit(ctx);
		dp_actions_put_u32(&ctx->out->actions, DP_OUTPUT, iface->dp_port);
	}
}

void xlate_output_iface(struct xlate_ctx *ctx, struct iface *iface)
{
	uint32_t max_len = ctx->snaplen;

	if (!may_output(ctx, iface))
		return;
	ctx->snaplen = 0;
	xlate_mirror_out(ctx, iface);
	ctx->snaplen = max_len;
	if (ctx->error)
		return;
	if (!iface->peer)
		output_device(ctx, iface, max_len);
	else if (max_len)
		xlate_error(ctx, "a mirror's copy to patch port %s cannot be truncated", iface->name);
	else
		output_patch(ctx, iface);
}

/* For a trace: who it would be now. The datapath asks again for each packet, and hashes what the packet was when it came in. */
static void explain_member(struct xlate_ctx *ctx, const struct bond_port *bond, uint32_t arg)
{
	static const char *const by[] = {
		[BOND_ACTIVE_BACKUP] = "the active member",
		[BOND_BALANCE_SLB] = "by source address and VLAN",
		[BOND_BALANCE_TCP] = "by addresses and ports",
	};
	unsigned int bucket = bond_output_bucket(bond, arg, ctx->in->key);
	const char *member = bond_member_of_bucket(bond, bucket);

	if (!member)
		xlate_warn(ctx, "bond %s has no member that can send, dropping", bond->name);
	else if (bond->xlate.mode == BOND_ACTIVE_BACKUP)
		xlate_detail(ctx, "bond %s: member %s, %s", bond->name, member, by[bond->xlate.mode]);
	else
		xlate_detail(ctx, "bond %s: member %s, which has bucket %u (%s)", bond->name, member, bucket,
			     by[bond->xlate.mode]);
}

void xlate_output_bond(struct xlate_ctx *ctx, const struct port *port, uint16_t vlan)
{
	const struct iface *first = cds_list_first_entry(&port->ifaces, struct iface, port_node);
	uint32_t max_len = ctx->snaplen, arg;
	bool uses_source;

	if (!may_output(ctx, first))
		return;
	ctx->snaplen = 0;
	xlate_mirror_out(ctx, first);
	ctx->snaplen = max_len;
	if (ctx->error)
		return;
	arg = bond_output_arg(port->bond, &ctx->flow.p, vlan, &uses_source);
	if (uses_source)
		XLATE_MASK_ALL(ctx, eth_src);
	if (ctx->in->trace)
		explain_member(ctx, port->bond, arg);
	if (max_len)
		dp_actions_put_u32(&ctx->out->actions, DP_TRUNC, max_len);
	xlate_commit(ctx);
	dp_actions_put_u32(&ctx->out->actions, DP_LB_OUTPUT, arg);
}

static void output_truncated(struct xlate_ctx *ctx, const struct iface *iface, uint32_t max_len)
{
	if (!may_output(ctx, iface))
		return;
	if (iface->type == IFACE_PATCH) {
		xlate_error(ctx, "output to patch port %s cannot be truncated", iface->name);
		xlate_hint(ctx, DROP_NO_PORT);
		return;
	}
	xlate_mirror_out(ctx, iface);
	if (!ctx->error)
		output_device(ctx, iface, max_len);
}

/* A bond is one port: one copy, and none where the packet came from. */
static void flood_bond(struct xlate_ctx *ctx, const struct port *port, bool all)
{
	uint16_t tci = be16_to_cpu(ctx->flow.p.vlan[0].tci);
	const struct iface *iface;

	cds_list_for_each_entry(iface, &port->ifaces, port_node)
		if (iface->ofp_port == ctx->flow.p.in_port || (!all && iface->config & OFPPC_NO_FLOOD))
			return;
	if (port->bond->xlate.mode == BOND_BALANCE_SLB)
		ctx->wc.p.vlan[0].tci |= BE16_C(FLOW_VLAN_VID_MASK | FLOW_VLAN_PRESENT);
	xlate_output_bond(ctx, port, tci & FLOW_VLAN_PRESENT ? tci & FLOW_VLAN_VID_MASK : 0);
}

static void flood(struct xlate_ctx *ctx, bool all)
{
	uint32_t in_port = ctx->flow.p.in_port;
	struct iface *iface;
	struct port *port;

	cds_list_for_each_entry(port, &ctx->br->ports, bridge_node) {
		if (port->bond) {
			flood_bond(ctx, port, all);
			continue;
		}
		cds_list_for_each_entry(iface, &port->ifaces, port_node)
			if (iface->ofp_port != in_port && (all || !(iface->config & OFPPC_NO_FLOOD)))
				xlate_output_iface(ctx, iface);
	}
}

static bool is_same_port(struct xlate_ctx *ctx, uint32_t port)
{
	if (port != ctx->flow.p.in_port)
		return false;
	xlate_warn(ctx, "skipping output to input port");
	xlate_hint(ctx, DROP_SAME_PORT);
	return true;
}

static void output_ordinary(struct xlate_ctx *ctx, uint32_t port)
{
	if (!is_same_port(ctx, port))
		xlate_output_iface(ctx, bridge_iface_by_ofp(ctx->br, (uint16_t)port));
}

void xlate_output_truncated(struct xlate_ctx *ctx, uint32_t port, uint32_t max_len)
{
	if (port == OFPP_IN_PORT)
		port = ctx->flow.p.in_port;
	else if (is_same_port(ctx, port))
		return;
	output_truncated(ctx, bridge_iface_by_ofp(ctx->br, (uint16_t)port), max_len);
}

void xlate_output(struct xlate_ctx *ctx, uint32_t port, uint16_t max_len)
{
	switch (port) {
	case OFPP_IN_PORT:
		xlate_output_iface(ctx, bridge_iface_by_ofp(ctx->br, (uint16_t)ctx->flow.p.in_port));
		break;
	case OFPP_TABLE:
		xlate_table(ctx, (uint16_t)ctx->flow.p.in_port, 0);
		break;
	case OFPP_NORMAL:
		xlate_normal(ctx);
		break;
	case OFPP_FLOOD:
		flood(ctx, false);
		break;
	case OFPP_ALL:
		flood(ctx, true);
		break;
	case OFPP_CONTROLLER:
		xlate_controller(ctx, ctx->in_action_set ? XLATE_IN_ACTION_SET : XLATE_IN_ACTION, max_len);
		break;
	case OFPP_NONE:
		break;
	default:
		output_ordinary(ctx, port);
		break;
	}
}

void xlate_controller(struct xlate_ctx *ctx, enum xlate_packet_in_reason reason, uint16_t max_len)
{
	struct dp_userspace *up;

	xlate_commit(ctx);
	up = dp_actions_put(&ctx->out->actions, DP_USERSPACE, sizeof *up);
	up->h.arg = DP_TO_CONTROLLER;
	up->cookie = xlate_controller_cookie((uint8_t)reason, ctx->table, max_len);
}
