// SPDX-License-Identifier: Apache-2.0
/* Loop guard (switchd/loop_guard.h): what comes back to the bridge that sent it. */
#include <string.h>

#include "switchd/bridge.h"
#include "switchd/loop_guard.h"
#include "switchd/pipeline/xlate_ctx.h"

/* Each of them has to be seen, so none takes the short way. */
bool xlate_is_loop_probe(struct xlate_ctx *ctx, const struct iface *in)
{
	if (ctx->flow.p.eth_type != BE16_C(LOOP_PROBE_ETH_TYPE))
		return false;
	XLATE_MASK_ALL(ctx, eth_src);
	if (memcmp(ctx->flow.p.eth_src, ctx->br->mac, sizeof ctx->br->mac) != 0)
		return false;
	xlate_detail(ctx, "a probe of the loop guard has come back to its bridge, dropping");
	xlate_hint(ctx, DROP_LOOP_GUARD);
	ctx->out->slow_path = true;
	if (ctx->in->may_learn)
		loop_guard_saw_probe(in, ctx->in->packet);
	return true;
}

bool xlate_is_blocked(struct xlate_ctx *ctx, const struct iface *iface)
{
	if (!iface->is_blocked)
		return false;
	xlate_warn(ctx, "port %s is blocked by the loop guard", iface->name);
	xlate_hint(ctx, DROP_LOOP_GUARD);
	return true;
}
