/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network card as it is asked for: --nic BRIDGE[,KEY=VALUE]...
 *
 *   br0,model=e1000,mac=52:54:00:12:34:56,tag=10
 *   br0,queues=2,vhost=off,mtu=9000,anti-spoof=on,ingress_policing_rate=10000
 *   port=tap0                    a port that is there already
 *
 * Keys that are none of the card's are settings of its port, as `vsw add-port` takes them.
 */
#ifndef VMM_NIC_CONFIG_H
#define VMM_NIC_CONFIG_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

enum nic_model { NIC_VIRTIO, NIC_E1000, NIC_RTL8139 };

#define NIC_MAX_COLUMNS 32

struct nic_config {
	char *text;	    /* a copy, into which the strings here point */
	const char *bridge; /**< NULL: the port is there already */
	const char *port;   /**< NULL: named after the guest */
	enum nic_model model;
	bool has_mac; /**< else it is made of the guest's name */
	uint8_t mac[6];
	unsigned int n_queues;
	uint32_t mtu; /**< of the port; 0: as the bridge has it */
	bool no_vhost, anti_spoof;
	bool classic;			      /**< rtl8139: without C+ mode, for `8139too` */
	const char *columns[NIC_MAX_COLUMNS]; /**< the port's settings: "tag=10" */
	size_t n_columns;
};

/** nic_config_parse() - Return: 0, or -EINVAL with the sentence, then nothing is to be freed. */
VSW_MUST_USE int nic_config_parse(const char *text, struct nic_config *config, struct errtext *err);
void nic_config_fini(struct nic_config *config);

/** nic_model_name() - as it is typed. */
const char *nic_model_name(enum nic_model model);

#endif
