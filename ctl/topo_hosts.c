// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts of a topology file: interfaces with addresses and VLANs, routes, programs.
 */
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

/* The list of addresses that the reader stands at. */
static void parse_addresses(struct json_reader *r, struct topo_host *host, struct topo_iface *iface, const json_t *list)
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
		else if (has_address(host, &addr))
			json_reader_fail(r, "%s has the address %s twice", host->name, text);
		else
			iface->addrs[iface->n_addrs++] = addr;
		json_reader_leave(r);
	}
}

static void parse_mac(struct json_reader *r, struct topo_iface *iface, const char *text)
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

/* "eth0.100.10" is VLAN 10 on eth0.100, unless "on" says otherwise. */
static void parse_vlan(struct json_reader *r, struct topo_host *host, struct topo_iface *iface, const json_t *object)
{
	const char *protocol = json_reader_string(r, object, "protocol", false);
	const char *dot = strrchr(iface->name, '.');
	const char *on = json_reader_string(r, object, "on", false);

	iface->vid = (uint16_t)json_reader_int(r, object, "vlan", 1, 4094, 0);
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

static void parse_iface(struct json_reader *r, struct topo_host *host, const char *name, const json_t *object)
{
	struct topo_iface *iface;
	const char *mac;
	json_t *addrs;

	if (!topo_ifname_ok(name)) {
		json_reader_fail(r,
				 "'%s' cannot be the name of a network device (1 to %d letters, digits, '.', '-', '_')",
				 name, IFNAMSIZ - 1);
		return;
	}
	if (!json_reader_object(r, object, "addresses mac mtu vlan on protocol"))
		return;
	iface = topo_host_new_iface(host, name);
	iface->mtu = (uint32_t)json_reader_int(r, object, "mtu", 68, 65535, 0);
	mac = json_reader_string(r, object, "mac", false);
	if (mac)
		parse_mac(r, iface, mac);
	if (json_object_get(object, "vlan"))
		parse_vlan(r, host, iface, object);
	else if (json_object_get(object, "on") || json_object_get(object, "protocol"))
		json_reader_fail(r, "'on' and 'protocol' go with 'vlan'");
	addrs = json_reader_array(r, object, "addresses", false);
	if (addrs) {
		json_reader_enter(r, "addresses");
		parse_addresses(r, host, iface, addrs);
		json_reader_leave(r);
	}
}

static void parse_ifaces(struct json_reader *r, struct topo_host *host, const json_t *object)
{
	json_t *interfaces = json_reader_map(r, object, "interfaces", false);
	json_t *addrs = json_reader_array(r, object, "addresses", false);
	const char *name;
	json_t *iface;

	if (interfaces && addrs) {
		json_reader_fail(r, "'addresses' is short for those of eth0: with 'interfaces' say them there");
		return;
	}
	json_reader_enter(r, interfaces ? "interfaces" : "addresses");
	if (addrs)
		parse_addresses(r, host, topo_host_new_iface(host, "eth0"), addrs);
	json_object_foreach(interfaces, name, iface) {
		json_reader_enter(r, name);
		parse_iface(r, host, name, iface);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void parse_route(struct json_reader *r, struct topo_host *host, const json_t *object)
{
	struct topo_route *route = &host->routes[host->n_routes];
	const char *to, *via;

	if (!json_reader_object(r, object, "to via dev"))
		return;
	to = json_reader_string(r, object, "to", true);
	via = json_reader_string(r, object, "via", false);
	route->dev = json_reader_string(r, object, "dev", false);
	if (r->error)
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

static void parse_routes(struct json_reader *r, struct topo_host *host, const json_t *object)
{
	json_t *routes = json_reader_array(r, object, "routes", false);
	size_t n = json_array_size(routes);

	host->routes = xcalloc(n, sizeof *host->routes);
	json_reader_enter(r, "routes");
	for (size_t i = 0; i < n; i++) {
		json_reader_enter_index(r, i);
		parse_route(r, host, json_array_get(routes, i));
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

/* A list of lists of words: programs with their arguments. */
static void parse_programs(struct json_reader *r, struct topo_host *host, const json_t *object)
{
	json_t *program, *word;
	size_t i, j;

	host->programs = json_reader_array(r, object, "programs", false);
	json_reader_enter(r, "programs");
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
		else if (json_reader_object(r, object, "interfaces addresses routes programs forward")) {
			parse_ifaces(r, host, object);
			parse_routes(r, host, object);
			parse_programs(r, host, object);
			host->forward = json_reader_bool(r, object, "forward", false);
		}
		json_reader_leave(r);
	}
	json_reader_leave(r);
}
