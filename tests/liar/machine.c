// SPDX-License-Identifier: Apache-2.0
/* Console, clock, interrupts, PCI: what every test here needs. */
#include "liar.h"

#define COM1 0x3f8
#define PM_TIMER 0x608
#define TICKS_PER_MS 3580
#define LAPIC 0xfee00000ull
#define IOAPIC 0xfec00000ull
#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc

/* ---- what a library would have ---- */

void *memcpy(void *dst, const void *src, size_t n)
{
	uint8_t *to = dst;
	const uint8_t *from = src;

	while (n--)
		*to++ = *from++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *at = dst;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

uint32_t random32(void)
{
	static uint32_t x = 0x9e3779b9;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* ---- console ---- */

void say(const char *text)
{
	while (*text)
		outb(COM1, (uint8_t)*text++);
}

void say_hex(uint64_t value)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		if (value >> shift || !shift)
			outb(COM1, (uint8_t) "0123456789abcdef"[value >> shift & 15]);
}

bool check(bool good, const char *name, const char *why)
{
	say(good ? "ok " : "not ok ");
	say(name);
	if (!good) {
		say(": ");
		say(why);
	}
	say("\n");
	return good;
}

/* ---- clock: the ACPI timer, 24 bits and more at 3.58 MHz ---- */

uint32_t timeout(uint32_t ms)
{
	return inl(PM_TIMER) + ms * TICKS_PER_MS;
}

bool timed_out(uint32_t deadline)
{
	return (int32_t)(inl(PM_TIMER) - deadline) > 0;
}

bool wait_change16(const volatile uint16_t *word, uint16_t old)
{
	uint32_t deadline = timeout(10000);

	while (*word == old)
		if (timed_out(deadline))
			return false;
	return true;
}

/* ---- interrupts ---- */

volatile uint32_t n_interrupts[256];

static struct {
	uint16_t low, selector, flags, middle;
	uint32_t high, reserved;
} idt[256] __attribute__((aligned(16)));

extern const char exception_stubs[], interrupt_stubs[];
void liar_interrupt(unsigned int vector);
void liar_exception(unsigned int vector, uint64_t first, uint64_t second);

void liar_interrupt(unsigned int vector)
{
	n_interrupts[vector]++;
	write32(LAPIC + 0xb0, 0); /* end of interrupt */
}

void liar_exception(unsigned int vector, uint64_t first, uint64_t second)
{
	say("not ok exception: ");
	say_hex(vector);
	say(" ");
	say_hex(first);
	say(" ");
	say_hex(second);
	say("\n");
	outb(0xf4, 99);
}

static void set_gate(unsigned int vector, uint64_t handler)
{
	idt[vector].low = (uint16_t)handler;
	idt[vector].selector = 0x10;
	idt[vector].flags = 0x8e00;
	idt[vector].middle = (uint16_t)(handler >> 16);
	idt[vector].high = (uint32_t)(handler >> 32);
}

void interrupts_init(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof idt - 1, address(idt)};

	for (unsigned int i = 0; i < 32; i++)
		set_gate(i, address(exception_stubs) + 16ull * i);
	for (unsigned int i = 0x20; i < 0x80; i++)
		set_gate(i, address(interrupt_stubs) + 16ull * (i - 0x20));
	outb(COM1 + 4, 0x0b); /* the port listens; its interrupt goes nowhere */
	outb(COM1 + 1, 1);
	outb(0x21, 0xff); /* the 8259s are silent */
	outb(0xa1, 0xff);
	write32(LAPIC + 0xf0, 0x17f); /* on; spurious interrupts are vector 0x7f */
	write32(LAPIC + 0x80, 0);
	__asm__ volatile("lidt %0; sti" : : "m"(pointer));
}

void pin_route(unsigned int gsi, uint8_t vector)
{
	write32(IOAPIC, 0x11 + 2 * gsi);
	write32(IOAPIC + 0x10, 0);
	write32(IOAPIC, 0x10 + 2 * gsi);
	write32(IOAPIC + 0x10, 1u << 15 | vector); /* level, active high */
}

bool wait_interrupt(uint8_t vector, uint32_t before)
{
	uint32_t deadline = timeout(10000);

	while (n_interrupts[vector] == before)
		if (timed_out(deadline))
			return false;
	return true;
}

/* ---- PCI ---- */

static struct pci_dev devices[16];
static unsigned int n_devices;
static uint64_t next_io, next_memory;

uint32_t config_read(uint8_t slot, uint8_t offset)
{
	outl(CONFIG_ADDRESS, 1u << 31 | (uint32_t)slot << 11 | offset);
	return inl(CONFIG_DATA);
}

void config_write(uint8_t slot, uint8_t offset, uint32_t value)
{
	outl(CONFIG_ADDRESS, 1u << 31 | (uint32_t)slot << 11 | offset);
	outl(CONFIG_DATA, value);
}

/* Size a BAR, and put it where there is room. Return: how many registers it takes. */
static unsigned int place_bar(struct pci_dev *d, unsigned int bar)
{
	uint8_t at = (uint8_t)(0x10 + 4 * bar);
	uint64_t size, *next;
	uint32_t mask;
	bool is_io;

	config_write(d->slot, at, 0xffffffff);
	mask = config_read(d->slot, at);
	if (!mask)
		return 1;
	is_io = mask & 1;
	size = is_io ? (~(mask & ~3u) & 0xffff) + 1 : (uint32_t) ~(mask & ~0xfu) + 1;
	next = is_io ? &next_io : &next_memory;
	d->bars[bar] = (*next + size - 1) / size * size;
	*next = d->bars[bar] + size;
	config_write(d->slot, at, (uint32_t)d->bars[bar]);
	if (is_io || (mask >> 1 & 3) != 2)
		return 1;
	config_write(d->slot, (uint8_t)(at + 4), 0);
	return 2;
}

void pci_init(void)
{
	n_devices = 0;
	next_io = 0xc000;
	next_memory = 0xe1000000;
	for (uint8_t slot = 1; slot < 32; slot++) /* nobody answers while they move */
		config_write(slot, 4, 0);
	for (uint8_t slot = 1; slot < 32 && n_devices < ARRAY_SIZE(devices); slot++) {
		struct pci_dev *d = &devices[n_devices];
		uint32_t id = config_read(slot, 0);

		if (id == 0xffffffff)
			continue;
		*d = (struct pci_dev){.slot = slot, .vendor = (uint16_t)id, .device = (uint16_t)(id >> 16)};
		d->revision = (uint8_t)config_read(slot, 8);
		for (unsigned int bar = 0; bar < 6;)
			bar += place_bar(d, bar);
		config_write(slot, 4, 7);
		n_devices++;
	}
}

struct pci_dev *pci_find(uint16_t vendor, uint16_t device, unsigned int nth)
{
	for (unsigned int i = 0; i < n_devices; i++)
		if (devices[i].vendor == vendor && devices[i].device == device && !nth--)
			return &devices[i];
	return NULL;
}
