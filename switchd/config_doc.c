// SPDX-License-Identifier: Apache-2.0
/* Rows to a document. */
#include "switchd/config_doc.h"

#include <string.h>

#include "os/control_impl.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/config_doc_impl.h"
#include "switchd/uplink.h"

/* Columns that hold a state, not a wish, though they are on disk. */
static const char *const states[] = {"ofport", "datapath_version", "bond_active_slave", "cfm_flap_count"};

bool config_doc_has_column(const struct column_schema *column)
{
	if (column->ephemeral || column->immutable || column_type_has_refs(&column->type))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(column->name, states[i]))
			return false;
	return true;
}

static json_t *atom_json(const union atom *atom, enum atom_type type)
{
	struct ds text = DS_INIT;
	json_t *json;

	if (type == ATOM_INTEGER)
		return json_integer(atom->integer);
	if (type == ATOM_BOOLEAN)
		return json_boolean(atom->boolean);
	if (type == ATOM_REAL)
		return json_real(atom->real);
	atom_to_text(atom, type, &text);
	json = json_string(ds_cstr(&text));
	ds_fini(&text);
	return json;
}

static json_t *datum_json(const struct datum *d, const struct column_type *type)
{
	json_t *list;

	if (type->n_max == 1)
		return atom_json(&d->keys[0], type->key.type);
	list = json_array();
	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(list, atom_json(&d->keys[i], type->key.type));
	return list;
}

static void put_map(json_t *object, const char *column, const struct datum *d, const struct column_type *type)
{
	for (size_t i = 0; i < d->n; i++) {
		struct ds key = DS_INIT;

		ds_printf(&key, "%s:", column);
		atom_to_text(&d->keys[i], type->key.type, &key);
		json_object_set_new(object, ds_cstr(&key), atom_json(&d->values[i], type->value.type));
		ds_fini(&key);
	}
}

void config_doc_put_columns(json_t *object, const struct db_row *row, const struct db_txn *txn,
			    const struct table_schema *beside)
{
	const struct table_schema *table = db_table_schema(db_row_table(row));

	for (size_t i = 0; i < table->n_columns; i++) {
		const struct column_schema *column = &table->columns[i];
		const struct datum *d;

		if (!config_doc_has_column(column) || (beside && schema_column(beside, column->name)))
			continue;
		d = db_row_get(row, txn, column);
		if (datum_is_default(d, &column->type))
			continue;
		if (column_type_is_map(&column->type))
			put_map(object, column->name, d, &column->type);
		else
			json_object_set_new(object, column->name, datum_json(d, &column->type));
	}
}

/* Of the columns of @iface those that its port has, too; all of them where the port has several interfaces. */
static json_t *clashing_columns(const struct db_row *iface, const struct db_txn *txn, const struct table_schema *port,
				bool all)
{
	json_t *object = json_object(), *plain = json_object();
	const char *key;
	json_t *value;

	config_doc_put_columns(object, iface, txn, NULL);
	config_doc_put_columns(plain, iface, txn, port);
	if (!all)
		json_object_foreach(plain, key, value)
			json_object_del(object, key);
	json_decref(plain);
	return object;
}

static json_t *port_json(const struct db_row *port, const struct db_txn *txn)
{
	const char *name = db_get_string(port, txn, "name", "");
	const struct table_schema *table = db_table_schema(db_row_table(port));
	size_t n = db_get(port, txn, "interfaces")->n;
	json_t *object = json_object(), *interfaces = json_object();
	bool is_bond = n > 1;

	config_doc_put_columns(object, port, txn, NULL);
	config_doc_put_refs(object, port, txn);
	for (size_t i = 0; i < n; i++) {
		const struct db_row *iface = db_get_ref(port, txn, "interfaces", i);
		const char *iface_name = iface ? db_get_string(iface, txn, "name", "") : NULL;
		bool own = iface_name && (is_bond || strcmp(iface_name, name) != 0);
		json_t *columns;

		if (!iface)
			continue;
		if (!own)
			config_doc_put_columns(object, iface, txn, table);
		columns = clashing_columns(iface, txn, table, own);
		if (own || json_object_size(columns))
			json_object_set(interfaces, iface_name, columns);
		json_decref(columns);
	}
	if (json_object_size(interfaces))
		json_object_set(object, "interfaces", interfaces);
	json_decref(interfaces);
	return object;
}

bool config_doc_is_guests(const struct db_row *port, const struct db_txn *txn)
{
	return db_get_key(port, txn, "external_ids", "guest", NULL);
}

static json_t *bridge_json(const struct db_row *bridge, const struct db_txn *txn)
{
	const char *name = db_get_string(bridge, txn, "name", "");
	size_t n = db_get(bridge, txn, "ports")->n;
	json_t *settings = json_object(), *ports = json_object(), *mirrors;

	config_doc_put_columns(settings, bridge, txn, NULL);
	config_doc_put_refs(settings, bridge, txn);
	mirrors = json_incref(json_object_get(settings, "mirrors"));
	json_object_del(settings, "mirrors");
	for (size_t i = 0; i < n; i++) {
		const struct db_row *port = db_get_ref(bridge, txn, "ports", i);
		const char *port_name = port ? db_get_string(port, txn, "name", "") : "";
		json_t *object = port && !config_doc_is_guests(port, txn) ? port_json(port, txn) : NULL;

		/* The bridge's own port is there anyway, and is internal. */
		if (object && !strcmp(port_name, name))
			json_object_del(object, "type");
		if (object && (strcmp(port_name, name) != 0 || json_object_size(object)))
			json_object_set(ports, port_name, object);
		json_decref(object);
	}
	return json_pack("{s:o, s:o, s:o*}", "settings", settings, "ports", ports, "mirrors", mirrors);
}

json_t *config_doc(const struct db_txn *txn)
{
	json_t *switches = json_object();
	struct db_row *row;

	DB_FOR_EACH_ROW(row, db_table(config_db(), "Bridge"), txn)
		json_object_set_new(switches, db_get_string(row, txn, "name", ""), bridge_json(row, txn));
	return json_pack("{s:o}", "switches", switches);
}

/* ---- what is not in the database ---- */

/* The flows of a bridge as add-flow takes them, with names of ports. */
static json_t *flows_of(const char *bridge)
{
	json_t *params = json_pack("{s:s, s:b, s:b}", "bridge", bridge, "stats", 0, "names", 1);
	json_t *flows = json_array(), *result = NULL;
	struct errtext err;
	const char *line;

	if (!control_find("flow/dump")(NULL, params, &result, &err)) {
		line = json_string_value(json_object_get(result, "text"));
		while (line && *line) {
			size_t len = strcspn(line, "\n"), blanks = strspn(line, " ");

			json_array_append_new(flows, json_stringn(line + blanks, len - blanks));
			line += len + (line[len] == '\n');
		}
	}
	json_decref(result);
	json_decref(params);
	return flows;
}

/* The address that the uplink brought goes with the uplink. */
static void put_uplink(const struct uplink *u, void *aux)
{
	json_t *bridge = json_object_get(json_object_get(aux, "switches"), u->bridge);

	if (!bridge || u->state < UPLINK_UNCONFIRMED)
		return;
	json_object_set_new(bridge, "uplink", json_string(u->device));
	if (!u->old_hwaddr)
		json_object_del(json_object_get(bridge, "settings"), "other_config:hwaddr");
}

void config_doc_add_running(json_t *doc)
{
	const char *name;
	json_t *bridge;

	json_object_foreach(json_object_get(doc, "switches"), name, bridge) {
		const struct bridge *br = bridge_by_name(name);

		if (!br)
			continue;
		json_object_set_new(bridge, "flows", flows_of(name));
		json_object_set_new(bridge, "meters", config_doc_meters(br));
	}
	uplink_each(put_uplink, doc);
}
