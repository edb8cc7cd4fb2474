/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TAP behind a guest's NIC: descriptors that the switch has handed out, one for each queue, which carry a virtio_net_hdr of 12 bytes in front of each frame.
 */
#ifndef VMM_NET_TAP_H
#define VMM_NET_TAP_H 1

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/net/backend.h"

/**
 * tap_backend_new() - take over descriptors of a TAP
 * @fds: @n of them, non-blocking; the backend's from now on, also on failure
 * @vhost_fds: @n of vhost-net, likewise; or -1
 * @mtu: of the port
 *
 * Return: 0, or -errno with the sentence: no TAP, or a kernel that lacks what is needed.
 */
VSW_MUST_USE int tap_backend_new(const int *fds, const int *vhost_fds, unsigned int n, uint32_t mtu,
				 struct net_backend **be, struct errtext *err);

#endif
