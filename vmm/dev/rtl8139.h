/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RealTek RTL8139: in C+ mode (PCI revision 0x20, driver `8139cp`) with descriptor rings, checksums, segmentation and VLAN tags; in classic mode (any
 * revision below, driver `8139too`) with four transmit slots and one receive ring of bytes. Source: rtl8139_regs.h.
 *
 *   rtl8139.c       registers, interrupts, MII
 *   rtl8139_tx.c    transmit, both modes
 *   rtl8139_rx.c    receive, both modes: filters, ring, descriptors
 *
 * Thread, lock, cable: nic_device.h.
 *
 * Not there: wake on LAN, the timer, loopback, early receive, writes to the EEPROM. A frame for which there is no room waits at the port; it is
 * not lost, so that "missed packets" stays 0.
 */
#ifndef VMM_DEV_RTL8139_H
#define VMM_DEV_RTL8139_H 1

#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct machine;
struct net_backend;
struct nic_device;

#define RTL8139_REVISION_CLASSIC 0x10
#define RTL8139_REVISION_CPLUS 0x20

/**
 * rtl8139_plug() - make one and put it onto the machine's bus
 * @name: stays; @be: taken over, also on failure; @slot: -1 for any; @revision: RTL8139_REVISION_*, by which drivers choose the mode
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int rtl8139_plug(struct machine *machine, const char *name, const uint8_t mac[6], struct net_backend *be,
			      int slot, uint8_t revision, struct nic_device **nic, struct errtext *err);

#endif
