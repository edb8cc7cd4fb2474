/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as in RFC 3720 12.1 and RFC 4960 appendix B. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H 1

#include <stddef.h>
#include <stdint.h>

/**
 * crc32c_add() - continue a CRC-32C register over @n bytes
 * @crc: ~0 to begin; the checksum is the complement of the last register
 */
uint32_t crc32c_add(uint32_t crc, const void *data, size_t n);
/** crc32c() - checksum of @n bytes, as host integer. */
static inline uint32_t crc32c(const void *data, size_t n)
{
	return ~crc32c_add(~0u, data, n);
}

#endif
