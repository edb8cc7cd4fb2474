// SPDX-License-Identifier: Apache-2.0
/* OpenFlow port numbers, patch pairs, dummy ports: what port.c and iface_dev.c decide, seen through the configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "config_fixture.h"

static void bridges(void)
{
	must("add-br b0 datapath_type=dummy -- add-br b1 datapath_type=dummy");
}

static uint16_t number(const char *name)
{
	const struct iface *iface = iface_by_name(name);

	assert_non_null(iface);
	assert_ptr_equal(bridge_iface_by_ofp(iface->bridge, iface->ofp_port), iface);
	return iface->ofp_port;
}

static void test_numbers_count_up(void **state)
{
	(void)state;
	bridges();
	must("add-port b0 a type=dummy -- add-port b0 b type=dummy -- add-port b1 c type=dummy");
	assert_int_equal(number("a"), 1);
	assert_int_equal(number("b"), 2);
	assert_int_equal(number("c"), 1);
	must("del-port b");
	/* The number of one that is gone is not taken at once. */
	must("add-port b0 d type=dummy");
	assert_int_equal(number("d"), 3);
}

static void test_requested_number(void **state)
{
	(void)state;
	bridges();
	must("add-port b0 a type=dummy -- add-port b0 b type=dummy ofport_request=1000");
	assert_int_equal(number("b"), 1000);
	/* Who has a number by chance gives way, and its row says so. */
	must("add-port b0 c type=dummy ofport_request=1");
	assert_int_equal(number("c"), 1);
	assert_true(number("a") != 1);
	must_say("get Interface c ofport", "1\n");
	must("wait-until Interface a ofport!=1");
	/* Who asked for it does not. */
	must_fail("add-port b0 d type=dummy ofport_request=1000", -EEXIST,
		  "OpenFlow port number 1000 (ofport_request) belongs to b");
	must_fail("set Interface c ofport_request=1000", -EEXIST,
		  "OpenFlow port number 1000 (ofport_request) belongs to b");
	assert_int_equal(number("c"), 1);
	/* Changed in place. */
	must("set Interface c ofport_request=5");
	assert_int_equal(number("c"), 5);
	assert_null(bridge_iface_by_ofp(bridge_by_name("b0"), 1));
	/* Withdrawn: it keeps what it has, by chance from now on. */
	must("clear Interface c ofport_request");
	assert_int_equal(number("c"), 5);
	must("add-port b0 e type=dummy ofport_request=5");
	assert_int_equal(number("e"), 5);
	assert_true(number("c") != 5);
}

static void test_names_of_numbers(void **state)
{
	const struct port_names *names;

	(void)state;
	bridges();
	must("add-port b0 a type=dummy -- add-port b1 c type=dummy");
	names = &bridge_by_name("b0")->port_names;
	assert_int_equal(names->number(names, "a", 1), 1);
	assert_int_equal(names->number(names, "abc", 1), 1);
	assert_int_equal(names->number(names, "b0", 2), OFPP_LOCAL);
	assert_int_equal(names->number(names, "c", 1), -ENOENT);
	assert_int_equal(names->number(names, "nope", 4), -ENOENT);
	assert_string_equal(names->name(names, 1), "a");
	assert_string_equal(names->name(names, OFPP_LOCAL), "b0");
	assert_null(names->name(names, 2));
	assert_null(names->name(names, 70000));
}

static void test_patch_pairs(void **state)
{
	const struct iface *x, *y;

	(void)state;
	bridges();
	must("add-port b0 x type=patch options:peer=y");
	x = iface_by_name("x");
	assert_null(x->peer);
	assert_false(x->link_up);
	must_say("get Interface x error", "\"its peer does not exist, or names another one\"\n");
	must("add-port b1 y type=patch options:peer=x");
	y = iface_by_name("y");
	assert_ptr_equal(x->peer, y);
	assert_ptr_equal(y->peer, x);
	assert_true(x->link_up && y->link_up);
	must_say("get Interface x error link_state", "[]\nup\n");
	/* One that looks elsewhere parts both. */
	must("set Interface y options:peer=z");
	assert_null(x->peer);
	assert_null(y->peer);
	must("set Interface y options:peer=x");
	assert_ptr_equal(x->peer, y);
	must("del-port y");
	assert_null(x->peer);
	must_say("get Interface x link_state", "down\n");
	/* Both in one transaction, and after a restart. */
	must("add-port b1 y type=patch options:peer=x");
	fixture_restart();
	assert_ptr_equal(iface_by_name("x")->peer, iface_by_name("y"));
}

static void test_dummies_have_streams(void **state)
{
	char line[200];

	(void)state;
	bridges();
	snprintf(line, sizeof line, "add-port b0 s type=dummy options:pstream=punix:%s/s.sock", fixture_folder);
	must(line);
	snprintf(line, sizeof line, "%s/s.sock", fixture_folder);
	assert_int_equal(access(line, F_OK), 0);
	must("clear Interface s options");
	assert_int_equal(access(line, F_OK), -1);
	assert_true(iface_by_name("s")->dp_port != DP_PORT_NONE);
}

static void test_datapath_numbers(void **state)
{
	const struct iface *a;
	uint32_t dp_port;

	(void)state;
	bridges();
	must("add-port b0 a type=dummy -- add-port b1 c type=dummy");
	a = iface_by_name("a");
	dp_port = a->dp_port;
	assert_ptr_equal(iface_by_dp_port(a->bridge->dp, dp_port), a);
	assert_true(iface_by_name("c")->dp_port != dp_port);
	must("del-port a");
	assert_null(iface_by_dp_port(bridge_by_name("b0")->dp, dp_port));
}

static void test_many_ports(void **state)
{
	char line[80];

	(void)state;
	bridges();
	for (int i = 1; i <= 300; i++) {
		snprintf(line, sizeof line, "add-port b0 n%d type=dummy", i);
		must(line);
		assert_int_equal(hmap_count(&bridge_by_name("b0")->ifaces), i + 1);
	}
	assert_int_equal(number("n300"), 300);
	must("del-br b0");
	assert_int_equal(hmap_count(&vswitch.ifaces), 1);
	assert_int_equal(hmap_count(&vswitch.dp_ports), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
		T(test_numbers_count_up),     T(test_requested_number), T(test_names_of_numbers), T(test_patch_pairs),
		T(test_dummies_have_streams), T(test_datapath_numbers), T(test_many_ports),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
