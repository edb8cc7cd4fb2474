/* SPDX-License-Identifier: Apache-2.0 */
/* `vsw-switchd --stop --purge`: what a daemon leaves in the kernel for its successor, removed, as there is to be none. */
#ifndef SWITCHD_PURGE_H
#define SWITCHD_PURGE_H 1

/**
 * purge_all() - after the daemon of @rundir, which must not run: programs on devices, what is pinned, devices that it made
 *
 * The database, flow tables and MAC tables stay. Return: 0 or -errno (no permission).
 */
int purge_all(const char *rundir);

/**
 * purge_programs() - in a daemon whose datapath is not `ebpf`, once its ports are there: what a predecessor's `ebpf` left
 *
 * Ports have other programs now; devices that are none any more are relieved of theirs.
 */
void purge_programs(const char *rundir);

#endif
