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

size_t topo_find_address(const struct topo *topo, const struct rtnl_prefix *addr)
{
	for (size_t h = 0; h < topo->n_hosts; h++)
		for (size_t i = 0; i < topo->hosts[h].n_ifaces; i++)
			for (size_t j = 0; j < topo->hosts[h].ifaces[i].n_addrs; j++) {
				const struct rtnl_prefix *a = &topo->hosts[h].ifaces[i].addrs[j];

				if (a->family == addr->family && !memcmp(a->addr, addr->addr, sizeof a->addr))
					return h;
			}
	return SIZE_MAX;
}

size_t topo_find_switch(const struct topo *topo, const char *name)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		if (!strcmp(topo->switches[i].name, name))
			return i;
	return SIZE_MAX;
}

bool topo_has_switch_on(const struct topo *topo, size_t on)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		if (topo->switches[i].on == on)
			return true;
	return false;
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

/* ---- the whole ---- */

/* A port that no link leads to must be one that the switch makes. */
static void check_lonely_ports(struct json_reader *r, const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		for (size_t j = 0; j < topo->switches[i].n_ports; j++) {
			const struct topo_port *port = &topo->switches[i].ports[j];

			if (port->linked || port->is_bond || json_object_get(port->columns, "type"))
				continue;
			json_reader_enter(r, "switches");
			json_reader_enter(r, topo->switches[i].name);
			json_reader_enter(r, "ports");
			json_reader_fail_at(r, port->name,
					    "no link ends here: add one, or a \"type\" such as internal or tap");
			r->depth -= 3;
		}
}

/* Does a switch on host @h make a device of this name? */
static bool is_made_by_switch(const struct topo *topo, size_t h, const char *name)
{
	for (size_t i = 0; i < topo->n_switches; i++) {
		const struct topo_switch *sw = &topo->switches[i];

		if (sw->on == h && !strcmp(sw->name, name))
			return true;
		for (size_t j = 0; sw->on == h && j < sw->n_ports; j++)
			if (!strcmp(sw->ports[j].name, name) && !sw->ports[j].linked && !sw->ports[j].is_bond)
				return true;
	}
	return false;
}

/* Devices that are there only when the switches of their host are, and VLAN devices on them. */
static void find_internal_ifaces(struct topo *topo)
{
	for (size_t h = 0; h < topo->n_hosts; h++)
		for (size_t i = 0; i < topo->hosts[h].n_ifaces; i++) {
			struct topo_iface *iface = &topo->hosts[h].ifaces[i];
			const struct topo_iface *parent =
				iface->parent ? topo_host_iface(&topo->hosts[h], iface->parent) : NULL;

			iface->internal =
				parent ? parent->internal : !iface->linked && is_made_by_switch(topo, h, iface->name);
		}
}

static void check_lonely_ifaces(struct json_reader *r, const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_hosts; i++)
		for (size_t j = 0; j < topo->hosts[i].n_ifaces; j++) {
			const struct topo_iface *iface = &topo->hosts[i].ifaces[j];

			if (iface->linked || iface->parent || iface->internal || !strcmp(iface->name, "lo"))
				continue;
			json_reader_enter(r, "hosts");
			json_reader_fail_at(r, topo->hosts[i].name, "no link ends at its interface '%s'", iface->name);
			json_reader_leave(r);
		}
}

/* The sections of the file, before any of them is read: links may stand before the hosts that they join. */
struct sections {
	json_t *hosts, *switches, *links, *expects;
};

static void read_description(struct json_reader *r, const json_t *object, const char *key, void *what,
			     void *aux VSW_UNUSED)
{
	((struct topo *)what)->description = json_reader_string(r, object, key, false);
}

static void read_hosts(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED, void *aux)
{
	((struct sections *)aux)->hosts = json_reader_map(r, object, key, false);
}

static void read_switches(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED,
			  void *aux)
{
	((struct sections *)aux)->switches = json_reader_map(r, object, key, false);
}

static void read_links(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED, void *aux)
{
	((struct sections *)aux)->links = json_reader_array(r, object, key, false);
}

static void read_expects(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED, void *aux)
{
	((struct sections *)aux)->expects = json_reader_array(r, object, key, false);
}

static const struct json_key root_keys[] = {
	{"description", read_description}, {"hosts", read_hosts}, {"switches", read_switches}, {"links", read_links},
	{"expect", read_expects},
};

static void parse_root(struct json_reader *r, struct topo *topo)
{
	struct sections sections = {0};

	if (!json_reader_keys(r, r->root, root_keys, ARRAY_SIZE(root_keys), topo, &sections))
		return;
	if (!sections.hosts)
		json_reader_fail(r, "'hosts' is missing: expected an object: { ... }");
	topo_parse_hosts(r, topo, sections.hosts);
	topo_parse_switches(r, topo, sections.switches);
	topo_parse_links(r, topo, sections.links);
	check_lonely_ports(r, topo);
	find_internal_ifaces(topo);
	check_lonely_ifaces(r, topo);
	topo_parse_expects(r, topo, sections.expects);
}

/* Parse what @r has open; closes it. */
static int parse_opened(struct json_reader *r, const char *file, struct topo **topop)
{
	struct topo *topo = xzalloc(sizeof *topo);
	int error;

	topo->name = topo_name_of_file(file);
	if (!r->error && !topo_name_ok(topo->name))
		json_reader_fail(
			r, "the file's name is the topology's: '%s' cannot be one (letters, digits, '.', '-', '_')",
			topo->name);
	if (!r->error)
		parse_root(r, topo);
	error = r->error;
	topo->root = json_incref(r->root);
	json_reader_close(r);
	if (error) {
		topo_free(topo);
		topo = NULL;
	}
	*topop = topo;
	return error;
}

int topo_parse(const char *file, struct topo **topo, struct errtext *err)
{
	struct json_reader r;

	/* A failure is kept in the reader, too. */
	if (json_reader_open(&r, file, err))
		*topo = NULL;
	return parse_opened(&r, file, topo);
}

int topo_parse_text(const char *file, const char *text, size_t len, struct topo **topo, struct errtext *err)
{
	struct json_reader r;

	if (json_reader_open_text(&r, file, text, len, err))
		*topo = NULL;
	return parse_opened(&r, file, topo);
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
	for (size_t i = 0; i < topo->n_links; i++)
		json_decref(topo->links[i].emulation);
	free(topo->links);
	free(topo->name);
	json_decref(topo->root);
	free(topo);
}
