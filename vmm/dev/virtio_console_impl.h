/* SPDX-License-Identifier: Apache-2.0 */
/* What virtio_console.c and virtio_console_ctrl.c share; nobody else includes this. */
#ifndef VMM_DEV_VIRTIO_CONSOLE_IMPL_H
#define VMM_DEV_VIRTIO_CONSOLE_IMPL_H 1

#include "vmm/char/chardev.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_console.h"
#include "vmm/dev/virtio_worker.h"

/** Feature bits (5.3.3). */
enum console_feature { CONSOLE_F_SIZE = 0, CONSOLE_F_MULTIPORT = 1, CONSOLE_F_EMERG_WRITE = 2 };

/** Queues of port 0, then control, then those of the other ports (5.3.2). */
enum { CONSOLE_CONTROL_RX = 2, CONSOLE_CONTROL_TX = 3 };

/** What the driver is still to be told of a port, in the order in which it is told. */
enum console_news {
	NEWS_ADD = 1 << 0,
	NEWS_CONSOLE = 1 << 1,
	NEWS_NAME = 1 << 2,
	NEWS_CLOSED = 1 << 3,
	NEWS_OPENED = 1 << 4,
	NEWS_SIZE = 1 << 5,
};

struct console_port {
	struct virtio_console *console;
	unsigned int id;
	struct virtio_console_port_config config;
	bool is_ready;	    /**< the driver has taken it (PORT_READY) */
	bool is_guest_open; /**< by a program in the guest */
	bool is_host_open;  /**< somebody is at the other end of the stream */
	bool has_size;
	uint16_t cols, rows;
	unsigned int news; /**< or'ed enum console_news */
	bool refused;	   /**< input that the guest had no room for waits in the stream */
	bool has_chain;	   /**< of the guest's bytes, @done of them written, the rest waits for the stream */
	size_t done;
	struct vq_chain chain;
	struct virtio_console_stats stats; /**< each atomic */
};

struct virtio_console {
	struct virtio_device dev;
	struct virtio_worker worker;
	bool is_running; /**< DRIVER_OK, queues are ours */
	unsigned int n_ports;
	struct console_port ports[];
};

static inline struct virtio_console *console_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static inline bool console_has_control(const struct virtio_console *c)
{
	return virtio_has(&c->dev, CONSOLE_F_MULTIPORT);
}

/** console_tell() - news of a port for the driver, as soon as it has a buffer for it. */
void console_tell(struct console_port *port, unsigned int news);
/** console_control_kick() - the driver kicked one of the control queues. */
void console_control_kick(struct virtio_console *console, unsigned int queue);
/** console_port_opened() - a program in the guest opened or closed the port: input that waits may come. */
void console_port_opened(struct console_port *port, bool is_open);

#endif
