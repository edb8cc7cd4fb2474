/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemon: the packet, whole, behind a prefix, into a TAP; and the gate that keeps a new flow in order (vsw/bpf_abi.h). */
#ifndef BPF_UPCALL_H
#define BPF_UPCALL_H 1

#include "maps.bpf.h"

static __always_inline int is_full(struct bpf_port *in, struct bpf_queue *queue, const struct bpf_control *ctl)
{
	return (__s64)(in->upcalls - in->upcalls_done) >= ctl->upcall_limit ||
	       (__s64)(queue->sent - queue->done) >= ctl->queue_limit;
}

/* A daemon that was killed could not say so, but its TAP went with it. */
static __always_inline int nobody_listens(struct __sk_buff *skb, const struct bpf_control *ctl)
{
	uint32_t mtu = 0;

	return !ctl->upcall_ifindex || bpf_check_mtu(skb, ctl->upcall_ifindex, &mtu, 0, 0) == -19 /* ENODEV */;
}

static __always_inline struct bpf_queue *queue_of(const struct scratch *s, struct bpf_control *ctl)
{
	return &ctl->queues[s->key.in_port & (BPF_UPCALL_QUEUES - 1)];
}

/* The packet at hand gets its number. Return: 0, or enum drop_reason: it cannot go up. */
static __always_inline int announce(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in,
				    struct bpf_control *ctl)
{
	if (s->is_announced)
		return 0;
	if (nobody_listens(skb, ctl))
		return DROP_NO_DAEMON;
	if (is_full(in, queue_of(s, ctl), ctl))
		return DROP_UPCALL_QUEUE_FULL;
	s->seq = __sync_fetch_and_add(&in->upcalls, 1);
	s->is_announced = 1;
	return 0;
}

/* It takes another way. */
static __always_inline void withdraw(struct scratch *s, struct bpf_port *in)
{
	if (!s->is_announced)
		return;
	__sync_fetch_and_add(&in->withdrawn, 1);
	s->is_announced = 0;
}

/* Return: TC_ACT_SHOT when it did not go up. */
static __always_inline int to_daemon(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in, uint32_t slot,
				     struct bpf_control *ctl)
{
	struct bpf_upcall_hdr hdr = {
		.magic = ctl->magic,
		.slot = slot,
		.port = s->key.in_port,
		.flags = skb->vlan_present ? BPF_UPCALL_TAGGED : 0,
		.mark = skb->mark,
		.generation = in->generation,
	};
	uint32_t len = sizeof hdr;
	int reason = announce(skb, s, in, ctl);

	if (reason) {
		s->stats.lost++;
		return drop(skb, in, reason);
	}
	if (s->p.tunnel) {
		hdr.flags |= BPF_UPCALL_TUNNEL;
		len += PKT_KEY_TUNNEL_LEN;
	}
	hdr.seq = s->seq;
	if (bpf_skb_change_head(skb, len, 0)) {
		withdraw(s, in);
		return drop(skb, in, DROP_NO_MEMORY);
	}
	s->is_announced = 0;
	__sync_fetch_and_add(&queue_of(s, ctl)->sent, 1);
	if (bpf_skb_store_bytes(skb, 0, &hdr, sizeof hdr, 0) ||
	    (s->p.tunnel && bpf_skb_store_bytes(skb, sizeof hdr, &s->key.tun_id, PKT_KEY_TUNNEL_LEN, 0)))
		return TC_ACT_SHOT; /* cannot be: the bytes were just made */
	return bpf_redirect(ctl->upcall_ifindex, 0);
}

/*
 * A port's rate of new flows (the generic cell rate algorithm, ITU-T I.371). Two CPUs at the same moment may let one packet too
 * many pass.
 */
static __always_inline int may_miss(struct bpf_port *in, const struct bpf_control *ctl)
{
	uint64_t now = bpf_ktime_get_ns(), due = in->miss_due_ns;

	if (due > now + ctl->miss_ahead_ns)
		return 0;
	in->miss_due_ns = (due > now ? due : now) + ctl->miss_ns;
	return 1;
}

/* What no flow covers is announced. Return: 0, or enum drop_reason. */
static __always_inline int miss(struct __sk_buff *skb, struct scratch *s, struct bpf_port *in, struct bpf_control *ctl)
{
	int reason = may_miss(in, ctl) ? announce(skb, s, in, ctl) : DROP_UPCALL_RATE;

	s->stats.misses++;
	if (reason)
		s->stats.lost++;
	return reason;
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
		withdraw(s, in);
		s->stats.lost++;
		verdict = drop(skb, in, DROP_UPCALL_QUEUE_FULL);
	} else {
		verdict = to_daemon(skb, s, in, slot, ctl);
	}
	if (verdict == TC_ACT_SHOT)
		__sync_fetch_and_add(&flow->gate, -1);
	return verdict;
}

#endif
