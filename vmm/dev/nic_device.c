// SPDX-License-Identifier: Apache-2.0
/* Cards: thread, cable, life. */
#include "vmm/dev/nic_device.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/iothread.h"
#include "vmm/core/sandbox.h"
#include "vmm/dev/nic_gather.h"
#include "vmm/dev/nic_tx.h"
#include "vmm/net/backend.h"

LOG_MODULE(nic_device);

SANDBOX_CALLS(THREAD_ALL, SYS_timerfd_settime);
SANDBOX_CALLS(THREAD_MAIN, SYS_timerfd_create);

#define NS_PER_S 1000000000ull
/** How often the thread goes on when it is woken while at work, before it looks at its other events. */
#define MAX_ROUNDS 16

/* ---- the thread ---- */

static void kick(struct nic_device *dev)
{
	const uint64_t one = 1;

	if (dev->thread && write(dev->kick_fd, &one, sizeof one) != sizeof one)
		return; /* signalled often enough */
}

void nic_device_wake(struct nic_device *dev)
{
	if (!dev->is_at_work && !dev->has_news)
		kick(dev);
	dev->has_news = true;
}

void nic_device_wake_rx(struct nic_device *dev)
{
	if (dev->rx_starved)
		nic_device_wake(dev);
}

static void update_events(struct nic_device *dev)
{
	uint32_t events = (dev->rx_starved ? 0 : EPOLLIN) | (dev->tx_blocked ? EPOLLOUT : 0);

	if (dev->thread)
		loop_set_events(iothread_loop(dev->thread), &dev->tap, events);
}

/* A timer that is over. Whoever is told of it first takes it: the work that goes on, or the event. */
static void run_timer(struct nic_device *dev)
{
	uint64_t n;

	if (!dev->is_timing || read(dev->timer_fd, &n, sizeof n) != sizeof n)
		return;
	dev->is_timing = false;
	dev->ops->timer(dev);
}

/* The lock is free now and then, so that news comes while we work. */
static void work(struct nic_device *dev)
{
	unsigned int n = 0;
	bool again;

	pthread_mutex_lock(&dev->lock);
	dev->is_at_work = true;
	do {
		dev->has_news = false;
		again = dev->ops->transmit(dev);
		if (dev->is_rx_ready || dev->rx_starved)
			dev->ops->receive(dev);
		run_timer(dev);
		/* What is left of a big packet is no event of the backend's. */
		again |= dev->has_news || (dev->is_rx_ready && !dev->rx_starved);
	} while (dev->thread && again && ++n < MAX_ROUNDS);
	dev->is_at_work = false;
	dev->has_news = again;
	if (again)
		kick(dev);
	update_events(dev);
	pthread_mutex_unlock(&dev->lock);
}

void nic_device_run(struct nic_device *dev)
{
	dev->is_rx_ready = true;
	work(dev);
}

static void tap_ready(struct loop_fd *self, uint32_t events)
{
	struct nic_device *dev = container_of(self, struct nic_device, tap);

	/* The device is gone for good, and says so until nobody listens. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_del_fd(iothread_loop(dev->thread), self);
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT)
		dev->is_rx_ready = true;
	work(dev);
}

/* Edge-triggered: there is no need to read what it counts. */
static void kick_ready(struct loop_fd *self, uint32_t events)
{
	(void)events;
	work(container_of(self, struct nic_device, kick));
}

/* ---- for cards ---- */

int nic_device_send(struct nic_device *dev, const struct nic_tx *tx)
{
	unsigned int n_resets = dev->n_resets;
	int error;

	pthread_mutex_unlock(&dev->lock);
	error = nic_tx_send(dev->be, tx);
	pthread_mutex_lock(&dev->lock);
	if (dev->n_resets != n_resets)
		return -ECANCELED;
	dev->tx_blocked = error == -EAGAIN;
	return error;
}

int nic_device_receive(struct nic_device *dev, struct nic_frame *frame)
{
	int error;

	pthread_mutex_unlock(&dev->lock);
	error = nic_source_next(&dev->source, dev->be, frame);
	pthread_mutex_lock(&dev->lock);
	if (error && error != -EINVAL)
		dev->is_rx_ready = false;
	return error;
}

void nic_device_forget(struct nic_device *dev)
{
	dev->n_resets++;
	dev->tx_blocked = false;
}

void nic_device_break(struct nic_device *dev, const char *what)
{
	if (!dev->is_broken)
		log_warn_rate(&dev->broken_rate, "%s: %s is not in RAM: the card stops until its driver resets it",
			      dev->pci.name, what);
	dev->is_broken = true;
}

bool nic_device_gather(struct nic_device *dev, struct nic_gather *frame, uint64_t gpa, uint32_t len)
{
	int error = nic_gather_add(frame, dev->pci.machine->memory, gpa, len);

	if (error == -EFAULT)
		nic_device_break(dev, "a buffer to send");
	return !error;
}

void nic_device_set_pin(struct nic_device *dev, bool level)
{
	if (level == dev->pci.pin)
		return;
	dev->stats.n_interrupts += level;
	pci_set_pin(&dev->pci, level);
}

bool nic_device_set_timer(struct nic_device *dev, uint64_t ns)
{
	struct itimerspec timer = {
		.it_value = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)},
	};

	dev->is_timing = dev->thread && timerfd_settime(dev->timer_fd, 0, &timer, NULL) == 0 && ns;
	return dev->is_timing;
}

static void timer_ready(struct loop_fd *self, uint32_t events)
{
	struct nic_device *dev = container_of(self, struct nic_device, timer);

	(void)events;
	pthread_mutex_lock(&dev->lock);
	run_timer(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* ---- for everybody ---- */

void nic_device_set_link(struct nic_device *dev, bool up)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->link_up != up) {
		dev->link_up = up;
		dev->ops->link_changed(dev);
		nic_device_wake(dev);
	}
	pthread_mutex_unlock(&dev->lock);
}

void nic_device_get_stats(struct nic_device *dev, struct nic_stats *stats)
{
	pthread_mutex_lock(&dev->lock);
	*stats = dev->stats;
	pthread_mutex_unlock(&dev->lock);
}

/* ---- life ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void device_free(struct nic_device *dev)
{
	iothread_free(dev->thread);
	close_fd(dev->kick_fd);
	close_fd(dev->timer_fd);
	dev->be->ops->free(dev->be);
	pci_device_fini(&dev->pci);
	pthread_mutex_destroy(&dev->lock);
	dev->ops->free(dev);
}

static void reset(struct pci_device *pci)
{
	struct nic_device *dev = container_of(pci, struct nic_device, pci);

	pthread_mutex_lock(&dev->lock);
	dev->ops->reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

static void unplugged(struct pci_device *pci)
{
	device_free(container_of(pci, struct nic_device, pci));
}

static const struct pci_device_ops pci_ops = {.reset = reset, .free = unplugged};

void nic_device_init(struct nic_device *dev, struct machine *machine, const char *name, const uint8_t mac[6],
		     struct net_backend *be, const struct nic_device_ops *ops, const struct pci_id *id)
{
	dev->ops = ops;
	dev->be = be;
	dev->link_up = be->link_up;
	dev->rx_starved = true;
	dev->kick_fd = dev->timer_fd = -1;
	memcpy(dev->mac, mac, sizeof dev->mac);
	pthread_mutex_init(&dev->lock, NULL);
	pci_device_init(&dev->pci, machine, name, &pci_ops, id, true);
}

static void watch(void *aux)
{
	struct nic_device *dev = aux;
	struct loop *loop = iothread_loop(dev->thread);

	if (loop_add_fd(loop, &dev->tap, dev->be->fds[0], 0, tap_ready) ||
	    loop_add_fd(loop, &dev->kick, dev->kick_fd, EPOLLIN | EPOLLET, kick_ready) ||
	    (dev->ops->timer && loop_add_fd(loop, &dev->timer, dev->timer_fd, EPOLLIN | EPOLLET, timer_ready)))
		log_err("%s: no descriptor is left: it moves nothing", dev->pci.name);
}

/* A backend without descriptors (a test's) is run by hand. */
static int start_thread(struct nic_device *dev, struct errtext *err)
{
	int error;

	if (dev->be->fds[0] < 0)
		return 0;
	dev->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dev->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (dev->kick_fd < 0 || dev->timer_fd < 0)
		return errtext_set(err, errno, "%s: no descriptor is left", dev->pci.name);
	error = iothread_new(dev->pci.name, &dev->thread, err);
	if (!error)
		iothread_run(dev->thread, watch, dev);
	return error;
}

int nic_device_plug(struct nic_device *dev, int slot, struct errtext *err)
{
	int error = dev->be->ops->set_offloads(dev->be, nic_source_offloads(dev->be));

	dev->ops->reset(dev);
	if (error)
		errtext_set(err, -error, "%s: the port's offloads cannot be set: %s", dev->pci.name, strerror(-error));
	else
		error = start_thread(dev, err);
	if (!error)
		error = pci_plug(dev->pci.machine->pci, &dev->pci, slot, err);
	if (error)
		device_free(dev);
	return error;
}
