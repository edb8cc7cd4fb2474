// SPDX-License-Identifier: Apache-2.0
/*
 * There are few of these (one per type and UDP port), so they are kept in a list.
 *
 * The list changes under the switch's write lock, in the main thread.
 */
#include "switchd/tunnel_dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "os/netdev.h"
#include "switchd/bridge.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_veth.h"

LOG_MODULE(tunnel_dev);

enum { MTU_MIN = 1500 };

struct entry {
	struct tunnel_dev dev;
	struct cds_list_head node;
};

static CDS_LIST_HEAD(all);

static bool is_used(const struct tunnel_dev *dev)
{
	return dev->n_ifaces; /* cppcheck-suppress ctuuninitvar ; it does not see into liburcu's loops */
}

struct tunnel_dev *tunnel_dev_by_port(const struct datapath *dp, uint32_t dp_port)
{
	struct entry *e;

	cds_list_for_each_entry(e, &all, node)
		if (is_used(&e->dev) && e->dev.dp == dp && e->dev.dp_port == dp_port)
			return &e->dev;
	return NULL;
}

const struct tunnel_dev *tunnel_dev_of(const struct datapath *dp, uint32_t dp_port)
{
	return tunnel_dev_by_port(dp, dp_port);
}

struct tunnel_dev *tunnel_dev_by_ifindex(int ifindex)
{
	struct entry *e;

	cds_list_for_each_entry(e, &all, node)
		if (ifindex > 0 && is_used(&e->dev) && e->dev.ifindex == ifindex)
			return &e->dev;
	return NULL;
}

const struct tunnel_dev *tunnel_dev_next(const struct tunnel_dev *dev)
{
	struct cds_list_head *node = dev ? container_of(dev, struct entry, dev)->node.next : all.next;

	for (; node != &all; node = node->next) {
		const struct entry *e = container_of(node, struct entry, node);

		if (is_used(&e->dev))
			return &e->dev;
	}
	return NULL;
}

/* ---- the network device ---- */

static void name_dev(struct tunnel_dev *dev)
{
	if (dev->kind == TUNNEL_VXLAN)
		snprintf(dev->name, sizeof dev->name, "vxlan_sys_%u", dev->dst_port);
	else if (dev->kind == TUNNEL_GENEVE)
		snprintf(dev->name, sizeof dev->name, "genev_sys_%u", dev->dst_port);
	else
		snprintf(dev->name, sizeof dev->name, "%s", dev->ipv6 ? "ip6gre_sys" : "gre_sys");
}

static const char *kernel_kind(const struct tunnel_dev *dev)
{
	return dev->kind == TUNNEL_VXLAN    ? "vxlan"
	       : dev->kind == TUNNEL_GENEVE ? "geneve"
	       : dev->ipv6		    ? "ip6gretap"
					    : "gretap";
}

static int make_error(const struct tunnel_dev *dev, int error, struct errtext *err)
{
	if (error == -EOPNOTSUPP || error == -ENOENT)
		return errtext_set(err, EOPNOTSUPP,
				   "this kernel has no %s devices (`modprobe %s`); without them %s ports need "
				   "--datapath user",
				   kernel_kind(dev), dev->kind == TUNNEL_GRE ? "ip_gre" : kernel_kind(dev),
				   tunnel_kind_name(dev->kind));
	if (error == -EEXIST)
		return errtext_set(
			err, EEXIST,
			"the kernel has a device for such tunnels already (`ip -d link` shows it); it must be "
			"deleted, or another options:dst_port used");
	if (error == -EADDRINUSE)
		return errtext_set(err, EADDRINUSE,
				   "UDP port %u (options:dst_port) is in use in this network namespace", dev->dst_port);
	return errtext_set(err, -error, "the network device %s cannot be made: %s", dev->name, strerror(-error));
}

/* As large as the kernel lets it be: what fits is decided by the path. */
static void raise_mtu(int ifindex)
{
	for (uint32_t mtu = 65535; mtu > MTU_MIN; mtu -= 5)
		if (!netdev_set_mtu(ifindex, mtu))
			return;
}

static int make_netdev(struct tunnel_dev *dev, const char *alias, struct errtext *err)
{
	struct netdev_info info;
	int error = netdev_add_tunnel(dev->name, kernel_kind(dev), dev->dst_port);

	if (!error)
		error = netdev_get(dev->name, &info);
	if (error)
		return make_error(dev, error, err);
	raise_mtu(info.ifindex);
	error = netdev_set_no_ipv6(info.ifindex, dev->name);
	if (!error)
		error = netdev_set_up(info.ifindex, true);
	if (!error)
		error = netdev_set_alias(info.ifindex, alias);
	if (error) {
		(void)!netdev_delete(info.ifindex);
		return make_error(dev, error, err);
	}
	dev->ifindex = info.ifindex;
	return 0;
}

static void alias_of(const struct tunnel_dev *dev, char *alias, size_t size)
{
	iface_alias(alias, size, dev->name, "device");
}

/* Ours from before, or a new one. */
static int open_netdev(struct tunnel_dev *dev, struct errtext *err)
{
	struct netdev_info info;
	char alias[256];
	int error = netdev_get(dev->name, &info);

	alias_of(dev, alias, sizeof alias);
	if (error)
		return make_netdev(dev, alias, err);
	if (strcmp(info.kind, kernel_kind(dev)) != 0 || strcmp(info.alias, alias) != 0)
		return errtext_set(
			err, EEXIST, "there is a network device %s already%s%s%s; `ip link delete %s` removes it",
			dev->name, info.alias[0] ? " (" : "", info.alias, info.alias[0] ? ")" : "", dev->name);
	dev->ifindex = info.ifindex;
	error = info.admin_up ? 0 : netdev_set_up(info.ifindex, true);
	return error ? make_error(dev, error, err) : 0;
}

static void delete_netdev(const struct tunnel_dev *dev)
{
	struct netdev_info info;
	char alias[256];

	alias_of(dev, alias, sizeof alias);
	if (!netdev_get(dev->name, &info) && !strcmp(info.alias, alias) && netdev_delete(info.ifindex))
		log_warn("the network device %s cannot be removed", dev->name);
}

/* ---- life ---- */

static struct entry *find(const struct datapath *dp, const struct tunnel_config *c, bool ipv6)
{
	struct entry *e;

	cds_list_for_each_entry(e, &all, node)
		if (e->dev.dp == dp && e->dev.kind == c->kind && e->dev.dst_port == c->dst_port && e->dev.ipv6 == ipv6)
			return e;
	return NULL;
}

static int open_dev(struct tunnel_dev *dev, struct errtext *err)
{
	struct dp_port_spec spec = {
		.name = dev->name,
		.type = dev->dp->ops == &datapath_dummy ? "dummy" : tunnel_kind_name(dev->kind),
		.requested = DP_PORT_NONE,
		.dst_port = dev->dst_port,
	};
	int error = 0;

	if (dev->dp->ops->tunnels == DP_TUNNELS_NONE)
		return errtext_set(err, EOPNOTSUPP, "the %s datapath has no tunnel ports; they need --datapath ebpf",
				   dev->dp->ops->type);
	if (dev->dp->ops->tunnels == DP_TUNNELS_BY_DEVICE)
		error = open_netdev(dev, err);
	else if (dev->dp->ops != &datapath_dummy)
		delete_netdev(dev); /* a predecessor's with another datapath: it has the UDP port */
	spec.ifindex = dev->ifindex;
	return error ? error : dev->dp->ops->port_add(dev->dp, &spec, &dev->dp_port, err);
}

int tunnel_dev_get(struct datapath *dp, const struct tunnel_config *c, struct tunnel_dev **devp, struct errtext *err)
{
	bool ipv6 = c->kind == TUNNEL_GRE && tunnel_addr_is_set(c->remote) && !tunnel_addr_is_ipv4(c->remote);
	struct entry *e = find(dp, c, ipv6);
	bool is_new = !e;
	int error;

	if (is_new) {
		e = xzalloc(sizeof *e);
		e->dev = (struct tunnel_dev){.dp = dp, .kind = c->kind, .ipv6 = ipv6, .dst_port = c->dst_port};
		name_dev(&e->dev);
	}
	error = e->dev.n_ifaces ? 0 : open_dev(&e->dev, err);
	if (error) {
		if (is_new) {
			delete_netdev(&e->dev);
			free(e);
		}
		return error;
	}
	switch_wrlock();
	e->dev.n_ifaces++;
	if (is_new)
		cds_list_add_tail(&e->node, &all);
	switch_wrunlock();
	*devp = &e->dev;
	return 0;
}

void tunnel_dev_put(struct tunnel_dev *dev)
{
	bool is_last;

	switch_wrlock();
	is_last = !--dev->n_ifaces;
	switch_wrunlock();
	if (is_last)
		dev->dp->ops->port_del(dev->dp, dev->dp_port);
}

static void forget(bool with_devices)
{
	struct entry *e, *next;

	cds_list_for_each_entry_safe(e, next, &all, node) {
		if (is_used(&e->dev))
			continue;
		if (with_devices && e->dev.dp->ops->tunnels == DP_TUNNELS_BY_DEVICE)
			delete_netdev(&e->dev);
		switch_wrlock();
		cds_list_del(&e->node);
		switch_wrunlock();
		free(e);
	}
}

void tunnel_sweep(void)
{
	forget(true);
}

void tunnel_stop(void)
{
	forget(false);
}
