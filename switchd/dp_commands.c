// SPDX-License-Identifier: Apache-2.0
/* dp/dump-flows, dp/show, dummy/receive: what translation and the datapaths do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "flow/dp_action.h"
#include "flow/match.h"
#include "packet/packet.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/dummy.h"
#include "switchd/dp_dump.h"
#include "switchd/dp_show.h"
#include "switchd/iface_dev.h"
#include "switchd/tunnel.h"

/* ---- datapaths ---- */

/** Names of a datapath's ports. */
struct names_of_dp {
	struct dp_port_names names;
	const struct datapath *dp;
};

static const char *name_of_dp_port(const struct dp_port_names *self, uint32_t port)
{
	return switch_dp_port_name(container_of(self, struct names_of_dp, names)->dp, port);
}

/* The datapaths that are open. Return: their number. */
static size_t open_datapaths(struct datapath *dps[2])
{
	size_t n = 0;

	if (vswitch.dp)
		dps[n++] = vswitch.dp;
	if (vswitch.dummy_dp)
		dps[n++] = vswitch.dummy_dp;
	return n;
}

static bool enters_bridge(void *aux, const struct datapath *dp, const struct dp_flow *flow)
{
	const struct iface *iface = iface_of_key(dp, flow->key);

	return !aux || (iface && iface->bridge == aux);
}

static int dp_dump(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,names", err);
	bool as_json = control_wants_json(params, &error, err);
	bool names = control_bool(params, "names", false, &error, err);
	struct datapath *dps[2];
	struct ds text = DS_INIT;
	struct bridge *br = NULL;
	json_t *flows;

	(void)request;
	if (!error && json_object_get(params, "bridge"))
		error = need_bridge(params, &br, err);
	if (error)
		return error;
	flows = as_json ? json_array() : NULL;
	for (size_t i = 0, n = open_datapaths(dps); i < n; i++) {
		struct names_of_dp of_dp = {.names.name = name_of_dp_port, .dp = dps[i]};

		if (!br || br->dp == dps[i])
			dp_dump_flows(dps[i], names ? &of_dp.names : NULL, enters_bridge, br, &text, flows);
	}
	*result = as_json ? json_pack("{s:o, s:i}", "flows", flows, "exit", 0) : control_text(ds_cstr(&text));
	ds_fini(&text);
	return 0;
}

static int dp_show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	struct ds text = DS_INIT;
	struct datapath *dps[2];
	json_t *all;

	(void)request;
	if (error)
		return error;
	all = json_array();
	for (size_t i = 0, n = open_datapaths(dps); i < n; i++)
		json_array_append_new(all, dp_show_datapath(dps[i], &text));
	*result = as_json ? json_pack("{s:O, s:i}", "datapaths", all, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(all);
	ds_fini(&text);
	return 0;
}

/* ---- dummy/receive ---- */

static uint8_t frame_room[PACKET_HEADROOM + PACKET_MAX_LEN];

/* The frame that hexadecimal digits spell. */
static int frame_of_hex(const char *text, struct packet *p, struct errtext *err)
{
	ssize_t n = hex_to_bytes(text, frame_room + PACKET_HEADROOM, PACKET_MAX_LEN, err);

	if (n < 0)
		return (int)n;
	packet_init(p, frame_room, sizeof frame_room, PACKET_HEADROOM, (size_t)n);
	return 0;
}

/* A frame with the fields of a flow. */
static int frame_of_flow(const struct bridge *br, const char *text, struct packet *p, struct errtext *err)
{
	struct flow_key flow;
	int error = flow_key_parse(text, strlen(text), &br->port_names, &flow, err);

	if (error)
		return error;
	packet_init(p, frame_room, sizeof frame_room, PACKET_HEADROOM, 0);
	return packet_compose(p, &flow.p, 64) ? errtext_set(err, EINVAL, "no packet can have this flow's fields") : 0;
}

static int receive(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "port,packet,flow", err);
	const char *name = control_str(params, "port", "", &error, err);
	const char *hex = control_str(params, "packet", NULL, &error, err);
	const char *flow = control_str(params, "flow", NULL, &error, err);
	const struct iface *iface = iface_by_name(name);
	struct packet p;

	(void)request;
	if (error)
		return error;
	if (!iface)
		return errtext_set(err, ENOENT, "no port named %.60s", name);
	if (iface->bridge->dp->ops != &datapath_dummy || iface->dp_port == DP_PORT_NONE)
		return errtext_set(err, EINVAL, "port %s has type=%s; frames can be given to type=dummy ports only",
				   name, iface_type_name(iface->type));
	if (!hex == !flow)
		return errtext_set(err, EINVAL, "dummy receive needs a packet or a flow");
	error = hex ? frame_of_hex(hex, &p, err) : frame_of_flow(iface->bridge, flow, &p, err);
	if (error) {
		errtext_prefix(err, "dummy receive");
		return error;
	}
	error = dummy_receive(iface->bridge->dp, iface->dp_port, &p);
	if (error)
		return errtext_set(err, -error, "dummy receive: %s", strerror(-error));
	*result = control_text("");
	return 0;
}

void dp_commands_register(void)
{
	control_register("dp/dump-flows", dp_dump);
	control_register("dp/show", dp_show);
	control_register("dummy/receive", receive);
}
