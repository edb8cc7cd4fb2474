// SPDX-License-Identifier: Apache-2.0
/*
 * Bringing a topology up.
 *
 * The daemon starts while the namespaces and links are made; then all bridges and ports of all switches are one transaction. Every
 * step is a few system calls per host, no program is run per host, and nothing is waited for by the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/rpc.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

/* What is open while a topology is brought up. */
struct up {
	struct topo_run *run;
	const struct topo *topo;
	struct errtext *err;
	int daemon_ns;		      /* where the switches' ends of links live; -1: here */
	int *host_ns;		      /* one per host, -1 while it is not made */
	struct rtnl *rtnl;	      /* in daemon_ns */
	struct daemon_start starting; /* the private daemon */
	struct daemon_start *on_host; /* those on hosts, one per host; pid 0: none */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signo VSW_UNUSED)
{
	interrupted = 1;
}

bool topo_interrupted(void)
{
	return interrupted;
}

/* From here on Ctrl-C ends the work in order, so that what was made goes away. */
static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int check_interrupted(const struct up *up)
{
	return interrupted ? errtext_set(up->err, EINTR, "interrupted") : 0;
}

/* Two descriptors per host. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- before anything is made ---- */

/* Does the daemon of the run folder answer? Then *netns becomes a descriptor of its namespace. */
static bool find_daemon(const struct ctl *ctl, int *netns)
{
	struct rpc *rpc;
	json_t *status = NULL;

	*netns = -1;
	if (rpc_open(&rpc, ctl->rundir, TOPO_TIMEOUT_MS, NULL))
		return false;
	if (!rpc_call(rpc, "status", json_pack("{s:s}", "format", "json"), &status, NULL))
		*netns = netns_open_pid((int)json_integer_value(json_object_get(status, "pid")));
	if (*netns < 0)
		*netns = -1;
	json_decref(status);
	rpc_close(rpc);
	return true;
}

static int check_namespaces(const struct up *up)
{
	for (size_t i = 0; i < up->run->n_namespaces; i++)
		if (netns_exists(up->run->namespaces[i]))
			return errtext_set(up->err, EEXIST,
					   "there is a namespace called %s already, which no topology of this run "
					   "folder knows; `ip netns del %s` deletes it",
					   up->run->namespaces[i], up->run->namespaces[i]);
	return 0;
}

/* ---- namespaces and links ---- */

static int write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* Dots of a name are slashes of the path. In the host's namespace. */
static int set_host_sysctls(const struct up *up, const struct topo_host *host)
{
	const char *name;
	json_t *value;
	int error = 0;

	json_object_foreach(host->sysctls, name, value) {
		char *path = xasprintf("/proc/sys/%s", name);
		char *text = json_is_integer(value) ? xasprintf("%lld", (long long)json_integer_value(value))
						    : xstrdup(json_string_value(value));

		for (char *p = path + strlen("/proc/sys/"); *p; p++)
			if (*p == '.')
				*p = '/';
		if (!error)
			error = write_sysctl(path, text);
		if (error && !up->err->text[0])
			errtext_set(up->err, -error, "host %s: sysctl %s: %s", host->name, name, strerror(-error));
		free(path);
		free(text);
	}
	return error;
}

/* Addresses are usable at once, and a router routes. */
static int set_sysctls(const struct up *up, const struct topo_host *host, int ns)
{
	int old = netns_enter(ns);
	int error = 0;

	if (old < 0)
		return errtext_set(up->err, -old, "cannot enter the namespace of %s: %s", host->name, strerror(-old));
	/* A kernel without IPv6 has none of these. */
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	error = set_host_sysctls(up, host);
	if (host->forward && !error) {
		write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
		error = write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
		if (error)
			errtext_set(up->err, -error, "host %s: cannot make it forward: %s", host->name,
				    strerror(-error));
	}
	netns_leave(old);
	return error;
}

static int make_hosts(struct up *up)
{
	const struct topo *topo = up->topo;
	int error = 0;

	for (size_t i = 0; i < topo->n_hosts && !error; i++) {
		char *name = topo_run_namespace(up->run, topo->hosts[i].name);

		up->host_ns[i] = netns_create(name, up->err);
		error = MIN(up->host_ns[i], 0);
		free(name);
		if (!error)
			error = set_sysctls(up, &topo->hosts[i], up->host_ns[i]);
		if (!error)
			error = check_interrupted(up);
	}
	return error;
}

/* Descriptor of the namespace that an end lives in; -1: the one of the shared daemon. */
static int end_netns(const struct up *up, const struct topo_end *end)
{
	size_t host = end->is_switch ? up->topo->switches[end->node].on : end->node;

	return host == SIZE_MAX ? -1 : up->host_ns[host];
}

static void fill_end(const struct up *up, const struct topo_link *link, const struct topo_end *end,
		     struct rtnl_end *out)
{
	const struct topo_iface *iface;

	*out = (struct rtnl_end){.name = end->name, .netns = end_netns(up, end), .mtu = link->mtu};
	if (end->is_switch)
		return;
	iface = topo_host_iface(&up->topo->hosts[end->node], end->name);
	out->mac = iface->has_mac ? iface->mac : NULL;
	if (iface->mtu || up->topo->hosts[end->node].mtu)
		out->mtu = iface->mtu ? iface->mtu : up->topo->hosts[end->node].mtu;
}

/* The switch's end: up, and without an address of its own. */
static int raise_switch_end(struct up *up, const struct topo_end *end)
{
	int netns = end_netns(up, end);
	struct rtnl *rtnl = up->rtnl;
	struct rtnl_link link = {0};
	int error = netns >= 0 ? rtnl_open(&rtnl, netns) : 0;

	if (!error)
		error = rtnl_get_link(rtnl, end->name, &link);
	if (!error)
		error = rtnl_set_up(rtnl, link.ifindex, true);
	if (netns >= 0)
		rtnl_close(rtnl);
	return error;
}

static int make_link(struct up *up, const struct topo_link *link)
{
	const struct topo_end *a = &link->ends[0], *b = &link->ends[1];
	struct rtnl_end ends[2];
	int error;

	if (link->is_patch)
		return 0; /* made with the bridges */
	fill_end(up, link, a, &ends[0]);
	fill_end(up, link, b, &ends[1]);
	error = rtnl_add_veth(up->rtnl, &ends[0], &ends[1]);
	if (!error && a->is_switch)
		error = raise_switch_end(up, a);
	if (!error && b->is_switch)
		error = raise_switch_end(up, b);
	if (error)
		return errtext_set(up->err, -error, "link %s - %s: %s%s", a->name, b->name, strerror(-error),
				   error == -EEXIST ? "; the name is taken in the namespace of the switch" : "");
	return 0;
}

static int make_links(struct up *up)
{
	int error = 0;

	for (size_t i = 0; i < up->topo->n_links && !error; i++) {
		error = make_link(up, &up->topo->links[i]);
		if (!error)
			error = check_interrupted(up);
	}
	return error;
}

/* ---- addresses and routes ---- */

static int make_vlan(struct rtnl *rtnl, const struct topo_iface *iface)
{
	struct rtnl_link parent = {0};
	int error = rtnl_get_link(rtnl, iface->parent, &parent);

	return error ? error : rtnl_add_vlan(rtnl, parent.ifindex, iface->name, iface->vid, iface->protocol);
}

static int set_up_iface(const struct up *up, struct rtnl *rtnl, const struct topo_host *host,
			const struct topo_iface *iface)
{
	struct rtnl_link link = {0};
	int error = iface->parent ? make_vlan(rtnl, iface) : 0;

	if (!error)
		error = rtnl_get_link(rtnl, iface->name, &link);
	if (!error && iface->parent && iface->mtu)
		error = rtnl_set_mtu(rtnl, link.ifindex, iface->mtu);
	for (size_t i = 0; i < iface->n_addrs && !error; i++)
		error = rtnl_add_address(rtnl, link.ifindex, &iface->addrs[i]);
	if (!error)
		error = rtnl_set_up(rtnl, link.ifindex, false);
	if (error)
		return errtext_set(up->err, -error, "host %s: interface %s: %s", host->name, iface->name,
				   strerror(-error));
	return 0;
}

static int add_route(const struct up *up, struct rtnl *rtnl, const struct topo_host *host, size_t i)
{
	const struct topo_route *route = &host->routes[i];
	struct rtnl_link link = {0};
	int error = route->dev ? rtnl_get_link(rtnl, route->dev, &link) : 0;

	if (!error)
		error = rtnl_add_route(rtnl, &route->to, route->has_via ? &route->via : NULL, link.ifindex);
	if (error)
		return errtext_set(up->err, -error, "host %s: route %zu: %s%s", host->name, i, strerror(-error),
				   error == -ENETUNREACH || error == -EHOSTUNREACH
					   ? "; its gateway is on no network of the host"
					   : "");
	return 0;
}

static bool has_internal(const struct topo_host *host)
{
	for (size_t i = 0; i < host->n_ifaces; i++)
		if (host->ifaces[i].internal)
			return true;
	return false;
}

/* @internal: what is there when the switches are, and then the routes; else all the rest. */
static int configure_host(const struct up *up, size_t h, bool internal)
{
	const struct topo_host *host = &up->topo->hosts[h];
	struct rtnl *rtnl;
	int error;

	if (internal && !has_internal(host))
		return 0;
	error = rtnl_open(&rtnl, up->host_ns[h]);
	if (error)
		return errtext_set(up->err, -error, "host %s: netlink: %s", host->name, strerror(-error));
	for (size_t i = 0; i < host->n_ifaces && !error; i++)
		if (host->ifaces[i].internal == internal)
			error = set_up_iface(up, rtnl, host, &host->ifaces[i]);
	for (size_t i = 0; i < host->n_routes && !error && has_internal(host) == internal; i++)
		error = add_route(up, rtnl, host, i);
	rtnl_close(rtnl);
	return error;
}

static int configure_hosts(const struct up *up, bool internal)
{
	int error = 0;

	for (size_t i = 0; i < up->topo->n_hosts && !error; i++) {
		error = configure_host(up, i, internal);
		if (!error)
			error = check_interrupted(up);
	}
	return error;
}

/* ---- daemons ---- */

static int spawn(struct up *up, struct daemon_start *start, const char *rundir, int netns,
		 const struct topo_options *options)
{
	struct daemon_options daemon = {.rundir = rundir, .datapath = options->datapath, .netns = netns};
	char *db = xasprintf("%s/conf.db", rundir), *log = xasprintf("%s/vsw-switchd.log", rundir);
	int error;

	daemon.db = db;
	daemon.log = log;
	error = daemon_spawn(start, &daemon, up->err);
	free(db);
	free(log);
	return error;
}

static int start_daemon(struct up *up, const struct topo_options *options)
{
	up->daemon_ns = netns_create(up->run->prefix, up->err);
	return up->daemon_ns < 0 ? up->daemon_ns : spawn(up, &up->starting, up->run->dir, up->daemon_ns, options);
}

/* The daemons of hosts that have switches. */
static int start_host_daemons(struct up *up, const struct topo_options *options)
{
	int error = 0;

	for (size_t h = 0; h < up->topo->n_hosts && !error; h++) {
		char *rundir = topo_run_rundir(up->run, up->topo, h);

		if (topo_has_switch_on(up->topo, h)) {
			if (mkdir(rundir, 0755) && errno != EEXIST)
				error = errtext_set(up->err, errno, "cannot create %s: %s", rundir, strerror(errno));
			if (!error)
				error = spawn(up, &up->on_host[h], rundir, up->host_ns[h], options);
		}
		free(rundir);
	}
	return error;
}

/* Until all of them answer. */
static int await_daemons(struct up *up)
{
	int error = up->run->is_private ? daemon_await(&up->starting, up->run->dir, TOPO_TIMEOUT_MS, up->err) : 0;

	for (size_t h = 0; h < up->topo->n_hosts && !error; h++) {
		char *rundir = topo_run_rundir(up->run, up->topo, h);

		if (up->on_host[h].pid)
			error = daemon_await(&up->on_host[h], rundir, TOPO_TIMEOUT_MS, up->err);
		free(rundir);
	}
	return error;
}

/* ---- programs ---- */

/* In the child: become the program. Returns only on failure. */
static void exec_program(const struct up *up, size_t h, const json_t *words, const char *log)
{
	const char **argv = xcalloc(json_array_size(words) + 1, sizeof *argv);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int old;

	for (size_t i = 0; i < json_array_size(words); i++)
		argv[i] = json_string_value(json_array_get(words, i));
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return;
	signal(SIGPIPE, SIG_DFL);
	setsid();
	old = netns_enter(up->host_ns[h]);
	if (old >= 0)
		execvp(argv[0], (char *const *)argv);
}

/* The pipe closes at exec; an errno comes through it when that failed. */
static int start_program(const struct up *up, size_t h, size_t i)
{
	const struct topo_host *host = &up->topo->hosts[h];
	const json_t *words = json_array_get(host->programs, i);
	char *log = xasprintf("%s/%s.%zu.log", up->run->dir, host->name, i);
	int fds[2], error = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		free(log);
		return errtext_set(up->err, errno, "pipe: %s", strerror(errno));
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		exec_program(up, h, words, log);
		error = errno;
		_exit(write(fds[1], &error, sizeof error) < 0 ? 127 : 126);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &error, sizeof error) > 0)
		error = errtext_set(up->err, pid < 0 ? errno : error, "host %s: cannot start %s: %s", host->name,
				    json_string_value(json_array_get(words, 0)), strerror(pid < 0 ? errno : error));
	close(fds[0]);
	free(log);
	return error;
}

static int start_programs(const struct up *up)
{
	int error = 0;

	for (size_t h = 0; h < up->topo->n_hosts; h++)
		for (size_t i = 0; i < json_array_size(up->topo->hosts[h].programs) && !error; i++)
			error = start_program(up, h, i);
	return error;
}

/* ---- the whole ---- */

static int make_everything(struct up *up, const struct topo_options *options)
{
	int error = up->run->is_private ? start_daemon(up, options) : 0;

	if (!error)
		error = make_hosts(up);
	if (!error)
		error = start_host_daemons(up, options);
	if (!error) {
		error = rtnl_open(&up->rtnl, up->daemon_ns);
		if (error)
			errtext_set(up->err, -error, "netlink: %s", strerror(-error));
	}
	if (!error)
		error = make_links(up);
	if (!error)
		error = configure_hosts(up, false);
	if (!error)
		error = await_daemons(up);
	if (!error)
		error = topo_configure_switches(up->run, up->topo, up->err);
	if (!error)
		error = configure_hosts(up, true);
	if (!error)
		error = topo_add_uplinks(up->run, up->topo, up->err);
	if (!error)
		error = start_programs(up);
	return error;
}

static void close_everything(struct up *up)
{
	rtnl_close(up->rtnl);
	for (size_t i = 0; i < up->topo->n_hosts; i++)
		if (up->host_ns[i] >= 0)
			close(up->host_ns[i]);
	free(up->host_ns);
	free(up->on_host);
	if (up->daemon_ns >= 0)
		close(up->daemon_ns);
}

int topo_up(struct topo_run *run, const struct ctl *ctl, const struct topo *topo, const struct topo_options *options,
	    struct errtext *err)
{
	struct up up = {.run = run, .topo = topo, .err = err, .daemon_ns = -1};
	bool daemon_there;
	int error;

	if (topo_run_is_up(run))
		return errtext_set(err, EEXIST, "%s is up already; `vsw topo down` takes it down", topo->name);
	catch_signals();
	raise_file_limit();
	daemon_there = !options->private_daemon && find_daemon(ctl, &up.daemon_ns);
	up.host_ns = xcalloc(topo->n_hosts, sizeof *up.host_ns);
	up.on_host = xcalloc(topo->n_hosts, sizeof *up.on_host);
	for (size_t i = 0; i < topo->n_hosts; i++)
		up.host_ns[i] = -1;
	topo_run_plan(run, ctl, topo, !daemon_there);
	error = check_namespaces(&up);
	if (error)
		topo_run_forget(run);
	else
		error = topo_run_save(run, err);
	if (!error) {
		error = make_everything(&up, options);
		if (error && topo_down(run, NULL))
			fprintf(stderr, "vsw: some of %s could not be removed; `vsw topo down` tries again\n",
				topo->name);
	}
	close_everything(&up);
	return error;
}
