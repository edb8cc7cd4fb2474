// SPDX-License-Identifier: Apache-2.0
/* Commands on ports and interfaces. */
#include <errno.h>
#include <string.h>

#include "switchd/vsctl_impl.h"

int vsctl_add_port(struct vsctl *c, struct errtext *err)
{
	static const char *const tables[] = {"Port", "Interface"};
	const char *bridge_name = c->args[0], *name = c->args[1];
	struct vsctl_bridge br, there;
	int error = vsctl_need_bridge(c, bridge_name, &br, err);

	if (error)
		return error;
	if ((c->options & VSCTL_MAY_EXIST) && vsctl_find_port(c, name, &there)) {
		if (there.row != br.row || there.port != br.port)
			return errtext_set(err, EEXIST,
					   "\"--may-exist add-port %s %s\" but %s is actually attached to bridge %s",
					   bridge_name, name, name, vsctl_bridge_name(c, &there));
	} else {
		error = vsctl_check_free(c, "port", name, err);
		if (error)
			return error;
		vsctl_insert_port(c, br.row, name, NULL, br.vlan);
	}
	error = vsctl_set_columns(c, tables, ARRAY_SIZE(tables), name, c->args + 2, c->n - 2, err);
	if (error)
		errtext_prefix(err, "add-port %s", name);
	return error;
}

/* The port that has an interface of this name, for --with-iface. */
static struct db_row *port_with_iface(const struct vsctl *c, const char *name, struct vsctl_bridge *br)
{
	const struct db_row *iface = db_find_name(db_table(c->db, "Interface"), c->txn, name);
	const struct db_row *port = iface ? db_row_referrer(iface, c->txn, db_table(c->db, "Port")) : NULL;

	return port ? vsctl_find_port(c, vsctl_row_name(c, port), br) : NULL;
}

/* Why there is no such port to delete. */
static int explain_missing(const struct vsctl *c, const char *name, struct errtext *err)
{
	struct vsctl_bridge br;

	if (vsctl_find_bridge(c, name, &br))
		return errtext_set(err, EINVAL,
				   "cannot delete port %s because it is the local port for bridge %s (deleting this "
				   "port requires deleting the "
				   "entire bridge)",
				   name, name);
	return errtext_set(err, ENOENT, "no port named %s", name);
}

static int check_bridge(const struct vsctl *c, const char *name, const struct vsctl_bridge *there, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (error || (br.row == there->row && br.port == there->port))
		return error;
	return errtext_set(err, ENOENT, "bridge %s does not have a port %s (bridge %s does)", c->args[0], name,
			   vsctl_bridge_name(c, there));
}

int vsctl_del_port(struct vsctl *c, struct errtext *err)
{
	const char *name = c->args[c->n - 1];
	struct vsctl_bridge br;
	struct db_row *port = vsctl_find_port(c, name, &br);
	int error;

	if (!port && (c->options & VSCTL_WITH_IFACE))
		port = port_with_iface(c, name, &br);
	if (!port) {
		struct vsctl_bridge unused;

		if ((c->options & VSCTL_IF_EXISTS) && !vsctl_find_bridge(c, name, &unused))
			return 0;
		return explain_missing(c, name, err);
	}
	error = c->n > 1 ? check_bridge(c, name, &br, err) : 0;
	if (!error)
		vsctl_delete_port(c, br.row, port);
	return error;
}

/* VLANs of a real bridge that are fake bridges: their ports are not its own. */
struct vlans {
	uint64_t bits[4096 / 64];
};

static void fake_vlans(const struct vsctl *c, const struct db_row *bridge, struct vlans *vlans)
{
	size_t n = db_get(bridge, c->txn, "ports")->n;

	*vlans = (struct vlans){0};
	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(bridge, c->txn, "ports", i);
		int vlan = port && vsctl_is_fake(c, port) ? vsctl_port_vlan(c, port) : 0;

		if (vlan)
			vlans->bits[vlan / 64] |= 1ull << (vlan % 64);
	}
}

static void append_ifaces(const struct vsctl *c, const struct db_row *port, json_t *names)
{
	size_t n = db_get(port, c->txn, "interfaces")->n;

	for (size_t i = 0; i < n; i++) {
		const struct db_row *iface = db_get_ref(port, c->txn, "interfaces", i);

		if (iface)
			json_array_append_new(names, json_string(vsctl_row_name(c, iface)));
	}
}

/* Names of the ports of a bridge, or of their interfaces. */
static json_t *names_on(const struct vsctl *c, const struct vsctl_bridge *br, bool ifaces)
{
	size_t n = db_get(br->row, c->txn, "ports")->n;
	json_t *names = json_array();
	struct vlans fake;

	fake_vlans(c, br->row, &fake);
	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(br->row, c->txn, "ports", i);
		int vlan = port ? vsctl_port_vlan(c, port) : 0;
		bool in_fake = vlan && (fake.bits[vlan / 64] >> (vlan % 64) & 1);

		if (!port || vsctl_is_fake(c, port) || !strcmp(vsctl_row_name(c, port), vsctl_row_name(c, br->row)))
			continue;
		if (br->port ? vlan != br->vlan : in_fake)
			continue;
		if (ifaces)
			append_ifaces(c, port, names);
		else
			json_array_append_new(names, json_string(vsctl_row_name(c, port)));
	}
	return names;
}

int vsctl_list_ports(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (!error)
		vsctl_say_list(c, "ports", names_on(c, &br, false));
	return error;
}

int vsctl_list_ifaces(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (!error)
		vsctl_say_list(c, "interfaces", names_on(c, &br, true));
	return error;
}

static void say_bridge(struct vsctl *c, const struct vsctl_bridge *br)
{
	ds_printf(&c->out->text, "%s\n", vsctl_bridge_name(c, br));
	json_object_set_new(c->out->json, "bridge", json_string(vsctl_bridge_name(c, br)));
}

int vsctl_port_to_br(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;

	if (!vsctl_find_port(c, c->args[0], &br))
		return errtext_set(err, ENOENT, "no port named %s", c->args[0]);
	say_bridge(c, &br);
	return 0;
}

int vsctl_iface_to_br(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;

	if (!port_with_iface(c, c->args[0], &br))
		return errtext_set(err, ENOENT, "no interface named %s", c->args[0]);
	say_bridge(c, &br);
	return 0;
}
