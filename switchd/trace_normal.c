// SPDX-License-Identifier: Apache-2.0
/* What NORMAL said of itself (xlate_trace.h), as a node for programs and lines for people. */
#include "switchd/trace_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/ds.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/fdb.h"
#include "switchd/pipeline/xlate_trace.h"

/* Names for programs, and how a port that was left out is described; %s: what its VLANs are. */
static const struct {
	const char *name, *words;
} left_out[] = {
	[XLATE_TAKEN] = {"taken", ""},
	[XLATE_INGRESS] = {"ingress", "the packet came from there"},
	[XLATE_OTHER_VLAN] = {"other-vlan", "%s"},
	[XLATE_NO_FLOOD] = {"no-flood", "no-flood"},
	[XLATE_NO_INTERFACE] = {"no-interface", "it has no interface"},
	[XLATE_NO_FORWARD] = {"no-forward", "no-forward"},
	[XLATE_PROTECTED] = {"protected", "protected, as is the port it came from"},
	[XLATE_NO_DEVICE] = {"no-device", "no device"},
};

static void format_mac(char text[18], const uint8_t mac[6])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* ---- a port's VLANs ---- */

static void put_ranges(const uint64_t *bitmap, struct ds *out)
{
	const char *comma = "";

	for (unsigned int i = 0; i < N_VLANS; i++) {
		unsigned int first = i;

		if (!vlan_bitmap_has(bitmap, i))
			continue;
		while (i + 1 < N_VLANS && vlan_bitmap_has(bitmap, i + 1))
			i++;
		ds_printf(out, i > first ? "%s%u-%u" : "%s%u", comma, first, i);
		comma = ",";
	}
}

static void put_vlans(const struct port *port, struct ds *out)
{
	static const char *const modes[] = {
		[VLAN_TRUNK] = "trunk",
		[VLAN_ACCESS] = "access port",
		[VLAN_NATIVE_TAGGED] = "trunk with native VLAN",
		[VLAN_NATIVE_UNTAGGED] = "trunk with native VLAN",
		[VLAN_DOT1Q_TUNNEL] = "dot1q-tunnel",
	};

	ds_put(out, modes[port->vlan_mode]);
	if (port->vlan_mode == VLAN_ACCESS || port->vlan_mode == VLAN_DOT1Q_TUNNEL)
		ds_printf(out, " of VLAN %d", MAX(port->tag, 0));
	else if (port->vlan_mode != VLAN_TRUNK)
		ds_printf(out, " %d", MAX(port->tag, 0));
	if (port->vlan_mode != VLAN_ACCESS && port->vlan_mode != VLAN_DOT1Q_TUNNEL && port->trunks) {
		ds_put(out, " of ");
		put_ranges(port->trunks, out);
	}
	if (port->vlan_mode == VLAN_DOT1Q_TUNNEL && port->cvlans) {
		ds_put(out, " for ");
		put_ranges(port->cvlans, out);
	}
}

static void put_why(const struct xlate_flood_port *p, struct ds *out)
{
	if (p->left_out == XLATE_OTHER_VLAN)
		put_vlans(p->port, out);
	else
		ds_put(out, left_out[p->left_out].words);
}

/* ---- lines ---- */

static void add_line(json_t *lines, struct ds *text)
{
	json_array_append_new(lines, json_string(ds_cstr(text)));
	ds_clear(text);
}

static void put_age(const struct fdb_entry *e, struct ds *out)
{
	if (e->is_static)
		ds_put(out, "static");
	else
		ds_printf(out, "last heard of %" PRId64 " s ago", e->age_ms / 1000);
}

static void add_source(const struct xlate_normal *n, json_t *lines, struct ds *text)
{
	const char *in = n->in ? n->in->name : "no port";
	char mac[18];

	format_mac(mac, n->src);
	ds_printf(text, "VLAN %u: ", n->vlan);
	if (!n->learns) {
		ds_printf(text, "the source address %s is not learnt %s", mac,
			  !n->in	  ? "from the controller"
			  : n->src[0] & 1 ? "(it is a multicast address)"
					  : "in this VLAN (flood_vlans)");
	} else if (!n->src_entry) {
		ds_printf(text, "the source address %s is new; a real packet would teach that it is on %s", mac, in);
	} else if (n->src_entry->port == n->in) {
		ds_printf(text, "the source address %s is known on %s (", mac, in);
		put_age(n->src_entry, text);
		ds_put_char(text, ')');
	} else {
		ds_printf(text, "the source address %s is known on %s (", mac, n->src_entry->port->name);
		put_age(n->src_entry, text);
		ds_printf(text, n->src_entry->is_static ? ") and stays there" : "); a real packet would move it to %s",
			  in);
	}
	add_line(lines, text);
}

static void add_destination(const struct xlate_normal *n, json_t *lines, struct ds *text)
{
	char mac[18];

	if (!n->dst_entry)
		return;
	format_mac(mac, n->dst);
	ds_printf(text, "the destination address %s is on %s (", mac, n->dst_entry->port->name);
	put_age(n->dst_entry, text);
	ds_put_char(text, ')');
	add_line(lines, text);
}

static void add_flood(const struct xlate_normal *n, json_t *lines, struct ds *text)
{
	const char *comma = "floods to ";

	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].left_out == XLATE_TAKEN) {
			ds_printf(text, "%s%s", comma, n->ports[i].port->name);
			comma = ", ";
		}
	if (!text->len)
		ds_put(text, "floods to no port");
	add_line(lines, text);
	comma = "left out: ";
	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].left_out != XLATE_TAKEN) {
			ds_printf(text, "%s%s (", comma, n->ports[i].port->name);
			put_why(&n->ports[i], text);
			ds_put_char(text, ')');
			comma = ", ";
		}
	if (text->len)
		add_line(lines, text);
}

static json_t *make_lines(const struct xlate_normal *n)
{
	json_t *lines = json_array();
	struct ds text = DS_INIT;

	add_source(n, lines, &text);
	add_destination(n, lines, &text);
	if (!n->out)
		add_flood(n, lines, &text);
	ds_fini(&text);
	return lines;
}

/* ---- the node ---- */

static json_t *address(const uint8_t mac[6], const struct fdb_entry *e)
{
	char text[18];

	format_mac(text, mac);
	if (!e)
		return json_pack("{s:s, s:n}", "mac", text, "port");
	return json_pack("{s:s, s:s, s:I, s:b}", "mac", text, "port", e->port->name, "age_s",
			 (json_int_t)(e->age_ms / 1000), "static", (int)e->is_static);
}

static json_t *flood_ports(const struct xlate_normal *n)
{
	json_t *ports = json_array();

	for (size_t i = 0; i < n->n_ports; i++)
		json_array_append_new(ports, json_pack("{s:s, s:b, s:s}", "port", n->ports[i].port->name, "sent",
						       (int)(n->ports[i].left_out == XLATE_TAKEN), "why",
						       left_out[n->ports[i].left_out].name));
	return ports;
}

json_t *trace_normal(const struct xlate_normal *n)
{
	const char *decision = !n->out ? "flood" : n->out == n->in ? "hairpin" : "forward";
	json_t *node = json_pack("{s:s, s:s, s:i, s:s?, s:s?, s:o, s:o, s:o}", "type", "normal", "decision", decision,
				 "vlan", (int)n->vlan, "in", n->in ? n->in->name : NULL, "out",
				 n->out ? n->out->name : NULL, "source", address(n->src, n->src_entry), "destination",
				 address(n->dst, n->dst_entry), "lines", make_lines(n));

	if (!n->out)
		json_object_set_new(node, "ports", flood_ports(n));
	return node;
}
