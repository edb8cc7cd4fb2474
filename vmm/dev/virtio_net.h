/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net (virtio 1.2 5.1): packets by vhost-net where the host has it, else by an I/O thread for each queue pair.
 *
 *   virtio_net.c       features, configuration, life
 *   virtio_net_io.c    packets between rings and backend in this process
 *   virtio_net_ctrl.c  the control queue, and the receive filter that it sets
 */
#ifndef VMM_DEV_VIRTIO_NET_H
#define VMM_DEV_VIRTIO_NET_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/dev/nic_stats.h"

struct machine;
struct net_backend;
struct virtio_device;
struct virtio_net;

struct virtio_net_config {
	const char *name; /**< "net0"; stays */
	uint8_t mac[6];
	unsigned int n_pairs; /**< 1 to NET_MAX_QUEUES */
	bool no_packed;	      /**< for guests that get packed rings wrong */
};

/** virtio_net_new() - @be: taken over, also on failure. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int virtio_net_new(struct machine *machine, const struct virtio_net_config *config, struct net_backend *be,
				struct virtio_net **net, struct errtext *err);
/** virtio_net_device() - for virtio_pci_plug(), which owns it from then on. */
struct virtio_device *virtio_net_device(struct virtio_net *net);
/** virtio_net_set_link() - carrier as the guest sees it; main thread. */
void virtio_net_set_link(struct virtio_net *net, bool up);
/** virtio_net_announce() - ask the guest to say where it is, when the switch may not know; main thread. */
void virtio_net_announce(struct virtio_net *net);
bool virtio_net_uses_vhost(const struct virtio_net *net);
/** virtio_net_get_stats() - of all pairs. rx_filtered, tx_errors and rx_no_buffer: in-process only; n_interrupts: 0. */
void virtio_net_get_stats(const struct virtio_net *net, struct nic_stats *stats);

#endif
