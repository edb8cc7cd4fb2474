// SPDX-License-Identifier: Apache-2.0
/* The real-time clock by its two ports: what is set is what is read, in each of the four ways of writing it; what is no date is not taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/dev/rtc.h"
#include "vmm_harness.h"

enum reg { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9, REG_B = 11, CENTURY = 0x32 };
enum reg_b { B_SET = 0x80, B_BINARY = 4, B_24_HOURS = 2 };

static uint8_t rd(struct harness *h, uint8_t reg)
{
	harness_write(h->m.pio, 0x70, 1, reg);
	return (uint8_t)harness_read(h->m.pio, 0x71, 1);
}

static void wr(struct harness *h, uint8_t reg, uint8_t value)
{
	harness_write(h->m.pio, 0x70, 1, reg);
	harness_write(h->m.pio, 0x71, 1, value);
}

struct when {
	uint8_t b, century, year, month, day, hours, minutes;
};

static void set(struct harness *h, const struct when *t)
{
	wr(h, REG_B, B_SET | t->b);
	wr(h, CENTURY, t->century);
	wr(h, YEAR, t->year);
	wr(h, MONTH, t->month);
	wr(h, DAY, t->day);
	wr(h, HOURS, t->hours);
	wr(h, MINUTES, t->minutes);
	wr(h, SECONDS, 0); /* a minute until the next changes */
	wr(h, REG_B, t->b);
}

static void assert_time(struct harness *h, const struct when *t)
{
	assert_int_equal(rd(h, CENTURY), t->century);
	assert_int_equal(rd(h, YEAR), t->year);
	assert_int_equal(rd(h, MONTH), t->month);
	assert_int_equal(rd(h, DAY), t->day);
	assert_int_equal(rd(h, HOURS), t->hours);
	assert_int_equal(rd(h, MINUTES), t->minutes);
}

static void what_is_set_is_read(void **state)
{
	static const struct when times[] = {
		{B_24_HOURS, 0x20, 0x31, 0x12, 0x30, 0x23, 0x10},
		{B_24_HOURS | B_BINARY, 20, 31, 12, 30, 23, 10},
		{0, 0x20, 0x31, 0x12, 0x30, 0x91, 0x10}, /* 11 pm */
		{B_BINARY, 20, 31, 12, 30, 12, 10},	 /* midnight */
		{B_24_HOURS, 0x19, 0x00, 0x01, 0x01, 0x00, 0x00},
	};
	struct harness *h = harness_new(1 << 20);
	struct rtc rtc;

	(void)state;
	rtc_init(&rtc, &h->m);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		set(h, &times[i]);
		assert_time(h, &times[i]);
	}
	rtc_fini(&rtc);
	harness_free(h);
}

static void what_is_no_date_is_not_taken(void **state)
{
	static const struct when good = {B_24_HOURS, 0x20, 0x24, 0x06, 0x15, 0x12, 0x30};
	static const struct when bad[] = {
		{B_24_HOURS, 0x18, 0x99, 0x06, 0x15, 0x12, 0x30}, {B_24_HOURS, 0x00, 0x00, 0x06, 0x15, 0x12, 0x30},
		{B_24_HOURS, 0xff, 0xff, 0x06, 0x15, 0x12, 0x30}, {B_24_HOURS, 0x20, 0x24, 0x00, 0x15, 0x12, 0x30},
		{B_24_HOURS, 0x20, 0x24, 0x13, 0x15, 0x12, 0x30}, {B_24_HOURS, 0x20, 0x24, 0x06, 0x00, 0x12, 0x30},
		{B_24_HOURS, 0x20, 0x24, 0x06, 0x32, 0x12, 0x30}, {B_24_HOURS, 0x20, 0x24, 0x06, 0x15, 0x24, 0x30},
		{B_24_HOURS, 0x20, 0x24, 0x06, 0x15, 0x12, 0x60},
	};
	struct harness *h = harness_new(1 << 20);
	struct rtc rtc;

	(void)state;
	rtc_init(&rtc, &h->m);
	set(h, &good);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		set(h, &bad[i]);
		assert_time(h, &good);
	}
	rtc_fini(&rtc);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_read),
		cmocka_unit_test(what_is_no_date_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
