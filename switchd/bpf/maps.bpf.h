/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of the program (what lies in them: vsw/bpf_abi.h), and the counting that every part does. */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H 1

#include "parse.bpf.h"

#include "vsw/bpf_abi.h"
#include "vsw/dp_bond.h"
#include "vsw/dp_meter.h"

#define MAP(NAME, TYPE, KEY, VALUE, N, FLAGS) \
	struct { \
		__uint(type, TYPE); \
		__uint(max_entries, N); \
		__uint(map_flags, FLAGS); \
		__type(key, KEY); \
		__type(value, VALUE); \
	} NAME SEC(".maps")

MAP(devs, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_dev, BPF_N_DEVS, BPF_F_MMAPABLE);
MAP(ports, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_port, BPF_N_PORTS, BPF_F_MMAPABLE);
MAP(masks, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_mask, BPF_N_MASKS, BPF_F_MMAPABLE);
/* The daemon says how many entries these have. */
MAP(small, BPF_MAP_TYPE_HASH, struct bpf_small_key, uint32_t, 1, BPF_F_NO_PREALLOC);
MAP(large, BPF_MAP_TYPE_HASH, struct bpf_large_key, uint32_t, 1, BPF_F_NO_PREALLOC);
MAP(flows, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_flow, 1, BPF_F_MMAPABLE);
MAP(tails, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_tail, 1, BPF_F_MMAPABLE);
MAP(ops, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_op, 1, BPF_F_MMAPABLE);
MAP(books, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_book, 1, BPF_F_MMAPABLE);
/* These two times the CPUs. */
MAP(cache, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_cache_bucket, BPF_CACHE_BUCKETS, 0);
MAP(traffic, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_traffic, BPF_N_PORTS, BPF_F_MMAPABLE);
MAP(meters, BPF_MAP_TYPE_ARRAY, uint32_t, struct dp_meter_slot, BPF_N_METERS, BPF_F_MMAPABLE);
MAP(bonds, BPF_MAP_TYPE_ARRAY, uint32_t, struct dp_bond_slot, DP_MAX_BONDS, BPF_F_MMAPABLE);
MAP(paths, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_path, BPF_N_PATHS, BPF_F_MMAPABLE);
MAP(tunnels, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_tunnel, BPF_N_TUNNELS, BPF_F_MMAPABLE);
MAP(control, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_control, 1, BPF_F_MMAPABLE);
MAP(filters, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_filter, BPF_N_FILTERS, BPF_F_MMAPABLE);
MAP(sights, BPF_MAP_TYPE_PERF_EVENT_ARRAY, uint32_t, uint32_t, 0, 0);

/* Of the filter under way, see filter.bpf.h. */
struct filter_state {
	uint32_t a, x, pc, result;
	uint32_t mem[BPF_FILTER_WORDS];
};

/* Everything about the packet under way; one program at a time runs on a CPU's copy (tc programs do not nest, see redirect). */
struct scratch {
	struct bpf_cpu_stats stats;
	struct pkt_key key;
	struct parsed p;
	struct bpf_large_key lookup; /* its head serves as the small one */
	uint32_t cpu;
	uint32_t left_behind;	  /* of the packets before in `key`, see quick.bpf.h */
	uint32_t n_replaced;	  /* cache entries: which of a bucket is next */
	uint64_t jiffies, now_ns; /* the coarse clock as it was read in that tick */
	uint32_t none;		  /* always 0, see run_flow() */
	uint32_t slot;		  /* + 1 of the flow that the packet has */
	uint32_t is_watched;	  /* its bytes were captured, its fate is still to be told */
	uint32_t is_announced;	  /* to the daemon, as number: */
	uint32_t seq;
	uint64_t watch_window; /* see watch.bpf.h */
	uint64_t watch_full;   /* the last window that was used up */
	uint64_t watch_spent, watch_ns, n_looks, look_began;
	uint32_t looked_for, is_wanted; /* by which filters the packet, as it is, was looked at, and what they say */
	struct filter_state filter;
	struct bpf_sight sight;
};
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, uint32_t, struct scratch, 1, 0);

static const uint32_t zero;

static __always_inline struct bpf_port *port_of(uint32_t port)
{
	return bpf_map_lookup_elem(&ports, &port);
}

#include "filter.bpf.h"
#include "watch.bpf.h"

/* Bytes of the frame as it is on the wire. */
static __always_inline uint32_t wire_len(const struct __sk_buff *skb)
{
	return skb->len + (skb->vlan_present ? 4 : 0);
}

/* Each CPU has its own; no other program runs on it meanwhile, so that adding needs no atomics. */
static __always_inline struct bpf_traffic *traffic_of(const struct scratch *s, uint32_t port)
{
	uint32_t at = s->cpu * BPF_N_PORTS + port;

	return bpf_map_lookup_elem(&traffic, &at);
}

static __always_inline void count_received(const struct scratch *s, uint32_t port, const struct __sk_buff *skb)
{
	struct bpf_traffic *t = traffic_of(s, port);

	if (t) {
		t->rx_packets++;
		t->rx_bytes += wire_len(skb);
	}
}

/*
 * Keeps the packet's head for `vsw trace --last`. One packet per reason and tick at most, and none while another CPU writes one: a flood of
 * drops costs what it did before. (A global function: the verifier looks at it once.)
 */
__attribute__((noinline)) int note_last_drop(struct __sk_buff *skb, uint32_t reason, uint32_t flags)
{
	const struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct bpf_port *in = s ? port_of(s->key.in_port) : NULL;
	uint64_t now = bpf_ktime_get_coarse_ns();
	struct bpf_last_drop *last;
	uint32_t seq, n;

	if (!in)
		return 0;
	last = &in->last_drop;
	seq = last->seq;
	if ((last->ns == now && last->reason == reason) || seq & 1 ||
	    __sync_val_compare_and_swap(&last->seq, seq, seq + 1) != seq)
		return 0;
	last->reason = reason;
	last->ns = now;
	last->len = skb->len;
	last->vlan_proto = bpf_ntohs(skb->vlan_proto);
	last->vlan_tci = skb->vlan_tci;
	last->flags = flags | (skb->vlan_present ? BPF_LAST_TAGGED : 0);
	n = skb->len < BPF_LAST_BYTES ? skb->len : BPF_LAST_BYTES;
	last->n_bytes = n;
	n = (n - 1) & (BPF_LAST_BYTES - 1);
	asm volatile("" : "+r"(n)); /* the bound is the verifier's, too */
	bpf_skb_load_bytes(skb, 0, last->bytes, n + 1);
	__sync_fetch_and_add(&last->seq, 1);
	return 0;
}

static __always_inline int drop_flags(struct __sk_buff *skb, struct bpf_port *in, uint32_t reason, uint32_t flags)
{
	if (reason < DROP_N_REASONS)
		__sync_fetch_and_add(&in->drops[reason], 1);
	note_last_drop(skb, reason, flags);
	if (in->watch)
		watch_drop(skb, (uint64_t)in->watch << 32 | reason);
	return TC_ACT_SHOT;
}

static __always_inline int drop(struct __sk_buff *skb, struct bpf_port *in, uint32_t reason)
{
	return drop_flags(skb, in, reason, 0);
}

#endif
