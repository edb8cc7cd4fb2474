/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnel ports: which OpenFlow port a packet out of a tunnel came in on.
 *
 * Tunnel ports of one type and UDP port share one datapath port and, where the datapath wants one, one network device of the kernel
 * in collect-metadata mode (`ip link add ... external`): vxlan_sys_4789, genev_sys_6081, gre_sys, and ip6gre_sys for GRE over IPv6. The
 * device is made with the first port, adopted from a predecessor if it is ours, and removed with the last. The tunnel a
 * packet came through or is to take is metadata: the tun_* fields of its key.
 *
 * Received packets are told apart by key, remote_ip and local_ip, in this order of precedence; a port that names a value beats one that
 * leaves it open (`flow`, or no local_ip). Two ports that would be the same are refused.
 *
 * Changes come from the main thread, which takes the switch's write lock for what translation reads.
 */
#ifndef SWITCHD_TUNNEL_H
#define SWITCHD_TUNNEL_H 1

#include "base/errtext.h"
#include "vsw/flow_key.h"

struct datapath;
struct ds;
struct iface;
struct netdev_event;

/** A datapath port that tunnel ports share. */
struct tunnel_dev {
	struct datapath *dp;
	uint8_t kind; /**< enum tunnel_kind */
	bool ipv6;    /**< GRE: the outer header is IPv6 */
	uint16_t dst_port;
	char name[16];
	int ifindex; /**< 0: the datapath needs no device */
	uint32_t dp_port;
	size_t n_ifaces; /**< 0: only the network device is left */
};

/**
 * tunnel_attach() - give an interface (iface->tunnel is set) its datapath port, made when it is the first
 *
 * Return: 0, -EEXIST: another one has the same configuration, or what the kernel or the datapath says; with @err.
 */
int tunnel_attach(struct iface *iface, struct errtext *err);
/** tunnel_detach() - the last takes the datapath port along; the network device stays until tunnel_sweep(). */
void tunnel_detach(struct iface *iface);
/** tunnel_sweep() - remove the network devices that no port uses any more. */
void tunnel_sweep(void);
/** tunnel_stop() - forget all; network devices stay for a successor. */
void tunnel_stop(void);

/** tunnel_find() - the port that a packet of this key came in on. Under either lock. NULL: none, or no packet of a tunnel. */
struct iface *tunnel_find(const struct datapath *dp, const struct pkt_key *key);
/** tunnel_dev_of() - by datapath port; NULL: it is not that of tunnels. */
const struct tunnel_dev *tunnel_dev_of(const struct datapath *dp, uint32_t dp_port);
/** tunnel_dev_next() - every one in use; begin with NULL. */
const struct tunnel_dev *tunnel_dev_next(const struct tunnel_dev *dev);

/**
 * tunnel_event() - what the kernel says about a device
 * @gone: called for each interface that has just lost it; tries again
 *
 * Return: whether the device is one of ours.
 */
bool tunnel_event(const struct netdev_event *event, void (*gone)(struct iface *iface));

#endif
