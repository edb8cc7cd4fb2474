/* SPDX-License-Identifier: Apache-2.0 */
/* Which flow covers the packet: a per-CPU cache of exact answers, then one hash lookup per mask. */
#ifndef BPF_LOOKUP_H
#define BPF_LOOKUP_H 1

#include "maps.bpf.h"

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

static __always_inline int matches(const struct bpf_flow *flow, uint32_t slot, const struct bpf_mask *mask,
				   const struct pkt_key *key)
{
	const uint64_t *w = (const uint64_t *)key;
	uint64_t diff = 0;

#pragma unroll
	for (int i = 0; i < PKT_KEY_COMPACT / 8; i++)
		diff |= (w[i] & mask->words[i]) ^ flow->key[i];
	if (mask->n_words > PKT_KEY_COMPACT / 8) {
		const struct bpf_tail *tail = bpf_map_lookup_elem(&tails, &slot);

		if (!tail)
			return 0;
#pragma unroll
		for (int i = PKT_KEY_COMPACT / 8; i < PKT_KEY_WORDS; i++)
			diff |= (w[i] & mask->words[i]) ^ tail->key[i - PKT_KEY_COMPACT / 8];
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

			if (mask && matches(flow, entry->slot - 1, mask, &s->key)) {
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

#endif
