/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A serial port (National Semiconductor PC16550D data sheet): COM1, the guest's console.
 *
 * Time is not modelled: a byte written is sent at once, so the transmitter is always empty. Received bytes wait in a FIFO of the device's own; while that
 * is full the source is not read.
 *
 * Nor is it while the guest does not listen. A driver that starts throws away what is in the FIFO, reads the register besides, and then turns the
 * receiver's interrupt on; what was typed until then would be lost with it. So bytes come in while that interrupt is on and gets through (OUT2), or after the line status was read
 * SERIAL_POLLS times in a row without anything else being done: that is a guest that asks for them.
 */
#ifndef VMM_DEV_SERIAL_H
#define VMM_DEV_SERIAL_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/bus.h"
#include "vmm/core/machine.h"

#define SERIAL_COM1 0x3f8
#define SERIAL_COM1_IRQ 4
#define SERIAL_FIFO 256
#define SERIAL_POLLS 16

struct serial {
	struct bus_range range;
	struct machine *machine;
	struct machine_hook hook;
	pthread_mutex_t lock;
	unsigned int irq;
	bool line; /* as it is now */
	uint8_t ier, lcr, mcr, scratch, fcr;
	uint16_t divisor;
	bool thr_pending;     /* an interrupt for the empty transmitter is due */
	unsigned int n_polls; /* the line status was read so often, up to SERIAL_POLLS, and nothing was there */
	bool is_awaited;      /* somebody has bytes, and was told to wait */
	uint8_t fifo[SERIAL_FIFO];
	size_t fifo_start, fifo_len;
	uint64_t n_sent, n_received;
	/** A byte of the guest's. In a vCPU's thread, under the device's lock; must not wait. */
	void (*output)(void *aux, uint8_t byte);
	/** There is room for input again, or the guest listens. Likewise. May be NULL. */
	void (*drained)(void *aux);
	void *aux;
};

/** serial_init() - on the machine's ports; @output etc. are set by the caller before. */
void serial_init(struct serial *serial, struct machine *machine, uint16_t port, unsigned int irq);
void serial_fini(struct serial *serial);
void serial_reset(struct serial *serial);
/** serial_input() - bytes for the guest; any thread. Return: how many it takes now; when that is not all, @drained says when to try again. */
size_t serial_input(struct serial *serial, const void *data, size_t len);

#endif
