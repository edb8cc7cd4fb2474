// SPDX-License-Identifier: Apache-2.0
/* Headers of tunnels: what is put can be taken, known bytes mean what their RFC says, anything else is refused or harmless. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "packet/csum.h"
#include "packet/tunnel.h"

static const struct {
	const char *name;
	enum tunnel_proto proto;
	int result; /* bytes of the header, or -EINVAL */
	uint64_t id;
	uint8_t flags;
	uint8_t bytes[24];
	size_t len;
} cases[] = {
	{"vxlan, RFC 7348 5", TUNNEL_PROTO_VXLAN, 8, 0xabcdef, FLOW_TUN_KEY, {8, 0, 0, 0, 0xab, 0xcd, 0xef, 0}, 8},
	{"vxlan without VNI", TUNNEL_PROTO_VXLAN, -EINVAL, 0, 0, {0, 0, 0, 0, 0, 0, 1, 0}, 8},
	{"vxlan, cut", TUNNEL_PROTO_VXLAN, -EINVAL, 0, 0, {8, 0, 0, 0, 0, 0, 1}, 7},
	{"geneve, RFC 8926 3.4", TUNNEL_PROTO_GENEVE, 8, 7, FLOW_TUN_KEY, {0, 0, 0x65, 0x58, 0, 0, 7, 0}, 8},
	{"geneve, control packet",
	 TUNNEL_PROTO_GENEVE,
	 8,
	 7,
	 FLOW_TUN_KEY | FLOW_TUN_OAM,
	 {0, 0x80, 0x65, 0x58, 0, 0, 7, 0},
	 8},
	{"geneve with an option",
	 TUNNEL_PROTO_GENEVE,
	 16,
	 7,
	 FLOW_TUN_KEY,
	 {2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 1, 1, 1, 2, 2, 2, 2},
	 16},
	{"geneve, option cut", TUNNEL_PROTO_GENEVE, -EINVAL, 0, 0, {2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 1, 1, 1}, 12},
	{"geneve, critical option", TUNNEL_PROTO_GENEVE, -EINVAL, 0, 0, {0, 0x40, 0x65, 0x58, 0, 0, 7, 0}, 8},
	{"geneve, other version", TUNNEL_PROTO_GENEVE, -EINVAL, 0, 0, {0x40, 0, 0x65, 0x58, 0, 0, 7, 0}, 8},
	{"geneve, not Ethernet", TUNNEL_PROTO_GENEVE, -EINVAL, 0, 0, {0, 0, 0x08, 0x00, 0, 0, 7, 0}, 8},
	{"gre, plain", TUNNEL_PROTO_GRE, 4, 0, 0, {0, 0, 0x65, 0x58}, 4},
	{"gre with key, RFC 2890 2",
	 TUNNEL_PROTO_GRE,
	 8,
	 0x01020304,
	 FLOW_TUN_KEY,
	 {0x20, 0, 0x65, 0x58, 1, 2, 3, 4},
	 8},
	{"gre with sequence number",
	 TUNNEL_PROTO_GRE,
	 12,
	 5,
	 FLOW_TUN_KEY,
	 {0x30, 0, 0x65, 0x58, 0, 0, 0, 5, 0, 0, 0, 9},
	 12},
	{"gre, wrong checksum", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0x80, 0, 0x65, 0x58, 1, 2, 0, 0}, 8},
	{"gre, right checksum", TUNNEL_PROTO_GRE, 8, 0, FLOW_TUN_CSUM, {0x80, 0, 0x65, 0x58, 0x1a, 0xa7, 0, 0}, 8},
	{"gre, routing", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0x40, 0, 0x65, 0x58}, 4},
	{"gre, version 1 (PPTP)", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0x20, 1, 0x88, 0x0b, 0, 0, 0, 0}, 8},
	{"gre with IPv4", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0, 0, 0x08, 0x00}, 4},
	{"gre, key cut", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0x20, 0, 0x65, 0x58, 1, 2, 3}, 7},
	{"nothing", TUNNEL_PROTO_GRE, -EINVAL, 0, 0, {0}, 0},
};

static void known_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet_tunnel t = {0};
		/* At the end of its memory: what reads beyond is found. */
		uint8_t *bytes = malloc(cases[i].len + 1);
		int n;

		memcpy(bytes, cases[i].bytes, cases[i].len);
		bytes = realloc(bytes, MAX(cases[i].len, 1u));
		n = tunnel_take(cases[i].proto, bytes, cases[i].len, &t);
		free(bytes);
		if (n != cases[i].result)
			fail_msg("%s: %d, expected %d", cases[i].name, n, cases[i].result);
		if (n < 0)
			continue;
		assert_int_equal(be64_to_cpu(t.id), cases[i].id);
		assert_int_equal(t.flags, cases[i].flags);
	}
}

static void there_and_back(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		enum tunnel_proto proto = i % 3;
		uint8_t bytes[TUNNEL_HEADER_MAX + 101], payload[101];
		struct packet_tunnel there = {.id = cpu_to_be64((i * 2654435761u) >> 8)}, back = {0};
		size_t n, len = i % sizeof payload;

		there.flags = proto == TUNNEL_PROTO_GRE ? FLOW_TUN_KEY | (i & 8 ? FLOW_TUN_CSUM : 0) : FLOW_TUN_KEY;
		if (proto == TUNNEL_PROTO_GENEVE && i & 16)
			there.flags |= FLOW_TUN_OAM;
		for (size_t k = 0; k < sizeof payload; k++)
			payload[k] = (uint8_t)(i * 7 + k * k);
		n = tunnel_put(proto, &there, bytes, payload, len);
		assert_true(n <= TUNNEL_HEADER_MAX);
		memcpy(bytes + n, payload, len);
		assert_int_equal(tunnel_take(proto, bytes, n + len, &back), n);
		assert_memory_equal(&back, &there, sizeof back);
	}
}

static void hostile(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 300000; i++) {
		uint8_t bytes[24];
		struct packet_tunnel t = {0};
		size_t len = (size_t)rand_r(&seed) % (sizeof bytes + 1);
		int n;

		for (size_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)(rand_r(&seed) >> (rand_r(&seed) & 15));
		n = tunnel_take(i % 3, bytes, len, &t);
		assert_true(n == -EINVAL || (n >= 4 && (size_t)n <= len));
	}
}

/* A TCP packet as a local sender leaves it: checksum of the pseudo header, one piece. */
static void offloads_are_restored(void **state)
{
	static uint8_t buf[PACKET_HEADROOM + 8000];
	struct pkt_key key = {.eth_type = BE16_C(0x0800),
			      .nw_proto = 6,
			      .nw_ttl = 64,
			      .nw_src = BE32_C(0x0a000001),
			      .nw_dst = BE32_C(0x0a000002),
			      .tp_dst = BE16_C(80)};
	struct packet p;

	(void)state;
	for (int large = 0; large < 2; large++) {
		be16 pseudo, right;

		packet_init(&p, buf, sizeof buf, PACKET_HEADROOM, 0);
		assert_int_equal(packet_compose(&p, &key, large ? 5000 : 100), 0);
		memcpy(&right, p.data + p.l4_ofs + 16, sizeof right);
		tunnel_restore_offloads(&p);
		assert_int_equal(p.flags, 0);
		assert_int_equal(p.gso_type, PACKET_GSO_NONE);

		pseudo = csum_fold(
			csum_add_be16(csum_add(0, p.data + p.l3_ofs + 12, 8), cpu_to_be16((uint16_t)(6 + p.l4_len))));
		memcpy(p.data + p.l4_ofs + 16, &pseudo, sizeof pseudo);
		tunnel_restore_offloads(&p);
		assert_int_equal(p.flags, PACKET_F_CSUM_PARTIAL);
		assert_int_equal(p.csum_start, p.l4_ofs);
		assert_int_equal(p.gso_type, large ? PACKET_GSO_TCPV4 : PACKET_GSO_NONE);
		packet_complete_csum(&p);
		assert_memory_equal(p.data + p.l4_ofs + 16, &right, sizeof right);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(hostile),
		cmocka_unit_test(offloads_are_restored),
	};

	return cmocka_run_group_tests_name("packet_tunnel", tests, NULL, NULL);
}
