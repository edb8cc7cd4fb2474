// SPDX-License-Identifier: Apache-2.0
/* The table of hosts: claims, whose they are, bounds and ageing; and in which fields a packet misses a rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "flow/match_diff.h"
#include "switchd/bridge.h"
#include "switchd/hosts.h"

static struct port p1 = {.name = (char *)"p1"}, p2 = {.name = (char *)"p2"};

static struct host claim_of(struct port *port, uint8_t mac, uint32_t ip, int64_t now_ms)
{
	struct host h = {.port = port, .mac = {2, 0, 0, 0, 0, mac}, .seen_ms = now_ms};

	h.ip[0] = 10;
	h.ip[2] = (uint8_t)(ip >> 8);
	h.ip[3] = (uint8_t)ip;
	return h;
}

static void test_claims(void **state VSW_UNUSED)
{
	struct hosts *hosts = hosts_new();
	struct host a = claim_of(&p1, 1, 5, 1000), b = claim_of(&p2, 2, 5, 2000), previous, found;
	struct host *list;

	assert_int_equal(hosts_learn(hosts, &a, &previous), HOSTS_LEARNT);
	assert_int_equal(hosts_learn(hosts, &a, &previous), HOSTS_KNOWN);
	b.is_dropped = true;
	assert_int_equal(hosts_learn(hosts, &b, &previous), HOSTS_REFUSED);
	b.is_dropped = false;
	assert_int_equal(hosts_learn(hosts, &b, &previous), HOSTS_MOVED);
	assert_ptr_equal(previous.port, &p1);
	assert_true(hosts_find(hosts, false, a.ip, -1, &found));
	assert_ptr_equal(found.port, &p2);
	assert_false(hosts_find(hosts, false, a.ip, 7, &found));
	assert_int_equal(hosts_snapshot(hosts, &p1, &list), 0);
	free(list);
	hosts_expire(hosts, 2000 + HOSTS_AGEING_MS - 1);
	assert_int_equal(hosts_snapshot(hosts, NULL, &list), 1);
	free(list);
	hosts_expire(hosts, 2000 + HOSTS_AGEING_MS);
	assert_int_equal(hosts_snapshot(hosts, NULL, &list), 0);
	free(list);
	hosts_free(hosts);
}

/* A port that invents addresses loses its own. */
static void test_bounds(void **state VSW_UNUSED)
{
	struct hosts *hosts = hosts_new();
	struct host victim = claim_of(&p2, 9, 0xffff, 0), previous, found;
	struct host *list;

	hosts_learn(hosts, &victim, &previous);
	for (uint32_t i = 0; i < 4 * HOSTS_PER_PORT; i++) {
		struct host h = claim_of(&p1, 1, i, i + 1);

		assert_int_equal(hosts_learn(hosts, &h, &previous), HOSTS_LEARNT);
	}
	assert_int_equal(hosts_snapshot(hosts, &p1, &list), HOSTS_PER_PORT);
	free(list);
	assert_true(hosts_find(hosts, false, victim.ip, 0, &found));
	/* What it takes from others counts as its own, and its oldest goes for it. */
	victim.port = &p1;
	assert_int_equal(hosts_learn(hosts, &victim, &previous), HOSTS_MOVED);
	assert_int_equal(hosts_snapshot(hosts, NULL, &list), HOSTS_PER_PORT);
	free(list);
	hosts_flush_port(hosts, &p1);
	assert_int_equal(hosts_snapshot(hosts, NULL, &list), 0);
	free(list);
	hosts_free(hosts);
}

static void test_differences(void **state VSW_UNUSED)
{
	static const struct {
		const char *match, *flow, *expected;
	} cases[] = {
		{"tcp,tp_dst=443", "tcp,tp_dst=80", "tp_dst 80 443"},
		{"tcp,tp_dst=443", "udp,tp_dst=80", "nw_proto 17 6"},
		{"tcp,nw_src=10.0.0.0/8", "arp,arp_spa=1.2.3.4", "dl_type 0x806 0x800"},
		{"arp,arp_spa=1.2.3.4", "arp,arp_spa=1.2.3.5", "arp_spa 1.2.3.5 1.2.3.4"},
		{"in_port=3", "in_port=4", "in_port 4 3"},
		{"dl_vlan=5", "dl_type=0x1234", "dl_vlan none 5"},
		{"dl_vlan=5", "dl_vlan=6", "dl_vlan 6 5"},
		{"icmp,icmp_type=8", "icmp,icmp_type=0", "icmp_type 0 8"},
		{"reg3=7", "reg3=8", "reg3 0x8 0x7"},
		{"ip,nw_dst=10.0.0.0/8", "ip,nw_dst=11.0.0.1", "nw_dst 11.0.0.1 10.0.0.0/8"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct match_difference d[4];
		struct errtext err = {0};
		struct flow_key key;
		struct match match;
		char got[256] = "";

		assert_int_equal(match_parse(cases[i].match, strlen(cases[i].match), NULL, &match, &err), 0);
		assert_int_equal(flow_key_parse(cases[i].flow, strlen(cases[i].flow), NULL, &key, &err), 0);
		assert_int_equal(match_differences(&match, &key, NULL, d, ARRAY_SIZE(d)), 1);
		snprintf(got, sizeof got, "%s %s %s", d[0].field, d[0].is, d[0].wants);
		assert_string_equal(got, cases[i].expected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
