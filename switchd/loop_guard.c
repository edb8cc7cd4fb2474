// SPDX-License-Identifier: Apache-2.0
#include "switchd/loop_guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "flow/dp_action.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "packet/packet.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/fdb.h"
#include "switchd/iface_dev_impl.h"

enum {
	PERIOD_MS = 1000,
	BLOCK_S = 30,
	MAX_BLOCK_S = 86400,
	TELL_MS = 30000, /* a loop that is left alone is told of so often */
	MAX_SIGHTINGS = 32,
	PROBE_LEN = 60,
};

/** Behind the Ethernet type: "reply to nobody" of the configuration test, and what is ours. Numbers of the first part are little-endian. */
struct probe {
	uint8_t skip[2], function[2], receipt[2];
	char mark[8];
	uint8_t datapath_id[8], port[2]; /* wire order */
};

static const char probe_mark[8] = "vsw-loop";

/** What translation saw, until the main thread looks at it. */
struct sighting {
	char port[64];
	uint16_t from; /* OpenFlow port, OFPP_NONE: not known */
	bool is_probe;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards these two */
static struct sighting sightings[MAX_SIGHTINGS];
static size_t n_sightings;
static struct loop_timer timer; /* while there is something to guard */

/* ---- settings ---- */

int loop_guard_settings_of(const struct db_row *row, const struct db_txn *txn, struct loop_guard_settings *s,
			   struct errtext *err)
{
	static const char *const modes[] = {"", "off", "log", "block"};
	const char *mode = db_get_key(row, txn, "other_config", "loop-guard", "");
	const char *time = db_get_key(row, txn, "other_config", "loop-guard-time", NULL);
	uint64_t block_s = 0;
	size_t i = 0;

	while (i < ARRAY_SIZE(modes) && strcmp(modes[i], mode) != 0)
		i++;
	if (i == ARRAY_SIZE(modes))
		return errtext_set(err, EINVAL, "other_config:loop-guard: '%.40s': expected off, log or block", mode);
	if (time && (!str_to_uint(time, 10, MAX_BLOCK_S, &block_s) || !block_s))
		return errtext_set(err, EINVAL, "other_config:loop-guard-time: '%.40s': expected 1 to %d seconds", time,
				   MAX_BLOCK_S);
	*s = (struct loop_guard_settings){.mode = (enum loop_guard_mode)i, .block_s = (uint32_t)block_s};
	return 0;
}

static enum loop_guard_mode mode_of(const struct port *port)
{
	return port->loop_guard.mode ? port->loop_guard.mode : port->bridge->loop_guard.mode;
}

static uint32_t block_s_of(const struct port *port)
{
	uint32_t s = port->loop_guard.block_s ? port->loop_guard.block_s : port->bridge->loop_guard.block_s;

	return s ? s : BLOCK_S;
}

/* ---- blocking ---- */

static void set_blocked(struct iface *iface, bool is_blocked)
{
	switch_wrlock();
	iface->is_blocked = is_blocked;
	switch_wrunlock();
	switch_changed();
	switch_publish();
}

/* What was learnt there was learnt from the loop. */
static void block(struct iface *iface)
{
	uint32_t s = block_s_of(iface->port);
	char text[120];

	iface->dev->blocked_until_ms = clock_now_ms() + (int64_t)s * 1000;
	set_blocked(iface, true);
	fdb_flush(iface->bridge->fdb, iface->port, -1);
	snprintf(text, sizeof text, "blocked by the loop guard for %u s: what it sends comes back", s);
	iface_dev_set_error__(iface, text);
	iface_dev_report(iface);
}

static void unblock(struct iface *iface)
{
	set_blocked(iface, false);
	iface_dev_set_error__(iface, NULL);
	iface_dev_report(iface);
	event_post(EVENT_LOOP_SUSPECTED, iface->bridge->name, iface->name,
		   "port %s is open again; the loop guard had blocked it", iface->name);
}

/* ---- sightings ---- */

/* Which of the two ports is closed: that with the higher number, if it may be. NULL: neither. */
static struct iface *choose_victim(struct iface *in, struct iface *from)
{
	bool may_in = in->ofp_port != OFPP_LOCAL && mode_of(in->port) == LOOP_GUARD_BLOCK;
	bool may_from = from && from->ofp_port != OFPP_LOCAL && mode_of(from->port) == LOOP_GUARD_BLOCK;

	if (may_in && may_from)
		return from->ofp_port > in->ofp_port ? from : in;
	return may_in ? in : may_from ? from : NULL;
}

static void describe(const struct sighting *s, const struct iface *in, const struct iface *from, char *text,
		     size_t size)
{
	const char *bridge = in->bridge->name;

	if (!s->is_probe)
		snprintf(text, size,
			 "a frame from bridge %s's own address came in on port %s: what is behind that port sends back "
			 "what the bridge sent",
			 bridge, in->name);
	else if (from == in)
		snprintf(text, size,
			 "a probe that bridge %s sent out of port %s came back there: what is behind it sends back "
			 "what it "
			 "gets",
			 bridge, in->name);
	else
		snprintf(text, size,
			 "a probe that bridge %s sent out of port %s came back on port %s: they are joined outside",
			 bridge, from ? from->name : "that is gone", in->name);
}

static void act(const struct sighting *s)
{
	struct iface *in = iface_by_name(s->port), *from, *victim;
	int64_t now_ms = clock_now_ms();
	char what[200];

	if (!in || in->is_blocked)
		return;
	from = s->from == OFPP_NONE ? NULL : bridge_iface_by_ofp(in->bridge, s->from);
	if (from && (from->is_blocked || (from != in && from->port == in->port)))
		return; /* on its way when it was; or members of one bond, whose other end knows nothing of it */
	describe(s, in, from, what, sizeof what);
	victim = choose_victim(in, from);
	if (victim) {
		block(victim);
		event_post(EVENT_LOOP_SUSPECTED, in->bridge->name, in->name, "%s; port %s is blocked for %u s", what,
			   victim->name, block_s_of(victim->port));
		return;
	}
	if (in->dev->loop_told_ms && now_ms - in->dev->loop_told_ms < TELL_MS)
		return;
	in->dev->loop_told_ms = now_ms;
	event_post(EVENT_LOOP_SUSPECTED, in->bridge->name, in->name, "%s; nothing was done (loop-guard=block would)",
		   what);
}

static void act_on_all(void *aux)
{
	struct sighting taken[MAX_SIGHTINGS];
	size_t n;

	(void)aux;
	pthread_mutex_lock(&lock);
	n = n_sightings;
	memcpy(taken, sightings, n * sizeof taken[0]);
	n_sightings = 0;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < n; i++)
		act(&taken[i]);
}

/* Those that do not fit come again. */
static void note(const char *port, uint16_t from, bool is_probe)
{
	bool is_first;

	pthread_mutex_lock(&lock);
	is_first = !n_sightings;
	if (n_sightings < MAX_SIGHTINGS) {
		struct sighting *s = &sightings[n_sightings++];

		*s = (struct sighting){.from = from, .is_probe = is_probe};
		snprintf(s->port, sizeof s->port, "%s", port);
	}
	pthread_mutex_unlock(&lock);
	if (is_first)
		loop_post(vswitch.loop, act_on_all, NULL);
}

/* What goes out of one member may come in by another: the switch at the other end need not know of the bond. */
static bool is_of_one_bond(const struct iface *in, uint16_t from)
{
	const struct iface *sender = in->port->bond ? bridge_iface_by_ofp(in->bridge, from) : NULL;

	return sender && sender->port == in->port && sender != in;
}

void loop_guard_saw_probe(const struct iface *in, const struct packet *packet)
{
	struct probe probe;
	uint16_t from = OFPP_NONE;

	if (packet && packet->l3_ofs != PACKET_OFS_NONE && packet->l3_ofs <= packet->len &&
	    packet->len - packet->l3_ofs >= sizeof probe) {
		memcpy(&probe, packet->data + packet->l3_ofs, sizeof probe);
		if (!memcmp(probe.mark, probe_mark, sizeof probe_mark))
			from = (uint16_t)(probe.port[0] << 8 | probe.port[1]);
	}
	if (vswitch.loop && !is_of_one_bond(in, from))
		note(in->name, from, true);
}

void loop_guard_saw_own(const struct bridge *br, const struct port *in)
{
	struct sighting s = {.is_probe = false};
	const struct iface *iface;
	char what[200];

	if (!in->n_ifaces)
		return;
	iface = cds_list_first_entry(&in->ifaces, struct iface, port_node);
	if (mode_of(in) == LOOP_GUARD_BLOCK && vswitch.loop) {
		note(iface->name, OFPP_NONE, false);
		return;
	}
	describe(&s, iface, NULL, what, sizeof what);
	event_post(EVENT_LOOP_SUSPECTED, br->name, in->name, "%s; nothing was done (loop-guard=block would)", what);
}

/* ---- probes ---- */

static void put_be(uint8_t *bytes, size_t n, uint64_t value)
{
	while (n--) {
		bytes[n] = (uint8_t)value;
		value >>= 8;
	}
}

/* To the configuration test's multicast address, which every bridge floods. */
static void build(const struct iface *iface, struct packet *p, uint8_t *memory, size_t size)
{
	static const uint8_t dst[6] = {0xcf};
	struct probe probe = {.function = {1}};
	struct pkt_key key;

	packet_init(p, memory, size, PACKET_HEADROOM, PROBE_LEN);
	memset(p->data, 0, PROBE_LEN);
	memcpy(p->data, dst, 6);
	memcpy(p->data + 6, iface->bridge->mac, 6);
	put_be(p->data + 12, 2, LOOP_PROBE_ETH_TYPE);
	memcpy(probe.mark, probe_mark, sizeof probe_mark);
	put_be(probe.datapath_id, sizeof probe.datapath_id, iface->bridge->datapath_id);
	put_be(probe.port, sizeof probe.port, iface->ofp_port);
	memcpy(p->data + 14, &probe, sizeof probe);
	p->in_port = DP_PORT_NONE;
	packet_parse(p, &key);
}

static void send_probe(struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_action output = {.type = DP_OUTPUT, .len = sizeof output, .arg = iface->dp_port};
	uint8_t memory[PACKET_HEADROOM + PROBE_LEN];
	struct packet p;

	build(iface, &p, memory, sizeof memory);
	(void)!dp->ops->execute(dp, &p, &output, sizeof output);
}

/* Return: whether there is something to do again. */
static bool tend(struct iface *iface, int64_t now_ms)
{
	enum loop_guard_mode mode = mode_of(iface->port);

	if (iface->is_blocked && (mode != LOOP_GUARD_BLOCK || now_ms >= iface->dev->blocked_until_ms))
		unblock(iface);
	if (mode != LOOP_GUARD_LOG && mode != LOOP_GUARD_BLOCK)
		return false;
	if (!iface->is_blocked && iface->link_up && iface->dp_port != DP_PORT_NONE && !iface_is_tunnel(iface) &&
	    iface->ofp_port != OFPP_LOCAL)
		send_probe(iface);
	return true;
}

static void tend_all(struct loop_timer *self, int64_t now_ms)
{
	struct iface *iface;
	bool again = false;

	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
		again |= tend(iface, now_ms);
	if (again)
		loop_set_timer(vswitch.loop, self, now_ms + PERIOD_MS, tend_all);
}

/* The first probes leave when the change that asks for them has been made. */
void loop_guard_follow(const struct loop_guard_settings *settings)
{
	if ((settings->mode == LOOP_GUARD_LOG || settings->mode == LOOP_GUARD_BLOCK) && vswitch.loop)
		loop_set_timer(vswitch.loop, &timer, clock_now_ms() + PERIOD_MS / 10, tend_all);
}

void loop_guard_stop(void)
{
	loop_cancel_timer(vswitch.loop, &timer);
}
