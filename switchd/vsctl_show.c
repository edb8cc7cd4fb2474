// SPDX-License-Identifier: Apache-2.0
/* `show`: the tree of bridges, ports and interfaces, as ovs-vsctl draws it; sorted by name. */
#include <stdlib.h>
#include <string.h>

#include "switchd/guest.h"
#include "switchd/vsctl_impl.h"

enum { INDENT = 4 };

/* A string as text, quoted only where it could be taken for something else. */
static void put_name(struct ds *out, const char *text)
{
	union atom atom = {.string = (char *)text};

	atom_to_text(&atom, ATOM_STRING, out);
}

static void put_heading(struct vsctl *c, int depth, const char *what, const char *name)
{
	ds_printf(&c->out->text, "%*s%s ", depth * INDENT, "", what);
	put_name(&c->out->text, name);
	ds_put_char(&c->out->text, '\n');
}

/* "column: value", unless it is empty; and into @json. */
static void put_column(struct vsctl *c, int depth, const struct db_row *row, const char *column, json_t *json)
{
	const struct column_schema *schema = schema_column(db_table_schema(db_row_table(row)), column);
	const struct datum *d = db_row_get(row, c->txn, schema);

	if (datum_is_default(d, &schema->type))
		return;
	ds_printf(&c->out->text, "%*s%s: ", depth * INDENT, "", column);
	datum_to_text(d, &schema->type, &c->out->text);
	ds_put_char(&c->out->text, '\n');
	json_object_set_new(json, column, datum_to_json(d, &schema->type));
}

static const struct vsctl *sorting; /* qsort() passes nothing along; the main thread alone runs this */

static int by_name(const void *a, const void *b)
{
	return strcmp(vsctl_row_name(sorting, *(struct db_row *const *)a),
		      vsctl_row_name(sorting, *(struct db_row *const *)b));
}

/* The rows that a column refers to, by name. Return: a heap array of *n. */
static struct db_row **sorted_refs(struct vsctl *c, const struct db_row *row, const char *column, size_t *n)
{
	size_t all = db_get(row, c->txn, column)->n;
	struct db_row **rows = xcalloc(all + 1, sizeof(struct db_row *));

	*n = 0;
	for (size_t i = 0; i < all; i++) {
		rows[*n] = db_get_ref(row, c->txn, column, i);
		*n += rows[*n] != NULL;
	}
	sorting = c;
	qsort(rows, *n, sizeof(struct db_row *), by_name);
	return rows;
}

/* Whose network card the port is. */
static void put_guest(struct vsctl *c, const char *port, json_t *json)
{
	struct ds mac = DS_INIT, addresses = DS_INIT;
	const char *guest;

	if (guests_describe(port, &guest, &mac, &addresses)) {
		ds_printf(&c->out->text, "%*sguest: ", 4 * INDENT, "");
		put_name(&c->out->text, guest);
		ds_printf(&c->out->text, "\n%*smac: \"%s\"\n", 4 * INDENT, "", ds_cstr(&mac));
		if (addresses.len)
			ds_printf(&c->out->text, "%*saddresses: %s\n", 4 * INDENT, "", ds_cstr(&addresses));
		json_object_set_new(json, "guest",
				    json_pack("{s:s, s:s, s:s}", "name", guest, "mac", ds_cstr(&mac), "addresses",
					      ds_cstr(&addresses)));
	}
	ds_fini(&mac);
	ds_fini(&addresses);
}

static json_t *show_iface(struct vsctl *c, const struct db_row *row)
{
	json_t *json = json_pack("{s:s}", "name", vsctl_row_name(c, row));

	put_heading(c, 3, "Interface", vsctl_row_name(c, row));
	put_column(c, 4, row, "type", json);
	put_column(c, 4, row, "options", json);
	put_column(c, 4, row, "error", json);
	put_guest(c, vsctl_row_name(c, row), json);
	return json;
}

static json_t *show_port(struct vsctl *c, const struct db_row *row)
{
	json_t *json = json_pack("{s:s}", "name", vsctl_row_name(c, row)), *ifaces = json_array();
	struct db_row **rows;
	size_t n;

	put_heading(c, 2, "Port", vsctl_row_name(c, row));
	put_column(c, 3, row, "tag", json);
	put_column(c, 3, row, "trunks", json);
	rows = sorted_refs(c, row, "interfaces", &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(ifaces, show_iface(c, rows[i]));
	free(rows);
	json_object_set_new(json, "interfaces", ifaces);
	return json;
}

/* Controllers and managers: targets. */
static json_t *show_targets(struct vsctl *c, int depth, const struct db_row *row, const char *column, const char *what)
{
	size_t n = db_get(row, c->txn, column)->n;
	json_t *targets = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct db_row *target = db_get_ref(row, c->txn, column, i);
		const char *text = target ? db_get_string(target, c->txn, "target", "") : NULL;

		if (!text)
			continue;
		put_heading(c, depth, what, text);
		if (db_get_boolean(target, c->txn, "is_connected", false))
			ds_printf(&c->out->text, "%*sis_connected: true\n", (depth + 1) * INDENT, "");
		json_array_append_new(targets, json_string(text));
	}
	return targets;
}

static json_t *show_bridge(struct vsctl *c, const struct db_row *row)
{
	json_t *json = json_pack("{s:s}", "name", vsctl_row_name(c, row)), *ports = json_array();
	struct db_row **rows;
	size_t n;

	put_heading(c, 1, "Bridge", vsctl_row_name(c, row));
	json_object_set_new(json, "controllers", show_targets(c, 2, row, "controller", "Controller"));
	put_column(c, 2, row, "fail_mode", json);
	put_column(c, 2, row, "datapath_type", json);
	rows = sorted_refs(c, row, "ports", &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(ports, show_port(c, rows[i]));
	free(rows);
	json_object_set_new(json, "ports", ports);
	return json;
}

int vsctl_show(struct vsctl *c, struct errtext *err)
{
	const struct db_row *root = vsctl_root(c);
	const char *version = db_get_string(root, c->txn, "ovs_version", "");
	json_t *bridges = json_array();
	char uuid[UUID_LEN + 1];
	struct db_row **rows;
	size_t n;

	(void)err;
	uuid_to_text(db_row_uuid(root), uuid);
	ds_printf(&c->out->text, "%s\n", uuid);
	json_object_set_new(c->out->json, "uuid", json_string(uuid));
	json_object_set_new(c->out->json, "managers", show_targets(c, 1, root, "manager_options", "Manager"));
	rows = sorted_refs(c, root, "bridges", &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(bridges, show_bridge(c, rows[i]));
	free(rows);
	ds_printf(&c->out->text, "%*sovs_version: \"%s\"\n", INDENT, "", version);
	json_object_set_new(c->out->json, "bridges", bridges);
	json_object_set_new(c->out->json, "version", json_string(version));
	return 0;
}
