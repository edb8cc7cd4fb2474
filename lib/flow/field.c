// SPDX-License-Identifier: Apache-2.0
/*
 * The rows of the field table, and finding them by name and by wire id. Names, numbers, widths, masking, prerequisites
 * and write access are those of Open vSwitch 3.1 (ovs-fields(7)), so that its flow tables read the same here.
 *
 * Reading and writing the fields of a key is in field_value.c, their text in field_text.c, parts of fields in
 * subfield.c.
 */
#include "flow/field.h"

#include <pthread.h>
#include <string.h>

#include "base/util.h"
#include "flow/words.h"

/* Wire ids: NXM_OF, NXM_NX, OXM (OpenFlow basic) and the packet registers of OpenFlow 1.5. */
#define HEADER(CLASS, FIELD, N) (((uint32_t)(CLASS) << 16) | ((uint32_t)(FIELD) << 9) | (N))
#define NO_NXM .nxm_name = NULL
#define NXM_OF(NAME, FIELD, N) .nxm_name = "NXM_OF_" NAME, .nxm_header = HEADER(0x0000, FIELD, N)
#define NXM_NX(NAME, FIELD, N) .nxm_name = "NXM_NX_" NAME, .nxm_header = HEADER(0x0001, FIELD, N)
#define NO_OXM .oxm_name = NULL
#define OXM_OF(NAME, FIELD, N) .oxm_name = "OXM_OF_" NAME, .oxm_header = HEADER(0x8000, FIELD, N)
#define OXM_REG(I) .oxm_name = "OXM_OF_PKT_REG" #I, .oxm_header = HEADER(0x8001, I, 8)

/* Where a field lies. */
#define AT(STORE, MEMBER) \
	.store = FIELD_AT_##STORE, .key_ofs = offsetof(struct flow_key, MEMBER), \
	.c_bytes = sizeof(((struct flow_key *)0)->MEMBER)
#define BITS(MEMBER, OFS) AT(BITS, MEMBER), .bit_ofs = (OFS)

/* How it reads: bytes of the value, significant bits, text, masks, prerequisite, access. */
#define RW(N, NBITS, FMT, MASK, PRE) \
	.n_bytes = (N), .n_bits = (NBITS), .format = FIELD_FMT_##FMT, .maskable = FIELD_MASK_##MASK, \
	.prereq = FIELD_PRE_##PRE, .writable = true
#define RO(N, NBITS, FMT, MASK, PRE) \
	.n_bytes = (N), .n_bits = (NBITS), .format = FIELD_FMT_##FMT, .maskable = FIELD_MASK_##MASK, \
	.prereq = FIELD_PRE_##PRE

#define ROW(ID, NAME, ALIASES) [FIELD_##ID] = {.id = FIELD_##ID, .name = (NAME), .aliases = (ALIASES)
#define REG(I) \
	ROW(REG##I, "reg" #I, NULL), AT(HOST, regs[I]), RW(4, 32, HEX, ANY, NONE), NXM_NX("REG" #I, I, 4), NO_OXM \
	}
#define XREG(I) \
	ROW(XREG##I, "xreg" #I, NULL), AT(REGS, regs[2 * (I)]), RW(8, 64, HEX, ANY, NONE), NO_NXM, OXM_REG(I) \
	}
#define XXREG(I) \
	ROW(XXREG##I, "xxreg" #I, NULL), AT(REGS, regs[4 * (I)]), RW(16, 128, HEX, ANY, NONE), \
		NXM_NX("XXREG" #I, 111 + (I), 16), NO_OXM \
	}

/* clang-format off */
static const struct field fields[FIELD_N_IDS] = {
	ROW(DP_HASH, "dp_hash", NULL), AT(HOST, p.dp_hash), RO(4, 32, HEX, ANY, NONE), NXM_NX("DP_HASH", 35, 4), NO_OXM },
	ROW(RECIRC_ID, "recirc_id", NULL), AT(HOST, p.recirc_id), RO(4, 32, DECIMAL, NONE, NONE), NXM_NX("RECIRC_ID", 36, 4), NO_OXM },
	ROW(CONJ_ID, "conj_id", NULL), AT(HOST, conj_id), RO(4, 32, DECIMAL, NONE, NONE), NXM_NX("CONJ_ID", 37, 4), NO_OXM },

	ROW(TUN_ID, "tun_id", "tunnel_id"), AT(BYTES, p.tun_id), RW(8, 64, HEX, ANY, NONE), NXM_NX("TUN_ID", 16, 8), OXM_OF("TUNNEL_ID", 38, 8) },
	ROW(TUN_SRC, "tun_src", NULL), AT(BYTES, p.tun_src), RW(4, 32, IPV4, ANY, NONE), NXM_NX("TUN_IPV4_SRC", 31, 4), NO_OXM },
	ROW(TUN_DST, "tun_dst", NULL), AT(BYTES, p.tun_dst), RW(4, 32, IPV4, ANY, NONE), NXM_NX("TUN_IPV4_DST", 32, 4), NO_OXM },
	ROW(TUN_IPV6_SRC, "tun_ipv6_src", NULL), AT(BYTES, p.tun_ipv6_src), RW(16, 128, IPV6, ANY, NONE), NXM_NX("TUN_IPV6_SRC", 109, 16), NO_OXM },
	ROW(TUN_IPV6_DST, "tun_ipv6_dst", NULL), AT(BYTES, p.tun_ipv6_dst), RW(16, 128, IPV6, ANY, NONE), NXM_NX("TUN_IPV6_DST", 110, 16), NO_OXM },
	/* The one flag that OpenFlow sees is OAM, bit 0 of its value. */
	ROW(TUN_FLAGS, "tun_flags", NULL), BITS(p.tun_flags, 0), RW(2, 1, TUN_FLAGS, ANY, NONE), NXM_NX("TUN_FLAGS", 104, 2), NO_OXM },
	ROW(TUN_TTL, "tun_ttl", NULL), AT(BYTES, p.tun_ttl), RO(1, 8, DECIMAL, NONE, NONE), NO_NXM, NO_OXM },
	ROW(TUN_TOS, "tun_tos", NULL), AT(BYTES, p.tun_tos), RO(1, 8, DECIMAL, NONE, NONE), NO_NXM, NO_OXM },

	ROW(METADATA, "metadata", NULL), AT(BYTES, metadata), RW(8, 64, HEX, ANY, NONE), NO_NXM, OXM_OF("METADATA", 2, 8) },
	ROW(IN_PORT, "in_port", NULL), AT(HOST, p.in_port), RW(2, 16, PORT, NONE, NONE), NXM_OF("IN_PORT", 0, 2), NO_OXM },
	ROW(IN_PORT_OXM, "in_port_oxm", NULL), AT(OXM_PORT, p.in_port), RW(4, 32, PORT, NONE, NONE), NO_NXM, OXM_OF("IN_PORT", 0, 4) },
	ROW(ACTSET_OUTPUT, "actset_output", "ONFOXM_ET_ACTSET_OUTPUT"), AT(OXM_PORT, actset_output), RO(4, 32, PORT, NONE, NONE), NO_NXM, OXM_OF("ACTSET_OUTPUT", 43, 4) },
	ROW(PKT_MARK, "pkt_mark", NULL), AT(HOST, p.pkt_mark), RW(4, 32, HEX, ANY, NONE), NXM_NX("PKT_MARK", 33, 4), NO_OXM },

	ROW(CT_STATE, "ct_state", NULL), AT(HOST, p.ct_state), RO(4, 32, CT_STATE, ANY, NONE), .valid = 0xff, NXM_NX("CT_STATE", 105, 4), NO_OXM },
	ROW(CT_ZONE, "ct_zone", NULL), AT(HOST, p.ct_zone), RO(2, 16, DECIMAL, NONE, NONE), NXM_NX("CT_ZONE", 106, 2), NO_OXM },
	ROW(CT_MARK, "ct_mark", NULL), AT(HOST, p.ct_mark), RW(4, 32, HEX, ANY, NONE), NXM_NX("CT_MARK", 107, 4), NO_OXM },
	ROW(CT_LABEL, "ct_label", NULL), AT(BYTES, p.ct_label), RW(16, 128, HEX, ANY, NONE), NXM_NX("CT_LABEL", 108, 16), NO_OXM },

	REG(0), REG(1), REG(2), REG(3), REG(4), REG(5), REG(6), REG(7),
	REG(8), REG(9), REG(10), REG(11), REG(12), REG(13), REG(14), REG(15),
	XREG(0), XREG(1), XREG(2), XREG(3), XREG(4), XREG(5), XREG(6), XREG(7),
	XXREG(0), XXREG(1), XXREG(2), XXREG(3),

	ROW(ETH_SRC, "eth_src", "dl_src"), AT(BYTES, p.eth_src), RW(6, 48, ETH, ANY, NONE), NXM_OF("ETH_SRC", 2, 6), OXM_OF("ETH_SRC", 4, 6) },
	ROW(ETH_DST, "eth_dst", "dl_dst"), AT(BYTES, p.eth_dst), RW(6, 48, ETH, ANY, NONE), NXM_OF("ETH_DST", 1, 6), OXM_OF("ETH_DST", 3, 6) },
	ROW(ETH_TYPE, "eth_type", "dl_type"), AT(BYTES, p.eth_type), RO(2, 16, HEX, NONE, NONE), NXM_OF("ETH_TYPE", 3, 2), OXM_OF("ETH_TYPE", 5, 2) },

	ROW(VLAN_TCI, "vlan_tci", NULL), AT(VLAN, p.vlan[0].tci), RW(2, 16, HEX, ANY, NONE), NXM_OF("VLAN_TCI", 4, 2), NO_OXM },
	ROW(DL_VLAN, "dl_vlan", NULL), AT(VLAN, p.vlan[0].tci), RW(2, 12, DECIMAL, NONE, NONE), NO_NXM, NO_OXM },
	/* The value has FLOW_VLAN_PRESENT above the 12 bits that count as the field's width. */
	ROW(VLAN_VID, "vlan_vid", NULL), AT(VLAN, p.vlan[0].tci), RW(2, 12, DECIMAL, ANY, NONE), .valid = 0x1fff, NO_NXM, OXM_OF("VLAN_VID", 6, 2) },
	ROW(DL_VLAN_PCP, "dl_vlan_pcp", NULL), AT(VLAN, p.vlan[0].tci), RW(1, 3, DECIMAL, NONE, NONE), NO_NXM, NO_OXM },
	ROW(VLAN_PCP, "vlan_pcp", NULL), AT(VLAN, p.vlan[0].tci), RW(1, 3, DECIMAL, NONE, VLAN), NO_NXM, OXM_OF("VLAN_PCP", 7, 1) },

	ROW(MPLS_LABEL, "mpls_label", NULL), BITS(p.mpls_lse, 12), RW(4, 20, DECIMAL, NONE, MPLS), NO_NXM, OXM_OF("MPLS_LABEL", 34, 4) },
	ROW(MPLS_TC, "mpls_tc", NULL), BITS(p.mpls_lse, 9), RW(1, 3, DECIMAL, NONE, MPLS), NO_NXM, OXM_OF("MPLS_TC", 35, 1) },
	ROW(MPLS_BOS, "mpls_bos", NULL), BITS(p.mpls_lse, 8), RO(1, 1, DECIMAL, NONE, MPLS), NO_NXM, OXM_OF("MPLS_BOS", 36, 1) },
	ROW(MPLS_TTL, "mpls_ttl", NULL), BITS(p.mpls_lse, 0), RW(1, 8, DECIMAL, NONE, MPLS), NXM_NX("MPLS_TTL", 30, 1), NO_OXM },

	ROW(IPV4_SRC, "ip_src", NULL), AT(BYTES, p.nw_src), RW(4, 32, IPV4, ANY, IPV4), NXM_OF("IP_SRC", 7, 4), OXM_OF("IPV4_SRC", 11, 4) },
	ROW(IPV4_DST, "ip_dst", NULL), AT(BYTES, p.nw_dst), RW(4, 32, IPV4, ANY, IPV4), NXM_OF("IP_DST", 8, 4), OXM_OF("IPV4_DST", 12, 4) },
	ROW(IPV6_SRC, "ipv6_src", NULL), AT(BYTES, p.ipv6_src), RW(16, 128, IPV6, ANY, IPV6), NXM_NX("IPV6_SRC", 19, 16), OXM_OF("IPV6_SRC", 26, 16) },
	ROW(IPV6_DST, "ipv6_dst", NULL), AT(BYTES, p.ipv6_dst), RW(16, 128, IPV6, ANY, IPV6), NXM_NX("IPV6_DST", 20, 16), OXM_OF("IPV6_DST", 27, 16) },
	ROW(IPV6_LABEL, "ipv6_label", NULL), BITS(p.ipv6_label, 0), RW(4, 20, HEX, ANY, IPV6), NXM_NX("IPV6_LABEL", 27, 4), OXM_OF("IPV6_FLABEL", 28, 4) },

	ROW(IP_PROTO, "nw_proto", NULL), AT(BYTES, p.nw_proto), RO(1, 8, DECIMAL, NONE, IP_ANY), NXM_OF("IP_PROTO", 6, 1), OXM_OF("IP_PROTO", 10, 1) },
	ROW(IP_DSCP, "nw_tos", NULL), AT(BYTES, p.nw_tos), RW(1, 8, DECIMAL, NONE, IP_ANY), .valid = 0xfc, NXM_OF("IP_TOS", 5, 1), NO_OXM },
	ROW(IP_DSCP_SHIFTED, "ip_dscp", NULL), BITS(p.nw_tos, 2), RW(1, 6, DECIMAL, NONE, IP_ANY), NO_NXM, OXM_OF("IP_DSCP", 8, 1) },
	ROW(IP_ECN, "nw_ecn", "ip_ecn"), BITS(p.nw_tos, 0), RW(1, 2, DECIMAL, NONE, IP_ANY), NXM_NX("IP_ECN", 28, 1), OXM_OF("IP_ECN", 9, 1) },
	ROW(IP_TTL, "nw_ttl", NULL), AT(BYTES, p.nw_ttl), RW(1, 8, DECIMAL, NONE, IP_ANY), NXM_NX("IP_TTL", 29, 1), NO_OXM },
	ROW(IP_FRAG, "ip_frag", "nw_frag"), BITS(p.nw_frag, 0), RO(1, 2, FRAG, ANY, IP_ANY), NXM_NX("IP_FRAG", 26, 1), NO_OXM },

	ROW(ARP_OP, "arp_op", NULL), AT(HOST, p.nw_proto), RW(2, 16, DECIMAL, NONE, ARP), .valid = 0xff, NXM_OF("ARP_OP", 15, 2), OXM_OF("ARP_OP", 21, 2) },
	ROW(ARP_SPA, "arp_spa", NULL), AT(BYTES, p.nw_src), RW(4, 32, IPV4, ANY, ARP), NXM_OF("ARP_SPA", 16, 4), OXM_OF("ARP_SPA", 22, 4) },
	ROW(ARP_TPA, "arp_tpa", NULL), AT(BYTES, p.nw_dst), RW(4, 32, IPV4, ANY, ARP), NXM_OF("ARP_TPA", 17, 4), OXM_OF("ARP_TPA", 23, 4) },
	ROW(ARP_SHA, "arp_sha", NULL), AT(BYTES, p.arp_sha), RW(6, 48, ETH, ANY, ARP), NXM_NX("ARP_SHA", 17, 6), OXM_OF("ARP_SHA", 24, 6) },
	ROW(ARP_THA, "arp_tha", NULL), AT(BYTES, p.arp_tha), RW(6, 48, ETH, ANY, ARP), NXM_NX("ARP_THA", 18, 6), OXM_OF("ARP_THA", 25, 6) },

	ROW(TCP_SRC, "tcp_src", NULL), AT(BYTES, p.tp_src), RW(2, 16, DECIMAL, ANY, TCP), NXM_OF("TCP_SRC", 9, 2), OXM_OF("TCP_SRC", 13, 2) },
	ROW(TCP_DST, "tcp_dst", NULL), AT(BYTES, p.tp_dst), RW(2, 16, DECIMAL, ANY, TCP), NXM_OF("TCP_DST", 10, 2), OXM_OF("TCP_DST", 14, 2) },
	ROW(TCP_FLAGS, "tcp_flags", "ONFOXM_ET_TCP_FLAGS"), BITS(p.tcp_flags, 0), RO(2, 12, TCP_FLAGS, ANY, TCP), NXM_NX("TCP_FLAGS", 34, 2), OXM_OF("TCP_FLAGS", 42, 2) },
	ROW(UDP_SRC, "udp_src", NULL), AT(BYTES, p.tp_src), RW(2, 16, DECIMAL, ANY, UDP), NXM_OF("UDP_SRC", 11, 2), OXM_OF("UDP_SRC", 15, 2) },
	ROW(UDP_DST, "udp_dst", NULL), AT(BYTES, p.tp_dst), RW(2, 16, DECIMAL, ANY, UDP), NXM_OF("UDP_DST", 12, 2), OXM_OF("UDP_DST", 16, 2) },
	ROW(SCTP_SRC, "sctp_src", NULL), AT(BYTES, p.tp_src), RW(2, 16, DECIMAL, ANY, SCTP), NO_NXM, OXM_OF("SCTP_SRC", 17, 2) },
	ROW(SCTP_DST, "sctp_dst", NULL), AT(BYTES, p.tp_dst), RW(2, 16, DECIMAL, ANY, SCTP), NO_NXM, OXM_OF("SCTP_DST", 18, 2) },

	ROW(ICMPV4_TYPE, "icmp_type", NULL), AT(ICMP, p.tp_src), RW(1, 8, DECIMAL, NONE, ICMPV4), NXM_OF("ICMP_TYPE", 13, 1), OXM_OF("ICMPV4_TYPE", 19, 1) },
	ROW(ICMPV4_CODE, "icmp_code", NULL), AT(ICMP, p.tp_dst), RW(1, 8, DECIMAL, NONE, ICMPV4), NXM_OF("ICMP_CODE", 14, 1), OXM_OF("ICMPV4_CODE", 20, 1) },
	ROW(ICMPV6_TYPE, "icmpv6_type", NULL), AT(ICMP, p.tp_src), RW(1, 8, DECIMAL, NONE, ICMPV6), NXM_NX("ICMPV6_TYPE", 21, 1), OXM_OF("ICMPV6_TYPE", 29, 1) },
	ROW(ICMPV6_CODE, "icmpv6_code", NULL), AT(ICMP, p.tp_dst), RW(1, 8, DECIMAL, NONE, ICMPV6), NXM_NX("ICMPV6_CODE", 22, 1), OXM_OF("ICMPV6_CODE", 30, 1) },
	ROW(ND_TARGET, "nd_target", NULL), AT(BYTES, p.nd_target), RW(16, 128, IPV6, ANY, ND), NXM_NX("ND_TARGET", 23, 16), OXM_OF("IPV6_ND_TARGET", 31, 16) },
	ROW(ND_SLL, "nd_sll", NULL), AT(BYTES, p.arp_sha), RW(6, 48, ETH, ANY, ND_SOLICIT), NXM_NX("ND_SLL", 24, 6), OXM_OF("IPV6_ND_SLL", 32, 6) },
	ROW(ND_TLL, "nd_tll", NULL), AT(BYTES, p.arp_tha), RW(6, 48, ETH, ANY, ND_ADVERT), NXM_NX("ND_TLL", 25, 6), OXM_OF("IPV6_ND_TLL", 33, 6) },
};
/* clang-format on */

/* Names of OpenFlow 1.0 and of OVS that stand for whichever field of several the flow has. */
static const struct {
	const char *names;
	enum field_id id; /* the first of them */
	enum field_prereq prereq;
} generic[] = {
	{"nw_src,ip_src", FIELD_IPV4_SRC, FIELD_PRE_IPV4_ARP},
	{"nw_dst,ip_dst", FIELD_IPV4_DST, FIELD_PRE_IPV4_ARP},
	{"nw_proto,ip_proto", FIELD_IP_PROTO, FIELD_PRE_IP_ARP},
	{"tp_src", FIELD_TCP_SRC, FIELD_PRE_L4},
	{"tp_dst", FIELD_TCP_DST, FIELD_PRE_L4},
	{"icmp_type", FIELD_ICMPV4_TYPE, FIELD_PRE_ICMP_ANY},
	{"icmp_code", FIELD_ICMPV4_CODE, FIELD_PRE_ICMP_ANY},
};

/* Fields of OVS 3.1 that the key does not have. */
static const char unsupported_names[] =
	"tun_gbp_id,tun_gbp_flags,tun_erspan_ver,tun_erspan_idx,tun_erspan_dir,tun_erspan_hwid,tun_gtpu_flags,"
	"tun_gtpu_msgtype,skb_priority,packet_type,ct_nw_src,ct_nw_dst,ct_ipv6_src,ct_ipv6_dst,ct_nw_proto,ct_tp_src,"
	"ct_tp_dst,nsh_flags,nsh_ttl,nsh_mdtype,nsh_np,nsh_spi,nsp,nsh_si,nsi,nsh_c1,nshc1,nsh_c2,nshc2,nsh_c3,nshc3,"
	"nsh_c4,nshc4,nd_reserved,nd_options_type";

#define GENERIC_SHIFT 7 /* a dictionary's value: field id, and from here on 1 + the index in generic[], or 0 */
_Static_assert(FIELD_N_IDS <= 1 << GENERIC_SHIFT, "ids fit");

static struct words names, unsupported;
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void names_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(generic); i++)
		words_add_list(&names, generic[i].names, generic[i].id | (unsigned int)(i + 1) << GENERIC_SHIFT);
	for (const struct field *f = fields; f < fields + FIELD_N_IDS; f++) {
		words_add_list(&names, f->name, f->id);
		words_add_list(&names, f->aliases, f->id);
		words_add_list(&names, f->nxm_name, f->id);
		words_add_list(&names, f->oxm_name, f->id);
	}
	words_add_list(&unsupported, unsupported_names, 1);
}

const struct field *field_by_id(enum field_id id)
{
	return &fields[id];
}

const struct field *field_by_name_prereq(const char *name, size_t len, enum field_prereq *prereq)
{
	int value;

	pthread_once(&names_once, names_init);
	value = words_find(&names, name, len);
	if (value < 0)
		return NULL;
	*prereq = value >> GENERIC_SHIFT ? generic[(value >> GENERIC_SHIFT) - 1].prereq
					 : (enum field_prereq)fields[value].prereq;
	return &fields[value & ((1 << GENERIC_SHIFT) - 1)];
}

const struct field *field_by_name(const char *name, size_t len)
{
	enum field_prereq prereq;

	return field_by_name_prereq(name, len, &prereq);
}

/* Maps a field of one protocol to that of another; @id itself when the flow is of none of these. */
static enum field_id of_protocol(enum field_id id, uint8_t proto, bool v6)
{
	switch (id) {
	case FIELD_TCP_SRC:
		return proto == 17 ? FIELD_UDP_SRC : proto == 132 ? FIELD_SCTP_SRC : id;
	case FIELD_TCP_DST:
		return proto == 17 ? FIELD_UDP_DST : proto == 132 ? FIELD_SCTP_DST : id;
	case FIELD_ICMPV4_TYPE:
		return v6 && proto == 58 ? FIELD_ICMPV6_TYPE : id;
	case FIELD_ICMPV4_CODE:
		return v6 && proto == 58 ? FIELD_ICMPV6_CODE : id;
	default:
		return id;
	}
}

const struct field *field_for_flow(const struct field *f, const struct flow_key *key)
{
	uint16_t type = be16_to_cpu(key->p.eth_type);

	switch (type) {
	case 0x0800:
	case 0x86dd:
		return &fields[of_protocol(f->id, key->p.nw_proto, type == 0x86dd)];
	case 0x0806:
	case 0x8035:
		return f->id == FIELD_IPV4_SRC	 ? &fields[FIELD_ARP_SPA]
		       : f->id == FIELD_IPV4_DST ? &fields[FIELD_ARP_TPA]
		       : f->id == FIELD_IP_PROTO ? &fields[FIELD_ARP_OP]
						 : f;
	default:
		return f;
	}
}

const struct field *field_by_header(uint32_t header)
{
	for (const struct field *f = fields; f < fields + FIELD_N_IDS; f++)
		if ((f->nxm_name && f->nxm_header >> 9 == header >> 9) ||
		    (f->oxm_name && f->oxm_header >> 9 == header >> 9))
			return f;
	return NULL;
}

bool field_unsupported(const char *name, size_t len)
{
	static const char tlv[] = "tun_metadata";

	pthread_once(&names_once, names_init);
	return words_find(&unsupported, name, len) >= 0 || (len >= sizeof tlv && !strncmp(name, tlv, sizeof tlv - 1));
}

bool field_nearest(const char *name, size_t len, char word[WORD_MAX + 1])
{
	pthread_once(&names_once, names_init);
	return words_nearest(&names, name, len, word);
}
