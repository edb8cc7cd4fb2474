/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw capture`: packets at ports that somebody watches, handed to the daemon by a ring per CPU. Ports that nobody watches pay a comparison.
 *
 * A packet that came in is captured as it came, before its flow has changed it; what became of it is a record of its own, behind it on
 * the same CPU. A packet that goes up to the daemon is captured there. Where every capture has a filter, only what one of them wants is
 * captured. Each CPU may copy so much and spend so much time in a window; what comes beyond that is counted and not captured.
 *
 * The larger functions are global: the verifier looks at those once by themselves, and not again on each way that leads to them.
 */
#ifndef BPF_WATCH_H
#define BPF_WATCH_H 1

/* included by maps.bpf.h, behind the maps */

enum {
	LOOKS_PER_SAMPLE = 16,
	LOOK_NS = 50,	  /* what is around a look and is not timed */
	SAMPLE_NS = 2000, /* what took longer was interrupted */
};

static __always_inline void watch_charge(struct scratch *s, uint64_t ns)
{
	s->watch_ns += ns;
	s->stats.watch_ns += ns;
}

/* Return: whether there is room in this window. */
static __always_inline int watch_may(struct scratch *s, const struct bpf_control *ctl)
{
	uint64_t window = bpf_ktime_get_coarse_ns() >> BPF_WATCH_WINDOW;

	if (s->watch_window != window) {
		s->watch_window = window;
		s->watch_spent = s->watch_ns = 0;
	}
	if (s->watch_spent < ctl->watch_budget && s->watch_ns < ctl->watch_ns)
		return 1;
	s->watch_full = window;
	s->stats.n_unwatched++;
	return 0;
}

/*
 * Return: whether a filter of @mask wants it. What goes out as it came in is looked at once. To read the clock costs as much as to look: one
 * look is timed and stands for some.
 */
static __always_inline int watch_wanted(struct __sk_buff *skb, struct scratch *s, uint32_t mask)
{
	s->look_began = s->n_looks++ % LOOKS_PER_SAMPLE ? 0 : bpf_ktime_get_ns();
	if (s->looked_for != mask) {
		s->looked_for = mask;
		s->is_wanted = filter_wants(skb, s);
	}
	if (s->look_began) {
		uint64_t ns = bpf_ktime_get_ns() - s->look_began;

		watch_charge(s, ((ns < SAMPLE_NS ? ns : SAMPLE_NS) + LOOK_NS) * LOOKS_PER_SAMPLE);
	}
	s->stats.n_unmatched += !s->is_wanted;
	return s->is_wanted;
}

/* @what: filters << 32 | port << 16 | kind << 8 | reason. Return: whether the packet is to be captured. */
__attribute__((noinline)) int watch_look(struct __sk_buff *skb, uint64_t what)
{
	struct bpf_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	uint32_t mask = what >> 32;

	return ctl && s && watch_may(s, ctl) && (!mask || watch_wanted(skb, s, mask));
}

/* Return: 1 when it was captured. */
__attribute__((noinline)) int watch_copy(struct __sk_buff *skb, uint64_t what)
{
	struct bpf_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	uint64_t ns = bpf_ktime_get_ns();
	struct bpf_flow *flow;
	struct bpf_sight *t;
	uint32_t slot, n;
	int error;

	if (!ctl || !s)
		return 0;
	n = skb->len < ctl->watch_len ? skb->len : ctl->watch_len;
	if (n > BPF_WATCH_MAX)
		n = BPF_WATCH_MAX;
	s->watch_spent += BPF_WATCH_COST(n);
	slot = s->slot - 1;
	flow = bpf_map_lookup_elem(&flows, &slot);
	t = &s->sight;
	t->ns = ns;
	t->flow_id = flow ? flow->id : 0;
	t->port = what >> 16 & 0xffff;
	t->in_port = s->key.in_port;
	t->len = skb->len;
	t->gso_size = skb->gso_size;
	t->kind = what >> 8 & 0xff;
	t->reason = what & 0xff;
	t->vlan_proto = skb->vlan_present ? bpf_ntohs(skb->vlan_proto) : 0;
	t->vlan_tci = skb->vlan_present ? skb->vlan_tci : 0;
	error = bpf_perf_event_output(skb, &sights, BPF_F_CURRENT_CPU | (uint64_t)n << 32, t, sizeof *t);
	watch_charge(s, bpf_ktime_get_ns() - ns);
	return !error;
}

/*
 * The two stand side by side, and not one within the other: each takes half of the stack that is left. Where a window's room is used up, a
 * packet costs no more than to see that.
 */
static __always_inline int watch_packet(struct __sk_buff *skb, struct scratch *s, uint64_t what)
{
	if (s->watch_full == bpf_ktime_get_coarse_ns() >> BPF_WATCH_WINDOW) {
		s->stats.n_unwatched++;
		return 0;
	}
	return watch_look(skb, what) && watch_copy(skb, what);
}

__attribute__((noinline)) int watch_fate(struct __sk_buff *skb, uint32_t reason)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	uint64_t ns = bpf_ktime_get_ns();

	if (!s)
		return 0;
	s->is_watched = 0;
	s->sight.kind = BPF_SIGHT_FATE;
	s->sight.reason = reason;
	s->sight.port = s->key.in_port;
	bpf_perf_event_output(skb, &sights, BPF_F_CURRENT_CPU, &s->sight, sizeof s->sight);
	watch_charge(s, bpf_ktime_get_ns() - ns);
	return 0;
}

/* @watch: bpf_port.watch of the port where it is seen */
static __always_inline uint64_t watch_what(uint32_t watch, uint32_t port, uint32_t kind, uint32_t reason)
{
	return (uint64_t)(watch >> 16) << 32 | port << 16 | kind << 8 | reason;
}

/* Before the flow's operations. */
static __always_inline void watch_in(struct __sk_buff *skb, struct scratch *s, const struct bpf_port *in)
{
	if (in->watch & BPF_WATCH_IN)
		s->is_watched = watch_packet(skb, s, watch_what(in->watch, s->key.in_port, BPF_SIGHT_IN, 0));
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
		watch_packet(skb, s, watch_what(what >> 32, s->key.in_port, BPF_SIGHT_DROPPED, reason));
	return 0;
}

static __always_inline void watch_out(struct __sk_buff *skb, struct scratch *s, const struct bpf_port *out,
				      uint32_t port, uint32_t is_edited)
{
	if (!(out->watch & BPF_WATCH_OUT))
		return;
	if (is_edited)
		s->looked_for = 0;
	watch_packet(skb, s, watch_what(out->watch, port, BPF_SIGHT_OUT, 0));
}

#endif
