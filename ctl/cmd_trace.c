// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw trace`: of a flow, of a packet in hexadecimal, of packets of a capture file, or of the last one that a port dropped.
 *
 * A capture is read here, and each packet is one request on one connection. A single packet is shown whole, several get a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"
#include "os/pcap_file.h"

enum {
	MAX_WIRE_LEN = 65536
}; /* what a capture says of the length of a packet that it has cut is believed up to this */

/* ---- what is asked, whatever the packet ---- */

static json_t *make_params(const struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "flow", invocation_arg(inv, 1));
	ctl_put_string(params, "port", invocation_option(inv, "--port"));
	if (invocation_has(inv, "--generate"))
		json_object_set_new(params, "generate", json_true());
	if (invocation_has(inv, "--names"))
		json_object_set_new(params, "names", json_true());
	if (ctl->json)
		json_object_set_new(params, "format", json_string("json"));
	return params;
}

/* Return: CTL_OK, or CTL_FAILED after an error. */
static int check_usage(const struct ctl *ctl, const struct invocation *inv)
{
	bool hex = invocation_has(inv, "--hex") || inv->n_args > 2, pcap = invocation_has(inv, "--pcap");
	bool last = invocation_has(inv, "--last"), port = invocation_has(inv, "--port");

	if (invocation_has(inv, "--hex") && inv->n_args > 2)
		return ctl_fail(ctl, "trace: the packet is there twice, with --hex and as an argument");
	if (hex + pcap + last > 1)
		return ctl_fail(ctl, "trace: --hex, --pcap and --last: one of them");
	if (last && !port)
		return ctl_fail(ctl, "trace: --last needs --port=PORT: whose last packet?");
	if (!inv->n_args && !port)
		return ctl_fail(ctl, "trace: name a bridge, or a port with --port");
	if (inv->n_args == 1 && !hex && !pcap && !port)
		return ctl_fail(ctl, "trace: a packet is missing: a flow, --hex or --pcap");
	return CTL_OK;
}

/* ---- a capture ---- */

struct capture {
	struct ctl *ctl;
	const json_t *params;
	struct rpc *rpc;
	struct pcap_file *file;
	unsigned int wanted; /* 0: all */
	json_t *results;     /* with --json, of all */
};

static void put_hex(json_t *params, const struct pcap_file_packet *packet)
{
	size_t len = MAX(packet->len, MIN(packet->wire_len, (size_t)MAX_WIRE_LEN));
	struct ds hex = DS_INIT;

	/* What the capture left out is zero: its headers say how long the packet was. */
	for (size_t i = 0; i < len; i++)
		ds_printf(&hex, "%02x", i < packet->len ? packet->data[i] : 0);
	json_object_set_new(params, "packet", json_string(ds_cstr(&hex)));
	ds_fini(&hex);
}

static void print_summary(unsigned int number, size_t len, const json_t *result)
{
	const char *reason = json_string_value(json_object_get(result, "drop_reason"));

	printf("%u: %zu bytes: %s\n   %s%s\n", number, len, json_string_value(json_object_get(result, "flow")),
	       reason ? "dropped: " : "",
	       reason ? reason : json_string_value(json_object_get(result, "datapath_actions")));
}

/* One packet of several. Return: 0 or -errno with @err. */
static int trace_one(struct capture *c, unsigned int number, const struct pcap_file_packet *packet, struct errtext *err)
{
	json_t *params = json_deep_copy(c->params), *result = NULL;
	int error;

	put_hex(params, packet);
	if (!c->wanted)
		json_object_set_new(params, "format", json_string("json"));
	error = rpc_call(c->rpc, "trace", params, &result, err);
	if (error) {
		errtext_prefix(err, "packet %u", number);
		return error;
	}
	if (c->wanted) {
		ctl_print_result(c->ctl, result);
		return 0;
	}
	json_object_set_new(result, "packet", json_integer(number));
	json_object_del(result, "exit");
	if (c->results)
		json_array_append(c->results, result);
	else
		print_summary(number, packet->wire_len, result);
	json_decref(result);
	return 0;
}

static int trace_packets(struct capture *c, const char *path, struct errtext *err)
{
	struct pcap_file_packet packet;
	unsigned int number = 0;
	int n, error = 0;

	while ((n = pcap_file_next(c->file, &packet, err)) > 0 && !error) {
		number++;
		if (!c->wanted || c->wanted == number)
			error = trace_one(c, number, &packet, err);
		if (error || c->wanted == number)
			return error;
	}
	if (n < 0)
		return n;
	if (c->wanted)
		return errtext_set(err, ENOENT, "there is no packet %u in %s, which has %u", c->wanted, path, number);
	return number ? 0 : errtext_set(err, ENODATA, "there is no packet in %s", path);
}

/* "FILE" or "FILE:N". A file whose name ends like that is meant when it exists. Return: heap string, the file. */
static char *split_number(const char *word, unsigned int *number)
{
	const char *colon = strrchr(word, ':');
	uint64_t n;

	*number = 0;
	if (!colon || colon == word || !access(word, F_OK) || !str_to_uint(colon + 1, 10, UINT32_MAX, &n) || !n)
		return xstrdup(word);
	*number = (unsigned int)n;
	return xstrndup(word, (size_t)(colon - word));
}

static int trace_capture(struct ctl *ctl, const json_t *params, const char *word)
{
	struct capture c = {.ctl = ctl, .params = params};
	char *path = split_number(word, &c.wanted);
	struct errtext err = {0};
	int error = pcap_file_open(path, &c.file, &err);

	if (!error)
		error = rpc_open(&c.rpc, ctl->rundir, ctl->timeout_ms < 0 ? RPC_FOREVER : ctl->timeout_ms, &err);
	if (!error && ctl->json && !c.wanted)
		c.results = json_array();
	if (!error)
		error = trace_packets(&c, path, &err);
	if (c.results && !error)
		ctl_print_json(c.results);
	json_decref(c.results);
	rpc_close(c.rpc);
	pcap_file_close(c.file);
	free(path);
	if (error)
		errtext_prefix(&err, "trace");
	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}

/* ---- the commands ---- */

int cmd_why(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_pack("{s:s, s:s}", "from", inv->args[0], "to", inv->args[1]);

	ctl_put_string(params, "proto", invocation_arg(inv, 2));
	return ctl_ask(ctl, "why", params);
}

int cmd_trace(struct ctl *ctl, const struct invocation *inv)
{
	const char *hex = invocation_option(inv, "--hex"), *pcap = invocation_option(inv, "--pcap");
	json_t *params;
	int status;

	if (check_usage(ctl, inv))
		return CTL_FAILED;
	params = make_params(ctl, inv);
	if (pcap) {
		status = trace_capture(ctl, params, pcap);
		json_decref(params);
		return status;
	}
	ctl_put_string(params, "packet", hex ? hex : invocation_arg(inv, 2));
	if (invocation_has(inv, "--last"))
		json_object_set_new(params, "last", json_true());
	return ctl_print_result(ctl, ctl_call(ctl, "trace", params));
}
