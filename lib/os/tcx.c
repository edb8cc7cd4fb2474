// SPDX-License-Identifier: Apache-2.0
#include "os/tcx.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* Since Linux 6.6; the headers that we are built with may be older. */
enum { TCX_INGRESS = 46, LINK_TYPE_TCX = 11 };

/** What BPF_OBJ_GET_INFO_BY_FD tells of a tcx link: the head of struct bpf_link_info, with the part that depends on the type. */
struct tcx_link_info {
	uint32_t type, id, prog_id, zero;
	uint32_t ifindex, attach_type;
	uint8_t rest[sizeof(struct bpf_link_info)];
};

/* Is the link behind @fd one of this device, which is still there? 0: one whose device is not. */
static bool is_of_device(int fd, int ifindex)
{
	struct tcx_link_info info = {0};
	uint32_t len = sizeof info;

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == LINK_TYPE_TCX &&
	       info.ifindex == (uint32_t)ifindex && info.attach_type == TCX_INGRESS;
}

bool tcx_is_dead(const char *pin)
{
	int fd = bpf_obj_get(pin);
	bool is_dead = fd >= 0 && is_of_device(fd, 0);

	if (fd >= 0)
		close(fd);
	return is_dead;
}

int tcx_replace(int ifindex, int program, const char *pin)
{
	int fd = bpf_obj_get(pin), error = -ENOENT;

	if (fd < 0)
		return -errno;
	if (is_of_device(fd, ifindex))
		error = bpf_link_update(fd, program, NULL) ? -errno : 0;
	close(fd);
	return error;
}

int tcx_attach(int ifindex, int program, const char *pin)
{
	int fd, error;

	if (unlink(pin) && errno != ENOENT)
		return -errno;
	fd = bpf_link_create(program, ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	if (fd < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	error = bpf_obj_pin(fd, pin) ? -errno : 0;
	close(fd);
	return error;
}

void tcx_detach(const char *pin)
{
	unlink(pin);
}
