/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and ending ports and interfaces; for config.c, in the main thread, outside of the switch's locks.
 *
 * An interface is configured first, with its OpenFlow port number, and gets its device second (iface_dev.h): one whose device is missing stays,
 * with a sentence that says so, and comes to life when the device appears.
 */
#ifndef SWITCHD_PORT_H
#define SWITCHD_PORT_H 1

#include "switchd/bond_settings.h"
#include "switchd/bridge.h"
#include "switchd/datapath/link_stage.h"
#include "switchd/policer.h"

/** Queues of a TAP that is made here. */
#define IFACE_MAX_QUEUES 8

struct port_settings {
	const char *name;
	enum vlan_mode vlan_mode;
	int tag;		   /**< -1: none */
	uint64_t *trunks, *cvlans; /**< bitmaps of N_VLANS, taken over; NULL: all */
	uint16_t qinq_ethtype;
	enum vlan_priority_tags priority_tags;
	bool is_protected;
	struct qos_settings *qos;   /**< heap, taken over; NULL: none */
	struct source_guard *guard; /**< likewise */
	struct bond_settings bond;
	struct storm_settings storm;
	struct loop_guard_settings loop_guard;
};

struct iface_settings {
	const char *name;
	enum iface_type type;
	uint16_t ofport;	      /**< the number that it had before; 0: none */
	uint16_t ofport_request;      /**< 0: none */
	const char *peer;	      /**< patch */
	const char *stream, *pstream; /**< dummy */
	bool no_direct;		      /**< options:direct=false, see ebpf_direct.c */
	uint32_t queues;	      /**< tap: of the device, options:queues; at least 1 */
	bool has_mac;
	uint8_t mac[6];	      /**< for the bridge's side of the device (internal, tap) */
	uint32_t mtu_request; /**< 0: none */
	struct policer_settings policer;
	struct link_settings link;
	struct tunnel_config tunnel;
	struct bond_link_settings bond_link;
};

/** iface_type_name() - "system", "internal", ... */
const char *iface_type_name(enum iface_type type);
/** iface_type_parse() - the type column; "" is system. Return: 0 or -EINVAL with @err. */
int iface_type_parse(const char *name, enum iface_type *type, struct errtext *err);

/** port_new() - takes the bitmaps of @settings. */
struct port *port_new(struct bridge *br, const struct port_settings *settings);
void port_set(struct port *port, const struct port_settings *settings);
/** port_free() - its interfaces are gone already. */
void port_free(struct port *port);

/**
 * iface_new() - configure an interface, without device
 * @displaced: the interface that had the requested number without having asked for it, and got another one; NULL when there is none
 *
 * Return: 0, -EEXIST: the number requested belongs to an interface that requested it, -ENOSPC; with @err.
 */
int iface_new(struct port *port, const struct iface_settings *settings, struct iface **iface, struct iface **displaced,
	      struct errtext *err);
/** iface_set() - new number or peer; the device is iface_dev_set()'s. Return: as iface_new(). */
int iface_set(struct iface *iface, const struct iface_settings *settings, struct iface **displaced,
	      struct errtext *err);
/** iface_free() - its device is detached already. */
void iface_free(struct iface *iface);

#endif
