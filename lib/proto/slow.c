// SPDX-License-Identifier: Apache-2.0
/* LACPDUs and Marker PDUs: bytes to struct and back. */
#include "proto/slow.h"

#include <errno.h>
#include <string.h>

const uint8_t slow_mac[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02};

/* Where the parts of a LACPDU begin, and their lengths (figure 6-7). */
enum lacp_layout {
	AT_VERSION = 1,
	AT_ACTOR = 2,
	AT_PARTNER = 22,
	AT_COLLECTOR = 42,
	AT_TERMINATOR = 58,
	INFO_LEN = 20,
	COLLECTOR_LEN = 16,
};

enum lacp_tlv { TLV_TERMINATOR, TLV_ACTOR, TLV_PARTNER, TLV_COLLECTOR };

#define MARKER_INFO 1
#define MARKER_RESPONSE 2
#define MARKER_LEN 16

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void read_info(const uint8_t *p, struct lacp_info *info)
{
	info->system_priority = get16(p + 2);
	memcpy(info->system, p + 4, 6);
	info->key = get16(p + 10);
	info->port_priority = get16(p + 12);
	info->port = get16(p + 14);
	info->state = p[16];
}

static void write_info(uint8_t *p, enum lacp_tlv type, const struct lacp_info *info)
{
	p[0] = (uint8_t)type;
	p[1] = INFO_LEN;
	put16(p + 2, info->system_priority);
	memcpy(p + 4, info->system, 6);
	put16(p + 10, info->key);
	put16(p + 12, info->port_priority);
	put16(p + 14, info->port);
	p[16] = info->state;
}

static bool has_tlv(const uint8_t *p, enum lacp_tlv type, uint8_t len)
{
	return p[0] == type && p[1] == len;
}

int lacp_pdu_parse(const void *data, size_t len, struct lacp_pdu *pdu)
{
	const uint8_t *p = data;

	if (len < SLOW_PDU_LEN || p[0] != SLOW_LACP || p[AT_VERSION] < 1)
		return -EINVAL;
	if (!has_tlv(p + AT_ACTOR, TLV_ACTOR, INFO_LEN) || !has_tlv(p + AT_PARTNER, TLV_PARTNER, INFO_LEN) ||
	    !has_tlv(p + AT_COLLECTOR, TLV_COLLECTOR, COLLECTOR_LEN))
		return -EINVAL;
	read_info(p + AT_ACTOR, &pdu->actor);
	read_info(p + AT_PARTNER, &pdu->partner);
	pdu->collector_max_delay = get16(p + AT_COLLECTOR + 2);
	return 0;
}

void lacp_pdu_build(const struct lacp_pdu *pdu, uint8_t data[SLOW_PDU_LEN])
{
	memset(data, 0, SLOW_PDU_LEN);
	data[0] = SLOW_LACP;
	data[AT_VERSION] = 1;
	write_info(data + AT_ACTOR, TLV_ACTOR, &pdu->actor);
	write_info(data + AT_PARTNER, TLV_PARTNER, &pdu->partner);
	data[AT_COLLECTOR] = TLV_COLLECTOR;
	data[AT_COLLECTOR + 1] = COLLECTOR_LEN;
	put16(data + AT_COLLECTOR + 2, pdu->collector_max_delay);
}

bool marker_reply(const void *data, size_t len, uint8_t reply[SLOW_PDU_LEN])
{
	const uint8_t *p = data;

	if (len < SLOW_PDU_LEN || p[0] != SLOW_MARKER || p[2] != MARKER_INFO || p[3] != MARKER_LEN)
		return false;
	memcpy(reply, data, SLOW_PDU_LEN);
	reply[2] = MARKER_RESPONSE;
	return true;
}
