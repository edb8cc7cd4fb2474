// SPDX-License-Identifier: Apache-2.0
/*
 * Locking threads up: capabilities (capabilities(7)), no_new_privs, landlock (landlock(7)), seccomp (seccomp(2), through libseccomp). All of them belong to
 * a thread and pass to those that it makes.
 */
#include "vmm/core/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/footprint.h"

LOG_MODULE(sandbox);

static struct sandbox_list *lists;
static _Atomic bool is_on;
static _Thread_local bool is_locked;

/* What the C library, liburcu and lib/os need. */
SANDBOX_CALLS(THREAD_ALL, SYS_read, SYS_write, SYS_writev, SYS_close, SYS_futex, SYS_mmap, SYS_munmap, SYS_mremap,
	      SYS_mprotect, SYS_madvise, SYS_brk, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_clock_gettime,
	      SYS_gettimeofday, SYS_time, SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall, SYS_sched_yield,
	      SYS_getpid, SYS_gettid, SYS_tgkill, SYS_exit, SYS_exit_group, SYS_membarrier, SYS_getrandom, SYS_fstat,
	      SYS_newfstatat, SYS_lseek, SYS_epoll_ctl, SYS_poll, SYS_ppoll, SYS_eventfd2, SYS_getcpu, SYS_sysinfo);
SANDBOX_CALLS(THREAD_IO, SYS_epoll_wait, SYS_epoll_pwait);
/* Connections: of the control socket, the console, the switch. */
SANDBOX_CALLS(THREAD_MAIN, SYS_accept4, SYS_sendto, SYS_sendmsg, SYS_recvmsg, SYS_recvfrom, SYS_shutdown, SYS_connect,
	      SYS_getsockopt, SYS_setsockopt, SYS_fcntl, SYS_epoll_create1);
/* More threads, which lock themselves up. */
SANDBOX_CALLS(THREAD_MAIN, SYS_clone, SYS_clone3, SYS_set_robust_list, SYS_rseq, SYS_prctl, SYS_seccomp, SYS_capset,
	      SYS_landlock_create_ruleset, SYS_landlock_restrict_self, SYS_sched_getaffinity, SYS_sigaltstack,
	      SYS_rt_sigaction);

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own. */
SANDBOX_CALLS(THREAD_ALL, SYS_sigaltstack, SYS_prlimit64, SYS_getrlimit, SYS_sched_getaffinity, SYS_gettimeofday);
#endif

/* Refused in a way that libraries expect, rather than deadly: there are no files. */
static const int refused[] = {SYS_open,	      SYS_openat,   SYS_stat,	    SYS_lstat,	SYS_access, SYS_faccessat,
			      SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_unlink, SYS_statx,  SYS_getcwd};

void sandbox_register(struct sandbox_list *list)
{
	list->next = lists;
	lists = list;
}

/* ---- the filter ---- */

static int add_list(scmp_filter_ctx ctx, const struct sandbox_list *list)
{
	int error = 0;

	for (size_t i = 0; i < list->n && !error; i++) {
		if (list->is_ioctls)
			error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS_ioctl, 1,
						 SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, list->numbers[i]));
		else
			error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, (int)list->numbers[i], 0);
		if (error == -EEXIST)
			error = 0; /* two pieces of code need it */
	}
	return error;
}

/* UNIX sockets alone. */
static int add_socket(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp domain = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SYS_socket, 1, &domain);
}

static int load_filter(enum sandbox_class class)
{
	unsigned int classes = class == THREAD_MAIN ? THREAD_MAIN | THREAD_IO : class;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int error = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && !error; i++)
		error = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT), refused[i], 0);
	for (const struct sandbox_list *list = lists; list && !error; list = list->next)
		if (list->classes & classes)
			error = add_list(ctx, list);
	if (!error && class == THREAD_MAIN)
		error = add_socket(ctx);
	/* The kernel remembers of other calls that they are allowed whatever their arguments are; ioctl goes through the filter each time. */
	if (!error)
		error = seccomp_syscall_priority(ctx, SYS_ioctl, UINT8_MAX);
	if (!error)
		error = seccomp_load(ctx);
	seccomp_release(ctx);
	return error;
}

/* ---- capabilities, landlock ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Without CAP_SETPCAP this fails, and what it bounds cannot be had anyway: no_new_privs. */
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* No file can be opened, made, removed or run, by whatever way; no TCP. A kernel without landlock has the other locks. */
static int restrict_files(void)
{
	struct {
		uint64_t fs, net, scoped;
	} rules = {0};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, error;

	if (abi < 1)
		return 0;
	/* Access rights by version: 13 at first, then REFER, TRUNCATE, IOCTL_DEV (5). */
	rules.fs = (1ull << (abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13)) - 1;
	rules.net = abi >= 4 ? 3 : 0;	 /* bind and connect of TCP */
	rules.scoped = abi >= 6 ? 1 : 0; /* abstract UNIX sockets of others */
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0);
	if (fd < 0)
		return -errno;
	error = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
	close(fd);
	return error;
}

static int lock_up(enum sandbox_class class, struct errtext *err)
{
	int error = drop_capabilities();

	if (error)
		return errtext_set(err, -error, "isolation: capabilities: %s", strerror(-error));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errtext_set(err, errno, "isolation: no_new_privs: %s", strerror(errno));
	error = restrict_files();
	if (error)
		return errtext_set(err, -error, "isolation: landlock: %s", strerror(-error));
	error = load_filter(class);
	if (error)
		return errtext_set(err, -error, "isolation: seccomp: %s; --sandbox off does without", strerror(-error));
	is_locked = true;
	return 0;
}

int sandbox_begin(struct errtext *err)
{
	int error;

	atomic_store(&is_on, true);
	error = lock_up(THREAD_MAIN, err);
	return error;
}

void sandbox_thread(enum sandbox_class class)
{
	struct errtext err = {0};

	if (!atomic_load(&is_on) || is_locked)
		return;
	if (lock_up(class, &err)) {
		log_err("%s", err.text);
		_exit(1);
	}
	footprint_release(); /* what building the filter took */
}
