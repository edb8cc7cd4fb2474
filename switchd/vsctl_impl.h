/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files vsctl*.c. */
#ifndef SWITCHD_VSCTL_IMPL_H
#define SWITCHD_VSCTL_IMPL_H 1

#include "ovsdb/db.h"
#include "switchd/vsctl.h"

enum vsctl_option {
	VSCTL_MAY_EXIST = 1,
	VSCTL_IF_EXISTS = 2,
	VSCTL_REAL = 4,
	VSCTL_FAKE = 8,
	VSCTL_WITH_IFACE = 16,
	VSCTL_FAKE_IFACE = 32,
};

/** A command while it runs. */
struct vsctl {
	struct db *db;
	struct db_txn *txn;
	unsigned int options; /**< enum vsctl_option */
	const char *probe;    /**< --inactivity-probe=MSECS, or NULL */
	size_t n;	      /**< arguments behind the name */
	const char *const *args;
	struct vsctl_output *out;
};

typedef int vsctl_fn(struct vsctl *c, struct errtext *err);

vsctl_fn vsctl_add_br, vsctl_del_br, vsctl_list_br, vsctl_br_exists, vsctl_br_to_vlan, vsctl_br_to_parent,
	vsctl_br_set_external_id, vsctl_br_get_external_id;
vsctl_fn vsctl_add_bond, vsctl_add_bond_iface, vsctl_del_bond_iface;
vsctl_fn vsctl_add_port, vsctl_del_port, vsctl_list_ports, vsctl_list_ifaces, vsctl_port_to_br, vsctl_iface_to_br;
vsctl_fn vsctl_get_controller, vsctl_set_controller, vsctl_del_controller, vsctl_get_manager, vsctl_set_manager,
	vsctl_del_manager, vsctl_get_fail_mode, vsctl_set_fail_mode, vsctl_del_fail_mode, vsctl_emer_reset, vsctl_init,
	vsctl_show;

/** A bridge by its name, real or fake. */
struct vsctl_bridge {
	struct db_row *row;  /**< of the real bridge */
	struct db_row *port; /**< fake: its Port row; NULL for a real one */
	int vlan;	     /**< 0 for a real one */
};

struct db_row *vsctl_root(const struct vsctl *c);
const char *vsctl_row_name(const struct vsctl *c, const struct db_row *row);
/** vsctl_find_bridge() - Return: false when there is none. */
bool vsctl_find_bridge(const struct vsctl *c, const char *name, struct vsctl_bridge *br);
/** vsctl_need_bridge() - Return: 0 or -ENOENT with @err. */
int vsctl_need_bridge(const struct vsctl *c, const char *name, struct vsctl_bridge *br, struct errtext *err);
/** vsctl_narrow_to_fake() - from a real bridge to its fake bridge of @vlan, where there is one; else @br stays as it is. */
void vsctl_narrow_to_fake(const struct vsctl *c, struct vsctl_bridge *br, int vlan);
/** vsctl_find_port() - a port that is on a bridge and is no bridge itself; @br: the one it is on. NULL when there is none. */
struct db_row *vsctl_find_port(const struct vsctl *c, const char *name, struct vsctl_bridge *br);
/** vsctl_bridge_name() - of a bridge, real or fake. */
const char *vsctl_bridge_name(const struct vsctl *c, const struct vsctl_bridge *br);
/** vsctl_port_vlan() - its tag, 0 without one. */
int vsctl_port_vlan(const struct vsctl *c, const struct db_row *port);
/** vsctl_is_fake() - is this port a fake bridge? */
bool vsctl_is_fake(const struct vsctl *c, const struct db_row *port);
/** vsctl_check_free() - no bridge and no port has this name. Return: 0 or -EEXIST with @err; @what is "bridge" or "port". */
int vsctl_check_free(const struct vsctl *c, const char *what, const char *name, struct errtext *err);

/** vsctl_insert_port() - Port and Interface rows of one name, on a bridge. Return: the port's row. */
struct db_row *vsctl_insert_port(struct vsctl *c, struct db_row *bridge, const char *name, const char *type, int vlan);
/** vsctl_delete_port() - the rows too, not only the reference: a later command of the line may use the name again. */
void vsctl_delete_port(struct vsctl *c, struct db_row *bridge, struct db_row *port);
/** vsctl_set_columns() - COLUMN[:KEY]=VALUE words on the row @name of the first of @tables that has the column. Return: 0 or negative errno with @err. */
int vsctl_set_columns(struct vsctl *c, const char *const tables[], size_t n_tables, const char *name,
		      const char *const words[], size_t n, struct errtext *err);

/** vsctl_say_list() - @names sorted, one a line, and as the JSON array @key. Takes the reference. */
void vsctl_say_list(struct vsctl *c, const char *key, json_t *names);

#endif
