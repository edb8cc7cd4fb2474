// SPDX-License-Identifier: Apache-2.0
/* Launcher, namespaces, empty root. */
#include "vmm/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <urcu.h>

#include "base/log.h"
#include "vmm/core/footprint.h"
#include "vmm/core/iothread.h"
#include "vmm/core/sandbox.h"

LOG_MODULE(isolate);

#define MAX_LEFT 16

/** What both processes see. */
struct shared {
	pid_t launcher;
	unsigned int n_left;
	char left[MAX_LEFT][PATH_MAX]; /* files to be removed */
};

static struct shared *shared;
static bool has_mounts; /* a mount namespace of its own */
static volatile pid_t child;

/* ---- the launcher ---- */

static void pass_on(int signal_number)
{
	if (child > 0)
		kill(child, signal_number);
}

static void clean_up(const struct termios *terminal)
{
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, terminal);
	for (unsigned int i = 0; i < MIN(shared->n_left, MAX_LEFT); i++)
		unlink(shared->left[i]);
}

/* What the guest's process could not say itself. */
static int status_of(int status, const char *guest)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGSYS)
		log_err("%s: it asked the kernel for what it has no business with, and was killed (seccomp)", guest);
	else
		log_err("%s: killed by signal %d (%s)", guest, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return 1;
}

static void launch(const char *guest) __attribute__((noreturn));
static void launch(const char *guest)
{
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	struct termios saved;
	bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
	int status = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	footprint_release();
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	clean_up(is_terminal ? &saved : NULL);
	_exit(status_of(status, guest));
}

/* ---- namespaces ---- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -errno : 0;
}

/* In the new user namespace we are who we were. */
static void map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	snprintf(text, sizeof text, "%u %u 1", uid, uid);
	if (write_file("/proc/self/uid_map", text))
		log_dbg("uid_map: %s", strerror(errno));
	if (write_file("/proc/self/setgroups", "deny"))
		log_dbg("setgroups: %s", strerror(errno));
	snprintf(text, sizeof text, "%u %u 1", gid, gid);
	if (write_file("/proc/self/gid_map", text))
		log_dbg("gid_map: %s", strerror(errno));
}

/* What the child will be in: a process cannot change its own PID namespace. */
static int unshare_for_child(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWPID | CLONE_NEWIPC) == 0)
		return 0;
	if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC) < 0)
		return -errno;
	map_ids(uid, gid);
	return 0;
}

/* In the child: the launcher goes on to see the host's files, for it has some to remove. */
static int unshare_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	has_mounts = true;
	return 0;
}

/* Die with the launcher; it may have died already. */
static int tie_to_launcher(int life, struct errtext *err)
{
	struct pollfd over = {.fd = life};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return errtext_set(err, errno, "isolation: %s", strerror(errno));
	if (poll(&over, 1, 0) == 1)
		_exit(1);
	close(life);
	return 0;
}

int isolate_split(const char *guest, struct errtext *err)
{
	int life[2], error;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pipe2(life, O_CLOEXEC) < 0)
		return errtext_set(err, errno, "isolation: %s", strerror(errno));
	shared->launcher = getpid();
	error = unshare_for_child();
	child = fork();
	if (child < 0)
		return errtext_set(err, errno, "isolation: a second process: %s", strerror(errno));
	if (child) {
		close(life[0]); /* the other end stays open as long as we live */
		launch(guest);
	}
	close(life[1]);
	if (!error)
		error = unshare_mounts();
	if (error)
		log_warn("isolation: no namespaces of its own: %s; seccomp and the rest are there", strerror(-error));
	return tie_to_launcher(life[0], err);
}

pid_t isolate_launcher(void)
{
	return shared ? shared->launcher : getpid();
}

void isolate_leave(const char *path)
{
	if (shared && shared->n_left < MAX_LEFT && strlen(path) < PATH_MAX)
		strcpy(shared->left[shared->n_left++], path);
}

/* ---- the empty root ---- */

/* The folders of @path below the current one. */
static int make_folders(char *path)
{
	for (char *p = path; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (*path && mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* @tree: a detached copy of @folder's mount. */
static int show_folder(int tree, const char *folder)
{
	char *path = xstrdup(folder + strspn(folder, "/"));
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
	int error = make_folders(path);

	if (!error && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		error = -errno;
	if (!error && move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		error = -errno;
	free(path);
	return error;
}

static int change_root(const char *folder)
{
	static const char place[] = "/proc"; /* a folder that every host has, and that nothing needs any more */
	char *real = folder ? realpath(folder, NULL) : NULL;
	int tree = real ? open_tree(AT_FDCWD, real, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1, error = 0;

	if (mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") < 0 ||
	    chdir(place) < 0)
		error = -errno;
	if (!error && tree >= 0)
		error = show_folder(tree, real);
	if (!error &&
	    mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		error = -errno;
	/* The old root comes to lie above the new one at the same place, and is taken away. */
	if (!error && (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0))
		error = -errno;
	if (tree >= 0)
		close(tree);
	free(real);
	return error;
}

static void lock_io_thread(void *aux)
{
	(void)aux;
	sandbox_thread(THREAD_IO);
}

static void lock_rcu_thread(struct rcu_head *head)
{
	(void)head;
	sandbox_thread(THREAD_IO);
}

int isolate_enter(const char *folder, struct errtext *err)
{
	static struct rcu_head head;
	int error = has_mounts ? change_root(folder) : 0;

	if (error)
		return errtext_set(err, -error, "isolation: an empty root folder: %s; --sandbox off does without",
				   strerror(-error));
	error = sandbox_begin(err);
	if (error)
		return error;
	iothread_run_in_all(lock_io_thread, NULL);
	/* Whoever frees what RCU readers are done with is a thread, too. */
	urcu_memb_call_rcu(&head, lock_rcu_thread);
	urcu_memb_barrier();
	return 0;
}
