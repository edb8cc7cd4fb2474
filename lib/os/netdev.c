// SPDX-License-Identifier: Apache-2.0
/*
 * Requests carry a sequence number and ask for an acknowledgement; the answer is read at once. Nothing else arrives on that
 * socket, so there is no queue of answers to keep. The dump of all links is the one answer of several datagrams.
 */
#include "os/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/if_tunnel.h>
#include <linux/veth.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/netdev_impl.h"
#include "vsw/types.h"

/* linux/in6.h's if_link.h constants that old headers lack. */
#ifndef IN6_ADDR_GEN_MODE_NONE
#define IN6_ADDR_GEN_MODE_NONE 1
#endif

enum { REQUEST_MAX = 1024, ANSWER_MAX = 65536 };

struct request {
	_Alignas(NLMSG_ALIGNTO) char bytes[REQUEST_MAX];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;
};

static struct mnl_socket *nl;
static uint32_t sequence;

static int open_socket(void)
{
	if (nl)
		return 0;
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		int error = -errno;

		mnl_socket_close(nl);
		nl = NULL;
		return error;
	}
	return 0;
}

static void request_init(struct request *r, uint16_t type, uint16_t flags, int ifindex)
{
	r->nlh = mnl_nlmsg_put_header(r->bytes);
	r->nlh->nlmsg_type = type;
	r->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	r->nlh->nlmsg_seq = ++sequence;
	r->ifi = mnl_nlmsg_put_extra_header(r->nlh, sizeof *r->ifi);
	r->ifi->ifi_family = AF_UNSPEC;
	r->ifi->ifi_index = ifindex;
}

/* Send and read the answer or answers. Return: 0 or negative errno. */
static int transact(struct request *r, mnl_cb_t cb, void *aux)
{
	static _Alignas(NLMSG_ALIGNTO) char answer[ANSWER_MAX];
	int error = open_socket();
	int status;

	if (error)
		return error;
	if (mnl_socket_sendto(nl, r->nlh, r->nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(nl, answer, sizeof answer);

		if (n < 0)
			return -errno;
		status = mnl_cb_run(answer, (size_t)n, sequence, mnl_socket_get_portid(nl), cb, aux);
	} while (status > MNL_CB_STOP);
	return status < 0 ? -errno : 0;
}

static int change(struct request *r)
{
	r->nlh->nlmsg_flags |= NLM_F_ACK;
	return transact(r, NULL, NULL);
}

int netdev_name_check(const char *name, struct errtext *err)
{
	size_t len = strlen(name);

	if (len >= IFNAMSIZ)
		return errtext_set(err, ENAMETOOLONG, "'%s' has %zu characters; a device name has at most %d", name,
				   len, IFNAMSIZ - 1);
	if (!len || !strcmp(name, ".") || !strcmp(name, ".."))
		return errtext_set(err, EINVAL, "'%s' is no name for a device", name);
	for (const char *p = name; *p; p++)
		if (*p == '/' || *p == ':' || (unsigned char)*p <= ' ' || *p == 127)
			return errtext_set(err, EINVAL, "'%s' is no name for a device: no blanks, '/' or ':'", name);
	return 0;
}

static int one_link(const struct nlmsghdr *nlh, void *aux)
{
	netdev_info_parse(nlh, aux);
	return MNL_CB_OK;
}

/* The kernel answers a request for one link with the link and no acknowledgement. */
static int get_link(struct request *r, struct netdev_info *info)
{
	int error;

	*info = (struct netdev_info){0};
	r->nlh->nlmsg_flags |= NLM_F_ACK;
	error = transact(r, one_link, info);
	return error ? error : info->ifindex ? 0 : -ENODEV;
}

int netdev_get(const char *name, struct netdev_info *info)
{
	struct request r;

	if (strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	request_init(&r, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(r.nlh, IFLA_IFNAME, name);
	return get_link(&r, info);
}

int netdev_get_by_index(int ifindex, struct netdev_info *info)
{
	struct request r;

	request_init(&r, RTM_GETLINK, 0, ifindex);
	return get_link(&r, info);
}

int netdev_get_elsewhere(int netnsid, int ifindex, struct netdev_info *info)
{
	struct request r;

	request_init(&r, RTM_GETLINK, 0, ifindex);
	mnl_attr_put_u32(r.nlh, IFLA_TARGET_NETNSID, (uint32_t)netnsid);
	return get_link(&r, info);
}

static int one_filter(const struct nlmsghdr *nlh, void *aux)
{
	*(bool *)aux |= nlh->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

bool netdev_has_egress_filter(int ifindex)
{
	struct tcmsg *tcm;
	struct request r;
	bool found = false;

	r.nlh = mnl_nlmsg_put_header(r.bytes);
	r.nlh->nlmsg_type = RTM_GETTFILTER;
	r.nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r.nlh->nlmsg_seq = ++sequence;
	tcm = mnl_nlmsg_put_extra_header(r.nlh, sizeof *tcm);
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	return transact(&r, one_filter, &found) || found;
}

struct each {
	void (*cb)(void *aux, const struct netdev_info *info);
	void *aux;
};

static int each_link(const struct nlmsghdr *nlh, void *aux)
{
	struct each *each = aux;
	struct netdev_info info;

	if (netdev_info_parse(nlh, &info))
		each->cb(each->aux, &info);
	return MNL_CB_OK;
}

int netdev_each(void (*cb)(void *aux, const struct netdev_info *info), void *aux)
{
	struct each each = {cb, aux};
	struct request r;

	request_init(&r, RTM_GETLINK, NLM_F_DUMP, 0);
	return transact(&r, each_link, &each);
}

int netdev_set_up(int ifindex, bool up)
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, ifindex);
	r.ifi->ifi_change = IFF_UP;
	r.ifi->ifi_flags = up ? IFF_UP : 0;
	return change(&r);
}

int netdev_set_promisc(int ifindex, bool on)
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, ifindex);
	r.ifi->ifi_change = IFF_PROMISC;
	r.ifi->ifi_flags = on ? IFF_PROMISC : 0;
	return change(&r);
}

int netdev_set_mtu(int ifindex, uint32_t mtu)
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put_u32(r.nlh, IFLA_MTU, mtu);
	return change(&r);
}

int netdev_set_mac(int ifindex, const uint8_t mac[6])
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put(r.nlh, IFLA_ADDRESS, 6, mac);
	return change(&r);
}

int netdev_set_alias(int ifindex, const char *alias)
{
	struct request r;
	size_t len = strlen(alias);

	request_init(&r, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put(r.nlh, IFLA_IFALIAS, MIN(len, sizeof((struct netdev_info *)0)->alias - 1), alias);
	return change(&r);
}

int netdev_delete(int ifindex)
{
	struct request r;

	request_init(&r, RTM_DELLINK, 0, ifindex);
	return change(&r);
}

/* Of devices that are to be deleted together. Ours: nobody else's device may be in it. */
enum { DOOMED_GROUP = 0x76737764 };

static int set_doomed(int ifindex)
{
	struct request r;

	request_init(&r, RTM_SETLINK, 0, ifindex);
	mnl_attr_put_u32(r.nlh, IFLA_GROUP, DOOMED_GROUP);
	return change(&r);
}

static int delete_doomed(void)
{
	struct request r;

	request_init(&r, RTM_DELLINK, 0, 0);
	mnl_attr_put_u32(r.nlh, IFLA_GROUP, DOOMED_GROUP);
	return change(&r);
}

int netdev_delete_many(const int ifindexes[], size_t n)
{
	int error = 0, result;

	if (n == 1)
		return netdev_delete(ifindexes[0]);
	for (size_t i = 0; i < n; i++) {
		result = set_doomed(ifindexes[i]);
		error = error ? error : result;
	}
	result = n ? delete_doomed() : 0;
	return error ? error : result;
}

int netdev_set_no_ipv6(int ifindex, const char *name)
{
	struct nlattr *spec, *inet6;
	struct request r;
	char path[96];
	int fd, error;

	/* Off altogether where /proc is writable; the address mode alone where it is not (a container). */
	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		error = write(fd, "1", 1) == 1 ? 0 : -errno;
		close(fd);
		if (!error)
			return 0;
	}
	request_init(&r, RTM_NEWLINK, 0, ifindex);
	spec = mnl_attr_nest_start(r.nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(r.nlh, AF_INET6);
	mnl_attr_put_u8(r.nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(r.nlh, inet6);
	mnl_attr_nest_end(r.nlh, spec);
	error = change(&r);
	/* A kernel without IPv6 needs no telling. */
	return error == -EAFNOSUPPORT || error == -EOPNOTSUPP ? 0 : error;
}

int netdev_add_veth(const char *name, const char *peer, const uint8_t mac[6])
{
	struct nlattr *linkinfo, *data, *peer_attr;
	struct ifinfomsg *peer_ifi;
	struct request r;

	request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(r.nlh, IFLA_IFNAME, name);
	mnl_attr_put(r.nlh, IFLA_ADDRESS, 6, mac);
	linkinfo = mnl_attr_nest_start(r.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(r.nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(r.nlh, IFLA_INFO_DATA);
	peer_attr = mnl_attr_nest_start(r.nlh, VETH_INFO_PEER);
	peer_ifi = mnl_nlmsg_put_extra_header(r.nlh, sizeof *peer_ifi);
	memset(peer_ifi, 0, sizeof *peer_ifi);
	mnl_attr_put_strz(r.nlh, IFLA_IFNAME, peer);
	mnl_attr_nest_end(r.nlh, peer_attr);
	mnl_attr_nest_end(r.nlh, data);
	mnl_attr_nest_end(r.nlh, linkinfo);
	return change(&r);
}

/* Learning is the switch's. */
static void put_vxlan(struct nlmsghdr *nlh, uint16_t port)
{
	mnl_attr_put_u8(nlh, IFLA_VXLAN_LEARNING, 0);
	mnl_attr_put_u8(nlh, IFLA_VXLAN_COLLECT_METADATA, 1);
	mnl_attr_put_u8(nlh, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	mnl_attr_put_u16(nlh, IFLA_VXLAN_PORT, (VSW_FORCE uint16_t)cpu_to_be16(port));
}

static void put_geneve(struct nlmsghdr *nlh, uint16_t port)
{
	mnl_attr_put(nlh, IFLA_GENEVE_COLLECT_METADATA, 0, NULL);
	mnl_attr_put_u8(nlh, IFLA_GENEVE_UDP_ZERO_CSUM6_RX, 1);
	mnl_attr_put_u16(nlh, IFLA_GENEVE_PORT, (VSW_FORCE uint16_t)cpu_to_be16(port));
}

int netdev_add_tunnel(const char *name, const char *kind, uint16_t port)
{
	struct nlattr *linkinfo, *data;
	struct request r;

	request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(r.nlh, IFLA_IFNAME, name);
	linkinfo = mnl_attr_nest_start(r.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(r.nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(r.nlh, IFLA_INFO_DATA);
	if (!strcmp(kind, "vxlan"))
		put_vxlan(r.nlh, port);
	else if (!strcmp(kind, "geneve"))
		put_geneve(r.nlh, port);
	else
		mnl_attr_put(r.nlh, IFLA_GRE_COLLECT_METADATA, 0, NULL);
	mnl_attr_nest_end(r.nlh, data);
	mnl_attr_nest_end(r.nlh, linkinfo);
	return change(&r);
}

/* ---- TAP ---- */

int netdev_open_tap(const char *name, unsigned int flags)
{
	struct ifreq ifr = {.ifr_flags =
				    (short)(IFF_TAP | IFF_NO_PI | (flags & NETDEV_TAP_VNET_HDR ? IFF_VNET_HDR : 0) |
					    (flags & NETDEV_TAP_MANY ? IFF_MULTI_QUEUE : 0))};
	int fd;

	if (strlen(name) >= sizeof ifr.ifr_name)
		return -ENAMETOOLONG;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int netdev_add_tap(const char *name, unsigned int flags)
{
	int fd = netdev_open_tap(name, flags);
	int error;

	if (fd < 0)
		return fd;
	error = ioctl(fd, TUNSETPERSIST, 1) ? -errno : 0;
	close(fd);
	return error;
}
