/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classifier of one OpenFlow table: which rule of highest priority matches a key, and which bits had to be looked at to say so.
 *
 * Tuple-space search: rules with equal masks share a subtable (a hash table of masked keys); a lookup visits subtables by falling
 * maximum priority and stops when none can beat what it found. Refinements that keep both the number of visits and the
 * megaflow mask small: staged lookup (metadata, L2, L3, L4: a miss in an early stage leaves the later fields unlooked-at), prefix tries on
 * nw_src, nw_dst, ipv6_src, ipv6_dst and ports, and priority order.
 *
 * Threads and versions. One writer at a time (the caller's lock); readers run under rcu_read_lock() and never wait. A rule is
 * visible in versions add_version <= v < remove_version, so that a bundle of any size becomes visible at one instant. The
 * writer's order of work:
 *
 *   1. classifier_insert() and classifier_hide(), both with a version that no reader uses yet; now the change can still be taken
 *      back with classifier_remove() and classifier_unhide();
 *   2. classifier_publish(), then make the new version known to readers (a release store on the owner's side);
 *   3. after a grace period nobody looks in the old version: classifier_remove() what was hidden;
 *   4. after another one nobody stands on these rules: free them.
 *
 * The parts: cls_subtable.h (one mask), cls_hash.h (its tables), prefix_trie.h (addresses and ports), cls_near.c (near misses).
 */
#ifndef FLOW_CLASSIFIER_H
#define FLOW_CLASSIFIER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/match.h"

struct cls_subtable;

#define CLS_VERSION_MAX UINT64_MAX

/** Embedded by its owner as the last member; freed no sooner than a grace period after classifier_remove(). */
struct cls_rule {
	struct cls_rule *next;	       /**< RCU: same masked key, falling priority */
	struct cls_subtable *subtable; /**< where it is; its mask is the rule's mask */
	uint64_t add_version;
	uint64_t remove_version; /**< atomic: CLS_VERSION_MAX while alive */
	uint32_t hash;
	uint16_t priority;
	uint64_t key[]; /**< the match's words under that mask: right here, where a lookup reads it */
};

struct classifier;

struct classifier *classifier_new(void);
/** classifier_free() - must be empty and without readers; may wait for a grace period. NULL is fine. */
void classifier_free(struct classifier *cls);
size_t classifier_count(const struct classifier *cls);
/** classifier_memory() - bytes used by subtables, tries and indexes; rules and their keys are their owner's. */
size_t classifier_memory(const struct classifier *cls);

/** classifier_key_words() - how many words a rule of this match needs for its key. */
size_t classifier_key_words(const struct match *match);

/**
 * classifier_insert() - add a rule; two rules with equal match and priority may coexist in different versions
 * @rule: uninitialised memory of the owner, with room for classifier_key_words() words behind it
 * @version: first version that shows it
 *
 * Lookups find it after classifier_publish().
 */
void classifier_insert(struct classifier *cls, struct cls_rule *rule, const struct match *match, uint16_t priority,
		       uint64_t version);
/** classifier_publish() - bring the order of subtables up to date; before a version with new rules is made known. */
void classifier_publish(struct classifier *cls);
/** classifier_hide() - invisible from @version on; still found by lookups in older versions. */
void classifier_hide(struct cls_rule *rule, uint64_t version);
/** classifier_unhide() - take classifier_hide() back (an aborted bundle). */
void classifier_unhide(struct cls_rule *rule);
/** classifier_remove() - unlink; free @rule after a grace period. */
void classifier_remove(struct classifier *cls, struct cls_rule *rule);
/** cls_rule_match() - expand. */
void cls_rule_match(const struct cls_rule *rule, struct match *match);

/**
 * classifier_lookup() - best rule for a key; caller holds rcu_read_lock()
 * @wc: NULL, or a mask in which every bit that the answer depends on gets set (bits already there stay)
 *
 * Where several rules of the same priority match, which of them is found is stable but unspecified (OpenFlow 1.3 5.3).
 */
struct cls_rule *classifier_lookup(const struct classifier *cls, uint64_t version, const struct flow_key *key,
				   struct flow_key *wc);

/* For the writer. */

/** classifier_find() - the rule with exactly this match and priority, or NULL. */
struct cls_rule *classifier_find(const struct classifier *cls, const struct match *match, uint16_t priority,
				 uint64_t version);
/** classifier_overlap() - some rule of this priority and another match that a packet of @match could match, or NULL. */
struct cls_rule *classifier_overlap(const struct classifier *cls, const struct match *match, uint16_t priority,
				    uint64_t version);

/**
 * classifier_each() - every visible rule at least as specific as @match (OpenFlow's loose match); all when @match is any
 * @cb: may hide but not insert or remove rules; return non-zero to stop
 * Return: what the last @cb returned.
 */
int classifier_each(const struct classifier *cls, const struct match *match, uint64_t version,
		    int (*cb)(void *aux, struct cls_rule *rule), void *aux);

/**
 * classifier_near_misses() - rules that would have matched but for few fields, best first (for `trace`)
 * @n: room in @rules; Return: number written.
 *
 * Best: fewest fields that differ, then higher priority. Rules that match are not among them. Walks every rule.
 */
size_t classifier_near_misses(const struct classifier *cls, uint64_t version, const struct flow_key *key,
			      struct cls_rule **rules, size_t n);

#endif
