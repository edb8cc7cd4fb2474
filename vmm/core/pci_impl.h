/* SPDX-License-Identifier: Apache-2.0 */
/* What pci.c, pci_bar.c and pci_msix.c share; nobody else includes this. */
#ifndef VMM_CORE_PCI_IMPL_H
#define VMM_CORE_PCI_IMPL_H 1

#include "vmm/core/pci.h"

/* Registers of a type 0 header (PCI 3.0 6.1). */
enum pci_register {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09, /* interface, subclass, class */
	PCI_CACHE_LINE = 0x0c,
	PCI_LATENCY = 0x0d,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_CAP_POINTER = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
	PCI_HEADER_END = 0x40,
};

enum pci_command {
	PCI_COMMAND_IO = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_INTX_OFF = 1 << 10,
};

#define PCI_STATUS_INTERRUPT (1 << 3)
#define PCI_STATUS_CAPS (1 << 4)
#define PCI_CAP_ID_MSIX 0x11

struct pci_bus {
	pthread_mutex_t lock; /* guards everything below, and every device's configuration space */
	struct machine *machine;
	struct pci_device *slots[PCI_N_SLOTS];
	struct pci_device bridge;
	uint32_t address; /* of mechanism #1, as written to 0xcf8 */
	struct bus_range mechanism1, ecam;
	pthread_mutex_t pin_lock;
	unsigned int pins[PCI_N_GSIS]; /* how many devices hold each line up; under pin_lock */
};

static inline uint16_t pci_get16(const struct pci_device *dev, uint32_t at)
{
	return (uint16_t)(dev->config[at] | dev->config[at + 1] << 8);
}

static inline void pci_put16(uint8_t *config, uint32_t at, uint16_t value)
{
	config[at] = (uint8_t)value;
	config[at + 1] = (uint8_t)(value >> 8);
}

static inline uint32_t pci_get32(const struct pci_device *dev, uint32_t at)
{
	return (uint32_t)pci_get16(dev, at + 2) << 16 | pci_get16(dev, at);
}

static inline void pci_put32(uint8_t *config, uint32_t at, uint32_t value)
{
	pci_put16(config, at, (uint16_t)value);
	pci_put16(config, at + 2, (uint16_t)(value >> 16));
}

/* ---- pci_bar.c ---- */

/** pci_bars_update() - map and unmap BARs as command register and BARs say now. */
void pci_bars_update(struct pci_device *dev);
void pci_bars_unmap(struct pci_device *dev);

/* ---- pci_msix.c ---- */

/** pci_msix_update() - the capability's control word was written, or the device reset. */
void pci_msix_update(struct pci_device *dev);
void pci_msix_reset(struct pci_device *dev);
void pci_msix_fini(struct pci_device *dev);
/** pci_pin_update() - the line as the pin and the ways to mask it are now. */
void pci_pin_update(struct pci_device *dev);

#endif
