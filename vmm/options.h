/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsw-vmm (vsw-vmm(8)). */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H 1

#include <stdbool.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/core/memory.h"
#include "vmm/nic.h"

#define OPTIONS_MAX_DISKS 16
#define OPTIONS_MAX_CHANNELS 16

/** --disk; heap strings. */
struct disk_options {
	char *path, *format, *serial; /**< serial may be NULL */
	bool read_only;
};

/** --console */
struct console_options {
	enum { CONSOLE_STDIO, CONSOLE_SOCKET, CONSOLE_NONE } kind;
	char *path; /**< CONSOLE_SOCKET: the socket */
};

/** --virtio-console, one for each port; heap strings. */
struct channel_options {
	bool is_socket;	   /**< else standard input and output */
	char *path, *name; /**< of the socket; of the port, NULL: a console */
};

struct cpu_model;

struct options {
	const char *name;
	unsigned int n_cpus;
	struct memory_config memory;
	struct cpu_model *cpu; /**< NULL: host-passthrough */
	const char *kernel, *initrd, *append;
	size_t n_disks;
	struct disk_options disks[OPTIONS_MAX_DISKS];
	struct console_options console;
	const char *control; /**< path of the control socket; NULL: none */
	size_t n_channels;
	struct channel_options channels[OPTIONS_MAX_CHANNELS];
	bool no_balloon, no_rng, no_sandbox;
	bool no_reboot;
	const char *rundir;	   /* of the switch */
	const char *nics[NIC_MAX]; /* as typed; checked */
	unsigned int n_nics;
};

/** options_parse() - Return: 0; 1: help or version was printed, nothing else is to be done; -EINVAL with the sentence. */
VSW_MUST_USE int options_parse(struct options *options, int argc, char *argv[], struct errtext *err);
void options_fini(struct options *options);

/* ---- options_lists.c: those whose value is a list ---- */

VSW_MUST_USE int options_set_memory(struct options *o, const char *value, struct errtext *err);
VSW_MUST_USE int options_set_disk(struct options *o, const char *value, struct errtext *err);
VSW_MUST_USE int options_set_console(struct options *o, const char *value, struct errtext *err);

/* ---- options_channels.c ---- */

VSW_MUST_USE int options_set_channel(struct options *o, const char *value, struct errtext *err);
/** options_check_channels() - what does not go together. Return: 0 or -EINVAL with the sentence. */
VSW_MUST_USE int options_check_channels(const struct options *o, struct errtext *err);
void options_fini_channels(struct options *o);

#endif
