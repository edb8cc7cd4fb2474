// SPDX-License-Identifier: Apache-2.0
#include "os/bpf_probe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "os/late.h"

#define PIN_FOLDER "/sys/fs/bpf"

enum {
	TCX_INGRESS = 46, /* enum bpf_attach_type; younger than the headers */
	NO_SUCH_DEVICE = 0x7ffffff0,
	LOOPBACK = 1,
	NO_TUNNEL_KEY = 1 << 4, /* BPF_F_NO_TUNNEL_KEY */
	TUNNEL_KEY_SIZE = 44,	/* struct bpf_tunnel_key of Linux 6.1 */
};

static const char *const names[BPF_N_ABILITIES] = {
	[BPF_CAN_LOAD] = "tc programs",
	[BPF_CAN_MMAP] = "maps in memory",
	[BPF_CAN_LOOP] = "bpf_loop()",
	[BPF_CAN_CLSACT] = "attaching by tc (clsact)",
	[BPF_CAN_TCX] = "attaching by tcx links",
	[BPF_CAN_PIN] = "pinning (/sys/fs/bpf)",
	[BPF_CAN_NO_KEY] = "GRE without a key",
	[BPF_CAN_PERF] = "perf events",
};

/* libbpf: the command loads it when it is asked what the host can do. */
static struct {
	typeof(bpf_prog_load) *bpf_prog_load;
	typeof(bpf_map_create) *bpf_map_create;
	typeof(bpf_link_create) *bpf_link_create;
	typeof(bpf_prog_test_run_opts) *bpf_prog_test_run_opts;
	typeof(bpf_tc_hook_create) *bpf_tc_hook_create;
	typeof(bpf_tc_attach) *bpf_tc_attach;
	typeof(libbpf_probe_bpf_helper) *libbpf_probe_bpf_helper;
	typeof(libbpf_set_print) *libbpf_set_print;
} lib;

static int load_lib(struct errtext *err)
{
	static const char *const lib_names[] = {"libbpf.so.1", NULL};
	static const struct late_function functions[] = {
		{"bpf_prog_load", &lib.bpf_prog_load},
		{"bpf_map_create", &lib.bpf_map_create},
		{"bpf_link_create", &lib.bpf_link_create},
		{"bpf_prog_test_run_opts", &lib.bpf_prog_test_run_opts},
		{"bpf_tc_hook_create", &lib.bpf_tc_hook_create},
		{"bpf_tc_attach", &lib.bpf_tc_attach},
		{"libbpf_probe_bpf_helper", &lib.libbpf_probe_bpf_helper},
		{"libbpf_set_print", &lib.libbpf_set_print},
	};

	return lib.bpf_prog_load ? 0 : late_load(lib_names, functions, ARRAY_SIZE(functions), err);
}

const char *bpf_ability_name(enum bpf_ability ability)
{
	return ability < BPF_N_ABILITIES ? names[ability] : "?";
}

static void answer(struct bpf_probe *probe, enum bpf_ability ability, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void answer(struct bpf_probe *probe, enum bpf_ability ability, int error, const char *fmt, ...)
{
	struct bpf_answer *a = &probe->can[ability];
	va_list args;

	a->error = error;
	va_start(args, fmt);
	vsnprintf(a->why, sizeof a->why, fmt, args);
	va_end(args);
}

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool got = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	return got;
}

/* ---- the abilities ---- */

/* Return: a program that lets everything pass, or -errno. */
static int load_program(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = lib.bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "vsw_probe", "GPL", code, ARRAY_SIZE(code), NULL);

	return fd < 0 ? -errno : fd;
}

static void say_why_no_program(struct bpf_probe *probe, int error)
{
	if (error == EPERM && probe->is_locked_down)
		answer(probe, BPF_CAN_LOAD, error, "the kernel is locked down (confidentiality)");
	else if (error == EPERM || error == EACCES)
		answer(probe, BPF_CAN_LOAD, error,
		       "BPF is not allowed here; it needs CAP_BPF and CAP_NET_ADMIN (in a container: --privileged, or "
		       "--cap-add=BPF,NET_ADMIN,PERFMON)");
	else if (error == ENOSYS)
		answer(probe, BPF_CAN_LOAD, error, "this kernel was built without BPF, or a filter hides it");
	else
		answer(probe, BPF_CAN_LOAD, error, "the kernel does not load a tc program: %s", strerror(error));
}

static void probe_mmap(struct bpf_probe *probe)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = lib.bpf_map_create(BPF_MAP_TYPE_ARRAY, "vsw_probe", 4, 4096, 1, &opts);
	void *memory;

	if (fd < 0) {
		answer(probe, BPF_CAN_MMAP, errno, "the kernel makes no such map: %s", strerror(errno));
		return;
	}
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		answer(probe, BPF_CAN_MMAP, errno, "a map cannot be mapped: %s", strerror(errno));
	else
		munmap(memory, 4096);
	close(fd);
}

static void probe_loop(struct bpf_probe *probe)
{
	int can = lib.libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_loop, NULL);

	if (can < 0)
		answer(probe, BPF_CAN_LOOP, -can, "cannot be tried: %s", strerror(-can));
	else if (!can)
		answer(probe, BPF_CAN_LOOP, ENOSYS, "this kernel is older than 5.17");
}

/* The kernel looks for the device last: which error comes says how far it got. */
static void probe_tcx(struct bpf_probe *probe, int program)
{
	int fd = lib.bpf_link_create(program, NO_SUCH_DEVICE, (enum bpf_attach_type)TCX_INGRESS, NULL);
	int error = errno;

	if (fd >= 0)
		close(fd);
	else if (error != ENODEV)
		answer(probe, BPF_CAN_TCX, error == EINVAL ? ENOSYS : error,
		       error == EINVAL ? "this kernel is older than 6.6" : "%s", strerror(error));
}

/* A program that sets such metadata on the packet of a test run. Return: what the helper says, or another negative errno. */
static int set_tunnel_without_key(void)
{
	static const struct bpf_insn code[] = {
		/* struct bpf_tunnel_key, all zero, on the stack */
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -48},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -40},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -32},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -24},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -16},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -48},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = TUNNEL_KEY_SIZE},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = NO_TUNNEL_KEY},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_set_tunnel_key},
		{.code = BPF_JMP | BPF_EXIT},
	};
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof frame, .repeat = 1);
	int fd = lib.bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "vsw_probe", "GPL", code, ARRAY_SIZE(code), NULL), error;

	if (fd < 0)
		return -errno;
	error = lib.bpf_prog_test_run_opts(fd, &run) ? -errno : (int)run.retval;
	close(fd);
	return error;
}

bool bpf_probe_tunnel_without_key(void)
{
	struct errtext err;

	return !load_lib(&err) && !set_tunnel_without_key();
}

static void probe_no_key(struct bpf_probe *probe)
{
	int error = -set_tunnel_without_key();

	if (error)
		answer(probe, BPF_CAN_NO_KEY, error == EINVAL ? ENOSYS : error,
		       error == EINVAL ? "this kernel is older than 6.2" : "%s", strerror(error));
}

static void probe_pin(struct bpf_probe *probe)
{
	struct statfs fs;

	if (statfs(PIN_FOLDER, &fs))
		answer(probe, BPF_CAN_PIN, errno, PIN_FOLDER ": %s", strerror(errno));
	else if (fs.f_type != BPF_FS_MAGIC)
		answer(probe, BPF_CAN_PIN, ENODEV,
		       "no BPF file system there; `mount -t bpf bpf " PIN_FOLDER "` makes one");
	else if (access(PIN_FOLDER, W_OK | X_OK))
		answer(probe, BPF_CAN_PIN, errno, PIN_FOLDER ": %s", strerror(errno));
}

static void probe_perf(struct bpf_probe *probe)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
	};
	long fd = syscall(__NR_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		answer(probe, BPF_CAN_PERF, errno, "perf_event_open: %s%s", strerror(errno),
		       errno == EPERM || errno == EACCES ? "; it needs CAP_PERFMON" : "");
	else
		close((int)fd);
}

/* ---- attaching, in a namespace of its own ---- */

struct attach {
	struct bpf_probe *probe;
	int program;
};

static void attach_to_loopback(const struct attach *a)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LOOPBACK, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = a->program);
	int error = -lib.bpf_tc_hook_create(&hook);

	if (error) {
		answer(a->probe, BPF_CAN_CLSACT, error, "no clsact qdisc: %s%s", strerror(error),
		       error == ENOENT ? "; `modprobe sch_ingress`" : "");
		return;
	}
	error = -lib.bpf_tc_attach(&hook, &opts);
	if (error)
		answer(a->probe, BPF_CAN_CLSACT, error, "tc takes no BPF program: %s%s", strerror(error),
		       error == ENOENT ? "; `modprobe cls_bpf`" : "");
}

/* A thread may leave the others' network namespace; what it made there goes with it. */
static void *attach_thread(void *a_)
{
	const struct attach *a = a_;

	if (unshare(CLONE_NEWNET))
		answer(a->probe, BPF_CAN_CLSACT, errno, "cannot be tried: no namespace of our own: %s",
		       strerror(errno));
	else
		attach_to_loopback(a);
	return NULL;
}

static void probe_clsact(struct bpf_probe *probe, int program)
{
	struct attach a = {probe, program};
	sigset_t all, old;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, attach_thread, &a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		answer(probe, BPF_CAN_CLSACT, error, "cannot be tried: %s", strerror(error));
	else
		pthread_join(thread, NULL);
}

/* ---- all together ---- */

static int say_nothing(enum libbpf_print_level level VSW_UNUSED, const char *fmt VSW_UNUSED, va_list args VSW_UNUSED)
{
	return 0;
}

static void look_around(struct bpf_probe *probe)
{
	char line[128];

	if (read_line("/sys/kernel/security/lockdown", line, sizeof line))
		probe->is_locked_down = strstr(line, "[confidentiality]");
	if (read_line("/proc/sys/net/core/bpf_jit_enable", line, sizeof line))
		probe->has_jit = line[0] != '0';
	probe->has_btf = !access("/sys/kernel/btf/vmlinux", R_OK);
}

/* What all of it needs, and what needs it in vain. */
static void answer_no_program(struct bpf_probe *probe, int error)
{
	for (int i = 0; i < BPF_N_ABILITIES; i++)
		if (i != BPF_CAN_LOAD && i != BPF_CAN_PIN && i != BPF_CAN_PERF)
			answer(probe, (enum bpf_ability)i, error, "cannot be tried without tc programs");
}

static void probe_programs(struct bpf_probe *probe)
{
	int program = load_program();

	if (program < 0) {
		say_why_no_program(probe, -program);
		answer_no_program(probe, -program);
		return;
	}
	probe_mmap(probe);
	probe_loop(probe);
	probe_tcx(probe, program);
	probe_no_key(probe);
	probe_clsact(probe, program);
	close(program);
}

void bpf_probe_run(struct bpf_probe *probe)
{
	struct errtext err;
	int error = load_lib(&err);

	*probe = (struct bpf_probe){0};
	look_around(probe);
	if (error) {
		answer(probe, BPF_CAN_LOAD, -error, "%s", err.text);
		answer_no_program(probe, -error);
	} else {
		libbpf_print_fn_t print = lib.libbpf_set_print(say_nothing);

		probe_programs(probe);
		lib.libbpf_set_print(print);
	}
	probe_pin(probe);
	probe_perf(probe);
}

int bpf_probe_obstacle(const struct bpf_probe *probe, struct errtext *err)
{
	static const enum bpf_ability needed[] = {BPF_CAN_LOAD, BPF_CAN_MMAP, BPF_CAN_LOOP};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		const struct bpf_answer *a = &probe->can[needed[i]];

		if (a->error)
			return errtext_set(err, a->error, "%s: %s", bpf_ability_name(needed[i]), a->why);
	}
	/* Either way of attaching will do. */
	if (probe->can[BPF_CAN_CLSACT].error && probe->can[BPF_CAN_TCX].error)
		return errtext_set(err, probe->can[BPF_CAN_CLSACT].error, "%s: %s", bpf_ability_name(BPF_CAN_CLSACT),
				   probe->can[BPF_CAN_CLSACT].why);
	return 0;
}
