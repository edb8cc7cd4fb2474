// SPDX-License-Identifier: Apache-2.0
/* --nic, as typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/nic_config.h"

static void test_everything(void **state)
{
	struct errtext err = {0};
	struct nic_config c;

	(void)state;
	assert_int_equal(
		nic_config_parse(
			"br0,model=virtio,mac=52:54:00:12:34:5a,queues=4,vhost=off,mtu=9000,anti-spoof=on,tag=10,"
			"port=p1,other_config:priority-tags=always",
			&c, &err),
		0);
	assert_string_equal(c.bridge, "br0");
	assert_string_equal(c.port, "p1");
	assert_int_equal(c.model, NIC_VIRTIO);
	assert_true(c.has_mac);
	assert_memory_equal(c.mac, "\x52\x54\x00\x12\x34\x5a", 6);
	assert_int_equal(c.n_queues, 4);
	assert_int_equal(c.mtu, 9000);
	assert_true(c.no_vhost);
	assert_true(c.anti_spoof);
	assert_int_equal(c.n_columns, 2);
	assert_string_equal(c.columns[0], "tag=10");
	assert_string_equal(c.columns[1], "other_config:priority-tags=always");
	nic_config_fini(&c);
}

static void test_defaults(void **state)
{
	struct errtext err = {0};
	struct nic_config c;

	(void)state;
	assert_int_equal(nic_config_parse("br0", &c, &err), 0);
	assert_null(c.port);
	assert_false(c.has_mac || c.no_vhost || c.anti_spoof || c.classic);
	assert_int_equal(c.n_queues, 1);
	assert_int_equal(c.n_columns, 0);
	nic_config_fini(&c);
	assert_int_equal(nic_config_parse("port=t0,model=rtl8139,classic=on", &c, &err), 0);
	assert_null(c.bridge);
	assert_true(c.classic);
	nic_config_fini(&c);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "KEY=VALUE was expected"},
		{"model=e1000", "a bridge, or port= and a port"},
		{"br0,", "KEY=VALUE was expected"},
		{"br0,br1", "KEY=VALUE was expected"},
		{"br0,=1", "KEY=VALUE was expected"},
		{"br0,model=ne2000", "virtio, e1000 or rtl8139"},
		{"br0,mac=1", "six pairs"},
		{"br0,mac=52:54:00:12:34:5", "six pairs"},
		{"br0,mac=52:54:00:12:34:567", "six pairs"},
		{"br0,mac=01:00:5e:00:00:01", "multicast"},
		{"br0,mac=00:00:00:00:00:00", "no card has that address"},
		{"br0,queues=0", "a number from 1 to 8"},
		{"br0,queues=9", "a number from 1 to 8"},
		{"br0,model=e1000,queues=2", "model=e1000 has one"},
		{"br0,vhost=maybe", "on or off"},
		{"br0,anti-spoof=1", "on or off"},
		{"br0,classic=on", "is for model=rtl8139"},
		{"br0,mtu=67", "from 68"},
		{"port=t0,tag=1", "vsw set port"},
		{"port=t0,anti-spoof=on", "vsw set port"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct errtext err = {0};
		struct nic_config c;

		if (nic_config_parse(cases[i].text, &c, &err) == 0)
			fail_msg("'%s' was taken", cases[i].text);
		if (!strstr(err.text, cases[i].why))
			fail_msg("'%s': '%s', expected '%s'", cases[i].text, err.text, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
