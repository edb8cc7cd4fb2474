// SPDX-License-Identifier: Apache-2.0
/* Ports: a device that the program knows, the socket beside it, and what the two halves have counted as one. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu.h>

#include "base/util.h"
#include "os/afpacket.h"
#include "switchd/datapath/ebpf.h"
#include "switchd/datapath/user_tunnel.h"

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

int ebpf_port_add(struct datapath *datapath, const struct dp_port_spec *spec, uint32_t *port_no, struct errtext *err)
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

int ebpf_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage)
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
int ebpf_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = user_port_set_ingress(datapath, port_no, slot, stage);

	if (!error && !dp->is_leaving)
		__atomic_store_n(&dp->kernel.ports[port_no].is_late,
				 egress_is_active(&dp->user.ports[port_no]->ingress), __ATOMIC_RELAXED);
	return error;
}

int ebpf_port_del(struct datapath *datapath, uint32_t port_no)
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

void ebpf_port_link(struct datapath *datapath, uint32_t port_no, bool is_up, uint32_t mtu)
{
	struct bpf_port *port = port_no < BPF_N_PORTS ? &ebpf_dp_of(datapath)->kernel.ports[port_no] : NULL;

	if (!port || !port->ifindex)
		return;
	__atomic_store_n(&port->mtu, mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&port->is_down, !is_up, __ATOMIC_RELAXED);
}

void ebpf_port_refresh(struct datapath *datapath, uint32_t port_no, bool may_go_direct)
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
int ebpf_port_stats(struct datapath *datapath, uint32_t port_no, struct dp_port_stats *stats)
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
