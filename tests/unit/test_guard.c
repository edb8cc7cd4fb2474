// SPDX-License-Identifier: Apache-2.0
/* Guards in translation: which packets meet which meter and what of the megaflow that costs; ports that are closed; probes that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"

static struct bridge *br;
static struct port *ports[4];

static void make(void)
{
	fixture_init();
	br = fixture_bridge("br0");
	fixture_flow(br, "actions=NORMAL");
	for (uint16_t i = 1; i <= 3; i++) {
		char name[8];

		snprintf(name, sizeof name, "p%u", i);
		ports[i] = fixture_port(br, name, i);
	}
}

static void gives(const char *flow, const char *actions)
{
	fixture_xlate(br, flow, false, 0);
	assert_string_equal(fixture_actions(), actions);
}

static void test_classes(void **state VSW_UNUSED)
{
	make();
	memcpy(fixture_iface(ports[1])->storm, (uint32_t[]){8, 9, 10}, sizeof(uint32_t[3]));
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "meter(7),2,3");
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=01:00:5e:00:00:05", "meter(8),2,3");
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "meter(9),2,3");
	gives("in_port=2,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01", "1,3");
	fixture_xlate(br, "in_port=2,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:09", true, 0);
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "2");
	fixture_fini();
}

/* A meter is not where a packet goes. */
static void test_nowhere(void **state VSW_UNUSED)
{
	make();
	fixture_iface(ports[1])->storm[STORM_UNKNOWN] = 10;
	fixture_iface(ports[1])->storm[STORM_BROADCAST] = 8;
	ports[2]->vlan_mode = ports[3]->vlan_mode = VLAN_ACCESS;
	ports[2]->tag = ports[3]->tag = 7;
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "drop");
	assert_int_equal(fixture.out.drop, DROP_NO_DESTINATION);
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "drop");
	assert_int_equal(fixture.out.drop, DROP_NO_DESTINATION);
	fixture_fini();
}

/* Where the tables do not look at the destination, one bit of it is enough to know unicast by. */
static void test_mask(void **state VSW_UNUSED)
{
	make();
	fixture_del_flows(br);
	fixture_flow(br, "in_port=1,actions=2");
	fixture_iface(ports[1])->storm[STORM_BROADCAST] = 8;
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "2");
	assert_int_equal(fixture.out.mask.eth_dst[0], 1);
	assert_int_equal(fixture.out.mask.eth_dst[5], 0);
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "meter(7),2");
	assert_int_equal(fixture.out.mask.eth_dst[5], 0xff);
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=01:00:5e:00:00:05", "2");
	fixture_fini();
}

static void test_closed(void **state VSW_UNUSED)
{
	make();
	fixture_iface(ports[2])->is_blocked = true;
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "3");
	gives("in_port=2,dl_src=00:00:00:00:00:02,dl_dst=ff:ff:ff:ff:ff:ff", "drop");
	assert_int_equal(fixture.out.drop, DROP_LOOP_GUARD);
	fixture_iface(ports[3])->is_blocked = true;
	gives("in_port=1,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "drop");
	assert_int_equal(fixture.out.drop, DROP_LOOP_GUARD);
	fixture_fini();
}

/* The bridge's own ends here, and each has to be seen; another bridge's goes on. */
static void test_probes(void **state VSW_UNUSED)
{
	make();
	memcpy(br->mac, (uint8_t[]){2, 0, 0, 0, 0, 9}, 6);
	fixture_xlate(br, "in_port=1,dl_type=0x9000,dl_src=02:00:00:00:00:09,dl_dst=cf:00:00:00:00:00", true, 0);
	assert_int_equal(fixture.out.drop, DROP_LOOP_GUARD);
	assert_true(fixture.out.slow_path);
	gives("in_port=1,dl_type=0x9000,dl_src=02:00:00:00:00:08,dl_dst=cf:00:00:00:00:00", "2,3");
	assert_false(fixture.out.slow_path);
	fixture_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes), cmocka_unit_test(test_nowhere), cmocka_unit_test(test_mask),
		cmocka_unit_test(test_closed),	cmocka_unit_test(test_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
