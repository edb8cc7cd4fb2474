/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables: what the guest's kernel is told of its machine (ACPI 6.4: RSDP 5.2.5, XSDT 5.2.8, FADT 5.2.9, FACS 5.2.10, MADT 5.2.12; MCFG: PCI
 * Firmware 3.2 4.1.2). The DSDT's AML is made by aml.h.
 *
 * They lie from ACPI_BASE on, in the area where a BIOS would be, which the memory map calls reserved.
 */
#ifndef VMM_CORE_ACPI_H
#define VMM_CORE_ACPI_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct guest_memory;

#define ACPI_BASE 0xe0000
#define ACPI_END 0x100000
/** Ports of the fixed hardware (dev/acpi_pm.c): PM1 event block (4 bytes), control (2), timer (4). */
#define ACPI_PM_BASE 0x600
#define ACPI_SCI 9
/** General-purpose events: status (1 byte) and enable (1). */
#define ACPI_GPE_BASE 0x620
#define ACPI_GPE_HOTPLUG 1
/** Slots that come and go (dev/acpi_hotplug.c): three registers of 4 bytes, a bit for each slot. */
#define ACPI_HOTPLUG_BASE 0x630
/** SLP_TYP of S5. */
#define ACPI_S5 5

/** acpi_build() - Return: address of the RSDP; the tables fit for every legal @n_cpus. */
uint64_t acpi_build(struct guest_memory *memory, unsigned int n_cpus);

#endif
