// SPDX-License-Identifier: Apache-2.0
#include "switchd/pipeline/vlan.h"

#include <string.h>

#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"

#define TPID_8021Q 0x8100

/* That some of @bits is not zero is known from any one of them that is 1; that all are zero, from all. */
static void mask_whether_zero(struct xlate_ctx *ctx, int i, uint16_t bits)
{
	uint16_t set = be16_to_cpu(ctx->flow.p.vlan[i].tci) & bits;

	ctx->wc.p.vlan[i].tci |= cpu_to_be16(set ? (uint16_t)(set & -set) : bits);
}

void vlan_extract(struct xlate_ctx *ctx, struct vlan_stack *wire)
{
	const struct vlan_key *vlan = ctx->flow.p.vlan;

	memset(wire, 0, sizeof *wire);
	ctx->wc.p.vlan[0].tci |= BE16_C(FLOW_VLAN_VID_MASK | FLOW_VLAN_PRESENT);
	for (int i = 0; i < FLOW_MAX_VLANS; i++) {
		uint16_t tci = be16_to_cpu(vlan[i].tci);

		ctx->wc.p.vlan[i].tci |= BE16_C(FLOW_VLAN_PRESENT);
		if (!xlate_has_vlan(&vlan[i]))
			return;
		mask_whether_zero(ctx, i, FLOW_VLAN_VID_MASK | FLOW_VLAN_PCP_MASK);
		wire->tag[i].tpid = be16_to_cpu(vlan[i].tpid);
		wire->tag[i].vid = tci & FLOW_VLAN_VID_MASK;
		wire->tag[i].pcp = tci & FLOW_VLAN_PCP_MASK;
	}
}

/* Of the modes that have one. */
static uint16_t own_vlan(const struct port *port)
{
	return port->tag < 0 ? 0 : (uint16_t)port->tag;
}

/* A port with a native VLAN carries that whatever its list says, and never VLAN 0, which would be a second untagged one. */
static bool trunks(const struct port *port, uint16_t vid)
{
	uint16_t native = port->vlan_mode == VLAN_TRUNK ? 0 : own_vlan(port);

	if (native && (vid == native || !vid))
		return vid == native;
	return vlan_bitmap_has(port->trunks, vid);
}

static bool refuse(struct xlate_ctx *ctx, const char *fmt, uint16_t vid, const struct port *port)
{
	if (ctx->in->trace)
		xlate_report__(ctx, XLATE_EV_ERROR, fmt, vid, port->name, port->tag);
	xlate_warn(ctx, "disallowed VLAN VID for this input port, dropping");
	xlate_hint(ctx, DROP_VLAN_NOT_ALLOWED);
	return false;
}

bool vlan_may_enter(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *wire)
{
	static const char access[] =
		"dropping VLAN %u tagged packet received on port %s configured as VLAN %d access port";
	static const char trunk[] = "dropping VLAN %u packet received on port %s not configured for trunking it";
	static const char tunnel[] = "dropping VLAN %u packet received on dot1q-tunnel port %s that excludes this VLAN";
	uint16_t vid = wire->tag[0].vid;

	switch (port->vlan_mode) {
	case VLAN_ACCESS:
		return !vid || refuse(ctx, access, vid, port);
	case VLAN_NATIVE_TAGGED:
	case VLAN_NATIVE_UNTAGGED:
		return !vid || trunks(port, vid) || refuse(ctx, trunk, vid, port);
	case VLAN_TRUNK:
		return trunks(port, vid) || refuse(ctx, trunk, vid, port);
	case VLAN_DOT1Q_TUNNEL:
		return vlan_bitmap_has(port->cvlans, vid) || refuse(ctx, tunnel, vid, port);
	}
	return false;
}

/* The port's own VLAN, with the priority that the packet has. */
static void set_native(const struct port *port, const struct vlan_stack *wire, struct vlan_stack *inside)
{
	inside->tag[0].tpid = wire->tag[0].tpid ? wire->tag[0].tpid : TPID_8021Q;
	inside->tag[0].vid = own_vlan(port);
	inside->tag[0].pcp = wire->tag[0].pcp;
}

void vlan_ingress(const struct port *port, const struct vlan_stack *wire, struct vlan_stack *inside)
{
	memset(inside, 0, sizeof *inside);
	switch (port->vlan_mode) {
	case VLAN_ACCESS:
		set_native(port, wire, inside);
		break;
	case VLAN_NATIVE_TAGGED:
	case VLAN_NATIVE_UNTAGGED:
		*inside = *wire;
		if (!wire->tag[0].vid)
			set_native(port, wire, inside);
		break;
	case VLAN_TRUNK:
		*inside = *wire;
		break;
	case VLAN_DOT1Q_TUNNEL:
		memcpy(&inside->tag[1], &wire->tag[0], sizeof inside->tag - sizeof inside->tag[0]);
		inside->tag[0].tpid = port->qinq_ethtype;
		inside->tag[0].vid = own_vlan(port);
		break;
	}
}

/* The customer's VLAN, which is a tag of the packet or one that the ingress port moved inwards. */
static uint16_t inner_vid(struct xlate_ctx *ctx, const struct vlan_stack *inside)
{
	if (inside->tag[1].tpid)
		ctx->wc.p.vlan[1].tci |= BE16_C(FLOW_VLAN_VID_MASK);
	return inside->tag[1].vid;
}

bool vlan_carries(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *inside)
{
	uint16_t vid = inside->tag[0].vid;

	switch (port->vlan_mode) {
	case VLAN_ACCESS:
		return vid == own_vlan(port) && !inner_vid(ctx, inside);
	case VLAN_TRUNK:
	case VLAN_NATIVE_TAGGED:
	case VLAN_NATIVE_UNTAGGED:
		return trunks(port, vid);
	case VLAN_DOT1Q_TUNNEL:
		return vid == own_vlan(port) && vlan_bitmap_has(port->cvlans, inner_vid(ctx, inside));
	}
	return false;
}

static void pop(struct vlan_stack *stack)
{
	memmove(&stack->tag[0], &stack->tag[1], sizeof stack->tag - sizeof stack->tag[0]);
	memset(&stack->tag[FLOW_MAX_VLANS - 1], 0, sizeof stack->tag[0]);
}

static void to_wire(const struct port *port, const struct vlan_stack *inside, struct vlan_stack *wire)
{
	*wire = *inside;
	switch (port->vlan_mode) {
	case VLAN_ACCESS:
		memset(wire, 0, sizeof *wire);
		break;
	case VLAN_NATIVE_UNTAGGED:
		if (inside->tag[0].vid == own_vlan(port))
			pop(wire);
		break;
	case VLAN_DOT1Q_TUNNEL:
		pop(wire);
		break;
	case VLAN_TRUNK:
	case VLAN_NATIVE_TAGGED:
		break;
	}
}

/*
 * A tag that says nothing, VID 0 and priority 0, is left off, but for ports that always take one where the packet had one.
 * As in Open vSwitch, `always` and `if-nonzero` also give an untagged egress the packet's own priority.
 */
void vlan_egress(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *inside)
{
	struct vlan_key *vlan = ctx->flow.p.vlan;
	struct vlan_stack wire;

	to_wire(port, inside, &wire);
	if (port->priority_tags != PRIORITY_TAGS_NEVER)
		wire.tag[0].pcp = be16_to_cpu(vlan[0].tci) & FLOW_VLAN_PCP_MASK;
	for (int i = 0; i < FLOW_MAX_VLANS; i++) {
		uint16_t tci = wire.tag[i].vid | wire.tag[i].pcp, tpid = wire.tag[i].tpid;

		if (tci || (port->priority_tags == PRIORITY_TAGS_ALWAYS && tpid)) {
			vlan[i].tpid = cpu_to_be16(tpid ? tpid : TPID_8021Q);
			vlan[i].tci = cpu_to_be16(tci | FLOW_VLAN_PRESENT);
		} else {
			memset(&vlan[i], 0, sizeof vlan[i]);
		}
	}
}
