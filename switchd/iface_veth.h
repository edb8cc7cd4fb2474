/* SPDX-License-Identifier: Apache-2.0 */
/* The veth pair behind an `internal` interface; see iface_dev.h. */
#ifndef SWITCHD_IFACE_VETH_H
#define SWITCHD_IFACE_VETH_H 1

#include "base/errtext.h"
#include "os/netdev.h"

/** What the alias of everything that we make begins with. */
#define IFACE_ALIAS_PREFIX "vsw "

/** iface_alias() - "vsw WHAT of port NAME (RUNDIR)": whose device this is. */
void iface_alias(char *alias, size_t size, const char *name, const char *what);

/**
 * iface_veth_open() - adopt the pair that a predecessor made, or make one
 * @mac: of the outer end when it is made; used when @use_mac
 * @inner, @outer: the ends; outer->ifindex is 0 when that end is in another network namespace
 *
 * Return: 0, or negative errno with @err.
 */
int iface_veth_open(const char *name, const uint8_t mac[6], bool use_mac, struct netdev_info *inner,
		    struct netdev_info *outer, struct errtext *err);
/** iface_veth_is_outer() - is this device the outer end of the pair of interface @name? */
bool iface_veth_is_outer(const char *name, const struct netdev_info *info);
/** iface_veth_inner() - the device number of the inner end of interface @name, if the pair is ours; else 0. */
int iface_veth_inner(const char *name);

/** iface_veth_clear_half_made() - delete the pair of port @name if a predecessor was killed before it had said on the pair whose it is. */
void iface_veth_clear_half_made(const char *name);

#endif
