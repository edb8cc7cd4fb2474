// SPDX-License-Identifier: Apache-2.0
/*
 * The switch in the kernel: one tc program for every port.
 *
 * A packet's key is parsed, its flow is found (a per-CPU cache of exact answers, then one hash lookup per mask), and the flow's operations run. They
 * are data: a change of the flow tables changes map contents, never this program. What no flow covers goes whole to the daemon through
 * a TAP and comes back into its place in the order (see `gate` in vsw/bpf_abi.h).
 *
 * The program must load on Linux 6.1: loops over masks and operations are bpf_loop() calls with all state in the per-CPU scratch,
 * which keeps every stack frame small.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "parse.bpf.h"

#include "vsw/bpf_abi.h"

#define MAP(NAME, TYPE, KEY, VALUE, N, FLAGS)              \
	struct {                                           \
		__uint(type, TYPE);                        \
		__uint(max_entries, N);                    \
		__uint(map_flags, FLAGS);                  \
		__type(key, KEY);                          \
		__type(value, VALUE);                      \
	} NAME SEC(".maps")

MAP(devs, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_dev, BPF_N_DEVS, BPF_F_MMAPABLE);
MAP(ports, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_port, BPF_N_PORTS, BPF_F_MMAPABLE);
MAP(masks, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_mask, BPF_N_MASKS, BPF_F_MMAPABLE);
MAP(small, BPF_MAP_TYPE_HASH, struct bpf_small_key, uint32_t, 65536, 0);
MAP(large, BPF_MAP_TYPE_HASH, struct bpf_large_key, uint32_t, 65536, 0);
MAP(flows, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_flow, 65536, BPF_F_MMAPABLE);
MAP(cache, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_cache_entry, BPF_CACHE_SLOTS, 0); /* times the CPUs */
MAP(control, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_control, 1, BPF_F_MMAPABLE);

/* Everything about the packet under way; one program at a time runs on a CPU's copy (tc programs do not nest, see redirect). */
struct scratch {
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

/* ---- finding the flow ---- */

static __always_inline uint32_t hash_key(const struct pkt_key *key, int large)
{
	const uint64_t *w = (const uint64_t *)key;
	uint64_t h = 0;

#pragma unroll
	for (int i = 0; i < PKT_KEY_COMPACT / 8; i++)
		h = ((h << 25 | h >> 39) ^ w[i]) * 0x9e3779b97f4a7c15ull;
	if (large) {
#pragma unroll
		for (int i = PKT_KEY_COMPACT / 8; i < PKT_KEY_WORDS; i++)
			h = ((h << 25 | h >> 39) ^ w[i]) * 0x9e3779b97f4a7c15ull;
	}
	return h >> 32;
}

static __always_inline int matches(const struct bpf_flow *flow, const struct bpf_mask *mask, const struct pkt_key *key)
{
	const uint64_t *w = (const uint64_t *)key;
	uint64_t diff = 0;

#pragma unroll
	for (int i = 0; i < PKT_KEY_COMPACT / 8; i++)
		diff |= (w[i] & mask->words[i]) ^ flow->key[i];
	if (mask->n_words > PKT_KEY_COMPACT / 8) {
#pragma unroll
		for (int i = PKT_KEY_COMPACT / 8; i < PKT_KEY_WORDS; i++)
			diff |= (w[i] & mask->words[i]) ^ flow->key[i];
	}
	return !diff;
}

static __always_inline struct bpf_flow *live_flow(uint32_t slot, const struct bpf_control *ctl)
{
	struct bpf_flow *flow = bpf_map_lookup_elem(&flows, &slot);

	return flow && flow->id && flow->epoch == ctl->epoch ? flow : NULL;
}

struct search {
	struct scratch *s;
	uint32_t slot; /* + 1 */
};

static long try_mask(uint32_t i, struct search *search)
{
	struct scratch *s = search->s;
	const struct bpf_mask *mask = bpf_map_lookup_elem(&masks, &i);
	const uint64_t *w = (const uint64_t *)&s->key;
	uint32_t *found;

	if (!mask || !mask->n_words)
		return 0;
	s->lookup.mask = i;
#pragma unroll
	for (int k = 0; k < PKT_KEY_COMPACT / 8; k++)
		s->lookup.words[k] = w[k] & mask->words[k];
	if (mask->n_words > PKT_KEY_COMPACT / 8) {
#pragma unroll
		for (int k = PKT_KEY_COMPACT / 8; k < PKT_KEY_WORDS; k++)
			s->lookup.words[k] = w[k] & mask->words[k];
		found = bpf_map_lookup_elem(&large, &s->lookup);
	} else {
		found = bpf_map_lookup_elem(&small, &s->lookup);
	}
	if (!found)
		return 0;
	search->slot = *found + 1;
	return 1;
}

/* Return: slot + 1 of the flow that covers the packet, or 0. */
static __always_inline uint32_t find_flow(struct scratch *s, struct bpf_control *ctl, struct bpf_flow **result)
{
	int is_large = s->key.eth_type == bpf_htons(TYPE_IPV6) || s->key.eth_type == bpf_htons(TYPE_ARP);
	uint32_t tag = hash_key(&s->key, is_large);
	uint32_t at = s->cpu * BPF_CACHE_SLOTS + (tag & (BPF_CACHE_SLOTS - 1));
	struct bpf_cache_entry *entry = bpf_map_lookup_elem(&cache, &at);
	struct search search = {.s = s};
	struct bpf_flow *flow;

	if (entry && entry->tag == tag && entry->slot) {
		flow = live_flow(entry->slot - 1, ctl);
		if (flow) {
			uint32_t id = flow->mask;
			const struct bpf_mask *mask = bpf_map_lookup_elem(&masks, &id);

			if (mask && matches(flow, mask, &s->key)) {
				*result = flow;
				return entry->slot;
			}
		}
	}
	bpf_loop(ctl->n_masks < BPF_N_MASKS ? ctl->n_masks : BPF_N_MASKS, try_mask, &search, 0);
	if (!search.slot)
		return 0;
	flow = live_flow(search.slot - 1, ctl);
	if (!flow)
		return 0;
	if (entry) {
		entry->tag = tag;
		entry->slot = search.slot;
	}
	*result = flow;
	return search.slot;
}

/* ---- the way to the daemon ---- */

static __always_inline int to_daemon(struct __sk_buff *skb, struct bpf_port *in, uint32_t port, uint32_t slot,
				     struct bpf_control *ctl)
{
	struct bpf_upcall_hdr hdr = {
		.port = port,
		.slot = slot,
		.mark = skb->mark,
	};

	if (!ctl->upcall_ifindex || in->upcalls - in->upcalls_done >= ctl->upcall_limit)
		return drop(in, DROP_UPCALL_QUEUE_FULL);
	if (skb->vlan_present) {
		hdr.vlan_tci = skb->vlan_tci;
		hdr.vlan_proto = bpf_ntohs(skb->vlan_proto);
		if (bpf_skb_vlan_pop(skb))
			return drop(in, DROP_NO_MEMORY);
	}
	if (bpf_skb_change_head(skb, sizeof hdr, 0) || bpf_skb_store_bytes(skb, 0, &hdr, sizeof hdr, 0))
		return drop(in, DROP_NO_MEMORY);
	__sync_fetch_and_add(&in->upcalls, 1);
	return bpf_redirect(ctl->upcall_ifindex, 0);
}

/* ---- running a flow ---- */

struct run {
	struct __sk_buff *skb;
	struct bpf_flow *flow;
	struct scratch *s;
	struct bpf_port *in;
	int verdict;
	uint32_t pending; /* port + 1 whose output is still to be done: the last one needs no copy */
};

static __always_inline int can_send(struct __sk_buff *skb, const struct bpf_port *out, struct bpf_port *in)
{
	if (!out || !out->ifindex) {
		drop(in, DROP_NO_PORT);
		return 0;
	}
	if (!skb->gso_size && skb->len > out->mtu + ETH_HDR + 4) {
		drop(in, DROP_TOO_BIG);
		return 0;
	}
	return 1;
}

static __always_inline int send_last(struct __sk_buff *skb, uint32_t port, struct bpf_port *in)
{
	struct bpf_port *out = port_of(port);

	if (!can_send(skb, out, in))
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&out->tx_packets, 1);
	__sync_fetch_and_add(&out->tx_bytes, skb->len);
	return bpf_redirect(out->ifindex, 0);
}

static __always_inline void send_copy(struct __sk_buff *skb, uint32_t port, struct bpf_port *in)
{
	struct bpf_port *out = port_of(port);

	if (!can_send(skb, out, in))
		return;
	__sync_fetch_and_add(&out->tx_packets, 1);
	__sync_fetch_and_add(&out->tx_bytes, skb->len);
	if (bpf_clone_redirect(skb, out->ifindex, 0))
		drop(in, DROP_TX_ERROR);
}

static __always_inline int rewrite(struct run *r, const struct bpf_op *op)
{
	const struct parsed *p = &r->s->p;
	uint32_t ofs = op->off, old = 0, new;
	uint32_t len = op->len;

	if (op->base == BPF_BASE_L3)
		ofs += p->l3_ofs;
	else if (op->base == BPF_BASE_L4) {
		if (!p->l4_ofs)
			return 0;
		ofs += p->l4_ofs;
	}
	if (len == 4) {
		if (bpf_skb_load_bytes(r->skb, ofs, &old, 4))
			return -1;
	} else if (len == 2) {
		if (bpf_skb_load_bytes(r->skb, ofs, &old, 2))
			return -1;
	} else {
		/* One byte: the checksum covers the 16-bit word it lies in. */
		len = 2;
		if (bpf_skb_load_bytes(r->skb, ofs, &old, 2))
			return -1;
	}
	new = (old & ~op->mask) | (op->value & op->mask);
	if (new == old)
		return 0;
	if (op->csum & BPF_CSUM_IP && bpf_l3_csum_replace(r->skb, p->l3_ofs + 10, old, new, len))
		return -1;
	if (op->csum & BPF_CSUM_L4 && p->csum_ofs) {
		uint64_t flags = len | (op->csum & BPF_CSUM_PSEUDO ? BPF_F_PSEUDO_HDR : 0) |
				 (p->l4_proto == 17 ? BPF_F_MARK_MANGLED_0 : 0);

		if (bpf_l4_csum_replace(r->skb, p->csum_ofs, old, new, flags))
			return -1;
	}
	if (len == 4)
		return bpf_skb_store_bytes(r->skb, ofs, &new, 4, 0);
	return bpf_skb_store_bytes(r->skb, ofs, &new, 2, 0);
}

static __always_inline int set_tci(struct run *r, const struct bpf_op *op)
{
	struct __sk_buff *skb = r->skb;
	uint16_t tci, proto;

	/* A tag that lies in the frame is popped into the metadata form and pushed back changed. */
	if (skb->vlan_present) {
		tci = skb->vlan_tci;
		proto = skb->vlan_proto;
	} else {
		be16 tag[2];

		if (bpf_skb_load_bytes(skb, 12, tag, 4))
			return -1;
		proto = tag[0];
		tci = bpf_ntohs(tag[1]);
	}
	tci = (tci & ~op->mask) | (op->value & op->mask);
	if (bpf_skb_vlan_pop(skb))
		return -1;
	return bpf_skb_vlan_push(skb, proto, tci);
}

static long run_op(uint32_t i, struct run *r)
{
	struct __sk_buff *skb = r->skb;
	const struct bpf_op *op;
	int error = 0, l2_delta = 0;

	if (i >= r->flow->n_ops)
		return 1;
	asm volatile("" : "+r"(i)); /* the bound below must be the verifier's, not only the compiler's */
	if (i >= BPF_N_OPS)
		return 1;
	op = &r->flow->ops[i];
	/* Anything behind an output needs the packet once more: the output before gets a copy. */
	if (r->pending) {
		send_copy(skb, r->pending - 1, r->in);
		r->pending = 0;
	}
	switch (op->code) {
	case BPF_OP_OUTPUT:
		r->pending = op->value + 1;
		return 0;
	case BPF_OP_REWRITE:
		error = rewrite(r, op);
		break;
	case BPF_OP_PUSH_VLAN:
		l2_delta = skb->vlan_present ? 4 : 0;
		error = bpf_skb_vlan_push(skb, bpf_htons(op->value >> 16), op->value & 0xffff);
		break;
	case BPF_OP_POP_VLAN:
		l2_delta = skb->vlan_present ? 0 : -4;
		error = bpf_skb_vlan_pop(skb);
		if (!error && !l2_delta && !skb->vlan_present)
			break;
		/* Popping the metadata's tag moves the next one of the frame there. */
		if (!l2_delta)
			l2_delta = -4;
		break;
	case BPF_OP_VLAN_TCI:
		l2_delta = skb->vlan_present ? 0 : -4;
		error = set_tci(r, op);
		break;
	case BPF_OP_MARK:
		skb->mark = (skb->mark & ~op->mask) | (op->value & op->mask);
		break;
	case BPF_OP_PRIORITY:
		skb->priority = op->value;
		break;
	case BPF_OP_DROP:
		r->verdict = drop(r->in, op->value);
		return 1;
	default:
		return 1;
	}
	if (l2_delta) {
		struct parsed *p = &r->s->p;

		p->l3_ofs += l2_delta;
		if (p->l4_ofs)
			p->l4_ofs += l2_delta;
		if (p->csum_ofs)
			p->csum_ofs += l2_delta;
	}
	if (error) {
		r->verdict = drop(r->in, DROP_NO_MEMORY);
		return 1;
	}
	return 0;
}

static __always_inline void account(struct bpf_flow *flow, struct __sk_buff *skb, const struct pkt_key *key)
{
	__sync_fetch_and_add(&flow->n_packets, 1);
	__sync_fetch_and_add(&flow->n_bytes, skb->len + (skb->vlan_present ? 4 : 0));
	flow->used_ns = bpf_ktime_get_coarse_ns();
	if (key->tcp_flags & ~(be16)flow->tcp_flags)
		flow->tcp_flags |= key->tcp_flags;
}

/* The packets of a flow that is not open yet go through the daemon, counted, so that it knows when it has seen the last. */
static __always_inline int gate_is_open(struct bpf_flow *flow)
{
	if (flow->gate & BPF_GATE_OPEN)
		return 1;
	return !!(__sync_fetch_and_add(&flow->gate, 1) & BPF_GATE_OPEN);
}

SEC("tc")
int vsw_port(struct __sk_buff *skb)
{
	uint32_t dev_at = skb->ifindex & (BPF_N_DEVS - 1), slot;
	struct bpf_dev *dev = bpf_map_lookup_elem(&devs, &dev_at);
	struct bpf_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct bpf_flow *flow = NULL;
	struct bpf_port *in;
	int bad;

	if (!dev || !ctl || !s || dev->ifindex != skb->ifindex)
		return TC_ACT_OK;
	in = port_of(dev->port);
	if (!in)
		return TC_ACT_OK;
	__sync_fetch_and_add(&in->rx_packets, 1);
	__sync_fetch_and_add(&in->rx_bytes, skb->len);

	__builtin_memset(&s->key, 0, sizeof s->key);
	__builtin_memset(&s->p, 0, sizeof s->p);
	s->key.in_port = dev->port;
	s->key.pkt_mark = skb->mark;
	s->cpu = bpf_get_smp_processor_id();
	bad = parse(skb, &s->key, &s->p);
	if (bad == DROP_MALFORMED_ETH || bad == DROP_MALFORMED_VLAN)
		return drop(in, bad);

	slot = s->p.too_deep ? 0 : find_flow(s, ctl, &flow);
	if (!slot || !flow) {
		__sync_fetch_and_add(&ctl->misses, 1);
		return to_daemon(skb, in, dev->port, 0, ctl);
	}
	if (!gate_is_open(flow))
		return to_daemon(skb, in, dev->port, slot, ctl);
	account(flow, skb, &s->key);
	if (flow->out)
		return send_last(skb, flow->out - 1, in);
	if (flow->n_ops && flow->ops[0].code == BPF_OP_TO_DAEMON)
		return to_daemon(skb, in, dev->port, slot, ctl);

	struct run r = {.skb = skb, .flow = flow, .s = s, .in = in, .verdict = TC_ACT_SHOT};

	bpf_loop(BPF_N_OPS, run_op, &r, 0);
	if (r.pending)
		return send_last(skb, r.pending - 1, in);
	return r.verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
