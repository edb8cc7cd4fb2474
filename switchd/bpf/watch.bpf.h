/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw capture`: packets at ports that somebody watches, handed to the daemon by a ring per CPU. Ports that nobody watches pay a comparison.
 *
 * A packet that came in is captured as it came, before its flow has changed it; what became of it is a record of its own, behind it on
 * the same CPU. A packet that goes up to the daemon is captured there. Each CPU may spend so much per window of time; what comes beyond that
 * is counted and not captured.
 *
 * The larger functions are global: the verifier looks at those once by themselves, and not again on each way that leads to them.
 */
#ifndef BPF_WATCH_H
#define BPF_WATCH_H 1

/* included by maps.bpf.h, behind the maps */

/* Return: whether another packet may be captured in this window. */
static __always_inline int watch_may(struct scratch *s, const struct bpf_control *ctl, uint64_t ns, uint32_t n_bytes)
{
	uint64_t window = ns >> BPF_WATCH_WINDOW;

	if (s->watch_window != window) {
		s->watch_window = window;
		s->watch_spent = 0;
	}
	if (s->watch_spent >= ctl->watch_budget) {
		s->stats.n_unwatched++;
		return 0;
	}
	s->watch_spent += BPF_WATCH_COST(n_bytes);
	return 1;
}

/* @what: port << 16 | kind << 8 | reason. Return: 1 when it was captured. */
__attribute__((noinline)) int watch_packet(struct __sk_buff *skb, uint64_t what)
{
	struct bpf_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct bpf_flow *flow;
	struct bpf_sight *t;
	uint64_t ns = bpf_ktime_get_ns();
	uint32_t slot, n;

	if (!ctl || !s)
		return 0;
	n = skb->len < ctl->watch_len ? skb->len : ctl->watch_len;
	if (n > BPF_WATCH_MAX)
		n = BPF_WATCH_MAX;
	if (!watch_may(s, ctl, ns, n))
		return 0;
	slot = s->slot - 1;
	flow = bpf_map_lookup_elem(&flows, &slot);
	t = &s->sight;
	t->ns = ns;
	t->flow_id = flow ? flow->id : 0;
	t->port = what >> 16;
	t->in_port = s->key.in_port;
	t->len = skb->len;
	t->gso_size = skb->gso_size;
	t->kind = what >> 8 & 0xff;
	t->reason = what & 0xff;
	t->vlan_proto = skb->vlan_present ? bpf_ntohs(skb->vlan_proto) : 0;
	t->vlan_tci = skb->vlan_present ? skb->vlan_tci : 0;
	return !bpf_perf_event_output(skb, &sights, BPF_F_CURRENT_CPU | (uint64_t)n << 32, t, sizeof *t);
}

__attribute__((noinline)) int watch_fate(struct __sk_buff *skb, uint32_t reason)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s)
		return 0;
	s->is_watched = 0;
	s->sight.kind = BPF_SIGHT_FATE;
	s->sight.reason = reason;
	s->sight.port = s->key.in_port;
	bpf_perf_event_output(skb, &sights, BPF_F_CURRENT_CPU, &s->sight, sizeof s->sight);
	return 0;
}

static __always_inline uint64_t watch_what(uint32_t port, uint32_t kind, uint32_t reason)
{
	return (uint64_t)port << 16 | kind << 8 | reason;
}

/* Before the flow's operations. */
static __always_inline void watch_in(struct __sk_buff *skb, struct scratch *s, const struct bpf_port *in)
{
	if (in->watch & BPF_WATCH_IN)
		s->is_watched = watch_packet(skb, watch_what(s->key.in_port, BPF_SIGHT_IN, 0));
}

/* Behind them, when nothing was said about a drop. */
static __always_inline void watch_end(struct __sk_buff *skb, struct scratch *s)
{
	if (s->is_watched)
		watch_fate(skb, 0);
}

/* @what: bpf_port.watch << 32 | reason. */
__attribute__((noinline)) int watch_drop(struct __sk_buff *skb, uint64_t what)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	uint32_t reason = what;

	if (!s)
		return 0;
	if (s->is_watched)
		watch_fate(skb, reason);
	else if (what >> 32 & (BPF_WATCH_IN | BPF_WATCH_DROPS))
		watch_packet(skb, watch_what(s->key.in_port, BPF_SIGHT_DROPPED, reason));
	return 0;
}

static __always_inline void watch_out(struct __sk_buff *skb, const struct bpf_port *out, uint32_t port)
{
	if (out->watch & BPF_WATCH_OUT)
		watch_packet(skb, watch_what(port, BPF_SIGHT_OUT, 0));
}

#endif
