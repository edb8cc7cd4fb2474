// SPDX-License-Identifier: Apache-2.0
/* Random numbers and the balloon. */
#include "vmm/extras.h"

#include "vmm/core/vm.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_balloon.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/dev/virtio_rng.h"
#include "vmm/guest.h"

static int plug_balloon(struct guest *guest, struct errtext *err)
{
	const struct virtio_balloon_config config = {.name = "balloon0"};
	int error = virtio_balloon_new(vm_machine(guest->vm), &config, &guest->balloon, err);

	if (!error)
		error = virtio_pci_plug(virtio_balloon_device(guest->balloon), -1, err);
	if (error)
		guest->balloon = NULL;
	return error;
}

static int plug_rng(struct guest *guest, struct errtext *err)
{
	struct virtio_rng *rng;
	int error = virtio_rng_new(vm_machine(guest->vm), "rng0", &rng, err);

	return error ? error : virtio_pci_plug(virtio_rng_device(rng), -1, err);
}

int extras_plug(struct guest *guest, struct errtext *err)
{
	int error = guest->options.no_balloon ? 0 : plug_balloon(guest, err);

	if (!error && !guest->options.no_rng)
		error = plug_rng(guest, err);
	return error;
}
