/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process's threads may ask of the kernel once the guest runs.
 *
 * A guest that breaks out of a device model finds a thread without capabilities, without files (isolate.h: an empty root; landlock besides, where the
 * kernel has it), and with a seccomp filter that lets through what this kind of thread needs and kills the process at anything else.
 * What it needs stands beside the code that needs it:
 *
 *     SANDBOX_CALLS(THREAD_IO | THREAD_MAIN, SYS_io_uring_enter);
 *     SANDBOX_IOCTLS(THREAD_VCPU, KVM_RUN);
 *
 * and sandbox.c collects these lists. The main thread, which makes other threads, may whatever I/O threads may.
 *
 * Each thread locks itself up: the main thread by sandbox_begin(), before the guest runs; I/O threads that are there already are told to; each that
 * is made afterwards, and vCPUs before they enter the guest for the first time, call sandbox_thread().
 */
#ifndef VMM_CORE_SANDBOX_H
#define VMM_CORE_SANDBOX_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/errtext.h"
#include "base/util.h"

/** Kinds of threads, or'ed. */
enum sandbox_class {
	THREAD_MAIN = 1, /**< the loop: control, console, timers */
	THREAD_IO = 2,	 /**< devices */
	THREAD_VCPU = 4,
	THREAD_ALL = 7,
};

/** One list; made by the macros below. */
struct sandbox_list {
	unsigned int classes;
	bool is_ioctls; /**< requests of ioctl(), else numbers of system calls */
	const unsigned long *numbers;
	size_t n;
	struct sandbox_list *next;
};

void sandbox_register(struct sandbox_list *list);

#define SANDBOX_CONCAT2__(A, B) A##B
#define SANDBOX_CONCAT__(A, B) SANDBOX_CONCAT2__(A, B)
#define SANDBOX_LIST__(ID, CLASSES, IS_IOCTLS, ...) \
	static const unsigned long SANDBOX_CONCAT__(sandbox_numbers, ID)[] = {__VA_ARGS__}; \
	static struct sandbox_list SANDBOX_CONCAT__(sandbox_list, \
						    ID) = {CLASSES, IS_IOCTLS, SANDBOX_CONCAT__(sandbox_numbers, ID), \
							   ARRAY_SIZE(SANDBOX_CONCAT__(sandbox_numbers, ID)), NULL}; \
	__attribute__((constructor)) static void SANDBOX_CONCAT__(sandbox_register, ID)(void) \
	{ \
		sandbox_register(&SANDBOX_CONCAT__(sandbox_list, ID)); \
	} \
	struct sandbox_list

/** SANDBOX_CALLS(), SANDBOX_IOCTLS() - at file level: what threads of CLASSES (or'ed enum sandbox_class) need. */
#define SANDBOX_CALLS(CLASSES, ...) SANDBOX_LIST__(__LINE__, CLASSES, false, __VA_ARGS__)
#define SANDBOX_IOCTLS(CLASSES, ...) SANDBOX_LIST__(__LINE__, CLASSES, true, __VA_ARGS__)

/** sandbox_begin() - for the main thread: from now on threads lock themselves up; it does at once. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int sandbox_begin(struct errtext *err);
/** sandbox_thread() - for any other thread. No effect before sandbox_begin(), or a second time. Ends the process when it cannot be done. */
void sandbox_thread(enum sandbox_class class);

#endif
