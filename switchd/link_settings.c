// SPDX-License-Identifier: Apache-2.0
#include "switchd/link_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "ovsdb/db.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"

LOG_MODULE(link);

struct unit {
	const char *name;
	double factor;
};

static const struct unit times[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rates[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit shares[] = {{"%", 42949672.96}, {NULL, 0}};
static const struct unit numbers[] = {{"", 1}, {NULL, 0}};

/* A number with its unit. Return: false when it is none, or beyond @max. */
static bool parse(const char *text, const struct unit *unit, double max, uint64_t *value)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || strspn(text, "0123456789.") != (size_t)(end - text))
		return false;
	while (unit->name && strcmp(unit->name, end) != 0)
		unit++;
	if (!unit->name || !(number * unit->factor <= max))
		return false;
	*value = (uint64_t)(number * unit->factor + 0.5);
	return true;
}

int link_settings_of(const struct db_row *row, const struct db_txn *txn, struct link_settings *s, struct errtext *err)
{
	uint64_t loss = 0, duplicate = 0, reorder = 0, seed = 0;
	const struct {
		const char *key;
		const struct unit *units;
		double max;
		uint64_t *value;
		const char *example;
	} keys[] = {
		{"link-delay", times, 60e9, &s->delay_ns, "20ms, at most 60s"},
		{"link-jitter", times, 60e9, &s->jitter_ns, "2ms, at most 60s"},
		{"link-rate", rates, 1e12, &s->rate_bps, "50mbit, at most 1000gbit"},
		{"link-loss", shares, 4294967296.0, &loss, "1%"},
		{"link-duplicate", shares, 4294967296.0, &duplicate, "1%"},
		{"link-reorder", shares, 4294967296.0, &reorder, "1%"},
		{"link-seed", numbers, UINT32_MAX, &seed, "a number up to 4294967295"},
	};

	*s = (struct link_settings){0};
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = db_get_key(row, txn, "other_config", keys[i].key, NULL);

		if (text && !parse(text, keys[i].units, keys[i].max, keys[i].value))
			return errtext_set(err, EINVAL, "other_config:%s: '%.40s': expected such as %s", keys[i].key,
					   text, keys[i].example);
	}
	s->loss = (uint32_t)MIN(loss, (uint64_t)UINT32_MAX);
	s->duplicate = (uint32_t)MIN(duplicate, (uint64_t)UINT32_MAX);
	s->reorder = (uint32_t)MIN(reorder, (uint64_t)UINT32_MAX);
	s->seed = (uint32_t)seed;
	return 0;
}

void link_follow(struct iface *iface)
{
	const struct link_settings *wanted = &iface->dev->wanted.link;
	struct datapath *dp = iface->bridge->dp;
	bool any = link_settings_any(wanted);
	int error;

	if (iface->dp_port == DP_PORT_NONE || !memcmp(wanted, &iface->dev->link, sizeof *wanted))
		return;
	if (!any && !link_settings_any(&iface->dev->link))
		return;
	error = dp->ops->port_set_egress(dp, iface->dp_port, EGRESS_LINK, any ? link_stage_new(wanted) : NULL);
	if (error)
		log_warn("port %s: a %s port has no link to emulate", iface->name, iface_type_name(iface->type));
	iface->dev->link = error ? (struct link_settings){0} : *wanted;
}
