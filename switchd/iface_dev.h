/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device behind an interface: found or made, attached to the datapath, followed through netlink, let go.
 *
 *   system    a device that somebody else made and keeps. It may be missing; the interface waits for it.
 *   internal  a veth pair of ours. The outer end has the interface's name and is for the host (addresses, up and down, other namespaces); the
 *             inner end, "vsw-NAME", is the datapath's: always up, no addresses.
 *   tap       a persistent TAP device of ours, or one that was there; a guest holds its descriptor.
 *   dummy     no device: the datapath's own.
 *   vxlan, geneve, gre   a device of ours that they share (tunnel.h).
 *   patch     nothing at all.
 *
 * What we made has an alias that says so, by which a later process knows its own; it stays when the daemon stops, and goes when the
 * interface is deleted (iface_dev_destroy()).
 */
#ifndef SWITCHD_IFACE_DEV_H
#define SWITCHD_IFACE_DEV_H 1

#include "base/ds.h"
#include "os/netdev.h"
#include "switchd/port.h"

/** The device's side of struct iface. */
struct netdev_port {
	struct iface_settings wanted;		 /**< as last set; its strings are owned */
	bool ofport_requested;			 /**< its number is the one it asked for */
	int ifindex;				 /**< of the device that is attached; 0: none */
	int outer_ifindex;			 /**< internal: of the end with the name; 0: not in this namespace */
	char *error;				 /**< why it does not work, or NULL */
	bool has_htb;				 /**< the device has our HTB qdisc (qos.h) */
	struct link_settings link;		 /**< the emulation in its lines (link_settings.h) */
	struct egress_stage *link_out, *link_in; /**< what does it; NULL: none that way; the datapath's */
	int64_t blocked_until_ms;		 /**< by the loop guard, while iface->is_blocked */
	int64_t loop_told_ms;			 /**< when it last told of a loop there; 0: never */
	struct storm_watch *storm;		 /**< storm.c's; NULL: no limits */
	struct egress_stage *shaper;		 /**< or the datapath shapes; the datapath's */
	struct hmap_node by_ifindex, by_outer;
};

struct netdev_port *iface_dev_new(void);
void iface_dev_free(struct netdev_port *dev);

/** iface_dev_start() - follow the kernel's devices. @report: called when something that people see of an interface has changed. Return: 0 or -errno. */
int iface_dev_start(struct loop *loop, void (*report)(struct iface *iface));
void iface_dev_stop(void);
/** iface_dev_report() - tell that something changed. */
void iface_dev_report(struct iface *iface);

/**
 * iface_dev_open() - find or make the device and attach it
 *
 * Return: 0, or negative errno with a sentence in @err, which the interface keeps as its error; it will be tried again when a device of its
 * name shows up.
 */
int iface_dev_open(struct iface *iface, const struct iface_settings *settings, struct errtext *err);
/** iface_dev_set() - new MTU, MAC or options. Return: 0 or negative errno with @err. */
int iface_dev_set(struct iface *iface, const struct iface_settings *settings, struct errtext *err);
/** iface_dev_close() - detach; the device stays. */
void iface_dev_close(struct iface *iface);
/** iface_dev_destroy() - remove what we made for the interface @name, if it is there; now, or with iface_dev_destroy_rest(). */
void iface_dev_destroy(const char *name, enum iface_type type);
/** iface_dev_destroy_rest() - the veth pairs of all calls before, in one step. */
void iface_dev_destroy_rest(void);

/**
 * iface_dev_open_tap() - a queue of the port's TAP device
 * @fd: the caller's
 *
 * Return: 0, -EBUSY when another process holds it, or another negative errno; with @err.
 */
VSW_MUST_USE int iface_dev_open_tap(const struct iface *iface, bool vnet_hdr, int *fd, struct errtext *err);

/** iface_dev_stats() - kernel's counters, or the datapath's where there is no device. Return: 0 or -ENODEV. */
int iface_dev_stats(const struct iface *iface, struct netdev_stats *stats);

#endif
