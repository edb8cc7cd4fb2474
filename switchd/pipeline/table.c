/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables: what rules are, how they are found, counted, listed and timed out; see table.h.
 */
#include "switchd/pipeline/table.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/pipeline/table_private.h"
#include "switchd/pipeline/tally.h"

LOG_MODULE(tables);

/* What malloc keeps beside each block. */
#define MALLOC_OVERHEAD sizeof(size_t)

struct rule *rule_new(uint8_t table, const struct match *match, const void *ofacts, size_t ofacts_len, int64_t now_ms)
{
	size_t n_key = classifier_key_words(match) * sizeof(uint64_t);
	size_t size = offsetof(struct rule, cr.key) + n_key;
	struct rule *rule = xmalloc(size + sizeof *rule->actions + ofacts_len);
	struct rule_actions *actions = (struct rule_actions *)(void *)((char *)rule + size);

	_Static_assert(offsetof(struct rule, cr.key) % _Alignof(struct rule_actions) == 0,
		       "actions behind the key are aligned");
	memset(rule, 0, sizeof *rule);
	actions->len = (uint32_t)ofacts_len;
	if (ofacts_len)
		memcpy(actions->ofacts, ofacts, ofacts_len);
	rule->actions = actions;
	rule->table = table;
	rule->created_ms = rule->modified_ms = rule->used_ms = now_ms;
	rule->timer = RULE_TIMER_NONE;
	urcu_ref_init(&rule->ref);
	return rule;
}

size_t rule_memory(const struct rule *rule)
{
	return malloc_usable_size((void *)rule) + MALLOC_OVERHEAD;
}

int64_t rule_expires_ms(const struct rule *rule)
{
	int64_t expires = INT64_MAX;

	if (rule->hard_timeout_s)
		expires = rule->modified_ms + rule->hard_timeout_s * 1000;
	if (rule->idle_timeout_s)
		expires = MIN(expires, __atomic_load_n(&rule->used_ms, __ATOMIC_RELAXED) + rule->idle_timeout_s * 1000);
	return expires;
}

void rule_ref(struct rule *rule)
{
	urcu_ref_get(&rule->ref);
}

static void add_counters(struct rule *rule, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms)
{
	int64_t used = __atomic_load_n(&rule->used_ms, __ATOMIC_RELAXED);
	uint32_t tally = __atomic_load_n(&rule->tally, __ATOMIC_ACQUIRE); /* the peer of the release in table_store.c */

	__atomic_fetch_add(&rule->n_packets, n_packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&rule->n_bytes, n_bytes, __ATOMIC_RELAXED);
	if (tally)
		tally_add(rule->tallies, tally, n_packets, n_bytes);
	while (used < used_ms &&
	       !__atomic_compare_exchange_n(&rule->used_ms, &used, used_ms, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/*
 * Nobody accounts to this rule any more. What came in while a modification was handing its counters to the heir goes there
 * now, so that no packet is lost.
 */
static void rule_free(struct urcu_ref *ref)
{
	struct rule *rule = container_of(ref, struct rule, ref), *heir = rule->heir;

	if (heir) {
		rule_account(heir, rule->n_packets, rule->n_bytes, rule->used_ms);
		rule_unref(heir);
	}
	if (rule->tally)
		tally_put(rule->tallies, rule->tally);
	free(rule);
}

void rule_unref(struct rule *rule)
{
	urcu_ref_put(&rule->ref, rule_free);
}

void rule_account(struct rule *rule, uint64_t n_packets, uint64_t n_bytes, int64_t used_ms)
{
	struct rule *heir;

	while ((heir = __atomic_load_n(&rule->heir, __ATOMIC_ACQUIRE)))
		rule = heir;
	add_counters(rule, n_packets, n_bytes, used_ms);
}

int tables_new(const struct tables_config *config, int64_t now_ms, struct tables **tablesp, struct errtext *err)
{
	struct tables *tables = xzalloc(sizeof *tables);
	int error;

	tables->config = *config;
	if (!tables->config.wall_ms)
		tables->config.wall_ms = clock_wall_ms;
	tables->name = xstrdup(config->name);
	tables->config.name = tables->name;
	tables->version = 1;
	tables->graves_end = &tables->graves;
	tables->now_ms = now_ms;
	tables->config.changed = NULL; /* nobody looks yet */
	error = config->journal ? table_store_open(tables, err) : 0;
	if (error) {
		tables_free(tables);
		return error;
	}
	tables->config.changed = config->changed;
	tables->config.journal = NULL; /* the caller's memory; the open file is what counts from now on */
	*tablesp = tables;
	return 0;
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	tables->config.changed = NULL;
	table_store_close(tables);
	tables_clear(tables);
	for (unsigned int t = 0; t < N_TABLES; t++)
		classifier_free(tables->table[t].cls);
	free(tables->timers.heap);
	free(tables->name);
	free(tables);
}

uint64_t tables_version(const struct tables *tables)
{
	return __atomic_load_n(&tables->version, __ATOMIC_ACQUIRE);
}

static struct classifier *table_cls(const struct tables *tables, uint8_t table)
{
	return __atomic_load_n(&tables->table[table].cls, __ATOMIC_ACQUIRE);
}

struct rule *tables_lookup(const struct tables *tables, uint8_t table, uint64_t version, const struct flow_key *key,
			   struct flow_key *wc)
{
	struct classifier *cls = table_cls(tables, table);

	return rule_from_cls(cls ? classifier_lookup(cls, version, key, wc) : NULL);
}

void tables_account(struct tables *tables, uint8_t table, bool matched, uint64_t n_packets)
{
	__atomic_fetch_add(&tables->table[table].n_lookups, n_packets, __ATOMIC_RELAXED);
	if (matched)
		__atomic_fetch_add(&tables->table[table].n_matches, n_packets, __ATOMIC_RELAXED);
}

size_t tables_near_misses(struct tables *tables, uint8_t table, const struct flow_key *key, struct rule **rules,
			  size_t n)
{
	struct cls_rule **found = xcalloc(n + 1, sizeof *found);

	if (!table_cls(tables, table))
		n = 0;
	if (n)
		n = classifier_near_misses(table_cls(tables, table), tables->version, key, found, n);
	for (size_t i = 0; i < n; i++)
		rules[i] = rule_from_cls(found[i]);
	free(found);
	return n;
}

int64_t tables_expire(struct tables *tables, int64_t now_ms)
{
	struct rule_timers *timers = &tables->timers;
	int64_t wait_ms = 1000;
	struct errtext err;
	struct tx tx;

	tables_reap(tables);
	tx_init(&tx, tables, now_ms);
	while (timers->n && timers->heap[0].due_ms <= now_ms) {
		struct rule *rule = timers->heap[0].rule;

		if (rule_expires_ms(rule) > now_ms) {
			rule_timers_update(timers, rule);
		} else {
			rule_timers_remove(timers, rule);
			tx_hide(&tx, rule);
		}
	}
	/* A rule's time is up whether that can be written down or not. */
	if (table_store_append(tables, &tx, &err)) {
		log_warn_rl("%s: flows expired, but %s", tables->name, err.text);
		tables->journal_behind = true;
	}
	tx_commit(&tx);
	table_store_compact(tables, false);
	if (timers->n)
		wait_ms = MIN(wait_ms, timers->heap[0].due_ms - now_ms);
	return wait_ms;
}

void rule_list_add(struct rule_list *list, struct rule *rule, const struct flow_mod *filter)
{
	if (((rule->cookie ^ filter->cookie) & filter->cookie_mask) ||
	    (filter->out_port != OFPP_NONE &&
	     !ofacts_output_to(rule->actions->ofacts, rule->actions->len, filter->out_port)) ||
	    (filter->meter && ofacts_meter(rule->actions->ofacts, rule->actions->len) != filter->meter))
		return;
	if (list->n == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 16;
		list->rules = xrealloc(list->rules, list->cap * sizeof *list->rules);
	}
	list->rules[list->n++] = rule;
}

struct collect {
	const struct flow_mod *filter;
	struct rule_list *list;
};

static int collect_one(void *collect_, struct cls_rule *cr)
{
	const struct collect *collect = collect_;

	rule_list_add(collect->list, rule_from_cls(cr), collect->filter);
	return 0;
}

void tables_collect(const struct tables *tables, const struct flow_mod *filter, uint64_t version,
		    struct rule_list *list)
{
	struct collect collect = {filter, list};
	unsigned int first = filter->table == FLOW_TABLE_ALL ? 0 : filter->table;
	unsigned int last = filter->table == FLOW_TABLE_ALL ? N_TABLES - 1 : filter->table;

	for (unsigned int t = first; t <= last; t++)
		if (tables->table[t].cls)
			classifier_each(tables->table[t].cls, &filter->match, version, collect_one, &collect);
}

/* By table, falling priority, then age. */
static int compare_rules(const void *a_, const void *b_)
{
	const struct rule *a = *(struct rule *const *)a_, *b = *(struct rule *const *)b_;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->cr.priority != b->cr.priority)
		return a->cr.priority > b->cr.priority ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

int tables_each(struct tables *tables, const struct flow_mod *filter, int (*cb)(void *aux, struct rule *rule),
		void *aux)
{
	struct rule_list list = {NULL, 0, 0};
	int ret = 0;

	tables_collect(tables, filter, tables->version, &list);
	if (list.n)
		qsort(list.rules, list.n, sizeof *list.rules, compare_rules);
	for (size_t i = 0; i < list.n && !ret; i++)
		ret = cb(aux, list.rules[i]);
	free(list.rules);
	return ret;
}

void tables_get_stats(const struct tables *tables, uint8_t table, struct table_stats *stats)
{
	const struct flow_table *t = &tables->table[table];

	stats->n_rules = t->n_rules;
	stats->evicts = t->evict;
	stats->n_lookups = __atomic_load_n(&t->n_lookups, __ATOMIC_RELAXED);
	stats->n_matches = __atomic_load_n(&t->n_matches, __ATOMIC_RELAXED);
	stats->max_rules = t->max_rules;
}

size_t tables_count(const struct tables *tables)
{
	return tables->n_rules;
}

size_t tables_memory(const struct tables *tables)
{
	size_t n = sizeof *tables + tables->n_rule_bytes + tables->timers.cap * sizeof *tables->timers.heap;

	for (unsigned int t = 0; t < N_TABLES; t++)
		if (tables->table[t].cls)
			n += classifier_memory(tables->table[t].cls);
	return n;
}
