// SPDX-License-Identifier: Apache-2.0
#include "switchd/bond.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/iface_dev.h"
#include "switchd/revalidate.h"

LOG_MODULE(bond);

static struct bond_port *by_id[DP_MAX_BONDS]; /* changed by the main thread, under switch_wrlock() */
static uint64_t last_serial;

/* ---- walks ---- */

static struct bond_link *link_at(const struct bond_port *b, struct cds_list_head *node)
{
	return node == &b->bond.members ? NULL : cds_list_entry(node, struct bond_link, bond.node);
}

struct bond_link *bond_first_link(const struct bond_port *b)
{
	return link_at(b, b->bond.members.next);
}

struct bond_link *bond_next_link(const struct bond_port *b, const struct bond_link *link)
{
	return link_at(b, link->bond.node.next);
}

static struct bond_link *link_of(struct bond_member *m)
{
	return container_of(m, struct bond_link, bond);
}

/* ---- deciding, and telling ---- */

unsigned int bond_source_bucket(const uint8_t mac[6], uint16_t vlan, uint32_t basis)
{
	uint8_t bytes[8] = {0};

	memcpy(bytes, mac, 6);
	bytes[6] = (uint8_t)(vlan >> 8);
	bytes[7] = (uint8_t)vlan;
	return bond_bucket_of(hash_bytes(bytes, sizeof bytes, basis));
}

static void put_table(struct bond_port *b)
{
	struct dp_bond table = {.basis = b->bond.config.hash_basis};

	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++) {
		struct bond_member *m = bond_choose(&b->bond, i);

		table.ports[i] = m ? link_of(m)->dp_port : DP_BOND_NO_PORT;
		atomic_store_explicit(&b->ports[i], table.ports[i], memory_order_relaxed);
	}
	if (b->bridge->dp->ops->bond_set(b->bridge->dp, b->id, &table))
		log_warn_rl("bond %s: the datapath does not take its table", b->name);
}

/* Return: whether flows know something else now. */
static bool put_admission(struct bond_port *b)
{
	bool changed = false;

	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		for (int i = 0; i < 2; i++) {
			uint8_t verdict = (uint8_t)bond_admit(&b->bond, &l->bond, i);

			changed |= atomic_exchange(&l->admit[i], verdict) != verdict;
		}
	}
	return changed;
}

static void tell_members(struct bond_port *b, unsigned int changes)
{
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		if (l->bond.is_enabled == l->was_enabled)
			continue;
		l->was_enabled = l->bond.is_enabled;
		event_post(l->bond.is_enabled ? EVENT_BOND_MEMBER_UP : EVENT_BOND_MEMBER_DOWN, b->bridge_name, b->name,
			   "bond %s: member %s is %s", b->name, l->name, l->bond.is_enabled ? "enabled" : "disabled");
	}
	if (changes & BOND_ACTIVE)
		event_post(EVENT_BOND_ACTIVE, b->bridge_name, b->name, "bond %s: the active member is %s now", b->name,
			   b->bond.active ? b->bond.active->name : "none");
}

/* The order is: first frames get through again, then others hear of it. */
static void publish(struct bond_port *b, unsigned int changes)
{
	put_table(b);
	if (put_admission(b))
		revalidate_soon();
	if (changes & (BOND_ACTIVE | BOND_ENABLED) && bond_mode_now(&b->bond) != BOND_BALANCE_TCP)
		bond_send_learning(b);
	tell_members(b, changes);
	b->is_dirty = true;
	bonds_report_soon();
}

void bond_tell(struct bond_port *b, unsigned int changes)
{
	if (changes)
		publish(b, changes);
	bonds_wake();
}

void bond_pull_loads(struct bond_port *b)
{
	struct datapath *dp = b->bridge->dp;
	uint64_t bytes[BOND_N_BUCKETS];

	if (dp->ops->bond_stats(dp, b->id, bytes))
		return;
	for (unsigned int i = 0; i < BOND_N_BUCKETS; i++) {
		if (bytes[i] > b->told_bytes[i])
			bond_account(&b->bond, i, bytes[i] - b->told_bytes[i]);
		b->told_bytes[i] = bytes[i];
	}
}

/* ---- the clock ---- */

void bond_run_port(struct bond_port *b, int64_t now_ms)
{
	bool was_negotiated = b->bond.is_negotiated;
	enum bond_mode was_mode = bond_mode_now(&b->bond);
	int64_t lacp_ms = LACP_NEVER, bond_ms;
	unsigned int changes;

	if (b->bond.config.has_lacp) {
		lacp_ms = bond_run_lacp(b, now_ms);
		bond_set_lacp(&b->bond, lacp_is_negotiated(&b->lacp));
	}
	/* Idle buckets may move at once: which are? */
	if (bond_mode_now(&b->bond) != BOND_ACTIVE_BACKUP)
		bond_pull_loads(b);
	changes = bond_run(&b->bond, now_ms, &bond_ms);
	b->wake_ms = MIN(lacp_ms, bond_ms);
	if (changes || was_negotiated != b->bond.is_negotiated || was_mode != bond_mode_now(&b->bond))
		publish(b, changes);
}

/* ---- members ---- */

static bool has_link(const struct iface *iface)
{
	return iface->dp_port != DP_PORT_NONE && iface->link_up && iface->admin_up;
}

/* What the interface's device is now. */
static void take_device(struct bond_link *l)
{
	const struct iface *iface = l->iface;
	bool receives = l->owner->bond.config.has_lacp;

	if (l->ifindex != iface->dev->ifindex || (l->ifindex && l->fd_receives != receives)) {
		bond_thread_unwatch(l);
		l->ifindex = iface->dev->ifindex;
		l->fd_receives = receives;
		bond_thread_watch(l);
		l->has_carrier = has_link(iface);
	} else if (!l->ifindex) {
		l->has_carrier = has_link(iface);
	}
	l->has_carrier = l->has_carrier && iface->dp_port != DP_PORT_NONE;
	if (l->dp_port != iface->dp_port)
		l->dp_port_changed = true;
	l->dp_port = iface->dp_port;
	memcpy(l->mac, iface->mac, sizeof l->mac);
}

static void apply_carrier(struct bond_link *l, int64_t now_ms)
{
	bond_member_set_link(&l->owner->bond, &l->bond, l->has_carrier, now_ms);
	if (l->owner->bond.config.has_lacp)
		lacp_member_set_link(&l->lacp, l->has_carrier);
}

static struct bond_link *add_link(struct bond_port *b, struct iface *iface)
{
	struct bond_link *l = xzalloc(sizeof *l);

	l->owner = b;
	l->iface = iface;
	l->serial = ++last_serial;
	l->fd = -1;
	l->dp_port = DP_PORT_NONE;
	snprintf(l->name, sizeof l->name, "%s", iface->name);
	l->bond.name = l->name;
	bond_member_add(&b->bond, &l->bond);
	return l;
}

/* Return: or'ed enum bond_change. */
static unsigned int free_link(struct bond_link *l)
{
	struct bond_port *b = l->owner;
	unsigned int changes;

	if (b->key_link == l)
		b->key_link = NULL;
	if (l->in_lacp)
		lacp_member_del(&b->lacp, &l->lacp);
	changes = bond_member_del(&b->bond, &l->bond);
	bond_thread_unwatch(l);
	switch_wrlock();
	l->iface->bond_link = NULL;
	switch_wrunlock();
	free(l);
	return changes;
}

void bond_link_leave(struct iface *iface)
{
	struct bond_link *l = iface->bond_link;
	unsigned int changes;
	struct bond_port *b;

	if (!l)
		return;
	bonds_lock();
	b = l->owner;
	changes = free_link(l);
	if (bond_first_link(b))
		bond_run_port(b, clock_now_ms());
	publish(b, changes);
	bonds_unlock();
	switch_changed();
}

void bond_device_changed(struct iface *iface)
{
	struct bond_link *l = iface->bond_link;
	int64_t now_ms = clock_now_ms();

	if (!l)
		return;
	bonds_lock();
	take_device(l);
	apply_carrier(l, now_ms);
	bond_run_port(l->owner, now_ms);
	if (l->dp_port_changed)
		put_table(l->owner);
	l->dp_port_changed = false;
	bonds_unlock();
	bonds_wake();
}

/* ---- the bond ---- */

/* By its name, so that a successor has the same one: flows in the kernel name it. 0: none is free. */
static uint32_t choose_id(const char *name)
{
	uint32_t first = hash_string(name, 0);

	for (uint32_t i = 0; i < DP_MAX_BONDS; i++) {
		uint32_t id = (first + i) % DP_MAX_BONDS;

		if (id && !by_id[id])
			return id;
	}
	return 0;
}

static struct bond_port *make_bond(struct port *port, const struct bond_settings *settings, struct errtext *err)
{
	uint32_t id = choose_id(port->name);
	struct bond_port *b;

	if (!id) {
		errtext_set(err, ENOSPC, "there are %d bonds already, and no more are possible", DP_MAX_BONDS - 1);
		return NULL;
	}
	b = xzalloc(sizeof *b);
	b->id = id;
	b->port = port;
	b->bridge = port->bridge;
	snprintf(b->name, sizeof b->name, "%s", port->name);
	snprintf(b->bridge_name, sizeof b->bridge_name, "%s", port->bridge->name);
	bond_init(&b->bond, &settings->bond);
	lacp_init(&b->lacp, &settings->lacp);
	b->wake_ms = b->poll_ms = BOND_NEVER;
	b->settings = *settings;
	cds_list_add_tail(&b->node, bonds_list());
	return b;
}

static void configure(struct bond_port *b, const struct bond_settings *settings)
{
	struct lacp_config lacp = settings->lacp;

	if (!settings->has_system_id)
		memcpy(lacp.system, b->bridge->mac, sizeof lacp.system);
	b->settings = *settings;
	bond_configure(&b->bond, &settings->bond);
	lacp_configure(&b->lacp, &lacp);
	b->poll_ms = settings->miimon_ms ? 0 : BOND_NEVER;
}

static void follow_links(struct bond_port *b, const struct bond_link_settings *links, int64_t now_ms)
{
	struct iface *iface;
	size_t i = 0;

	cds_list_for_each_entry(iface, &b->port->ifaces, port_node) {
		struct bond_link *l = iface->bond_link;

		if (!l || l->owner != b)
			l = add_link(b, iface);
		l->settings = links[i++];
		l->bond.is_primary = !strcmp(l->name, b->settings.primary);
	}
	if (!b->key_link)
		b->key_link = bond_first_link(b);
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		bond_follow_lacp(b, l);
		take_device(l);
		apply_carrier(l, now_ms);
	}
}

/* Translation sees the bond with all its members, or none. */
static void show_to_translation(struct bond_port *b)
{
	switch_wrlock();
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		l->iface->bond_link = l;
	b->xlate.mode = b->bond.config.mode;
	b->xlate.basis = b->bond.config.hash_basis;
	b->xlate.has_lacp = b->bond.config.has_lacp;
	b->port->bond = b;
	by_id[b->id] = b;
	switch_wrunlock();
	switch_changed();
}

int bond_follow(struct port *port, const struct bond_settings *settings, const struct bond_link_settings *links,
		struct errtext *err)
{
	struct bond_port *b = port->bond;
	int64_t now_ms = clock_now_ms();

	if (port->n_ifaces < 2 && !settings->bond.has_lacp) {
		bond_end(port);
		return 0;
	}
	bonds_lock();
	if (!b)
		b = make_bond(port, settings, err);
	if (!b) {
		bonds_unlock();
		return -ENOSPC;
	}
	configure(b, settings);
	follow_links(b, links, now_ms);
	bond_run_port(b, now_ms);
	publish(b, 0);
	bonds_unlock();
	show_to_translation(b);
	bonds_wake();
	return 0;
}

void bond_end(struct port *port)
{
	struct bond_port *b = port->bond;
	struct bond_link *l, *next;

	if (!b)
		return;
	switch_wrlock();
	port->bond = NULL;
	by_id[b->id] = NULL;
	switch_wrunlock();
	switch_changed();
	bonds_lock();
	cds_list_for_each_entry_safe(l, next, &b->bond.members, bond.node)
		(void)free_link(l);
	cds_list_del(&b->node);
	(void)!b->bridge->dp->ops->bond_del(b->bridge->dp, b->id);
	bond_fini(&b->bond);
	lacp_fini(&b->lacp);
	bonds_unlock();
	free(b);
}

/* ---- translation ---- */

uint32_t bond_output_arg(const struct bond_port *b, const struct pkt_key *key, uint16_t vlan, bool *uses_source)
{
	*uses_source = false;
	switch (b->xlate.mode) {
	case BOND_ACTIVE_BACKUP:
		return dp_lb_output_arg(b->id, 0);
	case BOND_BALANCE_SLB:
		*uses_source = true;
		return dp_lb_output_arg(b->id, (int)bond_source_bucket(key->eth_src, vlan, b->xlate.basis));
	case BOND_BALANCE_TCP:
		break;
	}
	return dp_lb_output_arg(b->id, -1);
}

bool bridge_has_slb(const struct bridge *br)
{
	const struct port *port;

	cds_list_for_each_entry(port, &br->ports, bridge_node)
		if (port->bond && port->bond->xlate.mode == BOND_BALANCE_SLB)
			return true;
	return false;
}

struct bond_port *bond_by_id(uint32_t arg)
{
	return by_id[dp_lb_output_bond(arg)];
}

unsigned int bond_output_bucket(const struct bond_port *b, uint32_t arg, const struct pkt_key *key)
{
	return arg >> 16 ? (arg >> 16) - 1 : dp_bond_hash(key, b->xlate.basis);
}

const char *bond_member_of_bucket(const struct bond_port *b, unsigned int bucket)
{
	return switch_dp_port_name(b->bridge->dp,
				   atomic_load_explicit(&b->ports[bucket % BOND_N_BUCKETS], memory_order_relaxed));
}
