/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenFlow asks for, done to flow tables: add, modify and delete, strict and loose (OpenFlow 1.3 6.4; the details where
 * it is silent are those of ovs-ofctl).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "switchd/pipeline/table_private.h"

/* Flags that stay with a rule; the others are about the flow-mod itself. */
#define STATE_FLAGS (FLOW_F_SEND_FLOW_REM | FLOW_F_NO_PKT_COUNTS | FLOW_F_NO_BYT_COUNTS)

static struct rule *find_rule(const struct tx *tx, uint8_t table, const struct match *match, uint16_t priority)
{
	const struct classifier *cls = tx->tables->table[table].cls;

	return cls ? rule_from_cls(classifier_find(cls, match, priority, tx->version)) : NULL;
}

static int refuse_overlap(const struct tx *tx, const struct flow_mod *fm, const struct cls_rule *other,
			  struct errtext *err)
{
	struct match match;
	struct ds s = DS_INIT;

	cls_rule_match(other, &match);
	match_format(&match, tx->tables->config.names, other->priority, &s);
	errtext_set(err, EEXIST,
		    "table %d has a flow of the same priority that overlaps: '%s' (check_overlap was asked for)",
		    fm->table, ds_cstr(&s));
	ds_fini(&s);
	return -EEXIST;
}

/* The rule of the table that is to go first, or NULL. */
static struct rule *eviction_victim(const struct tables *tables, uint8_t table)
{
	struct rule *victim = NULL;

	for (size_t i = 0; i < tables->timers.n; i++) {
		struct rule *rule = tables->timers.heap[i].rule;

		if (rule->table != table || rule->cr.remove_version != CLS_VERSION_MAX)
			continue;
		if (!victim || rule->importance < victim->importance ||
		    (rule->importance == victim->importance && rule_expires_ms(rule) < rule_expires_ms(victim)))
			victim = rule;
	}
	return victim;
}

int flow_mod_evict(struct tx *tx, uint8_t table)
{
	struct rule *victim = tx->tables->table[table].evict ? eviction_victim(tx->tables, table) : NULL;

	if (!victim)
		return -ENOSPC;
	tx_hide(tx, victim);
	return 0;
}

static int make_room(struct tx *tx, uint8_t table, struct errtext *err)
{
	const struct flow_table *t = &tx->tables->table[table];

	while (t->max_rules && t->n_rules >= t->max_rules)
		if (flow_mod_evict(tx, table))
			return errtext_set(err, ENOSPC, "table %d is full (flow_limit %zu%s)", table, t->max_rules,
					   t->evict ? ", and no flow in it has a timeout" : "");
	return 0;
}

static struct rule *rule_for_add(const struct tx *tx, uint8_t table, const struct flow_mod *fm)
{
	struct rule *rule = rule_new(table, &fm->match, fm->actions.data, fm->actions.len, tx->now_ms);

	rule->cookie = fm->new_cookie;
	rule->flags = fm->flags & STATE_FLAGS;
	rule->importance = fm->importance;
	rule->idle_timeout_s = fm->idle_timeout_s;
	rule->hard_timeout_s = fm->hard_timeout_s;
	return rule;
}

static int do_add(struct tx *tx, uint8_t table, const struct flow_mod *fm, struct errtext *err)
{
	const struct classifier *cls = tx->tables->table[table].cls;
	struct rule *old = find_rule(tx, table, &fm->match, fm->priority);
	const struct cls_rule *other;
	int error;

	if (old) {
		tx_replace(tx, old, rule_for_add(tx, table, fm), false);
		return 0;
	}
	if (cls && fm->flags & FLOW_F_CHECK_OVERLAP) {
		other = classifier_overlap(cls, &fm->match, fm->priority, tx->version);
		if (other)
			return refuse_overlap(tx, fm, other, err);
	}
	error = make_room(tx, table, err);
	if (!error)
		tx_insert(tx, rule_for_add(tx, table, fm), &fm->match, fm->priority);
	return error;
}

static void modify_rule(struct tx *tx, struct rule *old, const struct flow_mod *fm)
{
	struct match match;
	struct rule *rule;

	cls_rule_match(&old->cr, &match);
	rule = rule_new(old->table, &match, fm->actions.data, fm->actions.len, tx->now_ms);
	rule->cookie = fm->modify_cookie ? fm->new_cookie : old->cookie;
	rule->flags = old->flags;
	rule->importance = old->importance;
	rule->idle_timeout_s = old->idle_timeout_s;
	rule->hard_timeout_s = old->hard_timeout_s;
	rule->created_ms = old->created_ms;
	rule->used_ms = __atomic_load_n(&old->used_ms, __ATOMIC_RELAXED);
	tx_replace(tx, old, rule, !(fm->flags & FLOW_F_RESET_COUNTS));
}

static void collect_strict(const struct tx *tx, const struct flow_mod *fm, struct rule_list *list)
{
	unsigned int first = fm->table == FLOW_TABLE_ALL ? 0 : fm->table;
	unsigned int last = fm->table == FLOW_TABLE_ALL ? N_TABLES - 1 : fm->table;

	for (unsigned int t = first; t <= last; t++) {
		struct rule *rule = find_rule(tx, (uint8_t)t, &fm->match, fm->priority);

		if (rule)
			rule_list_add(list, rule, fm);
	}
}

/* The rules that a modify or delete is about. */
static void collect_targets(const struct tx *tx, const struct flow_mod *fm, bool strict, struct rule_list *list)
{
	struct flow_mod filter = *fm;

	/* Only deletes look at out_port. */
	if (fm->command == FLOW_MODIFY || fm->command == FLOW_MODIFY_STRICT)
		filter.out_port = OFPP_NONE;
	if (strict)
		collect_strict(tx, &filter, list);
	else
		tables_collect(tx->tables, &filter, tx->version, list);
}

static int do_modify(struct tx *tx, const struct flow_mod *fm, bool strict, struct errtext *err)
{
	struct rule_list list = {NULL, 0, 0};
	size_t n;

	collect_targets(tx, fm, strict, &list);
	n = list.n;
	for (size_t i = 0; i < n; i++)
		modify_rule(tx, list.rules[i], fm);
	free(list.rules);
	if (n || fm->cookie_mask)
		return 0;
	return do_add(tx, fm->table == FLOW_TABLE_ALL ? 0 : fm->table, fm, err);
}

static void do_delete(struct tx *tx, const struct flow_mod *fm, bool strict)
{
	struct rule_list list = {NULL, 0, 0};

	collect_targets(tx, fm, strict, &list);
	for (size_t i = 0; i < list.n; i++)
		tx_hide(tx, list.rules[i]);
	free(list.rules);
}

static int check_actions(const struct tables *tables, const struct flow_mod *fm, struct errtext *err)
{
	if (!tables->config.check || fm->command == FLOW_DELETE || fm->command == FLOW_DELETE_STRICT)
		return 0;
	return tables->config.check(tables->config.aux, fm->actions.data, fm->actions.len, err);
}

static int do_flow_mod(struct tx *tx, const struct flow_mod *fm, struct errtext *err)
{
	int error = check_actions(tx->tables, fm, err);

	if (error)
		return error;
	switch (fm->command) {
	case FLOW_ADD:
		if (fm->table == FLOW_TABLE_ALL)
			return errtext_set(err, EINVAL, "a flow goes to one table, 0 to %d; this one names all of them",
					   N_TABLES - 1);
		return do_add(tx, fm->table, fm, err);
	case FLOW_MODIFY:
	case FLOW_MODIFY_STRICT:
		return do_modify(tx, fm, fm->command == FLOW_MODIFY_STRICT, err);
	case FLOW_DELETE:
	case FLOW_DELETE_STRICT:
		do_delete(tx, fm, fm->command == FLOW_DELETE_STRICT);
		return 0;
	default:
		return errtext_set(err, EINVAL, "unknown flow-mod command %d", fm->command);
	}
}

static int write_down(const struct tx *tx, struct errtext *err)
{
	struct errtext why;
	int error = table_store_append(tx->tables, tx, &why);

	return error ? errtext_set(err, -error, "%s; no flow was changed; make room there and try again", why.text) : 0;
}

int tables_apply(struct tables *tables, const struct flow_mod *mods, size_t n, int64_t now_ms, size_t *failed,
		 struct errtext *err)
{
	size_t i = 0;
	int error = 0;
	struct tx tx;

	tables_reap(tables);
	tx_init(&tx, tables, now_ms);
	for (; i < n && !error; i++)
		error = do_flow_mod(&tx, &mods[i], err);
	if (failed)
		*failed = error ? i - 1 : n;
	if (!error)
		error = write_down(&tx, err);
	if (error)
		tx_abort(&tx);
	else
		tx_commit(&tx);
	return error;
}

void tables_set_limit(struct tables *tables, uint8_t table, size_t max_rules, bool evict, int64_t now_ms)
{
	struct flow_table *t = &tables->table[table];
	struct errtext err;
	struct tx tx;

	t->max_rules = max_rules;
	t->evict = evict;
	tx_init(&tx, tables, now_ms);
	while (max_rules && t->n_rules > max_rules && !flow_mod_evict(&tx, table))
		;
	if (table_store_append(tables, &tx, &err))
		tables->journal_behind = true;
	tx_commit(&tx);
}
