// SPDX-License-Identifier: Apache-2.0
/* Checksums of received frames: right ones, wrong ones, none, and what is not to be judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "vmm/dev/nic_rx.h"

/* RFC 1071, as it is told there: big-endian words, one after the other. */
static uint16_t sum_of(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A frame with @payload bytes of TCP or UDP. Return: its length. */
static size_t make(uint8_t *frame, bool tagged, uint8_t proto, size_t payload)
{
	size_t at = tagged ? 18 : 14, head = proto == 6 ? 20 : 8, l4_len = head + payload;
	uint8_t *ip = frame + at, *l4 = ip + 20;

	for (size_t i = 0; i < 2000; i++)
		frame[i] = (uint8_t)(i * 7 + 3);
	if (tagged)
		memcpy(frame + 12, "\x81\0\0\7", 4);
	memcpy(ip - 2, "\x08\0\x45\0", 4);
	put(ip + 2, (uint16_t)(20 + l4_len));
	put(ip + 6, 0x4000);
	ip[9] = proto;
	put(ip + 10, 0);
	put(ip + 10, (uint16_t)~sum_of(0, ip, 20));
	put(l4 + (proto == 6 ? 16 : 6), 0);
	put(l4 + (proto == 6 ? 16 : 6), (uint16_t)~sum_of(sum_of(proto + (uint32_t)l4_len, ip + 12, 8), l4, l4_len));
	return at + 20 + l4_len;
}

static void right_ones(void **state)
{
	static const size_t payloads[] = {0, 1, 2, 1459, 1460};
	uint8_t frame[2000];
	struct nic_rx rx;

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(payloads); i++) {
		bool tagged = i & 1, is_tcp = i & 2;
		size_t len = make(frame, tagged, is_tcp ? 6 : 17, payloads[i / 4]);

		for (size_t padding = 0; padding < 3; padding++) {
			nic_rx_check(frame, len + padding, false, &rx);
			assert_true(rx.is_ipv4 && rx.ip_ok && rx.l4_ok);
			assert_int_equal(rx.is_tcp, is_tcp);
			assert_int_equal(rx.is_udp, !is_tcp);
			assert_int_equal(rx.l4_start, tagged ? 38 : 34);
			assert_int_equal(rx.l4_end, len);
		}
	}
}

static void wrong_ones(void **state)
{
	uint8_t frame[2000];
	struct nic_rx rx;
	size_t len;

	(void)state;
	len = make(frame, false, 6, 100);
	for (size_t i = 34; i < len; i++) {
		frame[i] ^= 0x10;
		nic_rx_check(frame, len, false, &rx);
		assert_true(rx.ip_ok && rx.is_tcp);
		assert_false(rx.l4_ok);
		frame[i] ^= 0x10;
	}
	frame[22] ^= 1; /* time to live */
	nic_rx_check(frame, len, false, &rx);
	assert_false(rx.ip_ok);
	len = make(frame, false, 17, 100);
	put(frame + 40, 0); /* UDP without one */
	nic_rx_check(frame, len, false, &rx);
	assert_true(rx.ip_ok && rx.is_udp);
	assert_false(rx.l4_ok);
}

static void not_to_be_judged(void **state)
{
	uint8_t frame[2000];
	struct nic_rx rx;
	size_t len;

	(void)state;
	len = make(frame, false, 6, 100);
	nic_rx_check(frame, len - 1, false, &rx); /* cut off */
	assert_false(rx.is_ipv4);
	for (size_t i = 0; i < 34; i++) {
		nic_rx_check(frame, i, false, &rx);
		assert_false(rx.is_ipv4);
	}
	put(frame + 20, 0x2000); /* a fragment */
	nic_rx_check(frame, len, false, &rx);
	assert_true(rx.is_ipv4 && !rx.is_tcp && !rx.l4_ok);
	len = make(frame, false, 1, 100);
	nic_rx_check(frame, len, false, &rx);
	assert_true(rx.ip_ok && !rx.is_tcp && !rx.is_udp && !rx.l4_ok);
	frame[14] = 0x4f; /* a header longer than the packet says it is */
	put(frame + 16, 40);
	nic_rx_check(frame, len, false, &rx);
	assert_false(rx.is_ipv4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_ones),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(not_to_be_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
