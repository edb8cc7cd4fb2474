// SPDX-License-Identifier: Apache-2.0
/*
 * Packets that tell who has which IP address (switchd/hosts.h): their megaflows match what they tell, so that each new answer comes up.
 *
 * Only packets that are of these kinds look at the fields that say so. ARP has an Ethernet type of its own, which every mask has; for ND and
 * DHCP another packet's megaflow may cover more, and a later ND message that falls under it stays unseen: that is the price for
 * megaflows that do not look at IP where NORMAL does not need it. Most solicitations go to group addresses of their own, and a client of DHCP is new.
 */
#include <string.h>

#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"

enum { PROTO_UDP = 17, PROTO_ICMPV6 = 58, ND_SOLICIT = 135, ND_ADVERT = 136, DHCP_SERVER = 67, DHCP_CLIENT = 68 };

static bool is_arp(const struct pkt_key *p)
{
	return p->eth_type == BE16_C(0x0806) && (p->nw_proto == 1 || p->nw_proto == 2);
}

static bool is_nd(const struct pkt_key *p)
{
	return p->eth_type == BE16_C(0x86dd) && p->nw_proto == PROTO_ICMPV6 && !p->nw_frag &&
	       (p->tp_src == BE16_C(ND_SOLICIT) || p->tp_src == BE16_C(ND_ADVERT)) && !p->tp_dst;
}

static bool is_dhcp_reply(const struct pkt_key *p)
{
	return p->eth_type == BE16_C(0x0800) && p->nw_proto == PROTO_UDP && !p->nw_frag &&
	       p->tp_src == BE16_C(DHCP_SERVER) && p->tp_dst == BE16_C(DHCP_CLIENT);
}

void xlate_snoop(struct xlate_ctx *ctx)
{
	const struct pkt_key *p = &ctx->flow.p;

	if (!ctx->br->hosts || !(is_arp(p) || is_nd(p) || is_dhcp_reply(p)))
		return;
	ctx->out->snoops = true;
	XLATE_MASK_ALL(ctx, nw_proto);
	XLATE_MASK_ALL(ctx, eth_src);
	XLATE_MASK_ALL(ctx, vlan[0].tci);
	if (is_arp(p)) {
		XLATE_MASK_ALL(ctx, nw_src);
		XLATE_MASK_ALL(ctx, arp_sha);
		return;
	}
	XLATE_MASK_ALL(ctx, tp_src);
	XLATE_MASK_ALL(ctx, tp_dst);
	if (is_dhcp_reply(p)) {
		ctx->out->slow_path = true;
		return;
	}
	XLATE_MASK_ALL(ctx, ipv6_src);
	XLATE_MASK_ALL(ctx, nd_target);
	XLATE_MASK_ALL(ctx, arp_sha);
	XLATE_MASK_ALL(ctx, arp_tha);
}
