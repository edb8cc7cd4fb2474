// SPDX-License-Identifier: Apache-2.0
/* The text of meters: what Open vSwitch 3.1 takes and refuses, and what it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "flow/meter.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"meter=1,kbps,band=type=drop,rate=1000", "meter=1 kbps bands=\ntype=drop rate=1000"},
		{"meter=2,pktps,burst,stats,bands=type=drop rate=100 burst_size=50",
		 "meter=2 pktps burst stats bands=\ntype=drop rate=100 burst_size=50"},
		{"meter=3 kbps stats bands=type=drop rate=100 type=drop rate=200",
		 "meter=3 kbps stats bands=\ntype=drop rate=100\ntype=drop rate=200"},
		{"stats kbps burst meter=0xffff0000 bands=type=drop,rate=4294967295,burst_size=4294967295",
		 "meter=4294901760 kbps burst stats bands=\ntype=drop rate=4294967295 burst_size=4294967295"},
		{"meter=10 kbps bands=type=drop rate=1 type=drop rate=2 type=drop rate=3 type=drop rate=4 "
		 "type=drop rate=5 type=drop rate=6 type=drop rate=7 type=drop rate=8",
		 "meter=10 kbps bands=\ntype=drop rate=1\ntype=drop rate=2\ntype=drop rate=3\ntype=drop "
		 "rate=4\ntype=drop rate=5\ntype=drop rate=6\ntype=drop rate=7\ntype=drop rate=8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct meter_config meter, again;
		struct errtext err = {0};
		struct ds out = DS_INIT;

		if (meter_parse(cases[i].text, strlen(cases[i].text), &meter, &err))
			fail_msg("%s: %s", cases[i].text, err.text);
		meter_format(&meter, false, &out);
		assert_string_equal(ds_cstr(&out), cases[i].printed);
		ds_clear(&out);
		meter_format(&meter, true, &out);
		assert_int_equal(meter_parse(ds_cstr(&out), out.len, &again, &err), 0);
		assert_memory_equal(&meter, &again, sizeof meter);
		ds_fini(&out);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "must have a number"},
		{"kbps band=type=drop rate=3", "must have a number"},
		{"meter=0 kbps band=type=drop rate=3", "'0' is no number from 1"},
		{"meter=4294901761 kbps band=type=drop rate=3", "is no number from 1"},
		{"meter=controller kbps band=type=drop rate=3", "not supported"},
		{"meter=all kbps band=type=drop rate=3", "is no number"},
		{"meter=5 band=type=drop rate=3", "either 'kbps' or 'pktps'"},
		{"meter=5 kbps pktps band=type=drop rate=3", "not both"},
		{"meter=5 kbps", "must have bands"},
		{"meter=5 kbps foo band=type=drop rate=3", "unknown word 'foo'"},
		{"meter=5 kbps=1 band=type=drop rate=3", "unknown word 'kbps'"},
		{"meter=5 kbps bands=type=drop", "must have 'rate'"},
		{"meter=5 kbps bands=type=drop rate=0", "'0' is no number"},
		{"meter=5 kbps bands=type=drop rate=4294967296", "is no number"},
		{"meter=5 kbps bands=rate=5", "begin with type=drop"},
		{"meter=5 kbps bands=", "must have bands"},
		{"meter=5 kbps bands=type=foo rate=1", "'foo' is no type of band"},
		{"meter=5 kbps bands=type=dscp_remark rate=1 prec_level=1", "dscp_remark are not supported"},
		{"meter=5 kbps bands=type=drop rate=1 prec_level=1", "prec_level"},
		{"meter=5 kbps bands=type=drop rate=1 bursts=1", "unknown word 'bursts'"},
		{"meter=5 kbps bands=type=drop rate=1 burst_size=1", "only when the flag 'burst'"},
		{"meter=5 kbps burst bands=type=drop rate=1", "must have 'burst_size'"},
		{"meter=5 kbps bands=type=drop rate=1 type=drop rate=1 type=drop rate=1 type=drop rate=1 type=drop "
		 "rate=1 type=drop rate=1 type=drop rate=1 type=drop rate=1 type=drop rate=1",
		 "at most 8 bands"},
		{"meter=5(kbps", "never closed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct meter_config meter;
		struct errtext err = {0};

		if (!meter_parse(cases[i].text, strlen(cases[i].text), &meter, &err))
			fail_msg("'%s' was taken", cases[i].text);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' says: %s", cases[i].text, err.text);
		assert_true(err.column > 0);
	}
}

static void test_ids(void **state)
{
	uint32_t id;

	(void)state;
	assert_int_equal(meter_parse_id("", 0, &id, NULL), 0);
	assert_int_equal(id, METER_ALL);
	assert_int_equal(meter_parse_id("meter=all", 9, &id, NULL), 0);
	assert_int_equal(id, METER_ALL);
	assert_int_equal(meter_parse_id("meter=7", 7, &id, NULL), 0);
	assert_int_equal(id, 7);
	assert_true(meter_parse_id("meter=x", 7, &id, NULL) < 0);
	assert_true(meter_parse_id("kbps", 4, &id, NULL) < 0);
}

static void test_counts(void **state)
{
	struct meter_config meter = {.id = 200001, .flags = METER_KBPS, .n_bands = 2};
	struct meter_counts c = {
		.n_flows = 3, .n_packets = 10, .n_bytes = 1000, .duration_ms = 12093, .bands = {{1, 2}}};
	struct ds out = DS_INIT;

	(void)state;
	meter_format_counts(&meter, &c, &out);
	assert_string_equal(ds_cstr(&out),
			    "meter:200001 flow_count:3 packet_in_count:10 byte_in_count:1000 duration:12.093s bands:\n"
			    "0: packet_count:1 byte_count:2\n1: packet_count:0 byte_count:0");
	ds_fini(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
