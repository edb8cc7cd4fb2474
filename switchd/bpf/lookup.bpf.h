/* SPDX-License-Identifier: Apache-2.0 */
/* Which flow covers the packet: a per-CPU cache of exact answers, then one hash lookup per mask. */
#ifndef BPF_LOOKUP_H
#define BPF_LOOKUP_H 1

#include "maps.bpf.h"
#include "quick.bpf.h"

/* Odd numbers without pattern; of the second part, words 8 to 15 and 18 are hashed: what differs between packets. */
static const uint64_t hash_factors[] = {
	0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull, 0xd6e8feb86659fd93ull,
	0xa0761d6478bd642full, 0xe7037ed1a0b428dbull, 0x8ebc6af09c88c6e3ull, 0x589965cc75374cc3ull,
	0x1d8e4e27c47d124full, 0xeb44accab455d165ull, 0x2545f4914f6cdd1dull, 0xc2b2ae3d27d4eb4full,
	0x165667b19e3779f9ull, 0x27d4eb2f165667c5ull, 0xff51afd7ed558ccdull, 0xc4ceb9fe1a85ec53ull,
};

/*
 * A sum of products, which the CPU computes side by side, then mixed: a word's upper bits reach the product's upper bits only. Without the
 * TCP flags: a connection has one entry. (Where rules look at them, packets of different flags take it from each other.)
 */
static __always_inline uint32_t hash_key(const struct pkt_key *key, int large)
{
	const uint64_t *w = (const uint64_t *)key;
	uint64_t h = (uint32_t)w[WORD_TP] * hash_factors[WORD_TP];

#pragma unroll
	for (int i = 0; i < PKT_KEY_COMPACT / 8; i++)
		if (i != WORD_TP)
			h += w[i] * hash_factors[i];
	if (large) {
#pragma unroll
		for (int i = PKT_KEY_COMPACT / 8; i < 16; i++)
			h += (w[i] ^ h >> 32) * hash_factors[i];
	}
	h = (h ^ h >> 32) * hash_factors[0];
	return h >> 32;
}

/* The key and the IPv4 addresses; those of IPv6 differ in their ends. */
static __always_inline uint32_t hash_tunnel(const struct pkt_key *key)
{
	const uint64_t *w = (const uint64_t *)&key->tun_id;
	uint64_t h = 0;

#pragma unroll
	for (int i = 0; i < 6; i++)
		h += (w[i] ^ h >> 32) * hash_factors[i];
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
	if (flow->n_words > PKT_KEY_COMPACT / 8) {
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

/* The entry of @bucket with that @tag, or NULL. */
static __always_inline struct bpf_cache_entry *find_entry(struct bpf_cache_bucket *bucket, uint32_t tag)
{
	struct bpf_cache_entry *found = NULL;

#pragma unroll
	for (int i = 0; i < BPF_CACHE_WAYS; i++)
		if (bucket->entries[i].tag == tag)
			found = &bucket->entries[i];
	return found && found->slot ? found : NULL;
}

/* A flow that is found by its tag is the packet's when its masked key says so, too. */
static __always_inline struct bpf_flow *verify(const struct bpf_cache_entry *entry, const struct scratch *s,
					       const struct bpf_control *ctl)
{
	struct bpf_flow *flow = live_flow(entry->slot - 1, ctl);
	const struct bpf_mask *mask;
	uint32_t id;

	if (!flow)
		return NULL;
	id = flow->mask;
	mask = bpf_map_lookup_elem(&masks, &id);
	return mask && matches(flow, entry->slot - 1, mask, &s->key) ? flow : NULL;
}

static __always_inline void remember(struct bpf_cache_bucket *bucket, struct bpf_cache_entry *entry, struct scratch *s,
				     uint32_t tag, uint32_t slot)
{
	if (!entry)
		entry = &bucket->entries[s->n_replaced++ & (BPF_CACHE_WAYS - 1)];
	entry->tag = tag;
	entry->slot = slot;
}

/* By the masks alone. Return: slot + 1 of the flow that covers the packet, or 0. */
static __always_inline uint32_t search_flow(struct scratch *s, const struct bpf_control *ctl, struct bpf_flow **result)
{
	struct search search = {.s = s};

	bpf_loop(ctl->n_masks < BPF_N_MASKS ? ctl->n_masks : BPF_N_MASKS, try_mask, &search, 0);
	if (!search.slot)
		return 0;
	*result = live_flow(search.slot - 1, ctl);
	return *result ? search.slot : 0;
}

/* Return: slot + 1 of the flow that covers the packet, or 0. */
static __always_inline uint32_t find_flow(struct scratch *s, struct bpf_control *ctl, struct bpf_flow **result)
{
	int is_large = s->key.eth_type == bpf_htons(TYPE_IPV6) || s->key.eth_type == bpf_htons(TYPE_ARP) || s->p.tunnel;
	uint32_t tag = hash_key(&s->key, is_large) ^ (s->p.tunnel ? hash_tunnel(&s->key) : 0);
	uint32_t at = s->cpu * BPF_CACHE_BUCKETS + (tag & (BPF_CACHE_BUCKETS - 1));
	struct bpf_cache_bucket *bucket = bpf_map_lookup_elem(&cache, &at);
	struct bpf_cache_entry *entry = bucket ? find_entry(bucket, tag) : NULL;
	struct bpf_flow *flow;
	uint32_t slot;

	if (entry) {
		flow = verify(entry, s, ctl);
		if (flow) {
			s->stats.cache_hits++;
			*result = flow;
			return entry->slot;
		}
	}
	slot = search_flow(s, ctl, result);
	if (!slot)
		return 0;
	if (bucket)
		remember(bucket, entry, s, tag, slot);
	s->stats.mask_hits++;
	return slot;
}

#endif
