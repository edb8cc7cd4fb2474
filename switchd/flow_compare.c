// SPDX-License-Identifier: Apache-2.0
/*
 * Two flows are the same one when table, priority and match agree; they are equal when cookie, timeouts, importance, flags and actions do, too.
 * A set is a hash map over the flows of a struct flow_lines; of two lines for the same flow the later one counts, as in a bundle.
 */
#include "switchd/flow_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/pipeline/table.h"

struct entry {
	struct hmap_node node;
	struct flow_mod *fm;
	unsigned int line;
	bool found; /* the other set has it, too */
};

struct set {
	struct hmap map;
	struct entry *entries;
	size_t n;
};

static uint32_t hash_flow(const struct flow_mod *fm)
{
	uint32_t h = hash_bytes(&fm->match, sizeof fm->match, fm->priority);

	return hash_u64(fm->table, h);
}

static struct entry *set_find(const struct set *set, const struct flow_mod *fm)
{
	struct entry *e;

	HMAP_FOR_EACH_WITH_HASH(e, node, hash_flow(fm), &set->map)
		if (e->fm->table == fm->table && e->fm->priority == fm->priority &&
		    match_equal(&e->fm->match, &fm->match))
			return e;
	return NULL;
}

static void set_init(struct set *set, const struct flow_lines *lines)
{
	hmap_init(&set->map);
	set->entries = xcalloc(lines->n + 1, sizeof *set->entries);
	set->n = 0;
	for (size_t i = 0; i < lines->n; i++) {
		struct entry *e = set_find(set, &lines->mods[i]);

		if (!e) {
			e = &set->entries[set->n++];
			hmap_insert(&set->map, &e->node, hash_flow(&lines->mods[i]));
		}
		e->fm = &lines->mods[i];
		e->line = lines->lines[i];
	}
}

static void set_fini(struct set *set)
{
	struct entry *e;

	HMAP_FOR_EACH_SAFE(e, node, &set->map)
		hmap_remove(&set->map, &e->node);
	hmap_fini(&set->map);
	free(set->entries);
}

static bool equal(const struct flow_mod *a, const struct flow_mod *b)
{
	enum { KEPT = FLOW_F_SEND_FLOW_REM | FLOW_F_NO_PKT_COUNTS | FLOW_F_NO_BYT_COUNTS };

	return a->new_cookie == b->new_cookie && a->idle_timeout_s == b->idle_timeout_s &&
	       a->hard_timeout_s == b->hard_timeout_s && a->importance == b->importance &&
	       (a->flags & KEPT) == (b->flags & KEPT) && a->actions.len == b->actions.len &&
	       (!a->actions.len || memcmp(a->actions.data, b->actions.data, a->actions.len) == 0);
}

struct flow_mod flow_filter_all(void)
{
	struct flow_mod fm = {.command = FLOW_DELETE, .table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};

	match_init_any(&fm.match);
	return fm;
}

/* ---- the flows of a bridge ---- */

static int append_rule(void *aux, struct rule *rule)
{
	const struct rule_actions *actions = rule->actions;
	struct flow_mod fm = {
		.command = FLOW_ADD,
		.table = rule->table,
		.priority = rule->cr.priority,
		.new_cookie = rule->cookie,
		.idle_timeout_s = rule->idle_timeout_s,
		.hard_timeout_s = rule->hard_timeout_s,
		.importance = rule->importance,
		.flags = rule->flags,
		.out_port = OFPP_NONE,
	};

	cls_rule_match(&rule->cr, &fm.match);
	fm.actions.data = actions->len ? xmemdup(actions->ofacts, actions->len) : NULL;
	fm.actions.len = fm.actions.cap = actions->len;
	flow_lines_append(aux, &fm, 0);
	return 0;
}

void flow_lines_of_bridge(const struct bridge *br, struct flow_lines *lines)
{
	struct flow_mod all = flow_filter_all();

	*lines = (struct flow_lines){0};
	tables_each(br->tables, &all, append_rule, lines);
}

/* ---- replace ---- */

int flow_compare_replace(const struct bridge *br, struct flow_lines *wanted, struct flow_lines *bundle,
			 struct flow_difference *d, struct errtext *err)
{
	struct flow_lines have;
	struct set set;

	*d = (struct flow_difference){0};
	for (size_t i = 0; i < wanted->n; i++) {
		if (wanted->mods[i].command != FLOW_ADD)
			return errtext_set(err, EINVAL, "replace-flows: line %u: only flows to be added are expected",
					   wanted->lines[i]);
		if (wanted->mods[i].table == FLOW_TABLE_ALL)
			wanted->mods[i].table = 0;
	}
	flow_lines_of_bridge(br, &have);
	set_init(&set, wanted);
	for (size_t i = 0; i < have.n; i++) {
		struct entry *e = set_find(&set, &have.mods[i]);

		if (e) {
			e->found = true;
			if (equal(e->fm, &have.mods[i]))
				continue;
			flow_lines_append(bundle, e->fm, e->line);
			d->n_modified++;
		} else {
			have.mods[i].command = FLOW_DELETE_STRICT;
			flow_lines_append(bundle, &have.mods[i], 0);
			d->n_deleted++;
		}
	}
	for (size_t i = 0; i < set.n; i++) {
		if (set.entries[i].found)
			continue;
		flow_lines_append(bundle, set.entries[i].fm, set.entries[i].line);
		d->n_added++;
	}
	set_fini(&set);
	flow_lines_fini(&have);
	return 0;
}

/* ---- diff ---- */

static void put_flow(json_t *array, const struct flow_mod *fm)
{
	struct ds text = DS_INIT;

	flow_mod_format(fm, NULL, &text);
	json_array_append_new(array, json_string(ds_cstr(&text)));
	ds_fini(&text);
}

static void put_missing(const struct set *from, const struct set *other, json_t *array)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct entry *e = set_find(other, from->entries[i].fm);

		if (!e || !equal(e->fm, from->entries[i].fm))
			put_flow(array, from->entries[i].fm);
	}
}

void flow_compare_diff(const struct flow_lines *a, const struct flow_lines *b, json_t *only_a, json_t *only_b)
{
	struct set set_a, set_b;

	set_init(&set_a, a);
	set_init(&set_b, b);
	put_missing(&set_a, &set_b, only_a);
	put_missing(&set_b, &set_a, only_b);
	set_fini(&set_a);
	set_fini(&set_b);
}
