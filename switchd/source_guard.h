/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source guard: what comes in on a port must come from the addresses that are behind it, or it is dropped as `spoofed`.
 *
 *   Port.other_config:anti-spoof = MAC                the addresses are found out: the first that are used
 *                                = MAC IP...          these, and no others
 *                                = MAC any            the MAC address alone is looked at
 *
 * What is looked at: the frame's source address, sender addresses of ARP, the source of IPv4 and IPv6 packets, what neighbour discovery claims. A
 * host that has no address yet may ask for one (DHCP, duplicate address detection, router solicitation).
 *
 * Found out. The first IPv4 address and the first SOURCE_GUARD_MAX IPv6 addresses that are used are the host's, but none that another port of the bridge
 * has claimed already (hosts.h). A DHCP server's acknowledgement to the host, from a port without a guard, replaces the IPv4 address. They are
 * forgotten with the port, and when its setting changes.
 *
 * Translation asks here (pipeline/source_guard.c), from any thread; a lock of its own.
 */
#ifndef SWITCHD_SOURCE_GUARD_H
#define SWITCHD_SOURCE_GUARD_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct hosts;
struct port;
struct source_guard;

#define SOURCE_GUARD_MAX 16

/** source_guard_parse() - a new one of the setting's text. Return: 0 or -EINVAL with @err. */
VSW_MUST_USE int source_guard_parse(const char *text, struct source_guard **guard, struct errtext *err);
/** source_guard_free() - NULL is fine. */
void source_guard_free(struct source_guard *guard);
/** source_guard_same() - of the same text; either may be NULL. */
bool source_guard_same(const struct source_guard *a, const struct source_guard *b);

/** source_guard_mac() - of the host: 6 bytes. */
const uint8_t *source_guard_mac(const struct source_guard *guard);
/** source_guard_any_ip() - IP addresses are not looked at. */
bool source_guard_any_ip(const struct source_guard *guard);
/**
 * source_guard_allows() - is the address the host's?
 * @ip: IPv4: the first four bytes, the rest is zero
 * @port, @hosts: where the guard is, and who has which address there (NULL: nobody knows)
 * @may_learn: a real packet: an address that becomes the host's by being used does so now
 */
bool source_guard_allows(struct source_guard *guard, bool is_v6, const uint8_t ip[16], const struct port *port,
			 struct hosts *hosts, bool may_learn);
/** source_guard_lease() - a DHCP server gave the host its IPv4 address. Return: whether it was another one. */
bool source_guard_lease(struct source_guard *guard, const uint8_t ip[16]);

#endif
