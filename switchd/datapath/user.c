// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <urcu.h>

#include "base/util.h"
#include "os/tc_drop.h"
#include "switchd/datapath/sweep.h"
#include "switchd/datapath/user_tunnel.h"

enum { DEFAULT_MAX_THREADS = 4 };

/* ---- life ---- */

static struct forward_port *find_port(struct forwarder *f, uint32_t port_no)
{
	struct user_thread *t = container_of(f, struct user_thread, f);
	struct user_port *port = port_no < DP_MAX_PORTS ? rcu_dereference(t->dp->ports[port_no]) : NULL;

	return port && port->thread == t ? &port->fp : NULL;
}

static unsigned int threads_for(long n_cpus)
{
	return n_cpus < 1 ? 1 : (unsigned int)MIN(n_cpus, DEFAULT_MAX_THREADS);
}

static unsigned int n_threads_for(const struct dp_config *config)
{
	return config->n_threads ? MIN(config->n_threads, USER_MAX_THREADS)
				 : threads_for(sysconf(_SC_NPROCESSORS_ONLN));
}

int user_dp_init(struct user_dp *dp, const struct datapath_ops *ops, const struct dp_config *config,
		 struct errtext *err)
{
	unsigned int n = n_threads_for(config);

	dp->ports = xcalloc(DP_MAX_PORTS, sizeof(struct user_port *));
	forward_dp_init(&dp->base, ops, config, find_port);
	for (; dp->n_threads < n; dp->n_threads++) {
		struct user_thread *t = user_thread_start(dp, dp->n_threads);

		if (!t) {
			int error = errno;

			user_dp_fini(dp);
			return errtext_set(err, error, "cannot start forwarding thread %u of %u: %s", dp->n_threads, n,
					   strerror(error));
		}
		dp->threads[dp->n_threads] = t;
	}
	return 0;
}

void user_dp_fini(struct user_dp *dp)
{
	for (uint32_t i = 0; i < DP_MAX_PORTS; i++)
		if (dp->ports[i])
			user_port_del(&dp->base.dp, i);
	user_egress_stop(dp);
	for (unsigned int i = 0; i < dp->n_threads; i++)
		user_thread_stop(dp->threads[i]);
	forward_dp_fini(&dp->base); /* waits for what was to be freed after a grace period, ports included */
	user_egress_free(dp);
	free(dp->ports);
}

static int user_open(const struct dp_config *config, struct datapath **datapath, struct errtext *err)
{
	struct user_dp *dp = xzalloc(sizeof *dp);
	struct dp_config own = *config;
	int error;

	/*
	 * Half of the CPUs: the others are for the programs whose packets these are. With two, one thread also finds a host's
	 * reply waiting when it has sent the request, where a second thread would have to be woken.
	 */
	if (!own.n_threads)
		own.n_threads = threads_for(sysconf(_SC_NPROCESSORS_ONLN) / 2);
	if (config->rundir)
		tc_drop_set_owner(sweep_owner(config->rundir));
	error = user_dp_init(dp, &datapath_user, &own, err);
	if (error)
		free(dp);
	else
		*datapath = &dp->base.dp;
	return error;
}

static void user_close(struct datapath *datapath)
{
	struct user_dp *dp = user_dp_of(datapath);

	user_dp_fini(dp);
	free(dp);
}

/* ---- ports ---- */

bool user_is_tunnel(const struct dp_port_spec *spec)
{
	return !strcmp(spec->type, "vxlan") || !strcmp(spec->type, "geneve") || !strcmp(spec->type, "gre");
}

struct user_port *user_dp_add_port(struct user_dp *dp, uint32_t number, struct afpacket *socket,
				   struct user_thread *thread)
{
	struct user_port *port = xzalloc(sizeof *port + dp->n_threads * sizeof port->pending[0]);

	forward_port_init(&port->fp, number);
	port->source.serve = user_port_serve;
	port->dp = dp;
	port->socket = socket;
	port->thread = thread;
	for (unsigned int i = 0; i < dp->n_threads; i++)
		port->pending[i].tail = &port->pending[i].head;
	egress_init(&port->egress, &user_egress_driver, port);
	egress_init(&port->ingress, &user_ingress_driver, port);
	port->arrived_tail = &port->arrived;
	rcu_assign_pointer(dp->ports[number], port);
	return port;
}

void user_port_free(struct user_port *port)
{
	egress_fini(&port->egress);
	egress_fini(&port->ingress);
	user_tunnel_free(port->tunnel);
	afpacket_close(port->socket);
	forward_port_fini(&port->fp);
	free(port);
}

uint32_t user_dp_choose_number(const struct user_dp *dp, uint32_t requested, uint32_t limit)
{
	if (requested < limit && !dp->ports[requested])
		return requested;
	for (uint32_t i = 1; i < limit; i++)
		if (!dp->ports[i])
			return i;
	return DP_PORT_NONE;
}

static int add_tunnel(struct user_dp *dp, const struct dp_port_spec *spec, uint32_t number, uint32_t *port_no,
		      struct errtext *err)
{
	struct user_tunnel *tunnel;
	struct user_port *port;
	int error;

	if (number == DP_PORT_NONE)
		return errtext_set(err, ENOSPC, "%s: all %u port numbers are in use", spec->name, DP_MAX_PORTS);
	error = user_tunnel_new(dp, spec, &tunnel, err);
	if (error)
		return error;
	port = user_dp_add_port(dp, number, NULL, dp->threads[dp->next_thread++ % dp->n_threads]);
	port->tunnel = tunnel;
	error = user_tunnel_start(tunnel, port);
	if (error) {
		user_port_del(&dp->base.dp, number);
		return errtext_set(err, -error, "%s: cannot watch its sockets: %s", spec->name, strerror(-error));
	}
	*port_no = number;
	return 0;
}

static int user_port_add(struct datapath *datapath, const struct dp_port_spec *spec, uint32_t *port_no,
			 struct errtext *err)
{
	struct user_dp *dp = user_dp_of(datapath);
	uint32_t number = user_dp_choose_number(dp, spec->requested, DP_MAX_PORTS);
	struct afpacket *socket;
	struct user_port *port;
	int error;

	if (user_is_tunnel(spec))
		return add_tunnel(dp, spec, number, port_no, err);
	if (!strcmp(spec->type, "dummy"))
		return errtext_set(err, EINVAL, "%s: dummy ports need a bridge with datapath_type=dummy", spec->name);
	if (number == DP_PORT_NONE)
		return errtext_set(err, ENOSPC, "%s: all %u port numbers are in use", spec->name, DP_MAX_PORTS);
	error = afpacket_open(spec->ifindex, spec->name, &socket, err);
	if (error)
		return error;
	port = user_dp_add_port(dp, number, socket, dp->threads[dp->next_thread++ % dp->n_threads]);
	error = user_thread_add_source(port->thread, afpacket_fd(socket), &port->source);
	if (error) {
		user_port_del(datapath, number);
		return errtext_set(err, -error, "%s: cannot watch the device: %s", spec->name, strerror(-error));
	}
	*port_no = number;
	return 0;
}

int user_port_del(struct datapath *datapath, uint32_t port_no)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_port *port = port_no < DP_MAX_PORTS ? dp->ports[port_no] : NULL;

	if (!port)
		return -ENOENT;
	rcu_assign_pointer(dp->ports[port_no], NULL);
	user_egress_forget(port);
	if (port->tunnel) {
		user_tunnel_stop(port->tunnel);
		user_thread_retire_port(port->thread, port);
		return 0;
	}
	afpacket_detach(port->socket);
	user_thread_del_port(port->thread, port);
	return 0;
}

static int user_port_stats(struct datapath *datapath, uint32_t port_no, struct dp_port_stats *stats)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_port *port = port_no < DP_MAX_PORTS ? dp->ports[port_no] : NULL;

	if (!port)
		return -ENOENT;
	forward_port_stats(&port->fp, stats);
	stats->rx_missed = port->tunnel ? 0 : afpacket_missed(port->socket);
	return 0;
}

static int user_port_last_drop(struct datapath *datapath, uint32_t port_no, struct dp_last_drop *drop)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_port *port = port_no < DP_MAX_PORTS ? dp->ports[port_no] : NULL;

	return port ? forward_port_last_drop(&port->fp, drop) : -ENOENT;
}

int user_port_watch(struct datapath *datapath, uint32_t port_no, unsigned int what)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_port *port = port_no < DP_MAX_PORTS ? dp->ports[port_no] : NULL;

	if (port)
		forward_port_watch(&port->fp, what);
	return port ? 0 : -ENOENT;
}

/* ---- the rest ---- */

/* In the thread of the port that the packet counts for; any, when it comes from none. */
int user_execute(struct datapath *datapath, struct packet *packet, const void *actions, size_t actions_len)
{
	struct user_dp *dp = user_dp_of(datapath);
	struct user_thread *t = dp->threads[0];
	struct user_port *port;
	int error = execute_supports(actions, actions_len);

	if (error)
		return error;
	rcu_read_lock();
	port = packet->in_port < DP_MAX_PORTS ? rcu_dereference(dp->ports[packet->in_port]) : NULL;
	if (port)
		t = port->thread;
	rcu_read_unlock();
	error = forward_post(&t->f, packet, actions, actions_len);
	if (!error)
		user_thread_wake(t);
	return error;
}

void user_stats(struct datapath *datapath, struct dp_stats *stats)
{
	const struct user_dp *dp = user_dp_of(datapath);
	const struct forwarder *forwarders[USER_MAX_THREADS];

	for (unsigned int i = 0; i < dp->n_threads; i++)
		forwarders[i] = &dp->threads[i]->f;
	forward_stats(&dp->base, forwarders, dp->n_threads, stats);
}

const struct datapath_ops datapath_user = {
	.type = "user",
	.tunnels = DP_TUNNELS_BY_ITSELF,
	.open = user_open,
	.close = user_close,
	.port_add = user_port_add,
	.port_del = user_port_del,
	.port_stats = user_port_stats,
	.port_last_drop = user_port_last_drop,
	.port_watch = user_port_watch,
	FORWARD_FLOW_OPS,
	.execute = user_execute,
	.stats = user_stats,
	.port_set_egress = user_port_set_egress,
	.port_set_ingress = user_port_set_ingress,
};
