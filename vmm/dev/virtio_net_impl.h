/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of virtio-net share; nobody else includes this. */
#ifndef VMM_DEV_VIRTIO_NET_IMPL_H
#define VMM_DEV_VIRTIO_NET_IMPL_H 1

#include <pthread.h>
#include <stdatomic.h>

#include "os/loop.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_net.h"
#include "vmm/net/backend.h"
#include "vsw/types.h"

/** Feature bits (5.1.3). */
enum net_feature {
	NET_F_CSUM = 0,
	NET_F_GUEST_CSUM = 1,
	NET_F_CTRL_GUEST_OFFLOADS = 2,
	NET_F_MTU = 3,
	NET_F_MAC = 5,
	NET_F_GUEST_TSO4 = 7,
	NET_F_GUEST_TSO6 = 8,
	NET_F_GUEST_ECN = 9,
	NET_F_GUEST_UFO = 10,
	NET_F_HOST_TSO4 = 11,
	NET_F_HOST_TSO6 = 12,
	NET_F_HOST_ECN = 13,
	NET_F_HOST_UFO = 14,
	NET_F_MRG_RXBUF = 15,
	NET_F_STATUS = 16,
	NET_F_CTRL_VQ = 17,
	NET_F_CTRL_RX = 18,
	NET_F_CTRL_VLAN = 19,
	NET_F_CTRL_RX_EXTRA = 20,
	NET_F_GUEST_ANNOUNCE = 21,
	NET_F_MQ = 22,
	NET_F_CTRL_MAC_ADDR = 23,
	NET_F_GUEST_USO4 = 54,
	NET_F_GUEST_USO6 = 55,
	NET_F_HOST_USO = 56,
};

enum net_status { NET_S_LINK_UP = 1, NET_S_ANNOUNCE = 2 };

/** In front of each packet (5.1.6), little-endian. */
struct net_hdr {
	uint8_t flags, gso_type;
	le16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct net_hdr) == 12, "virtio 1.2 5.1.6");

#define NET_QUEUE_SIZE 256
#define NET_RX_QUEUE_SIZE 1024 /* a packet of 64 KiB takes up to 43 buffers */
#define NET_MAX_MACS 64

/** What the guest wants to receive (5.1.6.5.1 to 5.1.6.5.3). Written by the control queue, read by I/O threads under its lock. */
struct net_filter {
	pthread_rwlock_t lock;
	bool promisc, all_multi, all_uni, no_multi, no_uni, no_broadcast;
	bool uni_overflow, multi_overflow;
	uint8_t mac[6];
	unsigned int n_uni, n_multi;
	uint8_t uni[NET_MAX_MACS][6], multi[NET_MAX_MACS][6];
	uint64_t vlans[4096 / 64];
};

/** One queue pair when packets are moved in this process. */
struct net_pair {
	struct virtio_net *net;
	unsigned int index;
	struct iothread *thread;
	struct loop_fd tap, rx_kick, tx_kick; /* with vhost `tap` is what that says of broken queues */
	bool rx_starved;		      /* no buffers: the TAP is not read until the guest kicks */
	bool tx_blocked;		      /* the TAP is full: the ring is not read until it has room */
	bool has_chain;			      /* tx_chain could not be sent yet */
	bool goes_on;			      /* the transmit queue's eventfd was signalled by ourselves */
	struct vq_chain tx_chain;
	/* Chains lent for packets to come: a ring of @n_rx of them with @rx_room bytes, the oldest at @rx_first. */
	struct vq_chain rx_chains[64];
	unsigned int rx_first, n_rx;
	size_t rx_room;
	unsigned int n_untold;		    /* chains handed over since the last interrupt */
	size_t rx_waiting_len;		    /* of the packet that waits for room; 0: none does */
	uint8_t rx_waiting[NET_PACKET_MAX]; /* and of any that might not fit */
	struct nic_stats stats;		    /* relaxed */
};

struct virtio_net {
	struct virtio_device dev;
	struct virtio_net_config config;
	struct net_backend *be;
	struct vhost_net *vhosts[NET_MAX_QUEUES]; /* all or none */
	bool uses_vhost;
	_Atomic unsigned int n_active; /* pairs that the guest uses */
	_Atomic uint16_t status;       /* enum net_status */
	uint16_t mtu;
	struct net_filter filter;
	struct iothread *ctrl_thread;
	struct loop_fd ctrl_kick;
	struct net_pair *pairs;
};

static inline struct virtio_net *virtio_net_of(struct virtio_device *dev)
{
	return (struct virtio_net *)(void *)dev;
}

/** net_ctrl_queue() - its index (5.1.2). */
static inline unsigned int net_ctrl_queue(const struct virtio_net *net)
{
	return virtio_has(&net->dev, NET_F_MQ) ? 2 * net->config.n_pairs : 2;
}

/* ---- virtio_net.c ---- */

/** net_apply_offloads() - tell the backend what the guest takes unfinished. @features: of it. */
int net_apply_offloads(struct virtio_net *net, uint64_t features);

/* ---- virtio_net_io.c ---- */

int net_io_start(struct net_pair *pair);
void net_io_stop(struct net_pair *pair);
/** net_io_kick() - work on queue 2N (receive) or 2N+1 (transmit). */
void net_io_kick(struct net_pair *pair, bool is_tx);

/* ---- virtio_net_ctrl.c ---- */

void net_filter_init(struct net_filter *filter, const uint8_t mac[6]);
void net_filter_reset(struct net_filter *filter, const uint8_t mac[6]);
void net_filter_fini(struct net_filter *filter);
/** net_filter_wants() - @frame: at least 14 bytes, or it is not wanted. @check_vlan: VIRTIO_NET_F_CTRL_VLAN was negotiated. */
bool net_filter_wants(struct net_filter *filter, const uint8_t *frame, size_t len, bool check_vlan);
/** net_ctrl_kick() - serve the control queue. */
void net_ctrl_kick(struct virtio_net *net);

#endif
