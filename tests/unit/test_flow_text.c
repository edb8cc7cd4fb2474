// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of flows. The lines of tests/conformance/flow_text.txt print as Open vSwitch prints them (flow_text_oracle made them);
 * the words of commands, filters and statistics are tested here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/flow_text.h"
#include "flow/port_names.h"

#define DATA "tests/conformance/flow_text.txt"

static int port_number(const struct port_names *self VSW_UNUSED, const char *name, size_t len)
{
	return len == 2 && name[0] == 'p' && name[1] >= '1' && name[1] <= '3' ? name[1] - '0' : -1;
}

static const struct port_names names = {.number = port_number};

static int parse(const char *text, enum flow_mod_command command, struct flow_mod *fm, struct errtext *err)
{
	return flow_mod_parse(text, strlen(text), command, &names, fm, err);
}

/* As dump-flows --no-stats prints the flow, without the blank in front. */
static void dump(const struct flow_mod *fm, struct ds *out)
{
	struct flow_stats fs = {
		.cookie = fm->new_cookie,
		.table = fm->table,
		.priority = fm->priority,
		.idle_timeout_s = fm->idle_timeout_s,
		.hard_timeout_s = fm->hard_timeout_s,
		.importance = fm->importance,
		.flags = fm->flags,
		.idle_age_s = -1,
		.hard_age_s = -1,
		.match = &fm->match,
		.actions = fm->actions.data,
		.actions_len = fm->actions.len,
	};

	flow_stats_format(&fs, NULL, FLOW_STATS_NO_STATS, out);
}

static void check_flow_line(const char *text, const char *printed)
{
	struct flow_mod fm, again;
	struct ds out = DS_INIT;
	struct errtext err;

	if (parse(text, FLOW_ADD, &fm, &err))
		fail_msg("'%s': column %zu: %s", text, err.column, err.text);
	dump(&fm, &out);
	assert_string_equal(ds_cstr(&out) + 1, printed);
	if (parse(ds_cstr(&out), FLOW_ADD, &again, &err))
		fail_msg("'%s': column %zu: %s", ds_cstr(&out), err.column, err.text);
	assert_true(match_equal(&fm.match, &again.match));
	assert_int_equal(fm.actions.len, again.actions.len);
	if (fm.actions.len)
		assert_memory_equal(fm.actions.data, again.actions.data, fm.actions.len);
	flow_mod_fini(&fm);
	flow_mod_fini(&again);
	ds_fini(&out);
}

static void check_trace_flow(const char *text, const char *printed)
{
	struct ds out = DS_INIT;
	struct flow_key key;
	struct errtext err;

	if (flow_key_parse(text, strlen(text), &names, &key, &err))
		fail_msg("'%s': column %zu: %s", text, err.column, err.text);
	flow_key_format(&key, NULL, &out);
	assert_string_equal(ds_cstr(&out), printed);
	ds_fini(&out);
}

static void check_refused(const char *text, const char *printed)
{
	struct errtext err = {0};
	struct ds out = DS_INIT;
	struct flow_mod fm;

	if (!parse(text, FLOW_ADD, &fm, &err))
		fail_msg("'%s' was accepted", text);
	ds_printf(&out, "error: column %zu: %s", err.column, err.text);
	assert_string_equal(ds_cstr(&out), printed);
	ds_fini(&out);
}

static void as_open_vswitch(void **state VSW_UNUSED)
{
	FILE *f = fopen(DATA, "r");
	char *line = NULL;
	size_t cap = 0, n = 0;
	ssize_t len;

	if (!f)
		fail_msg("%s is not there; run from the top of the tree", DATA);
	while ((len = getline(&line, &cap, f)) > 0) {
		char *kind = line, *text = memchr(line, '\t', (size_t)len), *printed;

		if (*line == '#' || !text)
			continue;
		*text++ = '\0';
		printed = strchr(text, '\t');
		assert_non_null(printed);
		*printed++ = '\0';
		printed[strcspn(printed, "\n")] = '\0';
		if (!strncmp(kind, "flow", 4))
			check_trace_flow(text, printed);
		else if (!strcmp(kind, "error") || !strcmp(kind, "stricter"))
			check_refused(text, printed);
		else
			check_flow_line(text, printed);
		n++;
	}
	free(line);
	fclose(f);
	assert_true(n > 500);
}

static void words(void **state VSW_UNUSED)
{
	struct flow_mod fm;

	assert_int_equal(
		parse("table=3,priority=7,cookie=0x10,idle_timeout=5,hard_timeout=6,importance=8,send_flow_rem "
		      "check_overlap,ip actions=drop",
		      FLOW_ADD, &fm, NULL),
		0);
	assert_int_equal(fm.command, FLOW_ADD);
	assert_int_equal(fm.table, 3);
	assert_int_equal(fm.priority, 7);
	assert_int_equal(fm.new_cookie, 0x10);
	assert_true(fm.modify_cookie);
	assert_int_equal(fm.idle_timeout_s, 5);
	assert_int_equal(fm.hard_timeout_s, 6);
	assert_int_equal(fm.importance, 8);
	assert_int_equal(fm.flags, FLOW_F_SEND_FLOW_REM | FLOW_F_CHECK_OVERLAP);
	assert_int_equal(fm.out_port, OFPP_NONE);
	flow_mod_fini(&fm);

	assert_int_equal(parse("actions=drop", FLOW_ADD, &fm, NULL), 0);
	assert_int_equal(fm.table, 0);
	assert_int_equal(fm.priority, 32768);
	assert_false(fm.modify_cookie);
	flow_mod_fini(&fm);
}

static void filters(void **state VSW_UNUSED)
{
	struct flow_mod fm;

	assert_int_equal(parse("", FLOW_DELETE, &fm, NULL), 0);
	assert_int_equal(fm.table, FLOW_TABLE_ALL);
	assert_int_equal(fm.cookie_mask, 0);
	flow_mod_fini(&fm);
	assert_int_equal(parse("cookie=0x123/0xff,out_port=p2,table=255", FLOW_DELETE, &fm, NULL), 0);
	assert_int_equal(fm.cookie, 0x23);
	assert_int_equal(fm.cookie_mask, 0xff);
	assert_int_equal(fm.out_port, 2);
	assert_int_equal(fm.table, FLOW_TABLE_ALL);
	flow_mod_fini(&fm);
	assert_int_equal(parse("cookie=1/-1,priority=5", FLOW_DELETE_STRICT, &fm, NULL), 0);
	assert_true(fm.cookie_mask == UINT64_MAX && fm.priority == 5);
	flow_mod_fini(&fm);
	assert_int_equal(parse("cookie=1/-1,cookie=2,actions=1", FLOW_MODIFY, &fm, NULL), 0);
	assert_true(fm.cookie == 1 && fm.new_cookie == 2 && fm.modify_cookie && fm.table == FLOW_TABLE_ALL);
	flow_mod_fini(&fm);
}

/* Lines of bundle files start with a command. */
static void commands(void **state VSW_UNUSED)
{
	static const struct {
		const char *text;
		enum flow_mod_command command;
	} cases[] = {
		{"add actions=drop", FLOW_ADD},
		{"modify table=3,actions=drop", FLOW_MODIFY},
		{"modify_strict priority=3,actions=drop", FLOW_MODIFY_STRICT},
		{"delete", FLOW_DELETE},
		{"delete ip,out_port=1", FLOW_DELETE},
		{"delete_strict,priority=5", FLOW_DELETE_STRICT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_mod fm;
		struct errtext err;

		if (parse(cases[i].text, FLOW_ADD, &fm, &err))
			fail_msg("'%s': %s", cases[i].text, err.text);
		assert_int_equal(fm.command, cases[i].command);
		flow_mod_fini(&fm);
	}
}

static void errors(void **state VSW_UNUSED)
{
	static const struct {
		const char *text;
		enum flow_mod_command command;
		size_t column;
		const char *says;
	} cases[] = {
		{"priority=100,nw_dst=1.2.3.4 actions=drop", FLOW_ADD, 14, "'nw_dst' needs 'ip' (or arp) before it"},
		{"ip", FLOW_ADD, 3, "expected 'actions='"},
		{"ip,actions=foo", FLOW_ADD, 12, "unknown action"},
		{"priority=65536,actions=1", FLOW_ADD, 10, "0 to 65535"},
		{"table=255,actions=1", FLOW_ADD, 7, "0 to 254"},
		{"tabel=1,actions=1", FLOW_ADD, 1, "did you mean 'table'"},
		{"cookie=1/2,actions=1", FLOW_ADD, 9, "without a mask"},
		{"cookie=x,actions=1", FLOW_ADD, 8, "64-bit number"},
		{"out_port=1,actions=1", FLOW_ADD, 1, "cannot stand in this command"},
		{"send_flow_rem=1,actions=1", FLOW_ADD, 15, "takes no value"},
		{"recirc_id=1,actions=1", FLOW_ADD, 1, "belongs to the switch"},
		{"cookie=1", FLOW_DELETE, 8, "cookie=1/-1"},
		{"priority=5", FLOW_DELETE, 1, "cannot stand in this command"},
		{"idle_timeout=5", FLOW_DELETE, 1, "cannot stand in this command"},
		{"ip actions=drop", FLOW_DELETE, 4, "takes no actions"},
		{"out_port=p9", FLOW_DELETE, 10, "is no port"},
		{"out_group=1", FLOW_DELETE, 1, "not supported yet"},
		{"table=3,actions=goto_table:3", FLOW_ADD, 28, "from table 3 to 4"},
		{"actions=goto_table:0", FLOW_ADD, 20, "from table 0 to 1"},
		{"delete actions=drop", FLOW_ADD, 8, "takes no actions"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct errtext err = {0};
		struct flow_mod fm;

		if (!parse(cases[i].text, cases[i].command, &fm, &err))
			fail_msg("'%s' was accepted", cases[i].text);
		if (err.column != cases[i].column || !strstr(err.text, cases[i].says))
			fail_msg("'%s': column %zu: %s", cases[i].text, err.column, err.text);
	}
}

static void statistics(void **state VSW_UNUSED)
{
	static const struct {
		struct flow_stats fs;
		unsigned int options;
		const char *printed;
	} cases[] = {
		{{.priority = 32768, .idle_age_s = -1, .hard_age_s = -1},
		 0,
		 " cookie=0x0, duration=0s, table=0, n_packets=0, n_bytes=0, actions=drop"},
		{{.priority = 32768, .idle_age_s = -1, .hard_age_s = -1}, FLOW_STATS_NO_STATS, " actions=drop"},
		{{.cookie = 9,
		  .table = 4,
		  .priority = 5,
		  .duration_ms = 12070,
		  .n_packets = 3,
		  .n_bytes = 180,
		  .idle_timeout_s = 500,
		  .hard_timeout_s = 900,
		  .importance = 9,
		  .idle_age_s = 2,
		  .hard_age_s = 7,
		  .flags = FLOW_F_SEND_FLOW_REM | FLOW_F_NO_BYT_COUNTS},
		 0,
		 " cookie=0x9, duration=12.07s, table=4, n_packets=3, n_bytes=180, idle_timeout=500, hard_timeout=900, "
		 "send_flow_rem no_byte_counts importance=9, idle_age=2, hard_age=7, priority=5 actions=drop"},
		{{.cookie = 9, .table = 4, .priority = 0, .duration_ms = 7004, .idle_age_s = 0, .hard_age_s = 7},
		 0,
		 " cookie=0x9, duration=7.004s, table=4, n_packets=0, n_bytes=0, idle_age=0, priority=0 actions=drop"},
	};
	struct match any;

	match_init_any(&any);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_stats fs = cases[i].fs;
		struct ds out = DS_INIT;
		struct flow_mod fm;

		fs.match = &any;
		flow_stats_format(&fs, NULL, cases[i].options, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		/* It can be fed back. */
		assert_int_equal(parse(ds_cstr(&out), FLOW_ADD, &fm, NULL), 0);
		assert_int_equal(fm.priority, fs.priority);
		flow_mod_fini(&fm);
		ds_fini(&out);
	}
}

static void flow_mods_print(void **state VSW_UNUSED)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"actions=drop", "actions=drop"},
		{"ip,cookie=5,table=1,priority=9 actions=1", "table=1,cookie=0x5,priority=9,ip actions=output:1"},
		{"send_flow_rem actions=1", "send_flow_rem actions=output:1"},
		{"delete", ""},
		{"delete table=0,udp,cookie=1/3,out_port=p1", "table=0,cookie=0x1/0x3,out_port=1,udp"},
		{"modify ip,actions=1", "ip actions=output:1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ds out = DS_INIT;
		struct flow_mod fm;

		assert_int_equal(parse(cases[i].text, FLOW_ADD, &fm, NULL), 0);
		flow_mod_format(&fm, NULL, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		flow_mod_fini(&fm);
		ds_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_open_vswitch), cmocka_unit_test(words),  cmocka_unit_test(filters),
		cmocka_unit_test(commands),	   cmocka_unit_test(errors), cmocka_unit_test(statistics),
		cmocka_unit_test(flow_mods_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
