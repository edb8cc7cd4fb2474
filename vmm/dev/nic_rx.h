/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of a received frame, as a guest's old NIC judges them: IPv4, and TCP or UDP in it. What a NIC says is right its guest does not look at again,
 * so it is looked at here: a frame may come from another guest, which lies, or through a switch that broke it.
 */
#ifndef VMM_DEV_NIC_RX_H
#define VMM_DEV_NIC_RX_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nic_rx {
	bool is_ipv4, ip_ok; /**< the header is there; its checksum is right */
	bool is_tcp, is_udp; /**< whole, no fragment of one */
	bool l4_ok;	     /**< its checksum is there, and right */
	size_t l4_start, l4_end;
	uint32_t l4_sum; /**< of the bytes in between (packet/csum.h); valid when it is TCP or UDP */
};

/**
 * nic_rx_check() - look at a frame
 * @frame: without FCS, with one VLAN tag at most. Padding behind the IP packet is no matter.
 * @known_right: TCP's or UDP's checksum is known to be right: there is no need to add it all up
 */
void nic_rx_check(const uint8_t *frame, size_t len, bool known_right, struct nic_rx *rx);

#endif
