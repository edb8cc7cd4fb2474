// SPDX-License-Identifier: Apache-2.0
#include "os/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NETNS_DIR "/run/netns"

static void name_to_path(char path[256], const char *name)
{
	snprintf(path, 256, NETNS_DIR "/%s", name);
}

/*
 * Names made here must be seen in other mount namespaces and vanish there, too: the folder is a mount point of shared propagation, as
 * ip-netns(8) makes it.
 */
static int prepare_dir(struct errtext *err)
{
	if (mkdir(NETNS_DIR, 0755) && errno != EEXIST)
		return errtext_set(err, errno, "cannot create " NETNS_DIR ": %s", strerror(errno));
	if (!mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL))
		return 0;
	if (errno != EINVAL || mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) ||
	    mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL))
		return errtext_set(err, errno, "cannot make " NETNS_DIR " a mount point: %s", strerror(errno));
	return 0;
}

static int raise_loopback(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* In the new namespace: hold it by a mount on @path. */
static int mount_here(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	close(fd);
	if (mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL)) {
		int error = -errno;

		unlink(path);
		return error;
	}
	return 0;
}

int netns_create(const char *name, struct errtext *err)
{
	char path[256];
	int old, error = prepare_dir(err);

	if (error)
		return error;
	name_to_path(path, name);
	old = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (old < 0)
		return errtext_set(err, errno, "/proc/thread-self/ns/net: %s", strerror(errno));
	if (unshare(CLONE_NEWNET)) {
		error = errtext_set(err, errno, "cannot make a network namespace: %s%s", strerror(errno),
				    errno == EPERM ? "; be root" : "");
		close(old);
		return error;
	}
	error = mount_here(path);
	if (!error)
		error = raise_loopback();
	netns_leave(old);
	if (error)
		return errtext_set(err, -error, "namespace %s: %s", name,
				   error == -EEXIST ? "there is one of this name already" : strerror(-error));
	return netns_open(name);
}

int netns_open(const char *name)
{
	char path[256];
	int fd;

	name_to_path(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int netns_open_pid(int pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool netns_exists(const char *name)
{
	char path[256];

	name_to_path(path, name);
	return !access(path, F_OK);
}

int netns_delete(const char *name, struct errtext *err)
{
	char path[256];

	name_to_path(path, name);
	if (umount2(path, MNT_DETACH) && errno != EINVAL && errno != ENOENT)
		return errtext_set(err, errno, "cannot unmount %s: %s", path, strerror(errno));
	if (unlink(path) && errno != ENOENT)
		return errtext_set(err, errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

int netns_enter(int fd)
{
	int old = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (old < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET)) {
		int error = -errno;

		close(old);
		return error;
	}
	return old;
}

void netns_leave(int old)
{
	if (setns(old, CLONE_NEWNET)) {
		perror("cannot return to the own network namespace");
		abort();
	}
	close(old);
}

int netns_socket(int fd, int domain, int type, int protocol)
{
	int old = netns_enter(fd);
	int s;

	if (old < 0)
		return old;
	s = socket(domain, type, protocol);
	if (s < 0)
		s = -errno;
	netns_leave(old);
	return s;
}

/* ---- ending what lives there ---- */

/* Processes that were told to end, by descriptor, so that a number that is used again hurts nobody. */
struct victims {
	int *pidfds;
	size_t n, cap;
};

static void add_victim(struct victims *v, int pidfd)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 16;
		v->pidfds = xrealloc(v->pidfds, v->cap * sizeof *v->pidfds);
	}
	v->pidfds[v->n++] = pidfd;
}

/* The namespaces as (device, inode) pairs. */
static size_t stat_names(const char *const names[], size_t n, struct stat *stats)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		char path[256];

		name_to_path(path, names[i]);
		if (!stat(path, &stats[found]))
			found++;
	}
	return found;
}

static bool lives_in(int pid, const struct stat *stats, size_t n)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	if (stat(path, &st))
		return false;
	for (size_t i = 0; i < n; i++)
		if (stats[i].st_ino == st.st_ino && stats[i].st_dev == st.st_dev)
			return true;
	return false;
}

static void find_victims(struct victims *v, const struct stat *stats, size_t n)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
		int pidfd;

		if (pid <= 1 || pid == getpid() || !lives_in(pid, stats, n))
			continue;
		pidfd = pidfd_open(pid, 0);
		/* Looked at again: the process may have ended, and another one got its number, before it was opened. */
		if (pidfd >= 0 && lives_in(pid, stats, n))
			add_victim(v, pidfd);
		else if (pidfd >= 0)
			close(pidfd);
	}
	if (dir)
		closedir(dir);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until all have ended, at most until @deadline_ms. */
static void await_victims(const struct victims *v, int64_t deadline_ms)
{
	for (size_t i = 0; i < v->n; i++) {
		struct pollfd pfd = {.fd = v->pidfds[i], .events = POLLIN};

		while (poll(&pfd, 1, (int)MAX(deadline_ms - now_ms(), 0)) < 0 && errno == EINTR)
			;
	}
}

/* One round: whoever is there now. Return: how many. */
static size_t kill_round(const struct stat *stats, size_t n, int patience_ms)
{
	struct victims v = {0};

	find_victims(&v, stats, n);
	for (size_t i = 0; i < v.n; i++)
		pidfd_send_signal(v.pidfds[i], SIGTERM, NULL, 0);
	await_victims(&v, now_ms() + patience_ms);
	for (size_t i = 0; i < v.n; i++)
		pidfd_send_signal(v.pidfds[i], SIGKILL, NULL, 0);
	await_victims(&v, now_ms() + 5000);
	for (size_t i = 0; i < v.n; i++)
		close(v.pidfds[i]);
	free(v.pidfds);
	return v.n;
}

size_t netns_kill(const char *const names[], size_t n, int patience_ms)
{
	struct stat *stats = xcalloc(n, sizeof *stats);
	size_t n_stats = stat_names(names, n, stats);
	size_t total = 0;

	/* Again, because somebody may have forked while the list was read. */
	for (int round = 0; n_stats && round < 10; round++) {
		size_t ended = kill_round(stats, n_stats, patience_ms);

		if (!ended)
			break;
		total += ended;
	}
	free(stats);
	return total;
}
