// SPDX-License-Identifier: Apache-2.0
/* Base address registers (PCI 3.0 6.2.5): sizing, and mapping what the guest enables. */
#include <stdlib.h>

#include "base/log.h"
#include "vmm/core/pci_impl.h"

LOG_MODULE(pci);

static bool is_wide(const struct pci_bar *bar)
{
	return bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH;
}

void pci_bar_set(struct pci_device *dev, unsigned int n, enum pci_bar_type type, uint64_t size,
		 const struct bus_ops *ops, void *aux, pthread_mutex_t *lock)
{
	struct pci_bar *bar = &dev->bars[n];
	uint32_t at = PCI_BAR0 + 4 * n;
	/* Address bits below the size are zero for ever: this is how a guest finds the size. */
	uint64_t address_bits = ~(size - 1);

	bar->type = type;
	bar->size = size;
	bar->range = (struct bus_range){.size = size, .ops = ops, .aux = aux, .lock = lock, .name = dev->name};
	if (type == PCI_BAR_IO) {
		dev->config[at] = 1;
		pci_put32(dev->writable, at, (uint32_t)address_bits & 0xfffffffcu);
		return;
	}
	dev->config[at] = (uint8_t)((is_wide(bar) ? 4 : 0) | (type == PCI_BAR_MEM64_PREFETCH ? 8 : 0));
	pci_put32(dev->writable, at, (uint32_t)address_bits & 0xfffffff0u);
	if (is_wide(bar))
		pci_put32(dev->writable, at + 4, (uint32_t)(address_bits >> 32));
}

static uint64_t address_of(const struct pci_device *dev, unsigned int n)
{
	const struct pci_bar *bar = &dev->bars[n];
	uint32_t low = pci_get32(dev, PCI_BAR0 + 4 * n);

	if (bar->type == PCI_BAR_IO)
		return low & 0xfffc;
	return (low & 0xfffffff0u) | (is_wide(bar) ? (uint64_t)pci_get32(dev, PCI_BAR0 + 4 * n + 4) << 32 : 0);
}

static struct bus *bus_of(const struct pci_device *dev, const struct pci_bar *bar)
{
	return bar->type == PCI_BAR_IO ? dev->machine->pio : dev->machine->mmio;
}

/* A guest that sizes a BAR writes all ones to it, with decoding on or off: such an address, and 0, mean "nowhere". */
static bool is_somewhere(const struct pci_bar *bar, uint64_t address)
{
	if (!address || address + (bar->size - 1) < address)
		return false;
	if (bar->type == PCI_BAR_IO)
		return address + bar->size <= 0x10000;
	if (!is_wide(bar))
		return address + bar->size <= 0xfec00000ull; /* above are the interrupt controllers */
	return address + (bar->size - 1) < 1ull << 52;
}

static void unmap(struct pci_device *dev, unsigned int n)
{
	struct pci_bar *bar = &dev->bars[n];

	if (!bar->is_mapped)
		return;
	if (bar->moved)
		bar->moved(dev, n, false);
	bus_del(bus_of(dev, bar), &bar->range);
	bar->is_mapped = false;
}

static void update(struct pci_device *dev, unsigned int n)
{
	struct pci_bar *bar = &dev->bars[n];
	uint16_t enable = bar->type == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	uint64_t address = address_of(dev, n);
	bool wanted = pci_get16(dev, PCI_COMMAND) & enable && is_somewhere(bar, address);

	if (bar->is_mapped && wanted && bar->range.base == address)
		return;
	unmap(dev, n);
	if (!wanted)
		return;
	bar->range.base = address;
	if (bus_add(bus_of(dev, bar), &bar->range)) {
		log_warn_rl("%s: BAR %u at %#llx lies over another device: not mapped", dev->name, n,
			    (unsigned long long)address);
		return;
	}
	bar->is_mapped = true;
	if (bar->moved)
		bar->moved(dev, n, true);
}

void pci_bars_update(struct pci_device *dev)
{
	for (unsigned int n = 0; n < PCI_N_BARS; n++)
		if (dev->bars[n].type != PCI_BAR_NONE)
			update(dev, n);
}

void pci_bars_unmap(struct pci_device *dev)
{
	for (unsigned int n = 0; n < PCI_N_BARS; n++)
		unmap(dev, n);
}
