// SPDX-License-Identifier: Apache-2.0
#include "os/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parent reads this pipe: one byte means ready, end of file means that the child died. -1: no parent waits. */
static int ready_fd = -1;

/* The parent's rest of life. */
static void wait_for_child(int fd, pid_t child) __attribute__((noreturn));
static void wait_for_child(int fd, pid_t child)
{
	char byte;
	ssize_t n;
	int status;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	/* It has said why on our stderr. */
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		fprintf(stderr, "vsw-switchd: died of signal %d while starting\n", WTERMSIG(status));
	_exit(1);
}

int daemonize_fork(struct errtext *err)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC))
		return errtext_set(err, errno, "cannot detach: %s", strerror(errno));
	child = fork();
	if (child < 0) {
		int error = errno;

		close(fds[0]);
		close(fds[1]);
		return errtext_set(err, error, "cannot detach: %s", strerror(error));
	}
	if (child) {
		close(fds[1]);
		wait_for_child(fds[0], child);
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	return 0;
}

/* stdin, stdout and stderr would keep the terminal (or a pipe that somebody reads to its end) busy. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

void daemonize_ready(void)
{
	service_notify("READY=1");
	if (ready_fd < 0)
		return;
	leave_terminal();
	if (write(ready_fd, "", 1) < 0) {
		/* The parent was killed: nobody waits. */
	}
	close(ready_fd);
	ready_fd = -1;
}

static int lock_whole(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &lock) ? -errno : 0;
}

/* Whom the kernel names as the holder. Return: pid, 0: nobody, or negative errno. A holder in another pid namespace is -1's pid. */
static pid_t holder_of(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[24] = "";
	uint64_t pid;

	if (fcntl(fd, F_GETLK, &lock))
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	if (lock.l_pid > 0)
		return lock.l_pid;
	/* It lives in another pid namespace; what it wrote is the best there is. */
	if (pread(fd, text, sizeof text - 1, 0) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (str_to_uint(text, 10, INT32_MAX, &pid))
			return (pid_t)pid;
	}
	return -ESRCH;
}

pid_t pidfile_holder(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	pid = holder_of(fd);
	close(fd);
	return pid;
}

int pidfile_lock(const char *path, pid_t *holder, struct errtext *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	char text[24];
	int error, n;

	*holder = 0;
	if (fd < 0)
		return errtext_set(err, errno, "%s: %s", path, strerror(errno));
	error = lock_whole(fd);
	if (error == -EACCES || error == -EAGAIN) {
		pid_t pid = holder_of(fd);

		*holder = pid > 0 ? pid : 0;
		close(fd);
		return errtext_set(err, EBUSY, "%s: held by process %d", path, (int)*holder);
	}
	n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (!error && (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n))
		error = errno ? -errno : -EIO;
	if (error) {
		close(fd);
		return errtext_set(err, -error, "%s: %s", path, strerror(-error));
	}
	return fd;
}

void service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof sun.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		/* No service manager there: nobody to tell. */
	}
	close(fd);
}
