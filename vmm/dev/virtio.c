// SPDX-License-Identifier: Apache-2.0
/* Virtio devices: status and feature negotiation, the same for every device and transport (virtio 1.2 2.1, 2.2, 3.1.1). */
#include "vmm/dev/virtio.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/machine.h"

LOG_MODULE(virtio);

#define RING_FEATURES \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX | \
	 1ull << VIRTIO_F_RING_PACKED)

void virtio_device_init(struct virtio_device *dev, const struct virtio_class *class, struct machine *machine,
			const char *name, unsigned int n_queues, uint16_t queue_size, uint64_t offered,
			uint32_t config_size)
{
	memset(dev, 0, sizeof *dev);
	dev->class = class;
	dev->machine = machine;
	dev->name = name;
	dev->offered = offered | RING_FEATURES;
	dev->config_size = config_size;
	dev->n_queues = n_queues;
	for (unsigned int i = 0; i < n_queues; i++) {
		virtqueue_init(&dev->queues[i], machine->memory, queue_size);
		dev->kick_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
}

void virtio_device_fini(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->n_queues; i++)
		if (dev->kick_fds[i] >= 0)
			close(dev->kick_fds[i]);
}

void virtio_reset(struct virtio_device *dev)
{
	if (dev->is_active)
		dev->class->reset(dev);
	dev->is_active = false;
	dev->status = 0;
	dev->features = 0;
	for (unsigned int i = 0; i < dev->n_queues; i++) {
		uint64_t n;

		virtqueue_reset(&dev->queues[i]);
		while (read(dev->kick_fds[i], &n, sizeof n) == sizeof n)
			continue; /* kicks of the driver before */
	}
}

static bool features_are_ok(struct virtio_device *dev)
{
	return !(dev->features & ~dev->offered) && virtio_has(dev, VIRTIO_F_VERSION_1) &&
	       (!dev->class->features_ok || dev->class->features_ok(dev));
}

/* DRIVER_OK: the rings are where the driver says, and the device begins. */
static void activate(struct virtio_device *dev)
{
	int error = 0;

	for (unsigned int i = 0; i < dev->n_queues && !error; i++) {
		struct virtqueue *vq = &dev->queues[i];

		if (!vq->is_enabled)
			continue;
		vq->is_packed = virtio_has(dev, VIRTIO_F_RING_PACKED);
		vq->has_event_idx = virtio_has(dev, VIRTIO_F_EVENT_IDX);
		vq->has_indirect = virtio_has(dev, VIRTIO_F_INDIRECT_DESC);
		error = virtqueue_start(vq);
	}
	if (!error)
		error = dev->class->activate(dev);
	dev->is_active = !error;
	if (error)
		virtio_broken(dev, "it cannot begin");
}

void virtio_status_write(struct virtio_device *dev, uint8_t status)
{
	uint8_t raised = status & (uint8_t)~dev->status;

	if (!status) {
		virtio_reset(dev);
		return;
	}
	if (raised & VIRTIO_FEATURES_OK && !features_are_ok(dev))
		status &= (uint8_t)~VIRTIO_FEATURES_OK; /* the driver reads it back and gives up */
	/* No bit goes but by a reset. */
	dev->status |= status;
	if (raised & VIRTIO_DRIVER_OK && dev->status & VIRTIO_FEATURES_OK && !dev->is_active)
		activate(dev);
}
