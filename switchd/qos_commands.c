// SPDX-License-Identifier: Apache-2.0
/* qos/show, qos/show-types, queue/stats, queue/get-config. Text is that of ovs-appctl and ovs-ofctl. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/qos.h"

/* ---- qos/show ---- */

/* The "port" of a request that has nothing else. Return: NULL with *@error and @err. */
static struct iface *need_iface(const json_t *params, bool *as_json, int *error, struct errtext *err)
{
	const char *name;
	struct iface *iface;

	*error = control_allow(params, "port", err);
	*as_json = control_wants_json(params, error, err);
	name = control_str(params, "port", NULL, error, err);
	if (*error)
		return NULL;
	iface = name ? iface_by_name(name) : NULL;
	if (!name)
		*error = errtext_set(err, EINVAL, "the name of a port is missing");
	else if (!iface)
		*error = errtext_set(err, ENOENT, "no port named %.60s", name);
	return iface;
}

static void put_queue_text(const struct qos_queue_stats *q, struct ds *out)
{
	if (q->queue.id)
		ds_printf(out, "\nQueue %u:\n", q->queue.id);
	else
		ds_put(out, "\nDefault:\n");
	ds_printf(out, "  burst: %" PRIu64 "\n", q->queue.burst);
	if (q->queue.priority)
		ds_printf(out, "  priority: %u\n", q->queue.priority);
	ds_printf(out, "  min-rate: %" PRIu64 "\n", q->queue.min_rate);
	if (q->queue.max_rate != q->queue.min_rate)
		ds_printf(out, "  max-rate: %" PRIu64 "\n", q->queue.max_rate);
	ds_printf(out, "  tx_packets: %" PRIu64 "\n  tx_bytes: %" PRIu64 "\n  tx_errors: %" PRIu64 "\n", q->n_packets,
		  q->n_bytes, q->n_dropped);
}

static json_t *queue_json(const struct qos_queue_stats *q)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "queue", (json_int_t)q->queue.id, "min_rate",
			 (json_int_t)q->queue.min_rate, "max_rate", (json_int_t)q->queue.max_rate, "burst",
			 (json_int_t)q->queue.burst, "priority", (json_int_t)q->queue.priority, "tx_packets",
			 (json_int_t)q->n_packets, "tx_bytes", (json_int_t)q->n_bytes, "tx_errors",
			 (json_int_t)q->n_dropped);
}

static json_t *show_text(const struct iface *iface, const struct qos_settings *s, const struct qos_queue_stats *stats,
			 size_t n)
{
	struct ds out = DS_INIT;
	json_t *result;

	if (s)
		ds_printf(&out, "QoS: %s %s\nmax-rate: %" PRIu64 "\n", iface->name, qos_type_name(s->type),
			  s->max_rate);
	else
		ds_printf(&out, "QoS not configured on %s\n", iface->name);
	for (size_t i = 0; i < n; i++)
		put_queue_text(&stats[i], &out);
	result = control_text(ds_cstr(&out));
	ds_fini(&out);
	return result;
}

static json_t *show_json(const struct iface *iface, const struct qos_settings *s, const struct qos_queue_stats *stats,
			 size_t n)
{
	json_t *result = json_pack("{s:s, s:i}", "port", iface->name, "exit", 0), *queues = json_array();

	if (s) {
		json_object_set_new(result, "type", json_string(qos_type_name(s->type)));
		json_object_set_new(result, "max_rate", json_integer((json_int_t)s->max_rate));
	}
	for (size_t i = 0; i < n; i++)
		json_array_append_new(queues, queue_json(&stats[i]));
	json_object_set_new(result, "queues", queues);
	return result;
}

static int show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	bool as_json;
	int error;
	struct iface *iface = need_iface(params, &as_json, &error, err);
	struct qos_settings *settings;
	struct qos_queue_stats *stats;
	size_t n;

	(void)request;
	if (!iface)
		return error;
	stats = qos_stats(iface, &settings, &n);
	*result = as_json ? show_json(iface, settings, stats, n) : show_text(iface, settings, stats, n);
	free(stats);
	free(settings);
	return 0;
}

static int show_types(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	static const enum qos_type types[] = {QOS_HTB, QOS_OWN, QOS_NOOP};
	bool as_json;
	int error;
	struct ds out = DS_INIT;
	json_t *names;

	(void)request;
	if (!need_iface(params, &as_json, &error, err))
		return error;
	names = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		ds_printf(&out, "QoS type: %s\n", qos_type_name(types[i]));
		json_array_append_new(names, json_string(qos_type_name(types[i])));
	}
	*result = as_json ? json_pack("{s:O, s:i}", "types", names, "exit", 0) : control_text(ds_cstr(&out));
	json_decref(names);
	ds_fini(&out);
	return 0;
}

/* ---- queues of a bridge ---- */

struct queue_query {
	const char *port;
	int64_t queue; /* -1: all */
	bool found;
	bool config; /* get-config, else statistics */
	struct ds text;
	json_t *queues;
	size_t n;
};

static void put_stats(struct queue_query *q, struct iface *iface, const struct qos_queue_stats *s)
{
	ds_put(&q->text, "  port ");
	put_port(&q->text, iface, false, 0);
	ds_printf(&q->text, " queue %u: bytes=%" PRIu64 ", pkts=%" PRIu64 ", errors=%" PRIu64 ", duration=?\n",
		  s->queue.id, s->n_bytes, s->n_packets, s->n_dropped);
}

static void query_iface(struct queue_query *q, struct iface *iface)
{
	struct qos_settings *settings;
	size_t n;
	struct qos_queue_stats *stats = qos_stats(iface, &settings, &n);

	for (size_t i = 0; i < n; i++) {
		json_t *json;

		if (q->queue >= 0 && q->queue != stats[i].queue.id)
			continue;
		q->n++;
		if (q->config)
			ds_printf(&q->text, "queue %u:\n", stats[i].queue.id);
		else
			put_stats(q, iface, &stats[i]);
		json = queue_json(&stats[i]);
		json_object_set_new(json, "port", json_integer(iface->ofp_port));
		json_object_set_new(json, "name", json_string(iface->name));
		json_array_append_new(q->queues, json);
	}
	free(stats);
	free(settings);
}

static int query_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	struct queue_query *q = aux;
	struct iface **list = NULL, *single = NULL;
	size_t n = 0;
	int error = 0;

	q->queues = json_array();
	q->n = 0;
	ds_clear(&q->text);
	if (q->port)
		error = iface_of_word(br, q->port, &single, err);
	else
		list = ifaces_by_number(br, &n);
	if (single)
		query_iface(q, single);
	for (size_t i = 0; i < n; i++)
		query_iface(q, list[i]);
	free(list);
	if (!error && q->port && q->queue >= 0 && !q->n)
		error = errtext_set(err, ENOENT, "port %s has no queue %lld", q->port, (long long)q->queue);
	ds_put(&answer->text, ds_cstr(&q->text));
	json_object_set_new(json, "queues", q->queues);
	return error;
}

static int query(const json_t *params, bool config, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,queue", err);
	struct queue_query q = {
		.port = control_str(params, "port", NULL, &error, err),
		.queue = control_int(params, "queue", -1, &error, err),
		.config = config,
	};

	if (!error)
		error = each_bridge(params, query_bridge, &q, result, err);
	ds_fini(&q.text);
	return error;
}

static int stats(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return query(params, false, result, err);
}

static int get_config(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return query(params, true, result, err);
}

void qos_commands_register(void)
{
	control_register("qos/show", show);
	control_register("qos/show-types", show_types);
	control_register("queue/stats", stats);
	control_register("queue/get-config", get_config);
}
