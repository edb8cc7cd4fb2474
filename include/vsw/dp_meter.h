/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meters of a datapath: token buckets in memory that the BPF program and the daemon's threads share.
 *
 * A slot (struct dp_meter_slot) is one meter with up to DP_METER_BANDS bands, each a bucket. A packet takes from every band; one
 * that some band has no tokens for is dropped, and counted for the band of the highest rate among those (OpenFlow 1.3 5.7.1).
 *
 * A bucket is one word, so that any number of CPUs take from it with one compare-and-exchange and no lock. The word is a time, `tat`
 * (the theoretical arrival time of the generic cell rate algorithm, ITU-T I.371): the instant up to which the tokens are spent.
 * What has gathered since is (now - tat), at most `depth`; a packet costs (its bits or itself) / rate, in time too. That is the same
 * as a bucket of tokens that is filled at `rate` up to `burst`, without an update of its own for the filling.
 *
 * Time is in units of 1/64 ns: 64 bytes at 100 Gbit/s are 327 of them, and differences reach 4.5 years. Times are compared by
 * difference, so the word may wrap.
 *
 * A GSO packet counts as what will be on the wire: each of its segments, headers included (dp_meter_wire()). It passes or is dropped
 * as a whole. Where it is larger than the whole bucket a full bucket lets it pass, and the bucket is in debt then: were it
 * not so, a small burst would let pings through and stop TCP. The rate holds either way.
 */
#ifndef VSW_DP_METER_H
#define VSW_DP_METER_H 1

#include "vsw/types.h"

#define DP_METER_BANDS 8
/** Units of time per nanosecond, as a shift. */
#define DP_METER_UNIT_SHIFT 6

struct dp_meter_bucket {
	uint64_t tat;	/* the one word that changes with each packet */
	uint64_t mult;	/* cost of one byte or packet: mult >> shift units */
	uint64_t depth; /* units */
	uint32_t shift;
	uint8_t packets; /* counts packets, not bytes */
	uint8_t index;	 /* of the band as it was given: they are sorted by rate here */
	uint16_t zero;
	uint64_t n_packets, n_bytes; /* dropped here */
};

struct dp_meter_slot {
	uint32_t n_bands; /* 0: no such meter: everything passes */
	uint32_t reason;  /* enum drop_reason of what it drops */
	uint64_t n_packets, n_bytes;
	struct dp_meter_bucket bands[DP_METER_BANDS]; /* lowest rate first */
};

/** What a packet is to a meter. */
struct dp_meter_load {
	uint32_t packets, bytes;
};

/**
 * dp_meter_wire() - what a packet will be on the wire
 * @len: bytes of the packet at hand, tags included
 * @hdr_len: of them headers that each segment repeats
 * @gso_size: payload bytes of a segment; 0: it is one frame
 */
static inline __attribute__((always_inline)) struct dp_meter_load dp_meter_wire(uint32_t len, uint32_t hdr_len,
										uint32_t gso_size)
{
	struct dp_meter_load load = {1, len};

	if (gso_size && len > hdr_len + gso_size) {
		load.packets = (len - hdr_len + gso_size - 1) / gso_size;
		load.bytes = len + (load.packets - 1) * hdr_len;
	}
	return load;
}

/* Return: whether there was enough. @now: in units. */
static inline __attribute__((always_inline)) int dp_meter_take(struct dp_meter_bucket *b, uint64_t now,
							       const struct dp_meter_load *load)
{
	uint64_t cost = (b->packets ? load->packets : load->bytes) * b->mult >> b->shift;
	uint64_t need = load->packets > 1 && cost > b->depth ? b->depth : cost;

	for (int i = 0; i < 4; i++) {
		uint64_t old = *(volatile uint64_t *)&b->tat, from = old;
		int64_t have = (int64_t)(now - old);

		if (have > (int64_t)b->depth) {
			have = (int64_t)b->depth;
			from = now - b->depth;
		}
		if (have < (int64_t)need)
			return 0;
		if (__sync_val_compare_and_swap(&b->tat, old, from + cost) == old)
			return 1;
	}
	/* Others were faster four times: there are tokens, or they would have given up. Unread, this is exact, too. */
	__sync_fetch_and_add(&b->tat, cost);
	return 1;
}

/**
 * dp_meter_charge() - a packet passes the meter, or does not
 * @now_ns: of a clock that all users of the slot share
 *
 * Return: not 0 when it is to be dropped, for @slot->reason.
 */
static inline __attribute__((always_inline)) int dp_meter_charge(struct dp_meter_slot *slot, uint64_t now_ns,
								 const struct dp_meter_load *load)
{
	uint32_t n = slot->n_bands;
	struct dp_meter_bucket *hit = 0;

	if (!n)
		return 0;
	__sync_fetch_and_add(&slot->n_packets, load->packets);
	__sync_fetch_and_add(&slot->n_bytes, load->bytes);
	for (uint32_t i = 0; i < DP_METER_BANDS && i < n; i++)
		if (!dp_meter_take(&slot->bands[i], now_ns << DP_METER_UNIT_SHIFT, load))
			hit = &slot->bands[i];
	if (!hit)
		return 0;
	__sync_fetch_and_add(&hit->n_packets, load->packets);
	__sync_fetch_and_add(&hit->n_bytes, load->bytes);
	return 1;
}

#endif
