/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O threads: where devices do their work, off the vCPUs. Each is a loop (os/loop.h) of its own; a device watches its eventfds and descriptors
 * there. Several devices may share one.
 */
#ifndef VMM_CORE_IOTHREAD_H
#define VMM_CORE_IOTHREAD_H 1

#include "base/errtext.h"
#include "base/util.h"

struct iothread;
struct loop;

/** iothread_new() - @name: of the thread, at most 15 bytes. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int iothread_new(const char *name, struct iothread **thread, struct errtext *err);
/** iothread_free() - ends the thread and waits for it. NULL is fine. */
void iothread_free(struct iothread *thread);
struct loop *iothread_loop(struct iothread *thread);
/** iothread_run_in_all() - as iothread_run(), in every I/O thread that there is. Main thread. */
void iothread_run_in_all(void (*fn)(void *aux), void *aux);
/** iothread_run() - run @fn in the thread, and return when it has; in the thread itself: at once. */
void iothread_run(struct iothread *thread, void (*fn)(void *aux), void *aux);

#endif
