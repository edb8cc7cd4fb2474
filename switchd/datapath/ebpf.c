// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu.h>

#include "base/log.h"
#include "base/util.h"
#include "os/afpacket.h"
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

static int ebpf_port_del(struct datapath *datapath, uint32_t port_no);

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

/* ---- ports ---- */

/* The entry that a device has, or with @ifindex 0 the free one that @wanted may have; NULL when there is none. */
static struct bpf_dev *dev_entry(struct ebpf_dp *dp, int wanted, uint32_t ifindex)
{
	for (uint32_t i = 0; i < BPF_DEV_PROBES; i++) {
		struct bpf_dev *dev = &dp->kernel.devs[((uint32_t)wanted + i) & (BPF_N_DEVS - 1)];

		if (dev->ifindex == ifindex)
			return dev;
	}
	return NULL;
}

/* MTU and state of the device, as the program needs them. */
static void read_device(int ifindex, struct bpf_port *port)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	if (sock >= 0 && if_indextoname((unsigned int)ifindex, ifr.ifr_name)) {
		if (!ioctl(sock, SIOCGIFMTU, &ifr))
			port->mtu = (uint32_t)ifr.ifr_mtu;
		if (!ioctl(sock, SIOCGIFFLAGS, &ifr))
			port->is_down = !(ifr.ifr_flags & IFF_UP);
	}
	if (sock >= 0)
		close(sock);
}

/* A device that was a port of a predecessor's has its number, and what it counted. */
static uint32_t choose_number(struct ebpf_dp *dp, const struct dp_port_spec *spec)
{
	uint32_t number = ebpf_adopt_number(dp, (uint32_t)spec->ifindex);

	if (number != DP_PORT_NONE && !dp->user.ports[number])
		return number;
	number = spec->requested;
	if (number < BPF_N_PORTS && !dp->kernel.ports[number].ifindex)
		return number;
	for (number = 1; number < BPF_N_PORTS; number++)
		if (!dp->kernel.ports[number].ifindex)
			return number;
	return DP_PORT_NONE;
}

/* Before the program is attached: it knows the device from the first packet on. */
static int port_to_kernel(struct ebpf_dp *dp, const struct dp_port_spec *spec, uint32_t number, struct errtext *err)
{
	struct bpf_port *port = &dp->kernel.ports[number];
	struct bpf_dev *dev;

	if (port->ifindex == (uint32_t)spec->ifindex) {
		port->is_late = 0;
		read_device(spec->ifindex, port);
		return 0;
	}
	dev = dev_entry(dp, spec->ifindex, 0);
	if (!dev)
		return errtext_set(err, ENOSPC, "%s: no room for device number %d beside those of other ports",
				   spec->name, spec->ifindex);
	ebpf_kernel_clear_traffic(&dp->kernel, number);
	*port = (struct bpf_port){.generation = port->generation + 1, .is_tunnel = user_is_tunnel(spec)};
	read_device(spec->ifindex, port);
	__atomic_store_n(&port->ifindex, (uint32_t)spec->ifindex, __ATOMIC_RELEASE);
	dev->port = number;
	__atomic_store_n(&dev->ifindex, (uint32_t)spec->ifindex, __ATOMIC_RELEASE);
	return 0;
}

void ebpf_port_leave_kernel(struct ebpf_dp *dp, uint32_t number)
{
	struct bpf_port *port = &dp->kernel.ports[number];
	struct bpf_dev *dev = dev_entry(dp, (int)port->ifindex, port->ifindex);

	ebpf_promisc_end(dp, (int)port->ifindex);
	ebpf_pins_strike(&dp->kernel.pins, EBPF_DEVICES, (int)port->ifindex);
	if (dev)
		__atomic_store_n(&dev->ifindex, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&port->ifindex, 0, __ATOMIC_RELEASE);
}

/* The program on a tunnel's device, and what sends in its stead what it cannot. */
static int attach_tunnel(struct ebpf_dp *dp, const struct dp_port_spec *spec, struct afpacket *socket,
			 struct user_tunnel **tunnel, struct errtext *err)
{
	int error = 0;

	if (!user_is_tunnel(spec))
		return 0;
	if (!strcmp(spec->type, "gre") && !dp->kernel.can_omit_key)
		error = user_tunnel_new_sender(&dp->user, spec, tunnel, err);
	if (!error)
		error = afpacket_attach_egress(socket, spec->name, dp->kernel.tunnel_program, err);
	if (error)
		user_tunnel_free(*tunnel);
	return error;
}

static int ebpf_port_add(struct datapath *datapath, const struct dp_port_spec *spec, uint32_t *port_no,
			 struct errtext *err)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	uint32_t number = choose_number(dp, spec);
	struct user_tunnel *tunnel = NULL;
	struct user_port *port;
	struct afpacket *socket;
	int error;

	if (!strcmp(spec->type, "dummy"))
		return errtext_set(err, EINVAL, "%s: dummy ports need a bridge with datapath_type=dummy", spec->name);
	if (number == DP_PORT_NONE)
		return errtext_set(err, ENOSPC, "%s: all %d ports of the ebpf datapath are in use", spec->name,
				   BPF_N_PORTS);
	if (spec->ifindex <= 0)
		return errtext_set(err, ENODEV, "%s: no such network device; `ip link` lists them", spec->name);
	error = port_to_kernel(dp, spec, number, err);
	if (error)
		return error;
	ebpf_pins_note(&dp->kernel.pins, EBPF_DEVICES, spec->ifindex);
	error = ebpf_links_attach(dp, spec, &socket, err);
	if (!error) {
		error = attach_tunnel(dp, spec, socket, &tunnel, err);
		if (error)
			afpacket_close(socket);
	}
	if (error) {
		ebpf_port_leave_kernel(dp, number);
		return error;
	}
	port = user_dp_add_port(&dp->user, number, socket, ebpf_thread_of(dp, number));
	port->tunnel = tunnel;
	port->is_tunnel = user_is_tunnel(spec);
	ebpf_links_want(dp, spec, number);
	ebpf_promisc_begin(dp, spec);
	*port_no = number;
	return 0;
}

static int ebpf_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot,
				struct egress_stage *stage)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = user_port_set_egress(datapath, port_no, slot, stage);

	if (error)
		return error;
	pthread_mutex_lock(&dp->flows_lock);
	if (!dp->is_leaving)
		ebpf_later_set_port(dp, port_no, egress_is_active(&dp->user.ports[port_no]->egress));
	pthread_mutex_unlock(&dp->flows_lock);
	return 0;
}

/* The kernel sends everything up that comes in on a port whose packets are to be late. */
static int ebpf_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot,
				 struct egress_stage *stage)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = user_port_set_ingress(datapath, port_no, slot, stage);

	if (!error && !dp->is_leaving)
		__atomic_store_n(&dp->kernel.ports[port_no].is_late,
				 egress_is_active(&dp->user.ports[port_no]->ingress), __ATOMIC_RELAXED);
	return error;
}

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

static int ebpf_port_del(struct datapath *datapath, uint32_t port_no)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct user_port *port = port_no < BPF_N_PORTS ? dp->user.ports[port_no] : NULL;

	if (!port)
		return -ENOENT;
	pthread_mutex_lock(&dp->flows_lock);
	dp->later[port_no / 64] &= ~(1ull << port_no % 64);
	pthread_mutex_unlock(&dp->flows_lock);
	user_egress_forget(port);
	ebpf_links_forget(dp, port_no);
	rcu_assign_pointer(dp->user.ports[port_no], NULL);
	if (dp->is_leaving) {
		afpacket_leave(port->socket);
	} else {
		afpacket_detach(port->socket);
		ebpf_port_leave_kernel(dp, port_no);
	}
	user_thread_retire_port(port->thread, port);
	return 0;
}

static void ebpf_port_link(struct datapath *datapath, uint32_t port_no, bool is_up, uint32_t mtu)
{
	struct bpf_port *port = port_no < BPF_N_PORTS ? &ebpf_dp_of(datapath)->kernel.ports[port_no] : NULL;

	if (!port || !port->ifindex)
		return;
	__atomic_store_n(&port->mtu, mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&port->is_down, !is_up, __ATOMIC_RELAXED);
}

static void ebpf_port_refresh(struct datapath *datapath, uint32_t port_no, bool may_go_direct)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);

	if (port_no < BPF_N_PORTS && dp->user.ports[port_no])
		ebpf_direct_refresh(dp, port_no, may_go_direct);
}

static uint64_t relaxed(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/*
 * What the kernel did and what the daemon did, as one. Read in the order opposite to that in which a packet is counted, so that no
 * difference becomes negative. What the kernel received, and neither dropped nor sent up, it has forwarded.
 */
static int ebpf_port_stats(struct datapath *datapath, uint32_t port_no, struct dp_port_stats *stats)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct user_port *port = port_no < BPF_N_PORTS ? dp->user.ports[port_no] : NULL;
	const struct bpf_port *k = &dp->kernel.ports[port_no < BPF_N_PORTS ? port_no : 0];
	struct bpf_traffic traffic;
	uint64_t n_read, n_lost, n_up, n_withdrawn, n_dropped = 0;

	if (!port)
		return -ENOENT;
	forward_port_stats(&port->fp, stats);
	n_read = stats->rx_packets;
	n_lost = relaxed(&k->upcalls_done);
	n_withdrawn = relaxed(&k->withdrawn);
	n_lost = n_lost > n_read + n_withdrawn ? n_lost - n_read - n_withdrawn : 0;
	n_up = relaxed(&k->upcalls) - n_withdrawn;
	for (size_t i = 0; i < DROP_N_REASONS; i++) {
		uint64_t n = relaxed(&k->drops[i]);

		stats->drops[i] += n;
		n_dropped += n;
	}
	stats->drops[DROP_UPCALL_QUEUE_FULL] += n_lost;
	stats->queued += n_up - n_read - n_lost;
	stats->tx_dropped += relaxed(&k->tx_dropped);
	ebpf_kernel_traffic(&dp->kernel, port_no, &traffic);
	stats->tx_packets += traffic.tx_packets;
	stats->tx_bytes += traffic.tx_bytes;
	stats->direct_packets = traffic.direct_packets;
	stats->direct_bytes = traffic.direct_bytes;
	stats->rx_bytes = traffic.rx_bytes;
	stats->rx_packets = traffic.rx_packets;
	stats->forwarded += stats->rx_packets - n_dropped - n_up;
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
