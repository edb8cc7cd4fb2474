/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subtables: the rules of one mask, looked up in stages; see cls_subtable.h.
 *
 * Soundness of the megaflow mask: each way out of cls_subtable_lookup() adds the bits that its answer was computed from.
 *   a trie rules the subtable out    -> the first bits of that one field (and, for whoever reads the megaflow, its prerequisites)
 *   a stage's set knows no such hash -> words up to and including that stage
 *   otherwise                        -> the whole mask
 * Any key that agrees on those bits takes the same way.
 */
#include "flow/cls_subtable.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define WORD(FIELD) (offsetof(struct flow_key, FIELD) / 8)
#define WORD_BIT(FIELD) (1ull << WORD(FIELD))

_Static_assert(WORD(p.eth_type) == 3 && WORD(p.nw_src) == 4 && WORD(p.tp_src) == 6, "words belong to one stage each");

#define WORDS_L2 (WORD_BIT(p.eth_dst) | WORD_BIT(p.eth_src[2]) | WORD_BIT(p.eth_type))
#define WORDS_L3 \
	(WORD_BIT(p.nw_src) | WORD_BIT(p.nw_proto) | WORD_BIT(p.ipv6_src) | WORD_BIT(p.ipv6_src[8]) | \
	 WORD_BIT(p.ipv6_dst) | WORD_BIT(p.ipv6_dst[8]) | WORD_BIT(p.ipv6_label) | WORD_BIT(p.arp_tha[2]) | \
	 WORD_BIT(p.nd_target) | WORD_BIT(p.nd_target[8]))
#define WORDS_L4 WORD_BIT(p.tp_src)

static const uint64_t stage_words[CLS_N_STAGES] = {
	[CLS_STAGE_METADATA] = ~(WORDS_L2 | WORDS_L3 | WORDS_L4),
	[CLS_STAGE_L2] = WORDS_L2,
	[CLS_STAGE_L3] = WORDS_L3,
	[CLS_STAGE_L4] = WORDS_L4,
};

#define TRIE_FIELD(FIELD, STAGE) \
	{ \
		offsetof(struct flow_key, FIELD), sizeof(((struct flow_key *)0)->FIELD), STAGE \
	}

const struct cls_trie_field cls_trie_fields[CLS_N_TRIES] = {
	[CLS_TRIE_NW_SRC] = TRIE_FIELD(p.nw_src, CLS_STAGE_L3),
	[CLS_TRIE_NW_DST] = TRIE_FIELD(p.nw_dst, CLS_STAGE_L3),
	[CLS_TRIE_IPV6_SRC] = TRIE_FIELD(p.ipv6_src, CLS_STAGE_L3),
	[CLS_TRIE_IPV6_DST] = TRIE_FIELD(p.ipv6_dst, CLS_STAGE_L3),
	[CLS_TRIE_TP_SRC] = TRIE_FIELD(p.tp_src, CLS_STAGE_L4),
	[CLS_TRIE_TP_DST] = TRIE_FIELD(p.tp_dst, CLS_STAGE_L4),
};

static const uint8_t stage_tries[CLS_N_STAGES] = {
	[CLS_STAGE_L3] = 1 << CLS_TRIE_NW_SRC | 1 << CLS_TRIE_NW_DST | 1 << CLS_TRIE_IPV6_SRC | 1 << CLS_TRIE_IPV6_DST,
	[CLS_STAGE_L4] = 1 << CLS_TRIE_TP_SRC | 1 << CLS_TRIE_TP_DST,
};

static inline uint64_t hash_add(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static inline uint32_t hash_fold(uint64_t hash)
{
	hash *= 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(hash >> 32);
}

uint32_t cls_mask_hash(const struct flow_key *mask)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < FLOW_KEY_WORDS; i++)
		if (cls_key_word(mask, i))
			hash = hash_add(hash, cls_key_word(mask, i) + i);
	return hash_fold(hash);
}

/* Number of leading 1-bits of big-endian bytes. */
static unsigned int leading_ones(const uint8_t *bytes, unsigned int n_bytes)
{
	unsigned int n = 0;

	while (n < n_bytes * 8 && bytes[n / 8] & (0x80 >> n % 8))
		n++;
	return n;
}

struct cls_subtable *cls_subtable_new(const struct flow_key *mask)
{
	struct cls_subtable *st = xzalloc(sizeof *st);

	for (unsigned int s = 0; s < CLS_N_STAGES; s++) {
		for (unsigned int i = 0; i < FLOW_KEY_WORDS; i++) {
			if (!(stage_words[s] >> i & 1) || !cls_key_word(mask, i))
				continue;
			st->word[st->n_words] = (uint8_t)i;
			st->mask[st->n_words++] = cls_key_word(mask, i);
		}
		st->stage_end[s] = st->n_words;
	}
	st->eth_type_mask = mask->p.eth_type;
	st->nw_proto_mask = mask->p.nw_proto;
	for (unsigned int t = 0; t < CLS_N_TRIES; t++) {
		const struct cls_trie_field *f = &cls_trie_fields[t];

		st->trie_plen[t] = (uint8_t)leading_ones((const uint8_t *)mask + f->ofs, f->n_bytes);
		st->tries |= (uint8_t)(st->trie_plen[t] ? 1 << t : 0);
	}
	return st;
}

void cls_subtable_free(struct cls_subtable *st)
{
	cls_map_fini(&st->rules);
	for (unsigned int s = 0; s < ARRAY_SIZE(st->partial); s++)
		cls_set_fini(&st->partial[s]);
	free(st);
}

bool cls_subtable_has_mask(const struct cls_subtable *st, const struct flow_key *mask)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FLOW_KEY_WORDS; i++)
		n += cls_key_word(mask, i) != 0;
	if (n != st->n_words)
		return false;
	for (unsigned int i = 0; i < st->n_words; i++)
		if (st->mask[i] != cls_key_word(mask, st->word[i]))
			return false;
	return true;
}

void cls_subtable_mask(const struct cls_subtable *st, struct flow_key *mask)
{
	memset(mask, 0, sizeof *mask);
	for (unsigned int i = 0; i < st->n_words; i++)
		((uint64_t *)(void *)mask)[st->word[i]] = st->mask[i];
}

size_t cls_subtable_memory(const struct cls_subtable *st)
{
	size_t n = sizeof *st + cls_map_memory(&st->rules);

	for (unsigned int s = 0; s < ARRAY_SIZE(st->partial); s++)
		n += cls_set_memory(&st->partial[s]);
	return n;
}

/* Whether the set of partial hashes after stage @s decides anything: words were added by the stage, and more follow. */
static inline bool stage_has_set(const struct cls_subtable *st, unsigned int s)
{
	return st->stage_end[s] > (s ? st->stage_end[s - 1] : 0) && st->stage_end[s] < st->n_words;
}

uint32_t cls_subtable_key(const struct cls_subtable *st, const struct flow_key *key, uint64_t *values)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < st->n_words; i++) {
		values[i] = cls_key_word(key, st->word[i]) & st->mask[i];
		hash = hash_add(hash, values[i]);
	}
	return hash_fold(hash);
}

static void partial_update(struct cls_subtable *st, const struct cls_rule *rule,
			   void (*update)(struct cls_set *set, uint32_t hash))
{
	uint64_t hash = 0;
	unsigned int i = 0;

	for (unsigned int s = 0; s < ARRAY_SIZE(st->partial); s++) {
		for (; i < st->stage_end[s]; i++)
			hash = hash_add(hash, rule->key[i]);
		if (stage_has_set(st, s))
			update(&st->partial[s], hash_fold(hash));
	}
}

static inline bool key_equal(const struct cls_subtable *st, const uint64_t *a, const uint64_t *b)
{
	uint64_t diff = 0;

	for (unsigned int i = 0; i < st->n_words; i++)
		diff |= a[i] ^ b[i];
	return !diff;
}

struct cls_rule *cls_subtable_find(const struct cls_subtable *st, const uint64_t *values, uint32_t hash)
{
	struct cls_cursor cursor;
	struct cls_rule *rule;

	for (rule = cls_map_first(&st->rules, hash, &cursor); rule; rule = cls_map_next(&cursor))
		if (key_equal(st, rule->key, values))
			return rule;
	return NULL;
}

static void count_priority(struct cls_subtable *st, uint16_t priority)
{
	if (!st->n_rules || priority > st->max_priority) {
		st->max_priority = priority;
		st->n_max = 0;
	}
	st->n_max += priority == st->max_priority;
	st->n_rules++;
}

void cls_subtable_link(struct cls_subtable *st, struct cls_rule *rule)
{
	struct cls_rule *head = cls_subtable_find(st, rule->key, rule->hash), **link = &head;

	/* A later rule of equal priority goes first: it is the one that a newer version shows. */
	while (*link && (*link)->priority > rule->priority)
		link = &(*link)->next;
	rule->next = *link;
	if (!head)
		partial_update(st, rule, cls_set_add);
	if (!head)
		cls_map_insert(&st->rules, rule, rule->hash);
	else if (link == &head)
		cls_map_replace(&st->rules, head, rule, rule->hash);
	else
		__atomic_store_n(link, rule, __ATOMIC_RELEASE);
	count_priority(st, rule->priority);
}

void cls_subtable_unlink(struct cls_subtable *st, struct cls_rule *rule)
{
	struct cls_rule *head = cls_subtable_find(st, rule->key, rule->hash), **link = &head;

	while (*link != rule)
		link = &(*link)->next;
	if (link == &head)
		cls_map_replace(&st->rules, rule, rule->next, rule->hash);
	else
		__atomic_store_n(link, rule->next, __ATOMIC_RELEASE);
	if (head == rule && !rule->next)
		partial_update(st, rule, cls_set_del);
	st->n_rules--;
	st->n_removed++;
	if (rule->priority == st->max_priority && st->n_max)
		st->n_max--;
}

bool cls_subtable_settle(struct cls_subtable *st)
{
	uint16_t old = st->max_priority;
	struct cls_rule *rule;
	size_t pos = 0;

	/* Scanning is paid for by removals, except in a small subtable. */
	if (st->n_max || !st->n_rules || (st->n_rules > 256 && st->n_removed < st->n_rules / 4))
		return false;
	st->max_priority = 0;
	st->n_removed = 0;
	while ((rule = cls_map_each(&st->rules, &pos))) {
		for (; rule; rule = cls_rule_next(rule)) {
			if (rule->priority > st->max_priority) {
				st->max_priority = rule->priority;
				st->n_max = 0;
			}
			st->n_max += rule->priority == st->max_priority;
		}
	}
	return st->max_priority != old;
}

/* Add the mask of the first @n words to @wc. */
static void mark_words(const struct cls_subtable *st, unsigned int n, struct flow_key *wc)
{
	for (unsigned int i = 0; i < n; i++)
		((uint64_t *)(void *)wc)[st->word[i]] |= st->mask[i];
}

static void mark_prefix(unsigned int trie, unsigned int n_bits, struct flow_key *wc)
{
	uint8_t *bytes = (uint8_t *)wc + cls_trie_fields[trie].ofs;

	memset(bytes, 0xff, n_bits / 8);
	if (n_bits % 8)
		bytes[n_bits / 8] |= (uint8_t)(0xff00 >> n_bits % 8);
}

static const struct trie_result *view_get(struct cls_trie_view *view, unsigned int trie, const struct flow_key *key)
{
	const struct cls_trie_field *f = &cls_trie_fields[trie];
	struct trie_key bits;

	if (!(view->known >> trie & 1)) {
		trie_key_init(&bits, (const uint8_t *)key + f->ofs, f->n_bytes);
		trie_lookup(&view->tries[trie], &bits, f->n_bytes * 8, &view->result[trie]);
		view->known |= (uint8_t)(1 << trie);
	}
	return &view->result[trie];
}

/* The first @n_bits of a trie's field, and, as a megaflow that tells of an address tells of its protocol too, what has it. */
static void mark_proof(const struct cls_subtable *st, unsigned int trie, unsigned int n_bits,
		       struct cls_trie_view *view, struct flow_key *wc)
{
	wc->p.eth_type |= st->eth_type_mask;
	if (cls_trie_fields[trie].stage == CLS_STAGE_L4)
		wc->p.nw_proto |= st->nw_proto_mask;
	if (n_bits > view->marked[trie]) {
		mark_prefix(trie, n_bits, wc);
		view->marked[trie] = (uint8_t)n_bits;
	}
}

/*
 * Whether a trie of stage @s proves that no rule here matches. The proof that adds the fewest bits to the mask is marked; it
 * stands on its own, whatever the earlier stages said.
 */
static bool tries_rule_out(const struct cls_subtable *st, unsigned int s, struct cls_trie_view *view,
			   const struct flow_key *key, struct flow_key *wc)
{
	unsigned int best = CLS_N_TRIES, best_bits = 0, best_cost = UINT32_MAX;

	for (unsigned int left = st->tries & stage_tries[s]; left; left &= left - 1) {
		unsigned int t = (unsigned int)__builtin_ctz(left), plen = st->trie_plen[t], bits, cost;
		const struct trie_result *result = view_get(view, t, key);

		if (trie_result_has(result, plen))
			continue;
		bits = MIN(result->n_bits, plen);
		cost = bits > view->marked[t] ? bits - view->marked[t] : 0;
		if (cost < best_cost) {
			best = t;
			best_bits = bits;
			best_cost = cost;
		}
	}
	if (best == CLS_N_TRIES)
		return false;
	mark_proof(st, best, best_bits, view, wc);
	return true;
}

static struct cls_rule *first_visible(struct cls_rule *rule, uint64_t version)
{
	while (rule && !cls_rule_visible(rule, version))
		rule = cls_rule_next(rule);
	return rule;
}

/* Stage by stage, so that a miss marks as little as possible. */
static struct cls_rule *lookup_staged(const struct cls_subtable *st, struct cls_trie_view *view, uint64_t version,
				      const struct flow_key *key, struct flow_key *wc)
{
	uint64_t values[FLOW_KEY_WORDS], hash = 0;
	unsigned int i = 0;

	for (unsigned int s = 0; s < CLS_N_STAGES; s++) {
		if (tries_rule_out(st, s, view, key, wc))
			return NULL;
		for (; i < st->stage_end[s]; i++) {
			values[i] = cls_key_word(key, st->word[i]) & st->mask[i];
			hash = hash_add(hash, values[i]);
		}
		if (s + 1 < CLS_N_STAGES && stage_has_set(st, s) && !cls_set_has(&st->partial[s], hash_fold(hash))) {
			mark_words(st, i, wc);
			return NULL;
		}
	}
	mark_words(st, i, wc);
	return first_visible(cls_subtable_find(st, values, hash_fold(hash)), version);
}

static struct cls_rule *lookup_whole(const struct cls_subtable *st, uint64_t version, const struct flow_key *key)
{
	uint64_t values[FLOW_KEY_WORDS];
	uint32_t hash = cls_subtable_key(st, key, values);

	return first_visible(cls_subtable_find(st, values, hash), version);
}

struct cls_rule *cls_subtable_lookup(const struct cls_subtable *st, struct cls_trie_view *view, uint64_t version,
				     const struct flow_key *key, struct flow_key *wc)
{
	struct cls_rule *rule;

	if (!wc)
		return lookup_whole(st, version, key);
	/* Walking a trie costs many times what a probe does, and a match has to mark the whole mask anyway. */
	if (st->tries & ~view->known) {
		rule = lookup_whole(st, version, key);
		if (rule) {
			mark_words(st, st->n_words, wc);
			return rule;
		}
	}
	return lookup_staged(st, view, version, key, wc);
}
