// SPDX-License-Identifier: Apache-2.0
/* The board's devices. */
#include "vmm/board.h"

#include <unistd.h>

static void console_output(void *aux, uint8_t byte)
{
	(void)aux;
	/* A console that cannot take it loses it, as a wire would. */
	if (write(STDOUT_FILENO, &byte, 1) != 1)
		return;
}

int board_init(struct board *board, struct machine *machine, struct errtext *err)
{
	(void)err;
	board->machine = machine;
	board->com1.output = console_output;
	board->com1.aux = board;
	serial_init(&board->com1, machine, SERIAL_COM1, SERIAL_COM1_IRQ);
	rtc_init(&board->rtc, machine);
	acpi_pm_init(&board->pm, machine);
	return 0;
}

void board_fini(struct board *board)
{
	if (!board->machine)
		return;
	serial_fini(&board->com1);
	rtc_fini(&board->rtc);
	acpi_pm_fini(&board->pm);
	board->machine = NULL;
}
