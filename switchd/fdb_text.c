// SPDX-License-Identifier: Apache-2.0
#include "switchd/fdb.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/ds.h"
#include "switchd/bridge.h"

#define MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(M) (M)[0], (M)[1], (M)[2], (M)[3], (M)[4], (M)[5]

/* Any interface of the port stands for it. */
static uint16_t ofp_port_of(const struct port *port)
{
	if (!port->n_ifaces)
		return OFPP_NONE;
	return cds_list_first_entry(&port->ifaces, struct iface, port_node)->ofp_port;
}

static void format_entry(const struct fdb_entry *e, struct ds *out)
{
	uint16_t ofp_port = ofp_port_of(e->port);

	if (ofp_port == OFPP_LOCAL)
		ds_put(out, "LOCAL");
	else
		ds_printf(out, "%5u", ofp_port);
	ds_printf(out, "  %4u  " MAC_FMT "  ", e->vlan, MAC_ARGS(e->mac));
	if (e->is_static)
		ds_put(out, "static\n");
	else
		ds_printf(out, "%3" PRId64 "\n", e->age_ms / 1000);
}

void fdb_format(struct fdb *fdb, int64_t now_ms, struct ds *out)
{
	struct fdb_entry *entries;
	size_t n = fdb_snapshot(fdb, now_ms, &entries);

	ds_put(out, " port  VLAN  MAC                Age\n");
	for (size_t i = 0; i < n; i++)
		format_entry(&entries[i], out);
	free(entries);
}

json_t *fdb_to_json(struct fdb *fdb, int64_t now_ms)
{
	struct fdb_entry *entries;
	size_t n = fdb_snapshot(fdb, now_ms, &entries);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct fdb_entry *e = &entries[i];
		char mac[18];

		snprintf(mac, sizeof mac, MAC_FMT, MAC_ARGS(e->mac));
		json_array_append_new(array,
				      json_pack("{s:i, s:s, s:i, s:s, s:I, s:b}", "port", (int)ofp_port_of(e->port),
						"name", e->port->name, "vlan", (int)e->vlan, "mac", mac, "age_s",
						(json_int_t)(e->age_ms / 1000), "static", (int)e->is_static));
	}
	free(entries);
	return array;
}

void fdb_stats_format(const struct fdb_stats *stats, struct ds *out)
{
	ds_printf(out, "  Current/maximum MAC entries in the table: %zu/%zu\n", stats->n_entries, stats->max_entries);
	ds_printf(out, "  Current static MAC entries in the table : %zu\n", stats->n_static);
	ds_printf(out, "  Total number of learned MAC entries     : %" PRIu64 "\n", stats->n_learnt);
	ds_printf(out, "  Total number of expired MAC entries     : %" PRIu64 "\n", stats->n_expired);
	ds_printf(out, "  Total number of evicted MAC entries     : %" PRIu64 "\n", stats->n_evicted);
	ds_printf(out, "  Total number of port moved MAC entries  : %" PRIu64 "\n", stats->n_moved);
}
