/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port of the switch for a guest's NIC: asked of vsw-switchd over its control socket (docs/control-protocol.md, guest/attach), which hands out the
 * descriptors of the port's TAP device.
 *
 * The connection is the claim: while it is open the port is ours, and when this process ends, however it does, the switch takes the port back. On the
 * same connection the switch tells when somebody sets the port down or up.
 *
 * A switch that ends leaves device and descriptors, and with its datapath in the kernel it leaves the traffic, too. So a connection that breaks is no
 * reason to do anything but to knock every half second until a switch is there again, and to claim the port anew. One that has lost the port, or one
 * that says that the device is another one now, is: the guest's cable is pulled, and one line says why.
 */
#ifndef VMM_NET_SWITCH_H
#define VMM_NET_SWITCH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/net/backend.h"

struct loop;
struct switch_port;

/** What is asked for; the caller's, until switch_port_new() returns. */
struct switch_port_config {
	const char *rundir; /**< of the switch; its socket is vsw.sock in there */
	const char *guest;  /**< name */
	const char *bridge; /**< in which the port is made, and goes with us; NULL: it is there already, and stays */
	const char *port;   /**< name */
	uint8_t mac[6];	    /**< of the guest */
	bool anti_spoof;    /**< the switch drops what does not come from the guest's addresses */
	unsigned int n_queues;
	bool vhost;		    /**< a vhost-net instance for each queue is wanted, too */
	const char *const *columns; /**< @n_columns settings of the port, as `vsw add-port` takes them: "tag=10" */
	size_t n_columns;
};

/** What the switch gives; descriptors are the caller's, config->n_queues of each kind. */
struct switch_port_grant {
	int fds[NET_MAX_QUEUES];       /**< of the TAP, non-blocking */
	int vhost_fds[NET_MAX_QUEUES]; /**< of /dev/vhost-net, or all -1: not asked for, or not to be had */
	uint32_t mtu;		       /**< of the port */
	bool up;		       /**< its link now */
};

struct switch_port_ops {
	/** The switch's side of the cable. Main thread. */
	void (*link)(void *aux, bool up);
	/** A switch that was started anew has the port again; it knows nobody's place yet. Main thread. */
	void (*back)(void *aux);
};

/**
 * switch_port_new() - claim a port; waits for the switch, for seconds at most
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int switch_port_new(const struct switch_port_config *config, struct loop *loop,
				 const struct switch_port_ops *ops, void *aux, struct switch_port_grant *grant,
				 struct switch_port **port, struct errtext *err);
/** switch_port_free() - gives the port back. NULL is fine. */
void switch_port_free(struct switch_port *port);

#endif
