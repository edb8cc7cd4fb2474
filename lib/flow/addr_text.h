/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet, IPv4 and IPv6 addresses with masks, and sets of flags, as text. All addresses are in wire order. */
#ifndef FLOW_ADDR_TEXT_H
#define FLOW_ADDR_TEXT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;

/** eth_from_text() - six hexadecimal bytes of one or two digits, separated by colons; all of @s. */
bool eth_from_text(const char *s, size_t len, uint8_t addr[6]);
/** ipv4_from_text() - four decimal bytes. */
bool ipv4_from_text(const char *s, size_t len, uint8_t addr[4]);
/** ipv6_from_text() - RFC 4291 2.2. */
bool ipv6_from_text(const char *s, size_t len, uint8_t addr[16]);
/** prefix_to_mask() - the mask of @n bytes whose first @bits bits are 1. */
void prefix_to_mask(unsigned int bits, uint8_t *mask, size_t n);
/** mask_to_prefix() - Return: number of leading ones, or -1 when @mask is not a prefix. */
int mask_to_prefix(const uint8_t *mask, size_t n);

void eth_put(struct ds *out, const uint8_t addr[6]);
void ipv4_put(struct ds *out, const uint8_t addr[4]);
void ipv6_put(struct ds *out, const uint8_t addr[16]);
/** eth_put_masked() and so on - "/MASK" (or "/PREFIX") behind the address unless @mask is NULL or all ones. */
void eth_put_masked(struct ds *out, const uint8_t addr[6], const uint8_t *mask);
void ipv4_put_masked(struct ds *out, const uint8_t addr[4], const uint8_t *mask);
void ipv6_put_masked(struct ds *out, const uint8_t addr[16], const uint8_t *mask);

/** A set of named bits. */
struct flag_names {
	const char *const *name; /**< of bit 0, 1, ...; NULL where a bit has none */
	unsigned int n;
};

extern const struct flag_names tcp_flag_names, ct_state_names, tun_flag_names, tun_oam_names;

/**
 * flags_from_text() - "a|b" (exactly these), "+a-b" (a set, b not), "0x12" or "0x2/0x12"
 * @all: bits that an exact set looks at
 */
bool flags_from_text(const char *s, size_t len, const struct flag_names *names, uint32_t all, uint32_t *value,
		     uint32_t *mask);
/** flags_put() - "a|b", "0" when empty. */
void flags_put(struct ds *out, const struct flag_names *names, uint32_t value, char separator);
/** flags_put_masked() - "+a-b". */
void flags_put_masked(struct ds *out, const struct flag_names *names, uint32_t value, uint32_t mask);

#endif
