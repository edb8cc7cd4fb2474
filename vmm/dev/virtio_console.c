// SPDX-License-Identifier: Apache-2.0
/* virtio-console: its ports' bytes, its configuration, its life. Everything is done in the I/O thread, the streams' too. */
#include "vmm/dev/virtio_console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio_console_impl.h"
#include "vsw/types.h"

LOG_MODULE(virtio_console);

/** struct virtio_console_config (5.3.4), little-endian. */
struct config_space {
	le16 cols, rows;
	le32 max_ports;
	le32 emerg_wr;
};

#define QUEUE_SIZE 128
#define PCI_CLASS_COMMUNICATION 0x078000

static unsigned int rx_queue(const struct console_port *port)
{
	return port->id ? 2 + 2 * port->id : 0;
}

static unsigned int tx_queue(const struct console_port *port)
{
	return rx_queue(port) + 1;
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* ---- to the guest ---- */

/* Without control queues a port is always open. */
static bool takes_input(const struct console_port *port)
{
	const struct virtio_console *c = port->console;

	return c->is_running && c->dev.queues[rx_queue(port)].is_enabled &&
	       (!console_has_control(c) || port->is_guest_open);
}

/* Return: bytes that one buffer of the guest's took; 0: it has none, or the queue is broken. */
static size_t put_bytes(struct console_port *port, const uint8_t *data, size_t len)
{
	struct virtio_device *dev = &port->console->dev;
	struct virtqueue *vq = &dev->queues[rx_queue(port)];
	struct vq_chain chain;
	int result = virtqueue_pop(vq, &chain);
	size_t n;

	if (!result && virtqueue_enable_kicks(vq))
		result = virtqueue_pop(vq, &chain);
	if (result > 0 && !chain.in_len) {
		vq->broken = "a buffer for input cannot be written to";
		result = -EPROTO;
	}
	if (result < 0)
		virtio_broken(dev, "a receive queue is broken");
	if (result <= 0)
		return 0;
	n = vq_chain_write(&chain, 0, data, len);
	virtqueue_push(vq, &chain, (uint32_t)n);
	return n;
}

static size_t input(void *aux, const void *data, size_t len)
{
	struct console_port *port = aux;
	size_t done = 0, n;

	while (done < len && takes_input(port) && (n = put_bytes(port, (const uint8_t *)data + done, len - done)))
		done += n;
	if (done) {
		add(&port->stats.bytes_in, done);
		virtio_interrupt(&port->console->dev, rx_queue(port));
	}
	port->refused = done < len;
	return done;
}

static void resume_input(struct console_port *port)
{
	if (!port->refused || !takes_input(port))
		return;
	port->refused = false;
	port->config.chardev->ops->resume(port->config.chardev);
}

void console_port_opened(struct console_port *port, bool is_open)
{
	port->is_guest_open = is_open;
	__atomic_store_n(&port->stats.is_open, is_open, __ATOMIC_RELAXED);
	resume_input(port);
}

/* ---- from the guest ---- */

/* Give the stream what it takes of the chain. Return: whether that was all, or what was left is lost. */
static bool write_chain(struct console_port *port)
{
	struct chardev *stream = port->config.chardev;
	const struct vq_chain *chain = &port->chain;
	size_t skip = port->done;

	for (unsigned int i = 0; i < chain->n_out; i++) {
		const struct iovec *piece = &chain->iov[i];
		size_t n, len;

		if (skip >= piece->iov_len) {
			skip -= piece->iov_len;
			continue;
		}
		len = piece->iov_len - skip;
		n = stream->ops->write(stream, (const char *)piece->iov_base + skip, len);
		port->done += n;
		skip = 0;
		add(&port->stats.bytes_out, n);
		if (n == len)
			continue;
		if (!port->config.is_console)
			return false;
		add(&port->stats.bytes_lost, chain->out_len - port->done);
		return true;
	}
	return true;
}

/* Return: whether there may be more. */
static bool send_one(struct console_port *port, struct virtqueue *vq)
{
	struct virtio_device *dev = &port->console->dev;

	if (!port->has_chain) {
		int result = virtqueue_pop(vq, &port->chain);

		if (result < 0)
			virtio_broken(dev, "a transmit queue is broken");
		if (result <= 0)
			return !result && virtqueue_enable_kicks(vq);
		port->done = 0;
	}
	port->has_chain = !write_chain(port);
	if (!port->has_chain)
		virtqueue_push(vq, &port->chain, 0);
	return !port->has_chain;
}

static void send_bytes(struct console_port *port)
{
	struct virtio_device *dev = &port->console->dev;
	struct virtqueue *vq = &dev->queues[tx_queue(port)];
	unsigned int n = 0;

	if (!port->console->is_running || !vq->is_enabled)
		return;
	virtqueue_disable_kicks(vq);
	while (n < VIRTIO_WORKER_BATCH && send_one(port, vq))
		n++;
	if (n == VIRTIO_WORKER_BATCH)
		virtio_worker_again(&port->console->worker, tx_queue(port));
	if (n)
		virtio_interrupt(dev, tx_queue(port));
}

/* ---- the stream's events ---- */

static void writable(void *aux)
{
	send_bytes(aux);
}

static void opened(void *aux, bool is_open)
{
	struct console_port *port = aux;

	port->is_host_open = is_open;
	/* A console is there for its guest whether somebody looks at it or not. */
	if (!port->config.is_console)
		console_tell(port, is_open ? NEWS_OPENED : NEWS_CLOSED);
	send_bytes(port); /* what waited for one who has gone */
}

static void resized(void *aux, uint16_t cols, uint16_t rows)
{
	struct console_port *port = aux;

	if (port->has_size && port->cols == cols && port->rows == rows)
		return;
	__atomic_store_n(&port->cols, cols, __ATOMIC_RELAXED);
	__atomic_store_n(&port->rows, rows, __ATOMIC_RELAXED);
	__atomic_store_n(&port->has_size, true, __ATOMIC_RELEASE);
	if (!port->config.is_console)
		return;
	if (console_has_control(port->console))
		console_tell(port, NEWS_SIZE);
	else if (!port->id)
		virtio_config_changed(&port->console->dev);
}

static void quit(void *aux)
{
	const struct console_port *port = aux;

	machine_event(port->console->dev.machine, MACHINE_POWEROFF);
}

/* ---- configuration space ---- */

static void config_read(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len)
{
	const struct console_port *port = &console_of(dev)->ports[0];
	struct config_space space = {.max_ports = cpu_to_le32(console_of(dev)->n_ports)};

	if (__atomic_load_n(&port->has_size, __ATOMIC_ACQUIRE)) {
		space.cols = cpu_to_le16(__atomic_load_n(&port->cols, __ATOMIC_RELAXED));
		space.rows = cpu_to_le16(__atomic_load_n(&port->rows, __ATOMIC_RELAXED));
	}
	memcpy(data, (const char *)&space + offset, len);
}

/* ---- life ---- */

static void kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_console *c = console_of(dev);
	unsigned int id = queue < CONSOLE_CONTROL_RX ? 0 : queue / 2 - 1;

	if (queue == CONSOLE_CONTROL_RX || queue == CONSOLE_CONTROL_TX) {
		if (console_has_control(c))
			console_control_kick(c, queue);
		return;
	}
	if (id >= c->n_ports)
		return;
	if (queue & 1)
		send_bytes(&c->ports[id]);
	else
		resume_input(&c->ports[id]);
}

static void begin(void *aux)
{
	struct virtio_console *c = aux;

	c->is_running = true;
	for (unsigned int i = 0; i < c->n_ports; i++)
		resume_input(&c->ports[i]);
}

static void end(void *aux)
{
	struct virtio_console *c = aux;

	c->is_running = false;
	for (unsigned int i = 0; i < c->n_ports; i++) {
		struct console_port *port = &c->ports[i];

		port->is_ready = port->is_guest_open = port->has_chain = false;
		port->news = 0;
		__atomic_store_n(&port->stats.is_open, false, __ATOMIC_RELAXED);
	}
}

static int activate(struct virtio_device *dev)
{
	struct virtio_console *c = console_of(dev);
	int error = virtio_worker_start(&c->worker);

	if (!error)
		virtio_worker_run(&c->worker, begin, c);
	return error;
}

static void reset(struct virtio_device *dev)
{
	struct virtio_console *c = console_of(dev);

	virtio_worker_stop(&c->worker);
	virtio_worker_run(&c->worker, end, c);
}

static void stop_streams(void *aux)
{
	struct virtio_console *c = aux;

	for (unsigned int i = 0; i < c->n_ports; i++)
		c->ports[i].config.chardev->ops->stop(c->ports[i].config.chardev);
}

static void console_free(struct virtio_device *dev)
{
	struct virtio_console *c = console_of(dev);

	virtio_worker_run(&c->worker, stop_streams, c);
	virtio_worker_fini(&c->worker);
	for (unsigned int i = 0; i < c->n_ports; i++)
		c->ports[i].config.chardev->ops->free(c->ports[i].config.chardev);
	virtio_device_fini(dev);
	free(c);
}

static const struct virtio_class console_class = {
	.type = VIRTIO_CONSOLE,
	.pci_class = PCI_CLASS_COMMUNICATION,
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.kick = kick,
	.free = console_free,
};

static void init_port(struct virtio_console *c, unsigned int id, const struct virtio_console_port_config *config)
{
	struct console_port *port = &c->ports[id];

	port->console = c;
	port->id = id;
	port->config = *config;
	port->config.chardev->user = (struct chardev_user){input, writable, opened, resized, quit, port};
}

struct start {
	struct virtio_console *console;
	int error;
};

static void start_streams(void *aux)
{
	struct start *start = aux;
	struct virtio_console *c = start->console;

	for (unsigned int i = 0; i < c->n_ports && !start->error; i++) {
		struct chardev *stream = c->ports[i].config.chardev;

		start->error = stream->ops->start(stream, virtio_worker_loop(&c->worker));
	}
}

int virtio_console_new(struct machine *machine, const char *name, const struct virtio_console_port_config *ports,
		       unsigned int n_ports, struct virtio_console **result, struct errtext *err)
{
	struct virtio_console *c = xzalloc(sizeof *c + n_ports * sizeof *c->ports);
	uint64_t features = 1ull << CONSOLE_F_SIZE | 1ull << CONSOLE_F_MULTIPORT;
	struct start start = {c, 0};
	int error;

	c->n_ports = n_ports;
	virtio_device_init(&c->dev, &console_class, machine, name, 2 + 2 * n_ports, QUEUE_SIZE, features,
			   sizeof(struct config_space));
	for (unsigned int i = 0; i < n_ports; i++)
		init_port(c, i, &ports[i]);
	error = virtio_worker_init(&c->worker, &c->dev, err);
	if (!error) {
		virtio_worker_run(&c->worker, start_streams, &start);
		error = start.error;
		if (error)
			errtext_set(err, -error, "%s: %s", name, strerror(-error));
	}
	if (error)
		console_free(&c->dev);
	else
		*result = c;
	return error;
}

struct virtio_device *virtio_console_device(struct virtio_console *c)
{
	return &c->dev;
}

/* ---- from outside ---- */

struct size {
	struct console_port *port;
	uint16_t cols, rows;
};

static void set_size(void *aux)
{
	struct size *size = aux;

	resized(size->port, size->cols, size->rows);
}

void virtio_console_resize(struct virtio_console *c, unsigned int port, uint16_t cols, uint16_t rows)
{
	struct size size = {&c->ports[port], cols, rows};

	if (port < c->n_ports)
		virtio_worker_run(&c->worker, set_size, &size);
}

void virtio_console_get_stats(const struct virtio_console *c, unsigned int port, struct virtio_console_stats *stats)
{
	const struct virtio_console_stats *from = &c->ports[port].stats;

	stats->bytes_in = __atomic_load_n(&from->bytes_in, __ATOMIC_RELAXED);
	stats->bytes_out = __atomic_load_n(&from->bytes_out, __ATOMIC_RELAXED);
	stats->bytes_lost = __atomic_load_n(&from->bytes_lost, __ATOMIC_RELAXED);
	stats->is_open = __atomic_load_n(&from->is_open, __ATOMIC_RELAXED);
}
