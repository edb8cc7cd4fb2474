// SPDX-License-Identifier: Apache-2.0
/* Board and virtio devices as an honest driver uses them: each does what it is there for, and says so by its interrupt. */
#include "liar.h"

/* Buffers: each device may write one page. */
static uint8_t page[PAGE] __attribute__((aligned(PAGE))), other[PAGE] __attribute__((aligned(PAGE)));

/* ---- the board ---- */

void test_board(void)
{
	uint32_t first = inl(0x608);

	outb(0x3ff, 0x5a);
	check(inb(0x3ff) == 0x5a, "serial port: its scratch register keeps a byte", "another value");
	outb(0x70, 0x0d);
	check(inb(0x71) & 0x80, "clock: its time is valid", "register D says not");
	while (inl(0x608) == first)
		continue;
	check(true, "the ACPI timer runs", "");
	check(read32(0xe0000000) == config_read(0, 0), "configuration space: by ports as by memory", "they differ");
	check(config_read(31, 0) == 0xffffffff, "an empty slot answers with ones", "something else");
	check(read32(0xdfff0000) == 0xffffffff, "memory where nothing is answers with ones", "something else");
}

/* ---- virtio ---- */

/* One chain on @queue, and its interrupt. Return: bytes written, -1: the device did not take it, or did not say so. */
static int transact(struct virtio *v, uint16_t queue, const struct buffer *buffers, unsigned int n)
{
	uint32_t before = n_interrupts[v->vector];
	int len;

	virtio_offer(v, queue, 0, buffers, n);
	len = virtio_wait(v, queue);
	return len >= 0 && wait_interrupt(v->vector, before) ? len : -1;
}

/* Return: false, and it has been said. */
static bool begin(struct virtio *v, enum virtio_type type, const char *name, unsigned int n_queues)
{
	return check(virtio_find(v, type) && virtio_begin(v, 0, n_queues), name, "there is none, or it does not begin");
}

void test_rng(void)
{
	const struct buffer buffer = {address(page), 64, true};
	struct virtio v;
	uint8_t sum = 0;
	int len;

	if (!begin(&v, VIRTIO_RNG, "rng: it begins", 1))
		return;
	memset(page, 0, 64);
	len = transact(&v, 0, &buffer, 1);
	for (int i = 0; i < 64; i++)
		sum |= page[i];
	check(len == 64 && sum, "rng: 64 bytes come, and an interrupt", "none, or zeros");
}

/* Header, data, status. Return: the status, -1: nothing came back. */
static int block_request(struct virtio *v, uint32_t type, uint64_t sector, void *data, uint32_t len, bool is_read)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	static volatile uint8_t status;
	const struct buffer buffers[] = {
		{address(&header), sizeof header, false},
		{address(data), len, is_read},
		{address(&status), 1, true},
	};
	const struct buffer without[] = {buffers[0], buffers[2]};

	header.type = type;
	header.sector = sector;
	status = 0xff;
	return transact(v, 0, len ? buffers : without, len ? 3 : 2) < 0 ? -1 : status;
}

void test_blk(void)
{
	struct virtio v;

	if (!begin(&v, VIRTIO_BLK, "blk: it begins", 1))
		return;
	for (unsigned int i = 0; i < 512; i++)
		page[i] = (uint8_t)(i * 7);
	memset(other, 0, 512);
	check(!block_request(&v, 1, 3, page, 512, false), "blk: a sector is written", "it is not");
	check(!block_request(&v, 4, 0, NULL, 0, false), "blk: and flushed", "it is not");
	check(!block_request(&v, 0, 3, other, 512, true) && !memcmp(page, other, 512), "blk: and read again",
	      "it is not, or is another");
	check(!block_request(&v, 8, 0, other, 20, true) && !memcmp(other, "payload", 8), "blk: its serial number",
	      "it has another");
	check(block_request(&v, 0, 1ull << 40, other, 512, true) == 1, "blk: a sector too far is an error",
	      "it is none");
}

void test_console(void)
{
	static const char text[] = "hello from hvc0\n";
	const struct buffer out = {address(text), sizeof text - 1, false}, in = {address(page), PAGE, true};
	struct virtio v;

	if (!begin(&v, VIRTIO_CONSOLE, "console: it begins", 2))
		return;
	check(transact(&v, 1, &out, 1) == 0, "console: bytes go out", "they do not");
	virtio_offer(&v, 0, 0, &in, 1);
	if (word_given("echo")) /* somebody answers each byte by a byte */
		check(virtio_wait(&v, 0) > 0, "console: and come in", "they do not");
}

void test_balloon(void)
{
	static volatile uint32_t pfn;
	const struct buffer buffer = {address(&pfn), sizeof pfn, false};
	struct virtio v;

	if (!begin(&v, VIRTIO_BALLOON, "balloon: it begins", 2))
		return;
	memset(other, 0x55, PAGE);
	pfn = (uint32_t)(address(other) / PAGE);
	check(transact(&v, 0, &buffer, 1) == 0 && ((volatile uint8_t *)other)[100] == 0,
	      "balloon: a page goes in, and what was in it is gone", "it is still there");
	check(transact(&v, 1, &buffer, 1) == 0, "balloon: and comes out", "it does not");
}

/* ---- network ---- */

void arp_request(uint8_t *frame, const uint8_t *mac, uint8_t host)
{
	static const uint8_t arp[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
	const uint8_t from[] = {10, 0, 0, host}, to[] = {10, 0, 0, 1};

	memset(frame, 0, FRAME);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, arp, sizeof arp);
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, from, 4);
	memcpy(frame + 38, to, 4);
}

bool is_arp_reply(const uint8_t *frame, const uint8_t *mac)
{
	static const uint8_t reply[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2}, from[] = {10, 0, 0, 1};

	return !memcmp(frame, mac, 6) && !memcmp(frame + 12, reply, sizeof reply) && !memcmp(frame + 28, from, 4);
}

#define NET_HEADER 12

/* Frames come until one is the answer; the neighbours' may come first, any number of them. */
static bool is_answered(struct virtio *v, const struct buffer *in, const uint8_t *mac)
{
	uint32_t deadline = timeout(1000);

	while (!timed_out(deadline)) {
		if (v->rings[0].used.index == v->seen[0])
			continue;
		virtio_wait(v, 0);
		if (is_arp_reply(other + NET_HEADER, mac))
			return true;
		virtio_offer(v, 0, 0, in, 1);
	}
	return false;
}

void test_net(void)
{
	const struct buffer out = {address(page), NET_HEADER + FRAME, false}, in = {address(other), PAGE, true};
	bool sent = true, answered = false;
	uint8_t mac[6];
	struct virtio v;

	if (!begin(&v, VIRTIO_NET, "net: it begins", 2))
		return;
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = read8(v.config + i);
	memset(page, 0, NET_HEADER);
	arp_request(page + NET_HEADER, mac, 101);
	virtio_offer(&v, 0, 0, &in, 1);
	/* The cable has just been put in: the other end may not have seen it when the first one comes. */
	for (int i = 0; i < 20 && sent && !answered; i++) {
		virtio_offer(&v, 1, 0, &out, 1);
		sent = virtio_wait(&v, 1) == 0;
		answered = is_answered(&v, &in, mac);
	}
	check(sent && n_interrupts[v.vector], "net: a frame goes out", "it does not");
	check(answered, "net: and its answer comes", "none comes");
	virtio_reset(&v);
}
