// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts of a topology file: interfaces with addresses and VLANs, routes, programs.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/topo_parse.h"

static bool has_address(const struct topo_host *host, const struct rtnl_prefix *addr)
{
	for (size_t i = 0; i < host->n_ifaces; i++)
		for (size_t j = 0; j < host->ifaces[i].n_addrs; j++) {
			const struct rtnl_prefix *other = &host->ifaces[i].addrs[j];

			if (other->family == addr->family && !memcmp(other->addr, addr->addr, 16))
				return true;
		}
	return false;
}

/* Nobody else has it: two owners of one address are a mistake that shows up late. Loopbacks are everybody's own. */
static void check_clash(struct json_reader *r, const struct topo *topo, const struct topo_host *host,
			const struct topo_iface *iface, const struct rtnl_prefix *addr, const char *text)
{
	size_t owner = topo_find_address(topo, addr);

	if (has_address(host, addr))
		json_reader_fail(r, "%s has the address %s twice", host->name, text);
	else if (owner != SIZE_MAX && strcmp(iface->name, "lo") != 0)
		json_reader_fail(r, "the address %s is %s's already; expected one that no other host has", text,
				 topo->hosts[owner].name);
}

/* The list of addresses that the reader stands at. */
static void parse_addresses(struct json_reader *r, const struct topo *topo, struct topo_host *host,
			    struct topo_iface *iface, const json_t *list)
{
	size_t n = json_array_size(list);

	iface->addrs = xcalloc(n, sizeof *iface->addrs);
	for (size_t i = 0; i < n && !r->error; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct rtnl_prefix addr;

		json_reader_enter_index(r, i);
		if (!text || !strchr(text, '/') || !rtnl_prefix_parse(text, &addr))
			json_reader_fail(r, "%s%s%sexpected ADDRESS/LENGTH such as \"10.0.0.1/24\"", text ? "'" : "",
					 text ? text : "", text ? "' is not an address; " : "");
		else
			check_clash(r, topo, host, iface, &addr, text);
		if (!r->error)
			iface->addrs[iface->n_addrs++] = addr;
		json_reader_leave(r);
	}
}

static void take_mac(struct json_reader *r, struct topo_iface *iface, const char *text)
{
	unsigned int b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    text[end]) {
		json_reader_fail_at(r, "mac", "'%s' is not a MAC address, expected xx:xx:xx:xx:xx:xx", text);
		return;
	}
	if (b[0] & 1) {
		json_reader_fail_at(r, "mac", "%s is a multicast address", text);
		return;
	}
	for (int i = 0; i < 6; i++)
		iface->mac[i] = (uint8_t)b[i];
	iface->has_mac = true;
}

/* An interface while it is read, and whose it is. */
struct iface_place {
	const struct topo *topo;
	struct topo_host *host;
};

static void read_iface_addresses(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	const struct iface_place *place = aux;
	json_t *list = json_reader_array(r, object, key, false);

	json_reader_enter(r, key);
	if (list)
		parse_addresses(r, place->topo, place->host, what, list);
	json_reader_leave(r);
}

static void read_mac(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	const char *text = json_reader_string(r, object, key, false);

	if (text)
		take_mac(r, what, text);
}

static void read_mtu(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct topo_iface *)what)->mtu = (uint32_t)json_reader_int(r, object, key, 68, 65535, 0);
}

/* "eth0.100.10" is VLAN 10 on eth0.100, unless "on" says otherwise. */
static void read_vlan(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	const struct topo_host *host = ((struct iface_place *)aux)->host;
	struct topo_iface *iface = what;
	const char *protocol = json_reader_string(r, object, "protocol", false);
	const char *dot = strrchr(iface->name, '.');
	const char *on = json_reader_string(r, object, "on", false);

	iface->vid = (uint16_t)json_reader_int(r, object, key, 1, 4094, 0);
	iface->protocol = 0x8100;
	if (protocol && !strcmp(protocol, "802.1ad"))
		iface->protocol = 0x88a8;
	else if (protocol && strcmp(protocol, "802.1q") != 0)
		json_reader_fail_at(r, "protocol", "'%s' is not a VLAN protocol, expected 802.1q or 802.1ad", protocol);
	for (size_t i = 0; i + 1 < host->n_ifaces; i++) {
		const char *name = host->ifaces[i].name;

		if (on ? !strcmp(name, on)
		       : dot && !strncmp(name, iface->name, (size_t)(dot - iface->name)) &&
				    strlen(name) == (size_t)(dot - iface->name))
			iface->parent = name;
	}
	if (!iface->parent)
		json_reader_fail(
			r,
			"the device that VLAN %u is on must stand before it: call this one PARENT.VLAN, or name it "
			"with \"on\"",
			iface->vid);
}

static void read_with_vlan(struct json_reader *r, const json_t *object, const char *key VSW_UNUSED,
			   void *what VSW_UNUSED, void *aux VSW_UNUSED)
{
	if (!json_object_get(object, "vlan"))
		json_reader_fail(r, "'on' and 'protocol' go with 'vlan'");
}

static const struct json_key iface_keys[] = {
	{"addresses", read_iface_addresses},
	{"mac", read_mac},
	{"mtu", read_mtu},
	{"vlan", read_vlan},
	{"on", read_with_vlan},
	{"protocol", read_with_vlan},
};

static void parse_iface(struct json_reader *r, struct iface_place *place, const char *name, const json_t *object)
{
	if (!topo_ifname_ok(name)) {
		json_reader_fail(r,
				 "'%s' cannot be the name of a network device (1 to %d letters, digits, '.', '-', '_')",
				 name, IFNAMSIZ - 1);
		return;
	}
	json_reader_keys(r, object, iface_keys, ARRAY_SIZE(iface_keys), topo_host_new_iface(place->host, name), place);
}

static void read_interfaces(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	struct iface_place place = {.topo = aux, .host = what};
	json_t *interfaces = json_reader_map(r, object, key, false);
	const char *name;
	json_t *iface;

	json_reader_enter(r, key);
	json_object_foreach(interfaces, name, iface) {
		json_reader_enter(r, name);
		parse_iface(r, &place, name, iface);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_addresses(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	struct iface_place place = {.topo = aux, .host = what};

	if (json_object_get(object, "interfaces"))
		json_reader_fail(r, "'addresses' is short for those of eth0: with 'interfaces' say them there");
	else
		read_iface_addresses(r, object, key, topo_host_new_iface(what, "eth0"), &place);
}

/* A route as it is written. */
struct route_words {
	const char *to, *via, *dev;
};

static void read_to(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct route_words *)what)->to = json_reader_string(r, object, key, false);
}

static void read_via(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct route_words *)what)->via = json_reader_string(r, object, key, false);
}

static void read_dev(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct route_words *)what)->dev = json_reader_string(r, object, key, false);
}

static const struct json_key route_keys[] = {
	{"to", read_to},
	{"via", read_via},
	{"dev", read_dev},
};

static void parse_route(struct json_reader *r, struct topo_host *host, const json_t *object)
{
	struct topo_route *route = &host->routes[host->n_routes];
	struct route_words words = {0};
	const char *to, *via;

	if (!json_reader_keys(r, object, route_keys, ARRAY_SIZE(route_keys), &words, NULL))
		return;
	to = words.to;
	via = words.via;
	route->dev = words.dev;
	if (!to)
		json_reader_fail(r, "'to' is missing: expected 'default' or ADDRESS/LENGTH");
	if (r->error || !to)
		return;
	if (!via && !route->dev)
		json_reader_fail(r, "a route needs 'via' (a gateway) or 'dev' (an interface)");
	else if (via && (strchr(via, '/') || !rtnl_prefix_parse(via, &route->via)))
		json_reader_fail_at(r, "via", "'%s' is not an address", via);
	else if (strcmp(to, "default") != 0 && !rtnl_prefix_parse(to, &route->to))
		json_reader_fail_at(r, "to", "'%s' is neither 'default' nor ADDRESS/LENGTH", to);
	else if (route->dev && !topo_host_iface(host, route->dev))
		json_reader_fail_at(r, "dev", "%s has no interface '%s'", host->name, route->dev);
	if (r->error)
		return;
	if (!strcmp(to, "default"))
		route->to.family = via ? route->via.family : 2 /* AF_INET */;
	if (via && route->via.family != route->to.family)
		json_reader_fail_at(r, "via", "'%s' and '%s' are of different families", via, to);
	route->has_via = via != NULL;
	host->n_routes++;
}

static void read_routes(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	json_t *routes = json_reader_array(r, object, key, false);
	struct topo_host *host = what;
	size_t n = json_array_size(routes);

	host->routes = xcalloc(n, sizeof *host->routes);
	json_reader_enter(r, key);
	for (size_t i = 0; i < n; i++) {
		json_reader_enter_index(r, i);
		parse_route(r, host, json_array_get(routes, i));
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

/* A list of lists of words: programs with their arguments. */
static void read_programs(struct json_reader *r, const json_t *object, const char *key, void *what,
			  void *aux VSW_UNUSED)
{
	struct topo_host *host = what;
	json_t *program, *word;
	size_t i, j;

	host->programs = json_reader_array(r, object, key, false);
	json_reader_enter(r, key);
	json_array_foreach(host->programs, i, program) {
		json_reader_enter_index(r, i);
		if (!json_is_array(program) || !json_array_size(program))
			json_reader_fail(r, "expected a program with its arguments: [\"iperf3\", \"-s\"]");
		json_array_foreach(program, j, word)
			if (!json_is_string(word))
				json_reader_fail(r, "argument %zu is not a text", j);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

/* "net.ipv4.conf.all.rp_filter": 0. A name that leaves /proc/sys is refused. */
static void read_sysctls(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_host *host = what;
	const char *name;
	json_t *value;

	host->sysctls = json_reader_map(r, object, key, false);
	json_reader_enter(r, key);
	json_object_foreach(host->sysctls, name, value) {
		if (!isalpha((unsigned char)name[0]) || strstr(name, "..") || strchr(name, '/') || strlen(name) > 200)
			json_reader_fail_at(r, name, "'%s' is no sysctl, expected net.WORD.WORD...", name);
		if (!json_is_integer(value) && !json_is_string(value))
			json_reader_fail_at(r, name, "expected a whole number or a text");
	}
	json_reader_leave(r);
}

static void read_host_mtu(struct json_reader *r, const json_t *object, const char *key, void *what,
			  void *aux VSW_UNUSED)
{
	((struct topo_host *)what)->mtu = (uint32_t)json_reader_int(r, object, key, 68, 65535, 0);
}

static void read_forward(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct topo_host *)what)->forward = json_reader_bool(r, object, key, false);
}

static const struct json_key host_keys[] = {
	{"interfaces", read_interfaces}, {"addresses", read_addresses}, {"routes", read_routes},
	{"programs", read_programs},	 {"forward", read_forward},	{"sysctls", read_sysctls},
	{"mtu", read_host_mtu},
};

void topo_parse_hosts(struct json_reader *r, struct topo *topo, const json_t *hosts)
{
	const char *name;
	json_t *object;

	topo->hosts = xcalloc(json_object_size(hosts), sizeof *topo->hosts);
	json_reader_enter(r, "hosts");
	json_object_foreach((json_t *)hosts, name, object) {
		struct topo_host *host = &topo->hosts[topo->n_hosts++];

		host->name = name;
		json_reader_enter(r, name);
		if (!topo_name_ok(name) || !strcmp(name, "all"))
			json_reader_fail(
				r, "'%s' cannot be the name of a host (letters, digits, '.', '-', '_'; not 'all')",
				name);
		else
			json_reader_keys(r, object, host_keys, ARRAY_SIZE(host_keys), host, topo);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}
