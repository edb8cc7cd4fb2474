/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and stopping vsw-switchd, for `vsw service` and for the private daemons of `vsw topo`.
 */
#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H 1

#include <sys/types.h>

#include "base/errtext.h"
#include "base/util.h"

/** daemon_find() - vsw-switchd beside this program, in ../sbin of it, or in $PATH. Return: its path, to be freed; NULL with @err. */
VSW_MUST_USE char *daemon_find(struct errtext *err);

/**
 * struct daemon_options - how to start it
 * @rundir: created by the daemon
 * @db, @datapath, @log: NULL for its defaults
 * @netns: descriptor of the network namespace to start it in, -1 for this one
 */
struct daemon_options {
	const char *rundir;
	const char *db;
	const char *datapath;
	const char *log;
	int netns;
};

/** A daemon that is starting. */
struct daemon_start {
	pid_t pid;    /**< of the starter, which ends when the daemon is ready or has failed; 0: none */
	int messages; /**< what it says on standard error */
};

/** daemon_spawn() - start it detached; daemon_await() must follow. Return: 0, or -errno with @err. */
VSW_MUST_USE int daemon_spawn(struct daemon_start *start, const struct daemon_options *options, struct errtext *err);

/** daemon_await() - wait until the daemon is ready and answers. Return: 0, or -errno with the daemon's reason in @err. */
VSW_MUST_USE int daemon_await(struct daemon_start *start, const char *rundir, int timeout_ms, struct errtext *err);

/**
 * daemon_stop() - ask the daemon of @rundir to end, and wait until it has
 * @purge: it is to leave nothing in the kernel
 *
 * Return: 0, also when none was running; or -errno with @err.
 */
VSW_MUST_USE int daemon_stop(const char *rundir, bool purge, int timeout_ms, struct errtext *err);

/**
 * daemon_purge() - remove what a daemon that was killed has left in the kernel (`vsw-switchd --stop --purge`)
 * @netns: descriptor of the network namespace that it lived in, -1: this one
 *
 * A killed process takes some time to let go of everything: that is waited for. Return: 0, also when there is nothing; or -errno with @err.
 */
VSW_MUST_USE int daemon_purge(const char *rundir, int netns, struct errtext *err);

#endif
