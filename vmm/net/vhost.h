/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-net: the kernel moves packets between a virtqueue pair and a TAP queue by itself (Linux include/uapi/linux/vhost.h). One struct vhost_net is
 * one pair.
 */
#ifndef VMM_NET_VHOST_H
#define VMM_NET_VHOST_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct guest_memory;
struct vhost_net;

/** A split ring as the driver set it up. Addresses are of this process. */
struct vhost_ring {
	uint16_t size;
	uint16_t base; /**< index of the next buffer to take */
	void *desc, *avail, *used;
	int kick_fd, call_fd;
};

/**
 * vhost_net_new() - make an instance ours
 * @fd: of /dev/vhost-net, opened by the switch; ours from now on, also on failure
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int vhost_net_new(int fd, const struct guest_memory *memory, struct vhost_net **vhost,
			       struct errtext *err);
void vhost_net_free(struct vhost_net *vhost);
/** vhost_net_error_fd() - an eventfd, signalled when the kernel finds a ring of the guest's that makes no sense, and goes no further in it. */
int vhost_net_error_fd(const struct vhost_net *vhost);
/** vhost_net_features() - virtio feature bits that it can serve. */
uint64_t vhost_net_features(const struct vhost_net *vhost);
/** vhost_net_start() - serve @rings[0] (receive) and @rings[1] (transmit) with packets of @tap_fd. */
VSW_MUST_USE int vhost_net_start(struct vhost_net *vhost, uint64_t features, const struct vhost_ring rings[2],
				 int tap_fd);
/** vhost_net_stop() - @bases: where each ring was left. */
void vhost_net_stop(struct vhost_net *vhost, uint16_t bases[2]);

#endif
