// SPDX-License-Identifier: Apache-2.0
#include "switchd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "vsw/version.h"

#define DEFAULT_RUNDIR "/run/vsw"
#define DEFAULT_DB "/var/lib/vsw/conf.db"

static const char help[] =
	"usage: vsw-switchd [OPTION]...\n"
	"The switch daemon of vsw. `vsw` configures it and looks into it.\n"
	"\n"
	"  --rundir DIR         sockets, pid file and flow tables go here (VSW_RUNDIR; " DEFAULT_RUNDIR ")\n"
	"  --db FILE            the configuration database (" DEFAULT_DB ")\n"
	"  --datapath TYPE      what moves packets: ebpf, in the kernel; user, the daemon; dummy, for tests; or auto: "
	"ebpf\n"
	"                       where the kernel lets us, else user (auto)\n"
	"  --detach             go to the background once requests are served\n"
	"  --pidfile FILE       write the process number there, too\n"
	"  --log-file FILE      write the log there (stderr; syslog with --detach); SIGHUP reopens it\n"
	"  --log [MODULE:]LEVEL log more or less: off, err, warn, info, dbg; may be repeated\n"
	"  --stop               end the daemon that runs in the run folder, and wait until it has; with --datapath "
	"ebpf\n"
	"                       the kernel goes on forwarding what it knows\n"
	"  --purge              with --stop: and leave nothing in the kernel, also after a daemon that was killed\n"
	"  --version            print the version\n"
	"  --help               print this\n";

enum {
	OPT_RUNDIR = 256,
	OPT_DB,
	OPT_DATAPATH,
	OPT_DETACH,
	OPT_PIDFILE,
	OPT_LOG_FILE,
	OPT_LOG,
	OPT_STOP,
	OPT_PURGE,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{"rundir", required_argument, NULL, OPT_RUNDIR},
	{"db", required_argument, NULL, OPT_DB},
	{"datapath", required_argument, NULL, OPT_DATAPATH},
	{"detach", no_argument, NULL, OPT_DETACH},
	{"pidfile", required_argument, NULL, OPT_PIDFILE},
	{"log-file", required_argument, NULL, OPT_LOG_FILE},
	{"log", required_argument, NULL, OPT_LOG},
	{"stop", no_argument, NULL, OPT_STOP},
	{"purge", no_argument, NULL, OPT_PURGE},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* The folder we are in is not the one that later paths mean. */
static char *absolute(const char *path)
{
	char *cwd, *result;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	result = xasprintf("%s/%s", cwd ? cwd : "", path);
	free(cwd);
	return result;
}

static void replace(char **to, const char *path)
{
	free(*to);
	*to = absolute(path);
}

/* "LEVEL" or "MODULE:LEVEL". Return: -1 to go on, 1 with the reason on stderr. */
static int set_log(const char *text)
{
	const char *colon = strchr(text, ':');
	int level = log_level_from_name(colon ? colon + 1 : text);
	char *module = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;
	int status = -1;

	if (level < 0) {
		fprintf(stderr, "vsw-switchd: --log %s: no such level; they are off, err, warn, info and dbg\n", text);
		status = 1;
	} else if (log_set_level(module, (enum log_level)level)) {
		fprintf(stderr, "vsw-switchd: --log %s: no such module; `vsw log` lists them\n", text);
		status = 1;
	}
	free(module);
	return status;
}

/* Return: -1 to go on, else the exit status. */
static int take_option(struct options *o, int opt)
{
	switch (opt) {
	case OPT_RUNDIR:
		replace(&o->rundir, optarg);
		return -1;
	case OPT_DB:
		replace(&o->db, optarg);
		return -1;
	case OPT_DATAPATH:
		o->datapath = optarg;
		return -1;
	case OPT_DETACH:
		o->detach = true;
		return -1;
	case OPT_PIDFILE:
		replace(&o->pidfile, optarg);
		return -1;
	case OPT_LOG_FILE:
		replace(&o->log_file, optarg);
		return -1;
	case OPT_LOG:
		return set_log(optarg);
	case OPT_STOP:
		o->stop = true;
		return -1;
	case OPT_PURGE:
		o->purge = true;
		return -1;
	case OPT_VERSION:
		puts("vsw-switchd " VSW_VERSION);
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 0;
	default:
		fputs("vsw-switchd: --help lists the options\n", stderr);
		return 1;
	}
}

int options_parse(struct options *options, int argc, char *argv[])
{
	const char *rundir = getenv("VSW_RUNDIR");
	int opt, status = -1;

	*options = (struct options){0};
	replace(&options->rundir, rundir && *rundir ? rundir : DEFAULT_RUNDIR);
	replace(&options->db, DEFAULT_DB);
	while (status < 0 && (opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		status = take_option(options, opt);
	if (status < 0 && optind < argc) {
		fprintf(stderr, "vsw-switchd: unexpected argument '%s'; --help lists the options\n", argv[optind]);
		status = 1;
	}
	if (status < 0 && options->purge && !options->stop) {
		fputs("vsw-switchd: --purge goes with --stop\n", stderr);
		status = 1;
	}
	if (status < 0 && options->detach && !options->log_file && !options->stop)
		log_set_syslog("vsw-switchd");
	if (status >= 0)
		options_fini(options);
	return status;
}

void options_fini(struct options *options)
{
	free(options->rundir);
	free(options->db);
	free(options->pidfile);
	free(options->log_file);
	*options = (struct options){0};
}
