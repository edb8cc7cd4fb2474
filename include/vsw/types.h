/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer types that carry their byte order.
 *
 * A value read from the wire stays in a be16/be32/be64 (or le16/le32/le64) until the one place that converts it. sparse checks
 * the annotation in the test run ("make check-sparse"); the compiler sees plain integers.
 */
#ifndef VSW_TYPES_H
#define VSW_TYPES_H 1

#ifdef __BPF__
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef VSW_CHECK_BYTE_ORDER
#define VSW_BITWISE __attribute__((bitwise))
#define VSW_FORCE __attribute__((force))
#else
#define VSW_BITWISE
#define VSW_FORCE
#endif

typedef uint16_t VSW_BITWISE be16;
typedef uint32_t VSW_BITWISE be32;
typedef uint64_t VSW_BITWISE be64;
typedef uint16_t VSW_BITWISE le16;
typedef uint32_t VSW_BITWISE le32;
typedef uint64_t VSW_BITWISE le64;

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#error "unknown byte order"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VSW_SWAP_BE(bits, x) __builtin_bswap##bits(x)
#define VSW_SWAP_LE(bits, x) (x)
#else
#define VSW_SWAP_BE(bits, x) (x)
#define VSW_SWAP_LE(bits, x) __builtin_bswap##bits(x)
#endif

static inline be16 cpu_to_be16(uint16_t x)
{
	return (VSW_FORCE be16)VSW_SWAP_BE(16, x);
}

static inline be32 cpu_to_be32(uint32_t x)
{
	return (VSW_FORCE be32)VSW_SWAP_BE(32, x);
}

static inline be64 cpu_to_be64(uint64_t x)
{
	return (VSW_FORCE be64)VSW_SWAP_BE(64, x);
}

static inline uint16_t be16_to_cpu(be16 x)
{
	return VSW_SWAP_BE(16, (VSW_FORCE uint16_t)x);
}

static inline uint32_t be32_to_cpu(be32 x)
{
	return VSW_SWAP_BE(32, (VSW_FORCE uint32_t)x);
}

static inline uint64_t be64_to_cpu(be64 x)
{
	return VSW_SWAP_BE(64, (VSW_FORCE uint64_t)x);
}

static inline le16 cpu_to_le16(uint16_t x)
{
	return (VSW_FORCE le16)VSW_SWAP_LE(16, x);
}

static inline le32 cpu_to_le32(uint32_t x)
{
	return (VSW_FORCE le32)VSW_SWAP_LE(32, x);
}

static inline le64 cpu_to_le64(uint64_t x)
{
	return (VSW_FORCE le64)VSW_SWAP_LE(64, x);
}

static inline uint16_t le16_to_cpu(le16 x)
{
	return VSW_SWAP_LE(16, (VSW_FORCE uint16_t)x);
}

static inline uint32_t le32_to_cpu(le32 x)
{
	return VSW_SWAP_LE(32, (VSW_FORCE uint32_t)x);
}

static inline uint64_t le64_to_cpu(le64 x)
{
	return VSW_SWAP_LE(64, (VSW_FORCE uint64_t)x);
}

/** BE16_C() - a constant host-order value as be16, usable in static initialisers (likewise BE32_C()). */
#define BE16_C(x) ((VSW_FORCE be16)VSW_SWAP_BE(16, (uint16_t)(x)))
#define BE32_C(x) ((VSW_FORCE be32)VSW_SWAP_BE(32, (uint32_t)(x)))

#endif
