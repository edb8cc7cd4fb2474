/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI: one bus of 32 slots with a host bridge in slot 0, reached by configuration mechanism #1 (ports 0xcf8, 0xcfc) and by ECAM (MCFG).
 * Sources: PCI Local Bus 3.0 chapter 6 (configuration header, MSI-X in 6.8), PCI Express Base 3.0 7.2 (ECAM), PCI Firmware 3.2 4.1 (MCFG).
 *
 * A device is a struct pci_device inside of the device's own. It fills the header by pci_device_init(), says what its BARs are, adds
 * capabilities and gets a slot by pci_plug(). The bus keeps configuration space, sizes and maps BARs, and has MSI-X: table, pending
 * bits, masks. The device says "vector 3" or "pin high" and need not know which of the two the guest has turned on.
 *
 * Threads: configuration accesses are serialised by the bus. pci_msix_notify() and pci_set_pin() come from any thread.
 */
#ifndef VMM_CORE_PCI_H
#define VMM_CORE_PCI_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/core/bus.h"
#include "vmm/core/machine.h"

#define PCI_N_SLOTS 32
#define PCI_CONFIG_SIZE 4096
#define PCI_N_BARS 6
#define PCI_MSIX_MAX 64

/** Where ECAM lies (bus 0 alone: 1 MiB), and the windows in which BARs live; acpi.c tells the guest the same. */
#define PCI_ECAM_BASE 0xe0000000ull
#define PCI_ECAM_SIZE 0x100000ull
#define PCI_MMIO32_BASE 0xe1000000ull
#define PCI_MMIO32_END 0xfe000000ull
#define PCI_MMIO64_SIZE 0x1000000000ull /**< 64 GiB above all RAM, aligned to its size */
#define PCI_IO_BASE 0xc000u
#define PCI_IO_END 0x10000u
/** Pin INTA of slot S is GSI PCI_GSI_BASE + S % PCI_N_GSIS. */
#define PCI_GSI_BASE 16
#define PCI_N_GSIS 8

enum pci_bar_type { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64, PCI_BAR_MEM64_PREFETCH };

struct pci_device;

struct pci_bar {
	enum pci_bar_type type;
	uint64_t size;		/**< a power of two; at least 4 for IO, 16 for memory */
	struct bus_range range; /**< `base` is where it is mapped; in the bus only while is_mapped */
	bool is_mapped;
	/** The guest has mapped it at range.base, or unmapped it: for ioeventfds. May be NULL. */
	void (*moved)(struct pci_device *dev, unsigned int bar, bool is_mapped);
};

struct pci_msix_vector {
	struct machine_msi msi;
	bool is_masked, is_pending;
	int irqfd;	     /**< eventfd bound to this vector by pci_msix_irqfd(), or -1 */
	bool irqfd_is_bound; /**< the machine has it: vector enabled and not masked */
};

struct pci_msix {
	unsigned int n_vectors; /**< 0: the device has no MSI-X */
	uint8_t cap;		/**< where the capability lies */
	uint8_t bar;
	uint32_t table_offset, pba_offset;
	struct pci_msix_vector vectors[PCI_MSIX_MAX];
};

/** What a kind of device does beyond what the bus does for it. Any may be NULL. */
struct pci_device_ops {
	/** Configuration bytes were written, and are in dev->config already. */
	void (*config_written)(struct pci_device *dev, uint32_t offset, unsigned int size);
	/** Before the bytes are taken from dev->config: a capability whose contents are made when read (virtio-pci's window). */
	void (*config_read)(struct pci_device *dev, uint32_t offset, unsigned int size);
	/** The machine, or the device alone, is reset: registers to their initial values. The bus has reset configuration space. */
	void (*reset)(struct pci_device *dev);
	/** Unplugged: gone from the bus and quiet; free yourself. */
	void (*free)(struct pci_device *dev);
};

/** Embedded, zero-initialised. */
struct pci_device {
	const struct pci_device_ops *ops;
	struct machine *machine;
	const char *name; /**< "net0": for messages; owned by the device */
	int slot;	  /**< -1: not plugged */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /**< bits that the guest may change */
	uint8_t initial[PCI_CONFIG_SIZE];  /**< what reset restores */
	struct pci_bar bars[PCI_N_BARS];
	struct pci_msix msix;
	uint8_t last_cap;	  /**< where the next capability is linked from; 0: none yet */
	uint16_t next_cap;	  /**< first free byte of the capability area */
	pthread_mutex_t irq_lock; /**< guards msix and pin */
	bool pin;		  /**< what the device wants of INTA */
	bool holds_line;	  /**< and what the line gets of it */
};

struct pci_id {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /**< class << 16 | subclass << 8 | interface */
	uint8_t revision;
};

struct pci_bus *pci_bus_new(struct machine *m);
void pci_bus_free(struct pci_bus *bus);
/** pci_bus_reset() - every device, as the machine's reset does. vCPUs stand still. */
void pci_bus_reset(struct pci_bus *bus);

/** pci_device_init() - header type 0 with these ids, interrupt pin INTA when @has_pin. */
void pci_device_init(struct pci_device *dev, struct machine *m, const char *name, const struct pci_device_ops *ops,
		     const struct pci_id *id, bool has_pin);
/** pci_device_fini() - of one that is not plugged. */
void pci_device_fini(struct pci_device *dev);
/** pci_bar_set() - BAR @bar, before pci_plug(). @ops come with @aux = what is given; @lock: see struct bus_range. A MEM64 BAR takes two. */
void pci_bar_set(struct pci_device *dev, unsigned int bar, enum pci_bar_type type, uint64_t size,
		 const struct bus_ops *ops, void *aux, pthread_mutex_t *lock);
/** pci_cap_add() - a capability of @len bytes, header (id, next) included, read-only unless the caller sets dev->writable. Return: its offset. */
uint8_t pci_cap_add(struct pci_device *dev, uint8_t id, uint8_t len);
/**
 * pci_msix_set() - MSI-X with @n_vectors (<= PCI_MSIX_MAX), table and pending bits in a BAR of its own that the bus serves (4 KiB)
 */
void pci_msix_set(struct pci_device *dev, unsigned int n_vectors, unsigned int bar);

/** pci_plug() - @slot: -1 for the first free one. Return: 0, or -ENOSPC, -EBUSY with the sentence. */
VSW_MUST_USE int pci_plug(struct pci_bus *bus, struct pci_device *dev, int slot, struct errtext *err);
/** pci_unplug() - unmaps, waits until nobody is inside, calls ops->free(). Main thread. */
void pci_unplug(struct pci_device *dev);
/** pci_device_at() - NULL when the slot is empty. */
struct pci_device *pci_device_at(struct pci_bus *bus, unsigned int slot);

/** pci_config_access() - one access to configuration space; what both mechanisms come to. @offset + @size <= 4096, @size 1, 2, 4. */
void pci_config_access(struct pci_bus *bus, unsigned int slot, uint32_t offset, unsigned int size, bool is_write,
		       uint32_t *value);

/** pci_set_pin() - the device's wish for INTA. It shows on the line while interrupts by pin are enabled (command bit 10 clear, MSI-X off). */
void pci_set_pin(struct pci_device *dev, bool level);
bool pci_msix_enabled(struct pci_device *dev);
/** pci_msix_notify() - raise @vector, or mark it pending while masked. No effect when MSI-X is off or there is no such vector. */
void pci_msix_notify(struct pci_device *dev, unsigned int vector);
/**
 * pci_msix_irqfd() - who writes to @eventfd raises @vector, with masks honoured; -1 ends that. The bus follows what the guest does to the vector.
 * Return: 0 or -errno; with -EOPNOTSUPP the caller must read the eventfd itself and call pci_msix_notify().
 */
VSW_MUST_USE int pci_msix_irqfd(struct pci_device *dev, unsigned int vector, int eventfd);
/** pci_dma_enabled() - bus mastering (command bit 2): without it a device must not touch memory. */
bool pci_dma_enabled(const struct pci_device *dev);

#endif
