// SPDX-License-Identifier: Apache-2.0
/*
 * Copies for mirrors (switchd/mirror.h).
 *
 * A packet is looked at where it enters a bridge, before the tables, and at each output, with the tags that it has there. The VLAN that
 * mirrors choose by is the one that the port makes of these: that of the inside.
 *
 * Never twice. ctx->mirrors has the mirrors to whose place a copy of this packet went in this bridge; it is set before the copy is output, so
 * that neither the copy itself nor what follows is mirrored there again. Never back: not out of the port that the packet came in on,
 * and not what comes in on an output port, which NORMAL drops.
 */
#include <string.h>

#include "switchd/bridge.h"
#include "switchd/mirror.h"
#include "switchd/pipeline/vlan.h"
#include "switchd/pipeline/xlate_ctx.h"

static const struct port *input_port(const struct xlate_ctx *ctx)
{
	const struct iface *in = bridge_iface_by_ofp(ctx->br, (uint16_t)ctx->flow.p.in_port);

	return in ? in->port : NULL;
}

/* RSPAN: out of every port that carries the VLAN, as a packet of that VLAN. */
static void flood_vlan(struct xlate_ctx *ctx, uint16_t vlan, const struct vlan_stack *inside)
{
	const struct port *in = input_port(ctx);
	struct vlan_stack copy = *inside;
	struct port *port;

	XLATE_MASK_ALL(ctx, eth_dst);
	if (copy.tag[0].vid == vlan || xlate_is_reserved_mac__(ctx->flow.p.eth_dst))
		return;
	copy.tag[0].vid = vlan;
	cds_list_for_each_entry(port, &ctx->br->ports, bridge_node)
		if (port != in && !port->mirror_out && vlan_carries(ctx, port, &copy))
			xlate_output_port__(ctx, port, &copy);
}

static void copy_to(struct xlate_ctx *ctx, const struct mirror *m, const struct vlan_stack *inside)
{
	ctx->snaplen = m->snaplen;
	if (!m->out)
		flood_vlan(ctx, m->out_vlan, inside);
	else if (m->out != input_port(ctx))
		xlate_output_port__(ctx, m->out, inside);
	ctx->snaplen = 0;
}

static bool chooses(const struct mirror *m, const struct vlan_stack *inside)
{
	return (m->out || m->out_vlan) && vlan_bitmap_has(m->vlans, inside->tag[0].vid);
}

static void mirror(struct xlate_ctx *ctx, mirror_mask candidates, const struct vlan_stack *inside)
{
	const struct mirrors *all = ctx->br->mirrors;

	for (size_t i = 0; i < all->n; i++) {
		const struct mirror *m = &all->list[i];
		mirror_mask bit = (mirror_mask)1 << i;

		if (!(candidates & ~ctx->mirrors & bit) || !chooses(m, inside))
			continue;
		ctx->mirrors |= m->same_place;
		if (!xlate_add_credit(ctx, &(struct xlate_credit){
						   .kind = XLATE_CREDIT_MIRROR, .br = ctx->br, .serial = m->serial}))
			return;
		xlate_detail(ctx, "mirror %s copies it", m->name);
		copy_to(ctx, m, inside);
	}
}

/*
 * @port: where the packet is. A tag that the port does not take keeps a packet from mirrors, too. What becomes of copies is not
 * what becomes of the packet: neither are they why it is dropped.
 */
static void mirror_at(struct xlate_ctx *ctx, const struct port *port, mirror_mask candidates)
{
	struct bridge *drop_bridge = ctx->out->drop_bridge;
	const struct rule *drop_rule = ctx->out->drop_rule;
	uint8_t drop_table = ctx->out->drop_table;
	enum drop_reason hint = ctx->hint;
	struct vlan_stack wire, inside;

	candidates &= ~ctx->mirrors;
	if (!candidates)
		return;
	vlan_extract(ctx, &wire);
	if (vlan_may_enter(ctx, port, &wire)) {
		vlan_ingress(port, &wire, &inside);
		mirror(ctx, candidates, &inside);
	}
	if (ctx->error)
		return;
	ctx->hint = hint;
	ctx->out->drop_bridge = drop_bridge;
	ctx->out->drop_rule = drop_rule;
	ctx->out->drop_table = drop_table;
}

void xlate_mirror_in(struct xlate_ctx *ctx, const struct iface *in)
{
	if (ctx->br->mirrors)
		mirror_at(ctx, in->port, in->port->mirror_src | ctx->br->mirrors->all);
}

void xlate_mirror_out(struct xlate_ctx *ctx, const struct iface *out)
{
	if (ctx->br->mirrors)
		mirror_at(ctx, out->port, out->port->mirror_dst | ctx->br->mirrors->all);
}

bool xlate_is_mirror_port(struct xlate_ctx *ctx, const struct port *in)
{
	if (!in->mirror_out)
		return false;
	xlate_detail(ctx, "dropping packet received on port %s, which is reserved exclusively for mirroring", in->name);
	xlate_hint(ctx, DROP_MIRROR_PORT);
	return true;
}
