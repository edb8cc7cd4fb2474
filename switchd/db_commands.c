// SPDX-License-Identifier: Apache-2.0
/*
 * db/run: a line of commands as one transaction; db/complete: names for a shell.
 *
 * wait-until makes a request wait. Nothing of it stays open meanwhile: the transaction is dropped, and the whole line runs anew, from its first
 * command, after each change of the database.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/list.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/config_apply.h"
#include "switchd/control.h"
#include "switchd/uplink.h"
#include "switchd/vsctl.h"

enum { POLL_MS = 1000 };

/** One command of a line: its words, which belong to the request, and what it said. */
struct command {
	const char **argv;
	size_t argc;
	struct vsctl_output out;
};

struct line {
	struct command *commands;
	size_t n;
	struct dbcmd_style style;
	bool oneline, dry_run, json;
	/* while it waits */
	struct control_request *request;
	struct cds_list_head node;
	struct loop_timer timeout;
	struct loop_timer poll; /* counters change without telling */
};

static struct loop *main_loop;
static CDS_LIST_HEAD(waiting);
static struct db_observer observer;
static bool retry_posted;

/* ---- from JSON ---- */

static void forget_output(struct line *line)
{
	for (size_t i = 0; i < line->n; i++) {
		vsctl_output_fini(&line->commands[i].out);
		line->commands[i].out = (struct vsctl_output){0};
	}
}

static void line_free(struct line *line)
{
	forget_output(line);
	for (size_t i = 0; i < line->n; i++)
		free(line->commands[i].argv);
	free(line->commands);
	free(line);
}

static struct command *add_command(struct line *line, size_t max_words)
{
	line->commands = xrealloc(line->commands, (line->n + 1) * sizeof *line->commands);
	line->commands[line->n] = (struct command){.argv = xcalloc(max_words + 1, sizeof(char *))};
	return &line->commands[line->n++];
}

/* One list of words: a command, or several with "--" between them. */
static int read_words(struct line *line, const json_t *words, struct errtext *err)
{
	struct command *c = NULL;
	json_t *word;
	size_t i;

	json_array_foreach((json_t *)words, i, word) {
		const char *text = json_string_value(word);

		if (!text)
			return errtext_set(err, EINVAL, "\"commands\" must be a list of lists of strings");
		if (!strcmp(text, "--")) {
			c = NULL;
			continue;
		}
		if (!c)
			c = add_command(line, json_array_size(words) - i);
		c->argv[c->argc++] = text;
	}
	return 0;
}

static int read_option(struct line *line, const char *word, struct errtext *err)
{
	int taken;

	if (!word)
		return errtext_set(err, EINVAL, "\"options\" must be a list of strings");
	taken = dbcmd_style_option(&line->style, word, err);
	if (taken)
		return taken < 0 ? taken : 0;
	if (!strcmp(word, "--oneline"))
		line->oneline = true;
	else if (!strcmp(word, "--dry-run"))
		line->dry_run = true;
	else if (strcmp(word, "--no-wait") != 0)
		return errtext_set(err, EINVAL, "unrecognized option '%.40s'", word);
	return 0;
}

static int read_line(struct line *line, const json_t *params, struct errtext *err)
{
	const json_t *commands = json_object_get(params, "commands"), *options = json_object_get(params, "options");
	int error = control_allow(params, "commands,options,timeout_ms", err);
	json_t *item;
	size_t i;

	line->json = control_wants_json(params, &error, err);
	if (!error && !json_is_array(commands))
		error = errtext_set(err, EINVAL, "\"commands\" must be a list of lists of strings");
	if (!error && options && !json_is_array(options))
		error = errtext_set(err, EINVAL, "\"options\" must be a list of strings");
	if (error)
		return error;
	json_array_foreach((json_t *)options, i, item) {
		error = read_option(line, json_string_value(item), err);
		if (error)
			return error;
	}
	json_array_foreach((json_t *)commands, i, item) {
		error = json_is_array(item)
				? read_words(line, item, err)
				: errtext_set(err, EINVAL, "\"commands\" must be a list of lists of strings");
		if (error)
			return error;
	}
	return line->n ? 0 : errtext_set(err, EINVAL, "missing command name");
}

/* ---- statistics, before somebody reads them ---- */

static bool reads_rows(const char *name)
{
	return !strcmp(name, "list") || !strcmp(name, "find") || !strcmp(name, "get") || !strcmp(name, "wait-until");
}

/* Of the interfaces that the command names, or of all when it names none; of all mirrors. */
static void refresh_for(const struct command *c)
{
	const char *name = vsctl_name_of(c->argc, c->argv);
	const struct table_schema *table = NULL;
	bool named = false;
	size_t i = 0;

	if (!name || !reads_rows(name))
		return;
	while (c->argv[i] != name)
		i++;
	if (++i == c->argc || schema_match_table(db_schema(config_db()), c->argv[i], &table, NULL))
		return;
	if (!strcmp(table->name, "Mirror"))
		config_report_mirrors();
	if (strcmp(table->name, "Interface") != 0)
		return;
	for (i++; i < c->argc; i++) {
		struct iface *iface = iface_by_name(c->argv[i]);

		if (iface)
			config_report_stats(iface);
		named |= iface != NULL;
	}
	if (!named)
		config_report_stats(NULL);
}

/* ---- running ---- */

/* A failure that names a port: which command of the line wanted it? */
static void explain(const struct line *line, const char *port, struct errtext *err)
{
	for (size_t i = line->n; i-- > 0;) {
		const struct command *c = &line->commands[i];

		for (size_t w = 0; w < c->argc; w++)
			if (!strcmp(c->argv[w], port)) {
				errtext_prefix(err, "%s %s", vsctl_name_of(c->argc, c->argv), port);
				return;
			}
	}
	errtext_prefix(err, "%s", port);
}

static void refresh_line(const struct line *line)
{
	for (size_t i = 0; i < line->n; i++)
		refresh_for(&line->commands[i]);
}

/* Run all commands in one transaction. Return: 0, -EAGAIN: wait, or another negative errno with @err. */
static int run_line(struct line *line, struct errtext *err)
{
	struct config_failure failure = {0};
	struct db_txn *txn;
	int error = 0;

	txn = db_txn_begin(config_db());
	for (size_t i = 0; i < line->n && !error; i++) {
		struct command *c = &line->commands[i];

		error = vsctl_run(txn, c->argc, c->argv, &line->style, &c->out, err);
	}
	if (!error)
		error = uplink_check_txn(txn, err);
	if (error || line->dry_run) {
		db_txn_abort(txn);
		return error;
	}
	error = config_commit(txn, &failure, err);
	if (error && failure.port[0])
		explain(line, failure.port, err);
	return error;
}

/* ovs-vsctl --oneline: each command's output on one line. */
static void put_oneline(const char *text, struct ds *out)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && i + 1 < len)
			ds_put(out, "\\n");
		else if (text[i] == '\\')
			ds_put(out, "\\\\");
		else if (text[i] != '\n')
			ds_put_char(out, text[i]);
	}
	ds_put_char(out, '\n');
}

static json_t *one_result(struct line *line, struct command *c, struct ds *all)
{
	struct ds text = DS_INIT;
	json_t *result;

	if (line->json) {
		result = json_incref(c->out.json);
	} else {
		if (line->oneline)
			put_oneline(ds_cstr(&c->out.text), &text);
		else
			ds_put(&text, ds_cstr(&c->out.text));
		ds_put(all, ds_cstr(&text));
		result = json_pack("{s:s}", "text", ds_cstr(&text));
	}
	json_object_set_new(result, "exit", json_integer(c->out.exit));
	ds_fini(&text);
	return result;
}

static json_t *line_result(struct line *line)
{
	json_t *result = json_object(), *commands = json_array();
	struct ds all = DS_INIT;
	int status = 0;

	for (size_t i = 0; i < line->n; i++) {
		json_array_append_new(commands, one_result(line, &line->commands[i], &all));
		if (line->commands[i].out.exit)
			status = line->commands[i].out.exit;
	}
	if (!line->json)
		json_object_set_new(result, "text", json_string(ds_cstr(&all)));
	json_object_set_new(result, "exit", json_integer(status));
	json_object_set_new(result, "commands", commands);
	ds_fini(&all);
	return result;
}

/* ---- waiting ---- */

static void stop_waiting(struct line *line)
{
	cds_list_del(&line->node);
	loop_cancel_timer(main_loop, &line->timeout);
	loop_cancel_timer(main_loop, &line->poll);
	line_free(line);
	if (cds_list_empty(&waiting))
		db_unobserve(config_db(), &observer);
}

static void finish_waiting(struct line *line, int error, const struct errtext *err)
{
	control_reply(line->request, error, error ? NULL : line_result(line), err);
	stop_waiting(line);
}

static void client_gone(void *aux)
{
	stop_waiting(aux);
}

static void timed_out(struct loop_timer *self, int64_t now_ms)
{
	struct line *line = container_of(self, struct line, timeout);
	struct errtext err;

	(void)now_ms;
	finish_waiting(line, errtext_set(&err, ETIMEDOUT, "wait-until: the condition did not come true in time"), &err);
}

/* Each line once; a line that changes something posts another round. */
static void retry(void *aux)
{
	struct cds_list_head round = CDS_LIST_HEAD_INIT(round);

	(void)aux;
	retry_posted = false;
	cds_list_splice(&waiting, &round);
	CDS_INIT_LIST_HEAD(&waiting);
	while (!cds_list_empty(&round)) {
		struct line *line = cds_list_entry(round.next, struct line, node);
		struct errtext err = {0};
		int error;

		cds_list_del(&line->node);
		cds_list_add_tail(&line->node, &waiting);
		forget_output(line);
		error = run_line(line, &err);
		if (error != -EAGAIN)
			finish_waiting(line, error, &err);
	}
}

static void database_changed(struct db_observer *self, const struct db_change *changes)
{
	(void)self;
	(void)changes;
	if (!retry_posted)
		loop_post(main_loop, retry, NULL);
	retry_posted = true;
}

/* Fresh counters are a change like any other, and make the line run again. */
static void poll_counters(struct loop_timer *self, int64_t now_ms)
{
	refresh_line(container_of(self, struct line, poll));
	loop_set_timer(main_loop, self, now_ms + POLL_MS, poll_counters);
}

static void wait_for_change(struct line *line, struct control_request *request, int64_t timeout_ms)
{
	if (cds_list_empty(&waiting))
		db_observe(config_db(), &observer);
	line->request = request;
	cds_list_add_tail(&line->node, &waiting);
	if (timeout_ms > 0)
		loop_set_timer(main_loop, &line->timeout, clock_now_ms() + timeout_ms, timed_out);
	loop_set_timer(main_loop, &line->poll, clock_now_ms() + POLL_MS, poll_counters);
	control_defer(request, client_gone, line);
}

static int db_run(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct line *line = xzalloc(sizeof *line);
	int error = read_line(line, params, err);
	int64_t timeout_ms = control_int(params, "timeout_ms", 0, &error, err);

	if (!error) {
		refresh_line(line);
		error = run_line(line, err);
	}
	if (error == -EAGAIN) {
		wait_for_change(line, request, timeout_ms);
		return 0;
	}
	if (!error)
		*result = line_result(line);
	line_free(line);
	return error;
}

/* ---- completion ---- */

static void names_of_rows(const char *table, json_t *words)
{
	struct db_row *row;

	DB_FOR_EACH_ROW(row, db_table(config_db(), table), NULL)
		json_array_append_new(words, json_string(db_get_string(row, NULL, "name", "")));
}

static void names_of_ports(const char *bridge, json_t *words)
{
	const struct bridge *br = bridge ? bridge_by_name(bridge) : NULL;
	struct port *port;

	if (!bridge)
		HMAP_FOR_EACH(port, name_node, &vswitch.ports)
			json_array_append_new(words, json_string(port->name));
	if (br)
		cds_list_for_each_entry(port, &br->ports, bridge_node)
			json_array_append_new(words, json_string(port->name));
}

static int names_of_columns(const char *table, json_t *words, struct errtext *err)
{
	const struct table_schema *schema;
	int error = schema_match_table(db_schema(config_db()), table, &schema, err);

	for (size_t i = 0; !error && i < schema->n_columns; i++)
		json_array_append_new(words, json_string(schema->columns[i].name));
	return error;
}

static int collect_words(const char *what, const char *bridge, const char *table, json_t *words, struct errtext *err)
{
	const struct schema *schema = db_schema(config_db());

	if (!strcmp(what, "bridges"))
		names_of_rows("Bridge", words);
	else if (!strcmp(what, "ports"))
		names_of_ports(bridge, words);
	else if (!strcmp(what, "interfaces"))
		names_of_rows("Interface", words);
	else if (!strcmp(what, "columns"))
		return names_of_columns(table, words, err);
	else if (!strcmp(what, "tables"))
		for (size_t i = 0; i < schema->n_tables; i++)
			json_array_append_new(words, json_string(schema->tables[i].name));
	else
		return errtext_set(err, EINVAL, "\"what\" must be bridges, ports, interfaces, tables or columns");
	return 0;
}

static int db_complete(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "what,bridge,table", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *what = control_str(params, "what", "", &error, err);
	const char *bridge = control_str(params, "bridge", NULL, &error, err);
	const char *table = control_str(params, "table", "", &error, err);
	json_t *words = json_array(), *word;
	struct ds text = DS_INIT;
	size_t i;

	(void)request;
	if (!error)
		error = collect_words(what, bridge, table, words, err);
	json_array_foreach(words, i, word)
		ds_printf(&text, "%s\n", json_string_value(word));
	if (!error)
		*result = as_json ? json_pack("{s:O, s:i}", "words", words, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(words);
	ds_fini(&text);
	return error;
}

void db_commands_register(struct loop *loop)
{
	main_loop = loop;
	observer.changed = database_changed;
	control_register("db/run", db_run);
	control_register("db/complete", db_complete);
}

void db_commands_stop(void)
{
	struct errtext err;

	errtext_set(&err, ESHUTDOWN, "the switch is stopping");
	while (!cds_list_empty(&waiting))
		finish_waiting(cds_list_entry(waiting.next, struct line, node), -ESHUTDOWN, &err);
}
