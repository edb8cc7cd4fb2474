// SPDX-License-Identifier: Apache-2.0
/* Options of vsw-vmm: one table, from which --help is printed, too. */
#include "vmm/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "vmm/core/cpu_model.h"
#include "vmm/core/vm.h"
#include "vmm/suboptions.h"
#include "vsw/version.h"

#define DEFAULT_RUNDIR "/run/vsw"

struct option_row {
	const char *name, *arg, *help;
	int (*set)(struct options *o, const char *value, struct errtext *err);
};

static void print_cpu_help(void)
{
	struct ds text = DS_INIT;

	cpu_model_help(&text);
	fputs(ds_cstr(&text), stdout);
	ds_fini(&text);
}

static int set_name(struct options *o, const char *value, struct errtext *err)
{
	if (!*value || strlen(value) > 63 || strpbrk(value, "/ \t\n"))
		return errtext_set(err, EINVAL,
				   "--name %s: 1 to 63 characters without blanks and slashes were expected", value);
	o->name = value;
	return 0;
}

static int set_cpus(struct options *o, const char *value, struct errtext *err)
{
	uint64_t n;

	if (!str_to_uint(value, 10, VM_MAX_CPUS, &n) || !n)
		return errtext_set(err, EINVAL, "--cpus %s: a number from 1 to %d was expected", value, VM_MAX_CPUS);
	o->n_cpus = (unsigned int)n;
	return 0;
}

static int set_cpu(struct options *o, const char *value, struct errtext *err)
{
	cpu_model_free(o->cpu);
	o->cpu = NULL;
	if (strcmp(value, "help") != 0)
		return cpu_model_parse(value, &o->cpu, err);
	print_cpu_help();
	return 1;
}

static int set_kernel(struct options *o, const char *value, struct errtext *err)
{
	(void)err;
	o->kernel = value;
	return 0;
}

static int set_initrd(struct options *o, const char *value, struct errtext *err)
{
	(void)err;
	o->initrd = value;
	return 0;
}

static int set_append(struct options *o, const char *value, struct errtext *err)
{
	(void)err;
	o->append = value;
	return 0;
}

static int set_nic(struct options *o, const char *value, struct errtext *err)
{
	struct nic_config config;
	int error;

	if (o->n_nics == NIC_MAX)
		return errtext_set(err, EINVAL, "--nic %.40s: a guest has at most %d of them", value, NIC_MAX);
	error = nic_config_parse(value, &config, err);
	if (error)
		return error;
	nic_config_fini(&config);
	o->nics[o->n_nics++] = value;
	return 0;
}

static int set_rundir(struct options *o, const char *value, struct errtext *err)
{
	(void)err;
	o->rundir = value;
	return 0;
}

static int set_control(struct options *o, const char *value, struct errtext *err)
{
	(void)err;
	o->control = value;
	return 0;
}

static int set_switch(const char *option, const char *value, bool *is_off, struct errtext *err)
{
	bool on, ok = suboption_switch(value, &on);

	*is_off = !on;
	return ok ? 0 : errtext_set(err, EINVAL, "%s %s: on or off was expected", option, value);
}

static int set_balloon(struct options *o, const char *value, struct errtext *err)
{
	return set_switch("--balloon", value, &o->no_balloon, err);
}

static int set_rng(struct options *o, const char *value, struct errtext *err)
{
	return set_switch("--rng", value, &o->no_rng, err);
}

static int set_sandbox(struct options *o, const char *value, struct errtext *err)
{
	return set_switch("--sandbox", value, &o->no_sandbox, err);
}

static int set_no_reboot(struct options *o, const char *value, struct errtext *err)
{
	(void)value, (void)err;
	o->no_reboot = true;
	return 0;
}

static const struct option_row rows[] = {
	{"name", "NAME", "the guest's name", set_name},
	{"cpus", "N", "virtual CPUs (1)", set_cpus},
	{"cpu", "MODEL[,+F][,-F]", "host-passthrough (default), host-model, x86-64-v3, ...; help lists them", set_cpu},
	{"memory", "SIZE[,KEY=VALUE...]", "RAM, such as 512M or 4G (512M)", options_set_memory},
	{"kernel", "FILE", "bzImage, or vmlinux with a PVH entry", set_kernel},
	{"initrd", "FILE", "initial RAM disk", set_initrd},
	{"append", "TEXT", "kernel command line", set_append},
	{"disk", "FILE[,KEY=VALUE...]", "a disk (virtio); may be repeated", options_set_disk},
	{"nic", "BRIDGE[,KEY=VALUE...]", "a network card on a port of the switch; may be repeated", set_nic},
	{"rundir", "DIR", "run folder of the switch ($VSW_RUNDIR, or " DEFAULT_RUNDIR ")", set_rundir},
	{"console", "stdio|socket|none", "where the serial console is (stdio)", options_set_console},
	{"control", "PATH", "a socket for commands to the running guest", set_control},
	{"balloon", "on|off", "a memory balloon, by which the host gets memory back (on)", set_balloon},
	{"rng", "on|off", "random numbers of the host for the guest (on)", set_rng},
	{"virtio-console", "KIND[,...]", "hvc0, hvc1 and named ports; may be repeated", options_set_channel},
	{"sandbox", "on|off", "the process apart from its host; off is for debugging (on)", set_sandbox},
	{"no-reboot", NULL, "end instead of a reset", set_no_reboot},
};

enum { OPT_HELP = 1000, OPT_VERSION };

static void print_row(const char *name, const char *arg, const char *help)
{
	char left[64];

	snprintf(left, sizeof left, "--%s %s", name, arg ? arg : "");
	printf("  %-30s  %s\n", left, help);
}

static void print_help(void)
{
	printf("usage: vsw-vmm --name NAME --kernel FILE [OPTION...]\nOne guest under KVM.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_row(rows[i].name, rows[i].arg, rows[i].help);
	print_row("help", NULL, "this text");
	print_row("version", NULL, "the version");
	printf("\nKeys of --memory: backend=anonymous|memfd hugepages=2M|1G thp=on|off mergeable=on|off numa=NODE "
	       "locked=on|off\n"
	       "Keys of --disk: format=raw readonly serial=TEXT\n"
	       "Keys of --nic: model=virtio|e1000|rtl8139 classic=on|off mac=MAC queues=N vhost=on|off mtu=N "
	       "anti-spoof=on|off port=NAME, and "
	       "columns of\n"
	       "the port as `vsw add-port` takes them (tag=10)\n"
	       "Keys of --console: path=FILE (of the socket)\n"
	       "Keys of --virtio-console: kind=stdio|socket path=FILE (of the socket) name=TEXT (a port, no console)\n"
	       "See vsw-vmm(8).\n");
}

static int parse_all(struct options *o, int argc, char *argv[], const struct option *table, struct errtext *err)
{
	int c, error = 0;

	opterr = 0;
	while (!error && (c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		if (c == OPT_HELP) {
			print_help();
			return 1;
		}
		if (c == OPT_VERSION) {
			puts("vsw-vmm " VSW_VERSION);
			return 1;
		}
		if (c == ':')
			return errtext_set(err, EINVAL, "%s: it needs a value; see --help", argv[optind - 1]);
		if (c == '?')
			return errtext_set(err, EINVAL, "%s: no such option; see --help", argv[optind - 1]);
		error = rows[c].set(o, optarg, err);
	}
	if (!error && optind < argc)
		error = errtext_set(err, EINVAL, "%s: no argument was expected; see --help", argv[optind]);
	return error;
}

int options_parse(struct options *o, int argc, char *argv[], struct errtext *err)
{
	struct option table[ARRAY_SIZE(rows) + 3] = {0};
	const char *rundir = getenv("VSW_RUNDIR");
	int error;

	*o = (struct options){.n_cpus = 1, .memory = {.size = 512ull << 20, .numa_node = -1}};
#ifdef __SANITIZE_ADDRESS__
	o->no_sandbox = true; /* its report of leaks wants files and other threads; --sandbox on works without that */
#endif
	o->rundir = rundir && *rundir ? rundir : DEFAULT_RUNDIR;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		table[i] = (struct option){rows[i].name, rows[i].arg ? required_argument : no_argument, NULL, (int)i};
	table[ARRAY_SIZE(rows)] = (struct option){"help", no_argument, NULL, OPT_HELP};
	table[ARRAY_SIZE(rows) + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
	error = parse_all(o, argc, argv, table, err);
	if (!error && !o->name)
		error = errtext_set(err, EINVAL, "--name: the guest needs a name; see --help");
	if (!error && !o->kernel)
		error = errtext_set(err, EINVAL, "--kernel: a file to boot was expected; see --help");
	if (!error && o->console.kind == CONSOLE_SOCKET && !o->console.path)
		o->console.path = xasprintf("%s/%s.console", o->rundir, o->name);
	if (!error)
		error = options_check_channels(o, err);
	return error;
}
