// SPDX-License-Identifier: Apache-2.0
#include "switchd/qos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "os/tc_htb.h"
#include "switchd/datapath/datapath.h"
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

int qos_follow(struct iface *iface, struct errtext *err)
{
	const struct qos_settings *wanted = iface->port->qos;
	struct qos_settings *s;
	int error = 0;

	if (!wanted || wanted->type == QOS_NOOP) {
		remove_htb(iface);
		return 0;
	}
	if (!iface->dev->ifindex)
		return 0;
	s = resolve(iface);
	error = set_htb(iface, s, err);
	iface->dev->has_htb |= !error;
	free(s);
	return error;
}

void qos_leave(struct iface *iface)
{
	remove_htb(iface);
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

struct qos_queue_stats *qos_stats(struct iface *iface, struct qos_settings **settings, size_t *n)
{
	struct fill fill;

	*n = 0;
	*settings = NULL;
	if (!iface->dev->has_htb)
		return NULL;
	*settings = resolve(iface);
	fill.n = *n = (*settings)->n_queues;
	fill.stats = xcalloc(fill.n, sizeof *fill.stats);
	for (size_t i = 0; i < fill.n; i++)
		fill.stats[i].queue = (*settings)->queues[i];
	if (tc_htb_stats(iface->dev->ifindex, fill_stats, &fill))
		log_warn_rl("port %s: the kernel does not tell about its queues", iface->name);
	return fill.stats;
}
