/* SPDX-License-Identifier: Apache-2.0 */
/* Running a flow: its operations are data that a bpf_loop() interprets; one output alone takes a short cut. */
#ifndef BPF_ACTIONS_H
#define BPF_ACTIONS_H 1

#include <linux/if_packet.h>

#include "meter.bpf.h"
#include "quick.bpf.h"
#include "tunnel.bpf.h"

/* The coarse clock moves with the ticks: asked once in each. */
static __always_inline uint64_t now_ns(struct scratch *s)
{
	uint64_t jiffies = bpf_jiffies64();

	if (s->jiffies != jiffies) {
		s->jiffies = jiffies;
		s->now_ns = bpf_ktime_get_coarse_ns();
	}
	return s->now_ns;
}

static __always_inline void account(struct bpf_flow *flow, struct __sk_buff *skb, struct scratch *s)
{
	__sync_fetch_and_add(&flow->n_packets, 1);
	__sync_fetch_and_add(&flow->n_bytes, wire_len(skb));
	flow->used_ns = now_ns(s);
	if (s->key.tcp_flags & ~flow->tcp_flags)
		flow->tcp_flags |= s->key.tcp_flags;
}

struct run {
	struct __sk_buff *skb;
	uint32_t first, n; /* in ops */
	struct scratch *s;
	struct bpf_port *in;
	uint32_t sent;	  /* copies that a device took */
	uint32_t reason;  /* enum drop_reason: the first thing that went wrong */
	uint32_t pending; /* port + 1 whose output is still to be done: the last one needs no copy */
	uint32_t edited;  /* the packet is not what came in any more */
	uint32_t blocked; /* enum drop_reason: the tunnel set last does not take the packet */
	uint32_t skip;	  /* operations that are none, but data of the one before */
};

static __always_inline int drop_run(struct run *r, uint32_t reason)
{
	return drop_flags(r->skb, r->in, reason, r->edited ? BPF_LAST_REWRITTEN : 0);
}

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
	if (out->is_down) {
		note_drop(r, out, DROP_PORT_DOWN);
		return NULL;
	}
	if (out->is_tunnel && r->blocked) {
		note_drop(r, out, r->blocked);
		return NULL;
	}
	if (!fits(r->skb, out)) {
		note_drop(r, out, DROP_TOO_BIG);
		return NULL;
	}
	return out;
}

static __always_inline void count_sent(struct run *r, uint32_t port)
{
	struct bpf_traffic *t = traffic_of(r->s, port);

	if (t) {
		t->tx_packets++;
		t->tx_bytes += wire_len(r->skb);
	}
}

/* What a device checks that forwards to its other end. */
static __always_inline int fits_far_end(const struct __sk_buff *skb, const struct bpf_port *out)
{
	return skb->gso_size || skb->len <= out->direct_mtu + ETH_HDR + VLAN_TAG;
}

/* Onto the other end of a veth: what its driver does to a packet underway that Linux 6.1 leaves to us. */
static __always_inline int send_direct(struct run *r, uint32_t port, const struct bpf_port *out)
{
	struct bpf_traffic *t = traffic_of(r->s, port);

	if (t) {
		t->direct_packets++;
		t->direct_bytes += wire_len(r->skb);
	}
	r->skb->mark = 0;
	r->skb->priority = 0;
	bpf_skb_change_type(r->skb, PACKET_HOST);
	return bpf_redirect_peer(out->ifindex, 0);
}

/* The destination address of the frame as it is now, as a word. */
static __always_inline uint64_t dst_mac(struct __sk_buff *skb)
{
	uint64_t mac = 0;

	bpf_skb_load_bytes(skb, 0, &mac, 6);
	return mac;
}

/* Ends the program: with the packet on its way through @port, or counted as dropped if no copy of it got anywhere. @mac: to whom. */
static __always_inline int send_last(struct run *r, uint32_t port, uint64_t mac)
{
	struct bpf_port *out = output_port(r, port);

	if (!out)
		return r->sent ? TC_ACT_SHOT : drop_run(r, r->reason);
	watch_out(r->skb, r->s, out, port, r->edited);
	count_sent(r, port);
	if (mac && mac == out->direct_mac && fits_far_end(r->skb, out))
		return send_direct(r, port, out);
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
	watch_out(r->skb, r->s, out, port, r->edited);
	count_sent(r, port);
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

/* Of the longest frame that this packet becomes: a GSO packet's headers and one segment. */
static __always_inline uint32_t frame_len(struct __sk_buff *skb, const struct parsed *p)
{
	uint32_t tag = skb->vlan_present ? VLAN_TAG : 0;
	uint8_t doff = 0x50;

	if (!skb->gso_size)
		return skb->len + tag;
	if (p->l4_proto != 6)
		return p->l4_ofs + 8 + skb->gso_size + tag;
	bpf_skb_load_bytes(skb, p->l4_ofs + 12, &doff, 1);
	return p->l4_ofs + (doff >> 4) * 4 + skb->gso_size + tag;
}

/* Return: 0, or why the tunnel's other end is out of reach for this packet. */
static __always_inline uint32_t judge_path(struct run *r, const struct bpf_op *op)
{
	uint32_t at = op->off - 1, mtu;
	const struct bpf_path *path = op->off ? bpf_map_lookup_elem(&paths, &at) : NULL;

	if (!path)
		return 0;
	mtu = path->mtu;
	if (!mtu)
		return DROP_NO_ROUTE;
	return op->mask & BPF_TUNNEL_DF && frame_len(r->skb, &r->s->p) + op->room > mtu ? DROP_TOO_BIG : 0;
}

/* The addresses are in the two operations behind. */
static __always_inline int run_tunnel(struct run *r, const struct bpf_op *op, uint32_t at)
{
	const struct bpf_op *remote, *local;

	at++;
	remote = bpf_map_lookup_elem(&ops, &at);
	at++;
	local = bpf_map_lookup_elem(&ops, &at);
	return remote && local ? set_tunnel(r->skb, op->value, op->mask, remote, local) : -1;
}

/*
 * The port by which what is sent to a bond leaves. The packet is told by what it was when it came in. (A global function: the verifier
 * looks at it once.)
 */
__attribute__((noinline)) uint32_t choose_member(struct __sk_buff *skb, uint32_t arg)
{
	uint32_t id = dp_lb_output_bond(arg), bucket;
	struct dp_bond_slot *slot = bpf_map_lookup_elem(&bonds, &id);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!slot || !s || !slot->in_use)
		return DP_BOND_NO_PORT;
	bucket = dp_lb_output_bucket(slot, arg, &s->key);
	__sync_fetch_and_add(&slot->bytes[bucket], wire_len(skb));
	return slot->ports[bucket];
}

static long run_op(uint32_t i, struct run *r)
{
	struct __sk_buff *skb = r->skb;
	uint32_t at = r->first + i;
	const struct bpf_op *op;
	int error = 0, l2_delta = 0, reason;

	if (i >= r->n)
		return 1;
	if (r->skip) {
		r->skip--;
		return 0;
	}
	op = bpf_map_lookup_elem(&ops, &at);
	if (!op)
		return 1;
	/* Anything behind an output needs the packet once more: the output before gets a copy. */
	if (r->pending) {
		send_copy(r, r->pending - 1);
		r->pending = 0;
	}
	r->edited |= op->code >= BPF_OP_REWRITE && op->code <= BPF_OP_POP_VLAN;
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
	case BPF_OP_TUNNEL:
		r->skip = 2;
		r->blocked = judge_path(r, op);
		error = run_tunnel(r, op, at);
		break;
	case BPF_OP_LB_OUTPUT:
		at = choose_member(skb, op->value);
		if (at == DP_BOND_NO_PORT)
			note_drop(r, NULL, DROP_BOND_NO_MEMBER);
		else
			r->pending = at + 1;
		return 0;
	case BPF_OP_DROP:
		note_drop(r, NULL, op->value);
		return 1;
	case BPF_OP_METER:
		reason = charge_meter(skb, op->value);
		if (reason)
			note_drop(r, NULL, reason);
		return !!reason;
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

/* @act: of the flow, not BPF_ACT_DAEMON. */
static __always_inline uint64_t key_mac(const struct pkt_key *key)
{
	return ((const uint64_t *)key)[WORD_ETH] &
	       0xffffffffffffull; /* the frame's first six bytes, on a little-endian machine */
}

static __always_inline int run_flow(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in, uint64_t act)
{
	/*
	 * 0, which the verifier of 6.1 must not know: it follows the body of a bpf_loop() once, and takes what only a later round
	 * does for dead code.
	 */
	uint32_t none = *(volatile uint32_t *)&s->none;
	struct run r = {
		.skb = skb,
		.first = BPF_ACT_REST(act),
		.n = BPF_ACT_N(act),
		.s = s,
		.in = in,
		.sent = none,
		.reason = none,
		.pending = none,
		.edited = none,
		.blocked = none,
		.skip = none,
	};

	if (!r.n)
		return r.first ? send_last(&r, r.first - 1, key_mac(&s->key)) : drop_run(&r, DROP_RULE_DROP);
	bpf_loop(BPF_N_OPS, run_op, &r, 0);
	if (r.pending)
		return send_last(&r, r.pending - 1, dst_mac(skb));
	return r.sent ? TC_ACT_SHOT : drop_run(&r, r.reason ? r.reason : DROP_RULE_DROP);
}

#endif
