/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subtable of the classifier: all rules of one mask. Private to lib/flow/classifier.c and its neighbours.
 *
 * The words of struct flow_key that the mask touches are kept in the order of the stages below. A lookup hashes them in that
 * order; after each stage but the last it asks the stage's set of partial hashes whether any rule agrees so far. Where none does, the
 * answer is known without the later words, and the megaflow mask stays free of them.
 */
#ifndef FLOW_CLS_SUBTABLE_H
#define FLOW_CLS_SUBTABLE_H 1

#include "flow/classifier.h"
#include "flow/cls_hash.h"
#include "flow/prefix_trie.h"

#include "base/hmap.h"

/** In the order of looking: what is nearly always in a megaflow anyway comes first. */
enum cls_stage { CLS_STAGE_METADATA, CLS_STAGE_L2, CLS_STAGE_L3, CLS_STAGE_L4, CLS_N_STAGES };

/** Fields with a prefix trie, shared by all subtables of a classifier. */
enum cls_trie_id {
	CLS_TRIE_NW_SRC,
	CLS_TRIE_NW_DST,
	CLS_TRIE_IPV6_SRC,
	CLS_TRIE_IPV6_DST,
	CLS_TRIE_TP_SRC,
	CLS_TRIE_TP_DST,
	CLS_N_TRIES
};

/** What one lookup knows of each trie; filled in when first needed. */
struct cls_trie_view {
	const struct prefix_trie *tries;
	uint8_t known;		     /* bit of each trie already looked up */
	uint8_t marked[CLS_N_TRIES]; /* first bits of its field that are in the mask already */
	struct trie_result result[CLS_N_TRIES];
};

struct cls_subtable {
	/* What a lookup reads, in this order. */
	uint8_t n_words;
	uint8_t tries;			 /* bit of each trie whose plen below is not 0 */
	uint8_t stage_end[CLS_N_STAGES]; /* words before it belong to this stage or an earlier one */
	uint8_t trie_plen[CLS_N_TRIES];	 /* leading bits of the field that the mask has; 0: trie not used */
	uint8_t nw_proto_mask;
	be16 eth_type_mask;
	struct cls_set partial[CLS_N_STAGES - 1]; /* used where a later stage has words */
	struct cls_map rules;
	uint8_t word[FLOW_KEY_WORDS];  /* indexes into struct flow_key */
	uint64_t mask[FLOW_KEY_WORDS]; /* of these words */

	/* The writer's. */
	struct hmap_node node; /* classifier.subtables, by hash of the mask */
	struct cls_subtable *next_dying;
	struct rcu_head rcu;
	uint64_t seq; /* age, orders equal priorities */
	size_t n_rules;
	size_t n_removed; /* since max_priority was last computed from scratch */
	size_t n_max;	  /* rules of max_priority; 0: max_priority is only an upper bound */
	uint16_t max_priority;
};

/** cls_mask_hash() - to find the subtable of a mask. */
uint32_t cls_mask_hash(const struct flow_key *mask);
struct cls_subtable *cls_subtable_new(const struct flow_key *mask);
/** cls_subtable_free() - after a grace period; it must be empty. */
void cls_subtable_free(struct cls_subtable *st);
bool cls_subtable_has_mask(const struct cls_subtable *st, const struct flow_key *mask);
/** cls_subtable_mask() - expand its mask. */
void cls_subtable_mask(const struct cls_subtable *st, struct flow_key *mask);
size_t cls_subtable_memory(const struct cls_subtable *st);

/** cls_subtable_key() - masked words of @key in the subtable's order. Return: their hash. */
uint32_t cls_subtable_key(const struct cls_subtable *st, const struct flow_key *key, uint64_t *values);
/** cls_subtable_link() - @rule has key and hash set. */
void cls_subtable_link(struct cls_subtable *st, struct cls_rule *rule);
void cls_subtable_unlink(struct cls_subtable *st, struct cls_rule *rule);
/** cls_subtable_find() - head of the list with exactly these masked words. */
struct cls_rule *cls_subtable_find(const struct cls_subtable *st, const uint64_t *values, uint32_t hash);
/** cls_subtable_settle() - make max_priority exact again where that is cheap. Return: whether it changed. */
bool cls_subtable_settle(struct cls_subtable *st);

/**
 * cls_subtable_lookup() - the best rule here for @key
 * @view: tries of the classifier; used only with @wc
 * @wc: NULL, or where to add the bits that the answer depends on
 */
struct cls_rule *cls_subtable_lookup(const struct cls_subtable *st, struct cls_trie_view *view, uint64_t version,
				     const struct flow_key *key, struct flow_key *wc);

/** cls_trie_field() - place of a trie's field in struct flow_key. */
struct cls_trie_field {
	uint8_t ofs, n_bytes, stage;
};
extern const struct cls_trie_field cls_trie_fields[CLS_N_TRIES];

/** cls_rule_next() - behind @rule in its list, or NULL. */
static inline struct cls_rule *cls_rule_next(const struct cls_rule *rule)
{
	return __atomic_load_n(&rule->next, __ATOMIC_ACQUIRE);
}

static inline bool cls_rule_visible(const struct cls_rule *rule, uint64_t version)
{
	return rule->add_version <= version && version < __atomic_load_n(&rule->remove_version, __ATOMIC_RELAXED);
}

static inline uint64_t cls_key_word(const struct flow_key *key, unsigned int i)
{
	return ((const uint64_t *)(const void *)key)[i];
}

#endif
