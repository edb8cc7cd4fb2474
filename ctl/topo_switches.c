// SPDX-License-Identifier: Apache-2.0
/*
 * The switches of a topology: all bridges and ports of a daemon are one transaction, then each gets its flows; uplinks come last, when
 * the host has all of its addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/json_text.h"
#include "ctl/rpc.h"
#include "ctl/topo_run.h"

static void put_columns(json_t *words, const json_t *columns)
{
	const char *column;
	json_t *value;

	json_object_foreach((json_t *)columns, column, value) {
		struct ds ds = DS_INIT;

		if (json_is_object(value))
			continue; /* the members of a bond */
		ds_printf(&ds, "%s=", column);
		json_put_word(&ds, value);
		json_array_append_new(words, json_string(ds_cstr(&ds)));
		ds_fini(&ds);
	}
}

/* The other end of a link between switches, for patch ports; NULL for all others. */
static const char *patch_peer(const struct topo *topo, size_t sw, const char *port)
{
	for (size_t i = 0; i < topo->n_links; i++)
		for (int e = 0; e < 2; e++) {
			const struct topo_end *end = &topo->links[i].ends[e], *other = &topo->links[i].ends[!e];

			if (topo->links[i].is_patch && end->node == sw && !strcmp(end->name, port))
				return other->name;
		}
	return NULL;
}

/* Ids of rows, in a transaction: each is given once. */
static json_t *put_port_id(json_t *commands_list, const json_t *port)
{
	json_t *id = json_sprintf("@port%zu", json_array_size(commands_list));

	json_array_append_new(commands_list,
			      json_pack("[o, s, s, s]", json_sprintf("--id=%s", json_string_value(id)), "get", "port",
					json_is_string(port) ? json_string_value(port) : ""));
	return id;
}

/* The same value with ids in the place of names of ports. */
static json_t *ids_of_ports(json_t *commands_list, const json_t *ports)
{
	json_t *ids = json_array();
	json_t *port;
	size_t i;

	if (!json_is_array(ports))
		json_array_append_new(ids, put_port_id(commands_list, ports));
	json_array_foreach(ports, i, port)
		json_array_append_new(ids, put_port_id(commands_list, port));
	return ids;
}

static void put_mirror(json_t *commands_list, const char *sw, const char *name, const json_t *columns)
{
	static const char *const of_ports[] = {"output_port", "select_src_port", "select_dst_port"};
	json_t *resolved = json_copy((json_t *)columns), *words;
	char *id;

	for (size_t i = 0; i < ARRAY_SIZE(of_ports); i++) {
		const json_t *ports = json_object_get(columns, of_ports[i]);

		if (ports)
			json_object_set_new(resolved, of_ports[i], ids_of_ports(commands_list, ports));
	}
	id = xasprintf("@mirror%zu", json_array_size(commands_list));
	words = json_pack("[o, s, s, o]", json_sprintf("--id=%s", id), "create", "mirror",
			  json_sprintf("name=%s", name));
	put_columns(words, resolved);
	json_array_append_new(commands_list, words);
	json_array_append_new(commands_list, json_pack("[s, s, s, s, s]", "add", "bridge", sw, "mirrors", id));
	json_decref(resolved);
	free(id);
}

/* ["create", TABLE, "other_config:KEY=VALUE", ...] under a new id, which is returned; the list is the caller's to go on with. */
static json_t *put_create(json_t *commands_list, const char *table, const json_t *settings, char **id)
{
	json_t *words, *value;
	const char *key;

	*id = xasprintf("@%s%zu", table, json_array_size(commands_list));
	words = json_pack("[o, s, s]", json_sprintf("--id=%s", *id), "create", table);
	json_object_foreach((json_t *)settings, key, value) {
		struct ds ds = DS_INIT;

		if (json_is_object(value))
			continue;
		ds_printf(&ds, strcmp(key, "type") != 0 ? "other_config:%s=" : "%s=", key);
		json_put_word(&ds, value);
		json_array_append_new(words, json_string(ds_cstr(&ds)));
		ds_fini(&ds);
	}
	json_array_append_new(commands_list, words);
	return words;
}

static void put_qos(json_t *commands_list, const char *port, const json_t *qos)
{
	const char *number;
	json_t *queue, *words;
	char *id, *queue_id;

	words = put_create(commands_list, "qos", qos, &id);
	if (!json_object_get(qos, "type"))
		json_array_append_new(words, json_string("type=linux-htb"));
	json_object_foreach(json_object_get(qos, "queues"), number, queue) {
		put_create(commands_list, "queue", queue, &queue_id);
		json_array_append_new(words, json_sprintf("queues:%s=%s", number, queue_id));
		free(queue_id);
	}
	json_array_append_new(commands_list,
			      json_pack("[s, s, s, o]", "set", "port", port, json_sprintf("qos=%s", id)));
	free(id);
}

/* A port where a link ends that is worse than it is. A link between two switches has two: each sees to what it sends. */
static void put_emulation(json_t *commands_list, const struct topo_link *link, const char *port)
{
	bool both = link->ends[0].is_switch && link->ends[1].is_switch;
	json_t *words = json_pack("[s, s, s, s]", "set", "interface", port,
				  both ? "other_config:link-direction=out" : "other_config:link-direction=both");
	const char *key;
	json_t *value;

	json_object_foreach(link->emulation, key, value)
		json_array_append_new(words, json_sprintf("other_config:link-%s=%s", key, json_string_value(value)));
	json_array_append_new(commands_list, words);
}

static void put_emulations(const struct topo *topo, json_t *commands_list, size_t s)
{
	for (size_t i = 0; i < topo->n_links; i++)
		for (size_t e = 0; e < 2; e++) {
			const struct topo_end *end = &topo->links[i].ends[e];

			if (topo->links[i].emulation && end->is_switch && end->node == s)
				put_emulation(commands_list, &topo->links[i], end->name);
		}
}

/* One command makes the port with its interfaces; these have columns of their own. */
static void put_bond(json_t *commands_list, const char *sw, const struct topo_port *port)
{
	json_t *words = json_pack("[s, s, s]", "add-bond", sw, port->name), *columns;
	const char *name;

	json_object_foreach(json_object_get(port->columns, "interfaces"), name, columns)
		json_array_append_new(words, json_string(name));
	put_columns(words, port->columns);
	json_array_append_new(commands_list, words);
	json_object_foreach(json_object_get(port->columns, "interfaces"), name, columns) {
		if (!json_object_size(columns))
			continue;
		words = json_pack("[s, s, s]", "set", "Interface", name);
		put_columns(words, columns);
		json_array_append_new(commands_list, words);
	}
}

static void put_port(const struct topo *topo, json_t *commands_list, size_t s, const struct topo_port *port)
{
	const char *peer = patch_peer(topo, s, port->name), *sw = topo->switches[s].name;
	json_t *words = json_pack("[s, s, s]", "add-port", sw, port->name);

	if (peer) {
		json_array_append_new(words, json_string("type=patch"));
		json_array_append_new(words, json_sprintf("options:peer=%s", peer));
	}
	put_columns(words, port->columns);
	json_array_append_new(commands_list, words);
}

static void put_switch(const struct topo_run *run, const struct topo *topo, json_t *commands_list, size_t s)
{
	const struct topo_switch *sw = &topo->switches[s];
	const char *name;
	json_t *columns;
	json_t *words =
		json_pack("[s, s, o]", "add-br", sw->name, json_sprintf("external_ids:vsw-topo=%s", run->prefix));

	put_columns(words, sw->settings);
	json_array_append_new(commands_list, words);
	for (size_t i = 0; i < sw->n_ports; i++) {
		if (sw->ports[i].is_bond)
			put_bond(commands_list, sw->name, &sw->ports[i]);
		else if (!sw->ports[i].bond)
			put_port(topo, commands_list, s, &sw->ports[i]);
	}
	json_object_foreach(sw->mirrors, name, columns)
		put_mirror(commands_list, sw->name, name, columns);
	json_object_foreach(sw->qos, name, columns)
		put_qos(commands_list, name, columns);
	put_emulations(topo, commands_list, s);
}

/* Those of the daemon on host @on, SIZE_MAX for the one on none. */
static int make_switches(const struct topo_run *run, const struct topo *topo, size_t on, struct rpc *rpc,
			 struct errtext *err)
{
	json_t *list = json_array();
	json_t *result = NULL;
	int error;

	for (size_t i = 0; i < topo->n_switches; i++)
		if (topo->switches[i].on == on)
			put_switch(run, topo, list, i);
	if (!json_array_size(list)) {
		json_decref(list);
		return 0;
	}
	error = rpc_call(rpc, "db/run", json_pack("{s:o}", "commands", list), &result, err);
	json_decref(result);
	return error;
}

static int add_flows(const struct topo *topo, struct rpc *rpc, const struct topo_switch *sw, struct errtext *err)
{
	struct ds text = DS_INIT;
	json_t *flow, *result = NULL;
	size_t i;
	int error;

	if (!json_array_size(sw->flows))
		return 0;
	json_array_foreach(sw->flows, i, flow)
		ds_printf(&text, "%s\n", json_string_value(flow));
	error = rpc_call(rpc, "flow/add",
			 json_pack("{s:s, s:s, s:o}", "bridge", sw->name, "flows", ds_cstr(&text), "file",
				   json_sprintf("%s: flows of %s", topo->name, sw->name)),
			 &result, err);
	json_decref(result);
	ds_fini(&text);
	return error;
}

/* The device's addresses and routes move to the bridge. */
static int add_uplink(const struct topo_run *run, const struct topo *topo, const struct topo_switch *sw,
		      struct errtext *err)
{
	char *rundir = topo_run_rundir(run, topo, sw->on);
	json_t *result = NULL;
	struct rpc *rpc;
	int error = rpc_open(&rpc, rundir, TOPO_TIMEOUT_MS, err);

	free(rundir);
	if (error)
		return error;
	error = rpc_call(rpc, "uplink/add", json_pack("{s:s, s:s}", "bridge", sw->name, "device", sw->uplink), &result,
			 err);
	json_decref(result);
	rpc_close(rpc);
	return error;
}

int topo_add_uplinks(const struct topo_run *run, const struct topo *topo, struct errtext *err)
{
	int error = 0;

	for (size_t i = 0; i < topo->n_switches && !error; i++)
		if (topo->switches[i].uplink)
			error = add_uplink(run, topo, &topo->switches[i], err);
	return error;
}

static int configure_daemon(const struct topo_run *run, const struct topo *topo, size_t on, struct errtext *err)
{
	char *rundir = topo_run_rundir(run, topo, on);
	struct rpc *rpc;
	int error = rpc_open(&rpc, rundir, TOPO_TIMEOUT_MS, err);

	free(rundir);
	if (error)
		return error;
	error = make_switches(run, topo, on, rpc, err);
	for (size_t i = 0; i < topo->n_switches && !error; i++)
		if (topo->switches[i].on == on)
			error = add_flows(topo, rpc, &topo->switches[i], err);
	rpc_close(rpc);
	return error;
}

int topo_configure_switches(const struct topo_run *run, const struct topo *topo, struct errtext *err)
{
	int error = topo_has_switch_on(topo, SIZE_MAX) ? configure_daemon(run, topo, SIZE_MAX, err) : 0;

	for (size_t h = 0; h < topo->n_hosts && !error; h++)
		if (topo_has_switch_on(topo, h))
			error = configure_daemon(run, topo, h, err);
	return error;
}
