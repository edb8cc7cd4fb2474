/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 93C46: 64 words of 16 bits behind a Microwire interface of four wires (Microchip DS21749, 2.0). It is read only: NICs come with it filled in, and
 * what a driver writes is ignored.
 */
#ifndef VMM_DEV_EEPROM_H
#define VMM_DEV_EEPROM_H 1

#include <stdbool.h>
#include <stdint.h>

#define EEPROM_WORDS 64

struct eeprom {
	uint16_t words[EEPROM_WORDS];
	bool select, clock; /**< the wires, as they were last */
	uint16_t shift_in, shift_out;
	unsigned int n_in, n_out;
	bool is_reading;
};

/** eeprom_set_wires() - chip select, clock and data in. */
void eeprom_set_wires(struct eeprom *e, bool select, bool clock, bool data);
/** eeprom_data_out() - what is on the fourth wire. */
bool eeprom_data_out(const struct eeprom *e);

#endif
