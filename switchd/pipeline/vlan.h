/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VLAN mode of a port makes of tags, for NORMAL. Inside the bridge a packet has a VLAN, even if it has no tag on the wire: the
 * port it came in on says which, and the port it leaves by says how to write that down.
 */
#ifndef SWITCHD_PIPELINE_VLAN_H
#define SWITCHD_PIPELINE_VLAN_H 1

#include <stdbool.h>
#include <stdint.h>

#include "vsw/flow_key.h"

struct port;
struct xlate_ctx;

/** Tags in host order; tpid 0: there was none. tag[0].vid is the VLAN in which the bridge looks up, learns and floods. */
struct vlan_stack {
	struct {
		uint16_t tpid, vid;
		uint16_t pcp; /* at its place in the TCI */
	} tag[FLOW_MAX_VLANS];
};

/** vlan_extract() - the flow's tags; what NORMAL will depend on goes to the mask. */
void vlan_extract(struct xlate_ctx *ctx, struct vlan_stack *wire);
/** vlan_may_enter() - whether @port takes packets with these tags; says why not. */
bool vlan_may_enter(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *wire);
/** vlan_ingress() - from the wire at @port to inside. */
void vlan_ingress(const struct port *port, const struct vlan_stack *wire, struct vlan_stack *inside);
/** vlan_carries() - whether a flood in the packet's VLAN reaches @port. */
bool vlan_carries(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *inside);
/** vlan_egress() - write the tags with which the packet leaves by @port into the flow. */
void vlan_egress(struct xlate_ctx *ctx, const struct port *port, const struct vlan_stack *inside);

#endif
