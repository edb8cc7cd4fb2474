// SPDX-License-Identifier: Apache-2.0
/* MC146818A: register A to D and the ten of time and date, binary or BCD, 24 or 12 hours. */
#include "vmm/dev/rtc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum reg {
	SECONDS,
	SECONDS_ALARM,
	MINUTES,
	MINUTES_ALARM,
	HOURS,
	HOURS_ALARM,
	WEEKDAY,
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D
};

#define CENTURY 0x32 /* where ACPI's FADT says it is */
#define B_SET 0x80
#define B_BINARY 0x04
#define B_24_HOURS 0x02
#define D_VALID 0x80
#define A_DEFAULT 0x26 /* 32,768 Hz; 1,024 Hz */
#define HOURS_PM 0x80

static uint8_t encode(const struct rtc *rtc, int value)
{
	return (uint8_t)(rtc->ram[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static int decode(const struct rtc *rtc, uint8_t value)
{
	return rtc->ram[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 0xf);
}

static struct tm now(const struct rtc *rtc)
{
	time_t t = time(NULL) + (time_t)rtc->offset_s;
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	return tm;
}

static uint8_t encode_hours(const struct rtc *rtc, int hours)
{
	if (rtc->ram[REG_B] & B_24_HOURS)
		return encode(rtc, hours);
	return encode(rtc, hours % 12 ? hours % 12 : 12) | (hours >= 12 ? HOURS_PM : 0);
}

static int decode_hours(const struct rtc *rtc, uint8_t value)
{
	if (rtc->ram[REG_B] & B_24_HOURS)
		return decode(rtc, value);
	return decode(rtc, value & (uint8_t)~HOURS_PM) % 12 + (value & HOURS_PM ? 12 : 0);
}

static uint8_t read_time(const struct rtc *rtc, unsigned int reg)
{
	struct tm tm = now(rtc);

	switch (reg) {
	case SECONDS:
		return encode(rtc, tm.tm_sec);
	case MINUTES:
		return encode(rtc, tm.tm_min);
	case HOURS:
		return encode_hours(rtc, tm.tm_hour);
	case WEEKDAY:
		return encode(rtc, tm.tm_wday + 1);
	case DAY:
		return encode(rtc, tm.tm_mday);
	case MONTH:
		return encode(rtc, tm.tm_mon + 1);
	case YEAR:
		return encode(rtc, tm.tm_year % 100);
	default:
		return encode(rtc, 19 + tm.tm_year / 100);
	}
}

static bool is_time(unsigned int reg)
{
	return reg == CENTURY || (reg <= YEAR && reg != SECONDS_ALARM && reg != MINUTES_ALARM && reg != HOURS_ALARM);
}

/* What a calendar has, from 1900 on: only of such dates the registers can show every digit. */
static bool is_date(const struct tm *tm)
{
	return tm->tm_sec < 60 && tm->tm_min < 60 && tm->tm_hour < 24 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
	       tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_year >= 0 && tm->tm_year < 9999 - 1900;
}

/* The guest ends setting: what it has written is the time from now on, if it is one. */
static void set_time(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->ram[SECONDS]),
		.tm_min = decode(rtc, rtc->ram[MINUTES]),
		.tm_hour = decode_hours(rtc, rtc->ram[HOURS]),
		.tm_mday = decode(rtc, rtc->ram[DAY]),
		.tm_mon = decode(rtc, rtc->ram[MONTH]) - 1,
		.tm_year = decode(rtc, rtc->ram[CENTURY]) * 100 + decode(rtc, rtc->ram[YEAR]) - 1900,
	};

	if (is_date(&tm))
		rtc->offset_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
}

/* And begins: the registers stand still at the present time. */
static void freeze_time(struct rtc *rtc)
{
	for (unsigned int reg = 0; reg <= YEAR; reg++)
		if (is_time(reg))
			rtc->ram[reg] = read_time(rtc, reg);
	rtc->ram[CENTURY] = read_time(rtc, CENTURY);
}

static uint64_t rtc_read(void *aux, uint64_t offset, unsigned int size)
{
	struct rtc *rtc = aux;
	unsigned int reg = rtc->index;

	(void)size;
	if (offset == 0)
		return 0xff; /* the index cannot be read back */
	if (is_time(reg) && !(rtc->ram[REG_B] & B_SET))
		return read_time(rtc, reg);
	return rtc->ram[reg];
}

static void rtc_write(void *aux, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct rtc *rtc = aux;
	uint8_t value = (uint8_t)wide, before = rtc->ram[REG_B];

	(void)size;
	if (offset == 0) {
		rtc->index = value & 0x7f;
		return;
	}
	if (rtc->index == REG_C || rtc->index == REG_D)
		return;
	if (is_time(rtc->index) && !(before & B_SET)) {
		freeze_time(rtc);
		rtc->ram[rtc->index] = value;
		set_time(rtc);
		return;
	}
	if (rtc->index == REG_B && value & B_SET && !(before & B_SET))
		freeze_time(rtc);
	rtc->ram[rtc->index] = rtc->index == REG_A ? value & 0x7f : value;
	if (rtc->index == REG_B && before & B_SET && !(value & B_SET))
		set_time(rtc);
}

static const struct bus_ops rtc_ops = {rtc_read, rtc_write};

static uint64_t keyboard_read(void *aux, uint64_t offset, unsigned int size)
{
	(void)aux, (void)offset, (void)size;
	return 0; /* status: nothing there, ready for a command */
}

static void keyboard_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtc *rtc = aux;

	(void)offset, (void)size;
	if ((uint8_t)value == 0xfe)
		machine_event(rtc->machine, MACHINE_RESET);
}

static const struct bus_ops keyboard_ops = {keyboard_read, keyboard_write};

void rtc_init(struct rtc *rtc, struct machine *machine)
{
	memset(rtc, 0, sizeof *rtc);
	rtc->machine = machine;
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->ram[REG_A] = A_DEFAULT;
	rtc->ram[REG_B] = B_24_HOURS;
	rtc->ram[REG_D] = D_VALID;
	rtc->range = (struct bus_range){
		.base = 0x70, .size = 2, .ops = &rtc_ops, .aux = rtc, .lock = &rtc->lock, .name = "rtc"};
	rtc->keyboard =
		(struct bus_range){.base = 0x64, .size = 1, .ops = &keyboard_ops, .aux = rtc, .name = "keyboard"};
	if (bus_add(machine->pio, &rtc->range) || bus_add(machine->pio, &rtc->keyboard))
		abort(); /* the board's own ports */
}

void rtc_fini(struct rtc *rtc)
{
	bus_del(rtc->machine->pio, &rtc->range);
	bus_del(rtc->machine->pio, &rtc->keyboard);
	bus_quiesce();
	pthread_mutex_destroy(&rtc->lock);
}
