/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console (virtio 1.2 5.3): consoles (hvc0, ...) and named ports (/dev/virtio-ports/NAME) of a guest, each with a stream (char/chardev.h) at our end.
 *
 * Each port is announced, named, opened and closed over the control queue, if the driver takes it. It is offered with one port, too: Linux' driver throws away
 * what comes to a console before it is set up, and says when that is over there.
 *
 * Back pressure: a port's bytes wait in the guest's ring until the stream takes them, and those for a guest that has no buffer wait in the stream. A
 * console's do not: drivers of consoles spin until their bytes are taken, with interrupts off, so what nobody reads is lost, and counted.
 */
#ifndef VMM_DEV_VIRTIO_CONSOLE_H
#define VMM_DEV_VIRTIO_CONSOLE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct chardev;
struct machine;
struct virtio_console;
struct virtio_device;

#define VIRTIO_CONSOLE_MAX_PORTS 16

struct virtio_console_port_config {
	const char *name; /**< of a port: at most 63 bytes, stays; NULL for none */
	bool is_console;
	struct chardev *chardev; /**< taken over, also on failure */
};

struct virtio_console_stats {
	uint64_t bytes_in, bytes_out, bytes_lost; /**< to the guest; of the guest; of those nobody took */
	bool is_open;				  /**< the guest has the port open, or has none to open */
};

/** virtio_console_new() - @n_ports: 1 to VIRTIO_CONSOLE_MAX_PORTS; the first is a console. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int virtio_console_new(struct machine *machine, const char *name,
				    const struct virtio_console_port_config *ports, unsigned int n_ports,
				    struct virtio_console **console, struct errtext *err);
/** virtio_console_device() - for virtio_pci_plug(), which owns it from then on. */
struct virtio_device *virtio_console_device(struct virtio_console *console);
/** virtio_console_resize() - the size of what shows @port. Main thread. */
void virtio_console_resize(struct virtio_console *console, unsigned int port, uint16_t cols, uint16_t rows);
/** virtio_console_get_stats() - any thread. */
void virtio_console_get_stats(const struct virtio_console *console, unsigned int port,
			      struct virtio_console_stats *stats);

#endif
