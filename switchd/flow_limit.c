// SPDX-License-Identifier: Apache-2.0
#include "switchd/flow_limit.h"

#include "base/util.h"

enum {
	QUICK_MS = 1000,
	SLOW_MS = 1300,
	VERY_SLOW_MS = 2000,
	STEP = 1000,
};

uint32_t flow_limit_next(uint32_t limit, uint32_t max, uint64_t n_flows, int64_t pass_ms)
{
	const uint64_t ms = (uint64_t)MAX(pass_ms, 1);

	if (ms > VERY_SLOW_MS)
		limit = (uint32_t)(limit * 1000ull / ms);
	else if (ms > SLOW_MS)
		limit = limit / 4 * 3;
	else if (ms < QUICK_MS && limit < n_flows * 1000 / ms)
		limit += STEP;
	return MIN(MAX(limit, FLOW_LIMIT_MIN), max);
}
