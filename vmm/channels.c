// SPDX-License-Identifier: Apache-2.0
/* The ports of the guest's virtio-console. */
#include "vmm/channels.h"

#include "vmm/char/chardev.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/isolate.h"
#include "vmm/isolate.h"
#include "vmm/options.h"

int channels_open(struct channels *channels, const struct options *options, struct errtext *err)
{
	for (size_t i = 0; i < options->n_channels; i++) {
		const struct channel_options *channel = &options->channels[i];
		struct chardev *chardev;
		int error = 0;

		if (channel->is_socket)
			error = chardev_socket_new(channel->path, &chardev, err);
		else
			chardev = chardev_stdio_new();
		if (error)
			return error;
		if (channel->is_socket)
			isolate_leave(channel->path);
		channels->ports[channels->n_ports++] = (struct virtio_console_port_config){
			.name = channel->name,
			.is_console = !channel->name,
			.chardev = chardev,
		};
	}
	return 0;
}

int channels_plug(struct channels *channels, struct machine *machine, struct errtext *err)
{
	unsigned int n = (unsigned int)channels->n_ports;
	struct virtio_console *console;
	int error;

	if (!n)
		return 0;
	channels->n_ports = 0; /* the device has them now, also when it cannot be */
	error = virtio_console_new(machine, "console0", channels->ports, n, &console, err);
	if (error)
		return error;
	error = virtio_pci_plug(virtio_console_device(console), -1, err);
	if (!error)
		channels->console = console;
	return error;
}

void channels_fini(struct channels *channels)
{
	while (channels->n_ports) {
		struct chardev *chardev = channels->ports[--channels->n_ports].chardev;

		chardev->ops->free(chardev);
	}
}
