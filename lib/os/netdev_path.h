/* SPDX-License-Identifier: Apache-2.0 */
/* Where frames go behind a device: the other end of a veth pair, in whatever namespace, and the way to an address. */
#ifndef OS_NETDEV_PATH_H
#define OS_NETDEV_PATH_H 1

#include <stdint.h>

#include "base/util.h"
#include "os/netdev.h"

/** netdev_get_peer() - the other end of a veth pair. @info: of this end. Return: 0, -ENODEV when it has none that is in sight, or another negative errno. */
VSW_MUST_USE int netdev_get_peer(const struct netdev_info *info, struct netdev_info *peer);

/**
 * netdev_route_to() - the device by which packets to an address leave this namespace
 * @family: AF_INET or AF_INET6
 * @address: 4 or 16 bytes
 * @mtu: of the route, or of the device where the route has none
 *
 * Return: 0, -ENETUNREACH, or another negative errno.
 */
VSW_MUST_USE int netdev_route_to(int family, const void *address, struct netdev_info *dev, uint32_t *mtu);

#endif
