// SPDX-License-Identifier: Apache-2.0
#include "os/rtnl.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/netns.h"

/** Large enough for one link with all its attributes: what the kernel recommends for reading, too. */
#define RTNL_BUFFER 32768

struct rtnl {
	struct mnl_socket *nl;
	unsigned int seq;
	_Alignas(8) char buffer[RTNL_BUFFER];
};

bool rtnl_prefix_parse(const char *text, struct rtnl_prefix *prefix)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char addr[INET6_ADDRSTRLEN];
	uint64_t len;

	*prefix = (struct rtnl_prefix){.family = memchr(text, ':', n) ? AF_INET6 : AF_INET};
	len = rtnl_addr_len(prefix->family) * 8;
	if (n >= sizeof addr || (slash && !str_to_uint(slash + 1, 10, len, &len)))
		return false;
	memcpy(addr, text, n);
	addr[n] = '\0';
	prefix->len = (uint8_t)len;
	return inet_pton(prefix->family, addr, prefix->addr) == 1;
}

const char *rtnl_addr_format(const struct rtnl_prefix *addr, char text[RTNL_ADDR_TEXT])
{
	static_assert(RTNL_ADDR_TEXT >= INET6_ADDRSTRLEN, "room for any address");
	return inet_ntop(addr->family, addr->addr, text, RTNL_ADDR_TEXT);
}

static struct mnl_socket *open_in(int netns)
{
	struct mnl_socket *nl;
	int old = netns < 0 ? -1 : netns_enter(netns);

	if (netns >= 0 && old < 0) {
		errno = -old;
		return NULL;
	}
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (old >= 0) {
		int error = errno;

		netns_leave(old);
		errno = error;
	}
	return nl;
}

int rtnl_open(struct rtnl **rtnlp, int netns)
{
	struct mnl_socket *nl = open_in(netns);
	struct rtnl *rtnl;
	int error;

	*rtnlp = NULL;
	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		error = -errno;
		mnl_socket_close(nl);
		return error;
	}
	rtnl = xzalloc(sizeof *rtnl);
	rtnl->nl = nl;
	*rtnlp = rtnl;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (rtnl)
		mnl_socket_close(rtnl->nl);
	free(rtnl);
}

static struct nlmsghdr *begin(struct rtnl *rtnl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(rtnl->buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++rtnl->seq;
	return nlh;
}

static struct ifinfomsg *begin_link(struct rtnl *rtnl, struct nlmsghdr **nlh, uint16_t type, uint16_t flags,
				    int ifindex)
{
	struct ifinfomsg *ifi;

	*nlh = begin(rtnl, type, flags);
	ifi = mnl_nlmsg_put_extra_header(*nlh, sizeof *ifi);
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	return ifi;
}

/* Send the request in the buffer, read its answer. @cb: for the data of a get request, NULL with NLM_F_ACK. */
static int transact(struct rtnl *rtnl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *aux)
{
	unsigned int seq = nlh->nlmsg_seq;
	int n;

	if (mnl_socket_sendto(rtnl->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t len = mnl_socket_recvfrom(rtnl->nl, rtnl->buffer, sizeof rtnl->buffer);

		if (len < 0 && errno == EINTR)
			n = MNL_CB_OK;
		else if (len < 0)
			return -errno;
		else
			n = mnl_cb_run(rtnl->buffer, (size_t)len, seq, mnl_socket_get_portid(rtnl->nl), cb, aux);
	} while (n > MNL_CB_STOP);
	return n < 0 ? -errno : 0;
}

static int acknowledged(struct rtnl *rtnl, struct nlmsghdr *nlh)
{
	nlh->nlmsg_flags |= NLM_F_ACK;
	return transact(rtnl, nlh, NULL, NULL);
}

static void put_end(struct nlmsghdr *nlh, const struct rtnl_end *end)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, end->name);
	if (end->netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)end->netns);
	if (end->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, end->mtu);
	if (end->mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, 6, end->mac);
}

int rtnl_add_veth(struct rtnl *rtnl, const struct rtnl_end *a, const struct rtnl_end *b)
{
	struct nlattr *info, *data, *peer;
	struct nlmsghdr *nlh;

	begin_link(rtnl, &nlh, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	put_end(nlh, a);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_end(nlh, b);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return acknowledged(rtnl, nlh);
}

int rtnl_add_vlan(struct rtnl *rtnl, int parent_ifindex, const char *name, uint16_t vid, uint16_t protocol)
{
	struct nlattr *info, *data;
	struct nlmsghdr *nlh;

	begin_link(rtnl, &nlh, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)parent_ifindex);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "vlan");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u16(nlh, IFLA_VLAN_ID, vid);
	mnl_attr_put_u16(nlh, IFLA_VLAN_PROTOCOL, htons(protocol));
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return acknowledged(rtnl, nlh);
}

int rtnl_delete_link(struct rtnl *rtnl, int ifindex)
{
	struct nlmsghdr *nlh;

	begin_link(rtnl, &nlh, RTM_DELLINK, 0, ifindex);
	return acknowledged(rtnl, nlh);
}

static int read_kind(const struct nlattr *attr, void *aux)
{
	struct rtnl_link *link = aux;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0)
		snprintf(link->kind, sizeof link->kind, "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int read_link_attr(const struct nlattr *attr, void *aux)
{
	struct rtnl_link *link = aux;

	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		mnl_attr_parse_nested(attr, read_kind, link);
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *nlh, void *aux)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct rtnl_link *link = aux;

	link->ifindex = ifi->ifi_index;
	mnl_attr_parse(nlh, sizeof *ifi, read_link_attr, link);
	return MNL_CB_STOP;
}

int rtnl_get_link(struct rtnl *rtnl, const char *name, struct rtnl_link *link)
{
	struct nlmsghdr *nlh;

	*link = (struct rtnl_link){0};
	begin_link(rtnl, &nlh, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return transact(rtnl, nlh, read_link, link);
}

/* Devices of a kind, collected from a dump. */
struct links {
	const char *kind;
	int *ifindexes;
	size_t n, cap;
};

static int collect_link(const struct nlmsghdr *nlh, void *aux)
{
	struct rtnl_link link = {0};
	struct links *links = aux;

	read_link(nlh, &link);
	if (strcmp(link.kind, links->kind) != 0)
		return MNL_CB_OK;
	if (links->n == links->cap) {
		links->cap = links->cap ? 2 * links->cap : 16;
		links->ifindexes = xrealloc(links->ifindexes, links->cap * sizeof *links->ifindexes);
	}
	links->ifindexes[links->n++] = link.ifindex;
	return MNL_CB_OK;
}

int rtnl_delete_kind(struct rtnl *rtnl, const char *kind)
{
	struct links links = {.kind = kind};
	struct nlmsghdr *nlh;
	int error;

	begin_link(rtnl, &nlh, RTM_GETLINK, NLM_F_DUMP, 0);
	error = transact(rtnl, nlh, collect_link, &links);
	for (size_t i = 0; i < links.n && !error; i++) {
		error = rtnl_delete_link(rtnl, links.ifindexes[i]);
		/* The other end of one that was deleted before. */
		if (error == -ENODEV)
			error = 0;
	}
	free(links.ifindexes);
	return error;
}

static void put_no_ipv6(struct nlmsghdr *nlh)
{
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
}

static int set_up(struct rtnl *rtnl, int ifindex, bool silent)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi = begin_link(rtnl, &nlh, RTM_SETLINK, 0, ifindex);

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	if (silent)
		put_no_ipv6(nlh);
	return acknowledged(rtnl, nlh);
}

int rtnl_set_up(struct rtnl *rtnl, int ifindex, bool silent)
{
	int error = set_up(rtnl, ifindex, silent);

	/* A kernel without IPv6 is silent anyway. */
	return error == -EAFNOSUPPORT && silent ? set_up(rtnl, ifindex, false) : error;
}

int rtnl_set_mtu(struct rtnl *rtnl, int ifindex, uint32_t mtu)
{
	struct nlmsghdr *nlh;

	begin_link(rtnl, &nlh, RTM_SETLINK, 0, ifindex);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return acknowledged(rtnl, nlh);
}

int rtnl_add_address(struct rtnl *rtnl, int ifindex, const struct rtnl_prefix *address)
{
	struct nlmsghdr *nlh = begin(rtnl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof *ifa);

	ifa->ifa_family = (uint8_t)address->family;
	ifa->ifa_prefixlen = address->len;
	ifa->ifa_index = (uint32_t)ifindex;
	if (address->family == AF_INET6)
		ifa->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, rtnl_addr_len(address->family), address->addr);
	mnl_attr_put(nlh, IFA_ADDRESS, rtnl_addr_len(address->family), address->addr);
	return acknowledged(rtnl, nlh);
}

int rtnl_add_route(struct rtnl *rtnl, const struct rtnl_prefix *to, const struct rtnl_prefix *via, int ifindex)
{
	struct nlmsghdr *nlh = begin(rtnl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);

	rtm->rtm_family = (uint8_t)to->family;
	rtm->rtm_dst_len = to->len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope = via || to->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (to->len)
		mnl_attr_put(nlh, RTA_DST, rtnl_addr_len(to->family), to->addr);
	if (via)
		mnl_attr_put(nlh, RTA_GATEWAY, rtnl_addr_len(via->family), via->addr);
	if (ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	return acknowledged(rtnl, nlh);
}

/* ---- messages of others' making ---- */

struct dump {
	void (*cb)(const struct nlmsghdr *nlh, void *aux);
	void *aux;
};

static int hand_on(const struct nlmsghdr *nlh, void *aux)
{
	const struct dump *dump = aux;

	dump->cb(nlh, dump->aux);
	return MNL_CB_OK;
}

/* The longest of the headers: the kernel reads only the family of a dump's. */
int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, void (*cb)(const struct nlmsghdr *nlh, void *aux),
	      void *aux)
{
	struct nlmsghdr *nlh = begin(rtnl, type, NLM_F_DUMP);
	size_t header = type == RTM_GETADDR ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg);
	struct dump dump = {cb, aux};
	uint8_t *bytes;
	int error;

	if (type == RTM_GETNEIGH)
		header = sizeof(struct ndmsg);
	bytes = mnl_nlmsg_put_extra_header(nlh, header);
	bytes[0] = family;
	error = transact(rtnl, nlh, hand_on, &dump);
	return error == -EOPNOTSUPP || error == -EAFNOSUPPORT ? 0 : error;
}

int rtnl_request(struct rtnl *rtnl, struct nlmsghdr *nlh)
{
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	nlh->nlmsg_seq = ++rtnl->seq;
	return acknowledged(rtnl, nlh);
}

/* ---- neighbours ---- */

struct neighbour {
	int ifindex;
	struct rtnl_prefix addr;
};

struct neighbours {
	struct neighbour *list;
	size_t n, cap;
};

static int read_neighbour_attr(const struct nlattr *attr, void *aux)
{
	struct neighbour *neighbour = aux;

	if (mnl_attr_get_type(attr) == NDA_DST &&
	    mnl_attr_get_payload_len(attr) == rtnl_addr_len(neighbour->addr.family)) {
		memcpy(neighbour->addr.addr, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
		neighbour->addr.len = 1;
	}
	return MNL_CB_OK;
}

static int read_neighbour(const struct nlmsghdr *nlh, void *aux)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct neighbour neighbour = {.ifindex = ndm->ndm_ifindex, .addr.family = ndm->ndm_family};
	struct neighbours *all = aux;

	if ((ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP)) ||
	    (ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof *ndm, read_neighbour_attr, &neighbour);
	if (!neighbour.addr.len)
		return MNL_CB_OK;
	if (all->n == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 64;
		all->list = xrealloc(all->list, all->cap * sizeof *all->list);
	}
	all->list[all->n++] = neighbour;
	return MNL_CB_OK;
}

static int delete_neighbour(struct rtnl *rtnl, const struct neighbour *neighbour)
{
	struct nlmsghdr *nlh = begin(rtnl, RTM_DELNEIGH, 0);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof *ndm);

	ndm->ndm_family = (uint8_t)neighbour->addr.family;
	ndm->ndm_ifindex = neighbour->ifindex;
	mnl_attr_put(nlh, NDA_DST, rtnl_addr_len(neighbour->addr.family), neighbour->addr.addr);
	return acknowledged(rtnl, nlh);
}

int rtnl_forget_neighbours(struct rtnl *rtnl)
{
	struct neighbours all = {0};
	struct nlmsghdr *nlh = begin(rtnl, RTM_GETNEIGH, NLM_F_DUMP);
	int error;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	error = transact(rtnl, nlh, read_neighbour, &all);
	for (size_t i = 0; i < all.n && !error; i++) {
		error = delete_neighbour(rtnl, &all.list[i]);
		/* It went by itself. */
		if (error == -ENOENT || error == -ENODEV)
			error = 0;
	}
	free(all.list);
	return error;
}
