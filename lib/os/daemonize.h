/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a program becomes a daemon, and how there is only one of it.
 *
 * daemonize_fork() before threads and locks; the first process then waits, with the terminal, until the second one calls
 * daemonize_ready() or ends, so that "exit 0" means "serves requests", and reasons for failure reach the person who asked.
 *
 * The pid file is the lock: a record lock on it is held while the process lives, the kernel says who holds it, and no file left
 * behind by a dead process can mislead anybody. Record locks are not inherited: take it after daemonize_fork().
 */
#ifndef OS_DAEMONIZE_H
#define OS_DAEMONIZE_H 1

#include <stdbool.h>
#include <sys/types.h>

#include "base/errtext.h"
#include "base/util.h"

/** daemonize_fork() - returns in the child only; the parent waits for it and exits. Return: 0, or negative errno with @err. */
VSW_MUST_USE int daemonize_fork(struct errtext *err);

/**
 * daemonize_ready() - the daemon serves: let the parent exit 0, detach from the terminal, tell systemd
 *
 * Without daemonize_fork() only systemd is told.
 */
void daemonize_ready(void);

/**
 * pidfile_lock() - create, lock and fill a pid file
 * @holder: the process that holds it, on -EBUSY; 0 when that is unknown (another pid namespace)
 *
 * Return: a descriptor to keep open, -EBUSY, or another negative errno; with @err.
 */
VSW_MUST_USE int pidfile_lock(const char *path, pid_t *holder, struct errtext *err);

/** pidfile_holder() - Return: pid of the process that holds the lock, 0 when nobody does, or negative errno. */
VSW_MUST_USE pid_t pidfile_holder(const char *path);

/** service_notify() - one datagram ("READY=1", "STOPPING=1", ...) to $NOTIFY_SOCKET, where there is one. */
void service_notify(const char *state);

#endif
