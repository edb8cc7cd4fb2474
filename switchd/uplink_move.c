// SPDX-License-Identifier: Apache-2.0
/*
 * The move of switchd/uplink.h, there and back. Each step is undone by the way back, and the way back minds nothing that is not there: so it
 * also serves after a move that was broken off anywhere.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "os/netdev.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/iface_dev.h"
#include "switchd/iface_veth.h"
#include "switchd/uplink.h"
#include "switchd/vsctl.h"

LOG_MODULE(uplink_move);

enum { MAX_WORDS = 6 };

/** A command as `vsw` takes it; NULL ends the words. */
struct words {
	const char *w[MAX_WORDS];
};

/* Run the commands as one transaction. */
static int run(const struct words *commands, size_t n, struct errtext *err)
{
	struct db_txn *txn = db_txn_begin(config_db());
	struct dbcmd_style style = {0};
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		struct vsctl_output out = {0};
		size_t argc = 0;

		while (argc < MAX_WORDS && commands[i].w[argc])
			argc++;
		error = vsctl_run(txn, argc, commands[i].w, &style, &out, err);
		vsctl_output_fini(&out);
	}
	if (error) {
		db_txn_abort(txn);
		return error;
	}
	return config_commit(txn, NULL, err);
}

/* ---- bridge and port ---- */

/* The bridge, if it is not there, and its address: that of the device. */
static int prepare_bridge(struct uplink *u, const uint8_t mac[6], struct errtext *err)
{
	char hwaddr[64];

	snprintf(hwaddr, sizeof hwaddr, "other_config:hwaddr=\"" UPLINK_MAC_FMT "\"", UPLINK_MAC_ARGS(mac));
	if (u->made_bridge)
		return run(&(struct words){{"add-br", u->bridge, hwaddr}}, 1, err);
	return run(&(struct words){{"set", "bridge", u->bridge, hwaddr}}, 1, err);
}

static bool has_other_ports(const struct uplink *u)
{
	const struct bridge *br = bridge_by_name(u->bridge);
	const struct port *port;

	if (br)
		cds_list_for_each_entry(port, &br->ports, bridge_node)
			if (strcmp(port->name, u->device) != 0 && strcmp(port->name, u->bridge) != 0)
				return true;
	return false;
}

/* The bridge goes if it came with the uplink and nobody else uses it; else it gets its own address again. */
static int take_apart(const struct uplink *u, struct errtext *err)
{
	bool keep = !u->made_bridge || has_other_ports(u);
	struct words commands[2] = {0};
	char hwaddr[100];
	size_t n = 0;

	if (!bridge_by_name(u->bridge)) {
		/* A daemon was killed when it had made the device, and not yet said so in the database. */
		if (u->made_bridge) {
			iface_veth_clear_half_made(u->bridge);
			iface_dev_destroy(u->bridge, IFACE_INTERNAL);
			iface_dev_destroy_rest();
		}
		return 0;
	}
	if (!keep)
		return run(&(struct words){{"del-br", u->bridge}}, 1, err);
	if (u->added_port)
		commands[n++] = (struct words){{"--if-exists", "del-port", u->bridge, u->device}};
	if (u->old_hwaddr) {
		snprintf(hwaddr, sizeof hwaddr, "other_config:hwaddr=\"%s\"", u->old_hwaddr);
		commands[n++] = (struct words){{"set", "bridge", u->bridge, hwaddr}};
	} else {
		commands[n++] = (struct words){{"remove", "bridge", u->bridge, "other_config", "hwaddr"}};
	}
	return run(commands, n, err);
}

/* ---- devices ---- */

static int get_devices(const struct uplink *u, struct netdev_info *device, struct netdev_info *local,
		       struct errtext *err)
{
	if (netdev_get(u->device, device))
		return errtext_set(err, ENODEV, "the device %s is gone", u->device);
	if (netdev_get(u->bridge, local))
		return errtext_set(err, ENODEV, "bridge %s has no device of its own here", u->bridge);
	return 0;
}

static struct netconf_move move_between(struct rtnl *rtnl, const struct netdev_info *from, const struct netdev_info *to)
{
	struct netconf_move move = {.rtnl = rtnl, .from = from->ifindex, .to = to->ifindex};

	memcpy(move.from_name, from->name, IFNAMSIZ);
	memcpy(move.to_name, to->name, IFNAMSIZ);
	return move;
}

/*
 * Addresses before the device is up: IPv6 would make up a link-local one of its own, and test it for a second. An item that is refused keeps
 * nobody from the others. Return: 0, or the first failure.
 */
static int copy_all(const struct netconf_move *move, const struct netconf *conf, struct errtext *err)
{
	static const enum netconf_kind behind[] = {NETCONF_NEIGHBOUR, NETCONF_ROUTE};
	int error = netconf_copy(move, conf, NETCONF_ADDRESS, err);
	int e = netdev_set_up(move->to, true);

	if (e && !error)
		error = errtext_set(err, -e, "%s cannot be set up: %s", move->to_name, strerror(-e));
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		e = netconf_copy(move, conf, behind[i], error ? NULL : err);
		error = error ? error : e;
	}
	return error;
}

/* ---- there ---- */

static int move_steps(struct uplink *u, struct rtnl *rtnl, struct errtext *err)
{
	struct netdev_info device, local;
	struct netconf_move move;
	int error = netdev_get(u->device, &device);

	if (error)
		return errtext_set(err, ENODEV, "the device %s is gone", u->device);
	error = prepare_bridge(u, device.mac, err);
	if (!error)
		error = get_devices(u, &device, &local, err);
	if (error)
		return error;
	move = move_between(rtnl, &device, &local);
	error = copy_all(&move, &u->moved, err);
	if (!error && u->added_port)
		error = run(&(struct words){{"add-port", u->bridge, u->device}}, 1, err);
	if (!error)
		error = netconf_remove(&move, &u->moved, err);
	return error;
}

/* What is there before anything is touched. */
static int take_stock(struct uplink *u, struct rtnl *rtnl, struct errtext *err)
{
	const struct bridge *br = bridge_by_name(u->bridge);
	struct netdev_info device, local = {0};
	const struct db_row *row;
	const char *hwaddr;
	int error = netdev_get(u->device, &device);

	u->made_bridge = !br;
	u->added_port = !port_by_name(u->device);
	if (!error)
		error = netconf_read(rtnl, device.ifindex, &u->moved);
	if (!error && br && !netdev_get(u->bridge, &local)) {
		row = db_find_name(db_table(config_db(), "Bridge"), NULL, u->bridge);
		hwaddr = row ? db_get_key(row, NULL, "other_config", "hwaddr", NULL) : NULL;
		u->old_hwaddr = hwaddr ? xstrdup(hwaddr) : NULL;
		memcpy(u->old_mac, local.mac, sizeof u->old_mac);
		error = netconf_read(rtnl, local.ifindex, &u->before);
	}
	return error ? errtext_set(err, -error, "the kernel does not tell what is on %s: %s", u->device,
				   strerror(-error))
		     : 0;
}

int uplink_move(struct uplink *u, struct errtext *err)
{
	struct rtnl *rtnl;
	int error = rtnl_open(&rtnl, -1);

	if (error)
		return errtext_set(err, -error, "netlink: %s", strerror(-error));
	error = take_stock(u, rtnl, err);
	if (!error)
		error = uplink_save(u, err);
	if (!error) {
		error = move_steps(u, rtnl, err);
		if (error) {
			struct errtext why = {0};

			if (uplink_move_back(u, true, &why))
				log_err("uplink %s: %s", u->device, why.text);
			else
				uplink_forget(u);
		}
	}
	rtnl_close(rtnl);
	return error;
}

/* ---- back ---- */

/*
 * @there: what the bridge's device has now that it did not have before. @conf: that, and the rest of what was moved where it is asked for, or
 * lost. Only @there may be removed from the bridge's device: a route of the rest names the other device.
 */
static int collect(const struct uplink *u, struct rtnl *rtnl, const struct netdev_info *local, bool whole,
		   struct netconf *there, struct netconf *conf)
{
	int error = local->ifindex ? netconf_read(rtnl, local->ifindex, there) : 0;

	netconf_subtract(there, &u->before);
	netconf_merge(conf, there);
	if (whole || !local->ifindex)
		netconf_merge(conf, &u->moved);
	return error;
}

/* Everything on the device again, then the port away, then the bridge's device as it was. Return: 0, or the first failure. */
static int give_back(const struct uplink *u, struct rtnl *rtnl, const struct netdev_info *device, bool whole,
		     struct errtext *err)
{
	struct netconf conf = {0}, there = {0};
	struct netdev_info local = {0};
	struct netconf_move move;
	int error, e;

	if (netdev_get(u->bridge, &local))
		local = (struct netdev_info){0};
	error = collect(u, rtnl, &local, whole, &there, &conf);
	if (error) {
		errtext_set(err, -error, "the kernel does not tell what is on %s: %s", u->bridge, strerror(-error));
	} else {
		move = move_between(rtnl, &local, device);
		error = copy_all(&move, &conf, err);
		e = take_apart(u, error ? NULL : err);
		error = error ? error : e;
	}
	if (!error && !netdev_get(u->bridge, &local)) {
		move = move_between(rtnl, &local, device);
		error = netconf_remove(&move, &there, err);
		if (!u->old_hwaddr && !u->made_bridge && netdev_set_mac(local.ifindex, u->old_mac))
			log_warn("%s keeps the MAC address of %s", u->bridge, u->device);
	}
	netconf_fini(&conf);
	netconf_fini(&there);
	return error;
}

int uplink_move_back(struct uplink *u, bool whole, struct errtext *err)
{
	struct netdev_info device;
	struct rtnl *rtnl;
	int error = rtnl_open(&rtnl, -1);

	if (error)
		return errtext_set(err, -error, "netlink: %s", strerror(-error));
	error = netdev_get(u->device, &device);
	if (error)
		errtext_set(err, -error, "the device %s is gone; what it had cannot be given back", u->device);
	else
		error = give_back(u, rtnl, &device, whole, err);
	rtnl_close(rtnl);
	return error;
}
