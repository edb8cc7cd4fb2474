// SPDX-License-Identifier: Apache-2.0
#include "switchd/top_flows.h"

#include <stdlib.h>
#include <time.h>
#include <urcu.h>

#include "base/ds.h"
#include "base/hmap.h"
#include "base/util.h"
#include "flow/dp_action.h"
#include "flow/match.h"
#include "flow/port_names.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"

enum { MAX_SHOWN = 100 };

/* What a flow had counted when it was last looked at. */
struct seen {
	struct hmap_node node; /* by id */
	uint64_t id;
	uint64_t n_packets, n_bytes;
	unsigned int round; /* of the look that found it last: others are gone */
};

/* One of the busiest. */
struct busy {
	uint64_t id;
	uint64_t n_packets, n_bytes; /* since the last look */
	struct pkt_key key, mask;
	struct ds actions;
};

static struct hmap seen_flows = {.buckets = &seen_flows.one};
static unsigned int this_round;
static int64_t last_ns;
static json_t *last_answer;

static int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- counters then and now ---- */

static struct seen *find(uint64_t id)
{
	struct seen *s;

	HMAP_FOR_EACH_WITH_HASH(s, node, hash_u64(id, 0), &seen_flows)
		if (s->id == id)
			return s;
	return NULL;
}

/* Brings the memory up to date. A flow that was not there has forwarded all it has since then. */
static void look(const struct dp_flow *flow, uint64_t *n_packets, uint64_t *n_bytes)
{
	struct seen *s = find(flow->id);

	if (!s) {
		s = xzalloc(sizeof *s);
		s->id = flow->id;
		hmap_insert(&seen_flows, &s->node, hash_u64(s->id, 0));
	}
	*n_packets = flow->stats.n_packets - MIN(s->n_packets, flow->stats.n_packets);
	*n_bytes = flow->stats.n_bytes - MIN(s->n_bytes, flow->stats.n_bytes);
	s->n_packets = flow->stats.n_packets;
	s->n_bytes = flow->stats.n_bytes;
	s->round = this_round;
}

static void forget_others(void)
{
	struct seen *s;

	HMAP_FOR_EACH_SAFE(s, node, &seen_flows) {
		if (s->round == this_round)
			continue;
		hmap_remove(&seen_flows, &s->node);
		free(s);
	}
}

/* ---- the busiest, in order ---- */

static void busy_set(struct busy *b, const struct dp_flow *flow, uint64_t n_packets, uint64_t n_bytes)
{
	b->id = flow->id;
	b->n_packets = n_packets;
	b->n_bytes = n_bytes;
	b->key = *flow->key;
	b->mask = *flow->mask;
	ds_clear(&b->actions);
	ds_put_mem(&b->actions, flow->actions, flow->actions_len);
}

/* Insertion from behind; the one that falls off the end is the new one's memory. */
static void rank(struct busy *list, size_t *n, size_t max, const struct dp_flow *flow, uint64_t n_packets,
		 uint64_t n_bytes)
{
	size_t at = *n < max ? (*n)++ : max - 1;
	struct busy spare = list[at];

	while (at && list[at - 1].n_bytes < n_bytes) {
		list[at] = list[at - 1];
		at--;
	}
	list[at] = spare;
	busy_set(&list[at], flow, n_packets, n_bytes);
}

static void look_at_all(struct datapath *dp, struct busy *list, size_t *n, size_t max)
{
	struct dp_flow flows[64];
	size_t n_flows, n_seen = 0;
	uint64_t cursor = 0;

	do {
		rcu_read_lock();
		n_flows = dp->ops->flow_dump(dp, &cursor, flows, ARRAY_SIZE(flows));
		for (size_t i = 0; i < n_flows; i++) {
			uint64_t n_packets, n_bytes;

			look(&flows[i], &n_packets, &n_bytes);
			if (n_packets && (*n < max || n_bytes > list[max - 1].n_bytes))
				rank(list, n, max, &flows[i], n_packets, n_bytes);
		}
		rcu_read_unlock();
		n_seen += n_flows;
	} while (n_flows && n_seen < TOP_FLOWS_SEEN);
}

/* ---- text ---- */

/* Names of the datapath's ports, for keys and for actions. */
static const char *name_of_dp_port(const struct dp_port_names *self, uint32_t port)
{
	(void)self;
	return switch_dp_port_name(vswitch.dp ? vswitch.dp : vswitch.dummy_dp, port);
}

static const char *name_of_port(const struct port_names *self, uint32_t port)
{
	(void)self;
	return name_of_dp_port(NULL, port);
}

static json_t *busy_to_json(const struct busy *b, double seconds)
{
	static const struct port_names key_names = {.name = name_of_port};
	static const struct dp_port_names names = {.name = name_of_dp_port};
	struct ds key = DS_INIT, actions = DS_INIT;
	json_t *json;

	dp_flow_key_format(&b->key, &b->mask, &key_names, &key);
	dp_actions_format(b->actions.s, b->actions.len, &names, &actions);
	json = json_pack("{s:s, s:s, s:f, s:f}", "flow", ds_cstr(&key), "actions", ds_cstr(&actions), "pps",
			 (double)b->n_packets / seconds, "bps", (double)b->n_bytes * 8 / seconds);
	ds_fini(&key);
	ds_fini(&actions);
	return json;
}

static void ask(size_t n, int64_t now_ns)
{
	struct datapath *dp = vswitch.dp ? vswitch.dp : vswitch.dummy_dp;
	struct busy *list = xcalloc(n, sizeof *list);
	bool is_first = !last_ns;
	size_t n_busy = 0;

	this_round++;
	if (dp)
		look_at_all(dp, list, &n_busy, n);
	forget_others();
	json_decref(last_answer);
	last_answer = json_array();
	for (size_t i = 0; i < n_busy && !is_first; i++)
		json_array_append_new(last_answer, busy_to_json(&list[i], (double)(now_ns - last_ns) / 1e9));
	for (size_t i = 0; i < n; i++)
		ds_fini(&list[i].actions);
	free(list);
	last_ns = now_ns;
}

json_t *top_flows(size_t n)
{
	int64_t now_ns = monotonic_ns();

	if (!last_answer || now_ns - last_ns >= TOP_FLOWS_MIN_MS * 1000000ll)
		ask(MIN(MAX(n, (size_t)1), (size_t)MAX_SHOWN), now_ns);
	return json_incref(last_answer);
}

void top_flows_fini(void)
{
	this_round++;
	forget_others();
	json_decref(last_answer);
	last_answer = NULL;
	last_ns = 0;
}
