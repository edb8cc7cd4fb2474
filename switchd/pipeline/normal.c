// SPDX-License-Identifier: Apache-2.0
/*
 * NORMAL: a VLAN-aware learning bridge (IEEE 802.1Q), as an action.
 *
 * The mask it leaves behind is source and destination address and VLAN: hosts that talk need one megaflow per direction, whatever they
 * talk about. ARP is looked into when it is broadcast, to know a gratuitous one.
 */
#include <string.h>

#include "base/util.h"
#include "flow/port_names.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/fdb.h"
#include "switchd/loop_guard.h"
#include "switchd/pipeline/vlan.h"
#include "switchd/pipeline/xlate_ctx.h"

/* Where packets come from that the controller made: every VLAN, nothing learnt. */
const struct port xlate_no_port__ = {.name = (char *)"none", .vlan_mode = VLAN_TRUNK, .tag = -1};

/* Destinations that bridges keep for themselves: IEEE 802.1Q's, and those of some vendors, as listed under forward-bpdu. */
static const struct {
	uint8_t mac[6];
	uint8_t last; /* of the range in the last byte */
} reserved_macs[] = {
	{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}, 0x0f}, /* bridge group, pause, LACP, 802.1X, LLDP ... */
	{{0x00, 0xe0, 0x2b, 0x00, 0x00, 0x00}, 0x00}, /* Extreme EDP */
	{{0x00, 0xe0, 0x2b, 0x00, 0x00, 0x04}, 0x04}, /* Extreme EAPS */
	{{0x00, 0xe0, 0x2b, 0x00, 0x00, 0x06}, 0x06}, {{0x01, 0x00, 0x0c, 0x00, 0x00, 0x00}, 0x00}, /* Cisco ISL */
	{{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xc0}, 0xc7},						    /* Cisco CFM */
	{{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc}, 0xcd}, /* Cisco CDP, VTP ..., PVST+ */
	{{0x01, 0x00, 0x0c, 0xcd, 0xcd, 0xcd}, 0xcd}, /* Cisco uplink fast */
};

bool xlate_is_reserved_mac__(const uint8_t mac[6])
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_macs); i++)
		if (!memcmp(mac, reserved_macs[i].mac, 5) && mac[5] >= reserved_macs[i].mac[5] &&
		    mac[5] <= reserved_macs[i].last)
			return true;
	return false;
}

static bool is_gratuitous_arp(struct xlate_ctx *ctx)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct pkt_key *p = &ctx->flow.p;

	if (p->eth_type != BE16_C(0x0806) || memcmp(p->eth_dst, broadcast, sizeof broadcast) != 0)
		return false;
	XLATE_MASK_ALL(ctx, nw_proto);
	if (p->nw_proto == 2)
		return true;
	if (p->nw_proto != 1)
		return false;
	XLATE_MASK_ALL(ctx, nw_src);
	XLATE_MASK_ALL(ctx, nw_dst);
	return p->nw_src == p->nw_dst;
}

static const struct port *input_port(struct xlate_ctx *ctx)
{
	uint32_t number = ctx->flow.p.in_port;
	const struct iface *iface = bridge_iface_by_ofp(ctx->br, (uint16_t)number);

	if (iface)
		return iface->port;
	if (number == OFPP_NONE || number == OFPP_CONTROLLER)
		return &xlate_no_port__;
	xlate_error(ctx, "received packet on unknown port %u", number);
	xlate_warn(ctx, "no input bundle, dropping");
	xlate_hint(ctx, DROP_NO_PORT);
	return NULL;
}

/* Tag type but no tag behind it: the frame was cut. */
static bool is_cut_tag(struct xlate_ctx *ctx)
{
	if (ctx->flow.p.eth_type != BE16_C(0x8100) || xlate_has_vlan(&ctx->flow.p.vlan[0]))
		return false;
	xlate_warn(ctx, "partial VLAN tag, dropping");
	xlate_hint(ctx, DROP_MALFORMED_VLAN);
	return true;
}

static bool may_enter(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *wire)
{
	if (is_cut_tag(ctx) || !vlan_may_enter(ctx, in, wire))
		return false;
	if (in == &xlate_no_port__ || ctx->br->forward_bpdu || !xlate_is_reserved_mac__(ctx->flow.p.eth_dst))
		return true;
	xlate_detail(ctx, "packet has reserved destination MAC, dropping");
	xlate_hint(ctx, DROP_RESERVED_MAC);
	return false;
}

/* VLANs in which nothing is learnt, nor looked up: every packet goes everywhere. */
bool xlate_is_flood_vlan__(const struct xlate_ctx *ctx, uint16_t vlan)
{
	return ctx->br->flood_vlans && vlan_bitmap_has(ctx->br->flood_vlans, vlan);
}

/* A frame with the bridge's own address as source, from outside: somebody sends back what we sent. */
static void suspect_loop(const struct xlate_ctx *ctx, const struct port *in)
{
	const struct bridge *br = ctx->br;

	if (br->local && in != br->local->port && !memcmp(ctx->flow.p.eth_src, br->mac, sizeof br->mac))
		loop_guard_saw_own(br, in);
}

/* Would learning it change more than a time? */
static bool is_news(const struct xlate_ctx *ctx, const struct fdb_source *source)
{
	const struct bridge *br = ctx->br;

	return fdb_lookup(br->fdb, source->vlan, source->mac) != source->port ||
	       !memcmp(source->mac, br->mac, sizeof br->mac);
}

static void learn(struct xlate_ctx *ctx, const struct port *in, uint16_t vlan)
{
	const struct pkt_key *p = &ctx->flow.p;
	struct xlate_credit credit = {
		.kind = XLATE_CREDIT_FDB,
		.br = ctx->br,
		.port = (uint16_t)p->in_port,
		.vlan = vlan,
	};
	struct fdb_source source = {.vlan = vlan, .port = (struct port *)in, .is_bond = in->bond};
	bool is_multicast = p->eth_src[0] & 1;

	source.is_gratuitous_arp = is_gratuitous_arp(ctx);
	if (in == &xlate_no_port__ || is_multicast || xlate_is_flood_vlan__(ctx, vlan))
		return;
	memcpy(source.mac, p->eth_src, sizeof source.mac);
	memcpy(credit.mac, p->eth_src, sizeof credit.mac);
	if (ctx->in->may_learn)
		suspect_loop(ctx, in);
	if (ctx->in->may_learn)
		fdb_learn(ctx->br->fdb, &source, ctx->in->now_ms);
	if (ctx->in->is_guess)
		ctx->out->would_teach |= is_news(ctx, &source);
	xlate_add_credit(ctx, &credit);
}

/* Whichever member of a bond it may be, a port without any has nothing to send by. */
void xlate_output_port__(struct xlate_ctx *ctx, struct port *out, const struct vlan_stack *inside)
{
	struct vlan_key saved[FLOW_MAX_VLANS];

	if (!out->n_ifaces)
		return;
	memcpy(saved, ctx->flow.p.vlan, sizeof saved);
	vlan_egress(ctx, out, inside);
	if (out->bond)
		xlate_output_bond(ctx, out, inside->tag[0].vid);
	else
		xlate_output_iface(ctx, cds_list_first_entry(&out->ifaces, struct iface, port_node));
	memcpy(ctx->flow.p.vlan, saved, sizeof saved);
}

bool xlate_is_floodable__(const struct port *port)
{
	const struct iface *iface;

	cds_list_for_each_entry(iface, &port->ifaces, port_node)
		if (iface->config & OFPPC_NO_FLOOD)
			return false;
	return true;
}

static void flood(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside)
{
	struct port *out;

	xlate_hint(ctx, DROP_NO_DESTINATION);
	cds_list_for_each_entry(out, &ctx->br->ports, bridge_node)
		if (out != in && !out->mirror_out && vlan_carries(ctx, out, inside) && xlate_is_floodable__(out))
			xlate_output_port__(ctx, out, inside);
}

/* A meter in front of nothing would be an action, and none is why the packet is dropped. */
static void flood_guarded(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside)
{
	struct dp_actions *actions = &ctx->out->actions;
	size_t before = actions->len, metered;

	if (xlate_is_flood_vlan__(ctx, inside->tag[0].vid) || !xlate_storm_unknown(ctx)) {
		flood(ctx, in, inside);
		return;
	}
	metered = actions->len;
	flood(ctx, in, inside);
	if (actions->len == metered)
		actions->len = before;
}

static void forward(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside)
{
	uint16_t vlan = inside->tag[0].vid;
	struct port *out =
		xlate_is_flood_vlan__(ctx, vlan) ? NULL : fdb_lookup(ctx->br->fdb, vlan, ctx->flow.p.eth_dst);

	if (out && out->mirror_out)
		out = NULL; /* learnt there before that came to be */
	if (ctx->in->trace)
		xlate_explain_normal(ctx, in, inside, out);
	if (!out) {
		xlate_detail(ctx, "no learned MAC for destination, flooding");
		flood_guarded(ctx, in, inside);
	} else if (out == in) {
		xlate_detail(ctx, "learned port is input port, dropping");
		xlate_hint(ctx, DROP_SAME_PORT);
	} else {
		xlate_detail(ctx, "forwarding to learned port");
		xlate_output_port__(ctx, out, inside);
	}
}

/*
 * Has the frame come by the right member of its bond? In balance-slb the switch at the other end knows of no bond: what we send by one
 * member may come back by another, and is known by its source, which we have heard elsewhere. A gratuitous ARP tells that
 * a host has moved behind the bond, unless it has just told the opposite on a port of ours.
 */
static bool may_enter_by(struct xlate_ctx *ctx, const struct port *in, uint16_t vlan)
{
	const struct iface *iface = in->bond ? bridge_iface_by_ofp(ctx->br, (uint16_t)ctx->flow.p.in_port) : NULL;
	const struct pkt_key *p = &ctx->flow.p;
	const struct port *known;
	enum bond_verdict verdict;

	if (!iface || !iface->bond_link)
		return true;
	verdict = bond_link_admit(iface->bond_link, p->eth_dst[0] & 1);
	if (verdict == BOND_ACCEPT)
		return true;
	if (verdict == BOND_DROP) {
		xlate_detail(ctx, "bond member not active, dropping");
		xlate_hint(ctx, DROP_BOND_MEMBER);
		return false;
	}
	known = fdb_lookup(ctx->br->fdb, vlan, p->eth_src);
	if (!known || known == in ||
	    (is_gratuitous_arp(ctx) && !fdb_is_held(ctx->br->fdb, vlan, p->eth_src, ctx->in->now_ms)))
		return true;
	xlate_detail(ctx, "SLB bond thinks this packet looped back, dropping");
	xlate_hint(ctx, DROP_BOND_MEMBER);
	return false;
}

void xlate_normal(struct xlate_ctx *ctx)
{
	struct vlan_stack wire, inside;
	const struct port *in;

	XLATE_MASK_ALL(ctx, eth_src);
	XLATE_MASK_ALL(ctx, eth_dst);
	vlan_extract(ctx, &wire);
	in = input_port(ctx);
	if (!in || !may_enter(ctx, in, &wire))
		return;
	vlan_ingress(in, &wire, &inside);
	ctx->out->used_fdb = true;
	if (!may_enter_by(ctx, in, inside.tag[0].vid))
		return;
	learn(ctx, in, inside.tag[0].vid);
	forward(ctx, in, &inside);
}
