// SPDX-License-Identifier: Apache-2.0
#include "ctl/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/rpc.h"

#define DAEMON_NAME "vsw-switchd"

/* How long a killed process may take to go. */
enum { LINGER_MS = 3000 };

/* @path is taken over. */
static bool take_if_program(char *path, char **result)
{
	if (!access(path, X_OK)) {
		*result = path;
		return true;
	}
	free(path);
	return false;
}

/* The folder of this program, with a slash at its end; "" when the kernel does not tell. */
static void own_folder(char *folder, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", folder, size - 1);
	char *slash;

	folder[MAX(n, 0)] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		slash[1] = '\0';
}

static bool find_in_path(char **path)
{
	const char *list = getenv("PATH");
	char *copy = xstrdup(list ? list : "");
	char *save;
	bool found = false;

	for (char *dir = strtok_r(copy, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save))
		found = take_if_program(xasprintf("%s/" DAEMON_NAME, dir), path);
	free(copy);
	return found || take_if_program(xstrdup("/usr/sbin/" DAEMON_NAME), path);
}

char *daemon_find(struct errtext *err)
{
	char folder[4096];
	char *path = NULL;

	own_folder(folder, sizeof folder);
	if (take_if_program(xasprintf("%s" DAEMON_NAME, folder), &path) ||
	    take_if_program(xasprintf("%s../sbin/" DAEMON_NAME, folder), &path) || find_in_path(&path))
		return path;
	errtext_set(err, ENOENT, DAEMON_NAME " was not found beside vsw (%s) nor in PATH", folder);
	return NULL;
}

/* In the child: become the daemon's starter. Returns only on failure. */
static void exec_daemon(const char *path, const struct daemon_options *o)
{
	const char *argv[12];
	size_t n = 0;

	argv[n++] = path;
	argv[n++] = "--rundir";
	argv[n++] = o->rundir;
	argv[n++] = "--detach";
	if (o->db) {
		argv[n++] = "--db";
		argv[n++] = o->db;
	}
	if (o->datapath) {
		argv[n++] = "--datapath";
		argv[n++] = o->datapath;
	}
	if (o->log) {
		argv[n++] = "--log-file";
		argv[n++] = o->log;
	}
	argv[n] = NULL;
	if (o->netns >= 0 && setns(o->netns, CLONE_NEWNET)) {
		perror("setns");
		return;
	}
	/* A namespace of its own, where nobody clears devices of qdiscs, and which is to go quickly: links take 10 ms each to end. */
	if (o->netns >= 0)
		setenv("VSW_EBPF_HOOK", "clsact", 0);
	execv(path, (char *const *)argv);
	perror(path);
}

int daemon_spawn(struct daemon_start *start, const struct daemon_options *options, struct errtext *err)
{
	char *path = daemon_find(err);
	pid_t self = getpid();
	int error = 0;

	*start = (struct daemon_start){.messages = -1};
	if (!path)
		return -ENOENT;
	start->messages = memfd_create("messages", MFD_CLOEXEC);
	fflush(NULL);
	start->pid = start->messages < 0 ? -1 : fork();
	if (!start->pid) {
		/* Before it has its own place, whoever cleans up behind us would not find it. Does not outlive the fork of --detach. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(127);
		dup2(start->messages, STDERR_FILENO);
		exec_daemon(path, options);
		_exit(127);
	}
	if (start->pid < 0) {
		error = errtext_set(err, errno, "cannot start " DAEMON_NAME ": %s", strerror(errno));
		start->pid = 0;
	}
	free(path);
	return error;
}

/* Wait until process @pid has ended. Return: 0 or -errno. */
static int wait_for_end(pid_t pid, int timeout_ms)
{
	struct pollfd pfd = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int n;

	if (pfd.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	do
		n = poll(&pfd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	close(pfd.fd);
	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}

/* The last line of what the starter said: the reason, when it failed. */
static int tell_reason(const struct daemon_start *start, struct errtext *err)
{
	static const char prefix[] = DAEMON_NAME ": ";
	char text[2048];
	ssize_t n = pread(start->messages, text, sizeof text - 1, 0);
	char *line = text, *newline;

	text[MAX(n, 0)] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	newline = strrchr(text, '\n');
	if (newline)
		line = newline + 1;
	if (!strncmp(line, prefix, sizeof prefix - 1))
		line += sizeof prefix - 1;
	return errtext_set(err, EIO, DAEMON_NAME " does not start: %s", *line ? line : "its log says why");
}

static int await_starter(struct daemon_start *start, int timeout_ms, struct errtext *err)
{
	int status, error = wait_for_end(start->pid, timeout_ms);

	if (error)
		return errtext_set(err, -error, DAEMON_NAME " is not ready after %d s", timeout_ms / 1000);
	if (waitpid(start->pid, &status, 0) < 0)
		return errtext_set(err, errno, "waitpid: %s", strerror(errno));
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : tell_reason(start, err);
}

int daemon_await(struct daemon_start *start, const char *rundir, int timeout_ms, struct errtext *err)
{
	json_t *result = NULL;
	struct rpc *rpc;
	int error = await_starter(start, timeout_ms, err);

	close(start->messages);
	*start = (struct daemon_start){.messages = -1};
	if (!error)
		error = rpc_open(&rpc, rundir, timeout_ms, err);
	if (error)
		return error;
	error = rpc_call(rpc, "version", NULL, &result, err);
	rpc_close(rpc);
	json_decref(result);
	return error;
}

/* The process behind the socket: as it says itself, so that it does not matter who of its parents called listen(). */
static int daemon_pid(struct rpc *rpc, pid_t *pid, struct errtext *err)
{
	json_t *status = NULL;
	int error = rpc_call(rpc, "status", json_pack("{s:s}", "format", "json"), &status, err);

	*pid = error ? 0 : (pid_t)json_integer_value(json_object_get(status, "pid"));
	json_decref(status);
	if (!error && *pid <= 1)
		return errtext_set(err, EPROTO, DAEMON_NAME " does not tell its process id");
	return error;
}

int daemon_stop(const char *rundir, bool purge, int timeout_ms, struct errtext *err)
{
	json_t *result = NULL;
	struct rpc *rpc;
	pid_t pid;
	int error = rpc_open(&rpc, rundir, timeout_ms, err);

	if (rpc_is_absent(error))
		return 0;
	if (error)
		return error;
	error = daemon_pid(rpc, &pid, err);
	if (!error)
		error = rpc_call(rpc, "daemon/stop", purge ? json_pack("{s:b}", "purge", 1) : NULL, &result, err);
	rpc_close(rpc);
	json_decref(result);
	if (error)
		return error;
	error = wait_for_end(pid, timeout_ms);
	return error ? errtext_set(err, -error, DAEMON_NAME " (process %d) has not ended after %d s", (int)pid,
				   timeout_ms / 1000)
		     : 0;
}

/* What it says is of no use to anybody: the exit status counts. */
static void exec_purge(const char *path, const char *rundir)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	execl(path, path, "--rundir", rundir, "--stop", "--purge", (char *)NULL);
}

/* The process that wrote the pid file, if it is still called so. Return: a descriptor, or -1. */
static int open_process(const char *rundir)
{
	char *path = xasprintf("%s/" DAEMON_NAME ".pid", rundir), comm_path[64], name[32] = "";
	FILE *f = fopen(path, "re");
	int pid = 0, fd = -1;

	free(path);
	if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
		fd = pidfd_open(pid, 0);
	if (f)
		fclose(f);
	if (fd < 0)
		return -1;
	snprintf(comm_path, sizeof comm_path, "/proc/%d/comm", pid);
	f = fopen(comm_path, "re");
	if (!f || !fgets(name, sizeof name, f) || strcmp(name, DAEMON_NAME "\n") != 0) {
		close(fd);
		fd = -1;
	}
	if (f)
		fclose(f);
	return fd;
}

/* The daemon has been ended; the kernel may still be closing its devices. Somebody else's process of that name and number is not waited for long. */
static void await_process(int pidfd)
{
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0)
		return;
	while (poll(&pfd, 1, LINGER_MS) < 0 && errno == EINTR)
		;
	close(pidfd);
}

static int run_purge(const char *rundir, int netns, struct errtext *err)
{
	char *path = daemon_find(err);
	int status = 0;
	pid_t pid;

	if (!path)
		return -ENOENT;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (netns < 0 || !setns(netns, CLONE_NEWNET))
			exec_purge(path, rundir);
		_exit(127);
	}
	free(path);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errtext_set(err, errno, "cannot start " DAEMON_NAME ": %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return errtext_set(err, EIO, "`" DAEMON_NAME " --rundir %s --stop --purge` fails", rundir);
	return 0;
}

int daemon_purge(const char *rundir, int netns, struct errtext *err)
{
	int process = open_process(rundir), error = run_purge(rundir, netns, err);

	await_process(process);
	return error;
}
