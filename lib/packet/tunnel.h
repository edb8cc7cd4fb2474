/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of tunnels that carry Ethernet frames: VXLAN (RFC 7348), Geneve (RFC 8926) and GRE (RFC 2784, 2890) between the outer IP or UDP
 * header, which a socket makes and takes, and the frame.
 */
#ifndef PACKET_TUNNEL_H
#define PACKET_TUNNEL_H 1

#include "packet/packet.h"

enum tunnel_proto { TUNNEL_PROTO_VXLAN, TUNNEL_PROTO_GENEVE, TUNNEL_PROTO_GRE };

/** The longest header that tunnel_put() writes: GRE with checksum and key. */
#define TUNNEL_HEADER_MAX 12

/**
 * tunnel_take() - read a header
 * @data: of @len bytes, from the tunnel's header on
 * @tunnel: id and flags are set (DF is the IP header's business)
 *
 * Geneve options are skipped, unless one is critical; a GRE checksum is verified.
 *
 * Return: bytes of the header, or -EINVAL: cut, of another version, with an unknown critical option, not an Ethernet frame's, or damaged.
 */
int tunnel_take(enum tunnel_proto proto, const uint8_t *data, size_t len, struct packet_tunnel *tunnel);

/**
 * tunnel_put() - write a header
 * @header: TUNNEL_HEADER_MAX bytes
 * @payload: the frame of @len bytes, for GRE's checksum
 *
 * Return: bytes written.
 */
size_t tunnel_put(enum tunnel_proto proto, const struct packet_tunnel *tunnel, uint8_t *header, const void *payload,
		  size_t len);

/**
 * tunnel_restore_offloads() - find out what the sender of a frame out of a tunnel has left undone
 * @p: parsed
 *
 * Between two ends in one machine a frame may arrive as it was given to the tunnel: TCP of up to 64 KiB in one piece, its
 * checksum not done. A socket does not tell. But a checksum that is the pseudo header's sum is one to be completed, and a TCP packet of more
 * than a usual frame is one to be cut; into what pieces is free (RFC 9293 3.7.1: no more than the receiver's MSS).
 */
void tunnel_restore_offloads(struct packet *p);

#endif
