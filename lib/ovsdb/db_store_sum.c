// SPDX-License-Identifier: Apache-2.0
/*
 * The checksums of the store: FNV-1a with 64 bits (each step is a bijection of the state for a given byte, so one
 * changed byte always changes the result), and a final mix, so that sums of sums stay good. Part of the file format:
 * never change it.
 */
#include "ovsdb/db_store_impl.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t fnv_byte(uint64_t h, unsigned char c)
{
	return (h ^ c) * 0x100000001b3ull;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

uint64_t db_store_sum(size_t n, const char *const parts[])
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++) {
		for (const char *s = parts[i]; s && *s; s++)
			h = fnv_byte(h, (unsigned char)*s);
		h = fnv_byte(h, parts[i] ? 0 : 0xff); /* 0xff never ends UTF-8 */
	}
	return mix(h);
}

uint64_t db_store_meta_sum(const struct db_store_meta *meta)
{
	char seq[24], total[24];

	snprintf(seq, sizeof seq, "%" PRIu64, meta->seq);
	snprintf(total, sizeof total, "%" PRIu64, meta->total);
	return db_store_sum(6, (const char *const[]){"meta", meta->schema, meta->version, meta->id, seq, total});
}
