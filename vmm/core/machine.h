/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device sees of its machine. Devices include this and nothing of KVM, so the same device code runs in a guest
 * (core/vm.c) and in a test or fuzzer that has no KVM at all (tests/vmm_harness.h).
 *
 * Interrupts
 *   GSI lines 0-15 are those of the ISA devices (edge), 16-23 the PCI pins (level, active high at the IO-APIC as ACPI tells it).
 *   MSI: an address and data as the guest wrote them. `irqfd` ties one of either to an eventfd, for those that signal from elsewhere
 *   (vhost, io threads): the kernel then raises it without us.
 */
#ifndef VMM_CORE_MACHINE_H
#define VMM_CORE_MACHINE_H 1

#include <stdbool.h>
#include <stdint.h>

#include <urcu/list.h>

#include "base/util.h"

struct bus;
struct guest_memory;
struct loop;
struct machine;
struct pci_bus;

struct machine_msi {
	uint64_t addr;
	uint32_t data;
};

enum machine_event {
	MACHINE_RESET,	  /**< keyboard controller, 0xcf9, ACPI reset register, triple fault */
	MACHINE_POWEROFF, /**< ACPI S5 */
	MACHINE_PANIC,	  /**< debug exit; the guest says that it crashed */
};

struct machine_ops {
	/** Level of a GSI line; an ISA edge is 1 then 0. Any thread. */
	void (*set_line)(struct machine *m, unsigned int gsi, bool level);
	/** Raise one MSI now. Any thread. */
	void (*send_msi)(struct machine *m, const struct machine_msi *msi);
	/**
	 * From now on each signal of @eventfd raises *@msi; NULL: not any more. Call again to change the message. Return: 0, or -EOPNOTSUPP where there
	 * is no such thing (then send_msi() is all there is), -ENOSPC.
	 */
	int (*irqfd)(struct machine *m, int eventfd, const struct machine_msi *msi);
	/**
	 * A guest's write at @addr (of MMIO, or of PIO) signals @eventfd, without bus_access(). @size: 0 for any length, else
	 * 1, 2, 4, 8. Return: 0, or -EOPNOTSUPP: the write arrives by bus_access() as any other.
	 */
	int (*ioeventfd)(struct machine *m, bool is_pio, uint64_t addr, unsigned int size, int eventfd, bool add);
	/** The guest asks for something that concerns the whole machine. Any thread; takes effect later. */
	void (*event)(struct machine *m, enum machine_event event);
};

/** A device that is on no bus with a reset of its own (board devices): called at each reset of the machine. Embedded, owned by the device. */
struct machine_hook {
	struct cds_list_head node; /* in machine.hooks */
	void (*reset)(void *aux);
	void *aux;
};

struct machine {
	const struct machine_ops *ops;
	struct guest_memory *memory;
	struct bus *pio, *mmio;
	struct pci_bus *pci;
	struct loop *loop; /**< main loop: control socket, timers of slow devices */
	const char *name;  /**< of the guest: for messages */
	struct cds_list_head hooks;
};

/** machine_add_hook() - main thread. */
static inline void machine_add_hook(struct machine *m, struct machine_hook *hook, void (*reset)(void *aux), void *aux)
{
	hook->reset = reset;
	hook->aux = aux;
	cds_list_add_tail(&hook->node, &m->hooks);
}

static inline void machine_del_hook(struct machine_hook *hook)
{
	cds_list_del(&hook->node);
}

static inline void machine_set_line(struct machine *m, unsigned int gsi, bool level)
{
	m->ops->set_line(m, gsi, level);
}

static inline void machine_send_msi(struct machine *m, const struct machine_msi *msi)
{
	m->ops->send_msi(m, msi);
}

static inline void machine_event(struct machine *m, enum machine_event event)
{
	m->ops->event(m, event);
}

#endif
