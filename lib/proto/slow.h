/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slow protocols on the wire (IEEE 802.1AX-2014 Annex A, 6.4.2, 6.5.3): frames to 01:80:c2:00:00:02 with type 0x8809, whose first byte says
 * which: LACP or Marker. These functions see what follows the Ethernet header, and trust none of it.
 */
#ifndef PROTO_SLOW_H
#define PROTO_SLOW_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOW_ETH_TYPE 0x8809
/** Bytes of a LACPDU or a Marker PDU, subtype and version included; FCS not. */
#define SLOW_PDU_LEN 110

enum slow_subtype { SLOW_LACP = 1, SLOW_MARKER = 2 };

/** Bits of a port's state in a LACPDU (6.4.2.3, m). */
enum lacp_state {
	LACP_ACTIVITY = 0x01,
	LACP_TIMEOUT = 0x02, /**< set: short */
	LACP_AGGREGATION = 0x04,
	LACP_SYNCHRONIZATION = 0x08,
	LACP_COLLECTING = 0x10,
	LACP_DISTRIBUTING = 0x20,
	LACP_DEFAULTED = 0x40,
	LACP_EXPIRED = 0x80,
};

/** One side of a link as a LACPDU tells it; host byte order. */
struct lacp_info {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key;
	uint16_t port_priority, port;
	uint8_t state; /**< or'ed enum lacp_state */
};

struct lacp_pdu {
	struct lacp_info actor, partner;
	uint16_t collector_max_delay; /**< tens of microseconds */
};

extern const uint8_t slow_mac[6];

/**
 * lacp_pdu_parse() - what a LACPDU says
 * @data: from the subtype on
 *
 * A version above 1 is read as version 1, reserved fields are not looked at (6.4.2.3). Return: 0, or -EINVAL: too short, no LACPDU, or TLVs that are not
 * those of a LACPDU.
 */
int lacp_pdu_parse(const void *data, size_t len, struct lacp_pdu *pdu);

/** lacp_pdu_build() - SLOW_PDU_LEN bytes. */
void lacp_pdu_build(const struct lacp_pdu *pdu, uint8_t data[SLOW_PDU_LEN]);

/**
 * marker_reply() - the Marker Response to a Marker PDU (6.5.4): the same, of another type
 * Return: true with SLOW_PDU_LEN bytes in @reply; false when @data is no Marker PDU that wants one.
 */
bool marker_reply(const void *data, size_t len, uint8_t reply[SLOW_PDU_LEN]);

#endif
