// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel multicasts each change of a link, and of what tc has put on it. When it has more to say than the socket's buffer holds it drops messages and says so
 * once (ENOBUFS): the listener is then told to look at everything again.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "os/loop.h"
#include "os/netdev_impl.h"

enum {
	BUFFER = 4 << 20,
	BATCH = 64, /* datagrams between two looks at the rest of the loop */
};

struct netdev_monitor {
	struct loop *loop;
	struct loop_fd lfd;
	struct mnl_socket *nl;
	void (*cb)(void *aux, const struct netdev_event *event);
	void *aux;
};

static bool is_about_tc(const struct nlmsghdr *nlh)
{
	return (nlh->nlmsg_type == RTM_NEWQDISC || nlh->nlmsg_type == RTM_DELQDISC ||
		nlh->nlmsg_type == RTM_NEWTFILTER || nlh->nlmsg_type == RTM_DELTFILTER) &&
	       mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct tcmsg);
}

static int handle(const struct nlmsghdr *nlh, void *aux)
{
	const struct netdev_monitor *m = aux;
	struct netdev_event event = {.new_netnsid = -1};

	if (is_about_tc(nlh)) {
		const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);

		event.kind = NETDEV_TC;
		event.info.ifindex = tcm->tcm_ifindex;
		m->cb(m->aux, &event);
		return MNL_CB_OK;
	}
	if (!netdev_info_parse(nlh, &event.info))
		return MNL_CB_OK;
	event.kind = nlh->nlmsg_type == RTM_DELLINK ? NETDEV_GONE : NETDEV_CHANGED;
	event.moved = netdev_parse_moved(nlh, &event.new_netnsid);
	m->cb(m->aux, &event);
	return MNL_CB_OK;
}

static void ready(struct loop_fd *self, uint32_t events)
{
	static _Alignas(NLMSG_ALIGNTO) char buf[32768];
	struct netdev_monitor *m = container_of(self, struct netdev_monitor, lfd);

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = recv(mnl_socket_get_fd(m->nl), buf, sizeof buf, MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS)
			m->cb(m->aux, &(struct netdev_event){.kind = NETDEV_RESYNC});
		else if (n <= 0)
			return;
		else
			mnl_cb_run(buf, (size_t)n, 0, 0, handle, m);
	}
}

int netdev_monitor_new(struct loop *loop, void (*cb)(void *aux, const struct netdev_event *event), void *aux,
		       struct netdev_monitor **monitor)
{
	struct netdev_monitor *m = xzalloc(sizeof *m);
	int buffer = BUFFER, error;

	*m = (struct netdev_monitor){.loop = loop, .cb = cb, .aux = aux};
	m->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	error = !m->nl || mnl_socket_bind(m->nl, RTMGRP_LINK | RTMGRP_TC, MNL_SOCKET_AUTOPID) ? -errno : 0;
	if (!error) {
		int fd = mnl_socket_get_fd(m->nl);

		/* More than rmem_max needs privilege; what we get without it will do. */
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
		error = loop_add_fd(loop, &m->lfd, fd, EPOLLIN, ready);
	}
	if (error) {
		netdev_monitor_free(m);
		return error;
	}
	*monitor = m;
	return 0;
}

void netdev_monitor_free(struct netdev_monitor *monitor)
{
	if (!monitor)
		return;
	loop_del_fd(monitor->loop, &monitor->lfd);
	if (monitor->nl)
		mnl_socket_close(monitor->nl);
	free(monitor);
}
