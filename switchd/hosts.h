/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which IP address behind which port of a bridge, as the packets that pass tell: ARP, IPv6 neighbour discovery (ND), and the
 * acknowledgements of DHCP servers.
 *
 * How they are seen. A megaflow of such a packet matches the addresses that it tells (pipeline/snoop.c), so each new pair is a miss and comes
 * to the daemon once; megaflows of this kind count as unused (megaflow.c) and end after seconds, so who goes on saying the same is heard again. Replies of
 * DHCP servers come up one by one. Other packets cost nothing for it, and their megaflows are what they were.
 *
 * What is kept. One entry per VLAN and address: the last who claimed it. It is not evidence of good will: anybody can claim anything. So a claim
 * that the rules dropped never replaces one that they let pass; each port may have HOSTS_PER_PORT entries and then loses its own oldest; in a
 * full table a port loses its own and not those of others. Entries age out HOSTS_AGEING_MS after the last claim, and go with their port.
 *
 * Threads: any; a lock of its own. Ports are told apart by their struct port; its owner calls hosts_flush_port() before it goes away.
 */
#ifndef SWITCHD_HOSTS_H
#define SWITCHD_HOSTS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct hosts;
struct port;

enum {
	HOSTS_PER_PORT = 512,
	HOSTS_MAX = 16384,
	HOSTS_AGEING_MS = 30 * 60 * 1000,
	HOSTS_DUPLICATE_MS =
		60 * 1000, /**< two claims within this time are a conflict, if both hosts are still there */
};

enum host_source { HOST_ARP, HOST_ND, HOST_DHCP };

struct host {
	struct port *port; /**< valid as long as the caller holds switch_rdlock() or is the main thread */
	uint16_t vlan;	   /**< inside the bridge; 0: none */
	uint8_t mac[6];
	bool is_v6;
	uint8_t ip[16];	 /**< IPv4: the first four bytes, the rest is zero */
	uint8_t source;	 /**< enum host_source */
	bool is_dropped; /**< the packet that said so was dropped */
	int64_t seen_ms; /**< clock_now_ms() of the last claim */
};

struct hosts *hosts_new(void);
void hosts_free(struct hosts *hosts);

enum hosts_event {
	HOSTS_KNOWN,
	HOSTS_LEARNT,
	HOSTS_MOVED, /**< another MAC or port had the address until now: *@previous */
	HOSTS_REFUSED,
};

/** hosts_learn() - @claim->port says that it has an address. @previous: of HOSTS_MOVED. */
enum hosts_event hosts_learn(struct hosts *hosts, const struct host *claim, struct host *previous);

/** hosts_flush_port() - forget what was learnt on @port. */
void hosts_flush_port(struct hosts *hosts, const struct port *port);
/** hosts_expire() - drop what has aged. */
void hosts_expire(struct hosts *hosts, int64_t now_ms);

/** hosts_find() - who has an address, in @vlan or (-1) in any: then the one heard of last. Return: false: nobody. */
bool hosts_find(struct hosts *hosts, bool is_v6, const uint8_t ip[16], int vlan, struct host *host);

/**
 * hosts_snapshot() - copies of all entries, or of those on @port, by port name, VLAN, family and address
 * @list: the caller frees
 *
 * Return: their number.
 */
size_t hosts_snapshot(struct hosts *hosts, const struct port *port, struct host **list);

/** hosts_put_addresses() - the addresses that @mac has on @port, with blanks between them; what was dropped does not count. */
void hosts_put_addresses(struct hosts *hosts, const struct port *port, const uint8_t mac[6], struct ds *out);

const char *host_source_name(enum host_source source);
/** host_put_ip() - the address as text. */
void host_put_ip(struct ds *out, bool is_v6, const uint8_t ip[16]);

#endif
