/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Intel 82540EM gigabit controller: what `e1000` drivers have known since 2002. Source: e1000_regs.h.
 *
 *   e1000.c        registers, interrupts
 *   e1000_phy.c    EEPROM and PHY
 *   e1000_tx.c     transmit: legacy, context and data descriptors, segmentation, checksums, VLAN tags
 *   e1000_rx.c     receive: filters, descriptors
 *
 * Thread, lock, cable: nic_device.h. Frames out of descriptors: nic_gather.h; their offloads: nic_tx.h, nic_rx.h.
 *
 * Not there: wake on LAN, flow control frames, the TBI, diagnostic access to the packet buffer. Received frames are no longer than the wire's: what the
 * kernel behind the port leaves whole is cut here (nic_source.h).
 */
#ifndef VMM_DEV_E1000_H
#define VMM_DEV_E1000_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct machine;
struct net_backend;
struct nic_device;

/**
 * e1000_plug() - make one and put it onto the machine's bus
 * @name: stays; @be: taken over, also on failure; @slot: -1 for any
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int e1000_plug(struct machine *machine, const char *name, const uint8_t mac[6], struct net_backend *be,
			    int slot, struct nic_device **nic, struct errtext *err);

#endif
