/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon that is gone left on devices: finding it, and removing it.
 *
 * A daemon's programs are known by a number made of its run folder (owner). A drop filter has it in its name, the program of `ebpf` in
 * its map `control`; so they are found although nothing is pinned, whatever the version that put them there, and those of another
 * daemon in the same network namespace are left alone.
 */
#ifndef SWITCHD_DATAPATH_SWEEP_H
#define SWITCHD_DATAPATH_SWEEP_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** sweep_owner() - the number of the run folder. It is the same in every version. */
uint64_t sweep_owner(const char *rundir);

/**
 * sweep_devices() - detach this owner's programs from devices of the network namespace
 * @keep: not from those; NULL: from all
 *
 * Return: number of devices that had one and do not any more.
 */
size_t sweep_devices(uint64_t owner, bool (*keep)(void *aux, int ifindex), void *aux);

#endif
