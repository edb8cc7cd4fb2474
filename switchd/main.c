// SPDX-License-Identifier: Apache-2.0
/*
 * vsw-switchd: the switch.
 *
 * One thread runs everything but forwarding: the event loop with the control socket, the configuration, netlink and timers. Forwarding threads and
 * the revalidator have their own.
 *
 * Start: fork if asked to, lock the run folder, datapath, database, bridges and ports as the database says, control socket; only then is the
 * parent told. The end is the reverse; devices, flow tables and MAC tables stay for the next start.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <urcu.h>

#include "base/log.h"
#include "base/util.h"
#include "os/bpf_probe.h"
#include "os/daemonize.h"
#include "os/loop.h"
#include "switchd/adopt.h"
#include "switchd/apply.h"
#include "switchd/bond.h"
#include "switchd/bridge_config.h"
#include "switchd/capture.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/config_apply.h"
#include "switchd/control.h"
#include "switchd/daemon.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/guest.h"
#include "switchd/iface_dev.h"
#include "switchd/options.h"
#include "switchd/purge.h"
#include "switchd/revalidate.h"
#include "switchd/top_flows.h"
#include "switchd/upcall.h"
#include "switchd/uplink.h"
#include "vsw/version.h"

LOG_MODULE(main);

static struct options options;
static struct loop *loop;
static struct loop_fd signal_lfd;
static int signal_fd = -1;

/* What is left for a successor goes, too: there will be none. */
static bool is_purging;

void daemon_quit(bool purge)
{
	is_purging |= purge;
	loop_quit(loop);
}

const char *daemon_datapath_asked(void)
{
	return options.datapath ? options.datapath : "auto";
}

int daemon_reopen_log(struct errtext *err)
{
	int error = options.log_file ? log_set_file(options.log_file) : 0;

	return error ? errtext_set(err, -error, "%s: %s", options.log_file, strerror(-error)) : 0;
}

static void on_signal(struct loop_fd *self, uint32_t events)
{
	struct signalfd_siginfo info;
	struct errtext err;

	(void)self;
	(void)events;
	while (read(signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGHUP) {
			log_info("signal %u: ending", info.ssi_signo);
			daemon_quit(false);
		} else if (daemon_reopen_log(&err)) {
			log_err("%s", err.text);
		}
	}
}

/* Before any thread exists, so that all of them inherit the mask. */
static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return signal_fd < 0 ? -errno : loop_add_fd(loop, &signal_lfd, signal_fd, EPOLLIN, on_signal);
}

/* Each client, port and TAP is a descriptor. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		log_warn("cannot raise the number of open files: %s", strerror(errno));
}

static char *in_rundir(const char *name)
{
	return xasprintf("%s/%s", options.rundir, name);
}

/* ---- the run folder ---- */

static int make_folder(const char *path, struct errtext *err)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		return errtext_set(err, errno, "%s: the folder cannot be made: %s", path, strerror(errno));
	return 0;
}

/*
 * A predecessor that was killed a moment ago may not have let go of everything yet. Try @take until it succeeds, fails for another
 * reason than -EBUSY, or a second has passed.
 */
static int take_patiently(int (*take)(struct errtext *err), struct errtext *err)
{
	int error = take(err);

	for (int i = 0; error == -EBUSY && i < 50; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		error = take(err);
	}
	return error;
}

/* The run folder, ours alone. Return: 0 or negative errno with @err. */
static int take_rundir(struct errtext *err)
{
	char *path = in_rundir("vsw-switchd.pid");
	int error = make_folder(options.rundir, err);
	pid_t holder;
	int fd;

	if (!error && access(options.rundir, W_OK | X_OK))
		error = errtext_set(err, errno,
				    "%s: the run folder is not writable: %s; --rundir or VSW_RUNDIR chooses another",
				    options.rundir, strerror(errno));
	if (!error) {
		fd = pidfile_lock(path, &holder, err);
		if (fd == -EBUSY)
			errtext_set(err, EBUSY,
				    "%s: a vsw-switchd (process %d) runs in this folder already; --stop ends it, "
				    "--rundir chooses another",
				    options.rundir, (int)holder);
		error = MIN(fd, 0);
	}
	/* The descriptor stays open, and the lock held, for as long as we live. */
	free(path);
	return error;
}

/* A pid file for others, beside our own. */
static int write_extra_pidfile(struct errtext *err)
{
	pid_t holder;
	int fd = options.pidfile ? pidfile_lock(options.pidfile, &holder, err) : 0;

	return MIN(fd, 0);
}

/* ---- datapath ---- */

static int open_type(const char *type, struct errtext *err)
{
	const struct datapath_ops *ops = datapath_by_type(type);
	struct dp_config config = {
		.loop = loop,
		.rundir = options.rundir,
		.max_flows = config_flow_limit(),
		.upcall = upcall_handle,
		.aux = &vswitch.dp,
	};

	if (!ops)
		return errtext_set(err, EINVAL, "--datapath=%s: unknown; known are auto, ebpf, user and dummy", type);
	return ops->open(&config, &vswitch.dp, err);
}

/* The kernel where it can, else the daemon itself. Return: 0 or negative errno with @err. */
static int open_best(struct errtext *err)
{
	struct bpf_probe probe;
	struct errtext why;
	int error;

	bpf_probe_run(&probe);
	error = bpf_probe_obstacle(&probe, &why);
	if (!error)
		error = open_type("ebpf", &why);
	if (!error)
		return 0;
	log_warn("the ebpf datapath does not work here (%s): using user", why.text);
	event_post(EVENT_DATAPATH, NULL, NULL, "the ebpf datapath does not work here (%.150s): using user", why.text);
	vswitch.no_ebpf = xstrdup(why.text);
	return open_type("user", err);
}

/*
 * Open what --datapath asks for. Where nobody asked and the host lets us have none, the daemon runs without, for dummy bridges.
 * Return: 0, *why is NULL or the reason for having none; or negative errno with @err.
 */
static int open_datapath(char **why, struct errtext *err)
{
	bool is_auto = !options.datapath || !strcmp(options.datapath, "auto");
	int error = is_auto ? open_best(err) : open_type(options.datapath, err);

	*why = NULL;
	if (!error || options.datapath)
		return error;
	log_warn("no datapath works here (%s): only bridges with datapath_type=dummy will", err->text);
	*why = xstrdup(err->text);
	return 0;
}

/* What is in place now, and the flows of a predecessor go on where there are any. */
static void start_datapath(void)
{
	const struct datapath_ops *ops = vswitch.dp ? vswitch.dp->ops : NULL;

	if (ops && ops->start) {
		adopt_flows(vswitch.dp);
		ops->start(vswitch.dp);
	} else {
		purge_programs(options.rundir);
	}
}

/* ---- start and stop ---- */

static void register_methods(void)
{
	db_commands_register(loop);
	flow_commands_register();
	flow_dump_register();
	port_commands_register();
	meter_commands_register();
	qos_commands_register();
	link_commands_register();
	bond_commands_register();
	lacp_commands_register();
	fdb_commands_register();
	dp_commands_register();
	capture_init(loop);
	capture_commands_register();
	doctor_commands_register();
	top_commands_register();
	event_commands_register(loop);
	trace_commands_register();
	drop_commands_register();
	uplink_commands_register();
	apply_commands_register();
	host_commands_register();
	guest_commands_register();
	why_commands_register();
	daemon_commands_register(loop);
}

static int open_database(struct errtext *err)
{
	char *folder = xstrdup(options.db), *slash = strrchr(folder, '/');
	int error = 0;

	if (slash && slash != folder) {
		*slash = '\0';
		error = make_folder(folder, err);
	}
	free(folder);
	return error ? error : config_open(options.db, err);
}

/* Who wants to know what people see of an interface. */
static void report_iface(struct iface *iface)
{
	config_report_iface(iface);
	guests_follow(iface);
}

static int start(struct errtext *err)
{
	char *why = NULL, *path;
	int error = take_patiently(take_rundir, err);

	if (!error)
		error = take_patiently(write_extra_pidfile, err);
	if (!error)
		error = take_patiently(open_database, err);
	if (error)
		return error;
	vswitch_init(loop, options.rundir);
	error = open_datapath(&why, err);
	if (error)
		return error;
	vswitch_set_dp_error(why);
	free(why);
	error = revalidate_start();
	if (error)
		return errtext_set(err, -error, "the revalidator does not start: %s", strerror(-error));
	error = iface_dev_start(loop, report_iface);
	if (error)
		log_warn("changes of network devices will not be noticed: %s", strerror(-error));
	error = bonds_start(loop);
	if (error)
		return errtext_set(err, -error, "the thread of bonds does not start: %s", strerror(-error));
	config_start();
	start_datapath();
	uplink_start(loop);
	guests_start(loop);
	apply_start(loop);
	register_methods();
	path = in_rundir("vsw.sock");
	error = control_open(loop, path, err);
	free(path);
	return error;
}

static void stop(void)
{
	service_notify("STOPPING=1");
	db_commands_stop();
	event_commands_stop();
	capture_fini();
	top_flows_fini();
	apply_stop();
	uplink_stop();
	guests_stop();
	control_close();
	bonds_stop();
	iface_dev_stop();
	if (vswitch.dp && vswitch.dp->ops->leave && !is_purging)
		vswitch.dp->ops->leave(vswitch.dp);
	config_stop();
	revalidate_stop();
	if (vswitch.dummy_dp)
		vswitch.dummy_dp->ops->close(vswitch.dummy_dp);
	if (vswitch.dp)
		vswitch.dp->ops->close(vswitch.dp);
	vswitch_fini();
}

static int run(void)
{
	struct errtext err = {0};
	int error = start(&err);

	if (error) {
		fprintf(stderr, "vsw-switchd: %s\n", err.text);
		/* Without these two the log goes the same way. */
		if (options.log_file || options.detach)
			log_err("cannot start: %s", err.text);
		return 1;
	}
	log_info("vsw-switchd " VSW_VERSION " serves %s (database %s, datapath %s)", options.rundir, options.db,
		 vswitch.dp ? vswitch.dp->ops->type : "none");
	daemonize_ready();
	error = loop_run(loop);
	if (error)
		log_err("the event loop failed: %s", strerror(-error));
	stop();
	if (is_purging && purge_all(options.rundir))
		log_warn("not everything could be removed from the kernel");
	log_info("ended");
	return error ? 1 : 0;
}

/* ---- --stop ---- */

/* Wait until another process than @pid holds the pid file, or none. Return: whether that has come. */
static bool await_end(const char *path, pid_t pid)
{
	pid_t now = pid;

	for (int i = 0; now == pid && i < 1000; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		now = pidfile_holder(path);
	}
	return now != pid;
}

/* Ask the daemon of the run folder to end, and wait until it has. @may_be_dead: none is as good as one that ended. Return: exit status. */
static int stop_other(bool may_be_dead)
{
	char *path = in_rundir("vsw-switchd.pid");
	pid_t pid = pidfile_holder(path);
	int status = 1;

	if (may_be_dead && (!pid || pid == -ENOENT))
		status = 0;
	else if (pid < 0)
		fprintf(stderr, "vsw-switchd: %s: %s\n", path, strerror(-pid));
	else if (!pid)
		fprintf(stderr, "vsw-switchd: no daemon runs in %s\n", options.rundir);
	else if (kill(pid, SIGTERM))
		fprintf(stderr, "vsw-switchd: process %d cannot be ended: %s\n", (int)pid, strerror(errno));
	else if (!await_end(path, pid))
		fprintf(stderr, "vsw-switchd: process %d does not end\n", (int)pid);
	else
		status = 0;
	free(path);
	return status;
}

/* What it leaves in the kernel, too. */
static int purge(void)
{
	int status = stop_other(true), error = status ? 0 : purge_all(options.rundir);

	if (error)
		fprintf(stderr, "vsw-switchd: not everything could be removed: %s\n", strerror(-error));
	return status || error ? 1 : 0;
}

int main(int argc, char *argv[])
{
	struct errtext err = {0};
	int error, status;

	status = options_parse(&options, argc, argv);
	if (status >= 0)
		return status;
	if (options.stop)
		return options.purge ? purge() : stop_other(false);
	error = options.detach ? daemonize_fork(&err) : 0;
	if (!error && options.log_file)
		error = daemon_reopen_log(&err);
	raise_limits();
	rcu_register_thread();
	loop = loop_new();
	if (!error && !loop)
		error = errtext_set(&err, errno, "no event loop: %s", strerror(errno));
	if (!error && (error = block_signals()))
		errtext_set(&err, -error, "signals: %s", strerror(-error));
	if (error)
		fprintf(stderr, "vsw-switchd: %s\n", err.text);
	status = error ? 1 : run();
	loop_del_fd(loop, &signal_lfd);
	loop_free(loop);
	rcu_unregister_thread();
	options_fini(&options);
	return status;
}
