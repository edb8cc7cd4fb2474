// SPDX-License-Identifier: Apache-2.0
/*
 * Taking a topology down. The state names what may be there; each step takes away what is there and does not mind what is not, so it
 * works after a crash at any point of `up` or of an earlier `down`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/rpc.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

/* How long programs may take to end by themselves. */
#define PATIENCE_MS 2000

/* Is the bridge there, and made by this topology? */
static bool owns_bridge(const struct topo_run *run, struct rpc *rpc, const char *bridge)
{
	json_t *result = NULL, *ids;
	const char *owner;
	bool owns;

	if (rpc_call(rpc, "db/run",
		     json_pack("{s:[[s, s]], s:s}", "commands", "br-get-external-id", bridge, "format", "json"),
		     &result, NULL))
		return false;
	ids = json_object_get(json_array_get(json_object_get(result, "commands"), 0), "external_ids");
	owner = json_string_value(json_object_get(ids, "vsw-topo"));
	owns = owner && !strcmp(owner, run->prefix);
	json_decref(result);
	return owns;
}

/* Delete our bridges from a daemon that is not ours, in one transaction. */
static int delete_bridges(const struct topo_run *run, struct errtext *err)
{
	json_t *list = json_array(), *name, *result = NULL;
	struct rpc *rpc;
	size_t i;
	int error = rpc_open(&rpc, run->daemon_rundir, TOPO_TIMEOUT_MS, err);

	if (error) {
		json_decref(list);
		return error;
	}
	json_array_foreach(run->bridges, i, name)
		if (owns_bridge(run, rpc, json_string_value(name)))
			json_array_append_new(list, json_pack("[s, s, O]", "--if-exists", "del-br", name));
	if (json_array_size(list))
		error = rpc_call(rpc, "db/run", json_pack("{s:O}", "commands", list), &result, err);
	json_decref(result);
	json_decref(list);
	rpc_close(rpc);
	return error;
}

/*
 * The switches' ends of links are in the namespace of a daemon that is not ours. They would go with our namespaces, but only some time
 * later: deleted at the hosts' ends they are gone when we return, and nobody else's device is.
 */
static void delete_links(const struct topo_run *run)
{
	for (size_t i = 0; i < run->n_namespaces; i++) {
		int netns = netns_open(run->namespaces[i]);
		struct rtnl *rtnl = NULL;

		if (netns < 0)
			continue;
		if (rtnl_open(&rtnl, netns) || rtnl_delete_kind(rtnl, "veth"))
			fprintf(stderr, "vsw: the links of namespace %s stay\n", run->namespaces[i]);
		rtnl_close(rtnl);
		close(netns);
	}
}

static int delete_namespaces(const struct topo_run *run, struct errtext *err)
{
	int error = 0;

	for (size_t i = 0; i < run->n_namespaces; i++) {
		int e = netns_delete(run->namespaces[i], err);

		error = error ? error : e;
	}
	return error;
}

void topo_run_forget(struct topo_run *run)
{
	for (size_t i = 0; i < run->n_namespaces; i++)
		free(run->namespaces[i]);
	free(run->namespaces);
	run->namespaces = NULL;
	run->n_namespaces = 0;
}

static bool is_running(const char *rundir)
{
	struct rpc *rpc;
	int error = rpc_open(&rpc, rundir, TOPO_TIMEOUT_MS, NULL);

	rpc_close(rpc);
	return !error;
}

/* In an orderly way. Return: the run folders of those that were killed, or do not end by themselves. */
static json_t *stop_daemons(const struct topo_run *run)
{
	json_t *rundir, *left = json_array();
	size_t i;

	json_array_foreach(run->daemons, i, rundir) {
		const char *text = json_string_value(rundir);

		if (!is_running(text)) {
			json_array_append(left, rundir);
		} else if (daemon_stop(text, true, TOPO_TIMEOUT_MS, NULL)) {
			fprintf(stderr, "vsw: the vsw-switchd of %s does not end by itself\n", text);
			json_array_append(left, rundir);
		}
	}
	return left;
}

/* Where the daemon of this run folder lived. Return: a descriptor, -errno when there is no such namespace any more. */
static int open_daemon_namespace(const struct topo_run *run, const char *rundir)
{
	const char *host = strrchr(rundir, '/');
	char *name = strcmp(rundir, run->dir) && host ? topo_run_namespace(run, host + 1) : xstrdup(run->prefix);
	int fd = netns_open(name);

	free(name);
	return fd;
}

/* What those have left in the kernel: pinned programs and maps, which are known by the namespace, too. Devices go with their namespaces. */
static int purge_daemons(const struct topo_run *run, json_t *rundirs, struct errtext *err)
{
	json_t *rundir;
	int error = 0;
	size_t i;

	json_array_foreach(rundirs, i, rundir) {
		int netns = open_daemon_namespace(run, json_string_value(rundir));
		int e = daemon_purge(json_string_value(rundir), netns, error ? NULL : err);

		if (netns >= 0)
			close(netns);
		error = error ? error : e;
	}
	json_decref(rundirs);
	return error;
}

int topo_down(struct topo_run *run, struct errtext *err)
{
	int error = 0, e;
	json_t *left;

	if (!topo_run_is_up(run))
		return 0;
	/* An orderly end first; one that does not answer is ended with everything else in its namespace. */
	left = stop_daemons(run);
	if (!run->is_private) {
		error = delete_bridges(run, err);
		delete_links(run);
	}
	netns_kill((const char *const *)run->namespaces, run->n_namespaces, PATIENCE_MS);
	/* Whoever did not end by himself has been ended now. */
	e = purge_daemons(run, left, error ? NULL : err);
	error = error ? error : e;
	e = delete_namespaces(run, error ? NULL : err);
	error = error ? error : e;
	if (error)
		return error;
	topo_run_remove(run);
	topo_run_forget(run);
	return 0;
}
