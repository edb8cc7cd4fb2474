// SPDX-License-Identifier: Apache-2.0
/*
 * What NORMAL says of itself to a listener: what the FDB has for both addresses, and of a flood every port of the bridge with the reason why
 * it is left out.
 *
 * The questions are those that normal.c and output.c ask, in their order, and asking them adds no bit to the mask that the flood would
 * not add by itself: a trace's "Megaflow:" is the real one.
 */
#include <stdlib.h>

#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/fdb.h"
#include "switchd/pipeline/vlan.h"
#include "switchd/pipeline/xlate_ctx.h"

static enum xlate_left_out why_left_out(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside,
					const struct port *out)
{
	const struct iface *iface;

	if (out == in)
		return XLATE_INGRESS;
	if (!vlan_carries(ctx, out, inside))
		return XLATE_OTHER_VLAN;
	if (!xlate_is_floodable__(out))
		return XLATE_NO_FLOOD;
	if (!out->n_ifaces)
		return XLATE_NO_INTERFACE;
	iface = cds_list_first_entry(&out->ifaces, struct iface, port_node);
	if (iface->config & OFPPC_NO_FWD)
		return XLATE_NO_FORWARD;
	if (in && in->is_protected && out->is_protected)
		return XLATE_PROTECTED;
	return !out->bond && !iface->peer && iface->dp_port == DP_PORT_NONE ? XLATE_NO_DEVICE : XLATE_TAKEN;
}

static void list_ports(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside,
		       struct xlate_normal *normal)
{
	const struct port *out;
	size_t room = 0;

	cds_list_for_each_entry(out, &ctx->br->ports, bridge_node)
		room++;
	normal->ports = xcalloc(room + 1, sizeof *normal->ports);
	cds_list_for_each_entry(out, &ctx->br->ports, bridge_node)
		normal->ports[normal->n_ports++] = (struct xlate_flood_port){
			.port = out,
			.left_out = why_left_out(ctx, in, inside, out),
		};
}

void xlate_explain_normal(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside,
			  const struct port *out)
{
	const struct pkt_key *p = &ctx->flow.p;
	struct xlate_normal normal = {
		.in = in == &xlate_no_port__ ? NULL : in,
		.out = out,
		.vlan = inside->tag[0].vid,
		.src = p->eth_src,
		.dst = p->eth_dst,
	};
	bool flood_vlan = xlate_is_flood_vlan__(ctx, normal.vlan);
	struct fdb_entry src, dst;

	normal.learns = normal.in && !(p->eth_src[0] & 1) && !flood_vlan;
	if (fdb_get(ctx->br->fdb, normal.vlan, p->eth_src, ctx->in->now_ms, &src))
		normal.src_entry = &src;
	if (out && fdb_get(ctx->br->fdb, normal.vlan, p->eth_dst, ctx->in->now_ms, &dst))
		normal.dst_entry = &dst;
	if (!out)
		list_ports(ctx, in, inside, &normal);
	xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_NORMAL, .bridge = ctx->br, .normal = &normal});
	free(normal.ports);
}
