// SPDX-License-Identifier: Apache-2.0
#include "ctl/topo_run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/netns.h"

#define DEFAULT_RUNDIR "/run/vsw"

static int make_dir(const char *path, struct errtext *err)
{
	if (!mkdir(path, 0755) || errno == EEXIST)
		return 0;
	return errtext_set(err, errno, "cannot create %s: %s%s", path, strerror(errno),
			   errno == EACCES ? "; be root, or name another folder with --rundir" : "");
}

/*
 * Lock @path; another process may remove it between our open and our lock, then it is opened anew. A record lock ends with this
 * very process: one of flock() would live on in a child that was forked a moment before kill -9. Return: descriptor or -errno.
 */
static int lock_file(const char *path, struct errtext *err)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		struct stat ours, there;

		if (fd < 0)
			return errtext_set(err, errno, "cannot create %s: %s", path, strerror(errno));
		if (fcntl(fd, F_SETLK, &whole)) {
			close(fd);
			return errtext_set(err, EBUSY,
					   "somebody else is bringing this topology up or down (%s is locked)", path);
		}
		if (!fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino)
			return fd;
		close(fd);
	}
}

/* The folder itself may not exist yet, so its path as typed counts. */
static char *make_prefix(const char *rundir, const char *name)
{
	char real[PATH_MAX];
	const char *path = realpath(rundir, real) ? real : rundir;

	if (!strcmp(path, DEFAULT_RUNDIR))
		return xstrdup(name);
	return xasprintf("%s-%04x", name, hash_string(path, 0) & 0xffff);
}

static bool are_texts(const json_t *list)
{
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element)
		if (!json_is_string(element))
			return false;
	return json_is_array(list);
}

static void load_namespaces(struct topo_run *run, const json_t *list)
{
	json_t *name;
	size_t i;

	run->namespaces = xcalloc(json_array_size(list), sizeof *run->namespaces);
	json_array_foreach(list, i, name)
		run->namespaces[run->n_namespaces++] = xstrdup(json_string_value(name));
}

static int load(struct topo_run *run, struct errtext *err)
{
	char *path = xasprintf("%s/state.json", run->dir);
	json_error_t where;
	bool is_there = !access(path, F_OK);
	json_t *state = is_there ? json_load_file(path, 0, &where) : NULL;
	json_t *namespaces = NULL, *bridges = NULL, *daemons = NULL;
	const char *prefix = NULL, *rundir = NULL;
	int is_private = 0, error = 0;

	if (is_there &&
	    (json_unpack(state, "{s:s, s:b, s:s, s:o, s:o, s:o}", "prefix", &prefix, "private", &is_private, "rundir",
			 &rundir, "namespaces", &namespaces, "bridges", &bridges, "daemons", &daemons) ||
	     !are_texts(namespaces) || !are_texts(bridges) || !are_texts(daemons))) {
		error = errtext_set(err, EINVAL, "%s is damaged; `ip netns` shows what is left to delete by hand",
				    path);
	} else if (is_there) {
		free(run->prefix);
		run->prefix = xstrdup(prefix);
		run->is_private = is_private;
		run->daemon_rundir = xstrdup(rundir);
		load_namespaces(run, namespaces);
		run->bridges = json_incref(bridges);
		run->daemons = json_incref(daemons);
	}
	json_decref(state);
	free(path);
	return error;
}

/* With the folder that the lock stands in. Return: descriptor or -errno. */
static int lock_topology(const char *rundir, const char *name, struct errtext *err)
{
	char *topo_dir = xasprintf("%s/topo", rundir);
	char *path = xasprintf("%s/%s.lock", topo_dir, name);
	int fd = make_dir(rundir, err);

	if (!fd)
		fd = make_dir(topo_dir, err);
	if (!fd)
		fd = lock_file(path, err);
	free(path);
	free(topo_dir);
	return fd;
}

int topo_run_open(struct topo_run *run, const struct ctl *ctl, const char *name, bool lock, struct errtext *err)
{
	*run = (struct topo_run){.name = name, .lock_fd = -1};
	run->dir = xasprintf("%s/topo/%s", ctl->rundir, name);
	run->prefix = make_prefix(ctl->rundir, name);
	if (lock) {
		run->lock_fd = lock_topology(ctl->rundir, name, err);
		if (run->lock_fd < 0)
			return run->lock_fd;
	}
	return load(run, err);
}

static void remove_lock(const struct topo_run *run)
{
	char *path = xasprintf("%s.lock", run->dir);
	char *slash;

	unlink(path);
	slash = strrchr(path, '/');
	*slash = '\0';
	rmdir(path); /* fails, rightly, while other topologies are there */
	free(path);
}

void topo_run_close(struct topo_run *run)
{
	if (run->lock_fd >= 0) {
		if (!topo_run_is_up(run))
			remove_lock(run);
		close(run->lock_fd);
	}
	for (size_t i = 0; i < run->n_namespaces; i++)
		free(run->namespaces[i]);
	free(run->namespaces);
	json_decref(run->bridges);
	json_decref(run->daemons);
	free(run->daemon_rundir);
	free(run->prefix);
	free(run->dir);
}

bool topo_run_is_up(const struct topo_run *run)
{
	return run->namespaces != NULL;
}

char *topo_run_rundir(const struct topo_run *run, const struct topo *topo, size_t on)
{
	if (on == SIZE_MAX)
		return xstrdup(run->daemon_rundir);
	return xasprintf("%s/%s", run->dir, topo->hosts[on].name);
}

char *topo_run_namespace(const struct topo_run *run, const char *host)
{
	return xasprintf("%s.%s", run->prefix, host);
}

int topo_run_open_namespace(const struct topo_run *run, const char *host, struct errtext *err)
{
	char *name = topo_run_namespace(run, host);
	int fd = netns_open(name);

	if (fd < 0)
		errtext_set(err, -fd, "host %s: namespace %s is not there: %s; bring the topology down and up again",
			    host, name, strerror(-fd));
	free(name);
	return fd;
}

/* The daemon of host @on, once. */
static void plan_daemon(struct topo_run *run, const struct topo *topo, size_t on)
{
	char *rundir = topo_run_rundir(run, topo, on);
	json_t *other;
	bool known = false;
	size_t i;

	json_array_foreach(run->daemons, i, other)
		known |= !strcmp(json_string_value(other), rundir);
	if (!known)
		json_array_append_new(run->daemons, json_string(rundir));
	free(rundir);
}

void topo_run_plan(struct topo_run *run, const struct ctl *ctl, const struct topo *topo, bool is_private)
{
	run->is_private = is_private;
	run->daemon_rundir = xstrdup(is_private ? run->dir : ctl->rundir);
	run->namespaces = xcalloc(topo->n_hosts + 1, sizeof *run->namespaces);
	if (is_private)
		run->namespaces[run->n_namespaces++] = xstrdup(run->prefix);
	for (size_t i = 0; i < topo->n_hosts; i++)
		run->namespaces[run->n_namespaces++] = topo_run_namespace(run, topo->hosts[i].name);
	run->bridges = json_array();
	run->daemons = json_array();
	if (is_private)
		json_array_append_new(run->daemons, json_string(run->dir));
	for (size_t i = 0; i < topo->n_switches; i++) {
		if (topo->switches[i].on == SIZE_MAX)
			json_array_append_new(run->bridges, json_string(topo->switches[i].name));
		else
			plan_daemon(run, topo, topo->switches[i].on);
	}
}

int topo_run_save(const struct topo_run *run, struct errtext *err)
{
	char *path = xasprintf("%s/state.json", run->dir), *temp = xasprintf("%s/state.new", run->dir);
	json_t *namespaces = json_array();
	json_t *state;
	int error = make_dir(run->dir, err);

	for (size_t i = 0; i < run->n_namespaces; i++)
		json_array_append_new(namespaces, json_string(run->namespaces[i]));
	state = json_pack("{s:s, s:b, s:s, s:o, s:O, s:O}", "prefix", run->prefix, "private", run->is_private, "rundir",
			  run->daemon_rundir, "namespaces", namespaces, "bridges", run->bridges, "daemons",
			  run->daemons);
	if (!error && (json_dump_file(state, temp, JSON_INDENT(1)) || rename(temp, path)))
		error = errtext_set(err, errno ? errno : EIO, "cannot write %s: %s", path, strerror(errno));
	json_decref(state);
	free(temp);
	free(path);
	return error;
}

static int remove_entry(const char *path, const struct stat *st VSW_UNUSED, int type VSW_UNUSED,
			struct FTW *ftw VSW_UNUSED)
{
	remove(path);
	return 0;
}

void topo_run_remove(const struct topo_run *run)
{
	nftw(run->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
