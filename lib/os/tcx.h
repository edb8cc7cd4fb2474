/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF program on a device's ingress by a tcx link (Linux 6.6): it runs before the clsact qdisc, and nobody who clears a device of
 * its qdiscs takes it away.
 *
 * A link lives as long as somebody holds it: here a file of the BPF file system does, so the program stays when the process is gone.
 * That file is also how a later process finds the link and puts another program in its place, without a packet between them.
 *
 * Making a link and ending one takes the kernel a grace period of its RCU, 10 ms and more, during which it holds the lock of all network
 * configuration (Linux 6.18). Replacing the program takes microseconds.
 */
#ifndef OS_TCX_H
#define OS_TCX_H 1

#include <stdbool.h>

#include "base/util.h"

/**
 * tcx_replace() - put a program in the place of a link's that is there
 * @program: descriptor of a program of type BPF_PROG_TYPE_SCHED_CLS; stays the caller's
 * @pin: path of the link's file
 *
 * Return: 0; or negative errno: there is no link of this device (-ENOENT), or it takes no program.
 */
VSW_MUST_USE int tcx_replace(int ifindex, int program, const char *pin);
/**
 * tcx_attach() - make a link: from now on @program sees what the device receives
 * @pin: where there must be no link of this device yet; whatever else is there is removed
 *
 * Return: 0; -EOPNOTSUPP when the kernel has no tcx; or another negative errno.
 */
VSW_MUST_USE int tcx_attach(int ifindex, int program, const char *pin);
/** tcx_is_dead() - is this a link whose device is gone? */
bool tcx_is_dead(const char *pin);
/** tcx_detach() - end the link. */
void tcx_detach(const char *pin);

#endif
