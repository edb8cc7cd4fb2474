// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "switchd/datapath/ebpf_ops.h"
#include "switchd/datapath/user_tunnel.h"

LOG_MODULE(ebpf);

_Static_assert((int)BPF_N_TUNNELS >= USER_N_PLACES, "a place for everything that is pending");

/* Of the longest frame that the packet becomes. */
static uint32_t frame_len(const struct packet *p)
{
	uint32_t headers = p->hdr_len;

	if (!packet_is_gso(p))
		return p->len;
	if (p->l4_ofs != PACKET_OFS_NONE)
		headers = p->l4_ofs + (p->l4_proto == 6 ? (p->data[p->l4_ofs + 12] >> 4) * 4u : 8);
	return headers + p->gso_size;
}

/* As the program does. Return: 0 or a positive errno. */
static int judge_path(const struct bpf_path *path, const struct bpf_op *op, const struct packet *p)
{
	uint32_t mtu = __atomic_load_n(&path->mtu, __ATOMIC_RELAXED), len = frame_len(p);

	if (!mtu)
		return ENETUNREACH;
	if (!(op->mask & BPF_TUNNEL_DF) || len + op->room <= mtu)
		return 0;
	log_warn_rl("a frame of %u bytes does not fit into a tunnel: its way takes %u, of which %u are for the tunnel; "
		    "give the "
		    "hosts an MTU of %u, or set options:df_default=false",
		    len, mtu, op->room, mtu > op->room + 14u ? mtu - op->room - 14u : 0);
	return EMSGSIZE;
}

/* Read by the program on the device, in the very call that sends the packet. */
static int put_tunnel(struct user_dp *user, uint32_t place, const struct packet *p)
{
	struct ebpf_dp *dp = (struct ebpf_dp *)(void *)user;
	struct bpf_tunnel *t = &dp->kernel.tunnels[place];
	uint16_t path;

	ebpf_tunnel_compile(t, &p->tunnel);
	t->mark = p->pkt_mark;
	pthread_mutex_lock(&dp->flows_lock);
	path = ebpf_path_of(dp, &t->op, &t->remote, &t->local);
	pthread_mutex_unlock(&dp->flows_lock);
	return path ? judge_path(&dp->kernel.paths[path - 1], &t->op, p) : 0;
}

static int end_round(struct user_thread *t)
{
	int gate_ms = ebpf_gate_run(t);
	int paths_ms = t->index ? -1 : ebpf_paths_run((struct ebpf_dp *)(void *)t->dp);

	return gate_ms < 0 ? paths_ms : paths_ms < 0 ? gate_ms : MIN(gate_ms, paths_ms);
}

/* ---- life ---- */

static void stop(struct ebpf_dp *dp);

static int start(struct ebpf_dp *dp, const struct dp_config *config, struct errtext *err)
{
	uint32_t max_flows = config->max_flows ? config->max_flows : DP_DEFAULT_MAX_FLOWS;
	int error = ebpf_kernel_load(&dp->kernel, config->rundir, max_flows, err);

	if (error)
		return error;
	if (!dp->kernel.is_adopted &&
	    getrandom(&dp->kernel.control->magic, sizeof dp->kernel.control->magic, GRND_NONBLOCK) < 0)
		dp->kernel.control->magic = (uint32_t)getpid() * 0x9e3779b9;
	dp->user.begin_round = ebpf_gate_begin;
	dp->user.end_round = end_round;
	dp->user.niceness = EBPF_NICENESS;
	dp->user.base.shared.meters = (struct meters){
		.slots = dp->kernel.meters, .n = BPF_N_METERS, .now_ns = meters_monotonic_ns, .is_borrowed = true};
	dp->user.base.shared.bonds = (struct bonds){.slots = dp->kernel.bonds, .is_borrowed = true};
	dp->user.put_tunnel = put_tunnel;
	error = user_dp_init(&dp->user, &datapath_ebpf, config, err);
	if (error) {
		ebpf_kernel_unload(&dp->kernel);
		return error;
	}
	ebpf_flows_init(dp);
	ebpf_watch_init(dp);
	ebpf_adopt_begin(dp);
	error = ebpf_gate_init(dp, err);
	if (!error)
		error = ebpf_links_init(dp, err);
	if (!error)
		error = ebpf_upcall_init(dp, err);
	if (error)
		stop(dp);
	return error;
}

static int ebpf_open(const struct dp_config *config, struct datapath **datapath, struct errtext *err)
{
	struct ebpf_dp *dp = xzalloc(sizeof *dp);
	int error;

	error = start(dp, config, err);
	if (error)
		free(dp);
	else
		*datapath = &dp->user.base.dp;
	return error;
}

static void stop(struct ebpf_dp *dp)
{
	if (!dp->is_leaving)
		ebpf_upcall_stop(dp);
	ebpf_links_stop(dp);
	for (uint32_t i = 0; i < BPF_N_PORTS; i++)
		if (dp->user.ports[i])
			ebpf_port_del(&dp->user.base.dp, i);
	ebpf_gate_stop(dp);
	user_dp_fini(&dp->user);
	ebpf_upcall_fini(dp);
	ebpf_gate_fini(dp);
	ebpf_watch_fini(dp);
	ebpf_flows_fini(dp);
	ebpf_adopt_fini(dp);
	ebpf_kernel_unload(&dp->kernel);
}

/* Meters of a predecessor's that the configuration does not have any more. */
static void forget_meters(struct ebpf_dp *dp)
{
	for (uint32_t id = 0; id < BPF_N_METERS; id++)
		if (!(dp->meters_set[id / 64] >> id % 64 & 1))
			(void)!meters_del(&dp->user.base.shared.meters, id);
}

/* Likewise bonds. */
static void forget_bonds(struct ebpf_dp *dp)
{
	for (uint32_t id = 1; id < DP_MAX_BONDS; id++)
		if (!(dp->bonds_set[id / 64] >> id % 64 & 1))
			(void)!bonds_del(&dp->user.base.shared.bonds, id);
}

static void ebpf_start(struct datapath *datapath)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error;

	forget_meters(dp);
	forget_bonds(dp);
	ebpf_adopt_end(dp);
	error = ebpf_upcall_start(dp);
	if (error)
		log_err("packets that the kernel has no flow for cannot be read: %s", strerror(-error));
}

static void ebpf_leave(struct datapath *datapath)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);

	if (!dp->kernel.pins.folder)
		return; /* nobody could find it again */
	ebpf_upcall_stop(dp);
	ebpf_upcall_drain(dp);
	pthread_mutex_lock(&dp->flows_lock);
	dp->is_leaving = true;
	pthread_mutex_unlock(&dp->flows_lock);
	/* What went up has been sent on. Nobody will open these any more. */
	for (uint32_t i = 0; i < dp->n_fresh; i++)
		if (dp->kernel.flows[i].id)
			__atomic_fetch_or(&dp->kernel.flows[i].gate, BPF_GATE_OPEN, __ATOMIC_SEQ_CST);
}

static void ebpf_close(struct datapath *datapath)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);

	stop(dp);
	free(dp);
}

/* ---- meters and bonds ---- */

static int ebpf_meter_set(struct datapath *datapath, uint32_t id, const struct dp_meter *meter)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = forward_meter_set(datapath, id, meter);

	if (!error)
		dp->meters_set[id / 64] |= 1ull << id % 64;
	return error;
}

/* What the kernel goes on with without us it goes on to meter. */
static int ebpf_meter_del(struct datapath *datapath, uint32_t id)
{
	return ebpf_dp_of(datapath)->is_leaving ? 0 : forward_meter_del(datapath, id);
}

static int ebpf_bond_set(struct datapath *datapath, uint32_t id, const struct dp_bond *bond)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = forward_bond_set(datapath, id, bond);

	if (error)
		return error;
	dp->bonds_set[id / 64] |= 1ull << id % 64;
	/* A port that is shaped or emulated by the daemon may carry it now, or no more. */
	pthread_mutex_lock(&dp->flows_lock);
	if (!dp->is_leaving)
		ebpf_later_follow_bond(dp, id);
	pthread_mutex_unlock(&dp->flows_lock);
	return 0;
}

/* What the kernel goes on with without us goes on by the members that worked last. */
static int ebpf_bond_del(struct datapath *datapath, uint32_t id)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = dp->is_leaving ? 0 : forward_bond_del(datapath, id);

	if (error || dp->is_leaving)
		return error;
	pthread_mutex_lock(&dp->flows_lock);
	ebpf_later_follow_bond(dp, id);
	pthread_mutex_unlock(&dp->flows_lock);
	return 0;
}

/* ---- flows ---- */

static int ebpf_flow_put(struct datapath *datapath, const struct dp_flow_put *flow)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error;

	pthread_mutex_lock(&dp->flows_lock);
	error = forward_flow_put(datapath, flow);
	if (!error && !dp->is_leaving)
		ebpf_flows_put(dp, flow);
	pthread_mutex_unlock(&dp->flows_lock);
	return error;
}

/* What has been told about a flow so far is written down for a successor. */
static void note(struct ebpf_dp *dp, uint64_t id, const struct dp_flow_stats *daemon,
		 const struct dp_flow_stats *kernel, struct dp_flow_stats *total)
{
	*total = *daemon;
	ebpf_stats_add(total, kernel);
	ebpf_flows_note(dp, id, total);
}

/* The kernel first: packets that come meanwhile find the flow in the daemon. */
static int ebpf_flow_del(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct dp_flow_stats kernel = {0}, daemon = {0}, total;
	int error;

	pthread_mutex_lock(&dp->flows_lock);
	if (dp->is_leaving) {
		error = forward_flow_del(datapath, id, &daemon);
		ebpf_flows_stats(dp, id, &kernel);
		note(dp, id, &daemon, &kernel, &total);
		ebpf_flows_leave(dp, id);
	} else {
		ebpf_flows_del(dp, id, &kernel);
		error = forward_flow_del(datapath, id, &daemon);
		total = daemon;
		ebpf_stats_add(&total, &kernel);
	}
	pthread_mutex_unlock(&dp->flows_lock);
	if (!error && stats)
		*stats = total;
	return error;
}

static int ebpf_flow_stats(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct dp_flow_stats kernel = {0}, daemon;
	int error = forward_flow_stats(datapath, id, &daemon);

	if (error)
		return error;
	pthread_mutex_lock(&dp->flows_lock);
	ebpf_flows_stats(dp, id, &kernel);
	note(dp, id, &daemon, &kernel, stats);
	pthread_mutex_unlock(&dp->flows_lock);
	return 0;
}

static size_t ebpf_flow_dump(struct datapath *datapath, uint64_t *cursor, struct dp_flow *flows, size_t n)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);

	n = forward_flow_dump(datapath, cursor, flows, n);
	pthread_mutex_lock(&dp->flows_lock);
	for (size_t i = 0; i < n; i++) {
		ebpf_flows_stats(dp, flows[i].id, &flows[i].stats);
		flows[i].slow = ebpf_slow_name(dp, flows[i].id);
	}
	pthread_mutex_unlock(&dp->flows_lock);
	return n;
}

/* What the kernel has counted is added to what the daemon has. */
static void take_all(struct ebpf_dp *dp, struct dp_flow_activity *active)
{
	ebpf_flows_stats(dp, active->id, &active->stats);
	ebpf_flows_note(dp, active->id, &active->stats);
}

/* First the kernel's slots, then the flows with packets that passed through the daemon. */
static bool ebpf_flow_active(struct datapath *datapath, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	uint64_t in_daemon = *cursor - dp->kernel.n_slots;
	bool goes_on = true;

	pthread_mutex_lock(&dp->flows_lock);
	if (!*cursor && !dp->is_leaving)
		ebpf_flows_retry(dp);
	if (*cursor < dp->kernel.n_slots) {
		ebpf_flows_active(dp, cursor, flows, n);
	} else {
		goes_on = forward_flow_active(datapath, &in_daemon, flows, n);
		*cursor = dp->kernel.n_slots + in_daemon;
		for (size_t i = 0; i < *n; i++)
			take_all(dp, &flows[i]);
	}
	pthread_mutex_unlock(&dp->flows_lock);
	return goes_on;
}

static void ebpf_flow_invalidate_all(struct datapath *datapath)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);

	/* Under the lock, so that none is put again that only one of the two knows to be out of date. */
	pthread_mutex_lock(&dp->flows_lock);
	__atomic_fetch_add(&dp->kernel.control->epoch, 1, __ATOMIC_SEQ_CST);
	forward_flow_invalidate_all(datapath);
	pthread_mutex_unlock(&dp->flows_lock);
}

static void ebpf_stats(struct datapath *datapath, struct dp_stats *stats)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct bpf_cpu_stats kernel;

	/* What had no flow in the kernel may have found one here. */
	user_stats(datapath, stats);
	ebpf_kernel_stats(&dp->kernel, &kernel);
	stats->hits += kernel.cache_hits + kernel.mask_hits;
	stats->cache_hits = kernel.cache_hits;
	stats->lost += kernel.lost;
	pthread_mutex_lock(&dp->flows_lock);
	ebpf_slow_stats(dp, stats);
	stats->kernel_bytes = ebpf_flows_kernel_bytes(dp);
	stats->daemon_bytes +=
		hmap_count(&dp->by_id) * sizeof(struct ebpf_flow) + dp->kernel.n_slots * sizeof(struct ebpf_slot);
	pthread_mutex_unlock(&dp->flows_lock);
}

const struct datapath_ops datapath_ebpf = {
	.type = "ebpf",
	.tunnels = DP_TUNNELS_BY_DEVICE,
	.open = ebpf_open,
	.close = ebpf_close,
	.port_add = ebpf_port_add,
	.port_del = ebpf_port_del,
	.port_refresh = ebpf_port_refresh,
	.port_stats = ebpf_port_stats,
	.port_link = ebpf_port_link,
	.port_last_drop = ebpf_port_last_drop,
	.port_watch = ebpf_port_watch,
	.watch_poll = ebpf_watch_poll,
	.flow_put = ebpf_flow_put,
	.flow_covers = forward_flow_covers,
	.flow_del = ebpf_flow_del,
	.flow_stats = ebpf_flow_stats,
	.flow_dump = ebpf_flow_dump,
	.flow_active = ebpf_flow_active,
	.flow_invalidate_all = ebpf_flow_invalidate_all,
	.execute = user_execute,
	.stats = ebpf_stats,
	.max_meters = BPF_N_METERS,
	.port_set_egress = ebpf_port_set_egress,
	.port_set_ingress = ebpf_port_set_ingress,
	.meter_set = ebpf_meter_set,
	.meter_del = ebpf_meter_del,
	.meter_stats = forward_meter_stats,
	.bond_set = ebpf_bond_set,
	.bond_del = ebpf_bond_del,
	.bond_stats = forward_bond_stats,
	.orphan = ebpf_adopt_orphan,
	.orphan_adopt = ebpf_adopt_flow,
	.start = ebpf_start,
	.leave = ebpf_leave,
};
