/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's old NIC is asked to do to a frame before it is sent, turned into a virtio_net_hdr, so that the kernel behind the port does it, or never has
 * to: checksums and segmentation.
 *
 * The places come from the guest's descriptors and may point anywhere; one that does not lie in the frame means that nothing is done there.
 */
#ifndef VMM_DEV_NIC_TX_H
#define VMM_DEV_NIC_TX_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_backend;
struct nic_gather;

struct nic_tx {
	struct nic_gather *frame;
	size_t len;		     /**< bytes of it to send */
	bool ip_csum;		     /**< fill in the IPv4 header's checksum */
	size_t ip_start, ip_csum_at; /**< where the header begins; its checksum field */
	bool l4_csum; /**< sum from l4_start to the end into l4_csum_at; what is there is part of the sum */
	size_t l4_start, l4_csum_at;
	bool segment; /**< cut into segments of @mss bytes behind @header_len; TCP or UDP over IPv4 or IPv6 */
	bool is_tcp, is_ipv4;
	size_t header_len;
	uint16_t mss;
};

/**
 * nic_tx_send() - send a frame by queue 0
 * Return: 0, -EAGAIN: no room now, -EINVAL: what is asked for cannot be, or -errno of the backend.
 */
int nic_tx_send(struct net_backend *be, const struct nic_tx *tx);

#endif
