// SPDX-License-Identifier: Apache-2.0
/*
 * The `expect` list of a topology: taken apart into probes, run, told as one line per expectation.
 */
#include "ctl/topo_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ds.h"
#include "ctl/topo_run.h"

/** So many failures of one expectation are told. */
#define MAX_TOLD 3

struct check {
	const struct topo *topo;
	struct topo_probe *probes; /* those of one expectation stand together */
	size_t n_probes, cap;
	size_t *first; /* per expectation: its first probe; one more at the end */
	int *host_ns;
};

/* ---- taking apart ---- */

static bool speaks(const struct topo_host *host, int family)
{
	for (size_t i = 0; i < host->n_ifaces; i++)
		for (size_t j = 0; j < host->ifaces[i].n_addrs; j++)
			if (host->ifaces[i].addrs[j].family == family)
				return true;
	return false;
}

static void add_probe(struct check *c, const struct topo_expect *e, size_t from, const struct topo_target *to)
{
	if (c->n_probes == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->probes = xrealloc(c->probes, c->cap * sizeof *c->probes);
	}
	c->probes[c->n_probes++] = (struct topo_probe){.expect = e, .from = from, .to = to};
}

static void add_probes(struct check *c, const struct topo_expect *e)
{
	for (size_t i = 0; i < e->n_from; i++)
		for (size_t j = 0; j < e->n_to; j++)
			if (e->to[j].host != e->from[i] && speaks(&c->topo->hosts[e->from[i]], e->to[j].addr.family))
				add_probe(c, e, e->from[i], &e->to[j]);
}

static void plan(struct check *c)
{
	c->first = xcalloc(c->topo->n_expects + 1, sizeof *c->first);
	for (size_t i = 0; i < c->topo->n_expects; i++) {
		c->first[i] = c->n_probes;
		add_probes(c, &c->topo->expects[i]);
	}
	c->first[c->topo->n_expects] = c->n_probes;
}

/* ---- running ---- */

static int open_hosts(struct check *c, const struct topo_run *run, struct errtext *err)
{
	int error = 0;

	c->host_ns = xcalloc(c->topo->n_hosts, sizeof *c->host_ns);
	for (size_t i = 0; i < c->topo->n_hosts; i++) {
		c->host_ns[i] = error ? -1 : topo_run_open_namespace(run, c->topo->hosts[i].name, err);
		if (!error)
			error = MIN(c->host_ns[i], 0);
	}
	return error;
}

static int run_probes(struct check *c, struct errtext *err)
{
	int error = topo_ping_run(c->probes, c->n_probes, c->host_ns, c->topo->n_hosts, err);

	for (size_t i = 0; i < c->n_probes && !error && !topo_interrupted(); i++) {
		if (c->probes[i].expect->kind == EXPECT_TCP)
			topo_tcp_run(&c->probes[i], c->host_ns);
		else if (c->probes[i].expect->kind == EXPECT_UDP)
			topo_udp_run(&c->probes[i], c->host_ns);
		else if (c->probes[i].expect->kind == EXPECT_THROUGHPUT)
			topo_throughput_run(&c->probes[i], c->host_ns);
	}
	return topo_interrupted() ? errtext_set(err, EINTR, "interrupted") : error;
}

/* ---- telling ---- */

static bool is_early(const struct topo_probe *probe)
{
	return probe->reached && probe->ms < probe->expect->min_ms;
}

static bool probe_ok(const struct topo_probe *probe)
{
	return probe->reached == probe->expect->reaches && !is_early(probe);
}

static void put_sources(struct ds *ds, const struct topo *topo, const struct topo_expect *e)
{
	if (e->n_from == topo->n_hosts && e->n_from > 1) {
		ds_put(ds, "all");
		return;
	}
	for (size_t i = 0; i < e->n_from; i++)
		ds_printf(ds, "%s%s", i ? "," : "", topo->hosts[e->from[i]].name);
}

/* How many different hosts are in the list; those of one host stand together. */
static size_t count_labels(const struct topo_expect *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_to; i++)
		n += !i || strcmp(e->to[i].label, e->to[i - 1].label) != 0;
	return n;
}

/* Names of hosts, each once; the address is told where there is one only. */
static void put_targets(struct ds *ds, const struct topo *topo, const struct topo_expect *e)
{
	char text[INET6_ADDRSTRLEN];

	if (count_labels(e) == topo->n_hosts && topo->n_hosts > 1) {
		ds_put(ds, "all");
		return;
	}
	for (size_t i = 0; i < e->n_to; i++)
		if (!i || strcmp(e->to[i].label, e->to[i - 1].label) != 0)
			ds_printf(ds, "%s%s", i ? "," : "", e->to[i].label);
	if (e->n_to == 1)
		ds_printf(ds, " %s", inet_ntop(e->to[0].addr.family, e->to[0].addr.addr, text, sizeof text));
}

/* "h1 reaches h2", "h1 does not reach h3 tcp/80", "h1 to h2 at 100 Mbit/s or more" */
static char *describe(const struct topo *topo, const struct topo_expect *e)
{
	struct ds ds = DS_INIT;

	put_sources(&ds, topo, e);
	ds_put(&ds, e->kind == EXPECT_THROUGHPUT ? " to " : e->reaches ? " reaches " : " does not reach ");
	put_targets(&ds, topo, e);
	if (e->kind == EXPECT_TCP)
		ds_printf(&ds, " tcp/%u", e->port);
	if (e->kind == EXPECT_UDP)
		ds_printf(&ds, " udp/%u", e->port);
	if (e->kind == EXPECT_THROUGHPUT)
		ds_printf(&ds, " at %g Mbit/s or more", e->mbps);
	if (e->max_mbps > 0)
		ds_printf(&ds, ", at most %g", e->max_mbps);
	if (e->min_ms > 0)
		ds_printf(&ds, " in %g ms or more", e->min_ms);
	if (e->size)
		ds_printf(&ds, " with %u bytes", e->size);
	return ds_steal(&ds);
}

static void put_failure(struct ds *ds, const struct topo *topo, const struct topo_probe *probe)
{
	char text[INET6_ADDRSTRLEN];

	ds_printf(ds, "%s -> %s %s: %s", topo->hosts[probe->from].name, probe->to->label,
		  inet_ntop(probe->to->addr.family, probe->to->addr.addr, text, sizeof text),
		  probe->reached ? "was reached" : probe->why);
	if (is_early(probe))
		ds_printf(ds, " in %.2f ms", probe->ms);
}

/* What went wrong with expectation @i. Return: false when nothing did. */
static bool explain(const struct check *c, size_t i, struct ds *why)
{
	size_t n = c->first[i + 1] - c->first[i], n_failed = 0;

	if (!n)
		ds_put(why, "there is nothing to check: no pair of different hosts with addresses of one family");
	for (size_t p = c->first[i]; p < c->first[i + 1]; p++)
		n_failed += !probe_ok(&c->probes[p]);
	if (n_failed > 1)
		ds_printf(why, "%zu of %zu: ", n_failed, n);
	n_failed = 0;
	for (size_t p = c->first[i]; p < c->first[i + 1]; p++)
		if (!probe_ok(&c->probes[p]) && n_failed++ < MAX_TOLD) {
			ds_put(why, n_failed > 1 ? "; " : "");
			put_failure(why, c->topo, &c->probes[p]);
		}
	if (n_failed > MAX_TOLD)
		ds_put(why, "; ...");
	return !n || n_failed;
}

/* "0.21 ms", "8064 probes, at most 3.1 ms", "2100 Mbit/s" */
static void put_figures(struct ds *ds, const struct check *c, size_t i)
{
	const struct topo_expect *e = &c->topo->expects[i];
	size_t n = c->first[i + 1] - c->first[i];
	double worst_ms = 0, least_mbps = 1e12;

	for (size_t p = c->first[i]; p < c->first[i + 1]; p++) {
		worst_ms = MAX(worst_ms, c->probes[p].ms);
		least_mbps = MIN(least_mbps, c->probes[p].mbps);
	}
	if (n > 1)
		ds_printf(ds, "%zu probes", n);
	if (e->kind == EXPECT_THROUGHPUT)
		ds_printf(ds, "%s%.0f Mbit/s", n > 1 ? ", at least " : "", least_mbps);
	else if (e->reaches)
		ds_printf(ds, "%s%.2f ms", n > 1 ? ", at most " : "", worst_ms);
}

static void print_line(const struct check *c, size_t i, bool failed, const char *why)
{
	char *what = describe(c->topo, &c->topo->expects[i]);
	struct ds figures = DS_INIT;

	if (failed) {
		printf("not ok %s: %s\n", what, why);
	} else {
		put_figures(&figures, c, i);
		printf("ok %s%s%s%s\n", what, figures.len ? " (" : "", ds_cstr(&figures), figures.len ? ")" : "");
	}
	ds_fini(&figures);
	free(what);
}

static json_t *probe_json(const struct topo *topo, const struct topo_probe *probe)
{
	char text[INET6_ADDRSTRLEN];
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:b, s:b}", "from", topo->hosts[probe->from].name, "to", probe->to->label,
			  "address", inet_ntop(probe->to->addr.family, probe->to->addr.addr, text, sizeof text), "ok",
			  probe_ok(probe), "reached", probe->reached);

	if (probe->expect->kind == EXPECT_THROUGHPUT)
		json_object_set_new(json, "mbps", json_real(probe->mbps));
	else if (probe->reached)
		json_object_set_new(json, "ms", json_real(probe->ms));
	if (!probe->reached)
		json_object_set_new(json, "why", json_string(probe->why));
	return json;
}

static json_t *expect_json(const struct check *c, size_t i, bool failed, const char *why)
{
	char *what = describe(c->topo, &c->topo->expects[i]);
	json_t *json = json_pack("{s:s, s:b}", "expect", what, "ok", !failed);
	json_t *probes = json_array();

	if (failed)
		json_object_set_new(json, "why", json_string(why));
	for (size_t p = c->first[i]; p < c->first[i + 1]; p++)
		json_array_append_new(probes, probe_json(c->topo, &c->probes[p]));
	json_object_set_new(json, "probes", probes);
	free(what);
	return json;
}

static int tell(const struct check *c, bool json)
{
	json_t *list = json_array();
	size_t n_failed = 0;

	for (size_t i = 0; i < c->topo->n_expects; i++) {
		struct ds why = DS_INIT;
		bool failed = explain(c, i, &why);

		n_failed += failed;
		if (json)
			json_array_append_new(list, expect_json(c, i, failed, ds_cstr(&why)));
		else
			print_line(c, i, failed, ds_cstr(&why));
		ds_fini(&why);
	}
	if (json) {
		json_t *all = json_pack("{s:s, s:I, s:I, s:O}", "name", c->topo->name, "passed",
					(json_int_t)(c->topo->n_expects - n_failed), "failed", (json_int_t)n_failed,
					"expectations", list);

		ctl_print_json(all);
		json_decref(all);
	}
	json_decref(list);
	return n_failed ? CTL_FAILED : CTL_OK;
}

int topo_check(const struct ctl *ctl, const struct topo *topo, const struct topo_run *run)
{
	struct check c = {.topo = topo};
	struct errtext err = {0};
	int error, status;

	plan(&c);
	error = open_hosts(&c, run, &err);
	if (!error)
		error = run_probes(&c, &err);
	status = error ? ctl_error(ctl, error, &err) : tell(&c, ctl->json);
	for (size_t i = 0; i < topo->n_hosts; i++)
		if (c.host_ns[i] >= 0)
			close(c.host_ns[i]);
	free(c.host_ns);
	free(c.first);
	free(c.probes);
	return status;
}
