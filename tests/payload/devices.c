// SPDX-License-Identifier: Apache-2.0
/*
 * A guest without a system that drives the board and each device once, for hosts whose KVM runs no stock kernel: ports and memory-mapped registers, an
 * interrupt by a line and by MSI-X, one virtqueue of each virtio device, a frame by each network card. What it found it says on the serial port, as tests
 * do; then it sleeps and says again what is typed, so that somebody can look at the switch, and ends by the debug exit port at an x.
 *
 * The host has to give it: a disk whose second sector begins with "VSW ", and network cards. Sources: virtio 1.2 (2.7, 4.1), the 82540EM's manual (3.3), the
 * RTL8139's data sheet (5.4).
 */
#include "board.h"

/* ---- virtio ---- */

enum { RING_SIZE = 8, DESC_NEXT = 1, DESC_WRITE = 2 };
enum common {
	FEATURE_SELECT = 8,
	FEATURES = 12,
	MSIX_CONFIG = 16,
	STATUS = 20,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48
};
enum status { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct ring {
	struct desc desc[RING_SIZE];
	struct {
		uint16_t flags, idx, ring[RING_SIZE];
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING_SIZE];
	} used __attribute__((aligned(16)));
};

/* One queue at a time; where a device wants a pair, the other one stays empty. */
static struct ring ring __attribute__((aligned(4096))), empty_ring __attribute__((aligned(4096)));

struct virtio {
	uint64_t common, notify;
	uint32_t notify_multiplier;
	unsigned int queue;
	uint16_t n_added;
};

struct buffer {
	void *data;
	uint32_t len;
	bool is_for_device; /* to write into */
};

static void put16(uint64_t addr, uint16_t value)
{
	*(volatile uint16_t *)addr = value;
}

static void put64(uint64_t addr, uint64_t value)
{
	*reg32(addr) = (uint32_t)value;
	*reg32(addr + 4) = (uint32_t)(value >> 32);
}

static volatile uint8_t *status_of(const struct virtio *v)
{
	return (volatile uint8_t *)(v->common + STATUS);
}

/* All its messages are vector 0 of its table, which is our VECTOR_MSI. */
static void start_msix(unsigned int slot)
{
	unsigned int cap = pci_find_cap(slot, 0x11, 0);
	uint32_t where = pci_read(slot, cap + 4);
	uint64_t table = pci_bar(slot, where & 7) + (where & ~7u);

	*reg32(table) = 0xfee00000;
	*reg32(table + 4) = 0;
	*reg32(table + 8) = VECTOR_MSI;
	*reg32(table + 12) = 0;
	pci_write(slot, cap, pci_read(slot, cap) | 0x80000000u);
}

static void find_registers(unsigned int slot, struct virtio *v)
{
	for (unsigned int cap = pci_find_cap(slot, 9, 0); cap; cap = pci_find_cap(slot, 9, cap)) {
		uint64_t at = pci_bar(slot, pci_read(slot, cap + 4) & 0xff) + pci_read(slot, cap + 8);

		switch (pci_read(slot, cap + 3) & 0xff) {
		case 1:
			v->common = at;
			break;
		case 2:
			v->notify = at;
			v->notify_multiplier = pci_read(slot, cap + 16);
			break;
		}
	}
}

static void set_queue(struct virtio *v, unsigned int queue, const struct ring *r)
{
	put16(v->common + QUEUE_SELECT, (uint16_t)queue);
	put16(v->common + QUEUE_SIZE, RING_SIZE);
	put16(v->common + QUEUE_VECTOR, 0);
	put64(v->common + QUEUE_DESC, (uint64_t)r->desc);
	put64(v->common + QUEUE_DRIVER, (uint64_t)&r->avail);
	put64(v->common + QUEUE_DEVICE, (uint64_t)&r->used);
	put16(v->common + QUEUE_ENABLE, 1);
}

/* With virtio 1.0 and no other feature, and the queues up to @queue, which is the one to work with. Return: whether the device agrees. */
static bool virtio_start(unsigned int slot, unsigned int queue, struct virtio *v)
{
	*v = (struct virtio){.queue = queue};
	pci_start(slot);
	find_registers(slot, v);
	start_msix(slot);
	clear(&ring, sizeof ring);
	*status_of(v) = 0;
	*status_of(v) = ACKNOWLEDGE | DRIVER;
	for (uint32_t i = 0; i < 2; i++) {
		*reg32(v->common + FEATURE_SELECT) = i;
		*reg32(v->common + FEATURES) = i;
	}
	*status_of(v) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	if (!(*status_of(v) & FEATURES_OK))
		return false;
	for (unsigned int i = 0; i <= queue; i++)
		set_queue(v, i, i == queue ? &ring : &empty_ring);
	*status_of(v) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
	return true;
}

/* One chain, there and back. Return: whether it came back, with an interrupt. */
static bool virtio_do(struct virtio *v, const struct buffer *buffers, uint16_t n)
{
	unsigned int before = n_msis;
	uint32_t notify_off;

	for (uint16_t i = 0; i < n; i++)
		ring.desc[i] = (struct desc){
			(uint64_t)buffers[i].data, buffers[i].len,
			(uint16_t)((i + 1 < n ? DESC_NEXT : 0) | (buffers[i].is_for_device ? DESC_WRITE : 0)),
			(uint16_t)(i + 1)};
	ring.avail.ring[v->n_added % RING_SIZE] = 0;
	__asm__ volatile("" : : : "memory");
	ring.avail.idx = ++v->n_added;
	__asm__ volatile("mfence" : : : "memory");
	notify_off = *(volatile uint16_t *)(v->common + QUEUE_NOTIFY_OFF);
	put16(v->notify + notify_off * v->notify_multiplier, (uint16_t)v->queue);
	return until(*(volatile uint16_t *)&ring.used.idx == v->n_added) && until(n_msis > before);
}

static void virtio_stop(struct virtio *v)
{
	*status_of(v) = 0;
}

static void drive_rng(unsigned int slot)
{
	static uint8_t bytes[64];
	const struct buffer buffer = {bytes, sizeof bytes, true};
	unsigned int n_set = 0;
	struct virtio v;

	check("virtio-rng: it starts", virtio_start(slot, 0, &v));
	check("virtio-rng: a request comes back, with MSI-X", virtio_do(&v, &buffer, 1));
	for (size_t i = 0; i < sizeof bytes; i++)
		n_set += bytes[i] != 0;
	check("virtio-rng: random bytes", n_set > sizeof bytes / 2 && ring.used.ring[0].len == sizeof bytes);
	virtio_stop(&v);
}

static bool block_io(struct virtio *v, uint32_t type, uint64_t sector, void *data)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	static uint8_t result;
	const struct buffer buffers[] = {{&head, sizeof head, false}, {data, 512, !type}, {&result, 1, true}};

	head.type = type;
	head.sector = sector;
	result = 0xff;
	return virtio_do(v, buffers, 3) && *(volatile uint8_t *)&result == 0;
}

static void drive_blk(unsigned int slot)
{
	static uint8_t sector[512];
	struct virtio v;

	check("virtio-blk: it starts", virtio_start(slot, 0, &v));
	check("virtio-blk: a read comes back", block_io(&v, 0, 1, sector));
	check("virtio-blk: with what is there",
	      sector[0] == 'V' && sector[1] == 'S' && sector[2] == 'W' && sector[3] == ' ');
	copy(sector, "written by the payload\n", 23);
	check("virtio-blk: a write comes back", block_io(&v, 1, 2, sector));
	virtio_stop(&v);
}

static void drive_console(unsigned int slot)
{
	static char text[] = "hello from the payload\n";
	const struct buffer buffer = {text, sizeof text - 1, false};
	struct virtio v;

	check("virtio-console: it starts", virtio_start(slot, 1, &v));
	check("virtio-console: what is said is taken", virtio_do(&v, &buffer, 1));
	virtio_stop(&v);
}

static void drive_balloon(unsigned int slot)
{
	static uint32_t page = 24u << 20 >> 12;
	const struct buffer buffer = {&page, sizeof page, false};
	struct virtio v;

	*reg32((uint64_t)page << 12) = 0x12345678;
	check("virtio-balloon: it starts", virtio_start(slot, 0, &v));
	check("virtio-balloon: a page is taken", virtio_do(&v, &buffer, 1));
	check("virtio-balloon: and nothing is left of it", *reg32((uint64_t)page << 12) == 0);
	virtio_stop(&v);
}

/* ---- network cards ---- */

/* A broadcast of a protocol for experiments (IEEE 802 9.2.3), from 02:00:00:00:50:@number. */
static uint8_t *make_frame(uint8_t number)
{
	static uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0x50, 0, 0x88, 0xb5};

	frame[11] = number;
	return frame;
}

static void drive_net(unsigned int slot)
{
	static uint8_t head[12];
	const struct buffer buffers[] = {{head, sizeof head, false}, {make_frame(1), 60, false}};
	struct virtio v;

	check("virtio-net: it starts", virtio_start(slot, 1, &v));
	check("virtio-net: a frame is taken", virtio_do(&v, buffers, 2));
	virtio_stop(&v);
}

static void drive_e1000(unsigned int slot)
{
	enum {
		CTRL = 0,
		TCTL = 0x400,
		TDBAL = 0x3800,
		TDBAH = 0x3804,
		TDLEN = 0x3808,
		TDH = 0x3810,
		TDT = 0x3818,
		ICR = 0xc0
	};
	static struct {
		uint64_t addr;
		uint16_t len;
		uint8_t cso, cmd;
		volatile uint8_t status;
		uint8_t css;
		uint16_t special;
	} descs[8] __attribute__((aligned(128)));
	uint64_t regs;

	pci_start(slot);
	regs = pci_bar(slot, 0);
	descs[0].addr = (uint64_t)make_frame(2);
	descs[0].len = 60;
	descs[0].cmd = 0x0b; /* end of packet, FCS, report status */
	*reg32(regs + CTRL) = *reg32(regs + CTRL) | 0x40;
	*reg32(regs + TDBAL) = (uint32_t)(uint64_t)descs;
	*reg32(regs + TDBAH) = 0;
	*reg32(regs + TDLEN) = sizeof descs;
	*reg32(regs + TDH) = 0;
	*reg32(regs + TDT) = 0;
	*reg32(regs + TCTL) = 0x0a; /* enabled, short packets padded */
	*reg32(regs + TDT) = 1;
	check("e1000: a frame is sent, and its descriptor says so", until(descs[0].status & 1));
	check("e1000: so do head and interrupt cause", *reg32(regs + TDH) == 1 && *reg32(regs + ICR) & 1);
}

static void drive_rtl8139(unsigned int slot)
{
	enum { TSD0 = 0x10, TSAD0 = 0x20, CR = 0x37, ISR = 0x3e };
	uint16_t port;

	pci_start(slot);
	port = (uint16_t)pci_bar(slot, 0);
	out8(port + CR, 0x10);
	check("rtl8139: it resets itself", until(!(in8(port + CR) & 0x10)));
	out8(port + CR, 0x04); /* transmitter on */
	out32(port + TSAD0, (uint32_t)(uint64_t)make_frame(3));
	out32(port + TSD0, 60);
	check("rtl8139: a frame is sent", until(in32(port + TSD0) & 1 << 15));
	check("rtl8139: its interrupt status says so", in8(port + ISR) & 4);
}

/* ---- all of it ---- */

static const struct {
	uint32_t id; /* device, vendor */
	void (*drive)(unsigned int slot);
} drivers[] = {
	{0x10411af4, drive_net},     {0x10421af4, drive_blk},	{0x10431af4, drive_console}, {0x10441af4, drive_rng},
	{0x10451af4, drive_balloon}, {0x100e8086, drive_e1000}, {0x813910ec, drive_rtl8139},
};

static void drive_board(void)
{
	check("PCI: both ways to the bridge", pci_read(0, 0) == pci_read_ecam(0, 0) && pci_read(0, 0) != 0xffffffff);
	route_line(4);
	out8(COM1 + 4, 8); /* OUT2: interrupts get out */
	out8(COM1 + 1, 2); /* one for the empty transmitter */
	check("serial port: an interrupt by its line", until(n_lines > 0));
	out8(COM1 + 1, 0);
	out8(0x70, 0x0d);
	check("RTC: its time is valid", in8(0x71) & 0x80);
}

/* What is typed comes back, until it is an x. The processor sleeps meanwhile: it is the interrupt that wakes it. */
static void echo(void)
{
	out8(COM1 + 1, 1);
	for (;;) {
		__asm__ volatile("cli");
		while (!typed)
			__asm__ volatile("sti; hlt; cli");
		if (typed == 'x')
			return;
		out8(COM1, typed);
		typed = 0;
		__asm__ volatile("sti");
	}
}

/* Where the boot protocol enters: the first bytes of the image (see the Makefile). */
__asm__(".section .start, \"ax\"\n\tjmp payload\n\t.text\n");

void payload(void) __attribute__((noreturn));
void payload(void)
{
	start_interrupts();
	drive_board();
	for (unsigned int slot = 1; slot < 32; slot++)
		for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
			if (pci_read(slot, 0) == drivers[i].id)
				drivers[i].drive(slot);
	print("waiting\n");
	echo();
	finish(n_failed ? 1 : 42);
	__builtin_unreachable();
}
