/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's IP stack has configured on a network device, taken up, put down on another device, and taken away again: addresses with
 * their lifetimes, labels, broadcasts and flags; routes of all tables that leave by the device; neighbours that are known.
 *
 * Each item is the kernel's own message (RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH), kept as it came. To put it on another device the message is
 * sent back with the index of that one in its place, so that nothing is lost that this program has never heard of. What the kernel makes by
 * itself is left out: it comes and goes with the addresses (prefix routes, local and multicast routes).
 *
 * Copying first and removing afterwards loses nothing: the same address and the same route may be on two devices, and of two like routes the
 * older one is used. A TCP connection does not notice.
 */
#ifndef OS_NETCONF_H
#define OS_NETCONF_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "os/rtnl.h"

enum netconf_kind { NETCONF_ADDRESS, NETCONF_NEIGHBOUR, NETCONF_ROUTE, NETCONF_N_KINDS };

struct netconf_item {
	enum netconf_kind kind;
	size_t len;
	uint8_t *message; /**< heap, aligned: @len bytes, a struct nlmsghdr first */
};

/** What is on one device. Zero-initialised it is empty. */
struct netconf {
	struct netconf_item *items;
	size_t n;
};

void netconf_fini(struct netconf *conf);

/** netconf_read() - add what is on a device now. Return: 0 or -errno. */
VSW_MUST_USE int netconf_read(struct rtnl *rtnl, int ifindex, struct netconf *conf);

/** netconf_add() - append a copy of a message, as netconf_read() had it in an earlier life. Return: 0, -EINVAL when it is not one. */
VSW_MUST_USE int netconf_add(struct netconf *conf, const void *message, size_t len);

/** netconf_has() - is the same address, neighbour or route in @conf, on whatever device and for however long? */
bool netconf_has(const struct netconf *conf, const struct netconf_item *item);

/** netconf_subtract() - drop from @conf what is in @other. */
void netconf_subtract(struct netconf *conf, const struct netconf *other);
/** netconf_merge() - append to @conf what is in @other only. */
void netconf_merge(struct netconf *conf, const struct netconf *other);

/** Between which devices something moves. */
struct netconf_move {
	struct rtnl *rtnl;
	int from, to;		  /**< indexes */
	char from_name[IFNAMSIZ]; /**< labels of addresses begin with the name */
	char to_name[IFNAMSIZ];
};

/**
 * netconf_copy() - put everything of one kind on the device @move->to; what is there already is fine
 * @err: the first item that the kernel refused, in words
 *
 * IPv6 addresses are usable at once, without duplicate address detection. Return: 0 or -errno.
 */
VSW_MUST_USE int netconf_copy(const struct netconf_move *move, const struct netconf *conf, enum netconf_kind kind,
			      struct errtext *err);

/** netconf_remove() - take everything away from the device @move->from, routes first; what is gone is fine. Return: 0 or -errno with @err. */
VSW_MUST_USE int netconf_remove(const struct netconf_move *move, const struct netconf *conf, struct errtext *err);

/** netconf_format() - "address 10.0.0.1/24", "route default via 10.0.0.254 metric 100 table 7", "neighbour 10.0.0.9". */
void netconf_format(const struct netconf_item *item, struct ds *out);

/** netconf_prefix() - of an address. Return: false for the other kinds. */
bool netconf_prefix(const struct netconf_item *item, struct rtnl_prefix *prefix);

/** netconf_gateway() - the next hop of a default route of the main table. Return: false for everything else. */
bool netconf_gateway(const struct netconf_item *item, struct rtnl_prefix *gateway);

/** netconf_rules() - how many policy rules name the device. Return: that, or -errno. */
VSW_MUST_USE int netconf_rules(struct rtnl *rtnl, const char *device);

#endif
