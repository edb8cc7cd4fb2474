/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of the program (what lies in them: vsw/bpf_abi.h), and the counting that every part does. */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H 1

#include "parse.bpf.h"

#include "vsw/bpf_abi.h"

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
MAP(cache, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_cache_entry, BPF_CACHE_SLOTS, 0); /* times the CPUs */
MAP(control, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_control, 1, BPF_F_MMAPABLE);

/* Everything about the packet under way; one program at a time runs on a CPU's copy (tc programs do not nest, see redirect). */
struct scratch {
	struct bpf_cpu_stats stats;
	struct pkt_key key;
	struct parsed p;
	struct bpf_large_key lookup; /* its head serves as the small one */
	uint32_t cpu;
};
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, uint32_t, struct scratch, 1, 0);

static const uint32_t zero;

static __always_inline struct bpf_port *port_of(uint32_t port)
{
	return bpf_map_lookup_elem(&ports, &port);
}

static __always_inline int drop(struct bpf_port *in, uint32_t reason)
{
	if (reason < DROP_N_REASONS)
		__sync_fetch_and_add(&in->drops[reason], 1);
	return TC_ACT_SHOT;
}

#endif
