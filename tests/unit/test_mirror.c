// SPDX-License-Identifier: Apache-2.0
/* Mirrors in translation: which copies go where, once each, and none back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture_bridge.h"

static struct bridge *br;
static struct port *ports[6];
static struct mirrors mirrors;

/* Ports 1 and 2 are trunks, 3 an access port of VLAN 10; 4 is where copies go to. */
static void make(const char *flow)
{
	fixture_init();
	br = fixture_bridge("br0");
	fixture_flow(br, flow);
	for (uint16_t i = 1; i <= 4; i++) {
		char name[8];

		snprintf(name, sizeof name, "p%u", i);
		ports[i] = fixture_port(br, name, i);
	}
	ports[3]->vlan_mode = VLAN_ACCESS;
	ports[3]->tag = 10;
	memset(&mirrors, 0, sizeof mirrors);
	br->mirrors = &mirrors;
}

static struct mirror *add(struct port *out, uint16_t out_vlan)
{
	mirror_mask bit = (mirror_mask)1 << mirrors.n;
	struct mirror *m = &mirrors.list[mirrors.n++];

	*m = (struct mirror){.serial = (uint32_t)mirrors.n, .out = out, .out_vlan = out_vlan, .same_place = bit};
	if (out)
		out->mirror_out |= bit;
	return m;
}

static void gives(const char *flow, const char *actions)
{
	char text[128];

	snprintf(text, sizeof text, "%s,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", flow);
	fixture_xlate(br, text, false, 0);
	assert_string_equal(fixture_actions(), actions);
}

static unsigned int count_credits(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < fixture.out.n_credits; i++)
		n += fixture.out.credits[i].kind == XLATE_CREDIT_MIRROR;
	return n;
}

static void test_everything_once(void **state VSW_UNUSED)
{
	make("actions=NORMAL");
	add(ports[4], 0);
	mirrors.all = 1;
	gives("in_port=1", "4,2");
	assert_int_equal(count_credits(), 1);
	gives("in_port=1,dl_vlan=10", "4,2,pop_vlan,3");
	gives("in_port=3", "push_vlan(vid=10,pcp=0),4,1,2");
	fixture_fini();
}

static void test_output_port_is_for_nothing_else(void **state VSW_UNUSED)
{
	make("actions=NORMAL");
	add(ports[4], 0);
	gives("in_port=1", "2");
	gives("in_port=4", "drop");
	assert_int_equal(fixture.out.drop, DROP_MIRROR_PORT);
	fixture_fini();
}

static void test_source_and_destination(void **state VSW_UNUSED)
{
	make("actions=NORMAL");
	add(ports[4], 0);
	ports[1]->mirror_src = 1;
	gives("in_port=1", "4,2");
	gives("in_port=2", "1");
	ports[1]->mirror_src = 0;
	ports[1]->mirror_dst = 1;
	gives("in_port=1", "2");
	gives("in_port=2", "4,1");
	fixture_fini();
}

static void test_vlan(void **state VSW_UNUSED)
{
	uint64_t vlans[N_VLANS / 64] = {1 << 10};

	make("actions=NORMAL");
	add(ports[4], 0)->vlans = vlans;
	mirrors.all = 1;
	gives("in_port=1", "2");
	gives("in_port=1,dl_vlan=10", "4,2,pop_vlan,3");
	fixture_fini();
}

static void test_dropped_is_mirrored(void **state VSW_UNUSED)
{
	make("actions=drop");
	add(ports[4], 0);
	mirrors.all = 1;
	gives("in_port=1", "4");
	fixture_fini();
}

static void test_cut(void **state VSW_UNUSED)
{
	make("actions=NORMAL");
	add(ports[4], 0)->snaplen = 64;
	mirrors.all = 1;
	gives("in_port=1", "trunc(64),4,2");
	fixture_fini();
}

static void test_to_a_vlan_but_not_back(void **state VSW_UNUSED)
{
	make("actions=output:2");
	add(NULL, 99);
	ports[1]->mirror_src = 1;
	gives("in_port=1", "push_vlan(vid=99,pcp=0),2,4,pop_vlan,2");
	/* What is of that VLAN already stays as it is. */
	gives("in_port=1,dl_vlan=99", "2");
	fixture_fini();
}

static void test_same_place_once(void **state VSW_UNUSED)
{
	make("actions=NORMAL");
	add(ports[4], 0)->same_place = 3;
	add(ports[4], 0)->same_place = 3;
	ports[1]->mirror_src = 1;
	ports[2]->mirror_dst = 2;
	gives("in_port=1", "4,2");
	assert_int_equal(count_credits(), 1);
	fixture_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_once),	       cmocka_unit_test(test_output_port_is_for_nothing_else),
		cmocka_unit_test(test_source_and_destination), cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_dropped_is_mirrored),    cmocka_unit_test(test_cut),
		cmocka_unit_test(test_to_a_vlan_but_not_back), cmocka_unit_test(test_same_place_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
