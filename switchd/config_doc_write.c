// SPDX-License-Identifier: Apache-2.0
/*
 * A document to rows: bridges and ports that it does not name are deleted, those that it names are made; then each column is what it says, or the
 * default. A column that had the value already is no change, so that what is alike on both sides is not touched.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/config_doc.h"
#include "switchd/config_doc_impl.h"
#include "switchd/uplink.h"
#include "switchd/vsctl.h"

/* ---- shape ---- */

static int check_columns(const char *where, const json_t *object, struct errtext *err);

static int check_value(const char *where, const char *column, const json_t *value, struct errtext *err)
{
	json_t *element;
	size_t i;

	/* The columns of a row that this one refers to. */
	if (json_is_object(value))
		return check_columns(column, value, err);
	if (json_is_null(value))
		return errtext_set(err, EINVAL, "%s: %s: expected a text, a number, true, false or a list", where,
				   column);
	json_array_foreach(value, i, element) {
		int error = json_is_object(element) ? check_columns(column, element, err) : 0;

		if (error)
			return error;
		if (!json_is_string(element) && !json_is_number(element) && !json_is_object(element))
			return errtext_set(err, EINVAL, "%s: %s: element %zu is neither a text nor a number", where,
					   column, i);
	}
	return 0;
}

static int check_columns(const char *where, const json_t *object, struct errtext *err)
{
	const char *column;
	json_t *value;
	int error = 0;

	if (object && !json_is_object(object))
		return errtext_set(err, EINVAL, "%s: expected an object: { ... }", where);
	json_object_foreach((json_t *)object, column, value)
		if (!error)
			error = check_value(where, column, value, err);
	return error;
}

static int check_port(const char *name, const json_t *port, struct errtext *err)
{
	json_t *interfaces = json_object_get(port, "interfaces"), *plain = json_deep_copy(port), *iface;
	const char *iface_name;
	int error = 0;

	if (interfaces && !json_is_object(interfaces))
		error = errtext_set(err, EINVAL, "%s: interfaces: expected an object: { ... }", name);
	json_object_del(plain, "interfaces");
	if (!error)
		error = check_columns(name, plain, err);
	json_object_foreach(interfaces, iface_name, iface)
		if (!error)
			error = check_columns(iface_name, iface, err);
	json_decref(plain);
	return error;
}

static int check_flows(const char *name, const json_t *flows, struct errtext *err)
{
	json_t *flow;
	size_t i;

	if (flows && !json_is_array(flows))
		return errtext_set(err, EINVAL, "%s: flows: expected a list: [ ... ]", name);
	json_array_foreach(flows, i, flow)
		if (!json_is_string(flow) || strchr(json_string_value(flow), '\n'))
			return errtext_set(err, EINVAL, "%s: flows: element %zu is no flow as of add-flow", name, i);
	return 0;
}

static int check_bridge(const char *name, const json_t *bridge, struct errtext *err)
{
	static const char *const known[] = {"settings", "ports", "mirrors", "meters", "flows", "uplink"};
	json_t *ports = json_object_get(bridge, "ports"), *uplink = json_object_get(bridge, "uplink"), *value;
	const char *key;
	int error = 0;

	if (!json_is_object(bridge))
		return errtext_set(err, EINVAL, "%s: expected an object: { ... }", name);
	json_object_foreach((json_t *)bridge, key, value) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			found |= !strcmp(key, known[i]);
		if (!found)
			return errtext_set(err, EINVAL,
					   "%s: unknown key '%.40s'; known here: settings ports mirrors meters flows "
					   "uplink",
					   name, key);
	}
	if (ports && !json_is_object(ports))
		return errtext_set(err, EINVAL, "%s: ports: expected an object: { ... }", name);
	if (uplink && !json_is_string(uplink))
		return errtext_set(err, EINVAL, "%s: uplink: expected the name of a device", name);
	error = check_columns(name, json_object_get(bridge, "settings"), err);
	json_object_foreach(ports, key, value)
		if (!error)
			error = check_port(key, value, err);
	if (!error)
		error = check_columns("mirrors", json_object_get(bridge, "mirrors"), err);
	if (!error)
		error = config_doc_check_meters(name, json_object_get(bridge, "meters"), err);
	return error ? error : check_flows(name, json_object_get(bridge, "flows"), err);
}

int config_doc_check(const json_t *doc, struct errtext *err)
{
	json_t *switches = json_object_get(doc, "switches"), *bridge;
	const char *name;
	int error = 0;

	if (!json_is_object(switches))
		return errtext_set(err, EINVAL, "'switches' is missing: expected an object: { ... }");
	json_object_foreach(switches, name, bridge)
		if (!error)
			error = check_bridge(name, bridge, err);
	return error;
}

/* ---- commands ---- */

/* Run one command; its words end with a NULL. */
static void run(struct config_writing *w, const char *const words[])
{
	struct dbcmd_style style = {0};
	struct vsctl_output out = {0};
	size_t n = 0;

	while (words[n])
		n++;
	if (!w->error)
		w->error = vsctl_run(w->txn, n, words, &style, &out, w->err);
	vsctl_output_fini(&out);
}

#define RUN(w, ...) run(w, (const char *const[]){__VA_ARGS__, NULL})

static struct db_row *find_row(const struct config_writing *w, const char *table, const char *name)
{
	return db_find_name(db_table(config_db(), table), w->txn, name);
}

/* Every column that a document can have gets its default. */
static void reset_row(struct config_writing *w, const char *table, const char *name)
{
	struct db_row *row = w->error ? NULL : find_row(w, table, name);
	const struct table_schema *schema = row ? db_table_schema(db_row_table(row)) : NULL;

	for (size_t i = 0; schema && i < schema->n_columns && !w->error; i++) {
		const struct column_schema *column = &schema->columns[i];
		struct datum value;

		if (!config_doc_has_column(column))
			continue;
		datum_init_default(&value, &column->type);
		w->error = db_txn_set(w->txn, row, column, &value, w->err);
	}
}

/* Is the column (with or without a key behind a colon) one of the table's? */
static bool has_column(const char *table, const char *word)
{
	const struct column_schema *column;
	char name[64];
	size_t len = strcspn(word, ":");

	if (len >= sizeof name)
		return false;
	memcpy(name, word, len);
	name[len] = '\0';
	return !schema_match_column(db_table_schema(db_table(config_db(), table)), name, &column, NULL);
}

/* Columns that refer to rows are config_doc_set_refs()'s. */
static bool is_ref(const char *table, const char *name)
{
	const struct column_schema *column = schema_column(db_table_schema(db_table(config_db(), table)), name);

	return column && config_doc_has_ref(column);
}

static void set_column(struct config_writing *w, const char *table, const char *record, const char *column,
		       const json_t *value)
{
	struct ds word = DS_INIT;

	if (w->error || is_ref(table, column))
		return;
	if (json_is_object(value) && has_column(table, column)) {
		w->error = errtext_set(w->err, EINVAL, "%s: expected a text, a number, true, false or a list", column);
		return;
	}
	ds_printf(&word, "%s=", column);
	json_put_word(&word, value);
	RUN(w, "set", table, record, ds_cstr(&word));
	ds_fini(&word);
}

void config_doc_set_columns(struct config_writing *w, const char *table, const char *record, const json_t *columns)
{
	const char *column;
	json_t *value;

	json_object_foreach((json_t *)columns, column, value)
		set_column(w, table, record, column, value);
}

/* Columns of a port and of its interface stand in one object; what is not the port's is the interface's. */
static void set_mixed(struct config_writing *w, const char *name, const json_t *columns)
{
	const char *column;
	json_t *value;

	json_object_foreach((json_t *)columns, column, value)
		if (strcmp(column, "interfaces") != 0)
			set_column(w, has_column("Port", column) ? "Port" : "Interface", name, column, value);
}

static void set_refs(struct config_writing *w, const char *table, const char *name, const json_t *object)
{
	struct db_row *row = w->error ? NULL : find_row(w, table, name);

	if (!row)
		return;
	config_doc_set_refs(w, row, object);
	if (w->error)
		errtext_prefix(w->err, "%s", name);
}

/* ---- ports ---- */

/* Are the interfaces of the port those that the document names? */
static bool same_members(const struct config_writing *w, const struct db_row *port, const json_t *object,
			 const char *name)
{
	json_t *interfaces = json_object_get(object, "interfaces");
	size_t n = db_get(port, w->txn, "interfaces")->n;
	size_t wanted = MAX(json_object_size(interfaces), 1);

	for (size_t i = 0; i < n; i++) {
		const struct db_row *iface = db_get_ref(port, w->txn, "interfaces", i);
		const char *member = iface ? db_get_string(iface, w->txn, "name", "") : "";

		if (!json_object_get(interfaces, member) && (json_object_size(interfaces) || strcmp(member, name) != 0))
			return false;
	}
	return n == wanted;
}

static void add_port(struct config_writing *w, const char *bridge, const char *name, const json_t *object)
{
	json_t *interfaces = json_object_get(object, "interfaces"), *iface;
	const char **words = xcalloc(json_object_size(interfaces) + 4, sizeof *words);
	const char *member;
	size_t n = 0;

	words[n++] = json_object_size(interfaces) > 1 ? "add-bond" : "add-port";
	words[n++] = bridge;
	words[n++] = name;
	if (json_object_size(interfaces) > 1)
		json_object_foreach(interfaces, member, iface)
			words[n++] = member;
	run(w, words);
	free(words);
}

static void write_port(struct config_writing *w, const char *bridge, const char *name, const json_t *object)
{
	json_t *interfaces = json_object_get(object, "interfaces"), *iface;
	bool is_bond = json_object_size(interfaces) > 1;
	const char *member;

	if (!w->error && !find_row(w, "Port", name))
		add_port(w, bridge, name, object);
	reset_row(w, "Port", name);
	if (!is_bond)
		reset_row(w, "Interface", name);
	json_object_foreach(interfaces, member, iface)
		if (is_bond)
			reset_row(w, "Interface", member);
	if (!strcmp(bridge, name))
		RUN(w, "set", "Interface", name, "type=internal");
	set_mixed(w, name, object);
	json_object_foreach(interfaces, member, iface)
		config_doc_set_columns(w, "Interface", member, iface);
	set_refs(w, "Port", name, object);
}

/* ---- bridges ---- */

/* The names of the ports that @bridge has, those of guests aside. */
static json_t *ports_of(const struct config_writing *w, const struct db_row *bridge)
{
	size_t n = db_get(bridge, w->txn, "ports")->n;
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(bridge, w->txn, "ports", i);

		if (port && !config_doc_is_guests(port, w->txn))
			json_array_append_new(names, json_string(db_get_string(port, w->txn, "name", "")));
	}
	return names;
}

/* Ports that the document does not have on this bridge, or has with other members. */
static void delete_ports(struct config_writing *w, const char *bridge, const json_t *object)
{
	const struct db_row *row = find_row(w, "Bridge", bridge);
	json_t *names = row ? ports_of(w, row) : json_array(), *name, *ports = json_object_get(object, "ports");
	size_t i;

	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);
		const json_t *port = json_object_get(ports, text);
		const struct db_row *port_row = find_row(w, "Port", text);

		if (!strcmp(text, bridge) || (port && port_row && same_members(w, port_row, port, text)))
			continue;
		RUN(w, "--if-exists", "del-port", text);
	}
	json_decref(names);
}

static void delete_bridges(struct config_writing *w, const json_t *switches)
{
	json_t *names = json_array(), *name;
	struct db_row *row;
	size_t i;

	DB_FOR_EACH_ROW(row, db_table(config_db(), "Bridge"), w->txn)
		json_array_append_new(names, json_string(db_get_string(row, w->txn, "name", "")));
	json_array_foreach(names, i, name)
		if (!json_object_get(switches, json_string_value(name)))
			RUN(w, "del-br", json_string_value(name));
		else
			delete_ports(w, json_string_value(name), json_object_get(switches, json_string_value(name)));
	json_decref(names);
}

/* The MAC address that came with an uplink stays with it, unless the document has another. */
static char *uplink_hwaddr(const struct config_writing *w, const char *name, const json_t *object)
{
	const struct db_row *row = find_row(w, "Bridge", name);
	const char *hwaddr = row ? db_get_key(row, w->txn, "other_config", "hwaddr", NULL) : NULL;

	if (!hwaddr || !json_object_get(object, "uplink") ||
	    json_object_get(json_object_get(object, "settings"), "other_config:hwaddr"))
		return NULL;
	return xasprintf("other_config:hwaddr=\"%s\"", hwaddr);
}

static void write_bridge(struct config_writing *w, const char *name, const json_t *object)
{
	char *hwaddr = uplink_hwaddr(w, name, object);
	json_t *ports = json_object_get(object, "ports"), *settings = json_object_get(object, "settings"), *port;
	json_t *refs = settings ? json_copy(settings) : json_object();
	const char *port_name;

	if (!w->error && !find_row(w, "Bridge", name))
		RUN(w, "add-br", name);
	reset_row(w, "Bridge", name);
	config_doc_set_columns(w, "Bridge", name, settings);
	if (hwaddr)
		RUN(w, "set", "Bridge", name, hwaddr);
	if (!json_object_get(ports, name)) {
		json_t *none = json_object();

		write_port(w, name, name, none);
		json_decref(none);
	}
	json_object_foreach(ports, port_name, port)
		write_port(w, name, port_name, port);
	/* Mirrors name ports, which are there now. */
	if (json_object_get(object, "mirrors"))
		json_object_set(refs, "mirrors", json_object_get(object, "mirrors"));
	set_refs(w, "Bridge", name, refs);
	json_decref(refs);
	free(hwaddr);
}

int config_doc_write(struct db_txn *txn, const json_t *doc, struct errtext *err)
{
	struct config_writing w = {.txn = txn, .err = err};
	json_t *switches = json_object_get(doc, "switches"), *bridge;
	const char *name;

	delete_bridges(&w, switches);
	json_object_foreach(switches, name, bridge)
		write_bridge(&w, name, bridge);
	return w.error;
}
