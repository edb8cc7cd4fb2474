// SPDX-License-Identifier: Apache-2.0
/*
 * A picture of a topology: text for Graphviz' dot, or the SVG that dot makes of it.
 *
 * Hosts are rounded boxes with their addresses, switches are boxes; those on a host stand in the host's. A link carries
 * the port's name where it is not the obvious one, and its VLANs; access ports of one VLAN have one colour. Hosts that hang at one switch by
 * nothing but a plain link, more than MAX_LOOSE of them, stand in one table, so that sixty-four names stay readable.
 *
 * The text depends on the file alone. An SVG depends on dot's version and the fonts of the host, too; so it carries a checksum of the text that
 * it was made from, by which tests/static/topologies sees that it is out of date.
 */
#include "ctl/topo_graph.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"

/** So many hosts of a switch are drawn one by one. */
#define MAX_LOOSE 12
/** Rows of a table of hosts. */
#define TABLE_ROWS 8

/** Borders and lines of VLANs, by number. */
static const char *const vlan_colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#e377c2", "#17becf", "#8c564b"};

struct graph {
	const struct topo *topo;
	struct ds *out;
};

/* ---- text ---- */

/* For HTML-like labels and, as it contains neither quotes nor backslashes then, for quoted strings. */
static void put_escaped(struct ds *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			ds_put(out, "&lt;");
		else if (*text == '>')
			ds_put(out, "&gt;");
		else if (*text == '&')
			ds_put(out, "&amp;");
		else if (*text == '"')
			ds_put(out, "&quot;");
		else if (*text == '\\')
			ds_put(out, "&#92;");
		else if ((unsigned char)*text >= ' ')
			ds_put_char(out, *text);
	}
}

static void put_address(struct ds *out, const struct rtnl_prefix *addr)
{
	char text[INET6_ADDRSTRLEN];

	ds_printf(out, "%s/%u", inet_ntop(addr->family, addr->addr, text, sizeof text), addr->len);
}

/* "eth0" alone goes without saying. */
static void put_addresses(struct ds *out, const struct topo_host *host)
{
	for (size_t i = 0; i < host->n_ifaces; i++) {
		const struct topo_iface *iface = &host->ifaces[i];

		for (size_t j = 0; j < iface->n_addrs; j++) {
			ds_put(out, "<br/><font point-size=\"9\" color=\"#444444\">");
			if (host->n_ifaces > 1)
				ds_printf(out, "%s ", iface->name);
			put_address(out, &iface->addrs[j]);
			ds_put(out, "</font>");
		}
	}
}

/* "10" of 10, "10,20" of a list; false when there is no such column. */
static bool put_vlans(struct ds *out, const json_t *columns, const char *column, const char *before)
{
	json_t *value = json_object_get(columns, column), *element;
	size_t i;

	if (!value)
		return false;
	ds_put(out, before);
	if (json_is_integer(value))
		ds_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		put_escaped(out, json_string_value(value));
	json_array_foreach(value, i, element) {
		ds_put(out, i ? "," : "");
		if (json_is_integer(element))
			ds_printf(out, "%lld", (long long)json_integer_value(element));
		else
			put_escaped(out, json_string_value(element));
	}
	return true;
}

/* What the port does with VLANs, in words: "VLAN 10", "trunk 10,20", "native 10, trunk 20". */
static void put_port_vlans(struct ds *out, const json_t *columns)
{
	const char *mode = json_string_value(json_object_get(columns, "vlan_mode"));
	bool tagged;

	if (mode && !strcmp(mode, "dot1q-tunnel"))
		put_vlans(out, columns, "tag", "Q-in-Q ");
	else if (mode && !strncmp(mode, "native", 6))
		put_vlans(out, columns, "tag", !strcmp(mode, "native-tagged") ? "native (tagged) " : "native ");
	else
		put_vlans(out, columns, "tag", "VLAN ");
	tagged = out->len > 0;
	put_vlans(out, columns, "trunks", tagged ? ", trunk " : "trunk ");
}

static const struct topo_port *port_of(const struct topo *topo, const struct topo_end *end)
{
	const struct topo_switch *sw = &topo->switches[end->node];

	for (size_t i = 0; i < sw->n_ports; i++)
		if (!strcmp(sw->ports[i].name, end->name))
			return &sw->ports[i];
	return NULL;
}

static const json_t *port_columns(const struct topo *topo, const struct topo_end *end)
{
	const struct topo_port *port = port_of(topo, end);

	return port ? port->columns : NULL;
}

/* Of an access port; -1 for all others. */
static int access_vlan(const json_t *columns)
{
	const char *mode = json_string_value(json_object_get(columns, "vlan_mode"));
	json_t *tag = json_object_get(columns, "tag");

	if (!json_is_integer(tag) || (mode && strcmp(mode, "access") != 0))
		return -1;
	return (int)json_integer_value(tag);
}

/* With air around it: it stands beside its line. */
static void put_label(const struct graph *g, const char *text)
{
	if (text[0])
		ds_printf(g->out,
			  "label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"7\"><tr><td>%s"
			  "</td></tr></table>>",
			  text);
	ds_put(g->out, "]\n");
}

/* ---- hosts in a table ---- */

/* The switch that host @h hangs at by one plain link and nothing else, or SIZE_MAX. */
static size_t only_switch(const struct topo *topo, size_t h)
{
	size_t n = 0, sw = SIZE_MAX;

	if (topo_has_switch_on(topo, h))
		return SIZE_MAX;
	for (size_t i = 0; i < topo->n_links; i++)
		for (int e = 0; e < 2; e++) {
			const struct topo_end *end = &topo->links[i].ends[e], *other = &topo->links[i].ends[!e];

			if (end->is_switch || end->node != h)
				continue;
			n++;
			sw = other->is_switch && !port_columns(topo, other) ? other->node : SIZE_MAX;
		}
	return n == 1 ? sw : SIZE_MAX;
}

static size_t count_plain(const struct topo *topo, size_t sw)
{
	size_t n = 0;

	for (size_t h = 0; h < topo->n_hosts; h++)
		n += only_switch(topo, h) == sw;
	return n;
}

static bool in_table(const struct topo *topo, size_t h)
{
	size_t sw = only_switch(topo, h);

	return sw != SIZE_MAX && count_plain(topo, sw) > MAX_LOOSE;
}

static void put_cell(struct ds *out, const struct topo_host *host)
{
	ds_printf(out, "<td align=\"left\"><b>%s</b>&#160;", host->name);
	for (size_t i = 0; i < host->n_ifaces; i++)
		for (size_t j = 0; j < host->ifaces[i].n_addrs; j++) {
			ds_put(out, "<font point-size=\"9\" color=\"#444444\">&#160;");
			put_address(out, &host->ifaces[i].addrs[j]);
			ds_put(out, "</font>");
		}
	ds_put(out, "</td>");
}

/* The hosts of one switch, in columns of TABLE_ROWS. */
static void put_table(const struct graph *g, size_t sw)
{
	size_t n = 0, *hosts = xcalloc(g->topo->n_hosts, sizeof *hosts);
	char links[32];

	for (size_t h = 0; h < g->topo->n_hosts; h++)
		if (only_switch(g->topo, h) == sw)
			hosts[n++] = h;
	ds_printf(g->out,
		  "\t\"hosts of %s\" [shape=box, style=\"rounded,filled\", color=\"#4a7ebb\", fillcolor=\"#eef4fb\",\n"
		  "\t\tlabel=<<table border=\"0\" cellborder=\"0\" cellspacing=\"4\">",
		  g->topo->switches[sw].name);
	for (size_t row = 0; row < MIN(n, TABLE_ROWS); row++) {
		ds_put(g->out, "<tr>");
		for (size_t i = row; i < n; i += TABLE_ROWS)
			put_cell(g->out, &g->topo->hosts[hosts[i]]);
		ds_put(g->out, "</tr>");
	}
	ds_printf(g->out, "</table>>]\n\t\"%s\" -- \"hosts of %s\" [", g->topo->switches[sw].name,
		  g->topo->switches[sw].name);
	snprintf(links, sizeof links, "%zu links", n);
	put_label(g, links);
	free(hosts);
}

/* ---- nodes ---- */

static void put_host(const struct graph *g, size_t h)
{
	const struct topo_host *host = &g->topo->hosts[h];

	ds_printf(
		g->out,
		"\t\"%s\" [shape=box, style=\"rounded,filled\", color=\"#4a7ebb\", fillcolor=\"%s\", label=<<b>%s</b>",
		host->name, host->forward ? "#dcebdc" : "#eef4fb", host->name);
	if (host->forward)
		ds_put(g->out, "<br/><font point-size=\"9\">router</font>");
	put_addresses(g->out, host);
	ds_put(g->out, ">]\n");
}

/* "bond b0: balance-tcp, LACP active" */
static void put_bond_text(const struct graph *g, const struct topo_port *port)
{
	const char *mode = json_string_value(json_object_get(port->columns, "bond_mode"));
	const char *lacp = json_string_value(json_object_get(port->columns, "lacp"));

	ds_printf(g->out, "<br/><font point-size=\"9\">bond %s: ", port->name);
	put_escaped(g->out, mode ? mode : "active-backup");
	if (lacp) {
		ds_put(g->out, ", LACP ");
		put_escaped(g->out, lacp);
	}
	ds_put(g->out, "</font>");
}

/* What is inside of a switch's box. Internal ports are the switch's own; the others are drawn as links. */
static void put_switch_text(const struct graph *g, const struct topo_switch *sw)
{
	size_t n_flows = json_array_size(sw->flows);

	ds_printf(g->out, "<b>%s</b>", sw->name);
	if (n_flows)
		ds_printf(g->out, "<br/><font point-size=\"9\">%zu flow%s</font>", n_flows, n_flows == 1 ? "" : "s");
	if (sw->uplink)
		ds_printf(g->out, "<br/><font point-size=\"9\">uplink %s</font>", sw->uplink);
	for (size_t i = 0; i < sw->n_ports; i++) {
		struct ds vlans = DS_INIT;

		if (sw->ports[i].is_bond) {
			put_bond_text(g, &sw->ports[i]);
		} else if (!sw->ports[i].linked) {
			put_port_vlans(&vlans, sw->ports[i].columns);
			ds_printf(g->out, "<br/><font point-size=\"9\">port %s%s%s</font>", sw->ports[i].name,
				  vlans.len ? ": " : "", ds_cstr(&vlans));
		}
		ds_fini(&vlans);
	}
}

static void put_switch(const struct graph *g, const struct topo_switch *sw)
{
	ds_printf(g->out, "\t\"%s\" [shape=box, style=filled, color=\"#b8860b\", fillcolor=\"#fdf1dc\", label=<",
		  sw->name);
	put_switch_text(g, sw);
	ds_put(g->out, ">]\n");
}

/* A host with switches on it is one box: a line about the host, and below it a cell per switch, where the links end. */
static void put_machine(const struct graph *g, size_t h)
{
	const struct topo_host *host = &g->topo->hosts[h];

	ds_printf(g->out,
		  "\t\"%s\" [shape=box, style=\"rounded,filled\", color=\"#4a7ebb\", fillcolor=\"%s\",\n"
		  "\t\tlabel=<<table border=\"0\" cellborder=\"0\" cellspacing=\"6\"><tr>",
		  host->name, host->forward ? "#dcebdc" : "#eef4fb");
	for (size_t s = 0; s < g->topo->n_switches; s++) {
		if (g->topo->switches[s].on != h)
			continue;
		ds_printf(g->out,
			  "<td port=\"%s\" border=\"1\" color=\"#b8860b\" bgcolor=\"#fdf1dc\" cellpadding=\"6\">",
			  g->topo->switches[s].name);
		put_switch_text(g, &g->topo->switches[s]);
		ds_put(g->out, "</td>");
	}
	ds_printf(g->out, "<td><b>%s</b>", host->name);
	put_addresses(g->out, host);
	ds_put(g->out, "</td></tr></table>>]\n");
}

/* ---- links ---- */

/* The node where a link ends: on a host with switches, the cell of the switch. */
static void put_end(const struct graph *g, const struct topo_end *end)
{
	const struct topo_switch *sw = end->is_switch ? &g->topo->switches[end->node] : NULL;

	if (sw && sw->on == SIZE_MAX)
		ds_printf(g->out, "\"%s\"", sw->name);
	else if (sw)
		ds_printf(g->out, "\"%s\":\"%s\"", g->topo->hosts[sw->on].name, sw->name);
	else
		ds_printf(g->out, "\"%s\"", g->topo->hosts[end->node].name);
}

/* A line of a label. */
static void put_line(struct ds *label, const char *text)
{
	ds_printf(label, "%s%s", label->len ? "<br/>" : "", text);
}

/* The name of the port, where it is not that of the node it leads to, and its VLANs. */
static void put_end_label(struct ds *label, const struct topo *topo, const struct topo_end *end,
			  const struct topo_end *other)
{
	const char *towards = other->is_switch ? "" : topo->hosts[other->node].name;
	struct ds vlans = DS_INIT, line = DS_INIT;

	if (!end->is_switch)
		return;
	put_port_vlans(&vlans, port_columns(topo, end));
	if (port_of(topo, end) && port_of(topo, end)->bond)
		ds_put(&line, end->name);
	else if (strcmp(towards, end->name) != 0 && (vlans.len || !other->is_switch))
		ds_printf(&line, "%s%s", end->name, vlans.len ? ": " : "");
	ds_put(&line, ds_cstr(&vlans));
	if (line.len)
		put_line(label, ds_cstr(&line));
	ds_fini(&line);
	ds_fini(&vlans);
}

/* "delay 20ms, loss 1%" */
static void put_emulation_label(const struct topo_link *link, struct ds *label)
{
	struct ds line = DS_INIT;
	const char *key;
	json_t *value;

	json_object_foreach(link->emulation, key, value) {
		if (!strcmp(key, "seed"))
			continue;
		ds_printf(&line, "%s%s ", line.len ? ", " : "", key);
		put_escaped(&line, json_string_value(value));
	}
	if (line.len)
		put_line(label, ds_cstr(&line));
	ds_fini(&line);
}

static void put_link_label(const struct graph *g, const struct topo_link *link, struct ds *label)
{
	char mtu[24];

	put_end_label(label, g->topo, &link->ends[0], &link->ends[1]);
	put_end_label(label, g->topo, &link->ends[1], &link->ends[0]);
	if (link->is_patch)
		put_line(label, "patch");
	else if (link->ends[0].is_switch && link->ends[1].is_switch)
		put_line(label, "veth");
	snprintf(mtu, sizeof mtu, "MTU %u", link->mtu);
	if (link->mtu)
		put_line(label, mtu);
	put_emulation_label(link, label);
}

/* The switch is drawn above. */
static void put_link(const struct graph *g, const struct topo_link *link)
{
	bool turn = !link->ends[0].is_switch && link->ends[1].is_switch;
	const struct topo_end *a = &link->ends[turn], *b = &link->ends[!turn];
	int vlan = a->is_switch && !b->is_switch ? access_vlan(port_columns(g->topo, a)) : -1;
	struct ds label = DS_INIT;

	put_link_label(g, link, &label);
	ds_put_char(g->out, '\t');
	put_end(g, a);
	ds_put(g->out, " -- ");
	put_end(g, b);
	ds_put(g->out, " [");
	if (a->is_switch && b->is_switch)
		ds_printf(g->out, "penwidth=2, style=%s, ", link->is_patch ? "solid" : "dashed");
	if (vlan >= 0)
		ds_printf(g->out, "color=\"%s\", ", vlan_colours[(unsigned int)vlan / 10 % ARRAY_SIZE(vlan_colours)]);
	put_label(g, ds_cstr(&label));
	ds_fini(&label);
}

/* ---- the whole ---- */

void topo_graph_dot(const struct topo *topo, struct ds *out)
{
	struct graph g = {.topo = topo, .out = out};

	ds_printf(
		out,
		"graph \"%s\" {\n\tgraph [fontname=\"Helvetica\", fontsize=12, labelloc=t, nodesep=0.35, ranksep=0.6, "
		"pad=0.2];\n"
		"\tnode [fontname=\"Helvetica\", fontsize=11, margin=\"0.15,0.08\"];\n"
		"\tedge [fontname=\"Helvetica\", fontsize=9, color=\"#777777\"];\n\tlabel=<<b>%s</b>",
		topo->name, topo->name);
	if (topo->description) {
		ds_put(out, "<br/><font point-size=\"10\">");
		put_escaped(out, topo->description);
		ds_put(out, "</font>");
	}
	ds_put(out, "<br/> >;\n");
	for (size_t s = 0; s < topo->n_switches; s++)
		if (topo->switches[s].on == SIZE_MAX)
			put_switch(&g, &topo->switches[s]);
	for (size_t h = 0; h < topo->n_hosts; h++) {
		if (topo_has_switch_on(topo, h))
			put_machine(&g, h);
		else if (!in_table(topo, h))
			put_host(&g, h);
	}
	for (size_t i = 0; i < topo->n_links; i++) {
		const struct topo_end *ends = topo->links[i].ends;

		if ((ends[0].is_switch || !in_table(topo, ends[0].node)) &&
		    (ends[1].is_switch || !in_table(topo, ends[1].node)))
			put_link(&g, &topo->links[i]);
	}
	for (size_t s = 0; s < topo->n_switches; s++)
		if (count_plain(topo, s) > MAX_LOOSE)
			put_table(&g, s);
	ds_put(out, "}\n");
}

uint32_t topo_graph_checksum(const struct ds *dot)
{
	return crc32c(ds_cstr(dot), dot->len);
}

/* Run `dot -Tsvg` between two files in memory. Return: 0 or -errno with @err. */
static int run_dot(int in, int out, struct errtext *err)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		execlp("dot", "dot", "-Tsvg", (char *)NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errtext_set(err, errno, "cannot run dot: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return errtext_set(err, ENOENT,
				   "dot is not installed; `apt install graphviz`, or --format dot for its text");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return errtext_set(err, EIO, "dot has failed");
	return 0;
}

/* Everything in @fd, with our mark behind the line that says it is XML. */
static void take_svg(int fd, uint32_t checksum, struct ds *svg)
{
	char buffer[4096];
	bool marked = false;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buffer, sizeof buffer, at)) > 0) {
		char *newline = marked ? NULL : memchr(buffer, '\n', (size_t)n);
		size_t head = newline ? (size_t)(newline - buffer) + 1 : 0;

		ds_put_mem(svg, buffer, head);
		if (!marked)
			ds_printf(svg, "<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- vsw topo graph: %08x -->\n",
				  checksum);
		marked = true;
		ds_put_mem(svg, buffer + head, (size_t)n - head);
		at += n;
	}
}

int topo_graph_svg(const struct ds *dot, struct ds *svg, struct errtext *err)
{
	int in = memfd_create("dot", MFD_CLOEXEC), out = memfd_create("svg", MFD_CLOEXEC);
	int error = 0;

	if (in < 0 || out < 0 || pwrite(in, ds_cstr(dot), dot->len, 0) != (ssize_t)dot->len)
		error = errtext_set(err, errno ? errno : EIO, "no memory for the picture: %s", strerror(errno));
	if (!error)
		error = run_dot(in, out, err);
	if (!error)
		take_svg(out, topo_graph_checksum(dot), svg);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return error;
}
