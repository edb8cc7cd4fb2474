// SPDX-License-Identifier: Apache-2.0
/* The driver's side of virtio over PCI (virtio 1.2 3.1.1, 4.1). */
#include "liar.h"

enum common {
	DEVICE_FEATURE_SELECT = 0,
	DEVICE_FEATURE = 4,
	DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12,
	CONFIG_VECTOR = 16,
	STATUS = 20,
	QUEUE_SELECT = 22,
	QUEUE_SIZE_REG = 24,
	QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
};

#define VIRTIO_F_VERSION_1 32
#define NOTIFY_MULTIPLIER 4

static struct ring rings[6][N_RINGS]; /* by type */

static void find_registers(struct virtio *v)
{
	const struct pci_dev *d = v->pci;
	uint8_t at = (uint8_t)config_read(d->slot, 0x34);

	while (at) {
		uint32_t head = config_read(d->slot, at);
		uint64_t base = d->bars[config_read(d->slot, (uint8_t)(at + 4)) & 7];

		if ((head & 0xff) == 9) {
			uint64_t place = base + config_read(d->slot, (uint8_t)(at + 8));

			if (head >> 24 == 1)
				v->common = place;
			else if (head >> 24 == 2)
				v->notify = place;
			else if (head >> 24 == 4)
				v->config = place;
		} else if ((head & 0xff) == 0x11) {
			uint64_t table = d->bars[config_read(d->slot, (uint8_t)(at + 4)) & 7];

			write32(table, 0xfee00000); /* vector 0 is all that there is */
			write32(table + 4, 0);
			write32(table + 8, v->vector);
			write32(table + 12, 0);
			config_write(d->slot, at, (head & 0x3fffffff) | 0x80000000);
		}
		at = (uint8_t)(head >> 8);
	}
}

bool virtio_find(struct virtio *v, enum virtio_type type)
{
	*v = (struct virtio){.pci = pci_find(0x1af4, (uint16_t)(0x1040 + type), 0),
			     .vector = (uint8_t)(FIRST_VECTOR + type),
			     .rings = rings[type]};
	if (!v->pci)
		return false;
	find_registers(v);
	return true;
}

uint8_t virtio_status(const struct virtio *v)
{
	return read8(v->common + STATUS);
}

void virtio_reset(struct virtio *v)
{
	write8(v->common + STATUS, 0);
	while (virtio_status(v))
		continue;
	memset(v->seen, 0, sizeof v->seen);
}

bool virtio_negotiate(struct virtio *v, uint64_t features)
{
	virtio_reset(v);
	write8(v->common + STATUS, ACKNOWLEDGE);
	write8(v->common + STATUS, ACKNOWLEDGE | DRIVER);
	features |= 1ull << VIRTIO_F_VERSION_1;
	for (uint32_t i = 0; i < 2; i++) {
		write32(v->common + DEVICE_FEATURE_SELECT, i);
		write32(v->common + DRIVER_FEATURE_SELECT, i);
		write32(v->common + DRIVER_FEATURE,
			(uint32_t)(features >> 32 * i) & read32(v->common + DEVICE_FEATURE));
	}
	write8(v->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return virtio_status(v) & FEATURES_OK;
}

static void write64(uint64_t at, uint64_t value)
{
	write32(at, (uint32_t)value);
	write32(at + 4, (uint32_t)(value >> 32));
}

void virtio_place(struct virtio *v, uint16_t queue, uint16_t size, uint64_t desc, uint64_t driver, uint64_t device)
{
	write16(v->common + QUEUE_SELECT, queue);
	write16(v->common + QUEUE_SIZE_REG, size);
	write16(v->common + QUEUE_VECTOR, 0);
	write64(v->common + QUEUE_DESC, desc);
	write64(v->common + QUEUE_DRIVER, driver);
	write64(v->common + QUEUE_DEVICE, device);
	write16(v->common + QUEUE_ENABLE, 1);
}

void virtio_driver_ok(struct virtio *v)
{
	write8(v->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

bool virtio_begin(struct virtio *v, uint64_t features, unsigned int n_queues)
{
	if (!virtio_negotiate(v, features))
		return false;
	write16(v->common + CONFIG_VECTOR, 0xffff);
	for (uint16_t i = 0; i < n_queues; i++) {
		struct ring *r = &v->rings[i];

		memset(r, 0, sizeof *r);
		virtio_place(v, i, QUEUE_SIZE, address(r->desc), address(&r->avail), address(&r->used));
	}
	virtio_driver_ok(v);
	return !(virtio_status(v) & NEEDS_RESET);
}

void virtio_kick(struct virtio *v, uint16_t queue)
{
	write16(v->notify + NOTIFY_MULTIPLIER * (uint64_t)queue, queue);
}

void virtio_publish(struct virtio *v, uint16_t queue, uint16_t head)
{
	struct ring *r = &v->rings[queue];

	r->avail.heads[r->avail.index % QUEUE_SIZE] = head;
	barrier();
	r->avail.index++;
	barrier();
	virtio_kick(v, queue);
}

void virtio_offer(struct virtio *v, uint16_t queue, uint16_t head, const struct buffer *buffers, unsigned int n)
{
	struct ring *r = &v->rings[queue];

	for (unsigned int i = 0; i < n; i++)
		r->desc[head + i] = (struct desc){
			.addr = buffers[i].addr,
			.len = buffers[i].len,
			.flags = (uint16_t)((i + 1 < n ? DESC_NEXT : 0) | (buffers[i].is_write ? DESC_WRITE : 0)),
			.next = (uint16_t)(head + i + 1),
		};
	virtio_publish(v, queue, head);
}

int virtio_wait(struct virtio *v, uint16_t queue)
{
	struct ring *r = &v->rings[queue];

	if (!wait_change16(&r->used.index, v->seen[queue]))
		return -1;
	barrier();
	return (int)r->used.entries[v->seen[queue]++ % QUEUE_SIZE].len;
}
