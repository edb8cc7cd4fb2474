// SPDX-License-Identifier: Apache-2.0
/* A TAP as backend (Linux Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h). */
#include "vmm/net/tap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/sandbox.h"

LOG_MODULE(tap);

SANDBOX_CALLS(THREAD_ALL, SYS_readv, SYS_writev);
SANDBOX_IOCTLS(THREAD_ALL, TUNSETOFFLOAD, TUNSETQUEUE, TUNSETCARRIER);
SANDBOX_IOCTLS(THREAD_MAIN, TUNSETVNETHDRSZ, TUNGETIFF);

#define VNET_HDR_LEN 12

/* Newer than Debian 12's headers: Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static unsigned int tun_flags(unsigned int offloads)
{
	static const struct {
		enum net_offload offload;
		unsigned int flag;
	} map[] = {
		{NET_OFFLOAD_CSUM, TUN_F_CSUM}, {NET_OFFLOAD_TSO4, TUN_F_TSO4},
		{NET_OFFLOAD_TSO6, TUN_F_TSO6}, {NET_OFFLOAD_ECN, TUN_F_TSO_ECN},
		{NET_OFFLOAD_UFO, TUN_F_UFO},	{NET_OFFLOAD_USO, TUN_F_USO4 | TUN_F_USO6},
	};
	unsigned int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (offloads & map[i].offload)
			flags |= map[i].flag;
	return flags;
}

static int tap_send(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n)
{
	ssize_t sent;

	do
		sent = writev(be->fds[queue], iov, (int)n);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static ssize_t tap_receive(struct net_backend *be, unsigned int queue, const struct iovec *iov, size_t n)
{
	ssize_t len;

	do
		len = readv(be->fds[queue], iov, (int)n);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static int tap_set_offloads(struct net_backend *be, unsigned int offloads)
{
	if (offloads & ~be->supported)
		return -EOPNOTSUPP;
	return ioctl(be->fds[0], TUNSETOFFLOAD, tun_flags(offloads)) < 0 ? -errno : 0;
}

/* Queues that do not take part are detached: the kernel spreads packets over the others. */
static int tap_set_queues(struct net_backend *be, unsigned int n)
{
	for (unsigned int i = 1; i < be->n_queues; i++) {
		struct ifreq request = {.ifr_flags = i < n ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

		/* EINVAL: it is as we want it already. */
		if (ioctl(be->fds[i], TUNSETQUEUE, &request) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

static void tap_set_carrier(struct net_backend *be, bool up)
{
	int carrier = up;

	if (ioctl(be->fds[0], TUNSETCARRIER, &carrier) < 0)
		log_dbg("carrier: %s", strerror(errno));
}

static void tap_free(struct net_backend *be)
{
	for (unsigned int i = 0; i < be->n_queues; i++) {
		close(be->fds[i]);
		if (be->vhost_fds[i] >= 0)
			close(be->vhost_fds[i]);
	}
	free(be);
}

static const struct net_backend_ops tap_ops = {tap_send,       tap_receive,	tap_set_offloads,
					       tap_set_queues, tap_set_carrier, tap_free};

/* What this kernel's TAP can: ask for it all, and for less where it says no. */
static unsigned int probe_offloads(int fd)
{
	const unsigned int base = NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN;
	const unsigned int tries[] = {base | NET_OFFLOAD_USO | NET_OFFLOAD_UFO, base | NET_OFFLOAD_USO,
				      base | NET_OFFLOAD_UFO, base};

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if (ioctl(fd, TUNSETOFFLOAD, tun_flags(tries[i])) == 0)
			return tries[i];
	return 0;
}

int tap_backend_new(const int *fds, const int *vhost_fds, unsigned int n, uint32_t mtu, struct net_backend **result,
		    struct errtext *err)
{
	struct net_backend *be = xzalloc(sizeof *be);
	int header = VNET_HDR_LEN;

	be->ops = &tap_ops;
	be->n_queues = n;
	be->mtu = mtu;
	be->link_up = true;
	memcpy(be->fds, fds, n * sizeof *fds);
	memcpy(be->vhost_fds, vhost_fds, n * sizeof *vhost_fds);
	for (unsigned int i = 0; i < n; i++) {
		if (ioctl(fds[i], TUNSETVNETHDRSZ, &header) < 0) {
			int error = errno;

			tap_free(be);
			return errtext_set(err, error, "queue %u of the switch port is no TAP: %s", i, strerror(error));
		}
	}
	be->supported = probe_offloads(fds[0]);
	if (ioctl(fds[0], TUNSETOFFLOAD, 0u) < 0)
		log_warn("offloads cannot be turned off: %s", strerror(errno));
	*result = be;
	return 0;
}
