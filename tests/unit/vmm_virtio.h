/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of virtio over PCI, for tests of devices: finds the registers by their capabilities, negotiates, sets up queues
 * (virtio 1.2 3.1.1, 4.1). vmm_driver.h has the rings.
 */
#ifndef TESTS_VMM_VIRTIO_H
#define TESTS_VMM_VIRTIO_H 1

#include <sched.h>

#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm_driver.h"
#include "vmm_harness.h"

#define VPCI_SLOT 3
#define VPCI_BAR 0xe1200000ull
#define VPCI_LINE (PCI_GSI_BASE + VPCI_SLOT % PCI_N_GSIS)
#define VPCI_RINGS 0x100000ull
#define VPCI_DATA 0x800000ull

struct vpci {
	struct harness *h;
	struct virtio_device *dev;
	uint32_t common, notify, isr, config, notify_multiplier;
	struct driver queues[16];
};

static inline uint64_t vpci_read(struct vpci *v, uint32_t offset, unsigned int size)
{
	return harness_read(v->h->m.mmio, VPCI_BAR + offset, size);
}

static inline void vpci_write(struct vpci *v, uint32_t offset, unsigned int size, uint64_t value)
{
	harness_write(v->h->m.mmio, VPCI_BAR + offset, size, value);
}

static inline void vpci_find_caps(struct vpci *v)
{
	uint32_t at = harness_config_read(v->h, VPCI_SLOT, 0x34, 1);

	for (; at; at = harness_config_read(v->h, VPCI_SLOT, at + 1, 1)) {
		uint32_t where = harness_config_read(v->h, VPCI_SLOT, at + 8, 4);

		if (harness_config_read(v->h, VPCI_SLOT, at, 1) != 9)
			continue;
		switch (harness_config_read(v->h, VPCI_SLOT, at + 3, 1)) {
		case 1:
			v->common = where;
			break;
		case 2:
			v->notify = where;
			v->notify_multiplier = harness_config_read(v->h, VPCI_SLOT, at + 16, 4);
			break;
		case 3:
			v->isr = where;
			break;
		case 4:
			v->config = where;
			break;
		}
	}
}

/* Put @dev onto the bus, and map it. */
static inline void vpci_init(struct vpci *v, struct harness *h, struct virtio_device *dev)
{
	memset(v, 0, sizeof *v);
	v->h = h;
	v->dev = dev;
	if (virtio_pci_plug(dev, VPCI_SLOT, NULL))
		abort();
	harness_config_write(h, VPCI_SLOT, 0x20, 4, (uint32_t)VPCI_BAR);
	harness_config_write(h, VPCI_SLOT, 0x24, 4, 0);
	harness_config_write(h, VPCI_SLOT, 4, 2, 7);
	vpci_find_caps(v);
}

static inline uint8_t vpci_status(struct vpci *v)
{
	return (uint8_t)vpci_read(v, v->common + 20, 1);
}

static inline uint64_t vpci_offered(struct vpci *v)
{
	uint64_t low;

	vpci_write(v, v->common, 4, 0);
	low = vpci_read(v, v->common + 4, 4);
	vpci_write(v, v->common, 4, 1);
	return low | vpci_read(v, v->common + 4, 4) << 32;
}

/* Reset, and negotiate. Return: whether the device takes @features. */
static inline bool vpci_negotiate(struct vpci *v, uint64_t features)
{
	vpci_write(v, v->common + 20, 1, 0);
	vpci_write(v, v->common + 20, 1, VIRTIO_ACKNOWLEDGE);
	vpci_write(v, v->common + 20, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (unsigned int i = 0; i < 2; i++) {
		vpci_write(v, v->common + 8, 4, i);
		vpci_write(v, v->common + 12, 4, (uint32_t)(features >> 32 * i));
	}
	vpci_write(v, v->common + 20, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return vpci_status(v) & VIRTIO_FEATURES_OK;
}

static inline void vpci_queue(struct vpci *v, uint16_t queue, uint16_t size, bool is_packed)
{
	struct driver *d = &v->queues[queue];

	driver_init(d, v->h->m.memory, VPCI_RINGS + 0x10000ull * queue, size, is_packed);
	vpci_write(v, v->common + 22, 2, queue);
	vpci_write(v, v->common + 24, 2, size);
	vpci_write(v, v->common + 32, 8, d->desc);
	vpci_write(v, v->common + 40, 4, d->driver);
	vpci_write(v, v->common + 44, 4, 0);
	vpci_write(v, v->common + 48, 8, d->device);
	vpci_write(v, v->common + 28, 2, 1);
}

static inline void vpci_driver_ok(struct vpci *v)
{
	vpci_write(v, v->common + 20, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

/* All of it: @n_queues of 16 entries. Return: whether the device takes @features, VERSION_1 besides. */
static inline bool vpci_start(struct vpci *v, uint64_t features, uint16_t n_queues)
{
	if (!vpci_negotiate(v, features | 1ull << VIRTIO_F_VERSION_1))
		return false;
	for (uint16_t i = 0; i < n_queues; i++)
		vpci_queue(v, i, 16, features >> VIRTIO_F_RING_PACKED & 1);
	vpci_driver_ok(v);
	return true;
}

/* Through the device's own thread, if it has one. */
static inline void vpci_kick(struct vpci *v, unsigned int queue)
{
	vpci_write(v, v->notify + queue * v->notify_multiplier, 2, queue);
}

/* Of a device without a thread: what its thread would do now. */
static inline void vpci_run(struct vpci *v, unsigned int queue)
{
	v->dev->class->kick(v->dev, queue);
}

/* Take back what the device has used. Return: bytes that it has written, or -1: there is nothing. */
static inline int64_t vpci_take(struct vpci *v, unsigned int queue)
{
	uint32_t len;
	uint16_t id;

	return driver_take(&v->queues[queue], &id, &len) ? (int64_t)len : -1;
}

/* Wait for a used buffer of a device that has a thread; the run's time limit ends what never comes. */
static inline uint32_t vpci_wait(struct vpci *v, unsigned int queue)
{
	uint32_t len;
	uint16_t id;

	while (!driver_take(&v->queues[queue], &id, &len))
		sched_yield();
	return len;
}

static inline void vpci_put(struct vpci *v, uint64_t gpa, const void *data, size_t len)
{
	if (!memory_write(v->h->m.memory, gpa, data, len))
		abort();
}

static inline uint8_t *vpci_at(struct vpci *v, uint64_t gpa, size_t len)
{
	return memory_at(v->h->m.memory, gpa, len);
}

#endif
