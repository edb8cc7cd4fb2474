/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where neighbour discovery keeps its fields; shared by packet_parse() and packet_set_nd(), so that they cannot
 * disagree.
 */
#ifndef PACKET_PARSE_H
#define PACKET_PARSE_H 1

#include "vsw/types.h"

/** Offsets from the ICMPv6 header; 0 where the message has no such field. */
struct nd_fields {
	uint16_t target, sll, tll;
};

/**
 * parse_nd_fields() - find target and link-layer address options of a neighbour solicitation or advertisement (RFC
 * 4861 4.3, 4.4)
 * @icmp: ICMPv6 header
 * @len: bytes from there to the end of the IP packet, 8 at least
 * @nd: written whole; all zeros when the message gives the same link-layer address option twice, for then it says
 * nothing
 *
 * Return: is it such a message at all?
 */
bool parse_nd_fields(const uint8_t *icmp, size_t len, struct nd_fields *nd);

#endif
