// SPDX-License-Identifier: Apache-2.0
/* Checksums against published values, a naive computation, and each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/wire.h"

/* A small generator with a fixed seed: the same bytes in every run. */
static uint32_t rng = 1;

static uint8_t random_byte(void)
{
	rng = rng * 1664525 + 1013904223;
	return (uint8_t)(rng >> 24);
}

static void random_bytes(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = random_byte();
}

/* As RFC 1071 describes it, byte by byte. */
static uint16_t naive_csum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void published_values(void **state VSW_UNUSED)
{
	static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	static const uint8_t header[] = {0x45, 0, 0,	0x73, 0, 0, 0x40, 0,	0x40, 0x11,
					 0,    0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,    0xc7};
	static const uint8_t zeros[32];
	uint8_t ones[32], up[32];

	assert_int_equal(be16_to_cpu(csum_fold(csum_add(0, rfc1071, sizeof rfc1071))), 0xddf2);
	assert_int_equal(be16_to_cpu(csum_finish(csum_add(0, header, sizeof header))), 0xb861);
	/* RFC 3720 B.4 */
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(zeros, 32), 0x8a9136aa);
	memset(ones, 0xff, sizeof ones);
	assert_int_equal(crc32c(ones, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		up[i] = i;
	assert_int_equal(crc32c(up, 32), 0x46dd794e);
}

static void every_length_and_alignment(void **state VSW_UNUSED)
{
	uint8_t buf[100];

	for (size_t start = 0; start < 8; start++) {
		for (size_t n = 0; n < 80; n++) {
			random_bytes(buf, sizeof buf);
			assert_int_equal(be16_to_cpu(csum_finish(csum_add(0, buf + start, n))),
					 naive_csum(buf + start, n));
		}
	}
	for (size_t cut = 0; cut <= 80; cut += 2)
		assert_int_equal(csum_fold(csum_add(csum_add(0, buf, cut), buf + cut, 80 - cut)),
				 csum_fold(csum_add(0, buf, 80)));
}

/* Sums that carry again and again. */
static void carries(void **state VSW_UNUSED)
{
	static const uint32_t twice[] = {0xffffffff, 1}; /* the sum of both halves carries again */
	static uint8_t ones[65536];

	memset(ones, 0xff, sizeof ones);
	for (size_t n = 2; n <= sizeof ones; n = n * 3 + 1)
		assert_int_equal(be16_to_cpu(csum_finish(csum_add(0, ones, n))), naive_csum(ones, n));
	assert_int_equal(csum_fold(0xffffffff), BE16_C(0xffff));
	assert_int_equal(csum_fold(csum_add(0xffffffff, twice, sizeof twice)), csum_fold(1));
	assert_int_equal(csum_fold(0xffff0001), csum_fold(1));
	assert_int_equal(csum_add32(0xffffffff, 0xffffffff), 0xffffffff);
}

static void updates_equal_recomputation(void **state VSW_UNUSED)
{
	for (int round = 0; round < 20000; round++) {
		uint8_t b[40], old[16];
		be16 csum, old16, new16;
		be32 old32, new32;

		random_bytes(b, sizeof b);
		if (round & 1)
			memset(b, round & 2 ? 0xff : 0, 30); /* the corners of ones' complement */
		b[39] |= 1;				     /* but never all zeros */
		csum = csum_finish(csum_add(0, b, sizeof b));
		old16 = wire_load_be16(b + 2);
		random_bytes(b + 2, 2);
		new16 = wire_load_be16(b + 2);
		csum = csum_update16(csum, old16, new16);
		old32 = wire_load_be32(b + 4);
		random_bytes(b + 4, 4);
		new32 = wire_load_be32(b + 4);
		csum = csum_update32(csum, old32, new32);
		memcpy(old, b + 8, 16);
		random_bytes(b + 8, 16);
		csum = csum_update128(csum, old, b + 8);
		assert_int_equal(csum, csum_finish(csum_add(0, b, sizeof b)));
	}
}

static void partial_updates(void **state VSW_UNUSED)
{
	for (int round = 0; round < 1000; round++) {
		uint8_t b[20];
		uint32_t old;
		be16 field;

		random_bytes(b, sizeof b);
		field = csum_fold(csum_add(0, b, sizeof b));
		old = csum_add(0, b + 4, 8);
		random_bytes(b + 4, 8);
		field = csum_shift_partial(field, old, csum_add(0, b + 4, 8));
		assert_int_equal(field, csum_fold(csum_add(0, b, sizeof b)));
	}
}

static void pseudo_headers(void **state VSW_UNUSED)
{

	static const uint8_t v4[] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11};
	uint8_t v6[40];

	assert_int_equal(csum_fold(csum_pseudo_ipv4(BE32_C(0x0a000001), BE32_C(0x0a000002), 17, 11)),
			 csum_fold(csum_add(0, v4, 12)));
	random_bytes(v6, 32);
	memcpy(v6 + 32, "\0\0\1\2\0\0\0\72", 8);
	assert_int_equal(csum_fold(csum_pseudo_ipv6(v6, v6 + 16, 58, 0x102)), csum_fold(csum_add(0, v6, 40)));
}

static void crc_is_linear(void **state VSW_UNUSED)
{
	static const size_t lengths[] = {0, 1, 2, 3, 7, 8, 100, 1460, 65535};
	uint8_t *b = xmalloc(65535);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint32_t reg = 0x12345678 * (uint32_t)(i + 1);

		memset(b, 0, lengths[i]);
		assert_int_equal(crc32c_add_zeros(reg, lengths[i]), crc32c_add(reg, b, lengths[i]));
	}
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_values), cmocka_unit_test(every_length_and_alignment),
		cmocka_unit_test(carries),	    cmocka_unit_test(updates_equal_recomputation),
		cmocka_unit_test(partial_updates),  cmocka_unit_test(pseudo_headers),
		cmocka_unit_test(crc_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
