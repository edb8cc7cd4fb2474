/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that are loaded when somebody needs them.
 *
 * The command is started for every question, and most questions need no library but that of JSON. Linked with libpcap and libbpf (which bring
 * D-Bus, systemd, compressors and ciphers along) the dynamic loader took longer than all the rest of a command; so those two are loaded by the few
 * functions that call them. In a program that is linked with the library anyway, the daemon, nothing is loaded twice: the loader knows its name.
 */
#ifndef OS_LATE_H
#define OS_LATE_H 1

#include <stddef.h>

#include "base/errtext.h"
#include "base/util.h"

struct late_function {
	const char *name;
	void *pointer; /**< where the address goes: to a pointer to a function */
};

/**
 * late_load() - load a library for the rest of the process' life
 * @names: by which it may be known ("libpcap.so.0.8"), the best one first, NULL at the end
 * @functions: what is wanted of it; all @n or none are filled in
 * @err: one sentence that names the library
 *
 * Return: 0, or -ENOENT with @err.
 */
VSW_MUST_USE int late_load(const char *const *names, const struct late_function *functions, size_t n,
			   struct errtext *err);

#endif
