// SPDX-License-Identifier: Apache-2.0
#include "os/netdev_path.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netdev_impl.h"

enum { ANSWER_MAX = 32768, SEQUENCE = 1 };

/* One request on a socket of its own, one answer. Return: 0 or negative errno. */
static int ask(struct nlmsghdr *h, mnl_cb_t cb, void *aux)
{
	static _Alignas(NLMSG_ALIGNTO) char answer[ANSWER_MAX];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;
	int error = 0;

	if (!nl)
		return -errno;
	h->nlmsg_seq = SEQUENCE;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) || mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ||
	    (n = mnl_socket_recvfrom(nl, answer, sizeof answer)) < 0 ||
	    mnl_cb_run(answer, (size_t)n, SEQUENCE, mnl_socket_get_portid(nl), cb, aux) < 0)
		error = -errno;
	mnl_socket_close(nl);
	return error;
}

/* ---- the other end ---- */

static int take_link(const struct nlmsghdr *nlh, void *aux)
{
	netdev_info_parse(nlh, aux);
	return MNL_CB_STOP;
}

int netdev_get_peer(const struct netdev_info *info, struct netdev_info *peer)
{
	_Alignas(NLMSG_ALIGNTO) char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	int error;

	*peer = (struct netdev_info){0};
	if (strcmp(info->kind, "veth") != 0 || !info->peer_ifindex)
		return -ENODEV;
	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	ifi = mnl_nlmsg_put_extra_header(h, sizeof *ifi);
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = info->peer_ifindex;
	if (info->link_netnsid >= 0)
		mnl_attr_put_u32(h, IFLA_TARGET_NETNSID, (uint32_t)info->link_netnsid);
	error = ask(h, take_link, peer);
	return error ? error : peer->ifindex ? 0 : -ENODEV;
}

/* ---- the way to an address ---- */

struct route {
	int ifindex;
	uint32_t mtu;
};

static int take_metric(const struct nlattr *a, void *aux)
{
	struct route *route = aux;

	if (mnl_attr_get_type(a) == RTAX_MTU && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		route->mtu = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *nlh, void *aux)
{
	struct route *route = aux;
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_STOP;
	mnl_attr_for_each(a, nlh, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			route->ifindex = (int)mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == RTA_METRICS)
			mnl_attr_parse_nested(a, take_metric, route);
	}
	return MNL_CB_STOP;
}

int netdev_route_to(int family, const void *address, struct netdev_info *dev, uint32_t *mtu)
{
	_Alignas(NLMSG_ALIGNTO) char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	size_t len = family == AF_INET ? 4 : 16;
	struct route route = {0};
	struct rtmsg *rtm;
	int error;

	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST;
	rtm = mnl_nlmsg_put_extra_header(h, sizeof *rtm);
	rtm->rtm_family = (unsigned char)family;
	rtm->rtm_dst_len = (unsigned char)(len * 8);
	mnl_attr_put(h, RTA_DST, len, address);
	error = ask(h, take_route, &route);
	if (!error && !route.ifindex)
		error = -ENETUNREACH;
	if (!error)
		error = netdev_get_by_index(route.ifindex, dev);
	if (!error)
		*mtu = route.mtu ? route.mtu : dev->mtu;
	return error;
}
