// SPDX-License-Identifier: Apache-2.0
/* The serial port: what is typed before a guest listens is not lost, whatever its driver does when it starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/dev/serial.h"
#include "vmm_harness.h"

enum { RBR = SERIAL_COM1, IER, FCR, LCR, MCR, LSR };

/** Somebody who types: as the console does, again when told so. */
struct typist {
	struct serial port;
	struct harness *h;
	const char *text;
	size_t at;
	unsigned int n_calls;
};

static void drained(void *aux)
{
	((struct typist *)aux)->n_calls++;
}

static void init(struct typist *t, const char *text)
{
	*t = (struct typist){.h = harness_new(16 << 20), .text = text};
	t->port.drained = drained;
	t->port.aux = t;
	serial_init(&t->port, &t->h->m, SERIAL_COM1, SERIAL_COM1_IRQ);
}

static void fini(struct typist *t)
{
	serial_fini(&t->port);
	harness_free(t->h);
}

static void type(struct typist *t)
{
	t->n_calls = 0;
	t->at += serial_input(&t->port, t->text + t->at, strlen(t->text + t->at));
}

static uint8_t in(struct typist *t, uint16_t reg)
{
	return (uint8_t)harness_read(t->h->m.pio, reg, 1);
}

static void out(struct typist *t, uint16_t reg, uint8_t value)
{
	harness_write(t->h->m.pio, reg, 1, value);
}

static void read_all(struct typist *t, char *text, size_t size)
{
	size_t n = 0;

	while (in(t, LSR) & 1 && n < size - 1)
		text[n++] = (char)in(t, RBR);
	text[n] = '\0';
}

/* What Linux does with a 16550 before it says what it will hear (drivers/tty/serial/8250, in our words: both FIFOs emptied, every register read). */
static void start_as_linux(struct typist *t)
{
	out(t, FCR, 1);
	out(t, FCR, 7);
	out(t, FCR, 0);
	for (int i = 0; i < 2; i++) {
		in(t, LSR);
		in(t, RBR);
		in(t, FCR);
		in(t, MCR + 2);
	}
	out(t, MCR, 8);
	assert_int_equal(t->n_calls, 0);
	out(t, IER, 5);
	out(t, FCR, 1);
}

static void kept_until_the_driver_is_there(void **state)
{
	struct typist t;
	char text[64];

	(void)state;
	init(&t, "typed early\n");
	type(&t);
	assert_int_equal(t.at, 0);
	for (const char *p = "console=ttyS0: the kernel talks, and does not listen"; *p; p++) {
		in(&t, LSR);
		out(&t, RBR, (uint8_t)*p);
		in(&t, LSR);
	}
	/* Is there one at all? */
	out(&t, IER, 0x0f);
	assert_int_equal(in(&t, IER), 0x0f);
	type(&t);
	assert_int_equal(t.at, 0);
	out(&t, IER, 0);
	assert_int_equal(t.n_calls, 0);
	start_as_linux(&t);
	assert_int_equal(t.n_calls, 1);
	type(&t);
	assert_true(t.h->lines[SERIAL_COM1_IRQ]);
	read_all(&t, text, sizeof text);
	assert_string_equal(text, "typed early\n");
	fini(&t);
}

static void again_when_it_is_opened_anew(void **state)
{
	struct typist t;
	char text[64];

	(void)state;
	init(&t, "second");
	start_as_linux(&t);
	out(&t, IER, 0);
	type(&t);
	assert_int_equal(t.at, 0);
	start_as_linux(&t);
	assert_int_equal(t.n_calls, 1);
	type(&t);
	read_all(&t, text, sizeof text);
	assert_string_equal(text, "second");
	/* A reset is a new beginning. */
	t.at = 0;
	serial_reset(&t.port);
	type(&t);
	assert_int_equal(t.at, 0);
	fini(&t);
}

static void who_polls_is_heard(void **state)
{
	struct typist t;
	char text[64];

	(void)state;
	init(&t, "polled");
	type(&t);
	for (int i = 0; i < SERIAL_POLLS; i++) {
		assert_int_equal(t.n_calls, 0);
		in(&t, LSR);
	}
	assert_int_equal(t.n_calls, 1);
	type(&t);
	read_all(&t, text, sizeof text);
	assert_string_equal(text, "polled");
	fini(&t);
}

static void more_than_the_fifo(void **state)
{
	char text[3 * SERIAL_FIFO + 11], got[sizeof text];
	struct typist t;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof text - 1] = '\0';
	init(&t, text);
	start_as_linux(&t);
	while (n < sizeof text - 1) {
		type(&t);
		read_all(&t, got + n, sizeof got - n);
		assert_true(strlen(got + n) > 0);
		n += strlen(got + n);
	}
	assert_string_equal(got, text);
	/* A full FIFO that the guest empties at once: whoever waits hears of it. */
	t.at = 0;
	type(&t);
	assert_int_equal(t.at, SERIAL_FIFO);
	out(&t, FCR, 3);
	assert_int_equal(t.n_calls, 1);
	fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_until_the_driver_is_there),
		cmocka_unit_test(again_when_it_is_opened_anew),
		cmocka_unit_test(who_polls_is_heard),
		cmocka_unit_test(more_than_the_fifo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
