// SPDX-License-Identifier: Apache-2.0
/*
 * Values as text and JSON. What ovs-vsctl 3.1 with ovsdb-server 3.1 answered to the same text stands in the tables; errors are ours.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/schema.h"
#include "ovsdb/value.h"

static const struct column_type *type_of(const char *table, const char *column)
{
	const struct table_schema *t = schema_table(schema_vswitch(), table);
	const struct column_schema *c = t ? schema_column(t, column) : NULL;

	assert_non_null(c);
	return &c->type;
}

struct text_case {
	const char *column, *text;
	const char *result; /* as printed; NULL: refused */
	const char *error;  /* a part of the sentence */
};

static const struct text_case port_cases[] = {
	{"tag", "5", "5", NULL},
	{"tag", "0", "0", NULL},
	{"tag", "4095", "4095", NULL},
	{"tag", "4096", NULL, "4096 is outside the range 0 to 4095"},
	{"tag", "-1", NULL, "-1 is outside the range 0 to 4095"},
	{"tag", "abc", NULL, "\"abc\" is not an integer"},
	{"tag", "[]", "[]", NULL},
	{"tag", "[1]", "1", NULL},
	{"tag", "1,2", NULL, "2 values, but at most 1"},
	{"tag", "{1}", NULL, "unexpected \"{\""},
	{"tag", "", NULL, "a value is missing; write [] for the empty set"},
	{"tag", " 5", "5", NULL},
	{"tag", "5 ", "5", NULL},
	{"tag", "5-7", NULL, "3 values, but at most 1"},
	{"tag", "0x10", NULL, "not an integer"},
	{"tag", "1.0", NULL, "not an integer"},
	{"tag", "1e3", NULL, "not an integer"},
	{"tag", "@x", NULL, "not an integer"},
	{"tag", "\"5\"", NULL, "not an integer"},
	{"tag", "007", "7", NULL},
	{"tag", "+7", "7", NULL},
	{"tag", "99999999999999999999", NULL, "too large"},
	{"trunks", "1,2,3", "[1, 2, 3]", NULL},
	{"trunks", "1 2", "[1, 2]", NULL},
	{"trunks", "[1,2,3]", "[1, 2, 3]", NULL},
	{"trunks", "[1 2 3]", "[1, 2, 3]", NULL},
	{"trunks", "[1,2,]", "[1, 2]", NULL},
	{"trunks", " [ 1 , 2 ] ", "[1, 2]", NULL},
	{"trunks", "3,3", NULL, "3 stands there twice"},
	{"trunks", "[3,2,1]", "[1, 2, 3]", NULL},
	{"trunks", "10-12", "[10, 11, 12]", NULL},
	{"trunks", "1-3,7", "[1, 2, 3, 7]", NULL},
	{"trunks", "5-3", NULL, "the range 5-3 is empty"},
	{"trunks", "0-9999", NULL, "range"},
	{"trunks", "0-999999999999", NULL, "range"},
	{"trunks", "-9223372036854775808-9223372036854775807", NULL, "range"},
	{"trunks", "[1,,2]", NULL, "unexpected \",\""},
	{"trunks", ",1", NULL, "unexpected \",\""},
	{"trunks", "[1]x", NULL, "behind \"]\""},
	{"trunks", "[1", NULL, "\"]\" is missing"},
	{"vlan_mode", "access", "access", NULL},
	{"vlan_mode", "foo", NULL,
	 "\"foo\" is not one of access, dot1q-tunnel, native-tagged, native-untagged or trunk"},
	{"vlan_mode", "\"access\"", "access", NULL},
	{"vlan_mode", "[]", "[]", NULL},
	{"vlan_mode", "[access]", "access", NULL},
	{"vlan_mode", "ac", NULL, "not one of"},
	{"protected", "true", "true", NULL},
	{"protected", "yes", "true", NULL},
	{"protected", "1", "true", NULL},
	{"protected", "on", "true", NULL},
	{"protected", "off", "false", NULL},
	{"protected", "0", "false", NULL},
	{"protected", "TRUE", NULL, "neither true nor false"},
};

static const struct text_case bridge_cases[] = {
	{"datapath_type", "a b", NULL, "2 values"},
	{"datapath_type", "\"a b\"", "\"a b\"", NULL},
	{"datapath_type", "a\"b", NULL, "never closed"},
	{"datapath_type", "a\"b\"", "\"a\\\"b\\\"\"", NULL},
	{"datapath_type", "\"a\\\"b\"", "\"a\\\"b\"", NULL},
	{"datapath_type", "\"a\"b", NULL, "not a valid quoted string"},
	{"datapath_type", "\"a\\x\"", NULL, "not a valid quoted string"},
	{"datapath_type", "", NULL, "write \"\" for the empty string"},
	{"datapath_type", "\"\"", "\"\"", NULL},
	{"datapath_type", "a,b", NULL, "2 values"},
	{"datapath_type", "\"a,b\"", "\"a,b\"", NULL},
	{"datapath_type", "[a", NULL, "\"]\" is missing"},
	{"datapath_type", "true", "\"true\"", NULL},
	{"datapath_type", "\"true\"", "\"true\"", NULL},
	{"datapath_type", "8", "\"8\"", NULL},
	{"datapath_type", "aa:bb", NULL, "unexpected \":\""},
	{"datapath_type", "x-y", "x-y", NULL},
	{"datapath_type", "x.y", "x.y", NULL},
	{"datapath_type", "-x", "\"-x\"", NULL},
	{"datapath_type", "\xc3\xa9", "\"\xc3\xa9\"", NULL},
	{"datapath_type", "\xc3", NULL, "not UTF-8"},
	{"datapath_type", "\"\\u0041\\t\\\"\\\\/\"", "\"A\\t\\\"\\\\/\"", NULL},
	{"datapath_type", "\"\\u0001\"", "\"\\u0001\"", NULL},
	{"datapath_type", "a\\:b", "\"a:b\"", NULL},
	{"datapath_type", "a\\ b\\,c", "\"a b,c\"", NULL},
	{"datapath_type", "\\n", "n", NULL},
	{"datapath_type", "\\", NULL, "ends with a backslash"},
	{"datapath_type", "\\\"x", NULL, "not a valid quoted string"},
	{"datapath_type", "\t_-", "_-", NULL},
	{"datapath_type", "\"\\u0000\"", NULL, "not a valid quoted string"},
	{"protocols", "OpenFlow13,OpenFlow10", "[OpenFlow10, OpenFlow13]", NULL},
	{"protocols", "OpenFlow99", NULL, "not one of OpenFlow10, "},
	{"ports", "zzz", NULL, "\"zzz\" is not a UUID"},
	{"ports", "12345678-1234-1234-1234-1234567890AB", "[12345678-1234-1234-1234-1234567890ab]", NULL},
	{"other_config", "x=y", "{x=y}", NULL},
	{"other_config", "x=", NULL, "write \"\" for the empty string"},
	{"other_config", "\"a=b\"=c", "{\"a=b\"=c}", NULL},
	{"other_config", "a=\"x y\"", "{a=\"x y\"}", NULL},
	{"other_config", "a=1", "{a=\"1\"}", NULL},
	{"other_config", "a=1.5", "{a=\"1.5\"}", NULL},
	{"other_config", "a=true", "{a=\"true\"}", NULL},
	{"other_config", "a=[b", NULL, "unexpected \"[\""},
	{"other_config", "a=\"[\"", "{a=\"[\"}", NULL},
	{"other_config", "{a=b}", "{a=b}", NULL},
	{"other_config", "{a=b, c=d}", "{a=b, c=d}", NULL},
	{"other_config", " { a = b , c=d } ", "{a=b, c=d}", NULL},
	{"other_config", "{}", "{}", NULL},
	{"other_config", "a=b,c=d", "{a=b, c=d}", NULL},
	{"other_config", "a=b c=d", "{a=b, c=d}", NULL},
	{"other_config", "a:b", NULL, "expected \"=\""},
	{"other_config", "a=b,", "{a=b}", NULL},
	{"other_config", "a=\"\\u00e9\\n\"", "{a=\"\xc3\xa9\\n\"}", NULL},
	{"other_config", "a=-", "{a=\"-\"}", NULL},
	{"other_config", "a=8b-c", "{a=\"8b-c\"}", NULL},
	{"other_config", "a=12345678-1234-1234-1234-1234567890ab", "{a=\"12345678-1234-1234-1234-1234567890ab\"}",
	 NULL},
	{"other_config", "a=abcdef78-1234-1234-1234-1234567890ab", "{a=\"abcdef78-1234-1234-1234-1234567890ab\"}",
	 NULL},
	{"other_config", "a=a.b", "{a=a.b}", NULL},
	{"other_config", "a=_x", "{a=_x}", NULL},
	{"other_config", "a=/x", "{a=\"/x\"}", NULL},
	{"other_config", "=\"x\"", NULL, "unexpected \"=\""},
	{"other_config", "a=\"x", NULL, "never closed"},
	{"other_config", "a=b=c", NULL, "unexpected \"=\""},
	{"other_config", "a=b:c", NULL, "unexpected \":\""},
	{"other_config", "a='x'", "{a=\"'x'\"}", NULL},
	{"other_config", "a=@x", "{a=\"@x\"}", NULL},
	{"other_config", "{a=1,a=2}", NULL, "a stands there twice"},
	{"other_config", "{a=b}x", NULL, "behind \"}\""},
};

static void check_text(const char *table, const struct text_case *c)
{
	const struct column_type *type = type_of(table, c->column);
	struct errtext err = {0, ""};
	struct ds out = DS_INIT;
	struct datum d, again;
	int rc = datum_from_text(&d, type, c->text, NULL, &err);

	if (!rc && datum_check(&d, type, &err)) {
		datum_fini(&d, type);
		rc = -1;
	}
	if (!c->result) {
		if (!rc || !strstr(err.text, c->error))
			fail_msg("%s=%s: expected an error with \"%s\", got %d \"%s\"", c->column, c->text, c->error,
				 rc, err.text);
		return;
	}
	if (rc)
		fail_msg("%s=%s: %s", c->column, c->text, err.text);
	datum_to_text(&d, type, &out);
	assert_string_equal(ds_cstr(&out), c->result);
	assert_int_equal(datum_from_text(&again, type, ds_cstr(&out), NULL, &err), 0);
	assert_true(datum_equal(&d, &again, type));
	datum_fini(&d, type);
	datum_fini(&again, type);
	ds_fini(&out);
}

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(port_cases); i++)
		check_text("Port", &port_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bridge_cases); i++)
		check_text("Bridge", &bridge_cases[i]);
}

static void test_error_column(void **state)
{
	struct errtext err = {0, ""};
	struct datum d;

	(void)state;
	assert_int_not_equal(datum_from_text(&d, type_of("Port", "trunks"), "[1, 2, x]", NULL, &err), 0);
	assert_int_equal(err.column, 8);
	assert_int_not_equal(datum_from_text(&d, type_of("Interface", "ofport_request"), "70000", NULL, &err), 0);
	assert_string_equal(err.text, "70000 is outside the range 1 to 65,279");
}

static const struct json_case {
	const char *table, *column, *json;
	const char *result; /* NULL: refused; "": the same again */
} json_cases[] = {
	{"Port", "tag", "5", ""},
	{"Port", "tag", "[\"set\",[]]", ""},
	{"Port", "tag", "[\"set\",[7]]", "7"},
	{"Port", "tag", "\"5\"", NULL},
	{"Port", "tag", "5.0", NULL},
	{"Port", "tag", "4096", NULL},
	{"Port", "trunks", "[\"set\",[3,1,2]]", "[\"set\",[1,2,3]]"},
	{"Port", "trunks", "[\"set\",[1,1]]", NULL},
	{"Port", "trunks", "[\"set\",1]", NULL},
	{"Port", "trunks", "[\"map\",[]]", NULL},
	{"Port", "protected", "true", ""},
	{"Port", "protected", "1", NULL},
	{"Port", "name", "\"p\\u00e9\\n\"", ""},
	{"Port", "name", "null", NULL},
	{"Bridge", "other_config", "[\"map\",[[\"a\",\"b\"]]]", ""},
	{"Bridge", "other_config", "[\"map\",[]]", ""},
	{"Bridge", "other_config", "[\"map\",[[\"a\"]]]", NULL},
	{"Bridge", "other_config", "[\"map\",[[\"a\",1]]]", NULL},
	{"Bridge", "other_config", "[\"map\",[[\"a\",\"1\"],[\"a\",\"2\"]]]", NULL},
	{"Bridge", "other_config", "[\"set\",[]]", NULL},
	{"Bridge", "other_config", "{}", NULL},
	{"Bridge", "ports", "[\"uuid\",\"12345678-1234-1234-1234-1234567890ab\"]", ""},
	{"Bridge", "ports", "[\"uuid\",\"12345678\"]", NULL},
	{"Bridge", "ports", "[\"named-uuid\",\"x\"]", NULL},
	{"Bridge", "ports", "[]", NULL},
	{"Bridge", "flow_tables", "[\"map\",[[0,[\"uuid\",\"12345678-1234-1234-1234-1234567890ab\"]]]]", ""},
	{"Bridge", "flow_tables", "[\"map\",[[255,[\"uuid\",\"12345678-1234-1234-1234-1234567890ab\"]]]]", NULL},
	{"Bridge", "fail_mode", "\"bogus\"", NULL},
};

static void check_json(const struct json_case *c)
{
	const struct column_type *type = type_of(c->table, c->column);
	json_t *json = json_loads(c->json, JSON_DECODE_ANY, NULL), *wanted, *got;
	struct errtext err = {0, ""};
	struct datum d;
	int rc = datum_from_json(&d, type, json, NULL, &err);

	if (!c->result) {
		if (!rc || !err.text[0])
			fail_msg("%s: %s is accepted", c->column, c->json);
		json_decref(json);
		return;
	}
	if (rc)
		fail_msg("%s: %s: %s", c->column, c->json, err.text);
	wanted = c->result[0] ? json_loads(c->result, JSON_DECODE_ANY, NULL) : json_incref(json);
	got = datum_to_json(&d, type);
	assert_true(json_equal(wanted, got));
	json_decref(wanted);
	json_decref(got);
	json_decref(json);
	datum_fini(&d, type);
}

static void test_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(json_cases); i++)
		check_json(&json_cases[i]);
}

static void test_reals(void **state)
{
	static const double values[] = {0, -1.5, 0.1, 1.0 / 3, 1e300, DBL_MIN};
	struct column_type type = {.n_min = 1, .n_max = 1};

	(void)state;
	base_type_init(&type.key, ATOM_REAL);
	base_type_init(&type.value, ATOM_VOID);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct datum d = datum_of_real(values[i]), again;
		struct ds text = DS_INIT;

		datum_to_text(&d, &type, &text);
		assert_int_equal(datum_from_text(&again, &type, ds_cstr(&text), NULL, NULL), 0);
		assert_true(datum_equal(&d, &again, &type));
		datum_fini(&d, &type);
		datum_fini(&again, &type);
		ds_fini(&text);
	}
}

/* A set against an array of flags: 2,000 random steps. */
static void test_set_arithmetic(void **state)
{
	const struct column_type *type = type_of("Port", "trunks");
	struct datum d = DATUM_EMPTY;
	bool in[64] = {false};
	unsigned int seed = 7;
	size_t n = 0;

	(void)state;
	for (int step = 0; step < 2000; step++) {
		union atom key = {.integer = rand_r(&seed) % 64};
		ptrdiff_t at = datum_find_key(&d, &key, ATOM_INTEGER);

		assert_int_equal(at >= 0, in[key.integer]);
		if (rand_r(&seed) & 1) {
			assert_int_equal(datum_add(&d, &key, NULL, type, false), !in[key.integer]);
			in[key.integer] = true;
		} else if (at >= 0) {
			datum_remove_at(&d, (size_t)at, type);
			in[key.integer] = false;
		}
	}
	for (size_t i = 0; i < 64; i++)
		n += in[i];
	assert_int_equal(d.n, n);
	for (size_t i = 1; i < d.n; i++)
		assert_true(d.keys[i - 1].integer < d.keys[i].integer);
	datum_fini(&d, type);
}

/* Against the definition, on sets of UUIDs of all sizes around the block length that differ in a place or two. */
static void check_common(const struct datum *a, const struct datum *b, const struct column_type *type)
{
	size_t head, tail, n = MIN(a->n, b->n), h = 0, t = 0;

	datum_common(a, b, type, &head, &tail);
	while (h < n && uuid_equal(&a->keys[h].uuid, &b->keys[h].uuid))
		h++;
	while (t < n - h && uuid_equal(&a->keys[a->n - t - 1].uuid, &b->keys[b->n - t - 1].uuid))
		t++;
	assert_int_equal(head, h);
	assert_int_equal(tail, t);
}

static void test_common_ends(void **state)
{
	const struct column_type *type = type_of("Bridge", "ports");
	struct datum a = DATUM_EMPTY, b;
	unsigned int seed = 11;

	(void)state;
	for (int n = 0; n < 200; n++) {
		union atom key = {.uuid = uuid_random()};

		datum_clone(&b, &a, type);
		check_common(&a, &b, type);
		datum_add(&a, &key, NULL, type, false);
		check_common(&a, &b, type);
		if (b.n)
			datum_remove_at(&b, (size_t)rand_r(&seed) % b.n, type);
		check_common(&a, &b, type);
		check_common(&b, &a, type);
		datum_fini(&b, type);
	}
	datum_fini(&a, type);
}

static void test_maps(void **state)
{
	const struct column_type *type = type_of("Bridge", "other_config");
	struct datum a = DATUM_EMPTY, b = DATUM_EMPTY;

	(void)state;
	datum_map_put(&a, "k", "1");
	datum_map_put(&a, "k", "2");
	datum_map_put(&a, "j", "3");
	assert_string_equal(datum_map_get(&a, "k"), "2");
	assert_null(datum_map_get(&a, "x"));
	datum_map_put(&b, "k", "other");
	datum_subtract(&a, &b, type); /* the values differ: nothing goes */
	assert_int_equal(a.n, 2);
	datum_union(&a, &b, type, false);
	assert_string_equal(datum_map_get(&a, "k"), "2");
	datum_union(&a, &b, type, true);
	assert_string_equal(datum_map_get(&a, "k"), "other");
	datum_subtract(&a, &b, type);
	assert_null(datum_map_get(&a, "k"));
	datum_fini(&a, type);
	datum_fini(&b, type);
}

static void test_schema_round_trip(void **state)
{
	json_t *text = json_loads(schema_vswitch_text(), 0, NULL), *once, *twice;
	struct schema *again;

	(void)state;
	once = schema_to_json(schema_vswitch());
	assert_true(json_equal(text, once));
	assert_int_equal(schema_from_json(&again, once, NULL), 0);
	twice = schema_to_json(again);
	assert_true(json_equal(once, twice));
	schema_free(again);
	json_decref(text);
	json_decref(once);
	json_decref(twice);
}

static const struct {
	const char *json, *error;
} bad_schemas[] = {
	{"{}", "name or version"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{}}", "no tables"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{}}}", "no columns"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{}}}}}", "\"c\""},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{\"type\":\"text\"}}}}}", "text"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{\"type\":{\"key\":{\"type\":"
	 "\"uuid\",\"refTable\":\"U\"}}}}}}}",
	 "\"U\" is no table"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{\"type\":{\"key\":"
	 "\"integer\",\"min\":2}}}}}}",
	 "min must be"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{\"type\":\"integer\"}},"
	 "\"indexes\":[[\"d\"]]}}}",
	 "index"},
	{"{\"name\":\"a\",\"version\":\"1.0.0\",\"tables\":{\"T\":{\"columns\":{\"c\":{\"type\":\"integer\"}},"
	 "\"maxRows\":0}}}",
	 "maxRows"},
};

static void test_bad_schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_schemas); i++) {
		json_t *json = json_loads(bad_schemas[i].json, 0, NULL);
		struct errtext err = {0, ""};
		struct schema *schema;

		assert_non_null(json);
		assert_int_not_equal(schema_from_json(&schema, json, &err), 0);
		if (!strstr(err.text, bad_schemas[i].error))
			fail_msg("%s: %s", bad_schemas[i].json, err.text);
		json_decref(json);
	}
}

static const struct {
	const char *typed, *found; /* NULL: refused */
	const char *error;
} table_names[] = {
	{"Bridge", "Bridge", NULL},
	{"BRIDGE", "Bridge", NULL},
	{"bri", "Bridge", NULL},
	{"open", "Open_vSwitch", NULL},
	{"open-vswitch", "Open_vSwitch", NULL},
	{"m", NULL, "ambiguous: Manager, Mirror"},
	{"foo", NULL, "there is no table \"foo\""},
	{"", NULL, "there is no table"},
	{"ct-t", "CT_Timeout_Policy", NULL},
};

static void test_names(void **state)
{
	const struct table_schema *table;
	const struct column_schema *column;
	struct errtext err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table_names); i++) {
		int rc = schema_match_table(schema_vswitch(), table_names[i].typed, &table, &err);

		assert_int_equal(!rc, table_names[i].found != NULL);
		if (table_names[i].found)
			assert_string_equal(table->name, table_names[i].found);
		else
			assert_non_null(strstr(err.text, table_names[i].error));
	}
	table = schema_table(schema_vswitch(), "Bridge");
	assert_int_equal(schema_match_column(table, "STP-en", &column, &err), 0);
	assert_string_equal(column->name, "stp_enable");
	assert_int_equal(schema_match_column(table, "_uuid", &column, &err), 0);
	assert_ptr_equal(column, schema_uuid_column());
	/* a whole name wins over a longer one that starts with it */
	table = schema_table(schema_vswitch(), "Interface");
	assert_int_equal(schema_match_column(table, "ofport", &column, &err), 0);
	assert_string_equal(column->name, "ofport");
	assert_int_not_equal(schema_match_column(table, "ofp", &column, &err), 0);
	assert_non_null(strstr(err.text, "ambiguous: ofport, ofport_request"));
}

static void test_uuids(void **state)
{
	static const char *const bad[] = {"",
					  "1",
					  "12345678-1234-1234-1234-1234567890a",
					  "12345678-1234-1234-1234-1234567890abc",
					  "12345678x1234-1234-1234-1234567890ab",
					  "g2345678-1234-1234-1234-1234567890ab"};
	struct uuid u = uuid_random(), v;
	char text[UUID_LEN + 1];

	(void)state;
	assert_int_equal(u.b[6] >> 4, 4);
	assert_int_equal(u.b[8] >> 6, 2);
	assert_true(uuid_from_text(uuid_to_text(&u, text), &v));
	assert_true(uuid_equal(&u, &v));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(uuid_from_text(bad[i], &v));
	assert_true(uuid_is_abbrev("1234", 4));
	assert_false(uuid_is_abbrev("123", 4));
	assert_false(uuid_is_abbrev("123456789", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	       cmocka_unit_test(test_error_column),
		cmocka_unit_test(test_json),	       cmocka_unit_test(test_reals),
		cmocka_unit_test(test_set_arithmetic), cmocka_unit_test(test_maps),
		cmocka_unit_test(test_common_ends),    cmocka_unit_test(test_schema_round_trip),
		cmocka_unit_test(test_bad_schemas),    cmocka_unit_test(test_names),
		cmocka_unit_test(test_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
