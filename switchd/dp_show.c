// SPDX-License-Identifier: Apache-2.0
#include "switchd/dp_show.h"

#include <stdlib.h>

#include "base/ds.h"
#include "flow/dp_action.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/megaflow.h"
#include "switchd/revalidate.h"
#include "switchd/tunnel.h"

/* ---- ports ---- */

static int by_dp_port(const void *a, const void *b)
{
	uint32_t x = (*(struct iface *const *)a)->dp_port, y = (*(struct iface *const *)b)->dp_port;

	return x < y ? -1 : x > y;
}

/* A port that tunnel ports share: what came for none of them is counted here. */
static void show_tunnels(const struct tunnel_dev *dev, struct ds *text, json_t *ports)
{
	const char *type = tunnel_kind_name(dev->kind);
	struct dp_port_stats s = {0};
	json_t *drops = json_object();
	const char *separator = ", drops: ";

	dev->dp->ops->port_stats(dev->dp, dev->dp_port, &s);
	ds_printf(text, "  port %u: %s (%s, %zu ports", dev->dp_port, dev->name, type, dev->n_ifaces);
	for (unsigned int i = 0; i < DROP_N_REASONS; i++) {
		if (!s.drops[i])
			continue;
		ds_printf(text, "%s%s:%llu", separator, drop_reason_name(i), (unsigned long long)s.drops[i]);
		json_object_set_new(drops, drop_reason_name(i), json_integer((json_int_t)s.drops[i]));
		separator = " ";
	}
	ds_put(text, ")\n");
	json_array_append_new(ports,
			      json_pack("{s:I, s:s, s:s, s:I, s:o}", "number", (json_int_t)dev->dp_port, "name",
					dev->name, "type", type, "ports", (json_int_t)dev->n_ifaces, "drops", drops));
}

static json_t *show_ports(const struct datapath *dp, struct ds *text)
{
	struct iface **list = xcalloc(hmap_count(&vswitch.dp_ports) + 1, sizeof(struct iface *)), *iface;
	json_t *ports = json_array();
	size_t n = 0;

	HMAP_FOR_EACH(iface, dp_node, &vswitch.dp_ports)
		if (iface->bridge->dp == dp)
			list[n++] = iface;
	qsort(list, n, sizeof(struct iface *), by_dp_port);
	for (size_t i = 0; i < n; i++) {
		const char *type = iface_type_name(list[i]->type);

		ds_printf(text, "  port %u: %s (%s, bridge %s)\n", list[i]->dp_port, list[i]->name, type,
			  list[i]->bridge->name);
		json_array_append_new(ports,
				      json_pack("{s:I, s:s, s:s, s:s}", "number", (json_int_t)list[i]->dp_port, "name",
						list[i]->name, "type", type, "bridge", list[i]->bridge->name));
	}
	free(list);
	for (const struct tunnel_dev *dev = tunnel_dev_next(NULL); dev; dev = tunnel_dev_next(dev))
		if (dev->dp == dp)
			show_tunnels(dev, text, ports);
	return ports;
}

/* ---- flows ---- */

static void show_lookups(const struct dp_stats *s, struct ds *text, json_t *json)
{
	ds_printf(text, "  lookups: hit:%llu missed:%llu lost:%llu cached:%llu\n", (unsigned long long)s->hits,
		  (unsigned long long)s->misses, (unsigned long long)s->lost, (unsigned long long)s->cache_hits);
	json_object_set_new(json, "hits", json_integer((json_int_t)s->hits));
	json_object_set_new(json, "misses", json_integer((json_int_t)s->misses));
	json_object_set_new(json, "lost", json_integer((json_int_t)s->lost));
	json_object_set_new(json, "cache_hits", json_integer((json_int_t)s->cache_hits));
}

/* The limit is one for all datapaths. */
static void show_flows(const struct dp_stats *s, struct ds *text, json_t *json)
{
	struct revalidate_stats r;

	revalidate_get_stats(&r);
	ds_printf(text, "  flows: %llu (masks: %llu, limit: %u", (unsigned long long)s->n_flows,
		  (unsigned long long)s->n_masks, r.flow_limit);
	if (r.flow_limit < r.max_flows)
		ds_printf(text, " of %u, for passes over them took too long", r.max_flows);
	ds_put(text, ")\n");
	if (r.n_refused)
		ds_printf(text, "  flows refused for the limit's sake: %llu\n", (unsigned long long)r.n_refused);
	json_object_set_new(json, "flows", json_integer((json_int_t)s->n_flows));
	json_object_set_new(json, "masks", json_integer((json_int_t)s->n_masks));
	json_object_set_new(json, "flow_limit", json_integer((json_int_t)r.flow_limit));
	json_object_set_new(json, "max_flows", json_integer((json_int_t)r.max_flows));
	json_object_set_new(json, "refused", json_integer((json_int_t)r.n_refused));
	json_object_set_new(json, "pass_us", json_integer((json_int_t)r.last_pass_us));
}

/* The book of megaflows is one for all datapaths, too; only tests have more than one. */
static void show_memory(const struct dp_stats *s, struct ds *text, json_t *json)
{
	const uint64_t daemon = s->daemon_bytes + megaflows_memory();

	ds_put(text, "  memory:");
	if (s->kernel_bytes)
		ds_printf(text, " %.1f MB in the kernel,", (double)s->kernel_bytes / 1e6);
	ds_printf(text, " %.1f MB in the daemon\n", (double)daemon / 1e6);
	json_object_set_new(json, "kernel_bytes", json_integer((json_int_t)s->kernel_bytes));
	json_object_set_new(json, "daemon_bytes", json_integer((json_int_t)daemon));
}

/* What the kernel cannot do, or has no room for. */
static void show_slow(const struct dp_stats *s, struct ds *text, json_t *json)
{
	json_t *list = json_array();

	if (s->n_slow)
		ds_printf(text, "  flows run by the daemon, not in the kernel: %llu\n",
			  (unsigned long long)s->n_daemon_flows);
	for (size_t i = 0; i < s->n_slow; i++) {
		const struct dp_slow *slow = &s->slow[i];

		ds_printf(text, "    %s: %llu flows, %llu packets\n", slow->why, (unsigned long long)slow->n_flows,
			  (unsigned long long)slow->n_packets);
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I}", "reason", slow->why, "flows",
						(json_int_t)slow->n_flows, "packets", (json_int_t)slow->n_packets));
	}
	json_object_set_new(json, "daemon_flows", json_integer((json_int_t)s->n_daemon_flows));
	json_object_set_new(json, "daemon", list);
}

json_t *dp_show_datapath(struct datapath *dp, struct ds *text)
{
	json_t *json = json_pack("{s:s}", "type", dp->ops->type);
	struct dp_stats s = {0};

	dp->ops->stats(dp, &s);
	ds_printf(text, "%s:\n", dp->ops->type);
	show_lookups(&s, text, json);
	show_flows(&s, text, json);
	show_memory(&s, text, json);
	show_slow(&s, text, json);
	json_object_set_new(json, "ports", show_ports(dp, text));
	return json;
}
