// SPDX-License-Identifier: Apache-2.0
#include "packet/csum.h"

#include <string.h>

/* CRC32c polynomial, bit-reversed. */
#define CRC32C_POLY 0x82f63b78u

static uint32_t sum64_to_32(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)(sum + (sum >> 32));
}

uint32_t csum_add(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t s = sum, carries = 0, words[4];
	uint32_t word, tail = 0;

	/* 64 bits at a time: what is carried out of the top is worth 1, as 2^64 is in ones' complement of 16 bits. */
	for (; n >= sizeof words; n -= sizeof words, p += sizeof words) {
		memcpy(words, p, sizeof words);
		for (size_t i = 0; i < 4; i++) {
			s += words[i];
			carries += s < words[i];
		}
	}
	s = (s & 0xffffffff) + (s >> 32) + carries;
	/* 32-bit words in a 64-bit register: there are eight at most. */
	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&word, p, 4);
		s += word;
	}
	if (n)
		memcpy(&tail, p, n);
	return sum64_to_32(s + tail);
}

uint32_t csum_pseudo_ipv4(be32 src, be32 dst, uint8_t proto, uint32_t len)
{
	uint32_t sum = csum_add_be32((VSW_FORCE uint32_t)src, dst);

	sum = csum_add_be32(sum, cpu_to_be32(proto));
	return csum_add_be32(sum, cpu_to_be32(len));
}

uint32_t csum_pseudo_ipv6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, uint32_t len)
{
	uint32_t sum = csum_add(csum_add(0, src, 16), dst, 16);

	sum = csum_add_be32(sum, cpu_to_be32(proto));
	return csum_add_be32(sum, cpu_to_be32(len));
}

/* Product of two polynomials modulo CRC32c's; bit 31 is x^0. */
static uint32_t crc32c_multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = (b >> 1) ^ (b & 1 ? CRC32C_POLY : 0);
	}
	return product;
}

uint32_t crc32c_add_zeros(uint32_t crc, size_t n)
{
	/* One zero byte multiplies the register with x^8; square and multiply along the bits of n. */
	uint32_t power = 1u << (31 - 8);

	for (; n; n >>= 1) {
		if (n & 1)
			crc = crc32c_multiply(crc, power);
		power = crc32c_multiply(power, power);
	}
	return crc;
}
