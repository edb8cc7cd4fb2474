/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet in memory: bytes with headroom, what the sender left to do (checksum, segmentation), and where its headers
 * are.
 *
 * A packet does not own its memory: whoever made it (a receive ring, a test, a stack buffer) does. Editing never
 * allocates: tags and labels are pushed into the headroom, and an edit that does not fit returns -ENOSPC.
 *
 * Offload state is that of virtio 1.2 5.1.6 (struct virtio_net_hdr), in host order: a packet may be one TCP segment of
 * up to 64 KiB that the egress device will cut (gso_type), and its L4 checksum may hold only the pseudo header's sum,
 * to be completed from csum_start on (PACKET_F_CSUM_PARTIAL). Every edit keeps this state right: csum_start and hdr_len
 * move with pushed and popped headers, and an address rewrite updates a partial checksum's pseudo-header sum instead of
 * a final sum.
 */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H 1

#include "vsw/flow_key.h"

/** Room in front of a received frame: two VLAN tags, or a tunnel's outer headers. */
#define PACKET_HEADROOM 128
/** Longest frame: a GSO packet of 64 KiB plus its Ethernet header and tags. */
#define PACKET_MAX_LEN (65536 + 64)

enum packet_flag {
	PACKET_F_CSUM_PARTIAL = 1, /**< VIRTIO_NET_HDR_F_NEEDS_CSUM: csum_start and csum_offset are valid */
	PACKET_F_CSUM_VALID = 2,   /**< VIRTIO_NET_HDR_F_DATA_VALID: the receiver need not check */
};

enum packet_gso {
	PACKET_GSO_NONE = 0,
	PACKET_GSO_TCPV4 = 1,
	PACKET_GSO_UDP = 3,
	PACKET_GSO_TCPV6 = 4,
	PACKET_GSO_UDP_L4 = 5,
	PACKET_GSO_ECN = 0x80, /**< or'ed to a TCP type */
};

#define PACKET_OFS_NONE UINT16_MAX

/** What stands at l3_ofs, as far as the edits care. */
enum packet_l3 {
	PACKET_L3_NONE, /**< something else, or malformed */
	PACKET_L3_IPV4,
	PACKET_L3_IPV6,
	PACKET_L3_ARP, /**< ARP or RARP for IPv4 over Ethernet */
};

/** A tunnel, as struct pkt_key has it from tun_id on, and struct dp_set_tunnel behind its header. All zero: none. */
struct packet_tunnel {
	be64 id;
	be32 src, dst;
	uint8_t ipv6_src[16], ipv6_dst[16];
	uint8_t flags; /**< enum flow_tun_flag */
	uint8_t tos, ttl, zero;
	be16 tp_src, tp_dst;
};

struct packet {
	uint8_t *data;	   /**< first byte of the Ethernet header */
	uint32_t len;	   /**< bytes from data on */
	uint32_t headroom; /**< writable bytes in front of data */
	uint32_t tailroom; /**< writable bytes behind data + len */
	uint32_t orig_len; /**< length on the wire where the frame was cut by capture, else == len */

	uint8_t flags;	      /**< enum packet_flag */
	uint8_t gso_type;     /**< enum packet_gso */
	uint16_t gso_size;    /**< payload bytes per segment */
	uint16_t hdr_len;     /**< bytes of all headers of a GSO packet; 0 when not known */
	uint16_t csum_start;  /**< from data */
	uint16_t csum_offset; /**< from csum_start to the checksum field */

	/* Set by packet_parse(), kept by the edits; PACKET_OFS_NONE where there is no such header. From data. */
	uint16_t l2_5_ofs; /**< MPLS; there is no l3_ofs then */
	uint16_t l3_ofs;   /**< behind the Ethernet type */
	uint16_t l4_ofs;   /**< NONE for later fragments and where the L4 header is cut off */
	uint16_t l4_len;   /**< bytes from l4_ofs to the end of the IP packet (padding of the frame is not counted); 0
			      without */
	uint8_t l3_type;   /**< enum packet_l3 */
	uint8_t l4_proto;  /**< IP protocol at l4_ofs; 0 without */

	/* Origin, copied into the key by packet_parse(). */
	uint32_t in_port;
	uint32_t recirc_id;
	uint32_t pkt_mark;
	uint32_t skb_priority;
	uint32_t dp_hash;
	struct packet_tunnel tunnel; /**< it came through, or after DP_SET_TUNNEL: it is to take */
};

_Static_assert(sizeof(struct packet_tunnel) == PKT_KEY_TUNNEL_LEN, "the same in all three places");

/**
 * packet_init() - a packet over memory of the caller
 * @buf: start of @cap bytes
 * @headroom: bytes in front of the frame
 * @len: bytes of the frame; @headroom + @len <= @cap
 *
 * Everything else is zero or NONE.
 */
void packet_init(struct packet *p, void *buf, size_t cap, size_t headroom, size_t len);

/** packet_is_gso() - is it more than one frame? */
static inline bool packet_is_gso(const struct packet *p)
{
	return p->gso_type != PACKET_GSO_NONE;
}

/**
 * packet_parse() - fill the key and the header offsets
 * @p: frame of any length and content; metadata (in_port ...) is taken from it
 * @key: written whole, zeros where the packet has no such field
 *
 * Never reads past @p->len. Follows IEEE 802.3, 802.1Q (two tags), RFC 791, 8200 (extension headers skipped), 826,
 * 4861, 9293, 768, 9260, 792, 4443, 3032. The key of a packet whose L3 or L4 header is malformed or cut has the fields
 * before it only, as in OVS: nw_proto and addresses are there when the IP header is sound; ports are there when the L4
 * header is complete.
 *
 * Return: 0, or the enum drop_reason (positive, DROP_MALFORMED_*) that describes the first thing wrong; the key is
 * usable either way (a switch forwards frames whose upper layers it does not understand) except for DROP_MALFORMED_ETH.
 */
int packet_parse(struct packet *p, struct pkt_key *key);

/* ---- edits (lib/packet/edit.c): each keeps offsets, checksums and offload state right, and needs a parsed packet ----
 */

/**
 * packet_push_vlan() - put a tag in front of all others
 * @tpid: 0x8100 or 0x88a8
 * @tci: PCP and VID; FLOW_VLAN_PRESENT is not written, so DEI is 0
 *
 * Return: 0, or -ENOSPC without 4 bytes of headroom, or -EINVAL without an Ethernet header.
 */
int packet_push_vlan(struct packet *p, be16 tpid, be16 tci);
/** packet_pop_vlan() - remove the outermost tag. Return: 0 or -ENOENT without a tag. */
int packet_pop_vlan(struct packet *p);
/** packet_set_vlan_tci() - rewrite the outermost tag's TCI where @mask has ones. Return: 0 or -ENOENT without a tag. */
int packet_set_vlan_tci(struct packet *p, be16 tci, be16 mask);

struct dp_set_eth;
struct dp_set_ipv4;
struct dp_set_ipv6;
struct dp_set_tp;
struct dp_set_icmp;
struct dp_set_arp;
struct dp_set_nd;
struct dp_set_mpls;
/* Arguments as in vsw/dp_action.h. A packet without the header in question is left as it is. */
void packet_set_eth(struct packet *p, const struct dp_set_eth *set);
void packet_set_ipv4(struct packet *p, const struct dp_set_ipv4 *set);
void packet_set_ipv6(struct packet *p, const struct dp_set_ipv6 *set);
void packet_set_tp(struct packet *p, const struct dp_set_tp *set);
void packet_set_icmp(struct packet *p, const struct dp_set_icmp *set);
void packet_set_arp(struct packet *p, const struct dp_set_arp *set);
void packet_set_nd(struct packet *p, const struct dp_set_nd *set);
void packet_set_mpls(struct packet *p, const struct dp_set_mpls *set);

/**
 * packet_complete_csum() - do the checksum that the sender left undone
 *
 * For output to where nobody else will (a dummy port, a capture). No effect without PACKET_F_CSUM_PARTIAL; a GSO packet
 * keeps its segmentation request but its one big segment gets a right checksum.
 */
void packet_complete_csum(struct packet *p);

/**
 * packet_compose() - build a frame from a key (for `trace --generate`, tests)
 * @p: initialised with enough room; its content is replaced
 * @key: fields with their prerequisites; nothing is invented except lengths, versions, checksums and a fragment's
 * offset
 * @l7_len: payload bytes (zeros) behind the L4 header
 *
 * Parsing the frame gives the key again (as far as a frame can say it). The packet is left parsed.
 *
 * Return: 0, or -ENOSPC when the frame does not fit @p, or not the length fields of its headers.
 */
int packet_compose(struct packet *p, const struct pkt_key *key, size_t l7_len);

/**
 * packet_segment() - cut a GSO packet into frames (where the egress cannot)
 * @p: parsed
 * @scratch: memory for one frame: PACKET_HEADROOM, the headers and 8 bytes, @p->gso_size bytes;
 *           PACKET_HEADROOM + PACKET_MAX_LEN is always enough
 * @scratch_len: its size
 * @seg: called for each frame in order; the frame is parsed and valid during the call only; not 0 ends the work
 *
 * Every frame is complete: lengths, identification, sequence numbers, flags and checksums. TCP and PACKET_GSO_UDP_L4
 * become segments and datagrams; PACKET_GSO_UDP becomes IP fragments of one datagram (not with IPv4 options or IPv6
 * extension headers).
 *
 * Return: number of frames, or -EINVAL when the headers do not fit the GSO type, -ENOSPC when @scratch is too small, or
 * what
 * @seg returned.
 */
int packet_segment(const struct packet *p, void *scratch, size_t scratch_len,
		   int (*seg)(void *aux, struct packet *frame), void *aux);
/**
 * packet_segment_from() - the same from frame @first on, counted from 0: for who takes them one by one, as there is room
 * Return: as packet_segment(), with the frames before @first counted; @first when there are no more.
 */
int packet_segment_from(const struct packet *p, size_t first, void *scratch, size_t scratch_len,
			int (*seg)(void *aux, struct packet *frame), void *aux);

#endif
