// SPDX-License-Identifier: Apache-2.0
#include "switchd/dp_dump.h"

#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "flow/dp_action.h"
#include "flow/match.h"
#include "flow/port_names.h"
#include "switchd/datapath/datapath.h"

/* Port names of the datapath in the clothes that key printing knows. */
struct names_adapter {
	struct port_names names;
	const struct dp_port_names *dp_names;
};

static const char *adapter_name(const struct port_names *self, uint32_t port)
{
	const struct dp_port_names *n = container_of(self, struct names_adapter, names)->dp_names;

	return n->name(n, port);
}

/* As OVS abbreviates the TCP flags of a flow: "SFP." in bit order. */
static void format_tcp_flags(uint16_t flags, struct ds *out)
{
	static const char letters[] = "FSRP.UEC";

	for (size_t i = 0; letters[i]; i++)
		if (flags >> i & 1)
			ds_put_char(out, letters[i]);
}

static void format_stats(const struct dp_flow_stats *stats, int64_t now_ms, struct ds *out)
{
	ds_printf(out, "packets:%llu, bytes:%llu, used:", (unsigned long long)stats->n_packets,
		  (unsigned long long)stats->n_bytes);
	if (stats->used_ms)
		ds_printf(out, "%.3fs", (double)(now_ms - stats->used_ms) / 1000.0);
	else
		ds_put(out, "never");
	if (stats->tcp_flags) {
		ds_put(out, ", flags:");
		format_tcp_flags(stats->tcp_flags, out);
	}
}

static json_t *flow_to_json(const struct dp_flow *flow, const char *key, const char *actions, int64_t now_ms)
{
	const struct dp_flow_stats *s = &flow->stats;
	struct ds flags = DS_INIT;
	json_t *object;

	format_tcp_flags(s->tcp_flags, &flags);
	object = json_pack("{s:I, s:s, s:I, s:I, s:o, s:s, s:s}", "id", (json_int_t)flow->id, "key", key, "packets",
			   (json_int_t)s->n_packets, "bytes", (json_int_t)s->n_bytes, "used_ms",
			   s->used_ms ? json_integer(now_ms - s->used_ms) : json_null(), "flags", ds_cstr(&flags),
			   "actions", actions);
	if (flow->slow)
		json_object_set_new(object, "daemon", json_string(flow->slow));
	ds_fini(&flags);
	return object;
}

static void dump_flow(const struct dp_flow *flow, const struct dp_port_names *names, struct ds *text, json_t *lines)
{
	struct names_adapter adapter = {.names.name = adapter_name, .dp_names = names};
	struct ds key = DS_INIT, actions = DS_INIT;
	int64_t now_ms = clock_now_ms();

	dp_flow_key_format(flow->key, flow->mask, names ? &adapter.names : NULL, &key);
	dp_actions_format(flow->actions, flow->actions_len, names, &actions);
	ds_printf(text, "%s, ", ds_cstr(&key));
	format_stats(&flow->stats, now_ms, text);
	if (flow->slow)
		ds_printf(text, ", dp:daemon(%s)", flow->slow);
	ds_printf(text, ", actions:%s\n", ds_cstr(&actions));
	if (lines)
		json_array_append_new(lines, flow_to_json(flow, ds_cstr(&key), ds_cstr(&actions), now_ms));
	ds_fini(&key);
	ds_fini(&actions);
}

void dp_dump_flows(struct datapath *dp, const struct dp_port_names *names,
		   bool (*wanted)(void *aux, const struct datapath *dp, const struct dp_flow *flow), void *aux,
		   struct ds *text, json_t *lines)
{
	struct dp_flow flows[64];
	uint64_t cursor = 0;
	size_t n;

	do {
		rcu_read_lock();
		n = dp->ops->flow_dump(dp, &cursor, flows, ARRAY_SIZE(flows));
		for (size_t i = 0; i < n; i++)
			if (!wanted || wanted(aux, dp, &flows[i]))
				dump_flow(&flows[i], names, text, lines);
		rcu_read_unlock();
	} while (n);
}
