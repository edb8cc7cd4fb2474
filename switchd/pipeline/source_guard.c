// SPDX-License-Identifier: Apache-2.0
/*
 * Ports with a source guard (switchd/source_guard.h): whether a packet may enter.
 *
 * The megaflow of one that comes in on such a port matches whatever was looked at, so packets of other sources never fall under it. A packet whose
 * inner headers are not seen (more VLAN tags than are parsed, MPLS) is judged by its frame's source address.
 */
#include <string.h>

#include "switchd/bridge.h"
#include "switchd/pipeline/xlate_ctx.h"
#include "switchd/source_guard.h"

enum {
	PROTO_UDP = 17,
	PROTO_ICMPV6 = 58,
	DHCP_SERVER = 67,
	DHCP_CLIENT = 68,
	MLD_REPORT = 131,
	ND_ROUTER_SOLICIT = 133,
	ND_SOLICIT = 135,
	ND_ADVERT = 136,
	MLD2_REPORT = 143,
};

struct judge {
	struct xlate_ctx *ctx;
	struct port *port;
	struct source_guard *guard;
};

static bool is_zero(const void *p, size_t n)
{
	static const uint8_t zero[16];

	return !memcmp(p, zero, n);
}

static bool allows(const struct judge *j, bool is_v6, const void *ip)
{
	const struct xlate_in *in = j->ctx->in;
	/* A flow that is translated anew is there because packets were. */
	bool is_real = in->may_learn || (!in->trace && !in->bridge && !in->is_guess);
	uint8_t padded[16] = {0};

	memcpy(padded, ip, is_v6 ? 16 : 4);
	return source_guard_allows(j->guard, is_v6, padded, j->port, j->ctx->br->hosts, is_real);
}

static bool is_own_mac(const struct judge *j, const uint8_t mac[6])
{
	return !memcmp(mac, source_guard_mac(j->guard), 6);
}

/* A probe for an address (RFC 5227) has none yet. */
static bool may_arp(const struct judge *j)
{
	const struct pkt_key *p = &j->ctx->flow.p;

	XLATE_MASK_ALL(j->ctx, arp_sha);
	XLATE_MASK_ALL(j->ctx, nw_src);
	return is_own_mac(j, p->arp_sha) && (is_zero(&p->nw_src, 4) || allows(j, false, &p->nw_src));
}

static bool may_ipv4(const struct judge *j)
{
	const struct pkt_key *p = &j->ctx->flow.p;

	XLATE_MASK_ALL(j->ctx, nw_src);
	if (!is_zero(&p->nw_src, 4))
		return allows(j, false, &p->nw_src);
	XLATE_MASK_ALL(j->ctx, nw_proto);
	XLATE_MASK_ALL(j->ctx, tp_src);
	XLATE_MASK_ALL(j->ctx, tp_dst);
	return p->nw_proto == PROTO_UDP && p->tp_src == BE16_C(DHCP_CLIENT) && p->tp_dst == BE16_C(DHCP_SERVER);
}

/* Neighbour discovery: what it claims, and for whom. */
static bool may_discover(const struct judge *j)
{
	const struct pkt_key *p = &j->ctx->flow.p;
	bool solicits = p->tp_src == BE16_C(ND_SOLICIT);
	const uint8_t *mac = solicits ? p->arp_sha : p->arp_tha;

	XLATE_MASK_ALL(j->ctx, nd_target);
	XLATE_MASK_ALL(j->ctx, arp_sha);
	XLATE_MASK_ALL(j->ctx, arp_tha);
	if (!is_zero(mac, 6) && !is_own_mac(j, mac))
		return false;
	/* From ::, a solicitation asks whether the address that it is about to take is free. */
	if (solicits && !is_zero(p->ipv6_src, 16))
		return true;
	return allows(j, true, p->nd_target);
}

static bool may_ipv6(const struct judge *j)
{
	const struct pkt_key *p = &j->ctx->flow.p;
	bool has_source = !is_zero(p->ipv6_src, 16);

	XLATE_MASK_ALL(j->ctx, ipv6_src);
	if (has_source && !allows(j, true, p->ipv6_src))
		return false;
	XLATE_MASK_ALL(j->ctx, nw_proto);
	if (p->nw_proto != PROTO_ICMPV6)
		return has_source;
	XLATE_MASK_ALL(j->ctx, tp_src);
	if (p->tp_src == BE16_C(ND_SOLICIT) || p->tp_src == BE16_C(ND_ADVERT))
		return may_discover(j);
	return has_source || p->tp_src == BE16_C(ND_ROUTER_SOLICIT) || p->tp_src == BE16_C(MLD_REPORT) ||
	       p->tp_src == BE16_C(MLD2_REPORT);
}

static bool is_own(const struct judge *j)
{
	XLATE_MASK_ALL(j->ctx, eth_src);
	if (!is_own_mac(j, j->ctx->flow.p.eth_src))
		return false;
	if (source_guard_any_ip(j->guard) && j->ctx->flow.p.eth_type != BE16_C(0x0806))
		return true;
	switch (be16_to_cpu(j->ctx->flow.p.eth_type)) {
	case 0x0806:
		return may_arp(j);
	case 0x0800:
		return may_ipv4(j);
	case 0x86dd:
		return may_ipv6(j);
	}
	return true;
}

bool xlate_is_own_source(struct xlate_ctx *ctx, const struct iface *in)
{
	struct judge j = {ctx, in->port, in->port->guard};

	/* Who sends first may have the address by that. */
	if (j.guard && ctx->in->is_guess)
		ctx->out->would_teach = true;
	if (!j.guard || is_own(&j))
		return true;
	xlate_warn(ctx, "source is not what is behind port %s (anti-spoof), dropping", in->port->name);
	xlate_hint(ctx, DROP_SPOOFED);
	return false;
}
