// SPDX-License-Identifier: Apache-2.0
/* 16550A; register names and offsets are the data sheet's. */
#include "vmm/dev/serial.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/core/machine.h"

enum reg { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum ier { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum iir { IIR_NONE = 1, IIR_TX = 2, IIR_RX = 4, IIR_FIFO = 0xc0 };
enum lsr { LSR_DATA = 1, LSR_THR_EMPTY = 0x20, LSR_IDLE = 0x40 };
enum mcr { MCR_OUT2 = 8, MCR_LOOP = 0x10 };
#define FCR_ENABLE 1
#define FCR_CLEAR_RX 2
#define LCR_DLAB 0x80
/** Clear to send, data set ready, carrier: somebody is there. */
#define MSR_CONNECTED 0xb0

/* The highest of what is due and enabled. */
static uint8_t pending(const struct serial *s)
{
	if (s->ier & IER_RX && s->fifo_len)
		return IIR_RX;
	if (s->ier & IER_TX && s->thr_pending)
		return IIR_TX;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool level = pending(s) != IIR_NONE && s->mcr & MCR_OUT2;

	if (level != s->line)
		machine_set_line(s->machine, s->irq, level);
	s->line = level;
}

/* The interrupt alone says nothing while it has no way out: drivers turn it on to find out what kind of port it is. */
static bool is_listening(const struct serial *s)
{
	return (s->ier & IER_RX && (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2) || s->n_polls >= SERIAL_POLLS;
}

/* Whoever waits may go on. */
static void call_input(struct serial *s)
{
	if (!s->is_awaited || !is_listening(s) || s->fifo_len == SERIAL_FIFO)
		return;
	s->is_awaited = false;
	if (s->drained)
		s->drained(s->aux);
}

static uint8_t take_byte(struct serial *s)
{
	uint8_t byte;

	if (!s->fifo_len) {
		s->n_polls = 0; /* a driver that starts: who asks for bytes looks first */
		return 0;
	}
	byte = s->fifo[s->fifo_start];
	s->fifo_start = (s->fifo_start + 1) % SERIAL_FIFO;
	s->fifo_len--;
	if (!s->fifo_len)
		call_input(s);
	return byte;
}

static uint8_t read_lsr(struct serial *s)
{
	if (s->fifo_len)
		return LSR_THR_EMPTY | LSR_IDLE | LSR_DATA;
	if (s->n_polls < SERIAL_POLLS && ++s->n_polls == SERIAL_POLLS)
		call_input(s);
	return LSR_THR_EMPTY | LSR_IDLE;
}

static void put_byte(struct serial *s, uint8_t byte)
{
	s->fifo[(s->fifo_start + s->fifo_len) % SERIAL_FIFO] = byte;
	s->fifo_len++;
	s->n_received++;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = pending(s);

	if (iir == IIR_TX)
		s->thr_pending = false; /* reading says that it has been seen */
	return (uint8_t)(iir | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t read_msr(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CONNECTED;
	/* Looped back: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD. */
	return (uint8_t)((s->mcr & 1 ? 0x20 : 0) | (s->mcr & 2 ? 0x10 : 0) | (s->mcr & 4 ? 0x40 : 0) |
			 (s->mcr & 8 ? 0x80 : 0));
}

static uint64_t serial_read(void *aux, uint64_t offset, unsigned int size)
{
	struct serial *s = aux;
	uint8_t value = 0;

	(void)size;
	switch (offset) {
	case RBR_THR:
		value = s->lcr & LCR_DLAB ? (uint8_t)s->divisor : take_byte(s);
		break;
	case IER:
		value = s->lcr & LCR_DLAB ? (uint8_t)(s->divisor >> 8) : s->ier;
		break;
	case IIR_FCR:
		value = read_iir(s);
		break;
	case LCR:
		value = s->lcr;
		break;
	case MCR:
		value = s->mcr;
		break;
	case LSR:
		value = read_lsr(s);
		break;
	case MSR:
		value = read_msr(s);
		break;
	case SCR:
		value = s->scratch;
		break;
	}
	update_line(s);
	return value;
}

static void transmit(struct serial *s, uint8_t byte)
{
	s->thr_pending = true;
	s->n_polls = 0;
	if (s->mcr & MCR_LOOP) {
		if (s->fifo_len < SERIAL_FIFO)
			put_byte(s, byte);
		return;
	}
	s->n_sent++;
	if (s->output)
		s->output(s->aux, byte);
}

static void write_ier(struct serial *s, uint8_t value)
{
	/* Turned on while the transmitter is empty, it interrupts at once. */
	if (value & IER_TX && !(s->ier & IER_TX))
		s->thr_pending = true;
	s->ier = value & 0x0f;
	s->n_polls = 0;
	call_input(s);
}

static void serial_write(void *aux, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct serial *s = aux;
	uint8_t value = (uint8_t)wide;

	(void)size;
	switch (offset) {
	case RBR_THR:
		if (s->lcr & LCR_DLAB)
			s->divisor = (uint16_t)((s->divisor & 0xff00) | value);
		else
			transmit(s, value);
		break;
	case IER:
		if (s->lcr & LCR_DLAB)
			s->divisor = (uint16_t)((s->divisor & 0x00ff) | value << 8);
		else
			write_ier(s, value);
		break;
	case IIR_FCR:
		s->fcr = value;
		if (value & FCR_CLEAR_RX) {
			s->fifo_len = 0;
			call_input(s);
		}
		break;
	case LCR:
		s->lcr = value;
		break;
	case MCR:
		s->mcr = value & 0x1f;
		call_input(s);
		break;
	case SCR:
		s->scratch = value;
		break;
	}
	update_line(s);
}

static const struct bus_ops serial_ops = {serial_read, serial_write};

static void reset_hook(void *aux)
{
	serial_reset(aux);
}

void serial_init(struct serial *s, struct machine *machine, uint16_t port, unsigned int irq)
{
	s->machine = machine;
	s->irq = irq;
	pthread_mutex_init(&s->lock, NULL);
	s->range = (struct bus_range){
		.base = port, .size = 8, .ops = &serial_ops, .aux = s, .lock = &s->lock, .name = "serial"};
	serial_reset(s);
	machine_add_hook(machine, &s->hook, reset_hook, s);
	if (bus_add(machine->pio, &s->range))
		abort(); /* the ports of a PC's board are its own */
}

void serial_fini(struct serial *s)
{
	machine_del_hook(&s->hook);
	bus_del(s->machine->pio, &s->range);
	bus_quiesce();
	pthread_mutex_destroy(&s->lock);
}

void serial_reset(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->ier = s->lcr = s->mcr = s->scratch = s->fcr = 0;
	s->divisor = 12; /* 9,600 baud */
	s->thr_pending = false;
	s->fifo_len = 0;
	s->n_polls = 0;
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_input(struct serial *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = is_listening(s) ? MIN(len, SERIAL_FIFO - s->fifo_len) : 0;
	s->is_awaited = n < len;
	for (size_t i = 0; i < n; i++)
		put_byte(s, p[i]);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}
