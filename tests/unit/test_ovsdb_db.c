// SPDX-License-Identifier: Apache-2.0
/*
 * Rows and transactions in memory: what each view sees, references, garbage, indexes, change lists, observers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb/db.h"

static struct db *db;
static struct db_row *root;
static struct errtext err;

static struct db_table *table(const char *name)
{
	return db_table(db, name);
}

static int setup(void **state)
{
	struct db_txn *txn;

	(void)state;
	db = db_new(schema_vswitch(), NULL);
	txn = db_txn_begin(db);
	root = db_txn_insert(txn, table("Open_vSwitch"), NULL);
	return db_txn_commit(txn, NULL);
}

static int teardown(void **state)
{
	(void)state;
	db_free(db);
	return 0;
}

static struct db_row *add_bridge(struct db_txn *txn, const char *name)
{
	struct db_row *bridge = db_txn_insert(txn, table("Bridge"), NULL);

	db_set_string(txn, bridge, "name", name);
	db_add_ref(txn, root, "bridges", bridge);
	return bridge;
}

static struct db_row *add_port(struct db_txn *txn, struct db_row *bridge, const char *name)
{
	struct db_row *port = db_txn_insert(txn, table("Port"), NULL);
	struct db_row *iface = db_txn_insert(txn, table("Interface"), NULL);

	db_set_string(txn, port, "name", name);
	db_set_string(txn, iface, "name", name);
	db_add_ref(txn, port, "interfaces", iface);
	db_add_ref(txn, bridge, "ports", port);
	return port;
}

static void commit(struct db_txn *txn)
{
	if (db_txn_commit(txn, &err))
		fail_msg("%s", err.text);
}

/* The commit must fail like this; the transaction is gone then. */
static void commit_fails(struct db_txn *txn, int code, const char *part)
{
	int rc = db_txn_commit(txn, &err);

	assert_int_equal(rc, -code);
	if (!strstr(err.text, part))
		fail_msg("expected \"%s\" in \"%s\"", part, err.text);
	db_txn_abort(txn);
}

static void test_views(void **state)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *bridge = add_bridge(txn, "br0");

	(void)state;
	assert_null(db_find_name(table("Bridge"), NULL, "br0"));
	assert_ptr_equal(db_find_name(table("Bridge"), txn, "br0"), bridge);
	assert_null(db_row_first(table("Bridge"), NULL));
	assert_ptr_equal(db_row_first(table("Bridge"), txn), bridge);
	assert_int_equal(db_table_count(table("Bridge"), NULL), 0);
	assert_int_equal(db_table_count(table("Bridge"), txn), 1);
	assert_int_equal(db_get(root, NULL, "bridges")->n, 0);
	assert_ptr_equal(db_get_ref(root, txn, "bridges", 0), bridge);
	commit(txn);
	assert_ptr_equal(db_find_name(table("Bridge"), NULL, "br0"), bridge);
	assert_string_equal(db_get_string(bridge, NULL, "name", NULL), "br0");
	assert_int_equal(db_table_count(table("Bridge"), NULL), 1);
}

static void test_abort(void **state)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *bridge = add_bridge(txn, "br0");

	(void)state;
	add_port(txn, bridge, "p1");
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	db_txn_abort(txn);
	assert_int_equal(db_table_count(table("Bridge"), NULL), 0);
	assert_null(db_find_name(table("Port"), NULL, "p1"));
	assert_int_equal(db_get(root, NULL, "bridges")->n, 0);
	txn = db_txn_begin(db);
	add_port(txn, add_bridge(txn, "br0"), "p1");
	commit(txn);
}

static struct db_row *make_bridge(const char *name, const char *port)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *bridge = add_bridge(txn, name);

	add_port(txn, bridge, port);
	commit(txn);
	return bridge;
}

static void test_garbage(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1");
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	db_remove_ref(txn, root, "bridges", bridge);
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	assert_int_equal(db_table_count(table("Interface"), txn), 0);
	commit(txn);
	assert_int_equal(db_table_count(table("Bridge"), NULL), 0);
	assert_int_equal(db_table_count(table("Port"), NULL), 0);
	assert_int_equal(db_table_count(table("Interface"), NULL), 0);
	make_bridge("br0", "p1"); /* the names are free again */
}

/* A row that loses one reference and gains another stays; one that is moved in two steps as well. */
static void test_move(void **state)
{
	struct db_row *a = make_bridge("a", "p1"), *b = make_bridge("b", "p2");
	struct db_row *port = db_find_name(table("Port"), NULL, "p1");
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	assert_ptr_equal(db_row_referrer(port, NULL, table("Bridge")), a);
	db_remove_ref(txn, a, "ports", port);
	db_add_ref(txn, b, "ports", port);
	assert_ptr_equal(db_row_referrer(port, NULL, table("Bridge")), a);
	assert_ptr_equal(db_row_referrer(port, txn, table("Bridge")), b);
	commit(txn);
	assert_ptr_equal(db_row_referrer(port, NULL, table("Bridge")), b);
	assert_int_equal(db_table_count(table("Port"), NULL), 2);
}

static void test_chain_of_garbage(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1"), *iface;
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	/* The interface changes hands while its port goes: it must survive the port. */
	iface = db_get_ref(port, NULL, "interfaces", 0);
	db_add_ref(txn, add_port(txn, bridge, "p2"), "interfaces", iface);
	db_remove_ref(txn, bridge, "ports", port);
	commit(txn);
	assert_int_equal(db_table_count(table("Port"), NULL), 1);
	assert_int_equal(db_table_count(table("Interface"), NULL), 2);
	assert_string_equal(db_get_string(db_row_referrer(iface, NULL, table("Port")), NULL, "name", ""), "p2");
}

static void test_unreferenced_insert(void **state)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *queue;

	(void)state;
	db_set_string(txn, db_txn_insert(txn, table("Mirror"), NULL), "name", "m");
	queue = db_txn_insert(txn, table("Queue"), NULL); /* a root table: stays */
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	assert_ptr_equal(db_change_row(db_txn_changes(txn)), queue);
	assert_null(db_change_next(db_txn_changes(txn)));
	commit(txn);
	assert_int_equal(db_table_count(table("Mirror"), NULL), 0);
	assert_int_equal(db_table_count(table("Queue"), NULL), 1);
}

static void test_integrity(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1"), *row;
	const struct uuid nowhere = uuid_random();
	struct datum value;
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	value = datum_of_uuid(&nowhere);
	assert_int_equal(
		db_txn_set(txn, bridge, schema_column(db_table_schema(table("Bridge")), "ports"), &value, &err), 0);
	commit_fails(txn, ENOENT, "Bridge column \"ports\" refers to ");

	txn = db_txn_begin(db);
	db_txn_delete(txn, port);
	commit_fails(txn, EBUSY, "cannot delete Port row name p1: 1 reference(s) to it remain (Bridge)");

	txn = db_txn_begin(db);
	row = db_txn_insert(txn, table("Port"), NULL);
	db_set_string(txn, row, "name", "p2");
	db_add_ref(txn, bridge, "ports", row);
	commit_fails(txn, ENOENT, "Port column \"interfaces\" must be given");

	txn = db_txn_begin(db);
	db_txn_delete(txn, port);
	db_remove_ref(txn, bridge, "ports", port);
	commit(txn);
	assert_int_equal(db_table_count(table("Interface"), NULL), 0);
}

static void test_weak(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1");
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *mirror = db_txn_insert(txn, table("Mirror"), NULL);

	(void)state;
	db_set_string(txn, mirror, "name", "m");
	db_add_ref(txn, bridge, "mirrors", mirror);
	db_add_ref(txn, mirror, "output_port", port);
	db_add_ref(txn, mirror, "select_src_port", port);
	commit(txn);
	assert_ptr_equal(db_get_ref(mirror, NULL, "output_port", 0), port);
	assert_null(db_row_referrer(port, NULL, table("Mirror"))); /* weak ones hold nothing */

	txn = db_txn_begin(db);
	db_remove_ref(txn, bridge, "ports", port);
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	assert_int_equal(db_get(mirror, txn, "output_port")->n, 0);
	db_txn_abort(txn);
	assert_int_equal(db_get(mirror, NULL, "output_port")->n, 1);

	txn = db_txn_begin(db);
	db_remove_ref(txn, bridge, "ports", port);
	commit(txn);
	assert_int_equal(db_get(mirror, NULL, "output_port")->n, 0);
	assert_int_equal(db_get(mirror, NULL, "select_src_port")->n, 0);
}

/* A weak reference to a row that never was, or that the same transaction collects, does not arrive. */
static void test_weak_to_nothing(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1");
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *mirror = db_txn_insert(txn, table("Mirror"), NULL);
	struct db_row *lost = db_txn_insert(txn, table("Port"), NULL);
	struct db_row *iface = db_txn_insert(txn, table("Interface"), NULL);
	const struct uuid nowhere = uuid_random();
	struct datum value = datum_of_uuid(&nowhere);

	(void)state;
	db_set_string(txn, lost, "name", "lost");
	db_add_ref(txn, lost, "interfaces", iface);
	db_set_string(txn, mirror, "name", "m");
	db_add_ref(txn, bridge, "mirrors", mirror);
	db_add_ref(txn, mirror, "output_port", lost);
	assert_int_equal(db_txn_set(txn, mirror, schema_column(db_table_schema(table("Mirror")), "select_dst_port"),
				    &value, &err),
			 0);
	commit(txn);
	assert_int_equal(db_get(mirror, NULL, "output_port")->n, 0);
	assert_int_equal(db_get(mirror, NULL, "select_dst_port")->n, 0);
	assert_int_equal(db_table_count(table("Interface"), NULL), 1);
}

static void test_indexes(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *row;
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	add_bridge(txn, "br0");
	commit_fails(txn, EEXIST, "there is a Bridge with name br0 already");
	txn = db_txn_begin(db);
	add_bridge(txn, "x");
	add_bridge(txn, "x");
	commit_fails(txn, EEXIST, "name x already");
	/* The name of a row that goes is free within the transaction. */
	txn = db_txn_begin(db);
	db_remove_ref(txn, root, "bridges", bridge);
	db_txn_delete(txn, bridge);
	assert_null(db_find_name(table("Bridge"), txn, "br0"));
	assert_ptr_equal(db_find_name(table("Bridge"), NULL, "br0"), bridge);
	row = add_bridge(txn, "br0");
	commit(txn);
	assert_ptr_equal(db_find_name(table("Bridge"), NULL, "br0"), row);
}

static struct db_row *add_manager(struct db_txn *txn, const char *target)
{
	struct db_row *manager = db_txn_insert(txn, table("Manager"), NULL);

	db_set_string(txn, manager, "target", target);
	db_add_ref(txn, root, "manager_options", manager);
	return manager;
}

/* Manager.target is an index whose column may change: two rows swap theirs. */
static void test_index_moves(void **state)
{
	struct db_txn *txn = db_txn_begin(db);
	struct db_row *a = add_manager(txn, "a"), *b = add_manager(txn, "b");

	(void)state;
	commit(txn);
	txn = db_txn_begin(db);
	db_set_string(txn, a, "target", "b");
	assert_ptr_equal(db_find_name(table("Manager"), NULL, "a"), a);
	assert_null(db_find_name(table("Manager"), txn, "a"));
	db_set_string(txn, b, "target", "a");
	assert_ptr_equal(db_find_name(table("Manager"), txn, "a"), b);
	assert_ptr_equal(db_find_name(table("Manager"), NULL, "a"), a);
	commit(txn);
	assert_ptr_equal(db_find_name(table("Manager"), NULL, "a"), b);
	assert_ptr_equal(db_find_name(table("Manager"), NULL, "b"), a);
	txn = db_txn_begin(db);
	db_set_string(txn, a, "target", "c");
	db_txn_abort(txn);
	assert_ptr_equal(db_find_name(table("Manager"), NULL, "b"), a);
	assert_null(db_find_name(table("Manager"), NULL, "c"));
}

static void test_two_column_index(void **state)
{
	struct db_row *a = make_bridge("a", "p1"), *b = make_bridge("b", "p2"), *set;
	struct db_txn *txn = db_txn_begin(db);
	const struct index_schema *index = db_table_schema(table("Flow_Sample_Collector_Set"))->indexes;
	struct datum id = datum_of_integer(7), bridge = datum_of_uuid(db_row_uuid(a));
	const struct datum *values[] = {&id, &bridge};

	(void)state;
	for (int i = 0; i < 2; i++) {
		set = db_txn_insert(txn, table("Flow_Sample_Collector_Set"), NULL);
		db_set_integer(txn, set, "id", 7);
		db_add_ref(txn, set, "bridge", i ? a : b);
	}
	commit(txn);
	assert_ptr_equal(db_find_by_index(table("Flow_Sample_Collector_Set"), NULL, index, values), set);
	txn = db_txn_begin(db);
	db_set_integer(txn, set, "id", 8);
	assert_null(db_find_by_index(table("Flow_Sample_Collector_Set"), txn, index, values));
	db_txn_abort(txn);
	datum_fini(&id, &index->columns[0]->type);
	datum_fini(&bridge, &index->columns[1]->type);
}

static void test_full_table(void **state)
{
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	db_txn_insert(txn, table("Open_vSwitch"), NULL);
	commit_fails(txn, ENOSPC, "at most 1 row");
	txn = db_txn_begin(db); /* one goes, one comes */
	db_txn_delete(txn, root);
	root = db_txn_insert(txn, table("Open_vSwitch"), NULL);
	commit(txn);
	assert_ptr_equal(db_row_first(table("Open_vSwitch"), NULL), root);
}

static void test_immutable(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1");
	struct db_txn *txn = db_txn_begin(db);
	struct datum value = datum_of_string("other");

	(void)state;
	assert_int_equal(db_txn_set(txn, bridge, schema_column(db_table_schema(table("Bridge")), "name"), &value, &err),
			 -EPERM);
	assert_non_null(strstr(err.text, "Bridge column \"name\": cannot change"));
	assert_int_equal(value.n, 0); /* taken over all the same */
	db_txn_abort(txn);
}

static void test_version(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1");
	struct uuid of_bridge = *db_row_version(bridge), of_port = *db_row_version(port);
	struct db_txn *txn = db_txn_begin(db);

	(void)state;
	db_set_boolean(txn, bridge, "stp_enable", true);
	commit(txn);
	assert_false(uuid_equal(&of_bridge, db_row_version(bridge)));
	assert_true(uuid_equal(&of_port, db_row_version(port)));
}

static void test_after_prepare(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1"), *iface;
	struct db_txn *txn = db_txn_begin(db);
	struct datum empty = DATUM_EMPTY;

	(void)state;
	iface = db_get_ref(port, NULL, "interfaces", 0);
	db_set_boolean(txn, bridge, "stp_enable", true);
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	db_set_integer(txn, iface, "ofport", 5);
	assert_int_equal(
		db_txn_set(txn, bridge, schema_column(db_table_schema(table("Bridge")), "ports"), &empty, &err),
		-EBUSY);
	commit(txn);
	assert_int_equal(db_get_integer(iface, NULL, "ofport", -1), 5);
	assert_true(db_get_boolean(bridge, NULL, "stp_enable", false));
}

static const struct column_schema *column(struct db_row *row, const char *name)
{
	return schema_column(db_table_schema(db_row_table(row)), name);
}

static void test_change_list(void **state)
{
	struct db_row *bridge = make_bridge("br0", "p1"), *port = db_find_name(table("Port"), NULL, "p1");
	struct db_txn *txn = db_txn_begin(db);
	const struct db_change *c;
	size_t n = 0;

	(void)state;
	db_set_boolean(txn, bridge, "stp_enable", true);
	db_set_boolean(txn, bridge, "rstp_enable", false); /* as before: no change */
	db_set_integer(txn, port, "tag", 7);
	db_set_empty(txn, port, "tag"); /* there and back */
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	c = db_txn_changes(txn);
	assert_int_equal(db_change_kind(c), DB_MODIFY);
	assert_ptr_equal(db_change_row(c), bridge);
	assert_ptr_equal(db_change_table(c), table("Bridge"));
	assert_true(db_change_has(c, column(bridge, "stp_enable")));
	assert_false(db_change_has(c, column(bridge, "rstp_enable")));
	assert_false(db_change_old(c, column(bridge, "stp_enable"))->keys[0].boolean);
	assert_true(db_change_new(c, column(bridge, "stp_enable"))->keys[0].boolean);
	assert_null(db_change_next(c));
	db_txn_abort(txn);

	txn = db_txn_begin(db);
	db_remove_ref(txn, root, "bridges", bridge);
	assert_int_equal(db_txn_prepare(txn, &err), 0);
	DB_FOR_EACH_CHANGE(c, db_txn_changes(txn)) {
		n++;
		if (db_change_kind(c) == DB_DELETE)
			assert_null(db_change_new(c, column(db_change_row(c), "external_ids")));
	}
	assert_int_equal(n, 4);
	db_txn_abort(txn);
}

struct recorder {
	struct db_observer base;
	size_t n_calls, n_changes, n_deletes;
	char old_name[32];
	bool old_status, new_status;
};

static void record(struct db_observer *self, const struct db_change *changes)
{
	struct recorder *r = container_of(self, struct recorder, base);
	const struct db_change *c;

	r->n_calls++;
	DB_FOR_EACH_CHANGE(c, changes) {
		r->n_changes++;
		if (db_change_table(c) == table("Bridge") && db_change_kind(c) == DB_DELETE)
			strcpy(r->old_name, db_change_old(c, column(db_change_row(c), "name"))->keys[0].string);
		r->n_deletes += db_change_kind(c) == DB_DELETE;
		if (db_change_table(c) == table("Interface") && db_change_kind(c) == DB_MODIFY) {
			const struct column_schema *link = column(db_change_row(c), "link_state");

			r->old_status = db_change_old(c, link)->n;
			r->new_status = db_change_new(c, link)->n;
		}
	}
}

static void test_observers(void **state)
{
	struct recorder r = {.base = {record, NULL}};
	struct db_row *bridge;
	struct db_txn *txn;

	(void)state;
	db_observe(db, &r.base);
	bridge = make_bridge("br0", "p1");
	assert_int_equal(r.n_calls, 1);
	assert_int_equal(r.n_changes, 4);
	txn = db_txn_begin(db);
	commit(txn); /* nothing changed, nothing said */
	assert_int_equal(r.n_calls, 1);
	assert_true(db_status_set_string(db_find_name(table("Interface"), NULL, "p1"), "link_state", "up"));
	assert_int_equal(r.n_calls, 2);
	assert_true(!r.old_status && r.new_status);
	txn = db_txn_begin(db);
	db_remove_ref(txn, root, "bridges", bridge);
	commit(txn);
	assert_int_equal(r.n_deletes, 3);
	assert_string_equal(r.old_name, "br0");
	db_unobserve(db, &r.base);
	make_bridge("br0", "p1");
	assert_int_equal(r.n_calls, 3);
}

static void test_status(void **state)
{
	struct db_row *iface, *bridge = make_bridge("br0", "p1");
	uint64_t seqno = db_seqno(db), other = db_table_seqno(table("Bridge"));
	struct datum stats = DATUM_EMPTY;
	struct uuid version;
	struct db_txn *txn;

	(void)state;
	iface = db_find_name(table("Interface"), NULL, "p1");
	version = *db_row_version(iface);
	assert_true(db_status_set_string(iface, "link_state", "up"));
	assert_false(db_status_set_string(iface, "link_state", "up"));
	assert_true(db_seqno(db) == seqno + 1);
	assert_true(db_table_seqno(table("Bridge")) == other);
	assert_false(uuid_equal(&version, db_row_version(iface)));
	/* While a transaction is open, and not part of it. */
	txn = db_txn_begin(db);
	db_set_boolean(txn, bridge, "stp_enable", true);
	datum_map_put_integer(&stats, "rx_bytes", 7);
	assert_true(db_status_set(iface, "statistics", &stats));
	db_txn_abort(txn);
	assert_int_equal(db_get(iface, NULL, "statistics")->n, 1);
	assert_string_equal(db_get_string(iface, NULL, "link_state", ""), "up");
}

static void test_named_rows(void **state)
{
	struct db_txn *txn = db_txn_begin(db);
	struct uuid uuid = *db_txn_name(txn, "x");

	(void)state;
	assert_true(uuid_equal(db_txn_name(txn, "x"), &uuid));
	assert_null(db_txn_defined(txn, "x"));
	commit_fails(txn, ENOENT, "@x is used but no command creates it");
	txn = db_txn_begin(db);
	uuid = *db_txn_name(txn, "x");
	assert_int_equal(db_txn_define(txn, "x", &uuid, &err), 0);
	assert_int_equal(db_txn_define(txn, "x", &uuid, &err), -EEXIST);
	assert_non_null(db_txn_insert(txn, table("Queue"), &uuid));
	assert_null(db_txn_insert(txn, table("Queue"), &uuid));
	commit(txn);
	assert_non_null(db_find_uuid(table("Queue"), NULL, &uuid));
}

/* What memory says against counting by hand, after each of 3,000 random transactions. */
static void check_counts(void)
{
	size_t n_ports = 0, n_bridges = db_get(root, NULL, "bridges")->n;
	struct db_row *bridge, *port;

	DB_FOR_EACH_ROW(bridge, table("Bridge"), NULL)
		n_ports += db_get(bridge, NULL, "ports")->n;
	assert_int_equal(db_table_count(table("Bridge"), NULL), n_bridges);
	assert_int_equal(db_table_count(table("Port"), NULL), n_ports);
	assert_int_equal(db_table_count(table("Interface"), NULL), n_ports);
	DB_FOR_EACH_ROW(port, table("Port"), NULL) {
		assert_non_null(db_row_referrer(port, NULL, table("Bridge")));
		assert_ptr_equal(db_find_name(table("Port"), NULL, db_get_string(port, NULL, "name", "")), port);
	}
}

static void random_step(struct db_txn *txn, unsigned int *seed)
{
	char name[16];
	struct db_row *bridge, *port, *from;

	snprintf(name, sizeof name, "n%d", rand_r(seed) % 12);
	bridge = db_find_name(table("Bridge"), txn, name);
	snprintf(name, sizeof name, "n%d", rand_r(seed) % 12);
	port = db_find_name(table("Port"), txn, name);
	from = port ? db_row_referrer(port, txn, table("Bridge")) : NULL;
	if (!bridge) {
		add_bridge(txn, name); /* may clash: then the commit fails */
	} else if (!port) {
		add_port(txn, bridge, name);
	} else if (!from || rand_r(seed) % 8 == 0) {
		db_remove_ref(txn, root, "bridges", bridge);
	} else {
		db_remove_ref(txn, from, "ports", port);
		if (rand_r(seed) & 1)
			db_add_ref(txn, bridge, "ports", port);
	}
}

static void test_random(void **state)
{
	unsigned int seed = 42;
	size_t n_committed = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct db_txn *txn = db_txn_begin(db);
		int n = rand_r(&seed) % 4 + 1;

		while (n--)
			random_step(txn, &seed);
		if (rand_r(&seed) % 5 == 0 || db_txn_commit(txn, &err))
			db_txn_abort(txn);
		else
			n_committed++;
		check_counts();
	}
	assert_true(n_committed > 1000);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_views),
		TEST(test_abort),
		TEST(test_garbage),
		TEST(test_move),
		TEST(test_chain_of_garbage),
		TEST(test_unreferenced_insert),
		TEST(test_integrity),
		TEST(test_weak),
		TEST(test_weak_to_nothing),
		TEST(test_indexes),
		TEST(test_index_moves),
		TEST(test_two_column_index),
		TEST(test_full_table),
		TEST(test_immutable),
		TEST(test_version),
		TEST(test_after_prepare),
		TEST(test_change_list),
		TEST(test_observers),
		TEST(test_status),
		TEST(test_named_rows),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
