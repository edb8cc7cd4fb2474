/* SPDX-License-Identifier: Apache-2.0 */
/* Between iface_dev.c and iface_events.c. */
#ifndef SWITCHD_IFACE_DEV_IMPL_H
#define SWITCHD_IFACE_DEV_IMPL_H 1

#include "switchd/iface_dev.h"

/** struct netdev_port by the index of the device attached, and of the outer end. */
extern struct hmap iface_dev_by_ifindex__, iface_dev_by_outer__;

/** Keep the sentence about why the interface does not work, or clear it (NULL). */
void iface_dev_set_error__(struct iface *iface, const char *text);
/** The outer end is this device now, or out of sight (0). */
void iface_dev_set_outer__(struct iface *iface, int ifindex);
/** What is known of the device that people see, into the struct that translation reads. */
void iface_dev_take_state__(struct iface *iface, const struct netdev_info *visible);
/** Something happened to the device that is attached: the datapath may want to look. */
void iface_dev_refresh__(const struct iface *iface);
/** Does it live on a dummy datapath? */
bool iface_dev_on_dummy__(const struct iface *iface);
void iface_dev_set_report__(void (*report)(struct iface *iface));

#endif
