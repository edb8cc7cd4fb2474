// SPDX-License-Identifier: Apache-2.0
/* The host: BPF, what the kernel has for networks and guests, limits. Found out here, so that it works without a daemon. */
#include "ctl/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "os/bpf_probe.h"
#include "os/kernel_part.h"
#include "os/kvm_probe.h"

/* ---- BPF ---- */

#define PIN_FOLDER "/sys/fs/bpf/vsw"

/* Does a daemon hold the folder of its pins? */
static bool is_held(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool held = fd < 0 || flock(fd, LOCK_EX | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return held;
}

/* Kernel parts of switches whose daemon has ended: they forward what they know, and hold memory. */
static void find_headless(json_t *findings)
{
	DIR *dir = opendir(PIN_FOLDER);
	struct dirent *entry;
	char last[NAME_MAX + 1];
	size_t n = 0;
	json_t *f;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_held(dirfd(dir), entry->d_name))
			continue;
		snprintf(last, sizeof last, "%s", entry->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	if (!n)
		return;
	f = doctor_find(findings, "BPF", "switches without a daemon", DOCTOR_LIMITED, "%zu, as " PIN_FOLDER "/%s", n,
			last);
	doctor_instead(f, "the kernel forwards what it has flows for, and drops the rest (no-daemon)");
	doctor_mend(f, "vsw service start; or vsw-switchd --rundir FOLDER --stop --purge");
}

void doctor_bpf(json_t *findings)
{
	static const char *const instead[BPF_N_ABILITIES] = {
		[BPF_CAN_LOAD] = "the `user` datapath",
		[BPF_CAN_MMAP] = "the `user` datapath",
		[BPF_CAN_LOOP] = "the `user` datapath",
		[BPF_CAN_CLSACT] = "tcx links where there are any, else the `user` datapath",
		[BPF_CAN_TCX] = "tc filters on a clsact qdisc, as good as long as nobody deletes that qdisc",
		[BPF_CAN_PIN] =
			("a BPF file system that the daemon mounts itself where it may; else packets stop while it "
			 "restarts"),
		[BPF_CAN_NO_KEY] = "the daemon sends what goes to GRE ports without a key (options:key sets one)",
		[BPF_CAN_PERF] = "`vsw capture` sees those packets only that the daemon forwards",
	};
	static const char *const mend[BPF_N_ABILITIES] = {
		[BPF_CAN_TCX] = "Linux 6.6 or younger has it",
		[BPF_CAN_NO_KEY] = "Linux 6.2 or younger has it",
		[BPF_CAN_LOOP] = "Linux 5.17 or younger has it",
		[BPF_CAN_PIN] = "mount -t bpf bpf /sys/fs/bpf",
	};
	struct bpf_probe probe;

	bpf_probe_run(&probe);
	for (int i = 0; i < BPF_N_ABILITIES; i++) {
		const struct bpf_answer *a = &probe.can[i];
		json_t *f = doctor_find(findings, "BPF", bpf_ability_name((enum bpf_ability)i),
					a->error ? DOCTOR_NO : DOCTOR_YES, "%s", a->why);

		doctor_instead(f, "%s", instead[i]);
		if (mend[i] && !(a->error == EPERM || a->error == EACCES))
			doctor_mend(f, "%s", mend[i]);
		else if (geteuid() != 0)
			doctor_mend(f, "sudo vsw doctor");
	}
	if (!probe.has_jit)
		doctor_mend(doctor_find(findings, "BPF", "JIT compiler", DOCTOR_LIMITED, "programs are interpreted"),
			    "sysctl net.core.bpf_jit_enable=1");
	find_headless(findings);
	doctor_find(findings, "BPF", "type information (BTF)", probe.has_btf ? DOCTOR_YES : DOCTOR_LIMITED, "%s",
		    probe.has_btf ? "" : "not needed; bpftool shows less");
}

/* ---- networks ---- */

static void find_af_xdp(json_t *findings)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	json_t *f = doctor_find(findings, "network", "AF_XDP sockets", fd >= 0 ? DOCTOR_YES : DOCTOR_NO, "%s",
				fd >= 0 ? "" : strerror(errno));

	doctor_instead(f, "packet sockets (AF_PACKET)");
	if (fd >= 0)
		close(fd);
}

static void find_tun(json_t *findings)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;
	json_t *f = doctor_find(findings, "network", "TAP devices (/dev/net/tun)", error ? DOCTOR_NO : DOCTOR_YES, "%s",
				error ? strerror(error) : "");

	doctor_instead(f, "nothing: no ports for guests, and no `ebpf` datapath (misses come up through a TAP)");
	if (error == ENOENT || error == ENODEV)
		doctor_mend(f, "modprobe tun");
	else if (error)
		doctor_mend(f, "run as root");
	if (fd >= 0)
		close(fd);
}

struct part {
	const char *module, *kind, *what, *instead;
};

static void find_part(json_t *findings, const struct part *part)
{
	static const struct {
		enum doctor_state state;
		const char *detail;
	} said[] = {
		[KERNEL_PART_HERE] = {DOCTOR_YES, ""},
		[KERNEL_PART_LOADABLE] = {DOCTOR_YES, "loaded when it is needed"},
		[KERNEL_PART_ABSENT] = {DOCTOR_NO, "this kernel does not have it"},
		[KERNEL_PART_UNKNOWN] = {DOCTOR_UNKNOWN, "no sign of it"},
	};
	enum kernel_part p = kernel_part_find(part->module, part->kind);
	json_t *f = doctor_find(findings, "network", part->what, said[p].state, "%s", said[p].detail);

	doctor_instead(f, "%s", part->instead);
}

void doctor_network(json_t *findings)
{
	static const struct part parts[] = {
		{"veth", "veth", "veth pairs", "nothing: internal ports and topologies need them"},
		{"vxlan", "vxlan", "VXLAN", "nothing: no tunnels of type=vxlan"},
		{"geneve", "geneve", "Geneve", "nothing: no tunnels of type=geneve"},
		{"ip_gre", "gretap", "GRE", "nothing: no tunnels of type=gre"},
		{"8021q", "vlan", "VLAN devices", "VLANs of ports (tag, trunks), which need no device"},
		{"bonding", "bond", "bonding", "bonds of vsw (`vsw add-bond`), which need no module"},
		{"sch_htb", NULL, "qdisc htb", "queues of our own in the `user` datapath; none in `ebpf`"},
		{"openvswitch", NULL, "openvswitch", "datapaths of our own; nothing is missing"},
	};

	find_af_xdp(findings);
	find_tun(findings);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		find_part(findings, &parts[i]);
}

/* ---- guests ---- */

static void find_kvm(json_t *findings)
{
	struct kvm_probe p;
	json_t *f;

	kvm_probe_run(&p);
	if (p.error) {
		f = doctor_find(findings, "guests", "KVM", DOCTOR_NO, "/dev/kvm: %s", strerror(p.error));
		doctor_instead(f, "nothing: guests cannot run here");
		if (p.error == EACCES || p.error == EPERM)
			doctor_mend(f, "adduser %s kvm", getenv("USER") ? getenv("USER") : "YOU");
		else
			doctor_mend(f, "modprobe kvm_intel || modprobe kvm_amd (and switch it on in the firmware)");
		return;
	}
	f = doctor_find(findings, "guests", "KVM",
			p.runs_long   ? DOCTOR_YES
			: p.runs_real ? DOCTOR_LIMITED
				      : DOCTOR_NO,
			"%s, %d vCPUs per guest%s", p.which, p.max_vcpus,
			p.runs_long   ? ""
			: p.runs_real ? "; it runs small programs, but not the code of a stock 64-bit kernel"
				      : "; it runs no code at all");
	doctor_instead(f, "nothing: guests with stock kernels cannot run here");
	doctor_mend(f, "use a machine whose processor (or hypervisor, as nested virtualization) offers VMX or SVM");
	doctor_find(findings, "guests", "guests of guests",
		    p.nested == 1   ? DOCTOR_YES
		    : p.nested == 0 ? DOCTOR_NO
				    : DOCTOR_UNKNOWN,
		    "%s", p.nested < 0 ? "the kernel does not tell" : "");
}

static void find_vhost(json_t *findings)
{
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC), error = fd < 0 ? errno : 0;
	json_t *f = doctor_find(findings, "guests", "vhost-net", error ? DOCTOR_NO : DOCTOR_YES, "%s%s",
				error ? "/dev/vhost-net: " : "", error ? strerror(error) : "");

	doctor_instead(f, "virtio-net in the VMM's own process, with the same features");
	if (error == ENOENT && kernel_part_find("vhost_net", NULL) == KERNEL_PART_LOADABLE)
		doctor_mend(f, "modprobe vhost_net");
	else if (error == EACCES)
		doctor_mend(f, "adduser %s kvm", getenv("USER") ? getenv("USER") : "YOU");
	if (fd >= 0)
		close(fd);
}

static long number_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			n = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return n;
}

void doctor_guests(json_t *findings)
{
	long huge = number_in("/proc/meminfo", "HugePages_Total:"), kb = number_in("/proc/meminfo", "Hugepagesize:");
	json_t *f;

	find_kvm(findings);
	find_vhost(findings);
	f = doctor_find(findings, "guests", "huge pages", huge > 0 ? DOCTOR_YES : DOCTOR_LIMITED,
			huge > 0 ? "%ld of %ld kB" : "none reserved", huge, kb);
	doctor_instead(f, "ordinary pages; transparent huge pages where the kernel makes some");
	doctor_mend(f, "sysctl vm.nr_hugepages=512");
}

/* ---- limits ---- */

static void find_rlimit(json_t *findings, int resource, const char *what, unsigned long wanted, const char *mend)
{
	struct rlimit limit;
	bool enough;

	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return;
	enough = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted;
	if (limit.rlim_max == RLIM_INFINITY)
		doctor_find(findings, "limits", what, DOCTOR_YES, "unlimited");
	else
		doctor_mend(doctor_find(findings, "limits", what, enough ? DOCTOR_YES : DOCTOR_LIMITED, "%llu",
					(unsigned long long)limit.rlim_max),
			    "%s", mend);
}

/* The table of neighbours of all namespaces together: a switch of many hosts fills it. */
static void find_neighbours(json_t *findings, const char *family)
{
	char path[96], what[64];
	long n;

	snprintf(path, sizeof path, "/proc/sys/net/%s/neigh/default/gc_thresh3", family);
	snprintf(what, sizeof what, "neighbour table (%s)", family);
	n = number_in(path, "");
	if (n < 0)
		return;
	doctor_mend(doctor_find(findings, "limits", what, n >= 4096 ? DOCTOR_YES : DOCTOR_LIMITED,
				n >= 4096 ? "%ld hosts"
					  : "%ld hosts in all namespaces together; beyond that ARP and ND fail",
				n),
		    "sysctl net.%s.neigh.default.gc_thresh3=65536 net.%s.neigh.default.gc_thresh2=32768", family,
		    family);
}

void doctor_limits(json_t *findings)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	doctor_find(findings, "limits", "processors", cores >= 2 ? DOCTOR_YES : DOCTOR_LIMITED, "%ld", cores);
	find_rlimit(findings, RLIMIT_NOFILE, "open files", 65536, "ulimit -Hn 1048576 (LimitNOFILE= in the unit)");
	find_rlimit(findings, RLIMIT_MEMLOCK, "locked memory", 64ul << 20,
		    "ulimit -Hl unlimited (only kernels before 5.11 count BPF maps)");
	find_neighbours(findings, "ipv4");
	find_neighbours(findings, "ipv6");
}
