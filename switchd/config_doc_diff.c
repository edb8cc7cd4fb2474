// SPDX-License-Identifier: Apache-2.0
/* How the running configuration and a document differ, as lines that people read before they say yes. */
#include <stdlib.h>
#include <string.h>

#include "os/control_impl.h"
#include "switchd/bridge.h"
#include "switchd/config_doc.h"

static char *value_text(const json_t *value)
{
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
}

static void put_line(struct ds *out, char sign, const char *where, const char *key, const json_t *value)
{
	char *text = value_text(value);

	ds_printf(out, "%c %s %s=%s\n", sign, where, key, text);
	free(text);
}

/* Columns of a bridge, a port or an interface. */
static void diff_columns(const json_t *old, const json_t *now, const char *where, struct ds *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)old, key, value)
		if (strcmp(key, "interfaces") != 0 && !json_equal(value, json_object_get(now, key)))
			put_line(out, '-', where, key, value);
	json_object_foreach((json_t *)now, key, value)
		if (strcmp(key, "interfaces") != 0 && !json_equal(value, json_object_get(old, key)))
			put_line(out, '+', where, key, value);
}

static void diff_port(const json_t *old, const json_t *now, const char *bridge, const char *port, struct ds *out)
{
	char *where = xasprintf("%s port %s", bridge, port);
	json_t *was = json_object_get(old, "interfaces"), *is = json_object_get(now, "interfaces"), *value;
	const char *name;

	if (!old || !now)
		ds_printf(out, "%c %s\n", old ? '-' : '+', where);
	if (now)
		diff_columns(old, now, where, out);
	json_object_foreach(was, name, value)
		if (!json_object_get(is, name))
			ds_printf(out, "- %s interface %s\n", where, name);
	json_object_foreach(is, name, value) {
		char *inner = xasprintf("%s interface %s", where, name);

		if (!json_object_get(was, name))
			ds_printf(out, "+ %s\n", inner);
		diff_columns(json_object_get(was, name), value, inner, out);
		free(inner);
	}
	free(where);
}

static bool has_line(const json_t *lines, const json_t *line)
{
	json_t *other;
	size_t i;

	json_array_foreach(lines, i, other)
		if (json_equal(other, line))
			return true;
	return false;
}

/* Against the bridge as it runs, with flows compared as flows. Return: false when that cannot be: it is not there, or some port is not yet. */
static bool diff_running_flows(const json_t *now, const char *bridge, struct ds *out)
{
	json_t *params, *result = NULL, *flow;
	struct ds text = DS_INIT;
	struct errtext err;
	const char *line;
	size_t i;

	json_array_foreach(now, i, flow)
		ds_printf(&text, "%s\n", json_string_value(flow));
	params = json_pack("{s:s, s:s}", "bridge", bridge, "flows", ds_cstr(&text));
	ds_fini(&text);
	if (!bridge_by_name(bridge) || control_find("flow/diff")(NULL, params, &result, &err)) {
		json_decref(params);
		return false;
	}
	for (line = json_string_value(json_object_get(result, "text")); line && *line;) {
		int len = (int)strcspn(line, "\n");

		ds_printf(out, "%c %s flow %.*s\n", line[0], bridge, len - 1, line + 1);
		line += len + (line[len] == '\n');
	}
	json_decref(result);
	json_decref(params);
	return true;
}

/* Lists of texts, in any order. */
static void diff_lists(const json_t *old, const json_t *now, const char *what, struct ds *out)
{
	json_t *line;
	size_t i;

	json_array_foreach(old, i, line)
		if (!has_line(now, line))
			ds_printf(out, "- %s %s\n", what, json_string_value(line));
	json_array_foreach(now, i, line)
		if (!has_line(old, line))
			ds_printf(out, "+ %s %s\n", what, json_string_value(line));
}

static void diff_flows(const json_t *old, const json_t *now, const char *bridge, struct ds *out)
{
	char *what;

	/* A document that says nothing about flows leaves them alone. */
	if (!now || diff_running_flows(now, bridge, out))
		return;
	what = xasprintf("%s flow", bridge);
	diff_lists(old, now, what, out);
	free(what);
}

static void diff_mirrors(const json_t *old, const json_t *now, const char *bridge, struct ds *out)
{
	char *where = xasprintf("%s mirror", bridge);

	diff_columns(old, now, where, out);
	free(where);
}

static void diff_meters(const json_t *old, const json_t *now, const char *bridge, struct ds *out)
{
	char *what = xasprintf("%s meter", bridge);

	if (now)
		diff_lists(old, now, what, out);
	free(what);
}

static void diff_uplink(const json_t *old, const json_t *now, const char *bridge, struct ds *out)
{
	if (json_equal(old, now))
		return;
	if (old)
		ds_printf(out, "- %s uplink %s\n", bridge, json_string_value(old));
	if (now)
		ds_printf(out, "+ %s uplink %s\n", bridge, json_string_value(now));
}

static void diff_bridge(const json_t *old, const json_t *now, const char *name, struct ds *out)
{
	json_t *was = json_object_get(old, "ports"), *is = json_object_get(now, "ports"), *value;
	const char *port;

	if (!old || !now)
		ds_printf(out, "%c %s\n", old ? '-' : '+', name);
	if (!now) {
		diff_uplink(json_object_get(old, "uplink"), NULL, name, out);
		return;
	}
	diff_columns(json_object_get(old, "settings"), json_object_get(now, "settings"), name, out);
	json_object_foreach(was, port, value)
		if (!json_object_get(is, port))
			diff_port(value, NULL, name, port, out);
	json_object_foreach(is, port, value)
		diff_port(json_object_get(was, port), value, name, port, out);
	diff_mirrors(json_object_get(old, "mirrors"), json_object_get(now, "mirrors"), name, out);
	diff_meters(json_object_get(old, "meters"), json_object_get(now, "meters"), name, out);
	diff_flows(json_object_get(old, "flows"), json_object_get(now, "flows"), name, out);
	diff_uplink(json_object_get(old, "uplink"), json_object_get(now, "uplink"), name, out);
}

void config_doc_diff(const json_t *old, const json_t *new_doc, struct ds *out)
{
	json_t *was = json_object_get(old, "switches"), *is = json_object_get(new_doc, "switches"), *value;
	const char *name;

	json_object_foreach(was, name, value)
		if (!json_object_get(is, name))
			diff_bridge(value, NULL, name, out);
	json_object_foreach(is, name, value)
		diff_bridge(json_object_get(was, name), value, name, out);
}
