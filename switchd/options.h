/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsw-switchd. */
#ifndef SWITCHD_OPTIONS_H
#define SWITCHD_OPTIONS_H 1

#include <stdbool.h>

struct options {
	char *rundir, *db;    /**< absolute paths */
	char *pidfile;	      /**< NULL: none but the one in the run folder */
	char *log_file;	      /**< NULL: stderr, or syslog when detached */
	const char *datapath; /**< NULL: the best that works */
	bool detach, stop;
	bool purge; /**< with stop */
};

/** options_parse() - prints what --help and --version ask for, and what is wrong. Return: exit status to end with, or -1 to go on. */
int options_parse(struct options *options, int argc, char *argv[]);
void options_fini(struct options *options);

#endif
