// SPDX-License-Identifier: Apache-2.0
/*
 * Flow_Table rows: how many flows a table takes, and what happens to one more (flow_limit, overflow_policy).
 *
 * They are followed when the transaction is on the disk: flows that are evicted do not come back when it fails.
 */
#include <string.h>

#include "base/clock.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config_apply.h"
#include "switchd/pipeline/table.h"

/** What a row says; all zero where there is none. */
struct table_limit {
	size_t max_rules;
	bool evict;
};

static struct table_limit read_limit(const struct db_row *row)
{
	int64_t max = db_get_integer(row, NULL, "flow_limit", 0);

	/* A limit of no flows at all cannot be told from no limit: a table takes one at least. */
	if (!max && db_get(row, NULL, "flow_limit")->n)
		max = 1;
	return (struct table_limit){
		.max_rules = (size_t)max,
		.evict = !strcmp(db_get_string(row, NULL, "overflow_policy", ""), "evict"),
	};
}

static void follow_limit(struct tables *tables, uint8_t table, const struct table_limit *limit)
{
	struct table_stats stats;

	tables_get_stats(tables, table, &stats);
	if (stats.max_rules != limit->max_rules || stats.evicts != limit->evict)
		tables_set_limit(tables, table, limit->max_rules, limit->evict, clock_now_ms());
}

void config_follow_flow_tables(struct db *db, struct bridge *br)
{
	const struct db_row *row = db_find_name(db_table(db, "Bridge"), NULL, br->name);
	struct table_limit limits[N_TABLES] = {0};
	const struct datum *map = row ? db_get(row, NULL, "flow_tables") : NULL;

	for (size_t i = 0; map && i < map->n; i++) {
		const struct db_row *limit = db_get_value_ref(row, NULL, "flow_tables", i);

		if (limit && map->keys[i].integer < N_TABLES)
			limits[map->keys[i].integer] = read_limit(limit);
	}
	for (unsigned int t = 0; t < N_TABLES; t++)
		follow_limit(br->tables, (uint8_t)t, &limits[t]);
}
