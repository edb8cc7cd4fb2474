// SPDX-License-Identifier: Apache-2.0
/* fdb/show, fdb/flush, fdb/add, fdb/del: the MAC tables. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "switchd/bond.h"
#include "switchd/bridge_config.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/config_rows.h"
#include "switchd/control.h"
#include "switchd/fdb.h"
#include "switchd/revalidate.h"

LOG_MODULE(fdb_commands);

static int show_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	(void)aux;
	(void)err;
	/* Addresses of busy flows are as fresh as the flows. */
	revalidate_pull_stats();
	if (answer->as_json)
		json_object_set_new(json, "entries", fdb_to_json(br->fdb, clock_now_ms()));
	else
		fdb_format(br->fdb, clock_now_ms(), &answer->text);
	return 0;
}

static int fdb_show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge", err);

	(void)request;
	return error ? error : each_bridge(params, show_bridge, NULL, result, err);
}

struct flush {
	const char *port;
	int64_t vlan;
};

static int flush_bridge(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err)
{
	const struct flush *f = aux;
	struct iface *iface = NULL;
	int error = f->port ? iface_of_word(br, f->port, &iface, err) : 0;
	size_t n;

	if (error)
		return error;
	/* What came before this command must not be learnt after it. */
	revalidate_pull_stats();
	n = fdb_flush(br->fdb, iface ? iface->port : NULL, f->vlan < 0 ? -1 : (int)f->vlan);
	/* What comes back by a bond is known by its source: that must be learnt anew before it is sent. */
	if (bridge_has_slb(br))
		revalidate_relearn(br);
	json_object_set_new(json, "n", json_integer((json_int_t)n));
	ds_clear(&answer->text);
	return 0;
}

static int fdb_flush_some(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,vlan", err);
	struct flush f = {
		.port = control_str(params, "port", NULL, &error, err),
		.vlan = control_int(params, "vlan", -1, &error, err),
	};

	(void)request;
	if (!error && f.vlan >= N_VLANS)
		error = errtext_set(err, EINVAL, "fdb flush: %lld is no VLAN", (long long)f.vlan);
	if (!error)
		error = each_bridge(params, flush_bridge, &f, result, err);
	if (!error)
		revalidate_all();
	return error;
}

/* What fdb/add and fdb/del have in common. */
static int read_entry(const json_t *params, struct bridge **br, uint16_t *vlan, uint8_t mac[6], struct errtext *err)
{
	int error = need_bridge(params, br, err);
	int64_t v = control_int(params, "vlan", 0, &error, err);
	const char *text = control_str(params, "mac", "", &error, err);

	if (!error && (v < 0 || v >= N_VLANS - 1))
		error = errtext_set(err, EINVAL, "%lld is no VLAN; they go from 0 to 4094", (long long)v);
	*vlan = (uint16_t)v;
	return error ? error : mac_parse(text, mac, err);
}

/* Static entries are configuration of a kind: they must survive a crash, too. */
static void keep(struct bridge *br)
{
	struct errtext err;

	if (bridge_save_fdb(br, &err))
		log_warn("bridge %s: static entries will not survive a restart: %s", br->name, err.text);
	revalidate_all();
}

static int fdb_add(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,port,vlan,mac", err);
	const char *word = control_str(params, "port", "", &error, err);
	struct bridge *br = NULL;
	struct iface *iface;
	uint8_t mac[6];
	uint16_t vlan = 0;

	(void)request;
	if (!error)
		error = read_entry(params, &br, &vlan, mac, err);
	if (!error)
		error = iface_of_word(br, word, &iface, err);
	if (!error && fdb_add_static(br->fdb, vlan, mac, iface->port, clock_now_ms()))
		error = errtext_set(err, ENOSPC, "the MAC table of bridge %s is full of static entries", br->name);
	if (error)
		return error;
	keep(br);
	*result = control_text("");
	return 0;
}

static int fdb_delete(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bridge,vlan,mac", err);
	struct bridge *br = NULL;
	uint8_t mac[6];
	uint16_t vlan = 0;

	(void)request;
	if (!error)
		error = read_entry(params, &br, &vlan, mac, err);
	if (!error)
		revalidate_pull_stats(); /* as above */
	if (!error && fdb_del(br->fdb, vlan, mac))
		error = errtext_set(err, ENOENT, "the MAC table of bridge %s has no such entry in VLAN %u", br->name,
				    vlan);
	if (error)
		return error;
	keep(br);
	*result = control_text("");
	return 0;
}

void fdb_commands_register(void)
{
	control_register("fdb/show", fdb_show);
	control_register("fdb/flush", fdb_flush_some);
	control_register("fdb/add", fdb_add);
	control_register("fdb/del", fdb_delete);
}
