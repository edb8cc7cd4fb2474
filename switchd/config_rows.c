// SPDX-License-Identifier: Apache-2.0
#include "switchd/config_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "os/netdev.h"
#include "ovsdb/db.h"
#include "switchd/link_settings.h"
#include "switchd/fdb.h"
#include "switchd/qos_settings.h"
#include "switchd/source_guard.h"

enum { MAX_VLAN = 4094, MAX_MTU = 65535 };

int mac_parse(const char *text, uint8_t mac[6], struct errtext *err)
{
	unsigned int b[6];
	int n = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &n) != 6 || text[n] ||
	    n != 17)
		return errtext_set(err, EINVAL,
				   "'%.40s' is no MAC address; expected six pairs of hexadecimal digits, such as "
				   "02:00:00:00:00:01",
				   text);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	if (mac[0] & 1)
		return errtext_set(err, EINVAL, "'%s' is a multicast address; an interface has a unicast one", text);
	return 0;
}

/* Keys that begin with @prefix do nothing in the other_config of this row, so they are refused: @hint says where they belong. */
static int refuse_keys(const struct db_row *row, const struct db_txn *txn, const char *prefix, const char *hint,
		       struct errtext *err)
{
	const struct datum *d = db_get(row, txn, "other_config");

	for (size_t i = 0; i < d->n; i++)
		if (!strncmp(d->keys[i].string, prefix, strlen(prefix)))
			return errtext_set(err, EINVAL, "other_config:%.40s: %s", d->keys[i].string, hint);
	return 0;
}

/* ---- bridges ---- */

static int read_number(const struct db_row *row, const struct db_txn *txn, const char *key, uint64_t max,
		       uint64_t fallback, uint64_t *value, struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, NULL);

	*value = fallback;
	if (text && !str_to_uint(text, 10, max, value))
		return errtext_set(err, EINVAL, "other_config:%s: '%.40s' is no number from 0 to %llu", key, text,
				   (unsigned long long)max);
	return 0;
}

static bool is_true(const struct db_row *row, const struct db_txn *txn, const char *key)
{
	const char *text = db_get_key(row, txn, "other_config", key, "");

	return !strcmp(text, "true");
}

/* hwaddr, else what the bridge has, else made of the row's UUID: the same after every reboot. */
static int bridge_mac(const struct db_row *row, const struct db_txn *txn, const char *name, uint8_t mac[6],
		      struct errtext *err)
{
	const char *hwaddr = db_get_key(row, txn, "other_config", "hwaddr", NULL);
	const struct bridge *br = bridge_by_name(name);
	int error;

	if (hwaddr) {
		error = mac_parse(hwaddr, mac, err);
		if (error)
			errtext_prefix(err, "other_config:hwaddr");
		return error;
	}
	memcpy(mac, br ? br->mac : db_row_uuid(row)->b, 6);
	mac[0] = br ? mac[0] : (uint8_t)((mac[0] | 0x02) & 0xfe);
	return 0;
}

static uint64_t mac_to_u64(const uint8_t mac[6])
{
	uint64_t x = 0;

	for (int i = 0; i < 6; i++)
		x = x << 8 | mac[i];
	return x;
}

static int bridge_datapath_id(const struct db_row *row, const struct db_txn *txn, const uint8_t mac[6], uint64_t *id,
			      struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", "datapath-id", NULL);
	const char *digits = text && !strncmp(text, "0x", 2) ? text + 2 : text;

	*id = mac_to_u64(mac);
	if (text && (strlen(digits) > 16 || !str_to_uint(digits, 16, UINT64_MAX, id) || !*id))
		return errtext_set(err, EINVAL,
				   "other_config:datapath-id: '%.40s' is no number of up to 16 hexadecimal digits",
				   text);
	return 0;
}

/* A set of VLANs as a bitmap. An empty set is NULL. */
static int read_vlans(const struct db_row *row, const struct db_txn *txn, const char *column, uint64_t **bitmap,
		      struct errtext *err)
{
	const struct datum *d = db_get(row, txn, column);

	*bitmap = NULL;
	for (size_t i = 0; i < d->n; i++)
		if (d->keys[i].integer > MAX_VLAN)
			return errtext_set(err, EINVAL, "%s: %lld is no VLAN; they go from 0 to %d", column,
					   (long long)d->keys[i].integer, MAX_VLAN);
	if (!d->n)
		return 0;
	*bitmap = xcalloc(N_VLANS / 64, sizeof **bitmap);
	for (size_t i = 0; i < d->n; i++)
		(*bitmap)[d->keys[i].integer / 64] |= 1ull << (d->keys[i].integer % 64);
	return 0;
}

static int check_datapath_type(const char *type, struct errtext *err)
{
	if (!*type || !strcmp(type, "system") || !strcmp(type, "netdev") || !strcmp(type, "dummy"))
		return 0;
	return errtext_set(err, EINVAL, "datapath_type: '%.40s' is unknown; leave it empty, or use dummy", type);
}

int bridge_settings_of(const struct db_row *row, const struct db_txn *txn, struct bridge_settings *s,
		       struct errtext *err)
{
	const char *type = db_get_string(row, txn, "datapath_type", "");
	uint64_t ageing_s, table_size;
	int error;

	*s = (struct bridge_settings){
		.name = db_get_string(row, txn, "name", ""),
		.is_dummy = !strcmp(type, "dummy"),
		.fail_secure = !strcmp(db_get_string(row, txn, "fail_mode", ""), "secure"),
		.forward_bpdu = is_true(row, txn, "forward-bpdu"),
	};
	error = netdev_name_check(s->name, err);
	if (!error)
		error = check_datapath_type(type, err);
	if (!error)
		error = bridge_mac(row, txn, s->name, s->mac, err);
	if (!error)
		error = bridge_datapath_id(row, txn, s->mac, &s->datapath_id, err);
	if (!error)
		error = read_number(row, txn, "mac-aging-time", 86400 * 365, FDB_DEFAULT_AGEING_MS / 1000, &ageing_s,
				    err);
	if (!error)
		error = read_number(row, txn, "mac-table-size", FDB_MAX_ENTRIES, FDB_DEFAULT_MAX_ENTRIES, &table_size,
				    err);
	if (!error)
		error = loop_guard_settings_of(row, txn, &s->loop_guard, err);
	if (error)
		return error;
	s->mac_ageing_ms = (int64_t)ageing_s * 1000;
	s->mac_table_size = (size_t)table_size;
	return read_vlans(row, txn, "flood_vlans", &s->flood_vlans, err);
}

/* ---- ports ---- */

static const struct {
	const char *name;
	enum vlan_mode mode;
} vlan_modes[] = {
	{"trunk", VLAN_TRUNK},
	{"access", VLAN_ACCESS},
	{"native-tagged", VLAN_NATIVE_TAGGED},
	{"native-untagged", VLAN_NATIVE_UNTAGGED},
	{"dot1q-tunnel", VLAN_DOT1Q_TUNNEL},
};

/* Without a mode, a tag makes an access port. */
static enum vlan_mode vlan_mode_of(const struct db_row *row, const struct db_txn *txn, int tag)
{
	const char *text = db_get_string(row, txn, "vlan_mode", "");

	for (size_t i = 0; i < ARRAY_SIZE(vlan_modes); i++)
		if (!strcmp(text, vlan_modes[i].name))
			return vlan_modes[i].mode;
	return tag >= 0 ? VLAN_ACCESS : VLAN_TRUNK;
}

struct word {
	const char *name;
	int value;
};

static const struct word priority_tags_words[] = {
	{"if-nonzero", PRIORITY_TAGS_IF_NONZERO}, {"always", PRIORITY_TAGS_ALWAYS}, {"never", PRIORITY_TAGS_NEVER},
	{"true", PRIORITY_TAGS_IF_NONZERO},	  {"false", PRIORITY_TAGS_NEVER},   {NULL, PRIORITY_TAGS_NEVER},
};
static const struct word qinq_words[] = {{"802.1ad", 0x88a8}, {"802.1q", 0x8100}, {NULL, 0x88a8}};

/* A key of other_config that has one of some values; without the key it is the value of the last word, which has no name. */
static int read_word(const struct db_row *row, const struct db_txn *txn, const char *key, const struct word *word,
		     int *value, struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, NULL), *first = word->name;

	while (word->name && (!text || strcmp(text, word->name) != 0))
		word++;
	*value = word->value;
	if (text && !word->name)
		return errtext_set(err, EINVAL, "other_config:%s: '%.40s' is unknown; expected a value such as %s", key,
				   text, first);
	return 0;
}

int port_settings_of(const struct db_row *row, const struct db_txn *txn, struct port_settings *s, struct errtext *err)
{
	int tag = (int)db_get_integer(row, txn, "tag", -1);
	const char *guard = db_get_key(row, txn, "other_config", "anti-spoof", NULL);
	int error, priority_tags, ethtype;

	error = read_word(row, txn, "priority-tags", priority_tags_words, &priority_tags, err);
	if (!error)
		error = read_word(row, txn, "qinq-ethtype", qinq_words, &ethtype, err);
	if (error)
		return error;
	*s = (struct port_settings){
		.name = db_get_string(row, txn, "name", ""),
		.tag = tag,
		.vlan_mode = vlan_mode_of(row, txn, tag),
		.qinq_ethtype = (uint16_t)ethtype,
		.priority_tags = (enum vlan_priority_tags)priority_tags,
		.is_protected = db_get_boolean(row, txn, "protected", false),
	};
	if (tag > MAX_VLAN)
		return errtext_set(err, EINVAL, "tag: %d is no VLAN; they go from 0 to %d", tag, MAX_VLAN);
	error = bond_settings_of(row, txn, &s->bond, err);
	if (!error)
		error = read_vlans(row, txn, "trunks", &s->trunks, err);
	if (error)
		return error;
	error = read_vlans(row, txn, "cvlans", &s->cvlans, err);
	if (!error)
		error = refuse_keys(row, txn, "link-", "this is the interface's: `vsw set-link PORT ...` sets it", err);
	if (!error)
		error = storm_settings_of(row, txn, &s->storm, err);
	if (!error)
		error = loop_guard_settings_of(row, txn, &s->loop_guard, err);
	if (!error)
		error = qos_settings_of(row, txn, &s->qos, err);
	if (!error && guard)
		error = source_guard_parse(guard, &s->guard, err);
	if (error) {
		free(s->qos);
		free(s->trunks);
		free(s->cvlans);
		return error;
	}
	/* The native VLAN is carried, listed or not. */
	if (s->trunks && tag >= 0 && (s->vlan_mode == VLAN_NATIVE_TAGGED || s->vlan_mode == VLAN_NATIVE_UNTAGGED))
		s->trunks[tag / 64] |= 1ull << (tag % 64);
	return 0;
}

/* ---- interfaces ---- */

static int read_mac(const struct db_row *row, const struct db_txn *txn, const struct db_row *bridge,
		    struct iface_settings *s, struct errtext *err)
{
	const char *mac = db_get_string(row, txn, "mac", NULL);
	bool is_local = !strcmp(s->name, db_get_string(bridge, txn, "name", ""));
	int error;

	if (!mac && is_local)
		mac = db_get_key(bridge, txn, "other_config", "hwaddr", NULL);
	if (!mac)
		return 0;
	error = mac_parse(mac, s->mac, err);
	s->has_mac = !error;
	return error;
}

struct tunnel_row {
	const struct db_row *row;
	const struct db_txn *txn;
};

static const char *tunnel_option(void *aux, const char *name)
{
	const struct tunnel_row *r = aux;

	return db_get_key(r->row, r->txn, "options", name, NULL);
}

static int read_tunnel(const struct db_row *row, const struct db_txn *txn, struct iface_settings *s,
		       struct errtext *err)
{
	struct tunnel_row r = {row, txn};
	struct tunnel_source source = {tunnel_option, &r};

	switch (s->type) {
	case IFACE_VXLAN:
		return tunnel_options_parse(TUNNEL_VXLAN, &source, &s->tunnel, err);
	case IFACE_GENEVE:
		return tunnel_options_parse(TUNNEL_GENEVE, &source, &s->tunnel, err);
	case IFACE_GRE:
		return tunnel_options_parse(TUNNEL_GRE, &source, &s->tunnel, err);
	default:
		return 0;
	}
}

static int read_policing(const struct db_row *row, const struct db_txn *txn, struct policer_settings *s,
			 struct errtext *err)
{
	const struct {
		const char *column;
		uint32_t *value;
	} columns[] = {
		{"ingress_policing_rate", &s->kbps},
		{"ingress_policing_burst", &s->burst_kbit},
		{"ingress_policing_kpkts_rate", &s->kpkts},
		{"ingress_policing_kpkts_burst", &s->burst_kpkts},
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		int64_t value = db_get_integer(row, txn, columns[i].column, 0);

		if (value > UINT32_MAX)
			return errtext_set(err, EINVAL, "%s: %lld is out of the range 0 to %u", columns[i].column,
					   (long long)value, UINT32_MAX);
		*columns[i].value = (uint32_t)value;
	}
	return 0;
}

static int read_queues(const struct db_row *row, const struct db_txn *txn, struct iface_settings *s,
		       struct errtext *err)
{
	const char *text = s->type == IFACE_TAP ? db_get_key(row, txn, "options", "queues", NULL) : NULL;
	uint64_t n = 1;

	if (text && (!str_to_uint(text, 10, IFACE_MAX_QUEUES, &n) || !n))
		return errtext_set(err, EINVAL, "options:queues: '%.40s' is no number from 1 to %d", text,
				   IFACE_MAX_QUEUES);
	s->queues = (uint32_t)n;
	return 0;
}

int iface_settings_of(const struct db_row *row, const struct db_txn *txn, const struct db_row *bridge,
		      struct iface_settings *s, struct errtext *err)
{
	int64_t mtu = db_get_integer(row, txn, "mtu_request", 0), ofport = db_get_integer(row, txn, "ofport", 0);
	int error;

	*s = (struct iface_settings){
		.name = db_get_string(row, txn, "name", ""),
		.ofport = ofport > 0 && ofport < OFPP_MAX ? (uint16_t)ofport : 0,
		.ofport_request = (uint16_t)db_get_integer(row, txn, "ofport_request", 0),
		.peer = db_get_key(row, txn, "options", "peer", NULL),
		.stream = db_get_key(row, txn, "options", "stream", NULL),
		.pstream = db_get_key(row, txn, "options", "pstream", NULL),
		.no_direct = !strcmp(db_get_key(row, txn, "options", "direct", "true"), "false"),
	};
	error = iface_type_parse(db_get_string(row, txn, "type", ""), &s->type, err);
	if (error)
		return error;
	/* The bridge's own is internal, whatever the row says. */
	if (!strcmp(s->name, db_get_string(bridge, txn, "name", "")))
		s->type = IFACE_INTERNAL;
	if (mtu > MAX_MTU || (mtu && mtu < 68))
		return errtext_set(err, EINVAL, "mtu_request: %lld is out of the range 68 to %d", (long long)mtu,
				   MAX_MTU);
	s->mtu_request = (uint32_t)mtu;
	error = read_queues(row, txn, s, err);
	if (error)
		return error;
	error = read_tunnel(row, txn, s, err);
	if (!error)
		error = read_policing(row, txn, &s->policer, err);
	if (!error)
		error = refuse_keys(row, txn, "storm-", "this is the port's: `vsw set port PORT ...` sets it", err);
	if (!error)
		error = link_settings_of(row, txn, &s->link, err);
	if (!error)
		error = bond_link_settings_of(row, txn, &s->bond_link, err);
	if (error)
		return error;
	if (link_settings_any(&s->link) && (s->type == IFACE_PATCH || s->tunnel.kind != TUNNEL_NONE))
		return errtext_set(err, EINVAL, "other_config:link-*: a %s port has no link of its own",
				   iface_type_name(s->type));
	if (s->type == IFACE_PATCH && !s->peer)
		return errtext_set(err, EINVAL, "type=patch needs options:peer=NAME");
	if (s->type == IFACE_PATCH && !strcmp(s->peer, s->name))
		return errtext_set(err, EINVAL, "options:peer: a patch port cannot be its own peer");
	return read_mac(row, txn, bridge, s, err);
}
