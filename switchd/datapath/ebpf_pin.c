// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ebpf_pin.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/util.h"
#include "switchd/datapath/sweep.h"
#include "vsw/bpf_abi.h"

LOG_MODULE(ebpf_pin);

#define BPFFS "/sys/fs/bpf"

/* Since Linux 5.14. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum {
	NAME_PART = 60,	 /* of the run folder's name, for people */
	HOLD_TRIES = 20, /* others sweep */
};

/* ---- the folder ---- */

static bool is_bpffs(void)
{
	struct statfs fs;

	return !statfs(BPFFS, &fs) && (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

static int have_bpffs(bool make)
{
	if (is_bpffs())
		return 0;
	if (!make)
		return -ENOENT;
	return mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ? -errno : 0;
}

/* 0 where the kernel cannot tell. */
static uint64_t netns_cookie(void)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	if (sock >= 0) {
		if (getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
			cookie = 0;
		close(sock);
	}
	return cookie;
}

/* No dots: the file system reserves them. */
static char *folder_name(const char *path, uint64_t hash)
{
	size_t len = strlen(path);
	char *part = xstrdup(len > NAME_PART ? path + len - NAME_PART : path), *name;

	for (char *c = part; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			*c = '_';
	name = xasprintf(EBPF_PINS_ROOT "/%s-%016llx-%llx", *part == '_' ? part + 1 : part, (unsigned long long)hash,
			 (unsigned long long)netns_cookie());
	free(part);
	return name;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int make_folders(const struct ebpf_pins *pins)
{
	int error = make_folder(EBPF_PINS_ROOT);

	if (!error)
		error = make_folder(pins->folder);
	if (!error)
		error = make_folder(pins->abi);
	return error ? error : make_folder(pins->links);
}

static int make_and_hold(struct ebpf_pins *pins)
{
	int error = -EAGAIN;

	for (int i = 0; i < HOLD_TRIES && error == -EAGAIN; i++) {
		error = make_folders(pins);
		if (!error)
			error = ebpf_pins_hold(pins);
	}
	return error;
}

int ebpf_pins_open(struct ebpf_pins *pins, const char *rundir, bool make, struct errtext *err)
{
	int error;

	*pins = EBPF_PINS_NONE;
	if (!rundir)
		return 0;
	pins->owner = sweep_owner(rundir);
	error = have_bpffs(make);
	if (!error) {
		pins->folder = folder_name(rundir, pins->owner);
		pins->abi = xasprintf("%s/v%d", pins->folder, VSW_BPF_ABI);
		pins->links = xasprintf("%s/links", pins->folder);
		if (make)
			error = make_and_hold(pins);
		if (error)
			ebpf_pins_close(pins);
	}
	return error && make
		       ? errtext_set(err, -error, BPFFS ": no BPF file system can be used there: %s", strerror(-error))
		       : 0;
}

void ebpf_pins_close(struct ebpf_pins *pins)
{
	ebpf_pins_release(pins);
	free(pins->folder);
	free(pins->abi);
	free(pins->links);
	pins->folder = pins->abi = pins->links = NULL;
}

/* ---- removing ---- */

/* Files in @path, and it. Return: whether it was there. */
static bool remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	if (rmdir(path))
		log_warn("%s: cannot be removed: %s", path, strerror(errno));
	return true;
}

void ebpf_pins_flush(const struct ebpf_pins *pins)
{
	if (!pins->folder)
		return;
	remove_folder(pins->abi);
	(void)make_folder(pins->abi);
}

/* Folders of ABIs, all of them or all but ours. */
static unsigned int remove_abis(const struct ebpf_pins *pins, bool ours_too)
{
	DIR *dir = pins->folder ? opendir(pins->folder) : NULL;
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		char *path = xasprintf("%s/%s", pins->folder, entry->d_name);

		if (entry->d_name[0] == 'v' && (ours_too || strcmp(path, pins->abi) != 0))
			n += remove_folder(path);
		free(path);
	}
	closedir(dir);
	return n;
}

char *ebpf_pins_link(const struct ebpf_pins *pins, int ifindex)
{
	return pins->folder ? xasprintf("%s/%d", pins->links, ifindex) : NULL;
}

unsigned int ebpf_pins_flush_links(const struct ebpf_pins *pins, bool (*keep)(void *aux, int ifindex), void *aux)
{
	DIR *dir = pins->folder ? opendir(pins->links) : NULL;
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !keep(aux, atoi(entry->d_name)))
			n += !unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return n;
}

unsigned int ebpf_pins_flush_others(const struct ebpf_pins *pins)
{
	return remove_abis(pins, false);
}

bool ebpf_pins_remove_all(struct ebpf_pins *pins)
{
	bool found;

	if (!pins->folder || access(pins->folder, F_OK))
		return false;
	found = remove_abis(pins, true);
	found |= remove_folder(pins->links);
	found |= remove_folder(pins->folder);
	rmdir(EBPF_PINS_ROOT); /* unless others are in it */
	return found;
}

/* ---- maps and programs ---- */

static char *path_of(const struct ebpf_pins *pins, const char *name)
{
	return xasprintf("%s/%s", pins->abi, name);
}

/* Is the map behind @fd as @map wants to be? */
static bool fits(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof info;

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map);
}

enum found { NOTHING, GOOD, BAD, FORBIDDEN, NEITHER };

static enum found try_map(const struct ebpf_pins *pins, struct bpf_map *map, struct errtext *why)
{
	char *path = path_of(pins, bpf_map__name(map));
	int fd = bpf_obj_get(path);
	enum found found = fd >= 0 ? GOOD : NOTHING;

	if (fd < 0 && errno != ENOENT) {
		found = errno == EPERM || errno == EACCES ? FORBIDDEN : BAD;
		errtext_set(why, errno, "%s cannot be opened: %s", path, strerror(errno));
	}
	if (fd >= 0 && (!fits(fd, map) || bpf_map__reuse_fd(map, fd))) {
		errtext_set(why, EINVAL, "map %s has another shape", bpf_map__name(map));
		found = BAD;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return found;
}

/* The compiler's own maps (constants), and what leads to one process (perf events): they belong to one program and are no state. */
static bool is_state(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
	       bpf_map__type(map) != BPF_MAP_TYPE_RINGBUF;
}

int ebpf_pins_reuse(const struct ebpf_pins *pins, struct bpf_object *object, struct errtext *why)
{
	unsigned int n_good = 0, n_missing = 0;
	struct bpf_map *map = NULL;

	why->text[0] = '\0';
	if (!pins->folder)
		return 0;
	while ((map = bpf_object__next_map(object, map))) {
		enum found found = is_state(map) ? try_map(pins, map, why) : NEITHER;

		if (found == BAD || found == FORBIDDEN)
			return found == BAD ? -ESTALE : -EPERM;
		n_good += found == GOOD;
		n_missing += found == NOTHING;
	}
	if (n_good && n_missing)
		return errtext_set(why, ESTALE, "%u of %u maps are missing", n_missing, n_good + n_missing);
	return n_good > 0;
}

int ebpf_pins_open_file(const struct ebpf_pins *pins, const char *name)
{
	char *path = path_of(pins, name);
	int fd = bpf_obj_get(path), error = fd < 0 ? -errno : 0;

	free(path);
	return error ? error : fd;
}

/* In the place of one that is there already. */
static int pin_anew(const struct ebpf_pins *pins, int fd, const char *name)
{
	char *path = path_of(pins, name);
	int error = unlink(path) && errno != ENOENT ? -errno : 0;

	if (!error && bpf_obj_pin(fd, path))
		error = -errno;
	free(path);
	return error;
}

/* The maps that are state, or those that are not. */
static int pin_maps(const struct ebpf_pins *pins, struct bpf_object *object, bool state)
{
	struct bpf_map *map = NULL;
	int error = 0;

	while (!error && (map = bpf_object__next_map(object, map)))
		if (!bpf_map__is_internal(map) && is_state(map) == state)
			error = pin_anew(pins, bpf_map__fd(map), bpf_map__name(map));
	return error;
}

static int pin_programs(const struct ebpf_pins *pins, struct bpf_object *object)
{
	struct bpf_program *program = NULL;
	int error = 0;

	while (!error && (program = bpf_object__next_program(object, program)))
		error = pin_anew(pins, bpf_program__fd(program), bpf_program__name(program));
	return error;
}

int ebpf_pins_save(const struct ebpf_pins *pins, struct bpf_object *object, bool with_maps)
{
	int error;

	if (!pins->folder)
		return 0;
	error = with_maps ? pin_maps(pins, object, true) : 0;
	if (!error)
		error = pin_maps(pins, object, false);
	return error ? error : pin_programs(pins, object);
}
