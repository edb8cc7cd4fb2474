/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without KVM, for tests and fuzzers of devices: RAM, buses, PCI, and a record of the interrupts that devices raised.
 */
#ifndef TESTS_VMM_HARNESS_H
#define TESTS_VMM_HARNESS_H 1

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/bus.h"
#include "vmm/core/machine.h"
#include "vmm/core/memory.h"
#include "vmm/core/pci.h"

struct harness {
	struct machine m;
	bool lines[24];
	unsigned int n_line_changes, n_msis, n_resets;
	struct machine_msi last_msi;
	int last_irqfd;
	bool has_irqfd;
	void *guard;
};

static struct harness *harness_of(struct machine *m)
{
	return (struct harness *)(void *)m;
}

static void harness_set_line(struct machine *m, unsigned int gsi, bool level)
{
	harness_of(m)->lines[gsi % 24] = level;
	harness_of(m)->n_line_changes++;
}

static void harness_send_msi(struct machine *m, const struct machine_msi *msi)
{
	harness_of(m)->n_msis++;
	harness_of(m)->last_msi = *msi;
}

static int harness_irqfd(struct machine *m, int eventfd, const struct machine_msi *msi)
{
	if (!harness_of(m)->has_irqfd)
		return -EOPNOTSUPP;
	harness_of(m)->last_irqfd = msi ? eventfd : -1;
	return 0;
}

static int harness_ioeventfd(struct machine *m, bool is_pio, uint64_t addr, unsigned int size, int eventfd, bool add)
{
	(void)m, (void)is_pio, (void)addr, (void)size, (void)eventfd, (void)add;
	return -EOPNOTSUPP;
}

static void harness_event(struct machine *m, enum machine_event event)
{
	harness_of(m)->n_resets += event == MACHINE_RESET;
}

/* Behind RAM nothing may be touched: a sanitizer does not see that, so it is made to fail. */
#define HARNESS_GUARD (1u << 20)

static inline void harness_guard(struct harness *h)
{
	uint8_t *end = h->m.memory->regions[0].host + h->m.memory->regions[0].size;
	void *guard = mmap(end, HARNESS_GUARD, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	h->guard = guard == end ? guard : NULL;
	if (guard != end && guard != MAP_FAILED)
		munmap(guard, HARNESS_GUARD);
}

static inline struct harness *harness_new(uint64_t ram)
{
	static const struct machine_ops ops = {harness_set_line, harness_send_msi, harness_irqfd, harness_ioeventfd,
					       harness_event};
	struct harness *h = calloc(1, sizeof *h);
	struct memory_config config = {.size = ram, .no_thp = true, .numa_node = -1};

	if (!h || memory_new(&config, &h->m.memory, NULL))
		abort();
	harness_guard(h);
	h->m.ops = &ops;
	h->m.name = "test";
	CDS_INIT_LIST_HEAD(&h->m.hooks);
	h->m.pio = bus_new();
	h->m.mmio = bus_new();
	h->m.pci = pci_bus_new(&h->m);
	return h;
}

static inline void harness_free(struct harness *h)
{
	pci_bus_free(h->m.pci);
	bus_free(h->m.pio);
	bus_free(h->m.mmio);
	memory_free(h->m.memory);
	if (h->guard)
		munmap(h->guard, HARNESS_GUARD);
	free(h);
}

static inline uint32_t harness_config_read(struct harness *h, unsigned int slot, uint32_t offset, unsigned int size)
{
	uint32_t value;

	pci_config_access(h->m.pci, slot, offset, size, false, &value);
	return value;
}

static inline void harness_config_write(struct harness *h, unsigned int slot, uint32_t offset, unsigned int size,
					uint32_t value)
{
	pci_config_access(h->m.pci, slot, offset, size, true, &value);
}

static inline uint64_t harness_read(struct bus *bus, uint64_t addr, unsigned int size)
{
	uint64_t value = 0;

	bus_access(bus, addr, size, false, &value);
	return value;
}

static inline void harness_write(struct bus *bus, uint64_t addr, unsigned int size, uint64_t value)
{
	bus_access(bus, addr, size, true, &value);
}

#endif
