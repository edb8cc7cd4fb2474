/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's network card: port of the switch, TAP, device model. Main thread.
 *
 * The cable is plugged in while the switch has its port up and nobody has pulled it at this end (nic_set_link()).
 */
#ifndef VMM_NIC_H
#define VMM_NIC_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/nic_config.h"

struct machine;
struct nic;
struct pci_device;
struct virtio_device;

/** Cards of one guest. */
#define NIC_MAX 8

struct nic_status {
	const char *name;  /**< "net0" */
	const char *model; /**< as in --nic */
	const char *port;
	uint8_t mac[6];
	unsigned int n_queues;
	bool uses_vhost;
	const struct virtio_device *virtio; /**< NULL: of another model */
	bool port_up, cable_in;		    /**< the switch's side, ours; the guest has a carrier when both are */
	uint64_t rx_packets, rx_bytes, tx_packets,
		tx_bytes; /**< as the guest has them; 0 with vhost, which does not tell */
	uint64_t rx_filtered, rx_no_buffer, tx_errors;
};

/**
 * nic_new() - ask the switch for the port and put the card into the machine
 * @rundir: the switch's run folder
 * @index: below NIC_MAX, not in use: the card is called "net@index"
 *
 * The guest's name is the machine's. Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int nic_new(struct machine *machine, const char *rundir, const struct nic_config *config,
			 unsigned int index, struct nic **nic, struct errtext *err);
/** nic_free() - take it out of the machine, which runs or not; the port goes. NULL is fine. */
void nic_free(struct nic *nic);

/** nic_pci() - its PCI function. */
struct pci_device *nic_pci(const struct nic *nic);

/** nic_set_link() - plug the cable in, or pull it. */
void nic_set_link(struct nic *nic, bool in);
void nic_get_status(struct nic *nic, struct nic_status *status);

#endif
