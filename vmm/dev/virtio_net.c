// SPDX-License-Identifier: Apache-2.0
/* virtio-net: what it offers, its configuration space, its beginning and end. */
#include "vmm/dev/virtio_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/iothread.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio_net_impl.h"
#include "vmm/net/vhost.h"

LOG_MODULE(virtio_net);

#define BIT(N) (1ull << (N))

/** struct virtio_net_config (5.1.4), little-endian. */
struct config_space {
	uint8_t mac[6];
	le16 status, max_pairs, mtu;
} __attribute__((packed));

#define PCI_CLASS_ETHERNET 0x020000

/* ---- features ---- */

static uint64_t offload_features(unsigned int supported)
{
	static const struct {
		enum net_offload offload;
		uint64_t features;
	} map[] = {
		{NET_OFFLOAD_CSUM, BIT(NET_F_CSUM) | BIT(NET_F_GUEST_CSUM) | BIT(NET_F_CTRL_GUEST_OFFLOADS)},
		{NET_OFFLOAD_TSO4, BIT(NET_F_HOST_TSO4) | BIT(NET_F_GUEST_TSO4)},
		{NET_OFFLOAD_TSO6, BIT(NET_F_HOST_TSO6) | BIT(NET_F_GUEST_TSO6)},
		{NET_OFFLOAD_ECN, BIT(NET_F_HOST_ECN) | BIT(NET_F_GUEST_ECN)},
		{NET_OFFLOAD_UFO, BIT(NET_F_HOST_UFO) | BIT(NET_F_GUEST_UFO)},
		{NET_OFFLOAD_USO, BIT(NET_F_HOST_USO) | BIT(NET_F_GUEST_USO4) | BIT(NET_F_GUEST_USO6)},
	};
	uint64_t features = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (supported & map[i].offload)
			features |= map[i].features;
	return features;
}

static uint64_t offered_features(const struct virtio_net *net)
{
	uint64_t features = BIT(NET_F_MAC) | BIT(NET_F_STATUS) | BIT(NET_F_MRG_RXBUF) | BIT(NET_F_MTU) |
			    BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_RX) | BIT(NET_F_CTRL_RX_EXTRA) | BIT(NET_F_CTRL_VLAN) |
			    BIT(NET_F_CTRL_MAC_ADDR) | BIT(NET_F_GUEST_ANNOUNCE) | offload_features(net->be->supported);

	if (net->config.n_pairs > 1)
		features |= BIT(NET_F_MQ);
	return features;
}

/* A feature and what it needs (5.1.3.1); a driver that takes one without the other is refused. */
static bool features_ok(struct virtio_device *dev)
{
	static const struct {
		uint64_t feature, needs;
	} rules[] = {
		{BIT(NET_F_GUEST_TSO4) | BIT(NET_F_GUEST_TSO6) | BIT(NET_F_GUEST_UFO) | BIT(NET_F_GUEST_USO4) |
			 BIT(NET_F_GUEST_USO6),
		 BIT(NET_F_GUEST_CSUM)},
		{BIT(NET_F_HOST_TSO4) | BIT(NET_F_HOST_TSO6) | BIT(NET_F_HOST_UFO) | BIT(NET_F_HOST_USO),
		 BIT(NET_F_CSUM)},
		{BIT(NET_F_CTRL_RX) | BIT(NET_F_CTRL_VLAN) | BIT(NET_F_GUEST_ANNOUNCE) | BIT(NET_F_MQ) |
			 BIT(NET_F_CTRL_MAC_ADDR) | BIT(NET_F_CTRL_GUEST_OFFLOADS),
		 BIT(NET_F_CTRL_VQ)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (dev->features & rules[i].feature && !(dev->features & rules[i].needs))
			return false;
	return true;
}

int net_apply_offloads(struct virtio_net *net, uint64_t features)
{
	static const struct {
		enum net_feature feature;
		enum net_offload offload;
	} map[] = {
		{NET_F_GUEST_CSUM, NET_OFFLOAD_CSUM}, {NET_F_GUEST_TSO4, NET_OFFLOAD_TSO4},
		{NET_F_GUEST_TSO6, NET_OFFLOAD_TSO6}, {NET_F_GUEST_ECN, NET_OFFLOAD_ECN},
		{NET_F_GUEST_UFO, NET_OFFLOAD_UFO},   {NET_F_GUEST_USO4, NET_OFFLOAD_USO},
	};
	unsigned int offloads = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (features & BIT(map[i].feature))
			offloads |= map[i].offload;
	if (!(offloads & NET_OFFLOAD_CSUM))
		offloads = 0;
	return net->be->ops->set_offloads(net->be, offloads & net->be->supported);
}

/* ---- configuration space ---- */

static void config_read(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len)
{
	struct virtio_net *net = virtio_net_of(dev);
	struct config_space space = {
		.status = cpu_to_le16(atomic_load(&net->status)),
		.max_pairs = cpu_to_le16((uint16_t)net->config.n_pairs),
		.mtu = cpu_to_le16(net->mtu),
	};

	memcpy(space.mac, net->filter.mac, sizeof space.mac);
	memcpy(data, (const char *)&space + offset, len);
}

/* ---- vhost ---- */

static int open_vhosts(struct virtio_net *net)
{
	struct errtext err;

	if (net->be->fds[0] < 0 || net->be->vhost_fds[0] < 0)
		return 0;
	for (unsigned int i = 0; i < net->config.n_pairs; i++) {
		int fd = net->be->vhost_fds[i];

		net->be->vhost_fds[i] = -1;
		if (vhost_net_new(fd, net->dev.machine->memory, &net->vhosts[i], &err)) {
			log_info("%s: packets are moved by this process: %s", net->config.name, err.text);
			while (i--) {
				vhost_net_free(net->vhosts[i]);
				net->vhosts[i] = NULL;
			}
			return 0;
		}
	}
	net->uses_vhost = true;
	return 0;
}

/* The kernel tells that a ring is broken, not which one, nor how. */
static void vhost_failed(struct loop_fd *self, uint32_t events)
{
	struct net_pair *pair = container_of(self, struct net_pair, tap);
	uint64_t n;

	(void)events;
	if (read(vhost_net_error_fd(pair->net->vhosts[pair->index]), &n, sizeof n) == sizeof n &&
	    pair->net->dev.is_active)
		virtio_broken(&pair->net->dev, "vhost finds a queue broken");
}

static void watch_vhosts(void *aux)
{
	struct virtio_net *net = aux;

	for (unsigned int i = 0; i < net->config.n_pairs; i++)
		if (loop_add_fd(iothread_loop(net->ctrl_thread), &net->pairs[i].tap, vhost_net_error_fd(net->vhosts[i]),
				EPOLLIN, vhost_failed))
			log_warn("%s: no descriptor is left for what vhost says of its queues", net->config.name);
}

static int start_vhost(struct virtio_net *net, unsigned int pair)
{
	struct vhost_ring rings[2];

	for (unsigned int i = 0; i < 2; i++) {
		const struct virtqueue *vq = &net->dev.queues[2 * pair + i];
		int call = virtio_call_fd(&net->dev, 2 * pair + i);

		if (call < 0)
			return call;
		rings[i] = (struct vhost_ring){
			.size = vq->size,
			.base = vq->next_avail,
			.desc = vq->desc,
			.avail = vq->driver,
			.used = vq->device,
			.kick_fd = net->dev.kick_fds[2 * pair + i],
			.call_fd = call,
		};
	}
	return vhost_net_start(net->vhosts[pair], net->dev.features, rings, net->be->fds[pair]);
}

static void stop_vhost(struct virtio_net *net, unsigned int pair)
{
	uint16_t bases[2] = {0, 0};

	vhost_net_stop(net->vhosts[pair], bases);
	for (unsigned int i = 0; i < 2; i++)
		net->dev.queues[2 * pair + i].next_avail = bases[i];
}

/* ---- begin and end ---- */

static void ctrl_ready(struct loop_fd *self, uint32_t events)
{
	struct virtio_net *net = container_of(self, struct virtio_net, ctrl_kick);
	uint64_t n;

	(void)events;
	if (read(net->dev.kick_fds[net_ctrl_queue(net)], &n, sizeof n) == sizeof n)
		net_ctrl_kick(net);
}

static void watch_ctrl(void *aux)
{
	struct virtio_net *net = aux;

	if (loop_add_fd(iothread_loop(net->ctrl_thread), &net->ctrl_kick, net->dev.kick_fds[net_ctrl_queue(net)],
			EPOLLIN, ctrl_ready))
		virtio_broken(&net->dev, "no descriptor is left for its control queue");
}

static void unwatch_ctrl(void *aux)
{
	struct virtio_net *net = aux;

	loop_del_fd(iothread_loop(net->ctrl_thread), &net->ctrl_kick);
}

static bool pair_is_enabled(const struct virtio_net *net, unsigned int pair)
{
	return net->dev.queues[2 * pair].is_enabled && net->dev.queues[2 * pair + 1].is_enabled &&
	       (pair == 0 || virtio_has(&net->dev, NET_F_MQ));
}

static void stop(struct virtio_net *net)
{
	if (net->ctrl_thread)
		iothread_run(net->ctrl_thread, unwatch_ctrl, net);
	for (unsigned int i = 0; i < net->config.n_pairs; i++) {
		if (!pair_is_enabled(net, i))
			continue;
		if (net->uses_vhost)
			stop_vhost(net, i);
		else
			net_io_stop(&net->pairs[i]);
	}
}

static int activate(struct virtio_device *dev)
{
	struct virtio_net *net = virtio_net_of(dev);
	int error = net_apply_offloads(net, dev->features);

	atomic_store(&net->n_active, 1);
	if (!error)
		error = net->be->ops->set_queues(net->be, 1);
	for (unsigned int i = 0; i < net->config.n_pairs && !error; i++)
		if (pair_is_enabled(net, i))
			error = net->uses_vhost ? start_vhost(net, i) : net_io_start(&net->pairs[i]);
	if (!error && virtio_has(dev, NET_F_CTRL_VQ) && net->ctrl_thread)
		iothread_run(net->ctrl_thread, watch_ctrl, net);
	if (error) {
		log_warn_rl("%s: %s", net->config.name, strerror(-error));
		stop(net); /* the pairs that did begin */
		return error;
	}
	net->be->ops->set_carrier(net->be, true);
	return 0;
}

static void reset(struct virtio_device *dev)
{
	struct virtio_net *net = virtio_net_of(dev);

	stop(net);
	net_filter_reset(&net->filter, net->config.mac);
	atomic_fetch_and(&net->status, (uint16_t)~NET_S_ANNOUNCE);
	net->be->ops->set_carrier(net->be, false);
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_net *net = virtio_net_of(dev);

	if (queue == net_ctrl_queue(net))
		net_ctrl_kick(net);
	else if (!net->uses_vhost && queue / 2 < net->config.n_pairs)
		net_io_kick(&net->pairs[queue / 2], queue & 1);
}

static void net_free(struct virtio_device *dev)
{
	struct virtio_net *net = virtio_net_of(dev);

	iothread_free(net->ctrl_thread);
	for (unsigned int i = 0; i < net->config.n_pairs; i++) {
		iothread_free(net->pairs[i].thread);
		vhost_net_free(net->vhosts[i]);
	}
	net->be->ops->free(net->be);
	net_filter_fini(&net->filter);
	virtio_device_fini(dev);
	free(net->pairs);
	free(net);
}

static const struct virtio_class net_class = {
	.type = VIRTIO_NET,
	.pci_class = PCI_CLASS_ETHERNET,
	.config_read = config_read,
	.features_ok = features_ok,
	.activate = activate,
	.reset = reset,
	.kick = kick,
	.free = net_free,
};

static int start_threads(struct virtio_net *net, struct errtext *err)
{
	char name[16];
	int error = 0;

	/* Without descriptors (a test's backend) there is nothing to watch: the test kicks. */
	if (net->be->fds[0] < 0)
		return 0;
	for (unsigned int i = 0; i < net->config.n_pairs && !error && !net->uses_vhost; i++) {
		snprintf(name, sizeof name, "%.10s-%u", net->config.name, i);
		error = iothread_new(name, &net->pairs[i].thread, err);
	}
	snprintf(name, sizeof name, "%.10s-ctl", net->config.name);
	if (!error)
		error = iothread_new(name, &net->ctrl_thread, err);
	if (!error && net->uses_vhost)
		iothread_run(net->ctrl_thread, watch_vhosts, net);
	return error;
}

int virtio_net_new(struct machine *machine, const struct virtio_net_config *config, struct net_backend *be,
		   struct virtio_net **result, struct errtext *err)
{
	struct virtio_net *net = xzalloc(sizeof *net);
	int error;

	net->config = *config;
	net->config.n_pairs = MIN(config->n_pairs, be->n_queues);
	net->be = be;
	net->mtu = (uint16_t)MIN(be->mtu, UINT16_MAX);
	net->pairs = xcalloc(net->config.n_pairs, sizeof *net->pairs);
	atomic_store(&net->status, be->link_up ? NET_S_LINK_UP : 0);
	net_filter_init(&net->filter, config->mac);
	virtio_device_init(&net->dev, &net_class, machine, config->name, 2 * net->config.n_pairs + 1, NET_QUEUE_SIZE,
			   offered_features(net), sizeof(struct config_space));
	for (unsigned int i = 0; i < net->config.n_pairs; i++) {
		net->pairs[i].net = net;
		net->pairs[i].index = i;
		virtqueue_init(&net->dev.queues[2 * i], machine->memory, NET_RX_QUEUE_SIZE);
	}
	error = open_vhosts(net);
	if (!error)
		error = start_threads(net, err);
	if (error) {
		net_free(&net->dev);
		return error;
	}
	if (net->uses_vhost) /* it knows split rings only, and not all that we do */
		net->dev.offered &=
			vhost_net_features(net->vhosts[0]) | ~(BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_EVENT_IDX) |
							       BIT(VIRTIO_F_INDIRECT_DESC) | BIT(NET_F_MRG_RXBUF));
	if (config->no_packed)
		net->dev.offered &= ~BIT(VIRTIO_F_RING_PACKED);
	*result = net;
	return 0;
}

struct virtio_device *virtio_net_device(struct virtio_net *net)
{
	return &net->dev;
}

bool virtio_net_uses_vhost(const struct virtio_net *net)
{
	return net->uses_vhost;
}

/* ---- from outside ---- */

void virtio_net_set_link(struct virtio_net *net, bool up)
{
	uint16_t before = up ? atomic_fetch_or(&net->status, NET_S_LINK_UP)
			     : atomic_fetch_and(&net->status, (uint16_t)~NET_S_LINK_UP);

	if (!!(before & NET_S_LINK_UP) != up)
		virtio_config_changed(&net->dev);
}

void virtio_net_announce(struct virtio_net *net)
{
	if (!virtio_has(&net->dev, NET_F_GUEST_ANNOUNCE))
		return;
	atomic_fetch_or(&net->status, NET_S_ANNOUNCE);
	virtio_config_changed(&net->dev);
}

void virtio_net_get_stats(const struct virtio_net *net, struct nic_stats *sum)
{
	memset(sum, 0, sizeof *sum);
	for (unsigned int i = 0; i < net->config.n_pairs; i++) {
		const struct nic_stats *s = &net->pairs[i].stats;

		sum->rx_packets += s->rx_packets;
		sum->rx_bytes += s->rx_bytes;
		sum->tx_packets += s->tx_packets;
		sum->tx_bytes += s->tx_bytes;
		sum->rx_filtered += s->rx_filtered;
		sum->tx_errors += s->tx_errors;
		sum->rx_no_buffer += s->rx_no_buffer;
	}
}
