// SPDX-License-Identifier: Apache-2.0
/*
 * Who needs what is pinned, and what goes when nobody does.
 *
 * A daemon that was killed and is never started again leaves its maps and programs pinned: with a full flow table, 100
 * MB of kernel memory. While its devices are there they go on forwarding, and only `--stop --purge` may end that. When
 * its network namespace has been deleted, or all of its devices, they are of no use to anybody; but a daemon that
 * looks into another's folder sees neither the other's namespace nor, in another container, its run folder. Two things
 * can be seen from everywhere:
 *
 *   - A daemon that lives holds a shared lock (flock) on its folder.
 *   - `devices`, a map of type DEVMAP_HASH: an entry for each port's device, which the kernel takes out when the
 *     device is unregistered or leaves the namespace.
 *
 * A folder without a lock and with an empty `devices` is dead, and is removed by whichever daemon starts or purges
 * next. `promisc` is another such map: devices that we have made promiscuous, so that whoever takes their programs
 * away knows to undo that, too.
 *
 * A folder without `devices`, of an earlier version or where the kernel has no such maps, is dead when it has tcx links
 * and the devices of all of them are gone.
 */
#include "switchd/datapath/ebpf_pin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/util.h"
#include "os/tcx.h"
#include "vsw/bpf_abi.h"

LOG_MODULE(ebpf_pin_life);

static const char *const names[EBPF_N_REGISTERS] = {
	[EBPF_DEVICES] = "devices",
	[EBPF_PROMISC] = "promisc",
};

/* ---- registers ---- */

static char *path_of(const char *folder, enum ebpf_register which)
{
	return xasprintf("%s/%s", folder, names[which]);
}

/* A predecessor's, or a new one. Return: descriptor, or -errno. */
static int open_register(const struct ebpf_pins *pins, enum ebpf_register which)
{
	char *path = path_of(pins->folder, which);
	int fd = bpf_obj_get(path), error = 0;

	if (fd < 0) {
		unlink(path);
		fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, names[which], sizeof(uint32_t), sizeof(uint32_t),
				    BPF_N_PORTS, NULL);
		error = fd < 0 || bpf_obj_pin(fd, path) ? -errno : 0;
	}
	free(path);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

void ebpf_pins_note(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex)
{
	uint32_t key = (uint32_t)ifindex;

	if (pins->registers[which] >= 0)
		(void)bpf_map_update_elem(pins->registers[which], &key, &key, BPF_ANY);
}

void ebpf_pins_strike(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex)
{
	uint32_t key = (uint32_t)ifindex;

	if (pins->registers[which] >= 0)
		(void)bpf_map_delete_elem(pins->registers[which], &key);
}

bool ebpf_pins_is_noted(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex)
{
	uint32_t key = (uint32_t)ifindex, value;

	return pins->registers[which] >= 0 && !bpf_map_lookup_elem(pins->registers[which], &key, &value);
}

void ebpf_pins_each(const struct ebpf_pins *pins, enum ebpf_register which, void (*fn)(void *aux, int ifindex),
		    void *aux)
{
	char *path = pins->folder ? path_of(pins->folder, which) : NULL;
	int fd = path ? bpf_obj_get(path) : -1;
	uint32_t *keys = xcalloc(BPF_N_PORTS, sizeof *keys);
	size_t n = 0;

	while (fd >= 0 && n < BPF_N_PORTS && !bpf_map_get_next_key(fd, n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	for (size_t i = 0; i < n; i++)
		fn(aux, (int)keys[i]);
	if (fd >= 0)
		close(fd);
	free(keys);
	free(path);
}

/* ---- life ---- */

/*
 * Another one may remove the folder, as it looks dead, between its making and our lock. Return: 0, -EAGAIN when that
 * has happened, or another negative errno.
 */
static int lock_folder(struct ebpf_pins *pins)
{
	int fd = open(pins->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat ours, there;
	int error;

	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	error = flock(fd, LOCK_SH) ? -errno : 0;
	if (!error && !fstat(fd, &ours) && !stat(pins->folder, &there) && ours.st_ino == there.st_ino) {
		pins->lock_fd = fd;
		return 0;
	}
	close(fd);
	return error ? error : -EAGAIN;
}

int ebpf_pins_hold(struct ebpf_pins *pins)
{
	int error = lock_folder(pins);

	for (int i = 0; !error && i < EBPF_N_REGISTERS; i++) {
		pins->registers[i] = open_register(pins, (enum ebpf_register)i);
		if (pins->registers[i] < 0)
			log_dbg("%s/%s: %s", pins->folder, names[i], strerror(-pins->registers[i]));
	}
	return error;
}

void ebpf_pins_release(struct ebpf_pins *pins)
{
	for (int i = 0; i < EBPF_N_REGISTERS; i++) {
		if (pins->registers[i] >= 0)
			close(pins->registers[i]);
		pins->registers[i] = -1;
	}
	if (pins->lock_fd >= 0)
		close(pins->lock_fd);
	pins->lock_fd = -1;
}

/* Are there links, and of none of them the device? */
static bool has_dead_links_alone(const char *folder)
{
	char *path = xasprintf("%s/links", folder);
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool any = false, all = true;

	while (dir && all && (entry = readdir(dir))) {
		char *pin = xasprintf("%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.') {
			any = true;
			all = tcx_is_dead(pin);
		}
		free(pin);
	}
	if (dir)
		closedir(dir);
	free(path);
	return any && all;
}

/* Is there none of its devices? */
static bool has_no_device(const char *folder)
{
	char *path = path_of(folder, EBPF_DEVICES);
	int fd = bpf_obj_get(path);
	uint32_t key;
	bool none;

	free(path);
	if (fd < 0)
		return has_dead_links_alone(folder);
	none = bpf_map_get_next_key(fd, NULL, &key) && errno == ENOENT;
	close(fd);
	return none;
}

/* Under its lock, which goes with the descriptor. Return: whether it was dead. */
static bool remove_if_dead(char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ebpf_pins pins = EBPF_PINS_NONE;
	bool is_dead = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && has_no_device(folder);

	if (is_dead) {
		pins.folder = folder;
		pins.abi = xstrdup(""); /* none is ours */
		pins.links = xasprintf("%s/links", folder);
		ebpf_pins_remove_all(&pins);
		free(pins.abi);
		free(pins.links);
	}
	if (fd >= 0)
		close(fd);
	return is_dead;
}

unsigned int ebpf_pins_sweep(void)
{
	DIR *dir = opendir(EBPF_PINS_ROOT);
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir))) {
		char *folder = xasprintf(EBPF_PINS_ROOT "/%s", entry->d_name);

		if (entry->d_name[0] != '.')
			n += remove_if_dead(folder);
		free(folder);
	}
	if (dir)
		closedir(dir);
	if (n)
		log_info("%u folders of daemons that are gone, and all their devices with them, are removed "
			 "from " EBPF_PINS_ROOT,
			 n);
	return n;
}
