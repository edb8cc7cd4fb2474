// SPDX-License-Identifier: Apache-2.0
/* Commands on bridges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/netdev.h"
#include "switchd/vsctl_impl.h"

/* What add-br was asked for. */
struct wish {
	const char *name, *parent;
	int vlan;
	size_t first_setting; /* in c->args */
};

static int read_wish(const struct vsctl *c, struct wish *wish, struct errtext *err)
{
	uint64_t vlan;

	*wish = (struct wish){.name = c->args[0], .first_setting = 1};
	if (c->n < 2 || strchr(c->args[1], '='))
		return 0;
	if (c->n < 3)
		return errtext_set(err, EINVAL,
				   "'add-br' command takes exactly 1 or 3 arguments: BRIDGE [PARENT VLAN]");
	if (!str_to_uint(c->args[2], 10, 4094, &vlan) || !vlan)
		return errtext_set(err, EINVAL, "add-br %s: '%.40s' is no VLAN; they go from 1 to 4094", wish->name,
				   c->args[2]);
	wish->parent = c->args[1];
	wish->vlan = (int)vlan;
	wish->first_setting = 3;
	return 0;
}

/* --may-exist, and it does: is it what is asked for? */
static int check_existing(const struct vsctl *c, const struct wish *wish, const struct vsctl_bridge *br,
			  struct errtext *err)
{
	if (!wish->parent && br->port)
		return errtext_set(err, EEXIST, "\"--may-exist add-br %s\" but %s is a VLAN bridge for VLAN %d",
				   wish->name, wish->name, br->vlan);
	if (wish->parent && !br->port)
		return errtext_set(err, EEXIST, "\"--may-exist add-br %s %s %d\" but %s is not a VLAN bridge",
				   wish->name, wish->parent, wish->vlan, wish->name);
	if (wish->parent && (strcmp(vsctl_row_name(c, br->row), wish->parent) != 0 || br->vlan != wish->vlan))
		return errtext_set(
			err, EEXIST, "\"--may-exist add-br %s %s %d\" but %s is a VLAN bridge for VLAN %d of %s",
			wish->name, wish->parent, wish->vlan, wish->name, br->vlan, vsctl_row_name(c, br->row));
	return 0;
}

static void insert_bridge(struct vsctl *c, const char *name)
{
	struct db_row *row = db_txn_insert(c->txn, db_table(c->db, "Bridge"), NULL);

	db_set_string(c->txn, row, "name", name);
	vsctl_insert_port(c, row, name, "internal", 0);
	db_add_ref(c->txn, vsctl_root(c), "bridges", row);
}

static int insert_fake(struct vsctl *c, const struct wish *wish, struct errtext *err)
{
	struct vsctl_bridge parent, other;
	int error = vsctl_need_bridge(c, wish->parent, &parent, err);

	if (error)
		return error;
	if (parent.port)
		return errtext_set(err, EINVAL, "cannot create bridge with fake bridge as parent");
	other = parent;
	vsctl_narrow_to_fake(c, &other, wish->vlan);
	if (other.port)
		return errtext_set(err, EEXIST, "bridge %s already has a child VLAN bridge %s on VLAN %d", wish->parent,
				   vsctl_bridge_name(c, &other), wish->vlan);
	db_set_boolean(c->txn, vsctl_insert_port(c, parent.row, wish->name, "internal", wish->vlan), "fake_bridge",
		       true);
	return 0;
}

int vsctl_add_br(struct vsctl *c, struct errtext *err)
{
	static const char *const of_real[] = {"Bridge"}, *const of_fake[] = {"Port"};
	struct vsctl_bridge br;
	struct wish wish;
	int error = read_wish(c, &wish, err);

	if (error)
		return error;
	if ((c->options & VSCTL_MAY_EXIST) && vsctl_find_bridge(c, wish.name, &br)) {
		error = check_existing(c, &wish, &br, err);
	} else {
		error = netdev_name_check(wish.name, err);
		if (error)
			errtext_prefix(err, "add-br");
		if (!error)
			error = vsctl_check_free(c, "bridge", wish.name, err);
		if (!error && wish.parent)
			error = insert_fake(c, &wish, err);
		else if (!error)
			insert_bridge(c, wish.name);
	}
	if (error)
		return error;
	return vsctl_set_columns(c, wish.parent ? of_fake : of_real, 1, wish.name, c->args + wish.first_setting,
				 c->n - wish.first_setting, err);
}

/* The ports in VLAN @vlan, or all when it is 0. */
static void delete_ports(struct vsctl *c, struct db_row *bridge, int vlan)
{
	const struct column_schema *column = schema_column(db_table_schema(db_row_table(bridge)), "ports");
	struct datum ports;

	datum_clone(&ports, db_row_get(bridge, c->txn, column), &column->type);
	for (size_t i = 0; i < ports.n; i++) {
		struct db_row *port = db_find_uuid(db_table(c->db, "Port"), c->txn, &ports.keys[i].uuid);

		if (port && (!vlan || vsctl_port_vlan(c, port) == vlan))
			vsctl_delete_port(c, bridge, port);
	}
	datum_fini(&ports, &column->type);
}

int vsctl_del_br(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error;

	if (!vsctl_find_bridge(c, c->args[0], &br) && (c->options & VSCTL_IF_EXISTS))
		return 0;
	error = vsctl_need_bridge(c, c->args[0], &br, err);
	if (error)
		return error;
	/* Of a fake bridge, its ports and itself. */
	delete_ports(c, br.row, br.vlan);
	if (!br.port) {
		db_remove_ref(c->txn, vsctl_root(c), "bridges", br.row);
		db_txn_delete(c->txn, br.row);
	}
	return 0;
}

static void list_fakes(struct vsctl *c, const struct db_row *bridge, json_t *names)
{
	size_t n = db_get(bridge, c->txn, "ports")->n;

	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(bridge, c->txn, "ports", i);

		if (port && vsctl_is_fake(c, port))
			json_array_append_new(names, json_string(vsctl_row_name(c, port)));
	}
}

int vsctl_list_br(struct vsctl *c, struct errtext *err)
{
	bool real = (c->options & VSCTL_REAL) || !(c->options & VSCTL_FAKE);
	bool fake = (c->options & VSCTL_FAKE) || !(c->options & VSCTL_REAL);
	json_t *names = json_array();
	struct db_row *row;

	(void)err;
	DB_FOR_EACH_ROW(row, db_table(c->db, "Bridge"), c->txn) {
		if (real)
			json_array_append_new(names, json_string(vsctl_row_name(c, row)));
		if (fake)
			list_fakes(c, row, names);
	}
	vsctl_say_list(c, "bridges", names);
	return 0;
}

int vsctl_br_exists(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	bool exists = vsctl_find_bridge(c, c->args[0], &br);

	(void)err;
	c->out->exit = exists ? 0 : 2;
	json_object_set_new(c->out->json, "exists", json_boolean(exists));
	return 0;
}

int vsctl_br_to_vlan(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (error)
		return error;
	ds_printf(&c->out->text, "%d\n", br.vlan);
	json_object_set_new(c->out->json, "vlan", json_integer(br.vlan));
	return 0;
}

int vsctl_br_to_parent(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);

	if (error)
		return error;
	ds_printf(&c->out->text, "%s\n", vsctl_row_name(c, br.row));
	json_object_set_new(c->out->json, "parent", json_string(vsctl_row_name(c, br.row)));
	return 0;
}

/* Of a fake bridge they live in its port, under "fake-bridge-KEY". */
static const char *id_prefix(const struct vsctl_bridge *br)
{
	return br->port ? "fake-bridge-" : "";
}

int vsctl_br_set_external_id(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);
	char *key;

	if (error)
		return error;
	key = xasprintf("%s%s", id_prefix(&br), c->args[1]);
	db_set_key(c->txn, br.port ? br.port : br.row, "external_ids", key, c->n > 2 ? c->args[2] : NULL);
	free(key);
	return 0;
}

int vsctl_br_get_external_id(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = vsctl_need_bridge(c, c->args[0], &br, err);
	json_t *ids = json_object();
	const struct datum *d;
	size_t skip;

	if (error) {
		json_decref(ids);
		return error;
	}
	d = db_get(br.port ? br.port : br.row, c->txn, "external_ids");
	skip = strlen(id_prefix(&br));
	for (size_t i = 0; i < d->n; i++) {
		const char *key = d->keys[i].string, *value = d->values[i].string;

		if (strncmp(key, id_prefix(&br), skip) != 0 || (c->n > 1 && strcmp(key + skip, c->args[1]) != 0))
			continue;
		json_object_set_new(ids, key + skip, json_string(value));
		if (c->n > 1)
			ds_printf(&c->out->text, "%s\n", value);
		else
			ds_printf(&c->out->text, "%s=%s\n", key + skip, value);
	}
	json_object_set_new(c->out->json, "external_ids", ids);
	return 0;
}
