// SPDX-License-Identifier: Apache-2.0
#include "os/slowsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

enum { TYPE_SLOW = 0x8809, RECEIVE_BUFFER = 32 << 10, CONTROL_PRIORITY = 7 };

/* Untagged frames of the slow protocols. */
static int set_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TYPE_SLOW, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 256),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* What is sent here, by us or by others, is not to be seen; and when the device has queues our frames go first. */
static void set_options(int fd)
{
	const int one = 1, priority = CONTROL_PRIORITY, buffer = RECEIVE_BUFFER;

	(void)!setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
	(void)!setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
}

/* A device that is not promiscuous must be asked for them. */
static void join_group(int fd, int ifindex)
{
	struct packet_mreq group = {
		.mr_ifindex = ifindex,
		.mr_type = PACKET_MR_MULTICAST,
		.mr_alen = 6,
		.mr_address = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02},
	};

	(void)!setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof group);
}

int slowsock_open(int ifindex, bool receives)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = receives ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	set_options(fd);
	if ((receives && set_filter(fd)) || bind(fd, (const struct sockaddr *)&addr, sizeof addr)) {
		error = -errno;
		close(fd);
		return error;
	}
	if (receives)
		join_group(fd, ifindex);
	return fd;
}

ssize_t slowsock_recv(int fd, void *frame, size_t size)
{
	ssize_t n = recv(fd, frame, size, 0);

	return n < 0 ? -errno : n;
}

int slowsock_send(int fd, const void *frame, size_t len)
{
	return send(fd, frame, len, 0) < 0 ? -errno : 0;
}
