/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What emulated network cards have in common that are real hardware's likes (e1000, rtl8139): a PCI function with a pin, a backend, a thread that moves frames
 * between the two, a cable, counters. The card itself is its registers, rings and interrupts; it embeds a struct nic_device and gives it operations.
 *
 * Threads. A vCPU that reads or writes a register holds the card's lock, and so does the thread, but for one thing: while a frame is on its way into the
 * backend or out of it (nic_device_send(), nic_device_receive()) the lock is free, so that no vCPU waits for the host's network. Meanwhile the guest may write any
 * register. What it must not find half done belongs to the thread alone (the frame that is being sent), and after a reset
 * (nic_device_forget()) nic_device_send() says -ECANCELED: the thread then leaves the rings alone.
 *
 * nic_device_wake() tells the thread that there is something to do: an eventfd when it sleeps, no more than a mark when it is at work.
 */
#ifndef VMM_DEV_NIC_DEVICE_H
#define VMM_DEV_NIC_DEVICE_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/log.h"
#include "base/util.h"
#include "os/loop.h"
#include "vmm/core/pci.h"
#include "vmm/dev/nic_source.h"
#include "vmm/dev/nic_stats.h"

/** What is sent at once: then frames are received, and timers looked at. */
#define NIC_BATCH_FRAMES 64
#define NIC_BATCH_BYTES 131072u

struct iothread;
struct net_backend;
struct nic_device;
struct nic_gather;
struct nic_tx;

/** What a card does; called with its lock held. */
struct nic_device_ops {
	/** Send what the rings hold, a batch at most. Return: whether there is more that could go now. */
	bool (*transmit)(struct nic_device *dev);
	/** Frames of the backend to the guest, a batch at most; sets rx_starved. */
	void (*receive)(struct nic_device *dev);
	/** All registers to their initial values. */
	void (*reset)(struct nic_device *dev);
	/** link_up has changed. */
	void (*link_changed)(struct nic_device *dev);
	/** What nic_device_set_timer() has set is over. NULL: the card has none. */
	void (*timer)(struct nic_device *dev);
	/** The card's memory, of which the device is a part. */
	void (*free)(struct nic_device *dev);
};

/** Embedded by the card. The lock guards all but the first four. */
struct nic_device {
	struct pci_device pci;
	const struct nic_device_ops *ops;
	struct net_backend *be;
	struct iothread *thread; /**< NULL in a harness: nic_device_run() is called by hand */
	pthread_mutex_t lock;
	uint8_t mac[6];
	bool link_up;
	bool rx_starved;	     /**< the guest has no room: the backend is not looked at */
	bool tx_blocked;	     /**< a frame waits until the backend has room */
	struct log_rate broken_rate; /**< of lines about its driver: no card hides another's */
	bool is_broken; /**< what the driver gave led out of memory: nothing moves until it resets the card */
	struct nic_stats stats;

	/* nic_device.c alone. */
	bool is_at_work, has_news; /* the thread is; it has been woken meanwhile */
	bool is_timing;		   /* the timer runs */
	bool is_rx_ready;	   /* the backend had a packet when it was last looked at */
	unsigned int n_resets;
	int kick_fd, timer_fd;
	struct loop_fd tap, kick, timer;
	struct nic_source source; /* the thread's alone */
};

/** nic_device_init() - before BARs are set. @dev: zero-initialised; @name: stays; @be: taken over. */
void nic_device_init(struct nic_device *dev, struct machine *machine, const char *name, const uint8_t mac[6],
		     struct net_backend *be, const struct nic_device_ops *ops, const struct pci_id *id);
/** nic_device_plug() - reset it, start its thread, put it onto the bus. Return: 0, or -errno with the sentence: then it has been freed. */
VSW_MUST_USE int nic_device_plug(struct nic_device *dev, int slot, struct errtext *err);

/** nic_device_set_link() - the cable; main thread. */
void nic_device_set_link(struct nic_device *dev, bool up);
/** nic_device_run() - move what can be moved now: for a harness, which has no thread. */
void nic_device_run(struct nic_device *dev);
void nic_device_get_stats(struct nic_device *dev, struct nic_stats *stats);

/* ---- for cards; lock held ---- */

/** nic_device_wake() - there is something to send. */
void nic_device_wake(struct nic_device *dev);
/** nic_device_wake_rx() - there may be room to receive now; of no interest but to who waits for it. */
void nic_device_wake_rx(struct nic_device *dev);
/** nic_device_set_pin() - level of INTA. */
void nic_device_set_pin(struct nic_device *dev, bool level);
/** nic_device_set_timer() - call ops->timer in @ns nanoseconds, 0: not any more. Return: false in a harness, where nothing will. */
bool nic_device_set_timer(struct nic_device *dev, uint64_t ns);
/** nic_device_break() - @what of the driver's is not in memory: the card stops, as after a master abort on its bus, and says so once. */
void nic_device_break(struct nic_device *dev, const char *what);
/** nic_device_gather() - bytes of the driver's into a frame; breaks when they are in no memory. Return: false: the frame cannot be. */
VSW_MUST_USE bool nic_device_gather(struct nic_device *dev, struct nic_gather *frame, uint64_t gpa, uint32_t len);
/** nic_device_forget() - the guest has reset the card, or its transmitter: what is under way does not count any more. */
void nic_device_forget(struct nic_device *dev);

/**
 * nic_device_send() - a frame into the backend; lets go of the lock meanwhile
 * Return: as nic_tx_send(), or -ECANCELED: it has been sent or not, and meanwhile everything was reset. Sets tx_blocked.
 */
int nic_device_send(struct nic_device *dev, const struct nic_tx *tx);
/** nic_device_receive() - the next frame of the backend; lets go of the lock meanwhile. Return: as nic_source_next(). */
int nic_device_receive(struct nic_device *dev, struct nic_frame *frame);

#endif
