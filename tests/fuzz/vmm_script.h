/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of devices have in common: the input is a script of what a guest does.
 *
 *   0 value 4, offset 4   write a register (BAR offset); the size is in the opcode's bits 4 and 5
 *   1 offset 4            read a register
 *   2 gpa 4, n 1, bytes   write memory (n up to 255)
 *   3 n 1, bytes          a packet from the network
 *   4                     let the device run
 *   5 value 1             the backend is full, or not; link up or down
 *   6 offset 1, value 4   PCI configuration space, by bits 4 and 5: write 4 bytes, read, write 1, write 2
 *   7                     reset
 *   8 n 1                 n times: write memory with the last bytes once more, 16 further (descriptors)
 *   9 offset 1, value 4   write a port (of the I/O BAR), the size as above; 10 offset 1: read one; where there is one
 *   11 n 1, bytes         a packet from the network with the header before it that says what is left to do
 *   9 to 15               else the fuzzer's own
 */
#ifndef TESTS_FUZZ_VMM_SCRIPT_H
#define TESTS_FUZZ_VMM_SCRIPT_H 1

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/vmm_backend.h"
#include "tests/unit/vmm_harness.h"

#define SCRIPT_RAM (2u << 20)
#define SCRIPT_SLOT 3
#define SCRIPT_BAR 0xe1200000ull
#define SCRIPT_IO 0xc200u
#define SCRIPT_MAX_STEPS 400

struct script {
	const uint8_t *p, *end;
};

static inline uint32_t script_get(struct script *s, size_t n)
{
	uint32_t value = 0;

	for (size_t i = 0; i < n && s->p < s->end; i++)
		value |= (uint32_t)*s->p++ << 8 * i;
	return value;
}

static inline const uint8_t *script_bytes(struct script *s, size_t *n)
{
	const uint8_t *at = s->p;

	*n = MIN(*n, (size_t)(s->end - s->p));
	s->p += *n;
	return at;
}

struct script_device {
	struct harness *h;
	struct mem_backend backend;
	unsigned int bar;    /* the register of the BAR: 0x10 for BAR 0 */
	unsigned int io_bar; /* likewise; 0: none */
	uint64_t last_gpa;
	uint8_t last[16];
	void (*run)(struct script_device *d);
	/* Each may be NULL. */
	void (*set_link)(struct script_device *d, bool up);
	void (*packet)(struct script_device *d, const uint8_t *bytes, size_t n); /* else it is the backend's */
	void (*map)(struct script_device *d);
	void (*extra)(struct script_device *d, uint8_t op, struct script *s);
};

static inline void script_map(struct script_device *d)
{
	harness_config_write(d->h, SCRIPT_SLOT, d->bar, 4, (uint32_t)SCRIPT_BAR);
	if (d->io_bar)
		harness_config_write(d->h, SCRIPT_SLOT, d->io_bar, 4, SCRIPT_IO);
	harness_config_write(d->h, SCRIPT_SLOT, 4, 2, 7);
	if (d->map)
		d->map(d);
}

static inline void script_memory(struct script_device *d, struct script *s)
{
	uint64_t gpa = script_get(s, 4);
	size_t n = script_get(s, 1);
	const uint8_t *bytes = script_bytes(s, &n);

	if (memory_write(d->h->m.memory, gpa, bytes, n) && n >= sizeof d->last) {
		memcpy(d->last, bytes, sizeof d->last);
		d->last_gpa = gpa;
	}
}

static inline void script_repeat(struct script_device *d, unsigned int n)
{
	while (n--) {
		d->last_gpa += sizeof d->last;
		if (!memory_write(d->h->m.memory, d->last_gpa, d->last, sizeof d->last))
			return;
	}
}

static inline void script_write(struct script_device *d, uint8_t op, struct script *s)
{
	uint32_t value = script_get(s, 4), offset = script_get(s, 4);

	harness_write(d->h->m.mmio, SCRIPT_BAR + offset % 0x20000, 1u << (op >> 4 & 3), value);
}

static inline void script_packet(struct script_device *d, uint8_t op, struct script *s)
{
	size_t n = script_get(s, 1) * (op & 16 ? 17 : 1);
	const uint8_t *bytes = script_bytes(s, &n);

	if (d->packet)
		d->packet(d, bytes, n);
	else
		mem_queue(&d->backend, bytes, n);
}

/* A packet of the kernel's, with a header that says what is left to do. */
static inline void script_offload(struct script_device *d, uint8_t op, struct script *s)
{
	size_t n = script_get(s, 1) * (op & 16 ? 17 : 1);
	const uint8_t *bytes = script_bytes(s, &n);

	if (n >= MEM_HEADER)
		mem_queue_packet(&d->backend, bytes, bytes + MEM_HEADER, n - MEM_HEADER);
}

static inline void script_config(struct script_device *d, uint8_t op, struct script *s)
{
	static const unsigned int sizes[4] = {4, 4, 1, 2};
	unsigned int mode = op >> 4 & 3;
	uint32_t offset = script_get(s, 1), value = script_get(s, 4);

	if (mode < 2)
		offset &= 0xfc;
	if (mode == 1)
		harness_config_read(d->h, SCRIPT_SLOT, offset, sizes[mode]);
	else
		harness_config_write(d->h, SCRIPT_SLOT, offset, sizes[mode], value);
}

static inline void script_port(struct script_device *d, uint8_t op, struct script *s)
{
	unsigned int size = 1u << (op >> 4) % 3;
	uint32_t port = SCRIPT_IO + script_get(s, 1);

	if (op & 1)
		harness_write(d->h->m.pio, port, size, script_get(s, 4));
	else
		harness_read(d->h->m.pio, port, size);
}

static inline void script_step(struct script_device *d, struct script *s)
{
	uint8_t op = (uint8_t)script_get(s, 1);
	size_t n;

	switch (op & 15) {
	case 0:
		script_write(d, op, s);
		break;
	case 1:
		harness_read(d->h->m.mmio, SCRIPT_BAR + script_get(s, 4) % 0x20000, 1u << (op >> 4 & 3));
		break;
	case 2:
		script_memory(d, s);
		break;
	case 3:
		script_packet(d, op, s);
		break;
	case 4:
		d->run(d);
		break;
	case 5:
		n = script_get(s, 1);
		d->backend.is_full = n & 1;
		if (d->set_link)
			d->set_link(d, n & 2);
		break;
	case 6:
		script_config(d, op, s);
		break;
	case 7:
		pci_bus_reset(d->h->m.pci);
		script_map(d);
		break;
	case 8:
		script_repeat(d, script_get(s, 1));
		break;
	default:
		if (d->extra)
			d->extra(d, op, s);
		else if ((op & 15) < 11)
			script_port(d, op, s);
		else if ((op & 15) == 11)
			script_offload(d, op, s);
	}
}

static inline void script_run(struct script_device *d, const uint8_t *data, size_t size)
{
	struct script s = {data, data + size};

	script_map(d);
	for (int i = 0; i < SCRIPT_MAX_STEPS && s.p < s.end; i++)
		script_step(d, &s);
	d->run(d);
}

#endif
