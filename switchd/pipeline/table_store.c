/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables in their journal: what a transaction did, not what was asked for, so that reading it back needs no luck with
 * cookies, filters or evictions. One line per rule, times in milliseconds since the epoch:
 *
 *   add CREATED MODIFIED IDLE PACKETS BYTES PLACE ID FLOW   this rule, in place of one of equal match and priority
 *   mod CREATED MODIFIED PLACE ID FLOW                      likewise, with the counters of the one in whose place it comes
 *   del FLOW                                                no such rule any more
 *
 * FLOW is text that flow_mod_parse() reads, with port numbers. IDLE is how long no packet had come when it was written. PLACE and ID say
 * where the counters are kept that hold if the process is killed (tally.h); both may be missing.
 *
 * The journal grows with every change; once it has twice as many lines as there are rules it is rewritten from what is alive,
 * which also saves the counters, as does a graceful stop.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/pipeline/journal.h"
#include "switchd/pipeline/table_private.h"
#include "switchd/pipeline/tally.h"

LOG_MODULE(journal);

/* Below this many lines nobody minds. */
#define COMPACT_MIN 1000

/* How long to leave a full disk alone before the next rewrite is tried. */
#define RETRY_MS 10000

/* What to add to a time of the daemon's clock to get wall-clock time. */
static int64_t wall_offset(const struct tables *tables)
{
	return tables->config.wall_ms() - tables->now_ms;
}

static void put_flow(const struct rule *rule, struct ds *out)
{
	const struct rule_format_options options = {.no_stats = true};

	rule_format(rule, &options, out);
	ds_put_char(out, '\n');
}

static void put_number(int64_t number, struct ds *out)
{
	ds_put_char(out, ' ');
	ds_put_i64(out, number);
}

static void put_count(uint64_t count, struct ds *out)
{
	ds_put_char(out, ' ');
	ds_put_u64(out, count);
}

/* A place for the rule's counters, unless it has one. */
static void put_place(struct tables *tables, struct rule *rule, struct ds *out)
{
	if (!rule->tally && tables->tallies) {
		uint32_t place = tally_get(tables->tallies, __atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED),
					   __atomic_load_n(&rule->n_bytes, __ATOMIC_RELAXED));

		rule->tallies = tables->tallies;
		__atomic_store_n(&rule->tally, place, __ATOMIC_RELEASE);
	}
	if (rule->tally) {
		put_count(rule->tally, out);
		put_count(tally_id(rule->tallies, rule->tally), out);
	}
}

static void put_add(struct tables *tables, struct rule *rule, int64_t offset, int64_t now_ms, struct ds *out)
{
	ds_put(out, "add");
	put_number(rule->created_ms + offset, out);
	put_number(rule->modified_ms + offset, out);
	put_number(now_ms - __atomic_load_n(&rule->used_ms, __ATOMIC_RELAXED), out);
	put_count(__atomic_load_n(&rule->n_packets, __ATOMIC_RELAXED), out);
	put_count(__atomic_load_n(&rule->n_bytes, __ATOMIC_RELAXED), out);
	put_place(tables, rule, out);
	put_flow(rule, out);
}

static void put_mod(struct tables *tables, struct rule *rule, int64_t offset, struct ds *out)
{
	ds_put(out, "mod");
	put_number(rule->created_ms + offset, out);
	put_number(rule->modified_ms + offset, out);
	put_place(tables, rule, out);
	put_flow(rule, out);
}

static void put_del(const struct rule *rule, struct ds *out)
{
	struct flow_mod fm = {
		.command = FLOW_DELETE_STRICT,
		.table = rule->table,
		.priority = rule->cr.priority,
		.out_port = OFPP_NONE,
	};

	cls_rule_match(&rule->cr, &fm.match);
	ds_put(out, "del ");
	flow_mod_format(&fm, NULL, out);
	ds_put_char(out, '\n');
}

/* Rules that are gone come first: a rule added again in the same transaction has its "add" behind its "del". */
static size_t put_transaction(const struct tx *tx, struct ds *out)
{
	int64_t offset = wall_offset(tx->tables);
	size_t n = 0;

	for (size_t i = 0; i < tx->n_hidden; i++) {
		if (tx->hidden[i].replaced)
			continue;
		put_del(tx->hidden[i].rule, out);
		n++;
	}
	for (size_t i = 0; i < tx->n_added; i++) {
		if (!tx->added[i].rule)
			continue;
		if (tx->added[i].inherits)
			put_mod(tx->tables, tx->added[i].rule, offset, out);
		else
			put_add(tx->tables, tx->added[i].rule, offset, tx->now_ms, out);
		n++;
	}
	return n;
}

int table_store_append(struct tables *tables, const struct tx *tx, struct errtext *err)
{
	struct ds lines = DS_INIT;
	size_t n;
	int error = 0;

	if (!tables->journal || tx_is_empty(tx))
		return 0;
	n = put_transaction(tx, &lines);
	if (n)
		error = journal_append(tables->journal, ds_cstr(&lines), lines.len, err);
	if (!error)
		tables->n_records += n;
	ds_fini(&lines);
	return error ? -EIO : 0;
}

struct put_all {
	struct tables *tables;
	struct ds lines;
	int64_t offset, now_ms;
};

static int put_one(void *put_, struct rule *rule)
{
	struct put_all *put = put_;

	put_add(put->tables, rule, put->offset, put->now_ms, &put->lines);
	return 0;
}

/* Rewrite the journal from the rules that are there. */
static int rewrite(struct tables *tables, bool keep, struct errtext *err)
{
	const struct flow_mod any = {.table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct put_all put = {tables, DS_INIT, wall_offset(tables), tables->now_ms};
	int error;

	tables_each(tables, &any, put_one, &put);
	error = journal_rewrite(tables->journal, ds_cstr(&put.lines), put.lines.len, keep, err);
	ds_fini(&put.lines);
	if (error)
		return error;
	tables->n_records = tables->n_rules;
	tables->journal_behind = false;
	return 0;
}

static bool is_rewrite_due(const struct tables *tables)
{
	if (tables->now_ms < tables->rewrite_after_ms)
		return false;
	return tables->journal_behind || (tables->n_records >= COMPACT_MIN && tables->n_records / 2 >= tables->n_rules);
}

void table_store_compact(struct tables *tables, bool force)
{
	struct errtext err;

	if (!tables->journal)
		return;
	if (!force && !is_rewrite_due(tables))
		return;
	if (rewrite(tables, false, &err)) {
		log_warn_rl("%s: %s", tables->name, err.text);
		tables->rewrite_after_ms = tables->now_ms + RETRY_MS;
	}
}

void table_store_close(struct tables *tables)
{
	table_store_compact(tables, true);
	journal_close(tables->journal);
	tallies_close(tables->tallies);
	tables->journal = NULL;
	tables->tallies = NULL;
}

void tables_delete_journal(struct tables *tables)
{
	if (!tables->journal)
		return;
	journal_unlink(tables->journal);
	journal_close(tables->journal);
	tallies_unlink(tables->tallies);
	tables->journal = NULL;
}

/* Reading. */

struct load {
	struct tx *tx;
	int64_t offset;
	size_t n_lines, n_bad;
	struct errtext first_bad;
};

/* Take "N N N ..." off the front of a line. Return: whether there were @n numbers. */
static bool take_numbers(const char **line, int64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;

		errno = 0;
		numbers[i] = strtoll(*line, &end, 10);
		if (errno || end == *line || *end != ' ')
			return false;
		*line = end + 1;
	}
	return true;
}

static struct rule *find_strict(const struct tx *tx, const struct flow_mod *fm)
{
	const struct classifier *cls = tx->tables->table[fm->table].cls;

	return cls ? rule_from_cls(classifier_find(cls, &fm->match, fm->priority, tx->version)) : NULL;
}

static int load_del(struct load *load, const char *text, struct errtext *err)
{
	struct flow_mod fm;
	struct rule *rule;
	int error = flow_mod_parse(text, strlen(text), FLOW_DELETE_STRICT, NULL, &fm, err);

	if (error)
		return error;
	rule = fm.table < N_TABLES ? find_strict(load->tx, &fm) : NULL;
	if (rule)
		tx_hide(load->tx, rule);
	flow_mod_fini(&fm);
	return 0;
}

/* What was counted while the rule lived, if that was kept. */
static void claim_tally(const struct load *load, struct rule *rule, const int64_t place_and_id[2])
{
	struct tallies *tallies = load->tx->tables->tallies;

	if (!tallies || place_and_id[0] < 0 || place_and_id[0] > UINT32_MAX ||
	    !tally_claim(tallies, (uint32_t)place_and_id[0], (uint64_t)place_and_id[1], &rule->n_packets,
			 &rule->n_bytes))
		return;
	rule->tallies = tallies;
	rule->tally = (uint32_t)place_and_id[0];
}

/* @numbers: created, modified, and for "add" also idle, packets, bytes; then place and id, or zeros. */
static void load_rule(struct load *load, const struct flow_mod *fm, const int64_t *numbers, bool is_mod)
{
	struct rule *old = find_strict(load->tx, fm);
	struct rule *rule = rule_new(fm->table, &fm->match, fm->actions.data, fm->actions.len, load->tx->now_ms);

	rule->cookie = fm->new_cookie;
	rule->flags = (uint8_t)fm->flags;
	rule->importance = fm->importance;
	rule->idle_timeout_s = fm->idle_timeout_s;
	rule->hard_timeout_s = fm->hard_timeout_s;
	rule->created_ms = numbers[0] - load->offset;
	rule->modified_ms = numbers[1] - load->offset;
	if (!is_mod) {
		rule->used_ms -= numbers[2];
		rule->n_packets = (uint64_t)numbers[3];
		rule->n_bytes = (uint64_t)numbers[4];
	}
	if (old)
		tx_replace(load->tx, old, rule, is_mod);
	else
		tx_insert(load->tx, rule, &fm->match, fm->priority);
	claim_tally(load, rule, numbers + (is_mod ? 2 : 5));
}

static int load_line(struct load *load, const char *line, struct errtext *err)
{
	bool is_mod = strncmp(line, "mod ", 4) == 0;
	int64_t numbers[7];
	size_t n = is_mod ? 2 : 5;
	struct flow_mod fm;
	int error;

	if (strncmp(line, "del ", 4) == 0)
		return load_del(load, line + 4, err);
	if (!is_mod && strncmp(line, "add ", 4) != 0)
		return errtext_set(err, EINVAL, "expected 'add', 'mod' or 'del'");
	line += 4;
	numbers[n] = numbers[n + 1] = 0;
	if (!take_numbers(&line, numbers, n) || (isdigit((uint8_t)*line) && !take_numbers(&line, numbers + n, 2)))
		return errtext_set(err, EINVAL, "expected times and counters in front of the flow");
	error = flow_mod_parse(line, strlen(line), FLOW_ADD, NULL, &fm, err);
	if (error)
		return error;
	load_rule(load, &fm, numbers, is_mod);
	flow_mod_fini(&fm);
	return 0;
}

/* A transaction whose checksum is right. A line that cannot be read (written by another version) must not take others with it. */
static void load_transaction(void *load_, const char *lines, size_t len)
{
	struct load *load = load_;
	char *copy = xmemdup(lines, len + 1), *line = copy, *newline;

	copy[len] = '\0';
	for (; (newline = strchr(line, '\n')); line = newline + 1) {
		struct errtext err;

		*newline = '\0';
		load->n_lines++;
		if (!load_line(load, line, &err))
			continue;
		if (!load->n_bad++)
			load->first_bad = err;
	}
	free(copy);
}

static void say_what_was_wrong(const struct tables *tables, const struct journal_info *info, const struct load *load)
{
	const char *path = tables->config.journal;

	if (info->torn)
		log_info("%s: %s ended in an unfinished change that nobody was told had happened; it was cut off",
			 tables->name, path);
	if (info->damaged)
		log_warn("%s: %s is damaged behind transaction %zu; the flows up to there are in use, the file is kept "
			 "as "
			 "%s.damaged",
			 tables->name, path, info->n_transactions, path);
	if (load->n_bad)
		log_warn("%s: %zu of %zu lines of %s cannot be read (the first: %s) and were left out; the file is "
			 "kept as "
			 "%s.damaged",
			 tables->name, load->n_bad, load->n_lines, path, load->first_bad.text, path);
}

/* Without them the tables work all the same. */
static void open_tallies(struct tables *tables)
{
	char *path = xasprintf("%s.counts", tables->config.journal);
	struct errtext err;

	if (tallies_open(path, &tables->tallies, &err))
		log_warn("%s: %s", tables->name, err.text);
	free(path);
}

int table_store_open(struct tables *tables, struct errtext *err)
{
	struct load load = {.offset = wall_offset(tables)};
	struct journal_info info;
	struct tx tx;
	int error;

	open_tallies(tables);

	tx_init(&tx, tables, tables->now_ms);
	load.tx = &tx;
	error = journal_open(tables->config.journal, load_transaction, &load, &info, &tables->journal, err);
	if (error) {
		tx_abort(&tx);
		return error;
	}
	tx_commit(&tx);
	if (tables->tallies)
		tallies_settle(tables->tallies);
	tables->n_records = load.n_lines;
	if (!info.damaged && !load.n_bad) {
		say_what_was_wrong(tables, &info, &load);
		return 0;
	}
	error = rewrite(tables, true, err);
	if (error) {
		/* Hands off a file that could not be put aside. */
		journal_close(tables->journal);
		tables->journal = NULL;
		return error;
	}
	say_what_was_wrong(tables, &info, &load);
	return 0;
}
