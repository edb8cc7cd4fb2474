// SPDX-License-Identifier: Apache-2.0
#include "os/rtnl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/netns.h"

static void prefixes(void **state VSW_UNUSED)
{
	static const struct {
		const char *text;
		int family;
		uint8_t len, last; /* last byte of the address */
	} good[] = {
		{"10.0.0.1/24", AF_INET, 24, 1}, {"10.0.0.255", AF_INET, 32, 255}, {"0.0.0.0/0", AF_INET, 0, 0},
		{"fd00::2/64", AF_INET6, 64, 2}, {"::", AF_INET6, 128, 0},
	};
	static const char *const bad[] = {
		"",
		"/",
		"/24",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/ 24",
		"10.0.0/24",
		"10.0.0.256/24",
		"fd00::/129",
		"fd00:::/64",
		"x",
		"10.0.0.1/24/24",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64",
	};
	struct rtnl_prefix p;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(rtnl_prefix_parse(good[i].text, &p));
		assert_int_equal(p.family, good[i].family);
		assert_int_equal(p.len, good[i].len);
		assert_int_equal(p.addr[rtnl_addr_len(p.family) - 1], good[i].last);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(rtnl_prefix_parse(bad[i], &p));
}

/* What follows needs namespaces of its own. */
static void links_between_namespaces(void **state VSW_UNUSED)
{
	struct rtnl_end a = {.name = "a", .netns = -1, .mtu = 1400}, b = {.name = "b", .mtu = 1400};
	struct rtnl_prefix addr, gateway;
	struct rtnl_link link;
	struct rtnl *here, *there;
	int other;

	if (geteuid() || unshare(CLONE_NEWNET))
		skip();
	other = netns_open_pid(getpid());
	assert_return_code(unshare(CLONE_NEWNET), 0);
	b.netns = other;
	assert_int_equal(rtnl_open(&here, -1), 0);
	assert_int_equal(rtnl_open(&there, other), 0);
	assert_int_equal(rtnl_add_veth(here, &a, &b), 0);
	assert_int_equal(rtnl_add_veth(here, &a, &b), -EEXIST);
	assert_int_equal(rtnl_get_link(here, "b", &link), -ENODEV);
	assert_int_equal(rtnl_get_link(here, "a", &link), 0);
	assert_string_equal(link.kind, "veth");
	assert_int_equal(rtnl_set_up(here, link.ifindex, true), 0);
	assert_int_equal(rtnl_get_link(there, "b", &link), 0);
	assert_true(rtnl_prefix_parse("192.0.2.1/24", &addr));
	assert_true(rtnl_prefix_parse("192.0.2.254", &gateway));
	assert_int_equal(rtnl_add_address(there, link.ifindex, &addr), 0);
	assert_int_equal(rtnl_add_address(there, link.ifindex, &addr), -EEXIST);
	assert_int_equal(rtnl_set_mtu(there, link.ifindex, 1300), 0);
	assert_int_equal(rtnl_set_up(there, link.ifindex, false), 0);
	assert_true(rtnl_prefix_parse("0.0.0.0/0", &addr));
	assert_int_equal(rtnl_add_route(there, &addr, &gateway, 0), 0);
	assert_true(rtnl_prefix_parse("10.0.0.1", &gateway));
	assert_true(rtnl_prefix_parse("198.51.100.0/24", &addr));
	assert_int_equal(rtnl_add_route(here, &addr, &gateway, 0), -ENETUNREACH);
	assert_int_equal(rtnl_add_route(there, &addr, NULL, link.ifindex), 0);
	assert_int_equal(rtnl_forget_neighbours(there), 0);
	assert_int_equal(rtnl_delete_link(there, link.ifindex), 0);
	assert_int_equal(rtnl_get_link(here, "a", &link), -ENODEV);
	assert_int_equal(rtnl_add_veth(here, &a, &b), 0);
	assert_int_equal(rtnl_delete_kind(there, "bridge"), 0);
	assert_int_equal(rtnl_get_link(here, "a", &link), 0);
	assert_int_equal(rtnl_delete_kind(there, "veth"), 0);
	assert_int_equal(rtnl_get_link(here, "a", &link), -ENODEV);
	/* Of a pair within the namespace both ends are found, and the first takes the second with it. */
	b.netns = -1;
	assert_int_equal(rtnl_add_veth(here, &a, &b), 0);
	assert_int_equal(rtnl_delete_kind(here, "veth"), 0);
	assert_int_equal(rtnl_get_link(here, "b", &link), -ENODEV);
	rtnl_close(here);
	rtnl_close(there);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(links_between_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
