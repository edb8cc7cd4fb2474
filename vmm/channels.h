/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of the guest's virtio-console, one for each --virtio-console: hvc0, hvc1, ... and those with names.
 *
 * Sockets are made by channels_open(), before the process gives up what it may; the device by channels_plug(), which the bus owns from then on.
 */
#ifndef VMM_CHANNELS_H
#define VMM_CHANNELS_H 1

#include <stddef.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/dev/virtio_console.h"

struct machine;
struct options;

struct channels {
	struct virtio_console *console; /**< NULL: none */
	size_t n_ports;			/**< that have no device yet */
	struct virtio_console_port_config ports[VIRTIO_CONSOLE_MAX_PORTS];
};

/** channels_open() - what is opened by name. @options stay. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int channels_open(struct channels *channels, const struct options *options, struct errtext *err);
/** channels_plug() - the device, if there are ports. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int channels_plug(struct channels *channels, struct machine *machine, struct errtext *err);
/** channels_fini() - what has no device; the bus has freed the others. Zeroes are fine. */
void channels_fini(struct channels *channels);

#endif
