// SPDX-License-Identifier: Apache-2.0
/* add-bond, add-bond-iface, del-bond-iface: ports with several interfaces. */
#include <errno.h>
#include <string.h>

#include "switchd/vsctl_impl.h"

/* Is it COLUMN[:KEY]=VALUE? A device's name has no '='. */
static bool is_setting(const char *word)
{
	return strchr(word, '=') != NULL;
}

static size_t count_ifaces(const struct vsctl *c)
{
	size_t n = 0;

	while (2 + n < c->n && !is_setting(c->args[2 + n]))
		n++;
	return n;
}

static struct db_row *find_iface(const struct vsctl *c, const struct db_row *port, const char *name)
{
	size_t n = db_get(port, c->txn, "interfaces")->n;

	for (size_t i = 0; i < n; i++) {
		struct db_row *iface = db_get_ref(port, c->txn, "interfaces", i);

		if (iface && !strcmp(vsctl_row_name(c, iface), name))
			return iface;
	}
	return NULL;
}

/* Has the port just these members? */
static bool has_same(const struct vsctl *c, const struct db_row *port, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!find_iface(c, port, c->args[2 + i]))
			return false;
	return db_get(port, c->txn, "interfaces")->n == n;
}

/* Nobody else may have a device that is to become a member: say who does. */
static int check_iface(const struct vsctl *c, const char *name, struct errtext *err)
{
	const struct db_row *iface = db_find_name(db_table(c->db, "Interface"), c->txn, name);
	const struct db_row *port = iface ? db_row_referrer(iface, c->txn, db_table(c->db, "Port")) : NULL;
	struct vsctl_bridge br;

	if (!port)
		return 0;
	if (!vsctl_find_port(c, vsctl_row_name(c, port), &br))
		return errtext_set(err, EEXIST, "%s is a bridge's own interface, and cannot be a member of a bond",
				   name);
	return errtext_set(err, EEXIST, "%s is already attached to port %s of bridge %s; del-%s takes it from there",
			   name, vsctl_row_name(c, port), vsctl_bridge_name(c, &br),
			   db_get(port, c->txn, "interfaces")->n > 1 ? "bond-iface" : "port");
}

static struct db_row *insert_iface(struct vsctl *c, struct db_row *port, const char *name)
{
	struct db_row *iface = db_txn_insert(c->txn, db_table(c->db, "Interface"), NULL);

	db_set_string(c->txn, iface, "name", name);
	db_add_ref(c->txn, port, "interfaces", iface);
	return iface;
}

static int check_members(const struct vsctl *c, size_t n, struct errtext *err)
{
	int error = 0;

	if (n < 2)
		return errtext_set(
			err, EINVAL,
			"a bond has at least two interfaces; for one device there is add-port (with lacp=active "
			"it, too, speaks LACP)");
	for (size_t i = 0; !error && i < n; i++) {
		error = check_iface(c, c->args[2 + i], err);
		for (size_t k = 0; !error && k < i; k++)
			if (!strcmp(c->args[2 + i], c->args[2 + k]))
				error = errtext_set(err, EINVAL, "%s is named twice", c->args[2 + i]);
	}
	return error;
}

static int create_bond(struct vsctl *c, const struct vsctl_bridge *br, size_t n, struct errtext *err)
{
	const char *name = c->args[1];
	struct db_row *port;
	int error = vsctl_check_free(c, "port", name, err);

	if (!error)
		error = check_members(c, n, err);
	if (error)
		return error;
	port = db_txn_insert(c->txn, db_table(c->db, "Port"), NULL);
	db_set_string(c->txn, port, "name", name);
	if (br->vlan)
		db_set_integer(c->txn, port, "tag", br->vlan);
	if (c->options & VSCTL_FAKE_IFACE)
		db_set_boolean(c->txn, port, "bond_fake_iface", true);
	for (size_t i = 0; i < n; i++)
		insert_iface(c, port, c->args[2 + i]);
	db_add_ref(c->txn, br->row, "ports", port);
	return 0;
}

int vsctl_add_bond(struct vsctl *c, struct errtext *err)
{
	static const char *const tables[] = {"Port"};
	const char *name = c->args[1];
	size_t n = count_ifaces(c);
	struct vsctl_bridge br, there;
	struct db_row *port;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (error)
		return error;
	port = c->options & VSCTL_MAY_EXIST ? vsctl_find_port(c, name, &there) : NULL;
	if (port && (there.row != br.row || !has_same(c, port, n)))
		return errtext_set(err, EEXIST,
				   "\"--may-exist add-bond %s %s\" but %s is there with other interfaces, or on "
				   "another bridge (%s)",
				   c->args[0], name, name, vsctl_bridge_name(c, &there));
	error = port ? 0 : create_bond(c, &br, n, err);
	if (!error)
		error = vsctl_set_columns(c, tables, 1, name, c->args + 2 + n, c->n - 2 - n, err);
	if (error)
		errtext_prefix(err, "add-bond %s", name);
	return error;
}

int vsctl_add_bond_iface(struct vsctl *c, struct errtext *err)
{
	const char *name = c->args[0], *iface = c->args[1];
	struct vsctl_bridge br;
	struct db_row *port = vsctl_find_port(c, name, &br);
	int error;

	if (!port)
		return errtext_set(err, ENOENT, "no port named %s", name);
	if (c->options & VSCTL_MAY_EXIST && find_iface(c, port, iface))
		return 0;
	error = check_iface(c, iface, err);
	if (error)
		return error;
	insert_iface(c, port, iface);
	return 0;
}

int vsctl_del_bond_iface(struct vsctl *c, struct errtext *err)
{
	const char *name = c->args[c->n - 1];
	struct db_row *iface = db_find_name(db_table(c->db, "Interface"), c->txn, name);
	struct db_row *port = iface ? db_row_referrer(iface, c->txn, db_table(c->db, "Port")) : NULL;

	if (!port)
		return c->options & VSCTL_IF_EXISTS ? 0 : errtext_set(err, ENOENT, "no interface named %s", name);
	if (c->n > 1 && strcmp(vsctl_row_name(c, port), c->args[0]) != 0)
		return errtext_set(err, ENOENT, "port %s does not have an interface %s (port %s does)", c->args[0],
				   name, vsctl_row_name(c, port));
	if (db_get(port, c->txn, "interfaces")->n < 2)
		return errtext_set(err, EINVAL,
				   "cannot delete interface %s, the only one of port %s; del-port deletes both", name,
				   vsctl_row_name(c, port));
	db_remove_ref(c->txn, port, "interfaces", iface);
	db_txn_delete(c->txn, iface);
	return 0;
}
