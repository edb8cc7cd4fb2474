// SPDX-License-Identifier: Apache-2.0
/* vhost-net. */
#include "vmm/net/vhost.h"

#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/core/memory.h"
#include "vmm/core/sandbox.h"

/* A driver begins and ends in a vCPU, a reset in the main thread. */
SANDBOX_IOCTLS(THREAD_VCPU | THREAD_MAIN, VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR,
	       VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR, VHOST_GET_VRING_BASE,
	       VHOST_NET_SET_BACKEND, VHOST_SET_FEATURES);
SANDBOX_IOCTLS(THREAD_MAIN, VHOST_SET_OWNER, VHOST_GET_FEATURES, VHOST_SET_MEM_TABLE);

struct vhost_net {
	int fd;
	int error_fd; /* eventfd: a ring makes no sense */
	uint64_t features;
	bool is_running;
};

static int set_memory(struct vhost_net *vhost, const struct guest_memory *memory)
{
	size_t size = sizeof(struct vhost_memory) + memory->n_regions * sizeof(struct vhost_memory_region);
	struct vhost_memory *table = xzalloc(size);
	int error = 0;

	table->nregions = (uint32_t)memory->n_regions;
	for (size_t i = 0; i < memory->n_regions; i++) {
		table->regions[i].guest_phys_addr = memory->regions[i].gpa;
		table->regions[i].memory_size = memory->regions[i].size;
		table->regions[i].userspace_addr = (uintptr_t)memory->regions[i].host;
	}
	if (ioctl(vhost->fd, VHOST_SET_MEM_TABLE, table) < 0)
		error = -errno;
	free(table);
	return error;
}

int vhost_net_new(int fd, const struct guest_memory *memory, struct vhost_net **result, struct errtext *err)
{
	struct vhost_net *vhost = xzalloc(sizeof *vhost);
	int error = 0;

	vhost->fd = fd;
	vhost->error_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vhost->error_fd < 0)
		error = errtext_set(err, errno, "vhost-net: no descriptor is left: %s", strerror(errno));
	else if (ioctl(vhost->fd, VHOST_SET_OWNER, 0) < 0 || ioctl(vhost->fd, VHOST_GET_FEATURES, &vhost->features) < 0)
		error = errtext_set(err, errno, "vhost-net: %s", strerror(errno));
	else if ((error = set_memory(vhost, memory)) != 0)
		errtext_set(err, -error, "vhost-net: guest memory: %s", strerror(-error));
	if (error) {
		vhost_net_free(vhost);
		return error;
	}
	*result = vhost;
	return 0;
}

void vhost_net_free(struct vhost_net *vhost)
{
	if (!vhost)
		return;
	close(vhost->fd);
	if (vhost->error_fd >= 0)
		close(vhost->error_fd);
	free(vhost);
}

int vhost_net_error_fd(const struct vhost_net *vhost)
{
	return vhost->error_fd;
}

uint64_t vhost_net_features(const struct vhost_net *vhost)
{
	return vhost->features;
}

static int set_ring(struct vhost_net *vhost, unsigned int index, const struct vhost_ring *ring)
{
	struct vhost_vring_state num = {index, ring->size}, base = {index, ring->base};
	struct vhost_vring_file kick = {index, ring->kick_fd}, call = {index, ring->call_fd},
				broken = {index, vhost->error_fd};
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (uintptr_t)ring->desc,
		.avail_user_addr = (uintptr_t)ring->avail,
		.used_user_addr = (uintptr_t)ring->used,
	};

	if (ioctl(vhost->fd, VHOST_SET_VRING_NUM, &num) < 0 || ioctl(vhost->fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_ADDR, &addr) < 0 || ioctl(vhost->fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_CALL, &call) < 0 || ioctl(vhost->fd, VHOST_SET_VRING_ERR, &broken) < 0)
		return -errno;
	return 0;
}

static int set_backend(struct vhost_net *vhost, unsigned int index, int fd)
{
	struct vhost_vring_file file = {index, fd};

	return ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &file) < 0 ? -errno : 0;
}

int vhost_net_start(struct vhost_net *vhost, uint64_t features, const struct vhost_ring rings[2], int tap_fd)
{
	uint64_t wanted = features & vhost->features, n;
	int error = ioctl(vhost->fd, VHOST_SET_FEATURES, &wanted) < 0 ? -errno : 0;

	while (read(vhost->error_fd, &n, sizeof n) == sizeof n)
		continue; /* what it said of the driver before */
	for (unsigned int i = 0; i < 2 && !error; i++)
		error = set_ring(vhost, i, &rings[i]);
	for (unsigned int i = 0; i < 2 && !error; i++)
		error = set_backend(vhost, i, tap_fd);
	if (error)
		set_backend(vhost, 0, -1);
	vhost->is_running = !error;
	return error;
}

void vhost_net_stop(struct vhost_net *vhost, uint16_t bases[2])
{
	if (!vhost->is_running)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		struct vhost_vring_state base = {i, 0};

		set_backend(vhost, i, -1);
		bases[i] = ioctl(vhost->fd, VHOST_GET_VRING_BASE, &base) < 0 ? 0 : (uint16_t)base.num;
	}
	vhost->is_running = false;
}
