// SPDX-License-Identifier: Apache-2.0
/*
 * Drivers that lie. What must hold is judged from outside: the machine goes on, the log has a line for it, other guests and the switch see nothing of it.
 * Here: after each lie the device takes a reset, and in the end it serves an honest driver again.
 */
#include "liar.h"

#define VIRTIO_F_INDIRECT 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_PACKED 34
#define N_BAD_CHAINS 11
#define ROUNDS 30

static uint8_t buffer[65536] __attribute__((aligned(PAGE)));
static struct desc table[16] __attribute__((aligned(16)));

/* ---- virtio ---- */

/* A driver would see that the device wants a reset; give it some time to find out. */
static bool is_refused(struct virtio *v)
{
	uint32_t deadline = timeout(5000);

	while (!(virtio_status(v) & NEEDS_RESET))
		if (timed_out(deadline))
			return false;
	return true;
}

static struct desc piece(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

/* Chains that no device can make sense of; number @i, from descriptor 0 on. Return: false: there are no more. */
static bool bad_chain(struct ring *r, unsigned int i)
{
	const uint64_t b = address(buffer);

	memset(table, 0, sizeof table);
	switch (i) {
	case 0: /* where registers are */
		r->desc[0] = piece(NOT_RAM, 64, 0, 0);
		return true;
	case 1: /* past RAM */
		r->desc[0] = piece(RAM_END - 16, 64, DESC_WRITE, 0);
		return true;
	case 2: /* around the end of all addresses */
		r->desc[0] = piece(0xfffffffffffff000ull, 0x2000, 0, 0);
		return true;
	case 3: /* a loop */
		r->desc[0] = piece(b, 16, DESC_NEXT, 1);
		r->desc[1] = piece(b, 16, DESC_NEXT, 0);
		return true;
	case 4: /* out of the table */
		r->desc[0] = piece(b, 16, DESC_NEXT, 0xffff);
		return true;
	case 5: /* to be read behind to be written */
		r->desc[0] = piece(b, 16, DESC_NEXT | DESC_WRITE, 1);
		r->desc[1] = piece(b, 16, 0, 0);
		return true;
	case 6: /* no bytes */
		r->desc[0] = piece(b, 0, 0, 0);
		return true;
	case 7: /* a table that is registers */
		r->desc[0] = piece(NOT_RAM, 64, DESC_INDIRECT, 0);
		return true;
	case 8: /* a part of an entry */
		r->desc[0] = piece(address(table), 20, DESC_INDIRECT, 0);
		return true;
	case 9: /* a table in a table */
		table[0] = piece(address(table), 32, DESC_INDIRECT, 0);
		r->desc[0] = piece(address(table), 32, DESC_INDIRECT, 0);
		return true;
	case 10: /* a loop in a table */
		table[0] = piece(b, 16, DESC_NEXT, 0);
		r->desc[0] = piece(address(table), 256, DESC_INDIRECT, 0);
		return true;
	}
	return false;
}

static void lie_chains(struct virtio *v, uint16_t queue)
{
	unsigned int i = 0;

	while (virtio_begin(v, 1u << VIRTIO_F_INDIRECT, queue + 1u) && bad_chain(&v->rings[queue], i)) {
		virtio_publish(v, queue, 0);
		if (!is_refused(v))
			break;
		i++;
	}
	check(i == N_BAD_CHAINS, "chains that make no sense stop the device", "one does not");
}

/* Indices and heads. */
static void lie_indices(struct virtio *v, uint16_t queue)
{
	if (virtio_begin(v, 0, queue + 1u)) {
		v->rings[queue].avail.index = 0x7fff;
		virtio_kick(v, queue);
		check(is_refused(v), "an index far ahead stops the device", "it goes on");
	}
	if (virtio_begin(v, 0, queue + 1u)) {
		virtio_publish(v, queue, 0xffff);
		check(is_refused(v), "a head out of the table stops the device", "it goes on");
	}
}

/* Rings where none can be. */
static void lie_places(struct virtio *v)
{
	static const struct {
		uint16_t size;
		uint64_t desc, driver, device;
	} places[] = {
		{8, NOT_RAM, 0x1800000, 0x1801000},	   {8, 0x1800000, RAM_END - 2, 0x1801000},
		{8, 0x1800000, 0x1801000, ~0ull & ~3},	   {8, 0x1800001, 0x1801000, 0x1802000},
		{0, 0x1800000, 0x1801000, 0x1802000},	   {7, 0x1800000, 0x1801000, 0x1802000},
		{0x8000, 0x1800000, 0x1801000, 0x1802000},
	};

	size_t n = 0;

	while (n < ARRAY_SIZE(places) && virtio_negotiate(v, 0)) {
		virtio_place(v, 0, places[n].size, places[n].desc, places[n].driver, places[n].device);
		virtio_driver_ok(v);
		if (!(virtio_status(v) & NEEDS_RESET))
			break;
		n++;
	}
	check(n == ARRAY_SIZE(places), "rings that are nowhere stop the device", "it begins with one");
}

/*
 * A word of a descriptor: address, length, flags and next (packed: id and flags). What the device may write to is behind 8 MiB, where nothing is: a guest
 * that has its own code overwritten hurts itself, but cannot tell of it.
 */
static uint32_t random_word(unsigned int field)
{
	uint32_t r = random32();

	switch (field) {
	case 0:
		return r & 3 ? (r & 0x7fffff) | 0x800000 : r | 0x80000000;
	case 1:
		return r & 15 ? 0 : r;
	case 2:
		return r & (random32() & 1 ? 0xffff : 0xff);
	default:
		return r & (random32() & 1 ? 0x00070007 : 0x80870007);
	}
}

/* Each ring field random, both kinds of ring, rings over one another; reset at any time. */
static void lie_at_random(struct virtio *v, unsigned int n_queues)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint64_t packed = (uint64_t)(random32() & 1) << VIRTIO_F_PACKED;
		uint64_t driver = random32() & 1 ? PAGE / 4 : 64, device = random32() & 1 ? PAGE / 2 : 68;

		if (!virtio_negotiate(v, packed | 1u << VIRTIO_F_INDIRECT | 1u << VIRTIO_F_EVENT_IDX))
			break;
		for (uint16_t q = 0; q < n_queues; q++) {
			uint32_t *words = (uint32_t *)(void *)&v->rings[q];

			for (unsigned int i = 0; i < 4 * QUEUE_SIZE; i++)
				words[i] = random_word(i % 4);
			for (unsigned int i = 0; i < 8; i++)
				words[driver / 4 + i] = random32() & (random32() & 3 ? 0x000f000f : 0xffffffff);
			virtio_place(v, q, QUEUE_SIZE, address(words), address(words) + driver,
				     address(words) + device);
		}
		virtio_driver_ok(v);
		for (unsigned int i = 0; i < 4; i++)
			virtio_kick(v, (uint16_t)(random32() % n_queues));
		for (uint32_t i = random32() & 1 ? 20 : 0; i; i--) /* else the reset comes in the middle of it */
			virtio_status(v);
		virtio_reset(v);
	}
}

/* A lot that is honest, and a reset before it can be done. */
static void reset_amid(struct virtio *v, unsigned int n_queues)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	const struct buffer buffers[] = {{address(&header), sizeof header, false},
					 {address(buffer), sizeof buffer, true}};

	for (unsigned int round = 0; round < 10 && virtio_begin(v, 0, n_queues); round++) {
		for (uint16_t i = 0; i < QUEUE_SIZE / 2; i++)
			virtio_offer(v, (uint16_t)(i % n_queues), (uint16_t)(2 * i), buffers, 2);
		virtio_reset(v);
	}
}

/* Any register, any value. */
static void storm(uint64_t bar, uint32_t size, unsigned int n)
{
	while (n--) {
		uint64_t at = bar + random32() % (size - 8);

		switch (random32() & 3) {
		case 0:
			write32(at & ~3ull, random32());
			break;
		case 1:
			write16(at, (uint16_t)random32());
			break;
		case 2:
			write8(at, (uint8_t)random32());
			break;
		case 3:
			read32(at);
			break;
		}
	}
}

/* Configuration space, addresses included: devices lie over one another, over RAM, nowhere. */
static void storm_config(const struct pci_dev *d)
{
	for (unsigned int i = 0; i < 60; i++)
		config_write(d->slot, (uint8_t)(4 * (random32() % 40)), random32());
	config_write(d->slot, 4, 0);
	pci_init();
}

void lie_virtio(enum virtio_type type, const char *name)
{
	static const uint8_t n_queues[] = {
		[VIRTIO_NET] = 2, [VIRTIO_BLK] = 1, [VIRTIO_CONSOLE] = 2, [VIRTIO_RNG] = 1, [VIRTIO_BALLOON] = 2};
	struct virtio v;

	if (!virtio_find(&v, type))
		return;
	/* The last is one from which a device always takes what there is. */
	lie_chains(&v, (uint16_t)(n_queues[type] - 1));
	lie_indices(&v, (uint16_t)(n_queues[type] - 1));
	lie_places(&v);
	lie_at_random(&v, n_queues[type]);
	reset_amid(&v, n_queues[type]);
	storm(v.common, 0x4000, 300);
	storm_config(v.pci);
	if (virtio_find(&v, type))
		virtio_reset(&v);
	check(virtio_begin(&v, 0, n_queues[type]), name, "lied to, it does not begin again");
	virtio_reset(&v);
}

/* One lie, kicked again and again, that is worth one line. */
void lie_once(void)
{
	struct virtio v;

	if (!virtio_find(&v, VIRTIO_RNG) || !virtio_begin(&v, 0, 1))
		return;
	bad_chain(&v.rings[0], 0);
	virtio_publish(&v, 0, 0);
	check(is_refused(&v), "one lie stops the device", "it goes on");
	for (unsigned int i = 0; i < 100; i++)
		virtio_publish(&v, 0, 0);
}

/* ---- cards ---- */

/* The card's thread finds out before the next lie undoes this one. */
static void let_it_look(void)
{
	uint32_t deadline = timeout(30);

	while (!timed_out(deadline))
		continue;
}

void lie_e1000(void)
{
	struct pci_dev *d = pci_find(0x8086, 0x100e, 0);
	uint64_t *ring = (uint64_t *)(uint64_t)table, bar;

	if (!d)
		return;
	bar = d->bars[0];
	for (unsigned int i = 0; i < 8; i++) {
		write32(bar, 1 << 26); /* reset */
		ring[0] = i == 0 ? NOT_RAM : i == 1 ? RAM_END - 8 : i == 2 ? ~0ull : address(buffer);
		ring[1] = (i == 3 ? 0xffff : 60) | 0x09ull << 24;
		write32(bar + 0x3800, i == 4 ? (uint32_t)NOT_RAM : (uint32_t)address(table));
		write32(bar + 0x3804, i == 5 ? 0xffffffff : 0);
		write32(bar + 0x3808, i == 6 ? 0xfff80 : 128);
		write32(bar + 0x400, 1 << 1);
		write32(bar + 0x2800, (uint32_t)NOT_RAM);
		write32(bar + 0x2808, 128);
		write32(bar + 0x2818, 7);
		write32(bar + 0x100, 1 << 1 | 1 << 15 | 1 << 3);
		write32(bar + 0x3818, i == 7 ? 0xffff : 1);
		let_it_look();
	}
	for (unsigned int i = 0; i < 5; i++) {
		storm(bar, 0x6000, 60);
		write32(bar, 1 << 26);
	}
	storm_config(d);
	write32(pci_find(0x8086, 0x100e, 0)->bars[0], 1 << 26);
	check(true, "e1000", "");
}

void lie_rtl8139(void)
{
	for (unsigned int nth = 0;; nth++) {
		struct pci_dev *d = pci_find(0x10ec, 0x8139, nth);
		uint64_t bar;

		if (!d)
			break;
		bar = d->bars[1];
		for (unsigned int i = 0; i < 6; i++) {
			write8(bar + 0x37, 0x10);
			write16(bar + 0xe0, i & 1 ? 3 : 0);
			write8(bar + 0x37, 0x0c);
			write32(bar + 0x20, i < 2 ? (uint32_t)NOT_RAM : 0xfffffff0); /* transmit: slot or ring */
			write32(bar + 0x10, 0x5dc);
			write32(bar + 0x30, (uint32_t)NOT_RAM);
			write32(bar + 0xe4, i == 4 ? (uint32_t)RAM_END - 256 : (uint32_t)NOT_RAM);
			write32(bar + 0x44, 0x8f);
			write8(bar + 0xd9, 0xc1);
			write32(bar + 0x10, (uint32_t)NOT_RAM | 8); /* counters */
			let_it_look();
		}
		for (unsigned int i = 0; i < 5; i++) {
			storm(bar, 0x100, 60);
			write8(bar + 0x37, 0x10);
		}
		storm_config(d);
		write8(pci_find(0x10ec, 0x8139, nth)->bars[1] + 0x37, 0x10);
	}
	check(true, "rtl8139", "");
}
