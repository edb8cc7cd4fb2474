// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel tells about devices, for the interfaces that have them or wait for them.
 *
 * An event belongs to an interface by the index of one of its devices; one with an index that nobody has may be the device that an interface
 * of that name waits for.
 */
#include "switchd/iface_dev.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/iface_dev_impl.h"
#include "switchd/iface_veth.h"
#include "switchd/tunnel.h"

LOG_MODULE(port_events);

static struct netdev_monitor *monitor;

static struct iface *iface_by_ifindex(int ifindex, bool outer)
{
	struct netdev_port *dev;
	struct hmap *map = outer ? &iface_dev_by_outer__ : &iface_dev_by_ifindex__;
	struct hmap_node *node = hmap_first_with_hash(map, hash_u64((uint64_t)ifindex, 0));

	for (; node; node = hmap_skip__(node->next, node->hash)) {
		dev = outer ? container_of(node, struct netdev_port, by_outer)
			    : container_of(node, struct netdev_port, by_ifindex);
		if ((outer ? dev->outer_ifindex : dev->ifindex) == ifindex)
			return iface_by_name(dev->wanted.name);
	}
	return NULL;
}

/* The device left: say how, and make ours anew. */
static void device_gone(struct iface *iface, const struct netdev_event *event)
{
	struct errtext why;

	iface_dev_close(iface);
	if (event->kind == NETDEV_GONE && event->moved)
		errtext_set(&why, ENODEV,
			    "its network device was moved to another network namespace (nsid %d); the port works again "
			    "when the device is back",
			    event->new_netnsid);
	else if (event->kind == NETDEV_GONE)
		errtext_set(&why, ENODEV, "its network device is gone; the port works again when the device is back");
	else
		errtext_set(&why, ENODEV,
			    "its network device was renamed to %s; the port works again when the name is back",
			    event->info.name);
	iface_dev_set_error__(iface, why.text);
	event_post(EVENT_PORT_DOWN, iface->bridge->name, iface->name, "port %s: %s", iface->name, why.text);
	iface_dev_report(iface);
	if (iface->type == IFACE_INTERNAL || (iface->type == IFACE_TAP && !event->moved))
		iface_dev_open(iface, &iface->dev->wanted, &why);
}

/* An event of the outer end of a pair. A move only takes it out of sight. */
static void outer_event(struct iface *iface, const struct netdev_event *event)
{
	if (event->kind == NETDEV_GONE) {
		iface_dev_set_outer__(iface, 0);
		if (event->moved)
			log_info("port %s: its device lives in another network namespace now", iface->name);
	} else {
		iface_dev_take_state__(iface, &event->info);
	}
	iface_dev_report(iface);
}

static void tc_event(int ifindex)
{
	const struct iface *iface = iface_by_ifindex(ifindex, false);

	if (iface)
		iface_dev_refresh__(iface);
}

static void attached_event(struct iface *iface, const struct netdev_event *event)
{
	bool renamed = event->kind == NETDEV_CHANGED && iface->type != IFACE_INTERNAL &&
		       strcmp(event->info.name, iface->name) != 0;

	if (event->kind == NETDEV_GONE || renamed) {
		device_gone(iface, event);
		return;
	}
	if (iface->dp_port != DP_PORT_NONE && iface->bridge->dp->ops->port_link)
		iface->bridge->dp->ops->port_link(iface->bridge->dp, iface->dp_port, event->info.admin_up,
						  event->info.mtu);
	iface_dev_refresh__(iface);
	if (!iface->dev->outer_ifindex) {
		iface_dev_take_state__(iface, &event->info);
		iface_dev_report(iface);
	}
}

/* A device that no port has: is one waiting for it? */
static void unknown_event(const struct netdev_event *event)
{
	struct iface *iface = event->kind == NETDEV_CHANGED ? iface_by_name(event->info.name) : NULL;
	struct errtext err;

	if (!iface || iface_dev_on_dummy__(iface))
		return;
	if (iface->dp_port == DP_PORT_NONE && iface->type != IFACE_PATCH) {
		if (!iface_dev_open(iface, &iface->dev->wanted, &err))
			event_post(EVENT_PORT_UP, iface->bridge->name, iface->name,
				   "port %s: its network device is back", iface->name);
	} else if (iface->type == IFACE_INTERNAL && !iface->dev->outer_ifindex &&
		   iface_veth_is_outer(iface->name, &event->info)) {
		iface_dev_set_outer__(iface, event->info.ifindex);
		iface_dev_take_state__(iface, &event->info);
		iface_dev_report(iface);
	}
}

/* The device of a tunnel port was taken away: a new one. */
static void reopen(struct iface *iface)
{
	struct errtext unused;

	iface_dev_open(iface, &iface->dev->wanted, &unused);
}

static void handle_event(const struct netdev_event *event)
{
	struct iface *iface = iface_by_ifindex(event->info.ifindex, true);

	if (tunnel_event(event, reopen))
		return;
	if (iface) {
		outer_event(iface, event);
		return;
	}
	iface = iface_by_ifindex(event->info.ifindex, false);
	if (iface)
		attached_event(iface, event);
	/* A rename may also be the answer to somebody else's prayer. */
	if (!iface || (event->kind == NETDEV_CHANGED && strcmp(iface->name, event->info.name) != 0))
		unknown_event(event);
}

static void present(void *aux, const struct netdev_info *info)
{
	struct netdev_event event = {.kind = NETDEV_CHANGED, .info = *info};

	(void)aux;
	handle_event(&event);
}

/* Events were lost: ask about every device that we have, then tell about every one that there is. */
static void resync(void)
{
	struct iface *iface;

	log_warn_rl("the kernel lost device events; looking at every device again");
	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces) {
		struct netdev_event gone = {.kind = NETDEV_GONE, .new_netnsid = -1};
		struct netdev_info info;

		gone.info.ifindex = iface->dev->outer_ifindex;
		if (gone.info.ifindex && netdev_get_by_index(gone.info.ifindex, &info) == -ENODEV)
			handle_event(&gone);
		gone.info.ifindex = iface->dev->ifindex;
		if (gone.info.ifindex && netdev_get_by_index(gone.info.ifindex, &info) == -ENODEV)
			handle_event(&gone);
	}
	if (netdev_each(present, NULL))
		log_warn("the list of devices cannot be read");
}

static void on_event(void *aux, const struct netdev_event *event)
{
	(void)aux;
	if (event->kind == NETDEV_RESYNC)
		resync();
	else if (event->kind == NETDEV_TC)
		tc_event(event->info.ifindex);
	else
		handle_event(event);
	switch_publish();
}

int iface_dev_start(struct loop *loop, void (*report)(struct iface *iface))
{
	iface_dev_set_report__(report);
	return netdev_monitor_new(loop, on_event, NULL, &monitor);
}

void iface_dev_stop(void)
{
	netdev_monitor_free(monitor);
	monitor = NULL;
	iface_dev_set_report__(NULL);
}
