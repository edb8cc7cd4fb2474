// SPDX-License-Identifier: Apache-2.0
/* Checksums of received frames. */
#include "vmm/dev/nic_rx.h"

#include <string.h>

#include "packet/csum.h"

#define ETH_HEADER 14
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

/* A sum over data and its checksum is all ones. */
static bool is_right(uint32_t sum)
{
	return (VSW_FORCE uint16_t)csum_fold(sum) == 0xffff;
}

static void check_l4(const uint8_t *ip, const uint8_t *l4, size_t len, bool known_right, struct nic_rx *rx)
{
	be32 addrs[2];
	uint32_t pseudo;

	rx->is_tcp = ip[9] == IP_PROTO_TCP && len >= 20;
	rx->is_udp = ip[9] == IP_PROTO_UDP && len >= 8;
	if (!rx->is_tcp && !rx->is_udp)
		return;
	memcpy(addrs, ip + 12, sizeof addrs);
	pseudo = csum_pseudo_ipv4(addrs[0], addrs[1], ip[9], (uint32_t)len);
	/* A packet with its right checksum adds up to the complement of its pseudo header. */
	rx->l4_sum = known_right ? (VSW_FORCE uint16_t)csum_finish(pseudo) : csum_add(0, l4, len);
	/* UDP without a checksum has nothing that could be right. */
	rx->l4_ok = (rx->is_tcp || l4[6] || l4[7]) && is_right(csum_add32(rx->l4_sum, pseudo));
}

void nic_rx_check(const uint8_t *frame, size_t len, bool known_right, struct nic_rx *rx)
{
	size_t at = ETH_HEADER, header, ip_len;
	const uint8_t *ip;

	*rx = (struct nic_rx){0};
	if (len >= ETH_HEADER + 4 && frame[12] == 0x81 && !frame[13])
		at += 4;
	if (len < at + 20 || frame[at - 2] != 0x08 || frame[at - 1] || frame[at] >> 4 != 4)
		return;
	ip = frame + at;
	header = (ip[0] & 0xfu) * 4;
	ip_len = (size_t)(ip[2] << 8 | ip[3]);
	if (header < 20 || ip_len < header || ip_len > len - at)
		return;
	rx->is_ipv4 = true;
	rx->ip_ok = is_right(csum_add(0, ip, header));
	rx->l4_start = at + header;
	rx->l4_end = at + ip_len;
	if (!((ip[6] & 0x3f) | ip[7])) /* no fragment */
		check_l4(ip, ip + header, ip_len - header, known_right, rx);
}
