/* SPDX-License-Identifier: Apache-2.0 */
/* Between netdev.c and netdev_monitor.c. */
#ifndef OS_NETDEV_IMPL_H
#define OS_NETDEV_IMPL_H 1

#include "os/netdev.h"

struct nlmsghdr;

/** netdev_info_parse() - read an RTM_NEWLINK or RTM_DELLINK. Return: true when it is one of a device. */
bool netdev_info_parse(const struct nlmsghdr *nlh, struct netdev_info *info);

/** netdev_parse_moved() - of an RTM_DELLINK: did the device go to another namespace? @netnsid: its number here, -1 unknown. */
bool netdev_parse_moved(const struct nlmsghdr *nlh, int *netnsid);

#endif
