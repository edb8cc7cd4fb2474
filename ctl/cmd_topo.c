// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw topo`: the verbs. What they do is described in ctl/topo.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/handlers.h"
#include "ctl/topo_graph.h"
#include "ctl/topo_run.h"
#include "os/netns.h"

static int bring_up(struct ctl *ctl, const struct topo *topo, const struct invocation *inv, struct topo_run *run)
{
	struct topo_options options = {
		.private_daemon = invocation_has(inv, "--private"),
		.datapath = invocation_option(inv, "--datapath"),
	};
	struct errtext err = {0};
	int error = topo_up(run, ctl, topo, &options, &err);

	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}

static void print_count(const char *before, size_t n, const char *singular, const char *plural)
{
	printf("%s%zu %s", before, n, n == 1 ? singular : plural);
}

static int up(struct ctl *ctl, const struct topo *topo, const struct invocation *inv, struct topo_run *run)
{
	int result = bring_up(ctl, topo, inv, run);

	if (!result && !ctl->json) {
		printf("%s is up", topo->name);
		print_count(": ", topo->n_hosts, "host", "hosts");
		print_count(", ", topo->n_switches, "switch", "switches");
		print_count(", ", topo->n_links, "link", "links");
		printf("; vsw --rundir %s show\n", run->daemon_rundir);
	}
	return result;
}

static int down(struct ctl *ctl, struct topo_run *run)
{
	struct errtext err = {0};
	int error = topo_down(run, &err);

	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}

/* ---- status ---- */

static json_t *addresses_json(const struct topo_iface *iface)
{
	json_t *list = json_array();

	for (size_t i = 0; i < iface->n_addrs; i++) {
		char text[INET6_ADDRSTRLEN];

		inet_ntop(iface->addrs[i].family, iface->addrs[i].addr, text, sizeof text);
		json_array_append_new(list, json_sprintf("%s/%u", text, iface->addrs[i].len));
	}
	return list;
}

static json_t *hosts_json(const struct topo *topo, const struct topo_run *run)
{
	json_t *hosts = json_object();

	for (size_t i = 0; i < topo->n_hosts; i++) {
		char *namespace = topo_run_namespace(run, topo->hosts[i].name);
		json_t *ifaces = json_object();

		for (size_t j = 0; j < topo->hosts[i].n_ifaces; j++)
			json_object_set_new(ifaces, topo->hosts[i].ifaces[j].name,
					    addresses_json(&topo->hosts[i].ifaces[j]));
		json_object_set_new(hosts, topo->hosts[i].name,
				    json_pack("{s:s, s:b, s:o}", "namespace", namespace, "present",
					      topo_run_is_up(run) && netns_exists(namespace), "interfaces", ifaces));
		free(namespace);
	}
	return hosts;
}

static json_t *switches_json(const struct topo *topo)
{
	json_t *switches = json_object();

	for (size_t i = 0; i < topo->n_switches; i++) {
		json_t *ports = json_array();

		for (size_t j = 0; j < topo->switches[i].n_ports; j++)
			json_array_append_new(ports, json_string(topo->switches[i].ports[j].name));
		json_object_set_new(switches, topo->switches[i].name, json_pack("{s:o}", "ports", ports));
	}
	return switches;
}

static void print_hosts(const json_t *hosts)
{
	const char *name, *iface;
	json_t *host, *addrs, *addr;
	size_t i;

	json_object_foreach((json_t *)hosts, name, host) {
		printf("host %s  namespace %s%s\n", name, json_string_value(json_object_get(host, "namespace")),
		       json_is_true(json_object_get(host, "present")) ? "" : " (missing)");
		json_object_foreach(json_object_get(host, "interfaces"), iface, addrs) {
			printf("    %s", iface);
			json_array_foreach(addrs, i, addr)
				printf(" %s", json_string_value(addr));
			putchar('\n');
		}
	}
}

static void print_switches(const json_t *switches)
{
	const char *name;
	json_t *sw, *port;
	size_t i;

	json_object_foreach((json_t *)switches, name, sw) {
		printf("switch %s\n    ports", name);
		json_array_foreach(json_object_get(sw, "ports"), i, port)
			printf(" %s", json_string_value(port));
		putchar('\n');
	}
}

static int status(struct ctl *ctl, const struct topo *topo, const struct invocation *inv VSW_UNUSED,
		  struct topo_run *run)
{
	bool is_up = topo_run_is_up(run);
	json_t *json = json_pack("{s:s, s:b}", "name", topo->name, "up", is_up);

	if (is_up) {
		json_object_set_new(json, "private", json_boolean(run->is_private));
		json_object_set_new(json, "rundir", json_string(run->daemon_rundir));
	}
	json_object_set_new(json, "hosts", hosts_json(topo, run));
	json_object_set_new(json, "switches", switches_json(topo));
	if (ctl->json) {
		ctl_print_json(json);
	} else if (!is_up) {
		printf("%s is not up\n", topo->name);
	} else {
		printf("%s is up; its switch%s: vsw --rundir %s show\n", topo->name,
		       run->is_private ? " is private" : "", run->daemon_rundir);
		print_hosts(json_object_get(json, "hosts"));
		print_switches(json_object_get(json, "switches"));
	}
	json_decref(json);
	return is_up ? CTL_OK : CTL_NO;
}

/* ---- test, exec ---- */

/* What was not up before is not up afterwards. */
static int test(struct ctl *ctl, const struct topo *topo, const struct invocation *inv, struct topo_run *run)
{
	bool was_up = topo_run_is_up(run);
	int result = was_up ? CTL_OK : bring_up(ctl, topo, inv, run);
	int after = CTL_OK;

	if (result)
		return result;
	result = topo_check(ctl, topo, run);
	if (!was_up)
		after = down(ctl, run);
	return result ? result : after;
}

static int exec_in_host(struct ctl *ctl, const struct topo *topo, const struct invocation *inv, struct topo_run *run)
{
	const char *host = inv->args[2];
	size_t first = inv->n_args > 3 && !strcmp(inv->args[3], "--") ? 4 : 3;
	struct errtext err = {0};
	int fd;

	if (first >= inv->n_args)
		return ctl_fail(ctl, "topo exec: usage: vsw topo exec FILE HOST COMMAND...");
	if (topo_find_host(topo, host) == SIZE_MAX)
		return ctl_fail(ctl, "topo exec: %s has no host '%s'", topo->name, host);
	fd = topo_run_open_namespace(run, host, &err);
	if (fd < 0)
		return ctl_error(ctl, fd, &err);
	fd = netns_enter(fd);
	if (fd < 0)
		return ctl_fail(ctl, "topo exec: cannot enter the namespace of %s: %s", host, strerror(-fd));
	/* args is followed by a NULL: it has room for every word of the line, and the command's name is not among them. */
	execvp(inv->args[first], (char *const *)&inv->args[first]);
	return ctl_fail(ctl, "topo exec: %s: %s", inv->args[first], strerror(errno));
}

/* ---- graph ---- */

/* Into a file, or to standard output. */
static int put_picture(struct ctl *ctl, const struct ds *picture, const char *path)
{
	FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	bool ok;

	if (!f)
		return ctl_fail(ctl, "topo graph: cannot create %s: %s", path, strerror(errno));
	ok = fwrite(ds_cstr(picture), 1, picture->len, f) == picture->len && !fflush(f);
	if (f != stdout && fclose(f))
		ok = false;
	return ok ? CTL_OK : ctl_fail(ctl, "topo graph: cannot write %s: %s", path ? path : "it", strerror(errno));
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* The format is what --format says, else what the name of the output ends with, else dot. */
static int graph(struct ctl *ctl, const struct invocation *inv)
{
	const char *path = invocation_option(inv, "--output");
	const char *format = ctl->format ? ctl->format : path && ends_with(path, ".svg") ? "svg" : "dot";
	struct ds dot = DS_INIT, svg = DS_INIT;
	struct errtext err = {0};
	struct topo *topo;
	int result, error;

	if (strcmp(format, "dot") != 0 && strcmp(format, "svg") != 0)
		return ctl_fail(ctl, "topo graph: '%s' is no format of a picture, expected dot or svg", format);
	error = topo_parse(inv->args[1], &topo, &err);
	if (!error)
		topo_graph_dot(topo, &dot);
	if (!error && !strcmp(format, "svg"))
		error = topo_graph_svg(&dot, &svg, &err);
	result = error ? ctl_error(ctl, error, &err) : put_picture(ctl, svg.len ? &svg : &dot, path);
	topo_free(topo);
	ds_fini(&dot);
	ds_fini(&svg);
	return result;
}

/* ---- which one ---- */

/* `down` needs the name only: the file may be gone, or broken by now. */
static int down_by_name(struct ctl *ctl, const char *file)
{
	char *name = topo_name_of_file(file);
	struct errtext err = {0};
	struct topo_run run;
	int result, error;

	if (!topo_name_ok(name)) {
		free(name);
		return ctl_fail(ctl, "topo down: '%s' cannot be the name of a topology", file);
	}
	error = topo_run_open(&run, ctl, name, true, &err);
	if (error)
		result = ctl_error(ctl, error, &err);
	else
		result = down(ctl, &run);
	topo_run_close(&run);
	free(name);
	return result;
}

typedef int verb_fn(struct ctl *ctl, const struct topo *topo, const struct invocation *inv, struct topo_run *run);

static const struct verb {
	const char *name;
	verb_fn *run;
	bool changes;
} verbs[] = {
	{"up", up, true},
	{"test", test, true},
	{"status", status, false},
	{"exec", exec_in_host, false},
};

static int with_file(struct ctl *ctl, const struct invocation *inv, const struct verb *verb)
{
	struct errtext err = {0};
	struct topo *topo;
	struct topo_run run;
	int result, error = topo_parse(inv->args[1], &topo, &err);

	if (error)
		return ctl_error(ctl, error, &err);
	error = topo_run_open(&run, ctl, topo->name, verb->changes, &err);
	result = error ? ctl_error(ctl, error, &err) : verb->run(ctl, topo, inv, &run);
	topo_run_close(&run);
	topo_free(topo);
	return result;
}

int cmd_topo(struct ctl *ctl, const struct invocation *inv)
{
	const char *verb = inv->args[0];

	if (inv->n_args < 2)
		return ctl_fail(ctl,
				"topo: usage: vsw topo up|down|status|test|graph FILE | exec FILE HOST COMMAND...");
	if (inv->n_args > 2 && strcmp(verb, "exec") != 0)
		return ctl_fail(ctl, "topo %s: '%s' is one argument too many", verb, inv->args[2]);
	if (!strcmp(verb, "down"))
		return down_by_name(ctl, inv->args[1]);
	if (!strcmp(verb, "graph"))
		return graph(ctl, inv);
	if (invocation_has(inv, "--output"))
		return ctl_fail(ctl, "topo %s: --output goes with graph", verb);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, verb))
			return with_file(ctl, inv, &verbs[i]);
	return ctl_fail(ctl, "topo: '%s' is none of up, down, status, test, graph, exec", verb);
}
