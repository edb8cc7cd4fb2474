/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow tables of one bridge: rules, the changes OpenFlow can make to them, their counters and their end.
 *
 * Threads: any number of readers look up under rcu_read_lock() (a read-side section also keeps each rule that a lookup returned
 * alive; rule_ref() keeps it longer). Changes come from one thread at a time (the main loop), which is also the one for
 * everything here that is not said to be for any thread. A change of any size becomes visible at one instant, by the
 * publication of a new version, and then the owner's `changed` callback runs, before the call returns.
 *
 * A rule never changes what it matches or does: a modification puts a new rule in its place, which is the old one's heir and inherits
 * its counters. Whoever still accounts packets to the old rule (a datapath flow not revalidated yet) adds them to the heir.
 *
 * Durability: with a journal path, each acknowledged change is in that file before the call returns, so that a new process finds
 * the tables as they were (the file lies in the run folder: it survives the daemon, not the host). See table_store.c for what
 * is written and journal.h for how. The counters of rules are kept beside it (tally.h).
 *
 * The parts: table.c (rules, lookup, listing), table_tx.c (transactions), flow_mod.c (what OpenFlow asks for), rule_timers.c
 * (timeouts), table_store.c, journal.c and tally.c (durability), rule_format.c (text).
 */
#ifndef SWITCHD_PIPELINE_TABLE_H
#define SWITCHD_PIPELINE_TABLE_H 1

#include <urcu.h>
#include <urcu/ref.h>

#include "base/errtext.h"
#include "flow/classifier.h"
#include "flow/flow_text.h"

/** 255 tables: 0 to 254. */
#define N_TABLES 255

/** What a rule does; immutable, lives as long as its rule. */
struct rule_actions {
	uint32_t len; /**< bytes of ofacts */
	_Alignas(8) uint8_t ofacts[];
};

struct tallies;

struct rule {
	struct urcu_ref ref;
	struct rcu_head rcu;
	struct rule *heir; /**< atomic; what a modification put in this one's place; owns a reference */
	const struct rule_actions *actions; /**< in this rule's memory, behind everything else */
	uint64_t cookie;
	int64_t created_ms, modified_ms;
	uint64_t seq; /**< place in listings: order of additions; one that takes another's place keeps its */
	uint8_t table;
	uint8_t flags; /**< enum flow_mod_flag, those that stay with a rule */
	uint16_t importance;
	uint16_t idle_timeout_s, hard_timeout_s; /**< 0: none */
	uint32_t timer;				 /**< place among the timers (rule_timers.h) */
	uint32_t tx_slot;			 /**< place in the transaction that added it, while that lasts */
	uint32_t tally;				 /**< place in tallies; 0: none */
	struct tallies *tallies;		 /**< where what is counted survives the daemon (tally.h) */
	/* written by any thread with relaxed atomics */
	int64_t used_ms;
	uint64_t n_packets, n_bytes;
	struct cls_rule cr; /**< with its key */
};

struct tables;

struct tables_config {
	const char *name;		/**< bridge name, for messages */
	const char *journal;		/**< path, or NULL for none */
	const struct port_names *names; /**< for messages; lives as long as the tables; may be NULL */
	/** After every change that lookups can see; bit T of word T/64 of @tables is set when table T changed. May be NULL. */
	void (*changed)(void *aux, const uint64_t tables[4]);
	/** Whether rules may have these actions (does what they name exist?). Return: 0, or -EINVAL with a sentence. May be NULL. */
	int (*check)(void *aux, const void *ofacts, size_t len, struct errtext *err);
	void *aux;
	/** Milliseconds since the epoch; NULL: clock_wall_ms(). */
	int64_t (*wall_ms)(void);
};

/**
 * tables_new() - and load the journal
 * @config: copied
 *
 * A journal whose end is torn (the process died while writing) loses that unacknowledged end; one that is damaged keeps its sound
 * beginning, and the whole file is kept as PATH.damaged and named in the log.
 *
 * Return: 0, or a negative errno with a sentence in @err when the journal cannot be read or written at all.
 */
int tables_new(const struct tables_config *config, int64_t now_ms, struct tables **tables, struct errtext *err);
/** tables_free() - saves the counters; no reader may be left, references to rules may. May wait for a grace period. NULL is fine. */
void tables_free(struct tables *tables);
/** tables_delete_journal() - for a bridge that is deleted, as opposed to a daemon that stops; before tables_free(). */
void tables_delete_journal(struct tables *tables);

/** tables_version() - version to look up in; read once per translation, in the read-side section of its lookups. Any thread. */
uint64_t tables_version(const struct tables *tables);

/**
 * tables_lookup() - caller holds rcu_read_lock(); counts nothing: see tables_account(). Any thread.
 * @table: 0 to 254
 * @wc: as classifier_lookup()
 *
 * Return: the rule, or NULL on a miss.
 */
struct rule *tables_lookup(const struct tables *tables, uint8_t table, uint64_t version, const struct flow_key *key,
			   struct flow_key *wc);
/** tables_account() - packets that looked into a table, and whether they found a rule there; any thread. */
void tables_account(struct tables *tables, uint8_t table, bool matched, uint64_t n_packets);
/** tables_near_misses() - as classifier_near_misses(), for `trace`. */
size_t tables_near_misses(struct tables *tables, uint8_t table, const struct flow_key *key, struct rule **rules,
			  size_t n);

/** rule_ref() - in the read-side section that found it, or by a holder. Any thread. */
void rule_ref(struct rule *rule);
/** rule_unref() - any thread. */
void rule_unref(struct rule *rule);
/** rule_account() - add to the counters; any thread. @used_ms: when the last of these packets passed. */
void rule_account(struct rule *rule, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms);

/**
 * tables_apply() - one or many flow-mods, wholly or not at all
 * @mods: @n of them, applied in order; each sees the ones before it
 * @failed: index of the flow-mod that was refused, @n when it was none of them (the journal); may be NULL
 *
 * Add replaces a rule of equal match and priority and starts its counters anew. Modify keeps counters (unless
 * FLOW_F_RESET_COUNTS), timeouts, flags, importance and creation time, sets `modified_ms`, and adds when nothing matched
 * and no cookie was asked for (OpenFlow 1.0 4.6); in FLOW_TABLE_ALL that is table 0.
 *
 * Errors: -EEXIST overlap with check_overlap, -ENOSPC table full, -EINVAL an add without a table, -EIO journal not writable
 * (disk full), each with a sentence.
 * Return: 0 or negative errno, and then nothing has changed.
 */
int tables_apply(struct tables *tables, const struct flow_mod *mods, size_t n, int64_t now_ms, size_t *failed,
		 struct errtext *err);

/**
 * tables_set_limit() - most rules that a table may have
 * @max_rules: 0: no limit
 * @evict: a full table makes room by evicting a rule that has a timeout, of the lowest importance, of these the one that
 *	would expire first; otherwise, and when no rule has a timeout, the add is refused
 *
 * A table that has more already is evicted down, or keeps them and refuses adds.
 */
void tables_set_limit(struct tables *tables, uint8_t table, size_t max_rules, bool evict, int64_t now_ms);

/**
 * tables_expire() - remove what idled out or lived too long, and do the housekeeping; to be called at least once a second
 *
 * The datapaths' statistics must have been accounted before, or busy rules look idle. Its cost depends on how many rules are
 * due, not on how many there are.
 * Return: ms until the next look is due, at most 1000.
 */
int64_t tables_expire(struct tables *tables, int64_t now_ms);

/**
 * tables_each() - every rule under a filter (table, match, cookie/mask, out_port of @filter), by table, falling priority
 * @cb: return non-zero to stop; must not change the tables
 */
int tables_each(struct tables *tables, const struct flow_mod *filter, int (*cb)(void *aux, struct rule *rule),
		void *aux);

struct table_stats {
	uint64_t n_rules, n_lookups, n_matches;
	uint64_t max_rules; /**< 0: no limit */
	bool evicts;	    /**< a full table makes room */
};
void tables_get_stats(const struct tables *tables, uint8_t table, struct table_stats *stats);
size_t tables_count(const struct tables *tables);
/** tables_memory() - bytes of rules, actions, keys and classifiers, with the allocator's overhead. */
size_t tables_memory(const struct tables *tables);

struct rule_format_options {
	bool no_stats;			/**< without duration, counters and ages */
	const struct port_names *names; /**< NULL: numbers */
	int64_t now_ms;
};
/** rule_format() - as `ovs-ofctl dump-flows` prints one, without the newline (flow_stats_format()). */
void rule_format(const struct rule *rule, const struct rule_format_options *options, struct ds *out);

#endif
