/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real-time clock and its CMOS memory (Motorola MC146818A data sheet), and on the same bus segment the keyboard controller's one useful
 * command: reset (port 0x64, 0xfe).
 *
 * The clock shows the host's UTC plus what the guest has set; alarm and periodic interrupts are not there: kernels use the local APIC's timer.
 */
#ifndef VMM_DEV_RTC_H
#define VMM_DEV_RTC_H 1

#include <pthread.h>
#include <stdint.h>

#include "vmm/core/bus.h"
#include "vmm/core/machine.h"

struct rtc {
	struct bus_range range, keyboard;
	struct machine *machine;
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t ram[128]; /* registers 0 to 13 are made when read */
	int64_t offset_s; /* guest's time minus the host's */
};

void rtc_init(struct rtc *rtc, struct machine *machine);
void rtc_fini(struct rtc *rtc);

#endif
