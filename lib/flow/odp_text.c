// SPDX-License-Identifier: Apache-2.0
#include "flow/odp_text.h"

#include <string.h>

#include "flow/addr_text.h"

size_t odp_open(struct ds *out, const char *name)
{
	size_t before = out->len;

	ds_put(out, name);
	ds_put_char(out, '(');
	return before;
}

void odp_close(struct ds *out, size_t opened)
{
	if (!out->len || out->s[out->len - 1] == '(') {
		ds_truncate(out, opened);
		return;
	}
	ds_chomp(out, ',');
	ds_put(out, "),");
}

static bool all(const uint8_t *mask, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (mask[i] != byte)
			return false;
	return true;
}

void odp_eth(struct ds *out, const char *name, const uint8_t value[6], const uint8_t mask[6])
{
	if (all(mask, 6, 0))
		return;
	ds_printf(out, "%s=", name);
	eth_put_masked(out, value, mask);
	ds_put_char(out, ',');
}

void odp_ipv4(struct ds *out, const char *name, be32 value, be32 mask)
{
	if (!mask)
		return;
	ds_printf(out, "%s=", name);
	ipv4_put(out, (const uint8_t *)&value);
	if (mask != BE32_C(0xffffffff)) {
		ds_put_char(out, '/');
		ipv4_put(out, (const uint8_t *)&mask);
	}
	ds_put_char(out, ',');
}

void odp_ipv6(struct ds *out, const char *name, const uint8_t value[16], const uint8_t mask[16])
{
	if (all(mask, 16, 0))
		return;
	ds_printf(out, "%s=", name);
	ipv6_put(out, value);
	if (!all(mask, 16, 0xff)) {
		ds_put_char(out, '/');
		ipv6_put(out, mask);
	}
	ds_put_char(out, ',');
}

void odp_dec(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full)
{
	if (!mask)
		return;
	ds_printf(out, "%s=%llu", name, (unsigned long long)value);
	if (mask != full)
		ds_printf(out, "/%#llx", (unsigned long long)mask);
	ds_put_char(out, ',');
}

static void put_hex(struct ds *out, uint64_t value, uint64_t mask, uint64_t full)
{
	ds_printf(out, "%#llx", (unsigned long long)value);
	if (mask != full)
		ds_printf(out, "/%#llx", (unsigned long long)mask);
}

void odp_hex(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full)
{
	if (!mask)
		return;
	ds_printf(out, "%s=", name);
	put_hex(out, value, mask, full);
	ds_put_char(out, ',');
}

void odp_word(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full)
{
	if (!mask)
		return;
	ds_printf(out, "%s(", name);
	put_hex(out, value, mask, full);
	ds_put(out, "),");
}

void odp_mpls(struct ds *out, be32 lse_be, be32 mask_be)
{
	uint32_t lse = be32_to_cpu(lse_be), mask = be32_to_cpu(mask_be);
	size_t opened = odp_open(out, "mpls");

	if (mask == UINT32_MAX)
		ds_printf(out, "label=%u,tc=%u,ttl=%u,bos=%u", lse >> 12, lse >> 9 & 7, lse & 0xff, lse >> 8 & 1);
	else if (mask)
		ds_printf(out, "label=%u/%#x,tc=%u/%#x,ttl=%u/0x%x,bos=%u/%x", lse >> 12, mask >> 12, lse >> 9 & 7,
			  mask >> 9 & 7, lse & 0xff, mask & 0xff, lse >> 8 & 1, mask >> 8 & 1);
	odp_close(out, opened);
}
