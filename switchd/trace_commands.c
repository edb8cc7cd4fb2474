// SPDX-License-Identifier: Apache-2.0
/*
 * The method `trace`: a flow, a packet's bytes, or the last packet that a port dropped.
 *
 * Of a dropped packet a datapath keeps the head only. Behind it come zeros up to its length: the headers say how long they are, and would
 * look damaged in a shorter frame.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/ds.h"
#include "flow/dp_action.h"
#include "packet/packet.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/drop_text.h"
#include "switchd/trace.h"

/* What is asked for. */
struct query {
	struct bridge *br;
	struct iface *port; /* NULL: the flow says where the packet comes in */
	const char *flow;
	const char *hex; /* NULL: none */
	bool last;
	struct trace_options options;
	struct dp_last_drop drop; /* with @last */
};

static uint8_t bytes[PACKET_MAX_LEN];

static int find_port(const char *name, struct query *q, struct errtext *err)
{
	q->port = iface_by_name(name);
	if (!q->port && q->br)
		return iface_of_word(q->br, name, &q->port, err);
	if (!q->port)
		return errtext_set(err, ENOENT, "no port named %.60s", name);
	if (q->br && q->port->bridge != q->br)
		return errtext_set(err, EINVAL, "port %.60s is on bridge %s, not on %s", name, q->port->bridge->name,
				   q->br->name);
	q->br = q->port->bridge;
	return 0;
}

static int read_query(const json_t *params, struct query *q, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,flow,packet,last,generate,names", err);
	const char *port = control_str(params, "port", NULL, &error, err);

	q->flow = control_str(params, "flow", "", &error, err);
	q->hex = control_str(params, "packet", NULL, &error, err);
	q->last = control_bool(params, "last", false, &error, err);
	q->options.generate = control_bool(params, "generate", false, &error, err);
	q->options.names = control_bool(params, "names", false, &error, err);
	if (!error && (!port || json_object_get(params, "bridge")))
		error = need_bridge(params, &q->br, err);
	if (!error && port)
		error = find_port(port, q, err);
	if (!error && q->last && !port)
		error = errtext_set(err, EINVAL, "the last packet of which port? Name one");
	if (!error && q->last && q->hex)
		error = errtext_set(err, EINVAL, "either a packet's bytes or the last one that the port dropped");
	return error;
}

/* Return: number of bytes in `bytes`, or negative errno with @err. */
static ssize_t take_last_drop(struct query *q, struct errtext *err)
{
	struct datapath *dp = q->port->bridge->dp;
	int error;

	if (q->port->dp_port == DP_PORT_NONE)
		return errtext_set(err, ENODEV, "port %s has no device that packets come in by", q->port->name);
	error = dp->ops->port_last_drop(dp, q->port->dp_port, &q->drop);
	if (error == -ENODATA)
		return errtext_set(err, ENODATA, "port %s has not dropped any packet", q->port->name);
	if (error)
		return errtext_set(err, -error, "port %s: %s", q->port->name, strerror(-error));
	if (!q->drop.n_bytes || q->drop.len > sizeof bytes)
		return errtext_set(err, ENODATA, "port %s dropped a packet of which nothing is known: %s",
				   q->port->name, drop_reason_sentence(q->drop.reason));
	memset(bytes, 0, q->drop.len);
	memcpy(bytes, q->drop.bytes, q->drop.n_bytes);
	return (ssize_t)q->drop.len;
}

static json_t *last_to_json(const struct query *q)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:f, s:b}", "port", q->port->name, "reason",
			 drop_reason_name(q->drop.reason), "text", drop_reason_sentence(q->drop.reason), "bytes",
			 (json_int_t)q->drop.len, "age_s", (double)q->drop.age_ms / 1000, "rewritten",
			 (int)q->drop.is_rewritten);
}

static void put_last(const struct query *q, struct ds *out)
{
	ds_printf(out, "Port %s dropped %" PRIu32 " bytes %.1f s ago: %s: %s\n", q->port->name, q->drop.len,
		  (double)q->drop.age_ms / 1000, drop_reason_name(q->drop.reason),
		  drop_reason_sentence(q->drop.reason));
	if (q->drop.is_rewritten)
		ds_put(out,
		       "Actions had changed the packet before it was dropped; this is what they had made of it.\n");
	ds_put(out, "What would become of it now:\n\n");
}

/* The port goes in front of the flow; one that says in_port, too, is refused there. */
static int run(struct query *q, json_t **traced, struct errtext *err)
{
	struct ds flow = DS_INIT;
	ssize_t n = 0;
	int error;

	if (q->last)
		n = take_last_drop(q, err);
	else if (q->hex)
		n = hex_to_bytes(q->hex, bytes, sizeof bytes, err);
	if (n < 0)
		return (int)n;
	if (q->port)
		ds_printf(&flow, "in_port=%u%s", q->port->ofp_port, *q->flow ? "," : "");
	ds_put(&flow, q->flow);
	error = trace_run(q->br, ds_cstr(&flow), q->last || q->hex ? bytes : NULL, (size_t)n, &q->options, traced, err);
	ds_fini(&flow);
	return error;
}

static int trace(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct query q = {0};
	struct ds text = DS_INIT;
	json_t *traced = NULL;
	int error = 0;
	bool as_json = control_wants_json(params, &error, err);

	(void)request;
	if (!error)
		error = read_query(params, &q, err);
	if (!error)
		error = run(&q, &traced, err);
	if (error) {
		errtext_prefix(err, "trace");
		return error;
	}
	if (as_json) {
		json_object_del(traced, "text");
		if (q.last)
			json_object_set_new(traced, "last", last_to_json(&q));
		json_object_set_new(traced, "exit", json_integer(0));
		*result = traced;
		return 0;
	}
	if (q.last)
		put_last(&q, &text);
	ds_put(&text, json_string_value(json_object_get(traced, "text")));
	*result = control_text(ds_cstr(&text));
	ds_fini(&text);
	json_decref(traced);
	return 0;
}

void trace_commands_register(void)
{
	control_register("trace", trace);
}
