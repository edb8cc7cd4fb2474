// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-rng: one queue of buffers to be filled. getrandom() without flags does not wait once the host has started up, and cannot be exhausted: what
 * a guest takes is taken from nobody.
 */
#include "vmm/dev/virtio_rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_worker.h"

#define QUEUE_SIZE 64
#define PCI_CLASS_OTHER 0x00ff00

struct virtio_rng {
	struct virtio_device dev;
	struct virtio_worker worker;
	uint64_t n_bytes; /* atomic */
};

static struct virtio_rng *rng_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_rng, dev);
}

/* Fill the pieces to be written, in order. Return: how many bytes were. */
static int64_t fill(struct virtio_device *dev, const struct vq_chain *chain, const char **why)
{
	uint32_t done = 0;

	(void)why;
	for (unsigned int i = chain->n_out; i < chain->n_out + chain->n_in && done < VIRTIO_RNG_MAX_BYTES; i++) {
		uint8_t *at = chain->iov[i].iov_base;
		size_t len = MIN(chain->iov[i].iov_len, VIRTIO_RNG_MAX_BYTES - done);

		while (len) {
			ssize_t n = getrandom(at, len, 0);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return done;
			at += n;
			len -= (size_t)n;
			done += (uint32_t)n;
		}
	}
	__atomic_fetch_add(&rng_of(dev)->n_bytes, done, __ATOMIC_RELAXED);
	return done;
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	virtio_worker_serve(&rng_of(dev)->worker, queue, fill);
}

static void config_read(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len)
{
	(void)dev, (void)offset, (void)data, (void)len; /* it has none */
}

static int activate(struct virtio_device *dev)
{
	return virtio_worker_start(&rng_of(dev)->worker);
}

static void reset(struct virtio_device *dev)
{
	virtio_worker_stop(&rng_of(dev)->worker);
}

static void rng_free(struct virtio_device *dev)
{
	struct virtio_rng *rng = rng_of(dev);

	virtio_worker_fini(&rng->worker);
	virtio_device_fini(dev);
	free(rng);
}

static const struct virtio_class rng_class = {
	.type = VIRTIO_RNG,
	.pci_class = PCI_CLASS_OTHER,
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.kick = kick,
	.free = rng_free,
};

int virtio_rng_new(struct machine *machine, const char *name, struct virtio_rng **result, struct errtext *err)
{
	struct virtio_rng *rng = xzalloc(sizeof *rng);
	int error;

	virtio_device_init(&rng->dev, &rng_class, machine, name, 1, QUEUE_SIZE, 0, 0);
	error = virtio_worker_init(&rng->worker, &rng->dev, err);
	if (error)
		rng_free(&rng->dev);
	else
		*result = rng;
	return error;
}

struct virtio_device *virtio_rng_device(struct virtio_rng *rng)
{
	return &rng->dev;
}

uint64_t virtio_rng_bytes(const struct virtio_rng *rng)
{
	return __atomic_load_n(&rng->n_bytes, __ATOMIC_RELAXED);
}
