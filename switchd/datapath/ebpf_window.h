/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a port's packets the daemon has read, by the numbers under which the program announced them (vsw/bpf_abi.h).
 *
 * Packets of one CPU come in the order of their numbers, those of several do not: one CPU may be held up between taking a number and
 * putting the packet into the ring. So the lowest number that was not read is kept, and a bit for each that was read above it. A number
 * whose packet never comes (it was withdrawn, or the ring was full) would hold it there for good: ebpf_window_advance() is for
 * who knows otherwise that nothing below can come any more.
 *
 * A window belongs to the thread that reads the port's packets. Two of its numbers are for others to look at (ebpf_gate.c).
 */
#ifndef SWITCHD_DATAPATH_EBPF_WINDOW_H
#define SWITCHD_DATAPATH_EBPF_WINDOW_H 1

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** How far apart the numbers of packets that are on their way may be: more than a port may have there. */
#define EBPF_WINDOW 8192u

/** struct ebpf_window - zero-initialised; numbers are modulo 2^32 */
struct ebpf_window {
	uint32_t next;	     /**< the lowest number that was not read */
	uint32_t generation; /**< of the port, bpf_port.generation */
	uint64_t n_read;     /**< for other threads: so many were read */
	uint32_t passed;     /**< for other threads: `next`, but while it is being changed */
	uint64_t read[EBPF_WINDOW / 64];
};

static inline uint64_t ebpf_window_bit__(uint32_t number)
{
	return 1ull << number % 64;
}

static inline uint64_t *ebpf_window_word__(struct ebpf_window *w, uint32_t number)
{
	return &w->read[number % EBPF_WINDOW / 64];
}

/* Those that came before their turn. */
static inline void ebpf_window_close_up__(struct ebpf_window *w)
{
	while (*ebpf_window_word__(w, w->next) & ebpf_window_bit__(w->next)) {
		*ebpf_window_word__(w, w->next) &= ~ebpf_window_bit__(w->next);
		w->next++;
	}
	__atomic_store_n(&w->passed, w->next, __ATOMIC_RELAXED);
}

/** ebpf_window_restart() - the port's number was given to another device, whose packets count from 0. */
static inline void ebpf_window_restart(struct ebpf_window *w, uint32_t generation)
{
	memset(w, 0, sizeof *w);
	w->generation = generation;
}

/** ebpf_window_advance() - what has a number below @to was read, or does not come. */
static inline void ebpf_window_advance(struct ebpf_window *w, uint32_t to)
{
	if ((int32_t)(to - w->next) <= 0)
		return;
	if (to - w->next >= EBPF_WINDOW) {
		memset(w->read, 0, sizeof w->read);
		w->next = to;
	}
	for (; w->next != to; w->next++)
		*ebpf_window_word__(w, w->next) &= ~ebpf_window_bit__(w->next);
	ebpf_window_close_up__(w);
}

/** ebpf_window_note() - this one was read. */
static inline void ebpf_window_note(struct ebpf_window *w, uint32_t number)
{
	__atomic_store_n(&w->n_read, w->n_read + 1, __ATOMIC_RELAXED);
	if ((int32_t)(number - w->next) < 0)
		return;
	if (number - w->next >= EBPF_WINDOW)
		ebpf_window_advance(w, number - EBPF_WINDOW + 1);
	*ebpf_window_word__(w, number) |= ebpf_window_bit__(number);
	ebpf_window_close_up__(w);
}

/** ebpf_window_is_past() - whether all below @number were read. */
static inline bool ebpf_window_is_past(const struct ebpf_window *w, uint32_t number)
{
	return (int32_t)(w->next - number) >= 0;
}

#endif
