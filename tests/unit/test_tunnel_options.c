// SPDX-License-Identifier: Apache-2.0
/* Options of tunnel ports: what Open vSwitch 3.1 makes of them (ofproto/list-tunnels), and the sentences for what is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "switchd/tunnel_options.h"

/* "a=1 b=2" as options. */
static const char *option(void *aux, const char *name)
{
	static char value[100];
	const char *text = aux;
	size_t len = strlen(name);

	for (const char *p = text; *p; p += strcspn(p, " "), p += *p == ' ')
		if (!strncmp(p, name, len) && p[len] == '=') {
			size_t n = strcspn(p + len + 1, " ");

			memcpy(value, p + len + 1, n);
			value[n] = '\0';
			return value;
		}
	return NULL;
}

static const struct {
	enum tunnel_kind kind;
	const char *options;
	const char *expected; /* as listed, or the sentence */
} cases[] = {
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 key=10", "vxlan: ::->10.0.0.2, key=0xa, legacy_l2, dp port=1, ttl=64"},
	{TUNNEL_GENEVE, "remote_ip=10.1.1.1 in_key=5 out_key=flow egress_pkt_mark=7 tos=0x10",
	 "geneve: ::->10.1.1.1, key=0x5, legacy_l2, dp port=1, out_key=flow, ttl=64, tos=0x10"},
	{TUNNEL_GENEVE, "remote_ip=fd00::2 key=7 csum=true tos=inherit ttl=inherit df_default=false",
	 "geneve: ::->fd00::2, key=0x7, legacy_l2, dp port=1, ttl=inherit, tos=inherit, df=false, csum=true"},
	{TUNNEL_GRE, "remote_ip=10.0.0.2 key=0x123456",
	 "gre: ::->10.0.0.2, key=0x123456, legacy_l2, dp port=1, ttl=64"},
	{TUNNEL_GRE, "remote_ip=10.0.0.3", "gre: ::->10.0.0.3, key=0, legacy_l2, dp port=1, ttl=64"},
	{TUNNEL_VXLAN, "remote_ip=flow local_ip=flow key=flow",
	 "vxlan: flow->flow, key=flow, legacy_l2, dp port=1, ttl=64"},
	{TUNNEL_VXLAN, "remote_ip=flow key=flow local_ip=10.0.0.1",
	 "vxlan: 10.0.0.1->flow, key=flow, legacy_l2, dp port=1, ttl=64"},
	{TUNNEL_VXLAN, "", "vxlan type requires valid 'remote_ip' argument: options:remote_ip=ADDRESS, or flow"},
	{TUNNEL_VXLAN, "remote_ip=foo",
	 "bad vxlan 'remote_ip': 'foo' is no address; expected one such as 10.0.0.2 or fd00::2, or flow"},
	{TUNNEL_VXLAN, "remote_ip=::",
	 "bad vxlan 'remote_ip': '::' is no address; expected one such as 10.0.0.2 or fd00::2, or flow"},
	{TUNNEL_VXLAN, "remote_ip=224.0.0.8", "multicast remote_ip=224.0.0.8 not allowed"},
	{TUNNEL_VXLAN, "remote_ip=ff02::1", "multicast remote_ip=ff02::1 not allowed"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.7 local_ip=fd00::1",
	 "'remote_ip' and 'local_ip' has to be of the same address family"},
	{TUNNEL_GRE, "remote_ip=10.0.0.7 local_ip=flow", "gre type requires 'remote_ip=flow' with 'local_ip=flow'"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 key=0x1000000",
	 "options:key: '0x1000000' is no key of vxlan; expected 0 to 16777215, or flow"},
	{TUNNEL_GRE, "remote_ip=10.0.0.2 out_key=4294967296",
	 "options:out_key: '4294967296' is no key of gre; expected 0 to 4294967295, or flow"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 ttl=300", "options:ttl: '300' is no number from 1 to 255, nor inherit"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 tos=-1", "options:tos: '-1' is no number from 0 to 255, nor inherit"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 csum=yes", "options:csum: 'yes' is neither true nor false"},
	{TUNNEL_VXLAN, "remote_ip=10.0.0.2 dst_port=0", "options:dst_port: '0' is no number from 1 to 65535"},
	{TUNNEL_GRE, "remote_ip=10.0.0.2 dst_port=1", "options:dst_port: gre has no ports"},
};

static void as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tunnel_source source = {option, (void *)(uintptr_t)cases[i].options};
		struct errtext err = {0};
		struct tunnel_config config;
		struct ds text = DS_INIT;

		if (!tunnel_options_parse(cases[i].kind, &source, &config, &err))
			tunnel_options_format(&config, 1, &text);
		assert_string_equal(err.text[0] ? err.text : ds_cstr(&text), cases[i].expected);
		ds_fini(&text);
	}
}

static void defaults(void **state)
{
	struct tunnel_source source = {option, (void *)(uintptr_t) "remote_ip=10.0.0.2"};
	struct tunnel_config c;
	struct errtext err;

	(void)state;
	assert_int_equal(tunnel_options_parse(TUNNEL_VXLAN, &source, &c, &err), 0);
	assert_int_equal(c.dst_port, 4789);
	assert_int_equal(c.ttl, 64);
	assert_true(c.df && !c.csum && !c.has_in_key && !c.has_out_key && !c.sets_mark);
	assert_int_equal(tunnel_options_parse(TUNNEL_GENEVE, &source, &c, &err), 0);
	assert_int_equal(c.dst_port, 6081);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(as_listed), cmocka_unit_test(defaults)};

	return cmocka_run_group_tests_name("tunnel_options", tests, NULL, NULL);
}
