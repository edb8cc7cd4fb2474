// SPDX-License-Identifier: Apache-2.0
#include "switchd/storm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/events.h"
#include "switchd/iface_dev.h"
#include "switchd/pipeline/meter.h"

LOG_MODULE(storm);

enum { PERIOD_MS = 1000, CALM_PERIODS = 3 /* without a drop: the storm is over */ };

/** What one kind of packets of one port does. */
struct storm {
	uint64_t n_seen, n_dropped; /* when the meter was looked at last */
	uint64_t n_before;	    /* dropped, when it began */
	int64_t began_ms;	    /* 0: there is none */
	unsigned int n_calm;
};

/** An interface with limits. */
struct storm_watch {
	struct cds_list_head node; /* in watches */
	struct iface *iface;
	struct storm_settings settings; /* as the meters have them */
	struct storm storms[STORM_N_CLASSES];
};

static CDS_LIST_HEAD(watches);
static struct loop_timer timer; /* while there are any */

static const struct {
	const char *key, *name;
} classes[STORM_N_CLASSES] = {
	[STORM_BROADCAST] = {"storm-broadcast", "broadcast"},
	[STORM_MULTICAST] = {"storm-multicast", "multicast"},
	[STORM_UNKNOWN] = {"storm-unknown", "unknown unicast"},
};

const char *storm_class_name(enum storm_class class)
{
	return classes[class].name;
}

/* ---- settings ---- */

/* "1000" or "1000pps". */
static int read_number(const struct db_row *row, const struct db_txn *txn, const char *key, uint32_t *value,
		       struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, NULL);
	uint64_t number = 0;
	char digits[24];

	*value = 0;
	if (!text)
		return 0;
	snprintf(digits, sizeof digits, "%.*s", (int)strspn(text, "0123456789"), text);
	if (!str_to_uint(digits, 10, UINT32_MAX, &number) || !number ||
	    (text[strlen(digits)] && strcmp(text + strlen(digits), "pps") != 0))
		return errtext_set(err, EINVAL,
				   "other_config:%s: '%.40s': expected a number of packets, from 1 to %u, such as 1000",
				   key, text, UINT32_MAX);
	*value = (uint32_t)number;
	return 0;
}

int storm_settings_of(const struct db_row *row, const struct db_txn *txn, struct storm_settings *s, struct errtext *err)
{
	int error = read_number(row, txn, "storm-burst", &s->burst, err);

	for (size_t i = 0; i < STORM_N_CLASSES && !error; i++)
		error = read_number(row, txn, classes[i].key, &s->pps[i], err);
	return error;
}

static bool has_any(const struct storm_settings *s)
{
	return s->pps[STORM_BROADCAST] || s->pps[STORM_MULTICAST] || s->pps[STORM_UNKNOWN];
}

/* ---- what they do ---- */

static void tell_begin(const struct iface *iface, enum storm_class class, const struct storm *s, uint64_t n_seen,
		       uint64_t n_dropped)
{
	event_post(EVENT_STORM, iface->bridge->name, iface->name,
		   "a storm on port %s: %" PRIu64 " %s packets within a second; %u a second may pass (%s), %" PRIu64
		   " of them were dropped",
		   iface->name, n_seen - s->n_seen, classes[class].name, iface->port->storm.pps[class],
		   classes[class].key, n_dropped - s->n_dropped);
}

static void tell_end(const struct iface *iface, enum storm_class class, const struct storm *s, int64_t now_ms)
{
	event_post(EVENT_STORM, iface->bridge->name, iface->name,
		   "the storm on port %s is over: %" PRIu64 " %s packets were dropped in %lld s", iface->name,
		   s->n_dropped - s->n_before, classes[class].name,
		   (long long)(now_ms - s->began_ms) / 1000 - CALM_PERIODS + 1);
}

static void look(struct iface *iface, enum storm_class class, struct storm *s, int64_t now_ms)
{
	const struct datapath *dp = iface->bridge->dp;
	struct dp_meter_stats stats;
	uint64_t n_dropped;

	if (!iface->storm[class] ||
	    dp->ops->meter_stats((struct datapath *)(uintptr_t)dp, iface->storm[class] - 1, &stats))
		return;
	n_dropped = stats.bands[0].n_packets;
	s->n_calm = n_dropped == s->n_dropped ? s->n_calm + 1 : 0;
	if (!s->began_ms && !s->n_calm) {
		tell_begin(iface, class, s, stats.n_packets, n_dropped);
		s->began_ms = now_ms;
		s->n_before = s->n_dropped;
	} else if (s->began_ms && s->n_calm >= CALM_PERIODS) {
		tell_end(iface, class, s, now_ms);
		s->began_ms = 0;
	}
	s->n_seen = stats.n_packets;
	s->n_dropped = n_dropped;
}

static void look_at_all(struct loop_timer *self, int64_t now_ms)
{
	struct storm_watch *w;

	cds_list_for_each_entry(w, &watches, node)
		for (size_t i = 0; i < STORM_N_CLASSES; i++)
			look(w->iface, i, &w->storms[i], now_ms);
	loop_set_timer(vswitch.loop, self, now_ms + PERIOD_MS, look_at_all);
}

/* ---- meters ---- */

/* Where a port's meters are if nobody else is there: the same after a restart, so that flows in the kernel go on to meet theirs. */
static uint32_t wished_id(const struct datapath *dp, uint32_t dp_port, enum storm_class class)
{
	return meter_features_max(dp) - 1 - STORM_N_CLASSES * dp_port - class;
}

static void set_id(struct iface *iface, enum storm_class class, uint32_t meter)
{
	switch_wrlock();
	iface->storm[class] = meter;
	switch_wrunlock();
	switch_changed();
}

static void remove_meter(struct iface *iface, enum storm_class class)
{
	struct datapath *dp = iface->bridge->dp;
	uint32_t id = iface->storm[class] - 1;

	if (!iface->storm[class])
		return;
	set_id(iface, class, 0);
	(void)!dp->ops->meter_del(dp, id);
	meter_id_put(dp, id);
}

static void set_meter(struct iface *iface, enum storm_class class, struct storm *s)
{
	const struct storm_settings *wanted = &iface->port->storm;
	struct datapath *dp = iface->bridge->dp;
	struct dp_meter meter = {
		.reason = DROP_STORM,
		.n_bands = 1,
		.bands = {{.packets = true,
			   .rate = wanted->pps[class],
			   .burst = wanted->burst ? wanted->burst : wanted->pps[class]}},
	};
	uint32_t id =
		iface->storm[class] ? iface->storm[class] - 1 : meter_id_get(dp, wished_id(dp, iface->dp_port, class));
	struct dp_meter_stats stats = {0};

	if (id == UINT32_MAX || dp->ops->meter_set(dp, id, &meter)) {
		log_warn("port %s: the datapath has no meter left for %s", iface->name, classes[class].key);
		return;
	}
	(void)!dp->ops->meter_stats(dp, id, &stats);
	*s = (struct storm){.n_seen = stats.n_packets, .n_dropped = stats.bands[0].n_packets};
	if (!iface->storm[class])
		set_id(iface, class, id + 1);
}

/* ---- life ---- */

static struct storm_watch *watch_new(struct iface *iface)
{
	struct storm_watch *w = xzalloc(sizeof *w);

	w->iface = iface;
	if (cds_list_empty(&watches) && vswitch.loop)
		loop_set_timer(vswitch.loop, &timer, clock_now_ms() + PERIOD_MS, look_at_all);
	cds_list_add_tail(&w->node, &watches);
	iface->dev->storm = w;
	return w;
}

void storm_follow(struct iface *iface)
{
	const struct storm_settings *wanted = &iface->port->storm;
	struct storm_watch *w = iface->dev->storm;

	if (!has_any(wanted)) {
		storm_leave(iface);
		return;
	}
	if (iface->dp_port == DP_PORT_NONE || (w && !memcmp(&w->settings, wanted, sizeof *wanted)))
		return;
	if (!w)
		w = watch_new(iface);
	for (size_t i = 0; i < STORM_N_CLASSES; i++) {
		if (wanted->pps[i] == w->settings.pps[i] && wanted->burst == w->settings.burst)
			continue; /* a storm may be on */
		if (wanted->pps[i])
			set_meter(iface, i, &w->storms[i]);
		else
			remove_meter(iface, i);
	}
	w->settings = *wanted;
}

void storm_leave(struct iface *iface)
{
	struct storm_watch *w = iface->dev->storm;

	if (!w)
		return;
	for (size_t i = 0; i < STORM_N_CLASSES; i++)
		remove_meter(iface, i);
	cds_list_del(&w->node);
	free(w);
	iface->dev->storm = NULL;
	if (cds_list_empty(&watches) && vswitch.loop)
		loop_cancel_timer(vswitch.loop, &timer);
}
