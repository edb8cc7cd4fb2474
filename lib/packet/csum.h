/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet checksum (RFC 1071), its incremental update (RFC 1624) and CRC32c (RFC 9260 appendix A).
 *
 * A *sum* here is a uint32_t that accumulates the 16-bit words of memory as this CPU loads them: RFC 1071 2 (B) says
 * that the byte order does not matter as long as the result is stored the way the words were loaded. csum_fold() makes
 * a be16 of it, which is the sum itself (what a partial checksum field holds); csum_finish() gives its complement (what
 * goes on the wire).
 *
 * An update never repairs: a checksum that was wrong before is wrong by the same amount afterwards, so a corrupt packet
 * is still recognised at its end.
 */
#ifndef PACKET_CSUM_H
#define PACKET_CSUM_H 1

#include "base/crc32c.h"
#include "vsw/types.h"

/**
 * csum_add() - add @n bytes to a sum
 * @sum: 0, or the sum of an even number of bytes before these
 */
uint32_t csum_add(uint32_t sum, const void *data, size_t n);

/** csum_add32() - add 4 bytes to a sum. */
static inline uint32_t csum_add32(uint32_t sum, uint32_t word)
{
	uint64_t s = (uint64_t)sum + word;

	return (uint32_t)(s + (s >> 32));
}

static inline uint32_t csum_add_be32(uint32_t sum, be32 word)
{
	return csum_add32(sum, (VSW_FORCE uint32_t)word);
}

static inline uint32_t csum_add_be16(uint32_t sum, be16 word)
{
	return csum_add32(sum, (VSW_FORCE uint16_t)word);
}

/** csum_fold() - the 16-bit ones' complement sum. */
static inline be16 csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (VSW_FORCE be16)(uint16_t)sum;
}

/** csum_finish() - the checksum to put on the wire: complement of the folded sum. */
static inline be16 csum_finish(uint32_t sum)
{
	return (VSW_FORCE be16)(uint16_t) ~(VSW_FORCE uint16_t)csum_fold(sum);
}

/**
 * csum_shift() - a checksum after words under it changed (RFC 1624, equation 3)
 * @csum: as on the wire
 * @old_sum, @new_sum: sums of the changed words, before and after
 */
static inline be16 csum_shift(be16 csum, uint32_t old_sum, uint32_t new_sum)
{
	uint32_t sum = (uint16_t) ~(VSW_FORCE uint16_t)csum;

	sum += (uint16_t) ~(VSW_FORCE uint16_t)csum_fold(old_sum);
	return csum_finish(sum + (VSW_FORCE uint16_t)csum_fold(new_sum));
}

/** csum_shift_partial() - likewise for a field that holds the sum itself (a partial checksum). */
static inline be16 csum_shift_partial(be16 field, uint32_t old_sum, uint32_t new_sum)
{
	uint32_t sum = (VSW_FORCE uint16_t)field;

	sum += (uint16_t) ~(VSW_FORCE uint16_t)csum_fold(old_sum);
	return csum_fold(sum + (VSW_FORCE uint16_t)csum_fold(new_sum));
}

static inline be16 csum_update16(be16 csum, be16 old, be16 new)
{
	return csum_shift(csum, (VSW_FORCE uint16_t)old, (VSW_FORCE uint16_t) new);
}

static inline be16 csum_update32(be16 csum, be32 old, be32 new)
{
	return csum_shift(csum, (VSW_FORCE uint32_t)old, (VSW_FORCE uint32_t) new);
}

/** csum_update128() - likewise for 16 bytes at any address. */
static inline be16 csum_update128(be16 csum, const uint8_t old[16], const uint8_t new[16])
{
	return csum_shift(csum, csum_add(0, old, 16), csum_add(0, new, 16));
}

/**
 * csum_pseudo_ipv4() - sum of the pseudo header (RFC 9293 3.1)
 * @len: bytes of the L4 packet
 */
uint32_t csum_pseudo_ipv4(be32 src, be32 dst, uint8_t proto, uint32_t len);
/** csum_pseudo_ipv6() - likewise (RFC 8200 8.1). */
uint32_t csum_pseudo_ipv6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, uint32_t len);

/**
 * crc32c_add_zeros() - continue a CRC32c register over @n zero bytes, in O(log n)
 *
 * The register is linear: the CRC of a message with some bits flipped is the CRC of the original, xor the register that
 * a message of only those bits (and zeros elsewhere, starting from 0) leaves. Four changed bytes therefore cost no walk
 * over the packet.
 */
uint32_t crc32c_add_zeros(uint32_t crc, size_t n);

#endif
