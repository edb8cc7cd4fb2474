/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tables from and to text, for tests. Include it behind cmocka.h. */
#ifndef TESTS_UNIT_TABLE_HELPER_H
#define TESTS_UNIT_TABLE_HELPER_H 1

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/port_names.h"
#include "switchd/pipeline/table.h"

#define APPLY_MAX 64

/** apply_at() - a bundle, one flow-mod per line ("delete ...", "modify ...", "add" when there is no such word). */
static inline int apply_at(struct tables *tables, const char *text, int64_t now_ms, size_t *failed, struct errtext *err)
{
	struct flow_mod mods[APPLY_MAX] = {0};
	size_t n = 0;
	int ret;

	while (*text) {
		size_t len = strcspn(text, "\n");
		struct errtext why;

		assert_true(n < APPLY_MAX);
		if (flow_mod_parse(text, len, FLOW_ADD, NULL, &mods[n++], &why))
			fail_msg("%.*s: %s", (int)len, text, why.text);
		text += len + (text[len] == '\n');
	}
	ret = tables_apply(tables, mods, n, now_ms, failed, err);
	for (size_t i = 0; i < n; i++)
		flow_mod_fini(&mods[i]);
	return ret;
}

static inline void apply(struct tables *tables, const char *text, int64_t now_ms)
{
	struct errtext err;

	if (apply_at(tables, text, now_ms, NULL, &err))
		fail_msg("%s: %s", text, err.text);
}

struct dump {
	struct rule_format_options options;
	struct ds out;
};

static inline int dump_one(void *dump_, struct rule *rule)
{
	struct dump *dump = dump_;

	rule_format(rule, &dump->options, &dump->out);
	ds_put_char(&dump->out, '\n');
	return 0;
}

/** dump_flows() - all rules, in the text of dump-flows. Return: heap string. */
static inline char *dump_flows(struct tables *tables, bool no_stats, int64_t now_ms)
{
	const struct flow_mod any = {.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct dump dump = {{.no_stats = no_stats, .now_ms = now_ms}, DS_INIT};

	tables_each(tables, &any, dump_one, &dump);
	ds_put(&dump.out, "");
	return ds_steal(&dump.out);
}

/** expect_flows() - what dump-flows --no-stats says, line by line. */
static inline void expect_flows(struct tables *tables, const char *expected)
{
	char *got = dump_flows(tables, true, 0);

	assert_string_equal(got ? got : "", expected);
	free(got);
}

/** expect_stats() - with counters and ages. */
static inline void expect_stats(struct tables *tables, int64_t now_ms, const char *expected)
{
	char *got = dump_flows(tables, false, now_ms);

	assert_string_equal(got ? got : "", expected);
	free(got);
}

/** find() - the rule that a packet of this text meets in table 0, or NULL. */
static inline struct rule *find(struct tables *tables, const char *packet)
{
	struct flow_key key;
	struct errtext err;
	struct rule *rule;

	if (flow_key_parse(packet, strlen(packet), NULL, &key, &err))
		fail_msg("%s: %s", packet, err.text);
	rcu_read_lock();
	rule = tables_lookup(tables, 0, tables_version(tables), &key, NULL);
	rcu_read_unlock();
	return rule;
}

#endif
