// SPDX-License-Identifier: Apache-2.0
/*
 * Kicks of virtio over PCI (virtio 1.2 4.1.4.4): one address for each queue, which KVM turns into a signal of the queue's eventfd without us.
 *
 * There are two areas of them. What makes a driver leave its processor when it writes to memory is a page fault, after which KVM must find out what the
 * instruction was: it reads it through the guest's page tables and decodes it. Of a write to a port the processor says itself what it is. So ports come
 * first in the list of capabilities; the memory is for guests that have no port to give to the BAR.
 */
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio_pci_impl.h"

LOG_MODULE(virtio_pci_kicks);

_Static_assert(VIRTIO_MAX_QUEUES *VIRTIO_PCI_KICK_STEP <= 256, "an I/O BAR has 256 bytes at most (PCI 3.0 6.2.5.1)");

void virtio_pci_kick(struct virtio_transport *t, uint64_t offset)
{
	uint64_t queue = offset / VIRTIO_PCI_KICK_STEP;
	const uint64_t one = 1;

	if (queue >= t->dev->n_queues)
		return;
	/* It cannot fail but when kicks have piled up to 2^64. */
	if (write(t->dev->kick_fds[queue], &one, sizeof one) != sizeof one)
		log_dbg("%s: kicked very often", t->dev->name);
}

static uint64_t ports_read(void *aux, uint64_t offset, unsigned int size)
{
	(void)aux;
	(void)offset;
	(void)size;
	return 0;
}

static void ports_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)size;
	(void)value;
	virtio_pci_kick(aux, offset);
}

static const struct bus_ops ports_ops = {ports_read, ports_write};

void virtio_pci_set_ports(struct virtio_transport *t)
{
	uint64_t size = VIRTIO_PCI_KICK_STEP;

	while (size < VIRTIO_PCI_KICK_STEP * t->dev->n_queues)
		size *= 2;
	pci_bar_set(&t->pci, PORTS_BAR, PCI_BAR_IO, size, &ports_ops, t, NULL);
	t->pci.bars[PORTS_BAR].moved = virtio_pci_kicks_moved;
}

static int set_ioeventfd(struct virtio_transport *t, unsigned int bar, unsigned int queue, bool add)
{
	struct machine *m = t->pci.machine;
	uint64_t base = t->pci.bars[bar].range.base + (bar == REGISTERS_BAR ? NOTIFY : 0);

	return m->ops->ioeventfd(m, bar == PORTS_BAR, base + (uint64_t)VIRTIO_PCI_KICK_STEP * queue, 0,
				 t->dev->kick_fds[queue], add);
}

/* Where one cannot be had (there are only so many), the others do without as well. */
void virtio_pci_kicks_moved(struct pci_device *pci, unsigned int bar, bool is_mapped)
{
	struct virtio_transport *t = transport_of(pci);
	unsigned int *n_set = &t->n_ioeventfds[bar == PORTS_BAR], n = is_mapped ? 0 : *n_set;

	while (is_mapped && n < t->dev->n_queues && !set_ioeventfd(t, bar, n, true))
		n++;
	*n_set = n;
	if (is_mapped && n == t->dev->n_queues)
		return;
	while (n--)
		if (set_ioeventfd(t, bar, n, false))
			log_warn_rl("%s: a kick stays tied to where its BAR was", t->dev->name);
	*n_set = 0;
}
