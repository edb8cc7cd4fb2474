/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest without a system needs of its board: ports, words on the serial port, PCI by both ways, interrupts. For devices.c, which includes this once.
 *
 * It is entered as the 64-bit boot protocol says (Linux Documentation/arch/x86/boot.rst): the first 4 GiB are mapped one to one, interrupts are off. Sources:
 * Intel SDM volume 3 chapters 6 and 10 (IDT, local APIC), 82093AA data sheet (I/O APIC), PCI Local Bus 3.0.
 */
#ifndef TESTS_PAYLOAD_BOARD_H
#define TESTS_PAYLOAD_BOARD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COM1 = 0x3f8, DEBUG_EXIT = 0xf4, VECTOR_MSI = 0x40, VECTOR_LINE = 0x41, CODE = 0x10 };

/* ---- ports and registers ---- */

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline volatile uint32_t *reg32(uint64_t addr)
{
	return (volatile uint32_t *)addr;
}

static inline void copy(void *dst, const void *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((volatile uint8_t *)dst)[i] = ((const uint8_t *)src)[i];
}

static inline void clear(void *dst, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((volatile uint8_t *)dst)[i] = 0;
}

/* ---- words ---- */

static unsigned int n_failed;

static inline void print(const char *text)
{
	while (*text)
		out8(COM1, (uint8_t)*text++);
}

static inline void check(const char *name, bool is_true)
{
	print(is_true ? "ok " : "not ok ");
	print(name);
	print(is_true ? "\n" : ": it is not so\n");
	n_failed += !is_true;
}

static inline void finish(uint8_t code)
{
	for (;;)
		out8(DEBUG_EXIT, code);
}

static inline uint64_t cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/** until() - wait for a condition, for ten seconds or so. Its value in the end. */
#define until(CONDITION) \
	({ \
		uint64_t start_ = cycles(); \
		bool is_so_; \
		while (!(is_so_ = (CONDITION)) && cycles() - start_ < 30000000000ull) \
			__asm__ volatile("pause" : : : "memory"); \
		is_so_; \
	})

/* ---- interrupts ---- */

static volatile unsigned int n_msis, n_lines;
static volatile uint8_t typed; /* 0: nothing yet */

struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

static inline void end_of_interrupt(void)
{
	*reg32(0xfee000b0) = 0;
}

static __attribute__((interrupt)) void on_msi(struct frame *frame)
{
	(void)frame;
	n_msis++;
	end_of_interrupt();
}

static __attribute__((interrupt)) void on_line(struct frame *frame)
{
	(void)frame;
	n_lines++;
	/* What it is about: seen. */
	if ((in8(COM1 + 2) & 0xe) == 4)
		typed = in8(COM1);
	end_of_interrupt();
}

static __attribute__((interrupt)) void on_other(struct frame *frame)
{
	(void)frame;
	print("not ok payload: an exception\n");
	finish(99);
}

struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, zero;
};

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static void set_gate(struct gate *gate, void (*handler)(struct frame *frame))
{
	uint64_t addr = (uint64_t)handler;

	*gate = (struct gate){(uint16_t)addr, CODE, 0x8e00, (uint16_t)(addr >> 16), (uint32_t)(addr >> 32), 0};
}

static void start_interrupts(void)
{
	static struct gate idt[256];
	static const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	struct table interrupts = {sizeof idt - 1, (uint64_t)idt}, segments = {sizeof gdt - 1, (uint64_t)gdt};

	for (unsigned int i = 0; i < 256; i++)
		set_gate(&idt[i], i == VECTOR_MSI ? on_msi : i == VECTOR_LINE ? on_line : on_other);
	__asm__ volatile("lgdt %0; lidt %1" : : "m"(segments), "m"(interrupts));
	out8(0x21, 0xff); /* the old controllers are silent */
	out8(0xa1, 0xff);
	*reg32(0xfee000f0) = 0x1ff; /* the local APIC is on */
	__asm__ volatile("sti");
}

/* IRQ @irq of the I/O APIC, edge-triggered. */
static inline void route_line(unsigned int irq)
{
	*reg32(0xfec00000) = 0x10 + 2 * irq + 1;
	*reg32(0xfec00010) = 0;
	*reg32(0xfec00000) = 0x10 + 2 * irq;
	*reg32(0xfec00010) = VECTOR_LINE;
}

/* ---- PCI ---- */

static inline uint32_t pci_read(unsigned int slot, unsigned int offset)
{
	out32(0xcf8, 0x80000000u | slot << 11 | (offset & ~3u));
	return in32(0xcfc) >> 8 * (offset & 3);
}

static inline void pci_write(unsigned int slot, unsigned int offset, uint32_t value)
{
	out32(0xcf8, 0x80000000u | slot << 11 | offset);
	out32(0xcfc, value);
}

static inline uint32_t pci_read_ecam(unsigned int slot, unsigned int offset)
{
	return *reg32(0xe0000000 + (slot << 15) + offset);
}

/* Return: where the capability lies, or 0. @after: the one before, or 0. */
static unsigned int pci_find_cap(unsigned int slot, uint8_t id, unsigned int after)
{
	unsigned int at = pci_read(slot, after ? after + 1 : 0x34) & 0xff;

	while (at && (pci_read(slot, at) & 0xff) != id)
		at = pci_read(slot, at + 1) & 0xff;
	return at;
}

/* An address for each BAR, as a firmware would give; then the device may decode and be bus master. */
static void pci_start(unsigned int slot)
{
	static uint32_t next_mem = 0xd0000000, next_io = 0xc000;

	for (unsigned int bar = 0x10; bar < 0x28; bar += 4) {
		uint32_t kind = pci_read(slot, bar), size;
		bool is_io = kind & 1;
		uint32_t *next = is_io ? &next_io : &next_mem;

		pci_write(slot, bar, 0xffffffff);
		size = ~(pci_read(slot, bar) & (is_io ? ~3u : ~15u)) + 1;
		if (is_io)
			size &= 0xffff;
		if (!size)
			continue;
		*next = (*next + size - 1) & ~(size - 1);
		pci_write(slot, bar, *next);
		*next += size;
		if (!is_io && (kind & 6) == 4)
			pci_write(slot, bar += 4, 0);
	}
	pci_write(slot, 4, 7);
}

static inline uint32_t pci_bar(unsigned int slot, unsigned int n)
{
	uint32_t value = pci_read(slot, 0x10 + 4 * n);

	return value & (value & 1 ? ~3u : ~15u);
}

#endif
