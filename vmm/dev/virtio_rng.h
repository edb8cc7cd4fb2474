/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng (virtio 1.2 5.4): random bytes of the host's kernel, for a guest that has gathered none of its own yet. */
#ifndef VMM_DEV_VIRTIO_RNG_H
#define VMM_DEV_VIRTIO_RNG_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct machine;
struct virtio_device;
struct virtio_rng;

/** What one buffer gets at most, however long it is; the guest asks again (5.4.6.2 lets a device write less than there is room for). */
#define VIRTIO_RNG_MAX_BYTES 65536

/** virtio_rng_new() - @name: "rng0"; stays. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int virtio_rng_new(struct machine *machine, const char *name, struct virtio_rng **rng,
				struct errtext *err);
/** virtio_rng_device() - for virtio_pci_plug(), which owns it from then on. */
struct virtio_device *virtio_rng_device(struct virtio_rng *rng);
/** virtio_rng_bytes() - handed out since the start; any thread. */
uint64_t virtio_rng_bytes(const struct virtio_rng *rng);

#endif
