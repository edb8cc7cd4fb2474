/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI fixed hardware (ACPI 6.4 chapter 4.8): the PM1 registers with the power button and the way to sleep (S5 alone: off), and the 3.579545 MHz timer; and a
 * block of eight general-purpose events (4.8.4).
 */
#ifndef VMM_DEV_ACPI_PM_H
#define VMM_DEV_ACPI_PM_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/bus.h"
#include "vmm/core/machine.h"

struct acpi_pm {
	struct bus_range range;
	struct machine *machine;
	struct machine_hook hook;
	pthread_mutex_t lock;
	struct bus_range gpe_range;
	uint16_t status, enable, control;
	uint8_t gpe_status, gpe_enable; /* bits are numbers of events */
	bool sci;
};

void acpi_pm_init(struct acpi_pm *pm, struct machine *machine);
void acpi_pm_fini(struct acpi_pm *pm);
/** acpi_pm_raise() - general-purpose event @gpe, 0 to 7; any thread. Return: whether the guest's system listens to it. */
bool acpi_pm_raise(struct acpi_pm *pm, unsigned int gpe);
/** acpi_pm_press_power() - the power button, pressed and let go; any thread. Return: whether the guest's system listens to it. */
bool acpi_pm_press_power(struct acpi_pm *pm);

#endif
