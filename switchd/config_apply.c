// SPDX-License-Identifier: Apache-2.0
/*
 * The order is: ports leave, bridges leave, bridges come and change, ports come and change. So a name that moves from one bridge to
 * another in one transaction is free when its new place wants it.
 */
#include "switchd/config_apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "ovsdb/db.h"
#include "switchd/bond.h"
#include "switchd/config_rows.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/mirror.h"
#include "switchd/qos.h"

LOG_MODULE(config);

void plan_init(struct plan *plan, struct db *db, struct config_failure *failure)
{
	*plan = (struct plan){.db = db, .failure = failure};
	nameset_init(&plan->bridges);
	nameset_init(&plan->ports);
	nameset_init(&plan->added);
	nameset_init(&plan->departed);
	nameset_init(&plan->doomed);
}

void plan_fini(struct plan *plan)
{
	nameset_fini(&plan->bridges);
	nameset_fini(&plan->ports);
	nameset_fini(&plan->added);
	nameset_fini(&plan->departed);
	nameset_fini(&plan->doomed);
}

/* Which name stood in the way. Return: @error. */
static int blame(struct plan *plan, const char *name, int error)
{
	if (plan->failure)
		snprintf(plan->failure->port, sizeof plan->failure->port, "%s", name);
	return error;
}

/* ---- rows ---- */

static struct db_row *find_bridge(const struct plan *plan, const char *name)
{
	return db_find_name(db_table(plan->db, "Bridge"), plan->view, name);
}

static struct db_row *find_port(const struct plan *plan, const char *name)
{
	return db_find_name(db_table(plan->db, "Port"), plan->view, name);
}

static struct db_row *bridge_of_port(const struct plan *plan, const struct db_row *port)
{
	return db_row_referrer(port, plan->view, db_table(plan->db, "Bridge"));
}

static const char *name_of(const struct db_row *row, const struct db_txn *view)
{
	return db_get_string(row, view, "name", "");
}

/* ---- ports leave ---- */

/* Does the port's row have this interface, of the same type? */
static bool row_has(const struct plan *plan, const struct db_row *row, const struct db_row *bridge,
		    const struct iface *iface)
{
	size_t n = db_get(row, plan->view, "interfaces")->n;

	for (size_t i = 0; i < n; i++) {
		const struct db_row *irow = db_get_ref(row, plan->view, "interfaces", i);
		struct iface_settings settings;

		if (irow && !strcmp(name_of(irow, plan->view), iface->name))
			return !iface_settings_of(irow, plan->view, bridge, &settings, NULL) &&
			       settings.type == iface->type;
	}
	return false;
}

/* A port stays while one of its interfaces does. */
static bool port_stays(const struct plan *plan, const struct port *port, const struct db_row *row,
		       const struct db_row *bridge)
{
	const struct iface *iface;

	cds_list_for_each_entry(iface, &port->ifaces, port_node)
		if (row_has(plan, row, bridge, iface))
			return true;
	return !port->n_ifaces && !db_get(row, plan->view, "interfaces")->n;
}

/* Will an interface of this name and type be there afterwards? Its device is kept then. */
static bool iface_stays(const struct plan *plan, const struct iface *iface)
{
	const struct db_row *row = db_find_name(db_table(plan->db, "Interface"), plan->view, iface->name);
	const struct db_row *port = row ? db_row_referrer(row, plan->view, db_table(plan->db, "Port")) : NULL;
	const struct db_row *bridge = port ? bridge_of_port(plan, port) : NULL;
	struct iface_settings settings;

	return bridge && !iface_settings_of(row, plan->view, bridge, &settings, NULL) && settings.type == iface->type;
}

/* A port that never was used no number up. */
static void give_back_number(const struct iface *iface)
{
	if (!iface->dev->ofport_requested)
		iface->bridge->next_ofp = MIN(iface->bridge->next_ofp, iface->ofp_port);
}

static void remove_iface(struct plan *plan, struct iface *iface)
{
	if (nameset_has(&plan->added, iface->port->name))
		give_back_number(iface);
	if (!iface_stays(plan, iface) && iface->bridge->dp->ops != &datapath_dummy)
		nameset_add(&plan->doomed, iface->name, iface->type);
	bond_link_leave(iface);
	qos_leave(iface);
	iface_dev_close(iface);
	iface_free(iface);
}

static void remove_port(struct plan *plan, struct port *port)
{
	struct iface *iface, *next;

	bond_end(port);
	cds_list_for_each_entry_safe(iface, next, &port->ifaces, port_node)
		remove_iface(plan, iface);
	nameset_add(&plan->departed, port->name, 0);
	port_free(port);
}

/* Members that a bond loses. */
static void ifaces_leave(struct plan *plan, struct port *port, const struct db_row *row, const struct db_row *bridge)
{
	struct iface *iface, *next;

	cds_list_for_each_entry_safe(iface, next, &port->ifaces, port_node)
		if (!row_has(plan, row, bridge, iface))
			remove_iface(plan, iface);
}

static void ports_leave(struct plan *plan)
{
	const struct nameset_name *n;

	NAMESET_FOR_EACH(n, &plan->ports)
	{
		struct port *port = port_by_name(n->name);
		const struct db_row *row = find_port(plan, n->name);
		const struct db_row *bridge = row ? bridge_of_port(plan, row) : NULL;

		if (!port)
			continue;
		if (!bridge || strcmp(name_of(bridge, plan->view), port->bridge->name) != 0 ||
		    !port_stays(plan, port, row, bridge))
			remove_port(plan, port);
		else
			ifaces_leave(plan, port, row, bridge);
	}
}

/* ---- bridges ---- */

static void bridges_leave(struct plan *plan)
{
	const struct nameset_name *n;

	NAMESET_FOR_EACH(n, &plan->bridges)
	{
		struct bridge *br = bridge_by_name(n->name);
		struct unlinked_bridge *u;

		if (!br || find_bridge(plan, n->name))
			continue;
		bridge_unlink(br);
		u = xmalloc(sizeof *u);
		*u = (struct unlinked_bridge){br, plan->unlinked};
		plan->unlinked = u;
	}
}

/* A bridge that this very plan unlinked: an undo brings it back as it was. */
static struct bridge *take_unlinked(struct plan *plan, const char *name)
{
	for (struct unlinked_bridge **p = &plan->unlinked; *p; p = &(*p)->next) {
		struct unlinked_bridge *u = *p;
		struct bridge *br = u->br;

		if (strcmp(br->name, name) != 0)
			continue;
		*p = u->next;
		free(u);
		return br;
	}
	return NULL;
}

/* New numbers begin above the ones that its ports had before. */
static void skip_known_numbers(const struct plan *plan, struct bridge *br, const struct db_row *row)
{
	size_t n = db_get(row, plan->view, "ports")->n;
	int64_t highest = 0;

	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(row, plan->view, "ports", i);
		size_t n_ifaces = port ? db_get(port, plan->view, "interfaces")->n : 0;

		for (size_t j = 0; j < n_ifaces; j++) {
			const struct db_row *iface = db_get_ref(port, plan->view, "interfaces", j);
			int64_t number = iface ? db_get_integer(iface, plan->view, "ofport", 0) : 0;

			if (number < OFPP_MAX - 1 && number > highest)
				highest = number;
		}
	}
	br->next_ofp = (uint16_t)(highest + 1);
}

static int bridge_comes(struct plan *plan, const struct db_row *row, const struct bridge_settings *settings,
			struct errtext *err)
{
	struct bridge *br = take_unlinked(plan, settings->name);
	int error;

	if (br) {
		bridge_set(br, settings);
	} else {
		error = bridge_new(settings, &br, err);
		if (error)
			return error;
		skip_known_numbers(plan, br, row);
	}
	bridge_link(br);
	return 0;
}

static int follow_bridge(struct plan *plan, const char *name, struct errtext *err)
{
	const struct db_row *row = find_bridge(plan, name);
	struct bridge *br = bridge_by_name(name);
	struct bridge_settings settings;
	int error;

	if (!row)
		return 0;
	error = bridge_settings_of(row, plan->view, &settings, err);
	if (error)
		return error;
	if (!br)
		return bridge_comes(plan, row, &settings, err);
	if (br->is_dummy != settings.is_dummy) {
		free(settings.flood_vlans);
		return errtext_set(err, EINVAL,
				   "datapath_type cannot change while the bridge exists; delete it and add it again");
	}
	bridge_set(br, &settings);
	return 0;
}

static int bridges_come(struct plan *plan, struct errtext *err)
{
	const struct nameset_name *n;

	NAMESET_FOR_EACH(n, &plan->bridges)
	{
		struct errtext why = {0};
		int error = follow_bridge(plan, n->name, &why);

		if (error && plan->strict)
			return blame(plan, n->name, errtext_set(err, -error, "%s", why.text));
		if (error)
			log_err("bridge %s: %s", n->name, why.text);
	}
	return 0;
}

/* ---- ports come and change ---- */

/* May a device that is not there stop the whole? Only where the request itself brings the port. */
static int judge(struct plan *plan, const struct iface *iface, bool is_new, int error)
{
	if (!error || (plan->strict && (is_new || iface->dp_port != DP_PORT_NONE)))
		return error;
	return 0;
}

static int iface_comes(struct plan *plan, struct port *port, const struct iface_settings *settings, struct errtext *err)
{
	struct iface *iface, *displaced;
	int error = iface_new(port, settings, &iface, &displaced, err);

	if (error)
		return error;
	if (displaced)
		nameset_add(&plan->ports, displaced->port->name, 0);
	return judge(plan, iface, true, iface_dev_open(iface, settings, err));
}

static int iface_changes(struct plan *plan, struct iface *iface, const struct iface_settings *settings,
			 struct errtext *err)
{
	struct iface *displaced;
	int error = iface_set(iface, settings, &displaced, err);

	if (displaced)
		nameset_add(&plan->ports, displaced->port->name, 0);
	if (error)
		return error;
	return judge(plan, iface, nameset_has(&plan->added, iface->port->name), iface_dev_set(iface, settings, err));
}

static int follow_iface(struct plan *plan, struct port *port, const struct iface_settings *settings,
			struct errtext *err)
{
	struct iface *iface = iface_by_name(settings->name);

	if (iface && iface->port != port)
		return errtext_set(err, EEXIST, "interface %s belongs to port %s", iface->name, iface->port->name);
	return iface ? iface_changes(plan, iface, settings, err) : iface_comes(plan, port, settings, err);
}

/* What a bond cannot have as a member. */
static int check_member(const struct port *port, const struct iface_settings *s, struct errtext *err)
{
	switch (s->type) {
	case IFACE_SYSTEM:
	case IFACE_TAP:
	case IFACE_DUMMY:
		return 0;
	case IFACE_INTERNAL:
		if (strcmp(s->name, port->bridge->name) != 0)
			return 0;
		break;
	case IFACE_PATCH:
	case IFACE_VXLAN:
	case IFACE_GENEVE:
	case IFACE_GRE:
		break;
	}
	return errtext_set(err, EINVAL, "interface %s: a bond has network devices as members, no %s ports", s->name,
			   iface_type_name(s->type));
}

static int follow_ifaces(struct plan *plan, struct port *port, const struct db_row *row, const struct db_row *bridge,
			 struct errtext *err)
{
	size_t n = db_get(row, plan->view, "interfaces")->n;
	int error = 0;

	if (!n)
		return errtext_set(err, EINVAL, "the port has no interface");
	for (size_t i = 0; !error && i < n; i++) {
		const struct db_row *irow = db_get_ref(row, plan->view, "interfaces", i);
		struct iface_settings settings;

		if (!irow)
			continue;
		error = iface_settings_of(irow, plan->view, bridge, &settings, err);
		if (!error && n > 1)
			error = check_member(port, &settings, err);
		if (!error)
			error = follow_iface(plan, port, &settings, err);
	}
	return error;
}

static int follow_bond(struct port *port, const struct bond_settings *settings, struct errtext *err)
{
	struct bond_link_settings *links = xcalloc(port->n_ifaces + 1, sizeof *links);
	struct iface *iface;
	size_t n = 0;
	int error;

	cds_list_for_each_entry(iface, &port->ifaces, port_node)
		links[n++] = iface->dev->wanted.bond_link;
	error = bond_follow(port, settings, links, err);
	free(links);
	return error;
}

/* A device that does not take it stops the whole where a person waits. */
static int follow_qos(struct plan *plan, struct port *port, struct errtext *err)
{
	struct iface *iface;
	struct errtext why;

	cds_list_for_each_entry(iface, &port->ifaces, port_node) {
		int error = qos_follow(iface, &why);

		if (error && plan->strict)
			return errtext_set(err, -error, "QoS: %s", why.text);
		if (error)
			log_warn("port %s: QoS: %s", iface->name, why.text);
	}
	return 0;
}

static int follow_port(struct plan *plan, const char *name, struct errtext *err)
{
	const struct db_row *row = find_port(plan, name);
	const struct db_row *brow = row ? bridge_of_port(plan, row) : NULL;
	struct bridge *br = brow ? bridge_by_name(name_of(brow, plan->view)) : NULL;
	struct port *port = port_by_name(name);
	struct port_settings settings;
	int error;

	if (!br)
		return 0;
	error = port_settings_of(row, plan->view, &settings, err);
	if (error)
		return error;
	if (port) {
		port_set(port, &settings);
	} else {
		port = port_new(br, &settings);
		nameset_add(&plan->added, name, 0);
	}
	error = follow_ifaces(plan, port, row, brow, err);
	if (!error)
		error = follow_bond(port, &settings.bond, err);
	return error ? error : follow_qos(plan, port, err);
}

/* A port without its interface is nothing that anybody could repair. */
static void drop_empty(const char *name)
{
	struct port *port = port_by_name(name);

	if (port && !port->n_ifaces) {
		bond_end(port);
		port_free(port);
	}
}

static int ports_come(struct plan *plan, struct errtext *err)
{
	const struct nameset_name *n;

	NAMESET_FOR_EACH(n, &plan->ports)
	{
		struct errtext why = {0};
		int error = follow_port(plan, n->name, &why);

		if (error && plan->strict)
			return blame(plan, n->name, errtext_set(err, -error, "%s", why.text));
		if (error) {
			log_err("port %s: %s", n->name, why.text);
			drop_empty(n->name);
			config_report_error(plan->db, n->name, why.text);
		}
	}
	return 0;
}

/* ---- mirrors ---- */

static int follow_mirrors(struct plan *plan, struct bridge *br, struct errtext *err)
{
	struct errtext why = {0};
	int error = mirrors_follow(br, plan->db, plan->view, &why);

	if (error && plan->strict)
		return errtext_set(err, -error, "%s", why.text);
	if (error)
		log_err("bridge %s: %s", br->name, why.text);
	return 0;
}

/* Of the bridges that are touched, and those whose ports are. */
static int mirrors_change(struct plan *plan, struct errtext *err)
{
	const struct nameset_name *n;
	int error = 0;

	NAMESET_FOR_EACH(n, &plan->ports)
	{
		struct port *port = port_by_name(n->name);

		if (port && port->bridge->mirrors)
			nameset_add(&plan->bridges, port->bridge->name, 0);
	}
	NAMESET_FOR_EACH(n, &plan->bridges)
	{
		struct bridge *br = bridge_by_name(n->name);

		if (br && !error)
			error = follow_mirrors(plan, br, err);
	}
	return error;
}

/* ---- the whole ---- */

int plan_apply(struct plan *plan, struct errtext *err)
{
	int error;

	ports_leave(plan);
	bridges_leave(plan);
	error = bridges_come(plan, err);
	if (!error)
		error = ports_come(plan, err);
	if (!error)
		error = mirrors_change(plan, err);
	switch_publish();
	return error;
}

void plan_undo(struct plan *plan)
{
	struct unlinked_bridge *made;
	struct errtext err;

	plan->view = NULL;
	plan->strict = false;
	if (plan_apply(plan, &err))
		log_err("a configuration change could not be taken back: %s", err.text);
	/* Unlinked and not brought back: bridges that only the change had. */
	while ((made = plan->unlinked)) {
		plan->unlinked = made->next;
		bridge_free(made->br, true);
		free(made);
	}
	plan_finish(plan);
}

void plan_finish(struct plan *plan)
{
	const struct nameset_name *n;
	struct unlinked_bridge *u;

	while ((u = plan->unlinked)) {
		plan->unlinked = u->next;
		bridge_free(u->br, true);
		free(u);
	}
	/* Doomed while the change was applied, wanted again after it was undone? */
	NAMESET_FOR_EACH(n, &plan->doomed)
	if (!iface_by_name(n->name) || (int)iface_by_name(n->name)->type != n->tag)
		iface_dev_destroy(n->name, (enum iface_type)n->tag);
	iface_dev_destroy_rest();
}

static void write_number(struct db_txn *txn, struct iface *iface)
{
	struct db_row *row = db_find_name(db_table(db_txn_db(txn), "Interface"), txn, iface->name);

	if (row && db_get_integer(row, txn, "ofport", -2) != iface->ofp_port)
		db_set_integer(txn, row, "ofport", iface->ofp_port);
}

void plan_write_numbers(const struct plan *plan, struct db_txn *txn)
{
	const struct nameset_name *n;
	struct iface *iface;

	NAMESET_FOR_EACH(n, &plan->ports)
	{
		struct port *port = port_by_name(n->name);

		if (!port)
			continue;
		cds_list_for_each_entry(iface, &port->ifaces, port_node)
			write_number(txn, iface);
	}
}
