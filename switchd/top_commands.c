// SPDX-License-Identifier: Apache-2.0
/*
 * top/sample: all that `vsw top` shows, as it stands now: counters that only grow, from which the asker makes rates. Flows are the
 * exception: of those there may be very many, so the daemon compares them with the last question itself (top_flows.h).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "flow/dp_action.h"
#include "switchd/bridge.h"
#include "switchd/capture.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/watch.h"
#include "switchd/iface_dev.h"
#include "switchd/top_flows.h"
#include "switchd/tunnel.h"
#include "switchd/upcall.h"

enum { DEFAULT_FLOWS = 10, MAX_FLOWS = 100 };

static json_int_t ns_of(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) ? 0 : (json_int_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add(json_t *object, const char *key, json_int_t n)
{
	json_object_set_new(object, key, json_integer(json_integer_value(json_object_get(object, key)) + n));
}

/* ---- processor time ---- */

/* The kernel's name for the clock of a thread, as pthread_getcpuclockid() makes it; here of any thread of the process. */
static clockid_t clock_of_thread(pid_t tid)
{
	return (clockid_t)(~(unsigned int)tid << 3 | 6);
}

/* Which of the daemon's jobs a thread does, by its name. */
static const char *stage_of(pid_t tid)
{
	static const struct {
		const char *prefix, *stage;
	} stages[] = {
		{"vsw-fwd", "forwarding"},
		{"revalidator", "revalidator"},
		{"vsw-capture", "capture"},
	};
	char path[64], name[32] = "";
	FILE *f;

	if (tid == getpid())
		return "main";
	snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)tid);
	f = fopen(path, "re");
	if (f && !fgets(name, sizeof name, f))
		name[0] = '\0';
	if (f)
		fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if (!strncmp(name, stages[i].prefix, strlen(stages[i].prefix)))
			return stages[i].stage;
	return "other";
}

/* Nanoseconds by stage. Translation happens in forwarding threads, and is told apart. */
static json_t *cpu_by_stage(const struct upcall_stats *upcalls)
{
	json_t *cpu = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "forwarding", 0, "translation", 0, "revalidator", 0,
				"main", 0, "capture", 0, "other", 0);
	DIR *dir = opendir("/proc/self/task");
	struct watch_counts watched;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0)
			add(cpu, stage_of(tid), ns_of(clock_of_thread(tid)));
	}
	if (dir)
		closedir(dir);
	add(cpu, "translation", (json_int_t)upcalls->busy_ns);
	add(cpu, "forwarding", -(json_int_t)upcalls->busy_ns);
	/* Of the kernel's time, too. */
	watch_get_counts(&watched);
	add(cpu, "capture", (json_int_t)capture_watch_ns());
	add(cpu, "forwarding", -(json_int_t)watched.ns);
	return cpu;
}

/* Of the whole machine, in ticks: only proportions of them mean something. */
static json_t *machine(void)
{
	unsigned long long user = 0, nice = 0, sys = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
	FILE *f = fopen("/proc/stat", "re");
	bool ok = f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle, &iowait,
			      &irq, &softirq, &steal) == 8;

	if (f)
		fclose(f);
	if (!ok)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "total",
			 (json_int_t)(user + nice + sys + idle + iowait + irq + softirq + steal), "idle",
			 (json_int_t)(idle + iowait), "softirq", (json_int_t)softirq);
}

/* ---- ports and drops ---- */

static void own_stats(const struct iface *iface, struct dp_port_stats *s)
{
	s->rx_packets = __atomic_load_n(&iface->counted.rx_packets, __ATOMIC_RELAXED);
	s->rx_bytes = __atomic_load_n(&iface->counted.rx_bytes, __ATOMIC_RELAXED);
	s->tx_packets = __atomic_load_n(&iface->counted.tx_packets, __ATOMIC_RELAXED);
	s->tx_bytes = __atomic_load_n(&iface->counted.tx_bytes, __ATOMIC_RELAXED);
}

/* Return: their sum. */
static json_int_t add_drops(json_t *drops, const struct dp_port_stats *s)
{
	json_int_t sum = 0;

	for (unsigned int i = 0; i < DROP_N_REASONS; i++) {
		sum += (json_int_t)s->drops[i];
		if (s->drops[i])
			add(drops, drop_reason_name(i), (json_int_t)s->drops[i]);
	}
	return sum;
}

static json_t *port_to_json(const struct iface *iface, const struct dp_port_stats *s, json_t *drops)
{
	json_int_t n_drops = add_drops(drops, s);

	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", iface->name, "bridge",
			 iface->bridge->name, "type", iface_type_name(iface->type), "up",
			 iface->link_up && iface->admin_up, "rx_packets", (json_int_t)s->rx_packets, "rx_bytes",
			 (json_int_t)s->rx_bytes, "tx_packets", (json_int_t)s->tx_packets, "tx_bytes",
			 (json_int_t)s->tx_bytes, "drops", n_drops, "tx_dropped", (json_int_t)s->tx_dropped, "queued",
			 (json_int_t)s->queued, "upcalls", (json_int_t)s->upcalls);
}

/* @drops: reason -> packets, of all ports. */
static json_t *ports(json_t *drops)
{
	json_t *list = json_array();
	struct iface *iface;

	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces) {
		struct datapath *dp = iface->bridge->dp;
		struct dp_port_stats s = {0};

		if (iface->type == IFACE_PATCH || iface_is_tunnel(iface))
			own_stats(iface, &s);
		else if (iface->dp_port == DP_PORT_NONE || dp->ops->port_stats(dp, iface->dp_port, &s))
			s = (struct dp_port_stats){0};
		json_array_append_new(list, port_to_json(iface, &s, drops));
	}
	for (const struct tunnel_dev *dev = tunnel_dev_next(NULL); dev; dev = tunnel_dev_next(dev)) {
		struct dp_port_stats s;

		if (!dev->dp->ops->port_stats(dev->dp, dev->dp_port, &s))
			add_drops(drops, &s);
	}
	return list;
}

/* ---- datapaths ---- */

static void add_datapath(json_t *list, struct datapath *dp)
{
	struct dp_stats s = {0};

	if (!dp)
		return;
	dp->ops->stats(dp, &s);
	json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type", dp->ops->type,
					      "flows", (json_int_t)s.n_flows, "masks", (json_int_t)s.n_masks, "hits",
					      (json_int_t)s.hits, "misses", (json_int_t)s.misses, "lost",
					      (json_int_t)s.lost, "cache_hits", (json_int_t)s.cache_hits,
					      "daemon_flows", (json_int_t)s.n_daemon_flows));
}

static json_t *datapaths(void)
{
	json_t *list = json_array();

	add_datapath(list, vswitch.dp);
	add_datapath(list, vswitch.dummy_dp);
	return list;
}

static int sample(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "flows", err);
	bool as_json = control_wants_json(params, &error, err);
	int64_t n_flows = control_int(params, "flows", DEFAULT_FLOWS, &error, err);
	struct upcall_stats upcalls;
	json_t *drops;

	(void)request;
	if (error)
		return error;
	if (!as_json)
		return errtext_set(err, EINVAL, "top/sample: counters are given as \"format\": \"json\" only");
	if (n_flows < 1 || n_flows > MAX_FLOWS)
		return errtext_set(err, EINVAL, "\"flows\" must be from 1 to %d", MAX_FLOWS);
	upcall_get_stats(&upcalls);
	drops = json_object();
	*result = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "now_ns", ns_of(CLOCK_MONOTONIC), "cpu",
			    cpu_by_stage(&upcalls), "machine", machine(), "datapaths", datapaths(), "ports",
			    ports(drops), "drops", drops, "flows", top_flows((size_t)n_flows));
	json_object_set_new(*result, "upcalls",
			    json_pack("{s:I, s:I, s:I, s:I}", "misses", (json_int_t)upcalls.n_misses, "slow_path",
				      (json_int_t)upcalls.n_slow_path, "for_controller",
				      (json_int_t)upcalls.n_for_controller, "not_installed",
				      (json_int_t)upcalls.n_not_installed));
	json_object_set_new(*result, "exit", json_integer(0));
	return 0;
}

void top_commands_register(void)
{
	control_register("top/sample", sample);
}
