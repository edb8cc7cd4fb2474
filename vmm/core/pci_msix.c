// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupts of PCI devices: MSI-X (PCI 3.0 6.8.2) and the pin.
 *
 * The table lies in a BAR that this file serves: vectors at 0 (16 bytes each), pending bits at half of the BAR. A vector that an
 * eventfd is bound to is given to the machine as an irqfd while it may fire, and taken back while it is masked: the signals of that
 * time stay in the eventfd and are turned into the pending bit when the guest unmasks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/pci_impl.h"

LOG_MODULE(msix);

#define MSIX_BAR_SIZE 4096
#define MSIX_PBA 2048
#define MSIX_ENABLE 0x8000
#define MSIX_MASK_ALL 0x4000

_Static_assert(PCI_MSIX_MAX * 16 <= MSIX_PBA, "the table ends before the pending bits");
_Static_assert(PCI_MSIX_MAX <= 64, "one word of pending bits");

static uint16_t control_of(const struct pci_device *dev)
{
	return pci_get16(dev, dev->msix.cap + 2u);
}

bool pci_msix_enabled(struct pci_device *dev)
{
	return dev->msix.n_vectors && control_of(dev) & MSIX_ENABLE;
}

static bool may_fire(struct pci_device *dev, const struct pci_msix_vector *v)
{
	return (control_of(dev) & (MSIX_ENABLE | MSIX_MASK_ALL)) == MSIX_ENABLE && !v->is_masked;
}

/* ---- eventfds ---- */

static void unbind(struct pci_device *dev, struct pci_msix_vector *v)
{
	if (v->irqfd_is_bound)
		dev->machine->ops->irqfd(dev->machine, v->irqfd, NULL);
	v->irqfd_is_bound = false;
}

static void bind(struct pci_device *dev, struct pci_msix_vector *v)
{
	int error = dev->machine->ops->irqfd(dev->machine, v->irqfd, &v->msi);

	v->irqfd_is_bound = !error;
	if (error && error != -EOPNOTSUPP)
		log_warn_rl("%s: an interrupt cannot be tied to its eventfd: %s", dev->name, strerror(-error));
}

/* Signals that came while the vector was masked. */
static void collect_signals(struct pci_msix_vector *v)
{
	uint64_t n;

	if (v->irqfd >= 0 && !v->irqfd_is_bound && read(v->irqfd, &n, sizeof n) == sizeof n)
		v->is_pending = true;
}

/* The vector's masks or message may have changed. Caller holds irq_lock. */
static void update_vector(struct pci_device *dev, struct pci_msix_vector *v)
{
	bool fire = may_fire(dev, v);

	if (v->irqfd >= 0) {
		if (!fire)
			unbind(dev, v);
		else
			bind(dev, v);
	}
	if (fire) {
		collect_signals(v);
		if (v->is_pending)
			machine_send_msi(dev->machine, &v->msi);
		v->is_pending = false;
	}
}

int pci_msix_irqfd(struct pci_device *dev, unsigned int vector, int eventfd)
{
	struct pci_msix_vector *v;
	int error = 0;

	if (vector >= dev->msix.n_vectors)
		return -EINVAL;
	pthread_mutex_lock(&dev->irq_lock);
	v = &dev->msix.vectors[vector];
	unbind(dev, v);
	v->irqfd = eventfd;
	if (eventfd >= 0)
		update_vector(dev, v);
	if (eventfd >= 0 && may_fire(dev, v) && !v->irqfd_is_bound)
		error = -EOPNOTSUPP;
	pthread_mutex_unlock(&dev->irq_lock);
	return error;
}

void pci_msix_notify(struct pci_device *dev, unsigned int vector)
{
	struct pci_msix_vector *v;

	if (vector >= dev->msix.n_vectors)
		return;
	pthread_mutex_lock(&dev->irq_lock);
	v = &dev->msix.vectors[vector];
	if (may_fire(dev, v))
		machine_send_msi(dev->machine, &v->msi);
	else if (pci_msix_enabled(dev))
		v->is_pending = true;
	pthread_mutex_unlock(&dev->irq_lock);
}

void pci_msix_update(struct pci_device *dev)
{
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned int i = 0; i < dev->msix.n_vectors; i++)
		update_vector(dev, &dev->msix.vectors[i]);
	pthread_mutex_unlock(&dev->irq_lock);
	pci_pin_update(dev);
}

/* ---- the table and the pending bits ---- */

static uint32_t table_word(const struct pci_msix_vector *v, unsigned int word)
{
	switch (word) {
	case 0:
		return (uint32_t)v->msi.addr;
	case 1:
		return (uint32_t)(v->msi.addr >> 32);
	case 2:
		return v->msi.data;
	default:
		return v->is_masked;
	}
}

static uint32_t read_word(struct pci_device *dev, uint64_t offset)
{
	uint64_t pending = 0;

	if (offset < dev->msix.n_vectors * 16ull)
		return table_word(&dev->msix.vectors[offset / 16], offset % 16 / 4);
	if (offset < MSIX_PBA || offset >= MSIX_PBA + 8)
		return 0;
	for (unsigned int i = 0; i < dev->msix.n_vectors; i++) {
		collect_signals(&dev->msix.vectors[i]);
		pending |= (uint64_t)dev->msix.vectors[i].is_pending << i;
	}
	return (uint32_t)(pending >> 8 * (offset - MSIX_PBA));
}

static void write_word(struct pci_device *dev, uint64_t offset, uint32_t value)
{
	struct pci_msix_vector *v;

	if (offset >= dev->msix.n_vectors * 16ull)
		return; /* pending bits are read-only */
	v = &dev->msix.vectors[offset / 16];
	switch (offset % 16 / 4) {
	case 0:
		v->msi.addr = (v->msi.addr & ~0xffffffffull) | (value & ~3u);
		break;
	case 1:
		v->msi.addr = (v->msi.addr & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case 2:
		v->msi.data = value;
		break;
	default:
		v->is_masked = value & 1;
		break;
	}
	update_vector(dev, v);
}

/* Only aligned accesses of 4 and 8 bytes mean something (6.8.2). */
static uint64_t bar_read(void *aux, uint64_t offset, unsigned int size)
{
	struct pci_device *dev = aux;
	uint64_t value = 0;

	if (size < 4 || offset % size)
		return 0;
	pthread_mutex_lock(&dev->irq_lock);
	value = read_word(dev, offset);
	if (size == 8)
		value |= (uint64_t)read_word(dev, offset + 4) << 32;
	pthread_mutex_unlock(&dev->irq_lock);
	return value;
}

static void bar_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_device *dev = aux;

	if (size < 4 || offset % size)
		return;
	pthread_mutex_lock(&dev->irq_lock);
	write_word(dev, offset, (uint32_t)value);
	if (size == 8)
		write_word(dev, offset + 4, (uint32_t)(value >> 32));
	pthread_mutex_unlock(&dev->irq_lock);
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

static void clear_vectors(struct pci_msix *msix)
{
	for (unsigned int i = 0; i < msix->n_vectors; i++) {
		struct pci_msix_vector *v = &msix->vectors[i];

		v->msi = (struct machine_msi){0};
		v->is_masked = true;
		v->is_pending = false;
	}
}

void pci_msix_set(struct pci_device *dev, unsigned int n_vectors, unsigned int bar)
{
	struct pci_msix *msix = &dev->msix;

	msix->n_vectors = MIN(n_vectors, PCI_MSIX_MAX);
	msix->bar = (uint8_t)bar;
	msix->table_offset = 0;
	msix->pba_offset = MSIX_PBA;
	for (unsigned int i = 0; i < msix->n_vectors; i++)
		msix->vectors[i].irqfd = -1;
	clear_vectors(msix);
	pci_bar_set(dev, bar, PCI_BAR_MEM32, MSIX_BAR_SIZE, &bar_ops, dev, NULL);
	msix->cap = pci_cap_add(dev, PCI_CAP_ID_MSIX, 12);
	pci_put16(dev->config, msix->cap + 2u, (uint16_t)(msix->n_vectors - 1));
	pci_put16(dev->writable, msix->cap + 2u, MSIX_ENABLE | MSIX_MASK_ALL);
	pci_put32(dev->config, msix->cap + 4u, bar);
	pci_put32(dev->config, msix->cap + 8u, MSIX_PBA | bar);
}

void pci_msix_reset(struct pci_device *dev)
{
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned int i = 0; i < dev->msix.n_vectors; i++)
		unbind(dev, &dev->msix.vectors[i]);
	clear_vectors(&dev->msix);
	if (dev->msix.n_vectors)
		pci_put16(dev->config, dev->msix.cap + 2u, (uint16_t)(dev->msix.n_vectors - 1));
	pthread_mutex_unlock(&dev->irq_lock);
}

void pci_msix_fini(struct pci_device *dev)
{
	for (unsigned int i = 0; i < dev->msix.n_vectors; i++)
		unbind(dev, &dev->msix.vectors[i]);
}

/* ---- the pin ---- */

/* Lines are shared: one is high while any of its devices holds it up. */
static void hold_line(struct pci_device *dev, bool hold)
{
	struct pci_bus *bus = dev->machine->pci;
	unsigned int line = (unsigned int)dev->slot % PCI_N_GSIS;

	pthread_mutex_lock(&bus->pin_lock);
	bus->pins[line] += hold ? 1 : -1;
	if (bus->pins[line] == hold) /* the first to hold it, or the last to let go */
		machine_set_line(dev->machine, PCI_GSI_BASE + line, hold);
	pthread_mutex_unlock(&bus->pin_lock);
}

static void pin_update_locked(struct pci_device *dev)
{
	bool hold = dev->pin && !pci_msix_enabled(dev) && !(pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_OFF);

	if (dev->pin)
		dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		dev->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
	if (dev->slot >= 0 && hold != dev->holds_line) {
		dev->holds_line = hold;
		hold_line(dev, hold);
	}
}

void pci_pin_update(struct pci_device *dev)
{
	pthread_mutex_lock(&dev->irq_lock);
	pin_update_locked(dev);
	pthread_mutex_unlock(&dev->irq_lock);
}

void pci_set_pin(struct pci_device *dev, bool level)
{
	pthread_mutex_lock(&dev->irq_lock);
	dev->pin = level;
	pin_update_locked(dev);
	pthread_mutex_unlock(&dev->irq_lock);
}
