// SPDX-License-Identifier: Apache-2.0
#include "switchd/iface_dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "switchd/bond.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/drops.h"
#include "switchd/events.h"
#include "switchd/iface_dev_impl.h"
#include "switchd/link_settings.h"
#include "switchd/iface_mtu.h"
#include "switchd/iface_veth.h"
#include "switchd/qos.h"
#include "switchd/storm.h"
#include "switchd/tunnel.h"

LOG_MODULE(port);

static void (*report_fn)(struct iface *iface);
struct hmap iface_dev_by_ifindex__ = {.buckets = &iface_dev_by_ifindex__.one};
struct hmap iface_dev_by_outer__ = {.buckets = &iface_dev_by_outer__.one};

struct netdev_port *iface_dev_new(void)
{
	return xzalloc(sizeof(struct netdev_port));
}

static void wanted_fini(struct iface_settings *s)
{
	free((char *)s->name);
	free((char *)s->peer);
	free((char *)s->stream);
	free((char *)s->pstream);
	*s = (struct iface_settings){0};
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void set_wanted(struct netdev_port *dev, const struct iface_settings *settings)
{
	struct iface_settings old = dev->wanted;

	dev->wanted = *settings;
	dev->wanted.name = dup_or_null(settings->name);
	dev->wanted.peer = dup_or_null(settings->peer);
	dev->wanted.stream = dup_or_null(settings->stream);
	dev->wanted.pstream = dup_or_null(settings->pstream);
	wanted_fini(&old);
}

void iface_dev_free(struct netdev_port *dev)
{
	wanted_fini(&dev->wanted);
	free(dev->error);
	free(dev);
}

void iface_dev_set_report__(void (*report)(struct iface *iface))
{
	report_fn = report;
}

void iface_dev_report(struct iface *iface)
{
	bond_device_changed(iface);
	if (report_fn)
		report_fn(iface);
}

/* Keep or clear the sentence about why the interface does not work. */
void iface_dev_set_error__(struct iface *iface, const char *text)
{
	struct netdev_port *dev = iface->dev;

	if (text && (!dev->error || strcmp(text, dev->error) != 0))
		log_warn("port %s: %s", iface->name, text);
	free(dev->error);
	dev->error = dup_or_null(text);
}

/* ---- the datapath's side ---- */

static int attach(struct iface *iface, int ifindex, struct errtext *err)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_port_spec spec = {
		.name = iface->name,
		.type = iface_type_name(ifindex ? iface->type : IFACE_DUMMY),
		.ifindex = ifindex,
		.stream = iface->dev->wanted.stream,
		.pstream = iface->dev->wanted.pstream,
		.requested = DP_PORT_NONE,
	};
	uint32_t number;
	int error = dp->ops->port_add(dp, &spec, &number, err);

	if (error)
		return error;
	iface->dev->ifindex = ifindex;
	if (ifindex)
		hmap_insert(&iface_dev_by_ifindex__, &iface->dev->by_ifindex, hash_u64((uint64_t)ifindex, 0));
	switch_wrlock();
	iface->dp_port = number;
	iface->serial = drops_add_port();
	hmap_insert(&vswitch.dp_ports, &iface->dp_node, hash_u64(number, 0));
	switch_wrunlock();
	switch_changed();
	iface_dev_refresh__(iface);
	policer_follow(iface);
	storm_follow(iface);
	link_follow(iface);
	return 0;
}

void iface_dev_refresh__(const struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;

	if (iface->dp_port != DP_PORT_NONE && dp->ops->port_refresh)
		dp->ops->port_refresh(dp, iface->dp_port, !iface->dev->wanted.no_direct);
}

void iface_dev_set_outer__(struct iface *iface, int ifindex)
{
	struct netdev_port *dev = iface->dev;

	if (dev->outer_ifindex)
		hmap_remove(&iface_dev_by_outer__, &dev->by_outer);
	dev->outer_ifindex = ifindex;
	if (ifindex)
		hmap_insert(&iface_dev_by_outer__, &dev->by_outer, hash_u64((uint64_t)ifindex, 0));
}

static void detach(struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;
	uint32_t number = iface->dp_port;

	iface_dev_set_outer__(iface, 0);
	if (number == DP_PORT_NONE)
		return;
	if (iface_is_tunnel(iface)) {
		tunnel_detach(iface);
		return;
	}
	policer_leave(iface, dp, number);
	storm_leave(iface);
	switch_wrlock();
	hmap_remove(&vswitch.dp_ports, &iface->dp_node);
	iface->dp_port = DP_PORT_NONE;
	drops_del_port(iface->serial);
	iface->serial = 0;
	iface->link_up = iface->admin_up = false;
	iface->mtu = 0;
	switch_wrunlock();
	switch_changed();
	if (iface->dev->ifindex)
		hmap_remove(&iface_dev_by_ifindex__, &iface->dev->by_ifindex);
	iface->dev->ifindex = 0;
	iface->dev->has_htb = false;
	iface->dev->shaper = NULL;
	iface->dev->link = (struct link_settings){0};
	iface->dev->link_out = iface->dev->link_in = NULL;
	dp->ops->port_del(dp, number);
	iface_mtu_follow(iface->bridge, 0);
}

/* A port that was up goes down, or the other way round. */
static void tell_state(const struct iface *iface, const struct netdev_info *now)
{
	const char *bridge = iface->bridge->name, *name = iface->name;
	bool was_up = iface->link_up && iface->admin_up, is_up = now->link_up && now->admin_up;

	if (is_up && !was_up)
		event_post(EVENT_PORT_UP, bridge, name, "port %s is up", name);
	else if (!is_up && was_up && now->admin_up)
		event_post(EVENT_PORT_DOWN, bridge, name, "port %s lost its link: no cable, or the other end is down",
			   name);
	else if (!is_up && was_up)
		event_post(EVENT_PORT_DOWN, bridge, name, "port %s was set down (`ip link set %s up`)", name, name);
}

/* What is known of the device, into the struct that translation reads. @visible: the device that people see. */
void iface_dev_take_state__(struct iface *iface, const struct netdev_info *visible)
{
	bool changed = iface->link_up != visible->link_up || iface->admin_up != visible->admin_up;
	bool other_mtu = iface->mtu != visible->mtu;

	if (changed && iface->mtu)
		tell_state(iface, visible);
	switch_wrlock();
	iface->link_up = visible->link_up;
	iface->admin_up = visible->admin_up;
	iface->mtu = visible->mtu;
	memcpy(iface->mac, visible->mac, sizeof iface->mac);
	if (iface->ofp_port == OFPP_LOCAL)
		memcpy(iface->bridge->mac, visible->mac, sizeof iface->bridge->mac);
	switch_wrunlock();
	if (changed)
		switch_changed();
	if (other_mtu)
		iface_mtu_follow(iface->bridge, iface->type == IFACE_INTERNAL ? 0 : iface->mtu);
}

/* ---- kinds of devices ---- */

static int open_system(struct iface *iface, struct netdev_info *info, struct errtext *err)
{
	struct netdev_info master;
	int error = netdev_get(iface->name, info);

	if (error == -ENODEV)
		return errtext_set(err, ENODEV,
				   "no such network device; `ip link` lists them; use type=tap to create one");
	if (error)
		return errtext_set(err, -error, "the kernel does not tell about the device: %s", strerror(-error));
	if (info->is_loopback)
		return errtext_set(err, EINVAL, "the loopback device cannot be a port");
	if (!info->has_mac)
		return errtext_set(err, EINVAL,
				   "the device has no Ethernet address; a port must be an Ethernet device");
	if (strncmp(info->alias, IFACE_ALIAS_PREFIX, strlen(IFACE_ALIAS_PREFIX)) == 0)
		return errtext_set(err, EBUSY, "the device is the %s", info->alias);
	if (info->master_ifindex && !netdev_get_by_index(info->master_ifindex, &master))
		return errtext_set(err, EBUSY, "the device belongs to %s (%s); `ip link set %s nomaster` frees it",
				   master.name, master.kind[0] ? master.kind : "device", iface->name);
	return 0;
}

static int open_tap(struct iface *iface, struct netdev_info *info, struct errtext *err)
{
	int error = netdev_get(iface->name, info);
	char alias[256];

	if (!error && strcmp(info->kind, "tun") != 0)
		return errtext_set(
			err, EEXIST,
			"there is a network device of that name that is no TAP; leave out type=tap to use it");
	if (!error)
		return 0;
	error = netdev_add_tap(iface->name,
			       NETDEV_TAP_VNET_HDR | (iface->dev->wanted.queues > 1 ? NETDEV_TAP_MANY : 0));
	if (!error)
		error = netdev_get(iface->name, info);
	if (error)
		return errtext_set(err, -error, "a TAP device cannot be made: %s%s", strerror(-error),
				   error == -ENOENT ? " (/dev/net/tun)" : "");
	iface_alias(alias, sizeof alias, iface->name, "TAP");
	error = netdev_set_alias(info->ifindex, alias);
	if (!error)
		error = netdev_set_up(info->ifindex, true);
	return error ? errtext_set(err, -error, "a TAP device cannot be set up: %s", strerror(-error)) : 0;
}

/* Find or make the device, check it, attach its datapath side. */
static int open_device(struct iface *iface, struct errtext *err)
{
	struct netdev_info info = {0}, outer = {0};
	int error;

	switch (iface->type) {
	case IFACE_SYSTEM:
		error = open_system(iface, &info, err);
		outer = info;
		break;
	case IFACE_TAP:
		error = open_tap(iface, &info, err);
		outer = info;
		break;
	default:
		error = iface_veth_open(
			iface->name, iface->dev->wanted.has_mac ? iface->dev->wanted.mac : iface->bridge->mac,
			iface->ofp_port == OFPP_LOCAL || iface->dev->wanted.has_mac, &info, &outer, err);
		break;
	}
	if (!error)
		error = attach(iface, info.ifindex, err);
	if (error)
		return error;
	if (iface->type == IFACE_INTERNAL)
		iface_dev_set_outer__(iface, outer.ifindex);
	iface_dev_take_state__(iface, outer.ifindex ? &outer : &info);
	return 0;
}

/* For those without a device: the same after every start. */
static void invent_mac(const struct iface *iface, uint8_t mac[6])
{
	uint32_t h = hash_string(iface->name, 0);

	memcpy(mac,
	       (const uint8_t[]){0x0a, 0x56, (uint8_t)(h >> 24), (uint8_t)(h >> 16), (uint8_t)(h >> 8), (uint8_t)h}, 6);
}

/* A dummy port is always up, and as it is asked to be. */
static void take_dummy_state(struct iface *iface)
{
	const struct iface_settings *wanted = &iface->dev->wanted;
	struct netdev_info state = {
		.link_up = true, .admin_up = true, .mtu = wanted->mtu_request ? wanted->mtu_request : 1500};

	invent_mac(iface, state.mac);
	if (wanted->has_mac)
		memcpy(state.mac, wanted->mac, sizeof state.mac);
	else if (iface->ofp_port == OFPP_LOCAL)
		memcpy(state.mac, iface->bridge->mac, sizeof state.mac);
	iface_dev_take_state__(iface, &state);
}

static int open_dummy(struct iface *iface, struct errtext *err)
{
	int error = attach(iface, 0, err);

	if (!error)
		take_dummy_state(iface);
	return error;
}

/* Up, as Open vSwitch has it: whether the other end is there nobody knows. */
static int open_tunnel(struct iface *iface, struct errtext *err)
{
	struct netdev_info state = {.link_up = true, .admin_up = true};
	int error;

	switch_wrlock();
	iface->tunnel = iface->dev->wanted.tunnel;
	switch_wrunlock();
	error = tunnel_attach(iface, err);
	if (error)
		return error;
	invent_mac(iface, state.mac);
	if (iface->dev->wanted.has_mac)
		memcpy(state.mac, iface->dev->wanted.mac, sizeof state.mac);
	iface_dev_take_state__(iface, &state);
	return 0;
}

bool iface_dev_on_dummy__(const struct iface *iface)
{
	return iface->bridge->dp->ops == &datapath_dummy;
}

/* MTU and MAC as asked for. The monitor will tell what came of it. */
static int apply_wishes(struct iface *iface, struct errtext *err)
{
	const struct iface_settings *wanted = &iface->dev->wanted;
	int visible = iface->dev->outer_ifindex ? iface->dev->outer_ifindex : iface->dev->ifindex;
	struct netdev_info now;
	int error = 0;

	if (iface_is_tunnel(iface))
		return 0;
	if (iface_dev_on_dummy__(iface))
		take_dummy_state(iface);
	if (!visible || netdev_get_by_index(visible, &now))
		return 0;
	if (wanted->mtu_request && now.mtu != wanted->mtu_request) {
		error = netdev_set_mtu(visible, wanted->mtu_request);
		if (!error && iface->type == IFACE_INTERNAL && visible != iface->dev->ifindex)
			error = netdev_set_mtu(iface->dev->ifindex, wanted->mtu_request);
		if (error)
			return errtext_set(err, -error, "the device does not take an MTU of %u (mtu_request): %s",
					   wanted->mtu_request, strerror(-error));
	}
	if (wanted->has_mac && iface->type != IFACE_SYSTEM && memcmp(now.mac, wanted->mac, 6) != 0) {
		error = netdev_set_mac(visible, wanted->mac);
		if (error)
			return errtext_set(err, -error, "the device does not take that MAC address: %s",
					   strerror(-error));
	}
	if (!netdev_get_by_index(visible, &now))
		iface_dev_take_state__(iface, &now);
	return 0;
}

/* A bridge is of one world: devices or dummies. */
static int check_world(const struct iface *iface, struct errtext *err)
{
	/* An internal port of a dummy bridge is a dummy. */
	if (iface->type == IFACE_INTERNAL || iface->type == IFACE_PATCH || iface_is_tunnel(iface) ||
	    iface_dev_on_dummy__(iface) == (iface->type == IFACE_DUMMY))
		return 0;
	if (iface_dev_on_dummy__(iface))
		return errtext_set(err, EINVAL,
				   "bridge %s has datapath_type=dummy: its ports must have type=dummy or type=patch",
				   iface->bridge->name);
	return errtext_set(err, EINVAL, "type=dummy needs a bridge with datapath_type=dummy");
}

static int open_any(struct iface *iface, struct errtext *err)
{
	int error = check_world(iface, err);

	if (error || iface->type == IFACE_PATCH)
		return error;
	if (iface_is_tunnel(iface))
		return open_tunnel(iface, err);
	if (iface_dev_on_dummy__(iface))
		return open_dummy(iface, err);
	error = netdev_name_check(iface->name, err);
	if (!error)
		error = open_device(iface, err);
	return error ? error : apply_wishes(iface, err);
}

int iface_dev_open(struct iface *iface, const struct iface_settings *settings, struct errtext *err)
{
	struct errtext why = {0};
	int error;

	if (settings != &iface->dev->wanted)
		set_wanted(iface->dev, settings);
	error = open_any(iface, &why);
	iface_dev_set_error__(iface, error ? why.text : NULL);
	/* A device that came later; whoever waits for a command hears of this by other means. */
	if (!error && qos_follow(iface, &why))
		log_warn("port %s: QoS: %s", iface->name, why.text);
	iface_dev_report(iface);
	return error ? errtext_set(err, -error, "%s", why.text) : 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

int iface_dev_set(struct iface *iface, const struct iface_settings *settings, struct errtext *err)
{
	const struct iface_settings *was = &iface->dev->wanted;
	bool reopen =
		!same_text(was->stream, settings->stream) || !same_text(was->pstream, settings->pstream) ||
		/* Both were zeroed before they were filled in. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		memcmp(&was->tunnel, &settings->tunnel, sizeof was->tunnel) != 0;
	int error;

	set_wanted(iface->dev, settings);
	if (reopen)
		iface_dev_close(iface);
	if (iface->dp_port == DP_PORT_NONE)
		return iface_dev_open(iface, &iface->dev->wanted, err);
	if (!iface_is_tunnel(iface)) {
		policer_follow(iface);
		storm_follow(iface);
		link_follow(iface);
	}
	error = apply_wishes(iface, err);
	iface_dev_refresh__(iface);
	iface_dev_report(iface);
	return error;
}

void iface_dev_close(struct iface *iface)
{
	detach(iface);
}

/* Inner ends of veth pairs that are to go; with an inner end the outer one goes. */
static struct {
	int *ifindexes;
	size_t n, cap;
} doomed;

static void doom_veth(const char *name)
{
	int ifindex = iface_veth_inner(name);

	if (!ifindex)
		return;
	if (doomed.n == doomed.cap) {
		doomed.cap = doomed.cap ? 2 * doomed.cap : 16;
		doomed.ifindexes = xrealloc(doomed.ifindexes, doomed.cap * sizeof *doomed.ifindexes);
	}
	doomed.ifindexes[doomed.n++] = ifindex;
}

void iface_dev_destroy_rest(void)
{
	int error = doomed.n ? netdev_delete_many(doomed.ifindexes, doomed.n) : 0;

	if (error)
		log_warn("veth pairs of deleted ports cannot be removed: %s", strerror(-error));
	free(doomed.ifindexes);
	doomed.ifindexes = NULL;
	doomed.n = doomed.cap = 0;
}

void iface_dev_destroy(const char *name, enum iface_type type)
{
	struct netdev_info info;
	char alias[256];

	if (type == IFACE_INTERNAL)
		doom_veth(name);
	if (type == IFACE_VXLAN || type == IFACE_GENEVE || type == IFACE_GRE)
		tunnel_sweep();
	if (type != IFACE_TAP || netdev_get(name, &info))
		return;
	iface_alias(alias, sizeof alias, name, "TAP");
	if (!strcmp(info.alias, alias) && netdev_delete(info.ifindex))
		log_warn("port %s: its TAP device cannot be removed", name);
}

int iface_dev_open_tap(const struct iface *iface, bool vnet_hdr, int *fd, struct errtext *err)
{
	const char *name = iface->name;
	uint32_t n_queues = iface->dev->wanted.queues;

	if (iface->type != IFACE_TAP)
		return errtext_set(err, EINVAL, "port %s has type=%s; only that of a type=tap port can be handed out",
				   name, iface_type_name(iface->type));
	if (iface->dp_port == DP_PORT_NONE)
		return errtext_set(err, ENODEV, "port %s: %s", name,
				   iface->dev->error ? iface->dev->error : "has no device");
	*fd = netdev_open_tap(name, (vnet_hdr ? NETDEV_TAP_VNET_HDR : 0) | (n_queues > 1 ? NETDEV_TAP_MANY : 0));
	if (*fd == -EBUSY)
		return errtext_set(err, EBUSY, "port %s: another process holds its TAP device", name);
	if (*fd < 0)
		return errtext_set(err, -*fd, "port %s: its TAP device cannot be opened%s: %s", name,
				   n_queues > 1 ? " with several queues" : "", strerror(-*fd));
	return 0;
}

int iface_dev_stats(const struct iface *iface, struct netdev_stats *stats)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_port_stats counted;
	struct netdev_info info;

	*stats = (struct netdev_stats){0};
	if (iface->type == IFACE_PATCH || iface_is_tunnel(iface)) {
		stats->rx_packets = __atomic_load_n(&iface->counted.rx_packets, __ATOMIC_RELAXED);
		stats->rx_bytes = __atomic_load_n(&iface->counted.rx_bytes, __ATOMIC_RELAXED);
		stats->tx_packets = __atomic_load_n(&iface->counted.tx_packets, __ATOMIC_RELAXED);
		stats->tx_bytes = __atomic_load_n(&iface->counted.tx_bytes, __ATOMIC_RELAXED);
		return 0;
	}
	if (iface->dev->ifindex) {
		if (netdev_get_by_index(iface->dev->ifindex, &info))
			return -ENODEV;
		*stats = info.stats;
		if (iface->dp_port != DP_PORT_NONE && !dp->ops->port_stats(dp, iface->dp_port, &counted)) {
			stats->tx_packets += counted.direct_packets;
			stats->tx_bytes += counted.direct_bytes;
		}
		return 0;
	}
	if (iface->dp_port == DP_PORT_NONE || dp->ops->port_stats(dp, iface->dp_port, &counted))
		return -ENODEV;
	stats->rx_packets = counted.rx_packets;
	stats->rx_bytes = counted.rx_bytes;
	stats->tx_packets = counted.tx_packets;
	stats->tx_bytes = counted.tx_bytes;
	return 0;
}
