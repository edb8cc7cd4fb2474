// SPDX-License-Identifier: Apache-2.0
/*
 * Database text: the first byte picks one of the schema's columns (and 255 a command), the rest is a value as text and as JSON.
 *
 * What is accepted must print, and read back as the same value, in both forms. Commands run on a small database in memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/dbcmd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct column_schema *pick_column(unsigned int n)
{
	const struct schema *schema = schema_vswitch();

	for (;;) {
		for (size_t i = 0; i < schema->n_tables; i++) {
			if (n < schema->tables[i].n_columns)
				return &schema->tables[i].columns[n];
			n -= (unsigned int)schema->tables[i].n_columns;
		}
	}
}

static void check(bool truth)
{
	if (!truth)
		abort();
}

static void check_round_trips(const struct datum *d, const struct column_type *type)
{
	struct ds text = DS_INIT, bare = DS_INIT;
	json_t *json = datum_to_json(d, type);
	struct errtext err = {0, ""};
	struct datum again;

	datum_to_text(d, type, &text);
	datum_to_bare(d, type, &bare);
	check(!datum_from_text(&again, type, ds_cstr(&text), NULL, &err) && datum_equal(d, &again, type));
	datum_fini(&again, type);
	check(!datum_from_json(&again, type, json, NULL, &err) && datum_equal(d, &again, type));
	datum_fini(&again, type);
	json_decref(json);
	ds_fini(&text);
	ds_fini(&bare);
}

static void fuzz_value(const struct column_type *type, const char *text)
{
	struct errtext err = {0, ""};
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct datum d;

	if (!datum_from_text(&d, type, text, NULL, &err)) {
		check_round_trips(&d, type);
		datum_fini(&d, type);
	} else {
		check(err.text[0]);
	}
	if (json && !datum_from_json(&d, type, json, NULL, &err)) {
		check_round_trips(&d, type);
		datum_fini(&d, type);
	}
	json_decref(json);
}

static void fill(struct db *db)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *root = db_txn_insert(txn, db_table(db, "Open_vSwitch"), NULL);
	struct db_row *bridge = db_txn_insert(txn, db_table(db, "Bridge"), NULL);
	struct db_row *port = db_txn_insert(txn, db_table(db, "Port"), NULL);
	struct db_row *iface = db_txn_insert(txn, db_table(db, "Interface"), NULL);

	db_set_string(txn, bridge, "name", "br0");
	db_set_string(txn, port, "name", "p");
	db_set_string(txn, iface, "name", "p");
	db_add_ref(txn, port, "interfaces", iface);
	db_add_ref(txn, bridge, "ports", port);
	db_add_ref(txn, root, "bridges", bridge);
	check(!db_txn_commit(txn, NULL));
}

/* Lines are words, an empty line is " -- ". */
static void fuzz_commands(char *text)
{
	struct db *db = db_new(schema_vswitch(), NULL);
	struct db_txn *txn;
	const char *argv[32];
	size_t argc = 0;
	int rc = 0;

	fill(db);
	txn = db_txn_begin(db);
	for (char *word = text, *next; word && !rc; word = next) {
		next = strchr(word, '\n');
		if (next)
			*next++ = '\0';
		if (*word && argc < ARRAY_SIZE(argv))
			argv[argc++] = word;
		if (!*word || !next) {
			struct dbcmd_output out = DBCMD_OUTPUT_INIT;
			struct dbcmd_style style = {DBCMD_TABLE, DBCMD_DATA_STRING, false};
			struct errtext err = {0, ""};
			struct ds printed = DS_INIT;

			rc = dbcmd_run(txn, argc, argv, &out, &err);
			dbcmd_output_print(&out, &style, &printed);
			check(!rc || rc == -EAGAIN || err.text[0]);
			dbcmd_output_fini(&out);
			ds_fini(&printed);
			argc = 0;
		}
	}
	if (rc || db_txn_commit(txn, NULL))
		db_txn_abort(txn);
	db_free(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] == 255)
		fuzz_commands(text);
	else
		fuzz_value(&pick_column(data[0])->type, text);
	free(text);
	return 0;
}
