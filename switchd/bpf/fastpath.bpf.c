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
MAP(small, BPF_MAP_TYPE_HASH, struct bpf_small_key, uint32_t, BPF_N_FLOWS, BPF_F_NO_PREALLOC);
MAP(large, BPF_MAP_TYPE_HASH, struct bpf_large_key, uint32_t, BPF_N_FLOWS, BPF_F_NO_PREALLOC);
MAP(flows, BPF_MAP_TYPE_ARRAY, uint32_t, struct bpf_flow, BPF_N_FLOWS, BPF_F_MMAPABLE);
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
				s->stats.cache_hits++;
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
	s->stats.mask_hits++;
	*result = flow;
	return search.slot;
}

/* ---- the way to the daemon ---- */

static __always_inline int is_full(struct bpf_port *in, struct bpf_queue *queue, const struct bpf_control *ctl)
{
	return (__s64)(in->upcalls - in->upcalls_done) >= ctl->upcall_limit ||
	       (__s64)(queue->sent - queue->done) >= ctl->queue_limit;
}

/* Return: TC_ACT_SHOT when it did not go up. */
static __always_inline int to_daemon(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in, uint32_t slot,
				     struct bpf_control *ctl)
{
	struct bpf_queue *queue = &ctl->queues[s->key.in_port & (BPF_UPCALL_QUEUES - 1)];
	struct bpf_upcall_hdr hdr = {
		.magic = ctl->magic,
		.slot = slot,
		.port = s->key.in_port,
		.flags = skb->vlan_present ? BPF_UPCALL_TAGGED : 0,
		.mark = skb->mark,
		.generation = in->generation,
	};

	if (!ctl->upcall_ifindex || is_full(in, queue, ctl)) {
		s->stats.lost++;
		return drop(in, DROP_UPCALL_QUEUE_FULL);
	}
	if (bpf_skb_change_head(skb, sizeof hdr, 0))
		return drop(in, DROP_NO_MEMORY);
	hdr.seq = __sync_fetch_and_add(&in->upcalls, 1);
	__sync_fetch_and_add(&queue->sent, 1);
	if (bpf_skb_store_bytes(skb, 0, &hdr, sizeof hdr, 0))
		return TC_ACT_SHOT; /* cannot be: the bytes were just made */
	return bpf_redirect(ctl->upcall_ifindex, 0);
}

/* ---- running a flow ---- */

struct run {
	struct __sk_buff *skb;
	struct bpf_flow *flow;
	struct scratch *s;
	struct bpf_port *in;
	uint32_t sent;	  /* copies that a device took */
	uint32_t reason;  /* enum drop_reason: the first thing that went wrong */
	uint32_t pending; /* port + 1 whose output is still to be done: the last one needs no copy */
};

static __always_inline void note_drop(struct run *r, struct bpf_port *out, uint32_t reason)
{
	if (!r->reason)
		r->reason = reason;
	if (out)
		__sync_fetch_and_add(&out->tx_dropped, 1);
}

/* The device's MTU may have been raised since the port was added: what seems too long is asked about. */
static __always_inline int fits(struct __sk_buff *skb, const struct bpf_port *out)
{
	uint32_t mtu = 0;

	return skb->gso_size || skb->len <= out->mtu + ETH_HDR || !bpf_check_mtu(skb, out->ifindex, &mtu, -4, 0);
}

/* Return: the port, when the packet can be sent there. */
static __always_inline struct bpf_port *output_port(struct run *r, uint32_t port)
{
	struct bpf_port *out = port_of(port);

	if (!out || !out->ifindex) {
		note_drop(r, NULL, DROP_NO_PORT);
		return NULL;
	}
	if (!fits(r->skb, out)) {
		note_drop(r, out, DROP_TOO_BIG);
		return NULL;
	}
	return out;
}

static __always_inline void count_sent(struct bpf_port *out, const struct __sk_buff *skb)
{
	__sync_fetch_and_add(&out->tx_packets, 1);
	__sync_fetch_and_add(&out->tx_bytes, skb->len + (skb->vlan_present ? 4 : 0));
}

/* Ends the program: with the packet on its way through @port, or counted as dropped if no copy of it got anywhere. */
static __always_inline int send_last(struct run *r, uint32_t port)
{
	struct bpf_port *out = output_port(r, port);

	if (!out)
		return r->sent ? TC_ACT_SHOT : drop(r->in, r->reason);
	count_sent(out, r->skb);
	return bpf_redirect(out->ifindex, 0);
}

static __always_inline void send_copy(struct run *r, uint32_t port)
{
	struct bpf_port *out = output_port(r, port);

	if (!out)
		return;
	if (bpf_clone_redirect(r->skb, out->ifindex, 0)) {
		note_drop(r, out, DROP_TX_ERROR);
		return;
	}
	count_sent(out, r->skb);
	r->sent++;
}

/* Where @op counts from; negative when the packet has no such header. */
static __always_inline int base_of(const struct parsed *p, const struct bpf_op *op)
{
	switch (op->base) {
	case BPF_BASE_ETH:
		return 0;
	case BPF_BASE_IPV4:
	case BPF_BASE_IPV6:
	case BPF_BASE_ARP:
		return p->l3 == op->base ? p->l3_ofs : -1;
	case BPF_BASE_PORTS:
		return p->l4_proto == 6 || p->l4_proto == 17 ? p->l4_ofs : -1;
	case BPF_BASE_ICMP:
		return p->l4_proto == (p->l3 == BPF_BASE_IPV6 ? 58 : 1) ? p->l4_ofs : -1;
	}
	return -1;
}

/* Checksums go by the difference, as the kernel's helpers do it: those left to the hardware are right afterwards, too. */
static __always_inline int fix_csums(struct run *r, const struct bpf_op *op, uint32_t old, uint32_t new, uint32_t len)
{
	const struct parsed *p = &r->s->p;

	if (op->csum & BPF_CSUM_IP && bpf_l3_csum_replace(r->skb, p->l3_ofs + 10, old, new, len))
		return -1;
	if (op->csum & BPF_CSUM_L4 && p->csum_ofs) {
		uint64_t flags = len | (op->csum & BPF_CSUM_PSEUDO ? BPF_F_PSEUDO_HDR : 0) |
				 (p->l4_proto == 17 ? BPF_F_MARK_MANGLED_0 : 0);

		/* ICMP of IPv4 has no pseudo header. */
		if (op->csum & BPF_CSUM_PSEUDO && p->l4_proto == 1)
			return 0;
		return bpf_l4_csum_replace(r->skb, p->csum_ofs, old, new, flags);
	}
	return 0;
}

static __always_inline int rewrite(struct run *r, const struct bpf_op *op)
{
	int base = base_of(&r->s->p, op);
	uint32_t ofs = base + op->off, old = 0, new;

	if (base < 0)
		return 0;
	if (op->len == 4) {
		if (bpf_skb_load_bytes(r->skb, ofs, &old, 4))
			return -1;
		new = (old & ~op->mask) | (op->value & op->mask);
		if (new == old)
			return 0;
		return fix_csums(r, op, old, new, 4) ? -1 : bpf_skb_store_bytes(r->skb, ofs, &new, 4, 0);
	}
	if (bpf_skb_load_bytes(r->skb, ofs, &old, 2))
		return -1;
	new = (old & ~op->mask) | (op->value & op->mask);
	if (new == old)
		return 0;
	return fix_csums(r, op, old, new, 2) ? -1 : bpf_skb_store_bytes(r->skb, ofs, &new, 2, 0);
}

/*
 * The outermost tag goes; the kernel then moves the next one from the frame into the metadata. *@delta: by how much the headers behind
 * move.
 */
static __always_inline int pop_vlan(struct __sk_buff *skb, int *delta)
{
	int in_frame = !skb->vlan_present, error;

	if (in_frame && !is_vlan(bpf_ntohs(skb->protocol)))
		return 0;
	error = bpf_skb_vlan_pop(skb);
	*delta = (in_frame ? -4 : 0) - (skb->vlan_present ? 4 : 0);
	return error;
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
		send_copy(r, r->pending - 1);
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
		error = pop_vlan(skb, &l2_delta);
		break;
	case BPF_OP_MARK:
		skb->mark = (skb->mark & ~op->mask) | (op->value & op->mask);
		break;
	case BPF_OP_PRIORITY:
		skb->priority = op->value;
		break;
	case BPF_OP_DROP:
		note_drop(r, NULL, op->value);
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
		note_drop(r, NULL, DROP_NO_MEMORY);
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

/* Return: whether the flow's packets may take the short way. If not, this one is counted in the gate. */
static __always_inline int gate_is_open(struct bpf_flow *flow)
{
	if (flow->gate & BPF_GATE_OPEN)
		return 1;
	return !!(__sync_fetch_and_add(&flow->gate, 1) & BPF_GATE_OPEN);
}

/* Up, or dropped, and then not counted in the gate any more. */
static __always_inline int through_gate(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in,
					struct bpf_flow *flow, uint32_t slot, struct bpf_control *ctl)
{
	int verdict;

	if (flow->gate & BPF_GATE_DRAIN) {
		s->stats.lost++;
		verdict = drop(in, DROP_UPCALL_QUEUE_FULL);
	} else {
		verdict = to_daemon(skb, s, in, slot, ctl);
	}
	if (verdict == TC_ACT_SHOT)
		__sync_fetch_and_add(&flow->gate, -1);
	return verdict;
}

static __always_inline int run_flow(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in,
				    struct bpf_flow *flow)
{
	struct run r = {.skb = skb, .flow = flow, .s = s, .in = in};

	if (flow->out)
		return send_last(&r, flow->out - 1);
	bpf_loop(BPF_N_OPS, run_op, &r, 0);
	if (r.pending)
		return send_last(&r, r.pending - 1);
	return r.sent ? TC_ACT_SHOT : drop(in, r.reason ? r.reason : DROP_RULE_DROP);
}

static __always_inline struct bpf_dev *find_dev(uint32_t ifindex)
{
#pragma clang loop unroll(full)
	for (uint32_t i = 0; i < BPF_DEV_PROBES; i++) {
		uint32_t at = (ifindex + i) & (BPF_N_DEVS - 1);
		struct bpf_dev *dev = bpf_map_lookup_elem(&devs, &at);

		if (dev && dev->ifindex == ifindex)
			return dev;
	}
	return NULL;
}

SEC("tc")
int vsw_port(struct __sk_buff *skb)
{
	struct bpf_dev *dev = find_dev(skb->ifindex);
	struct bpf_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct bpf_flow *flow = NULL;
	struct bpf_port *in;
	uint32_t slot;
	int bad;

	if (!dev || !ctl || !s)
		return TC_ACT_SHOT; /* a device that is being added or taken away: nothing reaches the host's stack */
	in = port_of(dev->port);
	if (!in)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&in->rx_packets, 1);
	__sync_fetch_and_add(&in->rx_bytes, skb->len + (skb->vlan_present ? 4 : 0));

	__builtin_memset(&s->key, 0, sizeof s->key);
	__builtin_memset(&s->p, 0, sizeof s->p);
	s->key.in_port = dev->port;
	s->key.pkt_mark = skb->mark;
	s->cpu = bpf_get_smp_processor_id();
	bad = parse(skb, &s->key, &s->p);
	if (bad == DROP_MALFORMED_ETH)
		return drop(in, bad);

	slot = s->p.too_deep ? 0 : find_flow(s, ctl, &flow);
	if (!slot || !flow) {
		s->stats.misses++;
		return to_daemon(skb, s, in, 0, ctl);
	}
	if (flow->ops[0].code == BPF_OP_TO_DAEMON)
		return to_daemon(skb, s, in, 0, ctl);
	if (!gate_is_open(flow))
		return through_gate(skb, s, in, flow, slot, ctl);
	account(flow, skb, &s->key);
	return run_flow(skb, s, in, flow);
}

/* Which queue of the TAP: that of the port. Sees the frame with its prefix. */
SEC("socket")
int vsw_steer(struct __sk_buff *skb)
{
	uint16_t port = 0;

	bpf_skb_load_bytes(skb, offsetof(struct bpf_upcall_hdr, port), &port, sizeof port);
	return port & (BPF_UPCALL_QUEUES - 1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
