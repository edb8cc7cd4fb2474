// SPDX-License-Identifier: Apache-2.0
/*
 * The generic database commands against what ovs-vsctl 3.1 printed for the same words on the same rows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/dbcmd.h"

#define MAX_WORDS 16

static struct db *db;
static struct ds answer; /* of the last line: what it printed, or "error: ..." or "not yet" */

/* One command; `'...'` keeps blanks in a word together. Return: as dbcmd_run(). */
static int run_command(struct db_txn *txn, char *words, struct dbcmd_style *style, struct errtext *err)
{
	struct dbcmd_output out = DBCMD_OUTPUT_INIT;
	const char *argv[MAX_WORDS];
	size_t argc = 0;
	int rc = 0;

	for (char *p = words; *p && !rc;) {
		char *start = *p == '\'' ? ++p : p, end = start > words && start[-1] == '\'' ? '\'' : ' ';

		p += strcspn(p, (char[]){end, '\0'});
		if (*p)
			*p++ = '\0';
		p += strspn(p, " ");
		rc = dbcmd_style_option(style, start, err);
		if (rc == 1)
			rc = 0;
		else
			argv[argc++] = start;
		assert_true(argc < MAX_WORDS);
	}
	if (!rc)
		rc = dbcmd_run(txn, argc, argv, &out, err);
	if (!rc)
		dbcmd_output_print(&out, style, &answer);
	dbcmd_output_fini(&out);
	return rc;
}

/* A line of commands joined by " -- ", as one transaction. */
static const char *run(const char *line)
{
	struct errtext err = {0, ""};
	struct dbcmd_style style = {DBCMD_LIST, DBCMD_DATA_STRING, false};
	char *copy = xstrdup(line), *at = copy;
	struct db_txn *txn = db_txn_begin(db);
	int rc = 0;

	ds_clear(&answer);
	while (at && !rc) {
		char *end = strstr(at, " -- ");

		if (end)
			*end = '\0';
		rc = run_command(txn, at, &style, &err);
		at = end ? end + 4 : NULL;
	}
	if (!rc)
		rc = db_txn_commit(txn, &err);
	if (rc) {
		db_txn_abort(txn);
		ds_clear(&answer);
		if (rc == -EAGAIN)
			ds_put(&answer, "not yet");
		else
			ds_printf(&answer, "error: %s", err.text);
	}
	free(copy);
	return ds_cstr(&answer);
}

static void expect(const char *line, const char *result)
{
	const char *got = run(line);

	if (strcmp(got, result))
		fail_msg("%s\nexpected: %s\n     got: %s", line, result, got);
}

static void expect_error(const char *line, const char *part)
{
	const char *got = run(line);

	if (strncmp(got, "error: ", 7) || !strstr(got, part))
		fail_msg("%s\nexpected an error with: %s\n     got: %s", line, part, got);
}

static void ok(const char *line)
{
	if (!strncmp(run(line), "error: ", 7))
		fail_msg("%s\n%s", line, ds_cstr(&answer));
}

/* br0 with p1, br1 with q1, each with its internal port, as add-br and add-port make them. */
static int setup(void **state)
{
	(void)state;
	db = db_new(schema_vswitch(), NULL);
	run("create Open_vSwitch next_cfg=0");
	ok("--id=@b create Bridge name=br0 ports=@p,@q other_config=a=2,b=x fail_mode=secure"
	   " -- --id=@p create Port name=br0 interfaces=@i -- --id=@i create Interface name=br0 type=internal"
	   " -- --id=@q create Port name=p1 interfaces=@j trunks=1,2,3 -- --id=@j create Interface name=p1"
	   " -- add Open_vSwitch . bridges @b");
	ok("--id=@b create Bridge name=br1 ports=@p,@q other_config:a=1"
	   " -- --id=@p create Port name=br1 interfaces=@i -- --id=@i create Interface name=br1 type=internal"
	   " -- --id=@q create Port name=q1 interfaces=@j trunks=1,2 tag=7 -- --id=@j create Interface name=q1"
	   " -- add Open_vSwitch . bridges @b");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_free(db);
	ds_fini(&answer);
	return 0;
}

static void test_get_set(void **state)
{
	(void)state;
	expect("get bridge br0 name fail_mode other_config stp_enable", "br0\nsecure\n{a=\"2\", b=x}\nfalse\n");
	expect("get BRI br1 fail-mode", "[]\n");
	expect("get bridge br0 other_config:a other_config:b", "\"2\"\nx\n");
	expect("--if-exists get bridge br0 other_config:nokey", "\n");
	expect_error("get bridge br0 other_config:nokey",
		     "no key \"nokey\" in Bridge record \"br0\" column other_config");
	expect("get bridge br0", "");
	expect("--if-exists get bridge nobr name", "");
	expect("get --if-exists bridge nobr name", "");
	expect_error("get bridge nobr name", "no row \"nobr\" in table Bridge");
	expect_error("get bridge br0 name:x", "is no map");
	expect_error("get bridge br0 foo", "there is no column \"foo\"");
	ok("set bridge br0 other_config:hwaddr=00:11:22:33:44:55 'other_config:c=b,c d' other_config:e=\"\"");
	ok("set bridge br0 'other_config:\"k 1\"=\"x y\"'");
	expect("get bridge br0 other_config",
	       "{a=\"2\", b=x, c=\"b,c d\", e=\"\", hwaddr=\"00:11:22:33:44:55\", \"k 1\"=\"x y\"}\n");
	expect("get bridge br0 'other_config:\"k 1\"'", "\"x y\"\n");
	ok("set bridge br0 other_config={a=2,b=x} stp-en=yes");
	expect("get bridge br0 other_config stp_enable", "{a=\"2\", b=x}\ntrue\n");
	expect_error("set bridge br0 other_config:z=", "a value is missing");
	expect_error("set bridge br0 stp_enable", "expected \"=\" and a value");
	expect_error("set bridge br0 name=foo", "cannot change once the row exists");
	expect_error("set bridge br0 _uuid=12345678-1234-1234-1234-1234567890ab", "cannot be set");
	expect_error("set bridge br0 s=true", "ambiguous: sflow, status, stp_enable");
	expect_error("set port p1 tag:1=1", "is no map");
	expect_error("set interface p1 ofport_request=70000",
		     "Interface column \"ofport_request\": 70000 is outside the range 1 to 65,279");
	expect_error("set m x y=z", "ambiguous: Manager, Mirror");
	expect("--if-exists set bridge nobr stp_enable=true", "");
	expect_error("set bridge br0 ports=@zzz", "@zzz is used but no command creates it");
}

static void test_add_remove_clear(void **state)
{
	(void)state;
	ok("set port p1 trunks=10-12 -- add port p1 trunks 5 -- add port p1 trunks 5 6,7 [8,9]");
	expect("get port p1 trunks", "[5, 6, 7, 8, 9, 10, 11, 12]\n");
	ok("remove port p1 trunks 5 1000");
	expect("get port p1 trunks", "[6, 7, 8, 9, 10, 11, 12]\n");
	ok("set port p1 tag=3");
	expect_error("add port p1 tag 6", "2 values, but at most 1");
	expect("get port p1 tag", "3\n");
	ok("remove port p1 tag 3");
	expect("get port p1 tag", "[]\n");
	ok("add port p1 tag 6");
	expect_error("add bridge br0 stp_enable true", "exactly one value");
	expect_error("remove bridge br0 stp_enable false", "at least 1");
	ok("remove bridge br0 stp_enable true");
	ok("set bridge br0 other_config={a=1,b=2} -- add bridge br0 other_config a=5 c=3");
	ok("remove bridge br0 other_config b=7");
	expect("get bridge br0 other_config", "{a=\"5\", b=\"2\", c=\"3\"}\n");
	ok("remove bridge br0 other_config a -- remove bridge br0 other_config b=2 c");
	expect("get bridge br0 other_config", "{}\n");
	expect_error("clear bridge br0 other_config stp_enable", "must have a value");
	expect_error("clear port p1 interfaces", "must have a value");
	ok("clear port p1 trunks tag");
	expect("get port p1 trunks tag", "[]\n[]\n");
	expect("--if-exists add bridge zz other_config a=b", "");
}

static void test_create_destroy(void **state)
{
	char line[128];

	(void)state;
	ok("--id=@m create mirror name=m1 select_all=true -- add bridge br0 mirrors @m -- --id=@p get port p1"
	   " -- set mirror @m output_port=@p");
	expect("get mirror m1 select_all", "true\n");
	expect("find mirror output_port=[]", "");
	ok("clear bridge br0 mirrors");
	expect("list mirror", "");
	ok("create mirror name=lost");
	expect("list mirror", "");
	ok("--id=@q create qos type=x queues=0=@z -- --id=@z create queue dscp=3");
	expect("--columns=dscp list queue", "dscp                : 3\n");
	snprintf(line, sizeof line, "destroy queue %.36s", run("--bare --columns=_uuid list queue"));
	expect_error(line, "1 reference(s) to it remain (QoS)");
	ok("--all destroy qos -- --all destroy queue");
	expect("list qos -- list queue", "");
	expect_error("destroy qos nosuch", "no row \"nosuch\" in table QoS");
	expect("--if-exists destroy qos nosuch", "");
	expect_error("create qos foo=bar", "there is no column \"foo\"");
	expect_error("create qos", "something is missing, expected: create TABLE");
	expect_error("create queue dscp=100", "100 is outside the range 0 to 63");
	expect_error("create Flow_Sample_Collector_Set id=1", "\"bridge\" must be given");
	expect_error("--id=@a create queue dscp=1 -- --id=@a create queue dscp=2", "given twice");
	expect_error("destroy port p1", "cannot delete Port row name p1: 1 reference(s) to it remain (Bridge)");
	expect_error("create open next_cfg=1", "at most 1 row");
	expect_error("--id=@b create bridge name=br0 -- add open . bridges @b",
		     "there is a Bridge with name br0 already");
}

static void add_queue(const char *uuid_text)
{
	struct db_txn *txn = db_txn_begin(db);
	struct uuid uuid;

	assert_true(uuid_from_text(uuid_text, &uuid));
	assert_non_null(db_txn_insert(txn, db_table(db, "Queue"), &uuid));
	assert_int_equal(db_txn_commit(txn, NULL), 0);
}

static void test_records(void **state)
{
	char line[160], uuid[64];

	(void)state;
	snprintf(uuid, sizeof uuid, "%.36s", run("get bridge br0 _uuid"));
	snprintf(line, sizeof line, "get bridge %s name", uuid);
	expect(line, "br0\n");
	snprintf(line, sizeof line, "get bridge %.8s name", uuid);
	expect(line, "br0\n");
	snprintf(line, sizeof line, "get bridge %.3s name", uuid);
	expect_error(line, "no row");
	expect_error("get bridge 12345678-1234-1234-1234-1234567890ab name", "no row");
	add_queue("abcd0000-0000-4000-8000-000000000001");
	add_queue("abcd0000-0000-4000-8000-000000000002");
	expect_error("get queue abcd dscp", "several rows of table Queue match \"abcd\"");
	expect("get queue abcd0000-0000-4000-8000-000000000002 dscp", "[]\n");
	expect("get open . ovs_version", "[]\n");
	expect_error("list open foo", "no row \"foo\" in table Open_vSwitch");
	ok("--id=@c create controller target=\"tcp:1.2.3.4\" -- add bridge br0 controller @c");
	expect("get controller br0 target is_connected", "\"tcp:1.2.3.4\"\nfalse\n");
	ok("--id=@c create controller target=x -- add bridge br0 controller @c");
	expect_error("get controller br0 target", "several rows in its column \"controller\"");
	expect_error("get controller br1 target", "no row \"br1\" in table Controller");
	ok("--id=@f create flow_table name=ft1 flow_limit=5 -- set bridge br0 flow_tables:0=@f");
	expect("get flow_table ft1 flow_limit", "5\n");
	ok("--id=@q create qos type=linux-htb -- set port p1 qos=@q");
	expect("get qos p1 type", "linux-htb\n");
	expect("--id=@a get bridge br0 -- get bridge @a name", "br0\n");
}

static const struct {
	const char *condition, *names;
} bridge_conditions[] = {
	{"name=br0", "br0"},
	{"name!=br0", "br1"},
	{"name<br1", "br0"},
	{"name>br0", "br1"},
	{"name<=br0", "br0"},
	{"name>=br0", "br0 br1"},
	{"other_config=a=1", "br1"},
	{"other_config!=a=1", "br0"},
	{"other_config:a=1", "br1"},
	{"other_config:a!=1", "br0"},
	{"other_config:b=x", "br0"},
	{"other_config:b!=x", ""},
	{"other_config:b>a", "br0"},
	{"other_config:b{=}x", "br0"},
	{"other_config{=}a=1", "br1"},
	{"other_config{<=}a=2,b=x,c=3", "br0"},
	{"other_config{>=}a=2", "br0"},
	{"other_config{>}a=2", "br0"},
	{"other_config{<}a=2,b=x", ""},
	{"other_config{!=}a=1", "br0"},
	{"other_config:a{in}1,2", "br0 br1"},
	{"name{in}br0,zz", "br0"}, /* ovs-vsctl refuses the list here */
	{"name{not-in}br0", "br1"},
	{"other_config{in}a=1", "br1"},
	{"other_config{not-in}a=1", "br0"},
	{"fail_mode=[]", "br1"},
	{"fail_mode!=[]", "br0"},
	{"other_config:a{<=}1,5", "br1"},
	{"other_config:zz{<=}1,5", "br0 br1"},
	{"other_config:zz{not-in}1", "br0 br1"},
	{"other_config:zz{!=}1", "br0 br1"},
	{"other_config:zz=[]", ""},
	{"other_config:zz!=[]", ""},
	{"ports{>=}[]", "br0 br1"},
	{"fail_mode=secure name=br1", ""},
};

/* In the order of creation: br0 p1 br1 q1. */
static const struct {
	const char *condition, *names;
} port_conditions[] = {
	{"trunks=1,2", "q1"},
	{"trunks!=1,2", "br0 p1 br1"},
	{"trunks{>=}1", "p1 q1"},
	{"trunks{<=}1,2,3,4", "br0 p1 br1 q1"},
	{"trunks{<}1,2,3", "br0 br1 q1"},
	{"trunks{>}1,2", "p1"},
	{"trunks{=}2,1", "q1"},
	{"trunks{in}1", "br0 br1"},
	{"trunks{not-in}1", "br0 br1"},
	{"tag=7", "q1"},
	{"tag=[]", "br0 p1 br1"},
	{"tag{<=}7", "br0 p1 br1 q1"},
	{"tag{in}[]", "br0 p1 br1"},
	{"tag{not-in}7", "br0 p1 br1"},
	{"tag>6", "q1"},
	{"tag<6", "br0 p1 br1"},
	{"trunks>1,2", "p1"},
	{"trunks<5", "br0 br1"},
	{"trunks>=1,2", "p1 q1"},
};

static void expect_found(const char *table, const char *condition, const char *names)
{
	struct ds wanted = DS_INIT;
	char line[128];

	for (const char *p = names; *p; p++) {
		if (*p == ' ')
			ds_put(&wanted, "\n\n");
		else
			ds_put_char(&wanted, *p);
	}
	ds_put(&wanted, *names ? "\n" : "");
	snprintf(line, sizeof line, "--bare --columns=name find %s %s", table, condition);
	expect(line, ds_cstr(&wanted));
	ds_fini(&wanted);
}

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bridge_conditions); i++)
		expect_found("bridge", bridge_conditions[i].condition, bridge_conditions[i].names);
	for (size_t i = 0; i < ARRAY_SIZE(port_conditions); i++)
		expect_found("port", port_conditions[i].condition, port_conditions[i].names);
	expect_error("find bridge name=", "a value is missing behind \"=\"");
	expect_error("find bridge name", "expected one of = != <");
	expect_error("find bridge name==br0", "unexpected \"=\"");
	expect_error("find bridge name = br0", "expected one of");
	expect_error("find port tag=1,2", "did you mean {in}?");
}

static const struct {
	const char *line, *text;
} formats[] = {
	{"--columns=name,tag,trunks,other_config list port p1 br1",
	 "name                : p1\ntag                 : []\ntrunks              : [1, 2, 3]\nother_config        : "
	 "{}\n\n"
	 "name                : br1\ntag                 : []\ntrunks              : []\nother_config        : {}\n"},
	{"--data=bare --columns=name,tag,trunks,other_config list port p1",
	 "name                : p1\ntag                 : \ntrunks              : 1 2 3\nother_config        : \n"},
	{"--data=json --columns=name,tag,trunks list port p1",
	 "name                : \"p1\"\ntag                 : [\"set\",[]]\ntrunks              : [\"set\",[1,2,3]]\n"},
	{"--format=table --columns=name,tag,trunks,other_config list port p1 br1",
	 "name tag trunks    other_config\n---- --- --------- ------------\np1   []  [1, 2, 3] {}\nbr1  []  []        "
	 "{}\n"},
	{"--format=csv --columns=name,tag,trunks,other_config list port p1 br1",
	 "name,tag,trunks,other_config\np1,[],\"[1, 2, 3]\",{}\nbr1,[],[],{}\n"},
	{"--format=csv --data=json --columns=name,trunks list port p1",
	 "name,trunks\n\"\"\"p1\"\"\",\"[\"\"set\"\",[1,2,3]]\"\n"},
	{"--format=json --columns=name,tag,trunks list port p1 br1",
	 "{\"data\":[[\"p1\",[\"set\",[]],[\"set\",[1,2,3]]],[\"br1\",[\"set\",[]],[\"set\",[]]]],\"headings\":["
	 "\"name\",\"tag\","
	 "\"trunks\"]}\n"},
	{"--no-headings --format=table --columns=name list port", "br0\np1\nbr1\nq1\n"},
	{"--bare --columns=name,tag list port p1 q1", "p1\n\n\nq1\n7\n"},
	{"--format=table --columns=_uuid,name find port name=zzz", "_uuid name\n----- ----\n"},
	{"--format=csv --columns=_uuid,name find port name=zzz", "_uuid,name\n"},
	{"--columns=name list port p1 p1", "name                : p1\n\nname                : p1\n"},
	{"--columns=mcast-snooping-enable,name list bridge br0",
	 "mcast_snooping_enable: false\nname                : br0\n"},
};

static void test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		expect(formats[i].line, formats[i].text);
	expect_error("--columns= list port p1", "at least one column");
	expect_error("--columns=foo list port", "there is no column \"foo\"");
	expect_error("--format=xml list port", "expected list, table, csv or json");
	expect_error("list bridge zz", "no row \"zz\" in table Bridge");
	expect("--if-exists list bridge zz", "");
}

/* All columns, in the order of ovs-vsctl: _uuid, then by name. */
static void test_list_all_columns(void **state)
{
	static const char wanted[] = "bond_active_slave   : []\nbond_downdelay      : 0\nbond_fake_iface     : false\n"
				     "bond_mode           : []\nbond_updelay        : 0\ncvlans              : []\n"
				     "external_ids        : {}\nfake_bridge         : false\ninterfaces          : [";
	const char *got = run("list port p1");

	(void)state;
	assert_memory_equal(got, "_uuid               : ", 22);
	assert_memory_equal(strchr(got, '\n') + 1, wanted, sizeof wanted - 1);
}

static void test_wait_until(void **state)
{
	(void)state;
	expect("wait-until bridge br0 name=br0", "");
	expect("wait-until bridge br0", "");
	expect("wait-until bridge br0 fail_mode=standalone", "not yet");
	expect("wait-until bridge zz", "not yet");
	expect("set bridge br0 fail_mode=standalone -- wait-until bridge br0 fail_mode=standalone", "");
	expect_error("--if-exists wait-until bridge br0", "takes no option --if-exists");
	expect_error("wait-until bridge", "something is missing");
}

static void test_options(void **state)
{
	(void)state;
	expect_error("--bogus list port", "there is no option --bogus here");
	expect_error("--all list port", "list takes no option --all");
	expect_error("--id=x create queue dscp=1", "expected --id=@NAME");
	expect_error("frobnicate port", "there is no database command \"frobnicate\"");
	expect_error("--if-exists", "a database command is missing");
	assert_true(dbcmd_exists("wait-until"));
	assert_false(dbcmd_exists("add-br"));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get_set), TEST(test_add_remove_clear), TEST(test_create_destroy),   TEST(test_records),
		TEST(test_find),    TEST(test_formats),		 TEST(test_list_all_columns), TEST(test_wait_until),
		TEST(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
