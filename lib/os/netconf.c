// SPDX-License-Identifier: Apache-2.0
#include "os/netconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Larger than any message about one address, route or neighbour. */
enum { MESSAGE_MAX = 16384 };

/** States of a neighbour whose Ethernet address is known. */
#define NUD_KNOWN (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

/** Flags of a next hop that are configuration, not state. */
#define NEXTHOP_FLAGS (RTNH_F_ONLINK | RTNH_F_PERVASIVE)

static const struct {
	uint16_t add, del, get;
	size_t header;
} kinds[NETCONF_N_KINDS] = {
	[NETCONF_ADDRESS] = {RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR, sizeof(struct ifaddrmsg)},
	[NETCONF_NEIGHBOUR] = {RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH, sizeof(struct ndmsg)},
	[NETCONF_ROUTE] = {RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE, sizeof(struct rtmsg)},
};

void netconf_fini(struct netconf *conf)
{
	for (size_t i = 0; i < conf->n; i++)
		free(conf->items[i].message);
	free(conf->items);
	*conf = (struct netconf){0};
}

static const struct nlmsghdr *header_of(const struct netconf_item *item)
{
	return (const struct nlmsghdr *)item->message;
}

static const void *payload_of(const struct netconf_item *item)
{
	return mnl_nlmsg_get_payload(header_of(item));
}

/* An attribute of the message; NULL when there is none. */
static const struct nlattr *find_attr(const struct nlmsghdr *nlh, size_t header, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, header) if (mnl_attr_get_type(attr) == type) return attr;
	return NULL;
}

static const struct nlattr *item_attr(const struct netconf_item *item, uint16_t type)
{
	return find_attr(header_of(item), kinds[item->kind].header, type);
}

static uint32_t attr_u32(const struct nlattr *attr, uint32_t fallback)
{
	return attr && mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : fallback;
}

static void append(struct netconf *conf, enum netconf_kind kind, const void *message, size_t len)
{
	struct netconf_item *item;

	conf->items = xrealloc(conf->items, (conf->n + 1) * sizeof *conf->items);
	item = &conf->items[conf->n++];
	*item = (struct netconf_item){.kind = kind, .len = len, .message = xzalloc(len)};
	memcpy(item->message, message, len);
}

int netconf_add(struct netconf *conf, const void *message, size_t len)
{
	_Alignas(NLMSG_ALIGNTO) char copy[MESSAGE_MAX];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)copy;

	if (len < sizeof *nlh || len > sizeof copy)
		return -EINVAL;
	memcpy(copy, message, len);
	if (nlh->nlmsg_len != len)
		return -EINVAL;
	for (int kind = 0; kind < NETCONF_N_KINDS; kind++)
		if (nlh->nlmsg_type == kinds[kind].add && len >= sizeof *nlh + kinds[kind].header) {
			append(conf, (enum netconf_kind)kind, message, len);
			return 0;
		}
	return -EINVAL;
}

/* ---- reading ---- */

struct reading {
	struct netconf *conf;
	int ifindex;
};

static void take_address(const struct nlmsghdr *nlh, void *aux)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct reading *reading = aux;

	if ((int)ifa->ifa_index == reading->ifindex)
		append(reading->conf, NETCONF_ADDRESS, nlh, nlh->nlmsg_len);
}

static void take_neighbour(const struct nlmsghdr *nlh, void *aux)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct reading *reading = aux;

	if (ndm->ndm_ifindex == reading->ifindex && (ndm->ndm_state & NUD_KNOWN) &&
	    find_attr(nlh, sizeof *ndm, NDA_LLADDR) && find_attr(nlh, sizeof *ndm, NDA_DST))
		append(reading->conf, NETCONF_NEIGHBOUR, nlh, nlh->nlmsg_len);
}

/* Does one of the next hops leave by the device? */
static bool leaves_by(const struct nlmsghdr *nlh, int ifindex)
{
	const struct nlattr *oif = find_attr(nlh, sizeof(struct rtmsg), RTA_OIF);
	const struct nlattr *multipath = find_attr(nlh, sizeof(struct rtmsg), RTA_MULTIPATH);
	const uint8_t *bytes = multipath ? mnl_attr_get_payload(multipath) : NULL;
	size_t len = multipath ? mnl_attr_get_payload_len(multipath) : 0;

	if (attr_u32(oif, 0) == (uint32_t)ifindex)
		return true;
	while (len >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)bytes;
		size_t step = NLMSG_ALIGN(hop->rtnh_len);

		if (hop->rtnh_ifindex == ifindex)
			return true;
		if (hop->rtnh_len < sizeof *hop || step >= len)
			break;
		bytes += step;
		len -= step;
	}
	return false;
}

static void take_route(const struct nlmsghdr *nlh, void *aux)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct reading *reading = aux;

	if (rtm->rtm_protocol != RTPROT_KERNEL && !(rtm->rtm_flags & RTM_F_CLONED) && leaves_by(nlh, reading->ifindex))
		append(reading->conf, NETCONF_ROUTE, nlh, nlh->nlmsg_len);
}

int netconf_read(struct rtnl *rtnl, int ifindex, struct netconf *conf)
{
	static void (*const take[NETCONF_N_KINDS])(const struct nlmsghdr *, void *) = {
		[NETCONF_ADDRESS] = take_address,
		[NETCONF_NEIGHBOUR] = take_neighbour,
		[NETCONF_ROUTE] = take_route,
	};
	struct reading reading = {conf, ifindex};
	int error = 0;

	for (int kind = 0; kind < NETCONF_N_KINDS && !error; kind++) {
		error = rtnl_dump(rtnl, kinds[kind].get, AF_INET, take[kind], &reading);
		if (!error)
			error = rtnl_dump(rtnl, kinds[kind].get, AF_INET6, take[kind], &reading);
	}
	return error;
}

/* ---- comparing ---- */

static bool same_attr(const struct netconf_item *a, const struct netconf_item *b, uint16_t type)
{
	const struct nlattr *x = item_attr(a, type), *y = item_attr(b, type);

	if (!x || !y)
		return x == y;
	return x->nla_len == y->nla_len &&
	       !memcmp(mnl_attr_get_payload(x), mnl_attr_get_payload(y), mnl_attr_get_payload_len(x));
}

/* Multipath routes are told apart by their destination alone: their next hops name devices. */
static bool same_route(const struct netconf_item *a, const struct netconf_item *b)
{
	const struct rtmsg *x = payload_of(a), *y = payload_of(b);

	return x->rtm_family == y->rtm_family && x->rtm_dst_len == y->rtm_dst_len && x->rtm_tos == y->rtm_tos &&
	       x->rtm_type == y->rtm_type && same_attr(a, b, RTA_TABLE) && same_attr(a, b, RTA_DST) &&
	       same_attr(a, b, RTA_PRIORITY) && same_attr(a, b, RTA_GATEWAY) && same_attr(a, b, RTA_VIA);
}

static bool same_item(const struct netconf_item *a, const struct netconf_item *b)
{
	const struct ifaddrmsg *x = payload_of(a), *y = payload_of(b);
	const struct ndmsg *m = payload_of(a), *n = payload_of(b);

	if (a->kind != b->kind)
		return false;
	if (a->kind == NETCONF_ADDRESS)
		return x->ifa_family == y->ifa_family && x->ifa_prefixlen == y->ifa_prefixlen &&
		       same_attr(a, b, IFA_LOCAL) && same_attr(a, b, IFA_ADDRESS);
	if (a->kind == NETCONF_NEIGHBOUR)
		return m->ndm_family == n->ndm_family && same_attr(a, b, NDA_DST);
	return same_route(a, b);
}

bool netconf_has(const struct netconf *conf, const struct netconf_item *item)
{
	for (size_t i = 0; i < conf->n; i++)
		if (same_item(&conf->items[i], item))
			return true;
	return false;
}

void netconf_subtract(struct netconf *conf, const struct netconf *other)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n; i++) {
		if (netconf_has(other, &conf->items[i]))
			free(conf->items[i].message);
		else
			conf->items[n++] = conf->items[i];
	}
	conf->n = n;
}

void netconf_merge(struct netconf *conf, const struct netconf *other)
{
	for (size_t i = 0; i < other->n; i++)
		if (!netconf_has(conf, &other->items[i]))
			append(conf, other->items[i].kind, other->items[i].message, other->items[i].len);
}

/* ---- the message, for the other device ---- */

struct message {
	_Alignas(NLMSG_ALIGNTO) char bytes[MESSAGE_MAX];
};

static struct nlmsghdr *begin(struct message *m, const struct netconf_item *item, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(m->bytes);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, kinds[item->kind].header), payload_of(item), kinds[item->kind].header);
	return nlh;
}

static void put_copy(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	mnl_attr_put(nlh, attr->nla_type, mnl_attr_get_payload_len(attr), mnl_attr_get_payload(attr));
}

/* "eth0:1" becomes "br0:1"; any other label stays. */
static void put_label(struct nlmsghdr *nlh, const struct nlattr *attr, const char *from, const char *to)
{
	const char *label = mnl_attr_get_str(attr);
	size_t len = strlen(from);
	char moved[IFNAMSIZ];

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return;
	if (strncmp(label, from, len) != 0 || (label[len] && label[len] != ':')) {
		put_copy(nlh, attr);
		return;
	}
	if (strlen(to) + strlen(label + len) >= sizeof moved)
		len = strlen(label); /* the suffix does not fit */
	memcpy(moved, to, strlen(to) + 1);
	strcat(moved, label + len);
	mnl_attr_put_strz(nlh, IFA_LABEL, moved);
}

static struct nlmsghdr *address_message(struct message *m, const struct netconf_item *item, int ifindex,
					const char *from, const char *to, bool add)
{
	struct nlmsghdr *nlh = begin(m, item, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	uint32_t flags = attr_u32(item_attr(item, IFA_FLAGS), ifa->ifa_flags);
	const struct nlattr *attr;

	flags &= ~(uint32_t)(IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_SECONDARY | IFA_F_PERMANENT);
	if (ifa->ifa_family == AF_INET6)
		flags |= IFA_F_NODAD;
	ifa->ifa_index = (uint32_t)ifindex;
	ifa->ifa_flags = (uint8_t)flags;
	mnl_attr_for_each(attr, header_of(item), sizeof *ifa)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFA_LABEL && add)
			put_label(nlh, attr, from, to);
		else if (type == IFA_FLAGS)
			mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
		else if (type != IFA_LABEL)
			put_copy(nlh, attr);
	}
	return nlh;
}

/* What was confirmed by the other device's traffic is only probable on this one. */
static struct nlmsghdr *neighbour_message(struct message *m, const struct netconf_item *item, int ifindex, bool add)
{
	struct nlmsghdr *nlh =
		begin(m, item, add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = ndm->ndm_state & NUD_PERMANENT ? NUD_PERMANENT : NUD_STALE;
	put_copy(nlh, item_attr(item, NDA_DST));
	if (add)
		put_copy(nlh, item_attr(item, NDA_LLADDR));
	return nlh;
}

/* The next hops with the one device in the place of the other. */
static void put_multipath(struct nlmsghdr *nlh, const struct nlattr *attr, int from, int to)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t hops[MESSAGE_MAX / 2];
	size_t len = mnl_attr_get_payload_len(attr), off = 0;

	if (len > sizeof hops)
		return;
	memcpy(hops, mnl_attr_get_payload(attr), len);
	while (off + sizeof(struct rtnexthop) <= len) {
		struct rtnexthop *hop = (struct rtnexthop *)(hops + off);

		hop->rtnh_flags &= NEXTHOP_FLAGS;
		if (hop->rtnh_ifindex == from)
			hop->rtnh_ifindex = to;
		if (hop->rtnh_len < sizeof *hop)
			break;
		off += NLMSG_ALIGN(hop->rtnh_len);
	}
	mnl_attr_put(nlh, RTA_MULTIPATH, len, hops);
}

/* A route that expires says so as the ticks that are left. */
static void put_expiry(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	struct rta_cacheinfo info;
	long hz = sysconf(_SC_CLK_TCK);

	if (mnl_attr_get_payload_len(attr) < sizeof info)
		return;
	memcpy(&info, mnl_attr_get_payload(attr), sizeof info);
	if (info.rta_expires > 0 && hz > 0)
		mnl_attr_put_u32(nlh, RTA_EXPIRES, (uint32_t)((long)info.rta_expires / hz + 1));
}

/*
 * Added behind the one that is there (NLM_F_APPEND), which goes on being used until it is removed. A next-hop object is left to
 * the hops that it stands for, which the message has, too.
 */
static struct nlmsghdr *route_message(struct message *m, const struct netconf_item *item, int from, int to, bool add)
{
	struct nlmsghdr *nlh = begin(m, item, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_APPEND : 0);
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	rtm->rtm_flags &= NEXTHOP_FLAGS;
	mnl_attr_for_each(attr, header_of(item), sizeof *rtm)
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			mnl_attr_put_u32(nlh, RTA_OIF,
					 attr_u32(attr, 0) == (uint32_t)from ? (uint32_t)to : attr_u32(attr, 0));
			break;
		case RTA_MULTIPATH:
			put_multipath(nlh, attr, from, to);
			break;
		case RTA_CACHEINFO:
			if (add)
				put_expiry(nlh, attr);
			break;
		case RTA_NH_ID:
			break;
		default:
			put_copy(nlh, attr);
		}
	}
	return nlh;
}

/* ---- moving ---- */

static int add_item(const struct netconf_move *move, const struct netconf_item *item)
{
	struct message m;
	struct nlmsghdr *nlh;
	int error;

	if (item->kind == NETCONF_ADDRESS)
		nlh = address_message(&m, item, move->to, move->from_name, move->to_name, true);
	else if (item->kind == NETCONF_NEIGHBOUR)
		nlh = neighbour_message(&m, item, move->to, true);
	else
		nlh = route_message(&m, item, move->from, move->to, true);
	error = rtnl_request(move->rtnl, nlh);
	return error == -EEXIST ? 0 : error;
}

static bool is_gone(int error)
{
	return error == -ENOENT || error == -ESRCH || error == -EADDRNOTAVAIL || error == -ENODEV;
}

static int remove_item(const struct netconf_move *move, const struct netconf_item *item)
{
	struct message m;
	struct nlmsghdr *nlh;
	int error;

	if (item->kind == NETCONF_ADDRESS)
		nlh = address_message(&m, item, move->from, "", "", false);
	else if (item->kind == NETCONF_NEIGHBOUR)
		nlh = neighbour_message(&m, item, move->from, false);
	else
		nlh = route_message(&m, item, move->from, move->from, false);
	error = rtnl_request(move->rtnl, nlh);
	return is_gone(error) ? 0 : error;
}

static int blame(const struct netconf_item *item, const char *verb, int error, struct errtext *err)
{
	struct ds ds = DS_INIT;

	netconf_format(item, &ds);
	errtext_set(err, -error, "%s cannot be %s: %s", ds_cstr(&ds), verb, strerror(-error));
	ds_fini(&ds);
	return error;
}

static bool has_gateway(const struct netconf_item *item)
{
	return item_attr(item, RTA_GATEWAY) || item_attr(item, RTA_VIA) || item_attr(item, RTA_MULTIPATH);
}

/* Gateways must be reachable when a route through them is made: the routes without one come first. */
int netconf_copy(const struct netconf_move *move, const struct netconf *conf, enum netconf_kind kind,
		 struct errtext *err)
{
	int result = 0;

	for (int pass = 0; pass < (kind == NETCONF_ROUTE ? 2 : 1); pass++)
		for (size_t i = 0; i < conf->n; i++) {
			const struct netconf_item *item = &conf->items[i];
			int error;

			if (item->kind != kind || (kind == NETCONF_ROUTE && has_gateway(item) != pass))
				continue;
			error = add_item(move, item);
			/* A neighbour is found again by itself. */
			if (error && !result && kind != NETCONF_NEIGHBOUR)
				result = blame(item, "added", error, err);
		}
	return result;
}

int netconf_remove(const struct netconf_move *move, const struct netconf *conf, struct errtext *err)
{
	int result = 0;

	for (int kind = NETCONF_N_KINDS - 1; kind >= 0; kind--)
		for (size_t i = 0; i < conf->n; i++) {
			int error = (int)conf->items[i].kind == kind ? remove_item(move, &conf->items[i]) : 0;

			if (error && !result && kind != NETCONF_NEIGHBOUR)
				result = blame(&conf->items[i], "removed", error, err);
		}
	return result;
}

/* ---- words ---- */

static bool attr_address(const struct nlattr *attr, int family, struct rtnl_prefix *out)
{
	if (!attr || mnl_attr_get_payload_len(attr) != rtnl_addr_len(family))
		return false;
	*out = (struct rtnl_prefix){.family = family, .len = (uint8_t)(rtnl_addr_len(family) * 8)};
	memcpy(out->addr, mnl_attr_get_payload(attr), rtnl_addr_len(family));
	return true;
}

static void put_attr_address(struct ds *out, const struct nlattr *attr, int family)
{
	char text[INET6_ADDRSTRLEN];
	struct rtnl_prefix addr;

	if (attr_address(attr, family, &addr))
		ds_put(out, inet_ntop(family, addr.addr, text, sizeof text));
	else
		ds_put_char(out, '?');
}

static void format_route(const struct netconf_item *item, struct ds *out)
{
	const struct rtmsg *rtm = payload_of(item);
	const struct nlattr *gateway = item_attr(item, RTA_GATEWAY), *metric = item_attr(item, RTA_PRIORITY);
	uint32_t table = attr_u32(item_attr(item, RTA_TABLE), rtm->rtm_table);

	ds_put(out, "route ");
	if (rtm->rtm_dst_len) {
		put_attr_address(out, item_attr(item, RTA_DST), rtm->rtm_family);
		ds_printf(out, "/%u", rtm->rtm_dst_len);
	} else {
		ds_put(out, "default");
	}
	if (gateway) {
		ds_put(out, " via ");
		put_attr_address(out, gateway, rtm->rtm_family);
	}
	if (item_attr(item, RTA_MULTIPATH))
		ds_put(out, " via several gateways");
	if (metric)
		ds_printf(out, " metric %u", attr_u32(metric, 0));
	if (table != RT_TABLE_MAIN)
		ds_printf(out, " table %u", table);
}

void netconf_format(const struct netconf_item *item, struct ds *out)
{
	const struct ndmsg *ndm = payload_of(item);
	char text[INET6_ADDRSTRLEN];
	struct rtnl_prefix prefix;

	if (item->kind == NETCONF_ROUTE) {
		format_route(item, out);
	} else if (item->kind == NETCONF_NEIGHBOUR) {
		ds_put(out, "neighbour ");
		put_attr_address(out, item_attr(item, NDA_DST), ndm->ndm_family);
	} else if (netconf_prefix(item, &prefix)) {
		ds_printf(out, "address %s/%u", inet_ntop(prefix.family, prefix.addr, text, sizeof text), prefix.len);
	} else {
		ds_put(out, "an address");
	}
}

bool netconf_prefix(const struct netconf_item *item, struct rtnl_prefix *prefix)
{
	const struct ifaddrmsg *ifa = payload_of(item);
	const struct nlattr *attr;

	if (item->kind != NETCONF_ADDRESS)
		return false;
	attr = item_attr(item, IFA_LOCAL);
	if (!attr_address(attr ? attr : item_attr(item, IFA_ADDRESS), ifa->ifa_family, prefix))
		return false;
	prefix->len = ifa->ifa_prefixlen;
	return true;
}

bool netconf_gateway(const struct netconf_item *item, struct rtnl_prefix *gateway)
{
	const struct rtmsg *rtm = payload_of(item);

	if (item->kind != NETCONF_ROUTE || rtm->rtm_dst_len || rtm->rtm_type != RTN_UNICAST ||
	    attr_u32(item_attr(item, RTA_TABLE), rtm->rtm_table) != RT_TABLE_MAIN)
		return false;
	return attr_address(item_attr(item, RTA_GATEWAY), rtm->rtm_family, gateway);
}

struct rules {
	const char *device;
	int n;
};

static void count_rule(const struct nlmsghdr *nlh, void *aux)
{
	const struct nlattr *in = find_attr(nlh, sizeof(struct fib_rule_hdr), FRA_IIFNAME);
	const struct nlattr *out = find_attr(nlh, sizeof(struct fib_rule_hdr), FRA_OIFNAME);
	struct rules *rules = aux;

	rules->n += (in && mnl_attr_validate(in, MNL_TYPE_NUL_STRING) >= 0 &&
		     !strcmp(mnl_attr_get_str(in), rules->device)) ||
		    (out && mnl_attr_validate(out, MNL_TYPE_NUL_STRING) >= 0 &&
		     !strcmp(mnl_attr_get_str(out), rules->device));
}

int netconf_rules(struct rtnl *rtnl, const char *device)
{
	struct rules rules = {.device = device};
	int error = rtnl_dump(rtnl, RTM_GETRULE, AF_INET, count_rule, &rules);

	if (!error)
		error = rtnl_dump(rtnl, RTM_GETRULE, AF_INET6, count_rule, &rules);
	return error ? error : rules.n;
}
