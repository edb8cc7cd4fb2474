// SPDX-License-Identifier: Apache-2.0
#include "switchd/link_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/link_words.h"
#include "base/log.h"
#include "ovsdb/db.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"

LOG_MODULE(link);

int link_settings_of(const struct db_row *row, const struct db_txn *txn, struct link_settings *s, struct errtext *err)
{
	uint64_t values[LINK_N_WORDS] = {[LINK_WORD_DIRECTION] = LINK_OUT};

	*s = (struct link_settings){0};
	for (unsigned int i = 0; i < LINK_N_WORDS; i++) {
		const char *name = link_word_name(i), *text;
		char key[32];

		snprintf(key, sizeof key, "link-%s", name);
		text = db_get_key(row, txn, "other_config", key, NULL);
		if (text && !link_word_parse(i, text, &values[i]))
			return errtext_set(err, EINVAL, "other_config:%s: '%.40s': expected such as %s", key, text,
					   link_word_expected(i));
	}
	if (values[LINK_WORD_REORDER] && !values[LINK_WORD_DELAY])
		return errtext_set(err, EINVAL,
				   "other_config:link-reorder: without link-delay there is nothing to overtake");
	*s = (struct link_settings){
		.delay_ns = values[LINK_WORD_DELAY],
		.jitter_ns = values[LINK_WORD_JITTER],
		.rate_bps = values[LINK_WORD_RATE],
		.loss = (uint32_t)values[LINK_WORD_LOSS],
		.duplicate = (uint32_t)values[LINK_WORD_DUPLICATE],
		.reorder = (uint32_t)values[LINK_WORD_REORDER],
		.corrupt = (uint32_t)values[LINK_WORD_CORRUPT],
		.seed = (uint32_t)values[LINK_WORD_SEED],
		.direction = (uint32_t)values[LINK_WORD_DIRECTION],
	};
	return 0;
}

/* A stage for one direction, or none. The two meet chances of their own. */
static struct egress_stage *stage_for(const struct link_settings *s, enum link_direction direction)
{
	struct link_settings own = *s;

	if (!link_settings_any(s) || !(s->direction & direction))
		return NULL;
	if (direction == LINK_IN)
		own.seed = ~own.seed;
	return link_stage_new(&own);
}

static int set_in(struct datapath *dp, struct iface *iface, struct egress_stage *stage)
{
	if (dp->ops->port_set_ingress)
		return dp->ops->port_set_ingress(dp, iface->dp_port, EGRESS_LINK, stage);
	if (stage)
		stage->ops->free(stage);
	return stage ? -EOPNOTSUPP : 0;
}

void link_follow(struct iface *iface)
{
	const struct link_settings *wanted = &iface->dev->wanted.link;
	struct datapath *dp = iface->bridge->dp;
	struct netdev_port *dev = iface->dev;
	int error;

	if (iface->dp_port == DP_PORT_NONE || !memcmp(wanted, &dev->link, sizeof *wanted))
		return;
	if (!link_settings_any(wanted) && !link_settings_any(&dev->link))
		return;
	dev->link_out = stage_for(wanted, LINK_OUT);
	dev->link_in = stage_for(wanted, LINK_IN);
	error = dp->ops->port_set_egress(dp, iface->dp_port, EGRESS_LINK, dev->link_out);
	if (error)
		dev->link_out = NULL;
	if (set_in(dp, iface, dev->link_in)) {
		dev->link_in = NULL;
		error = -EOPNOTSUPP;
	}
	if (error)
		log_warn("port %s: a %s port has no link to emulate", iface->name, iface_type_name(iface->type));
	dev->link = *wanted;
}
