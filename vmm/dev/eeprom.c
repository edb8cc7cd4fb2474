// SPDX-License-Identifier: Apache-2.0
/* 93C46: commands bit by bit. */
#include "vmm/dev/eeprom.h"

/** A start bit, two of opcode, six of address. */
#define COMMAND_BITS 9
#define OPCODE_READ 6 /* with the start bit: 110 */

static void clock_rises(struct eeprom *e, bool data)
{
	if (e->is_reading) {
		/* Each word follows the one before, without a new command. */
		if (e->n_out == 16) {
			e->n_out = 0;
			e->shift_in = (uint16_t)((e->shift_in + 1) % EEPROM_WORDS);
			e->shift_out = e->words[e->shift_in];
		}
		e->n_out++;
		return;
	}
	if (!e->n_in && !data)
		return; /* zeros before the start bit */
	e->shift_in = (uint16_t)(e->shift_in << 1 | data);
	if (++e->n_in < COMMAND_BITS)
		return;
	e->n_in = 0;
	if (e->shift_in >> 6 != OPCODE_READ) {
		e->shift_in = 0; /* not ours to do: the next command */
		return;
	}
	e->is_reading = true;
	e->shift_in &= EEPROM_WORDS - 1;
	e->shift_out = e->words[e->shift_in];
	e->n_out = 0;
}

void eeprom_set_wires(struct eeprom *e, bool select, bool clock, bool data)
{
	if (!select) {
		e->is_reading = false;
		e->shift_in = 0;
		e->n_in = e->n_out = 0;
	} else if (clock && !e->clock) {
		clock_rises(e, data);
	}
	e->select = select;
	e->clock = clock;
}

bool eeprom_data_out(const struct eeprom *e)
{
	/* Before the first bit of data there is a dummy 0; not reading, the line says "ready". */
	return !e->is_reading || (e->n_out && e->shift_out >> (16 - e->n_out) & 1);
}
