/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device without its transport (virtio 1.2 chapter 2), and what it asks of the transport (dev/virtio_pci.c).
 *
 * The transport negotiates features, sets up the queues and calls the device: activate() when the driver says DRIVER_OK, reset()
 * when it resets. In between the device owns its queues and works on them in its I/O threads (core/iothread.h).
 */
#ifndef VMM_DEV_VIRTIO_H
#define VMM_DEV_VIRTIO_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "vmm/dev/virtqueue.h"

/** Feature bits of every device (virtio 1.2 chapter 6). */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_RING_RESET 40

/** Device status bits (2.1). */
enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64,
	VIRTIO_FAILED = 128,
};

/** Device types (chapter 5). */
enum virtio_type { VIRTIO_NET = 1, VIRTIO_BLK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RNG = 4, VIRTIO_BALLOON = 5 };

#define VIRTIO_MAX_QUEUES 64

struct virtio_device;

struct virtio_class {
	enum virtio_type type;
	uint32_t pci_class; /**< class code of its PCI function */
	/** Bytes of device configuration space. @len + @offset is within config_size. Little-endian. */
	void (*config_read)(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len);
	void (*config_write)(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len);
	/** What the driver chose is in dev->features. Return: false when they do not go together (FEATURES_OK stays clear). May be NULL. */
	bool (*features_ok)(struct virtio_device *dev);
	/** DRIVER_OK: enabled queues are started; begin to serve. Return: 0 or -errno: the device asks for a reset. */
	int (*activate)(struct virtio_device *dev);
	/** Stop serving, wait for what is in flight, forget everything that the driver told. Not called when never activated. */
	void (*reset)(struct virtio_device *dev);
	/** Work on @queue: its driver kicked it. In the I/O thread that watches dev->kick_fds[@queue]; a harness calls it by itself. */
	void (*kick)(struct virtio_device *dev, unsigned int queue);
	void (*free)(struct virtio_device *dev);
};

/** Embedded by the device; class, features offered, config_size, n_queues set before the transport gets it. */
struct virtio_device {
	const struct virtio_class *class;
	const char *name; /**< "net0" */
	struct machine *machine;
	uint64_t offered;  /**< feature bits; the transport adds those of the ring */
	uint64_t features; /**< negotiated */
	uint8_t status;	   /**< or'ed enum virtio_status */
	uint32_t config_size;
	unsigned int n_queues;
	struct virtqueue queues[VIRTIO_MAX_QUEUES];
	int kick_fds
		[VIRTIO_MAX_QUEUES]; /**< eventfd that the guest's kick signals; made by the transport, watched by the device */
	bool is_active;
	struct virtio_transport *transport; /**< the transport's own; NULL in tests without one */
	struct log_rate broken_rate;	    /**< of lines about its driver: no device hides another's */
};

static inline bool virtio_has(const struct virtio_device *dev, unsigned int bit)
{
	return dev->features >> bit & 1;
}

/**
 * virtio_device_init() - names, queues of @queue_size descriptors each, features
 * @offered: the device's own; the transport adds VERSION_1 and those of the rings
 */
void virtio_device_init(struct virtio_device *dev, const struct virtio_class *class, struct machine *machine,
			const char *name, unsigned int n_queues, uint16_t queue_size, uint64_t offered,
			uint32_t config_size);
/** virtio_device_fini() - not active any more. */
void virtio_device_fini(struct virtio_device *dev);

/** virtio_status_write() - what a write to device status means (2.1, 3.1.1); for transports, which serialise these calls. */
void virtio_status_write(struct virtio_device *dev, uint8_t status);
/** virtio_reset() - as after power on. */
void virtio_reset(struct virtio_device *dev);

/* What the transport does for a device; any thread. */

/** virtio_interrupt() - tell the driver of used buffers in @queue, when it wants to know (virtqueue_wants_interrupt() is asked here). */
void virtio_interrupt(struct virtio_device *dev, unsigned int queue);
/** virtio_config_changed() - tell the driver that device configuration space has changed. */
void virtio_config_changed(struct virtio_device *dev);
/** virtio_broken() - a queue is broken or the device cannot go on: one log line, DEVICE_NEEDS_RESET. */
void virtio_broken(struct virtio_device *dev, const char *why);
/**
 * virtio_call_fd() - an eventfd whose signal is @queue's interrupt, masks honoured: for vhost. Return: the descriptor (the transport's), or -errno.
 */
int virtio_call_fd(struct virtio_device *dev, unsigned int queue);

#endif
