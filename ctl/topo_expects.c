// SPDX-License-Identifier: Apache-2.0
/*
 * The `expect` list of a topology file: who reaches whom. Names are resolved here, so that checking needs no more than addresses.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/topo_check.h"
#include "ctl/topo_parse.h"

/* Does @host have an address of @family? Then it can be asked to reach one. */
static bool speaks(const struct topo_host *host, int family)
{
	for (size_t i = 0; i < host->n_ifaces; i++)
		for (size_t j = 0; j < host->ifaces[i].n_addrs; j++)
			if (host->ifaces[i].addrs[j].family == family)
				return true;
	return false;
}

static bool any_speaks(const struct topo *topo, const struct topo_expect *e, int family)
{
	for (size_t i = 0; i < e->n_from; i++)
		if (speaks(&topo->hosts[e->from[i]], family))
			return true;
	return false;
}

static void add_target(struct topo_expect *e, size_t host, const struct rtnl_prefix *addr, const char *label)
{
	e->to = xrealloc(e->to, (e->n_to + 1) * sizeof *e->to);
	e->to[e->n_to++] = (struct topo_target){host, *addr, xstrdup(label)};
}

/* All addresses of a host, or of one of its interfaces, that somebody in the `from` list could reach. */
static size_t add_host_targets(const struct topo *topo, struct topo_expect *e, size_t h, const char *iface)
{
	const struct topo_host *host = &topo->hosts[h];
	size_t before = e->n_to;

	for (size_t i = 0; i < host->n_ifaces; i++) {
		const struct topo_iface *f = &host->ifaces[i];

		if (iface && strcmp(f->name, iface) != 0)
			continue;
		for (size_t j = 0; j < f->n_addrs; j++)
			if (any_speaks(topo, e, f->addrs[j].family))
				add_target(e, h, &f->addrs[j], host->name);
	}
	return e->n_to - before;
}

/* HOST or HOST:IFACE. Return: false when it is no such thing. */
static bool parse_host_target(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const char *text)
{
	const char *colon = strchr(text, ':');
	char *name = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
	size_t h = topo_find_host(topo, name);

	free(name);
	if (h == SIZE_MAX)
		return false;
	if (colon && !topo_host_iface(&topo->hosts[h], colon + 1))
		json_reader_fail(r, "%s has no interface '%s'", topo->hosts[h].name, colon + 1);
	else if (!add_host_targets(topo, e, h, colon ? colon + 1 : NULL))
		json_reader_fail(r, "'%s' has no address of a family that 'from' speaks", text);
	return true;
}

static void parse_target(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const char *text)
{
	struct rtnl_prefix addr;

	if (!strcmp(text, "all")) {
		for (size_t h = 0; h < topo->n_hosts; h++)
			add_host_targets(topo, e, h, NULL);
	} else if (parse_host_target(r, topo, e, text)) {
		return;
	} else if (!strchr(text, '/') && rtnl_prefix_parse(text, &addr)) {
		size_t h = topo_find_address(topo, &addr);

		add_target(e, h, &addr, h == SIZE_MAX ? "the address" : topo->hosts[h].name);
	} else {
		json_reader_fail(r, "'%s' is no host, HOST:INTERFACE, address or 'all'", text);
	}
}

static void parse_source(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const char *text)
{
	size_t h = topo_find_host(topo, text);

	if (!strcmp(text, "all")) {
		for (h = 0; h < topo->n_hosts; h++)
			e->from[e->n_from++] = h;
	} else if (h == SIZE_MAX) {
		json_reader_fail(r, "there is no host called '%s'", text);
	} else {
		e->from[e->n_from++] = h;
	}
}

typedef void parse_name_fn(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const char *text);

/* Member @key of @object: one name, or a list of names. */
static void parse_names(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const json_t *object,
			const char *key, parse_name_fn *parse)
{
	json_t *value = json_object_get(object, key), *element;
	size_t i;

	if (r->error)
		return;
	json_reader_enter(r, key);
	if (json_is_string(value)) {
		parse(r, topo, e, json_string_value(value));
	} else if (!json_array_size(value)) {
		json_reader_fail(r, "expected the name of a host, or a list of names");
	} else {
		json_array_foreach(value, i, element) {
			json_reader_enter_index(r, i);
			if (json_is_string(element))
				parse(r, topo, e, json_string_value(element));
			else
				json_reader_fail(r, "expected a name");
			json_reader_leave(r);
		}
	}
	json_reader_leave(r);
}

static void read_from(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	const struct topo *topo = aux;
	struct topo_expect *e = what;
	size_t max_sources = topo->n_hosts + json_array_size(json_object_get(object, key)) * (topo->n_hosts + 1);

	e->from = xcalloc(max_sources, sizeof *e->from);
	parse_names(r, topo, e, object, key, parse_source);
}

/* Stands behind "from" in the table: families are those of the sources. */
static void read_to(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	if (!json_object_get(object, "from"))
		json_reader_fail_at(r, "from", "missing: expected the name of a host, or a list of names");
	parse_names(r, aux, what, object, key, parse_target);
}

static void read_reaches(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	((struct topo_expect *)what)->reaches = json_reader_bool(r, object, key, true);
}

static void read_tcp(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->kind = EXPECT_TCP;
	e->port = (uint16_t)json_reader_int(r, object, key, 1, 65535, 0);
}

static void read_udp(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	if (e->port)
		json_reader_fail(r, "either 'tcp' or 'udp'");
	e->kind = EXPECT_UDP;
	e->port = (uint16_t)json_reader_int(r, object, key, 1, 65535, 0);
}

static void read_listen(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->no_listen = !json_reader_bool(r, object, key, true);
	if (!e->port)
		json_reader_fail(r, "'listen' goes with 'tcp' and 'udp'");
}

static void read_size(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->size = (uint32_t)json_reader_int(r, object, key, 64, 65535, 0);
	if (e->port)
		json_reader_fail(r, "'size' goes with none of 'tcp', 'udp' and 'mbps'");
}

static void read_min_ms(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->min_ms = json_reader_number(r, object, key, 0, 60000, 0);
	if (e->kind != EXPECT_PING || !e->reaches)
		json_reader_fail(r, "'min_ms' goes with none of 'tcp', 'udp', 'mbps' and 'reaches'");
}

static void read_mbps(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->mbps = json_reader_number(r, object, key, 0, 1e9, 0);
	if (e->kind != EXPECT_PING || !e->reaches)
		json_reader_fail(r, "'mbps' stands alone: without 'tcp', 'udp' and 'reaches'");
	if (e->size)
		json_reader_fail(r, "'size' goes with none of 'tcp', 'udp' and 'mbps'");
	e->kind = EXPECT_THROUGHPUT;
}

static void read_max_mbps(struct json_reader *r, const json_t *object, const char *key, void *what,
			  void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->max_mbps = json_reader_number(r, object, key, 0, 1e9, 0);
	if (e->kind != EXPECT_THROUGHPUT)
		json_reader_fail(r, "'max_mbps' goes with 'mbps'");
	else if (e->max_mbps < e->mbps)
		json_reader_fail_at(r, key, "less than 'mbps'");
}

static void read_seconds(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->seconds = json_reader_number(r, object, key, 0.1, 3600, 1);
	if (e->kind != EXPECT_THROUGHPUT)
		json_reader_fail(r, "'seconds' goes with 'mbps'");
}

static void read_within(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_expect *e = what;

	e->within_s = json_reader_number(r, object, key, 0.1, 3600, 1);
	if (!e->reaches || e->kind == EXPECT_THROUGHPUT)
		json_reader_fail(r, "'within' is for what should be reached; not with 'mbps'");
}

static const struct json_key expect_keys[] = {
	{"from", read_from},	 {"to", read_to},	  {"reaches", read_reaches}, {"tcp", read_tcp},
	{"udp", read_udp},	 {"size", read_size},	  {"mbps", read_mbps},	     {"seconds", read_seconds},
	{"listen", read_listen}, {"within", read_within}, {"min_ms", read_min_ms},   {"max_mbps", read_max_mbps},
};

static void parse_expect(struct json_reader *r, const struct topo *topo, struct topo_expect *e, const json_t *object)
{
	e->reaches = true;
	e->seconds = 1;
	e->within_s = PROBE_REACH_MS / 1000.0;
	if (!json_reader_keys(r, object, expect_keys, ARRAY_SIZE(expect_keys), e, (void *)topo))
		return;
	if (!json_object_get(object, "to"))
		json_reader_fail_at(r, "to", "missing: expected the name of a host, or a list of names");
}

/* TCP needs a namespace at both ends. */
static void check_targets(struct json_reader *r, const struct topo_expect *e)
{
	for (size_t i = 0; e->kind == EXPECT_THROUGHPUT && i < e->n_to; i++)
		if (e->to[i].host == SIZE_MAX)
			json_reader_fail_at(r, "to", "throughput is measured between hosts of this file only");
}

void topo_parse_expects(struct json_reader *r, struct topo *topo, const json_t *expects)
{
	topo->expects = xcalloc(json_array_size(expects), sizeof *topo->expects);
	json_reader_enter(r, "expect");
	for (size_t i = 0; i < json_array_size(expects) && !r->error; i++) {
		struct topo_expect *e = &topo->expects[topo->n_expects++];

		json_reader_enter_index(r, i);
		parse_expect(r, topo, e, json_array_get(expects, i));
		check_targets(r, e);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}
