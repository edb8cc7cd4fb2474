// SPDX-License-Identifier: Apache-2.0
#include "switchd/policer.h"

#include "base/log.h"
#include "base/util.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/pipeline/meter.h"

LOG_MODULE(policer);

enum { MIN_BURST_KBIT = 8000, MIN_BURST_KPKTS = 16 };

static struct dp_meter_band band_of(bool packets, uint32_t rate, uint32_t burst, uint32_t min_burst)
{
	uint64_t depth = burst ? burst : MAX(rate / 2, min_burst);

	return (struct dp_meter_band){.packets = packets, .rate = rate * 1000ull, .burst = depth * 1000};
}

/* Return: false when there is nothing to police. */
static bool to_meter(const struct policer_settings *s, struct dp_meter *meter)
{
	*meter = (struct dp_meter){.reason = DROP_POLICER};
	if (s->kbps)
		meter->bands[meter->n_bands++] = band_of(false, s->kbps, s->burst_kbit, MIN_BURST_KBIT);
	if (s->kpkts)
		meter->bands[meter->n_bands++] = band_of(true, s->kpkts, s->burst_kpkts, MIN_BURST_KPKTS);
	return meter->n_bands;
}

/* @policer: id + 1, or 0. */
static void set_policer(struct iface *iface, uint32_t policer)
{
	if (iface->policer == policer)
		return;
	switch_wrlock();
	iface->policer = policer;
	switch_wrunlock();
	switch_changed();
}

void policer_follow(struct iface *iface)
{
	struct datapath *dp = iface->bridge->dp;
	struct dp_meter meter;
	uint32_t id;
	int error;

	if (iface->dp_port == DP_PORT_NONE)
		return;
	id = meter_policer_id(dp, iface->dp_port);
	if (!to_meter(&iface->dev->wanted.policer, &meter)) {
		policer_leave(iface, dp, iface->dp_port);
		return;
	}
	error = dp->ops->meter_set(dp, id, &meter);
	if (error)
		log_warn("port %s: the datapath has no meter for ingress policing (error %d)", iface->name, -error);
	set_policer(iface, error ? 0 : id + 1);
}

void policer_leave(struct iface *iface, struct datapath *dp, uint32_t dp_port)
{
	if (!iface->policer)
		return;
	set_policer(iface, 0);
	(void)!dp->ops->meter_del(dp, meter_policer_id(dp, dp_port));
}
