// SPDX-License-Identifier: Apache-2.0
/*
 * Which bridges and ports does a list of changes touch?
 *
 * A Port row touches its port, before and after. A Bridge row touches the bridge, and the ports that its column lists before but not after, or
 * the other way round. An Interface row touches the port that has it, a Flow_Table or Mirror row every bridge, a QoS or Queue row every port
 * with QoS: such rows are few, and seldom change. Nothing else is looked at: the cost is that of the change.
 */
#include <string.h>

#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config_apply.h"

/* The name of a changed row, after the change or, where it is gone, before. */
static const char *name_of(const struct db_change *change)
{
	const struct column_schema *column = schema_column(db_table_schema(db_change_table(change)), "name");
	const struct datum *d = db_change_new(change, column);

	if (!d)
		d = db_change_old(change, column);
	return d && d->n ? d->keys[0].string : "";
}

static void touch_port_row(struct plan *plan, const struct db_txn *txn, const struct uuid *uuid)
{
	struct db_row *row = db_find_uuid(db_table(plan->db, "Port"), txn, uuid);

	/* One that the transaction deletes is a change of its own. */
	if (row)
		nameset_add(&plan->ports, db_get_string(row, txn, "name", ""), 0);
}

/* Those in one of two sorted sets of references. */
static void touch_difference(struct plan *plan, const struct db_txn *txn, const struct datum *old,
			     const struct datum *new)
{
	size_t i = 0, j = 0, n_old = old ? old->n : 0, n_new = new ? new->n : 0;

	while (i < n_old || j < n_new) {
		int order = i == n_old ? 1 : j == n_new ? -1 : uuid_compare(&old->keys[i].uuid, &new->keys[j].uuid);

		if (order)
			touch_port_row(plan, txn, order < 0 ? &old->keys[i].uuid : &new->keys[j].uuid);
		i += order <= 0;
		j += order >= 0;
	}
}

static void touch_bridge(struct plan *plan, const struct db_txn *txn, const struct db_change *change)
{
	const struct table_schema *schema = db_table_schema(db_change_table(change));
	const struct column_schema *ports = schema_column(schema, "ports");
	const char *name = name_of(change);

	nameset_add(&plan->bridges, name, 0);
	if (db_change_has(change, ports))
		touch_difference(plan, txn, db_change_old(change, ports), db_change_new(change, ports));
	/* hwaddr is the local interface's business. */
	if (db_change_has(change, schema_column(schema, "other_config")))
		nameset_add(&plan->ports, name, 0);
}

static void touch_iface(struct plan *plan, const struct db_txn *txn, const struct db_change *change)
{
	const struct iface *running = iface_by_name(name_of(change));
	struct db_row *row = db_change_row(change), *port;

	if (running)
		nameset_add(&plan->ports, running->port->name, 0);
	port = db_row_exists(row, txn) ? db_row_referrer(row, txn, db_table(plan->db, "Port")) : NULL;
	if (port)
		nameset_add(&plan->ports, db_get_string(port, txn, "name", ""), 0);
}

static void touch_all_bridges(struct plan *plan, const struct db_txn *txn)
{
	struct db_row *row;

	DB_FOR_EACH_ROW(row, db_table(plan->db, "Bridge"), txn)
		nameset_add(&plan->bridges, db_get_string(row, txn, "name", ""), 0);
}

static void touch_ports_with_qos(struct plan *plan, const struct db_txn *txn)
{
	struct db_row *row;

	DB_FOR_EACH_ROW(row, db_table(plan->db, "Port"), txn)
		if (db_get(row, txn, "qos")->n)
			nameset_add(&plan->ports, db_get_string(row, txn, "name", ""), 0);
}

/* Ports first, in the order in which the request made them: it is the order of their numbers. A bridge's set of ports has none. */
void plan_changes(struct plan *plan, const struct db_txn *txn, const struct db_change *changes)
{
	const struct db_change *change;

	DB_FOR_EACH_CHANGE(change, changes) {
		const char *table = db_table_schema(db_change_table(change))->name;

		if (!strcmp(table, "Port"))
			nameset_add(&plan->ports, name_of(change), 0);
		else if (!strcmp(table, "Interface"))
			touch_iface(plan, txn, change);
		else if (!strcmp(table, "Flow_Table") || !strcmp(table, "Mirror"))
			touch_all_bridges(plan, txn);
		else if (!strcmp(table, "QoS") || !strcmp(table, "Queue"))
			touch_ports_with_qos(plan, txn);
	}
	DB_FOR_EACH_CHANGE(change, changes) {
		if (!strcmp(db_table_schema(db_change_table(change))->name, "Bridge"))
			touch_bridge(plan, txn, change);
	}
}

void plan_all(struct plan *plan)
{
	struct db_row *row;

	DB_FOR_EACH_ROW(row, db_table(plan->db, "Bridge"), NULL)
		nameset_add(&plan->bridges, db_get_string(row, NULL, "name", ""), 0);
	DB_FOR_EACH_ROW(row, db_table(plan->db, "Port"), NULL)
		nameset_add(&plan->ports, db_get_string(row, NULL, "name", ""), 0);
}
