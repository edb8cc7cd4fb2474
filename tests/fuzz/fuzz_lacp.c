// SPDX-License-Identifier: Apache-2.0
/*
 * LACP under a partner that lies: the input is a script of what happens to a bond of two members. Each step is an opcode byte (member, link up or
 * down, time, or a PDU) and for a PDU the 110 bytes of it. The invariants of the standard hold throughout.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "proto/lacp.h"

static void check(const struct lacp *lacp, const struct lacp_member *m)
{
	if (m->may_distribute && !m->may_collect)
		abort();
	if (m->may_collect && (!m->is_selected || !m->link_up || m->is_loopback || !lacp->lead))
		abort();
	if (m->rx == LACP_RX_PORT_DISABLED && m->link_up)
		abort();
}

static const uint8_t *step(struct lacp *lacp, struct lacp_member *members, const uint8_t *p, const uint8_t *end,
			   int64_t *now_ms)
{
	uint8_t op = *p++;
	struct lacp_member *m = &members[op & 1];
	uint8_t pdu[SLOW_PDU_LEN];
	size_t len;

	switch (op >> 1 & 3) {
	case 0:
		lacp_member_set_link(m, op & 8);
		break;
	case 1:
		*now_ms += 1ll << (op >> 3 & 15);
		break;
	default:
		len = MIN((size_t)(end - p), (size_t)SLOW_PDU_LEN);
		lacp_receive(lacp, m, p, len, *now_ms);
		p += len;
	}
	if (lacp_run(lacp, *now_ms) < *now_ms)
		abort();
	lacp_transmit(lacp, m, *now_ms, pdu);
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct lacp_config config = {.system = {2, 0, 0, 0, 0, 0xa},
						  .system_priority = 100,
						  .is_active = true,
						  .is_fast = true,
						  .wait_ms = 2000};
	const uint8_t *p = data, *end = data + size;
	struct lacp_member members[2];
	int64_t now_ms = 1000;
	struct lacp lacp;

	lacp_init(&lacp, &config);
	for (uint16_t i = 0; i < 2; i++)
		lacp_member_add(&lacp, &members[i],
				&(struct lacp_member_config){.port = (uint16_t)(i + 1), .port_priority = 1, .key = 7});
	while (p < end) {
		p = step(&lacp, members, p, end, &now_ms);
		check(&lacp, &members[0]);
		check(&lacp, &members[1]);
	}
	lacp_fini(&lacp);
	return 0;
}
