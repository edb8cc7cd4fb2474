// SPDX-License-Identifier: Apache-2.0
/* virtio-console through its PCI registers, with streams in memory: bytes both ways, back pressure, the control queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "vmm/char/chardev.h"
#include "vmm/dev/virtio_console.h"
#include "vmm_virtio.h"

#define F(N) (1ull << (N))
#define MULTIPORT 1

enum { RX, TX, CTRL_RX, CTRL_TX, RX1, TX1 };
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

/* A stream that takes @room bytes. */
struct memory_stream {
	struct chardev dev;
	char written[256];
	size_t n_written, room;
	unsigned int n_resumed;
	bool is_freed;
};

static int stream_start(struct chardev *dev, struct loop *loop)
{
	(void)dev, (void)loop;
	return 0;
}

static void stream_stop(struct chardev *dev)
{
	(void)dev;
}

static struct memory_stream *stream_of(struct chardev *dev)
{
	return container_of(dev, struct memory_stream, dev);
}

static size_t stream_write(struct chardev *dev, const void *data, size_t len)
{
	struct memory_stream *s = stream_of(dev);

	len = MIN(len, MIN(s->room, sizeof s->written - s->n_written));
	memcpy(s->written + s->n_written, data, len);
	s->n_written += len;
	s->room -= len;
	return len;
}

static void stream_resume(struct chardev *dev)
{
	stream_of(dev)->n_resumed++;
}

static void stream_free(struct chardev *dev)
{
	stream_of(dev)->is_freed = true;
}

static const struct chardev_ops stream_ops = {stream_start, stream_stop, stream_write, stream_resume, stream_free};

struct fixture {
	struct memory_stream streams[2];
	struct virtio_console *console;
	struct vpci v;
};

static void init(struct fixture *f, unsigned int n_ports)
{
	struct harness *h = harness_new(16 << 20);
	struct virtio_console_port_config ports[2] = {{.is_console = true}, {.name = "org.test.0"}};

	memset(f, 0, sizeof *f);
	for (unsigned int i = 0; i < 2; i++) {
		f->streams[i].dev.ops = &stream_ops;
		f->streams[i].room = sizeof f->streams[i].written;
		ports[i].chardev = &f->streams[i].dev;
	}
	assert_int_equal(virtio_console_new(&h->m, "console0", ports, n_ports, &f->console, NULL), 0);
	vpci_init(&f->v, h, virtio_console_device(f->console));
}

static void fini(struct fixture *f)
{
	pci_unplug(virtio_pci_device(f->v.dev));
	assert_true(f->streams[0].is_freed);
	harness_free(f->v.h);
}

static size_t type(struct fixture *f, unsigned int port, const char *text)
{
	struct chardev_user *user = &f->streams[port].dev.user;

	return user->input(user->aux, text, strlen(text));
}

static void lend(struct fixture *f, unsigned int queue, uint32_t len)
{
	struct buffer buf = {VPCI_DATA + 0x1000ull * queue, len, true};

	driver_add(&f->v.queues[queue], &buf, 1);
	vpci_run(&f->v, queue);
}

static void say(struct fixture *f, unsigned int queue, const char *text)
{
	uint64_t at = VPCI_DATA + 0x1000ull * queue;
	struct buffer bufs[] = {{at, 2, false}, {at + 2, (uint32_t)strlen(text) - 2, false}};

	vpci_put(&f->v, at, text, strlen(text));
	driver_add(&f->v.queues[queue], bufs, 2);
	vpci_run(&f->v, queue);
}

static void one_port(void **state)
{
	struct virtio_console_stats stats;
	struct fixture f;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		init(&f, 1);
		assert_int_equal(type(&f, 0, "early"), 0);	/* there is no driver yet */
		assert_true(vpci_offered(&f.v) & F(MULTIPORT)); /* which this driver does without */
		assert_true(vpci_start(&f.v, packed ? F(VIRTIO_F_RING_PACKED) : 0, 2));
		assert_int_equal(f.streams[0].n_resumed, 1);
		assert_int_equal(type(&f, 0, "x"), 0); /* no buffer */
		lend(&f, RX, 4);
		assert_int_equal(f.streams[0].n_resumed, 2);
		assert_int_equal(type(&f, 0, "abcdef"), 4);
		assert_int_equal(vpci_take(&f.v, RX), 4);
		assert_memory_equal(vpci_at(&f.v, VPCI_DATA, 4), "abcd", 4);
		say(&f, TX, "hello");
		assert_int_equal(vpci_take(&f.v, TX), 0);
		assert_memory_equal(f.streams[0].written, "hello", 5);
		virtio_console_get_stats(f.console, 0, &stats);
		assert_int_equal(stats.bytes_in, 4);
		assert_int_equal(stats.bytes_out, 5);
		fini(&f);
	}
}

/* A console's driver spins for its buffer: it gets it back at once, whatever becomes of the bytes. */
static void console_does_not_wait(void **state)
{
	struct virtio_console_stats stats;
	struct fixture f;

	(void)state;
	init(&f, 1);
	assert_true(vpci_start(&f.v, 0, 2));
	f.streams[0].room = 3;
	say(&f, TX, "hello");
	assert_int_equal(vpci_take(&f.v, TX), 0);
	assert_int_equal(f.streams[0].n_written, 3);
	virtio_console_get_stats(f.console, 0, &stats);
	assert_int_equal(stats.bytes_lost, 2);
	fini(&f);
}

static void size_in_config(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 1);
	assert_true(vpci_start(&f.v, F(0), 2));
	virtio_console_resize(f.console, 0, 132, 43);
	assert_true(vpci_read(&f.v, f.v.isr, 1) & 2);
	assert_int_equal(vpci_read(&f.v, f.v.config, 2), 132);
	assert_int_equal(vpci_read(&f.v, f.v.config + 2, 2), 43);
	assert_int_equal(vpci_read(&f.v, f.v.config + 4, 4), 1);
	virtio_console_resize(f.console, 0, 132, 43); /* no news */
	assert_false(vpci_read(&f.v, f.v.isr, 1) & 2);
	fini(&f);
}

static void control(struct fixture *f, uint32_t id, uint16_t event, uint16_t value)
{
	uint8_t message[8] = {(uint8_t)id, 0, 0, (uint8_t)(id >> 24), (uint8_t)event, 0, (uint8_t)value, 0};
	struct buffer buf = {VPCI_DATA + 0x8000, sizeof message, false};

	vpci_put(&f->v, buf.gpa, message, sizeof message);
	driver_add(&f->v.queues[CTRL_TX], &buf, 1);
	vpci_run(&f->v, CTRL_TX);
	assert_int_equal(vpci_take(&f->v, CTRL_TX), 0);
}

/* The next message of the device's: id, event, value; what is behind them is at f->extra. */
static void expect(struct fixture *f, unsigned int id, unsigned int event, unsigned int value, const char *extra,
		   size_t len)
{
	const uint8_t *m = vpci_at(&f->v, VPCI_DATA + 0x2000, 64);

	lend(f, CTRL_RX, 64);
	assert_int_equal(vpci_take(&f->v, CTRL_RX), 8 + (int64_t)len);
	assert_int_equal(m[0], id);
	assert_int_equal(m[4], event);
	assert_int_equal(m[6], value);
	if (len)
		assert_memory_equal(m + 8, extra, len);
}

/* There is nothing to say: the buffer stays lent; reset gets it back. */
static void expect_nothing(struct fixture *f)
{
	lend(f, CTRL_RX, 64);
	assert_int_equal(vpci_take(&f->v, CTRL_RX), -1);
}

static void opened(struct fixture *f, unsigned int port, bool is_open)
{
	struct chardev_user *user = &f->streams[port].dev.user;

	user->opened(user->aux, is_open);
}

static void several_ports(void **state)
{
	struct virtio_console_stats stats;
	struct fixture f;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		init(&f, 2);
		virtio_console_resize(f.console, 0, 80, 25);
		assert_true(vpci_start(&f.v, F(MULTIPORT) | (packed ? F(VIRTIO_F_RING_PACKED) : 0), 6));
		assert_int_equal(vpci_read(&f.v, f.v.config + 4, 4), 2);
		control(&f, 0, READY, 1);
		expect(&f, 0, ADD, 1, NULL, 0);
		expect(&f, 1, ADD, 1, NULL, 0);
		control(&f, 0, PORT_READY, 1);
		expect(&f, 0, CONSOLE, 1, NULL, 0);
		expect(&f, 0, OPEN, 1, NULL, 0);
		expect(&f, 0, RESIZE, 1, "\x19\0\x50\0", 4);
		control(&f, 1, PORT_READY, 1);
		expect(&f, 1, NAME, 1, "org.test.0", 10);
		opened(&f, 1, true);
		opened(&f, 1, false);
		opened(&f, 1, true); /* the one before is closed for the guest, too */
		expect(&f, 1, OPEN, 0, NULL, 0);
		expect(&f, 1, OPEN, 1, NULL, 0);
		control(&f, 0x70000000, OPEN, 1); /* no such port, no such event */
		control(&f, 1, 99, 1);
		expect_nothing(&f);
		lend(&f, RX1, 64);
		assert_int_equal(type(&f, 1, "held"), 0); /* nobody has it open in the guest */
		control(&f, 1, OPEN, 1);
		assert_int_equal(f.streams[1].n_resumed, 1);
		assert_int_equal(type(&f, 1, "held"), 4);
		assert_int_equal(vpci_take(&f.v, RX1), 4);
		f.streams[1].room = 3;
		say(&f, TX1, "hello");
		assert_int_equal(vpci_take(&f.v, TX1), -1); /* back pressure */
		f.streams[1].room = 100;
		f.streams[1].dev.user.writable(f.streams[1].dev.user.aux);
		assert_int_equal(vpci_take(&f.v, TX1), 0);
		assert_memory_equal(f.streams[1].written, "hello", 5);
		virtio_console_get_stats(f.console, 1, &stats);
		assert_true(stats.is_open);
		assert_int_equal(stats.bytes_lost, 0);
		assert_false(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
		fini(&f);
	}
}

static void lies(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 2);
	assert_true(vpci_start(&f.v, F(MULTIPORT), 6));
	say(&f, CTRL_TX, "short");
	assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	assert_true(vpci_start(&f.v, F(MULTIPORT), 6));
	lend(&f, CTRL_RX, 7);
	control(&f, 0, READY, 1);
	assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	assert_true(vpci_start(&f.v, 0, 2)); /* one that knows no control queues has port 0 alone */
	say(&f, RX, "readable");
	assert_int_equal(type(&f, 0, "x"), 0);
	assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	assert_true(vpci_start(&f.v, F(MULTIPORT), 6));
	vpci_run(&f.v, RX1);
	assert_false(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_port),	  cmocka_unit_test(console_does_not_wait),
		cmocka_unit_test(size_in_config), cmocka_unit_test(several_ports),
		cmocka_unit_test(lies),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
