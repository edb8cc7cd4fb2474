// SPDX-License-Identifier: Apache-2.0
/*
 * Virtio over PCI: registers and interrupts. virtio_pci.h has the layout, virtio_pci_kicks.c what a kick is, virtio_pci_calls.c interrupts by eventfd.
 *
 * Locks: `lock` serialises registers and is held while the device is activated or reset. Interrupts take none of it: an I/O thread may
 * raise one while a vCPU waits, lock in hand, for that very thread to stop.
 */
#include "vmm/dev/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_pci_impl.h"

LOG_MODULE(virtio_pci);

#define MSIX_BAR 0
#define N_VECTORS_MAX \
	33 /* the configuration's, and one for each queue of most devices; drivers share where there are fewer */
#define CAP_ID_VENDOR 0x09

/** cfg_type of a capability (4.1.4). */
enum cap_type { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };

/** Interrupt status (4.1.4.5). */
enum isr_bit { ISR_QUEUE = 1, ISR_CONFIG = 2 };

/** struct virtio_pci_common_cfg (4.1.4.3). */
enum common {
	DEVICE_FEATURE_SELECT = 0,
	DEVICE_FEATURE = 4,
	DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12,
	CONFIG_MSIX_VECTOR = 16,
	NUM_QUEUES = 18,
	DEVICE_STATUS = 20,
	CONFIG_GENERATION = 21,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_MSIX_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
	COMMON_SIZE = 56,
};

struct pci_device *virtio_pci_device(struct virtio_device *dev)
{
	return &dev->transport->pci;
}

/* ---- interrupts ---- */

static void raise(struct virtio_transport *t, uint16_t vector, enum isr_bit bit)
{
	if (pci_msix_enabled(&t->pci)) {
		if (vector != NO_VECTOR)
			pci_msix_notify(&t->pci, vector);
		return;
	}
	__atomic_fetch_or(&t->isr, (uint8_t)bit, __ATOMIC_SEQ_CST);
	pci_set_pin(&t->pci, true);
}

void virtio_pci_raise(struct virtio_transport *t, unsigned int queue)
{
	raise(t, __atomic_load_n(&t->vectors[queue], __ATOMIC_RELAXED), ISR_QUEUE);
}

void virtio_interrupt(struct virtio_device *dev, unsigned int queue)
{
	struct virtqueue *vq = &dev->queues[queue];

	if (!virtqueue_wants_interrupt(vq))
		return;
	vq->n_interrupts++;
	if (dev->transport)
		virtio_pci_raise(dev->transport, queue);
}

void virtio_config_changed(struct virtio_device *dev)
{
	struct virtio_transport *t = dev->transport;

	if (!t || !(__atomic_load_n(&dev->status, __ATOMIC_RELAXED) & VIRTIO_DRIVER_OK))
		return;
	__atomic_fetch_add(&t->generation, 1, __ATOMIC_RELAXED);
	raise(t, __atomic_load_n(&t->config_vector, __ATOMIC_RELAXED), ISR_CONFIG);
}

void virtio_broken(struct virtio_device *dev, const char *why)
{
	if (__atomic_fetch_or(&dev->status, VIRTIO_NEEDS_RESET, __ATOMIC_SEQ_CST) & VIRTIO_NEEDS_RESET)
		return;
	/* A queue knows better what it was. */
	for (unsigned int i = 0; i < dev->n_queues; i++)
		if (dev->queues[i].broken)
			why = dev->queues[i].broken;
	log_warn_rate(&dev->broken_rate, "%s: %s: the device stops until its driver resets it", dev->name, why);
	virtio_config_changed(dev);
}

static void set_queue_vector(struct virtio_transport *t, unsigned int queue, uint16_t vector)
{
	if (vector >= t->pci.msix.n_vectors)
		vector = NO_VECTOR;
	__atomic_store_n(&t->vectors[queue], vector, __ATOMIC_RELAXED);
	virtio_pci_bind_call(t, queue);
}

/* ---- common configuration ---- */

static struct virtqueue *selected(struct virtio_transport *t)
{
	return t->queue_select < t->dev->n_queues ? &t->dev->queues[t->queue_select] : NULL;
}

static uint64_t read_queue(struct virtio_transport *t, uint64_t offset)
{
	const struct virtqueue *vq = selected(t);

	if (!vq)
		return 0; /* size 0: there is no such queue */
	switch (offset) {
	case QUEUE_SIZE:
		return vq->size;
	case QUEUE_MSIX_VECTOR:
		return t->vectors[t->queue_select];
	case QUEUE_ENABLE:
		return vq->is_enabled;
	case QUEUE_NOTIFY_OFF:
		return t->queue_select;
	case QUEUE_DESC:
		return vq->desc_gpa;
	case QUEUE_DESC + 4:
		return vq->desc_gpa >> 32;
	case QUEUE_DRIVER:
		return vq->driver_gpa;
	case QUEUE_DRIVER + 4:
		return vq->driver_gpa >> 32;
	case QUEUE_DEVICE:
		return vq->device_gpa;
	case QUEUE_DEVICE + 4:
		return vq->device_gpa >> 32;
	}
	return 0;
}

static uint64_t read_common(struct virtio_transport *t, uint64_t offset)
{
	const struct virtio_device *dev = t->dev;

	switch (offset) {
	case DEVICE_FEATURE_SELECT:
		return t->device_select;
	case DEVICE_FEATURE:
		return t->device_select < 2 ? dev->offered >> 32 * t->device_select : 0;
	case DRIVER_FEATURE_SELECT:
		return t->driver_select;
	case DRIVER_FEATURE:
		return t->driver_select < 2 ? dev->features >> 32 * t->driver_select : 0;
	case CONFIG_MSIX_VECTOR:
		return t->config_vector;
	case NUM_QUEUES:
		return dev->n_queues;
	case DEVICE_STATUS:
		return __atomic_load_n(&dev->status, __ATOMIC_RELAXED);
	case CONFIG_GENERATION:
		return __atomic_load_n(&t->generation, __ATOMIC_RELAXED);
	case QUEUE_SELECT:
		return t->queue_select;
	}
	return read_queue(t, offset);
}

/* One half of a 64-bit field; drivers write the halves, or the whole. */
static void put_gpa(uint64_t *gpa, uint64_t value, unsigned int size, bool is_high)
{
	if (size == 8)
		*gpa = value;
	else if (is_high)
		*gpa = (*gpa & 0xffffffff) | value << 32;
	else
		*gpa = (*gpa & ~0xffffffffull) | (value & 0xffffffff);
}

static void write_queue(struct virtio_transport *t, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtqueue *vq = selected(t);

	if (!vq)
		return;
	if (offset == QUEUE_MSIX_VECTOR) {
		set_queue_vector(t, t->queue_select, (uint16_t)value);
		return;
	}
	if (vq->is_enabled)
		return; /* a queue is set up once, until the next reset (4.1.4.3.2) */
	switch (offset) {
	case QUEUE_SIZE:
		vq->size = (uint16_t)value;
		break;
	case QUEUE_ENABLE:
		vq->is_enabled = value == 1;
		break;
	case QUEUE_DESC:
	case QUEUE_DESC + 4:
		put_gpa(&vq->desc_gpa, value, size, offset != QUEUE_DESC);
		break;
	case QUEUE_DRIVER:
	case QUEUE_DRIVER + 4:
		put_gpa(&vq->driver_gpa, value, size, offset != QUEUE_DRIVER);
		break;
	case QUEUE_DEVICE:
	case QUEUE_DEVICE + 4:
		put_gpa(&vq->device_gpa, value, size, offset != QUEUE_DEVICE);
		break;
	}
}

static void write_driver_features(struct virtio_transport *t, uint32_t value)
{
	struct virtio_device *dev = t->dev;

	if (t->driver_select > 1 || dev->status & VIRTIO_FEATURES_OK)
		return;
	put_gpa(&dev->features, value, 4, t->driver_select);
}

static void reset_registers(struct virtio_transport *t)
{
	t->device_select = t->driver_select = 0;
	t->queue_select = 0;
	t->config_vector = NO_VECTOR;
	for (unsigned int i = 0; i < t->dev->n_queues; i++) {
		virtio_pci_unbind_call(t, i);
		__atomic_store_n(&t->vectors[i], NO_VECTOR, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&t->isr, 0, __ATOMIC_SEQ_CST);
	pci_set_pin(&t->pci, false);
}

static void write_common(struct virtio_transport *t, uint64_t offset, unsigned int size, uint64_t value)
{
	switch (offset) {
	case DEVICE_FEATURE_SELECT:
		t->device_select = (uint32_t)value;
		break;
	case DRIVER_FEATURE_SELECT:
		t->driver_select = (uint32_t)value;
		break;
	case DRIVER_FEATURE:
		write_driver_features(t, (uint32_t)value);
		break;
	case CONFIG_MSIX_VECTOR:
		__atomic_store_n(&t->config_vector, value < t->pci.msix.n_vectors ? (uint16_t)value : NO_VECTOR,
				 __ATOMIC_RELAXED);
		break;
	case DEVICE_STATUS:
		virtio_status_write(t->dev, (uint8_t)value);
		if (!(uint8_t)value)
			reset_registers(t);
		break;
	case QUEUE_SELECT:
		t->queue_select = (uint16_t)value;
		break;
	default:
		write_queue(t, offset, size, value);
	}
}

/* ---- the BAR ---- */

static uint64_t read_config(struct virtio_transport *t, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (offset < t->dev->config_size && size <= t->dev->config_size - offset)
		t->dev->class->config_read(t->dev, (uint32_t)offset, &value, size);
	return value;
}

static void write_config(struct virtio_transport *t, uint64_t offset, unsigned int size, uint64_t value)
{
	if (t->dev->class->config_write && offset < t->dev->config_size && size <= t->dev->config_size - offset)
		t->dev->class->config_write(t->dev, (uint32_t)offset, &value, size);
}

static uint64_t bar_read(void *aux, uint64_t offset, unsigned int size)
{
	struct virtio_transport *t = aux;

	if (offset == ISR) {
		uint8_t isr = __atomic_exchange_n(&t->isr, 0, __ATOMIC_SEQ_CST);

		pci_set_pin(&t->pci, false);
		return isr;
	}
	if (offset < COMMON_SIZE)
		return read_common(t, offset);
	if (offset >= DEVICE && offset < NOTIFY)
		return read_config(t, offset - DEVICE, size);
	return 0;
}

static void bar_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_transport *t = aux;

	if (offset < COMMON_SIZE) {
		write_common(t, offset, size, value);
	} else if (offset >= DEVICE && offset < NOTIFY) {
		write_config(t, offset - DEVICE, size, value);
	} else if (offset >= NOTIFY) {
		virtio_pci_kick(t, offset - NOTIFY);
	}
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* ---- capabilities ---- */

static uint8_t add_cap(struct virtio_transport *t, enum cap_type type, uint8_t bar, uint32_t offset, uint32_t length)
{
	/* Two kinds have a word more: the distance of kicks, the window's data. */
	uint8_t len = type == CAP_NOTIFY || type == CAP_PCI ? 20 : 16, at = pci_cap_add(&t->pci, CAP_ID_VENDOR, len);
	uint8_t *cap = t->pci.config + at;

	cap[2] = len;
	cap[3] = (uint8_t)type;
	cap[4] = bar;
	for (int i = 0; i < 4; i++) {
		cap[8 + i] = (uint8_t)(offset >> 8 * i);
		cap[12 + i] = (uint8_t)(length >> 8 * i);
	}
	return at;
}

/* Where kicks go; drivers take the first place that they can use (4.1.4). */
static void add_notify_cap(struct virtio_transport *t, uint8_t bar, uint32_t offset)
{
	uint8_t at = add_cap(t, CAP_NOTIFY, bar, offset, VIRTIO_PCI_KICK_STEP * t->dev->n_queues);

	t->pci.config[at + 16] = VIRTIO_PCI_KICK_STEP;
}

static void add_caps(struct virtio_transport *t)
{
	add_cap(t, CAP_COMMON, REGISTERS_BAR, COMMON, COMMON_SIZE);
	add_cap(t, CAP_ISR, REGISTERS_BAR, ISR, 1);
	if (t->dev->config_size)
		add_cap(t, CAP_DEVICE, REGISTERS_BAR, DEVICE, t->dev->config_size);
	add_notify_cap(t, PORTS_BAR, 0);
	add_notify_cap(t, REGISTERS_BAR, NOTIFY);
	t->window = add_cap(t, CAP_PCI, 0, 0, 0);
	t->pci.writable[t->window + 4] = 0xff;
	memset(t->pci.writable + t->window + 8, 0xff, 12);
}

/* The window (4.1.4.9): an access to its data is one to the BAR, offset and length that were written into it. */
static bool window_target(struct virtio_transport *t, uint32_t *offset, uint32_t *len)
{
	const uint8_t *cap = t->pci.config + t->window;

	*offset = cap[8] | cap[9] << 8 | cap[10] << 16 | (uint32_t)cap[11] << 24;
	*len = cap[12] | cap[13] << 8 | cap[14] << 16 | (uint32_t)cap[15] << 24;
	return cap[4] == REGISTERS_BAR && (*len == 1 || *len == 2 || *len == 4) && *offset <= REGISTERS_SIZE - *len;
}

static bool touches_window(const struct virtio_transport *t, uint32_t offset, unsigned int size)
{
	return offset < t->window + 20u && offset + size > t->window + 16u;
}

static void config_read(struct pci_device *pci, uint32_t offset, unsigned int size)
{
	struct virtio_transport *t = transport_of(pci);
	uint32_t at, len;
	uint64_t value;

	if (!touches_window(t, offset, size) || !window_target(t, &at, &len))
		return;
	pthread_mutex_lock(&t->lock);
	value = bar_read(t, at, len);
	pthread_mutex_unlock(&t->lock);
	memcpy(pci->config + t->window + 16, &value, len);
}

static void config_written(struct pci_device *pci, uint32_t offset, unsigned int size)
{
	struct virtio_transport *t = transport_of(pci);
	uint32_t at, len;
	uint64_t value = 0;

	if (!touches_window(t, offset, size) || !window_target(t, &at, &len))
		return;
	memcpy(&value, pci->config + t->window + 16, len);
	pthread_mutex_lock(&t->lock);
	bar_write(t, at, len, value);
	pthread_mutex_unlock(&t->lock);
}

/* ---- life ---- */

static void reset(struct pci_device *pci)
{
	struct virtio_transport *t = transport_of(pci);

	pthread_mutex_lock(&t->lock);
	virtio_reset(t->dev);
	reset_registers(t);
	pthread_mutex_unlock(&t->lock);
}

static void transport_free(struct pci_device *pci)
{
	struct virtio_transport *t = transport_of(pci);

	virtio_reset(t->dev);
	virtio_pci_stop_calls(t);
	t->dev->class->free(t->dev);
	pci_device_fini(pci);
	pthread_mutex_destroy(&t->lock);
	/* Behind what was posted for its relays. */
	if (pci->machine->loop)
		loop_post(pci->machine->loop, free, t);
	else
		free(t);
}

static const struct pci_device_ops pci_ops = {config_written, config_read, reset, transport_free};

int virtio_pci_plug(struct virtio_device *dev, int slot, struct errtext *err)
{
	struct virtio_transport *t = xzalloc(sizeof *t);
	struct pci_id id = {
		.vendor = 0x1af4,
		.device = (uint16_t)(0x1040 + dev->class->type),
		.subsystem_vendor = 0x1af4,
		.subsystem = 0x1100,
		.class_code = dev->class->pci_class,
		.revision = 1,
	};
	int error;

	t->dev = dev;
	pthread_mutex_init(&t->lock, NULL);
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		t->calls[i].fd = -1;
	pci_device_init(&t->pci, dev->machine, dev->name, &pci_ops, &id, true);
	pci_msix_set(&t->pci, MIN(dev->n_queues + 1, N_VECTORS_MAX), MSIX_BAR);
	pci_bar_set(&t->pci, REGISTERS_BAR, PCI_BAR_MEM64_PREFETCH, REGISTERS_SIZE, &bar_ops, t, &t->lock);
	t->pci.bars[REGISTERS_BAR].moved = virtio_pci_kicks_moved;
	virtio_pci_set_ports(t);
	add_caps(t);
	dev->transport = t;
	reset_registers(t);
	error = pci_plug(dev->machine->pci, &t->pci, slot, err);
	if (error) {
		dev->transport = NULL;
		pci_device_fini(&t->pci);
		pthread_mutex_destroy(&t->lock);
		free(t);
		dev->class->free(dev);
	}
	return error;
}
