// SPDX-License-Identifier: Apache-2.0
#include "switchd/iface_mtu.h"

#include "base/log.h"
#include "base/util.h"
#include "switchd/iface_dev.h"

LOG_MODULE(mtu);

/* Return: 0 when no port counts. */
static uint32_t smallest(const struct bridge *br)
{
	const struct iface *iface;
	uint32_t mtu = 0;

	HMAP_FOR_EACH(iface, ofp_node, &br->ifaces)
		if (iface->type != IFACE_INTERNAL && iface->dev->ifindex && (!mtu || iface->mtu < mtu))
			mtu = iface->mtu;
	return mtu;
}

void iface_mtu_follow(struct bridge *br, uint32_t mtu)
{
	struct iface *local = br->local;
	const struct netdev_port *dev = local ? local->dev : NULL;

	/* Most often the port is like the others, and they need not be asked. */
	if (!dev || !dev->outer_ifindex || dev->wanted.mtu_request || mtu == local->mtu)
		return;
	mtu = smallest(br);
	if (!mtu || mtu == local->mtu)
		return;
	if (netdev_set_mtu(dev->ifindex, mtu) || netdev_set_mtu(dev->outer_ifindex, mtu)) {
		log_warn("bridge %s: its interface does not take an MTU of %u", br->name, mtu);
		return;
	}
	switch_wrlock();
	local->mtu = mtu;
	switch_wrunlock();
	iface_dev_report(local);
}
