// SPDX-License-Identifier: Apache-2.0
/*
 * The method `drops`: what became of the packets that each port received, and of those that died, where.
 *
 * What the datapath has counted for its flows is credited first, so that the places add up to the reasons: but for packets that come
 * between the two looks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "flow/dp_action.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/drop_text.h"
#include "switchd/drops.h"
#include "switchd/revalidate.h"
#include "switchd/tunnel.h"

/* One port's story. */
struct report {
	const char *name, *bridge; /* bridge NULL: a port of the datapath that tunnel ports share */
	struct dp_port_stats stats;
	struct drop_count *places;
	size_t n_places;
	uint64_t n_dropped;
};

/* Tunnel ports share a datapath port: of its drops each knows those that translation decided. */
static void take_places(struct report *r, const struct iface *iface)
{
	r->n_places = drops_snapshot(iface->serial, &r->places);
	if (!iface_is_tunnel(iface))
		return;
	r->stats.rx_packets = __atomic_load_n(&iface->counted.rx_packets, __ATOMIC_RELAXED);
	for (size_t i = 0; i < r->n_places; i++)
		r->stats.drops[r->places[i].place.reason] += r->places[i].n_packets;
}

static bool take(struct report *r, struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;

	*r = (struct report){.name = iface->name, .bridge = iface->bridge->name};
	if (iface->dp_port == DP_PORT_NONE)
		return false;
	if (!iface_is_tunnel(iface) && dp->ops->port_stats(dp, iface->dp_port, &r->stats))
		return false;
	take_places(r, iface);
	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		r->n_dropped += r->stats.drops[i];
	if (iface_is_tunnel(iface))
		r->stats.forwarded = r->stats.rx_packets - MIN(r->stats.rx_packets, r->n_dropped);
	return true;
}

/* Of what came in by a port that tunnel ports share: the drops that none of them knows. Return: whether there are any. */
static bool take_shared(struct report *r, const struct tunnel_dev *dev)
{
	const struct iface *iface;

	*r = (struct report){.name = dev->name};
	if (dev->dp->ops->port_stats(dev->dp, dev->dp_port, &r->stats))
		return false;
	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces) {
		struct drop_count *places;
		bool is_here = iface_is_tunnel(iface) && iface->bridge->dp == dev->dp && iface->dp_port == dev->dp_port;
		size_t n = is_here ? drops_snapshot(iface->serial, &places) : 0;

		for (size_t i = 0; i < n; i++)
			r->stats.drops[places[i].place.reason] -=
				MIN(places[i].n_packets, r->stats.drops[places[i].place.reason]);
		if (is_here)
			free(places);
	}
	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		r->n_dropped += r->stats.drops[i];
	r->stats.rx_packets = r->n_dropped;
	r->stats.executed = r->stats.forwarded = r->stats.queued = 0;
	return r->n_dropped;
}

/* ---- text ---- */

static void put_place(const struct drop_count *c, struct ds *out)
{
	ds_printf(out, "%12" PRIu64 "   ", c->n_packets);
	if (!c->place.bridge) {
		ds_put(out, "in other places\n");
		return;
	}
	ds_printf(out, "bridge %s, table %u", c->bridge, c->place.table);
	if (c->place.has_rule)
		ds_printf(out, ", cookie 0x%" PRIx64, c->place.cookie);
	ds_put_char(out, '\n');
}

static void put_report(const struct report *r, struct ds *out)
{
	const struct dp_port_stats *s = &r->stats;

	ds_printf(out, "%s (%s%s): %" PRIu64 " received", r->name, r->bridge ? "bridge " : "of no tunnel port",
		  r->bridge ? r->bridge : "", s->rx_packets);
	if (s->executed)
		ds_printf(out, ", %" PRIu64 " made here", s->executed);
	ds_printf(out, "; %" PRIu64 " forwarded, %" PRIu64 " dropped, %" PRIu64 " queued\n", s->forwarded, r->n_dropped,
		  s->queued);
	for (unsigned int reason = 0; reason < DROP_N_REASONS; reason++) {
		if (!s->drops[reason])
			continue;
		ds_printf(out, "%10" PRIu64 " %s: %s\n", s->drops[reason], drop_reason_name(reason),
			  drop_reason_sentence(reason));
		for (size_t i = 0; i < r->n_places; i++)
			if (r->places[i].place.reason == reason)
				put_place(&r->places[i], out);
	}
}

/* ---- JSON ---- */

static json_t *places_of(const struct report *r, unsigned int reason)
{
	json_t *where = json_array();

	for (size_t i = 0; i < r->n_places; i++) {
		const struct drop_count *c = &r->places[i];
		char cookie[24];
		json_t *json;

		if (c->place.reason != reason)
			continue;
		json = json_pack("{s:I}", "packets", (json_int_t)c->n_packets);
		if (c->place.bridge) {
			json_object_set_new(json, "bridge", json_string(c->bridge));
			json_object_set_new(json, "table", json_integer(c->place.table));
		}
		if (c->place.has_rule) {
			snprintf(cookie, sizeof cookie, "0x%" PRIx64, c->place.cookie);
			json_object_set_new(json, "cookie", json_string(cookie));
		}
		json_array_append_new(where, json);
	}
	return where;
}

static json_t *report_to_json(const struct report *r)
{
	const struct dp_port_stats *s = &r->stats;
	json_t *drops = json_array();

	for (unsigned int reason = 0; reason < DROP_N_REASONS; reason++)
		if (s->drops[reason])
			json_array_append_new(drops,
					      json_pack("{s:s, s:s, s:I, s:o}", "reason", drop_reason_name(reason),
							"text", drop_reason_sentence(reason), "packets",
							(json_int_t)s->drops[reason], "where", places_of(r, reason)));
	return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:o}", "port", r->name, "bridge", r->bridge, "received",
			 (json_int_t)s->rx_packets, "executed", (json_int_t)s->executed, "forwarded",
			 (json_int_t)s->forwarded, "queued", (json_int_t)s->queued, "dropped", (json_int_t)r->n_dropped,
			 "drops", drops);
}

/* ---- the method ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct iface *const *)a)->name, (*(struct iface *const *)b)->name);
}

static bool is_shared(const char *name)
{
	for (const struct tunnel_dev *dev = tunnel_dev_next(NULL); dev; dev = tunnel_dev_next(dev))
		if (!strcmp(dev->name, name))
			return true;
	return false;
}

/* All interfaces, or the one of that name. Return: heap array of *n, NULL with @err. */
static struct iface **pick(const char *name, size_t *n, struct errtext *err)
{
	struct iface **list = xcalloc(hmap_count(&vswitch.ifaces) + 1, sizeof(struct iface *)), *iface;

	*n = 0;
	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
		if (!name || !strcmp(iface->name, name))
			list[(*n)++] = iface;
	if (name && !*n && !is_shared(name)) {
		free(list);
		errtext_set(err, ENOENT, "drops: no port named %.60s", name);
		return NULL;
	}
	qsort(list, *n, sizeof(struct iface *), by_name);
	return list;
}

static void put(const struct report *r, json_t *ports, struct ds *text)
{
	if (ports)
		json_array_append_new(ports, report_to_json(r));
	else
		put_report(r, text);
}

static int drops(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "port", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *name = control_str(params, "port", NULL, &error, err);
	size_t n = 0;
	struct iface **list = error ? NULL : pick(name, &n, err);
	struct ds text = DS_INIT;
	struct report r;
	json_t *ports;

	(void)request;
	if (!list)
		return error ? error : -ENOENT;
	revalidate_pull_stats();
	ports = json_array();
	for (size_t i = 0; i < n; i++) {
		if (take(&r, list[i]))
			put(&r, as_json ? ports : NULL, &text);
		free(r.places);
	}
	free(list);
	for (const struct tunnel_dev *dev = tunnel_dev_next(NULL); dev; dev = tunnel_dev_next(dev))
		if ((!name || !strcmp(name, dev->name)) && take_shared(&r, dev))
			put(&r, as_json ? ports : NULL, &text);
	*result = as_json ? json_pack("{s:O, s:i}", "ports", ports, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(ports);
	ds_fini(&text);
	return 0;
}

void drop_commands_register(void)
{
	control_register("drops", drops);
}
