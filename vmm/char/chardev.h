/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of bytes between the guest and the outside: what a serial port or a console is connected to. Implementations: standard input and output
 * (char/stdio.c), a UNIX socket that one client at a time connects to (char/socket.c), memory in tests.
 *
 * Nothing is buffered beyond one read: who cannot take bytes leaves them with the other side. input() says how many it took, the rest is offered again when
 * the user says resume(); write() says how many it took, and `writable` comes when there is room again.
 *
 * Threads: everything between start() and stop() happens in the thread of the loop given to start().
 */
#ifndef VMM_CHAR_CHARDEV_H
#define VMM_CHAR_CHARDEV_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct chardev;
struct loop;

/** What the device behind it wants to hear; any may be NULL but input. */
struct chardev_user {
	/** Bytes for the guest. Return: how many it takes, in their order; the others wait for resume(). */
	size_t (*input)(void *aux, const void *data, size_t len);
	/** write() took less than all: now there is room. */
	void (*writable)(void *aux);
	/** Somebody is at the other end, or not any more. */
	void (*opened)(void *aux, bool is_open);
	/** Size of the terminal, in characters. */
	void (*resized)(void *aux, uint16_t cols, uint16_t rows);
	/** Who sits at the terminal has typed what ends the guest. */
	void (*quit)(void *aux);
	void *aux;
};

struct chardev_ops {
	/** Begin; may call @dev->user at once. Return: 0 or -errno. */
	int (*start)(struct chardev *dev, struct loop *loop);
	void (*stop)(struct chardev *dev);
	/** Return: how many bytes it took. With nobody at the other end they are lost, and all are taken. */
	size_t (*write)(struct chardev *dev, const void *data, size_t len);
	/** input() would take bytes again. May call it at once. */
	void (*resume)(struct chardev *dev);
	/** After stop(). */
	void (*free)(struct chardev *dev);
};

struct chardev {
	const struct chardev_ops *ops;
	struct chardev_user user; /**< set before start() */
};

/**
 * chardev_stdio_new() - standard input and output
 * A terminal is put into raw mode from start() to stop(); there Ctrl-A x ends the guest, and Ctrl-A twice is one for it.
 */
struct chardev *chardev_stdio_new(void);
/**
 * chardev_socket_new() - a UNIX stream socket at @path, listening from now on
 * What lies there from a process that has gone is replaced; it is removed by free().
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int chardev_socket_new(const char *path, struct chardev **dev, struct errtext *err);

#endif
