// SPDX-License-Identifier: Apache-2.0
/*
 * The control queues of a virtio-console with several ports (virtio 1.2 5.3.6.2).
 *
 * What the driver is to be told is kept as bits of each port, not as a queue of messages: a driver that takes none of them costs nothing, and gets what
 * holds when it does. A stream closed and opened again in between is told as both.
 *
 * Deviation: a resize message has rows before columns, as drivers have read it from the beginning (Linux until 6.14), not as the standard has it. A device
 * with one port gives its size in configuration space, where there is no such question.
 */
#include <string.h>

#include "base/log.h"
#include "vmm/dev/virtio_console_impl.h"
#include "vsw/types.h"

LOG_MODULE(virtio_console);

enum event {
	EVENT_DEVICE_READY = 0,
	EVENT_DEVICE_ADD = 1,
	EVENT_DEVICE_REMOVE = 2,
	EVENT_PORT_READY = 3,
	EVENT_CONSOLE_PORT = 4,
	EVENT_RESIZE = 5,
	EVENT_PORT_OPEN = 6,
	EVENT_PORT_NAME = 7,
};

/** struct virtio_console_control, little-endian, and what some carry behind it. */
struct message {
	le32 id;
	le16 event, value;
	char extra[64];
} __attribute__((packed));

#define MESSAGE_HEAD 8

/* Write what is first of @news. Return: its bytes. */
static size_t make_message(const struct console_port *port, unsigned int news, struct message *m)
{
	static const struct {
		enum event event;
		uint16_t value;
	} events[] = {{EVENT_DEVICE_ADD, 1}, {EVENT_CONSOLE_PORT, 1}, {EVENT_PORT_NAME, 1},
		      {EVENT_PORT_OPEN, 0},  {EVENT_PORT_OPEN, 1},    {EVENT_RESIZE, 1}};
	unsigned int i = (unsigned int)__builtin_ctz(news);

	*m = (struct message){
		.id = cpu_to_le32(port->id),
		.event = cpu_to_le16((uint16_t)events[i].event),
		.value = cpu_to_le16(events[i].value),
	};
	if (1u << i == NEWS_NAME) {
		strncpy(m->extra, port->config.name, sizeof m->extra - 1);
		return MESSAGE_HEAD + strlen(m->extra);
	}
	if (1u << i == NEWS_SIZE) {
		le16 size[2] = {cpu_to_le16(port->rows), cpu_to_le16(port->cols)};

		memcpy(m->extra, size, sizeof size);
		return MESSAGE_HEAD + sizeof size;
	}
	return MESSAGE_HEAD;
}

static struct console_port *with_news(struct virtio_console *c)
{
	for (unsigned int i = 0; i < c->n_ports; i++)
		if (c->ports[i].news)
			return &c->ports[i];
	return NULL;
}

/* Return: 1: told, 0: the driver has no buffer, -1: its queue is broken. */
static int tell_one(struct virtio_console *c, struct console_port *port)
{
	struct virtqueue *vq = &c->dev.queues[CONSOLE_CONTROL_RX];
	struct vq_chain chain;
	struct message m;
	size_t len;
	int result = virtqueue_pop(vq, &chain);

	if (result <= 0)
		return result;
	len = make_message(port, port->news, &m);
	if (chain.in_len < len) {
		vq->broken = "a buffer for control messages is too short";
		return -1;
	}
	port->news &= port->news - 1;
	virtqueue_push(vq, &chain, (uint32_t)vq_chain_write(&chain, 0, &m, len));
	return 1;
}

static void tell_all(struct virtio_console *c)
{
	struct virtqueue *vq = &c->dev.queues[CONSOLE_CONTROL_RX];
	struct console_port *port;
	bool is_any = false;

	while ((port = with_news(c))) {
		int result = tell_one(c, port);

		is_any |= result > 0;
		if (result < 0)
			virtio_broken(&c->dev, vq->broken);
		if (result < 0 || (!result && !virtqueue_enable_kicks(vq)))
			break;
	}
	if (is_any)
		virtio_interrupt(&c->dev, CONSOLE_CONTROL_RX);
}

void console_tell(struct console_port *port, unsigned int news)
{
	struct virtio_console *c = port->console;

	if (!c->is_running || !console_has_control(c) || (!port->is_ready && !(news & NEWS_ADD)))
		return;
	if (news & NEWS_CLOSED)
		port->news &= ~(unsigned int)NEWS_OPENED;
	port->news |= news;
	tell_all(c);
}

/* What it is: said once the driver has taken the port. */
static void introduce(struct console_port *port)
{
	unsigned int news = 0;

	port->is_ready = true;
	if (port->config.is_console)
		news |= NEWS_CONSOLE;
	if (port->config.name)
		news |= NEWS_NAME;
	if (port->is_host_open || port->config.is_console)
		news |= NEWS_OPENED;
	if (port->has_size)
		news |= NEWS_SIZE;
	port->news |= news;
}

static void add_all(struct virtio_console *c)
{
	for (unsigned int i = 0; i < c->n_ports; i++)
		c->ports[i].news |= NEWS_ADD;
}

static int64_t take_message(struct virtio_device *dev, const struct vq_chain *chain, const char **why)
{
	struct virtio_console *c = console_of(dev);
	struct message m = {0};
	struct console_port *port;
	bool value;

	if (vq_chain_read(chain, 0, &m, MESSAGE_HEAD) < MESSAGE_HEAD) {
		*why = "a control message is too short";
		return -1;
	}
	value = le16_to_cpu(m.value);
	if (le16_to_cpu(m.event) == EVENT_DEVICE_READY) {
		if (value)
			add_all(c);
		else
			log_warn_rl("%s: the guest's driver could not set it up", dev->name);
		return 0;
	}
	port = le32_to_cpu(m.id) < c->n_ports ? &c->ports[le32_to_cpu(m.id)] : NULL;
	if (port && le16_to_cpu(m.event) == EVENT_PORT_READY && value)
		introduce(port);
	else if (port && le16_to_cpu(m.event) == EVENT_PORT_READY)
		log_warn_rl("%s: the guest's driver could not set up port %u", dev->name, port->id);
	else if (port && le16_to_cpu(m.event) == EVENT_PORT_OPEN)
		console_port_opened(port, value);
	return 0;
}

void console_control_kick(struct virtio_console *c, unsigned int queue)
{
	if (queue == CONSOLE_CONTROL_TX)
		virtio_worker_serve(&c->worker, queue, take_message);
	tell_all(c);
}
