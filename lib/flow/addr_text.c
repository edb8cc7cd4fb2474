// SPDX-License-Identifier: Apache-2.0
#include "flow/addr_text.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/scan.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool eth_from_text(const char *s, size_t len, uint8_t addr[6])
{
	const char *end = s + len;

	for (int i = 0; i < 6; i++) {
		int x = s < end ? hex_digit(*s++) : -1;
		int low = x >= 0 && s < end ? hex_digit(*s) : -1;

		if (x < 0)
			return false;
		if (low >= 0) {
			x = x << 4 | low;
			s++;
		}
		if (i < 5 && (s == end || *s++ != ':'))
			return false;
		addr[i] = (uint8_t)x;
	}
	return s == end;
}

bool ipv4_from_text(const char *s, size_t len, uint8_t addr[4])
{
	const char *end = s + len;

	for (int i = 0; i < 4; i++) {
		unsigned int x = 0;
		const char *first = s;

		while (s < end && *s >= '0' && *s <= '9' && s - first < 3)
			x = x * 10 + (unsigned int)(*s++ - '0');
		if (s == first || x > 255 || (i < 3 && (s == end || *s++ != '.')))
			return false;
		addr[i] = (uint8_t)x;
	}
	return s == end;
}

bool ipv6_from_text(const char *s, size_t len, uint8_t addr[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof copy)
		return false;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return strlen(copy) == len && inet_pton(AF_INET6, copy, addr) == 1;
}

void prefix_to_mask(unsigned int bits, uint8_t *mask, size_t n)
{
	for (size_t i = 0; i < n; i++, bits -= MIN(bits, 8))
		mask[i] = (uint8_t)(0xff00 >> MIN(bits, 8));
}

int mask_to_prefix(const uint8_t *mask, size_t n)
{
	int bits = 0;
	size_t i = 0;

	while (i < n && mask[i] == 0xff) {
		i++;
		bits += 8;
	}
	if (i < n) {
		uint8_t last = mask[i++];

		while (last & 0x80) {
			last = (uint8_t)(last << 1);
			bits++;
		}
		if (last)
			return -1;
	}
	while (i < n)
		if (mask[i++])
			return -1;
	return bits;
}

void eth_put(struct ds *out, const uint8_t addr[6])
{
	static const char hex[] = "0123456789abcdef";
	char text[17];

	for (int i = 0; i < 6; i++) {
		text[3 * i] = hex[addr[i] >> 4];
		text[3 * i + 1] = hex[addr[i] & 15];
		if (i < 5)
			text[3 * i + 2] = ':';
	}
	ds_put_mem(out, text, sizeof text);
}

void ipv4_put(struct ds *out, const uint8_t addr[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			ds_put_char(out, '.');
		ds_put_u64(out, addr[i]);
	}
}

void ipv6_put(struct ds *out, const uint8_t addr[16])
{
	char text[INET6_ADDRSTRLEN];

	ds_put(out, inet_ntop(AF_INET6, addr, text, sizeof text));
}

static bool is_exact(const uint8_t *mask, size_t n)
{
	return !mask || mask_to_prefix(mask, n) == (int)n * 8;
}

void eth_put_masked(struct ds *out, const uint8_t addr[6], const uint8_t *mask)
{
	eth_put(out, addr);
	if (!is_exact(mask, 6)) {
		ds_put_char(out, '/');
		eth_put(out, mask);
	}
}

void ipv4_put_masked(struct ds *out, const uint8_t addr[4], const uint8_t *mask)
{
	ipv4_put(out, addr);
	if (is_exact(mask, 4))
		return;
	ds_put_char(out, '/');
	if (mask_to_prefix(mask, 4) >= 0)
		ds_printf(out, "%d", mask_to_prefix(mask, 4));
	else
		ipv4_put(out, mask);
}

void ipv6_put_masked(struct ds *out, const uint8_t addr[16], const uint8_t *mask)
{
	ipv6_put(out, addr);
	if (is_exact(mask, 16))
		return;
	ds_put_char(out, '/');
	if (mask_to_prefix(mask, 16) >= 0)
		ds_printf(out, "%d", mask_to_prefix(mask, 16));
	else
		ipv6_put(out, mask);
}

/* Bits that have no name print as OVS prints them, and are read back. */
static const char *const tcp_names[] = {"fin", "syn", "rst", "psh",   "ack",   "urg",
					"ece", "cwr", "ns",  "[200]", "[400]", "[800]"};
static const char *const ct_names[] = {"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"};
static const char *const tun_names[] = {"oam", "df", "csum", "key"};
static const char *const oam_names[] = {"oam"};

const struct flag_names tcp_flag_names = {tcp_names, ARRAY_SIZE(tcp_names)};
const struct flag_names ct_state_names = {ct_names, ARRAY_SIZE(ct_names)};
const struct flag_names tun_flag_names = {tun_names, ARRAY_SIZE(tun_names)};
const struct flag_names tun_oam_names = {oam_names, ARRAY_SIZE(oam_names)};

static bool flag_find(const char *s, size_t len, const struct flag_names *names, uint32_t *bit)
{
	for (unsigned int i = 0; i < names->n; i++)
		if (text_is(s, len, names->name[i])) {
			*bit = 1u << i;
			return true;
		}
	return false;
}

/* "0x12" or "0x2/0x12". */
static bool flags_from_number(const char *s, size_t len, uint32_t all, uint32_t *value, uint32_t *mask)
{
	const char *slash = memchr(s, '/', len);
	size_t n = slash ? (size_t)(slash - s) : len;
	uint64_t v, m = all;

	if (!text_to_u64(s, n, all, &v) || (slash && !text_to_u64(slash + 1, len - n - 1, UINT32_MAX, &m)))
		return false;
	*mask = (uint32_t)m & all;
	*value = (uint32_t)v & *mask;
	return true;
}

static size_t flag_len(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && *p != '|' && *p != '+' && *p != '-')
		p++;
	return (size_t)(p - s);
}

bool flags_from_text(const char *s, size_t len, const struct flag_names *names, uint32_t all, uint32_t *value,
		     uint32_t *mask)
{
	const char *end = s + len;
	bool exact;
	uint32_t bit;

	if (!len)
		return false;
	if (*s >= '0' && *s <= '9')
		return flags_from_number(s, len, all, value, mask);
	exact = *s != '+' && *s != '-';
	*value = 0;
	*mask = exact ? all : 0;
	while (s < end) {
		char sign = exact ? '+' : *s++;
		size_t n = flag_len(s, end);

		if ((sign != '+' && sign != '-') || !flag_find(s, n, names, &bit) || (!exact && (*mask & bit)))
			return false;
		*value |= sign == '+' ? bit : 0;
		*mask |= bit;
		s += n;
		if (exact && s < end && (*s++ != '|' || s == end))
			return false;
	}
	return true;
}

void flags_put(struct ds *out, const struct flag_names *names, uint32_t value, char separator)
{
	const char *before = "";
	char sep[2] = {separator, '\0'};

	if (!value)
		ds_put_char(out, '0');
	for (unsigned int i = 0; i < names->n; i++)
		if (value & 1u << i) {
			ds_put(out, before);
			ds_put(out, names->name[i]);
			before = sep;
		}
}

void flags_put_masked(struct ds *out, const struct flag_names *names, uint32_t value, uint32_t mask)
{
	for (unsigned int i = 0; i < names->n; i++)
		if (mask & 1u << i) {
			ds_put_char(out, value & 1u << i ? '+' : '-');
			ds_put(out, names->name[i]);
		}
}
