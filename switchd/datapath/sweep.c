// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/util.h"
#include "os/netdev.h"
#include "os/tc_drop.h"

LOG_MODULE(sweep);

enum { MAX_MAPS = 64, MAX_CONTROL = 4096 };

uint64_t sweep_owner(const char *rundir)
{
	char *path = realpath(rundir, NULL);
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *c = path ? path : rundir; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3ull;
	free(path);
	return h;
}

/* ---- whose program is it? ---- */

/* Is the map a `control` with this owner in front? */
static bool is_control_of(uint32_t map_id, uint64_t owner)
{
	int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info = {0};
	uint64_t value[MAX_CONTROL / 8];
	uint32_t len = sizeof info, zero = 0;
	bool found = false;

	if (fd < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, "control") &&
	    info.type == BPF_MAP_TYPE_ARRAY && info.key_size == sizeof zero && info.value_size >= sizeof owner &&
	    info.value_size <= sizeof value && !bpf_map_lookup_elem(fd, &zero, value))
		found = value[0] == owner;
	close(fd);
	return found;
}

static bool is_program_of(uint32_t program_id, uint64_t owner)
{
	int fd = bpf_prog_get_fd_by_id(program_id);
	uint32_t maps[MAX_MAPS];
	struct bpf_prog_info info = {.nr_map_ids = MAX_MAPS, .map_ids = (uint64_t)(uintptr_t)maps};
	uint32_t len = sizeof info;
	bool found = false;

	if (fd < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len)) {
		found = tc_drop_is_owner(info.name, owner);
		for (uint32_t i = 0; i < MIN(info.nr_map_ids, MAX_MAPS) && !found; i++)
			found = is_control_of(maps[i], owner);
	}
	close(fd);
	return found;
}

/* ---- devices ---- */

/** The indices of devices, so that they can change while one goes through them. */
struct devices {
	int *ifindexes;
	size_t n, cap;
};

static void collect(void *aux, const struct netdev_info *info)
{
	struct devices *d = aux;

	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->ifindexes = xrealloc(d->ifindexes, d->cap * sizeof *d->ifindexes);
	}
	d->ifindexes[d->n++] = info->ifindex;
}

size_t sweep_devices(uint64_t owner, bool (*keep)(void *aux, int ifindex), void *aux)
{
	struct devices d = {0};
	size_t n = 0;

	if (netdev_each(collect, &d))
		log_warn("the list of devices cannot be read");
	for (size_t i = 0; i < d.n; i++) {
		struct tc_drop td, egress;
		uint32_t id;

		if ((keep && keep(aux, d.ifindexes[i])) || tc_drop_find(&td, d.ifindexes[i], &id) ||
		    !is_program_of(id, owner))
			continue;
		egress = (struct tc_drop){
			.ifindex = td.ifindex, .is_bpf = true, .is_egress = true, .made_hook = td.made_hook};
		tc_drop_detach(&egress);
		tc_drop_detach(&td);
		n++;
	}
	free(d.ifindexes);
	return n;
}
