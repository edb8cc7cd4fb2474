// SPDX-License-Identifier: Apache-2.0
/* The method `hosts`: addresses learnt per port. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ds.h"
#include "flow/addr_text.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/hosts.h"

static void put_line(const struct host *h, const char *ip, const char *mac, int64_t age_s, struct ds *out)
{
	ds_printf(out, "%-15s %4u  %s  %-25s %-4s %5" PRId64 "%s\n", h->port->name, h->vlan, mac, ip,
		  host_source_name(h->source), age_s, h->is_dropped ? "  (dropped)" : "");
}

static json_t *to_json(const struct host *h, const char *ip, const char *mac, int64_t age_s)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:b}", "port", h->port->name, "vlan", (int)h->vlan, "mac", mac,
			 "address", ip, "source", host_source_name(h->source), "age_s", (json_int_t)age_s, "dropped",
			 (int)h->is_dropped);
}

static int show_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	json_t *entries = json_array();
	struct host *list;
	size_t n = hosts_snapshot(br->hosts, NULL, &list);

	(void)aux;
	(void)err;
	if (!answer->as_json)
		ds_put(&answer->text,
		       "port            VLAN  MAC                address                   from   age\n");
	for (size_t i = 0; i < n; i++) {
		int64_t age_s = (clock_now_ms() - list[i].seen_ms) / 1000;
		struct ds ip = DS_INIT, mac = DS_INIT;

		host_put_ip(&ip, list[i].is_v6, list[i].ip);
		eth_put(&mac, list[i].mac);
		if (answer->as_json)
			json_array_append_new(entries, to_json(&list[i], ds_cstr(&ip), ds_cstr(&mac), age_s));
		else
			put_line(&list[i], ds_cstr(&ip), ds_cstr(&mac), age_s, &answer->text);
		ds_fini(&ip);
		ds_fini(&mac);
	}
	free(list);
	json_object_set_new(json, "hosts", entries);
	return 0;
}

static int show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge", err);

	(void)request;
	return error ? error : each_bridge(params, show_bridge, NULL, result, err);
}

void host_commands_register(void)
{
	control_register("hosts", show);
}
