/* SPDX-License-Identifier: Apache-2.0 */
/* Meters: the token buckets of vsw/dp_meter.h, charged with what a packet will be on the wire. */
#ifndef BPF_METER_H
#define BPF_METER_H 1

#include "maps.bpf.h"

#include "vsw/dp_meter.h"

/* Bytes of headers that each segment of a GSO packet repeats. */
static __always_inline uint32_t headers_of(struct __sk_buff *skb, const struct parsed *p)
{
	uint8_t data_ofs = 0;

	if (!p->l4_ofs)
		return 0;
	if (p->l4_proto != 6)
		return p->l4_ofs + 8;
	bpf_skb_load_bytes(skb, p->l4_ofs + 12, &data_ofs, sizeof data_ofs);
	return p->l4_ofs + (data_ofs >> 4) * 4;
}

/*
 * A global function, so that the verifier looks at it once and not again for each state in which it is called: its loops would make
 * 300,000 instructions of 12,000.
 *
 * Return: enum drop_reason; 0 when the packet passes.
 */
__attribute__((noinline)) int charge_meter(struct __sk_buff *skb, uint32_t id)
{
	struct dp_meter_slot *slot = bpf_map_lookup_elem(&meters, &id);
	const struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct dp_meter_load load;
	uint32_t tag = skb->vlan_present ? 4 : 0, gso_size = skb->gso_size;

	if (!slot || !s || !slot->n_bands)
		return 0;
	load = dp_meter_wire(skb->len + tag, gso_size ? headers_of(skb, &s->p) + tag : 0, gso_size);
	return dp_meter_charge(slot, bpf_ktime_get_ns(), &load) ? slot->reason : 0;
}

#endif
