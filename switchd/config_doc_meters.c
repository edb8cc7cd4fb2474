// SPDX-License-Identifier: Apache-2.0
/* The meters of a bridge in a document: a list of texts, as add-meter takes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/meter.h"
#include "os/control_impl.h"
#include "switchd/bridge.h"
#include "switchd/config_doc.h"
#include "switchd/pipeline/meter.h"

static json_t *meter_json(const struct meter_config *config)
{
	struct ds text = DS_INIT;
	json_t *json;

	meter_format(config, true, &text);
	json = json_string(ds_cstr(&text));
	ds_fini(&text);
	return json;
}

json_t *config_doc_meters(const struct bridge *br)
{
	size_t n = meter_count(br->meters);
	const struct meter **list = meters_by_number(br->meters);
	json_t *meters = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(meters, meter_json(&list[i]->config));
	free(list);
	return meters;
}

int config_doc_check_meters(const char *bridge, json_t *meters, struct errtext *err)
{
	struct meter_config config;
	const char *text;
	int error = 0;

	if (meters && !json_is_array(meters))
		return errtext_set(err, EINVAL, "%s: meters: expected a list: [ ... ]", bridge);
	for (size_t i = 0; i < json_array_size(meters) && !error; i++) {
		text = json_string_value(json_array_get(meters, i));
		if (!text)
			return errtext_set(err, EINVAL, "%s: meters: element %zu is no meter as of add-meter", bridge,
					   i);
		error = meter_parse(text, strlen(text), &config, err);
		if (error)
			errtext_prefix(err, "%s: meters: element %zu", bridge, i);
		else
			json_array_set_new(meters, i, meter_json(&config));
	}
	return error;
}

static int call(const char *method, const char *bridge, const char *meter, struct errtext *err)
{
	json_t *params = json_pack("{s:s, s:s}", "bridge", bridge, "meter", meter), *result = NULL;
	int error = control_find(method)(NULL, params, &result, err);

	json_decref(result);
	json_decref(params);
	return error;
}

static const struct meter *find(const struct bridge *br, uint32_t id)
{
	const struct meter **list = meters_by_number(br->meters), *found = NULL;

	for (size_t i = 0; i < meter_count(br->meters); i++)
		if (list[i]->config.id == id)
			found = list[i];
	free(list);
	return found;
}

static int add_one(const struct bridge *br, const char *text, struct errtext *err)
{
	struct meter_config config;
	const struct meter *is;
	json_t *was;
	bool alike;
	int error = meter_parse(text, strlen(text), &config, err);

	if (error)
		return error;
	is = find(br, config.id);
	if (!is)
		return call("meter/add", br->name, text, err);
	was = meter_json(&is->config);
	alike = !strcmp(json_string_value(was), text);
	json_decref(was);
	return alike ? 0 : call("meter/mod", br->name, text, err);
}

int config_doc_add_meters(const struct bridge *br, const json_t *meters, struct errtext *err)
{
	int error = 0;

	for (size_t i = 0; i < json_array_size(meters) && !error; i++)
		error = add_one(br, json_string_value(json_array_get(meters, i)), err);
	return error;
}

static bool has_meter(const json_t *meters, uint32_t id)
{
	struct meter_config config;
	struct errtext err;
	json_t *meter;
	size_t i;

	json_array_foreach(meters, i, meter) {
		const char *text = json_string_value(meter);

		if (!meter_parse(text, strlen(text), &config, &err) && config.id == id)
			return true;
	}
	return false;
}

int config_doc_drop_meters(const struct bridge *br, const json_t *meters, struct errtext *err)
{
	size_t n = meter_count(br->meters);
	const struct meter **list = meters_by_number(br->meters);
	uint32_t *gone = xcalloc(n + 1, sizeof *gone);
	size_t n_gone = 0;
	int error = 0;

	for (size_t i = 0; i < n; i++)
		if (!has_meter(meters, list[i]->config.id))
			gone[n_gone++] = list[i]->config.id;
	for (size_t i = 0; i < n_gone && !error; i++) {
		char *text = xasprintf("meter=%u", gone[i]);

		error = call("meter/del", br->name, text, err);
		free(text);
	}
	free(gone);
	free(list);
	return error;
}
