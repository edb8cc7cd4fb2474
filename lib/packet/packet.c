// SPDX-License-Identifier: Apache-2.0
#include "packet/packet.h"

void packet_init(struct packet *p, void *buf, size_t cap, size_t headroom, size_t len)
{
	*p = (struct packet){
		.data = buf ? (uint8_t *)buf + headroom : NULL,
		.len = (uint32_t)len,
		.headroom = (uint32_t)headroom,
		.tailroom = (uint32_t)(cap - headroom - len),
		.orig_len = (uint32_t)len,
		.l2_5_ofs = PACKET_OFS_NONE,
		.l3_ofs = PACKET_OFS_NONE,
		.l4_ofs = PACKET_OFS_NONE,
	};
}
