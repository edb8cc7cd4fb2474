// SPDX-License-Identifier: Apache-2.0
/*
 * The direct way to a host in another network namespace.
 *
 * A packet for a veth port goes, by default, out of the port: through the device's egress side, a qdisc if it has one, veth's transmit
 * function, and a backlog queue, from which the other end's stack takes it up in another round. Where the other end is in
 * another namespace the kernel can put the packet right onto that end (bpf_redirect_peer()), which saves a third of the CPU time of a small
 * packet. It differs from the long way in these points, and where one of them would show, the long way is taken:
 *
 *   - The egress side of the port is passed by. So none of a port that has a qdisc that queues, or a tc filter there.
 *   - Native XDP on the other end is passed by. So none where a program is attached there.
 *   - The kernel declares each packet to be for the other end, whatever its MAC address is. So only packets that have that end's
 *     address; broadcasts and what is flooded go the long way.
 *   - The other end's MTU is not enforced. So only packets that fit.
 *   - Both ends in one namespace: the kernel drops. So not there.
 *   - Packet sockets on the port (tcpdump) do not see it, nor do the port's own device counters count it; the switch's do, and
 *     dp_port_stats.direct_* say how much to add. options:direct=false of the interface turns the direct way off.
 *
 * All this is looked up when something happened to the port's device: added, carrier on or off (the other end went up or down, which
 * also happens when it moves to another namespace), a qdisc or filter, or features (which change with XDP on the other end). A MAC
 * address that is changed while the other end is up goes unnoticed until then: packets to the new one go the long way.
 */
#include "switchd/datapath/ebpf.h"

#include <string.h>

#include "base/log.h"
#include "os/netdev.h"

LOG_MODULE(dp_ebpf_direct);

/* Return: whether the other end can be had; @far: what it is. */
static bool find_far_end(const struct netdev_info *near, struct netdev_info *far)
{
	return !strcmp(near->kind, "veth") && near->link_netnsid >= 0 && near->peer_ifindex && near->link_up &&
	       !near->has_qdisc && !netdev_has_egress_filter(near->ifindex) &&
	       !netdev_get_elsewhere(near->link_netnsid, near->peer_ifindex, far) && far->has_mac && far->admin_up &&
	       !far->has_xdp && far->peer_ifindex == near->ifindex;
}

/* The MAC as the program compares it: the key's first six bytes, then zeros. */
static uint64_t mac_word(const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	return word;
}

void ebpf_direct_refresh(struct ebpf_dp *dp, uint32_t port_no, bool is_allowed)
{
	struct bpf_port *port = &dp->kernel.ports[port_no];
	uint64_t was = port->direct_mac, now = 0;
	struct netdev_info near, far;

	if (netdev_get_by_index((int)port->ifindex, &near))
		near = (struct netdev_info){0};
	if (is_allowed && find_far_end(&near, &far)) {
		__atomic_store_n(&port->direct_mtu, far.mtu, __ATOMIC_RELAXED);
		now = mac_word(far.mac);
	}
	__atomic_store_n(&port->direct_mac, now, __ATOMIC_RELEASE);
	if (was != now)
		log_dbg("%s: %s", near.name,
			now ? "packets go directly to its other end" : "packets go through its queue");
}
