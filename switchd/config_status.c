// SPDX-License-Identifier: Apache-2.0
/*
 * Status columns: what the switch found out, put where people look for it. Ephemeral: never on disk, no transaction. Counters cost a question
 * to the kernel each and change all the time, so they are put there when somebody is about to read them.
 */
#include <stdio.h>
#include <string.h>

#include "base/ds.h"
#include "flow/dp_action.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config_apply.h"
#include "switchd/datapath/datapath.h"
#include "switchd/guest.h"
#include "switchd/iface_dev.h"
#include "switchd/mirror.h"
#include "switchd/revalidate.h"
#include "switchd/tunnel.h"

static struct db_row *row_of(struct db *db, const char *table, const char *name)
{
	return db ? db_find_name(db_table(db, table), NULL, name) : NULL;
}

static void set_state(struct db_row *row, const char *column, bool known, bool up)
{
	db_status_set_string(row, column, known ? up ? "up" : "down" : NULL);
}

static void set_optional_integer(struct db_row *row, const char *column, bool known, int64_t value)
{
	struct datum d = known ? datum_of_integer(value) : DATUM_EMPTY;

	db_status_set(row, column, &d);
}

/* The device's driver; of a guest's port the addresses that were heard of. */
static void set_status(struct db_row *row, const struct iface *iface, bool works)
{
	struct ds mac = DS_INIT, addresses = DS_INIT;
	struct datum d = DATUM_EMPTY;
	const char *guest;

	if (works && !iface_is_tunnel(iface))
		datum_map_put(&d, "driver_name", iface->type == IFACE_INTERNAL ? "veth" : iface_type_name(iface->type));
	if (guests_describe(iface->name, &guest, &mac, &addresses))
		datum_map_put(&d, "addresses", ds_cstr(&addresses));
	ds_fini(&mac);
	ds_fini(&addresses);
	db_status_set(row, "status", &d);
}

static void set_mac(struct db_row *row, const struct iface *iface, bool works)
{
	const uint8_t *m = iface->mac;
	char text[18];

	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	db_status_set_string(row, "mac_in_use", works ? text : NULL);
}

static void set_ifindex(struct db_row *row, const struct iface *iface)
{
	const struct tunnel_dev *tunnels = tunnel_dev_of(iface->bridge->dp, iface->dp_port);
	const struct netdev_port *dev = iface->dev;
	int ifindex = tunnels ? tunnels->ifindex : dev->outer_ifindex ? dev->outer_ifindex : dev->ifindex;

	set_optional_integer(row, "ifindex", tunnels || dev->ifindex, ifindex);
}

void config_report_iface(struct iface *iface)
{
	struct db_row *row = row_of(config_db(), "Interface", iface->name);
	const struct netdev_port *dev = iface->dev;
	bool is_patch = iface->type == IFACE_PATCH;
	bool works = is_patch || iface->dp_port != DP_PORT_NONE;
	const char *error = dev->error;

	/* Of a row that is not committed yet this will be said again when it is. */
	if (!row)
		return;
	if (is_patch && !iface->peer)
		error = "its peer does not exist, or names another one";
	set_state(row, "admin_state", works, iface->admin_up);
	set_state(row, "link_state", works, iface->link_up);
	set_mac(row, iface, works && !is_patch);
	set_optional_integer(row, "mtu", works && !is_patch && !iface_is_tunnel(iface), iface->mtu);
	set_ifindex(row, iface);
	set_status(row, iface, works);
	db_status_set_string(row, "error", error);
}

void config_report_error(struct db *db, const char *iface, const char *text)
{
	struct db_row *row = row_of(db, "Interface", iface);

	if (row)
		db_status_set_string(row, "error", text);
}

void config_report_bridge(struct db *db, const struct bridge *br)
{
	struct db_row *row = row_of(db, "Bridge", br->name);
	char id[17];

	snprintf(id, sizeof id, "%016llx", (unsigned long long)br->datapath_id);
	if (row)
		db_status_set_string(row, "datapath_id", id);
}

/* Drops in the datapath by reason, those that happened: "drop_loop_limit". Return: their sum. */
static uint64_t put_drops(const struct iface *iface, struct datum *d)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_port_stats s = {0};
	uint64_t sum = 0;

	if (iface->dp_port == DP_PORT_NONE || iface_is_tunnel(iface) || dp->ops->port_stats(dp, iface->dp_port, &s))
		return 0;
	for (unsigned int i = 0; i < DROP_N_REASONS; i++) {
		char key[64];

		sum += s.drops[i];
		if (!s.drops[i])
			continue;
		snprintf(key, sizeof key, "drop_%s", drop_reason_name(i));
		for (char *c = key; *c; c++)
			*c = *c == '-' ? '_' : *c;
		datum_map_put_integer(d, key, (int64_t)(s.drops[i] & INT64_MAX));
	}
	return sum;
}

static void report_stats(struct iface *iface)
{
	struct db_row *row = row_of(config_db(), "Interface", iface->name);
	struct datum d = DATUM_EMPTY;
	struct netdev_stats s;

	if (!row || iface_dev_stats(iface, &s))
		return;
	s.rx_dropped += put_drops(iface, &d);
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"collisions", s.collisions},
		{"rx_bytes", s.rx_bytes},
		{"rx_crc_err", s.rx_crc_errors},
		{"rx_dropped", s.rx_dropped},
		{"rx_errors", s.rx_errors},
		{"rx_frame_err", s.rx_frame_errors},
		{"rx_missed_errors", s.rx_missed_errors},
		{"rx_over_err", s.rx_over_errors},
		{"rx_packets", s.rx_packets},
		{"tx_bytes", s.tx_bytes},
		{"tx_dropped", s.tx_dropped},
		{"tx_errors", s.tx_errors},
		{"tx_packets", s.tx_packets},
	};
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		datum_map_put_integer(&d, counters[i].name, (int64_t)(counters[i].value & INT64_MAX));
	db_status_set(row, "statistics", &d);
	set_status(row, iface, iface->type == IFACE_PATCH || iface->dp_port != DP_PORT_NONE);
}

void config_report_stats(struct iface *iface)
{
	revalidate_pull_stats(); /* what patch and tunnel ports count */
	if (iface) {
		report_stats(iface);
		return;
	}
	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
		report_stats(iface);
}

void config_report_mirrors(void)
{
	revalidate_pull_stats();
	mirrors_report(config_db());
}
