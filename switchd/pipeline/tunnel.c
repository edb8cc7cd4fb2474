// SPDX-License-Identifier: Apache-2.0
/*
 * Packets out of and into tunnels.
 *
 * The tun_* fields of a packet say through which tunnel it came; for matching, that is. They do not lead anywhere: to be sent into a
 * tunnel it has to be output to a tunnel port, which fills them in from its options. Where an option is `flow`, what the flow tables have
 * put there stays. Afterwards they are again what they were: one packet may go into several tunnels.
 *
 * ECN crosses both ways (RFC 6040): outwards the inner bits are copied, but CE becomes ECT(0), as the kernel's and Open vSwitch's tunnels
 * do; inwards CE is put on the inner packet, and a packet that cannot bear it is dropped.
 */
#include <string.h>

#include "flow/dp_action.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"
#include "switchd/tunnel.h"

enum { ECN_MASK = 3, ECN_ECT_0 = 2, ECN_CE = 3, DSCP_MASK = 0xfc };
enum { CONFIG_FLAGS = FLOW_TUN_DF | FLOW_TUN_CSUM | FLOW_TUN_KEY };

/* ---- in ---- */

/* What told the port from others, and what Open vSwitch looks at in each packet of a tunnel. */
void xlate_tunnel_mask(struct xlate_ctx *ctx)
{
	const struct pkt_key *key = &ctx->flow.p;

	if (!pkt_key_has_tunnel(key))
		return;
	XLATE_MASK_ALL(ctx, tun_id);
	if (key->tun_dst) {
		XLATE_MASK_ALL(ctx, tun_src);
		XLATE_MASK_ALL(ctx, tun_dst);
	} else {
		XLATE_MASK_ALL(ctx, tun_ipv6_src);
		XLATE_MASK_ALL(ctx, tun_ipv6_dst);
	}
	ctx->wc.p.tun_flags |= CONFIG_FLAGS;
	XLATE_MASK_ALL(ctx, tun_tos);
	memset(&ctx->base.tun_id, 0, PKT_KEY_TUNNEL_LEN);
}

bool xlate_tunnel_receive(struct xlate_ctx *ctx, const struct iface *iface)
{
	struct pkt_key *key = &ctx->flow.p;

	if (iface_is_tunnel(iface) &&
	    !xlate_add_credit(ctx, &(struct xlate_credit){
					   .kind = XLATE_CREDIT_TUNNEL_RX, .br = ctx->br, .port = iface->ofp_port}))
		return false;
	if (!pkt_key_has_tunnel(key) || !xlate_is_ip(key) || (key->tun_tos & ECN_MASK) != ECN_CE)
		return true;
	ctx->wc.p.nw_tos |= ECN_MASK;
	if (key->nw_tos & ECN_MASK) {
		key->nw_tos |= ECN_CE;
		return true;
	}
	xlate_warn(ctx, "dropping tunnel packet marked ECN CE but is not ECN capable");
	xlate_hint(ctx, DROP_TUNNEL_ECN);
	return false;
}

/* ---- out ---- */

/* IPv4 is kept apart from IPv6 in a key. */
static void set_addr(const uint8_t addr[16], be32 *ipv4, uint8_t ipv6[16])
{
	*ipv4 = 0;
	memset(ipv6, 0, 16);
	if (tunnel_addr_is_ipv4(addr))
		memcpy(ipv4, addr + 12, sizeof *ipv4);
	else
		memcpy(ipv6, addr, 16);
}

static void set_ttl_and_tos(struct xlate_ctx *ctx, const struct tunnel_config *c)
{
	struct pkt_key *key = &ctx->flow.p;
	bool is_ip = xlate_is_ip(key);

	key->tun_ttl = c->ttl;
	key->tun_tos = c->tos;
	if (!is_ip)
		return;
	if (c->inherits_ttl) {
		XLATE_MASK_ALL(ctx, nw_ttl);
		key->tun_ttl = key->nw_ttl;
	}
	if (c->inherits_tos) {
		ctx->wc.p.nw_tos |= DSCP_MASK;
		key->tun_tos = key->nw_tos & DSCP_MASK;
	}
	ctx->wc.p.nw_tos |= ECN_MASK;
	key->tun_tos |= (key->nw_tos & ECN_MASK) == ECN_CE ? ECN_ECT_0 : key->nw_tos & ECN_MASK;
}

static void set_tunnel(struct xlate_ctx *ctx, const struct tunnel_config *c)
{
	struct pkt_key *key = &ctx->flow.p;

	if (!c->local_is_flow)
		set_addr(c->local, &key->tun_src, key->tun_ipv6_src);
	if (!c->remote_is_flow)
		set_addr(c->remote, &key->tun_dst, key->tun_ipv6_dst);
	if (!c->out_key_is_flow)
		key->tun_id = cpu_to_be64(c->out_key);
	key->tun_tp_src = 0;
	key->tun_tp_dst = cpu_to_be16(c->dst_port);
	set_ttl_and_tos(ctx, c);
	key->tun_flags = (uint8_t)((key->tun_flags & FLOW_TUN_OAM) | (c->df ? FLOW_TUN_DF : 0) |
				   (c->csum ? FLOW_TUN_CSUM : 0) | (c->has_out_key ? FLOW_TUN_KEY : 0));
	if (c->sets_mark) {
		XLATE_MASK_ALL(ctx, pkt_mark);
		key->pkt_mark = c->pkt_mark;
	}
}

/* Where the packet is sent to is where it was sent to by the other end, or nowhere. */
static bool is_our_own(const struct xlate_ctx *ctx)
{
	const struct pkt_key *now = &ctx->flow.p, *then = &ctx->out->initial_key.p;

	return now->tun_dst == then->tun_dst && !memcmp(now->tun_ipv6_dst, then->tun_ipv6_dst, 16);
}

static void commit_tunnel(struct xlate_ctx *ctx)
{
	struct dp_set_tunnel *set;

	if (!memcmp(&ctx->flow.p.tun_id, &ctx->base.tun_id, PKT_KEY_TUNNEL_LEN))
		return;
	set = dp_actions_put(&ctx->out->actions, DP_SET_TUNNEL, sizeof *set);
	memcpy(&set->id, &ctx->flow.p.tun_id, PKT_KEY_TUNNEL_LEN);
	memcpy(&ctx->base.tun_id, &ctx->flow.p.tun_id, PKT_KEY_TUNNEL_LEN);
}

void xlate_tunnel_output(struct xlate_ctx *ctx, const struct iface *iface, uint32_t max_len)
{
	struct pkt_key saved = ctx->flow.p;

	set_tunnel(ctx, &iface->tunnel);
	if (is_our_own(ctx)) {
		xlate_warn(ctx, "Not tunneling to our own address");
		xlate_hint(ctx, DROP_NO_DESTINATION);
	} else if (xlate_add_credit(ctx, &(struct xlate_credit){.kind = XLATE_CREDIT_TUNNEL_TX,
								.br = ctx->br,
								.port = iface->ofp_port})) {
		commit_tunnel(ctx);
		memcpy(&ctx->flow.p.tun_id, &saved.tun_id, PKT_KEY_TUNNEL_LEN);
		xlate_commit(ctx);
		if (max_len)
			dp_actions_put_u32(&ctx->out->actions, DP_TRUNC, max_len);
		dp_actions_put_u32(&ctx->out->actions, DP_OUTPUT, iface->dp_port);
	}
	memcpy(&ctx->flow.p.tun_id, &saved.tun_id, PKT_KEY_TUNNEL_LEN);
	ctx->flow.p.pkt_mark = saved.pkt_mark;
}
