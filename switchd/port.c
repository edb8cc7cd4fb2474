// SPDX-License-Identifier: Apache-2.0
/*
 * Ports and interfaces: names, OpenFlow port numbers, VLAN settings, patch pairs.
 *
 * Numbers. One that the interface asks for (ofport_request) is its own, and who has it by chance gets another; else the one it had
 * before, which config.c keeps in the database; else the next free one, counting up, so that a number is not given to another
 * port soon after its owner is gone.
 */
#include "switchd/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/fdb.h"
#include "switchd/hosts.h"
#include "switchd/iface_dev.h"
#include "switchd/source_guard.h"

static const char *const type_names[] = {
	[IFACE_SYSTEM] = "system", [IFACE_INTERNAL] = "internal", [IFACE_TAP] = "tap",	     [IFACE_PATCH] = "patch",
	[IFACE_DUMMY] = "dummy",   [IFACE_VXLAN] = "vxlan",	  [IFACE_GENEVE] = "geneve", [IFACE_GRE] = "gre",
};

const char *iface_type_name(enum iface_type type)
{
	return type_names[type];
}

int iface_type_parse(const char *name, enum iface_type *type, struct errtext *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++)
		if (!strcmp(name, type_names[i]) || (i == IFACE_SYSTEM && !*name)) {
			*type = (enum iface_type)i;
			return 0;
		}
	return errtext_set(
		err, EINVAL,
		"'%.40s' is no interface type; known are system, internal, tap, patch, vxlan, geneve, gre and dummy",
		name);
}

/* ---- ports ---- */

/* What a guard has found out stays while its setting does. */
static void set_guard(struct port *port, struct source_guard *guard)
{
	bool keep = source_guard_same(port->guard, guard);

	source_guard_free(keep ? guard : port->guard);
	if (!keep)
		port->guard = guard;
}

static void set_plain(struct port *port, const struct port_settings *settings)
{
	free(port->trunks);
	free(port->cvlans);
	free(port->qos);
	port->vlan_mode = settings->vlan_mode;
	port->tag = settings->tag;
	port->trunks = settings->trunks;
	port->cvlans = settings->cvlans;
	port->qinq_ethtype = settings->qinq_ethtype;
	port->priority_tags = settings->priority_tags;
	port->is_protected = settings->is_protected;
	port->qos = settings->qos;
	set_guard(port, settings->guard);
	port->storm = settings->storm;
	port->loop_guard = settings->loop_guard;
	loop_guard_follow(&port->loop_guard);
}

struct port *port_new(struct bridge *br, const struct port_settings *settings)
{
	struct port *port = xzalloc(sizeof *port);

	port->name = xstrdup(settings->name);
	port->bridge = br;
	CDS_INIT_LIST_HEAD(&port->ifaces);
	set_plain(port, settings);
	switch_wrlock();
	hmap_insert(&vswitch.ports, &port->name_node, hash_string(port->name, 0));
	cds_list_add_tail(&port->bridge_node, &br->ports);
	br->n_ports++;
	switch_wrunlock();
	switch_changed();
	return port;
}

void port_set(struct port *port, const struct port_settings *settings)
{
	switch_wrlock();
	set_plain(port, settings);
	switch_wrunlock();
	switch_changed();
}

void port_free(struct port *port)
{
	fdb_flush_port(port->bridge->fdb, port);
	hosts_flush_port(port->bridge->hosts, port);
	switch_wrlock();
	mirrors_forget_port(port);
	hmap_remove(&vswitch.ports, &port->name_node);
	cds_list_del(&port->bridge_node);
	port->bridge->n_ports--;
	switch_wrunlock();
	switch_changed();
	free(port->trunks);
	free(port->cvlans);
	free(port->qos);
	source_guard_free(port->guard);
	free(port->name);
	free(port);
}

/* ---- port numbers ---- */

/* The next free number, 0 when there is none. */
static uint16_t free_number(struct bridge *br)
{
	for (uint32_t i = 0; i < OFPP_MAX; i++) {
		uint16_t n = br->next_ofp;

		br->next_ofp = n + 1 < OFPP_MAX ? (uint16_t)(n + 1) : 1;
		if (!bridge_iface_by_ofp(br, n))
			return n;
	}
	return 0;
}

static void renumber(struct iface *iface, uint16_t number)
{
	struct bridge *br = iface->bridge;

	switch_wrlock();
	hmap_remove(&br->ifaces, &iface->ofp_node);
	iface->ofp_port = number;
	hmap_insert(&br->ifaces, &iface->ofp_node, hash_u64(number, 0));
	switch_wrunlock();
	switch_changed();
}

/*
 * Choose the number of an interface. @self: the interface itself when it has one already.
 * Return: 0 and *number; -EEXIST, -ENOSPC with @err.
 */
static int choose_number(struct bridge *br, const struct iface_settings *settings, struct iface *self, uint16_t *number,
			 struct iface **displaced, struct errtext *err)
{
	struct iface *holder;
	uint16_t other;

	*number = self ? self->ofp_port : settings->ofport;
	if (settings->ofport_request) {
		*number = settings->ofport_request;
		holder = bridge_iface_by_ofp(br, *number);
		if (!holder || holder == self)
			return 0;
		if (holder->dev->ofport_requested)
			return errtext_set(err, EEXIST, "OpenFlow port number %u (ofport_request) belongs to %s",
					   *number, holder->name);
		other = free_number(br);
		if (!other)
			return errtext_set(err, ENOSPC, "bridge %s has no OpenFlow port number left", br->name);
		renumber(holder, other);
		*displaced = holder;
		return 0;
	}
	if (self || (*number && *number < OFPP_MAX && !bridge_iface_by_ofp(br, *number)))
		return 0;
	*number = free_number(br);
	return *number ? 0 : errtext_set(err, ENOSPC, "bridge %s has no OpenFlow port number left", br->name);
}

/* ---- patch pairs ---- */

/* Both ends name each other, and live on one datapath. */
static void pair(struct iface *iface)
{
	struct iface *peer = iface->peer_name ? iface_by_name(iface->peer_name) : NULL;

	if (!peer || peer == iface || peer->type != IFACE_PATCH || !peer->peer_name ||
	    strcmp(peer->peer_name, iface->name) != 0 || peer->bridge->dp != iface->bridge->dp)
		return;
	switch_wrlock();
	iface->peer = peer;
	peer->peer = iface;
	iface->link_up = iface->admin_up = true;
	peer->link_up = peer->admin_up = true;
	switch_wrunlock();
	iface_dev_report(peer);
	iface_dev_report(iface);
}

static void unpair(struct iface *iface)
{
	struct iface *peer = iface->peer;

	if (!peer)
		return;
	switch_wrlock();
	iface->peer = peer->peer = NULL;
	iface->link_up = peer->link_up = false;
	switch_wrunlock();
	iface_dev_report(peer);
}

static void set_peer(struct iface *iface, const char *name)
{
	if (iface->type != IFACE_PATCH || (name && iface->peer_name && !strcmp(name, iface->peer_name)))
		return;
	unpair(iface);
	free(iface->peer_name);
	iface->peer_name = name ? xstrdup(name) : NULL;
	pair(iface);
	switch_changed();
}

/* ---- interfaces ---- */

static void link_iface(struct iface *iface)
{
	struct bridge *br = iface->bridge;

	switch_wrlock();
	hmap_insert(&vswitch.ifaces, &iface->name_node, hash_string(iface->name, 0));
	hmap_insert(&br->ifaces, &iface->ofp_node, hash_u64(iface->ofp_port, 0));
	cds_list_add_tail(&iface->port_node, &iface->port->ifaces);
	iface->port->n_ifaces++;
	if (iface->ofp_port == OFPP_LOCAL)
		br->local = iface;
	switch_wrunlock();
	switch_changed();
}

int iface_new(struct port *port, const struct iface_settings *settings, struct iface **ifacep, struct iface **displaced,
	      struct errtext *err)
{
	struct bridge *br = port->bridge;
	bool is_local = !strcmp(settings->name, br->name);
	uint16_t number = OFPP_LOCAL;
	struct iface *iface;
	int error;

	*displaced = NULL;
	if (!is_local) {
		error = choose_number(br, settings, NULL, &number, displaced, err);
		if (error)
			return error;
	}
	iface = xzalloc(sizeof *iface);
	iface->name = xstrdup(settings->name);
	iface->port = port;
	iface->bridge = br;
	iface->type = settings->type;
	iface->ofp_port = number;
	iface->dp_port = DP_PORT_NONE;
	iface->dev = iface_dev_new();
	iface->dev->ofport_requested = settings->ofport_request && !is_local;
	link_iface(iface);
	set_peer(iface, settings->peer);
	*ifacep = iface;
	return 0;
}

int iface_set(struct iface *iface, const struct iface_settings *settings, struct iface **displaced, struct errtext *err)
{
	uint16_t number;
	int error;

	*displaced = NULL;
	if (iface->ofp_port != OFPP_LOCAL) {
		error = choose_number(iface->bridge, settings, iface, &number, displaced, err);
		if (error)
			return error;
		if (number != iface->ofp_port)
			renumber(iface, number);
		iface->dev->ofport_requested = settings->ofport_request;
	}
	set_peer(iface, settings->peer);
	return 0;
}

void iface_free(struct iface *iface)
{
	struct bridge *br = iface->bridge;

	unpair(iface);
	switch_wrlock();
	hmap_remove(&vswitch.ifaces, &iface->name_node);
	hmap_remove(&br->ifaces, &iface->ofp_node);
	cds_list_del(&iface->port_node);
	iface->port->n_ifaces--;
	if (br->local == iface)
		br->local = NULL;
	switch_wrunlock();
	switch_changed();
	iface_dev_free(iface->dev);
	free(iface->peer_name);
	free(iface->name);
	free(iface);
}
