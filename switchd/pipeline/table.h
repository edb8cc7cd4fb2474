/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow tables of one bridge: rules, the changes OpenFlow can make to them, their counters and their end.
 *
 * Threads: any number of readers look up under rcu_read_lock() (a read-side section also keeps each rule that a lookup returned
 * alive; rule_ref() keeps it longer). Changes come from one thread at a time (the main loop). A change of any size becomes visible at one
 * instant, by the publication of a new version, and then the owner's `changed` callback runs, before the call returns.
 *
 * Durability: with a journal path, each acknowledged change is in that file before the call returns, so that a new process finds
 * the tables as they were (the file lies in the run folder: it survives the daemon, not the host). The journal is text of
 * `vsw dump-flows`, each transaction closed by a checksum line; it is rewritten when it has grown to twice what is alive.
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

/** What a rule does; immutable, shared by lookups through RCU. */
struct rule_actions {
	struct rcu_head rcu;
	uint32_t len;
	_Alignas(8) uint8_t ofacts[];
};

struct rule {
	struct cls_rule cr;
	struct urcu_ref ref;
	struct rcu_head rcu;
	uint8_t table;
	uint8_t flags;              /**< enum flow_mod_flag */
	uint16_t importance;
	uint16_t idle_timeout_s, hard_timeout_s; /**< 0: none */
	uint64_t cookie;
	struct rule_actions *actions; /**< rcu_dereference() */
	int64_t created_ms, modified_ms;
	/* written by any thread with relaxed atomics */
	int64_t used_ms;
	uint64_t n_packets, n_bytes;
};

struct tables;

struct tables_config {
	const char *name;           /**< bridge name, for messages */
	const char *journal;        /**< path, or NULL for none */
	const struct port_names *names; /**< for parsing the journal and messages; lives as long as the tables */
	/** After every change that lookups can see; @tables has bit T of word T/64 set when table T changed. */
	void (*changed)(void *aux, const uint64_t tables[4]);
	void *aux;
};

/** tables_new() - and load the journal; a damaged journal's sound prefix is kept, the file is saved aside and said. */
int tables_new(const struct tables_config *config, int64_t now_ms, struct tables **tables, struct errtext *err);
void tables_free(struct tables *tables);
/** tables_delete_journal() - for a bridge that is deleted, as opposed to a daemon that stops. */
void tables_delete_journal(struct tables *tables);

/** tables_version() - version to look up in; read once per translation. */
uint64_t tables_version(const struct tables *tables);

/**
 * tables_lookup() - caller holds rcu_read_lock(); also counts the table's lookups and matches
 * @wc: as classifier_lookup()
 * Return: the rule, or NULL on a miss.
 */
struct rule *tables_lookup(struct tables *tables, uint8_t table, uint64_t version, const struct flow_key *key,
			   struct flow_key *wc);

void rule_ref(struct rule *rule);
void rule_unref(struct rule *rule);
/** rule_account() - add to the counters; any thread. @used_ms: when the last of these packets passed. */
void rule_account(struct rule *rule, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms);

/**
 * tables_apply() - one or many flow-mods, wholly or not at all
 * @mods: @n of them, applied in order; each sees the ones before it
 * @failed: index of the flow-mod that was refused; may be NULL
 *
 * Errors: -EEXIST overlap with check_overlap, -ENOSPC table full, -EIO journal not writable (disk full), with a sentence.
 * Return: 0 or negative errno, and then nothing has changed.
 */
int tables_apply(struct tables *tables, struct flow_mod *mods, size_t n, int64_t now_ms, size_t *failed,
		 struct errtext *err);

/** tables_expire() - remove what idled out or lived too long. Return: ms until the next hard look is due, at most 1000. */
int64_t tables_expire(struct tables *tables, int64_t now_ms);

/**
 * tables_each() - every rule under a filter (table, match, cookie/mask, out_port of @filter), by table, falling priority
 * @cb: return non-zero to stop
 */
int tables_each(struct tables *tables, const struct flow_mod *filter, int (*cb)(void *aux, struct rule *rule), void *aux);

struct table_stats {
	uint64_t n_rules, n_lookups, n_matches;
	uint64_t max_rules;
};
void tables_get_stats(const struct tables *tables, uint8_t table, struct table_stats *stats);
size_t tables_count(const struct tables *tables);
/** tables_memory() - bytes of rules, actions, keys and classifiers. */
size_t tables_memory(const struct tables *tables);

/** rule_format() - as `ovs-ofctl dump-flows` prints one. */
struct rule_format_options {
	bool no_stats, no_names;
	const struct port_names *names;
	int64_t now_ms;
};
void rule_format(const struct rule *rule, const struct rule_format_options *options, struct ds *out);

#endif
