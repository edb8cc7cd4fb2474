// SPDX-License-Identifier: Apache-2.0
/*
 * ARP (RFC 826): sender address and sender hardware address. An ARP probe (RFC 5227), whose sender address is zero, claims nothing.
 * ND (RFC 4861): the source of a solicitation with its source link-layer address option; the target of an advertisement with its target
 * link-layer address option, or else the frame's source address. A solicitation from :: (duplicate address detection) claims nothing yet.
 * DHCP (RFC 2131): the DHCPACK of a server gives yiaddr to chaddr, which lives where the MAC table has it.
 */
#include "switchd/snoop.h"

#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "os/loop.h"
#include "packet/packet.h"
#include "switchd/bridge_config.h"
#include "switchd/events.h"
#include "switchd/fdb.h"
#include "switchd/hosts.h"
#include "switchd/pipeline/xlate.h"
#include "switchd/source_guard.h"

enum {
	ND_SOLICIT = 135,
	DHCP_OP = 0, /* offsets in the message, RFC 2131 2 */
	DHCP_HTYPE = 1,
	DHCP_HLEN = 2,
	DHCP_YIADDR = 16,
	DHCP_CHADDR = 28,
	DHCP_COOKIE = 236,
	DHCP_OPTIONS = 240,
	DHCP_REPLY = 2,
	DHCP_OPTION_TYPE = 53,
	DHCP_ACK = 5,
	UDP_HEADER = 8,
};

/* ---- what can be an address of a host ---- */

static bool is_host_mac(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof zero) != 0;
}

static bool is_host_ipv4(const uint8_t ip[4])
{
	return ip[0] && ip[0] != 127 && ip[0] < 224;
}

static bool is_host_ipv6(const uint8_t ip[16])
{
	static const uint8_t zero[16];

	return ip[0] != 0xff && memcmp(ip, zero, 15) != 0; /* neither :: nor ::1 */
}

/* The VLAN inside the bridge, of a packet that @port let in. */
static uint16_t vlan_of(const struct port *port, const struct pkt_key *key)
{
	uint16_t vid = be16_to_cpu(key->vlan[0].tci) & FLOW_VLAN_VID_MASK;
	bool own = port->vlan_mode == VLAN_ACCESS || port->vlan_mode == VLAN_DOT1Q_TUNNEL ||
		   (port->vlan_mode != VLAN_TRUNK && !vid);

	return own ? (uint16_t)MAX(port->tag, 0) : vid;
}

/* ---- what the packets say; each returns whether it is a claim ---- */

static bool read_arp(const struct pkt_key *key, struct host *claim)
{
	memcpy(claim->ip, &key->nw_src, 4);
	memcpy(claim->mac, key->arp_sha, 6);
	claim->source = HOST_ARP;
	return is_host_ipv4(claim->ip);
}

static bool read_nd(const struct pkt_key *key, struct host *claim)
{
	bool solicits = be16_to_cpu(key->tp_src) == ND_SOLICIT;
	const uint8_t *mac = solicits ? key->arp_sha : key->arp_tha;

	claim->is_v6 = true;
	memcpy(claim->ip, solicits ? key->ipv6_src : key->nd_target, 16);
	memcpy(claim->mac, solicits || is_host_mac(mac) ? mac : key->eth_src, 6);
	claim->source = HOST_ND;
	return is_host_ipv6(claim->ip);
}

/* The type of a DHCP message from its options; 0: it says none. */
static uint8_t dhcp_type(const uint8_t *message, size_t len)
{
	size_t at = DHCP_OPTIONS;

	while (at < len && message[at] != 255) {
		if (!message[at]) {
			at++;
			continue;
		}
		if (len - at < 2 || len - at - 2 < message[at + 1])
			return 0;
		if (message[at] == DHCP_OPTION_TYPE)
			return message[at + 1] == 1 ? message[at + 2] : 0;
		at += 2 + (size_t)message[at + 1];
	}
	return 0;
}

static bool read_dhcp(const struct packet *p, const struct bridge *br, struct host *claim)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	const uint8_t *m;
	size_t len;

	if (p->l4_ofs == PACKET_OFS_NONE || p->l4_len < UDP_HEADER + DHCP_OPTIONS)
		return false;
	m = p->data + p->l4_ofs + UDP_HEADER;
	len = p->l4_len - (size_t)UDP_HEADER;
	if (m[DHCP_OP] != DHCP_REPLY || m[DHCP_HTYPE] != 1 || m[DHCP_HLEN] != 6 ||
	    memcmp(m + DHCP_COOKIE, cookie, sizeof cookie) != 0 || dhcp_type(m, len) != DHCP_ACK)
		return false;
	memcpy(claim->ip, m + DHCP_YIADDR, 4);
	memcpy(claim->mac, m + DHCP_CHADDR, 6);
	claim->source = HOST_DHCP;
	claim->port = fdb_lookup(br->fdb, claim->vlan, claim->mac);
	return claim->port && is_host_ipv4(claim->ip);
}

static bool read_claim(const struct xlate_in *in, const struct bridge *br, struct host *claim)
{
	const struct pkt_key *key = in->key;

	if (key->eth_type == BE16_C(0x0806))
		return read_arp(key, claim);
	if (key->eth_type == BE16_C(0x86dd))
		return read_nd(key, claim);
	return in->packet && read_dhcp(in->packet, br, claim);
}

/* ---- two who claim the same ---- */

static void tell_duplicate(const struct bridge *br, const struct host *claim, const struct host *previous)
{
	struct ds text = DS_INIT;

	host_put_ip(&text, claim->is_v6, claim->ip);
	ds_put(&text, " is claimed by ");
	eth_put(&text, claim->mac);
	ds_printf(&text, " on port %s and by ", claim->port->name);
	eth_put(&text, previous->mac);
	ds_printf(&text, " on port %s", previous->port->name);
	event_post(EVENT_DUPLICATE_ADDRESS, br->name, claim->port->name, "%s", ds_cstr(&text));
	ds_fini(&text);
}

/* A host that moved, or gave its address to another and left, is no conflict. */
static bool is_duplicate(const struct bridge *br, const struct host *claim, const struct host *previous)
{
	return memcmp(claim->mac, previous->mac, sizeof claim->mac) != 0 && !claim->is_dropped &&
	       !previous->is_dropped && claim->seen_ms - previous->seen_ms < HOSTS_DUPLICATE_MS &&
	       fdb_lookup(br->fdb, previous->vlan, previous->mac) == previous->port;
}

static void addresses_changed(void *aux)
{
	(void)aux;
	switch_changed();
	switch_publish();
}

/* A server that is no guarded guest itself decides which address a guarded one has. */
static void follow_lease(const struct port *from, const struct host *claim)
{
	struct source_guard *guard = claim->port->guard;

	if (claim->source != HOST_DHCP || claim->is_dropped || from->guard || !guard ||
	    memcmp(source_guard_mac(guard), claim->mac, sizeof claim->mac) != 0)
		return;
	if (source_guard_lease(guard, claim->ip))
		loop_post(vswitch.loop, addresses_changed, NULL);
}

void snoop(const struct xlate_in *in, const struct xlate_out *out)
{
	const struct iface *iface = iface_of_key(in->dp, in->key);
	struct bridge *br = out->bridge;
	struct host claim = {.seen_ms = in->now_ms, .is_dropped = out->drop}, previous;

	if (!iface || !br || !br->hosts || out->drop == DROP_VLAN_NOT_ALLOWED)
		return;
	claim.port = iface->port;
	claim.vlan = vlan_of(iface->port, in->key);
	if (!read_claim(in, br, &claim) || !is_host_mac(claim.mac))
		return;
	follow_lease(iface->port, &claim);
	if (hosts_learn(br->hosts, &claim, &previous) == HOSTS_MOVED && is_duplicate(br, &claim, &previous))
		tell_duplicate(br, &claim, &previous);
}
