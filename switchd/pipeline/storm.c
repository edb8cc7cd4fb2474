// SPDX-License-Identifier: Apache-2.0
/* Storm guard (switchd/storm.h): the meters that packets for many must pass. */
#include <string.h>

#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void put_meter(struct xlate_ctx *ctx, const struct iface *iface, enum storm_class class)
{
	xlate_detail(ctx, "storm guard: at most %u %s packets a second of port %s pass", iface->port->storm.pps[class],
		     storm_class_name(class), iface->port->name);
	dp_actions_put_u32(&ctx->out->actions, DP_METER, iface->storm[class] - 1);
}

/* A unicast packet need not say more of its destination than that it is one. */
void xlate_storm_in(struct xlate_ctx *ctx, const struct iface *in)
{
	enum storm_class class;

	if (!in->storm[STORM_BROADCAST] && !in->storm[STORM_MULTICAST])
		return;
	ctx->wc.p.eth_dst[0] |= 1;
	if (!(ctx->flow.p.eth_dst[0] & 1))
		return;
	XLATE_MASK_ALL(ctx, eth_dst);
	class = memcmp(ctx->flow.p.eth_dst, broadcast, sizeof broadcast) ? STORM_MULTICAST : STORM_BROADCAST;
	if (in->storm[class])
		put_meter(ctx, in, class);
}

bool xlate_storm_unknown(struct xlate_ctx *ctx)
{
	const struct iface *in = bridge_iface_by_ofp(ctx->br, (uint16_t)ctx->flow.p.in_port);

	if (!in || !in->storm[STORM_UNKNOWN] || ctx->flow.p.eth_dst[0] & 1)
		return false;
	put_meter(ctx, in, STORM_UNKNOWN);
	return true;
}
