/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's process apart from the rest of the host: namespaces of its own (mount, PID, IPC), and in the end a root folder with nothing in it.
 *
 * A PID namespace begins with a child, so there are two processes. The launcher, which is what was started, does nothing but pass on signals, wait,
 * and clean up: terminal modes, socket files. The guest's process is its child and dies with it (also by kill -9). Who is not root
 * gets the namespaces inside of a user namespace, where the host allows that to users; where it does not one line of the log says what is missing.
 *
 * Files are opened by name between the two steps; from isolate_enter() on there are none. The one exception is the switch's run folder, where a guest
 * with NICs may have to connect to the switch again.
 */
#ifndef VMM_ISOLATE_H
#define VMM_ISOLATE_H 1

#include <stdbool.h>
#include <sys/types.h>

#include "base/errtext.h"
#include "base/util.h"

/**
 * isolate_split() - become launcher and guest's process; before there are threads
 *
 * Returns in the guest's process only; the launcher exits with its status. Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int isolate_split(const char *guest, struct errtext *err);
/** isolate_launcher() - the process that was started: what others know this guest by. */
pid_t isolate_launcher(void);
/** isolate_leave() - the launcher shall remove this file in the end. @path: relative to the folder of the start, or absolute. */
void isolate_leave(const char *path);
/**
 * isolate_enter() - give up the host's files, and lock the calling thread up (sandbox_begin())
 * @folder: stays visible, read-only, at its own path; or NULL
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int isolate_enter(const char *folder, struct errtext *err);

#endif
