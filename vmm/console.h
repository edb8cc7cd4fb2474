/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the guest's serial port: standard input and output, or a UNIX socket to which several may connect, and a memory of
 * what the guest said last (for the control socket's "console/dump").
 *
 * A vCPU puts a byte into the ring and never waits; the main loop carries it on in as few writes as it can. Who reads too slowly loses the oldest bytes,
 * as on a wire, once CONSOLE_HISTORY of them are waiting. Who connects to the socket sees what is said from then on.
 *
 * On a terminal, which is put into raw mode, Ctrl-A x ends the guest at once and Ctrl-A twice is one for the guest, as in QEMU. What is typed before the
 * guest listens is kept, and a terminal is read on meanwhile: Ctrl-A x works then, too.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/loop.h"

#define CONSOLE_HISTORY (256u << 10)
#define CONSOLE_MAX_CLIENTS 8

struct console;
struct console_options;
struct ds;
struct serial;

/** Somebody who sees the console. */
struct console_peer {
	struct console *console;
	int in_fd, out_fd;
	bool is_client;	  /**< a connection of the socket's */
	bool is_socket;	  /**< out_fd is one */
	bool at_end;	  /**< no input any more */
	bool is_terminal; /**< in raw mode, keys have escapes */
	bool has_escape;  /**< Ctrl-A was the last key */
	struct loop_fd in,
		out; /**< `in` only while nothing waits (a terminal's always), `out` only while it cannot take more */
	uint64_t at; /**< how much of all output it has got */
};

struct console {
	struct loop *loop;
	struct serial *serial; /**< where input goes; NULL: none yet */
	pthread_mutex_t lock;  /**< guards the next three */
	uint8_t *ring;	       /**< CONSOLE_HISTORY bytes; byte number N is at N % CONSOLE_HISTORY */
	uint64_t n_put;
	bool is_posted;
	struct console_peer peers[CONSOLE_MAX_CLIENTS]; /**< in use: console is set */
	uint8_t input[4096];				/**< what the serial port does not take yet */
	size_t n_input;
	struct loop_fd listener;
	int listen_fd;	      /**< -1: none */
	char *path;	      /**< of the socket */
	bool is_raw;	      /**< standard input was a terminal, as `saved` says */
	struct termios saved; /**< valid while is_raw */
	void (*ended)(void *aux);
	void *aux;
};

/**
 * console_open() - begin, before anything is said
 * @ended: somebody typed what ends the guest; @aux
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int console_open(struct console *console, const struct console_options *options, struct loop *loop,
			      void (*ended)(void *aux), void *aux, struct errtext *err);
/** console_attach() - set output, drained and aux of @serial, before serial_init(). */
void console_attach(struct console *console, struct serial *serial);
/** console_close() - what was said last still goes out, within a second. No effect when it was never opened. */
void console_close(struct console *console);
/** console_dump() - the last @max bytes that the guest said, as they are; any thread. */
void console_dump(struct console *console, size_t max, struct ds *text);

#endif
