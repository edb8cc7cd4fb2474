// SPDX-License-Identifier: Apache-2.0
#include "switchd/trace_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/ds.h"

static const char *get(const json_t *node, const char *key)
{
	const char *s = json_string_value(json_object_get(node, key));

	return s ? s : "";
}

static void put_table(const json_t *node, struct ds *out)
{
	const char *match = get(node, "match"), *cookie = get(node, "cookie");

	ds_printf(out, "%2" JSON_INTEGER_FORMAT ". ", json_integer_value(json_object_get(node, "table")));
	if (json_is_null(json_object_get(node, "match"))) {
		ds_put(out, "No match.\n");
		return;
	}
	ds_printf(out, "%s%spriority %" JSON_INTEGER_FORMAT, match, *match ? ", " : "",
		  json_integer_value(json_object_get(node, "priority")));
	if (*cookie && strcmp(cookie, "0x0") != 0)
		ds_printf(out, ", cookie %s", cookie);
	ds_put_char(out, '\n');
}

static void put_bridge(const json_t *node, int indent, struct ds *out)
{
	size_t start = out->len, len;

	ds_printf(out, "bridge(\"%s\")", get(node, "name"));
	len = out->len - start;
	ds_printf(out, "\n%*s", indent, "");
	while (len--)
		ds_put_char(out, '-');
	ds_put_char(out, '\n');
}

/* The caller has put the indentation of the first line. */
static void put_lines(const json_t *lines, int indent, struct ds *out)
{
	for (size_t i = 0; i < json_array_size(lines); i++)
		ds_printf(out, "%*s -> %s\n", i ? indent : 0, "", json_string_value(json_array_get(lines, i)));
}

static void put_node(const json_t *node, int indent, struct ds *out)
{
	const char *type = get(node, "type");

	if (!strcmp(type, "bridge"))
		put_bridge(node, indent, out);
	else if (!strcmp(type, "table"))
		put_table(node, out);
	else if (!strcmp(type, "action-set"))
		ds_put(out, "--. Executing action set:\n");
	else if (!strcmp(type, "normal"))
		put_lines(json_object_get(node, "lines"), indent, out);
	else if (!strcmp(type, "action"))
		ds_printf(out, "%s\n", get(node, "action"));
	else if (!strcmp(type, "warning"))
		ds_printf(out, " >> %s\n", get(node, "text"));
	else if (!strcmp(type, "error"))
		ds_printf(out, " >>>> %s <<<<\n", get(node, "text"));
	else
		ds_printf(out, " -> %s\n", get(node, "text"));
}

/* Is it not the first of its type among its siblings? */
static bool has_elder(const json_t *steps, size_t i)
{
	const char *type = get(json_array_get(steps, i), "type");

	while (i--)
		if (!strcmp(get(json_array_get(steps, i), "type"), type))
			return true;
	return false;
}

/*
 * A table that is the last thing in its list stands as far left as the one that led to it, so that a pipeline of one table after
 * the other does not wander off to the right; everything else stands one step inside. So does the last of several bridges that a flood
 * reaches: it is a sibling of the others.
 */
static void put_steps(const json_t *steps, int level, struct ds *out)
{
	size_t i, n = json_array_size(steps);

	for (i = 0; i < n; i++) {
		const json_t *node = json_array_get(steps, i), *inner = json_object_get(node, "steps");
		int inside = !inner || i + 1 < n || (!strcmp(get(node, "type"), "bridge") && has_elder(steps, i));
		int indent = (level + inside) * 4;

		if (!strcmp(get(node, "type"), "bridge"))
			ds_put_char(out, '\n');
		ds_printf(out, "%*s", indent, "");
		put_node(node, indent, out);
		if (inner)
			put_steps(inner, level + 2 * inside, out);
	}
}

static void put_drop(const json_t *drop, struct ds *out)
{
	if (!drop)
		return;
	ds_printf(out, "Dropped: %s: %s", get(drop, "reason"), get(drop, "text"));
	if (json_object_get(drop, "bridge"))
		ds_printf(out, " (bridge %s, table %" JSON_INTEGER_FORMAT, get(drop, "bridge"),
			  json_integer_value(json_object_get(drop, "table")));
	if (json_object_get(drop, "cookie"))
		ds_printf(out, ", cookie %s", get(drop, "cookie"));
	ds_put(out, json_object_get(drop, "bridge") ? ")\n" : "\n");
}

void trace_format(const json_t *result, struct ds *out)
{
	ds_printf(out, "Flow: %s\n", get(result, "flow"));
	put_steps(json_object_get(result, "steps"), 0, out);
	ds_printf(out, "\nFinal flow: %s\n", get(result, "final_flow"));
	ds_printf(out, "Megaflow: %s\n", get(result, "megaflow"));
	put_drop(json_object_get(result, "drop"), out);
	ds_printf(out, "Datapath actions: %s\n", get(result, "datapath_actions"));
	if (json_object_get(result, "failed"))
		ds_printf(out, "Translation failed (%s), packet is dropped.\n", get(result, "failed"));
}
