/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L4 checksums of a parsed packet: where the field is, what it covers, and how it follows an edit. Internal to
 * lib/packet.
 *
 * Three kinds of field have to be told apart:
 *   final     what the receiver checks: complement of the sum over pseudo header and L4 packet. Most packets.
 *   partial   PACKET_F_CSUM_PARTIAL with csum_start at our L4 header: the sum of the pseudo header alone, not
 * complemented; the device adds the L4 packet later. A changed address changes it, a changed port does not. none UDP
 * over IPv4 with 0 (RFC 768), which stays 0; IPv6 with 0 (RFC 6935, tunnels) is left alone too.
 */
#ifndef PACKET_L4_H
#define PACKET_L4_H 1

#include "packet/packet.h"

/** l4_csum_ofs() - offset of the checksum field in the L4 header, 0 when there is none (or no L4 header). SCTP: its
 * CRC32c. */
uint16_t l4_csum_ofs(const struct packet *p);

/** l4_has_pseudo_header() - do the IP addresses count for the checksum? */
bool l4_has_pseudo_header(const struct packet *p);

/** l4_is_partial() - is the field a partial one? */
bool l4_is_partial(const struct packet *p);

/**
 * l4_shift_csum() - correct the field for words that changed
 * @old_sum, @new_sum: sums (packet/csum.h) of the words before and after
 * @pseudo: the words are in the pseudo header, not behind l4_ofs
 */
void l4_shift_csum(struct packet *p, uint32_t old_sum, uint32_t new_sum, bool pseudo);

/**
 * l4_dst_is_elsewhere() - is the pseudo header's destination not the one in the IPv6 header?
 *
 * So it is while a routing header has segments left: the checksum is that of the final destination (RFC 8200 8.1).
 */
bool l4_dst_is_elsewhere(const struct packet *p);

/** l4_pseudo_sum() - sum of the pseudo header for the packet's addresses and l4_len; 0 for a protocol without. */
uint32_t l4_pseudo_sum(const struct packet *p);

/** l4_fill_csum() - write a final checksum from scratch, whatever is in the field. */
void l4_fill_csum(struct packet *p);

/** ipv4_fill_csum() - likewise for the IPv4 header. No effect on other packets. */
void ipv4_fill_csum(struct packet *p);

#endif
