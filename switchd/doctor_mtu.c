// SPDX-License-Identifier: Apache-2.0
/*
 * Where packets are too long for the way that they have to go.
 *
 * Three kinds of trouble, each silent until a large packet comes ("ping works, the page does not load"): ports of one bridge that differ, the
 * two ends of a veth pair that differ, and a tunnel whose packets, with what it puts around them, do not fit the way to its far end.
 */
#include "switchd/doctor.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "os/netdev_path.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/iface_dev.h"

/* A port with a device and so with an MTU of its own. */
static bool has_mtu(const struct iface *iface)
{
	return iface->mtu && iface->type != IFACE_PATCH && !iface_is_tunnel(iface);
}

static const struct iface *largest_of(struct iface *const *ifaces, size_t n)
{
	const struct iface *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (has_mtu(ifaces[i]) && (!best || ifaces[i]->mtu > best->mtu))
			best = ifaces[i];
	return best;
}

/* ---- ports of a bridge ---- */

static void compare_ports(json_t *findings, const struct bridge *br, struct iface *const *ifaces, size_t n)
{
	const struct iface *largest = largest_of(ifaces, n);

	for (size_t i = 0; i < n; i++) {
		const struct iface *iface = ifaces[i];
		json_t *f;

		if (!has_mtu(iface) || iface->mtu == largest->mtu)
			continue;
		f = doctor_put(findings, "mtu", "limited", "port %s has %u, port %s of the same bridge %s has %u",
			       iface->name, iface->mtu, largest->name, br->name, largest->mtu);
		doctor_add(f, "instead", "longer packets to %s are dropped (too-big)", iface->name);
		doctor_add(f, "mend", "vsw set interface %s mtu_request=%u", iface->name, largest->mtu);
	}
}

/* ---- both ends of a pair ---- */

static void compare_ends(json_t *findings, const struct iface *iface)
{
	struct netdev_info info, peer;
	json_t *f;

	if (iface->type == IFACE_INTERNAL || !iface->dev->ifindex || netdev_get_by_index(iface->dev->ifindex, &info) ||
	    netdev_get_peer(&info, &peer) || peer.mtu == info.mtu)
		return;
	f = doctor_put(findings, "mtu", "limited", "port %s has %u, the other end of its pair (%s%s) has %u",
		       iface->name, info.mtu, peer.name, info.link_netnsid >= 0 ? ", in another namespace" : "",
		       peer.mtu);
	doctor_add(f, "instead", "longer packets are lost on the way %s %s", peer.mtu > info.mtu ? "from" : "to",
		   peer.name);
	doctor_add(f, "mend", "ip link set %s mtu %u", peer.mtu > info.mtu ? iface->name : peer.name,
		   MAX(peer.mtu, info.mtu));
}

/* ---- tunnels ---- */

static bool is_v4_mapped(const uint8_t address[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(address, prefix, sizeof prefix);
}

/* What a tunnel puts around a packet of the inner MTU: the inner Ethernet header, its own, UDP's, the outer IP's. RFC 7348, 8926, 2890. */
static unsigned int overhead_of(const struct iface *iface, bool v4)
{
	unsigned int outer = v4 ? 20 : 40, inner = 14;

	if (iface->type == IFACE_GRE)
		return outer + inner + 4 + (iface->tunnel.has_out_key ? 4 : 0) + (iface->tunnel.csum ? 4 : 0);
	return outer + inner + 8 + 8;
}

static void check_tunnel(json_t *findings, const struct iface *iface, const struct iface *largest)
{
	const struct tunnel_config *t = &iface->tunnel;
	bool v4 = is_v4_mapped(t->remote);
	unsigned int needs = largest->mtu + overhead_of(iface, v4);
	char remote[INET6_ADDRSTRLEN] = "";
	struct netdev_info dev;
	uint32_t mtu;
	json_t *f;

	if (t->remote_is_flow || netdev_route_to(v4 ? AF_INET : AF_INET6, v4 ? t->remote + 12 : t->remote, &dev, &mtu))
		return;
	if (needs <= mtu)
		return;
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? t->remote + 12 : t->remote, remote, sizeof remote);
	f = doctor_put(findings, "mtu", "limited",
		       "tunnel %s to %s: packets of port %s (%u) need %u outside, the way there (%s) has %u",
		       iface->name, remote, largest->name, largest->mtu, needs, dev.name, mtu);
	doctor_add(f, "instead", "packets longer than %u are fragmented, or dropped where that is forbidden",
		   mtu - overhead_of(iface, v4));
	doctor_add(f, "mend", "ip link set %s mtu %u, or %u on every port of bridge %s and the hosts behind it",
		   dev.name, needs, mtu - overhead_of(iface, v4), iface->bridge->name);
}

void doctor_mtu(json_t *findings)
{
	size_t before = json_array_size(findings);
	struct bridge *br;

	HMAP_FOR_EACH(br, node, &vswitch.bridges) {
		size_t n;
		struct iface **ifaces = ifaces_by_number(br, &n);
		const struct iface *largest = largest_of(ifaces, n);

		compare_ports(findings, br, ifaces, n);
		for (size_t i = 0; i < n; i++) {
			if (iface_is_tunnel(ifaces[i]) && largest)
				check_tunnel(findings, ifaces[i], largest);
			else if (has_mtu(ifaces[i]))
				compare_ends(findings, ifaces[i]);
		}
		free(ifaces);
	}
	if (json_array_size(findings) == before)
		doctor_put(findings, "mtu", "yes", "ports, their other ends and tunnels agree");
}
