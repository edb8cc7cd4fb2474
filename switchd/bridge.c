// SPDX-License-Identifier: Apache-2.0
/*
 * Bridges, the maps by which everything is found, and the lock that translation and configuration share.
 *
 * A bridge's flow tables, meters and MAC table outlive the daemon in files of the run folder: BRIDGE.flows, BRIDGE.meters, BRIDGE.fdb.
 */
#include "switchd/bridge.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "os/loop.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/fdb.h"
#include "switchd/hosts.h"
#include "switchd/pipeline/meter.h"
#include "switchd/pipeline/table.h"
#include "switchd/revalidate.h"
#include "switchd/tunnel.h"
#include "switchd/upcall.h"

LOG_MODULE(bridge);

struct vswitch vswitch;

/* After expiry took T, the main loop has at least EXPIRY_REST * T for others. */
enum { EXPIRY_REST = 4 };

/* The default of glibc lets readers starve writers for ever. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct loop_timer expiry;
static char *why_no_dp; /* when vswitch.dp is NULL */
static bool changed;

void switch_rdlock(void)
{
	pthread_rwlock_rdlock(&lock);
}

void switch_rdunlock(void)
{
	pthread_rwlock_unlock(&lock);
}

void switch_wrlock(void)
{
	pthread_rwlock_wrlock(&lock);
}

void switch_wrunlock(void)
{
	pthread_rwlock_unlock(&lock);
}

void switch_changed(void)
{
	changed = true;
}

void switch_publish(void)
{
	if (changed)
		revalidate_all();
	changed = false;
}

/* ---- lookups ---- */

struct bridge *bridge_by_name(const char *name)
{
	struct bridge *br;

	HMAP_FOR_EACH_WITH_HASH(br, node, hash_string(name, 0), &vswitch.bridges)
		if (!strcmp(br->name, name))
			return br;
	return NULL;
}

struct port *port_by_name(const char *name)
{
	struct port *port;

	HMAP_FOR_EACH_WITH_HASH(port, name_node, hash_string(name, 0), &vswitch.ports)
		if (!strcmp(port->name, name))
			return port;
	return NULL;
}

struct iface *iface_by_name(const char *name)
{
	struct iface *iface;

	HMAP_FOR_EACH_WITH_HASH(iface, name_node, hash_string(name, 0), &vswitch.ifaces)
		if (!strcmp(iface->name, name))
			return iface;
	return NULL;
}

struct iface *iface_by_dp_port(const struct datapath *dp, uint32_t dp_port)
{
	struct iface *iface;

	HMAP_FOR_EACH_WITH_HASH(iface, dp_node, hash_u64(dp_port, 0), &vswitch.dp_ports)
		if (iface->dp_port == dp_port && iface->bridge->dp == dp)
			return iface;
	return NULL;
}

struct iface *iface_of_key(const struct datapath *dp, const struct pkt_key *key)
{
	struct iface *iface = iface_by_dp_port(dp, key->in_port);

	return iface ? iface : tunnel_find(dp, key);
}

const char *switch_dp_port_name(const struct datapath *dp, uint32_t dp_port)
{
	const struct iface *iface = iface_by_dp_port(dp, dp_port);
	const struct tunnel_dev *dev = iface ? NULL : tunnel_dev_of(dp, dp_port);

	return iface ? iface->name : dev ? dev->name : NULL;
}

struct iface *bridge_iface_by_ofp(const struct bridge *br, uint16_t ofp_port)
{
	struct iface *iface;

	HMAP_FOR_EACH_WITH_HASH(iface, ofp_node, hash_u64(ofp_port, 0), &br->ifaces)
		if (iface->ofp_port == ofp_port)
			return iface;
	return NULL;
}

static int number_of(const struct port_names *self, const char *name, size_t len)
{
	const struct bridge *br = container_of(self, struct bridge, port_names);
	const struct iface *iface;
	char text[256];

	if (len >= sizeof text)
		return -ENOENT;
	memcpy(text, name, len);
	text[len] = '\0';
	iface = iface_by_name(text);
	return iface && iface->bridge == br ? iface->ofp_port : -ENOENT;
}

static const char *name_of(const struct port_names *self, uint32_t port)
{
	const struct bridge *br = container_of(self, struct bridge, port_names);
	const struct iface *iface = port <= UINT16_MAX ? bridge_iface_by_ofp(br, (uint16_t)port) : NULL;

	return iface ? iface->name : NULL;
}

/* ---- the whole ---- */

/* Rules and addresses that time out; one timer for all bridges, off while there is none. */
static void expire(struct loop_timer *self, int64_t now_ms)
{
	int64_t wait_ms = 1000, began_ms = clock_now_ms(), took_ms;
	struct bridge *br;

	/* A rule whose packets are still being counted below is not idle. */
	revalidate_pull_stats();
	HMAP_FOR_EACH(br, node, &vswitch.bridges) {
		wait_ms = MIN(wait_ms, tables_expire(br->tables, now_ms));
		wait_ms = MIN(wait_ms, fdb_expire(br->fdb, now_ms));
		hosts_expire(br->hosts, now_ms);
	}
	/* With very many flows to count, rules that end one after the other end a few at a time. */
	took_ms = clock_now_ms() - began_ms;
	if (!hmap_is_empty(&vswitch.bridges))
		loop_set_timer(vswitch.loop, self, now_ms + MAX(wait_ms, 1) + took_ms * EXPIRY_REST, expire);
}

void vswitch_init(struct loop *loop, const char *rundir)
{
	vswitch.loop = loop;
	vswitch.rundir = rundir;
	hmap_init(&vswitch.bridges);
	hmap_init(&vswitch.ports);
	hmap_init(&vswitch.ifaces);
	hmap_init(&vswitch.dp_ports);
}

void vswitch_set_dp_error(const char *why)
{
	free(why_no_dp);
	why_no_dp = why ? xstrdup(why) : NULL;
}

void vswitch_fini(void)
{
	loop_cancel_timer(vswitch.loop, &expiry);
	loop_guard_stop();
	hmap_fini(&vswitch.bridges);
	hmap_fini(&vswitch.ports);
	hmap_fini(&vswitch.ifaces);
	hmap_fini(&vswitch.dp_ports);
	free(why_no_dp);
	why_no_dp = NULL;
	free(vswitch.no_ebpf);
	vswitch.no_ebpf = NULL;
}

/* ---- bridges ---- */

/* Find or open the datapath that the bridge lives on. */
static int pick_datapath(const struct bridge_settings *settings, struct datapath **dp, struct errtext *err)
{
	struct dp_config config = {
		.loop = vswitch.loop,
		.rundir = vswitch.rundir,
		.upcall = upcall_handle,
		.aux = &vswitch.dummy_dp,
	};
	int error;

	*dp = vswitch.dp;
	if (!settings->is_dummy && !*dp)
		return errtext_set(err, EOPNOTSUPP, "bridge %s: %s; datapath_type=dummy is all that works here",
				   settings->name, why_no_dp ? why_no_dp : "the datapath is not open");
	if (!settings->is_dummy || (*dp && (*dp)->ops == &datapath_dummy))
		return 0;
	if (!vswitch.dummy_dp) {
		error = datapath_dummy.open(&config, &vswitch.dummy_dp, err);
		if (error)
			return error;
	}
	*dp = vswitch.dummy_dp;
	return 0;
}

/* What a bridge without a controller starts with: it forwards like any switch. */
static int add_default_rule(struct bridge *br, struct errtext *err)
{
	struct flow_mod fm;
	static const char text[] = "table=0,priority=0,actions=NORMAL";
	int error = flow_mod_parse(text, sizeof text - 1, FLOW_ADD, NULL, &fm, err);

	if (error)
		return error;
	error = tables_apply(br->tables, &fm, 1, clock_now_ms(), NULL, err);
	flow_mod_fini(&fm);
	return error;
}

static void tables_changed(void *aux, const uint64_t tables[4])
{
	(void)aux;
	revalidate_tables(tables);
}

static char *file_of(const char *bridge, const char *suffix)
{
	return xasprintf("%s/%s.%s", vswitch.rundir, bridge, suffix);
}

/* What flows name must exist. */
static int check_actions(void *aux, const void *ofacts, size_t len, struct errtext *err)
{
	const struct bridge *br = aux;
	uint32_t meter = ofacts_meter(ofacts, len);

	if (!meter || meter_find(br->meters, meter))
		return 0;
	return errtext_set(err, EINVAL, "bridge %s has no meter %u; add-meter makes one", br->name, meter);
}

static int open_meters(struct bridge *br, struct errtext *err)
{
	char *journal = file_of(br->name, "meters");
	int error = meter_table_new(br->name, journal, br->dp, &br->meters, err);

	free(journal);
	return error;
}

/* The flow tables as the run folder has them, or new ones. */
static int open_tables(struct bridge *br, struct errtext *err)
{
	char *journal = file_of(br->name, "flows");
	struct tables_config config = {
		.name = br->name,
		.journal = journal,
		.names = &br->port_names,
		.changed = tables_changed,
		.check = check_actions,
		.aux = br,
	};
	bool is_new = access(journal, F_OK) != 0;
	int error = tables_new(&config, clock_now_ms(), &br->tables, err);

	free(journal);
	if (!error && is_new && !br->fail_secure)
		error = add_default_rule(br, err);
	return error;
}

/* Once it is called a loop, every single move is no news any more. */
static void tell_move(const struct bridge *br, const struct fdb_change *change)
{
	const uint8_t *m = change->mac;
	char address[40];
	int n = snprintf(address, sizeof address, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);

	if (change->vlan)
		snprintf(address + n, sizeof address - (size_t)n, " in VLAN %u", change->vlan);
	if (change->n_moves < FDB_FLAP_MOVES)
		event_post(EVENT_MAC_MOVED, br->name, change->to->name, "address %s moved from port %s to port %s",
			   address, change->from->name, change->to->name);
	else if (change->n_moves % FDB_FLAP_MOVES == 0)
		event_post(EVENT_LOOP_SUSPECTED, br->name, change->to->name,
			   "address %s moves to and fro between ports %s and %s: a loop of cables, or two hosts with "
			   "one address; nothing was done",
			   address, change->from->name, change->to->name);
}

static void fdb_changed(void *aux, const struct fdb_change *change)
{
	if (change->from)
		tell_move(aux, change);
	revalidate_fdb_changed();
}

static void set_fdb_limits(struct bridge *br, const struct bridge_settings *settings)
{
	fdb_set_ageing(br->fdb, settings->mac_ageing_ms);
	fdb_set_max_entries(br->fdb, settings->mac_table_size);
}

static struct port *port_of_bridge(void *aux, const char *name)
{
	struct port *port = port_by_name(name);

	return port && port->bridge == aux ? port : NULL;
}

void bridge_load_fdb(struct bridge *br)
{
	char *path = file_of(br->name, "fdb");
	struct errtext err = {0};
	int n = fdb_load(br->fdb, path, port_of_bridge, br, clock_now_ms(), clock_wall_ms(), &err);

	if (n < 0 && n != -ENOENT)
		log_warn("bridge %s: its MAC table starts empty: %s", br->name, err.text);
	free(path);
}

int bridge_save_fdb(struct bridge *br, struct errtext *err)
{
	char *path = file_of(br->name, "fdb");
	int error = fdb_save(br->fdb, path, clock_now_ms(), clock_wall_ms(), err);

	free(path);
	return error;
}

static void delete_fdb_file(const struct bridge *br)
{
	char *path = file_of(br->name, "fdb");

	unlink(path);
	free(path);
}

static void set_plain(struct bridge *br, const struct bridge_settings *settings)
{
	br->fail_secure = settings->fail_secure;
	br->forward_bpdu = settings->forward_bpdu;
	br->datapath_id = settings->datapath_id;
	memcpy(br->mac, settings->mac, sizeof br->mac);
	free(br->flood_vlans);
	br->flood_vlans = settings->flood_vlans;
	br->loop_guard = settings->loop_guard;
	loop_guard_follow(&br->loop_guard);
}

int bridge_new(const struct bridge_settings *settings, struct bridge **brp, struct errtext *err)
{
	struct bridge *br = xzalloc(sizeof *br);
	int error;

	br->name = xstrdup(settings->name);
	br->is_dummy = settings->is_dummy;
	br->next_ofp = 1;
	br->port_names = (struct port_names){number_of, name_of};
	CDS_INIT_LIST_HEAD(&br->ports);
	hmap_init(&br->ifaces);
	set_plain(br, settings);
	br->fdb = fdb_new(fdb_changed, br);
	br->hosts = hosts_new();
	set_fdb_limits(br, settings);
	error = pick_datapath(settings, &br->dp, err);
	if (!error)
		error = open_meters(br, err);
	if (!error)
		error = open_tables(br, err);
	if (error) {
		bridge_free(br, false);
		return error;
	}
	*brp = br;
	return 0;
}

void bridge_link(struct bridge *br)
{
	switch_wrlock();
	hmap_insert(&vswitch.bridges, &br->node, hash_string(br->name, 0));
	switch_wrunlock();
	switch_changed();
	loop_set_timer(vswitch.loop, &expiry, clock_now_ms(), expire);
}

void bridge_unlink(struct bridge *br)
{
	switch_wrlock();
	hmap_remove(&vswitch.bridges, &br->node);
	switch_wrunlock();
	switch_changed();
}

void bridge_free(struct bridge *br, bool forever)
{
	revalidate_forget_bridge(br);
	/* Whoever found a rule of this bridge before it was unlinked is done with it now. */
	synchronize_rcu();
	if (br->tables && forever)
		tables_delete_journal(br->tables);
	if (br->tables)
		tables_free(br->tables);
	meter_table_free(br->meters, forever);
	mirrors_free(br->mirrors);
	if (forever)
		delete_fdb_file(br);
	fdb_free(br->fdb);
	hosts_free(br->hosts);
	hmap_fini(&br->ifaces);
	free(br->flood_vlans);
	free(br->name);
	free(br);
}

/* As OVS does it: another mode of failure starts with empty tables. */
static void restart_tables(struct bridge *br)
{
	struct flow_mod fm = {.command = FLOW_DELETE, .table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct errtext err = {0};

	match_init_any(&fm.match);
	if (tables_apply(br->tables, &fm, 1, clock_now_ms(), NULL, &err) ||
	    (!br->fail_secure && add_default_rule(br, &err)))
		log_err("bridge %s: %s", br->name, err.text);
}

void bridge_set(struct bridge *br, const struct bridge_settings *settings)
{
	bool other_mode = br->fail_secure != settings->fail_secure;

	switch_wrlock();
	set_plain(br, settings);
	switch_wrunlock();
	set_fdb_limits(br, settings);
	if (other_mode)
		restart_tables(br);
	switch_changed();
}
