// SPDX-License-Identifier: Apache-2.0
/*
 * Links of a topology file. An end is "NODE" or "NODE:NAME"; names that are left out are made up here:
 *   of a host     its next interface that has no link yet, or a new ethN
 *   of a switch   the other node's name, or NODE-IFACE when that is taken; towards another switch OWN-OTHER
 *
 * A link may be made worse in both directions, by the words of `vsw set-link`. It is the ports of switches that do it, so that it needs one
 * at one end at least, and one with a device.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link_words.h"
#include "ctl/topo_parse.h"

/* A port of this name in the daemon that lives on host @on (SIZE_MAX: the shared one): names of ports are unique there. */
static struct topo_port *find_port(const struct topo *topo, size_t on, const char *name, size_t *owner)
{
	for (size_t i = 0; i < topo->n_switches; i++)
		for (size_t j = 0; j < topo->switches[i].n_ports; j++)
			if (topo->switches[i].on == on && !strcmp(topo->switches[i].ports[j].name, name)) {
				*owner = i;
				return &topo->switches[i].ports[j];
			}
	return NULL;
}

/* Would a device called @name stand in the way of one of the host's own, or of a bridge? */
static bool name_is_taken(const struct topo *topo, size_t on, const char *name)
{
	size_t other = topo_find_switch(topo, name);

	if (other != SIZE_MAX && topo->switches[other].on == on)
		return true;
	return on != SIZE_MAX && topo_host_iface(&topo->hosts[on], name);
}

/* May a link end at port @name of switch @sw? */
static bool port_is_free(const struct topo *topo, size_t sw, const char *name)
{
	size_t owner, on = topo->switches[sw].on;
	const struct topo_port *port = find_port(topo, on, name, &owner);

	if (name_is_taken(topo, on, name) || !topo_ifname_ok(name))
		return false;
	return !port || (owner == sw && !port->linked);
}

/* Read "NODE" or "NODE:NAME" at the reader's place. The name stays "" when it is not given. */
static void parse_end(struct json_reader *r, const struct topo *topo, struct topo_end *end, const char *text)
{
	const char *colon = strchr(text, ':');
	char *node = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));

	end->node = topo_find_host(topo, node);
	if (end->node == SIZE_MAX) {
		end->node = topo_find_switch(topo, node);
		end->is_switch = true;
	}
	if (end->node == SIZE_MAX)
		json_reader_fail(r, "there is no host or switch called '%s'", node);
	else if (colon && !topo_ifname_ok(colon + 1))
		json_reader_fail(r, "'%s' cannot be the name of %s (1 to %d letters, digits, '.', '-', '_')", colon + 1,
				 end->is_switch ? "a port" : "a network device", IFNAMSIZ - 1);
	else if (colon)
		snprintf(end->name, sizeof end->name, "%s", colon + 1);
	free(node);
}

/* The next interface without a link, or a new ethN. */
static void make_up_iface_name(const struct topo_host *host, struct topo_end *end)
{
	for (size_t i = 0; i < host->n_ifaces; i++) {
		const struct topo_iface *iface = &host->ifaces[i];

		if (!iface->linked && !iface->parent && strcmp(iface->name, "lo") != 0) {
			snprintf(end->name, sizeof end->name, "%s", iface->name);
			return;
		}
	}
	for (unsigned int n = 0; !end->name[0] || topo_host_iface(host, end->name); n++)
		snprintf(end->name, sizeof end->name, "eth%u", n);
}

/* The interface of a host where a link ends; made if it is not there. */
static void attach_host(struct json_reader *r, struct topo *topo, struct topo_end *end)
{
	struct topo_host *host = &topo->hosts[end->node];
	struct topo_iface *iface;

	if (!end->name[0])
		make_up_iface_name(host, end);
	iface = topo_host_iface(host, end->name);
	if (!iface)
		iface = topo_host_new_iface(host, end->name);
	if (iface->linked)
		json_reader_fail(r, "interface '%s' of %s has a link already", end->name, host->name);
	else if (iface->parent || !strcmp(end->name, "lo"))
		json_reader_fail(r, "'%s' of %s is not a device that a link can end at", end->name, host->name);
	iface->linked = true;
}

/* A name for the port at @end that leads to @other. */
static void make_up_port_name(struct json_reader *r, const struct topo *topo, struct topo_end *end,
			      const struct topo_end *other)
{
	const char *own = topo->switches[end->node].name;
	const char *node = other->is_switch ? topo->switches[other->node].name : topo->hosts[other->node].name;
	char name[200];

	if (other->is_switch) {
		snprintf(name, sizeof name, "%s-%s", own, node);
	} else {
		snprintf(name, sizeof name, "%s", node);
		if (!port_is_free(topo, end->node, name))
			snprintf(name, sizeof name, "%s-%s", node, other->name);
	}
	if (port_is_free(topo, end->node, name))
		snprintf(end->name, sizeof end->name, "%.*s", IFNAMSIZ - 1, name);
	else
		json_reader_fail(r, "the port towards %s needs a name: \"%s:NAME\"", node, own);
}

static void attach_switch(struct json_reader *r, struct topo *topo, struct topo_end *end, const struct topo_end *other)
{
	struct topo_port *port;
	size_t owner;

	if (!end->name[0])
		make_up_port_name(r, topo, end, other);
	if (r->error)
		return;
	if (!port_is_free(topo, end->node, end->name)) {
		json_reader_fail(r, "the name '%s' is taken: by another link, a port of another switch, or a switch",
				 end->name);
		return;
	}
	port = find_port(topo, topo->switches[end->node].on, end->name, &owner);
	if (port && port->is_bond)
		json_reader_fail(r, "'%s' is a bond: links end at its interfaces", end->name);
	if (port && json_object_get(port->columns, "type"))
		json_reader_fail(r, "port '%s' has a 'type': a link cannot end there", end->name);
	if (!port)
		port = topo_switch_new_port(&topo->switches[end->node], end->name);
	port->linked = true;
}

/* What it is made worse by first, for messages. */
static const char *first_emulation_key(const struct topo_link *link)
{
	return json_object_iter_key(json_object_iter(link->emulation));
}

/* Patch ports where both switches are in one daemon, unless the file wants devices. */
static void decide_kind(struct json_reader *r, const struct topo *topo, struct topo_link *link, const char *type)
{
	const struct topo_end *a = &link->ends[0], *b = &link->ends[1];
	bool same = a->is_switch && b->is_switch && topo->switches[a->node].on == topo->switches[b->node].on;

	link->is_patch = same && (type ? !strcmp(type, "patch") : !link->emulation);
	if (type && !strcmp(type, "patch") && !same)
		json_reader_fail_at(r, "type", "patch ports link switches of one daemon only");
	else if (type && strcmp(type, "patch") != 0 && strcmp(type, "veth") != 0)
		json_reader_fail_at(r, "type", "'%s' is no kind of link, expected patch or veth", type);
}

static bool is_member(const struct topo *topo, const struct topo_end *end)
{
	size_t owner;
	const struct topo_port *port =
		end->is_switch ? find_port(topo, topo->switches[end->node].on, end->name, &owner) : NULL;

	return port && port->bond;
}

/* A bond has devices, and no patch ports. */
static void link_members(struct json_reader *r, struct topo_link *link, const char *type)
{
	link->is_patch = false;
	if (type)
		json_reader_fail_at(r, "type", "a bond's interfaces are devices: \"veth\"");
}

static void attach(struct json_reader *r, struct topo *topo, struct topo_link *link, const char *type)
{
	struct topo_end *a = &link->ends[0], *b = &link->ends[1];

	if (a->is_switch == b->is_switch && a->node == b->node) {
		json_reader_fail(r, "both ends are at the same place");
		return;
	}
	decide_kind(r, topo, link, type);
	/* Hosts first: a port may be called after the interface that it leads to. */
	if (!a->is_switch)
		attach_host(r, topo, a);
	if (!b->is_switch)
		attach_host(r, topo, b);
	if (a->is_switch)
		attach_switch(r, topo, a, b);
	if (b->is_switch && !r->error)
		attach_switch(r, topo, b, a);
	if (!r->error && link->is_patch && (is_member(topo, a) || is_member(topo, b)))
		link_members(r, link, type);
	if (link->is_patch && link->mtu)
		json_reader_fail_at(r, "mtu",
				    "patch ports have no MTU; \"type\": \"veth\" links the switches by devices");
	if (link->is_patch && link->emulation)
		json_reader_fail_at(r, first_emulation_key(link),
				    "a patch is no link that could be worse; leave out \"type\": \"patch\"");
	if (!a->is_switch && !b->is_switch && link->emulation)
		json_reader_fail_at(r, first_emulation_key(link),
				    "it is ports of switches that make links worse, and no end of this one is such");
}

static void parse_ends(struct json_reader *r, struct topo *topo, struct topo_link *link, const json_t *ends)
{
	if (json_array_size(ends) != 2 || !json_is_string(json_array_get(ends, 0)) ||
	    !json_is_string(json_array_get(ends, 1))) {
		json_reader_fail(r, "expected two ends: [\"h1\", \"br0\"] or [\"h1:eth0\", \"br0:h1\"]");
		return;
	}
	for (size_t i = 0; i < 2 && !r->error; i++) {
		json_reader_enter_index(r, i);
		parse_end(r, topo, &link->ends[i], json_string_value(json_array_get(ends, i)));
		json_reader_leave(r);
	}
}

/* A link that is an object. */
struct link_words {
	struct topo *topo;
	json_t *ends;
	const char *type;
};

static void read_ends(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	struct link_words *words = aux;

	words->ends = json_reader_array(r, object, key, false);
	json_reader_enter(r, key);
	if (words->ends)
		parse_ends(r, words->topo, what, words->ends);
	json_reader_leave(r);
}

static void read_type(struct json_reader *r, const json_t *object, const char *key, void *what VSW_UNUSED, void *aux)
{
	((struct link_words *)aux)->type = json_reader_string(r, object, key, false);
}

static void read_mtu(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct topo_link *)what)->mtu = (uint32_t)json_reader_int(r, object, key, 68, 65535, 0);
}

/* A word of link emulation, checked here, as file and line are known. */
static void read_emulation(struct json_reader *r, const json_t *object, const char *key, void *what,
			   void *aux VSW_UNUSED)
{
	enum link_word word = link_word_find(key, strlen(key));
	json_t *value = json_object_get(object, key);
	struct topo_link *link = what;
	char *text;
	uint64_t number;

	if (word == LINK_N_WORDS)
		return;
	/* A seed may be written as the number that it is. */
	text = json_is_integer(value) ? xasprintf("%lld", (long long)json_integer_value(value))
				      : xstrdup(json_is_string(value) ? json_string_value(value) : "");
	if (!link_word_parse(word, text, &number))
		json_reader_fail_at(r, key, "expected a text such as %s", link_word_expected(word));
	if (word == LINK_WORD_REORDER && !json_object_get(object, "delay"))
		json_reader_fail_at(r, key, "without 'delay' there is nothing to overtake");
	if (!link->emulation)
		link->emulation = json_object();
	json_object_set_new(link->emulation, key, json_string(text));
	free(text);
}

static const struct json_key link_keys[] = {
	{"ends", read_ends},	       {"mtu", read_mtu},	    {"type", read_type},
	{"delay", read_emulation},     {"jitter", read_emulation},  {"loss", read_emulation},
	{"duplicate", read_emulation}, {"reorder", read_emulation}, {"corrupt", read_emulation},
	{"rate", read_emulation},      {"seed", read_emulation},
};

static void parse_link(struct json_reader *r, struct topo *topo, struct topo_link *link, const json_t *value)
{
	struct link_words words = {.topo = topo};

	if (json_is_array(value))
		parse_ends(r, topo, link, value);
	else if (json_reader_keys(r, value, link_keys, ARRAY_SIZE(link_keys), link, &words) && !words.ends)
		json_reader_fail(r, "'ends' is missing: expected a list: [ ... ]");
	if (!r->error)
		attach(r, topo, link, words.type);
}

void topo_parse_links(struct json_reader *r, struct topo *topo, const json_t *links)
{
	topo->links = xcalloc(json_array_size(links), sizeof *topo->links);
	json_reader_enter(r, "links");
	for (size_t i = 0; i < json_array_size(links) && !r->error; i++) {
		json_reader_enter_index(r, i);
		parse_link(r, topo, &topo->links[topo->n_links++], json_array_get(links, i));
		json_reader_leave(r);
	}
	json_reader_leave(r);
}
