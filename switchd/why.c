// SPDX-License-Identifier: Apache-2.0
#include "switchd/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/fdb.h"
#include "switchd/hosts.h"
#include "switchd/iface_dev.h"
#include "switchd/trace.h"

enum { MAX_STEPS = 4, CLIENT_PORT = 40000 };

/* What is asked. */
struct why {
	struct why_end a, b;
	uint8_t proto; /* IP protocol of the request */
	uint16_t port;
	struct why_step steps[MAX_STEPS];
	size_t n_steps;
	const struct why_step *stopped; /* NULL: all arrived */
	struct why_cause cause;
	json_t *notes;
};

/* ---- who they are ---- */

static bool is_real(const struct port *port)
{
	const struct iface *iface;

	cds_list_for_each_entry(iface, &port->ifaces, port_node)
		if (iface->type != IFACE_PATCH)
			return true;
	return false;
}

static void take_vlan(struct why_end *end, uint16_t vlan)
{
	const struct port *port = end->iface->port;
	bool untagged = port->vlan_mode == VLAN_ACCESS || port->vlan_mode == VLAN_DOT1Q_TUNNEL ||
			(port->vlan_mode == VLAN_NATIVE_UNTAGGED && vlan == port->tag);

	end->vlan = vlan;
	end->is_tagged = vlan && !untagged;
}

static void take_host(struct why_end *end, const struct host *host)
{
	end->iface = cds_list_first_entry(&host->port->ifaces, struct iface, port_node);
	memcpy(end->mac, host->mac, sizeof end->mac);
	memcpy(end->ip, host->ip, sizeof end->ip);
	end->has_mac = end->has_ip = true;
	end->is_v6 = host->is_v6;
	take_vlan(end, host->vlan);
}

/* An address of a host that is told by @fits; of several the one of the family asked for, that was not dropped, heard of last. */
struct search {
	const struct port *port; /* NULL: any */
	const uint8_t *mac;	 /* NULL: any */
	int family;		 /* 4, 6; 0: rather IPv4 */
};

static int worth(const struct search *s, const struct host *host)
{
	if ((s->port && host->port != s->port) || (s->mac && memcmp(host->mac, s->mac, 6) != 0) ||
	    (s->family && host->is_v6 != (s->family == 6)))
		return 0;
	return 1 + 4 * !host->is_v6 + 2 * !host->is_dropped;
}

static bool find_host(const struct search *s, struct why_end *end)
{
	int best = 0;
	struct bridge *br;

	HMAP_FOR_EACH(br, node, &vswitch.bridges) {
		struct host *list;
		size_t n = hosts_snapshot(br->hosts, NULL, &list);

		for (size_t i = 0; i < n; i++)
			if (worth(s, &list[i]) > best && is_real(list[i].port)) {
				best = worth(s, &list[i]);
				take_host(end, &list[i]);
			}
		free(list);
	}
	return best;
}

/* The port that a MAC address was learnt on, or of a port, any address. */
static bool find_in_fdb(const struct port *port, const uint8_t *mac, struct why_end *end)
{
	bool found = false;
	struct bridge *br;

	HMAP_FOR_EACH(br, node, &vswitch.bridges) {
		struct fdb_entry *entries;
		size_t n = fdb_snapshot(br->fdb, clock_now_ms(), &entries);

		for (size_t i = 0; i < n && !found; i++) {
			if ((port && entries[i].port != port) || (mac && memcmp(entries[i].mac, mac, 6) != 0) ||
			    !is_real(entries[i].port))
				continue;
			end->iface = cds_list_first_entry(&entries[i].port->ifaces, struct iface, port_node);
			memcpy(end->mac, entries[i].mac, sizeof end->mac);
			end->has_mac = found = true;
			take_vlan(end, entries[i].vlan);
		}
		free(entries);
	}
	return found;
}

static int resolve_port(struct why_end *end, int family, struct errtext *err)
{
	struct iface *iface = iface_by_name(end->word);
	const struct port *port = iface->port;

	if (iface->type == IFACE_PATCH)
		return errtext_set(err, EINVAL, "why: %s is a patch port: nobody lives there", end->word);
	if (find_host(&(struct search){.port = port, .family = family}, end) || find_in_fdb(port, NULL, end)) {
		end->iface = iface;
		return 0;
	}
	end->iface = iface;
	take_vlan(end, (uint16_t)(port->vlan_mode == VLAN_TRUNK ? 0 : MAX(port->tag, 0)));
	if (iface->type == IFACE_INTERNAL) {
		memcpy(end->mac, iface->mac, sizeof end->mac);
		end->has_mac = true;
	}
	return 0;
}

static int resolve_mac(struct why_end *end, int family, const uint8_t mac[6], struct errtext *err)
{
	if (find_host(&(struct search){.mac = mac, .family = family}, end) || find_in_fdb(NULL, mac, end))
		return 0;
	return errtext_set(
		err, ENOENT,
		"why: no bridge has heard of %s; `vsw fdb` lists the addresses that are known, and ports have names",
		end->word);
}

static int resolve_ip(struct why_end *end, bool is_v6, const uint8_t ip[16], struct errtext *err)
{
	struct host host;
	bool found = false;
	struct bridge *br;

	HMAP_FOR_EACH(br, node, &vswitch.bridges)
		if (!found && hosts_find(br->hosts, is_v6, ip, -1, &host)) {
			take_host(end, &host);
			found = true;
		}
	return found ? 0
		     : errtext_set(
			       err, ENOENT,
			       "why: no bridge has heard of %s; `vsw hosts` lists the addresses that are known, and "
			       "ports have names",
			       end->word);
}

/* @family: 4 or 6, of the other one; 0: not known. */
static int resolve(struct why_end *end, int family, struct errtext *err)
{
	size_t len = strlen(end->word);
	uint8_t mac[6], ip[16] = {0};

	if (iface_by_name(end->word))
		return resolve_port(end, family, err);
	if (eth_from_text(end->word, len, mac))
		return resolve_mac(end, family, mac, err);
	if (ipv4_from_text(end->word, len, ip))
		return resolve_ip(end, false, ip, err);
	if (ipv6_from_text(end->word, len, ip))
		return resolve_ip(end, true, ip, err);
	return errtext_set(err, ENOENT, "why: %.60s is no port, and no MAC or IP address", end->word);
}

/* An address that nobody has: what is not known must be something. */
static void invent_mac(struct why_end *end, uint8_t last)
{
	const uint8_t mac[6] = {0x02, 0, 0, 0, 0x77, last};

	if (!end->has_mac)
		memcpy(end->mac, mac, sizeof mac);
}

static int resolve_both(struct why *w, struct errtext *err)
{
	int error = resolve(&w->a, 0, err);

	if (!error)
		error = resolve(&w->b, w->a.has_ip ? (w->a.is_v6 ? 6 : 4) : 0, err);
	/* The first was free to choose its family: the second may have only the other one. */
	if (!error && w->a.has_ip && !w->b.has_ip) {
		struct why_end a = {.word = w->a.word}, b = {.word = w->b.word};
		int other = w->a.is_v6 ? 4 : 6;

		if (!resolve(&b, other, NULL) && b.has_ip && !resolve(&a, other, NULL) && a.has_ip) {
			w->a = a;
			w->b = b;
		}
	}
	if (!error && w->a.has_ip && w->b.has_ip && w->a.is_v6 != w->b.is_v6)
		error = errtext_set(err, EINVAL, "why: %s is an IPv%d address and %s an IPv%d address", w->a.word,
				    w->a.is_v6 ? 6 : 4, w->b.word, w->b.is_v6 ? 6 : 4);
	invent_mac(&w->a, 0xa);
	invent_mac(&w->b, 0xb);
	return error;
}

/* ---- what they say ---- */

static bool parse_proto(const char *text, uint8_t *proto, uint16_t *port)
{
	uint64_t number = 0;
	bool tcp = !strncmp(text, "tcp/", 4);

	*port = 0;
	if (!strcmp(text, "icmp") || !*text) {
		*proto = 1;
		return true;
	}
	if ((!tcp && strncmp(text, "udp/", 4) != 0) || !str_to_uint(text + 4, 10, UINT16_MAX, &number) || !number)
		return false;
	*proto = tcp ? 6 : 17;
	*port = (uint16_t)number;
	return true;
}

static void put_link(struct ds *flow, const struct why_end *from, const uint8_t dst[6])
{
	ds_put(flow, ",dl_src=");
	eth_put(flow, from->mac);
	ds_put(flow, ",dl_dst=");
	eth_put(flow, dst);
	if (from->is_tagged)
		ds_printf(flow, ",dl_vlan=%u", from->vlan);
}

static void put_ip(struct ds *flow, const char *field, const struct why_end *end)
{
	ds_printf(flow, ",%s=", field);
	host_put_ip(flow, end->is_v6, end->ip);
}

static struct why_step *add_step(struct why *w, const char *name, const struct why_end *from, const struct why_end *to)
{
	struct why_step *step = &w->steps[w->n_steps++];

	*step = (struct why_step){.name = name, .from = from, .to = to};
	return step;
}

static void add_arp(struct why *w)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	for (int op = 1; op <= 2; op++) {
		const struct why_end *from = op == 1 ? &w->a : &w->b, *to = op == 1 ? &w->b : &w->a;
		struct why_step *step = add_step(w, op == 1 ? "ARP request" : "ARP reply", from, to);

		ds_printf(&step->flow, "arp,arp_op=%d", op);
		put_link(&step->flow, from, op == 1 ? broadcast : to->mac);
		put_ip(&step->flow, "arp_spa", from);
		put_ip(&step->flow, "arp_tpa", to);
	}
}

/* RFC 4861: to the solicited-node group of the target, and back to who asked. */
static void add_nd(struct why *w)
{
	uint8_t group[16] = {0xff, 0x02, [11] = 1, [12] = 0xff, w->b.ip[13], w->b.ip[14], w->b.ip[15]};
	uint8_t group_mac[6] = {0x33, 0x33, 0xff, w->b.ip[13], w->b.ip[14], w->b.ip[15]};
	struct why_step *ask = add_step(w, "neighbour solicitation", &w->a, &w->b);
	struct why_step *answer = add_step(w, "neighbour advertisement", &w->b, &w->a);

	ds_put(&ask->flow, "icmp6,icmp_type=135,icmp_code=0,nw_ttl=255");
	put_link(&ask->flow, &w->a, group_mac);
	put_ip(&ask->flow, "ipv6_src", &w->a);
	ds_put(&ask->flow, ",ipv6_dst=");
	host_put_ip(&ask->flow, true, group);
	put_ip(&ask->flow, "nd_target", &w->b);

	ds_put(&answer->flow, "icmp6,icmp_type=136,icmp_code=0,nw_ttl=255");
	put_link(&answer->flow, &w->b, w->a.mac);
	put_ip(&answer->flow, "ipv6_src", &w->b);
	put_ip(&answer->flow, "ipv6_dst", &w->a);
	put_ip(&answer->flow, "nd_target", &w->b);
}

static void put_l4(struct ds *flow, const struct why *w, bool is_request)
{
	bool v6 = w->a.is_v6;

	if (w->proto == 1)
		ds_printf(flow, ",icmp_type=%d,icmp_code=0", v6 ? (is_request ? 128 : 129) : (is_request ? 8 : 0));
	else
		ds_printf(flow, ",tp_src=%u,tp_dst=%u", is_request ? CLIENT_PORT : w->port,
			  is_request ? w->port : CLIENT_PORT);
}

static void add_request(struct why *w, bool is_request)
{
	static const char *const names[2][2] = {{"icmp", "icmp6"}, {"tcp", "tcp6"}};
	const struct why_end *from = is_request ? &w->a : &w->b, *to = is_request ? &w->b : &w->a;
	struct why_step *step = add_step(w, is_request ? "request" : "answer", from, to);
	bool v6 = w->a.is_v6, known = w->a.has_ip && w->b.has_ip;

	ds_put(&step->flow, w->proto == 17 ? (v6 ? "udp6" : "udp") : names[w->proto == 6][v6]);
	put_link(&step->flow, from, to->mac);
	if (known) {
		put_ip(&step->flow, v6 ? "ipv6_src" : "nw_src", from);
		put_ip(&step->flow, v6 ? "ipv6_dst" : "nw_dst", to);
	}
	put_l4(&step->flow, w, is_request);
}

static void make_steps(struct why *w)
{
	if (w->a.has_ip && w->b.has_ip)
		w->a.is_v6 ? add_nd(w) : add_arp(w);
	add_request(w, true);
	add_request(w, false);
}

/* ---- what becomes of it ---- */

static bool has_output(const json_t *outputs, const char *name)
{
	const json_t *value;
	size_t i;

	json_array_foreach(outputs, i, value)
		if (!strcmp(json_string_value(value), name))
			return true;
	return false;
}

static int run_step(struct why_step *step, struct errtext *err)
{
	struct trace_options options = {.names = true};
	struct ds flow = DS_INIT;
	json_t *outputs;
	int error;

	ds_printf(&flow, "in_port=%u,%s", step->from->iface->ofp_port, ds_cstr(&step->flow));
	error = trace_run(step->from->iface->bridge, ds_cstr(&flow), NULL, 0, &options, &step->trace, err);
	ds_fini(&flow);
	if (error)
		return error;
	outputs = json_object_get(step->trace, "outputs");
	step->reached = has_output(outputs, step->to->iface->name);
	step->flooded = json_array_size(outputs) > 1;
	return 0;
}

/* A device that is down, or kept closed, stops everything, in both directions. Return: whether it does. */
static bool is_dead(const struct why_end *end, struct why_cause *cause)
{
	const struct iface *iface = end->iface;

	if (iface->admin_up && iface->link_up && iface->dp_port != DP_PORT_NONE && !iface->is_blocked)
		return false;
	cause->kind = iface->is_blocked ? "loop-guard" : "port-down";
	if (iface->dp_port == DP_PORT_NONE) {
		ds_printf(&cause->what, "port %s has no device; `vsw show` says why", iface->name);
	} else if (!iface->admin_up) {
		ds_printf(&cause->what, "port %s is down", iface->name);
		ds_printf(&cause->change, "ip link set %s up", iface->name);
	} else if (iface->is_blocked) {
		ds_printf(&cause->what, "port %s is blocked by the loop guard; `vsw events` says what it saw",
			  iface->name);
		ds_printf(&cause->change, "vsw set port %s other_config:loop-guard=log", iface->name);
	} else {
		ds_printf(&cause->what, "port %s has no carrier: what is at the other end is down or unplugged",
			  iface->name);
	}
	return true;
}

static void note(struct why *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct why *w, const char *fmt, ...)
{
	struct ds text = DS_INIT;
	va_list args;

	va_start(args, fmt);
	ds_vprintf(&text, fmt, args);
	va_end(args);
	json_array_append_new(w->notes, json_string(ds_cstr(&text)));
	ds_fini(&text);
}

static void note_end(struct why *w, const struct why_end *end)
{
	if (!end->has_mac)
		note(w, "nothing was heard of who is behind %s: its addresses are made up here", end->iface->name);
	else if (!end->has_ip)
		note(w, "no IP address is known behind %s: rules that look at it were not tried", end->iface->name);
	if (end->iface->policer)
		note(w, "port %s polices what it receives; `vsw drops %s` says whether it drops", end->iface->name,
		     end->iface->name);
	if (end->iface->storm[STORM_BROADCAST] || end->iface->storm[STORM_UNKNOWN])
		note(w, "port %s has a storm guard; `vsw drops %s` says whether it drops", end->iface->name,
		     end->iface->name);
	if (end->iface->dev->link_in || end->iface->dev->link_out)
		note(w, "the link of port %s is made worse by set-link; `vsw get-link %s` says by what",
		     end->iface->name, end->iface->name);
}

static void take_notes(struct why *w)
{
	const struct iface *a = w->a.iface, *b = w->b.iface;

	note_end(w, &w->a);
	note_end(w, &w->b);
	if (a->mtu && b->mtu && a->mtu != b->mtu) {
		const struct iface *small = a->mtu < b->mtu ? a : b, *large = small == a ? b : a;

		note(w, "MTU: %s has %u and %s %u; what is larger is dropped as too-big (`ip link set %s mtu %u`)",
		     small->name, small->mtu, large->name, large->mtu, small->name, large->mtu);
	}
	if (!w->stopped && !w->cause.kind)
		note(w, "nothing in the switch stops it; look at the hosts: routes, firewalls, and whether something "
			"listens");
}

static int run(struct why *w, struct errtext *err)
{
	if (is_dead(&w->a, &w->cause) || is_dead(&w->b, &w->cause))
		return 0;
	make_steps(w);
	for (size_t i = 0; i < w->n_steps && !w->stopped; i++) {
		int error = run_step(&w->steps[i], err);

		if (error)
			return error;
		if (!w->steps[i].reached)
			w->stopped = &w->steps[i];
	}
	if (w->stopped)
		why_find_cause(w->stopped, &w->cause);
	return 0;
}

/* ---- the report ---- */

static void put_end(const struct why_end *end, struct ds *out)
{
	ds_printf(out, "%s", end->iface->name);
	if (end->has_ip) {
		ds_put_char(out, ' ');
		host_put_ip(out, end->is_v6, end->ip);
	}
	if (end->has_mac) {
		ds_put_char(out, ' ');
		eth_put(out, end->mac);
	}
	ds_printf(out, " (bridge %s, VLAN %u)", end->iface->bridge->name, end->vlan);
}

static void put_text(const struct why *w, struct ds *out)
{
	const json_t *line;
	size_t i;

	put_end(&w->a, out);
	ds_put(out, " -> ");
	put_end(&w->b, out);
	ds_put_char(out, '\n');
	for (i = 0; i < w->n_steps && w->steps[i].trace; i++)
		ds_printf(out, "  %-4s%s %s -> %s%s\n", w->steps[i].reached ? "ok" : "no", w->steps[i].name,
			  w->steps[i].from->iface->name, w->steps[i].to->iface->name,
			  w->steps[i].reached && w->steps[i].flooded ? " (flooded)" : "");
	if (w->cause.kind)
		ds_printf(out, "Stopped: %s\n", ds_cstr(&w->cause.what));
	if (w->cause.change.len)
		ds_printf(out, "Try: %s\n", ds_cstr(&w->cause.change));
	json_array_foreach(w->notes, i, line)
		ds_printf(out, "Note: %s\n", json_string_value(line));
}

static json_t *end_to_json(const struct why_end *end)
{
	json_t *json = json_pack("{s:s, s:s, s:i}", "port", end->iface->name, "bridge", end->iface->bridge->name,
				 "vlan", (int)end->vlan);
	struct ds text = DS_INIT;

	if (end->has_mac) {
		eth_put(&text, end->mac);
		json_object_set_new(json, "mac", json_string(ds_cstr(&text)));
		ds_clear(&text);
	}
	if (end->has_ip) {
		host_put_ip(&text, end->is_v6, end->ip);
		json_object_set_new(json, "address", json_string(ds_cstr(&text)));
	}
	ds_fini(&text);
	return json;
}

static json_t *steps_to_json(const struct why *w)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < w->n_steps && w->steps[i].trace; i++) {
		const struct why_step *s = &w->steps[i];

		json_object_del(s->trace, "text");
		json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:b, s:b, s:O}", "name", s->name, "from",
						       s->from->iface->name, "to", s->to->iface->name, "reached",
						       (int)s->reached, "flooded", (int)s->flooded, "trace", s->trace));
	}
	return steps;
}

static json_t *report(const struct why *w)
{
	struct ds text = DS_INIT;
	json_t *result;

	put_text(w, &text);
	result = json_pack("{s:b, s:o, s:o, s:o, s:O, s:s}", "reaches", (int)!w->cause.kind, "from", end_to_json(&w->a),
			   "to", end_to_json(&w->b), "steps", steps_to_json(w), "notes", w->notes, "text",
			   ds_cstr(&text));
	if (w->cause.kind)
		json_object_set_new(result, "stop",
				    json_pack("{s:s, s:s, s:s?, s:s?}", "kind", w->cause.kind, "text",
					      ds_cstr(&w->cause.what), "step", w->stopped ? w->stopped->name : NULL,
					      "change", w->cause.change.len ? ds_cstr(&w->cause.change) : NULL));
	ds_fini(&text);
	return result;
}

static void fini(struct why *w)
{
	for (size_t i = 0; i < w->n_steps; i++) {
		json_decref(w->steps[i].trace);
		ds_fini(&w->steps[i].flow);
	}
	ds_fini(&w->cause.what);
	ds_fini(&w->cause.change);
	json_decref(w->notes);
}

int why_run(const char *a, const char *b, const char *proto, json_t **result, struct errtext *err)
{
	struct why w = {.a.word = a, .b.word = b, .notes = json_array()};
	int error = 0;

	if (!parse_proto(proto, &w.proto, &w.port))
		error = errtext_set(err, EINVAL, "why: '%.40s' is none of icmp, tcp/PORT, udp/PORT", proto);
	if (!error)
		error = resolve_both(&w, err);
	if (!error && (!w.a.iface || !w.b.iface))
		error = -ENOENT; /* cannot be: both were found */
	if (!error)
		error = run(&w, err);
	if (!error) {
		take_notes(&w);
		*result = report(&w);
	}
	fini(&w);
	return error;
}
