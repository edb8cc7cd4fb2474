// SPDX-License-Identifier: Apache-2.0
/* The PCI bus: slots, configuration space and the two ways to it. */
#include "vmm/core/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/pci_impl.h"

/* The host bridge: a device id of no other maker's chipset would make drivers look for what is not there. 1b36:0008 is the generic one. */
static const struct pci_id bridge_id = {
	.vendor = 0x1b36, .device = 0x0008, .subsystem_vendor = 0x1af4, .subsystem = 0x1100, .class_code = 0x060000};

/*
 * A Linux guest on an AMD processor of the families that had an AGP aperture in their memory controllers (0xf, 0x10, early 0x15) looks for an AGP bridge
 * before anything else: by mechanism #1, function by function, on each of 256 buses, twice; 33,000 exits, which are nine tenths of all until /init.
 * The search ends at the first bridge that has the capability (AGP 3.0 specification, 6.1), here without an aperture.
 */
static void add_agp(struct pci_device *bridge)
{
	enum { CAP_ID_AGP = 0x02, REVISION = 0x30, LEN = 0x20, APSIZE = 0x14, SMALLEST = 0xf3f };
	uint8_t cap = pci_cap_add(bridge, CAP_ID_AGP, LEN);

	bridge->config[cap + 2] = REVISION;
	pci_put16(bridge->config, cap + APSIZE, SMALLEST); /* 4 MiB, at no address */
}

/* ---- configuration space ---- */

static void read_config(struct pci_device *dev, uint32_t offset, unsigned int size, uint32_t *value)
{
	if (dev->ops && dev->ops->config_read)
		dev->ops->config_read(dev, offset, size);
	*value = 0;
	for (unsigned int i = 0; i < size; i++)
		*value |= (uint32_t)dev->config[offset + i] << 8 * i;
}

static bool touches(uint32_t offset, unsigned int size, uint32_t at, uint32_t len)
{
	return offset < at + len && at < offset + size;
}

static void write_config(struct pci_device *dev, uint32_t offset, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++, value >>= 8) {
		uint8_t mask = dev->writable[offset + i], *byte = &dev->config[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | (value & mask));
	}
	if (touches(offset, size, PCI_COMMAND, 2) || touches(offset, size, PCI_BAR0, 4 * PCI_N_BARS))
		pci_bars_update(dev);
	if (touches(offset, size, PCI_COMMAND, 2))
		pci_pin_update(dev);
	if (dev->msix.n_vectors && touches(offset, size, dev->msix.cap, 4))
		pci_msix_update(dev);
	if (dev->ops && dev->ops->config_written)
		dev->ops->config_written(dev, offset, size);
}

void pci_config_access(struct pci_bus *bus, unsigned int slot, uint32_t offset, unsigned int size, bool is_write,
		       uint32_t *value)
{
	struct pci_device *dev;

	if (!is_write)
		*value = UINT32_MAX >> (32 - 8 * size);
	if (slot >= PCI_N_SLOTS || offset > PCI_CONFIG_SIZE - size)
		return;
	pthread_mutex_lock(&bus->lock);
	dev = bus->slots[slot];
	if (dev && is_write)
		write_config(dev, offset, size, *value);
	else if (dev)
		read_config(dev, offset, size, value);
	pthread_mutex_unlock(&bus->lock);
}

/* ---- mechanism #1: ports 0xcf8-0xcff ---- */

#define MECHANISM1_PORT 0xcf8
#define MECHANISM1_ENABLE (1u << 31)

/* Where the data port leads: slot and offset. Return: false when nowhere. */
static bool mechanism1_target(const struct pci_bus *bus, uint64_t offset, unsigned int *slot, uint32_t *at)
{
	uint32_t address = __atomic_load_n(&bus->address, __ATOMIC_RELAXED);

	*slot = address >> 11 & 31;
	*at = (address & 0xfc) | (uint32_t)(offset & 3);
	return address & MECHANISM1_ENABLE && !(address >> 16 & 0xff) && !(address >> 8 & 7);
}

static uint64_t mechanism1_read(void *aux, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = aux;
	uint32_t value = UINT32_MAX, at;
	unsigned int slot;

	if (offset == 0 && size == 4)
		return __atomic_load_n(&bus->address, __ATOMIC_RELAXED);
	if (offset >= 4 && size <= 4 && mechanism1_target(bus, offset, &slot, &at))
		pci_config_access(bus, slot, at, size, false, &value);
	return value;
}

static void mechanism1_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_bus *bus = aux;
	uint32_t data = (uint32_t)value, at;
	unsigned int slot;

	if (offset == 0 && size == 4)
		__atomic_store_n(&bus->address, data, __ATOMIC_RELAXED);
	else if (offset == 1 && size == 1 && (data & 0xff) == 0x06)
		machine_event(bus->machine, MACHINE_RESET); /* 0xcf9: reset control, a cold reset */
	else if (offset >= 4 && size <= 4 && mechanism1_target(bus, offset, &slot, &at))
		pci_config_access(bus, slot, at, size, true, &data);
}

static const struct bus_ops mechanism1_ops = {mechanism1_read, mechanism1_write};

/* ---- ECAM ---- */

static uint64_t ecam_read(void *aux, uint64_t offset, unsigned int size)
{
	uint32_t value = UINT32_MAX;

	if (size <= 4 && !(offset >> 12 & 7))
		pci_config_access(aux, (unsigned int)(offset >> 15), offset & 0xfff, size, false, &value);
	return value;
}

static void ecam_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	uint32_t data = (uint32_t)value;

	if (size <= 4 && !(offset >> 12 & 7))
		pci_config_access(aux, (unsigned int)(offset >> 15), offset & 0xfff, size, true, &data);
}

static const struct bus_ops ecam_ops = {ecam_read, ecam_write};

/* ---- the bus ---- */

struct pci_bus *pci_bus_new(struct machine *m)
{
	struct pci_bus *bus = xzalloc(sizeof *bus);
	int error;

	pthread_mutex_init(&bus->lock, NULL);
	pthread_mutex_init(&bus->pin_lock, NULL);
	bus->machine = m;
	bus->mechanism1 = (struct bus_range){
		.base = MECHANISM1_PORT, .size = 8, .ops = &mechanism1_ops, .aux = bus, .name = "pci-config"};
	bus->ecam = (struct bus_range){
		.base = PCI_ECAM_BASE, .size = PCI_ECAM_SIZE, .ops = &ecam_ops, .aux = bus, .name = "pci-ecam"};
	error = bus_add(m->pio, &bus->mechanism1);
	if (!error)
		error = bus_add(m->mmio, &bus->ecam);
	pci_device_init(&bus->bridge, m, "bridge", NULL, &bridge_id, false);
	add_agp(&bus->bridge);
	if (!error)
		error = pci_plug(bus, &bus->bridge, 0, NULL);
	if (error)
		abort(); /* a machine begins empty */
	return bus;
}

void pci_bus_free(struct pci_bus *bus)
{
	if (!bus)
		return;
	for (unsigned int slot = 1; slot < PCI_N_SLOTS; slot++)
		if (bus->slots[slot])
			pci_unplug(bus->slots[slot]);
	bus_del(bus->machine->pio, &bus->mechanism1);
	bus_del(bus->machine->mmio, &bus->ecam);
	bus_quiesce();
	pci_device_fini(&bus->bridge);
	pthread_mutex_destroy(&bus->pin_lock);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}

static void reset_device(struct pci_device *dev)
{
	pci_msix_reset(dev);
	memcpy(dev->config, dev->initial, sizeof dev->config);
	pci_bars_update(dev);
	pci_set_pin(dev, false);
}

void pci_bus_reset(struct pci_bus *bus)
{
	for (unsigned int slot = 0; slot < PCI_N_SLOTS; slot++) {
		struct pci_device *dev;

		pthread_mutex_lock(&bus->lock);
		dev = bus->slots[slot];
		if (dev)
			reset_device(dev);
		pthread_mutex_unlock(&bus->lock);
		if (dev && dev->ops && dev->ops->reset)
			dev->ops->reset(dev);
	}
	__atomic_store_n(&bus->address, 0, __ATOMIC_RELAXED);
}

struct pci_device *pci_device_at(struct pci_bus *bus, unsigned int slot)
{
	struct pci_device *dev = NULL;

	pthread_mutex_lock(&bus->lock);
	if (slot < PCI_N_SLOTS)
		dev = bus->slots[slot];
	pthread_mutex_unlock(&bus->lock);
	return dev;
}

/* ---- devices ---- */

void pci_device_init(struct pci_device *dev, struct machine *m, const char *name, const struct pci_device_ops *ops,
		     const struct pci_id *id, bool has_pin)
{
	uint8_t *config = dev->config;

	memset(dev, 0, sizeof *dev);
	dev->ops = ops;
	dev->machine = m;
	dev->name = name;
	dev->slot = -1;
	dev->next_cap = PCI_HEADER_END;
	pthread_mutex_init(&dev->irq_lock, NULL);
	pci_put16(config, PCI_VENDOR_ID, id->vendor);
	pci_put16(config, PCI_DEVICE_ID, id->device);
	pci_put32(config, PCI_REVISION, id->class_code << 8 | id->revision);
	pci_put16(config, PCI_SUBSYSTEM_VENDOR, id->subsystem_vendor);
	pci_put16(config, PCI_SUBSYSTEM, id->subsystem);
	config[PCI_INTERRUPT_PIN] = has_pin;
	pci_put16(dev->writable, PCI_COMMAND,
		  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF | 0x0140);
	dev->writable[PCI_CACHE_LINE] = 0xff;
	dev->writable[PCI_LATENCY] = 0xff;
	dev->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_device_fini(struct pci_device *dev)
{
	pci_msix_fini(dev);
	pthread_mutex_destroy(&dev->irq_lock);
}

uint8_t pci_cap_add(struct pci_device *dev, uint8_t id, uint8_t len)
{
	uint8_t at = (uint8_t)dev->next_cap;

	dev->config[at] = id;
	dev->config[dev->last_cap ? dev->last_cap + 1 : PCI_CAP_POINTER] = at;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	dev->last_cap = at;
	dev->next_cap = (uint16_t)ROUND_UP(at + len, 4);
	return at;
}

int pci_plug(struct pci_bus *bus, struct pci_device *dev, int slot, struct errtext *err)
{
	int error = 0;

	pthread_mutex_lock(&bus->lock);
	for (int i = 0; slot < 0 && i < PCI_N_SLOTS; i++)
		if (!bus->slots[i])
			slot = i;
	if (slot < 0 || slot >= PCI_N_SLOTS) {
		error = errtext_set(err, ENOSPC, "%s: all %d PCI slots are taken", dev->name, PCI_N_SLOTS);
	} else if (bus->slots[slot]) {
		error = errtext_set(err, EBUSY, "%s: PCI slot %d is taken by %s", dev->name, slot,
				    bus->slots[slot]->name);
	} else {
		if (dev->config[PCI_INTERRUPT_PIN])
			dev->config[PCI_INTERRUPT_LINE] = (uint8_t)(PCI_GSI_BASE + slot % PCI_N_GSIS);
		memcpy(dev->initial, dev->config, sizeof dev->initial);
		dev->slot = slot;
		bus->slots[slot] = dev;
	}
	pthread_mutex_unlock(&bus->lock);
	return error;
}

void pci_unplug(struct pci_device *dev)
{
	struct pci_bus *bus = dev->machine->pci;

	pthread_mutex_lock(&bus->lock);
	bus->slots[dev->slot] = NULL;
	pci_bars_unmap(dev);
	pci_msix_reset(dev);
	pci_set_pin(dev, false);
	pthread_mutex_unlock(&bus->lock);
	bus_quiesce();
	dev->slot = -1;
	if (dev->ops && dev->ops->free)
		dev->ops->free(dev);
}

bool pci_dma_enabled(const struct pci_device *dev)
{
	return pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER;
}
