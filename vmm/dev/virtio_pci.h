/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI transport of virtio (virtio 1.2 4.1), without the legacy interface: vendor 0x1af4, device 0x1040 + type, revision 1.
 *
 * BAR 0 has MSI-X, BAR 1 ports for kicks (4 bytes a queue), BAR 4 the registers, each part on a page of its own so that the last can be an ioeventfd area:
 *   0x0000 common configuration, 0x1000 interrupt status, 0x2000 device configuration, 0x3000 kicks as in BAR 1
 */
#ifndef VMM_DEV_VIRTIO_PCI_H
#define VMM_DEV_VIRTIO_PCI_H 1

#include "base/errtext.h"
#include "base/util.h"

struct pci_device;
struct virtio_device;

/**
 * virtio_pci_plug() - put a device onto its machine's PCI bus
 * @slot: -1 for the first free one
 *
 * The function owns @dev from now on, and frees it by its class when it is unplugged, or cannot be plugged. Return: 0 with @dev->transport set, or -errno with the sentence.
 */
VSW_MUST_USE int virtio_pci_plug(struct virtio_device *dev, int slot, struct errtext *err);

/** virtio_pci_device() - its PCI function: for pci_unplug(). */
struct pci_device *virtio_pci_device(struct virtio_device *dev);

#endif
