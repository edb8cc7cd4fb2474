// SPDX-License-Identifier: Apache-2.0
/*
 * Switches of a topology file: settings, ports, flows, and the host that they are on.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/topo_parse.h"

/* Values of columns: texts, numbers, true, false, and lists of these. */
static void check_columns(struct json_reader *r, const json_t *columns)
{
	const char *column;
	json_t *value, *element;
	size_t i;

	if (!json_reader_object(r, columns, NULL))
		return;
	json_object_foreach((json_t *)columns, column, value) {
		if (json_is_object(value) || json_is_null(value))
			json_reader_fail_at(r, column,
					    "expected a text, a number, true, false or a list; a map is written "
					    "\"column:key\": \"value\"");
		json_array_foreach(value, i, element)
			if (!json_is_string(element) && !json_is_integer(element))
				json_reader_fail_at(r, column, "element %zu is neither a text nor a whole number", i);
	}
}

static void read_settings(struct json_reader *r, const json_t *object, const char *key, void *what,
			  void *aux VSW_UNUSED)
{
	struct topo_switch *sw = what;

	sw->settings = json_reader_map(r, object, key, false);
	json_reader_enter(r, key);
	if (sw->settings)
		check_columns(r, sw->settings);
	json_reader_leave(r);
}

static void check_port_name(struct json_reader *r, const char *name)
{
	if (!topo_ifname_ok(name))
		json_reader_fail(r, "'%s' cannot be the name of a port (1 to %d letters, digits, '.', '-', '_')", name,
				 IFNAMSIZ - 1);
}

/* Two devices or more make a bond. */
static void read_members(struct json_reader *r, struct topo_switch *sw, const char *bond, json_t *members)
{
	const char *name;
	json_t *columns;

	json_reader_enter(r, "interfaces");
	if (json_object_size(members) < 2)
		json_reader_fail(r, "expected an object with two names or more: {\"b0-1\": {}, \"b0-2\": {}}");
	json_object_foreach(members, name, columns) {
		struct topo_port *port = topo_switch_new_port(sw, name);

		json_reader_enter(r, name);
		check_port_name(r, name);
		check_columns(r, columns);
		port->columns = columns;
		port->bond = bond;
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_port(struct json_reader *r, struct topo_switch *sw, const char *name, json_t *columns)
{
	json_t *members = json_object_get(columns, "interfaces"), *plain = json_copy(columns);
	struct topo_port *port = topo_switch_new_port(sw, name);

	check_port_name(r, name);
	port->columns = columns;
	port->is_bond = members;
	if (members)
		json_object_del(plain, "interfaces");
	check_columns(r, plain);
	if (members)
		read_members(r, sw, name, members);
	json_decref(plain);
}

static void read_ports(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	json_t *ports = json_reader_map(r, object, key, false);
	const char *name;
	json_t *columns;

	json_reader_enter(r, key);
	json_object_foreach(ports, name, columns) {
		json_reader_enter(r, name);
		read_port(r, what, name, columns);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_flows(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_switch *sw = what;
	json_t *flow;
	size_t i;

	sw->flows = json_reader_array(r, object, key, false);
	json_reader_enter(r, key);
	json_array_foreach(sw->flows, i, flow) {
		json_reader_enter_index(r, i);
		if (!json_is_string(flow) || strchr(json_string_value(flow), '\n'))
			json_reader_fail(r, "expected a flow as of add-flow: \"priority=1,arp,actions=NORMAL\"");
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_mirrors(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_switch *sw = what;
	const char *name;
	json_t *columns;

	sw->mirrors = json_reader_map(r, object, key, false);
	json_reader_enter(r, key);
	json_object_foreach(sw->mirrors, name, columns) {
		json_reader_enter(r, name);
		if (json_is_object(columns))
			check_columns(r, columns);
		else
			json_reader_fail(
				r, "expected columns of a mirror: {\"select_all\": true, \"output_port\": \"probe\"}");
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

/* Numbers and texts of one QoS or queue. */
static void check_qos_settings(struct json_reader *r, const json_t *settings, bool is_queue)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)settings, key, value) {
		bool is_map = !is_queue && !strcmp(key, "queues"), is_type = !is_queue && !strcmp(key, "type");

		if (is_map ? !json_is_object(value) : is_type ? !json_is_string(value) : !json_is_integer(value))
			json_reader_fail_at(r, key,
					    is_map    ? "expected queues by number: {\"1\": {\"max-rate\": 1000000}}"
					    : is_type ? "expected the type of a QoS, such as linux-htb"
						      : "expected a whole number");
	}
}

static void check_queues(struct json_reader *r, json_t *queues)
{
	const char *number;
	uint64_t value;
	json_t *queue;

	json_reader_enter(r, "queues");
	json_object_foreach(queues, number, queue) {
		if (!str_to_uint(number, 10, UINT32_MAX, &value))
			json_reader_fail_at(r, number, "expected the number of a queue");
		json_reader_enter(r, number);
		if (json_reader_object(r, queue, "min-rate max-rate burst priority"))
			check_qos_settings(r, queue, true);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_qos(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux VSW_UNUSED)
{
	struct topo_switch *sw = what;
	const char *port;
	json_t *qos;

	sw->qos = json_reader_map(r, object, key, false);
	json_reader_enter(r, key);
	json_object_foreach(sw->qos, port, qos) {
		json_reader_enter(r, port);
		if (json_reader_object(r, qos, "type max-rate queues")) {
			check_qos_settings(r, qos, false);
			check_queues(r, json_object_get(qos, "queues"));
		}
		json_reader_leave(r);
	}
	json_reader_leave(r);
}

static void read_on(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	const char *name = json_reader_string(r, object, key, false);
	struct topo_switch *sw = what;

	if (!name)
		return;
	sw->on = topo_find_host(aux, name);
	if (sw->on == SIZE_MAX)
		json_reader_fail_at(r, key, "there is no host called '%s'", name);
}

/* Stands behind "on" in the table. */
static void read_uplink(struct json_reader *r, const json_t *object, const char *key, void *what, void *aux)
{
	const struct topo *topo = aux;
	struct topo_switch *sw = what;

	sw->uplink = json_reader_string(r, object, key, false);
	if (!sw->uplink)
		return;
	if (sw->on == SIZE_MAX)
		json_reader_fail_at(r, key, "an uplink is a device of the host that the switch is \"on\"");
	else if (!topo_host_iface(&topo->hosts[sw->on], sw->uplink))
		json_reader_fail_at(r, key, "%s has no interface '%s'", topo->hosts[sw->on].name, sw->uplink);
}

static const struct json_key switch_keys[] = {
	{"settings", read_settings}, {"ports", read_ports},	{"flows", read_flows}, {"on", read_on},
	{"uplink", read_uplink},     {"mirrors", read_mirrors}, {"qos", read_qos},
};

static void parse_switch(struct json_reader *r, struct topo *topo, const char *name, const json_t *object)
{
	struct topo_switch *sw = &topo->switches[topo->n_switches];

	if (!topo_ifname_ok(name) || !strcmp(name, "all")) {
		json_reader_fail(r, "'%s' cannot be the name of a bridge (1 to %d letters, digits, '.', '-', '_')",
				 name, IFNAMSIZ - 1);
		return;
	}
	if (topo_find_host(topo, name) != SIZE_MAX) {
		json_reader_fail(r, "there is a host called '%s', too", name);
		return;
	}
	*sw = (struct topo_switch){.name = name, .on = SIZE_MAX};
	topo->n_switches++;
	json_reader_keys(r, object, switch_keys, ARRAY_SIZE(switch_keys), sw, topo);
}

void topo_parse_switches(struct json_reader *r, struct topo *topo, const json_t *switches)
{
	const char *name;
	json_t *object;

	topo->switches = xcalloc(json_object_size(switches), sizeof *topo->switches);
	json_reader_enter(r, "switches");
	json_object_foreach((json_t *)switches, name, object) {
		json_reader_enter(r, name);
		parse_switch(r, topo, name, object);
		json_reader_leave(r);
	}
	json_reader_leave(r);
}
