/* SPDX-License-Identifier: Apache-2.0 */
/* What every machine has on its board: console, clock, power management. */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H 1

#include "vmm/dev/acpi_hotplug.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/serial.h"

struct console;

struct board {
	struct machine *machine; /* NULL: not initialised */
	struct serial com1;
	struct rtc rtc;
	struct acpi_pm pm;
	struct acpi_hotplug hotplug;
};

/** board_init() - @console: what COM1 is connected to; stays. */
void board_init(struct board *board, struct machine *machine, struct console *console);
void board_fini(struct board *board);

#endif
