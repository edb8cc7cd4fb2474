// SPDX-License-Identifier: Apache-2.0
#include "os/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/rtnl.h"

/* Since Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { LARGEST_MTU = 65521 };

static int open_queue(struct ifreq *ifr, int *fd)
{
	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	return ioctl(*fd, TUNSETIFF, ifr) < 0 ? -errno : 0;
}

/* GSO packets pass whole, of all kinds that this kernel's TAP can say. */
static int set_offloads(int fd)
{
	const unsigned int tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (!ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) || !ioctl(fd, TUNSETOFFLOAD, tcp))
		return 0;
	return -errno;
}

static int ask(int sock, unsigned long request, struct ifreq *ifr)
{
	return ioctl(sock, request, ifr) < 0 ? -errno : 0;
}

/* Packets go straight into the rings. Where that is refused they go through the default discipline: slower, but right. */
static void remove_qdisc(int ifindex)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (sock && qdisc && !nl_connect(sock, NETLINK_ROUTE)) {
		rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
		rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
		rtnl_tc_set_kind(TC_CAST(qdisc), "noqueue");
		rtnl_qdisc_add(sock, qdisc, NLM_F_CREATE | NLM_F_REPLACE);
	}
	rtnl_qdisc_put(qdisc);
	nl_socket_free(sock);
}

/* Return: the device's index or -errno. */
static int bring_up(const char *name, unsigned int queue_len)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtnl *rtnl = NULL;
	struct ifreq ifr = {0};
	int error, ifindex = 0;

	if (sock < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	error = ask(sock, SIOCGIFINDEX, &ifr);
	ifindex = ifr.ifr_ifindex;
	ifr.ifr_qlen = (int)queue_len;
	if (!error)
		error = ask(sock, SIOCSIFTXQLEN, &ifr);
	ifr.ifr_flags = IFF_NOARP;
	if (!error)
		error = ask(sock, SIOCSIFFLAGS, &ifr);
	close(sock);
	if (!error)
		error = rtnl_open(&rtnl, -1);
	if (!error)
		error = rtnl_set_mtu(rtnl, ifindex, LARGEST_MTU);
	if (!error)
		error = rtnl_set_up(rtnl, ifindex, true);
	rtnl_close(rtnl);
	if (error)
		return error;
	remove_qdisc(ifindex);
	return ifindex;
}

static int tap_error(int error, struct errtext *err)
{
	if (error == -ENOENT || error == -ENODEV)
		return errtext_set(err, -error, "/dev/net/tun: the kernel has no TAP devices (module tun)");
	return errtext_set(err, -error, "cannot make a TAP device: %s", strerror(-error));
}

int tap_open_queues(const char *name, unsigned int n, unsigned int queue_len, int steering, int *fds,
		    struct errtext *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
	unsigned int n_open = 0;
	int error = 0, result;

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	while (!error && n_open < n)
		error = open_queue(&ifr, &fds[n_open++]);
	if (!error)
		error = set_offloads(fds[0]);
	if (!error && ioctl(fds[0], TUNSETSTEERINGEBPF, &steering) < 0)
		error = -errno;
	result = error ? error : bring_up(ifr.ifr_name, queue_len);
	if (result >= 0)
		return result;
	for (unsigned int i = 0; i < n_open; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return tap_error(result, err);
}

int tap_open_vhost(void)
{
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
