/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices of the kernel: what they are, making and changing them, and hearing when they change. rtnetlink over libmnl;
 * for the main thread alone.
 *
 * Every call here is one request and its answer on one socket, a few microseconds. Names are those of the network namespace in which
 * the process was when it made its first call.
 */
#ifndef OS_NETDEV_H
#define OS_NETDEV_H 1

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

/** Kernel counters, as seen from the device. */
struct netdev_stats {
	uint64_t rx_packets, rx_bytes, rx_errors, rx_dropped, rx_over_errors, rx_crc_errors, rx_frame_errors,
		rx_missed_errors;
	uint64_t tx_packets, tx_bytes, tx_errors, tx_dropped, collisions;
};

struct netdev_info {
	int ifindex;
	int peer_ifindex; /**< IFLA_LINK: of a veth its other end, where that is in this namespace; 0 without one */
	char name[IFNAMSIZ];
	char kind[16]; /**< "veth", "tun", "bond", ...; "" for hardware */
	char alias[256];
	uint8_t mac[6];
	bool has_mac; /**< has an Ethernet address */
	uint32_t mtu;
	bool admin_up; /**< IFF_UP */
	bool link_up;  /**< carrier */
	bool is_loopback;
	bool is_promisc;    /**< somebody has set it so; what sockets want is not counted */
	int master_ifindex; /**< of the bridge or bond that it is a member of; 0 for none */
	bool has_qdisc;	    /**< of its own, that queues or shapes what it sends */
	bool has_xdp;	    /**< a program is attached */
	int link_netnsid;   /**< the peer is in that other namespace; -1: it is in this one */
	struct netdev_stats stats;
};

/** netdev_name_check() - may a device be called so? Return: 0 or -EINVAL, -ENAMETOOLONG with @err. */
VSW_MUST_USE int netdev_name_check(const char *name, struct errtext *err);

/** netdev_get() - Return: 0, -ENODEV, or another negative errno. */
VSW_MUST_USE int netdev_get(const char *name, struct netdev_info *info);
VSW_MUST_USE int netdev_get_by_index(int ifindex, struct netdev_info *info);
/** netdev_get_elsewhere() - of another namespace, by its number here and the device's there (netdev_info.link_netnsid, .peer_ifindex). */
VSW_MUST_USE int netdev_get_elsewhere(int netnsid, int ifindex, struct netdev_info *info);
/** netdev_speed_mbps() - of the link, as the driver says; 0: it does not, or is a TAP, whose word means nothing. */
uint64_t netdev_speed_mbps(const char *name);
/** netdev_has_egress_filter() - is there a tc filter on its clsact egress hook, or none can say? */
bool netdev_has_egress_filter(int ifindex);

/** netdev_each() - every device of the namespace. Return: 0 or negative errno. */
VSW_MUST_USE int netdev_each(void (*cb)(void *aux, const struct netdev_info *info), void *aux);

/* Changes. Return: 0 or negative errno. */
VSW_MUST_USE int netdev_set_up(int ifindex, bool up);
/** netdev_set_promisc() - as `ip link set DEVICE promisc on`. */
VSW_MUST_USE int netdev_set_promisc(int ifindex, bool on);
VSW_MUST_USE int netdev_set_mtu(int ifindex, uint32_t mtu);
VSW_MUST_USE int netdev_set_mac(int ifindex, const uint8_t mac[6]);
VSW_MUST_USE int netdev_set_alias(int ifindex, const char *alias);
VSW_MUST_USE int netdev_delete(int ifindex);
/** netdev_delete_many() - as cheap for hundreds as for one, for which the kernel needs ten milliseconds. Return: the first error; the others go. */
VSW_MUST_USE int netdev_delete_many(const int ifindexes[], size_t n);

/** netdev_set_no_ipv6() - give the device no IPv6 address, not even a link-local one; it is an inner end that no stack may speak on. */
VSW_MUST_USE int netdev_set_no_ipv6(int ifindex, const char *name);

/**
 * netdev_add_veth() - a pair, both ends down
 * @mac: of @name; @peer gets a random one
 *
 * Return: 0, -EEXIST when either name is taken, or another negative errno.
 */
VSW_MUST_USE int netdev_add_veth(const char *name, const char *peer, const uint8_t mac[6]);

/**
 * netdev_add_tunnel() - a tunnel device in collect-metadata mode, down
 * @kind: "vxlan", "geneve", "gretap" or "ip6gretap"
 * @port: UDP port of vxlan and geneve
 *
 * IPv6 datagrams without UDP checksum are received (RFC 6935); whether sent ones have one, the metadata says. Return: 0, -EEXIST the
 * name is taken or the kernel has such a device, -EOPNOTSUPP it knows no such kind, or another negative errno.
 */
VSW_MUST_USE int netdev_add_tunnel(const char *name, const char *kind, uint16_t port);

/** enum netdev_tap - of a TAP device that is made, and the same again of each queue that is opened. */
enum netdev_tap {
	NETDEV_TAP_VNET_HDR = 1, /**< frames have a virtio_net_hdr in front */
	NETDEV_TAP_MANY = 2,	 /**< the device may have several queues */
};

/** netdev_add_tap() - a persistent TAP device. @flags: or'ed enum netdev_tap. Return: 0, -EBUSY, or another negative errno. */
VSW_MUST_USE int netdev_add_tap(const char *name, unsigned int flags);
/**
 * netdev_open_tap() - a queue of an existing TAP device
 *
 * Return: descriptor; -EBUSY: its only queue is open already; -EINVAL: it was made with other @flags; or another negative errno.
 */
VSW_MUST_USE int netdev_open_tap(const char *name, unsigned int flags);

/* ---- hearing of changes ---- */

struct loop;
struct netdev_monitor;

struct netdev_event {
	enum {
		NETDEV_CHANGED,
		NETDEV_TC, /**< its qdiscs or filters changed; only info.ifindex is set */
		NETDEV_GONE,
		NETDEV_RESYNC
	} kind;			 /**< RESYNC: events were lost, look at everything again */
	struct netdev_info info; /**< not with RESYNC */
	bool moved;		 /**< GONE: it lives on in another network namespace */
	int new_netnsid;	 /**< that namespace's number here, or -1 */
};

/** netdev_monitor_new() - @cb runs in the loop's thread. Return: 0 or negative errno. */
VSW_MUST_USE int netdev_monitor_new(struct loop *loop, void (*cb)(void *aux, const struct netdev_event *event),
				    void *aux, struct netdev_monitor **monitor);
/** netdev_monitor_free() - takes NULL. */
void netdev_monitor_free(struct netdev_monitor *monitor);

#endif
