// SPDX-License-Identifier: Apache-2.0
/*
 * The database on disk: what was acknowledged is there after kill -9, what is damaged is refused and left alone, a full disk is survived.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "ovsdb/db.h"
#include "ovsdb/db_store.h"

static char folder[64], path[80];
static struct errtext err;

/* ---- files ---- */

struct bytes {
	unsigned char *data;
	size_t n;
};

static const char *beside(const char *suffix)
{
	static char name[2][96];
	static int turn;

	turn = !turn;
	snprintf(name[turn], sizeof name[turn], "%s%s", path, suffix);
	return name[turn];
}

static struct bytes slurp(const char *name)
{
	struct bytes b = {NULL, 0};
	FILE *f = fopen(name, "rb");
	long size;

	if (!f)
		return b;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	b.data = xmalloc((size_t)size + 1);
	b.n = fread(b.data, 1, (size_t)size, f);
	fclose(f);
	return b;
}

static void spit(const char *name, struct bytes b)
{
	FILE *f = fopen(name, "wb");

	assert_non_null(f);
	assert_int_equal(b.n ? fwrite(b.data, 1, b.n, f) : 0, b.n);
	assert_int_equal(fclose(f), 0);
}

static bool same(struct bytes a, struct bytes b)
{
	return a.n == b.n && (!a.n || !memcmp(a.data, b.data, a.n));
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/vsw-store-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/conf.db", folder);
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".new", ".new-wal", ".copy"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		unlink(beside(suffixes[i]));
	return rmdir(folder);
}

/* ---- databases ---- */

static struct db *open_db(void)
{
	struct db *db;

	if (db_open(&db, path, &err))
		fail_msg("%s", err.text);
	return db;
}

static void refuse(int code, const char *part)
{
	struct db *db;
	int rc = db_open(&db, path, &err);

	assert_int_equal(rc, -code);
	if (!strstr(err.text, part))
		fail_msg("expected \"%s\" in \"%s\"", part, err.text);
}

static struct db_row *root_of(struct db *db)
{
	return db_row_first(db_table(db, "Open_vSwitch"), NULL);
}

static struct db_row *add_bridge(struct db *db, struct db_txn *txn, const char *name)
{
	struct db_row *bridge = db_txn_insert(txn, db_table(db, "Bridge"), NULL);

	db_set_string(txn, bridge, "name", name);
	db_add_ref(txn, root_of(db), "bridges", bridge);
	return bridge;
}

static struct db_row *add_port(struct db *db, struct db_txn *txn, struct db_row *bridge, const char *name)
{
	struct db_row *port = db_txn_insert(txn, db_table(db, "Port"), NULL);
	struct db_row *iface = db_txn_insert(txn, db_table(db, "Interface"), NULL);

	db_set_string(txn, port, "name", name);
	db_set_string(txn, iface, "name", name);
	db_add_ref(txn, port, "interfaces", iface);
	db_add_ref(txn, bridge, "ports", port);
	return port;
}

/* A bridge with @n_ports ports, a QoS with a queue, and some maps. */
static void populate(struct db *db, int n_ports)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *bridge = add_bridge(db, txn, "br0"), *qos, *port = NULL;
	struct db_row *queue = db_txn_insert(txn, db_table(db, "Queue"), NULL);
	const struct column_schema *queues;
	union atom number = {.integer = 3}, target = {.uuid = *db_row_uuid(queue)};
	struct datum map = DATUM_EMPTY;
	char name[16];

	for (int i = 0; i < n_ports; i++) {
		snprintf(name, sizeof name, "p%d", i);
		port = add_port(db, txn, bridge, name);
		db_set_integer(txn, port, "tag", i % 4096);
	}
	qos = db_txn_insert(txn, db_table(db, "QoS"), NULL);
	queues = schema_column(db_table_schema(db_table(db, "QoS")), "queues");
	datum_add(&map, &number, &target, &queues->type, true);
	assert_int_equal(db_txn_set(txn, qos, queues, &map, &err), 0);
	if (port)
		db_add_ref(txn, port, "qos", qos);
	db_set_key(txn, bridge, "other_config", "k 1", "v \"quoted\" \xc3\xa9");
	db_set_key(txn, bridge, "external_ids", "empty", "");
	assert_int_equal(db_txn_commit(txn, &err), 0);
}

/* Everything persistent as text, in the order of UUIDs. */
static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *row_text(const struct db_row *row)
{
	const struct table_schema *schema = db_table_schema(db_row_table(row));
	struct ds out = DS_INIT;
	char uuid[UUID_LEN + 1];

	ds_printf(&out, "%s %s", schema->name, uuid_to_text(db_row_uuid(row), uuid));
	for (size_t i = 0; i < schema->n_columns; i++) {
		if (schema->columns[i].ephemeral)
			continue;
		ds_put_char(&out, ' ');
		datum_to_text(db_row_get(row, NULL, &schema->columns[i]), &schema->columns[i].type, &out);
	}
	ds_put_char(&out, '\n');
	return ds_steal(&out);
}

static char *dump(const struct db *db)
{
	const struct schema *schema = db_schema(db);
	char **lines = NULL;
	struct ds out = DS_INIT;
	size_t n = 0;

	for (size_t i = 0; i < schema->n_tables; i++) {
		struct db_row *row;

		DB_FOR_EACH_ROW(row, db_table_of(db, &schema->tables[i]), NULL) {
			lines = xrealloc(lines, (n + 1) * sizeof *lines);
			lines[n++] = row_text(row);
		}
	}
	qsort(lines, n, sizeof *lines, compare_lines);
	for (size_t i = 0; i < n; i++) {
		ds_put(&out, lines[i]);
		free(lines[i]);
	}
	free(lines);
	return ds_steal(&out);
}

/* ---- plain life ---- */

static void test_reopen(void **state)
{
	struct db *db = open_db();
	char *before, *after;

	(void)state;
	populate(db, 50);
	before = dump(db);
	db_free(db);
	db = open_db();
	after = dump(db);
	assert_string_equal(before, after);
	assert_int_equal(db_get(db_find_name(db_table(db, "Bridge"), NULL, "br0"), NULL, "ports")->n, 50);
	free(before);
	free(after);
	db_free(db);
}

/* Rows and elements that go leave nothing behind: many random transactions, reopened now and then. */
static void test_random_changes(void **state)
{
	struct db *db = open_db();
	unsigned int seed = 3;

	(void)state;
	populate(db, 0);
	for (int i = 0; i < 400; i++) {
		struct db_txn *txn = db_txn_begin(db);
		struct db_row *bridge = db_find_name(db_table(db, "Bridge"), NULL, "br0"), *port;
		char name[16];

		snprintf(name, sizeof name, "p%d", rand_r(&seed) % 20);
		port = db_find_name(db_table(db, "Port"), NULL, name);
		if (!port)
			add_port(db, txn, bridge, name);
		else if (rand_r(&seed) & 1)
			db_remove_ref(txn, bridge, "ports", port);
		else
			db_set_integer(txn, port, "tag", rand_r(&seed) % 4096);
		assert_int_equal(db_txn_commit(txn, &err), 0);
		if (i % 40 == 39) {
			char *before = dump(db), *after;

			db_free(db);
			db = open_db();
			after = dump(db);
			assert_string_equal(before, after);
			free(before);
			free(after);
		}
	}
	db_free(db);
}

static void test_ephemeral_stays_in_memory(void **state)
{
	struct db *db = open_db();
	struct bytes before, after;
	struct db_row *iface;
	struct db_txn *txn;

	(void)state;
	populate(db, 1);
	before = slurp(beside("-wal"));
	iface = db_find_name(db_table(db, "Interface"), NULL, "p0");
	assert_true(db_status_set_string(iface, "link_state", "up"));
	txn = db_txn_begin(db);
	db_set_string(txn, iface, "error", "gone");
	assert_int_equal(db_txn_commit(txn, &err), 0);
	after = slurp(beside("-wal"));
	assert_true(same(before, after));
	db_free(db);
	db = open_db();
	iface = db_find_name(db_table(db, "Interface"), NULL, "p0");
	assert_int_equal(db_get(iface, NULL, "link_state")->n, 0);
	assert_int_equal(db_get(iface, NULL, "error")->n, 0);
	db_free(db);
	free(before.data);
	free(after.data);
}

/* Pages that 20 further ports write, one transaction each. */
static size_t pages_of_20_ports(struct db *db, const char *prefix)
{
	struct bytes before = slurp(beside("-wal")), after;
	size_t grown;

	for (int i = 0; i < 20; i++) {
		struct db_txn *txn = db_txn_begin(db);
		char name[16];

		snprintf(name, sizeof name, "%s%d", prefix, i);
		add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), name);
		assert_int_equal(db_txn_commit(txn, &err), 0);
	}
	after = slurp(beside("-wal"));
	grown = (after.n - before.n) / 4096;
	free(before.data);
	free(after.data);
	return grown;
}

/* The 1,000th port writes as much as the 10th, but for higher trees; a set written whole would be 12 pages more each. */
static void test_cost_of_a_port(void **state)
{
	struct db *db = open_db();
	struct db_txn *txn;
	size_t few, many;

	(void)state;
	populate(db, 10);
	few = pages_of_20_ports(db, "few");
	txn = db_txn_begin(db);
	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof name, "y%d", i);
		add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), name);
	}
	assert_int_equal(db_txn_commit(txn, &err), 0);
	many = pages_of_20_ports(db, "many");
	assert_in_range(many, 20, few + 100);
	db_free(db);
}

/* ---- refusals ---- */

static void test_in_use(void **state)
{
	struct db *db = open_db();

	(void)state;
	refuse(EBUSY, "is in use by another daemon (process ");
	db_free(db);
	db_free(open_db());
}

static void test_foreign(void **state)
{
	struct bytes text = {(unsigned char *)"[bridges]\nbr0\n", 14}, after;
	sqlite3 *other;

	(void)state;
	spit(path, text);
	refuse(EMEDIUMTYPE, "is not a database of this program");
	after = slurp(path);
	assert_true(same(text, after));
	free(after.data);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE t(x); INSERT INTO t VALUES(1)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(other);
	refuse(EMEDIUMTYPE, "SQLite file of another program");
	text.n = 0;
	spit(path, text);
	refuse(EBADMSG, "it is empty");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refuse(EINVAL, "cannot read");
	assert_int_equal(rmdir(path), 0);
}

static void test_no_folder(void **state)
{
	char good[sizeof path];

	(void)state;
	strcpy(good, path);
	snprintf(path, sizeof path, "%s/no/conf.db", folder);
	refuse(ENOENT, "cannot open");
	strcpy(path, good);
}

/* Run SQL on the closed database, keeping all sums right where the test wants them right. */
static void tamper(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static const struct {
	const char *sql, *error;
} tamperings[] = {
	{"UPDATE row SET body='{}' WHERE tbl='Bridge'", "the checksum of row"},
	{"UPDATE item SET key='x' WHERE col='bridges'", "the checksum of row"},
	{"DELETE FROM row WHERE tbl='Queue'", "rows are missing"},
	{"DELETE FROM item WHERE col='ports'", "rows are missing"},
	{"UPDATE meta SET seq=seq+1", "meta fails its checksum"},
	{"DELETE FROM meta", "meta fails its checksum"},
	{"CREATE TABLE extra(x)", "its tables are not those"},
	{"CREATE INDEX i ON row(body)", "its tables are not those"},
	{"DROP TABLE item", "its tables are not those"},
};

static void test_tampered(void **state)
{
	struct db *db = open_db();
	struct bytes good;

	(void)state;
	populate(db, 3);
	db_free(db);
	good = slurp(path);
	for (size_t i = 0; i < ARRAY_SIZE(tamperings); i++) {
		struct bytes before, after;

		spit(path, good);
		tamper(tamperings[i].sql);
		before = slurp(path);
		refuse(EBADMSG, tamperings[i].error);
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, "To start afresh, move "));
		after = slurp(path);
		assert_true(same(before, after));
		free(before.data);
		free(after.data);
	}
	free(good.data);
}

/* ---- flipped bytes ---- */

/* A fork with its shadow memory takes ten times as long: the plain build looks at every byte, this one at samples. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARSER = 12 };
#else
enum { SPARSER = 1 };
#endif

/* Open in a child, so that a crash is seen. Return: 'r' refused, 's' the same content, 'd' different, 'c' crashed. */
static char try_open(const char *content)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct db *db;
		char *now;
		char result;

		freopen("/dev/null", "w", stderr);
		if (db_open(&db, path, &err))
			_exit(strlen(err.text) > 10 ? 'r' : 'c');
		now = dump(db);
		result = strcmp(now, content) ? 'd' : 's';
		_exit(result);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? (char)WEXITSTATUS(status) : 'c';
}

/*
 * Every @step-th of the first @limit bytes of FILE@suffix gets @mask xored in; a refused file must be as it was, an
 * accepted one have the same content. Return: number of refusals.
 */
static size_t flip_bytes(const char *suffix, size_t limit, size_t step, unsigned char mask, const char *content)
{
	char *victim = xstrdup(beside(suffix));
	struct bytes main = slurp(path), wal = slurp(beside("-wal")), lock = slurp(beside(".lock"));
	struct bytes file = slurp(victim);
	size_t n_refused = 0;

	for (size_t at = 0; at < MIN(limit, file.n); at += step) {
		struct bytes after;
		char what;

		file.data[at] ^= mask;
		spit(victim, file);
		what = try_open(content);
		after = slurp(victim);
		if ((what != 's' && what != 'r') || (what == 'r' && !same(after, file)))
			fail_msg("byte %zu of %s: %c%s", at, victim, what,
				 same(after, file) ? "" : ", and the file changed");
		free(after.data);
		file.data[at] ^= mask;
		n_refused += what == 'r';
		if (what == 's') {
			spit(path, main);
			spit(beside("-wal"), wal);
			spit(beside(".lock"), lock);
		}
	}
	spit(victim, file);
	free(main.data);
	free(wal.data);
	free(lock.data);
	free(file.data);
	free(victim);
	return n_refused;
}

static void test_flipped_bytes(void **state)
{
	struct db *db = open_db();
	char *content;
	size_t n;

	(void)state;
	populate(db, 4);
	content = dump(db);
	db_free(db);
	n = flip_bytes("", 4096, SPARSER, 0xff, content); /* each byte of a page */
	assert_true(n > 100 / SPARSER);
	n = flip_bytes("", SIZE_MAX, 29 * SPARSER, 0x01, content); /* and samples of all */
	assert_true(n > 50 / SPARSER);
	free(content);
}

/* Not closed but killed: the log stays. */
static char *populate_and_die(int n_ports)
{
	struct db *db = open_db();
	char *content;
	pid_t child;
	int status;

	populate(db, 0);
	db_free(db);
	child = fork();
	if (!child) {
		struct db_txn *txn;

		db = open_db();
		for (int i = 0; i < n_ports; i++) {
			char name[16];

			snprintf(name, sizeof name, "p%d", i);
			txn = db_txn_begin(db);
			add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), name);
			if (db_txn_commit(txn, &err))
				_exit(1);
		}
		content = dump(db);
		spit(beside(".copy"), (struct bytes){(unsigned char *)content, strlen(content)});
		raise(SIGKILL);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	content = (char *)slurp(beside(".copy")).data;
	return content;
}

/* A file written under a schema with another column: a column of ours taken away does the same. */
static void test_unknown_column(void **state)
{
	json_t *json = json_loads(schema_vswitch_text(), 0, NULL), *table;
	struct schema *smaller;
	char *content = populate_and_die(2);
	struct bytes main = slurp(path), wal = slurp(beside("-wal")), after;
	struct db_store *store;
	struct db *db;

	(void)state;
	table = json_object_get(json_object_get(json, "tables"), "Port");
	assert_int_equal(json_object_del(json_object_get(table, "columns"), "interfaces"), 0);
	assert_int_equal(schema_from_json(&smaller, json, &err), 0);
	assert_int_equal(db_store_open(&store, path, smaller, &err), 0);
	db = db_new(smaller, store);
	assert_int_equal(db_store_load(store, db, &err), -EPROTO);
	assert_non_null(
		strstr(err.text, "table Port: unknown column \"interfaces\"; this file is from another version"));
	db_free(db);
	after = slurp(path);
	assert_true(same(main, after));
	free(after.data);
	after = slurp(beside("-wal"));
	assert_true(same(wal, after));
	free(after.data);
	free(main.data);
	free(wal.data);
	free(content);
	schema_free(smaller);
	json_decref(json);
	db_free(open_db());
}

static void test_flipped_bytes_in_the_log(void **state)
{
	char *content = populate_and_die(3);
	struct bytes copy = slurp(beside(".copy")), wal = slurp(beside("-wal"));
	size_t n;

	(void)state;
	content[copy.n] = '\0';
	assert_true(wal.n > 4096);
	n = flip_bytes("-wal", SIZE_MAX, 61 * SPARSER, 0x10, content);
	assert_true(n > wal.n / (61 * SPARSER) / 2);
	free(copy.data);
	free(wal.data);
	free(content);
}

static void test_lost_log(void **state)
{
	char *content = populate_and_die(3);
	struct bytes lock = slurp(beside(".lock")), wal = slurp(beside("-wal")), main = slurp(path);

	(void)state;
	unlink(beside("-wal"));
	refuse(EBADMSG, "was acknowledged: its log ");
	spit(beside("-wal"), wal);
	unlink(path);
	refuse(EBADMSG, "is gone, but its log ");
	spit(path, main);
	spit(beside(".lock"), lock);
	db_free(open_db());
	free(lock.data);
	free(wal.data);
	free(main.data);
	free(content);
}

/* A damaged lock file costs only the check of the log. */
static void test_damaged_lock_file(void **state)
{
	struct bytes bad = {(unsigned char *)"vsw-lock pid=1 id=x seq=99999 sum=12", 37};
	struct db *db = open_db();

	(void)state;
	populate(db, 1);
	db_free(db);
	spit(beside(".lock"), bad);
	db = open_db();
	assert_non_null(db_find_name(db_table(db, "Port"), NULL, "p0"));
	db_free(db);
}

/* ---- kill -9 ---- */

/* Transaction i: port tN gets its number as tag and other_config, the bridge a key; told to the pipe once acknowledged. */
static void transact_for_ever(int report)
{
	struct db *db = open_db();
	struct db_row *bridge = db_find_name(db_table(db, "Bridge"), NULL, "br0");
	int first = atoi(db_get_key(bridge, NULL, "other_config", "last", "0"));

	for (int i = first + 1;; i++) {
		struct db_txn *txn = db_txn_begin(db);
		char name[16], number[16];
		struct db_row *port, *old;

		snprintf(name, sizeof name, "t%d", i);
		snprintf(number, sizeof number, "%d", i);
		port = add_port(db, txn, bridge, name);
		db_set_key(txn, port, "other_config", "number", number);
		db_set_key(txn, bridge, "other_config", "last", number);
		snprintf(name, sizeof name, "t%d", i - 20);
		old = db_find_name(db_table(db, "Port"), txn, name);
		if (old)
			db_remove_ref(txn, bridge, "ports", old);
		if (db_txn_commit(txn, &err) || write(report, &i, sizeof i) != sizeof i)
			_exit(1);
	}
}

static int run_and_kill(unsigned int *seed)
{
	int pipes[2], last = -1, number, status;
	struct timespec delay = {0, rand_r(seed) % 30000000};
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		close(pipes[0]);
		transact_for_ever(pipes[1]);
	}
	close(pipes[1]);
	/* Not a wait for something to happen: the random instant at which the axe falls. */
	nanosleep(&delay, NULL);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	while (read(pipes[0], &number, sizeof number) == sizeof number)
		last = number;
	close(pipes[0]);
	return last;
}

/* The bridge's number says which transaction was the last: exactly its 20 ports must be there. */
static void check_prefix(int acknowledged)
{
	struct db *db = open_db();
	struct db_row *bridge = db_find_name(db_table(db, "Bridge"), NULL, "br0"), *port;
	int last = atoi(db_get_key(bridge, NULL, "other_config", "last", "0"));
	size_t n_ports = (size_t)MIN(last, 20);

	if (acknowledged >= 0)
		assert_in_range(last, acknowledged, acknowledged + 1);
	assert_int_equal(db_get(bridge, NULL, "ports")->n, n_ports);
	assert_int_equal(db_table_count(db_table(db, "Port"), NULL), n_ports);
	assert_int_equal(db_table_count(db_table(db, "Interface"), NULL), n_ports);
	DB_FOR_EACH_ROW(port, db_table(db, "Port"), NULL)
		assert_string_equal(db_get_string(port, NULL, "name", "") + 1,
				    db_get_key(port, NULL, "other_config", "number", ""));
	for (int i = last; i > last - (int)n_ports; i--) {
		char name[16];

		snprintf(name, sizeof name, "t%d", i);
		assert_non_null(db_find_name(db_table(db, "Port"), NULL, name));
	}
	db_free(db);
}

static void test_kill(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct db *db = open_db();
	int best = 0;

	(void)state;
	print_message("seed %u\n", seed);
	populate(db, 0);
	db_free(db);
	for (int i = 0; i < 25; i++) {
		int acknowledged = run_and_kill(&seed);

		check_prefix(acknowledged);
		best = MAX(best, acknowledged);
	}
	assert_true(best > 20);
}

/* Killed while the file is being made: there is none, or a whole one. */
static void test_kill_at_birth(void **state)
{
	(void)state;
	for (long ns = 0; ns < 8000000; ns += 400000) {
		struct timespec delay = {0, ns};
		pid_t child = fork();
		int status;

		if (!child) {
			struct db *db;

			_exit(db_open(&db, path, &err) ? 1 : 0);
		}
		nanosleep(&delay, NULL);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		db_free(open_db());
		unlink(path);
	}
}

/* ---- a full disk ---- */

static char *fill_up(int *fd)
{
	static char block[4096];
	char *name = xasprintf("%s/filler", folder);

	*fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(*fd >= 0);
	while (write(*fd, block, sizeof block) > 0)
		;
	return name;
}

static void full_disk_in_here(void)
{
	struct db *db = open_db();
	char *before, *after, *filler;
	struct db_txn *txn;
	int fd, rc = 0;

	populate(db, 5);
	filler = fill_up(&fd);
	for (int i = 0; i < 50 && !rc; i++) { /* the log may have some room left */
		char name[16];

		before = dump(db);
		snprintf(name, sizeof name, "full%d", i);
		txn = db_txn_begin(db);
		add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), name);
		rc = db_txn_commit(txn, &err);
		if (rc)
			db_txn_abort(txn);
		else
			free(before);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_non_null(strstr(err.text, "the disk is full; nothing was changed"));
	after = dump(db);
	assert_string_equal(before, after);
	for (int i = 0; i < 3; i++) { /* again and again */
		txn = db_txn_begin(db);
		add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), "again");
		assert_int_equal(db_txn_commit(txn, &err), -ENOSPC);
		db_txn_abort(txn);
	}
	assert_int_equal(try_open(before), 'r'); /* the lock still holds */
	assert_int_equal(unlink(filler), 0);
	close(fd);
	txn = db_txn_begin(db);
	add_port(db, txn, db_find_name(db_table(db, "Bridge"), NULL, "br0"), "again");
	assert_int_equal(db_txn_commit(txn, &err), 0);
	free(after);
	after = dump(db);
	db_free(db);
	assert_int_equal(try_open(after), 's');
	free(before);
	free(after);
	free(filler);
}

static void test_full_disk(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (geteuid())
		skip();
	child = fork();
	if (!child) {
		/* A mount namespace of its own: the small file system goes with the process. */
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("vsw-test", folder, "tmpfs", 0, "size=256k"))
			_exit(77);
		full_disk_in_here();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reopen),
		TEST(test_random_changes),
		TEST(test_ephemeral_stays_in_memory),
		TEST(test_cost_of_a_port),
		TEST(test_in_use),
		TEST(test_foreign),
		TEST(test_no_folder),
		TEST(test_tampered),
		TEST(test_unknown_column),
		TEST(test_flipped_bytes),
		TEST(test_flipped_bytes_in_the_log),
		TEST(test_lost_log),
		TEST(test_damaged_lock_file),
		TEST(test_kill),
		TEST(test_kill_at_birth),
		TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
