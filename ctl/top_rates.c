// SPDX-License-Identifier: Apache-2.0
/* From two samples to rates. A counter that went back (a port that was made anew) counts from zero. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ctl/top.h"

static const char *const sort_names[TOP_N_SORTS] = {
	[TOP_SORT_TRAFFIC] = "traffic",
	[TOP_SORT_PACKETS] = "packets",
	[TOP_SORT_DROPS] = "drops",
	[TOP_SORT_NAME] = "name",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double grown(const json_t *then, const json_t *now, const char *key)
{
	double before = number(then, key), after = number(now, key);

	return after >= before ? after - before : after;
}

static void put(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

/* The element of an array whose member @key is that of @like. */
static const json_t *same_in(const json_t *array, const json_t *like, const char *key)
{
	const char *name = json_string_value(json_object_get(like, key));
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element) {
		const char *other = json_string_value(json_object_get(element, key));

		if (name && other && !strcmp(name, other))
			return element;
	}
	return NULL;
}

/* ---- parts ---- */

static json_t *cpu_of(const json_t *then, const json_t *now, double seconds)
{
	const json_t *before = json_object_get(then, "cpu"), *after = json_object_get(now, "cpu"), *ns;
	json_t *cpu = json_object();
	const char *stage;

	json_object_foreach((json_t *)after, stage, ns) {
		double percent = (json_number_value(ns) - number(before, stage)) / seconds / 1e7;

		/* Forwarding is what translation leaves, and that is an estimate. */
		put(cpu, stage, MAX(percent, 0.0));
	}
	return cpu;
}

static json_t *machine_of(const json_t *then, const json_t *now)
{
	const json_t *before = json_object_get(then, "machine"), *after = json_object_get(now, "machine");
	double total = grown(before, after, "total");
	json_t *machine = json_object();

	json_object_set(machine, "cpus", json_object_get(after, "cpus"));
	put(machine, "busy", total > 0 ? 100 - grown(before, after, "idle") / total * 100 : 0);
	put(machine, "softirq", total > 0 ? grown(before, after, "softirq") / total * 100 : 0);
	return machine;
}

static json_t *datapaths_of(const json_t *then, const json_t *now, double seconds)
{
	static const char *const kept[] = {"type", "flows", "masks", "daemon_flows"};
	static const char *const rates[][2] = {
		{"hits", "hits_ps"}, {"misses", "misses_ps"}, {"lost", "lost_ps"}, {"cache_hits", "cache_hits_ps"}};
	const json_t *before = json_object_get(then, "datapaths"), *dp;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(json_object_get(now, "datapaths"), i, dp) {
		const json_t *was = same_in(before, dp, "type");
		json_t *one = json_object();

		for (size_t k = 0; k < ARRAY_SIZE(kept); k++)
			json_object_set(one, kept[k], json_object_get(dp, kept[k]));
		for (size_t k = 0; k < ARRAY_SIZE(rates); k++)
			put(one, rates[k][1], grown(was, dp, rates[k][0]) / seconds);
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *upcalls_of(const json_t *then, const json_t *now, double seconds)
{
	const json_t *before = json_object_get(then, "upcalls"), *after = json_object_get(now, "upcalls"), *value;
	json_t *upcalls = json_object();
	const char *kind;

	json_object_foreach((json_t *)after, kind, value)
		put(upcalls, kind, grown(before, after, kind) / seconds);
	return upcalls;
}

static int by_rate(const void *a, const void *b)
{
	double x = number(*(json_t *const *)a, "per_s"), y = number(*(json_t *const *)b, "per_s");

	if (x == y) {
		x = number(*(json_t *const *)a, "total");
		y = number(*(json_t *const *)b, "total");
	}
	return x > y ? -1 : x < y;
}

/* The elements of @array in order. Takes the reference. */
static json_t *sorted(json_t *array, int (*compare)(const void *a, const void *b))
{
	size_t n = json_array_size(array);
	json_t **list = xcalloc(n + 1, sizeof(json_t *)), *result = json_array();

	for (size_t i = 0; i < n; i++)
		list[i] = json_array_get(array, i);
	qsort(list, n, sizeof(json_t *), compare);
	for (size_t i = 0; i < n; i++)
		json_array_append(result, list[i]);
	free(list);
	json_decref(array);
	return result;
}

static json_t *drops_of(const json_t *then, const json_t *now, double seconds)
{
	const json_t *before = json_object_get(then, "drops"), *after = json_object_get(now, "drops"), *total;
	json_t *list = json_array();
	const char *reason;

	json_object_foreach((json_t *)after, reason, total)
		json_array_append_new(list, json_pack("{s:s, s:f, s:O}", "reason", reason, "per_s",
						      grown(before, after, reason) / seconds, "total", total));
	return sorted(list, by_rate);
}

/* ---- ports ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
		      json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

static int by_sum(const void *a, const void *b, const char *key, const char *key2)
{
	double x = number(*(json_t *const *)a, key) + number(*(json_t *const *)a, key2);
	double y = number(*(json_t *const *)b, key) + number(*(json_t *const *)b, key2);

	return x > y ? -1 : x < y ? 1 : by_name(a, b);
}

static int by_traffic(const void *a, const void *b)
{
	return by_sum(a, b, "rx_bps", "tx_bps");
}

static int by_packets(const void *a, const void *b)
{
	return by_sum(a, b, "rx_pps", "tx_pps");
}

static int by_drops(const void *a, const void *b)
{
	return by_sum(a, b, "drops_ps", "");
}

static json_t *port_of(const json_t *was, const json_t *is, double seconds)
{
	static const char *const kept[] = {"name", "bridge", "type", "up", "queued"};
	static const struct {
		const char *from, *to;
		double factor;
	} rates[] = {
		{"rx_packets", "rx_pps", 1}, {"rx_bytes", "rx_bps", 8}, {"tx_packets", "tx_pps", 1},
		{"tx_bytes", "tx_bps", 8},   {"drops", "drops_ps", 1},
	};
	json_t *port = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		json_object_set(port, kept[i], json_object_get(is, kept[i]));
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		put(port, rates[i].to, grown(was, is, rates[i].from) * rates[i].factor / seconds);
	return port;
}

/* Ports by name, so that each of thousands finds its predecessor at once. */
static json_t *ports_by_name(const json_t *ports)
{
	json_t *map = json_object(), *port;
	size_t i;

	json_array_foreach(ports, i, port)
		json_object_set(map, json_string_value(json_object_get(port, "name")), port);
	return map;
}

static json_t *ports_of(const json_t *then, const json_t *now, double seconds, enum top_sort sort)
{
	static int (*const compare[])(const void *a, const void *b) = {
		[TOP_SORT_TRAFFIC] = by_traffic,
		[TOP_SORT_PACKETS] = by_packets,
		[TOP_SORT_DROPS] = by_drops,
		[TOP_SORT_NAME] = by_name,
	};
	json_t *before = ports_by_name(json_object_get(then, "ports")), *list = json_array(), *port;
	size_t i;

	json_array_foreach(json_object_get(now, "ports"), i, port) {
		const char *name = json_string_value(json_object_get(port, "name"));

		/* One that has just come has counted all it has since. */
		json_array_append_new(list, port_of(json_object_get(before, name), port, seconds));
	}
	json_decref(before);
	return sorted(list, compare[sort]);
}

json_t *top_rates(const json_t *then, const json_t *now, enum top_sort sort)
{
	double seconds = (number(now, "now_ns") - number(then, "now_ns")) / 1e9;
	json_t *flows = json_object_get(now, "flows");

	seconds = seconds > 0 ? seconds : 1;
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "interval_s", seconds, "cpu",
			 cpu_of(then, now, seconds), "machine", machine_of(then, now), "datapaths",
			 datapaths_of(then, now, seconds), "upcalls", upcalls_of(then, now, seconds), "drops",
			 drops_of(then, now, seconds), "ports", ports_of(then, now, seconds, sort), "flows",
			 flows ? flows : json_array());
}
