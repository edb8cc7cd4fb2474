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

/* Addresses are usable at once, and a router routes. */
static int set_sysctls(const struct up *up, const struct topo_host *host, int ns)
{
	int old = netns_enter(ns);
	int error = 0;

	if (old < 0)
		return errtext_set(up->err, -old, "cannot enter the namespace of %s: %s", host->name, strerror(-old));
	/* A kernel without IPv6 has none of these. */
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	if (host->forward) {
		write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
		error = write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	}
	netns_leave(old);
	return error ? errtext_set(up->err, -error, "host %s: cannot make it forward: %s", host->name, strerror(-error))
		     : 0;
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

static void fill_end(const struct up *up, const struct topo_link *link, const struct topo_end *end,
		     struct rtnl_end *out)
{
	const struct topo_iface *iface;

	*out = (struct rtnl_end){.name = end->name, .netns = -1, .mtu = link->mtu};
	if (end->is_switch)
		return;
	iface = topo_host_iface(&up->topo->hosts[end->node], end->name);
	out->netns = up->host_ns[end->node];
	out->mac = iface->has_mac ? iface->mac : NULL;
	if (iface->mtu)
		out->mtu = iface->mtu;
}

/* The switch's end: up, and without an address of its own. */
static int raise_switch_end(struct up *up, const struct topo_end *end)
{
	struct rtnl_link link = {0};
	int error = rtnl_get_link(up->rtnl, end->name, &link);

	return error ? error : rtnl_set_up(up->rtnl, link.ifindex, true);
}

static int make_link(struct up *up, const struct topo_link *link)
{
	const struct topo_end *a = &link->ends[0], *b = &link->ends[1];
	struct rtnl_end ends[2];
	int error;

	if (a->is_switch && b->is_switch)
		return 0; /* patch ports, made with the bridges */
	if (b->is_switch) {
		a = &link->ends[1];
		b = &link->ends[0];
	}
	fill_end(up, link, a, &ends[0]);
	fill_end(up, link, b, &ends[1]);
	error = rtnl_add_veth(up->rtnl, &ends[0], &ends[1]);
	if (!error && a->is_switch)
		error = raise_switch_end(up, a);
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

static int configure_host(const struct up *up, size_t h)
{
	const struct topo_host *host = &up->topo->hosts[h];
	struct rtnl *rtnl;
	int error = rtnl_open(&rtnl, up->host_ns[h]);

	if (error)
		return errtext_set(up->err, -error, "host %s: netlink: %s", host->name, strerror(-error));
	for (size_t i = 0; i < host->n_ifaces && !error; i++)
		error = set_up_iface(up, rtnl, host, &host->ifaces[i]);
	for (size_t i = 0; i < host->n_routes && !error; i++)
		error = add_route(up, rtnl, host, i);
	rtnl_close(rtnl);
	return error;
}

static int configure_hosts(const struct up *up)
{
	int error = 0;

	for (size_t i = 0; i < up->topo->n_hosts && !error; i++) {
		error = configure_host(up, i);
		if (!error)
			error = check_interrupted(up);
	}
	return error;
}

/* ---- the private daemon ---- */

static int start_daemon(struct up *up, const struct topo_options *options)
{
	struct daemon_options daemon = {.rundir = up->run->dir, .datapath = options->datapath};
	char *db = xasprintf("%s/conf.db", up->run->dir), *log = xasprintf("%s/vsw-switchd.log", up->run->dir);
	int error;

	daemon.db = db;
	daemon.log = log;
	daemon.netns = up->daemon_ns = netns_create(up->run->prefix, up->err);
	error = up->daemon_ns < 0 ? up->daemon_ns : daemon_spawn(&up->starting, &daemon, up->err);
	free(db);
	free(log);
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
	if (!error) {
		error = rtnl_open(&up->rtnl, up->daemon_ns);
		if (error)
			errtext_set(up->err, -error, "netlink: %s", strerror(-error));
	}
	if (!error)
		error = make_links(up);
	if (!error)
		error = configure_hosts(up);
	if (!error && up->run->is_private)
		error = daemon_await(&up->starting, up->run->dir, TOPO_TIMEOUT_MS, up->err);
	if (!error)
		error = topo_configure_switches(up->run, up->topo, up->err);
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
