/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of virtio-pci share; nobody else includes this. */
#ifndef VMM_DEV_VIRTIO_PCI_IMPL_H
#define VMM_DEV_VIRTIO_PCI_IMPL_H 1

#include <pthread.h>

#include "os/loop.h"
#include "vmm/core/pci.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_pci.h"

#define PORTS_BAR 1
#define REGISTERS_BAR 4
#define NO_VECTOR 0xffff
#define VIRTIO_PCI_KICK_STEP 4u /**< bytes from one queue's address to the next */

enum registers { COMMON = 0x0000, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000, REGISTERS_SIZE = 0x4000 };

/** An eventfd whose signal is a queue's interrupt. */
struct call {
	int fd;		     /* -1: none */
	bool is_irqfd;	     /* bound to the vector; else relayed by the main loop */
	unsigned int vector; /* of that */
	struct loop_fd relay;
	struct virtio_transport *transport;
	unsigned int queue;
};

struct virtio_transport {
	struct pci_device pci;
	struct virtio_device *dev;
	pthread_mutex_t lock;
	uint32_t device_select, driver_select;
	uint16_t queue_select, config_vector;
	uint16_t vectors[VIRTIO_MAX_QUEUES]; /* read by I/O threads, relaxed */
	struct call calls[VIRTIO_MAX_QUEUES];
	uint8_t isr; /* atomic */
	uint8_t generation;
	uint8_t window;		      /* the capability through which configuration accesses reach the BAR */
	unsigned int n_ioeventfds[2]; /* by memory writes, by ports */
};

static inline struct virtio_transport *transport_of(struct pci_device *pci)
{
	return container_of(pci, struct virtio_transport, pci);
}

/* ---- virtio_pci.c ---- */

/** virtio_pci_raise() - a queue's interrupt, now. Any thread. */
void virtio_pci_raise(struct virtio_transport *t, unsigned int queue);

/* ---- virtio_pci_kicks.c ---- */

/** virtio_pci_set_ports() - add the BAR whose ports kick. */
void virtio_pci_set_ports(struct virtio_transport *t);
/** virtio_pci_kick() - a write @offset bytes into an area of kicks that no ioeventfd took. */
void virtio_pci_kick(struct virtio_transport *t, uint64_t offset);
/** virtio_pci_kicks_moved() - a BAR came or went, and with it the addresses that kick. */
void virtio_pci_kicks_moved(struct pci_device *pci, unsigned int bar, bool is_mapped);

/* ---- virtio_pci_calls.c; the caller serialises these ---- */

/** virtio_pci_bind_call() - @queue has a vector, or another one. */
void virtio_pci_bind_call(struct virtio_transport *t, unsigned int queue);
void virtio_pci_unbind_call(struct virtio_transport *t, unsigned int queue);
/** virtio_pci_stop_calls() - none is left. Main thread. */
void virtio_pci_stop_calls(struct virtio_transport *t);

#endif
