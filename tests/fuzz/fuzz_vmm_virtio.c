// SPDX-License-Identifier: Apache-2.0
/*
 * Virtio devices under a guest that does anything: registers, rings, chains. The first byte says which device in what shape, VSW_FUZZ_DEVICE=net, blk, rng,
 * balloon or console says that it is that one always. vmm_script.h says how the rest is read, and here:
 *
 *   9 features 8           reset, negotiate of what is offered, set up all queues, DRIVER_OK
 *   10 queue 1, n 1, ...   offer a chain as an honest driver does: for each buffer address 4, length 2, write 1
 *   11 ...                 the same by an indirect table
 *   12 queue 1             kick
 *   13 value 4             from outside: link, balloon target, size of the console, an eventfd that is an interrupt, ...
 *   14 queue 1             the used entries are taken back, so that the ring goes on
 *   15 features 8, ...     as 9, but where the rings lie is said for each: size 2, descriptors 4, driver's area 4, device's area 4
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/vmm_virtio.h"
#include "vmm/char/chardev.h"
#include "vmm/dev/virtio_balloon.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_console.h"
#include "vmm/dev/virtio_net.h"
#include "vmm/dev/virtio_rng.h"
#include "vmm_block.h"
#include "vmm_script.h"

#define RAM (4u << 20)
#define N_QUEUES 8
#define MSIX_BAR 0xe1210000ull
#define TABLE 0x90000ull

_Static_assert(SCRIPT_SLOT == VPCI_SLOT && SCRIPT_BAR == VPCI_BAR, "the script's and the driver's device are one");

enum kind { NET, BLK, RNG, BALLOON, CONSOLE, N_KINDS };

/* A stream with little room. */
struct stream {
	struct chardev dev;
	size_t room;
};

static struct target {
	enum kind kind;
	unsigned int variant; /* 0 to 3, what of depends on the device */
	struct vpci v;
	struct virtio_net *net;
	struct virtio_balloon *balloon;
	struct virtio_console *console;
	struct block *block;
	struct stream streams[3];
} t;

/* ---- streams ---- */

static int stream_start(struct chardev *dev, struct loop *loop)
{
	(void)dev, (void)loop;
	return 0;
}

static void stream_nothing(struct chardev *dev)
{
	(void)dev;
}

static size_t stream_write(struct chardev *dev, const void *data, size_t len)
{
	struct stream *s = container_of(dev, struct stream, dev);
	volatile uint8_t sum = 0;

	len = MIN(len, s->room);
	for (size_t i = 0; i < len; i++) /* all of it must be readable */
		sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
	s->room -= len;
	return len;
}

static void stream_resume(struct chardev *dev)
{
	dev->user.input(dev->user.aux, "resumed", 7);
}

static const struct chardev_ops stream_ops = {stream_start, stream_nothing, stream_write, stream_resume,
					      stream_nothing};

/* ---- devices ---- */

static struct virtio_device *new_net(struct harness *h, struct mem_backend *backend)
{
	const struct virtio_net_config config = {.name = "net0",
						 .mac = {0x52, 0x54, 0, 1, 2, 3},
						 .n_pairs = t.variant == 1 ? 1 : 2,
						 .no_packed = t.variant == 2};

	if (virtio_net_new(&h->m, &config, mem_backend_init(backend), &t.net, NULL))
		abort();
	return virtio_net_device(t.net);
}

/* In memory, or a file: read-only, or with two queues. */
static struct virtio_device *new_blk(struct harness *h)
{
	unsigned int n_queues = t.variant == 2 ? 2 : 1;
	struct virtio_blk *blk;

	t.block = t.variant ? file_block_new(t.variant == 3, n_queues) : mem_block_new();
	if (virtio_blk_new(&h->m, "disk0", t.block, n_queues, &blk, NULL))
		abort();
	return virtio_blk_device(blk);
}

static struct virtio_device *new_console(struct harness *h)
{
	struct virtio_console_port_config ports[ARRAY_SIZE(t.streams)] = {{.is_console = true}, {.name = "port"}, {0}};

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		t.streams[i] = (struct stream){.dev.ops = &stream_ops, .room = 100};
		ports[i].chardev = &t.streams[i].dev;
	}
	if (virtio_console_new(&h->m, "console0", ports, t.variant == 1 ? 1 : ARRAY_SIZE(ports), &t.console, NULL))
		abort();
	return virtio_console_device(t.console);
}

static struct virtio_device *new_device(struct harness *h, struct mem_backend *backend)
{
	const struct virtio_balloon_config balloon = {
		.name = "balloon0", .no_deflate_on_oom = t.variant == 1, .no_reporting = t.variant == 2};
	struct virtio_rng *rng;

	switch (t.kind) {
	case NET:
		return new_net(h, backend);
	case BLK:
		return new_blk(h);
	case CONSOLE:
		return new_console(h);
	case BALLOON:
		if (virtio_balloon_new(&h->m, &balloon, &t.balloon, NULL))
			abort();
		return virtio_balloon_device(t.balloon);
	default:
		if (virtio_rng_new(&h->m, "rng0", &rng, NULL))
			abort();
		return virtio_rng_device(rng);
	}
}

/* ---- what the device's threads do ---- */

static void kick(unsigned int queue)
{
	struct virtio_device *dev = t.v.dev;
	uint64_t n;

	if (queue >= dev->n_queues || !dev->is_active || !dev->queues[queue].is_enabled)
		return;
	for (int rounds = 0; rounds < 3; rounds++) {
		dev->class->kick(dev, queue);
		if (read(dev->kick_fds[queue], &n, sizeof n) != sizeof n)
			return; /* it does not ask to be called again */
	}
}

static void run(struct script_device *d)
{
	(void)d;
	for (unsigned int i = 0; i < t.v.dev->n_queues; i++)
		kick(i);
	for (unsigned int i = 0; t.kind == BLK && t.v.dev->is_active && i < t.v.dev->n_queues; i++) {
		t.block->ops->reap(t.block, i);
		kick(i);
	}
}

/* As vhost has it: somebody else signals the interrupt of a queue. */
static void call(unsigned int queue)
{
	const uint64_t one = 1;
	int fd = virtio_call_fd(t.v.dev, queue % t.v.dev->n_queues);

	if (fd < 0 || write(fd, &one, sizeof one) != sizeof one)
		abort();
}

static void poke(uint32_t value)
{
	struct stream *s = &t.streams[value % ARRAY_SIZE(t.streams)];

	if (value >> 31) {
		call(value & 0xff);
		return;
	}
	switch (t.kind) {
	case NET:
		virtio_net_set_link(t.net, value & 1);
		if (value & 2)
			virtio_net_announce(t.net);
		break;
	case BALLOON:
		if (value & 1)
			virtio_balloon_ask(t.balloon);
		else if (virtio_balloon_set_target(t.balloon, value, NULL))
			return;
		break;
	case CONSOLE:
		if (!s->dev.user.aux)
			break; /* there is no such port */
		if (value & 0x100) {
			s->room = value >> 16;
			s->dev.user.writable(s->dev.user.aux);
		} else if (value & 0x200) {
			s->dev.user.opened(s->dev.user.aux, value & 0x400);
		} else {
			virtio_console_resize(t.console, value % 3, (uint16_t)(value >> 16), (uint16_t)value);
		}
		break;
	default:
		break;
	}
}

static void packet(struct script_device *d, const uint8_t *bytes, size_t n)
{
	struct stream *s = &t.streams[n % ARRAY_SIZE(t.streams)];

	if (t.kind == CONSOLE && s->dev.user.aux)
		s->dev.user.input(s->dev.user.aux, bytes, n);
	else if (t.kind == NET)
		mem_queue(&d->backend, bytes, n);
}

/* ---- an honest driver ---- */

static void set_up(struct script *s)
{
	uint64_t features = script_get(s, 4);

	features |= (uint64_t)script_get(s, 4) << 32;
	/* One that chooses badly is refused, or has queues without what belongs to them. */
	vpci_start(&t.v, features & vpci_offered(&t.v), (uint16_t)MIN(t.v.dev->n_queues, N_QUEUES));
}

/* Low numbers are near one another, so that rings overlap; others are anywhere. */
static uint64_t ring_address(struct script *s)
{
	uint32_t at = script_get(s, 4);

	return at >> 31 ? (uint64_t)at << (at & 15) : VPCI_RINGS + (at & 0x1ffff);
}

static bool is_ram(uint64_t gpa, uint64_t len)
{
	return memory_at(t.v.h->m.memory, gpa, len);
}

/* The driver's side of a ring that lies where the script says; without one where that is no RAM. */
static void place_ring(struct script *s, uint16_t queue, bool is_packed)
{
	struct driver *d = &t.v.queues[queue];

	*d = (struct driver){.memory = t.v.h->m.memory, .is_packed = is_packed, .wrap = true, .used_wrap = true};
	d->size = (uint16_t)script_get(s, 2);
	d->desc = ring_address(s);
	d->driver = ring_address(s);
	d->device = ring_address(s);
	vpci_write(&t.v, t.v.common + 22, 2, queue);
	vpci_write(&t.v, t.v.common + 24, 2, d->size);
	vpci_write(&t.v, t.v.common + 32, 8, d->desc);
	vpci_write(&t.v, t.v.common + 40, 8, d->driver);
	vpci_write(&t.v, t.v.common + 48, 8, d->device);
	vpci_write(&t.v, t.v.common + 28, 2, 1);
	if (d->size > 256 || !is_ram(d->desc, 16ull * d->size) || !is_ram(d->driver, 6 + 2ull * d->size) ||
	    !is_ram(d->device, 6 + 8ull * d->size))
		d->size = 0;
}

static void set_up_anywhere(struct script *s)
{
	uint64_t features = script_get(s, 4);

	features |= (uint64_t)script_get(s, 4) << 32;
	features = (features & vpci_offered(&t.v)) | 1ull << VIRTIO_F_VERSION_1;
	if (!vpci_negotiate(&t.v, features))
		return;
	for (uint16_t i = 0; i < MIN(t.v.dev->n_queues, N_QUEUES) && s->p < s->end; i++)
		place_ring(s, i, features >> VIRTIO_F_RING_PACKED & 1);
	vpci_driver_ok(&t.v);
}

static void offer(struct script *s, bool indirect)
{
	unsigned int queue = script_get(s, 1) % N_QUEUES, n = 1 + script_get(s, 1) % 6;
	struct driver *d = &t.v.queues[queue];
	struct buffer bufs[6];

	for (unsigned int i = 0; i < n; i++) {
		bufs[i].gpa = script_get(s, 4);
		bufs[i].len = script_get(s, 2);
		bufs[i].is_write = script_get(s, 1) & 1;
	}
	if (!d->size)
		return; /* it was never set up */
	if (indirect)
		driver_add_indirect(d, TABLE, bufs, n);
	else
		driver_add(d, bufs, n);
	kick(queue);
}

static void take(struct script *s)
{
	struct driver *d = &t.v.queues[script_get(s, 1) % N_QUEUES];
	uint32_t len;
	uint16_t id;

	for (int i = 0; i < 16 && d->size && driver_take(d, &id, &len); i++)
		continue;
}

static void extra(struct script_device *d, uint8_t op, struct script *s)
{
	(void)d;
	switch (op & 15) {
	case 9:
		set_up(s);
		break;
	case 10:
	case 11:
		offer(s, op & 1);
		break;
	case 12:
		kick(script_get(s, 1));
		break;
	case 13:
		poke(script_get(s, 4));
		break;
	case 14:
		take(s);
		break;
	case 15:
		set_up_anywhere(s);
		break;
	}
}

static enum kind kind_of(uint8_t first)
{
	static const char *const names[N_KINDS] = {"net", "blk", "rng", "balloon", "console"};
	const char *only = getenv("VSW_FUZZ_DEVICE");

	for (unsigned int i = 0; only && i < N_KINDS; i++)
		if (!strcmp(only, names[i]))
			return (enum kind)i;
	return first % N_KINDS;
}

static void map(struct script_device *d)
{
	harness_config_write(d->h, SCRIPT_SLOT, 0x10, 4, (uint32_t)MSIX_BAR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script_device d;

	log_set_level(NULL, LOG_LEVEL_OFF);
	memset(&t, 0, sizeof t);
	t.kind = kind_of(size ? data[0] : RNG);
	t.variant = size ? data[0] / (2 * N_KINDS) % 4 : 0;
	d = (struct script_device){
		.h = harness_new(RAM), .bar = 0x20, .run = run, .packet = packet, .map = map, .extra = extra};
	vpci_init(&t.v, d.h, new_device(d.h, &d.backend));
	d.h->has_irqfd = size && data[0] / N_KINDS & 1;
	script_run(&d, data + !!size, size - !!size);
	pci_unplug(virtio_pci_device(t.v.dev));
	harness_free(d.h);
	return 0;
}
