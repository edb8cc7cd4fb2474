/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsw-vmm (vsw-vmm(8)). */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H 1

#include <stdbool.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/core/memory.h"

struct options {
	const char *name;
	unsigned int n_cpus;
	struct memory_config memory;
	const char *kernel, *initrd, *append;
	bool no_reboot;
};

/** options_parse() - Return: 0; 1: help or version was printed, nothing else is to be done; -EINVAL with the sentence. */
VSW_MUST_USE int options_parse(struct options *options, int argc, char *argv[], struct errtext *err);

#endif
