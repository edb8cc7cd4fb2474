// SPDX-License-Identifier: Apache-2.0
/* What the datapaths over the forwarding engine have in common: how they begin, and their flow table's operations. */
#include "base/util.h"
#include "switchd/datapath/forward.h"

enum { DEFAULT_QUEUE = 512 };

void forward_dp_init(struct forward_dp *dp, const struct datapath_ops *ops, const struct dp_config *config,
		     struct forward_port *(*find_port)(struct forwarder *f, uint32_t port_no))
{
	struct meters meters = dp->shared.meters;
	struct bonds bonds = dp->shared.bonds;

	if (!meters.slots)
		meters_new(&meters, FORWARD_MAX_METERS, meters_monotonic_ns);
	if (!bonds.slots)
		bonds_new(&bonds);
	dp->dp.ops = ops;
	dp->shared = (struct forward_shared){
		.find_port = find_port,
		.meters = meters,
		.bonds = bonds,
		.cache = cache_new(config->max_flows ? config->max_flows : DP_DEFAULT_MAX_FLOWS),
		.upcall = config->upcall,
		.aux = config->aux,
		.queue_limit = config->upcall_queue ? config->upcall_queue : DEFAULT_QUEUE,
	};
}

void forward_dp_fini(struct forward_dp *dp)
{
	bonds_free(&dp->shared.bonds);
	meters_free(&dp->shared.meters);
	cache_free(dp->shared.cache);
}

static struct meters *meters_of(struct datapath *datapath)
{
	return &container_of(datapath, struct forward_dp, dp)->shared.meters;
}

int forward_meter_set(struct datapath *datapath, uint32_t id, const struct dp_meter *meter)
{
	return meters_set(meters_of(datapath), id, meter);
}

int forward_meter_del(struct datapath *datapath, uint32_t id)
{
	return meters_del(meters_of(datapath), id);
}

int forward_meter_stats(struct datapath *datapath, uint32_t id, struct dp_meter_stats *stats)
{
	return meters_stats(meters_of(datapath), id, stats);
}

static const struct bonds *bonds_of(struct datapath *datapath)
{
	return &container_of(datapath, struct forward_dp, dp)->shared.bonds;
}

int forward_bond_set(struct datapath *datapath, uint32_t id, const struct dp_bond *bond)
{
	return bonds_set(bonds_of(datapath), id, bond);
}

int forward_bond_del(struct datapath *datapath, uint32_t id)
{
	return bonds_del(bonds_of(datapath), id);
}

int forward_bond_stats(struct datapath *datapath, uint32_t id, uint64_t bytes[DP_BOND_BUCKETS])
{
	return bonds_stats(bonds_of(datapath), id, bytes);
}

static struct cache *cache_of(struct datapath *datapath)
{
	return container_of(datapath, struct forward_dp, dp)->shared.cache;
}

int forward_flow_put(struct datapath *datapath, const struct dp_flow_put *flow)
{
	int error = execute_supports(flow->actions, flow->actions_len);

	return error ? error : cache_put(cache_of(datapath), flow);
}

bool forward_flow_covers(struct datapath *datapath, const struct pkt_key *key)
{
	return cache_lookup(cache_of(datapath), NULL, key, 0);
}

int forward_flow_del(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats)
{
	return cache_del(cache_of(datapath), id, stats);
}

int forward_flow_stats(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats)
{
	return cache_stats(cache_of(datapath), id, stats);
}

size_t forward_flow_dump(struct datapath *datapath, uint64_t *cursor, struct dp_flow *flows, size_t n)
{
	return cache_dump(cache_of(datapath), cursor, flows, n);
}

bool forward_flow_active(struct datapath *datapath, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n)
{
	return cache_active(cache_of(datapath), cursor, flows, n);
}

void forward_flow_invalidate_all(struct datapath *datapath)
{
	cache_invalidate_all(cache_of(datapath));
}

static uint64_t relaxed(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void forward_stats(const struct forward_dp *dp, const struct forwarder *const forwarders[], size_t n,
		   struct dp_stats *stats)
{
	*stats = (struct dp_stats){
		.n_flows = cache_n_flows(dp->shared.cache),
		.n_masks = cache_n_masks(dp->shared.cache),
		.daemon_bytes = cache_bytes(dp->shared.cache),
	};
	for (size_t i = 0; i < n; i++) {
		const struct forwarder *f = forwarders[i];

		stats->cache_hits += relaxed(&f->exact.exact_hits);
		stats->hits += relaxed(&f->exact.exact_hits) + relaxed(&f->exact.mega_hits);
		stats->misses += relaxed(&f->n_misses);
		stats->lost += relaxed(&f->n_lost);
	}
}
