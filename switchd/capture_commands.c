// SPDX-License-Identifier: Apache-2.0
/* capture/start, capture/stop: `vsw capture`. The pipe that the packets come by goes with the answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/capture.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/watch.h"

/* One [code, jt, jf, k]. */
static bool read_insn(const json_t *json, struct pcap_filter_insn *insn)
{
	json_int_t v[4];

	for (size_t i = 0; i < 4; i++) {
		const json_t *n = json_array_get(json, i);

		if (!json_is_integer(n))
			return false;
		v[i] = json_integer_value(n);
	}
	*insn = (struct pcap_filter_insn){(uint16_t)v[0], (uint8_t)v[1], (uint8_t)v[2], (uint32_t)v[3]};
	return v[0] == insn->code && v[1] == insn->jt && v[2] == insn->jf && v[3] == insn->k &&
	       json_array_size(json) == 4;
}

/* A program that somebody compiled: anything may be in it. */
static int read_filter(const json_t *json, struct pcap_filter *filter, struct errtext *err)
{
	size_t n = json_array_size(json);
	bool ok = json_is_array(json) && n && n <= PCAP_FILTER_MAX;

	*filter = (struct pcap_filter){0};
	if (!json)
		return 0;
	if (ok) {
		filter->n = n;
		filter->insns = xcalloc(n, sizeof *filter->insns);
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = read_insn(json_array_get(json, i), &filter->insns[i]);
	if (ok && pcap_filter_is_valid(filter))
		return 0;
	pcap_filter_fini(filter);
	return errtext_set(err, EINVAL,
			   "capture/start: \"filter\" is no classic BPF program: 1 to %d of [code, jt, jf, k], jumps "
			   "within it, a return at the end",
			   PCAP_FILTER_MAX);
}

static int read_direction(const char *text, enum capture_direction *direction, struct errtext *err)
{
	static const char *const names[] = {[CAPTURE_BOTH] = "both", [CAPTURE_IN] = "in", [CAPTURE_OUT] = "out"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i])) {
			*direction = (enum capture_direction)i;
			return 0;
		}
	return errtext_set(err, EINVAL, "--direction: '%.40s' is none of in, out, both", text);
}

static int start(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "name,direction,drops,count,snaplen,filter", err);
	const char *name = control_str(params, "name", "", &error, err);
	const char *direction = control_str(params, "direction", "both", &error, err);
	struct capture_options o = {.drops = control_bool(params, "drops", false, &error, err)};
	int64_t count = control_int(params, "count", 0, &error, err);
	int64_t snaplen = control_int(params, "snaplen", 0, &error, err);
	int number, fd;

	if (!error)
		error = read_direction(direction, &o.direction, err);
	if (!error && (count < 0 || snaplen < 0 || snaplen > UINT32_MAX))
		error = errtext_set(err, EINVAL, "capture: \"count\" and \"snaplen\" cannot be negative");
	if (!error)
		error = read_filter(json_object_get(params, "filter"), &o.filter, err);
	if (error)
		return error;
	o.count = (uint64_t)count;
	o.snaplen = snaplen ? (uint32_t)MIN(snaplen, WATCH_MAX_LEN) : WATCH_MAX_LEN;
	if (bridge_by_name(name))
		o.bridge = name;
	else
		o.port = name;
	number = capture_start(&o, &fd, err);
	if (number < 0)
		return number;
	control_attach_fd(request, fd);
	*result = json_pack("{s:i, s:i}", "id", number, "exit", 0);
	return 0;
}

static int stop(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "id", err);
	int64_t id = control_int(params, "id", 0, &error, err);
	struct capture_stats s;

	(void)request;
	if (error)
		return error;
	if (id <= 0 || id > INT32_MAX || capture_stop((int)id, &s))
		return errtext_set(err, ENOENT, "there is no capture %lld", (long long)id);
	*result = json_pack("{s:I, s:I, s:I, s:I, s:i}", "captured", (json_int_t)s.n_captured, "unmatched",
			    (json_int_t)s.n_unmatched, "not_looked_at", (json_int_t)s.n_unwatched, "lost",
			    (json_int_t)s.n_slow, "exit", 0);
	return 0;
}

void capture_commands_register(void)
{
	control_register("capture/start", start);
	control_register("capture/stop", stop);
}
