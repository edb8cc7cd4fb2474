// SPDX-License-Identifier: Apache-2.0
#include "ctl/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/rpc.h"

#define DAEMON_NAME "vsw-switchd"

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

int daemon_find(char **path, struct errtext *err)
{
	char folder[4096];

	own_folder(folder, sizeof folder);
	if (take_if_program(xasprintf("%s" DAEMON_NAME, folder), path) ||
	    take_if_program(xasprintf("%s../sbin/" DAEMON_NAME, folder), path) || find_in_path(path))
		return 0;
	return errtext_set(err, ENOENT, DAEMON_NAME " was not found beside vsw (%s) nor in PATH", folder);
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
		perror("vsw: setns");
		return;
	}
	if (o->log) {
		int fd = open(o->log, O_WRONLY | O_CREAT | O_APPEND, 0640);

		if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
			perror(o->log);
	}
	execv(path, (char *const *)argv);
	perror(path);
}

pid_t daemon_spawn(const struct daemon_options *options, struct errtext *err)
{
	char *path;
	int error = daemon_find(&path, err);
	pid_t pid;

	if (error)
		return error;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		exec_daemon(path, options);
		_exit(127);
	}
	free(path);
	return pid < 0 ? errtext_set(err, errno, "cannot start " DAEMON_NAME ": %s", strerror(errno)) : pid;
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

int daemon_wait_started(pid_t starter, const char *rundir, int timeout_ms, struct errtext *err)
{
	json_t *result = NULL;
	struct rpc *rpc;
	int status, error = wait_for_end(starter, timeout_ms);

	if (error)
		return errtext_set(err, -error, DAEMON_NAME " is not ready after %d s", timeout_ms / 1000);
	if (waitpid(starter, &status, 0) < 0)
		return errtext_set(err, errno, "waitpid: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return errtext_set(err, EIO, DAEMON_NAME " did not start: it says why above or in its log");
	error = rpc_open(&rpc, rundir, timeout_ms, err);
	if (!error) {
		error = rpc_call(rpc, "version", NULL, &result, err);
		rpc_close(rpc);
		json_decref(result);
	}
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

int daemon_stop(const char *rundir, int timeout_ms, struct errtext *err)
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
		error = rpc_call(rpc, "daemon/stop", NULL, &result, err);
	rpc_close(rpc);
	json_decref(result);
	if (error)
		return error;
	error = wait_for_end(pid, timeout_ms);
	return error ? errtext_set(err, -error, DAEMON_NAME " (process %d) has not ended after %d s", (int)pid,
				   timeout_ms / 1000)
		     : 0;
}
