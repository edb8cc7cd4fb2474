// SPDX-License-Identifier: Apache-2.0
/* One I/O thread for all queues of a device. */
#include "vmm/dev/virtio_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/core/iothread.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio.h"

int virtio_worker_init(struct virtio_worker *worker, struct virtio_device *dev, struct errtext *err)
{
	worker->dev = dev;
	worker->kicks = xcalloc(dev->n_queues, sizeof *worker->kicks);
	for (unsigned int i = 0; i < dev->n_queues; i++)
		worker->kicks[i].worker = worker;
	return dev->machine->loop ? iothread_new(dev->name, &worker->thread, err) : 0;
}

void virtio_worker_fini(struct virtio_worker *worker)
{
	iothread_free(worker->thread);
	free(worker->kicks);
	worker->thread = NULL;
	worker->kicks = NULL;
}

static void kick_ready(struct loop_fd *self, uint32_t events)
{
	struct virtio_worker_kick *kick = container_of(self, struct virtio_worker_kick, fd);
	struct virtio_device *dev = kick->worker->dev;
	unsigned int queue = (unsigned int)(kick - kick->worker->kicks);
	uint64_t n;

	(void)events;
	if (read(dev->kick_fds[queue], &n, sizeof n) == sizeof n)
		dev->class->kick(dev, queue);
}

struct start {
	struct virtio_worker *worker;
	int error;
};

static void watch(void *aux)
{
	struct start *start = aux;
	struct virtio_worker *worker = start->worker;
	struct virtio_device *dev = worker->dev;

	for (unsigned int i = 0; i < dev->n_queues && !start->error; i++)
		if (dev->queues[i].is_enabled)
			start->error = loop_add_fd(iothread_loop(worker->thread), &worker->kicks[i].fd,
						   dev->kick_fds[i], EPOLLIN, kick_ready);
}

static void unwatch(void *aux)
{
	struct virtio_worker *worker = aux;

	for (unsigned int i = 0; i < worker->dev->n_queues; i++)
		loop_del_fd(iothread_loop(worker->thread), &worker->kicks[i].fd);
}

int virtio_worker_start(struct virtio_worker *worker)
{
	struct start start = {worker, 0};

	if (!worker->thread)
		return 0;
	iothread_run(worker->thread, watch, &start);
	if (start.error)
		virtio_worker_stop(worker);
	return start.error;
}

void virtio_worker_stop(struct virtio_worker *worker)
{
	if (worker->thread)
		iothread_run(worker->thread, unwatch, worker);
}

void virtio_worker_run(struct virtio_worker *worker, void (*fn)(void *aux), void *aux)
{
	if (worker->thread)
		iothread_run(worker->thread, fn, aux);
	else
		fn(aux);
}

void virtio_worker_serve(struct virtio_worker *worker, unsigned int queue,
			 int64_t (*serve)(struct virtio_device *dev, const struct vq_chain *chain, const char **why))
{
	struct virtio_device *dev = worker->dev;
	struct virtqueue *vq = &dev->queues[queue];
	const char *why = "a queue is broken";
	struct vq_chain chain;
	unsigned int n = 0;

	do {
		virtqueue_disable_kicks(vq);
		while (n < VIRTIO_WORKER_BATCH && virtqueue_pop(vq, &chain) > 0) {
			int64_t len = serve(dev, &chain, &why);

			if (len < 0)
				vq->broken = why;
			virtqueue_push(vq, &chain, len < 0 ? 0 : (uint32_t)len);
			n++;
		}
		if (n == VIRTIO_WORKER_BATCH) {
			virtio_worker_again(worker, queue);
			break;
		}
	} while (virtqueue_enable_kicks(vq));
	if (vq->broken)
		virtio_broken(dev, why);
	if (n)
		virtio_interrupt(dev, queue);
}

void virtio_worker_again(struct virtio_worker *worker, unsigned int queue)
{
	const uint64_t one = 1;

	if (write(worker->dev->kick_fds[queue], &one, sizeof one) != sizeof one)
		return; /* it is signalled already */
}

struct loop *virtio_worker_loop(struct virtio_worker *worker)
{
	return worker->thread ? iothread_loop(worker->thread) : NULL;
}
