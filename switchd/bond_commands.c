// SPDX-License-Identifier: Apache-2.0
/* bond/...: bonds as people see them. Text is that of ovs-appctl. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "switchd/bond.h"
#include "switchd/bond_ask.h"
#include "switchd/bridge_config.h"
#include "switchd/command_util.h"
#include "switchd/commands.h"
#include "switchd/config_rows.h"
#include "switchd/control.h"

static bool is_balanced(const struct bond_port *b)
{
	return b->bond.config.mode != BOND_ACTIVE_BACKUP;
}

static const char *lacp_status(const struct bond_port *b)
{
	return !b->bond.config.has_lacp ? "off" : b->bond.is_negotiated ? "negotiated" : "configured";
}

/* ---- bond/show ---- */

static void put_member(const struct bond_port *b, const struct bond_link *l, int64_t now_ms, struct ds *out)
{
	const struct bond_member *m = &l->bond;

	ds_printf(out, "\nmember %s: %s\n", l->name, m->is_enabled ? "enabled" : "disabled");
	if (m == b->bond.active)
		ds_put(out, "  active member\n");
	if (m->change_ms != BOND_NEVER && m->change_ms > now_ms)
		ds_printf(out, "  %s expires in %" PRId64 " ms\n", m->is_enabled ? "downdelay" : "updelay",
			  m->change_ms - now_ms);
	ds_printf(out, "  may_enable: %s\n",
		  l->has_carrier && (!b->bond.config.has_lacp || m->lacp_ok ||
				     (!b->bond.is_negotiated && b->bond.config.lacp_fallback_ab))
			  ? "true"
			  : "false");
	for (unsigned int i = 0; is_balanced(b) && i < BOND_N_BUCKETS; i++)
		if (b->bond.buckets[i].member == m && b->bond.buckets[i].load / 1024)
			ds_printf(out, "  hash %u: %" PRIu64 " kB load\n", i, b->bond.buckets[i].load / 1024);
}

static void put_active(const struct bond_port *b, struct ds *out)
{
	const struct bond_link *l = b->bond.active ? container_of(b->bond.active, struct bond_link, bond) : NULL;
	const uint8_t none[6] = {0}, *m = l ? l->mac : none;

	ds_printf(out, "active member mac: %02x:%02x:%02x:%02x:%02x:%02x(%s)\n", m[0], m[1], m[2], m[3], m[4], m[5],
		  l ? l->name : "none");
}

static void put_bond(const struct bond_port *b, int64_t now_ms, struct ds *out)
{
	const struct bond_config *c = &b->bond.config;

	ds_printf(out, "---- %s ----\nbond_mode: %s\n", b->name, bond_mode_name(c->mode));
	ds_printf(out, "bond may use recirculation: no, Recirc-ID : -1\nbond-hash-basis: %u\n", c->hash_basis);
	ds_printf(out, "lb_output action: enabled, bond-id: %u\n", b->id);
	if (c->all_members_active)
		ds_put(out, "all members active: true\n");
	ds_printf(out, "updelay: %" PRId64 " ms\ndowndelay: %" PRId64 " ms\n", c->updelay_ms, c->downdelay_ms);
	if (is_balanced(b) && b->bond.rebalance_at_ms != BOND_NEVER)
		ds_printf(out, "next rebalance: %" PRId64 " ms\n", MAX(b->bond.rebalance_at_ms - now_ms, 0));
	ds_printf(out, "lacp_status: %s\nlacp_fallback_ab: %s\n", lacp_status(b),
		  c->lacp_fallback_ab ? "true" : "false");
	ds_printf(out, "active-backup primary: %s\n", b->settings.primary[0] ? b->settings.primary : "<none>");
	put_active(b, out);
	for (const struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		put_member(b, l, now_ms, out);
	ds_put_char(out, '\n');
}

static json_t *members_json(const struct bond_port *b)
{
	json_t *members = json_array();

	for (const struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		json_array_append_new(members, json_pack("{s:s, s:b, s:b, s:b, s:i, s:I}", "name", l->name, "enabled",
							 l->bond.is_enabled, "active", &l->bond == b->bond.active,
							 "link", l->has_carrier, "buckets", (int)l->bond.n_buckets,
							 "load", (json_int_t)l->bond.load));
	return members;
}

static json_t *bond_json(const struct bond_port *b)
{
	const struct bond_config *c = &b->bond.config;

	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:s, s:s?, s:o}", "name", b->name, "bridge",
			 b->bridge_name, "mode", bond_mode_name(c->mode), "id", (int)b->id, "hash_basis",
			 (json_int_t)c->hash_basis, "updelay_ms", (json_int_t)c->updelay_ms, "downdelay_ms",
			 (json_int_t)c->downdelay_ms, "lacp", lacp_status(b), "active",
			 b->bond.active ? b->bond.active->name : NULL, "members", members_json(b));
}

static void put_loaded(struct bond_port *b, struct ds *out)
{
	bond_pull_loads(b);
	put_bond(b, clock_now_ms(), out);
}

static int show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	static const struct bond_question question = {
		.key = "bonds",
		.put = put_loaded,
		.json = bond_json,
		.unknown = "no such bond:",
		.remedy = "`vsw bond list` shows them",
	};

	(void)request;
	return bond_ask(&question, params, result, err);
}

/* ---- bond/list ---- */

static void put_line(struct bond_port *b, struct ds *out)
{
	ds_printf(out, "%s\t%s\t0\t", b->name, bond_mode_name(b->bond.config.mode));
	for (const struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		ds_printf(out, "%s%s", l == bond_first_link(b) ? "" : ", ", l->name);
	ds_put_char(out, '\n');
}

static int list(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	static const struct bond_question question = {
		.key = "bonds",
		.head = "bond\ttype\trecircID\tmembers\n",
		.put = put_line,
		.json = bond_json,
	};

	(void)request;
	return bond_ask(&question, params, result, err);
}

/* ---- bond/hash ---- */

static int hash(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "mac,vlan,basis", err);
	const char *text = control_str(params, "mac", "", &error, err);
	int64_t vlan = control_int(params, "vlan", 0, &error, err),
		basis = control_int(params, "basis", 0, &error, err);
	bool as_json = control_wants_json(params, &error, err);
	struct ds out = DS_INIT;
	unsigned int bucket;
	uint8_t mac[6];

	(void)request;
	if (!error)
		error = mac_parse(text, mac, err);
	if (!error && (vlan < 0 || vlan > 4095))
		error = errtext_set(err, EINVAL, "vlan: %lld is no VLAN; they go from 0 to 4095", (long long)vlan);
	if (!error && (basis < 0 || basis > UINT32_MAX))
		error = errtext_set(err, EINVAL, "basis: it is a number of 32 bits");
	if (error)
		return error;
	bucket = bond_source_bucket(mac, (uint16_t)vlan, (uint32_t)basis);
	ds_printf(&out, "%u\n", bucket);
	*result = as_json ? json_pack("{s:i, s:i}", "bucket", (int)bucket, "exit", 0) : control_text(ds_cstr(&out));
	ds_fini(&out);
	return 0;
}

/* ---- decisions of a person's ---- */

struct order {
	struct bond_port *bond;
	struct bond_link *link;
	int64_t bucket;
};

/* Return: 0 or'ed with enum bond_change, or negative errno with @err. */
typedef int order_fn(const struct order *order, struct errtext *err);

static int do_enable(const struct order *o, struct errtext *err)
{
	if (!o->link->has_carrier)
		return errtext_set(err, EINVAL, "member %s has no link", o->link->name);
	return (int)bond_member_enable(&o->bond->bond, &o->link->bond, true);
}

static int do_disable(const struct order *o, struct errtext *err)
{
	(void)err;
	return (int)bond_member_enable(&o->bond->bond, &o->link->bond, false);
}

static int not_enabled(const struct order *o, struct errtext *err)
{
	return errtext_set(err, EINVAL, "cannot make disabled member %s carry anything", o->link->name);
}

static int do_set_active(const struct order *o, struct errtext *err)
{
	int changes = bond_set_active(&o->bond->bond, &o->link->bond);

	return changes < 0 ? not_enabled(o, err) : changes;
}

static int do_migrate(const struct order *o, struct errtext *err)
{
	int changes;

	if (!is_balanced(o->bond))
		return errtext_set(err, EINVAL, "bond %s is active-backup: there is no load to migrate", o->bond->name);
	if (o->bucket < 0 || o->bucket >= BOND_N_BUCKETS)
		return errtext_set(err, EINVAL, "bucket: %lld is out of the range 0 to %d", (long long)o->bucket,
				   BOND_N_BUCKETS - 1);
	changes = bond_migrate(&o->bond->bond, (unsigned int)o->bucket, &o->link->bond);
	return changes < 0 ? not_enabled(o, err) : changes;
}

static struct bond_link *link_by_name(const struct bond_port *b, const char *name)
{
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		if (!strcmp(l->name, name))
			return l;
	return NULL;
}

static int find(const char *port, const char *member, struct order *o, struct errtext *err)
{
	o->bond = bond_by_name(port);
	if (!o->bond)
		return errtext_set(err, ENOENT, "no such bond: %.60s; `vsw bond list` shows them", port);
	o->link = link_by_name(o->bond, member);
	return o->link ? 0 : errtext_set(err, ENOENT, "bond %s has no such member: %.60s", port, member);
}

static int obey(const json_t *params, order_fn *fn, const char *said, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "port,member,bucket", err);
	const char *port = control_str(params, "port", "", &error, err);
	const char *member = control_str(params, "member", "", &error, err);
	struct order o = {.bucket = control_int(params, "bucket", -1, &error, err)};
	bool as_json = control_wants_json(params, &error, err);

	bonds_lock();
	if (!error)
		error = find(port, member, &o, err);
	if (!error && o.link)
		error = fn(&o, err);
	if (error > 0)
		bond_tell(o.bond, (unsigned int)error);
	bonds_unlock();
	switch_changed();
	if (error < 0)
		return error;
	*result = as_json ? json_pack("{s:i}", "exit", 0) : control_text(said);
	return 0;
}

static int enable(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return obey(params, do_enable, "enabled\n", result, err);
}

static int disable(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return obey(params, do_disable, "disabled\n", result, err);
}

static int set_active(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return obey(params, do_set_active, "done\n", result, err);
}

static int migrate(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	(void)request;
	return obey(params, do_migrate, "migrated\n", result, err);
}

void bond_commands_register(void)
{
	control_register("bond/show", show);
	control_register("bond/list", list);
	control_register("bond/hash", hash);
	control_register("bond/enable-member", enable);
	control_register("bond/disable-member", disable);
	control_register("bond/set-active-member", set_active);
	control_register("bond/migrate", migrate);
}
