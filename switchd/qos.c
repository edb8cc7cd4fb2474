// SPDX-License-Identifier: Apache-2.0
#include "switchd/qos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "os/tc_htb.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/shaper.h"
#include "switchd/iface_dev.h"

LOG_MODULE(qos);

static uint64_t link_rate(const struct iface *iface)
{
	return netdev_speed_mbps(iface->name) * 1000000ull;
}

static struct qos_settings *resolve(const struct iface *iface)
{
	return qos_resolve(iface->port->qos, iface->mtu ? iface->mtu : 1500, link_rate(iface));
}

/* ---- HTB ---- */

static struct tc_htb_class class_of(const struct qos_queue *q)
{
	return (struct tc_htb_class){
		.rate = q->min_rate / 8,
		.ceil = q->max_rate / 8,
		.burst = (uint32_t)(q->burst / 8),
		.priority = q->priority,
	};
}

/* Queues that the device has and the settings have not. */
struct surplus {
	const struct qos_settings *settings;
	uint16_t *queues;
	size_t n;
};

static const struct qos_queue *find_queue(const struct qos_settings *s, uint32_t id)
{
	for (size_t i = 0; i < s->n_queues; i++)
		if (s->queues[i].id == id)
			return &s->queues[i];
	return NULL;
}

static void collect_surplus(void *aux, const struct tc_htb_stats *stats)
{
	struct surplus *surplus = aux;

	if (find_queue(surplus->settings, stats->queue))
		return;
	surplus->queues = xrealloc(surplus->queues, (surplus->n + 1) * sizeof *surplus->queues);
	surplus->queues[surplus->n++] = stats->queue;
}

static int remove_surplus(int ifindex, const struct qos_settings *s)
{
	struct surplus surplus = {.settings = s};
	int error = tc_htb_stats(ifindex, collect_surplus, &surplus);

	for (size_t i = 0; i < surplus.n && !error; i++)
		error = tc_htb_del_queue(ifindex, surplus.queues[i]);
	free(surplus.queues);
	return error;
}

static int set_htb(const struct iface *iface, const struct qos_settings *s, struct errtext *err)
{
	const struct tc_htb_class root = {.rate = s->max_rate / 8, .ceil = s->max_rate / 8};
	int ifindex = iface->dev->ifindex;
	int error = tc_htb_install(ifindex, iface->mtu, &root, err);

	if (error)
		return error;
	for (size_t i = 0; i < s->n_queues && !error; i++) {
		struct tc_htb_class class = class_of(&s->queues[i]);

		error = tc_htb_set_queue(ifindex, iface->mtu, (uint16_t)s->queues[i].id, &class);
		if (error)
			errtext_set(err, -error, "the kernel does not take queue %u: %s", s->queues[i].id,
				    strerror(-error));
	}
	if (!error && remove_surplus(ifindex, s))
		log_warn("port %s: queues that it had before cannot be removed", iface->name);
	return error;
}

/* ---- our own ---- */

static int set_own(struct iface *iface, const struct qos_settings *s, struct errtext *err)
{
	struct shaper_queue_config *queues = xcalloc(s->n_queues, sizeof *queues);
	struct datapath *dp = iface->bridge->dp;
	struct egress_stage *shaper;
	int error;

	for (size_t i = 0; i < s->n_queues; i++)
		queues[i] = (struct shaper_queue_config){
			.id = s->queues[i].id,
			.min_rate = s->queues[i].min_rate,
			.max_rate = s->queues[i].max_rate,
			.burst = s->queues[i].burst,
			.priority = s->queues[i].priority,
		};
	shaper = shaper_new(s->max_rate, queues, s->n_queues);
	free(queues);
	error = dp->ops->port_set_egress(dp, iface->dp_port, EGRESS_SHAPER, shaper);
	iface->dev->shaper = error ? NULL : shaper;
	return error ? errtext_set(err, -error, "%s ports cannot be shaped", iface_type_name(iface->type)) : 0;
}

static void remove_own(struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;

	if (iface->dev->shaper)
		(void)!dp->ops->port_set_egress(dp, iface->dp_port, EGRESS_SHAPER, NULL);
	iface->dev->shaper = NULL;
}

/* ---- the whole ---- */

static void remove_htb(struct iface *iface)
{
	int error;

	if (!iface->dev->has_htb)
		return;
	iface->dev->has_htb = false;
	error = iface->dev->ifindex ? tc_htb_remove(iface->dev->ifindex) : 0;
	if (error && error != -ENODEV)
		log_warn("port %s: its HTB qdisc cannot be removed: %s", iface->name, strerror(-error));
}

/* Is the error such that the kernel has no HTB? */
static bool is_lacking(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP;
}

static int apply(struct iface *iface, const struct qos_settings *s, struct errtext *err)
{
	int error = -EOPNOTSUPP;

	if (s->type == QOS_HTB && iface->dev->ifindex)
		error = set_htb(iface, s, err);
	if (!error) {
		remove_own(iface);
		iface->dev->has_htb = true;
	} else if (is_lacking(error)) {
		remove_htb(iface);
		error = set_own(iface, s, err);
	}
	return error;
}

int qos_follow(struct iface *iface, struct errtext *err)
{
	const struct qos_settings *wanted = iface->port->qos;
	struct qos_settings *s;
	int error = 0;

	if (!wanted || wanted->type == QOS_NOOP) {
		qos_leave(iface);
		return 0;
	}
	if (iface->dp_port == DP_PORT_NONE)
		return 0;
	s = resolve(iface);
	error = apply(iface, s, err);
	free(s);
	return error;
}

void qos_leave(struct iface *iface)
{
	remove_htb(iface);
	remove_own(iface);
}

/* ---- statistics ---- */

struct fill {
	struct qos_queue_stats *stats;
	size_t n;
};

static void fill_stats(void *aux, const struct tc_htb_stats *stats)
{
	const struct fill *fill = aux;

	for (size_t i = 0; i < fill->n; i++) {
		if (fill->stats[i].queue.id != stats->queue)
			continue;
		fill->stats[i].n_packets = stats->n_packets;
		fill->stats[i].n_bytes = stats->n_bytes;
		fill->stats[i].n_dropped = stats->n_dropped;
	}
}

static void fill_from_shaper(const struct egress_stage *shaper, const struct fill *fill)
{
	for (size_t i = 0; i < fill->n; i++) {
		struct shaper_queue_stats stats;

		shaper_stats(shaper, i, &stats);
		fill->stats[i].n_packets = stats.n_packets;
		fill->stats[i].n_bytes = stats.n_bytes;
		fill->stats[i].n_dropped = stats.n_dropped;
	}
}

struct qos_queue_stats *qos_stats(struct iface *iface, struct qos_settings **settings, size_t *n)
{
	struct fill fill;

	*n = 0;
	*settings = NULL;
	if (!iface->dev->has_htb && !iface->dev->shaper)
		return NULL;
	*settings = resolve(iface);
	fill.n = *n = (*settings)->n_queues;
	fill.stats = xcalloc(fill.n, sizeof *fill.stats);
	for (size_t i = 0; i < fill.n; i++)
		fill.stats[i].queue = (*settings)->queues[i];
	if (iface->dev->shaper)
		fill_from_shaper(iface->dev->shaper, &fill);
	else if (tc_htb_stats(iface->dev->ifindex, fill_stats, &fill))
		log_warn_rl("port %s: the kernel does not tell about its queues", iface->name);
	return fill.stats;
}
