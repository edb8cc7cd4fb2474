/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space of registers: ports (PIO) or memory-mapped (MMIO). Devices put ranges in, a vCPU that left the guest with an access
 * has it dispatched.
 *
 * An access that no range takes reads as all ones and writes nowhere, as on a PC. One that begins in a range and ends behind it
 * belongs to none. Ranges of one bus do not overlap; a BAR that the guest moves onto another range is not there until moved away.
 *
 * Threads: bus_access() comes from vCPU threads registered with liburcu, without a lock of the bus's. bus_add() and bus_del() come from any thread, also
 * from within an access (a BAR that is moved by a write to PCI configuration space). A range's `lock`, when it has one, is held
 * around its operations: so a device's registers need no lock of their own beside it. After bus_del() an access that had
 * begun may still run until bus_quiesce() returns, which must not be called from within an access.
 */
#ifndef VMM_CORE_BUS_H
#define VMM_CORE_BUS_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct bus;

struct bus_ops {
	/** @offset: from the range's base; @size: 1, 2, 4 or 8. Return: the value, in the low @size bytes. */
	uint64_t (*read)(void *aux, uint64_t offset, unsigned int size);
	void (*write)(void *aux, uint64_t offset, unsigned int size, uint64_t value);
};

/** Owned by the device. */
struct bus_range {
	uint64_t base, size;
	const struct bus_ops *ops;
	void *aux;
	pthread_mutex_t *lock; /**< or NULL */
	const char *name;      /**< for `info` and messages */
};

struct bus *bus_new(void);
/** bus_free() - ranges still in it are forgotten. */
void bus_free(struct bus *bus);
/** bus_add() - Return: 0, -EEXIST when it overlaps another, -EINVAL for size 0 or a wrap. */
VSW_MUST_USE int bus_add(struct bus *bus, struct bus_range *range);
/** bus_del() - no effect when it is not there. */
void bus_del(struct bus *bus, struct bus_range *range);
/** bus_quiesce() - wait until no access runs that began before. */
void bus_quiesce(void);

/**
 * bus_access() - one access of a guest
 * @data: @size bytes (1 to 8), little-endian: written for a read, read for a write
 * Return: whether a range took it.
 */
bool bus_access(struct bus *bus, uint64_t addr, unsigned int size, bool is_write, void *data);

#endif
