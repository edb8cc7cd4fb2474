// SPDX-License-Identifier: Apache-2.0
#include "switchd/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "ovsdb/db.h"
#include "switchd/bond.h"
#include "switchd/bridge_config.h"
#include "switchd/config_apply.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/guest.h"
#include "switchd/iface_dev.h"
#include "switchd/revalidate.h"
#include "switchd/tunnel.h"
#include "vsw/version.h"

LOG_MODULE(config_db);

enum { DEFAULT_MAX_IDLE_MS = 10000, MIN_FLOW_LIMIT = 16, MAX_FLOW_LIMIT = 4000000 };

static uint32_t flow_capacity = DP_DEFAULT_MAX_FLOWS; /* what the datapath was opened for */
static uint64_t flow_limit = DP_DEFAULT_MAX_FLOWS;    /* configured */

static struct db *db;
static char *db_path;

struct db *config_db(void)
{
	return db;
}

const char *config_path(void)
{
	return db_path;
}

int config_open(const char *path, struct errtext *err)
{
	int error = db_open(&db, path, err);

	if (!error)
		db_path = xstrdup(path);
	return error;
}

static struct db_row *root_row(const struct db_txn *txn)
{
	return db_row_first(db_table(db, "Open_vSwitch"), txn);
}

/* ---- what concerns the whole switch ---- */

/* A number of Open_vSwitch's other_config; @fallback where there is none, or nonsense. */
static uint64_t global_number(const struct db_txn *txn, const char *key, uint64_t min, uint64_t fallback)
{
	struct db_row *root = root_row(txn);
	const char *text = root ? db_get_key(root, txn, "other_config", key, NULL) : NULL;
	uint64_t n;

	return text && str_to_uint(text, 10, INT32_MAX, &n) && n >= min ? n : fallback;
}

uint32_t config_flow_limit(void)
{
	flow_capacity =
		(uint32_t)MIN(global_number(NULL, "flow-limit", MIN_FLOW_LIMIT, DP_DEFAULT_MAX_FLOWS), MAX_FLOW_LIMIT);
	return flow_capacity;
}

static void apply_globals(const struct db_txn *txn)
{
	uint64_t limit = global_number(txn, "flow-limit", MIN_FLOW_LIMIT, DP_DEFAULT_MAX_FLOWS);

	revalidate_set_idle_ms((int64_t)global_number(txn, "max-idle", 100, DEFAULT_MAX_IDLE_MS));
	if (limit > flow_capacity && limit != flow_limit)
		log_warn("other_config:flow-limit=%llu: the datapath was made for %u flows; more from the daemon's "
			 "next start on",
			 (unsigned long long)limit, flow_capacity);
	flow_limit = limit;
	revalidate_set_max_flows((uint32_t)MIN(limit, flow_capacity));
}

/* OVSDB clients raise next_cfg and wait for cur_cfg to follow. */
static void follow_next_cfg(struct db_txn *txn)
{
	struct db_row *root = root_row(txn);

	if (root && db_get_integer(root, txn, "next_cfg", 0) != db_get_integer(root, txn, "cur_cfg", 0))
		db_set_integer(txn, root, "cur_cfg", db_get_integer(root, txn, "next_cfg", 0));
}

static void set_if_other(struct db_txn *txn, struct db_row *row, const char *column, const char *value)
{
	if (strcmp(db_get_string(row, txn, column, ""), value) != 0)
		db_set_string(txn, row, column, value);
}

static void set_words(struct db_txn *txn, struct db_row *row, const char *column, const char *const words[], size_t n)
{
	const struct column_schema *c = schema_column(db_table_schema(db_row_table(row)), column);
	struct datum d = DATUM_EMPTY;

	for (size_t i = 0; i < n; i++) {
		union atom word = {.string = (char *)words[i]};

		datum_add(&d, &word, NULL, &c->type, false);
	}
	if (datum_equal(&d, db_row_get(row, txn, c), &c->type))
		datum_fini(&d, &c->type);
	else if (db_txn_set(txn, row, c, &d, NULL))
		log_warn("%s cannot be told", column);
}

/* What we are. */
static void introduce_ourselves(struct db_txn *txn)
{
	static const char *const datapaths[] = {"dummy", "netdev", "system"};
	static const char *const ifaces[] = {"dummy", "geneve", "gre", "internal", "patch", "system", "tap", "vxlan"};
	struct db_row *root = root_row(txn);
	struct utsname host;

	if (!root)
		return;
	set_if_other(txn, root, "ovs_version", VSW_VERSION);
	set_if_other(txn, root, "db_version", db_schema(db)->version);
	if (!uname(&host)) {
		set_if_other(txn, root, "system_type", host.sysname);
		set_if_other(txn, root, "system_version", host.release);
	}
	set_words(txn, root, "datapath_types", datapaths, ARRAY_SIZE(datapaths));
	set_words(txn, root, "iface_types", ifaces, ARRAY_SIZE(ifaces));
}

/* ---- changes ---- */

static void report_touched(const struct plan *plan)
{
	const struct nameset_name *n;
	struct iface *iface;

	NAMESET_FOR_EACH(n, &plan->bridges)
	{
		const struct bridge *br = bridge_by_name(n->name);

		if (br)
			config_report_bridge(db, br);
	}
	NAMESET_FOR_EACH(n, &plan->ports)
	{
		struct port *port = port_by_name(n->name);

		if (!port)
			continue;
		cds_list_for_each_entry(iface, &port->ifaces, port_node)
			config_report_iface(iface);
	}
}

static void follow_flow_tables(const struct plan *plan)
{
	const struct nameset_name *n;

	NAMESET_FOR_EACH(n, &plan->bridges)
	{
		struct bridge *br = bridge_by_name(n->name);

		if (br)
			config_follow_flow_tables(db, br);
	}
}

/* The switch follows the transaction, then the disk does. Return: 0 or negative errno with @err; then @plan is to be undone. */
static int apply_and_write(struct plan *plan, struct db_txn *txn, struct errtext *err)
{
	int error = plan_apply(plan, err);

	if (error)
		return error;
	plan_write_numbers(plan, txn);
	follow_next_cfg(txn);
	return db_txn_commit(txn, err);
}

/* A port that left and came in one change has moved, or was made anew. */
static void tell_ports(const struct plan *plan)
{
	const struct nameset_name *n;
	const struct port *port;

	NAMESET_FOR_EACH(n, &plan->departed)
	if (!port_by_name(n->name)) {
		event_post(EVENT_PORT_REMOVED, NULL, n->name, "port %s was removed", n->name);
		guests_port_removed(n->name);
	}
	NAMESET_FOR_EACH(n, &plan->added)
	{
		port = port_by_name(n->name);
		if (port)
			event_post(EVENT_PORT_ADDED, port->bridge->name, n->name, "port %s was %s bridge %s", n->name,
				   nameset_has(&plan->departed, n->name) ? "moved to" : "added to", port->bridge->name);
	}
}

int config_commit(struct db_txn *txn, struct config_failure *failure, struct errtext *err)
{
	struct plan plan;
	int error;

	if (failure)
		failure->port[0] = '\0';
	error = db_txn_prepare(txn, err);
	if (error || !db_txn_changes(txn)) {
		db_txn_abort(txn);
		return error;
	}
	plan_init(&plan, db, failure);
	plan.view = txn;
	plan.strict = true;
	plan_changes(&plan, txn, db_txn_changes(txn));
	error = apply_and_write(&plan, txn, err);
	if (error) {
		/* The change list names ports by rows that go with the transaction: the plan has the names. */
		db_txn_abort(txn);
		plan_undo(&plan);
	} else {
		follow_flow_tables(&plan);
		plan_finish(&plan);
		apply_globals(NULL);
		tell_ports(&plan);
	}
	report_touched(&plan);
	plan_fini(&plan);
	return error;
}

/* ---- start and stop ---- */

static void write_after_start(const struct plan *plan)
{
	struct db_txn *txn = db_txn_begin(db);
	struct errtext err = {0};

	db_txn_comment(txn, "start");
	introduce_ourselves(txn);
	plan_write_numbers(plan, txn);
	follow_next_cfg(txn);
	if (db_txn_commit(txn, &err)) {
		log_err("what was found out at the start cannot be written: %s", err.text);
		db_txn_abort(txn);
	}
}

void config_start(void)
{
	struct errtext err;
	struct bridge *br;
	struct plan plan;

	plan_init(&plan, db, NULL);
	plan_all(&plan);
	(void)!plan_apply(&plan, &err);
	HMAP_FOR_EACH(br, node, &vswitch.bridges)
		bridge_load_fdb(br);
	write_after_start(&plan);
	follow_flow_tables(&plan);
	plan_finish(&plan);
	report_touched(&plan);
	apply_globals(NULL);
	plan_fini(&plan);
}

static void close_port(struct port *port)
{
	struct iface *iface, *next;

	bond_end(port);
	cds_list_for_each_entry_safe(iface, next, &port->ifaces, port_node) {
		iface_dev_close(iface);
		iface_free(iface);
	}
	port_free(port);
}

static void close_bridge(struct bridge *br)
{
	struct port *port, *next;
	struct errtext err;

	if (bridge_save_fdb(br, &err))
		log_warn("bridge %s: its MAC table is lost: %s", br->name, err.text);
	cds_list_for_each_entry_safe(port, next, &br->ports, bridge_node)
		close_port(port);
	bridge_unlink(br);
	bridge_free(br, false);
}

void config_stop(void)
{
	struct bridge *br;

	HMAP_FOR_EACH_SAFE(br, node, &vswitch.bridges)
		close_bridge(br);
	tunnel_stop();
	db_free(db);
	free(db_path);
	db = NULL;
	db_path = NULL;
}
