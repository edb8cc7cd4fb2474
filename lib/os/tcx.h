/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF program on a device's ingress by a tcx link (Linux 6.6): it runs before the clsact qdisc, and nobody who clears a device of
 * its qdiscs takes it away.
 *
 * A link lives as long as somebody holds it: here a file of the BPF file system does, so the program stays when the process is gone.
 * That file is also how a later process finds the link and puts another program in its place, without a packet between them.
 */
#ifndef OS_TCX_H
#define OS_TCX_H 1

#include "base/util.h"

/**
 * tcx_attach() - from now on @program sees what the device receives
 * @program: descriptor of a program of type BPF_PROG_TYPE_SCHED_CLS; stays the caller's
 * @pin: path of the link's file. If there is a link of this device already its program is replaced; anything else there is removed
 *
 * Return: 0; -EOPNOTSUPP when the kernel has no tcx; or another negative errno.
 */
VSW_MUST_USE int tcx_attach(int ifindex, int program, const char *pin);
/** tcx_detach() - end the link. */
void tcx_detach(const char *pin);

#endif
