// SPDX-License-Identifier: Apache-2.0
/* meter/add, meter/mod, meter/del, meter/dump, meter/stats, meter/features. Text is that of ovs-ofctl, without the lines about messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "flow/flow_text.h"
#include "flow/port_names.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/pipeline/meter.h"
#include "switchd/pipeline/table.h"

/* ---- add, mod ---- */

static int change(const json_t *params, const char *verb,
		  int (*fn)(struct meter_table *table, const struct meter_config *config, struct errtext *err),
		  json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,meter", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *text = control_str(params, "meter", "", &error, err);
	struct meter_config config;
	struct bridge *br;

	if (!error)
		error = need_bridge(params, &br, err);
	if (error)
		return error;
	err->column = 0;
	error = meter_parse(text, strlen(text), &config, err);
	if (error && err->column)
		errtext_prefix(err, "column %zu", err->column);
	if (!error)
		error = fn(br->meters, &config, err);
	if (error)
		errtext_prefix(err, "%s", verb);
	else
		*result = as_json ? json_pack("{s:i}", "exit", 0) : control_text("");
	return error;
}

static int add(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return change(params, "add-meter", meter_add, result, err);
}

static int mod(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return change(params, "mod-meter", meter_modify, result, err);
}

/* ---- those that are about one meter or all ---- */

static int read_id(const json_t *params, const char *verb, uint32_t *id, struct errtext *err)
{
	int error = control_allow(params, "bridge,meter", err);
	const char *text = control_str(params, "meter", "", &error, err);

	if (!error)
		error = meter_parse_id(text, strlen(text), id, err);
	if (error)
		errtext_prefix(err, "%s", verb);
	return error;
}

/* OpenFlow 1.3 6.4: the flows that a meter ends with. */
static int delete_flows_of(struct bridge *br, uint32_t number, struct errtext *err)
{
	struct flow_mod fm = {.command = FLOW_DELETE, .table = FLOW_TABLE_ALL, .out_port = OFPP_NONE, .meter = number};

	match_init_any(&fm.match);
	return tables_apply(br->tables, &fm, 1, clock_now_ms(), NULL, err);
}

static int delete_one(struct bridge *br, uint32_t number, struct errtext *err)
{
	int error = delete_flows_of(br, number, err);

	return error ? error : meter_del(br->meters, number, err);
}

static int del_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	uint32_t id = *(const uint32_t *)aux;
	size_t before = meter_count(br->meters), n = before;
	const struct meter **list = meters_by_number(br->meters);
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		uint32_t number = list[i]->config.id;

		if (id == METER_ALL || id == number)
			error = delete_one(br, number, err);
	}
	free(list);
	if (answer->as_json)
		json_object_set_new(json, "n", json_integer((json_int_t)(before - meter_count(br->meters))));
	else
		ds_clear(&answer->text);
	return error;
}

static int del(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	uint32_t id = METER_ALL;
	int error = read_id(params, "del-meters", &id, err);

	(void)request;
	return error ? error : each_bridge(params, del_of_bridge, &id, result, err);
}

/** What a listing prints of each meter. */
struct listing {
	uint32_t id;
	uint32_t *n_flows; /* by place in the list; stats only */
	void (*put)(const struct bridge *br, const struct meter *m, uint32_t n_flows, struct ds *text, json_t *json);
};

struct count_flows {
	const struct meter **list;
	size_t n;
	uint32_t *n_flows;
};

static int count_rule(void *aux, struct rule *rule)
{
	const struct count_flows *c = aux;
	uint32_t number = ofacts_meter(rule->actions->ofacts, rule->actions->len);
	size_t low = 0, high = c->n;

	while (number && low < high) {
		size_t mid = (low + high) / 2;

		if (c->list[mid]->config.id == number) {
			c->n_flows[mid]++;
			break;
		}
		if (c->list[mid]->config.id < number)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

/* How many flows have each meter of the list. Return: heap array. */
static uint32_t *flows_by_meter(const struct bridge *br, const struct meter **list, size_t n)
{
	struct flow_mod any = {.command = FLOW_DELETE, .table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct count_flows c = {list, n, xcalloc(n + 1, sizeof *c.n_flows)};

	match_init_any(&any.match);
	if (n)
		tables_each(br->tables, &any, count_rule, &c);
	return c.n_flows;
}

static int list_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	const struct listing *listing = aux;
	const struct meter **list = meters_by_number(br->meters);
	size_t n = meter_count(br->meters), n_put = 0;
	uint32_t *n_flows = flows_by_meter(br, list, n);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *node = answer->as_json ? json_object() : NULL;

		if (listing->id != METER_ALL && listing->id != list[i]->config.id) {
			json_decref(node);
			continue;
		}
		if (n_put++ && !node)
			ds_put_char(&answer->text, '\n');
		listing->put(br, list[i], n_flows[i], &answer->text, node);
		if (node)
			json_array_append_new(array, node);
		else
			ds_put_char(&answer->text, '\n');
	}
	free(n_flows);
	free(list);
	json_object_set_new(json, "meters", array);
	if (!n_put && listing->id != METER_ALL)
		return errtext_set(err, ENOENT, "bridge %s has no meter %u", br->name, listing->id);
	return 0;
}

static json_t *flags_of(const struct meter_config *config)
{
	json_t *flags = json_array();

	if (config->flags & METER_KBPS)
		json_array_append_new(flags, json_string("kbps"));
	if (config->flags & METER_PKTPS)
		json_array_append_new(flags, json_string("pktps"));
	if (config->flags & METER_BURST)
		json_array_append_new(flags, json_string("burst"));
	if (config->flags & METER_STATS)
		json_array_append_new(flags, json_string("stats"));
	return flags;
}

static void put_config(const struct bridge *br, const struct meter *m, uint32_t n_flows, struct ds *text, json_t *json)
{
	json_t *bands;

	(void)br;
	(void)n_flows;
	if (!json) {
		meter_format(&m->config, false, text);
		return;
	}
	bands = json_array();
	for (unsigned int i = 0; i < m->config.n_bands; i++) {
		json_t *band = json_pack("{s:s, s:I}", "type", "drop", "rate", (json_int_t)m->config.bands[i].rate);

		if (m->config.bands[i].burst)
			json_object_set_new(band, "burst_size", json_integer(m->config.bands[i].burst));
		json_array_append_new(bands, band);
	}
	json_object_set_new(json, "meter", json_integer(m->config.id));
	json_object_set_new(json, "flags", flags_of(&m->config));
	json_object_set_new(json, "bands", bands);
	json_object_set_new(json, "datapath_id", json_integer(m->dp_id));
}

static void put_counts_json(const struct meter *m, const struct meter_counts *c, json_t *json)
{
	json_t *bands = json_array();

	for (unsigned int i = 0; i < m->config.n_bands; i++)
		json_array_append_new(bands, json_pack("{s:I, s:I}", "n_packets", (json_int_t)c->bands[i].n_packets,
						       "n_bytes", (json_int_t)c->bands[i].n_bytes));
	json_object_set_new(json, "meter", json_integer(m->config.id));
	json_object_set_new(json, "n_flows", json_integer(c->n_flows));
	json_object_set_new(json, "n_packets", json_integer((json_int_t)c->n_packets));
	json_object_set_new(json, "n_bytes", json_integer((json_int_t)c->n_bytes));
	json_object_set_new(json, "duration_s", json_real((double)c->duration_ms / 1000));
	json_object_set_new(json, "bands", bands);
}

static void put_counts(const struct bridge *br, const struct meter *m, uint32_t n_flows, struct ds *text, json_t *json)
{
	struct meter_counts c = {.n_flows = n_flows, .duration_ms = clock_now_ms() - m->created_ms};
	struct dp_meter_stats stats;

	(void)!br->dp->ops->meter_stats(br->dp, m->dp_id, &stats);
	c.n_packets = stats.n_packets;
	c.n_bytes = stats.n_bytes;
	for (unsigned int i = 0; i < m->config.n_bands; i++) {
		c.bands[i].n_packets = stats.bands[i].n_packets;
		c.bands[i].n_bytes = stats.bands[i].n_bytes;
	}
	if (json)
		put_counts_json(m, &c, json);
	else
		meter_format_counts(&m->config, &c, text);
}

static int list(const json_t *params, const char *verb, struct listing *listing, json_t **result, struct errtext *err)
{
	int error = read_id(params, verb, &listing->id, err);

	return error ? error : each_bridge(params, list_of_bridge, listing, result, err);
}

static int dump(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return list(params, "dump-meters", &(struct listing){.put = put_config}, result, err);
}

static int stats(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return list(params, "meter-stats", &(struct listing){.put = put_counts}, result, err);
}

/* ---- features ---- */

static int features_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	uint32_t max = meter_features_max(br->dp);

	(void)aux;
	(void)err;
	if (answer->as_json) {
		json_object_set_new(json, "max_meter", json_integer(max));
		json_object_set_new(json, "max_bands", json_integer(METER_MAX_BANDS));
		json_object_set_new(json, "max_color", json_integer(0));
		json_object_set_new(json, "band_types", json_pack("[s]", "drop"));
		json_object_set_new(json, "capabilities", json_pack("[s, s, s, s]", "kbps", "pktps", "burst", "stats"));
	} else {
		ds_printf(&answer->text,
			  "max_meter:%u max_bands:%d max_color:0\nband_types: drop\n"
			  "capabilities: kbps pktps burst stats\n",
			  max, METER_MAX_BANDS);
	}
	return 0;
}

static int features(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge", err);

	(void)request;
	return error ? error : each_bridge(params, features_of_bridge, NULL, result, err);
}

void meter_commands_register(void)
{
	control_register("meter/add", add);
	control_register("meter/mod", mod);
	control_register("meter/del", del);
	control_register("meter/dump", dump);
	control_register("meter/stats", stats);
	control_register("meter/features", features);
}
