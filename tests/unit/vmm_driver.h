/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtqueue, for tests of devices: as virtio 1.2 2.7 and 2.8 tell a driver to do it, written from there and not from the device's
 * code. Rings and buffers lie in the harness's RAM at fixed places.
 */
#ifndef TESTS_VMM_DRIVER_H
#define TESTS_VMM_DRIVER_H 1

#include <stdlib.h>
#include <string.h>

#include "vmm/core/memory.h"
#include "vmm/dev/virtqueue.h"

struct buffer {
	uint64_t gpa;
	uint32_t len;
	bool is_write;
};

struct driver {
	struct guest_memory *memory;
	bool is_packed;
	uint16_t size;
	uint64_t desc, driver, device; /* gpa */
	/* split */
	uint16_t avail, seen_used, free_head;
	/* packed */
	uint16_t next, next_used;
	bool wrap, used_wrap;
	uint16_t lens[VQ_MAX_SIZE]; /* by buffer id: ring entries */
};

static inline void put16(struct driver *d, uint64_t gpa, uint16_t value)
{
	if (!memory_write(d->memory, gpa, &value, 2))
		abort();
}

static inline uint16_t get16(struct driver *d, uint64_t gpa)
{
	uint16_t value;

	if (!memory_read(d->memory, gpa, &value, 2))
		abort();
	return value;
}

static inline void put_desc(struct driver *d, uint64_t at, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
	uint8_t bytes[16];

	memcpy(bytes, &addr, 8);
	memcpy(bytes + 8, &len, 4);
	memcpy(bytes + 12, &a, 2);
	memcpy(bytes + 14, &b, 2);
	if (!memory_write(d->memory, at, bytes, 16))
		abort();
}

/* @gpa: where the three areas may lie, 64 KiB. */
static inline void driver_init(struct driver *d, struct guest_memory *memory, uint64_t gpa, uint16_t size,
			       bool is_packed)
{
	memset(d, 0, sizeof *d);
	d->memory = memory;
	d->is_packed = is_packed;
	d->size = size;
	d->desc = gpa;
	d->driver = gpa + 0x8000;
	d->device = gpa + 0xa000;
	d->wrap = d->used_wrap = true;
	memset(memory_at(memory, gpa, 0x10000), 0, 0x10000);
}

/* Tell @vq what a transport would. */
static inline int driver_attach(struct driver *d, struct virtqueue *vq, bool event_idx, bool indirect)
{
	vq->is_packed = d->is_packed;
	vq->has_event_idx = event_idx;
	vq->has_indirect = indirect;
	vq->size = d->size;
	vq->desc_gpa = d->desc;
	vq->driver_gpa = d->driver;
	vq->device_gpa = d->device;
	vq->is_enabled = true;
	return virtqueue_start(vq);
}

static inline uint16_t packed_flags(const struct driver *d, bool is_write, bool next, bool indirect)
{
	return (uint16_t)((next ? 1 : 0) | (is_write ? 2 : 0) | (indirect ? 4 : 0) | (d->wrap ? 1 << 7 : 1 << 15));
}

static inline uint16_t driver_add_packed(struct driver *d, const struct buffer *bufs, unsigned int n)
{
	uint16_t first = d->next, id = first, first_flags = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = packed_flags(d, bufs[i].is_write, i + 1 < n, false);

		if (!i)
			first_flags = flags;
		/* The first is made available last. */
		put_desc(d, d->desc + 16ull * d->next, bufs[i].gpa, bufs[i].len, id,
			 i ? flags : (uint16_t)(flags ^ (1 << 7 | 1 << 15)));
		if (++d->next == d->size) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
	}
	d->lens[id] = (uint16_t)n;
	put16(d, d->desc + 16ull * first + 14, first_flags);
	return id;
}

static inline uint16_t driver_add_split(struct driver *d, const struct buffer *bufs, unsigned int n)
{
	uint16_t head = d->free_head;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t at = (uint16_t)((head + i) % d->size);

		put_desc(d, d->desc + 16ull * at, bufs[i].gpa, bufs[i].len,
			 (uint16_t)((i + 1 < n ? 1 : 0) | (bufs[i].is_write ? 2 : 0)), (uint16_t)((at + 1) % d->size));
	}
	d->free_head = (uint16_t)((head + n) % d->size);
	put16(d, d->driver + 4 + 2ull * (d->avail % d->size), head);
	put16(d, d->driver + 2, ++d->avail);
	return head;
}

/* Lend buffers; the caller takes care not to lend more than the ring has. Return: what comes back as the id. */
static inline uint16_t driver_add(struct driver *d, const struct buffer *bufs, unsigned int n)
{
	return d->is_packed ? driver_add_packed(d, bufs, n) : driver_add_split(d, bufs, n);
}

/* The same by an indirect table at @table. */
static inline uint16_t driver_add_indirect(struct driver *d, uint64_t table, const struct buffer *bufs, unsigned int n)
{
	struct buffer whole = {.gpa = table, .len = 16 * n};
	uint16_t at = d->is_packed ? d->next : d->free_head;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)((bufs[i].is_write ? 2 : 0) | (!d->is_packed && i + 1 < n ? 1 : 0));

		if (d->is_packed)
			put_desc(d, table + 16ull * i, bufs[i].gpa, bufs[i].len, 0, flags);
		else
			put_desc(d, table + 16ull * i, bufs[i].gpa, bufs[i].len, flags, (uint16_t)(i + 1));
	}
	if (d->is_packed) {
		uint16_t flags = packed_flags(d, false, false, true);

		put_desc(d, d->desc + 16ull * at, whole.gpa, whole.len, at, (uint16_t)(flags ^ (1 << 7 | 1 << 15)));
		d->lens[at] = 1;
		if (++d->next == d->size) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
		put16(d, d->desc + 16ull * at + 14, flags);
		return at;
	}
	put_desc(d, d->desc + 16ull * at, whole.gpa, whole.len, 4, 0);
	d->free_head = (uint16_t)((at + 1) % d->size);
	put16(d, d->driver + 4 + 2ull * (d->avail % d->size), at);
	put16(d, d->driver + 2, ++d->avail);
	return at;
}

/* Take back what the device has used. Return: whether there was something. */
static inline bool driver_take(struct driver *d, uint16_t *id, uint32_t *len)
{
	if (d->is_packed) {
		uint64_t at = d->desc + 16ull * d->next_used;
		uint16_t flags = get16(d, at + 14);

		if (!!(flags & 1 << 7) != d->used_wrap || !!(flags & 1 << 15) != d->used_wrap)
			return false;
		*id = get16(d, at + 12);
		if (!memory_read(d->memory, at + 8, len, 4))
			abort();
		d->next_used = (uint16_t)(d->next_used + d->lens[*id % VQ_MAX_SIZE]);
		if (d->next_used >= d->size) {
			d->next_used = (uint16_t)(d->next_used - d->size);
			d->used_wrap = !d->used_wrap;
		}
		return true;
	}
	if (get16(d, d->device + 2) == d->seen_used)
		return false;
	*id = get16(d, d->device + 4 + 8ull * (d->seen_used % d->size));
	if (!memory_read(d->memory, d->device + 8 + 8ull * (d->seen_used % d->size), len, 4))
		abort();
	d->seen_used++;
	return true;
}

#endif
