// SPDX-License-Identifier: Apache-2.0
#include "os/linkwatch.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

struct linkwatch {
	int fd, ioctl_fd;
};

static int open_netlink(void)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof addr)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int linkwatch_open(struct linkwatch **watchp)
{
	struct linkwatch *watch = xzalloc(sizeof *watch);
	int error;

	watch->fd = open_netlink();
	watch->ioctl_fd = watch->fd < 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (watch->fd >= 0 && watch->ioctl_fd >= 0) {
		*watchp = watch;
		return 0;
	}
	error = watch->fd < 0 ? watch->fd : -errno;
	linkwatch_close(watch);
	return error;
}

void linkwatch_close(struct linkwatch *watch)
{
	if (!watch)
		return;
	if (watch->fd >= 0)
		close(watch->fd);
	if (watch->ioctl_fd >= 0)
		close(watch->ioctl_fd);
	free(watch);
}

int linkwatch_fd(const struct linkwatch *watch)
{
	return watch->fd;
}

void linkwatch_ask(struct linkwatch *watch)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg ifi;
	} request = {
		.nlh = {.nlmsg_len = sizeof request,
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};

	(void)!send(watch->fd, &request, sizeof request, 0);
}

static void tell(const struct nlmsghdr *nlh, linkwatch_fn *fn, void *aux)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(nlh);

	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    nlh->nlmsg_len < NLMSG_LENGTH(sizeof *ifi) || ifi->ifi_family != AF_UNSPEC)
		return;
	fn(aux, ifi->ifi_index,
	   nlh->nlmsg_type == RTM_NEWLINK && ifi->ifi_flags & IFF_UP && ifi->ifi_flags & IFF_RUNNING);
}

void linkwatch_read(struct linkwatch *watch, linkwatch_fn *fn, void *aux)
{
	static _Alignas(struct nlmsghdr) char buffer[64 << 10];
	ssize_t n;

	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buffer;
		size_t left;

		n = recv(watch->fd, buffer, sizeof buffer, 0);
		if (n < 0 && errno == ENOBUFS)
			linkwatch_ask(watch);
		else if (n <= 0)
			return;
		for (left = n > 0 ? (size_t)n : 0; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left))
			tell(nlh, fn, aux);
	}
}

bool linkwatch_poll(struct linkwatch *watch, int ifindex)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {0};

	ifr.ifr_ifindex = ifindex;
	if (ioctl(watch->ioctl_fd, SIOCGIFNAME, &ifr))
		return false;
	ifr.ifr_data = (void *)&value;
	if (!ioctl(watch->ioctl_fd, SIOCETHTOOL, &ifr))
		return value.data;
	if (ioctl(watch->ioctl_fd, SIOCGIFFLAGS, &ifr))
		return false;
	return ifr.ifr_flags & IFF_UP && ifr.ifr_flags & IFF_RUNNING;
}
