// SPDX-License-Identifier: Apache-2.0
#include "switchd/adopt.h"

#include <urcu.h>

#include "base/clock.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/megaflow.h"

/* Memory for one translation. */
static _Alignas(8) uint8_t actions[DP_ACTIONS_MAX];
static struct xlate_credit credits[XLATE_MAX_RULES];

static void translate(struct datapath *dp, const struct dp_orphan *orphan, struct xlate_in *in, struct xlate_out *out)
{
	*in = (struct xlate_in){.dp = dp, .key = &orphan->key, .now_ms = clock_now_ms()};
	*out = (struct xlate_out){.actions = {.data = actions, .cap = sizeof actions}, .credits = credits};
	xlate_run(in, out);
}

/* Who is where, says a flow that was in use. */
static void learn_from(struct datapath *dp, const struct dp_orphan *orphan)
{
	struct xlate_in in;
	struct xlate_out out;

	if (!orphan->stats.used_ms)
		return;
	translate(dp, orphan, &in, &out);
	for (size_t i = 0; i < out.n_credits; i++)
		if (out.credits[i].kind == XLATE_CREDIT_FDB)
			xlate_credit(&out.credits[i], 1, 1, 0, orphan->stats.used_ms);
}

static bool looks_at_more(const struct xlate_out *out, const struct dp_orphan *orphan)
{
	const uint64_t *now = (const uint64_t *)&out->mask, *was = (const uint64_t *)&orphan->mask;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		if (now[i] & ~was[i])
			return true;
	return false;
}

static void adopt(struct datapath *dp, size_t i, const struct dp_orphan *orphan)
{
	struct xlate_in in;
	struct xlate_out out;

	translate(dp, orphan, &in, &out);
	if (out.bridge && !looks_at_more(&out, orphan))
		(void)!megaflow_adopt(&in, i, orphan, &out);
}

/* One at a time, so that nobody waits for the lock. */
static bool visit(struct datapath *dp, size_t i, bool is_learning)
{
	struct dp_orphan orphan;

	if (!dp->ops->orphan(dp, i, &orphan))
		return false;
	switch_rdlock();
	rcu_read_lock();
	if (is_learning)
		learn_from(dp, &orphan);
	else
		adopt(dp, i, &orphan);
	rcu_read_unlock();
	switch_rdunlock();
	return true;
}

void adopt_flows(struct datapath *dp)
{
	size_t i;

	if (!dp->ops->orphan)
		return;
	for (i = 0; visit(dp, i, true); i++)
		;
	for (i = 0; visit(dp, i, false); i++)
		;
}
