// SPDX-License-Identifier: Apache-2.0
/* Interrupts of virtio over PCI whose cause is an eventfd's signal, from elsewhere (vhost): by the kernel alone where the queue has a vector of its own. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio_pci_impl.h"

LOG_MODULE(virtio_pci_calls);

static void relay_call(struct loop_fd *self, uint32_t events)
{
	struct call *call = container_of(self, struct call, relay);
	uint64_t n;

	(void)events;
	if (read(call->fd, &n, sizeof n) == sizeof n)
		virtio_pci_raise(call->transport, call->queue);
}

/* The vector is its own: one that several queues share cannot be tied to one eventfd. */
static bool is_sole_user(const struct virtio_transport *t, unsigned int queue, unsigned int vector)
{
	for (unsigned int i = 0; i < t->dev->n_queues; i++)
		if (i != queue && t->vectors[i] == vector)
			return false;
	return vector != t->config_vector;
}

/* In the main thread: watch the eventfd while nobody else turns its signals into interrupts. */
static void update_relay(void *aux)
{
	struct call *call = aux;
	struct loop *loop = call->transport->pci.machine->loop;
	bool wanted = call->fd >= 0 && !__atomic_load_n(&call->is_irqfd, __ATOMIC_ACQUIRE);

	loop_del_fd(loop, &call->relay);
	if (wanted && loop_add_fd(loop, &call->relay, call->fd, EPOLLIN, relay_call))
		log_warn("%s: no descriptor is left for its interrupts", call->transport->dev->name);
}

static void set_irqfd(struct virtio_transport *t, struct call *call, bool is_irqfd)
{
	__atomic_store_n(&call->is_irqfd, is_irqfd, __ATOMIC_RELEASE);
	if (t->pci.machine->loop)
		loop_post(t->pci.machine->loop, update_relay, call);
}

void virtio_pci_unbind_call(struct virtio_transport *t, unsigned int queue)
{
	struct call *call = &t->calls[queue];

	if (!call->is_irqfd)
		return;
	if (pci_msix_irqfd(&t->pci, call->vector, -1))
		log_warn_rl("%s: an interrupt stays tied to its eventfd", t->dev->name);
	set_irqfd(t, call, false);
}

/* Bind a queue's eventfd to its vector, or else let the main loop relay it. */
void virtio_pci_bind_call(struct virtio_transport *t, unsigned int queue)
{
	struct call *call = &t->calls[queue];
	uint16_t vector = t->vectors[queue];

	if (call->fd < 0)
		return;
	virtio_pci_unbind_call(t, queue);
	if (vector == NO_VECTOR || !is_sole_user(t, queue, vector))
		return;
	call->vector = vector;
	if (!pci_msix_irqfd(&t->pci, vector, call->fd))
		set_irqfd(t, call, true);
}

int virtio_call_fd(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_transport *t = dev->transport;
	struct call *call = &t->calls[queue];

	if (call->fd < 0) {
		call->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (call->fd < 0)
			return -errno;
		call->transport = t;
		call->queue = queue;
		set_irqfd(t, call, false);
	}
	virtio_pci_bind_call(t, queue);
	return call->fd;
}

void virtio_pci_stop_calls(struct virtio_transport *t)
{
	for (unsigned int i = 0; i < t->dev->n_queues; i++) {
		struct call *call = &t->calls[i];

		if (call->fd < 0)
			continue;
		virtio_pci_unbind_call(t, i);
		if (t->pci.machine->loop)
			loop_del_fd(t->pci.machine->loop, &call->relay);
		close(call->fd);
		call->fd = -1;
	}
}
