/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink in any namespace: links, addresses and routes of network namespaces that are being laid out. (os/netdev.h is the
 * daemon's view on the devices of its own namespace.)
 *
 * A struct rtnl is a socket that lives in one namespace. Each call is one request and its answer. Functions return 0 or -errno as
 * the kernel gives it.
 */
#ifndef OS_RTNL_H
#define OS_RTNL_H 1

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct rtnl;

/** An address with the length of its prefix. */
struct rtnl_prefix {
	int family; /**< AF_INET or AF_INET6 */
	uint8_t addr[16];
	uint8_t len;
};

/** rtnl_addr_len() - bytes of an address. */
static inline unsigned int rtnl_addr_len(int family)
{
	return family == 2 /* AF_INET */ ? 4 : 16;
}

/** rtnl_prefix_parse() - "10.0.0.1/24", "fd00::1/64"; without a length all bits. Return: true when @text is one. */
bool rtnl_prefix_parse(const char *text, struct rtnl_prefix *prefix);

/** Enough for any address as text. */
#define RTNL_ADDR_TEXT 46
/** rtnl_addr_format() - the address without its length. Return: @text. */
const char *rtnl_addr_format(const struct rtnl_prefix *addr, char text[RTNL_ADDR_TEXT]);

/** rtnl_open() - @netns: descriptor of a namespace, -1 for this one. */
VSW_MUST_USE int rtnl_open(struct rtnl **rtnl, int netns);
/** rtnl_close() - takes NULL. */
void rtnl_close(struct rtnl *rtnl);

/** One end of a veth pair. */
struct rtnl_end {
	const char *name;
	int netns;	    /**< where it is to live; -1: in the namespace of the socket */
	uint32_t mtu;	    /**< 0: the kernel's */
	const uint8_t *mac; /**< NULL: a random one */
};

/** rtnl_add_veth() - a pair, both ends down. -EEXIST when a name is taken. */
VSW_MUST_USE int rtnl_add_veth(struct rtnl *rtnl, const struct rtnl_end *a, const struct rtnl_end *b);
/** rtnl_add_vlan() - a VLAN device on another one. @protocol: 0x8100 or 0x88a8, in host byte order. */
VSW_MUST_USE int rtnl_add_vlan(struct rtnl *rtnl, int parent_ifindex, const char *name, uint16_t vid,
			       uint16_t protocol);
/** rtnl_delete_link() */
VSW_MUST_USE int rtnl_delete_link(struct rtnl *rtnl, int ifindex);
/** rtnl_delete_kind() - every device of a kind, such as "veth", in the namespace. Of a pair, the other end goes with it. */
VSW_MUST_USE int rtnl_delete_kind(struct rtnl *rtnl, const char *kind);

struct rtnl_link {
	int ifindex;
	char kind[16]; /**< "veth", ...; "" for hardware */
};

/** rtnl_get_link() - -ENODEV when there is none. */
VSW_MUST_USE int rtnl_get_link(struct rtnl *rtnl, const char *name, struct rtnl_link *link);

/** rtnl_set_up() - @silent: and give it no IPv6 address of its own. */
VSW_MUST_USE int rtnl_set_up(struct rtnl *rtnl, int ifindex, bool silent);
/** rtnl_set_mtu() - @mtu in bytes. */
VSW_MUST_USE int rtnl_set_mtu(struct rtnl *rtnl, int ifindex, uint32_t mtu);

/** rtnl_add_address() - usable at once: no duplicate address detection. */
VSW_MUST_USE int rtnl_add_address(struct rtnl *rtnl, int ifindex, const struct rtnl_prefix *address);
/** rtnl_add_route() - @via: a gateway, or NULL; @ifindex: a device, or 0. */
VSW_MUST_USE int rtnl_add_route(struct rtnl *rtnl, const struct rtnl_prefix *to, const struct rtnl_prefix *via,
				int ifindex);

struct nlmsghdr;

/**
 * rtnl_dump() - everything of a kind: RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH, RTM_GETRULE
 * @family: AF_INET or AF_INET6; one that the kernel lacks has nothing
 * @cb: for each message; it must not use @rtnl
 */
VSW_MUST_USE int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family,
			   void (*cb)(const struct nlmsghdr *nlh, void *aux), void *aux);

/** rtnl_request() - send a message that the caller has built; its sequence number and NLM_F_REQUEST | NLM_F_ACK are filled in. */
VSW_MUST_USE int rtnl_request(struct rtnl *rtnl, struct nlmsghdr *nlh);

/** rtnl_forget_neighbours() - empty the ARP and ND tables of the namespace, but for what was put there for good. */
VSW_MUST_USE int rtnl_forget_neighbours(struct rtnl *rtnl);

#endif
