/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuple-space search over subtables; see classifier.h.
 *
 * Readers see one thing of the classifier: an array of subtables by falling maximum priority, replaced as a whole. The writer finds
 * subtables by mask in a map of its own, and only notes that the array is out of date; classifier_publish() makes the
 * next one, once per transaction. Until then readers use the old array, which is right for every version they may look in: a new
 * subtable, or a higher maximum, is there for rules that they must not see yet.
 */
#include "flow/classifier.h"

#include <stdlib.h>
#include <string.h>

#include <urcu.h>

#include "base/hmap.h"
#include "base/util.h"
#include "flow/cls_subtable.h"

struct cls_order {
	struct rcu_head rcu;
	size_t n;
	struct {
		struct cls_subtable *subtable;
		uint16_t max_priority;
	} e[];
};

struct classifier {
	struct cls_order *order; /* RCU */
	struct hmap subtables;
	struct cls_subtable *dying; /* empty, but still in `order` */
	bool order_is_old;
	bool unsettled; /* some subtable's max_priority may be too high */
	uint64_t next_seq;
	size_t n_rules;
	struct trie_pool pool;
	struct prefix_trie tries[CLS_N_TRIES];
};

struct classifier *classifier_new(void)
{
	struct classifier *cls = xzalloc(sizeof *cls);

	hmap_init(&cls->subtables);
	trie_pool_init(&cls->pool);
	return cls;
}

void classifier_free(struct classifier *cls)
{
	if (!cls)
		return;
	classifier_publish(cls);
	free(cls->order);
	hmap_fini(&cls->subtables);
	trie_pool_fini(&cls->pool);
	free(cls);
}

size_t classifier_count(const struct classifier *cls)
{
	return cls->n_rules;
}

static size_t order_size(size_t n)
{
	return sizeof(struct cls_order) + n * sizeof(((struct cls_order *)0)->e[0]);
}

size_t classifier_memory(const struct classifier *cls)
{
	size_t n = sizeof *cls + trie_pool_memory(&cls->pool) + (cls->subtables.mask + 1) * sizeof(void *);
	const struct cls_subtable *st;

	HMAP_FOR_EACH(st, node, &cls->subtables)
		n += cls_subtable_memory(st);
	return n + (cls->order ? order_size(cls->order->n) : 0);
}

static void order_free(struct rcu_head *head)
{
	free(container_of(head, struct cls_order, rcu));
}

static void subtable_free(struct rcu_head *head)
{
	cls_subtable_free(container_of(head, struct cls_subtable, rcu));
}

static int compare_subtables(const void *a_, const void *b_)
{
	const struct cls_subtable *a = *(struct cls_subtable *const *)a_, *b = *(struct cls_subtable *const *)b_;

	if (a->max_priority != b->max_priority)
		return a->max_priority > b->max_priority ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static struct cls_order *order_new(const struct classifier *cls)
{
	size_t n = hmap_count(&cls->subtables), i = 0;
	struct cls_subtable **sorted = xcalloc(n + 1, sizeof(struct cls_subtable *)), *st;
	struct cls_order *order = xmalloc(order_size(n));

	HMAP_FOR_EACH(st, node, &cls->subtables)
		sorted[i++] = st;
	qsort(sorted, n, sizeof(struct cls_subtable *), compare_subtables);
	order->n = n;
	for (i = 0; i < n; i++) {
		order->e[i].subtable = sorted[i];
		order->e[i].max_priority = sorted[i]->max_priority;
	}
	free(sorted);
	return order;
}

static void settle_priorities(struct classifier *cls)
{
	struct cls_subtable *st;

	HMAP_FOR_EACH(st, node, &cls->subtables)
		if (cls_subtable_settle(st))
			cls->order_is_old = true;
	cls->unsettled = false;
}

void classifier_publish(struct classifier *cls)
{
	struct cls_order *old = cls->order;

	if (cls->unsettled)
		settle_priorities(cls);
	if (!cls->order_is_old)
		return;
	__atomic_store_n(&cls->order, order_new(cls), __ATOMIC_RELEASE);
	cls->order_is_old = false;
	if (old)
		call_rcu(&old->rcu, order_free);
	while (cls->dying) {
		struct cls_subtable *next = cls->dying->next_dying;

		call_rcu(&cls->dying->rcu, subtable_free);
		cls->dying = next;
	}
}

static struct cls_subtable *subtable_find(const struct classifier *cls, const struct flow_key *mask, uint32_t hash)
{
	struct cls_subtable *st;

	HMAP_FOR_EACH_WITH_HASH(st, node, hash, &cls->subtables)
		if (cls_subtable_has_mask(st, mask))
			return st;
	return NULL;
}

static struct cls_subtable *subtable_get(struct classifier *cls, const struct flow_key *mask)
{
	uint32_t hash = cls_mask_hash(mask);
	struct cls_subtable *st = subtable_find(cls, mask, hash);

	if (!st) {
		st = cls_subtable_new(mask);
		st->seq = cls->next_seq++;
		hmap_insert(&cls->subtables, &st->node, hash);
	}
	return st;
}

static void tries_update(struct classifier *cls, const struct cls_rule *rule,
			 void (*update)(struct prefix_trie *trie, struct trie_pool *pool, const struct trie_key *key,
					unsigned int plen))
{
	const struct cls_subtable *st = rule->subtable;
	struct match match;
	bool expanded = false;

	for (unsigned int t = 0; t < CLS_N_TRIES; t++) {
		const struct cls_trie_field *f = &cls_trie_fields[t];
		struct trie_key key;

		if (!st->trie_plen[t])
			continue;
		if (!expanded)
			cls_rule_match(rule, &match);
		expanded = true;
		trie_key_init(&key, (const uint8_t *)&match.key + f->ofs, f->n_bytes);
		update(&cls->tries[t], &cls->pool, &key, st->trie_plen[t]);
	}
}

size_t classifier_key_words(const struct match *match)
{
	size_t n = 0;

	for (unsigned int i = 0; i < FLOW_KEY_WORDS; i++)
		n += cls_key_word(&match->mask, i) != 0;
	return n;
}

void classifier_insert(struct classifier *cls, struct cls_rule *rule, const struct match *match, uint16_t priority,
		       uint64_t version)
{
	struct cls_subtable *st = subtable_get(cls, &match->mask);
	size_t n_before = st->n_rules;
	uint16_t max_before = st->max_priority;

	rule->subtable = st;
	rule->hash = cls_subtable_key(st, &match->key, rule->key);
	rule->priority = priority;
	rule->add_version = version;
	rule->remove_version = CLS_VERSION_MAX;
	tries_update(cls, rule, trie_insert);
	cls_subtable_link(st, rule);
	cls->n_rules++;
	if (!n_before || st->max_priority != max_before)
		cls->order_is_old = true;
}

void classifier_hide(struct cls_rule *rule, uint64_t version)
{
	__atomic_store_n(&rule->remove_version, version, __ATOMIC_RELAXED);
}

void classifier_unhide(struct cls_rule *rule)
{
	classifier_hide(rule, CLS_VERSION_MAX);
}

void classifier_remove(struct classifier *cls, struct cls_rule *rule)
{
	struct cls_subtable *st = rule->subtable;

	cls_subtable_unlink(st, rule);
	tries_update(cls, rule, trie_remove);
	cls->n_rules--;
	if (!st->n_rules) {
		hmap_remove(&cls->subtables, &st->node);
		st->next_dying = cls->dying;
		cls->dying = st;
		cls->order_is_old = true;
	} else if (!st->n_max) {
		cls->unsettled = true;
	}
}

void cls_rule_match(const struct cls_rule *rule, struct match *match)
{
	const struct cls_subtable *st = rule->subtable;

	cls_subtable_mask(st, &match->mask);
	memset(&match->key, 0, sizeof match->key);
	for (unsigned int i = 0; i < st->n_words; i++)
		((uint64_t *)(void *)&match->key)[st->word[i]] = rule->key[i];
}

struct cls_rule *classifier_lookup(const struct classifier *cls, uint64_t version, const struct flow_key *key,
				   struct flow_key *wc)
{
	const struct cls_order *order = __atomic_load_n(&cls->order, __ATOMIC_ACQUIRE);
	struct cls_trie_view view;
	struct cls_rule *best = NULL;

	view.tries = cls->tries;
	view.known = 0;
	memset(view.marked, 0, sizeof view.marked);
	for (size_t i = 0; order && i < order->n; i++) {
		struct cls_rule *rule;

		if (best && order->e[i].max_priority <= best->priority)
			break;
		rule = cls_subtable_lookup(order->e[i].subtable, &view, version, key, wc);
		if (rule && (!best || rule->priority > best->priority))
			best = rule;
	}
	return best;
}

static struct cls_rule *visible_of_priority(struct cls_rule *rule, uint16_t priority, uint64_t version)
{
	while (rule && rule->priority >= priority) {
		if (rule->priority == priority && cls_rule_visible(rule, version))
			return rule;
		rule = cls_rule_next(rule);
	}
	return NULL;
}

struct cls_rule *classifier_find(const struct classifier *cls, const struct match *match, uint16_t priority,
				 uint64_t version)
{
	const struct cls_subtable *st = subtable_find(cls, &match->mask, cls_mask_hash(&match->mask));
	uint64_t values[FLOW_KEY_WORDS];
	uint32_t hash;

	if (!st)
		return NULL;
	hash = cls_subtable_key(st, &match->key, values);
	return visible_of_priority(cls_subtable_find(st, values, hash), priority, version);
}

/* A match seen in the words of one subtable. */
struct view_of_match {
	uint64_t key[FLOW_KEY_WORDS], mask[FLOW_KEY_WORDS];
	bool wider;  /* the match looks at bits that the subtable's mask lacks */
	bool covers; /* the match's mask has every bit of the subtable's */
};

static void view_match(const struct cls_subtable *st, const struct match *match, struct view_of_match *view)
{
	struct flow_key st_mask;

	cls_subtable_mask(st, &st_mask);
	view->wider = false;
	view->covers = true;
	for (unsigned int i = 0; i < FLOW_KEY_WORDS; i++) {
		view->wider |= (cls_key_word(&match->mask, i) & ~cls_key_word(&st_mask, i)) != 0;
		view->covers &= !(cls_key_word(&st_mask, i) & ~cls_key_word(&match->mask, i));
	}
	for (unsigned int i = 0; i < st->n_words; i++) {
		view->mask[i] = cls_key_word(&match->mask, st->word[i]) & st->mask[i];
		view->key[i] = cls_key_word(&match->key, st->word[i]) & st->mask[i];
	}
}

static bool view_agrees(const struct cls_subtable *st, const struct view_of_match *view, const struct cls_rule *rule)
{
	uint64_t diff = 0;

	for (unsigned int i = 0; i < st->n_words; i++)
		diff |= (rule->key[i] ^ view->key[i]) & view->mask[i];
	return !diff;
}

/* Overlap of a match with one subtable; @same: the subtable's mask is the match's, so that an equal key is the same rule. */
static struct cls_rule *subtable_overlap(const struct cls_subtable *st, const struct match *match, uint16_t priority,
					 uint64_t version)
{
	struct view_of_match view;
	struct cls_rule *head, *rule;
	uint64_t values[FLOW_KEY_WORDS];
	size_t pos = 0;

	view_match(st, match, &view);
	if (view.covers && !view.wider)
		return NULL;
	if (view.covers) {
		uint32_t hash = cls_subtable_key(st, &match->key, values);

		return visible_of_priority(cls_subtable_find(st, values, hash), priority, version);
	}
	while ((head = cls_map_each(&st->rules, &pos))) {
		if (!view_agrees(st, &view, head))
			continue;
		rule = visible_of_priority(head, priority, version);
		if (rule)
			return rule;
	}
	return NULL;
}

struct cls_rule *classifier_overlap(const struct classifier *cls, const struct match *match, uint16_t priority,
				    uint64_t version)
{
	const struct cls_subtable *st;

	HMAP_FOR_EACH(st, node, &cls->subtables) {
		struct cls_rule *rule = NULL;

		if (st->max_priority >= priority)
			rule = subtable_overlap(st, match, priority, version);
		if (rule)
			return rule;
	}
	return NULL;
}

static int list_each(struct cls_rule *rule, uint64_t version, int (*cb)(void *aux, struct cls_rule *rule), void *aux)
{
	int ret = 0;

	while (rule && !ret) {
		struct cls_rule *next = cls_rule_next(rule);

		if (cls_rule_visible(rule, version))
			ret = cb(aux, rule);
		rule = next;
	}
	return ret;
}

static int subtable_each(const struct cls_subtable *st, const struct match *match, uint64_t version,
			 int (*cb)(void *aux, struct cls_rule *rule), void *aux)
{
	struct view_of_match view;
	struct cls_rule *head;
	size_t pos = 0;
	int ret = 0;

	view_match(st, match, &view);
	if (view.wider)
		return 0;
	if (view.covers) {
		uint64_t values[FLOW_KEY_WORDS];
		uint32_t hash = cls_subtable_key(st, &match->key, values);

		return list_each(cls_subtable_find(st, values, hash), version, cb, aux);
	}
	while (!ret && (head = cls_map_each(&st->rules, &pos)))
		if (view_agrees(st, &view, head))
			ret = list_each(head, version, cb, aux);
	return ret;
}

int classifier_each(const struct classifier *cls, const struct match *match, uint64_t version,
		    int (*cb)(void *aux, struct cls_rule *rule), void *aux)
{
	const struct cls_subtable *st;
	int ret = 0;

	HMAP_FOR_EACH(st, node, &cls->subtables) {
		ret = subtable_each(st, match, version, cb, aux);
		if (ret)
			break;
	}
	return ret;
}
