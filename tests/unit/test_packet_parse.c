// SPDX-License-Identifier: Apache-2.0
/*
 * The parser: doubtful frames with the key they must give (each confirmed by tests/conformance/parse_vs_ovs), cuts of every frame at
 * every length, and what a key alone can be made into.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "packet/packet.h"
#include "vsw/dp_action.h"

#define MACS "0a0b0c0d0e0f020304050607"

/* Offsets of 0 stand for PACKET_OFS_NONE. */
static const struct {
	const char *name, *hex;
	int drop;
	uint16_t type;
	uint16_t tci[2];
	uint8_t proto, frag;
	uint16_t tp_src, tp_dst;
	uint16_t l3_ofs, l4_ofs, l4_len;
} cases[] = {
	/* clang-format off */
	{"shorter than an Ethernet header", MACS "08", .drop = DROP_MALFORMED_ETH},
	{"empty", "", .drop = DROP_MALFORMED_ETH},
	{"frame of 14 bytes", MACS "0800",
	 .drop = DROP_MALFORMED_IPV4, .type = 0x0800, .l3_ofs = 14},
	{"one tag", MACS "8100e005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .tci = {0xf005}, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 18, .l4_ofs = 38, .l4_len = 8},
	{"DEI set", MACS "8100f005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .tci = {0xf005}, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 18, .l4_ofs = 38, .l4_len = 8},
	{"two tags", MACS "88a820068100e005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .tci = {0x3006, 0xf005}, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 22, .l4_ofs = 42, .l4_len = 8},
	{"three tags", MACS "88a820068100e0058100e005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x8100, .tci = {0x3006, 0xf005}, .l3_ofs = 22},
	{"tag 0x9100", MACS "91000005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x9100, .l3_ofs = 14},
	{"tag cut at 17", MACS "8100e00508",
	 .drop = DROP_MALFORMED_VLAN, .type = 0x8100, .l3_ofs = 14},
	{"802.3 with LLC", MACS "002642420300000000000000000000000000000000000000000000000000000000000000000000000000000000",
	 .type = 0x05ff, .l3_ofs = 14},
	{"SNAP with IPv4", MACS "0064aaaa03000000080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 22, .l4_ofs = 42, .l4_len = 8},
	{"SNAP with a tag", MACS "0064aaaa0300000081000005080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x8100, .l3_ofs = 22},
	{"SNAP of another organisation", MACS "0030aaaa0300000c200000000000000000000000000000000000000000000000000000000000000000000000000000000000",
	 .type = 0x05ff, .l3_ofs = 14},
	{"SNAP cut", MACS "0007aaaa0300000008",
	 .type = 0x05ff, .l3_ofs = 14},
	{"TCP, 20 bytes of it", MACS "080045b9002800070000210600000a0102030a040506045708ae00000001000000025fff020000000000",
	 .type = 0x0800, .proto = 6, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 20},
	{"TCP, 19 bytes of it", MACS "080045b9002700070000210600000a0102030a040506045708ae00000001000000025fff0200000000",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 6, .l3_ofs = 14},
	{"TCP data offset 4", MACS "080045b9003c00070000210600000a0102030a040506045708ae000000010000000245ff0200000000000000000000000000000000000000000000000000",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 6, .l3_ofs = 14},
	{"TCP data offset 15", MACS "080045b9003c00070000210600000a0102030a040506045708ae0000000100000002f5ff0200000000000000000000000000000000000000000000000000",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 6, .l3_ofs = 14},
	{"UDP, 8 bytes of it", MACS "080045b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"UDP, 7 bytes of it", MACS "080045b9001b00070000211100000a0102030a040506045708ae000800",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 17, .l3_ofs = 14},
	{"UDP, padded", MACS "080045b9001b00070000211100000a0102030a040506045708ae00080000000000000000000000",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 17, .l3_ofs = 14},
	{"UDP, first fragment", MACS "080045b9001c00072000211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 17, .frag = 1, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"UDP, later fragment", MACS "080045b9001c00072001211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 17, .frag = 3, .l3_ofs = 14},
	{"UDP, last fragment", MACS "080045b9001c00070064211100000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 17, .frag = 3, .l3_ofs = 14},
	{"SCTP, 12 bytes of it", MACS "080045b9002000070000218400000a0102030a040506045708ae0000000300000004",
	 .type = 0x0800, .proto = 132, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 12},
	{"ICMP, 8 bytes of it", MACS "080045b9001c00070000210100000a0102030a0405060803000000010002",
	 .type = 0x0800, .proto = 1, .tp_src = 8, .tp_dst = 3, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"IGMP, 8 bytes of it", MACS "080045b9001c00070000210200000a0102030a0405060803000000010002",
	 .type = 0x0800, .proto = 2, .tp_src = 8, .tp_dst = 3, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"ICMPv6 in IPv4, 8 bytes of it", MACS "080045b9001c00070000213a00000a0102030a0405060803000000010002",
	 .type = 0x0800, .proto = 58, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"IPv4 options", MACS "08004fb9005000070000210600000a0102030a04050694040000940400009404000094040000940400009404000094040000940400009404000094040000045708ae00000001000000025fff020000000000",
	 .type = 0x0800, .proto = 6, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 74, .l4_len = 20},
	{"IPv4 header length 4", MACS "080044b9001c00070000211100000a0102030a040506045708ae00080000",
	 .drop = DROP_MALFORMED_IPV4, .type = 0x0800, .l3_ofs = 14},
	{"IPv4 total length 0", MACS "080045b9000000070000211100000a0102030a040506045708ae00080000",
	 .drop = DROP_MALFORMED_IPV4, .type = 0x0800, .l3_ofs = 14},
	{"IPv4 total length one less", MACS "080045b9001b00070000211100000a0102030a040506045708ae00080000",
	 .drop = DROP_MALFORMED_L4, .type = 0x0800, .proto = 17, .l3_ofs = 14},
	{"IPv4 total length one more", MACS "080045b9001d00070000211100000a0102030a040506045708ae00080000",
	 .drop = DROP_MALFORMED_IPV4, .type = 0x0800, .l3_ofs = 14},
	{"GRE", MACS "080045b9001c00070000212f00000a0102030a040506045708ae00080000",
	 .type = 0x0800, .proto = 47, .l3_ofs = 14, .l4_ofs = 34, .l4_len = 8},
	{"IPv4 cut at 18", MACS "080045b9001c00070000211100000a0102030a04",
	 .drop = DROP_MALFORMED_IPV4, .type = 0x0800, .l3_ofs = 14},
	{"UDP over IPv6, 8 bytes of it", MACS "86dd6b9123450008112c20010db800000000000000000000000120010db8000000000000000000000002045708ae00080000",
	 .type = 0x86dd, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 8},
	{"TCP behind AH", MACS "86dd6b912345002c332c20010db800000000000000000000000120010db8000000000000000000000002060400000000000000000000000000000000000000000000045708ae00000001000000025fff020000000000",
	 .type = 0x86dd, .proto = 6, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 78, .l4_len = 20},
	{"TCP behind three extensions", MACS "86dd6b912345003c002c20010db800000000000000000000000120010db80000000000000000000000023c000000000000002b02000000000000000000000000000000000000000000000600000000000000045708ae00000001000000025fff020000000000",
	 .type = 0x86dd, .proto = 6, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 94, .l4_len = 20},
	{"UDP, fragment field 0x0", MACS "86dd6b91234500102c2c20010db800000000000000000000000120010db800000000000000000000000211000000deadbeef045708ae00080000",
	 .type = 0x86dd, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 62, .l4_len = 8},
	{"UDP, fragment field 0x1", MACS "86dd6b91234500102c2c20010db800000000000000000000000120010db800000000000000000000000211000001deadbeef045708ae00080000",
	 .type = 0x86dd, .proto = 17, .frag = 1, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 62, .l4_len = 8},
	{"UDP, fragment field 0x8", MACS "86dd6b91234500102c2c20010db800000000000000000000000120010db800000000000000000000000211000008deadbeef045708ae00080000",
	 .type = 0x86dd, .proto = 44, .frag = 3, .l3_ofs = 14},
	{"UDP, fragment field 0x2", MACS "86dd6b91234500102c2c20010db800000000000000000000000120010db800000000000000000000000211000002deadbeef045708ae00080000",
	 .type = 0x86dd, .proto = 17, .frag = 1, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 62, .l4_len = 8},
	{"UDP, extension before the fragment", MACS "86dd6b9123450018002c20010db800000000000000000000000120010db80000000000000000000000022c0000000000000011000009deadbeef045708ae00080000",
	 .type = 0x86dd, .proto = 44, .frag = 3, .l3_ofs = 14},
	{"extension cut at 9", MACS "86dd6b9123450009002c20010db800000000000000000000000120010db80000000000000000000000023c0000000000000011",
	 .drop = DROP_MALFORMED_IPV6, .type = 0x86dd, .l3_ofs = 14},
	{"extension longer than the packet", MACS "86dd6b912345000a002c20010db800000000000000000000000120010db800000000000000000000000211ff045708ae00080000",
	 .drop = DROP_MALFORMED_IPV6, .type = 0x86dd, .l3_ofs = 14},
	{"no next header", MACS "86dd6b91234500083b2c20010db800000000000000000000000120010db8000000000000000000000002045708ae00080000",
	 .type = 0x86dd, .proto = 59, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 8},
	{"IPv6 padded", MACS "86dd6b9123450008112c20010db800000000000000000000000120010db8000000000000000000000002045708ae00080000000000000000000000",
	 .type = 0x86dd, .proto = 17, .tp_src = 1111, .tp_dst = 2222, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 8},
	{"IPv6 length one more", MACS "86dd6b9123450009112c20010db800000000000000000000000120010db8000000000000000000000002045708ae00080000",
	 .drop = DROP_MALFORMED_IPV6, .type = 0x86dd, .l3_ofs = 14},
	{"IPv6 jumbogram", MACS "86dd6b9123450000002c20010db800000000000000000000000120010db80000000000000000000000021100c20400000010045708ae00080000",
	 .drop = DROP_MALFORMED_IPV6, .type = 0x86dd, .l3_ofs = 14},
	{"ND 135, option SLL", MACS "86dd6b91234500203a2c20010db800000000000000000000000120010db8000000000000000000000002870000000000000020010db8000000000000000000000002010106a0a1a2a3a4",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 32},
	{"ND 136, option TLL", MACS "86dd6b91234500203a2c20010db800000000000000000000000120010db8000000000000000000000002880000000000000020010db8000000000000000000000002020106a0a1a2a3a4",
	 .type = 0x86dd, .proto = 58, .tp_src = 136, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 32},
	{"ND 135, option SLL twice", MACS "86dd6b91234500283a2c20010db800000000000000000000000120010db8000000000000000000000002870000000000000020010db8000000000000000000000002010106a0a1a2a3a4010106a0a1a2a3a4",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 40},
	{"ND 135, option SLL zero then SLL", MACS "86dd6b91234500283a2c20010db800000000000000000000000120010db8000000000000000000000002870000000000000020010db80000000000000000000000020101000000000000010106a0a1a2a3a4",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 40},
	{"ND 135, option length 0", MACS "86dd6b91234500283a2c20010db800000000000000000000000120010db8000000000000000000000002870000000000000020010db8000000000000000000000002010006a0a1a2a3a40201060606060606",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 40},
	{"ND 135, code 1", MACS "86dd6b91234500203a2c20010db800000000000000000000000120010db8000000000000000000000002870100000000000020010db8000000000000000000000002010106a0a1a2a3a4",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .tp_dst = 1, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 32},
	{"ND 135, target cut", MACS "86dd6b91234500143a2c20010db800000000000000000000000120010db8000000000000000000000002870000000000000020010db80000000000000000",
	 .type = 0x86dd, .proto = 58, .tp_src = 135, .l3_ofs = 14, .l4_ofs = 54, .l4_len = 20},
	{"ARP request", MACS "080600010800060400010201010101010a0000010202020202020a000002",
	 .type = 0x0806, .proto = 1, .l3_ofs = 14},
	{"ARP op 258", MACS "080600010800060401020201010101010a0000010202020202020a000002",
	 .type = 0x0806, .l3_ofs = 14},
	{"ARP hardware 6", MACS "080600060800060400010201010101010a0000010202020202020a000002",
	 .type = 0x0806, .l3_ofs = 14},
	{"ARP cut", MACS "080600010800060400010201010101010a0000010202020202020a0000",
	 .type = 0x0806, .l3_ofs = 14},
	{"RARP reply", MACS "803500010800060400020201010101010a0000010202020202020a000002",
	 .type = 0x8035, .proto = 2, .l3_ofs = 14},
	{"MPLS 0x8847", MACS "884712345bff45b9001c00070000211100000a0102030a040506045708ae00080000",
	 .type = 0x8847, .l3_ofs = 0},
	{"MPLS 0x8847, cut", MACS "88471234",
	 .type = 0x8847, .l3_ofs = 0},
	{"LLDP", MACS "88cc00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
	 .type = 0x88cc, .l3_ofs = 14},
	/* clang-format on */
};

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
	return n;
}

static void assert_u(const char *name, const char *field, unsigned int value, unsigned int expected)
{
	if (value != expected)
		fail_msg("%s: %s is %u (%#x), expected %u (%#x)", name, field, value, value, expected, expected);
}

static void doubtful_frames(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name = cases[i].name;
		uint8_t buf[256];
		struct packet p;
		struct pkt_key k;

		packet_init(&p, buf, sizeof buf, 0, from_hex(cases[i].hex, buf));
		memset(&k, 0xa5, sizeof k);
		assert_u(name, "return value", (unsigned int)packet_parse(&p, &k), (unsigned int)cases[i].drop);
		assert_u(name, "eth_type", be16_to_cpu(k.eth_type), cases[i].type);
		assert_u(name, "vlan[0].tci", be16_to_cpu(k.vlan[0].tci), cases[i].tci[0]);
		assert_u(name, "vlan[1].tci", be16_to_cpu(k.vlan[1].tci), cases[i].tci[1]);
		assert_u(name, "nw_proto", k.nw_proto, cases[i].proto);
		assert_u(name, "nw_frag", k.nw_frag, cases[i].frag);
		assert_u(name, "tp_src", be16_to_cpu(k.tp_src), cases[i].tp_src);
		assert_u(name, "tp_dst", be16_to_cpu(k.tp_dst), cases[i].tp_dst);
		assert_u(name, "l3_ofs", p.l3_ofs, cases[i].l3_ofs ? cases[i].l3_ofs : PACKET_OFS_NONE);
		assert_u(name, "l4_ofs", p.l4_ofs, cases[i].l4_ofs ? cases[i].l4_ofs : PACKET_OFS_NONE);
		assert_u(name, "l4_len", p.l4_len, cases[i].l4_len);
		assert_int_equal(k.zero0 | k.zero1 | k.zero2 | k.zero3 | k.zero4, 0);
	}
}

/* In memory of the exact size, so that ASan notices one byte too many. */
static void cut_at_every_length(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t buf[256];
		size_t n = from_hex(cases[i].hex, buf);

		for (size_t len = 0; len <= n; len++) {
			uint8_t *exact = len ? xmemdup(buf, len) : NULL;
			struct packet p;
			struct pkt_key k;

			packet_init(&p, exact, len, 0, len);
			packet_parse(&p, &k);
			if (p.l4_ofs != PACKET_OFS_NONE)
				assert_in_range(p.l4_ofs + p.l4_len, 34, len);
			free(exact);
		}
	}
}

/* Options of a neighbour solicitation; the target is ff02::2, addresses are told by their first byte. */
static void nd_options(void **state VSW_UNUSED)
{
	static const struct {
		const char *name, *options;
		uint8_t target, sll, tll;
	} nd_cases[] = {
		{"none", "", 2, 0, 0},
		{"source", "0101a00000000001", 2, 0xa0, 0},
		{"target", "0201b00000000001", 2, 0, 0xb0},
		{"both",
		 "0101a00000000001"
		 "0201b00000000001",
		 2, 0xa0, 0xb0},
		{"source twice",
		 "0101a00000000001"
		 "0101a00000000001",
		 0, 0, 0},
		{"target twice",
		 "0101a00000000001"
		 "0201b00000000001"
		 "0201b00000000001",
		 0, 0, 0},
		{"source of zeros, then another",
		 "0101000000000000"
		 "0101a00000000001",
		 2, 0xa0, 0},
		{"unknown option first",
		 "0e01112233445566"
		 "0101a00000000001",
		 2, 0xa0, 0},
		{"long unknown option first",
		 "0e02112233445566"
		 "0101cccccccccccc"
		 "0101a00000000001",
		 2, 0xa0, 0},
		{"source of another length",
		 "0102a00000000001"
		 "0000000000000000"
		 "0201b00000000001",
		 2, 0, 0xb0},
		{"length 0",
		 "0100a00000000001"
		 "0201b00000000001",
		 2, 0, 0},
		{"longer than the packet",
		 "0103a00000000001"
		 "0101a00000000001",
		 2, 0, 0},
		{"half an option", "0101a000", 2, 0, 0},
		{"source, then half an option",
		 "0101a00000000001"
		 "0201b0",
		 2, 0xa0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(nd_cases); i++) {
		uint8_t buf[256], *exact;
		size_t options = strlen(nd_cases[i].options) / 2, len;
		struct packet p;
		struct pkt_key k;

		len = from_hex(MACS "86dd"
				    "6000000000183aff"
				    "20010000000000000000000000000001"
				    "20010000000000000000000000000002"
				    "8700000000000000"
				    "ff020000000000000000000000000002",
			       buf);
		buf[19] = (uint8_t)(buf[19] + options);
		len += from_hex(nd_cases[i].options, buf + len);
		exact = xmemdup(buf, len);
		packet_init(&p, exact, len, 0, len);
		assert_int_equal(packet_parse(&p, &k), 0);
		assert_u(nd_cases[i].name, "tp_src", be16_to_cpu(k.tp_src), 135);
		assert_u(nd_cases[i].name, "nd_target", k.nd_target[15], nd_cases[i].target);
		assert_u(nd_cases[i].name, "nd_sll", k.arp_sha[0], nd_cases[i].sll);
		assert_u(nd_cases[i].name, "nd_tll", k.arp_tha[0], nd_cases[i].tll);
		free(exact);
	}
}

static void origin_is_copied(void **state VSW_UNUSED)
{
	uint8_t buf[14] = {0};
	struct packet p;
	struct pkt_key k;

	for (size_t len = 0; len <= sizeof buf; len += sizeof buf) {
		packet_init(&p, buf, sizeof buf, 0, len);
		p.in_port = 1;
		p.recirc_id = 2;
		p.pkt_mark = 3;
		p.skb_priority = 4;
		p.dp_hash = 5;
		packet_parse(&p, &k);
		assert_int_equal(k.in_port, 1);
		assert_int_equal(k.recirc_id, 2);
		assert_int_equal(k.pkt_mark, 3);
		assert_int_equal(k.skb_priority, 4);
		assert_int_equal(k.dp_hash, 5);
	}
}

/* Extension headers may fill 64 KiB; behind tags the L4 header is then out of reach of a 16-bit offset. */
static void extension_headers_to_the_end(void **state VSW_UNUSED)
{
	enum { N_EXT = 31, EXT_LEN = 2048, TAGS = 8, IP = 14 + TAGS };
	size_t room = IP + 40 + 65535, used;
	uint8_t *buf = xzalloc(room);
	struct packet p;
	struct pkt_key k;

	memcpy(buf + 12, "\x88\xa8\0\1\x81\0\0\1\x86\xdd\x60", 11);
	memset(buf + IP + 4, 0xff, 2); /* payload length 65535 */
	buf[IP + 6] = 60;
	for (used = 0; used < N_EXT * EXT_LEN; used += EXT_LEN) {
		buf[IP + 40 + used] = 60;
		buf[IP + 40 + used + 1] = EXT_LEN / 8 - 1;
	}
	/* The last one leaves 7 bytes. */
	buf[IP + 40 + used] = 47;
	buf[IP + 40 + used + 1] = (uint8_t)((65528 - used) / 8 - 1);
	packet_init(&p, buf, room, 0, room);
	assert_int_equal(packet_parse(&p, &k), DROP_MALFORMED_IPV6);
	assert_int_equal(p.l4_ofs, PACKET_OFS_NONE);
	assert_int_equal(k.eth_type, BE16_C(0x86dd));
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubtful_frames),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(nd_options),
		cmocka_unit_test(origin_is_copied),
		cmocka_unit_test(extension_headers_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
