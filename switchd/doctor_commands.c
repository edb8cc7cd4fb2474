// SPDX-License-Identifier: Apache-2.0
/* doctor/switch and doctor/mtu: what the running switch knows of its own ailments. */
#include "switchd/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "flow/dp_action.h"
#include "switchd/bridge.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"

static json_t *clause(const char *fmt, va_list args)
{
	char text[400];

	vsnprintf(text, sizeof text, fmt, args);
	return json_string(text);
}

json_t *doctor_put(json_t *findings, const char *area, const char *state, const char *what, ...)
{
	json_t *finding = json_pack("{s:s, s:s}", "area", area, "state", state);
	va_list args;

	va_start(args, what);
	json_object_set_new(finding, "what", clause(what, args));
	va_end(args);
	json_array_append_new(findings, finding);
	return finding;
}

void doctor_add(json_t *finding, const char *key, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	json_object_set_new(finding, key, clause(fmt, args));
	va_end(args);
}

/* ---- the datapath ---- */

static void find_datapath(json_t *findings)
{
	struct datapath *dp = vswitch.dp;
	struct dp_stats s = {0};
	json_t *f;

	if (!dp) {
		f = doctor_put(findings, "switch", "no", "no datapath: only bridges with datapath_type=dummy work");
		doctor_add(f, "mend", "vsw service restart, as root; the daemon's log says what is missing");
		return;
	}
	dp->ops->stats(dp, &s);
	if (dp->ops == &datapath_ebpf) {
		doctor_put(findings, "switch", "yes", "datapath ebpf: packets stay in the kernel");
	} else {
		f = doctor_put(findings, "switch", "limited", "datapath %s%s%s", dp->ops->type,
			       vswitch.no_ebpf ? ", because ebpf does not work here: " : "",
			       vswitch.no_ebpf ? vswitch.no_ebpf : "");
		doctor_add(f, "instead", "packets pass through the daemon");
		doctor_add(f, "mend", "vsw service restart --datapath=ebpf");
	}
	if (s.n_daemon_flows) {
		f = doctor_put(findings, "switch", "limited",
			       "%llu of %llu flows are run by the daemon: the kernel has no room for them, or lacks an "
			       "action",
			       (unsigned long long)s.n_daemon_flows, (unsigned long long)s.n_flows);
		doctor_add(f, "mend", "`vsw dump-dp-flows` shows which");
	}
}

/* ---- queues ---- */

static void find_lost(json_t *findings, const struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_port_stats s;
	json_t *f;

	if (iface->dp_port == DP_PORT_NONE || iface_is_tunnel(iface) || dp->ops->port_stats(dp, iface->dp_port, &s))
		return;
	if (s.drops[DROP_UPCALL_QUEUE_FULL]) {
		f = doctor_put(findings, "switch", "limited",
			       "port %s: %llu packets of new flows were dropped because too many waited", iface->name,
			       (unsigned long long)s.drops[DROP_UPCALL_QUEUE_FULL]);
		doctor_add(f, "mend", "`vsw top` shows what comes in there");
	}
	if (s.drops[DROP_STORM]) {
		f = doctor_put(findings, "switch", "limited", "port %s: %llu packets were dropped by its storm guard",
			       iface->name, (unsigned long long)s.drops[DROP_STORM]);
		doctor_add(f, "mend", "`vsw events` says when, and of which kind they were");
	}
	if (s.rx_missed) {
		f = doctor_put(findings, "switch", "limited", "port %s: %llu frames came faster than the daemon reads",
			       iface->name, (unsigned long long)s.rx_missed);
		doctor_add(f, "mend", "vsw service restart --datapath=ebpf");
	}
}

static void find_ports(json_t *findings)
{
	struct iface *iface;
	size_t n = 0, n_broken = 0;

	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces) {
		n++;
		find_lost(findings, iface);
		if (!iface->dev->error)
			continue;
		n_broken++;
		doctor_put(findings, "switch", "no", "port %s of bridge %s: %s", iface->name, iface->bridge->name,
			   iface->dev->error);
	}
	doctor_put(findings, "switch", n_broken ? "limited" : "yes", "%zu of %zu ports work", n - n_broken, n);
}

/* ---- methods ---- */

static int answer(json_t *findings, bool as_json, json_t **result)
{
	struct ds text = DS_INIT;
	json_t *f;
	size_t i;

	json_array_foreach(findings, i, f)
		ds_printf(&text, "%s: %s\n", json_string_value(json_object_get(f, "state")),
			  json_string_value(json_object_get(f, "what")));
	*result = as_json ? json_pack("{s:O, s:i}", "findings", findings, "exit", 0) : control_text(ds_cstr(&text));
	ds_fini(&text);
	json_decref(findings);
	return 0;
}

static void examine_switch(json_t *findings)
{
	find_datapath(findings);
	find_ports(findings);
	doctor_put(findings, "switch", "yes", "database %s", config_path());
}

static int examine(const json_t *params, void (*look)(json_t *findings), json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	json_t *findings;

	if (error)
		return error;
	findings = json_array();
	look(findings);
	return answer(findings, as_json, result);
}

static int switch_findings(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			   struct errtext *err)
{
	return examine(params, examine_switch, result, err);
}

static int mtu_findings(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			struct errtext *err)
{
	return examine(params, doctor_mtu, result, err);
}

void doctor_commands_register(void)
{
	control_register("doctor/switch", switch_findings);
	control_register("doctor/mtu", mtu_findings);
}
