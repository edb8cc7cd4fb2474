// SPDX-License-Identifier: Apache-2.0
/* What the kernel says about a link, as a struct netdev_info. */
#include "os/netdev_impl.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

static void copy_text(char *dst, size_t size, const struct nlattr *a)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	n = MIN(n, size - 1);
	memcpy(dst, mnl_attr_get_payload(a), n);
	dst[n] = '\0';
}

static void parse_linkinfo(const struct nlattr *nest, struct netdev_info *info)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		copy_text(info->kind, sizeof info->kind, a);
}

static bool is_xdp_attached(const struct nlattr *nest)
{
	bool is_attached = false;
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == IFLA_XDP_ATTACHED && mnl_attr_get_payload_len(a) == 1)
			is_attached = mnl_attr_get_u8(a) != XDP_ATTACHED_NONE;
	}
	return is_attached;
}

static void parse_stats(const struct nlattr *a, struct netdev_stats *to)
{
	struct rtnl_link_stats64 s = {0};

	/* Kernels differ in how many counters they have. */
	memcpy(&s, mnl_attr_get_payload(a), MIN(sizeof s, mnl_attr_get_payload_len(a)));
	*to = (struct netdev_stats){
		.rx_packets = s.rx_packets,
		.rx_bytes = s.rx_bytes,
		.rx_errors = s.rx_errors,
		.rx_dropped = s.rx_dropped,
		.rx_over_errors = s.rx_over_errors,
		.rx_crc_errors = s.rx_crc_errors,
		.rx_frame_errors = s.rx_frame_errors,
		.rx_missed_errors = s.rx_missed_errors,
		.tx_packets = s.tx_packets,
		.tx_bytes = s.tx_bytes,
		.tx_errors = s.tx_errors,
		.tx_dropped = s.tx_dropped,
		.collisions = s.collisions,
	};
}

static void parse_attr(const struct nlattr *a, struct netdev_info *info)
{
	bool is_u32 = mnl_attr_get_payload_len(a) == sizeof(uint32_t);
	char qdisc[16];

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		copy_text(info->name, sizeof info->name, a);
		break;
	case IFLA_IFALIAS:
		copy_text(info->alias, sizeof info->alias, a);
		break;
	case IFLA_ADDRESS:
		info->has_mac = mnl_attr_get_payload_len(a) == sizeof info->mac;
		if (info->has_mac)
			memcpy(info->mac, mnl_attr_get_payload(a), sizeof info->mac);
		break;
	case IFLA_MTU:
		info->mtu = is_u32 ? mnl_attr_get_u32(a) : 0;
		break;
	case IFLA_LINK:
		info->peer_ifindex = is_u32 ? (int)mnl_attr_get_u32(a) : 0;
		break;
	case IFLA_MASTER:
		info->master_ifindex = is_u32 ? (int)mnl_attr_get_u32(a) : 0;
		break;
	case IFLA_LINK_NETNSID:
		info->link_netnsid = is_u32 ? (int)mnl_attr_get_u32(a) : -1;
		break;
	case IFLA_LINKINFO:
		parse_linkinfo(a, info);
		break;
	case IFLA_QDISC:
		copy_text(qdisc, sizeof qdisc, a);
		info->has_qdisc = strcmp(qdisc, "noqueue") != 0 && strcmp(qdisc, "noop") != 0;
		break;
	case IFLA_XDP:
		info->has_xdp = is_xdp_attached(a);
		break;
	case IFLA_STATS64:
		parse_stats(a, &info->stats);
		break;
	}
}

bool netdev_info_parse(const struct nlmsghdr *nlh, struct netdev_info *info)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof *ifi)
		return false;
	*info = (struct netdev_info){
		.ifindex = ifi->ifi_index,
		.admin_up = ifi->ifi_flags & IFF_UP,
		.link_up = (ifi->ifi_flags & IFF_LOWER_UP) && (ifi->ifi_flags & IFF_RUNNING),
		.is_loopback = ifi->ifi_flags & IFF_LOOPBACK,
		.is_promisc = ifi->ifi_flags & IFF_PROMISC,
		.link_netnsid = -1,
	};
	mnl_attr_for_each(a, nlh, sizeof *ifi) parse_attr(a, info);
	info->has_mac = info->has_mac && ifi->ifi_type == ARPHRD_ETHER;
	/* Messages of the bridge family say what a bridge knows of its member, not what the device is. */
	return info->name[0] && ifi->ifi_family == AF_UNSPEC;
}

bool netdev_parse_moved(const struct nlmsghdr *nlh, int *netnsid)
{
	const struct nlattr *a;
	bool moved = false;

	*netnsid = -1;
	if (nlh->nlmsg_type != RTM_DELLINK)
		return false;
	mnl_attr_for_each(a, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(a) == IFLA_NEW_NETNSID && mnl_attr_get_payload_len(a) == sizeof(uint32_t)) {
			moved = true;
			*netnsid = (int)mnl_attr_get_u32(a);
		}
	}
	return moved;
}
