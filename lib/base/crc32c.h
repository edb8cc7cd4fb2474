/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as in RFC 3720 12.1 and RFC 4960 appendix B. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H 1

#include <stddef.h>
#include <stdint.h>

/**
 * crc32c() - checksum of @n bytes
 * @crc: 0, or what the bytes before these gave
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

#endif
