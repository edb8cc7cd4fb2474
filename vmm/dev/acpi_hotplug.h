/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of the PCI bus that come and go while the guest runs, by ACPI (6.4, 5.6.6 and 6.3.3): a general-purpose event, and registers from ACPI_HOTPLUG_BASE on
 * that tell the DSDT's code which slots it concerns, a bit for each.
 *
 *   0  came    something is in the slot now; a 1 written acknowledges
 *   4  to go   the guest is asked to let go of what is in there; likewise
 *   8  eject   written by the guest when it has
 */
#ifndef VMM_DEV_ACPI_HOTPLUG_H
#define VMM_DEV_ACPI_HOTPLUG_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/bus.h"
#include "vmm/core/machine.h"

struct acpi_pm;

struct acpi_hotplug {
	struct bus_range range;
	struct machine *machine;
	struct machine_hook hook;
	struct acpi_pm *pm;
	pthread_mutex_t lock;
	uint32_t came, to_go, ejected;
	/** The guest has let go of @slot; main thread. Set by whoever wants to know. */
	void (*gone)(void *aux, unsigned int slot);
	void *aux;
};

/** acpi_hotplug_init() - @pm: whose event it raises; stays. @gone and @aux are set by the caller. */
void acpi_hotplug_init(struct acpi_hotplug *hotplug, struct machine *machine, struct acpi_pm *pm);
void acpi_hotplug_fini(struct acpi_hotplug *hotplug);
/** acpi_hotplug_came() - tell the guest that something is in @slot now. Return: whether its system listens. */
bool acpi_hotplug_came(struct acpi_hotplug *hotplug, unsigned int slot);
/** acpi_hotplug_ask() - ask the guest to let go of what is in @slot. Return: whether its system listens. */
bool acpi_hotplug_ask(struct acpi_hotplug *hotplug, unsigned int slot);

#endif
