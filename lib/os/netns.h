/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named network namespaces, the ones that `ip netns` lists: files in /run/netns that a namespace is mounted on.
 *
 * Entering a namespace is a matter of the calling thread; programs of one thread use these.
 */
#ifndef OS_NETNS_H
#define OS_NETNS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "base/errtext.h"
#include "base/util.h"

/** netns_create() - a new namespace with this name, its loopback up. Return: a descriptor of it, or -errno (-EEXIST, -EPERM, ...) with @err. */
VSW_MUST_USE int netns_create(const char *name, struct errtext *err);

/** netns_open() - Return: a descriptor of the namespace, or -errno (-ENOENT when there is none). */
VSW_MUST_USE int netns_open(const char *name);
/** netns_open_pid() - the namespace that a process lives in. Return: a descriptor, or -errno. */
VSW_MUST_USE int netns_open_pid(int pid);
bool netns_exists(const char *name);

/** netns_delete() - take the name away; the namespace goes with its last process. Return: 0, also when there is none, or -errno with @err. */
VSW_MUST_USE int netns_delete(const char *name, struct errtext *err);

/**
 * netns_enter() - move this thread into a namespace
 * @fd: of the namespace
 *
 * Return: a descriptor of the one that was left, for netns_leave(); or -errno.
 */
VSW_MUST_USE int netns_enter(int fd);
/** netns_leave() - back to where netns_enter() came from. @old: its result; closed. A failure ends the program: nothing good can follow. */
void netns_leave(int old);

/** netns_socket() - a socket that lives in namespace @fd. Return: as socket(), but -errno. */
VSW_MUST_USE int netns_socket(int fd, int domain, int type, int protocol);

/**
 * netns_kill() - end the processes that live in some namespaces: SIGTERM, and SIGKILL to those that stay
 * @names: @n names; those that do not exist are skipped
 * @patience_ms: how long SIGTERM may take
 *
 * The calling process is spared. Return: number of processes that were told to end.
 */
size_t netns_kill(const char *const names[], size_t n, int patience_ms);

#endif
