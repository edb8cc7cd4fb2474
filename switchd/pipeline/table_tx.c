/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions on flow tables, and what becomes of the rules that they hide; see table_private.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/pipeline/table_private.h"

void tx_init(struct tx *tx, struct tables *tables, int64_t now_ms)
{
	memset(tx, 0, sizeof *tx);
	tx->tables = tables;
	tx->version = tables->version + 1;
	tx->now_ms = tables->now_ms = now_ms;
}

static void tx_fini(struct tx *tx)
{
	free(tx->added);
	free(tx->hidden);
}

bool tx_is_empty(const struct tx *tx)
{
	return !tx->n_added && !tx->n_hidden;
}

static void count_rule(struct tx *tx, const struct rule *rule, bool more)
{
	struct tables *tables = tx->tables;

	if (more) {
		tables->n_rules++;
		tables->table[rule->table].n_rules++;
	} else {
		tables->n_rules--;
		tables->table[rule->table].n_rules--;
	}
	tx->changed[rule->table / 64] |= 1ull << (rule->table % 64);
}

static void rule_unref_rcu(struct rcu_head *head)
{
	rule_unref(container_of(head, struct rule, rcu));
}

/* Take a rule out of its classifier; readers may still stand on it. */
static void rule_unlink(struct tables *tables, struct rule *rule)
{
	classifier_remove(tables->table[rule->table].cls, &rule->cr);
	tables->n_rule_bytes -= rule_memory(rule);
	call_rcu(&rule->rcu, rule_unref_rcu);
}

static void rule_link(struct tables *tables, struct rule *rule, const struct match *match, uint16_t priority,
		      uint64_t version)
{
	struct flow_table *table = &tables->table[rule->table];

	if (!table->cls)
		__atomic_store_n(&table->cls, classifier_new(), __ATOMIC_RELEASE);
	classifier_insert(table->cls, &rule->cr, match, priority, version);
	tables->n_rule_bytes += rule_memory(rule);
}

static bool is_added_by(const struct tx *tx, const struct rule *rule)
{
	return rule->cr.add_version == tx->version;
}

static size_t push_hidden(struct tx *tx, struct rule *rule, bool replaced)
{
	if (tx->n_hidden == tx->hidden_cap) {
		tx->hidden_cap = tx->hidden_cap ? tx->hidden_cap * 2 : 8;
		tx->hidden = xrealloc(tx->hidden, tx->hidden_cap * sizeof *tx->hidden);
	}
	tx->hidden[tx->n_hidden] = (struct tx_hidden){rule, replaced};
	return tx->n_hidden++;
}

static void push_added(struct tx *tx, struct rule *rule, size_t hidden, bool inherits)
{
	if (tx->n_added == tx->added_cap) {
		tx->added_cap = tx->added_cap ? tx->added_cap * 2 : 8;
		tx->added = xrealloc(tx->added, tx->added_cap * sizeof *tx->added);
	}
	rule->tx_slot = (uint32_t)tx->n_added;
	if (!rule->seq)
		rule->seq = ++tx->tables->last_seq;
	tx->added[tx->n_added++] = (struct tx_added){rule, hidden, inherits};
}

void tx_hide(struct tx *tx, struct rule *rule)
{
	count_rule(tx, rule, false);
	if (is_added_by(tx, rule)) {
		struct tx_added *added = &tx->added[rule->tx_slot];

		if (added->hidden != TX_NONE)
			tx->hidden[added->hidden].replaced = false;
		added->rule = NULL;
		rule_unlink(tx->tables, rule);
	} else {
		classifier_hide(&rule->cr, tx->version);
		push_hidden(tx, rule, false);
	}
}

void tx_insert(struct tx *tx, struct rule *rule, const struct match *match, uint16_t priority)
{
	rule_link(tx->tables, rule, match, priority, tx->version);
	push_added(tx, rule, TX_NONE, false);
	count_rule(tx, rule, true);
}

/* @old was never visible to anybody: @rule takes its place in the transaction, too. */
static void replace_added(struct tx *tx, struct rule *old, struct rule *rule, bool inherits)
{
	struct tx_added *added = &tx->added[old->tx_slot];

	if (inherits) {
		rule->n_packets = old->n_packets;
		rule->n_bytes = old->n_bytes;
	}
	rule->tx_slot = old->tx_slot;
	added->rule = rule;
	added->inherits = added->inherits && inherits;
	rule_unlink(tx->tables, old);
}

void tx_replace(struct tx *tx, struct rule *old, struct rule *rule, bool inherits)
{
	uint16_t priority = old->cr.priority;
	struct match match;

	cls_rule_match(&old->cr, &match);
	rule->seq = old->seq;
	count_rule(tx, rule, true);
	count_rule(tx, old, false);
	if (is_added_by(tx, old)) {
		replace_added(tx, old, rule, inherits);
	} else {
		classifier_hide(&old->cr, tx->version);
		push_added(tx, rule, push_hidden(tx, old, true), inherits);
	}
	rule_link(tx->tables, rule, &match, priority, tx->version);
}

/* From here on what is accounted to @old goes to @heir; rule_free() brings what a racing thread still put into @old. */
static void inherit(struct rule *old, struct rule *heir)
{
	uint64_t n_packets, n_bytes;

	rule_ref(heir);
	__atomic_store_n(&old->heir, heir, __ATOMIC_RELEASE);
	n_packets = __atomic_exchange_n(&old->n_packets, 0, __ATOMIC_RELAXED);
	n_bytes = __atomic_exchange_n(&old->n_bytes, 0, __ATOMIC_RELAXED);
	rule_account(heir, n_packets, n_bytes, __atomic_load_n(&old->used_ms, __ATOMIC_RELAXED));
}

static void grave_elapsed(struct rcu_head *head)
{
	struct grave *grave = container_of(head, struct grave, rcu);

	if (__atomic_exchange_n(&grave->state, GRAVE_ELAPSED, __ATOMIC_ACQ_REL) == GRAVE_ORPHANED)
		free(grave);
}

static void bury(struct tables *tables, const struct tx *tx)
{
	struct grave *grave;

	if (!tx->n_hidden)
		return;
	grave = xmalloc(sizeof *grave + tx->n_hidden * sizeof *grave->rules);
	grave->next = NULL;
	grave->state = GRAVE_WAITING;
	grave->n = tx->n_hidden;
	for (size_t i = 0; i < tx->n_hidden; i++) {
		grave->rules[i] = tx->hidden[i].rule;
		rule_timers_remove(&tables->timers, grave->rules[i]);
	}
	*tables->graves_end = grave;
	tables->graves_end = &grave->next;
	call_rcu(&grave->rcu, grave_elapsed);
}

static void publish_classifiers(struct tables *tables)
{
	for (unsigned int t = 0; t < N_TABLES; t++)
		if (tables->table[t].cls)
			classifier_publish(tables->table[t].cls);
}

/* Take the oldest grave's rules out of their classifiers. */
static struct grave *open_grave(struct tables *tables)
{
	struct grave *grave = tables->graves;

	for (size_t i = 0; i < grave->n; i++)
		rule_unlink(tables, grave->rules[i]);
	tables->graves = grave->next;
	if (!tables->graves)
		tables->graves_end = &tables->graves;
	return grave;
}

void tables_reap(struct tables *tables)
{
	bool any = false;

	while (tables->graves && __atomic_load_n(&tables->graves->state, __ATOMIC_ACQUIRE) == GRAVE_ELAPSED) {
		free(open_grave(tables));
		any = true;
	}
	if (any)
		publish_classifiers(tables);
}

void tables_clear(struct tables *tables)
{
	const struct flow_mod any = {.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct rule_list list = {NULL, 0, 0};

	tables_collect(tables, &any, tables->version, &list);
	for (size_t i = 0; i < list.n; i++)
		rule_unlink(tables, list.rules[i]);
	free(list.rules);
	while (tables->graves) {
		struct grave *grave = open_grave(tables);

		if (__atomic_exchange_n(&grave->state, GRAVE_ORPHANED, __ATOMIC_ACQ_REL) == GRAVE_ELAPSED)
			free(grave);
	}
}

void tx_commit(struct tx *tx)
{
	struct tables *tables = tx->tables;

	if (!tx_is_empty(tx)) {
		for (size_t i = 0; i < tx->n_added; i++)
			if (tx->added[i].rule && tx->added[i].inherits)
				inherit(tx->hidden[tx->added[i].hidden].rule, tx->added[i].rule);
		publish_classifiers(tables);
		__atomic_store_n(&tables->version, tx->version, __ATOMIC_RELEASE);
		bury(tables, tx);
		for (size_t i = 0; i < tx->n_added; i++)
			if (tx->added[i].rule)
				rule_timers_add(&tables->timers, tx->added[i].rule);
		if (tables->config.changed)
			tables->config.changed(tables->config.aux, tx->changed);
	}
	tx_fini(tx);
}

void tx_abort(struct tx *tx)
{
	for (size_t i = tx->n_added; i-- > 0;) {
		struct rule *rule = tx->added[i].rule;

		if (!rule)
			continue;
		count_rule(tx, rule, false);
		rule_unlink(tx->tables, rule);
	}
	for (size_t i = 0; i < tx->n_hidden; i++) {
		count_rule(tx, tx->hidden[i].rule, true);
		classifier_unhide(&tx->hidden[i].rule->cr);
	}
	tx_fini(tx);
	publish_classifiers(tx->tables);
}
