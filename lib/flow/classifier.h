/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classifier of one OpenFlow table: which rule of highest priority matches a key, and which bits had to be looked at to say so.
 *
 * Tuple-space search: rules with equal masks share a subtable (a hash table of masked keys); a lookup visits subtables by falling
 * maximum priority and stops when none can beat what it found. Refinements that keep both the number of visits and the
 * megaflow mask small: staged lookup (metadata, L2, L3, L4: a miss in an early stage leaves the later fields unlooked-at), prefix tries on
 * nw_src, nw_dst, ipv6_src, ipv6_dst and ports, and priority order.
 *
 * One writer at a time (the caller's lock); readers run under rcu_read_lock() and never wait. Changes carry versions: a rule is
 * visible in versions add_version <= v < remove_version, so that a bundle of any size becomes visible at one instant, when
 * the owner publishes the new version.
 */
#ifndef FLOW_CLASSIFIER_H
#define FLOW_CLASSIFIER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/match.h"

struct cls_subtable;

#define CLS_VERSION_MAX UINT64_MAX

/** Compressed match: the non-zero words of the key, under the mask of the subtable that the rule is in. */
struct minikey {
	uint64_t map;    /**< which words of struct flow_key are stored */
	uint64_t values[]; /**< popcount(map) of them */
};

/** Embedded by its owner, who frees it no sooner than a grace period after classifier_remove(). */
struct cls_rule {
	struct cls_rule *next;          /* RCU: same masked key, falling priority */
	struct cls_subtable *subtable;  /* where it is; its mask is the rule's mask */
	struct minikey *key;            /* owned */
	uint64_t add_version;
	uint64_t remove_version;        /* _Atomic access: CLS_VERSION_MAX while alive */
	uint32_t hash;
	uint16_t priority;
};

struct classifier;

struct classifier *classifier_new(void);
/** classifier_free() - must be empty; waits for no reader (call after a grace period). */
void classifier_free(struct classifier *cls);
size_t classifier_count(const struct classifier *cls);
/** classifier_memory() - bytes used by subtables, tries and indexes; rules and their keys included. */
size_t classifier_memory(const struct classifier *cls);

/**
 * classifier_insert() - add a rule; two rules with equal match and priority may coexist in different versions
 * @rule: uninitialised memory of the owner; owned by the classifier until removed
 */
void classifier_insert(struct classifier *cls, struct cls_rule *rule, const struct match *match, uint16_t priority,
		       uint64_t version);
/** classifier_hide() - invisible from @version on; still found by lookups in older versions. */
void classifier_hide(struct cls_rule *rule, uint64_t version);
/** classifier_unhide() - take classifier_hide() back (an aborted bundle). */
void classifier_unhide(struct cls_rule *rule);
/** classifier_remove() - unlink; free @rule after a grace period, with cls_rule_fini() first. */
void classifier_remove(struct classifier *cls, struct cls_rule *rule);
void cls_rule_fini(struct cls_rule *rule);
/** cls_rule_match() - expand. */
void cls_rule_match(const struct cls_rule *rule, struct match *match);

/**
 * classifier_lookup() - best rule for a key; caller holds rcu_read_lock()
 * @wc: NULL, or a mask in which every bit that the answer depends on gets set (bits already there stay)
 */
struct cls_rule *classifier_lookup(const struct classifier *cls, uint64_t version, const struct flow_key *key,
				   struct flow_key *wc);

/** classifier_find() - the rule with exactly this match and priority, or NULL. */
struct cls_rule *classifier_find(const struct classifier *cls, const struct match *match, uint16_t priority,
				 uint64_t version);
/** classifier_overlaps() - whether some rule of this priority and another match could match a packet that @match matches. */
bool classifier_overlaps(const struct classifier *cls, const struct match *match, uint16_t priority, uint64_t version);

/**
 * classifier_each() - every visible rule at least as specific as @match (OpenFlow's loose match); all when @match is any
 * @cb: may hide but not remove rules; return non-zero to stop
 * Return: what the last @cb returned.
 */
int classifier_each(const struct classifier *cls, const struct match *match, uint64_t version,
		    int (*cb)(void *aux, struct cls_rule *rule), void *aux);

/**
 * classifier_near_misses() - rules that would have matched but for few fields, best first (for `trace`)
 * @n: room in @rules; Return: number written.
 */
size_t classifier_near_misses(const struct classifier *cls, uint64_t version, const struct flow_key *key,
			      struct cls_rule **rules, size_t n);

#endif
