// SPDX-License-Identifier: Apache-2.0
/* The board's devices. */
#include "vmm/board.h"

#include "vmm/console.h"

void board_init(struct board *board, struct machine *machine, struct console *console)
{
	board->machine = machine;
	console_attach(console, &board->com1);
	serial_init(&board->com1, machine, SERIAL_COM1, SERIAL_COM1_IRQ);
	rtc_init(&board->rtc, machine);
	acpi_pm_init(&board->pm, machine);
	acpi_hotplug_init(&board->hotplug, machine, &board->pm);
}

void board_fini(struct board *board)
{
	if (!board->machine)
		return;
	serial_fini(&board->com1);
	rtc_fini(&board->rtc);
	acpi_hotplug_fini(&board->hotplug);
	acpi_pm_fini(&board->pm);
	board->machine = NULL;
}
