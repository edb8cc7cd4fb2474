/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bonds of a datapath: by which port what is sent to a bond leaves.
 *
 * A slot (struct dp_bond_slot) has a port for each of DP_BOND_BUCKETS buckets. The action DP_LB_OUTPUT says which slot, and which bucket
 * or that the packet's headers choose it (dp_bond_hash()). So a flow names the bond only: it need not be split by what its packets
 * are hashed by, and when a member fails one write of the table moves everything, without a look at any flow.
 *
 * The table is written by the daemon's thread for bonds and read by everybody, a word at a time; `bytes` are counted by who sends.
 * The memory is shared with the BPF program where there is one.
 */
#ifndef VSW_DP_BOND_H
#define VSW_DP_BOND_H 1

#include "vsw/flow_key.h"
#include "vsw/types.h"

#define DP_BOND_BUCKETS 256
/** Bond ids are below this; 0 is none. */
#define DP_MAX_BONDS 256
/** The port of a bucket that nobody carries. */
#define DP_BOND_NO_PORT 0xffffffffu

struct dp_bond_slot {
	uint32_t basis;
	uint32_t in_use; /* the daemon's note */
	uint32_t ports[DP_BOND_BUCKETS];
	uint64_t bytes[DP_BOND_BUCKETS]; /* sent, as on the wire but for what segmentation adds */
};

/** dp_lb_output_arg() - of DP_LB_OUTPUT. @bucket: negative: by dp_bond_hash(). */
static inline __attribute__((always_inline)) uint32_t dp_lb_output_arg(uint32_t bond, int bucket)
{
	return bond | (bucket < 0 ? 0 : (uint32_t)(bucket + 1) << 16);
}

/** dp_lb_output_bond() - which bond such an argument names. */
static inline __attribute__((always_inline)) uint32_t dp_lb_output_bond(uint32_t arg)
{
	return arg & (DP_MAX_BONDS - 1);
}

/**
 * dp_bond_hash() - the bucket of a packet by its addresses and ports, the same in both directions
 * @key: of the packet; what differs from one packet of a connection to the next is not looked at, nor are ports of fragments
 */
static inline __attribute__((always_inline)) uint32_t dp_bond_hash(const struct pkt_key *key, uint32_t basis)
{
	const uint64_t *w = (const uint64_t *)key;
	const uint64_t odd = 0x9e3779b97f4a7c15ull;
	uint64_t h = (basis + 1) * odd, ports;

	/* Addresses are six bytes each; of the tag the VLAN alone. */
	h = (h ^ (w[1] & 0xffffffffffffull) ^ (w[1] >> 48 | (w[2] & 0xffffffffull) << 16)) * odd;
	h = (h ^ h >> 32 ^ (w[2] >> 48 & 0xff0f) ^ (w[3] >> 32 & 0xffff) << 16) * odd;
	h = (h ^ h >> 32 ^ ((w[4] ^ w[4] >> 32) & 0xffffffffull) ^ (w[5] & 0xff) << 32) * odd;
	h = (h ^ h >> 32 ^ w[8] ^ w[10]) * odd;
	h = (h ^ h >> 32 ^ w[9] ^ w[11]) * odd;
	ports = key->nw_frag || (key->nw_proto != 6 && key->nw_proto != 17 && key->nw_proto != 132)
			? 0
			: (w[6] ^ w[6] >> 16) & 0xffff;
	h = (h ^ h >> 32 ^ ports) * odd;
	return (uint32_t)(h >> 40) & (DP_BOND_BUCKETS - 1);
}

/** dp_lb_output_bucket() - the bucket of a packet that DP_LB_OUTPUT with @arg is to send. */
static inline __attribute__((always_inline)) uint32_t dp_lb_output_bucket(const struct dp_bond_slot *slot, uint32_t arg,
									  const struct pkt_key *key)
{
	uint32_t bucket = arg >> 16;

	return (bucket ? bucket - 1 : dp_bond_hash(key, slot->basis)) & (DP_BOND_BUCKETS - 1);
}

#ifndef __BPF__
_Static_assert(offsetof(struct pkt_key, eth_dst) == 8 && offsetof(struct pkt_key, vlan) == 20, "words 1 and 2");
_Static_assert(offsetof(struct pkt_key, nw_src) == 32 && offsetof(struct pkt_key, tp_src) == 48, "words 4 and 6");
_Static_assert(offsetof(struct pkt_key, ipv6_src) == 64, "words 8 to 11");
#endif

#endif
