/* SPDX-License-Identifier: Apache-2.0 */
/* What every machine has on its board: console, clock, power management. */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H 1

#include "base/errtext.h"
#include "base/util.h"
#include "os/loop.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/serial.h"

struct board {
	struct machine *machine; /* NULL: not initialised */
	struct serial com1;
	struct rtc rtc;
	struct acpi_pm pm;
	struct loop_fd input;
};

/** board_init() - the console is standard input and output. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int board_init(struct board *board, struct machine *machine, struct errtext *err);
void board_fini(struct board *board);

#endif
