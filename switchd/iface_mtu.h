/* SPDX-License-Identifier: Apache-2.0 */
/* The MTU of a bridge's own interface. */
#ifndef SWITCHD_IFACE_MTU_H
#define SWITCHD_IFACE_MTU_H 1

#include "switchd/bridge.h"

/**
 * iface_mtu_follow() - after a port came, left, or has another MTU: the host must not send what a port cannot
 *
 * Unless mtu_request says otherwise, the bridge's own interface has the smallest MTU of the ports with a device of their own (as in Open
 * vSwitch; internal ports are the host's and do not count).
 *
 * @mtu: of the port, 0 when it left
 */
void iface_mtu_follow(struct bridge *br, uint32_t mtu);

#endif
