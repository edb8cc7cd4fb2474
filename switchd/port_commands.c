// SPDX-License-Identifier: Apache-2.0
/* port/stats, port/desc, port/mod, port/open-tap. Text is that of ovs-ofctl's dump-ports and dump-ports-desc. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/dp_action.h"
#include "switchd/bridge_config.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/revalidate.h"

/* ---- which ports ---- */

struct port_query {
	const char *port; /* NULL: all */
	bool names;
	json_t *ports;
	struct answer *answer;
};

/* Every port that is asked for goes through @one. */
static int each_iface(struct bridge *br, struct port_query *q, json_t *json,
		      void (*one)(struct iface *iface, struct port_query *q), struct errtext *err)
{
	struct iface **list = NULL, *single = NULL;
	size_t n = 0;
	int error = 0;

	q->ports = json_array();
	if (q->port)
		error = iface_of_word(br, q->port, &single, err);
	else
		list = ifaces_by_number(br, &n);
	if (single)
		one(single, q);
	for (size_t i = 0; list && i < n; i++)
		one(list[i], q);
	free(list);
	json_object_set_new(json, "ports", q->ports);
	return error;
}

static json_t *port_head(const struct iface *iface)
{
	return json_pack("{s:i, s:s}", "port", (int)iface->ofp_port, "name", iface->name);
}

/* ---- statistics ---- */

static json_t *drops_of(const struct dp_port_stats *s)
{
	json_t *drops = json_object();

	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		if (s->drops[i])
			json_object_set_new(drops, drop_reason_name(i), json_integer((json_int_t)s->drops[i]));
	return drops;
}

static uint64_t count_drops(const struct dp_port_stats *s)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < DROP_N_REASONS; i++)
		n += s->drops[i];
	return n;
}

static void put_stats_text(const struct iface *iface, const struct port_query *q, const struct netdev_stats *s,
			   uint64_t drops)
{
	struct ds *out = &q->answer->text;

	ds_put(out, "  port ");
	put_port(out, iface, q->names, 2);
	ds_printf(out, ": rx pkts=%" PRIu64 ", bytes=%" PRIu64 ", drop=%" PRIu64 ", errs=%" PRIu64, s->rx_packets,
		  s->rx_bytes, s->rx_dropped + drops, s->rx_errors);
	ds_printf(out, ", frame=%" PRIu64 ", over=%" PRIu64 ", crc=%" PRIu64 "\n", s->rx_frame_errors,
		  s->rx_over_errors, s->rx_crc_errors);
	ds_printf(out,
		  "           tx pkts=%" PRIu64 ", bytes=%" PRIu64 ", drop=%" PRIu64 ", errs=%" PRIu64 ", coll=%" PRIu64
		  "\n",
		  s->tx_packets, s->tx_bytes, s->tx_dropped, s->tx_errors, s->collisions);
}

static void put_stats(struct iface *iface, struct port_query *q)
{
	const struct datapath *dp = iface->bridge->dp;
	struct dp_port_stats counted = {0};
	struct netdev_stats s = {0};
	json_t *json;

	(void)!iface_dev_stats(iface, &s);
	if (iface->dp_port != DP_PORT_NONE && !iface_is_tunnel(iface))
		dp->ops->port_stats(iface->bridge->dp, iface->dp_port, &counted);
	if (!q->answer->as_json) {
		put_stats_text(iface, q, &s, count_drops(&counted));
		return;
	}
	json = port_head(iface);
	const struct {
		const char *key;
		uint64_t value;
	} counters[] = {
		{"rx_packets", s.rx_packets},
		{"rx_bytes", s.rx_bytes},
		{"rx_dropped", s.rx_dropped + count_drops(&counted)},
		{"rx_errors", s.rx_errors},
		{"tx_packets", s.tx_packets},
		{"tx_bytes", s.tx_bytes},
		{"tx_dropped", s.tx_dropped},
		{"tx_errors", s.tx_errors},
		{"collisions", s.collisions},
		{"forwarded", counted.forwarded},
		{"upcalls", counted.upcalls},
		{"queued", counted.queued},
	};
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		json_object_set_new(json, counters[i].key, json_integer((json_int_t)counters[i].value));
	json_object_set_new(json, "drops", drops_of(&counted));
	json_array_append_new(q->ports, json);
}

static int stats_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	struct port_query *q = aux;

	q->answer = answer;
	return each_iface(br, q, json, put_stats, err);
}

static int port_stats(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,names", err);
	struct port_query q = {
		.port = control_str(params, "port", NULL, &error, err),
		.names = control_bool(params, "names", false, &error, err),
	};

	(void)request;
	if (!error)
		revalidate_pull_stats(); /* what patch and tunnel ports count */
	return error ? error : each_bridge(params, stats_of_bridge, &q, result, err);
}

/* ---- descriptions ---- */

static const struct {
	uint32_t bit;
	const char *ofctl; /* as dump-ports-desc prints it */
	const char *word;  /* what mod-port calls the opposite */
} config_bits[] = {
	{OFPPC_PORT_DOWN, "PORT_DOWN", "up"},
	{OFPPC_NO_STP, "NO_STP", "stp"},
	{OFPPC_NO_RECV, "NO_RECV", "receive"},
	{OFPPC_NO_RECV_STP, "NO_RECV_STP", "receive-stp"},
	{OFPPC_NO_FLOOD, "NO_FLOOD", "flood"},
	{OFPPC_NO_FWD, "NO_FWD", "forward"},
	{OFPPC_NO_PACKET_IN, "NO_PACKET_IN", "packet-in"},
};

static uint32_t config_of(const struct iface *iface)
{
	return iface->config | (iface->admin_up ? 0 : OFPPC_PORT_DOWN);
}

static void put_desc_text(const struct iface *iface, struct ds *out)
{
	const uint8_t *m = iface->mac;
	const char *space = "";

	ds_put_char(out, ' ');
	put_port(out, iface, false, 0);
	ds_printf(out, "(%s): addr:%02x:%02x:%02x:%02x:%02x:%02x\n     config:     ", iface->name, m[0], m[1], m[2],
		  m[3], m[4], m[5]);
	for (size_t i = 0; i < ARRAY_SIZE(config_bits); i++)
		if (config_of(iface) & config_bits[i].bit) {
			ds_printf(out, "%s%s", space, config_bits[i].ofctl);
			space = " ";
		}
	ds_printf(out, "%s\n     state:      %s\n     speed: 0 Mbps now, 0 Mbps max\n", *space ? "" : "0",
		  iface->link_up ? "0" : "LINK_DOWN");
}

static void put_desc(struct iface *iface, struct port_query *q)
{
	const uint8_t *m = iface->mac;
	json_t *json, *config;
	char mac[18];

	if (!q->answer->as_json) {
		put_desc_text(iface, &q->answer->text);
		return;
	}
	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	json = port_head(iface);
	config = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(config_bits); i++)
		if (config_of(iface) & config_bits[i].bit)
			json_array_append_new(config, config_bits[i].bit == OFPPC_PORT_DOWN
							      ? json_string("down")
							      : json_sprintf("no-%s", config_bits[i].word));
	json_object_set_new(json, "mac", json_string(mac));
	json_object_set_new(json, "type", json_string(iface_type_name(iface->type)));
	json_object_set_new(json, "mtu", json_integer(iface->mtu));
	json_object_set_new(json, "config", config);
	json_object_set_new(json, "state", iface->link_up ? json_array() : json_pack("[s]", "link-down"));
	if (iface->dev->error)
		json_object_set_new(json, "error", json_string(iface->dev->error));
	json_array_append_new(q->ports, json);
}

static int desc_of_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	struct port_query *q = aux;

	q->answer = answer;
	return each_iface(br, q, json, put_desc, err);
}

static int port_desc(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port", err);
	struct port_query q = {.port = control_str(params, "port", NULL, &error, err)};

	(void)request;
	return error ? error : each_bridge(params, desc_of_bridge, &q, result, err);
}

/* ---- mod-port ---- */

/* Up and down are the device's; the rest is ours alone. */
static int set_admin(struct iface *iface, bool up, struct errtext *err)
{
	const struct netdev_port *dev = iface->dev;
	int ifindex = dev->outer_ifindex ? dev->outer_ifindex : dev->ifindex;
	int error = ifindex ? netdev_set_up(ifindex, up) : 0;

	if (error)
		return errtext_set(err, -error, "mod-port %s: the device cannot be set %s: %s", iface->name,
				   up ? "up" : "down", strerror(-error));
	switch_wrlock();
	iface->admin_up = up;
	iface->config = up ? iface->config & ~(uint32_t)OFPPC_PORT_DOWN : iface->config | OFPPC_PORT_DOWN;
	switch_wrunlock();
	return 0;
}

static int apply_action(struct iface *iface, const char *action, struct errtext *err)
{
	bool off = !strncmp(action, "no-", 3);
	const char *word = off ? action + 3 : action;

	if (!strcmp(action, "up") || !strcmp(action, "down"))
		return set_admin(iface, !strcmp(action, "up"), err);
	for (size_t i = 0; i < ARRAY_SIZE(config_bits); i++) {
		uint32_t bit = config_bits[i].bit;

		if (bit == OFPPC_PORT_DOWN || strcmp(word, config_bits[i].word) != 0)
			continue;
		switch_wrlock();
		iface->config = off ? iface->config | bit : iface->config & ~bit;
		switch_wrunlock();
		return 0;
	}
	return errtext_set(err, EINVAL,
			   "mod-port: unknown action '%.40s'; known are up, down, flood, receive, forward, stp, "
			   "receive-stp and packet-in, all but "
			   "the first two also with no- in front",
			   action);
}

static int port_mod(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,action", err);
	const char *word = control_str(params, "port", "", &error, err);
	const char *action = control_str(params, "action", "", &error, err);
	struct bridge *br;
	struct iface *iface;

	(void)request;
	if (!error)
		error = need_bridge(params, &br, err);
	if (!error)
		error = iface_of_word(br, word, &iface, err);
	if (!error)
		error = apply_action(iface, action, err);
	if (error)
		return error;
	switch_changed();
	switch_publish();
	iface_dev_report(iface);
	*result = control_text("");
	return 0;
}

/* ---- open-tap ---- */

static int port_open_tap(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "port,offload", err), fd = -1;
	const char *name = control_str(params, "port", "", &error, err);
	bool offload = control_bool(params, "offload", true, &error, err);
	const struct iface *iface = iface_by_name(name);
	char mac[18];

	if (error)
		return error;
	if (!iface)
		return errtext_set(err, ENOENT, "no port named %.60s", name);
	error = iface_dev_open_tap(iface, offload, &fd, err);
	if (error)
		return error;
	control_attach_fd(request, fd);
	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", iface->mac[0], iface->mac[1], iface->mac[2],
		 iface->mac[3], iface->mac[4], iface->mac[5]);
	*result = json_pack("{s:s, s:s, s:s, s:I, s:i}", "text", "", "name", iface->name, "mac", mac, "mtu",
			    (json_int_t)iface->mtu, "exit", 0);
	return 0;
}

void port_commands_register(void)
{
	control_register("port/stats", port_stats);
	control_register("port/desc", port_desc);
	control_register("port/mod", port_mod);
	control_register("port/open-tap", port_open_tap);
}
