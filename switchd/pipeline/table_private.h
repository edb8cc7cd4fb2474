/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind table.h share: the tables themselves, and transactions.
 *
 * Life of a change: tx_init(), any number of tx_hide()/tx_insert()/tx_replace(), then tx_commit() or tx_abort(). Until the
 * commit nothing is visible to readers, while the writer sees it by looking in tx.version. Rules that a commit hid are buried in
 * a grave; when the grace period of their last readers is over, the next change or tables_expire() takes them out of the
 * classifiers (tables_reap()), and a second grace period later they are freed, unless somebody holds a reference.
 */
#ifndef SWITCHD_PIPELINE_TABLE_PRIVATE_H
#define SWITCHD_PIPELINE_TABLE_PRIVATE_H 1

#include "flow/port_names.h"
#include "switchd/pipeline/rule_timers.h"
#include "switchd/pipeline/table.h"

struct journal;

struct flow_table {
	struct classifier *cls; /* RCU; NULL until the first rule comes */
	size_t n_rules;		/* in the newest version */
	size_t max_rules;	/* 0: no limit */
	bool evict;
	uint64_t n_lookups, n_matches; /* relaxed atomics */
};

/* WAITING until the grace period is over; whoever comes second, the end of it or the end of the tables, frees. */
enum grave_state { GRAVE_WAITING, GRAVE_ELAPSED, GRAVE_ORPHANED };

/* Rules hidden by one transaction. */
struct grave {
	struct rcu_head rcu;
	struct grave *next;
	int state; /* atomic: enum grave_state */
	size_t n;
	struct rule *rules[];
};

struct tables {
	struct tables_config config;
	char *name;
	uint64_t version; /* atomic */
	struct flow_table table[N_TABLES];
	size_t n_rules;
	size_t n_rule_bytes;
	uint64_t last_seq; /* of rules */
	struct rule_timers timers;
	struct grave *graves, **graves_end; /* oldest first */
	int64_t now_ms;			    /* of the last call that told */
	struct journal *journal;
	struct tallies *tallies;  /* NULL: none */
	size_t n_records;	  /* lines in the journal */
	bool journal_behind;	  /* something happened that could not be written down: rewrite it soon */
	int64_t rewrite_after_ms; /* not sooner, after a rewrite that failed */
};

#define TX_NONE SIZE_MAX

struct tx_added {
	struct rule *rule; /* NULL: taken back within the transaction */
	size_t hidden;	   /* the rule of before the transaction whose place it takes, or TX_NONE */
	bool inherits;	   /* that one's counters */
};

struct tx_hidden {
	struct rule *rule;
	bool replaced;
};

struct tx {
	struct tables *tables;
	uint64_t version;
	int64_t now_ms;
	uint64_t changed[4];
	struct tx_added *added;
	struct tx_hidden *hidden;
	size_t n_added, added_cap, n_hidden, hidden_cap;
};

void tx_init(struct tx *tx, struct tables *tables, int64_t now_ms);
/** tx_hide() - a rule visible in tx->version is no more. */
void tx_hide(struct tx *tx, struct rule *rule);
/** tx_insert() - no rule of equal match and priority is visible in tx->version. Takes over @rule. */
void tx_insert(struct tx *tx, struct rule *rule, const struct match *match, uint16_t priority);
/** tx_replace() - @rule in the place of @old, with its match and priority; @inherits: also with its counters. */
void tx_replace(struct tx *tx, struct rule *old, struct rule *rule, bool inherits);
bool tx_is_empty(const struct tx *tx);
/** tx_commit() - publish; cannot fail. Frees @tx's memory, as tx_abort() does. */
void tx_commit(struct tx *tx);
void tx_abort(struct tx *tx);

/** rule_new() - zeroed but for its reference (one, the tables'), its actions and times; @match gives the size of the key. */
struct rule *rule_new(uint8_t table, const struct match *match, const void *ofacts, size_t ofacts_len, int64_t now_ms);
/** rule_expires_ms() - when its timeouts end it as things stand; INT64_MAX without any. */
int64_t rule_expires_ms(const struct rule *rule);
/** rule_memory() - bytes allocated for it. */
size_t rule_memory(const struct rule *rule);

static inline struct rule *rule_from_cls(struct cls_rule *cr)
{
	return cr ? (struct rule *)(void *)((char *)cr - offsetof(struct rule, cr)) : NULL;
}

struct rule_list {
	struct rule **rules;
	size_t n, cap;
};

/** rule_list_add() - append a rule that passes the cookie and out_port filters. */
void rule_list_add(struct rule_list *list, struct rule *rule, const struct flow_mod *filter);
/** tables_collect() - append the rules under a filter (as tables_each()) that are visible in @version, in no order. */
void tables_collect(const struct tables *tables, const struct flow_mod *filter, uint64_t version,
		    struct rule_list *list);
/** tables_reap() - unlink what no reader sees any more. */
void tables_reap(struct tables *tables);
/** tables_clear() - take every rule out, past the journal; no reader may be left. */
void tables_clear(struct tables *tables);
/** flow_mod_evict() - make room in a table for one rule. Return: 0 or -ENOSPC. */
int flow_mod_evict(struct tx *tx, uint8_t table);

/** table_store_open() - load the journal; called once, on empty tables. */
int table_store_open(struct tables *tables, struct errtext *err);
/** table_store_append() - write a transaction down before it is committed. Return: 0, or -EIO with a sentence. */
int table_store_append(struct tables *tables, const struct tx *tx, struct errtext *err);
/** table_store_compact() - rewrite the journal from what is alive; @force: also when it has not grown much. */
void table_store_compact(struct tables *tables, bool force);
/** table_store_close() - a last rewrite with the counters as they are. */
void table_store_close(struct tables *tables);

#endif
