/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a tunnel port, as people write them (Interface.options), and as translation wants them.
 *
 *   remote_ip   the other end: an IPv4 or IPv6 address, or `flow`: taken from the packet's tun_dst / tun_ipv6_dst
 *   local_ip    our end: an address of this host, or `flow`; without it the kernel chooses by its routes
 *   key         the VNI or GRE key, in both directions: a number, or `flow`: tun_id; in_key and out_key say it for one direction
 *   dst_port    UDP port of VXLAN (4789) and Geneve (6081)
 *   ttl, tos    of the outer header: a number, or `inherit`: the inner packet's
 *   csum        outer UDP or GRE checksum (false)
 *   df_default  "don't fragment" in the outer header (true)
 *   egress_pkt_mark   skb mark of what is sent
 *
 * Names and defaults are those of Open vSwitch (ovs-vswitchd.conf.db(5), "Tunnel Options").
 */
#ifndef SWITCHD_TUNNEL_OPTIONS_H
#define SWITCHD_TUNNEL_OPTIONS_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"

struct ds;

enum tunnel_kind { TUNNEL_NONE, TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_GRE };

#define TUNNEL_VXLAN_PORT 4789	/**< RFC 7348 5 */
#define TUNNEL_GENEVE_PORT 6081 /**< RFC 8926 3.3 */
#define TUNNEL_TTL 64

/** Addresses are IPv6; IPv4 ones are mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2). All zero: none given. No holes: compared as bytes. */
struct tunnel_config {
	uint8_t remote[16], local[16];
	uint64_t in_key, out_key;
	uint32_t pkt_mark;
	uint16_t dst_port; /**< 0: GRE has none */
	uint8_t kind;	   /**< enum tunnel_kind; TUNNEL_NONE: the interface is no tunnel */
	uint8_t ttl, tos;
	bool remote_is_flow, local_is_flow;
	bool in_key_is_flow, out_key_is_flow, has_in_key, has_out_key;
	bool inherits_ttl, inherits_tos;
	bool csum, df, sets_mark;
	uint8_t zero[3];
};

_Static_assert(sizeof(struct tunnel_config) == 72, "no holes");

/** Where option values come from: NULL for one that is not set. */
struct tunnel_source {
	const char *(*option)(void *aux, const char *name);
	void *aux;
};

/** tunnel_options_parse() - Return: 0, or -EINVAL with @err. */
int tunnel_options_parse(enum tunnel_kind kind, const struct tunnel_source *source, struct tunnel_config *config,
			 struct errtext *err);
/** tunnel_options_format() - what makes it what it is, as `ofproto/list-tunnels` of OVS has it: "vxlan: ::->10.0.0.2, key=0xa, ..." */
void tunnel_options_format(const struct tunnel_config *config, uint32_t dp_port, struct ds *out);
/** tunnel_options_is_known() - whether an option of that name means something to a tunnel port. */
bool tunnel_options_is_known(const char *name);
/** tunnel_kind_name() - "vxlan", "geneve", "gre". */
const char *tunnel_kind_name(enum tunnel_kind kind);

/** tunnel_addr_is_ipv4() - @addr: 16 bytes. */
bool tunnel_addr_is_ipv4(const uint8_t *addr);
/** tunnel_addr_is_set() - not ::. */
bool tunnel_addr_is_set(const uint8_t *addr);
/** tunnel_addr_put() - as text; IPv4 as dotted quad. */
void tunnel_addr_put(const uint8_t *addr, struct ds *out);

#endif
