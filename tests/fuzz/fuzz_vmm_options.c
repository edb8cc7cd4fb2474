// SPDX-License-Identifier: Apache-2.0
/*
 * Any lines as what is typed behind vsw-vmm: each is one argument. Nothing is opened. What must hold: what is refused has one sentence on one line, what is taken
 * is within its limits.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/core/vm.h"
#include "vmm/options.h"

#define MAX_ARGS 64
#define LONGEST 4096

/* Cut @text at its newlines. Return: how many arguments that makes. */
static int split(char *text, char *argv[])
{
	static char name[] = "vsw-vmm";
	int n = 0;

	argv[n++] = name;
	for (char *arg; (arg = strsep(&text, "\n")) && n < MAX_ARGS - 1;)
		argv[n++] = arg;
	argv[n] = NULL;
	return n;
}

static void check(const struct options *o)
{
	if (!o->name || !o->kernel || !o->n_cpus || o->n_cpus > VM_MAX_CPUS || !o->memory.size ||
	    o->n_disks > OPTIONS_MAX_DISKS || o->n_nics > NIC_MAX || o->n_channels > OPTIONS_MAX_CHANNELS)
		abort();
	for (unsigned int i = 0; i < o->n_nics; i++) {
		struct nic_config config;

		if (nic_config_parse(o->nics[i], &config, NULL))
			abort(); /* it was checked */
		if (!config.n_queues || config.n_columns > NIC_MAX_COLUMNS || (!config.bridge && !config.port))
			abort();
		nic_config_fini(&config);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_ARGS], text[LONGEST + 1];
	struct options options;
	struct errtext err = {0};
	int error;

	/* Help is long, and goes to standard output. */
	if (size > LONGEST || memmem(data, size, "--h", 3) || memmem(data, size, "--v", 3) ||
	    memmem(data, size, "help", 4))
		return -1;
	log_set_level(NULL, LOG_LEVEL_OFF);
	memcpy(text, data, size);
	text[size] = '\0';
	optind = 0; /* getopt() begins anew */
	error = options_parse(&options, split(text, argv), argv, &err);
	if (error < 0 && !*err.text)
		abort();
	if (!error)
		check(&options);
	options_fini(&options);
	return 0;
}
