/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges built by hand in memory, for tests of translation: no devices, no database, no datapath. Everything lives until
 * fixture_fini(). Port NAME of a bridge gets OpenFlow port N and datapath port N + 100 * (number of the bridge).
 */
#ifndef TESTS_FIXTURE_BRIDGE_H
#define TESTS_FIXTURE_BRIDGE_H 1

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/flow_text.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/fdb.h"
#include "switchd/pipeline/table.h"
#include "switchd/pipeline/xlate.h"

#define FIXTURE_BRIDGES 4

struct fixture {
	struct datapath dp;
	struct bridge *bridges[FIXTURE_BRIDGES];
	size_t n_bridges;
	unsigned int fdb_changes;
	_Alignas(8) uint8_t actions[DP_ACTIONS_MAX];
	struct xlate_credit credits[XLATE_MAX_RULES];
	struct xlate_out out;
};

static struct fixture fixture;

static inline int fixture_port_number(const struct port_names *self, const char *name, size_t len)
{
	const struct bridge *br = container_of(self, struct bridge, port_names);
	struct iface *iface;

	HMAP_FOR_EACH(iface, ofp_node, &br->ifaces)
		if (strlen(iface->name) == len && !memcmp(iface->name, name, len))
			return iface->ofp_port;
	return -ENOENT;
}

static inline const char *fixture_port_name(const struct port_names *self, uint32_t port)
{
	struct iface *iface = bridge_iface_by_ofp(container_of(self, struct bridge, port_names), (uint16_t)port);

	return iface ? iface->name : NULL;
}

static inline void fixture_fdb_changed(void *aux VSW_UNUSED, const struct fdb_change *change VSW_UNUSED)
{
	fixture.fdb_changes++;
}

static inline void fixture_init(void)
{
	memset(&fixture, 0, sizeof fixture);
	hmap_init(&vswitch.bridges);
	hmap_init(&vswitch.ports);
	hmap_init(&vswitch.ifaces);
	hmap_init(&vswitch.dp_ports);
}

static inline struct bridge *fixture_bridge(const char *name)
{
	struct tables_config config = {.name = name};
	struct bridge *br = xzalloc(sizeof *br);

	br->name = xstrdup(name);
	br->dp = &fixture.dp;
	br->fdb = fdb_new(fixture_fdb_changed, NULL);
	br->port_names = (struct port_names){.number = fixture_port_number, .name = fixture_port_name};
	config.names = &br->port_names;
	CDS_INIT_LIST_HEAD(&br->ports);
	hmap_init(&br->ifaces);
	if (tables_new(&config, 0, &br->tables, NULL))
		abort();
	hmap_insert(&vswitch.bridges, &br->node, hash_string(name, 0));
	fixture.bridges[fixture.n_bridges++] = br;
	return br;
}

static inline struct port *fixture_port(struct bridge *br, const char *name, uint16_t ofp_port)
{
	struct port *port = xzalloc(sizeof *port);
	struct iface *iface = xzalloc(sizeof *iface);
	size_t i = 0;

	while (fixture.bridges[i] != br)
		i++;
	*port = (struct port){.name = xstrdup(name), .bridge = br, .tag = -1, .qinq_ethtype = 0x88a8, .n_ifaces = 1};
	CDS_INIT_LIST_HEAD(&port->ifaces);
	cds_list_add_tail(&port->bridge_node, &br->ports);
	hmap_insert(&vswitch.ports, &port->name_node, hash_string(name, 0));
	iface->name = xstrdup(name);
	iface->port = port;
	iface->bridge = br;
	iface->type = IFACE_DUMMY;
	iface->ofp_port = ofp_port;
	iface->dp_port = (ofp_port == OFPP_LOCAL ? 99 : ofp_port) + 100 * (uint32_t)i;
	iface->link_up = iface->admin_up = true;
	cds_list_add_tail(&iface->port_node, &port->ifaces);
	hmap_insert(&br->ifaces, &iface->ofp_node, hash_u64(ofp_port, 0));
	hmap_insert(&vswitch.ifaces, &iface->name_node, hash_string(name, 0));
	hmap_insert(&vswitch.dp_ports, &iface->dp_node, hash_u64(iface->dp_port, 0));
	if (ofp_port == OFPP_LOCAL)
		br->local = iface;
	return port;
}

static inline struct iface *fixture_iface(const struct port *port)
{
	return cds_list_first_entry(&port->ifaces, struct iface, port_node);
}

static inline void fixture_make_patch(struct iface *iface, struct iface *peer)
{
	hmap_remove(&vswitch.dp_ports, &iface->dp_node);
	iface->type = IFACE_PATCH;
	iface->dp_port = DP_PORT_NONE;
	iface->peer = peer;
}

static inline void fixture_patch(struct port *a, struct port *b)
{
	fixture_make_patch(fixture_iface(a), fixture_iface(b));
	fixture_make_patch(fixture_iface(b), fixture_iface(a));
}

/* One flow; aborts, with the reason, when it is refused: it is the test's own mistake. */
static inline void fixture_flow(struct bridge *br, const char *text)
{
	struct errtext err = {0};
	struct flow_mod fm;

	if (flow_mod_parse(text, strlen(text), FLOW_ADD, &br->port_names, &fm, &err) ||
	    tables_apply(br->tables, &fm, 1, 0, NULL, &err)) {
		fprintf(stderr, "%s: column %zu: %s\n", text, err.column, err.text);
		abort();
	}
	flow_mod_fini(&fm);
}

static inline void fixture_del_flows(struct bridge *br)
{
	struct errtext err = {0};
	struct flow_mod fm;

	if (flow_mod_parse("", 0, FLOW_DELETE, &br->port_names, &fm, &err) ||
	    tables_apply(br->tables, &fm, 1, 0, NULL, &err))
		abort();
	flow_mod_fini(&fm);
}

/* Translate a flow given as text; the result is in fixture.out. */
static inline void fixture_xlate(struct bridge *br, const char *flow, bool may_learn, int64_t now_ms)
{
	struct errtext err = {0};
	struct flow_key key;
	struct xlate_in in = {.dp = &fixture.dp, .key = &key.p, .now_ms = now_ms, .may_learn = may_learn, .bridge = br};

	if (flow_key_parse(flow, strlen(flow), &br->port_names, &key, &err)) {
		fprintf(stderr, "%s: column %zu: %s\n", flow, err.column, err.text);
		abort();
	}
	in.metadata = &key;
	memset(&fixture.out, 0, sizeof fixture.out);
	fixture.out.actions = (struct dp_actions){.data = fixture.actions, .cap = sizeof fixture.actions};
	fixture.out.credits = fixture.credits;
	rcu_read_lock();
	xlate_run(&in, &fixture.out);
	rcu_read_unlock();
}

/* The actions of the last translation as text; valid until the next call. */
static inline const char *fixture_actions(void)
{
	static char text[DP_ACTIONS_MAX * 4];
	struct ds ds = DS_INIT;

	dp_actions_format(fixture.out.actions.data, fixture.out.actions.len, NULL, &ds);
	snprintf(text, sizeof text, "%s", ds_cstr(&ds));
	ds_fini(&ds);
	return text;
}

/* The mask of the last translation as text. */
static inline const char *fixture_megaflow(void)
{
	static char text[2048];
	struct flow_key mask = {.p = fixture.out.mask};
	struct ds ds = DS_INIT;

	megaflow_format(&fixture.out.initial_key, &mask, NULL, &ds);
	snprintf(text, sizeof text, "%s", ds_cstr(&ds));
	ds_fini(&ds);
	return text;
}

static inline void fixture_free_port(struct port *port)
{
	struct iface *iface = fixture_iface(port);

	hmap_remove(&port->bridge->ifaces, &iface->ofp_node);
	hmap_remove(&vswitch.ifaces, &iface->name_node);
	if (iface->dp_port != DP_PORT_NONE)
		hmap_remove(&vswitch.dp_ports, &iface->dp_node);
	hmap_remove(&vswitch.ports, &port->name_node);
	cds_list_del(&port->bridge_node);
	fdb_flush_port(port->bridge->fdb, port);
	free(iface->name);
	free(iface);
	free(port->trunks);
	free(port->cvlans);
	free(port->name);
	free(port);
}

static inline void fixture_free_bridge(struct bridge *br)
{
	struct port *port, *next;

	cds_list_for_each_entry_safe(port, next, &br->ports, bridge_node)
		fixture_free_port(port);
	hmap_remove(&vswitch.bridges, &br->node);
	hmap_fini(&br->ifaces);
	tables_free(br->tables);
	fdb_free(br->fdb);
	free(br->flood_vlans);
	free(br->name);
	free(br);
}

static inline void fixture_fini(void)
{
	for (size_t i = 0; i < fixture.n_bridges; i++)
		fixture_free_bridge(fixture.bridges[i]);
	hmap_fini(&vswitch.bridges);
	hmap_fini(&vswitch.ports);
	hmap_fini(&vswitch.ifaces);
	hmap_fini(&vswitch.dp_ports);
}

#endif
