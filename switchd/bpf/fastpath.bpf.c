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
 *
 *   maps.bpf.h     what is shared with the daemon, and the scratch
 *   quick.bpf.h    bytes -> key, for most packets
 *   parse.bpf.h    bytes -> key, for all
 *   lookup.bpf.h   key -> flow
 *   actions.bpf.h  the flow's operations on the packet
 *   meter.bpf.h    token buckets
 *   tunnel.bpf.h   metadata of tunnels
 *   watch.bpf.h    packets that somebody captures
 *   filter.bpf.h   which of them somebody wants
 *   upcall.bpf.h   the way to the daemon, and the gate
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/pkt_cls.h>

#include "actions.bpf.h"
#include "lookup.bpf.h"
#include "quick.bpf.h"
#include "upcall.bpf.h"

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
	uint64_t act;
	int bad, verdict;

	if (!dev || !ctl || !s)
		return TC_ACT_SHOT; /* a device that is being added or taken away: nothing reaches the host's stack */
	in = port_of(dev->port);
	if (!in)
		return TC_ACT_SHOT;
	s->cpu = bpf_get_smp_processor_id();
	count_received(s, dev->port, skb);
	bad = parse_packet(skb, s, in, dev->port);
	if (bad == DROP_MALFORMED_ETH)
		return drop(skb, in, bad);

	s->is_announced = 0;
	if (in->is_late)
		return to_daemon(skb, s, in, 0, ctl);
	slot = s->p.too_deep ? 0 : find_flow(s, ctl, &flow);
	s->slot = slot;
	s->looked_for = 0;
	if (!slot) {
		bad = miss(skb, s, in, ctl);
		if (bad)
			return drop(skb, in, bad);
		slot = s->p.too_deep ? 0 : search_flow(s, ctl, &flow); /* see "Announcements" in vsw/bpf_abi.h */
		s->slot = slot;
	}
	if (!slot || !flow)
		return to_daemon(skb, s, in, 0, ctl);
	act = *(volatile uint64_t *)&flow->act; /* once: it may change meanwhile */
	if (BPF_ACT_N(act) == BPF_ACT_DAEMON)
		return to_daemon(skb, s, in, 0, ctl);
	if (!gate_is_open(flow))
		return through_gate(skb, s, in, flow, slot, ctl);
	withdraw(s, in);
	account(flow, skb, s);
	if (in->watch)
		watch_in(skb, s, in);
	verdict = run_flow(skb, s, in, act);
	if (in->watch)
		watch_end(skb, s);
	return verdict;
}

/*
 * On the way into a tunnel device. What comes from the program above knows where it is to go; of what the daemon sends, the mark is
 * the number of a place in `tunnels` that says it. Nobody else has anything to send there.
 */
SEC("tc")
int vsw_tunnel(struct __sk_buff *skb)
{
	struct bpf_tunnel_key there;
	uint32_t slot = skb->mark;
	const struct bpf_tunnel *t;

	/* -EPROTO: there is one, of the other family. */
	if (bpf_skb_get_tunnel_key(skb, &there, sizeof there, 0) != -22 /* EINVAL */)
		return TC_ACT_OK;
	t = bpf_map_lookup_elem(&tunnels, &slot);
	if (!t || t->op.code != BPF_OP_TUNNEL ||
	    set_tunnel(skb, t->op.value, t->op.mask, (const struct bpf_op *)&t->remote,
		       (const struct bpf_op *)&t->local))
		return TC_ACT_SHOT;
	skb->mark = t->mark;
	return TC_ACT_OK;
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
