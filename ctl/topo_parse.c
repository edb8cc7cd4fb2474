// SPDX-License-Identifier: Apache-2.0
#include "ctl/topo_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool topo_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > 60 || !isalnum((unsigned char)name[0]))
		return false;
	return !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

bool topo_ifname_ok(const char *name)
{
	return strlen(name) < IFNAMSIZ && topo_name_ok(name);
}

char *topo_name_of_file(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t len = strlen(base);

	if (len > 5 && !strcmp(base + len - 5, ".json"))
		len -= 5;
	return xstrndup(base, len);
}

size_t topo_find_host(const struct topo *topo, const char *name)
{
	for (size_t i = 0; i < topo->n_hosts; i++)
		if (!strcmp(topo->hosts[i].name, name))
			return i;
	return SIZE_MAX;
}

size_t topo_find_switch(const struct topo *topo, const char *name)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		if (!strcmp(topo->switches[i].name, name))
			return i;
	return SIZE_MAX;
}

struct topo_iface *topo_host_iface(const struct topo_host *host, const char *name)
{
	for (size_t i = 0; i < host->n_ifaces; i++)
		if (!strcmp(host->ifaces[i].name, name))
			return &host->ifaces[i];
	return NULL;
}

struct topo_iface *topo_host_new_iface(struct topo_host *host, const char *name)
{
	struct topo_iface *iface;

	host->ifaces = xrealloc(host->ifaces, (host->n_ifaces + 1) * sizeof *host->ifaces);
	iface = &host->ifaces[host->n_ifaces++];
	*iface = (struct topo_iface){.name = name};
	return iface;
}

struct topo_port *topo_switch_new_port(struct topo_switch *sw, const char *name)
{
	struct topo_port *port;

	sw->ports = xrealloc(sw->ports, (sw->n_ports + 1) * sizeof *sw->ports);
	port = &sw->ports[sw->n_ports++];
	*port = (struct topo_port){.name = name};
	return port;
}

/* ---- switches ---- */

/* Values of columns: texts, numbers, true, false, and lists of these. */
static void check_columns(struct json_reader *r, const json_t *columns)
{
	const char *column;
	json_t *value, *element;
	size_t i;

	if (!json_reader_object(r, columns, NULL))
		return;
	json_object_foreach((json_t *)columns, column, value) {
		if (json_is_object(value) || json_is_null(value))
			json_reader_fail_at(r, column,
					    "expected a text, a number, true, false or a list; a map is written "
					    "\"column:key\": \"value\"");
		json_array_foreach(value, i, element)
			if (!json_is_string(element) && !json_is_integer(element))
				json_reader_fail_at(r, column, "element %zu is neither a text nor a whole number", i);
	}
}

static void parse_ports(struct json_reader *r, struct topo_switch *sw, const json_t *object)
{
	json_t *ports = json_reader_map(r, object, "ports", false);
	const char *name;
	json_t *columns;

	json_reader_enter(r, "ports");
	json_object_foreach(ports, name, columns) {
		json_reader_enter(r, name);
		if (!topo_ifname_ok(name))
			json_reader_fail(r,
					 "'%s' cannot be the name of a port (1 to %d letters, digits, '.', '-', '_')",
					 name, IFNAMSIZ - 1);
		check_columns(r, columns);
		topo_switch_new_port(sw, name)->columns = columns;
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void parse_flows(struct json_reader *r, struct topo_switch *sw, const json_t *object)
{
	json_t *flow;
	size_t i;

	sw->flows = json_reader_array(r, object, "flows", false);
	json_reader_enter(r, "flows");
	json_array_foreach(sw->flows, i, flow) {
		json_reader_enter_index(r, i);
		if (!json_is_string(flow) || strchr(json_string_value(flow), '\n'))
			json_reader_fail(r, "expected a flow as of add-flow: \"priority=1,arp,actions=NORMAL\"");
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

void topo_parse_switches(struct json_reader *r, struct topo *topo, const json_t *switches)
{
	const char *name;
	json_t *object;

	topo->switches = xcalloc(json_object_size(switches), sizeof *topo->switches);
	json_reader_enter(r, "switches");
	json_object_foreach((json_t *)switches, name, object) {
		struct topo_switch *sw = &topo->switches[topo->n_switches++];

		sw->name = name;
		json_reader_enter(r, name);
		if (!topo_ifname_ok(name) || !strcmp(name, "all"))
			json_reader_fail(r,
					 "'%s' cannot be the name of a bridge (1 to %d letters, digits, '.', '-', '_')",
					 name, IFNAMSIZ - 1);
		else if (topo_find_host(topo, name) != SIZE_MAX)
			json_reader_fail(r, "there is a host called '%s', too", name);
		else if (json_reader_object(r, object, "settings ports flows")) {
			sw->settings = json_reader_map(r, object, "settings", false);
			json_reader_enter(r, "settings");
			if (sw->settings)
				check_columns(r, sw->settings);
			json_reader_leave(r);
			parse_ports(r, sw, object);
			parse_flows(r, sw, object);
		}
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

/* ---- the whole ---- */

/* A port that no link leads to must be one that the switch makes. */
static void check_lonely_ports(struct json_reader *r, const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		for (size_t j = 0; j < topo->switches[i].n_ports; j++) {
			const struct topo_port *port = &topo->switches[i].ports[j];

			if (port->linked || json_object_get(port->columns, "type"))
				continue;
			json_reader_enter(r, "switches");
			json_reader_enter(r, topo->switches[i].name);
			json_reader_enter(r, "ports");
			json_reader_fail_at(r, port->name,
					    "no link ends here: add one, or a \"type\" such as internal or tap");
			r->depth -= 3;
		}
}

static void check_lonely_ifaces(struct json_reader *r, const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_hosts; i++)
		for (size_t j = 0; j < topo->hosts[i].n_ifaces; j++) {
			const struct topo_iface *iface = &topo->hosts[i].ifaces[j];

			if (iface->linked || iface->parent || !strcmp(iface->name, "lo"))
				continue;
			json_reader_enter(r, "hosts");
			json_reader_fail_at(r, topo->hosts[i].name, "no link ends at its interface '%s'", iface->name);
			json_reader_leave(r);
		}
}

static void parse_root(struct json_reader *r, struct topo *topo)
{
	json_t *hosts, *switches, *links, *expects;

	if (!json_reader_object(r, r->root, "description hosts switches links expect"))
		return;
	topo->description = json_reader_string(r, r->root, "description", false);
	hosts = json_reader_map(r, r->root, "hosts", true);
	switches = json_reader_map(r, r->root, "switches", false);
	links = json_reader_array(r, r->root, "links", false);
	expects = json_reader_array(r, r->root, "expect", false);
	topo_parse_hosts(r, topo, hosts);
	topo_parse_switches(r, topo, switches);
	topo_parse_links(r, topo, links);
	check_lonely_ports(r, topo);
	check_lonely_ifaces(r, topo);
	topo_parse_expects(r, topo, expects);
}

int topo_parse(const char *file, struct topo **topop, struct errtext *err)
{
	struct topo *topo = xzalloc(sizeof *topo);
	struct json_reader r;
	int error = json_reader_open(&r, file, err);

	topo->name = topo_name_of_file(file);
	if (!error && !topo_name_ok(topo->name))
		json_reader_fail(
			&r, "the file's name is the topology's: '%s' cannot be one (letters, digits, '.', '-', '_')",
			topo->name);
	if (!r.error)
		parse_root(&r, topo);
	error = r.error;
	topo->root = json_incref(r.root);
	json_reader_close(&r);
	if (error) {
		topo_free(topo);
		topo = NULL;
	}
	*topop = topo;
	return error;
}

static void free_hosts(struct topo *topo)
{
	for (size_t i = 0; i < topo->n_hosts; i++) {
		for (size_t j = 0; j < topo->hosts[i].n_ifaces; j++)
			free(topo->hosts[i].ifaces[j].addrs);
		free(topo->hosts[i].ifaces);
		free(topo->hosts[i].routes);
	}
	free(topo->hosts);
}

static void free_expects(struct topo *topo)
{
	for (size_t i = 0; i < topo->n_expects; i++) {
		for (size_t j = 0; j < topo->expects[i].n_to; j++)
			free(topo->expects[i].to[j].label);
		free(topo->expects[i].to);
		free(topo->expects[i].from);
	}
	free(topo->expects);
}

void topo_free(struct topo *topo)
{
	if (!topo)
		return;
	free_expects(topo);
	free_hosts(topo);
	for (size_t i = 0; i < topo->n_switches; i++)
		free(topo->switches[i].ports);
	free(topo->switches);
	free(topo->links);
	free(topo->name);
	json_decref(topo->root);
	free(topo);
}
